package rules

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
)

// hostile are beginnings that make a parser recurse.
var hostile = []string{
	"(", "[", "{", "!", "not ", "-", "+", "- -", "a ? ", "a ? b : ", "a ?: ", "a ?? ", "a | len() ", "let a = 1; ", "if a {", "if a {1} else ",
	"a ** ", "a ^ ", "a.", "a?.", "a[", "a(", "#", "::", "a + ", "a < ", "a and ", "{a: ", "[1, ", "any(a, ", "any(a, {", "a..", "1..", "'", "`", "/*", "//\n", "a[a:", "b'",
	"!(", "-(", "not (", "a?.[", "0x", "1e", "_", "é", "\\", "\x00", ";", ",", ")", "}", "a not in ", "a matches '(' and ", "(1 < (", "a<(a<(",
}

// An expression of any length made of any hostile part is answered quickly, without
// overflowing the stack, which would end the process: 500,000 parentheses as well as
// the most that the limit on length lets through.
func TestHostileExpressionsAreRefusedQuickly(t *testing.T) {
	for _, part := range hostile {
		for _, size := range []int{500_000, MaxSource / len(part), MaxNesting + 1, 60} {
			for _, tail := range []string{"", "a"} {
				start := time.Now()
				err := compileOne(strings.Repeat(part, size) + tail)
				if d := time.Since(start); d > 2*time.Second {
					t.Errorf("%d × %q: %v (%.100v)", size, part, d, err)
				}
				if err == nil && size == 500_000 {
					t.Errorf("%d × %q compiles", size, part)
				}
			}
		}
	}
}

// MaxNesting levels compile, and one more is refused, in each way to nest.
func TestNestingLimit(t *testing.T) {
	for name, nest := range map[string]func(n int) string{
		"parentheses": func(n int) string { return strings.Repeat("(", n) + "true" + strings.Repeat(")", n) },
		"not":         func(n int) string { return strings.Repeat("not ", n) + "true" },
		"lists":       func(n int) string { return "event == " + strings.Repeat("[", n) + strings.Repeat("]", n) },
		"ternaries":   func(n int) string { return strings.Repeat("event.a ? true : ", n) + "true" },
		"lets":        func(n int) string { return lets(n) + "true" },
	} {
		if err := compileOne(nest(MaxNesting)); err != nil {
			t.Errorf("%s, %d deep: %v", name, MaxNesting, err)
		}
		if err := compileOne(nest(MaxNesting + 1)); err == nil || !strings.Contains(err.Error(), "nested more than 200 deep") {
			t.Errorf("%s, %d deep: %v", name, MaxNesting+1, err)
		}
	}
}

func lets(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "let v%d = 1; ", i)
	}
	return b.String()
}

// What the parser shares between parents doubles at each level for all that visits the
// tree after it. Without the limit on nodes this takes until the end of days.
func TestSharedPartsAreCounted(t *testing.T) {
	for _, expr := range []string{
		strings.Repeat("1 < (", 60) + "2" + strings.Repeat(") < 3", 60) + " == true",
		strings.Repeat("(", 60) + "event.a" + strings.Repeat(" ?: event.b)", 60),
		strings.Repeat("(event.a < ", 60) + "1" + strings.Repeat(" < 2)", 60),
	} {
		start := time.Now()
		err := compileOne(expr)
		if d := time.Since(start); d > time.Second || err == nil {
			t.Errorf("%.30s…: %v, %v", expr, err, d)
		}
	}
	if err := compileOne("1 < (1 < event.a < 3 ? 2 : 5) < 3"); err != nil {
		t.Errorf("a little sharing: %v", err)
	}
}

// The length of an expression is bounded in bytes.
func TestSourceLimit(t *testing.T) {
	pad := func(n int) string { return "true" + strings.Repeat(" ", n-4) }
	if err := compileOne(pad(MaxSource)); err != nil {
		t.Error(err)
	}
	if err := compileOne(pad(MaxSource + 1)); err == nil || !strings.Contains(err.Error(), "longer than 16 KiB") {
		t.Error(err)
	}
}

func list(n int, item string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + "]"
}

