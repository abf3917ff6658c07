package rules

import (
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/schemas"
)

// writer makes random rules and random events that speak of the same few names.
type writer struct{ *rand.Rand }

func (w writer) one(list ...string) string { return list[w.IntN(len(list))] }

func (w writer) name() string { return w.one("a", "b", "c", "items", "t", "a~/b", "0", "é") }

func (w writer) member() string {
	name := w.name()
	dot, quote := ".", w.one(`["`, `["`, `?.["`)
	if w.IntN(5) == 0 {
		dot = "?."
	}
	if isName(name) && w.IntN(4) > 0 {
		return dot + name
	}
	return quote + name + `"]`
}

// place is a path into the event, most often of names alone.
func (w writer) place() string {
	s := "event"
	for range 1 + w.IntN(3) - w.IntN(12)/11 {
		switch w.IntN(14) {
		case 0:
			s += "[" + strconv.Itoa(w.IntN(3)) + "]"
		case 1:
			s += "[event" + w.member() + "]"
		default:
			s += w.member()
		}
	}
	return s
}

func (w writer) literal() string {
	return w.one("0", "1", "-1", "2", "3", "0.5", "1.0", "-2.5", "1e3", "9007199254740993", `""`, `"a"`, `"b"`, `"é"`, `"a\"b"`, `'\n'`, "true", "false", "nil",
		`"2026-01-02T03:04:05Z"`, `"2026-01-02"`)
}

// value is an expression of any type. within says that it is in a predicate.
func (w writer) value(depth int, within bool) string {
	if depth <= 0 || w.IntN(4) == 0 {
		switch {
		case within && w.IntN(2) == 0:
			return w.one("#", "#"+w.member(), "#"+w.member(), "#"+w.member()+w.member(), "."+w.one("a", "b", "c"))
		case w.IntN(3) > 0:
			return w.place()
		}
		return w.literal()
	}
	a, b := w.value(depth-1, within), w.value(depth-1, within)
	switch w.IntN(18) {
	case 0, 1:
		return "(" + a + w.one(" + ", " - ", " * ", " / ", " % ", " ** ") + b + ")"
	case 2:
		return "abs(" + a + ")"
	case 3:
		return "len(" + a + ")"
	case 4:
		return "date(" + a + w.one("", "", ", '2006-01-02'", ", '2006-01-02T15:04:05Z07:00'", ", '2006-01-02T15:04:05'") + ")"
	case 5:
		return "sum(" + w.list() + w.one("", ", "+w.value(depth-1, true)) + ")"
	case 6:
		return "count(" + w.list() + ", " + w.truth(depth-1, true) + ")"
	case 7:
		return "(" + w.truth(depth-1, within) + " ? " + a + " : " + b + ")"
	case 8:
		return "(" + a + " ?? " + b + ")"
	case 9:
		return w.object() + "[" + a + "]"
	case 10:
		return w.one("-", "+") + "(" + a + ")"
	case 11:
		return w.one("lower", "upper", "string", "int", "keys", "min", "first", "type", "sort", "uniq", "duration") + "(" + a + ")"
	case 12:
		return "(" + w.one("meta.received", "date('2026-03-04')") + w.one(" + ", " - ") + "duration('" + w.one("5m", "-1h", "1ns") + "'))"
	case 13:
		return "meta." + w.one("id", "key", "time", "received", "stream", "content_type", "source", "headers['x-tenant']", "ce['type']")
	case 14:
		return "map(" + w.list() + ", " + w.value(depth-1, true) + ")"
	case 15:
		return "(" + a + ")" + w.member()
	case 16:
		return "let v = " + a + "; v == " + b
	}
	return a
}

func (w writer) list() string {
	return w.one("event.items", "event.items", "event.items", "event.a", "event.b.items", w.place(), "[1, 2, 3]", "1..3", "keys(event)")
}

func (w writer) object() string {
	return "{" + strings.Join([]string{`"a": ` + w.literal(), `"b": ` + w.literal(), w.one(`"a": 1`, `"c": 2`, `"d": event.a`)}, ", ") + "}"
}

