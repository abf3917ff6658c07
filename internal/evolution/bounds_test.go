package evolution_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/rules"
)

// cloudEvent is a payload in an envelope of a source.
func cloudEvent(source, payload string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":"1","type":"t","source":%q,"data":%s}`, source, payload)
}

// refuseFrom is refuse for CloudEvents.
func (w *world) refuseFrom(list ...string) {
	w.t.Helper()
	active, _ := w.catalog.Active("s")
	var records []lazaret.Record
	for _, data := range list {
		e := jsonEvent(data)
		e.ContentType = "application/cloudevents+json"
		v, err := active.Judge.Judge(w.t.Context(), e)
		if err != nil || v.Status != lazaret.Quarantined {
			w.t.Fatalf("%v, %v", v, err)
		}
		records = append(records, lazaret.Record{Stream: "s", Event: e, Verdict: v})
	}
	if err := w.store.Add(w.t.Context(), records); err != nil {
		w.t.Fatal(err)
	}
}

// The name of a producer is as long as its sender likes, and is kept short; two that are long
// are two.
func TestProducersAreBounded(t *testing.T) {
	w := judgedBy(t, "", closedSchema)
	var list []string
	for i := range 12 {
		list = append(list, cloudEvent("urn:"+strings.Repeat("a", 100_000)+fmt.Sprint(i), `{"new":1}`))
	}
	w.refuseFrom(append(list, list...)...)
	page := w.look()
	if len(page.Proposals) != 1 {
		t.Fatalf("%+v", page)
	}
	p := page.Proposals[0]
	if len(p.Producers) != 12 || p.ReleasedProducers != 12 || slices.ContainsFunc(p.Producers, func(s string) bool { return len(s) > 128 || !strings.HasPrefix(s, "urn:a") }) {
		t.Errorf("%d producers, %d of what is released: %.1000q", len(p.Producers), p.ReleasedProducers, p.Producers)
	}
}

// Producers whose entries would not be released do not speak for a change.
func TestProducersOfWhatIsReleased(t *testing.T) {
	w := judgedBy(t, gateway.EvolutionAuto, closedSchema)
	stream := limited("s", gateway.EvolutionAuto, gateway.EvolutionLimits{MinEntries: 1, MinProducers: 2, MinAge: gateway.Duration(time.Millisecond)})
	w.put(stream, catalog.Resource{Kind: catalog.KindRuleSet, Name: "s", Rules: []rules.Rule{{ID: "small", Expr: "event.new < 10"}}})
	for i := range 5 {
		w.refuseFrom(times(10, cloudEvent(fmt.Sprint("urn:", i), fmt.Sprintf(`{"new":%d}`, i*5+6)))...)
	}
	page := w.look()
	if len(page.Proposals) != 1 || w.versions() != 1 {
		t.Fatalf("%+v", page)
	}
	if p := page.Proposals[0]; p.WouldRelease != 10 || p.ReleasedProducers != 1 || len(p.Held) != 1 || p.Held[0] != "what it would release is of 1 producer (min_producers 2)" {
		t.Errorf("%+v", p)
	}
}

// A look that took long, or failed, is not repeated soon.
func TestLooksAreFarApart(t *testing.T) {
	for _, fails := range []bool{false, true} {
		w := judgedBy(t, "", closedSchema)
		w.refuse(times(20, `{"new":%d}`)...)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		now, calls := time.Now(), 0
		w.clocked(func() time.Time {
			if calls++; calls == 1 { // it is at work
				now = now.Add(time.Hour)
				if fails {
					cancel()
				}
			}
			return now
		})
		if err := w.engine.Look(ctx); (err != nil) != fails {
			t.Fatal(err)
		}
		w.refuse(times(20, `{"new":%d}`)...)
		before := 1
		if fails {
			before = 0
		}
		if page := w.look(); len(page.Proposals) != before || before == 1 && page.Proposals[0].Entries != 20 {
			t.Errorf("fails %v: it is repeated at once: %+v", fails, page)
		}
		now = now.Add(10 * time.Minute)
		if page := w.look(); len(page.Proposals) != 1 || page.Proposals[0].Entries != 40 {
			t.Errorf("fails %v: it is not repeated: %+v", fails, page)
		}
	}
}

// What one look reads is bounded by bytes as well.
func TestLooksReadFewBytes(t *testing.T) {
	w := judgedBy(t, "", closedSchema)
	big := strings.Repeat("x", 2<<20)
	w.refuse(times(30, `{"k":"`+big+`","new":1}`)...)
	w.refuse(times(20, `{"small":%d}`)...)
	page := w.look()
	if len(page.Proposals) != 2 {
		t.Fatalf("%+v", page)
	}
	for _, p := range page.Proposals {
		if p.Edits[0].Path == "/new" && (p.Entries != 15 || !p.AtLeast) || p.Edits[0].Path == "/small" && p.Entries != 20 {
			t.Errorf("%+v", p)
		}
	}
}
