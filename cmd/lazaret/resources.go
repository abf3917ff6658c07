package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/client"
)

func (e *env) applyCmd() *cobra.Command {
	var path string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "apply -f FILE|DIR",
		Short: "Make streams, schemas and rules what the files say: all of it or none",
		Long: `Apply sends the resources of a file, or of all .yaml, .yml and .json files directly in a
directory, as one change: it takes effect whole, or is refused whole with file, line and
column of everything that is wrong.`,
		Example: "  lazaret apply -f examples/clickstream --dry-run\n  lazaret apply -f examples/clickstream",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := e.wants("table", "json"); err != nil {
				return err
			}
			if path == "" {
				return usage("give -f FILE or -f DIR")
			}
			resources, err := loadManifests(path)
			if err != nil {
				return badConfig(err)
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			defer c.Close()
			out, err := c.Apply(cmd.Context(), resources, dryRun)
			if err != nil {
				return refused(err)
			}
			if e.output == "json" {
				return e.printJSON(out)
			}
			e.printOutcomes(out.Results)
			return nil
		},
	}
	cmd.Flags().StringVarP(&path, "filename", "f", "", "a file or a directory of manifests")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "check everything and say what would change; change nothing")
	return cmd
}

// refused makes a refusal of what the user wrote an error of configuration.
func refused(err error) error {
	var p *client.Problem
	if errors.As(err, &p) && (p.Status == 400 || p.Status == 422) {
		return badConfig(err)
	}
	return err
}

func (e *env) printOutcomes(results []client.Outcome) {
	t := newTable("kind", "name", "action", ">version")
	for _, r := range results {
		action := r.Action
		if r.DryRun && r.Action != "unchanged" {
			action = "would be " + r.Action
		}
		v := ""
		if r.Version > 0 {
			v = fmt.Sprint(r.Version)
		}
		t.add(r.Kind, r.Name, action, v)
	}
	t.write(e.stdout, e.style(e.stdout), "")
	for _, r := range results {
		for _, n := range r.Notices {
			e.status("note: %s %s: %s", r.Kind, r.Name, n)
		}
	}
}

// kinds are the resources that get and delete know.
var kinds = []string{"streams", "schemas", "rules"}

func kind(arg string) (string, error) {
	for _, k := range kinds {
		if arg == k || arg+"s" == k || (arg == "rule" && k == "rules") {
			return k, nil
		}
	}
	return "", usage("unknown kind %q: want %s", arg, strings.Join(kinds, ", "))
}

func (e *env) getCmd() *cobra.Command {
	return &cobra.Command{
		Use:       "get streams|schemas|rules [NAME]",
		Short:     "Show streams, schemas or rules",
		Example:   "  lazaret get streams\n  lazaret get rules clickstream -o json",
		Args:      cobra.RangeArgs(1, 2),
		ValidArgs: kinds,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := e.wants("table", "json"); err != nil {
				return err
			}
			k, err := kind(args[0])
			if err != nil {
				return err
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			defer c.Close()
			if len(args) == 2 {
				return e.getOne(cmd, c, k, args[1])
			}
			return e.getAll(cmd, c, k)
		},
	}
}

func (e *env) getOne(cmd *cobra.Command, c *client.Client, kind, name string) error {
	raw, _, err := c.Get(cmd.Context(), kind, name, nil)
	if err != nil {
		return err
	}
	if e.output == "table" && kind == "rules" {
		return e.printRules(raw)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return err
	}
	_, err = fmt.Fprintln(e.stdout, strings.TrimSpace(out.String()))
	return err
}

func (e *env) printRules(raw json.RawMessage) error {
	var set struct {
		Stream  string
		Version int
		Rules   []struct{ ID, Expr, When, Severity, Message, Owner string }
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "%s, rule set %d\n\n", set.Stream, set.Version)
	t := newTable("rule", "severity", "when", "must be true", "message")
	for _, r := range set.Rules {
		severity := r.Severity
		if severity == "" {
			severity = "reject"
		}
		t.add(r.ID, severity, short(r.When, 44), short(r.Expr, 60), short(r.Message, 60))
	}
	t.write(e.stdout, e.style(e.stdout), "")
	return nil
}