// No expression that compiles can hold an event up, or take the memory, whatever the
// event: what costs too much is rule.error. Each of these takes seconds to days, or
// gigabytes, without the guard that it names.
func TestCostIsBounded(t *testing.T) {
	numbers, texts := list(20_000, "1"), `{"s":"`+strings.Repeat("a", 1<<20)+`","list":`+list(2_000, `"x"`)+`}`
	doubling := "reduce(1..60, [#acc, #acc], 0)"
	for name, c := range map[string]struct{ expr, data string }{
		"turns of nested predicates":    {"all(event, all(event, true))", numbers},
		"turns through a range":         {"all(1..10000, all(1..10000, true))", "{}"},
		"text within a predicate":       {"none(event.list, event.s contains #)", texts},
		"comparison in a predicate":     {"all(event.list, event.s <= event.s)", texts},
		"equality in a predicate":       {"all(event.list, event == event)", texts},
		"function in a predicate":       {"all(event.list, len(upper(event.s)) > 0)", texts},
		"in within a predicate":         {"all(event, 2 not in event)", numbers},
		"pattern":                       {`event.s matches '(a|b|c){90}d'`, texts},
		"uniq":                          {"len(uniq(event)) > 0", list(20_000, "1")},
		"uniq of the same":              {"len(uniq(map(event.list, event.list))) > 0", texts},
		"text that doubles":             {`len(reduce(1..60, #acc + #acc, "x")) > 0`, "{}"},
		"text that doubles in lets":     {`let a = event.s + event.s; len(a) > 0`, texts},
		"list that doubles, flattened":  {"len(flatten(" + doubling + ")) > 0", "{}"},
		"list that doubles, in max":     {"max(" + doubling + ") > 0", "{}"},
		"list that doubles, in mean":    {"mean(" + doubling + ") > 0", "{}"},
		"list that doubles, in uniq":    {"len(uniq(" + doubling + ")) > 0", "{}"},
		"list that doubles, as text":    {"string(" + doubling + ") == ''", "{}"},
		"object that doubles, compared": {"all(1..3, reduce(1..60, ({a: #acc, b: #acc}), 0) != event)", "{}"},
		"lists that double, compared":   {doubling + " == " + doubling, "{}"},
		"index of null that doubles":    {"event.none[" + doubling + "] == 1", "{}"},
		"slice of null that doubles":    {"event.none[" + doubling + ":] == 1", "{}"},
		"in a list that doubles":        {doubling + " in " + doubling, "{}"},
		"concat that doubles":           {"len(reduce(1..60, concat(#acc, #acc), event)) > 0", numbers},
		"repeat":                        {"len(repeat(event.s, 1000000)) > 0", texts},
		"replace":                       {"len(replace(event.s, 'a', event.s)) > 0", texts},
		"join":                          {"len(join(event.list, event.s)) > 0", texts},
		"split":                         {"len(split(event.s, '')) > 0", texts},
		"lists in a predicate":          {"all(1..10000, len(map(1..10000, #)) > 0)", "{}"},
	} {
		start := time.Now()
		got := result(t, c.expr, c.data)
		if got == "good" || got == "failed" {
			t.Errorf("%s: %s", name, got)
		}
		if d := time.Since(start); d > 3*time.Second {
			t.Errorf("%s: %v (%s)", name, d, got)
		}
	}
}

// What people write costs far less than the bounds.
func TestBoundsLeaveRoom(t *testing.T) {
	items := `{"items":` + list(5_000, `{"sku":"abc-12","qty":2,"tags":["a","b","c"]}`) + `,"s":"` + strings.Repeat("a", 100_000) + `"}`
	for _, expr := range []string{
		"all(event.items, #.qty > 0 and #.sku matches '^[a-z]+-[0-9]+$')",
		"all(event.items, all(#.tags, # in ['a', 'b', 'c']))",
		"sum(event.items, #.qty) == 10000",
		"len(event.s) == 100000 and event.s matches '^a+$'",
		"len(uniq(map(event.items[:500], #.sku))) == 1",
		"count(event.items, lower(#.sku) startsWith 'abc') == 5000",
	} {
		if got := result(t, expr, items); got != "good" {
			t.Errorf("%s: %s", expr, got)
		}
	}
}

// stepClock is a clock that each look moves on.
type stepClock struct {
	now  time.Time
	step func(look int) time.Duration
	look int
}

func (c *stepClock) Now() time.Time {
	c.now = c.now.Add(c.step(c.look))
	c.look++
	return c.now
}

// A rule that stays too slow is suspended and quarantines; one that was slow once is not.
func TestSlowRuleIsSuspended(t *testing.T) {
	var told []string
	build := func(step func(int) time.Duration) *Contract {
		c := contract(t, Set{Rules: []Rule{{ID: "slow", Expr: "int(event.a) > 3"}}}, func(cfg *ContractConfig) {
			cfg.OnSuspend = func(rule string, took time.Duration) { told = append(told, rule+" "+took.String()) }
		})
		c.clock = (&stepClock{step: step}).Now
		return c
	}
	once := build(func(look int) time.Duration {
		if look == 1 {
			return time.Second
		}
		return time.Millisecond
	})
	if v := judge(t, once, `{"a":4}`); v.Status != lazaret.Accepted || len(told) > 0 {
		t.Errorf("slow once: %+v, %v", v, told)
	}
	always := build(func(int) time.Duration { return DefaultRuleBudget + 1 })
	for range 3 {
		v := judge(t, always, `{"a":4}`)
		if v.Status != lazaret.Quarantined || v.Reasons[0].Code != lazaret.CodeRuleError ||
			v.Reasons[0].Message != "rule slow could not be evaluated: suspended: exceeded its time budget" {
			t.Fatalf("slow always: %+v", v)
		}
	}
	if len(told) != 1 || told[0] != "slow 50.000001ms" {
		t.Errorf("told %v, want it once", told)
	}
	if v := judge(t, build(func(int) time.Duration { return time.Microsecond }), `{"a":4}`); v.Status != lazaret.Accepted {
		t.Errorf("a contract that is built again: %+v", v)
	}
}

// A set is compiled whole or not at all.
func TestSetIsCompiledWhole(t *testing.T) {
	p, err := Compile(Set{Rules: []Rule{{ID: "a", Expr: "true"}, {ID: "b", Expr: "tru"}}})
	var e *CompileError
	if p != nil || !errors.As(err, &e) || e.Rule != "b" {
		t.Errorf("%v, %v", p, err)
	}
	_, err = Compile(Set{Rules: []Rule{{ID: "a", Expr: "true"}, {ID: "a", Expr: "true"}}})
	if !errors.As(err, &e) || e.Field != "id" {
		t.Error(err)
	}
}
