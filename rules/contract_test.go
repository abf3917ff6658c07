package rules

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/schemas"
)

func schema(t testing.TB, document string) *schemas.Schema {
	t.Helper()
	s, err := schemas.Compile([]byte(document), schemas.Options{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const orderSchema = `{"type":"object","required":["id","amount"],"properties":{"id":{"type":["string","integer"]},"amount":{"type":"number"}}}`

func orders(t testing.TB) *Contract {
	return contract(t, Set{Rules: []Rule{
		{ID: "limit", Expr: "event.amount <= 400", Message: "the amount is over the limit"},
		{ID: "ratio", Expr: "event.amount / event.count < 100", When: "event.count != nil"},
		{ID: "round", Expr: "event.amount % 1 == 0", Severity: Warn, Message: "the amount is not whole"},
	}}, func(c *ContractConfig) {
		c.Schema, c.ID, c.Key, c.Time = schema(t, orderSchema), "/id", "/user/key", "/at"
	})
}

// A verdict has the status, the reasons, the warnings and what the pointers found.
func TestJudge(t *testing.T) {
	version := lazaret.Version{Stream: 3, RuleSet: 2}
	at := time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)
	failed := func(rule, path, message string) lazaret.Reason {
		return lazaret.Reason{Code: lazaret.CodeRuleFailed, Rule: rule, Path: path, Message: message}
	}
	broken := func(rule, path, message string) lazaret.Reason {
		return lazaret.Reason{Code: lazaret.CodeRuleError, Rule: rule, Path: path, Message: "rule " + rule + " could not be evaluated: " + message}
	}
	c := orders(t)
	for _, x := range []struct {
		data string
		want lazaret.Verdict
	}{
		{`{"id":"a\u0062","amount":3,"user":{"key":12345678901234567890},"at":"2026-03-01T12:00:00+01:00"}`,
			lazaret.Verdict{Status: lazaret.Accepted, ID: "ab", Key: "12345678901234567890", Time: at}},
		{`{"id":7,"amount":401,"count":10}`,
			lazaret.Verdict{Status: lazaret.Quarantined, ID: "7", Reasons: []lazaret.Reason{failed("limit", "/amount", "the amount is over the limit")}}},
		{`{"id":7,"amount":401,"count":0}`,
			lazaret.Verdict{Status: lazaret.Quarantined, ID: "7", Reasons: []lazaret.Reason{
				broken("ratio", "", "division by zero (expr 1:14)"), failed("limit", "/amount", "the amount is over the limit")}}},
		{`{"id":7,"amount":1.5}`,
			lazaret.Verdict{Status: lazaret.Accepted, ID: "7", Warnings: []lazaret.Reason{broken("round", "/amount", "a value has a type that does not fit (expr 1:14)")}}},
	} {
		x.want.Version = version
		got := judge(t, c, x.data)
		if len(got.Reasons) == 0 {
			got.Reasons = nil
		}
		if len(got.Warnings) == 0 {
			got.Warnings = nil
		}
		if !reflect.DeepEqual(got, x.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", x.data, got, x.want)
		}
	}
}

// An event that the schema refuses has the schema's reasons alone, and is identified.
func TestRulesRunOnlyOnTheRightShape(t *testing.T) {
	v := judge(t, orders(t), `{"id":"x","amount":"999","user":{"key":true}}`)
	if v.Status != lazaret.Quarantined || len(v.Reasons) != 1 || v.Reasons[0].Code != lazaret.SchemaCode("type") {
		t.Errorf("%+v", v)
	}
	if v.ID != "x" || v.Key != "true" {
		t.Errorf("id %q, key %q", v.ID, v.Key)
	}
	v = judge(t, orders(t), `{"id":"x","amount":`)
	if v.Status != lazaret.Quarantined || v.Reasons[0].Code != lazaret.CodeSyntax || v.ID != "" {
		t.Errorf("%+v", v)
	}
}

// A CloudEvent is judged by its payload and identified by its attributes.
func TestJudgeCloudEvents(t *testing.T) {
	c := contract(t, Set{Rules: []Rule{{ID: "r", Expr: "event.amount < 3 and meta.ce.type == 'order' and meta.ce.region == 'eu'"}}})
	structured := func(data string) *lazaret.Event {
		return &lazaret.Event{ContentType: "application/cloudevents+json", Data: []byte(
			`{"specversion":"1.0","id":"e1","source":"/s","type":"order","partitionkey":"p","region":"eu","time":"2026-03-01T12:00:00Z"` + data + `}`)}
	}
	binary := &lazaret.Event{Data: []byte(`{"amount":2}`), ContentType: "application/json", Headers: []lazaret.Header{
		{Name: "ce-specversion", Value: "1.0"}, {Name: "ce-id", Value: "e1"}, {Name: "ce-source", Value: "/s"}, {Name: "ce-type", Value: "order"},
		{Name: "ce-partitionkey", Value: "p"}, {Name: "ce-region", Value: "eu"}, {Name: "ce-time", Value: "2026-03-01T12:00:00Z"}}}
	for name, e := range map[string]*lazaret.Event{"structured": structured(`,"data":{"amount":2}`), "binary": binary} {
		v, err := c.Judge(t.Context(), e)
		if err != nil || v.Status != lazaret.Accepted || v.ID != "e1" || v.Key != "p" || !v.Time.Equal(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)) {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
	v, err := c.Judge(t.Context(), structured(``))
	if err != nil || v.Status != lazaret.Quarantined || len(v.Reasons) != 1 || v.Reasons[0].Code != lazaret.EnvelopeCode("data") || v.ID != "e1" {
		t.Errorf("no data: %+v, %v", v, err)
	}
	v, err = c.Judge(t.Context(), &lazaret.Event{ContentType: "application/cloudevents+json", Data: []byte(`{"specversion":"1.0"`)})
	if err != nil || v.Status != lazaret.Quarantined || len(v.Reasons) == 0 {
		t.Errorf("no envelope: %+v, %v", v, err)
	}
	v, err = c.Judge(t.Context(), &lazaret.Event{ContentType: "application/cloudevents+json", Data: []byte(`{"specversion":"1.0","source":"/s","type":"order","data":{"amount":9}}`)})
	if err != nil || v.Status != lazaret.Quarantined || v.Reasons[0].Code != lazaret.EnvelopeCode("id") {
		t.Errorf("no id: %+v, %v", v, err)
	}
}

// No reason, warning or error holds anything out of the payload.
func TestReasonsHoldNoValue(t *testing.T) {
	const marker = "hunter2"
	var set Set
	for i, expr := range []string{
		"event.s > 3", "event.s + 1 > 2", "int(event.s) > 1", "float(event.s) > 1", "event.list[event.s] == 1", "event.s[event.o] == 1",
		"event.none[event.s] == 1", "date(event.s).Year() == 1", "duration(event.s) > duration('1s')", "date('2026', event.s).Year() == 1",
		"date('2026', '2006', event.s).Year() == 1", "timezone(event.s) == nil", "fromJSON(event.s) == 1", "fromBase64(event.s) == ''",
		"event.s", "event.s ? true : false", "not event.s", "-event.s > 1", "event.s.x.y == 1", "event.o.s.t == 1", "event.s() == 1", "all(event.s, true)",
		"sum(event.list) > 0", "max(event.list) > 0", "join(event.mixed, event.s) == event.s", "sort(event.list, event.s) == []", "sortBy(event.list, #, event.s) == []",
		"event.s in event.s", "event.o in event.o", "event.s matches 'x'", "event.o matches 'x'", "event.o contains event.s", "repeat(event.s, event.s) == ''",
		"event.o == 1", "len(fromPairs(event.list)) == 1", "keys(event.s) == []", "get(event, event.o) == 1", "1 in 1..3 and event.s in 1..3", "string(event.o) == ''",
		"event.list[event.s:] == 1", "split(event.s, event.n) == []", "trim(event.n, event.s) == ''", "len(groupBy(event.list, event.o)) == 1", "take(event.list, event.s) == 1",
	} {
		if strings.HasPrefix(expr, "event.s()") {
			continue // not a call that rules have
		}
		set.Rules = append(set.Rules, Rule{ID: fmt.Sprintf("r%d", i), Expr: expr})
	}
	for _, severity := range []Severity{Reject, Warn} {
		for _, r := range set.Rules {
			r.Severity = severity
			c := contract(t, Set{Rules: []Rule{r}})
			v := judge(t, c, `{"s":"hunter2","n":7,"list":["hunter2",{"hunter2":1}],"mixed":[1],"o":{"hunter2":"hunter2","s":"hunter2"}}`)
			all := fmt.Sprintf("%+v %+v", v.Reasons, v.Warnings)
			if strings.Contains(all, marker) {
				t.Errorf("%s: the value shows: %s", r.Expr, all)
			}
			if len(v.Reasons)+len(v.Warnings) == 0 {
				t.Errorf("%s: nothing failed, so that nothing is shown", r.Expr)
			}
		}
	}
}

// mixed are events of every kind for a contract of rules of every kind.
func mixed(t testing.TB) (*Contract, []string) {
	c := contract(t, Set{Rules: []Rule{
		{ID: "sum", Expr: "sum(event.items, #.n) < 20"},
		{ID: "keys", Expr: "keys(event)[0] == 'id'"},
		{ID: "first", Expr: "first(values(event)) != 3", Severity: Warn},
		{ID: "pairs", Expr: "toPairs(event) | map(#[0]) | join(',') startsWith 'id'"},
		{ID: "groups", Expr: "keys(groupBy(event.items, #.k))[0] == 1"},
		{ID: "let", Expr: "let a = event.items; let b = map(a, #.n); max(b) < 9", When: "len(event.items) > 1"},
		{ID: "error", Expr: "event.x.y > 3", When: "event.x != nil"},
		{ID: "meta", Expr: "meta.id != '' and meta.headers['x-tenant'] == 'a'"},
	}}, func(c *ContractConfig) { c.ID = "/id" })
	var events []string
	for i := range 60 {
		events = append(events, fmt.Sprintf(`{"z":1,"id":%d,"zz":[%d],"x":[null,{},{"y":4},{"y":%d}][0],"items":[{"n":%d,"k":"a"},{"n":%d,"k":1}]}`, i%7, i, i, i%11, i%13))
		events[i] = strings.Replace(events[i], `[null,{},{"y":4},{"y":`+fmt.Sprint(i)+`}][0]`, []string{"null", "{}", `{"y":4}`, "3"}[i%4], 1)
	}
	return c, append(events, `[]`, `null`, `{`, `{"id":1,"id":2}`, `"x"`, `{"items":{}}`)
}

// Promise 3: the same event has the same verdict in every order, at once with any
// others, and from a contract that is built anew.
func TestOneVerdict(t *testing.T) {
	c, events := mixed(t)
	want := make([]lazaret.Verdict, len(events))
	seen := map[lazaret.Status]int{}
	for i, e := range events {
		want[i] = judge(t, c, e)
		seen[want[i].Status]++
	}
	if seen[lazaret.Accepted] == 0 || seen[lazaret.Quarantined] == 0 {
		t.Fatalf("the events show nothing: %v", seen)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			again := c
			if g%2 == 1 {
				again, _ = mixed(t)
			}
			for _, i := range rand.New(rand.NewPCG(1, uint64(g))).Perm(len(events)) {
				if got, err := again.Judge(t.Context(), event(events[i])); err != nil || !reflect.DeepEqual(got, want[i]) {
					t.Errorf("%s:\ngot  %+v, %v\nwant %+v", events[i], got, err, want[i])
				}
			}
		})
	}
	wg.Wait()
}

// The event that is judged is not written to, and can be judged again.
func TestJudgeLeavesTheEventAlone(t *testing.T) {
	c, events := mixed(t)
	for _, data := range events {
		e := event(data)
		if _, err := c.Judge(t.Context(), e); err != nil || string(e.Data) != data {
			t.Errorf("%s became %s (%v)", data, e.Data, err)
		}
	}
}

// A caller who has left gets no verdict, and an error is not one.
func TestJudgeAfterCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if v, err := orders(t).Judge(ctx, event(`{}`)); !errors.Is(err, context.Canceled) || v.Status != "" {
		t.Errorf("%+v, %v", v, err)
	}
}

