package rules

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// fuzzEvent has a value of every kind.
const fuzzEvent = `{"a":1,"b":"hunter2","c":[1,"hunter2",{"d":2.5,"e":[]}],"f":true,"g":null,"t":"2026-03-04T05:06:07Z","items":[{"n":1},{"n":2}]}`

// FuzzCompile holds: no expression panics, overflows or takes long, neither to compile
// nor to run; two runs agree, and so do two compilations; and no reason holds a value.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		"event.a > 3", "all(event.items, #.n > 0)", "event.b matches '^h'", "event.a in [1, 2]", "event.t | date() < meta.received", "let x = event.a; x * x / x > 1",
		"sum(event.items, .n) == 3", "keys(event) == ['a']", "reduce(event.c, [#acc, #], 0) == 1", "event.a ?? event.b == 1", "1 < event.a < 3", "event.c[event.a:] == []",
		"if event.f { event.a == 1 } else { false }", "groupBy(event.c, #) == {}", "event?.g?.h == nil", "repeat(event.b, event.a) == event.b", "string(event) == ''",
		"flatten(event.c) | len() > 3", "sortBy(event.items, .n)[0].n == 1", "not (event.a not in 1..3)", "event.a ** 99 > 1", "fromJSON('[1]')[0] == 1", "$env == 1", "now() > now()",
	} {
		f.Add(s)
	}
	for _, s := range hostile {
		f.Add(strings.Repeat(s, 5))
		f.Add("true and " + s + "event.a")
	}
	f.Fuzz(func(t *testing.T, source string) {
		slow := time.AfterFunc(10*time.Second, func() { panic(fmt.Sprintf("hangs: %q", source)) })
		defer slow.Stop()
		set := Set{Rules: []Rule{{ID: "r", Expr: source}}}
		one, err := Compile(set)
		if err != nil {
			if _, ok := err.(*CompileError); !ok || one != nil {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		unhurried := func(c *ContractConfig) { c.RuleBudget = time.Hour }
		v := judge(t, contract(t, set, unhurried), fuzzEvent)
		if w := judge(t, contract(t, set, unhurried), fuzzEvent); !reflect.DeepEqual(v, w) {
			t.Fatalf("two verdicts:\n%+v\n%+v", v, w)
		}
		if strings.Contains(fmt.Sprint(v.Reasons), "hunter2") && !strings.Contains(source, "hunter2") {
			t.Fatalf("a value shows: %+v", v.Reasons)
		}
	})
}