// truth is an expression that is likely to be true or false.
func (w writer) truth(depth int, within bool) string {
	a, b := w.value(depth-1, within), w.value(depth-1, within)
	if depth > 0 && w.IntN(3) == 0 {
		c, d := w.truth(depth-1, within), w.truth(depth-1, within)
		return w.one("not ("+c+")", "("+c+" and "+d+")", "("+c+" or "+d+")", "("+c+" && !("+d+"))", "("+c+" || "+d+")", "("+c+" ? "+c+" : "+d+")")
	}
	switch w.IntN(14) {
	case 0:
		return "(" + a + w.one(" in ", " not in ") + w.one("['a', 'b', 'é']", "[1, 2.5, 'a']", "[nil, true]", "['a', 1.0]", "1..3", "[]", w.list(), w.object()) + ")"
	case 1:
		return w.one("all", "any", "none", "one") + "(" + w.list() + ", " + w.truth(depth-1, true) + ")"
	case 2:
		return "(" + a + w.one(" startsWith ", " endsWith ", " contains ") + w.one("'a'", "''", b) + ")"
	case 3:
		return "(" + a + " matches '" + w.one("^a", "[0-9]+$", "", "^é$") + "')"
	case 4:
		return a
	case 5:
		return "(" + w.place() + w.one(" == ", " != ") + "nil)"
	}
	return "(" + a + w.one(" == ", " != ", " < ", " <= ", " > ", " >= ", " == ") + b + ")"
}

func (w writer) scalar() string {
	return w.one("0", "1", "-1", "2", "3", "0.5", "1.0", "-0", "-0.0", "1e3", "2.50", "-2.5", "1E-2", "9007199254740993", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
		"1e22", "123456789012345678", "0.1", "0.2", "0.30000000000000004", "12.345678901234567890",
		"null", "null", "true", "false", `""`, `"a"`, `"a"`, `"b"`, `"c"`, `"\u0061"`, `"a\"b"`, `"\n"`, `"é"`, `"\u00e9"`, `"abc"`, `"items"`,
		`"2026-01-02T03:04:05Z"`, `"2026-01-02T03:04:05.123456789012Z"`, `"2026-01-02T03:04:05.5+01:00"`, `"2026-02-29T00:00:00Z"`, `"2024-02-29T23:59:59-23:59"`,
		`"2026-01-02T03:04:60Z"`, `"2026-01-02T03:04:05,5Z"`, `"2026-01-02t03:04:05z"`, `"2026-01-02T24:00:00Z"`, `"2026-01-02T03:04:05+24:00"`, `"2026-01-02T03:04:05-00:60"`, `"0000-01-01T00:00:00Z"`,
		`"2026-01-02"`, `"2026-01-02T3:04:05Z"`, `"2026-01-02 03:04:05"`, `"9999-12-31T23:59:59.999999999Z"`, `"5m"`)
}

func (w writer) space() string { return w.one("", "", "", "", " ", "\n\t ") }

func (w writer) json(depth int) string {
	switch k := w.IntN(8); {
	case depth <= 0 || k < 3:
		return w.scalar()
	case k < 5:
		var list []string
		for range w.IntN(4) {
			list = append(list, w.space()+w.json(depth-1)+w.space())
		}
		return "[" + w.space() + strings.Join(list, ",") + "]"
	}
	return w.jsonObject(depth)
}

func (w writer) jsonObject(depth int) string {
	var list []string
	names := []string{"a", "b", "c", "items", "t", "a~/b", "0", "é", `x`}
	w.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names[:w.IntN(len(names)+1)] {
		value := w.json(depth - 1)
		if name == "items" && w.IntN(4) > 0 {
			same := w.jsonObject(1)
			value = w.one("[]", "["+same+"]", "["+same+", "+w.jsonObject(1)+"]", "["+w.scalar()+","+w.scalar()+"]", "[1,2,3]", "[0.1,0.2,3]")
		}
		if w.IntN(12) == 0 {
			name = fmt.Sprintf(`\u%04x`, []rune(name)[0]) + name[len(string([]rune(name)[:1])):]
		}
		list = append(list, w.space()+`"`+name+`"`+w.space()+":"+w.space()+value+w.space())
	}
	return "{" + w.space() + strings.Join(list, ",") + "}"
}

func (w writer) event() string {
	if w.IntN(20) == 0 {
		return w.space() + w.json(2) + w.space()
	}
	return w.space() + w.jsonObject(4) + w.space()
}

// set has rules that compile.
func (w writer) set() Set {
	var set Set
	for tries := 0; len(set.Rules) == 0 || tries < 4; tries++ {
		r := Rule{ID: fmt.Sprintf("r%d", tries), Expr: w.truth(1+w.IntN(3), false), Severity: []Severity{Reject, Warn}[w.IntN(2)]}
		if w.IntN(3) == 0 {
			r.When = w.truth(1+w.IntN(2), false)
		}
		if _, err := Compile(Set{Rules: []Rule{r}}); err == nil {
			set.Rules = append(set.Rules, r)
		}
	}
	return set
}

// twoContracts are two contracts that differ in how they judge.
func twoContracts(t testing.TB, set Set) (fast, reference *Contract) {
	change := func(c *ContractConfig) { c.ID, c.Key, c.Time = "/a", "/items/0/b", "/t" }
	return contract(t, set, change), contract(t, set, change, func(c *ContractConfig) { c.Reference = true })
}

