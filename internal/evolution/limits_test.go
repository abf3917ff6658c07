package evolution_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/evolution"
	"github.com/lazaret/lazaret/quarantine"
)

const closedSchema = `{"type":"object","additionalProperties":false,"properties":{"k":{"type":"string"}}}`

// limited is the stream of judgedBy with other limits.
func limited(name string, mode gateway.EvolutionMode, limits gateway.EvolutionLimits) catalog.Resource {
	r := streamOf(name, mode)
	r.Stream.Evolution.Limits = &limits
	return r
}

func (w *world) versions() int {
	w.t.Helper()
	list, err := w.catalog.Schemas().Versions(w.t.Context(), "s")
	if err != nil {
		w.t.Fatal(err)
	}
	return len(list)
}

// later is an engine over the same store whose clock is ahead.
func (w *world) later(ahead time.Duration) {
	w.t.Helper()
	w.clocked(func() time.Time { return time.Now().Add(ahead) })
}

func (w *world) clocked(clock func() time.Time) {
	w.t.Helper()
	var err error
	if w.engine, err = evolution.New(w.t.Context(), evolution.Config{DB: w.db, Catalog: w.catalog, Quarantine: w.store, Jobs: w.jobs, Clock: clock}); err != nil {
		w.t.Fatal(err)
	}
}

// discard discards all but some entries of the stream.
func (w *world) discard(but int) {
	w.t.Helper()
	page, err := w.store.List(w.t.Context(), quarantine.Filter{Stream: "s", Status: quarantine.Quarantined}, quarantine.Page{Limit: 1000})
	if err != nil || len(page.Entries) <= but {
		w.t.Fatal(len(page.Entries), err)
	}
	var ids []string
	for _, e := range page.Entries[but:] {
		ids = append(ids, e.ID)
	}
	if _, _, err := w.store.Discard(w.t.Context(), quarantine.Filter{Stream: "s", IDs: ids}, false); err != nil {
		w.t.Fatal(err)
	}
}

// What is accepted without a person is what the quarantine asks for at that moment, and not
// what it asked for when the draft was made.
func TestAutoAcceptsNothingStale(t *testing.T) {
	w := judgedBy(t, gateway.EvolutionAuto, closedSchema)
	hour := gateway.EvolutionLimits{MinEntries: 100, MinAge: gateway.Duration(time.Hour)}
	w.put(limited("s", gateway.EvolutionAuto, hour))
	w.refuse(times(200, `{"new":%d}`)...)
	if page := w.look(); len(page.Proposals) != 1 || page.Proposals[0].WouldRelease != 200 {
		t.Fatalf("%+v", page)
	}
	w.discard(5)
	w.later(2 * time.Hour)
	page := w.look()
	if p := page.Proposals[0]; p.State != evolution.Draft || p.WouldRelease != 5 || p.Entries != 5 {
		t.Errorf("5 of 200 entries are left: %+v", p)
	}

	w = judgedBy(t, gateway.EvolutionAuto, `{"type":"object","properties":{"e":{"enum":["view","click"]}}}`)
	hour.Kinds = []string{"enum_value"}
	w.put(limited("s", gateway.EvolutionAuto, hour))
	w.refuse(times(120, `{"e":"first"}`)...)
	w.look()
	for range 10 {
		w.refuse(times(12, `{"e":"tok%d"}`)...)
	}
	w.later(2 * time.Hour)
	page = w.look()
	if p := page.Proposals[0]; p.State != evolution.Superseded || w.versions() != 1 || len(page.Notes) != 1 {
		t.Errorf("a value of a list that is none: %+v", page)
	}
}

// A stream that is told something else while a look is at work is obeyed, at whatever moment.
func TestAutoObeysAtOnce(t *testing.T) {
	for name, change := range map[string]catalog.Resource{
		"off":            streamOf("s", gateway.EvolutionOff),
		"another limit":  limited("s", gateway.EvolutionAuto, gateway.EvolutionLimits{MinEntries: 1000}),
		"another stream": streamOf("second", gateway.EvolutionPropose),
	} {
		tried := 0
		for moment := 1; ; moment++ {
			w := judgedBy(t, gateway.EvolutionAuto, closedSchema)
			w.refuse(times(20, `{"new":%d}`)...)
			calls, before := 0, 0
			w.clocked(func() time.Time {
				if calls++; calls == moment {
					before = w.versions()
					w.put(change)
				}
				return time.Now().Add(time.Minute)
			})
			w.look()
			if before == 0 {
				t.Fatalf("%s: the look is over before moment %d", name, moment)
			}
			if before == 2 {
				break // it was accepted already
			}
			tried++
			if w.versions() != 1 {
				t.Errorf("%s: a version is made after the stream was changed, at moment %d", name, moment)
			}
		}
		if tried < 2 {
			t.Errorf("%s: tried at %d moments only", name, tried)
		}
	}
}

// What one stream accepts by itself holds for all that follow the subject: so none of them
// may have anything against it, and the most a day are of the subject.
func TestAutoAsksAllStreams(t *testing.T) {
	one := gateway.EvolutionLimits{MinEntries: 1, MinAge: gateway.Duration(time.Millisecond), MaxPerDay: 1}
	for why, other := range map[string]catalog.Resource{
		"stream second follows s, too: its mode is off":                                  streamOf("second", gateway.EvolutionOff),
		"stream second follows s, too: its mode is propose":                              streamOf("second", ""),
		"stream second follows s, too: /new is at or below none of the paths (/session)": limited("second", gateway.EvolutionAuto, gateway.EvolutionLimits{MinEntries: 1, MinAge: one.MinAge, Paths: []string{"/session"}}),
		"": limited("second", gateway.EvolutionAuto, one),
	} {
		w := judgedBy(t, gateway.EvolutionAuto, closedSchema)
		w.put(other)
		w.refuse(times(20, `{"new":%d}`)...)
		page := w.look()
		if got := strings.Join(page.Proposals[0].Held, "; "); got != why || (w.versions() == 2) != (why == "") {
			t.Errorf("held for %q, want %q; %d versions", got, why, w.versions())
		}
		if why != "" {
			continue
		}
		w.refuse(times(20, `{"more":%d}`)...)
		w.look()
		w.look()
		if w.versions() != 2 {
			t.Error("two are accepted on a day on which one may be")
		}
	}
}

