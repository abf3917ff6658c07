package rules

import (
	"fmt"
	"testing"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/jsonread"
)

// typical are four rules as people write them for a stream of orders.
var typical = Set{Rules: []Rule{
	{ID: "limit", Expr: "event.amount >= 0 and event.amount <= 100000"},
	{ID: "country", Expr: "event.country in ['DE', 'FR', 'US', 'GB', 'JP']"},
	{ID: "items", Expr: "all(event.items, #.qty > 0 and #.price >= 0)", When: "event.type == 'purchase'"},
	{ID: "fresh", Expr: "date(event.timestamp) <= meta.received + duration('5m')"},
}}

const order = `{"event_id":"3f0c","type":"purchase","amount":12999,"country":"DE","timestamp":"2026-03-04T05:00:00Z",
"items":[{"sku":"a","qty":1,"price":999},{"sku":"b","qty":2,"price":6000}],"user":{"id":"u1","name":"Zoë"}}`

func benchmark(b *testing.B, set Set) {
	c := contract(b, set)
	e := event(order)
	if v, err := c.Judge(b.Context(), e); err != nil || v.Status != lazaret.Accepted {
		b.Fatal(v, err)
	}
	b.SetBytes(int64(len(order)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Judge(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
}

// The difference between the two is what four rules cost.
func BenchmarkJudgeWithoutRules(b *testing.B) { benchmark(b, Set{}) }
func BenchmarkJudgeFourRules(b *testing.B)    { benchmark(b, typical) }

func BenchmarkEachRule(b *testing.B) {
	for _, r := range typical.Rules {
		b.Run(r.ID, func(b *testing.B) {
			p, err := Compile(Set{Rules: []Rule{r}})
			if err != nil {
				b.Fatal(err)
			}
			e := event(order)
			value, bad := jsonread.Decode(e.Data, jsonread.Limits{})
			if bad != nil {
				b.Fatal(bad)
			}
			w := newWorker()
			w.env.Event = numbers(value)
			w.env.Meta = newMeta(uses{}, "s", e, nil, &lazaret.Verdict{})
			b.ReportAllocs()
			for b.Loop() {
				if out := w.eval(&p.rules[0]); !out.good {
					b.Fatal(out)
				}
			}
		})
	}
}

func BenchmarkCompile500Rules(b *testing.B) {
	var set Set
	for i := range MaxRules {
		r := typical.Rules[i%len(typical.Rules)]
		r.ID = fmt.Sprintf("r%d", i)
		set.Rules = append(set.Rules, r)
	}
	for b.Loop() {
		if _, err := Compile(set); err != nil {
			b.Fatal(err)
		}
	}
}
