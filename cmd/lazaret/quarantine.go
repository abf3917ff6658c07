package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/words"
)

func (e *env) quarantineCmd() *cobra.Command {
	return group("quarantine", "Look at, export and discard what is in the quarantine",
		e.quarantineListCmd(), e.quarantineShowCmd(), e.quarantineGroupsCmd(), e.quarantineDiscardCmd(), e.quarantineExportCmd())
}

func (e *env) quarantineListCmd() *cobra.Command {
	var ff filterFlags
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List entries, newest first", Args: cobra.NoArgs,
		Long: `List shows entries of every status unless --status says otherwise, with the first of each
entry's reasons and how many more there are.`,
		Example: "  lazaret quarantine list --stream clickstream --code schema.required --since 24h",
	}
	ff.register(cmd, true)
	cmd.Flags().IntVar(&limit, "limit", 50, "entries, at most")
	e.prints(cmd, "table", "json", "ndjson")
	return e.remote(cmd, impatient, func(ctx context.Context, c *client.Client, args []string) error {
		if limit < 1 {
			return usage("--limit is at least 1")
		}
		f, err := ff.filter(ctx, c)
		if err != nil {
			return err
		}
		var all []client.Entry
		cursor := ""
		for len(all) < limit {
			page, next, err := c.Entries(ctx, f, min(limit-len(all), 1000), cursor)
			if err != nil {
				return err
			}
			all = append(all, page...)
			if cursor = next; next == "" {
				break
			}
		}
		return e.printEntries(all, cursor != "")
	})
}

func (e *env) printEntries(all []client.Entry, more bool) error {
	switch e.output {
	case "json":
		if all == nil {
			all = []client.Entry{}
		}
		return e.printJSON(map[string]any{"entries": all, "more": more})
	case "ndjson":
		return printLines(e.stdout, all)
	}
	if len(all) == 0 {
		e.status("no entries")
		return nil
	}
	e.print(entryTable(all, time.Now()), "")
	if more {
		e.status("there are more: raise --limit, or filter")
	}
	return nil
}

func entryTable(all []client.Entry, now time.Time) *table {
	t := newTable(col("id"), same("stream").orBelow(), same("status").orBelow(), col("received").ifRoom(),
		flex("reason", 26), flex("path", 8).orBelow(), flex("message", 24).orBelow())
	for _, x := range all {
		reason, path, message := "", "", ""
		if len(x.Reasons) > 0 {
			r := x.Reasons[0]
			reason, path, message = reasonName(r), orRoot(r.Path), r.Message
			if n := len(x.Reasons) + x.More; n > 1 {
				reason = fmt.Sprintf("%s +%d", reason, n-1)
			}
		}
		t.add(x.ID, x.Stream, x.Status, ago(x.Received, now), reason, path, message)
	}
	return t
}

func (e *env) quarantineShowCmd() *cobra.Command {
	var payload bool
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show one entry, with its reasons", Args: cobra.ExactArgs(1),
		Long: `Show tells all that is known of an entry, with each reason in full, and of a rule the
expression that refused it and its owner. The beginning of the id will do. --payload writes
the event's exact bytes instead; on a terminal control characters are replaced.`,
		Example: "  lazaret quarantine show 0198f2…\n  lazaret quarantine show --payload 0198f2… > event.json",
	}
	cmd.Flags().BoolVar(&payload, "payload", false, "print the event's exact bytes instead")
	e.prints(cmd, "table", "json")
	return e.remote(cmd, impatient, func(ctx context.Context, c *client.Client, args []string) error {
		id, err := findEntry(ctx, c, args[0])
		if err != nil {
			return err
		}
		if payload {
			data, err := c.Payload(ctx, id)
			if err != nil {
				return err
			}
			if isTerminal(e.stdout) {
				// Control characters of a payload must not drive the terminal.
				data = []byte(cleanLines(string(data)) + "\n")
			}
			_, err = e.stdout.Write(data)
			return err
		}
		x, err := c.Entry(ctx, id)
		if err != nil {
			return err
		}
		if e.output == "json" {
			return e.printJSON(x)
		}
		if err := e.printEntry(x, rulesOf(ctx, c, x)); err != nil {
			return err
		}
		e.status("\nbytes: lazaret quarantine show --payload %s", x.ID)
		return nil
	})
}

