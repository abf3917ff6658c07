package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/config"
	"github.com/lazaret/lazaret/internal/words"
	"github.com/lazaret/lazaret/schemas/infer"
)

// inferOptions are the flags of schema infer.
type inferOptions struct {
	infer.Options
	at        string
	workers   int
	noFormats bool
	leftOut   bool // the most may be left out
	maxEvent  config.Size
}

func (e *env) schemaInferCmd() *cobra.Command {
	o := inferOptions{maxEvent: config.Default().Limits.Event}
	cmd := &cobra.Command{
		Use:   "infer FILE...|-",
		Short: "Write the schema that the events of files have in common",
		Long: `Infer writes a JSON Schema (2020-12) to standard output under which all the events of
the files are valid. It takes NDJSON, arrays and JSON texts that follow each other, also
compressed by gzip or zstd, and needs no more memory for a million events than for a
thousand.

What the events have in common becomes the schema: types, members that are always there,
formats that all of many texts have, and enums where there are few words and each is seen
often. Ranges and lengths become annotations ("x-observed"), which refuse nothing. What it
guessed is said on standard error: read it, since an enum refuses the next new value.

Values that are not JSON are left out, counted, and the first of them is named. Exit code
1 if nothing is left, or less than was left out: then it was hardly a file of events, and
--allow-left-out takes it all the same; 2 if a file is not to be had.`,
		Example: `  lazaret schema infer events.ndjson > orders.schema.json
  lazaret schema infer --enums 0 --title Order day1.ndjson.gz day2.ndjson.zst
  kcat -C -t orders -e | lazaret schema infer --at /data -`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("give a FILE or several, or - for standard input")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case o.workers < 1 || o.workers > maxWorkers:
				return usage("--workers is 1 to %d", maxWorkers)
			case o.maxEvent < 1<<10 || o.maxEvent > 1<<30:
				return usage("--max-event is 1KiB to 1GiB")
			case o.at != "" && !strings.HasPrefix(o.at, "/"):
				return usage("--at %s is not a JSON Pointer; did you mean /%s?", o.at, strings.ReplaceAll(strings.TrimPrefix(o.at, "."), ".", "/"))
			case o.EnumAtMost < 0:
				return usage("--enums is 0 or more")
			case o.EnumAtMost == 0:
				o.EnumAtMost = -1
			}
			if o.noFormats {
				o.FormatAtLeast = -1
			}
			return e.inferFiles(cmd.Context(), args, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Title, "title", "", "the schema's title")
	f.StringVar(&o.at, "at", "", "infer the schema of what this JSON Pointer leads to in each event, such as /data")
	f.BoolVar(&o.Closed, "closed", false, "refuse members that no event had")
	f.BoolVar(&o.Plain, "plain", false, "leave the annotations out")
	f.BoolVar(&o.noFormats, "no-formats", false, "ask for no formats")
	f.IntVar(&o.EnumAtMost, "enums", 12, "the most values that an enum has; 0 for no enums")
	f.BoolVar(&o.leftOut, "allow-left-out", false, "infer also where most of the values are left out")
	f.IntVar(&o.workers, "workers", min(runtime.GOMAXPROCS(0), maxWorkers), "events read at a time, 1 to 256")
	f.TextVar(&o.maxEvent, "max-event", o.maxEvent, "the largest event; what is larger is left out")
	return e.prints(cmd, "schema", "json")
}

// inferFiles infers from all files and prints the schema.
func (e *env) inferFiles(ctx context.Context, files []string, o inferOptions) error {
	limits := config.Default()
	limits.Limits.Event = o.maxEvent
	start := time.Now()
	p := e.progress("inferring", size)
	in := &inferring{workers: o.workers, maxEvent: int(o.maxEvent), bounds: infer.Bounds{JSON: limits.JSONLimits()}}
	all, skipped := infer.New(in.bounds), int64(0)
	for _, file := range files {
		one, err := e.inferFile(ctx, in, p, file, len(files) == 1)
		if err != nil {
			p.clear()
			return err
		}
		all.Merge(one.what)
		skipped += one.skipped
		if one.skipped > 0 {
			e.status("note: %s", one.left(file))
		}
	}
	p.clear()
	switch {
	case all.Count() == 0:
		return fmt.Errorf("%s: there is no event to infer a schema from", strings.Join(mapped(files, named), ", "))
	case skipped > all.Count() && !o.leftOut:
		return fmt.Errorf("%s of %s were left out, so that a schema would say little of what is there; --allow-left-out infers one from the rest",
			words.Count(skipped), words.Counted(skipped+all.Count(), "value", "values"))
	}
	at, ok := all.At(o.at)
	if !ok {
		return fmt.Errorf("--at %s: no event has a value there", o.at)
	}
	return e.printInferred(inferSummary{
		Events: all.Count(), Skipped: skipped, Bytes: in.bytes.Load(), Seconds: time.Since(start).Seconds(),
		Notes: append([]infer.Note{}, at.Notes(o.Options)...), Schema: at.Schema(o.Options),
	})
}

// inferFile infers from one file.
func (e *env) inferFile(ctx context.Context, in *inferring, p *progress, file string, only bool) (inferred, error) {
	f, total, err := e.input(ctx, file)
	if err != nil {
		return inferred{}, err
	}
	defer f.Close()
	text, packed, err := unpacked(f)
	if err != nil {
		return inferred{}, fmt.Errorf("%s: %w", named(file), err)
	}
	if packed || !only {
		total = 0 // it is not known how much it will be
	}
	in.report = func(bytes, events int64) { p.update(bytes, total, words.Counted(events, "event", "events")) }
	found, err := in.file(ctx, text)
	if err != nil {
		return found, fmt.Errorf("%s: %w", named(file), err)
	}
	return found, nil
}

// left says what was left out of a file, and where the first of it stands.
func (i inferred) left(file string) string {
	place := fmt.Sprintf("%s:%d", named(file), i.first.line)
	if i.first.column > 0 {
		place += fmt.Sprintf(":%d", i.first.column)
	}
	if i.skipped == 1 {
		return fmt.Sprintf("%s: left out: %s", place, i.first.message)
	}
	return fmt.Sprintf("%s: left out, and %s more: %s", place, words.Count(i.skipped-1), i.first.message)
}

// mapped is a list with each one changed.
func mapped(list []string, change func(string) string) []string {
	out := make([]string, len(list))
	for i, one := range list {
		out[i] = change(one)
	}
	return out
}

// named is what a file is called in messages.
func named(file string) string {
	if file == "-" {
		return "standard input"
	}
	return file
}

// inferSummary is the form of -o json.
type inferSummary struct {
	Events  int64           `json:"events"`
	Skipped int64           `json:"skipped"`
	Bytes   int64           `json:"bytes"`
	Seconds float64         `json:"seconds"`
	Notes   []infer.Note    `json:"notes"`
	Schema  json.RawMessage `json:"schema"`
}

func (e *env) printInferred(s inferSummary) error {
	if e.output == "json" {
		return e.printJSON(s)
	}
	if _, err := e.stdout.Write(s.Schema); err != nil {
		return err
	}
	left := ""
	if s.Skipped > 0 {
		left = fmt.Sprintf("; %s left out", words.Count(s.Skipped))
	}
	e.status("inferred from %s, %s in %.2f s%s", words.Counted(s.Events, "event", "events"), size(s.Bytes), s.Seconds, left)
	for _, n := range s.Notes {
		e.status("note: %s: %s", clean(orRoot(n.Pointer)), n.Message)
	}
	return nil
}
