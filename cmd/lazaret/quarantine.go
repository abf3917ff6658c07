package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/client"
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
		Example: "  lazaret quarantine list --stream clickstream --code schema.required --since 24h",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := e.wants("table", "json", "ndjson"); err != nil {
				return err
			}
			if limit < 1 {
				return usage("--limit is at least 1")
			}
			f, err := ff.filter(time.Now())
			if err != nil {
				return err
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			defer c.Close()
			var all []client.Entry
			cursor := ""
			for len(all) < limit {
				page, next, err := c.Entries(cmd.Context(), f, min(limit-len(all), 1000), cursor)
				if err != nil {
					return err
				}
				all = append(all, page...)
				if cursor = next; next == "" {
					break
				}
			}
			return e.printEntries(all, cursor != "")
		},
	}
	ff.register(cmd, true)
	cmd.Flags().IntVar(&limit, "limit", 50, "entries, at most")
	return cmd
}

func (e *env) printEntries(all []client.Entry, more bool) error {
	switch e.output {
	case "json":
		if all == nil {
			all = []client.Entry{}
		}
		return e.printJSON(map[string]any{"entries": all, "more": more})
	case "ndjson":
		enc := json.NewEncoder(e.stdout)
		enc.SetEscapeHTML(false)
		for _, x := range all {
			if err := enc.Encode(x); err != nil {
				return err
			}
		}
		return nil
	}
	t := newTable("id", "stream", "status", "received", ">bytes", "reason", "path", "message")
	for _, x := range all {
		reason, path, message := "", "", ""
		if len(x.Reasons) > 0 {
			r := x.Reasons[0]
			reason, path, message = string(r.Code), r.Path, r.Message
			if r.Rule != "" {
				reason += " " + r.Rule
			}
			if n := len(x.Reasons) + x.More; n > 1 {
				message = fmt.Sprintf("%s (and %d more)", short(message, 50), n-1)
			}
		}
		t.add(x.ID, x.Stream, x.Status, ago(x.Received, time.Now()), count(x.Size), reason, short(path, 40), short(message, 70))
	}
	t.write(e.stdout, e.style(e.stdout), "")
	if more {
		e.status("there are more: raise --limit, or filter")
	}
	return nil
}

func (e *env) quarantineShowCmd() *cobra.Command {
	var payload bool
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show one entry, with its reasons", Args: cobra.ExactArgs(1),
		Example: "  lazaret quarantine show 0198f2…\n  lazaret quarantine show --payload 0198f2… > event.json",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := e.wants("table", "json"); err != nil {
				return err
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			defer c.Close()
			if payload {
				data, err := c.Payload(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if isTerminal(e.stdout) {
					// Control characters of a payload must not drive the terminal.
					data = []byte(strings.ReplaceAll(clean(strings.ReplaceAll(string(data), "\n", "\x00")), "�", "\n") + "\n")
				}
				_, err = e.stdout.Write(data)
				return err
			}
			x, err := c.Entry(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if e.output == "json" {
				return e.printJSON(x)
			}
			return e.printEntry(x)
		},
	}
	cmd.Flags().BoolVar(&payload, "payload", false, "print the event's exact bytes instead")
	return cmd
}

func (e *env) printEntry(x client.Entry) error {
	s := e.style(e.stdout)
	t := newTable("", "")
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
	row("event id", x.EventID)
	row("event key", x.EventKey)
	if x.Version.Subject != "" {
		row("schema", fmt.Sprintf("%s, version %d", x.Version.Subject, x.Version.Schema))
	}
	if x.Version.RuleSet > 0 {
		row("rule set", fmt.Sprint(x.Version.RuleSet))
	}
	row("payload", fmt.Sprintf("%s bytes, %s", count(x.Size), x.ContentType))
	row("judged again", fmt.Sprintf("%d times", x.Attempts))
	t.write(e.stdout, s, "")
	fmt.Fprintln(e.stdout)
	r := newTable("reason", "path", "message", "schema path")
	for _, reason := range x.Reasons {
		code := string(reason.Code)
		if reason.Rule != "" {
			code += " " + reason.Rule
		}
		r.add(code, orRoot(reason.Path), reason.Message, reason.SchemaPath)
	}
	r.write(e.stdout, s, "")
	if x.More > 0 {
		fmt.Fprintf(e.stdout, "and %d more\n", x.More)
	}
	return nil
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
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := e.wants("table", "json"); err != nil {
				return err
			}
			f, err := ff.filter(time.Now())
			if err != nil {
				return err
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			defer c.Close()
			groups, err := allGroups(cmd.Context(), c, f)
			if err != nil {
				return err
			}
			if len(groups) > limit {
				e.status("%d of %d groups; raise --limit for the rest", limit, len(groups))
				groups = groups[:limit]
			}
			if e.output == "json" {
				return e.printJSON(map[string]any{"groups": groups})
			}
			e.printGroups(groups)
			return nil
		},
	}
	ff.register(cmd, true)
	cmd.Flags().IntVar(&limit, "limit", 50, "groups, at most")
	return cmd
}

