package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/config"
	"github.com/lazaret/lazaret/internal/words"
	"github.com/lazaret/lazaret/rules"
	"github.com/lazaret/lazaret/schemas"
)

func (e *env) checkCmd() *cobra.Command {
	var source contractFiles
	var all bool
	o := checkOptions{}
	most := config.Default().Limits.Event
	cmd := &cobra.Command{
		Use:   "check --schema FILE [--rules FILE] | --manifest FILE FILE|-",
		Short: "Check a file of events without a server",
		Long: `Check gives the verdict on each line of a file: the same verdict, with the same reasons,
that the gateway gives under the same schema, rules and limits.

  -o table   a summary and the most frequent reasons, each with an example (default)
  -o json    {"events","accepted","quarantined","warned","bytes","seconds","reasons":{code:count}}
  -o ndjson  one line for each event that is not accepted: {"line","status","reasons"};
             with --all, for every event

With --manifest it is the stream of a manifest that judges: its schema, its rules, and the version
that an event names. Those versions lie beside the manifest as subject.version.json; the manifest's
own Schema is the one that judges events which name none. Lines of ndjson then have the version
that judged, as "schema_version".

Lines are in the order of the file, whatever --workers says. A file that gzip or zstd
compressed is read as it was before. Exit code 1 if any event is
not accepted, 78 if the schema or the rules are wrong.`,
		Example: `  lazaret check --schema clickstream.schema.json --rules rules.yaml events.ndjson
  lazaret check --schema s.json -o ndjson - < events.ndjson | jq -r '.reasons[].path'
  lazaret check --manifest clicks.yaml events.ndjson`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("give one FILE, or - for standard input; of several files: cat FILES | lazaret check --schema FILE -")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case source.schema == "" && source.rules == "" && source.manifest == "":
				return usage("give --schema FILE, --rules FILE, or both; or --manifest FILE")
			case all && e.output != "ndjson":
				return usage("--all goes with -o ndjson")
			case o.workers < 1 || o.workers > maxWorkers:
				return usage("--workers is 1 to %d", maxWorkers)
			case most < 1<<10 || most > 1<<30:
				return usage("--max-event is 1KiB to 1GiB")
			}
			o.maxEvent, o.all = int(most), all
			var err error
			if source.reference, err = e.reference(); err != nil {
				return err
			}
			return e.check(cmd.Context(), args[0], source, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&source.schema, "schema", "", "the JSON Schema; a \"lazaret:subject:version\" reference is read from subject.version.json beside it")
	f.StringVar(&source.rules, "rules", "", "the rules, YAML or JSON")
	f.StringVar(&source.manifest, "manifest", "", "the manifest of a stream, or a directory of manifests; --schema and --rules go before what it has")
	f.StringVar(&source.stream, "stream", "", "the stream's name: which of the manifest's, or for rules that look at meta.stream")
	f.IntVar(&o.workers, "workers", min(runtime.GOMAXPROCS(0), maxWorkers), "events judged at a time, 1 to 256")
	f.TextVar(&most, "max-event", most, "the largest event, as limits.event of lazaret.yaml; one takes up to four times its size in memory")
	f.BoolVar(&all, "all", false, "a line for every event, with -o ndjson")
	return e.prints(cmd, "table", "json", "ndjson")
}

// check judges a file and prints what came of it.
func (e *env) check(ctx context.Context, file string, source contractFiles, o checkOptions) error {
	contract, notices, err := source.load(ctx, o.maxEvent)
	if err != nil {
		if x := (*exit)(nil); errors.As(err, &x) || errors.Is(err, context.Canceled) {
			return err
		}
		return badConfig(err)
	}
	for _, notice := range notices {
		e.status("note: %s", notice)
	}
	in, total, err := e.input(ctx, file)
	if err != nil {
		return err
	}
	defer in.Close()
	text, packed, err := unpacked(in)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if packed {
		total = 0 // it is not known how much it will be
	}
	o.judge, o.file, o.versions = contract, file, source.manifest != ""
	p := e.progress("checking", size)
	o.report = func(c counts) { p.update(c.Bytes, total, words.Count(c.Quarantined)+" not accepted") }
	if e.output == "ndjson" {
		o.lines = e.stdout
	}
	result, err := check(ctx, text, o)
	p.clear()
	if err != nil {
		return err
	}
	if err := e.printChecked(result); err != nil {
		return err
	}
	if result.Quarantined > 0 {
		return &exit{code: exitFindings}
	}
	return nil
}

// contractFiles name what events are judged by.
type contractFiles struct {
	schema, rules, manifest, stream string
	reference                       bool // without the checker
}

