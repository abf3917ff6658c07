package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/words"
)

func (e *env) applyCmd() *cobra.Command {
	var paths []string
	var dryRun, force bool
	cmd := &cobra.Command{
		Use:   "apply -f FILE|DIR",
		Short: "Make streams, schemas and rules what the files say: all of it or none",
		Long: `Apply sends the resources of a file, or of all .yaml, .yml and .json files directly in a
directory, as one change: it takes effect whole, or is refused whole with the file
and the place of everything that is wrong. -f can be given more than once.

A new version of a schema must be compatible with the earlier ones, at the level of its
subject (BACKWARD, unless it says otherwise). One that is not is refused with an event that
shows it; --force takes it all the same.`,
		Example: "  lazaret apply -f examples/clickstream --dry-run\n  lazaret apply -f examples/clickstream",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unknown argument %q; did you mean 'lazaret apply -f %s'?", args[0], args[0])
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVarP(&paths, "filename", "f", nil, "a file or a directory of manifests")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "check everything and say what would change; change nothing")
	cmd.Flags().BoolVar(&force, "force", false, "take schemas that are not compatible, or of which nobody can tell, too")
	e.prints(cmd, "table", "json")
	return e.remote(cmd, impatient, func(ctx context.Context, c *client.Client, args []string) error {
		if len(paths) == 0 {
			return usage("give -f FILE or -f DIR")
		}
		var resources []catalog.Resource
		for _, path := range paths {
			if _, err := os.Stat(path); err != nil {
				return usage("-f: %v", err)
			}
			list, err := loadManifests(path)
			if err != nil {
				return badConfig(err)
			}
			resources = append(resources, list...)
		}
		apply := c.Apply
		if force {
			apply = c.ApplyForced
		}
		out, err := apply(ctx, resources, dryRun)
		if err != nil {
			return refused(err, resources)
		}
		if e.output == "json" {
			return e.printJSON(out)
		}
		e.printOutcomes(out.Results)
		if !dryRun {
			e.pointAtQuarantine(ctx, c, out.Results)
		}
		return nil
	})
}

// pointAtQuarantine says which streams have entries that the new contract may let pass.
// It is a hint: what it cannot find out it leaves unsaid.
func (e *env) pointAtQuarantine(ctx context.Context, c *client.Client, results []client.Outcome) {
	var streams []string
	for _, r := range results {
		if r.Action == "unchanged" {
			continue
		}
		switch catalog.Kind(r.Kind) {
		case catalog.KindSchema:
			streams = append(streams, usersOf(ctx, c, r.Name)...)
		case catalog.KindRuleSet, catalog.KindStream:
			streams = append(streams, r.Name)
		}
	}
	slices.Sort(streams)
	for _, stream := range slices.Compact(streams) {
		groups, _, err := c.Groups(ctx, client.Filter{Stream: stream, Status: "quarantined"}, 1000, "")
		if err != nil {
			return
		}
		var n int64
		for _, g := range groups {
			n += g.Count
		}
		if n > 0 {
			e.status("%s of %s; what would pass now?\n  lazaret reprocess --stream %s --dry-run", words.Counted(n, "quarantined entry", "quarantined entries"), stream, stream)
		}
	}
}

// usersOf is the streams that follow a schema, as far as one page of streams tells.
func usersOf(ctx context.Context, c *client.Client, subject string) []string {
	raw, _, err := c.Get(ctx, "streams", "", url.Values{"limit": {"1000"}})
	var page struct{ Streams []item }
	if err != nil || json.Unmarshal(raw, &page) != nil {
		return nil
	}
	var users []string
	for _, s := range page.Streams {
		if s.Schema != nil && s.Schema.Subject == subject && s.Schema.Version == 0 {
			users = append(users, s.Name)
		}
	}
	return users
}