// What a person undid or rejected for one stream, no other stream's auto makes again.
func TestAutoRemembersForTheSubject(t *testing.T) {
	for _, rejected := range []bool{false, true} {
		w := judgedBy(t, gateway.EvolutionPropose, closedSchema)
		w.refuse(times(20, `{"new":%d}`)...)
		p := w.look().Proposals[0]
		var err error
		if rejected {
			_, err = w.engine.Reject(t.Context(), p.ID, evolution.Decision{Who: "ana"})
		} else if _, err = w.engine.Accept(t.Context(), p.ID, evolution.Decision{Who: "ana"}); err == nil {
			_, err = w.engine.Rollback(t.Context(), p.ID, evolution.Decision{Who: "ana"})
		}
		if err != nil {
			t.Fatal(err)
		}
		before := w.versions()
		// Now the stream is gone, and another one is judged by the subject.
		w.put(streamOf("second", gateway.EvolutionAuto))
		if _, err := w.catalog.Apply(t.Context(), []catalog.Change{{Resource: catalog.Resource{Kind: catalog.KindStream, Name: "s"}, Delete: true, Force: true}}, catalog.Options{}); err != nil {
			t.Fatal(err)
		}
		w.stream = "second"
		w.refuse(times(20, `{"new":%d}`)...)
		w.look()
		if page := w.look(); w.versions() != before || len(page.Proposals) != 1 || len(page.Proposals[0].Held) != 1 || !strings.Contains(page.Proposals[0].Held[0], "before") {
			t.Errorf("rejected %v: %+v", rejected, page)
		}
	}
}

// An edit of a part of the schema that serves several places is within the paths only if all
// of these are, whether events asked for it there or not.
func TestPathsHoldThroughReferences(t *testing.T) {
	const shared = `{"type":"object","properties":{"session":{"$ref":"#/$defs/d"},"billing":{"$ref":"#/$defs/d"},"own":{"$ref":"#/$defs/e"},
		"map":{"additionalProperties":{"type":"object","additionalProperties":false}},"node":{"$ref":"#/$defs/node"}},
		"$defs":{"d":{"type":"object","additionalProperties":false},"e":{"type":"object","additionalProperties":false},
		"node":{"type":"object","additionalProperties":false,"properties":{"next":{"$ref":"#/$defs/node"}}}}}`
	for _, c := range []struct {
		paths  []string
		events []string
		why    string
	}{
		{[]string{"/session"}, []string{`{"session":{"new":1}}`, `{"billing":{"new":1}}`}, "/billing/new is at or below none of the paths (/session)"},
		{[]string{"/session"}, []string{`{"session":{"new":1},"billing":{"new":1}}`}, "/billing/new is at or below none of the paths (/session)"},
		{[]string{"/session"}, []string{`{"session":{"new":1}}`}, "the edit at /session/new would apply at /billing/new, too, and that is at or below none of the paths (/session)"},
		{[]string{"/map/a"}, []string{`{"map":{"a":{"new":1}}}`}, "the edit at /map/a/new would apply at /map/*/new, too, and that is at or below none of the paths (/map/a)"},
		{[]string{"/node/new"}, []string{`{"node":{"new":1}}`}, "the edit at /node/new would apply at /node/next/new, too, and that is at or below none of the paths (/node/new)"},
		{[]string{"/session", "/billing"}, []string{`{"session":{"new":1}}`}, ""},
		{[]string{"/own"}, []string{`{"own":{"new":1}}`}, ""},
		{[]string{"/map"}, []string{`{"map":{"a":{"new":1}}}`}, ""},
		{[]string{"/node"}, []string{`{"node":{"next":{"next":{"new":1}}}}`}, ""},
		{nil, []string{`{"session":{"new":1}}`}, ""},
	} {
		w := judgedBy(t, gateway.EvolutionAuto, shared)
		w.put(limited("s", gateway.EvolutionAuto, gateway.EvolutionLimits{MinEntries: 1, MinAge: gateway.Duration(time.Millisecond), Paths: c.paths}))
		for _, event := range c.events {
			w.refuse(times(20, event)...)
		}
		page := w.look()
		if len(page.Proposals) != 1 || strings.Join(page.Proposals[0].Held, "; ") != c.why || (w.versions() == 2) != (c.why == "") {
			t.Errorf("%v, %v: %+v", c.paths, c.events, page)
		}
		if e := page.Proposals[0].Edits[0]; len(c.events) == 2 && (e.Path != "/billing/new" || len(e.Also) != 1 || e.Also[0] != "/session/new") {
			t.Errorf("not all places are shown: %+v", e)
		}
	}
}

// Too many places are for people to look at.
func TestManyPlaces(t *testing.T) {
	w := judgedBy(t, gateway.EvolutionAuto, `{"type":"object","additionalProperties":{"type":"object","additionalProperties":false}}`)
	w.refuse(times(40, `{"k%d":{"new":1}}`)...)
	page := w.look()
	if e := page.Proposals[0].Edits[0]; len(e.Also) != 19 || e.Wide != "it is asked for at more than 20 places" || w.versions() != 1 {
		t.Errorf("%+v", page)
	}
}
