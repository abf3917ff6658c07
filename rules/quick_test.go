package rules

import (
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/schemas"
)

// unquick is the value as the expression library has it.
func unquick(t *testing.T, v value) any {
	t.Helper()
	switch v.kind {
	case kindNull:
		return nil
	case kindBool:
		return v.n == 1
	case kindInt:
		return v.n
	case kindFloat:
		return v.f
	case kindText:
		return v.s
	case kindMoment:
		return time.Unix(int64(v.n), int64(v.f)).UTC()
	case kindDuration:
		return time.Duration(v.n)
	}
	value, bad := decode([]byte(v.s))
	if bad != nil {
		t.Fatal(bad)
	}
	return value
}

// onEvent is a worker that has checked the event, and sees all of it.
func onEvent(t testing.TB, p *Program, data string) *worker {
	t.Helper()
	w := newWorker()
	w.spans = make([]schemas.Span, len(p.captures.pointers))
	c, err := schemas.Any(jsonread.DefaultLimits).Checker(p.captures.pointers)
	if err != nil {
		t.Fatal(err)
	}
	e := event(data)
	if result, err := c.Judge(e.Data, w.spans); err != nil || len(result.Reasons) > 0 {
		t.Fatal(result, err)
	}
	w.source = source{payload: e.Data, stream: "orders", event: e}
	w.verdict.ID, w.verdict.Key = "id", "a"
	whole, bad := decode(e.Data)
	if bad != nil {
		t.Fatal(bad)
	}
	w.env.Event, w.env.Meta = whole, newMeta(uses{any: true, headers: true, ce: true}, "orders", e, nil, &w.verdict)
	return w
}

// sameValue compares what the two ways gave; times are the same if they are the same
// moment.
func sameValue(a, b any) bool {
	if x, ok := a.(time.Time); ok {
		y, ok := b.(time.Time)
		return ok && x.Equal(y)
	}
	return reflect.DeepEqual(a, b)
}

// Whatever the quick way is sure of, it is exactly what the expression library gives on
// the event as a whole, and costs no less.
func TestQuickIsExact(t *testing.T) {
	rounds, seed := 4_000, uint64(1)
	if n, err := strconv.Atoi(os.Getenv("LAZARET_RULE_ROUNDS")); err == nil {
		rounds, seed = n, uint64(time.Now().UnixNano())
	}
	w := writer{rand.New(rand.NewPCG(seed, 9))}
	events := make([]string, 200)
	for i := range events {
		events[i] = w.event()
	}
	compiled, quickly, asked, sure := 0, 0, 0, 0
	for range rounds {
		expr := w.value(1+w.IntN(3), false)
		if w.IntN(2) == 0 {
			expr = w.truth(1+w.IntN(3), false)
		}
		p, err := Compile(Set{Rules: []Rule{{ID: "r", Expr: expr}}})
		if err != nil {
			continue
		}
		compiled++
		e := p.rules[0].expr
		if e.quick == nil {
			continue
		}
		quickly++
		for range 8 {
			data := events[w.IntN(len(events))]
			worker := onEvent(t, p, data)
			v := worker.look()
			v.left = MaxSteps
			got := e.quick(v)
			asked++
			if got.kind == unsure {
				continue
			}
			sure++
			want, err := worker.run(e.program)
			if have := unquick(t, got); err != nil || !sameValue(have, want) {
				t.Fatalf("seed %d: %s\n%s\ngot  %#v\nwant %#v, %v", seed, expr, data, have, want, err)
			}
			if v.left > worker.budget.left {
				t.Fatalf("%s\n%s\n%d steps are left, and %d are", expr, data, v.left, worker.budget.left)
			}
		}
	}
	t.Logf("%d expressions, %d of them with a quick way; %d values, %d of them sure", compiled, quickly, asked, sure)
	if quickly < compiled/3 || sure < asked/4 {
		t.Error("too few of them are quick")
	}
}

