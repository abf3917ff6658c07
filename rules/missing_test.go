package rules

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
)

// What is missing is named in the rule's own words and pointed to, if the rule writes the
// way to it out; nothing else is ever named for it.
func TestWhatIsMissingIsNamed(t *testing.T) {
	for _, c := range []struct{ expr, data, message, path string }{
		{"event.valeu > 3", `{"value":4}`, "event.valeu is missing or null (expr 1:13)", "/valeu"},
		{"event.a > event.b", `{"a":1}`, "event.b is missing or null (expr 1:9)", "/b"},
		{"event.a > event.b", `{"b":1}`, "event.a is missing or null (expr 1:9)", "/a"},
		{"event.a > event.b", `{"a":1,"b":null}`, "event.b is missing or null (expr 1:9)", "/b"},
		{"event.a + event.b > 0", `{"a":1}`, "event.b is missing or null (expr 1:9)", "/b"},
		{"event.order.amount > 3", `{"order":{}}`, "event.order.amount is missing or null (expr 1:20)", "/order/amount"},
		{"event.order.amount.cents > 3", `{}`, "event.order is missing or null (expr 1:13)", "/order"},
		{"event.order?.amount > 3", `{}`, "event.order.amount is missing or null (expr 1:21)", "/order/amount"},
		{"event.items[0].qty > 1", `{"items":[{}]}`, "event.items[0].qty is missing or null (expr 1:20)", "/items/0/qty"},
		{"event['odd name~'] > 1", `{}`, `event["odd name~"] is missing or null (expr 1:20)`, "/odd name~0"},
		{"len(event.tags) > 1", `{}`, "event.tags is missing or null (expr 1:1)", "/tags"},
		{"lower(event.name) == 'x'", `{}`, "event.name is missing or null (expr 1:1)", "/name"},
		{"event.ok ? 1 > 0 : true", `{}`, "event.ok is missing or null (expr 1:23)", "/ok"},
		{"event.ok and event.b", `{"ok":true}`, "event.b is missing or null (expr)", "/b"},
		{"event.a > 1\n  and event.b > 2", `{"a":2}`, "event.b is missing or null (expr 2:15)", "/b"},
		{"all(event.items, #.qty > event.min)", `{"items":[{"qty":1}]}`, "event.min is missing or null (expr 1:24)", "/min"},
		// What a rule computes its way to is not known.
		{"all(event.items, #.qty > event.min)", `{"items":[{}],"min":1}`, "a value is missing or null (expr 1:24)", ""},
		{"event.ok ? event.a : get(event, 'b')", `{"ok":false}`, "a value is missing or null (expr)", ""},
		{"let a = event.a; a > event.b", `{"b":1}`, "a value is missing or null (expr 1:20)", ""},
		{"event[event.k] > 1 and event.b > 1", `{"k":"x"}`, "a value is missing or null (expr 1:16)", ""},
		{"event.a > 1 and event.b", `{"a":"x"}`, "a value has a type that does not fit (expr 1:9)", ""},
	} {
		v := judge(t, contract(t, Set{Rules: []Rule{{ID: "r", Expr: c.expr}}}), c.data)
		want := []lazaret.Reason{{Code: lazaret.CodeRuleError, Path: c.path, Rule: "r", Message: "rule r could not be evaluated: " + c.message}}
		if !reflect.DeepEqual(v.Reasons, want) {
			t.Errorf("%s on %s:\ngot  %+v\nwant %+v", c.expr, c.data, v.Reasons, want)
		}
	}
}

// A "when" that fails for want of a value names it too.
func TestWhatIsMissingIsNamedInWhen(t *testing.T) {
	v := judge(t, contract(t, Set{Rules: []Rule{{ID: "r", Expr: "event.a > 1", When: "event.kind < 'x'"}}}), `{"a":1}`)
	if len(v.Reasons) != 1 || v.Reasons[0].Path != "/kind" || !strings.HasSuffix(v.Reasons[0].Message, ": event.kind is missing or null (when 1:12)") {
		t.Errorf("%+v", v.Reasons)
	}
}

// Finding what may be missing costs little, however long the way.
func TestLongWaysCompileQuickly(t *testing.T) {
	start := time.Now()
	if err := compileOne("event" + strings.Repeat(".a", 4_000) + " == 1"); err != nil {
		t.Error(err)
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Error(d)
	}
}

// Reads lists what each rule reads, in expr and in when.
func TestReads(t *testing.T) {
	p, err := Compile(Set{Rules: []Rule{{ID: "a", Expr: "event.x.y > event.z"}, {ID: "b", Expr: "true", When: "event.k == 1"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []Read{{"a", 0, "expr", "/x/y"}, {"a", 0, "expr", "/z"}, {"b", 1, "when", "/k"}}
	if got := p.Reads(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
