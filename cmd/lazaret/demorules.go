package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sort"

	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/workload"
	"github.com/lazaret/lazaret/rules"
)

// evidence is what the entries say that the suspected rule refused.
type evidence struct {
	entries           int64
	users             int
	low, median, high float64
}

// evidence reads the entries that the wrong rule alone refused, with their payloads.
func (d *demo) evidence(ctx context.Context) (evidence, error) {
	var ev evidence
	in, err := d.client.Export(ctx, client.Filter{Stream: demoStream, Rule: workload.WrongRule, Status: "quarantined"})
	if err != nil {
		return ev, err
	}
	defer in.Close()
	var amounts []float64
	users := map[string]bool{}
	lines := bufio.NewReaderSize(in, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return ev, fmt.Errorf("reading the export: %w", err)
		}
		var x struct {
			Payload string            `json:"payload"`
			Key     string            `json:"event_key"`
			Reasons []json.RawMessage `json:"reasons"`
		}
		var event struct {
			Amount float64 `json:"amount"`
		}
		if err := json.Unmarshal(line, &x); err != nil {
			return ev, err
		}
		if err := json.Unmarshal([]byte(x.Payload), &event); err != nil || len(x.Reasons) > 1 || event.Amount > 10_000 {
			continue
		}
		users[x.Key] = true
		amounts = append(amounts, event.Amount)
	}
	if len(amounts) == 0 {
		return ev, nil
	}
	sort.Float64s(amounts)
	return evidence{
		entries: int64(len(amounts)), users: len(users),
		low: amounts[0], median: amounts[len(amounts)/2], high: amounts[len(amounts)-1],
	}, nil
}

// change is a rule set to be put in place of the one that was read under etag.
type change struct {
	body []byte
	etag string
}

// diffRules reads the active rule set, shows what the mended one changes, and returns it.
func (d *demo) diffRules(ctx context.Context) (change, error) {
	raw, header, err := d.client.Get(ctx, "rules", demoStream, nil)
	if err != nil {
		return change{}, err
	}
	var active struct {
		Rules []rules.Rule `json:"rules"`
	}
	if err := json.Unmarshal(raw, &active); err != nil {
		return change{}, err
	}
	mended, err := catalog.LoadFile(filepath.Join(d.dir, "manifests", "mended", "rules.yaml"))
	if err != nil {
		return change{}, err
	}
	was := map[string]rules.Rule{}
	for _, r := range active.Rules {
		was[r.ID] = r
	}
	for _, r := range mended[0].Rules {
		if old := was[r.ID]; old.Expr != r.Expr || old.When != r.When {
			d.say("  %s  %s", "rule", d.style.bold(r.ID))
			d.say("  %s", d.style.bad("- "+old.Expr))
			d.say("  %s", d.style.good("+ "+r.Expr))
		}
	}
	body, err := json.Marshal(map[string]any{"rules": mended[0].Rules})
	return change{body: body, etag: header.Get(http.CanonicalHeaderKey("ETag"))}, err
}
