package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/schemas"
)

func contract(t testing.TB, set Set, change ...func(*ContractConfig)) *Contract {
	t.Helper()
	p, err := Compile(set)
	if err != nil {
		t.Fatal(err)
	}
	cfg := ContractConfig{Stream: "orders", Version: lazaret.Version{Stream: 3, RuleSet: 2}, Schema: schemas.Any(jsonread.DefaultLimits), Rules: p}
	for _, f := range change {
		f(&cfg)
	}
	c, err := NewContract(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func event(data string) *lazaret.Event {
	return &lazaret.Event{
		Data: []byte(data), ContentType: "application/json",
		Headers:  []lazaret.Header{{Name: "x-tenant", Value: "a"}, {Name: "x-tenant", Value: "b"}},
		Received: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), Source: lazaret.Source{Kind: "http"},
	}
}

func judge(t testing.TB, c *Contract, data string) lazaret.Verdict {
	t.Helper()
	v, err := c.Judge(t.Context(), event(data))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// result is "good", "failed", or why there is no answer, however slow the machine is.
func result(t testing.TB, expr, data string) string {
	t.Helper()
	patient := func(c *ContractConfig) { c.RuleBudget = time.Hour }
	v := judge(t, contract(t, Set{Rules: []Rule{{ID: "r", Expr: expr}}}, patient), data)
	switch {
	case v.Status == lazaret.Accepted:
		return "good"
	case v.Reasons[0].Code == lazaret.CodeRuleFailed:
		return "failed"
	case v.Reasons[0].Code == lazaret.CodeRuleError:
		return strings.TrimPrefix(v.Reasons[0].Message, "rule r could not be evaluated: ")
	}
	return fmt.Sprint(v.Reasons)
}

// Only true passes; what goes wrong is rule.error with its kind and place, never a pass.
func TestOnlyTruePasses(t *testing.T) {
	for _, c := range []struct{ expr, data, want string }{
		{"true", `{}`, "good"},
		{"event.a > 3", `{"a":4}`, "good"},
		{"event.a > 3", `{"a":3}`, "failed"},
		{"event.ok", `{"ok":true}`, "good"},
		{"event.ok", `{"ok":false}`, "failed"},
		{"event.ok", `{"ok":"true"}`, "the result is neither true nor false (expr)"},
		{"event.ok", `{"ok":1}`, "the result is neither true nor false (expr)"},
		{"event.ok", `{}`, "event.ok is missing or null (expr)"},
		{"event.a > 3", `{}`, "event.a is missing or null (expr 1:9)"},
		{"event.a > 3", `{"a":"4"}`, "a value has a type that does not fit (expr 1:9)"},
		{"event.a.b.c == 1", `{}`, "event.a is missing or null (expr 1:9)"},
		{"event.a?.b?.c == nil", `{}`, "good"},
		{"event.a == 1", `[1]`, "a value has a type that does not fit (expr 1:7)"},
		{"event[0] == 1", `[1]`, "good"},
		{"event[5] == 1", `[1]`, "an index is out of range (expr 1:6)"},
		{"event == 1", `1`, "good"},
		{"event == nil", `null`, "good"},
		{"not event.a", `{}`, "event.a is missing or null (expr 1:1)"},
		{"event.a && event.b", `{}`, "event.a is missing or null (expr 1:9)"},
		{"event.a && true", `{}`, "event.a is missing or null (expr)"},
		{"1 / event.a > 3", `{"a":0}`, "division by zero (expr 1:3)"},
		{"1 / event.a > 3", `{"a":0.0}`, "division by zero (expr 1:3)"},
		{"7 % event.a == 1", `{"a":0}`, "division by zero (expr 1:3)"},
		{"event.a % 2 == 1", `{"a":7}`, "good"},
		{"event.a % 2 == 1", `{"a":7.0}`, "good"},
		{"event.a % 2 == 1", `{"a":7.5}`, "a value has a type that does not fit (expr 1:9)"},
		{"event.a + 1 > 0", `{"a":9223372036854775807}`, "a number is out of range (expr 1:9)"},
		{"event.a - 2 < 0", `{"a":-9223372036854775807}`, "a number is out of range (expr 1:9)"},
		{"event.a * event.a > 0", `{"a":4294967296}`, "a number is out of range (expr 1:9)"},
		{"event.a * event.b < 0", `{"a":-9223372036854775808,"b":-1}`, "a number is out of range (expr 1:9)"},
		{"event.a + event.b == 3", `{"a":1,"b":2}`, "good"},
		{"event.a * 1e308 > 0", `{"a":1e10}`, "a number is out of range (expr 1:9)"},
		{"event.a ** 999 > 0", `{"a":10}`, "a number is out of range (expr 1:9)"},
		{"sum(event.a) > 0", `{"a":[9223372036854775807,1]}`, "a number is out of range (expr 1:1)"},
		{"sum(event.a, #.n) == 3", `{"a":[{"n":1},{"n":2}]}`, "good"},
		{"sum(event.a) == 0", `{"a":[]}`, "good"},
		{"sum(event.a) == 0", `{"a":["x"]}`, "a value has a type that does not fit (expr 1:1)"},
		{"int(event.a) == 3", `{"a":3.9}`, "good"},
		{"int(event.a) == 3", `{"a":1e300}`, "a number is out of range (expr 1:1)"},
		{"int(event.a) == 3", `{"a":"x"}`, "a text does not have the form that is needed (expr 1:1)"},
		{"float(event.a) > 3", `{"a":"NaN"}`, "a text does not have the form that is needed (expr 1:1)"},
		{"string(event.a) == '3'", `{"a":3}`, "good"},
		{"string(event.a) == ''", `{"a":{}}`, "a value has a type that does not fit (expr 1:1)"},
		{"event.a in ['x', 'y']", `{"a":"y"}`, "good"},
		{"event.a in ['x', '']", `{}`, "failed"},
		{"event.a in ['x', 'y']", `{"a":3}`, "failed"},
		{"event.a in [1, 2, -3, 4.5]", `{"a":-3}`, "good"},
		{"event.a in [1, 2, -3, 4.5]", `{"a":4.5}`, "good"},
		{"event.a not in [1, nil]", `{}`, "failed"},
		{"event.a in 1..5", `{"a":5}`, "good"},
		{"event.a in 1..5", `{"a":6}`, "failed"},
		{"event.a in 1..5", `{"a":"x"}`, "failed"},
		{"event.a in event.b", `{"a":{"x":1},"b":[2,{"x":1}]}`, "good"},
		{"'x' in event", `{"x":null}`, "good"},
		{"event.a matches '^[a-z]+$'", `{"a":"abc"}`, "good"},
		{"event.a matches '^[a-z]+$'", `{"a":3}`, "a value has a type that does not fit (expr 1:9)"},
		{"event.a contains 'b' and event.a startsWith 'a' and event.a endsWith 'c'", `{"a":"abc"}`, "good"},
		{"all(event.items, #.qty > 0)", `{"items":[{"qty":1},{"qty":2}]}`, "good"},
		{"all(event.items, #.qty > 0)", `{"items":[{"qty":1},{}]}`, "a value is missing or null (expr 1:24)"},
		{"all(event.items, .qty > 0)", `{}`, "event.items is missing or null (expr 1:11)"},
		{"all(event.items, .qty > 0)", `{"items":3}`, "a value has a type that does not fit (expr 1:11)"},
		{"event.items | filter(.a) | len() == 1", `{"items":[{"a":true},{"a":false}]}`, "good"},
		{"uniq(event.a) == event.a", `{"a":[1,2,"x"]}`, "good"},
		{"len(uniq(map(event.a, #.id))) == len(event.a)", `{"a":[{"id":1},{"id":1}]}`, "failed"},
		{"max(event.a) - min(event.a) < 10", `{"a":[1,[5,9]]}`, "good"},
		{"reduce(event.a, #acc + #, 0) == 6", `{"a":[1,2,3]}`, "good"},
		{"keys(event) == ['a','b','c']", `{"c":1,"a":2,"b":3}`, "good"},
		{"values(event) == [2,3,1]", `{"c":1,"a":2,"b":3}`, "good"},
		{"toPairs(event)[0] == ['a', 1]", `{"a":1}`, "good"},
		{"keys(groupBy(event, #)) == [1, 'x']", `[1,"x",1]`, "good"},
		{"fromJSON(event.a).b == 3", `{"a":"{\"b\":3}"}`, "good"},
		{"fromJSON(event.a).b == 3", `{"a":"{"}`, "a text does not have the form that is needed (expr 1:1)"},
		{"let x = event.a; x * x == 9", `{"a":3}`, "good"},
		{"event.a > 0 ? event.b : true", `{"a":1,"b":true}`, "good"},
		{"if event.a > 0 { event.b } else { true }", `{"a":1,"b":true}`, "good"},
		{"join(split(event.a, ','), '-') == 'a-b'", `{"a":"a,b"}`, "good"},
		{"replace(event.a, ',', '-') == 'a-b'", `{"a":"a,b"}`, "good"},
		{"repeat(event.a, 3) == 'xxx'", `{"a":"x"}`, "good"},
		{"1 < event.a < 3", `{"a":2}`, "good"},
		{"event['a b'] == 1 and event.é == 2", `{"a b":1,"é":2}`, "good"},
	} {
		if got := result(t, c.expr, c.data); got != c.want {
			t.Errorf("%s on %s: got %q, want %q", c.expr, c.data, got, c.want)
		}
	}
}

// Whole numbers keep every digit, however they are written.
func TestNumbersAreExact(t *testing.T) {
	for _, c := range []struct{ expr, data, want string }{
		{"event == 9007199254740992", `9007199254740993`, "failed"},
		{"event == 9007199254740993", `9007199254740993`, "good"},
		{"event == 3", `3`, "good"},
		{"event == 3", `3.0`, "good"},
		{"event == 300", `3e2`, "good"},
		{"event == 0", `-0`, "good"},
		{"event == 9223372036854775807", `9223372036854775807`, "good"},
		{"event > 9e18", `9223372036854775808`, "good"},
		{"event == 0.1", `0.1`, "good"},
		{"type(event) == 'int'", `12`, "good"},
		{"type(event) == 'float'", `1e300`, "good"},
	} {
		if got := result(t, c.expr, c.data); got != c.want {
			t.Errorf("%s on %s: got %q, want %q", c.expr, c.data, got, c.want)
		}
	}
}

// Times mean the same everywhere: UTC, or the zone that the rule names.
func TestTimesDoNotDependOnTheMachine(t *testing.T) {
	local := time.Local
	defer func() { time.Local = local }()
	time.Local = time.FixedZone("EST", -5*3600)
	for _, c := range []struct{ expr, data, want string }{
		{"date(event) == date('2026-03-04T05:06:07Z')", `"2026-03-04T06:06:07+01:00"`, "good"},
		{"date(event).Hour() == 5", `"2026-03-04T05:00:00Z"`, "good"},
		{"date(event).In(timezone('Europe/Berlin')).Hour() == 6", `"2026-03-04T05:00:00Z"`, "good"},
		{"date(event, '2006-01-02 15:04', 'America/New_York').UTC().Hour() == 10", `"2026-03-04 05:00"`, "good"},
		{"date(event, '2006-01-02 15:04', timezone('America/New_York')).UTC().Hour() == 10", `"2026-03-04 05:00"`, "good"},
		{"date(event, '2006-01-02 15:04 MST').UTC().Hour() == 5", `"2026-03-04 05:00 EST"`, "good"},
		{"date(event).Unix() == 1772600400", `"2026-03-04T00:00:00-05:00"`, "good"},
		{"string(date(event)) contains 'EST'", `"2026-03-04T00:00:00-05:00"`, "failed"},
		{"date(event, '2006-01-02', 'Local').Hour() == 0", `"2026-03-04"`, "no such time zone (expr 1:1)"},
		{"date(event, '2006-01-02', 'Mars/Olympus').Hour() == 0", `"2026-03-04"`, "no such time zone (expr 1:1)"},
		{"date(event).Hour() == 0", `"soon"`, "a text does not have the form that is needed (expr 1:1)"},
		{"date(event).Hour() == 0", `null`, "event is missing or null (expr 1:1)"},
		{"date(event) - date('2026-01-01') > duration('24h')", `"2026-03-04"`, "good"},
		{"date(event) + duration('1h') > date('2026-03-04')", `"2026-03-04"`, "good"},
		{"meta.received - date(event) < duration('24h')", `"2026-03-04"`, "good"},
	} {
		if got := result(t, c.expr, c.data); got != c.want {
			t.Errorf("%s on %s: got %q, want %q", c.expr, c.data, got, c.want)
		}
	}
}

// meta is what is known of the event.
func TestMeta(t *testing.T) {
	c := func(expr string) *Contract {
		return contract(t, Set{Rules: []Rule{{ID: "r", Expr: expr}}}, func(c *ContractConfig) { c.ID, c.Key, c.Time = "/id", "/k", "/t" })
	}
	for expr, want := range map[string]lazaret.Status{
		"meta.id == '17' and meta.key == 'x'":                                         lazaret.Accepted,
		"meta.time != nil and meta.time < meta.received and meta.time.Year() == 2026": lazaret.Accepted,
		"meta.received == date('2026-03-04T05:06:07Z')":                               lazaret.Accepted,
		"meta.stream == 'orders' and meta.source == 'http'":                           lazaret.Accepted,
		"meta.content_type == 'application/json'":                                     lazaret.Accepted,
		"meta.headers['x-tenant'] == 'a' and meta.headers.none == ''":                 lazaret.Accepted,
		"meta.ce.type == ''":       lazaret.Accepted,
		"meta.headers.none == nil": lazaret.Quarantined,
	} {
		if v := judge(t, c(expr), `{"id":17,"k":"x","t":"2026-03-01T00:00:00+01:00"}`); v.Status != want {
			t.Errorf("%s: %v", expr, v.Reasons)
		}
	}
	v := judge(t, c("meta.time == nil and meta.key == ''"), `{"id":17,"k":{},"t":"yesterday"}`)
	if v.Status != lazaret.Accepted {
		t.Errorf("%v", v.Reasons)
	}
	v = judge(t, c("meta.time > meta.received"), `{}`)
	if v.Status != lazaret.Quarantined || v.Reasons[0].Code != lazaret.CodeRuleError {
		t.Errorf("a missing time: %+v", v)
	}
}