func (e *env) printEntry(x client.Entry, judged map[string]rule) error {
	s := e.style(e.stdout)
	t := pairs()
	row := func(k, v string) {
		if v != "" {
			t.add(k, v)
		}
	}
	row("id", x.ID)
	row("stream", fmt.Sprintf("%s, version %d", x.Stream, x.Version.Stream))
	row("status", x.Status)
	if !x.ReleasedAt.IsZero() {
		row("released", x.ReleasedAt.Format(time.RFC3339))
	}
	if !x.DiscardedAt.IsZero() {
		row("discarded", x.DiscardedAt.Format(time.RFC3339))
	}
	row("group", x.Group)
	row("received", x.Received.Format(time.RFC3339Nano))
	row("source", x.Source.String())
	if x.RecordKey != nil {
		row("record key", strconv.Quote(string(x.RecordKey)))
	}
	if !x.RecordTime.IsZero() {
		row("record time", x.RecordTime.Format(time.RFC3339Nano))
	}
	row("event id", x.EventID)
	row("event key", x.EventKey)
	if x.Version.Subject != "" {
		version := fmt.Sprintf("version %d", x.Version.Schema)
		if x.Version.Schema == 0 {
			version = "no version"
		}
		row("schema", x.Version.Subject+", "+version)
	}
	if x.Version.RuleSet > 0 {
		row("rule set", fmt.Sprint(x.Version.RuleSet))
	}
	row("payload", fmt.Sprintf("%s bytes, %s", words.Count(x.Size), x.ContentType))
	row("judged again", times(x.Attempts))
	e.print(t, "")
	for _, r := range x.Reasons {
		fmt.Fprintf(e.stdout, "\n%s  %s\n  %s\n", s.bad(clean(reasonName(r))), clean(orRoot(r.Path)), clean(r.Message))
		if rule, ok := judged[r.Rule]; ok && r.Rule != "" {
			e.printRule(rule, "when", "expr", "owner")
		}
		if r.SchemaPath != "" {
			fmt.Fprintln(e.stdout, s.dim("  schema path "+clean(r.SchemaPath)))
		}
	}
	for _, w := range x.Warnings {
		fmt.Fprintf(e.stdout, "\nwarning: %s  %s\n  %s\n", clean(reasonName(w)), clean(orRoot(w.Path)), clean(w.Message))
	}
	if x.More > 0 {
		fmt.Fprintf(e.stdout, "\nand %d more\n", x.More)
	}
	return nil
}

// cleanLines cleans each line and keeps the line feeds.
func cleanLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = clean(l)
	}
	return strings.Join(lines, "\n")
}

