package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/lazaret/lazaret/examples/github-webhooks/webhooks"
	"github.com/lazaret/lazaret/internal/client"
)

// steps are what the program can do, with what they work on.
type steps struct {
	server         *client.Client
	cache          string
	out            string // where prepare writes manifests; "" for nowhere
	stdout, stderr io.Writer
}

// take takes one step, or all.
func (s *steps) take(ctx context.Context, step string) error {
	switch step {
	case "prepare", "apply", "send", "mend", "all":
	default:
		fmt.Fprintf(s.stderr, "there is no step %q: it is prepare, apply, send, mend or all\n", step)
		return errUsage
	}
	if step == "mend" {
		return s.mend(ctx)
	}
	data, err := webhooks.Load(ctx, s.cache)
	if err != nil {
		return err
	}
	one := map[string]func(context.Context, webhooks.Data) error{"prepare": s.prepare, "apply": s.apply, "send": s.send}
	if step != "all" {
		return one[step](ctx, data)
	}
	for _, step := range []string{"prepare", "apply", "send"} {
		if err := one[step](ctx, data); err != nil {
			return err
		}
		fmt.Fprintln(s.stdout)
	}
	return s.mend(ctx)
}

// prepare lists the event types, and writes manifests if asked to.
func (s *steps) prepare(_ context.Context, data webhooks.Data) error {
	table := newTable(s.stdout, "STREAM", "PAYLOADS", "SCHEMA BYTES")
	for _, t := range data.Types {
		table.row(t.Stream(), len(t.Payloads), len(t.Schema))
	}
	table.end()
	fmt.Fprintf(s.stdout, "%d recorded payloads of %d event types, kept in %s\n", data.Payloads(), len(data.Types), s.cache)
	if s.out == "" {
		return nil
	}
	if err := os.MkdirAll(s.out, 0o755); err != nil {
		return err
	}
	for _, t := range data.Types {
		for name, content := range manifests(t) {
			if err := os.WriteFile(filepath.Join(s.out, name), content, 0o644); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(s.stdout, "manifests are in %s: lazaret apply -f %s\n", s.out, s.out)
	return nil
}

// manifests are the files of one event type by name: the schema, and the resources.
func manifests(t webhooks.Type) map[string][]byte {
	schema := t.Stream() + ".schema.json"
	return map[string][]byte{
		schema: t.Schema,
		t.Stream() + ".yaml": fmt.Appendf(nil, `kind: Schema
subject: %[1]s
file: %[2]s
---
kind: Stream
name: %[1]s
description: %[3]s
schema:
  subject: %[1]s
sink:
  file:
    dir: %[4]s
`, t.Stream(), schema, description(t), folder(t)),
	}
}

func description(t webhooks.Type) string { return "GitHub's webhook " + t.Name + ", as recorded." }
func folder(t webhooks.Type) string      { return "github/" + t.Name }

// apply makes the schemas and streams, all or none.
func (s *steps) apply(ctx context.Context, data webhooks.Data) error {
	var resources []any
	for _, t := range data.Types {
		resources = append(resources,
			map[string]any{"kind": "Schema", "subject": t.Stream(), "schema": json.RawMessage(t.Schema)},
			map[string]any{
				"kind": "Stream", "name": t.Stream(), "description": description(t),
				"schema": map[string]any{"subject": t.Stream()},
				"sink":   map[string]any{"file": map[string]any{"dir": folder(t)}},
			})
	}
	applied, err := s.server.Apply(ctx, resources, false)
	if err != nil {
		return fmt.Errorf("applying the streams: %w", err)
	}
	actions := map[string]int{}
	for _, r := range applied.Results {
		actions[r.Action]++
	}
	fmt.Fprintf(s.stdout, "%d schemas and %d streams: %d created, %d updated, %d unchanged\n",
		len(data.Types), len(data.Types), actions["created"], actions["updated"], actions["unchanged"])
	return nil
}

// send sends each payload as GitHub does: one POST an event.
func (s *steps) send(ctx context.Context, data webhooks.Data) error {
	run := rand.Text() // names this run, so that a request that is repeated counts once
	table := newTable(s.stdout, "STREAM", "RECEIVED", "ACCEPTED", "QUARANTINED")
	var sum client.Answer
	for _, t := range data.Types {
		var answers client.Answer
		for i, payload := range t.Payloads {
			a, err := s.server.Ingest(ctx, client.Post{
				Stream: t.Stream(), Body: payload, IdempotencyKey: fmt.Sprintf("%s-%s-%d", run, t.Name, i),
			})
			if err != nil {
				return fmt.Errorf("sending payload %d of %s: %w", i, t.Stream(), err)
			}
			add(&answers, a)
		}
		add(&sum, answers)
		table.row(t.Stream(), answers.Received, answers.Accepted, answers.Quarantined)
	}
	table.row("in all", sum.Received, sum.Accepted, sum.Quarantined)
	table.end()
	if sum.Received != data.Payloads() || sum.Accepted+sum.Quarantined != sum.Received {
		return fmt.Errorf("%d events were sent, and %d accepted and %d quarantined: some are unaccounted for",
			data.Payloads(), sum.Accepted, sum.Quarantined)
	}
	return nil
}

func add(sum *client.Answer, a client.Answer) {
	sum.Received += a.Received
	sum.Accepted += a.Accepted
	sum.Quarantined += a.Quarantined
}

// table is columns of text.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer, head ...any) table {
	t := table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	t.row(head...)
	return t
}

func (t table) row(cells ...any) {
	for i, cell := range cells {
		if i > 0 {
			fmt.Fprint(t.w, "\t")
		}
		fmt.Fprint(t.w, cell)
	}
	fmt.Fprintln(t.w)
}

func (t table) end() { t.w.Flush() }
