package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/rules"
	"github.com/lazaret/lazaret/schemas"
)

func (e *env) checkCmd() *cobra.Command {
	var schema, ruleFile string
	var all bool
	o := checkOptions{}
	cmd := &cobra.Command{
		Use:   "check --schema FILE [--rules FILE] FILE|-",
		Short: "Check a file of events without a server",
		Long: `Check gives the verdict on each line of a file: the same verdict, with the same reasons,
that the gateway gives under the same schema and rules.

  -o table   a summary and the most frequent reasons, each with an example (default)
  -o json    {"events","accepted","quarantined","bytes","seconds","reasons":{code:count}}
  -o ndjson  one line for each event that is not accepted: {"line","status","reasons"};
             with --all, for every event

Exit code 1 if any event is not accepted, 78 if the schema or the rules are wrong.`,
		Example: "  lazaret check --schema clickstream.schema.json --rules rules.yaml events.ndjson\n  lazaret check --schema s.json -o ndjson - < events.ndjson | jq .reasons",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := e.wants("table", "json", "ndjson"); err != nil {
				return err
			}
			if schema == "" && ruleFile == "" {
				return usage("give --schema FILE, --rules FILE, or both")
			}
			if all && e.output != "ndjson" {
				return usage("--all goes with -o ndjson")
			}
			if o.workers < 1 {
				return usage("--workers is at least 1")
			}
			contract, err := loadContract(schema, ruleFile)
			if err != nil {
				return badConfig(err)
			}
			in, total, err := e.input(args[0])
			if err != nil {
				return err
			}
			defer in.Close()
			o.judge, o.file, o.all = contract, args[0], all
			p := e.progress("checking")
			o.report = func(c checked) { p.update(c.Bytes, total, "B  "+count(c.Quarantined)+" not accepted") }
			if e.output == "ndjson" {
				o.lines = e.stdout
			}
			result, err := check(cmd.Context(), in, o)
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
		},
	}
	f := cmd.Flags()
	f.StringVar(&schema, "schema", "", "the JSON Schema; a \"lazaret:subject:version\" reference is read from subject.version.json beside it")
	f.StringVar(&ruleFile, "rules", "", "the rules, YAML or JSON")
	f.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "events judged at a time")
	f.BoolVar(&all, "all", false, "a line for every event, with -o ndjson")
	return cmd
}

// loadContract compiles what the files hold, with places in its errors.
func loadContract(schemaFile, ruleFile string) (*rules.Contract, error) {
	cfg := rules.ContractConfig{Schema: schemas.Any()}
	if schemaFile != "" {
		document, err := os.ReadFile(schemaFile)
		if err != nil {
			return nil, err
		}
		cfg.Schema, err = schemas.Compile(document, schemas.Options{
			Name: schemaFile,
			Load: func(subject string, version int) ([]byte, error) {
				return os.ReadFile(filepath.Join(filepath.Dir(schemaFile), fmt.Sprintf("%s.%d.json", filepath.Base(subject), version)))
			},
		})
		if err != nil {
			return nil, schemaError(schemaFile, err)
		}
	}
	if ruleFile != "" {
		data, err := os.ReadFile(ruleFile)
		if err != nil {
			return nil, err
		}
		set, err := rules.Parse(ruleFile, data)
		if err != nil {
			return nil, err
		}
		if cfg.Rules, err = rules.Compile(set); err != nil {
			return nil, err
		}
	}
	return rules.NewContract(cfg)
}

// schemaError puts file, line and column before a compile error.
func schemaError(file string, err error) error {
	var ce *schemas.CompileError
	if errors.As(err, &ce) && ce.Line > 0 {
		return fmt.Errorf("%s:%d:%d: %s: %s", file, ce.Line, ce.Column, orRoot(ce.Pointer), ce.Message)
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
	fmt.Fprintf(e.stdout, "%s events, %s in %.2f s: %s accepted, %s not\n", count(c.Events), size(c.Bytes), c.Seconds,
		s.good(count(c.Accepted)), s.bad(count(c.Quarantined)))
	if len(c.Reasons) == 0 {
		return nil
	}
	fmt.Fprintln(e.stdout)
	t := newTable("reason", ">events", ">first line", "where", "message")
	for _, name := range byCount(c.Reasons) {
		x := c.examples[name]
		t.add(name, count(c.Reasons[name]), count(x.line), short(orRoot(x.reason.Path), 40), short(x.reason.Message, 70))
	}
	t.write(e.stdout, s, "")
	return nil
}

// checkLine is one line of -o ndjson.
type checkLine struct {
	Line     int64            `json:"line"`
	Status   lazaret.Status   `json:"status"`
	Reasons  []lazaret.Reason `json:"reasons"`
	More     int              `json:"more,omitempty"`
	Warnings []lazaret.Reason `json:"warnings,omitempty"`
}

// appendLine encodes a verdict as a line.
func appendLine(b []byte, line int64, v lazaret.Verdict) ([]byte, error) {
	l := checkLine{Line: line, Status: v.Status, Reasons: v.Reasons, More: v.More, Warnings: v.Warnings}
	if l.Reasons == nil {
		l.Reasons = []lazaret.Reason{}
	}
	j, err := json.Marshal(l)
	return append(append(b, j...), '\n'), err
}