func times(n int) string {
	switch n {
	case 0:
		return "never"
	case 1:
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// orRoot makes the empty pointer visible.
func orRoot(pointer string) string {
	if pointer == "" {
		return "(the event)"
	}
	return pointer
}

func (e *env) quarantineGroupsCmd() *cobra.Command {
	var ff filterFlags
	var limit int
	cmd := &cobra.Command{
		Use: "groups", Short: "List groups of entries that fail alike, largest first", Args: cobra.NoArgs,
		Long: `Entries of one group are of one stream and fail with the same codes, by the same rules, at
the same paths (array indices count as *), and those of schema.unknown with the same message:
most likely for one cause. The table shows the beginning of a group's name, which --group takes.`,
		Example: "  lazaret quarantine groups --stream clickstream\n  lazaret quarantine groups -o json | jq -r '.groups[].group'",
	}
	ff.register(cmd, true)
	cmd.Flags().IntVar(&limit, "limit", 50, "groups, at most")
	e.prints(cmd, "table", "json")
	return e.remote(cmd, impatient, func(ctx context.Context, c *client.Client, args []string) error {
		f, err := ff.filter(ctx, c)
		if err != nil {
			return err
		}
		groups, more, err := allGroups(ctx, c, f)
		if err != nil {
			return err
		}
		total := words.Count(len(groups))
		if more {
			total = "more than " + total
		}
		if len(groups) > limit {
			groups = groups[:limit]
			defer e.status("%d of %s groups; raise --limit for the rest, or filter", limit, total)
		}
		if e.output == "json" {
			return e.printJSON(map[string]any{"groups": groups})
		}
		e.printGroups(groups)
		return nil
	})
}

func (e *env) printGroups(groups []client.Group) {
	if len(groups) == 0 {
		e.status("no groups")
		return
	}
	e.print(groupTable(groups, time.Now()), "")
}

func groupTable(groups []client.Group, now time.Time) *table {
	t := newTable(col("group"), same("stream"), num("entries"), num("released").ifAny().ifRoom(), col("last seen").ifRoom(),
		flex("reason", 26), flex("path", 8).orBelow(), flex("message", 24).orBelow())
	for _, g := range groups {
		t.add(short(g.Group, shortGroup+1), g.Stream, words.Count(g.Count), words.Count(g.Released), ago(g.LastSeen, now), groupReason(g), groupPaths(g), g.Message)
	}
	return t
}

// groupReason lists a group's codes; a code that stands for a rule is with the rule's id.
func groupReason(g client.Group) string {
	return strings.Join(append(append([]string{}, g.Codes...), g.Rules...), " ")
}

func groupPaths(g client.Group) string {
	var paths []string
	for _, p := range g.Paths {
		paths = append(paths, orRoot(p))
	}
	return strings.Join(paths, " ")
}

func (e *env) quarantineDiscardCmd() *cobra.Command {
	var ff filterFlags
	var dryRun, all bool
	cmd := &cobra.Command{
		Use: "discard", Short: "Give up entries: they are kept as discarded and never released", Args: cobra.NoArgs,
		Long: `Discard takes entries that are quarantined out of the reach of reprocessing, for good.
They and their payloads stay in the store, but it cannot be undone: --dry-run says how many
they would be. Without a filter it asks for --all.`,
		Example: "  lazaret quarantine discard --group 9c1e… --dry-run",
	}
	ff.register(cmd, false)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say how many, change nothing")
	cmd.Flags().BoolVar(&all, "all", false, "discard everything that is quarantined")
	e.prints(cmd, "table", "json")
	return e.remote(cmd, impatient, func(ctx context.Context, c *client.Client, args []string) error {
		if ff.empty() && !all {
			return usage("discard without a filter would give up the whole quarantine: give a filter, or --all")
		}
		f, err := ff.filter(ctx, c)
		if err != nil {
			return err
		}
		if !dryRun && isTerminal(e.stderr) {
			would, err := c.Discard(ctx, f, true)
			if err != nil {
				return err
			}
			e.status("discarding %s", words.Counted(would.Matched, "entry", "entries"))
		}
		d, err := c.Discard(ctx, f, dryRun)
		if err != nil {
			return err
		}
		if e.output == "json" {
			return e.printJSON(d)
		}
		if dryRun {
			_, err = fmt.Fprintf(e.stdout, "would discard %s\n", words.Counted(d.Matched, "entry", "entries"))
		} else {
			_, err = fmt.Fprintf(e.stdout, "discarded %s\n", words.Counted(d.Discarded, "entry", "entries"))
		}
		return err
	})
}

func (e *env) quarantineExportCmd() *cobra.Command {
	var ff filterFlags
	var file string
	var force bool
	cmd := &cobra.Command{
		Use: "export", Short: "Write entries with their payloads as NDJSON", Args: cobra.NoArgs,
		Long: `Export writes one JSON object a line: the entry, with payload (a string, where the bytes
are UTF-8) or payload_base64. It is the lossless way out of the quarantine. An export that
breaks off is an error and ends with exit code 1. --file puts the file in place when it is
whole, and for its owner only; before that nothing of a file of that name is touched.`,
		Example: "  lazaret quarantine export --stream clickstream --file quarantine.ndjson",
	}
	ff.register(cmd, true)
	cmd.Flags().StringVar(&file, "file", "", "write to this file instead of standard output")
	cmd.Flags().BoolVar(&force, "force", false, "replace the file if it is there")
	return e.remote(cmd, impatient, func(ctx context.Context, c *client.Client, args []string) error {
		f, err := ff.filter(ctx, c)
		if err != nil {
			return err
		}
		write := func(out io.Writer) error {
			in, err := c.Export(ctx, f)
			if err != nil {
				return err
			}
			defer in.Close()
			return e.copyLines(out, in)
		}
		if file == "" {
			return write(e.stdout)
		}
		return writeFile(file, force, write)
	})
}

// copyLines copies NDJSON and shows how far it is. An answer that was cut off does not
// end with a line feed, and is an error.
func (e *env) copyLines(out io.Writer, in io.Reader) error {
	p := e.progress("exporting", words.Count[int64])
	r, w := bufio.NewReaderSize(in, 1<<16), bufio.NewWriterSize(out, 1<<16)
	var lines, bytes int64
	for {
		line, err := r.ReadSlice('\n')
		if _, werr := w.Write(line); werr != nil {
			return werr
		}
		bytes += int64(len(line))
		if err == nil {
			lines++
			p.update(lines, 0, size(bytes))
			continue
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if ferr := w.Flush(); ferr != nil {
			return ferr
		}
		p.finish(lines, 0, size(bytes))
		if err != io.EOF {
			return fmt.Errorf("the export broke off after %s entries: %w", words.Count(lines), err)
		}
		if len(line) > 0 {
			return fmt.Errorf("the export broke off after %s entries", words.Count(lines))
		}
		return nil
	}
}

// byCount lists the keys, the most frequent first.
func byCount[N int | int64](m map[string]N) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		if m[keys[i]] != m[keys[j]] {
			return m[keys[i]] > m[keys[j]]
		}
		return keys[i] < keys[j]
	})
	return keys
}
