package main

import (
	"context"
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
directory, as one change: it takes effect whole, or is refused whole with the file
and the place of everything that is wrong.`,
		Example: "  lazaret apply -f examples/clickstream --dry-run\n  lazaret apply -f examples/clickstream",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVarP(&path, "filename", "f", "", "a file or a directory of manifests")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "check everything and say what would change; change nothing")
	e.prints(cmd, "table", "json")
	return e.remote(cmd, impatient, func(ctx context.Context, c *client.Client, args []string) error {
		if path == "" {
			return usage("give -f FILE or -f DIR")
		}
		resources, err := loadManifests(path)
		if err != nil {
			return badConfig(err)
		}
		out, err := c.Apply(ctx, resources, dryRun)
		if err != nil {
			return refused(err, resources)
		}
		if e.output == "json" {
			return e.printJSON(out)
		}
		e.printOutcomes(out.Results)
		return nil
	})
}

// refused makes a refusal of what the user wrote an error of configuration, with the
// files that it is about. A schema is sent without its white space, so that a line in it
// says nothing: its place is the pointer.
func refused(err error, resources []catalog.Resource) error {
	var p *client.Problem
	if !errors.As(err, &p) || (p.Status != 400 && p.Status != 422) {
		return err
	}
	for i := range p.Errors {
		f := &p.Errors[i]
		for _, r := range resources {
			if r.Key() == f.Resource && f.File == "" {
				f.File = r.File
				line, column, ok := r.Place(f.Pointer, f.Line, f.Column)
				switch {
				case ok:
					f.Line, f.Column = line, column
				case r.Kind == catalog.KindSchema:
					f.Line, f.Column = 0, 0
				}
			}
		}
	}
	return badConfig(err)
}

func (e *env) printOutcomes(results []client.Outcome) {
	t := newTable(col("kind"), col("name"), col("action"), num("version"))
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
	e.print(t, "")
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
	cmd := &cobra.Command{
		Use:       "get streams|schemas|rules [NAME]",
		Short:     "Show streams, schemas or rules",
		Example:   "  lazaret get streams\n  lazaret get rules clickstream -o json",
		Args:      cobra.RangeArgs(1, 2),
		ValidArgs: kinds,
	}
	e.prints(cmd, "table", "json")
	return e.remote(cmd, impatient, func(ctx context.Context, c *client.Client, args []string) error {
		k, err := kind(args[0])
		if err != nil {
			return err
		}
		if len(args) == 2 {
			return e.getOne(cmd, c, k, args[1])
		}
		return e.getAll(cmd, c, k)
	})
}

func (e *env) getOne(cmd *cobra.Command, c *client.Client, kind, name string) error {
	raw, _, err := c.Get(cmd.Context(), kind, name, nil)
	if err != nil {
		return err
	}
	if e.output == "table" && kind == "rules" {
		return e.printRules(raw)
	}
	return e.printJSON(raw)
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
	s := e.style(e.stdout)
	fmt.Fprintf(e.stdout, "%s, rule set %d\n", clean(set.Stream), set.Version)
	for _, r := range set.Rules {
		if r.Severity == "" {
			r.Severity = "reject"
		}
		fmt.Fprintf(e.stdout, "\n%s  %s\n", s.bold(clean(r.ID)), clean(r.Severity))
		for _, line := range [][2]string{{"when", r.When}, {"expr", r.Expr}, {"message", r.Message}, {"owner", r.Owner}} {
			if text := strings.TrimSpace(cleanLines(line[1])); text != "" {
				fmt.Fprintf(e.stdout, "  %-7s  %s\n", line[0], strings.ReplaceAll(text, "\n", "\n           "))
			}
		}
	}
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

// item is what a list says of a stream, a schema or a rule set.
type item struct {
	Name, Subject, Stream, State, Broken string
	Version, RuleSet                     int
	Created, Updated                     time.Time
	Schema                               *struct{ Subject string }
	SchemaVersion                        int `json:"schema_version"`
	Rules                                []json.RawMessage
	Sink                                 map[string]json.RawMessage
}

func (e *env) printList(kind string, items []json.RawMessage) error {
	var t *table
	now := time.Now()
	switch kind {
	case "streams":
		t = newTable(col("stream"), num("version"), col("schema"), num("rule set"), col("sink"), col("changed"))
	case "schemas":
		t = newTable(col("subject"), num("version"), col("changed"))
	default:
		t = newTable(col("stream"), num("version"), col("state"), num("rules"), col("changed"))
	}
	for _, raw := range items {
		var x item
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
			if x.Broken != "" {
				e.status("warning: stream %s takes no events: %s", x.Name, clean(x.Broken))
			}
			t.add(x.Name, fmt.Sprint(x.Version), schema, fmt.Sprint(x.RuleSet), sink, ago(x.Created, now))
		case "schemas":
			t.add(x.Subject, fmt.Sprint(x.Version), ago(x.Updated, now))
		default:
			t.add(x.Stream, fmt.Sprint(x.Version), x.State, fmt.Sprint(len(x.Rules)), ago(x.Created, now))
		}
	}
	if len(items) == 0 {
		e.status("no %s", kind)
		return nil
	}
	e.print(t, "")
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
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would happen; change nothing")
	cmd.Flags().BoolVar(&force, "force", false, "delete a stream that still has quarantined entries")
	e.prints(cmd, "table", "json")
	return e.remote(cmd, impatient, func(ctx context.Context, c *client.Client, args []string) error {
		k, err := kind(args[0])
		if err != nil {
			return err
		}
		out, err := c.Delete(ctx, k, args[1], dryRun, force)
		if err != nil {
			return err
		}
		if e.output == "json" {
			return e.printJSON(out)
		}
		e.printOutcomes([]client.Outcome{out})
		return nil
	})
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