// refused makes a refusal of what the user wrote an error of configuration, with the
// files that it is about. A schema is sent without its white space, so that a line in it
// says nothing: its place is the pointer.
func refused(err error, resources []catalog.Resource) error {
	var p *client.Problem
	if !errors.As(err, &p) || (p.Status != 400 && p.Status != 422) {
		return err
	}
	p.Detail = strings.ReplaceAll(p.Detail, "force=true", "--force")
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

// ruleSet is a version of a stream's rules, as the server tells it.
type ruleSet struct {
	Stream  string
	Version int
	Rules   []rule
}

type rule struct{ ID, Expr, When, Severity, Message, Owner string }

// rulesOf is the rules of the version by which an entry was judged, by their ids; none if
// no rule refused it, or if they are not to be had.
func rulesOf(ctx context.Context, c *client.Client, x client.Entry) map[string]rule {
	byID := map[string]rule{}
	if x.Version.RuleSet == 0 || !slices.ContainsFunc(x.Reasons, func(r lazaret.Reason) bool { return r.Rule != "" }) {
		return byID
	}
	var set ruleSet
	path := "/admin/v1" + client.Join("rules", x.Stream, "versions", strconv.Itoa(x.Version.RuleSet))
	if _, err := c.Do(ctx, client.Call{Method: http.MethodGet, Path: path, Again: true}, &set); err != nil {
		return byID
	}
	for _, r := range set.Rules {
		byID[r.ID] = r
	}
	return byID
}

func (e *env) printRules(raw json.RawMessage) error {
	var set ruleSet
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
		e.printRule(r, "when", "expr", "message", "owner")
	}
	return nil
}

// printRule prints these members of a rule, where it has them.
func (e *env) printRule(r rule, members ...string) {
	text := map[string]string{"when": r.When, "expr": r.Expr, "message": r.Message, "owner": r.Owner}
	for _, name := range members {
		if text := strings.TrimSpace(cleanLines(text[name])); text != "" {
			fmt.Fprintf(e.stdout, "  %-7s  %s\n", name, strings.ReplaceAll(text, "\n", "\n           "))
		}
	}
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
	Name, Subject, Stream, State, Broken, Level string
	Version, RuleSet                            int
	Created, Updated                            time.Time
	Schema                                      *schemaRef
	SchemaVersion                               int `json:"schema_version"`
	Rules                                       []json.RawMessage
	Sink                                        map[string]json.RawMessage
}

type schemaRef struct {
	Subject string
	Version int // 0: it follows the latest
	Accept  []struct {
		Version int
		All     bool
		Until   time.Time
	}
}

func (e *env) printList(kind string, items []json.RawMessage) error {
	var t *table
	now := time.Now()
	switch kind {
	case "streams":
		t = newTable(col("stream"), num("version"), col("schema"), num("rule set"), col("sink"), col("changed"))
	case "schemas":
		t = newTable(col("subject"), num("version"), col("level"), col("changed"))
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
				schema = fmt.Sprintf("%s:%d%s", x.Schema.Subject, x.SchemaVersion, x.Schema.also(now))
			}
			for name := range x.Sink {
				sink = name
			}
			if x.Broken != "" {
				e.status("warning: stream %s takes no events: %s", x.Name, clean(x.Broken))
			}
			t.add(x.Name, fmt.Sprint(x.Version), schema, fmt.Sprint(x.RuleSet), sink, ago(x.Created, now))
		case "schemas":
			t.add(x.Subject, fmt.Sprint(x.Version), x.Level, ago(x.Updated, now))
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

// also says which other versions events may name.
func (r *schemaRef) also(now time.Time) string {
	var b strings.Builder
	for i, a := range r.Accept {
		which := "any"
		if !a.All {
			which = strconv.Itoa(a.Version)
		}
		b.WriteString([]string{", also ", ", "}[min(i, 1)] + which)
		switch {
		case a.Until.IsZero():
		case !now.Before(a.Until):
			b.WriteString(" (ended)")
		default:
			b.WriteString(" until " + a.Until.UTC().Format(time.DateOnly))
		}
	}
	return b.String()
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
			var p *client.Problem
			if errors.As(err, &p) { // the API's way to say it is not the command's
				p.Detail = strings.ReplaceAll(p.Detail, "force=true", "--force")
			}
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