// The quick ways to a verdict lead to the verdict of the expression library on the event
// as a whole: the same status, reasons, messages, paths and identity.
func TestSameVerdictAsReference(t *testing.T) {
	rounds, seed := 800, uint64(1)
	if n, err := strconv.Atoi(os.Getenv("LAZARET_RULE_ROUNDS")); err == nil {
		rounds, seed = n, uint64(time.Now().UnixNano())
	}
	w := writer{rand.New(rand.NewPCG(seed, 5))}
	seen := map[string]int{}
	for round := range rounds {
		set := w.set()
		fast, reference := twoContracts(t, set)
		for range 12 {
			e := event(w.event())
			want, err := reference.Judge(t.Context(), e)
			if err != nil {
				t.Fatal(err)
			}
			got, err := fast.Judge(t.Context(), e)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d, round %d: %s\n%s\ngot  %+v, %v\nwant %+v", seed, round, written(set), e.Data, got, err, want)
			}
			seen[string(want.Status)]++
			for _, r := range append(want.Reasons, want.Warnings...) {
				seen[string(r.Code)]++
			}
		}
	}
	t.Logf("%d verdicts: %v", rounds*12, seen)
	for _, code := range []string{string(lazaret.Accepted), string(lazaret.CodeRuleFailed), string(lazaret.CodeRuleError)} {
		if seen[code] < rounds/2 {
			t.Errorf("too few verdicts with %s: %v", code, seen)
		}
	}
}

func written(set Set) string {
	var b strings.Builder
	for _, r := range set.Rules {
		fmt.Fprintf(&b, "\n%s: %s  WHEN %s", r.ID, r.Expr, r.When)
	}
	return b.String()
}

// What is captured is what is named, and what is on the way to it.
func TestCaptures(t *testing.T) {
	p, err := Compile(Set{Rules: []Rule{
		{ID: "a", Expr: `event.a.b > 1 and event["a"]["c~/d"] == 1 and event.list[0].x == 1 and event.a.b != nil`},
		{ID: "b", Expr: `event.o[event.k] == 1`, When: `len(event) > 1`},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"/a", "/a/b", "/a/c~0~1d", "/list", "/k", "/o"}; !reflect.DeepEqual(p.captures.pointers, want) {
		t.Errorf("got %q, want %q", p.captures.pointers, want)
	}
	if p.rules[0].whole || !p.rules[1].whole {
		t.Error("the second rule, and only that one, reads the event as a whole")
	}
	raw := []byte(` {"a":{"b":2,"x":1},"k":"k","list":[{"x":1,"y":2}],"n":1}`)
	c, err := schemas.Any(jsonread.DefaultLimits).Checker(p.captures.pointers)
	if err != nil {
		t.Fatal(err)
	}
	spans := make([]schemas.Span, len(p.captures.pointers))
	if _, err := c.Judge(raw, spans); err != nil {
		t.Fatal(err)
	}
	got, bad := p.captures.root.partial(trimmed(raw), raw, spans)
	want := map[string]any{"a": map[string]any{"b": 2}, "k": "k", "list": []any{map[string]any{"x": 1, "y": 2}}}
	if bad != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, bad, want)
	}
}

// A set that reads very many places is judged all the same.
func TestVeryManyPlaces(t *testing.T) {
	var set Set
	for i := range MaxRules {
		set.Rules = append(set.Rules, Rule{ID: fmt.Sprintf("r%d", i), Expr: fmt.Sprintf("event.a%d.b == event.c%d", i, i)})
	}
	fast, reference := twoContracts(t, set)
	if n := len(fast.cfg.Rules.captures.pointers); n != maxCaptures {
		t.Errorf("%d places are captured", n)
	}
	for _, data := range []string{`{}`, `{"a0":{"b":1},"c0":1,"a499":{"b":"x"},"c499":"x"}`} {
		if got, want := judge(t, fast, data), judge(t, reference, data); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", data, got, want)
		}
	}
}

// On the events of the workload, good and bad, the verdicts are those of the reference.
func TestSameVerdictOnTheWorkload(t *testing.T) {
	fast, reference := clickstream(t, false, nil), clickstream(t, true, nil)
	rules := map[string]int{}
	for _, size := range []int{768, 10240} {
		events, _ := clickstreamEvents(t, size, 0.5)
		for _, e := range events {
			want, err := reference.Judge(t.Context(), e)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := fast.Judge(t.Context(), e); err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%s\ngot  %+v, %v\nwant %+v", e.Data, got, err, want)
			}
			for _, r := range append(want.Reasons, want.Warnings...) {
				rules[r.Rule]++
			}
		}
	}
	if len(rules) != 7 { // all six, and none
		t.Errorf("not every rule has failed: %v", rules)
	}
}