// load compiles what the files hold, under the gateway's limits, with places in its errors.
// The notices say what is allowed in them and probably not meant.
func (c contractFiles) load(ctx context.Context, maxEvent int) (contract *rules.Contract, notices []string, err error) {
	limits := config.Default()
	limits.Limits.Event = config.Size(maxEvent)
	cfg := rules.ContractConfig{Stream: c.stream, MaxEvent: maxEvent, Reference: c.reference}
	var m *manifestFiles
	if c.manifest != "" {
		if m, err = readManifest(c.manifest, c.stream); err != nil {
			return nil, nil, err
		}
	}
	name, number, document, references, err := c.document(ctx, m)
	if err != nil {
		return nil, nil, err
	}
	compile := func(name string, document []byte, references []schemas.Reference) (*schemas.Schema, error) {
		return schemas.Compile(document, schemas.Options{
			Name: name, Limits: limits.JSONLimits(), Reference: c.reference, References: references,
			Load: func(subject string, version int) ([]byte, error) {
				if m != nil && c.schema == "" {
					return m.file(subject, version)
				}
				return inFolder(filepath.Dir(c.schema))(subject, version)
			},
		})
	}
	if cfg.Schema, err = compile(name, document, references); err != nil {
		return nil, nil, schemaError(name, err)
	}
	set, err := c.ruleSet(ctx, m)
	if err != nil {
		return nil, nil, err
	}
	if len(set.Rules) > 0 || c.rules != "" {
		if cfg.Rules, err = rules.Compile(set); err != nil {
			return nil, nil, err
		}
	}
	if name != "" {
		notices = catalog.Advice(document, filepath.Base(name), cfg.Rules)
	}
	if m != nil {
		m.compile = compile
		if err := m.into(&cfg, number); err != nil {
			return nil, nil, err
		}
	}
	contract, err = rules.NewContract(cfg)
	return contract, notices, err
}

// document is the schema that judges events which name none, by the name of its file or its
// subject; without one, all is accepted.
func (c contractFiles) document(ctx context.Context, m *manifestFiles) (name string, number int, document []byte, references []schemas.Reference, err error) {
	if m != nil && m.stream.Stream.Schema != nil {
		name, references = m.stream.Stream.Schema.Subject, m.schema.References
		if number, document, err = m.own(c.schema != ""); err != nil || c.schema == "" {
			return name, number, document, references, err
		}
	}
	if c.schema == "" {
		return "", 0, []byte("true"), nil, nil
	}
	if document, err = readFile(ctx, c.schema); err != nil {
		err = unread("--schema: ", err)
	}
	return c.schema, number, document, nil, err
}

func (c contractFiles) ruleSet(ctx context.Context, m *manifestFiles) (rules.Set, error) {
	if c.rules == "" {
		if m == nil {
			return rules.Set{}, nil
		}
		return rules.Set{Rules: m.rules.Rules}, nil
	}
	data, err := readFile(ctx, c.rules)
	if err != nil {
		return rules.Set{}, unread("--rules: ", err)
	}
	return rules.Parse(c.rules, data)
}

// schemaError puts file, line and column before a compile error.
func schemaError(file string, err error) error {
	var ce *schemas.CompileError
	if errors.As(err, &ce) && ce.Line > 0 {
		return fmt.Errorf("%s:%d:%d: %s: %s", file, ce.Line, ce.Column, orSchema(ce.Pointer), ce.Message)
	}
	return fmt.Errorf("%s: %w", file, err)
}

func (e *env) printChecked(c checked) error {
	switch e.output {
	case "json":
		return e.printJSON(c.summary())
	case "ndjson":
		return nil
	}
	s := e.style(e.stdout)
	fmt.Fprintf(e.stdout, "%s, %s in %.2f s: %s accepted, %s quarantined\n", words.Counted(c.Events, "event", "events"), size(c.Bytes), c.Seconds,
		s.good(words.Count(c.Accepted)), s.bad(words.Count(c.Quarantined)))
	if c.warned > 0 {
		fmt.Fprintf(e.stdout, "%s of the accepted %s a warning\n", words.Count(c.warned), map[bool]string{true: "has", false: "have"}[c.warned == 1])
	}
	if len(c.Reasons) == 0 {
		return nil
	}
	fmt.Fprintln(e.stdout)
	t := newTable(flex("reason", 26), num("events"), num("first line"), flex("where", 12), flex("message", 20).orBelow())
	for _, name := range byCount(c.Reasons) {
		x := c.examples[name]
		t.add(name, words.Count(c.Reasons[name]), words.Count(x.line), orRoot(x.reason.Path), x.reason.Message)
	}
	e.print(t, "")
	return nil
}
