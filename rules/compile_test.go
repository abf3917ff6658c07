package rules

import (
	"errors"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/yamlread"
)

func compileOne(expr string) error {
	_, err := Compile(Set{Rules: []Rule{{ID: "r", Expr: expr}}})
	return err
}

// What cannot be right is refused before it takes effect, with its place and a hint.
func TestCompileRefuses(t *testing.T) {
	for _, c := range []struct{ expr, want string }{
		{"event.a +", "1:9: unexpected token EOF"},
		{"event.a = 3", `1:9: unexpected token Operator("="); use == to compare`},
		{"event.a > 3 &&\n  evnt.b", `2:3: unknown name evnt; did you mean "event"?`},
		{"metta.id == ''", `1:1: unknown name metta; did you mean "meta"?`},
		{"meta.recieved > date('2026-01-01')", `1:6: unknown field meta.recieved; did you mean "received"?`},
		{"meta['i'+'d'] == ''", "1:9: the fields of meta are named, not computed"},
		{"meta == nil", "1:1: meta as a whole cannot be used"},
		{"lenn(event.a) > 1", `1:1: unknown function lenn; did you mean "len"?`},
		{"len > 1", "1:1: len is a function: write len(…)"},
		{"now() > date('2026-01-01')", "1:1: now() is not available: a verdict must not depend on when it is given; meta.received is when the event arrived"},
		{"::now() > date('2026-01-01')", "1:3: now() is not available"},
		{"toJSON(event) == ''", "1:1: toJSON() is not available"},
		{"$env.event == 1", "1:1: unknown name $env"},
		{"get($env, '#budget') == 1", "1:5: unknown name $env"},
		{"#budget == 1", "1:1: unexpected token"},
		{"date(event).Local().Hour() == 1", "1:13: unknown method Local"},
		{"date(event)['Lo' + 'cal']().Hour() == 1", "1:26: unexpected token"},
		{"let f = date(event).Local; f().Hour() == 1", "1:28: unknown function f"},
		{"get(date(event), 'Local')() == 1", "1:26: unexpected token"},
		{"'a' + 'x'", "1:1: a rule is true or false, and this is a text"},
		{"'x'", "1:1: a rule is true or false, and this is a text"},
		{"1 + 2", "1:1: a rule is true or false, and this is a number"},
		{"[event.a]", "1:1: a rule is true or false, and this is a list"},
		{"filter(event.a, true)", "1:1: a rule is true or false, and this is a list"},
		{"nil", "1:1: a rule is true or false"},
		{"'a' > 3", "1:5: invalid operation: > (mismatched types string and int)"},
		{"event.a matches event.b", "1:23: the pattern of matches must be a text, written out"},
		{"event.a matches '('", "1:17: the pattern is not one of RE2"},
		{"event.a matches '(?=x)'", "1:17: the pattern is not one of RE2"},
		{"event.a matches '((a{100}){100}){100}'", "1:17: the pattern is"},
		{"event.a matches '" + strings.Repeat("(a{99}b){9}", 9) + "'", "1:17: the pattern is too large"},
		{"any(1..1000000000, # == event.a)", "1:6: a range goes up, and by at most 10,000"},
		{"event.a in 1..1000000000", "1:13: a range goes up, and by at most 10,000"},
		{"any(1..event.a, true)", "1:6: the bounds of a range must be whole numbers, written out"},
		{"any(-9223372036854775807..9223372036854775807, true)", "1:25: the bounds of a range must be whole numbers, written out"},
		{"any(event, any(#, any(#, true)))", "1:19: predicates within predicates within predicates"},
		{"event.a / 0 > 1", "1:9: division by zero"},
		{"b'abc' == event.a", "1:1: byte strings are not available in rules"},
		{"event.a == 1; ", "1:"},
		{"", "an expression is needed"},
	} {
		err := compileOne(c.expr)
		var e *CompileError
		if !errors.As(err, &e) {
			if c.want == "1:" && err == nil {
				continue
			}
			t.Errorf("%q: got %v", c.expr, err)
			continue
		}
		if got := strings.TrimPrefix(err.Error(), `rule "r", expr `); !strings.HasPrefix(got, c.want) && !strings.Contains(got, ": "+c.want) {
			t.Errorf("%q:\ngot  %s\nwant %s", c.expr, got, c.want)
		}
		if e.Line > 0 && !strings.HasSuffix(e.Snippet, "\n"+strings.Repeat(" ", e.Column-1)+"^") {
			t.Errorf("%q: the caret is not at column %d:\n%s", c.expr, e.Column, e.Snippet)
		}
	}
}

