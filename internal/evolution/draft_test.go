package evolution_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/evolution"
)

// judgedBy is a world with a stream s that is judged by a schema.
func judgedBy(t *testing.T, mode gateway.EvolutionMode, schema string) *world {
	t.Helper()
	w, err := open(t, t.TempDir(), -1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	w.put(catalog.Resource{Kind: catalog.KindSchema, Name: "s", Schema: json.RawMessage(schema)}, streamOf("s", mode))
	return w
}

func streamOf(name string, mode gateway.EvolutionMode) catalog.Resource {
	return catalog.Resource{Kind: catalog.KindStream, Name: name, Stream: gateway.Stream{Name: name, Schema: &gateway.SchemaRef{Subject: "s"},
		Sink:      gateway.SinkSpec{File: &gateway.FileSink{Dir: name, Format: gateway.FormatEvent}},
		Evolution: &gateway.EvolutionSpec{Mode: mode, Limits: &gateway.EvolutionLimits{MinEntries: 1, MinAge: gateway.Duration(time.Millisecond)}}}}
}

// times is n events of a format, in which each %d is the event's number.
func times(n int, format string) (list []string) {
	for i := range n {
		list = append(list, strings.ReplaceAll(format, "%d", fmt.Sprint(i)))
	}
	return list
}

// look looks and lists what there is.
func (w *world) look() evolution.Page {
	w.t.Helper()
	if err := w.engine.Look(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	page, err := w.engine.List(w.t.Context(), w.stream, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return page
}

// good says whether an event passes now.
func (w *world) good(event string) bool {
	w.t.Helper()
	active, _ := w.catalog.Active("s")
	v, err := active.Judge.Judge(w.t.Context(), jsonEvent(event))
	if err != nil {
		w.t.Fatal(err)
	}
	return len(v.Reasons) == 0
}

// What a stream accepts by itself is closed as the schema is: a member that no event had that
// waited is refused as before, and is asked for by an edit of its own.
func TestAutoOpensNothing(t *testing.T) {
	w := judgedBy(t, gateway.EvolutionAuto, `{"type":"object","additionalProperties":false,"properties":{"k":{"type":"string"}}}`)
	w.refuse(times(20, `{"k":"a","sess":{"id":"q","n":%d,"tags":[]}}`)...)
	if page := w.look(); len(page.Proposals) != 1 || page.Proposals[0].State != evolution.Accepted {
		t.Fatalf("%+v", page)
	}
	if !w.good(`{"k":"a","sess":{"n":1}}`) {
		t.Error("a member of a new object is required")
	}
	w.refuse(`{"k":"a","sess":{"id":"q","n":1,"password":"hunter2","junk":[1]}}`)
	w.refuse(times(10, `{"k":"a","sess":{"id":"q","n":%d,"tags":["x"]}}`)...)
	w.refuse(times(10, `{"k":"a","sess":{"id":"q","n":%d,"geo":{"city":"x"}}}`)...)
	w.look()
	w.look() // one at a time
	if !w.good(`{"sess":{"tags":["y"]}}`) || !w.good(`{"sess":{"geo":{"city":"y"}}}`) || w.good(`{"sess":{"geo":{"town":1}}}`) {
		t.Errorf("what the accepted object is later asked to take is not proposed right: %+v", w.look())
	}
}

// Values of one client that come once each do not stand in the way of one that comes often.
func TestJunkVetoesNothing(t *testing.T) {
	for _, junk := range []int{11, 700} { // more than are remembered
		w := judgedBy(t, "", `{"type":"object","properties":{"e":{"enum":["view","click"]}}}`)
		w.refuse(times(60, `{"e":"share"}`)...)
		w.refuse(times(junk, `{"e":"junk%d"}`)...)
		page := w.look()
		if len(page.Proposals) != 1 || page.Proposals[0].WouldRelease != 60 || len(page.Notes) != 0 {
			t.Errorf("%d values that come once: %+v", junk, page)
		}
	}
	for note, lists := range map[string][]string{
		"40 different values that the schema does not list, none of them in 10 entries: none is proposed":                         times(40, `{"e":"id%d"}`),
		"11 different values that the schema does not list, each in 10 entries or more: too many for a list, so none is proposed": slices.Repeat(times(11, `{"e":"id%d"}`), 10),
	} {
		w := judgedBy(t, "", `{"type":"object","properties":{"e":{"enum":["view","click"]}}}`)
		w.refuse(lists...)
		if page := w.look(); len(page.Proposals) != 0 || len(page.Notes) != 1 || page.Notes[0].Message != note {
			t.Errorf("%s: %+v", note, page)
		}
	}
}

// by is the proposal of a place in events.
func (w *world) by(path string) evolution.Proposal {
	w.t.Helper()
	for _, p := range w.look().Proposals {
		if p.Edits[0].Path == path {
			return p
		}
	}
	w.t.Fatalf("nothing is proposed for %s", path)
	return evolution.Proposal{}
}

// Drafts are accepted one after another without waiting, each made anew on the version before
// it; and taken back one after another, the last first. In another order a rollback would undo
// more than it says, and the answer says how to do that.
func TestDecisionsInARow(t *testing.T) {
	w := judgedBy(t, "", strict)
	ctx := t.Context()
	w.put(streamOf("other", gateway.EvolutionOff))
	w.refuse(times(10, `{"a":%d,"b":"x"}`)...)
	w.refuse(times(10, `{"a":%d,"c":"x"}`)...)
	b, c := w.by("/b"), w.by("/c")
	yes, no := evolution.Decision{Who: "ana", Why: "agreed"}, evolution.Decision{Who: "ben", Why: "too early"}
	done, err := w.engine.Accept(ctx, b.ID, yes)
	if err != nil || done.Notice != "stream other goes to version 2 as well" {
		t.Fatalf("%q, %v", done.Notice, err)
	}
	if done, err = w.engine.Accept(ctx, c.ID, yes); err != nil || done.Base != 2 || done.Version != 3 || done.Notice != "it was made anew on version 2 before it was accepted; stream other goes to version 3 as well" {
		t.Fatalf("%+v, %v", done, err)
	}
	if !w.good(`{"b":"x","c":"x"}`) {
		t.Error("the second undid the first")
	}
	if _, err := w.engine.Rollback(ctx, b.ID, no); !errors.Is(err, evolution.ErrConflict) || !strings.Contains(err.Error(), "lazaret schema rollback s 1") {
		t.Errorf("%v", err)
	}
	for i, p := range []evolution.Proposal{c, b} {
		done, err := w.engine.Rollback(ctx, p.ID, no)
		if err != nil || done.RollbackVersion != 4+i || done.Who != "ben" || done.AcceptedBy != "ana" || done.AcceptedWhy != "agreed" || !strings.HasSuffix(done.Notice, fmt.Sprintf("; stream other goes to version %d as well", 4+i)) {
			t.Fatalf("%+v, %v", done, err)
		}
	}
	latest, err := w.catalog.Schemas().Get(ctx, "s", 0)
	if err != nil || latest.Number != 5 || string(latest.Document) != strict {
		t.Errorf("version %d is %s, %v", latest.Number, latest.Document, err)
	}
}

// A draft says what keeps the stream from accepting it by itself, as long as it does.
func TestHeld(t *testing.T) {
	w := judgedBy(t, gateway.EvolutionAuto, `{"type":"object","additionalProperties":false,"properties":{"a":{"type":"integer"}}}`)
	w.refuse(times(10, `{"a":"x%d"}`)...)
	w.refuse(times(10, `{"mix":"x%d"}`)...)
	w.refuse(times(10, `{"mix":%d}`)...)
	for path, want := range map[string]string{
		"/a":   "/a is an edit of the kind type (kinds field)",
		"/mix": "/mix is for people to look at: its values have several types",
	} {
		p := w.by(path)
		got, err := w.engine.Get(t.Context(), p.ID)
		if err != nil || p.State != evolution.Draft || !slices.Equal(p.Held, []string{want}) || !slices.Equal(got.Held, p.Held) {
			t.Errorf("%s: %s, held for %q, want %q, %v", path, p.State, p.Held, want, err)
		}
	}
	p, err := w.engine.Accept(t.Context(), w.by("/mix").ID, evolution.Decision{Who: "ana"})
	if err != nil || p.Held != nil {
		t.Errorf("%+v, %v", p, err)
	}
}