// getAll reads every page of a list.
func (e *env) getAll(cmd *cobra.Command, c *client.Client, kind string) error {
	items := []json.RawMessage{}
	q := url.Values{"limit": {"1000"}}
	for {
		raw, _, err := c.Get(cmd.Context(), kind, "", q)
		if err != nil {
			return err
		}
		page := map[string]json.RawMessage{}
		if err := json.Unmarshal(raw, &page); err != nil {
			return err
		}
		var some []json.RawMessage
		if err := json.Unmarshal(page[kind], &some); err != nil {
			return err
		}
		items = append(items, some...)
		var next string
		if page["next"] != nil {
			if err := json.Unmarshal(page["next"], &next); err != nil {
				return err
			}
		}
		if next == "" {
			break
		}
		q.Set("cursor", next)
	}
	if e.output == "json" {
		return e.printJSON(map[string]any{kind: items})
	}
	return e.printList(kind, items)
}

func (e *env) printList(kind string, items []json.RawMessage) error {
	var t *table
	now := time.Now()
	switch kind {
	case "streams":
		t = newTable("stream", ">version", "schema", ">rule set", "sink", "changed")
	case "schemas":
		t = newTable("subject", ">version", "changed")
	default:
		t = newTable("stream", ">version", "state", ">rules", "changed")
	}
	for _, raw := range items {
		var x struct {
			Name, Subject, Stream, State string
			Version                      int
			Created                      time.Time
			Schema                       *struct{ Subject string }
			SchemaVersion                int `json:"schema_version"`
			RuleSet                      int
			Rules                        []json.RawMessage
			Sink                         map[string]json.RawMessage
		}
		if kind == "schemas" {
			// A schema's document may be anything; only the rest is of interest.
			var m map[string]json.RawMessage
			if err := json.Unmarshal(raw, &m); err != nil {
				return err
			}
			delete(m, "schema")
			if raw, _ = json.Marshal(m); raw == nil {
				continue
			}
		}
		if err := json.Unmarshal(raw, &x); err != nil {
			return err
		}
		switch kind {
		case "streams":
			schema, sink := "-", ""
			if x.Schema != nil {
				schema = fmt.Sprintf("%s:%d", x.Schema.Subject, x.SchemaVersion)
			}
			for name := range x.Sink {
				sink = name
			}
			t.add(x.Name, fmt.Sprint(x.Version), schema, fmt.Sprint(x.RuleSet), sink, ago(x.Created, now))
		case "schemas":
			t.add(x.Subject, fmt.Sprint(x.Version), ago(x.Created, now))
		default:
			t.add(x.Stream, fmt.Sprint(x.Version), x.State, fmt.Sprint(len(x.Rules)), ago(x.Created, now))
		}
	}
	t.write(e.stdout, e.style(e.stdout), "")
	return nil
}

func (e *env) deleteCmd() *cobra.Command {
	var dryRun, force bool
	cmd := &cobra.Command{
		Use:       "delete streams|schemas|rules NAME",
		Short:     "Delete a stream, a schema or a stream's rules",
		Long:      "Delete refuses what would leave something behind broken, and says what: a schema that a\nstream uses, a stream that has quarantined entries (unless --force).",
		Args:      cobra.ExactArgs(2),
		ValidArgs: kinds,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := e.wants("table", "json"); err != nil {
				return err
			}
			k, err := kind(args[0])
			if err != nil {
				return err
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			defer c.Close()
			out, err := c.Delete(cmd.Context(), k, args[1], dryRun, force)
			if err != nil {
				return err
			}
			if e.output == "json" {
				return e.printJSON(out)
			}
			e.printOutcomes([]client.Outcome{out})
			return nil
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would happen; change nothing")
	cmd.Flags().BoolVar(&force, "force", false, "delete a stream that still has quarantined entries")
	return cmd
}

// loadManifests reads a file, or the files directly in a directory.
func loadManifests(path string) ([]catalog.Resource, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return catalog.LoadDir(path)
	}
	return catalog.LoadFile(path)
}
