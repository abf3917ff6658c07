package rules

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/workload"
	"github.com/lazaret/lazaret/schemas"
)

// clickstream is a contract of examples/clickstream with some of its rules; nil is all.
func clickstream(tb testing.TB, reference bool, ids []string) *Contract {
	tb.Helper()
	read := func(name string) []byte {
		data, err := os.ReadFile("../examples/clickstream/" + name)
		if err != nil {
			tb.Fatal(err)
		}
		return data
	}
	s, err := schemas.Compile(read("clickstream.schema.json"), schemas.Options{Name: "clickstream", Reference: reference})
	if err != nil {
		tb.Fatal(err)
	}
	set, err := Parse("rules.yaml", read("mended/rules.yaml"))
	if err != nil {
		tb.Fatal(err)
	}
	if ids != nil {
		set.Rules = slices.DeleteFunc(set.Rules, func(r Rule) bool { return !slices.Contains(ids, r.ID) })
		if len(set.Rules) != len(ids) {
			tb.Fatalf("not all of %q are rules of the example", ids)
		}
	}
	return contract(tb, set, func(c *ContractConfig) {
		c.Schema, c.Reference = s, reference
		c.ID, c.Key, c.Time = "/event_id", "/user_id", "/timestamp"
	})
}

// The rules of the example that each benchmark takes. Four that are typical: a bound on
// a number, a look-up, two times, and a sum over a list, which costs most by far.
var (
	noRules   = []string{}
	fourRules = []string{"purchase-amount-positive", "purchase-currency", "session-before-event", "purchase-total"}
)

func clickstreamEvents(tb testing.TB, size int, bad float64) (events []*lazaret.Event, bytes int64) {
	tb.Helper()
	const count = 500
	gen, err := workload.New(workload.Config{Events: count, Size: size, Invalid: bad, Seed: 7})
	if err != nil {
		tb.Fatal(err)
	}
	for range count {
		e, _ := gen.Next()
		events = append(events, &lazaret.Event{Data: e.Data, ContentType: "application/json", Received: time.Unix(1_800_000_000, 0), Source: lazaret.Source{Kind: "http"}})
		bytes += int64(len(e.Data))
	}
	return events, bytes
}

// BenchmarkVerdict is the speed of whole verdicts on the events of the workload, with no
// rules, four and all six, and how many times that of the reference it is in the same
// process ("x-ref").
func BenchmarkVerdict(b *testing.B) {
	for _, size := range []int{768, 10240} {
		for _, bad := range []float64{0, 0.15, 1} {
			events, bytes := clickstreamEvents(b, size, bad)
			for _, rules := range []struct {
				name string
				ids  []string
			}{{"none", noRules}, {"four", fourRules}, {"all", nil}} {
				b.Run(fmt.Sprintf("%dB/%.0f%%bad/%s", size, 100*bad, rules.name), func(b *testing.B) {
					c, reference := clickstream(b, false, rules.ids), clickstream(b, true, rules.ids)
					all := func() time.Duration {
						start := time.Now()
						for _, e := range events {
							if _, err := reference.Judge(b.Context(), e); err != nil {
								b.Fatal(err)
							}
						}
						return time.Since(start)
					}
					slow := min(all(), all())
					b.SetBytes(bytes / int64(len(events)))
					b.ReportAllocs()
					b.ResetTimer()
					for i := range b.N {
						if _, err := c.Judge(b.Context(), events[i%len(events)]); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(slow.Seconds()/float64(len(events))/(b.Elapsed().Seconds()/float64(b.N)), "x-ref")
				})
			}
		}
	}
}

// BenchmarkNamed is what it costs that events name their version: in a field, which is found
// in the pass that judges, and in a frame. Half the events of "two" name another version than
// the one before.
func BenchmarkNamed(b *testing.B) {
	events, size := clickstreamEvents(b, 768, 0)
	plain := clickstream(b, false, nil)
	named := func(by Naming) *Contract {
		cfg := plain.cfg
		cfg.Version = lazaret.Version{Subject: "clickstream", Schema: 2, SchemaID: 2}
		cfg.Versions = &Versions{By: []Naming{by}, Accept: []Accepted{{Number: 1, ID: 1, Schema: cfg.Schema}}}
		c, err := NewContract(cfg)
		if err != nil {
			b.Fatal(err)
		}
		return c
	}
	edit := func(change func(i int, data string) string) []*lazaret.Event {
		list := make([]*lazaret.Event, len(events))
		for i, e := range events {
			other := *e
			other.Data = []byte(change(i, string(e.Data)))
			list[i] = &other
		}
		return list
	}
	field := func(number func(i int) int) []*lazaret.Event { // what the schema does not know is in its free-form object
		return edit(func(i int, data string) string {
			return strings.Replace(data, `"context":{`, fmt.Sprintf(`"context":{"schema_version":%d,`, number(i)), 1)
		})
	}
	for _, x := range []struct {
		name     string
		contract *Contract
		events   []*lazaret.Event
	}{
		{"none", plain, events},
		{"none of a field", named(Naming{Field: "/context/schema_version"}), events},
		{"field", named(Naming{Field: "/context/schema_version"}), field(func(int) int { return 1 })},
		{"field, two", named(Naming{Field: "/context/schema_version"}), field(func(i int) int { return 1 + i/2%2 })},
		{"frame", named(Naming{RegistryID: true}), edit(func(_ int, data string) string { return "\x00\x00\x00\x00\x01" + data })},
	} {
		b.Run(x.name, func(b *testing.B) {
			b.SetBytes(size / int64(len(events)))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if v, err := x.contract.Judge(b.Context(), x.events[i%len(x.events)]); err != nil || v.Version.Schema == 0 && x.contract != plain {
					b.Fatal(v, err)
				}
			}
		})
	}
}