// The rules that people write are quick, and surely so.
func TestUsualRulesAreQuick(t *testing.T) {
	const data = `{"event_type":"purchase","amount":12.5,"currency":"EUR","country":"DE","n":3,"ok":true,"none":null,"name":"Zo\u00eb",
		"at":"2026-03-04T05:00:00.5Z","session":{"at":"2026-03-04T06:00:00+01:00"},"items":[{"price":2.5,"quantity":3,"tags":["a"]},{"quantity":1,"price":5}]}`
	for _, expr := range []string{
		`event.amount > 0`, `event.amount >= 0 and event.amount <= 100000`, `event.event_type == "purchase"`, `event.event_type != "x" || event.n == 4`,
		`event.none == nil and event.missing == nil and event.session != nil`, `event.ok`, `not (event.n > 3)`, `event.currency in ["USD", "EUR"]`, `event.n in [1, 2, 3]`, `event.n in 1..5`,
		`event.currency == {"US": "USD", "DE": "EUR"}[event.country]`, `len(event.items) > 1 and len(event.name) == 3`,
		`date(event.session.at, "2006-01-02T15:04:05Z07:00") <= date(event.at, "2006-01-02T15:04:05Z07:00")`, `date(event.at) > date("2026-01-01")`,
		`date(event.at) <= meta.received + duration("5m")`, `abs(sum(event.items, .price * .quantity) - event.amount) < 0.005`, `all(event.items, .quantity > 0 and #.price != nil)`,
		`any(event.items, .tags[0] == "a")`, `count(event.items, .price > 1) == 2`, `event.name startsWith "Z" and event.currency matches "^[A-Z]{3}$"`, `event.items[0].price == 2.5`,
		`event.a?.b?.c == nil`, `(event.discount ?? 0) < event.amount`, `event.n % 3 == 0 ? true : event.ok`, `meta.source == "http" and meta.stream == "orders"`, `event.n * 2 + 1 == 7`,
	} {
		p, err := Compile(Set{Rules: []Rule{{ID: "r", Expr: expr}}})
		if err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		w := onEvent(t, p, data)
		if p.rules[0].answer(w.look()) != passes {
			t.Errorf("%s: not surely good", expr)
		}
		if out := w.eval(&p.rules[0]); !out.good {
			t.Errorf("%s: %+v", expr, out)
		}
	}
}

// A text that is a time for package time is the same one here, or none.
func TestReadTime(t *testing.T) {
	w := writer{rand.New(rand.NewPCG(3, 3))}
	read := 0
	for range 200_000 {
		digits := func(most int) string { return strconv.Itoa(100 + w.IntN(most))[1:] }
		s := strconv.Itoa(10_000 + w.IntN(10_000))[1:] + "-" + digits(14) + "-" + digits(33) + w.one("T", "T", "T", "t", " ") + digits(25) + ":" + digits(61) + ":" + digits(61) +
			w.one("", "", ".5", ".123", ".123456789", ".1234567890", ".", ",5", ".000000001") + w.one("Z", "Z", "z", "", "+"+digits(25)+":"+digits(61), "-"+digits(24)+":"+digits(60), "+01:0", "+0100")
		got, ok := readRFC3339(s)
		want, err := time.ParseInLocation(time.RFC3339Nano, s, time.UTC)
		if !ok {
			continue
		}
		read++
		if err != nil || got != moment(want) {
			t.Fatalf("%s: got %v, want %v, %v", s, got, want, err)
		}
	}
	if read < 10_000 {
		t.Errorf("%d were read", read)
	}
}

// A number is what the event's decoder makes of it.
func TestReadNumber(t *testing.T) {
	w := writer{rand.New(rand.NewPCG(4, 4))}
	for range 200_000 {
		s := w.one("", "", "-") + strconv.FormatUint(w.Uint64()>>w.IntN(64), 10)
		if w.IntN(2) == 0 {
			s += "." + strconv.FormatUint(w.Uint64()>>w.IntN(64), 10) + w.one("", "0", "000")
		}
		s += w.one("", "", "", "", "e3", "E-7", "e+400")
		want, _ := valueOf(number(s))
		if got := readNumber(s); got != want {
			t.Fatalf("%s: got %v, want %v", s, got, want)
		}
	}
}

// What a verdict keeps is no part of the payload, whose bytes are the caller's.
func TestVerdictKeepsNothingOfThePayload(t *testing.T) {
	c := contract(t, Set{}, func(c *ContractConfig) { c.ID, c.Key = "/id", "/key" })
	for _, data := range []string{`{"id":"abc","key":"def"}`, `{"id":"abc"}`, `{"key":"def"}`, `{"id":12345,"key":true}`, `{"id":"\u0061bc","key":"d\"f"}`} {
		e := event(data)
		v, err := c.Judge(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		id, key := string([]byte(v.ID)), string([]byte(v.Key))
		for i := range e.Data {
			e.Data[i] = '#'
		}
		if v.ID != id || v.Key != key || id+key == "" {
			t.Errorf("%s: %q and %q became %q and %q", data, id, key, v.ID, v.Key)
		}
	}
}

// Rules with a quick answer are reported as all others are, each once an event.
func TestOnRuleIsToldOfQuickAnswers(t *testing.T) {
	told := map[string]int{}
	c := contract(t, Set{Rules: []Rule{{ID: "quick", Expr: "event.a > 3"}, {ID: "slow", Expr: "int(event.a) > 3"}, {ID: "false", Expr: "event.a > 5", Severity: Warn}}},
		func(c *ContractConfig) {
			c.OnRule = func(rule string) func(time.Duration) { return func(time.Duration) { told[rule]++ } }
		})
	for range 3 {
		judge(t, c, `{"a":4}`)
	}
	if want := map[string]int{"quick": 3, "slow": 3, "false": 3}; !reflect.DeepEqual(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}