// Every rule's time is told, and reasons beyond the limit are counted.
func TestOnRuleAndManyReasons(t *testing.T) {
	var set Set
	for i := range lazaret.MaxReasons + 5 {
		set.Rules = append(set.Rules, Rule{ID: fmt.Sprintf("r%02d", i), Expr: "event == 1"})
	}
	told := 0
	c := contract(t, set, func(c *ContractConfig) {
		c.OnRule = func(string) func(time.Duration) { return func(time.Duration) { told++ } }
	})
	v := judge(t, c, `2`)
	if len(v.Reasons) != lazaret.MaxReasons || v.More != 5 || told != lazaret.MaxReasons+5 {
		t.Errorf("%d reasons, %d more, %d told", len(v.Reasons), v.More, told)
	}
}

// A pointer that is none is refused when the contract is built.
func TestNewContractRefusesBadPointers(t *testing.T) {
	for _, p := range []string{"id", "/a~", "/a~2b", "/a~0~"} {
		if _, err := NewContract(ContractConfig{ID: p}); err == nil {
			t.Errorf("%q is taken", p)
		}
	}
	for _, p := range []string{"", "/", "/a~0b~1c", "/a/b/0"} {
		if _, err := NewContract(ContractConfig{Key: p}); err != nil {
			t.Errorf("%q: %v", p, err)
		}
	}
}