func (e *env) printGroups(groups []client.Group) {
	t := newTable("group", "stream", ">count", ">released", "last seen", "codes", "rules", "paths", "message")
	for _, g := range groups {
		t.add(g.Group, g.Stream, count(g.Count), count(g.Released), ago(g.LastSeen, time.Now()),
			strings.Join(g.Codes, " "), strings.Join(g.Rules, " "), short(strings.Join(g.Paths, " "), 40), short(g.Message, 60))
	}
	t.write(e.stdout, e.style(e.stdout), "")
}

func (e *env) quarantineDiscardCmd() *cobra.Command {
	var ff filterFlags
	var dryRun, all bool
	cmd := &cobra.Command{
		Use: "discard", Short: "Give up entries: they are kept as discarded and never released", Args: cobra.NoArgs,
		Example: "  lazaret quarantine discard --group 9c1e… --dry-run",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := e.wants("table", "json"); err != nil {
				return err
			}
			if ff.empty() && !all {
				return usage("discard without a filter would give up the whole quarantine: give a filter, or --all")
			}
			f, err := ff.filter(time.Now())
			if err != nil {
				return err
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			defer c.Close()
			d, err := c.Discard(cmd.Context(), f, dryRun)
			if err != nil {
				return err
			}
			if e.output == "json" {
				return e.printJSON(d)
			}
			if dryRun {
				_, err = fmt.Fprintf(e.stdout, "would discard %s entries\n", count(d.Matched))
			} else {
				_, err = fmt.Fprintf(e.stdout, "discarded %s entries\n", count(d.Discarded))
			}
			return err
		},
	}
	ff.register(cmd, false)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say how many, change nothing")
	cmd.Flags().BoolVar(&all, "all", false, "discard everything that is quarantined")
	return cmd
}

func (e *env) quarantineExportCmd() *cobra.Command {
	var ff filterFlags
	var file string
	cmd := &cobra.Command{
		Use: "export", Short: "Write entries with their payloads as NDJSON", Args: cobra.NoArgs,
		Long: `Export writes one JSON object a line: the entry, with payload (a string, where the bytes
are UTF-8) or payload_base64. The lossless way out of the quarantine.`,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			f, err := ff.filter(time.Now())
			if err != nil {
				return err
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			defer c.Close()
			in, err := c.Export(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer in.Close()
			var out io.Writer = e.stdout
			if file != "" {
				w, err := os.Create(file)
				if err != nil {
					return usage("--file: %v", err)
				}
				defer func() {
					if cerr := w.Close(); err == nil {
						err = cerr
					}
				}()
				out = w
			}
			return e.copyLines(out, in)
		},
	}
	ff.register(cmd, true)
	cmd.Flags().StringVar(&file, "file", "", "write to this file instead of standard output")
	return cmd
}

// copyLines copies NDJSON and shows how far it is. An answer that was cut off does not
// end with a line feed, and is an error.
func (e *env) copyLines(out io.Writer, in io.Reader) error {
	p := e.progress("exporting")
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
			return fmt.Errorf("the export broke off after %s entries: %w", count(lines), err)
		}
		if len(line) > 0 {
			return fmt.Errorf("the export broke off after %s entries", count(lines))
		}
		return nil
	}
}

// byCount lists the keys, the most frequent first.
func byCount(m map[string]int) []string {
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
