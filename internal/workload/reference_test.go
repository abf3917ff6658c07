package workload

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"strings"
	"testing"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/examples"
)

// found is what refuses an event: the part of a reason that the truth speaks of.
type found struct {
	Code lazaret.Code
	Path string
	Rule string
}

// reference judges an event with jsonschema/v6 and expr directly, so that the truth
// is held against the libraries themselves and not against our reading of them.
type reference struct {
	schema        *jsonschema.Schema
	wrong, mended []referenceRule
}

type referenceRule struct {
	id         string
	warn       bool
	when, expr *vm.Program
}

func newReference(t testing.TB) *reference {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(readExample(t, "clickstream.schema.json")))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("mem:clickstream", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("mem:clickstream")
	if err != nil {
		t.Fatal(err)
	}
	return &reference{schema, referenceRules(t, "rules.yaml"), referenceRules(t, "mended/rules.yaml")}
}

func referenceRules(t testing.TB, file string) (rules []referenceRule) {
	t.Helper()
	var set struct {
		Rules []struct{ ID, When, Expr, Severity string }
	}
	if err := yaml.Unmarshal(readExample(t, file), &set); err != nil {
		t.Fatal(err)
	}
	for _, r := range set.Rules {
		rule := referenceRule{id: r.ID, warn: r.Severity == "warn", expr: compileExpr(t, r.Expr)}
		if r.When != "" {
			rule.when = compileExpr(t, r.When)
		}
		rules = append(rules, rule)
	}
	if len(rules) < 4 {
		t.Fatalf("%s has %d rules", file, len(rules))
	}
	return rules
}

func readExample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := fs.ReadFile(examples.Clickstream(), name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func compileExpr(t testing.TB, source string) *vm.Program {
	t.Helper()
	p, err := expr.Compile(source)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// judge returns all that refuses the event, before and after the wrong rule is mended.
func (ref *reference) judge(data []byte) (before, after []found, warnings int) {
	syntax := []found{{Code: lazaret.CodeSyntax}}
	if !jsontext.Value(data).IsValid() { // strict: UTF-8, surrogates and duplicate keys too
		return syntax, syntax, 0
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return syntax, syntax, 0
	}
	if err := ref.schema.Validate(v); err != nil {
		list := leaves(err.(*jsonschema.ValidationError), nil)
		return list, list, 0
	}
	env := map[string]any{"event": plainNumbers(v), "meta": map[string]any{}}
	before, warnings = run(ref.wrong, env)
	after, _ = run(ref.mended, env)
	return before, after, warnings
}

// run returns the rules that fail.
func run(rules []referenceRule, env map[string]any) (refused []found, warnings int) {
	for _, r := range rules {
		if r.when != nil {
			if on, err := expr.Run(r.when, env); err != nil {
				refused = append(refused, found{Code: lazaret.CodeRuleError, Rule: r.id})
				continue
			} else if on != true {
				continue
			}
		}
		good, err := expr.Run(r.expr, env)
		switch {
		case err == nil && good == true:
		case r.warn:
			warnings++
		case err != nil:
			refused = append(refused, found{Code: lazaret.CodeRuleError, Rule: r.id})
		default:
			refused = append(refused, found{Code: lazaret.CodeRuleFailed, Rule: r.id})
		}
	}
	return refused, warnings
}

func leaves(e *jsonschema.ValidationError, list []found) []found {
	for _, cause := range e.Causes {
		list = leaves(cause, list)
	}
	if len(e.Causes) > 0 {
		return list
	}
	path := ""
	for _, token := range e.InstanceLocation {
		path += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
	}
	if missing, ok := e.ErrorKind.(*kind.Required); ok {
		for _, name := range missing.Missing {
			list = append(list, found{Code: lazaret.SchemaCode("required"), Path: path + "/" + name})
		}
		return list
	}
	keywords := e.ErrorKind.KeywordPath()
	return append(list, found{Code: lazaret.SchemaCode(keywords[len(keywords)-1]), Path: path})
}

// plainNumbers makes int64 of what is exactly one, and float64 of other numbers.
func plainNumbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = plainNumbers(e)
		}
	case []any:
		for i, e := range v {
			v[i] = plainNumbers(e)
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	}
	return v
}