// A compile error shows the line with a caret, and where the rule is in its file.
func TestCompileErrorFindsTheFile(t *testing.T) {
	set, err := Parse("rules/orders.yaml", []byte(`# ours
kind: RuleSet
stream: orders
rules:
  - id: fine
    expr: event.a > 3
  - id: block
    expr: |
      event.a > 3 &&
        evnt.b
`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Compile(set)
	want := `rules/orders.yaml:10:9: rule "block", expr 2:3: unknown name evnt; did you mean "event"?`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	var e *CompileError
	if errors.As(err, &e); e.Snippet != "  evnt.b\n  ^" {
		t.Errorf("snippet:\n%s", e.Snippet)
	}
	for in, want := range map[string]string{
		`{"rules":[{"id":"a","expr":"evnt"}]}`:                      `f:1:29: rule "a", expr 1:1: unknown name`,
		"rules:\n- id: a\n  expr: event.a ==\n":                     `f:3:18: rule "a", expr 1:10: unexpected`,
		"rules:\n- id: a\n  expr: 'true'\n  when: event.a in x\n":   `f:4:20: rule "a", when 1:12: unknown name x`,
		"rules:\n- id: a\n  expr: \"a \\\n    b\"\n":                `f:3: rule "a", expr 1:3`,
		"rules:\n- id: a\n  expr: >-\n    event.a ==\n    evnt.b\n": `f:4: rule "a", expr 1:12: unknown name evnt`,
	} {
		set, err := Parse("f", []byte(in))
		if err != nil {
			t.Fatal(in, err)
		}
		if _, err = Compile(set); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q:\ngot  %v\nwant %s", in, err, want)
		}
	}
}

// Rules hold no secrets: what is wrong with them is shown in its line.
func TestParseShowsTheLine(t *testing.T) {
	_, err := Parse("f", []byte("rules:\n- id: a\n  expr: x\n  severity: fatal\n"))
	var e *yamlread.Error
	if want := "    4 |   severity: fatal\n      |             ^"; !errors.As(err, &e) || e.Snippet != want {
		t.Errorf("%v\n%+v", err, e)
	}
}

// Parse refuses a set that is wrong apart from its expressions, with the place.
func TestParseRefuses(t *testing.T) {
	long := strings.Repeat("é", MaxMessage+1)
	for _, c := range []struct{ in, want string }{
		{"", "f: no rules in it"},
		{"kind: RuleSet\n", "f:1:1: a list called rules is needed"},
		{"kind: Stream\nrules: []\n", "f:1:7: the kind of a set of rules is RuleSet"},
		{"rules:\n- id: A\n  expr: x\n", "f:2:7: an id has 1 to 63 characters"},
		{"rules:\n- expr: x\n", "f:2:3: an id has 1 to 63 characters"},
		{"rules:\n- id: a\n  expr: x\n- id: a\n  expr: x\n", `f:4:7: the id "a" is used twice`},
		{"rules:\n- id: a\n", "f:2:3: an expression is needed"},
		{"rules:\n- id: a\n  expr: x\n  severity: fatal\n", `f:4:13: severity is "reject" or "warn"`},
		{"rules:\n- id: a\n  expr: x\n  message: " + long + "\n", "f:4:12: the message is longer than 500 characters"},
		{"rules:\n- id: a\n  expression: x\n", `f:3:3: unknown key "expression" in rules[0]`},
		{"rules:\n- id: a\n  expr: true\n", "f:3:9: rules[0].expr: expected a string (put it in quotes), found a boolean"},
		{"rules: []\n---\nrules: []\n", "f:3:1: a second document begins here"},
		{"rules: [" + strings.Repeat("{id: a, expr: x},", MaxRules+1) + "]", "f:1:8: 501 rules, and a set may have 500"},
	} {
		if _, err := Parse("f", []byte(c.in)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%.60q:\ngot  %v\nwant %s", c.in, err, c.want)
		}
	}
	set, err := Parse("f", []byte(`{"rules":[{"id":"a","expr":"true","severity":"warn","message":"m","owner":"o","doc":"d","when":"false"}]}`))
	if err != nil || len(set.Rules) != 1 || set.normal().Rules[0] != (Rule{ID: "a", Expr: "true", When: "false", Severity: Warn, Message: "m", Owner: "o", Doc: "d"}) {
		t.Errorf("%+v, %v", set, err)
	}
}

// The path of a reason is the one place that the expression reads.
func TestPathOfAReason(t *testing.T) {
	for expr, want := range map[string]string{
		"event.a > 3":                          "/a",
		"event.a.b[2]['c/d~'] > 3":             "/a/b/2/c~1d~0",
		"event?.a?.b == 1":                     "/a/b",
		"event.a > 3 and event.a < 9":          "/a",
		"event.a > event.b":                    "",
		"event.a[event.i] > 3":                 "",
		"event.a[-1] > 3":                      "/a",
		"event.a[len(meta.id)] > 3":            "/a",
		"all(event.items, #.qty > 0)":          "/items",
		"all(event.items, #.qty > event.min)":  "",
		"let a = event.a; a.b > 3":             "/a",
		"meta.id == ''":                        "",
		"date(event.t).Year() == 2026":         "/t",
		"event.items | filter(.a) | len() > 0": "/items",
		"event == 1":                           "",
		"event.a[1:2] == [1]":                  "/a",
	} {
		p, err := Compile(Set{Rules: []Rule{{ID: "r", Expr: expr}}})
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		if got := p.rules[0].path; got != want {
			t.Errorf("%s: got %q, want %q", expr, got, want)
		}
	}
}
