package evolution_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/gateway/sink"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/db"
	"github.com/lazaret/lazaret/internal/evolution"
	"github.com/lazaret/lazaret/quarantine"
	"github.com/lazaret/lazaret/rules"
	"github.com/lazaret/lazaret/schemas"
)

// world is all that an engine works with, over the files in one directory.
type world struct {
	t       *testing.T
	dir     string
	catalog *catalog.Catalog
	store   *quarantine.Store
	jobs    *quarantine.Jobs
	engine  *evolution.Engine
	close   func()
	db      *db.DB
	stream  string // that events are refused in
}

var errPower = errors.New("the power is gone")

// open opens the world. commits is how many commits of the store succeed before the power
// goes; a negative number is all. Its failures are returned, and what is open is closed.
func open(t *testing.T, dir string, commits int64) (w *world, err error) {
	ctx := context.Background()
	var left atomic.Int64
	left.Store(commits)
	var closers []func()
	w = &world{t: t, dir: dir, stream: "s", close: func() {
		for _, f := range slices.Backward(closers) {
			f()
		}
	}}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	store, err := db.Open(ctx, db.Config{Path: filepath.Join(dir, "db"), BeforeCommit: func() error {
		if commits >= 0 && left.Add(-1) < 0 {
			return errPower
		}
		return nil
	}})
	if err != nil {
		return w, err
	}
	closers = append(closers, func() { store.Close() })
	registry, err1 := schemas.NewRegistry(ctx, store)
	sets, err2 := rules.NewStore(ctx, store)
	streams, err3 := gateway.NewStreamStore(ctx, store)
	entries, err4 := quarantine.NewStore(ctx, store)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return w, err
	}
	w.store, w.db = entries, store
	w.catalog, err = catalog.New(ctx, catalog.Config{DB: store, Schemas: registry, Rules: sets, Streams: streams,
		OpenSink: func(s gateway.Stream) (gateway.Sink, error) {
			return sink.NewFile(sink.FileConfig{Root: filepath.Join(dir, "sink"), Spec: *s.Sink.File, Stream: s.Name})
		}})
	if err != nil {
		return w, err
	}
	closers = append(closers, func() { _ = w.catalog.Close(ctx) })
	w.jobs, err = quarantine.New(quarantine.Config{Store: entries, Retry: quarantine.Retry{For: time.Millisecond},
		Judge: func(stream string) (quarantine.Judge, quarantine.Sink, bool) {
			active, ok := w.catalog.Active(stream)
			if !ok {
				return nil, nil, false
			}
			return active.Judge, active.Sink, true
		}})
	if err != nil {
		return w, err
	}
	closers = append(closers, func() { _ = w.jobs.Stop(ctx) })
	if err := w.jobs.Start(ctx); err != nil {
		return w, err
	}
	w.engine, err = evolution.New(ctx, evolution.Config{DB: store, Catalog: w.catalog, Quarantine: entries, Jobs: w.jobs})
	return w, err
}

func jsonEvent(data string) *lazaret.Event {
	return &lazaret.Event{Data: []byte(data), ContentType: "application/json", Received: time.Now().UTC(), Source: lazaret.Source{Kind: "http"}}
}

// refuse judges events and quarantines them.
func (w *world) refuse(list ...string) {
	w.t.Helper()
	active, _ := w.catalog.Active(w.stream)
	var records []lazaret.Record
	for i, data := range list {
		e := jsonEvent(data)
		e.Source.Name = fmt.Sprint("192.0.2.", i%3)
		v, err := active.Judge.Judge(context.Background(), e)
		if err != nil || v.Status != lazaret.Quarantined {
			w.t.Fatalf("%s: %v, %v", data, v.Status, err)
		}
		records = append(records, lazaret.Record{Stream: w.stream, Event: e, Verdict: v})
	}
	if err := w.store.Add(context.Background(), records); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) put(resources ...catalog.Resource) {
	w.t.Helper()
	var changes []catalog.Change
	for _, r := range resources {
		changes = append(changes, catalog.Change{Resource: r})
	}
	if _, err := w.catalog.Apply(context.Background(), changes, catalog.Options{}); err != nil {
		w.t.Fatal(err)
	}
}

const strict = `{"type":"object","additionalProperties":false,"properties":{"a":{"type":"integer"}}}`

// begin is a world with a stream and 30 entries that a new field would release.
func begin(t *testing.T, mode gateway.EvolutionMode) *world {
	t.Helper()
	w, err := open(t, t.TempDir(), -1)
	if err != nil {
		t.Fatal(err)
	}
	w.put(catalog.Resource{Kind: catalog.KindSchema, Name: "s", Schema: json.RawMessage(strict)},
		catalog.Resource{Kind: catalog.KindStream, Name: "s", Stream: gateway.Stream{Name: "s", Schema: &gateway.SchemaRef{Subject: "s"},
			Sink:      gateway.SinkSpec{File: &gateway.FileSink{Dir: "s", Format: gateway.FormatEvent}},
			Evolution: &gateway.EvolutionSpec{Mode: mode, Limits: &gateway.EvolutionLimits{MinEntries: 1, MinAge: gateway.Duration(time.Millisecond)}}}})
	var list []string
	for i := range 30 {
		list = append(list, fmt.Sprintf(`{"a":%d,"b":"x"}`, i))
	}
	w.refuse(append(list, `{"a":"no"}`)...)
	return w
}

// settled runs the world without faults until nothing is left to do, and says what there is.
func settled(t *testing.T, dir, id string) (p evolution.Proposal, versions int) {
	t.Helper()
	w, err := open(t, dir, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := w.engine.Look(ctx); err != nil {
		t.Fatal(err)
	}
	if p, err = w.engine.Get(ctx, id); err != nil {
		t.Fatal(err)
	}
	if p.State == evolution.Draft { // the power went before the decision was written down
		if p, err = w.engine.Accept(ctx, id, evolution.Decision{Who: "again"}); err != nil {
			t.Fatal(err)
		}
	}
	for p.Job != "" {
		job, err := w.jobs.Get(ctx, p.Job)
		if err != nil {
			t.Fatal(err)
		}
		if job.State == quarantine.Done {
			break
		}
		if job.State == quarantine.Failed { // its sink or its store went with the power
			if _, err := w.jobs.Resume(ctx, job.ID); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case <-ctx.Done():
			t.Fatal("the job does not end")
		case <-time.After(time.Millisecond): // another goroutine runs the job
		}
	}
	list, err := w.catalog.Schemas().Versions(ctx, "s")
	if err != nil {
		t.Fatal(err)
	}
	return p, len(list)
}

// delivered counts the lines of the sink.
func delivered(t *testing.T, dir string) (lines, distinct int) {
	t.Helper()
	seen := map[string]int{}
	if err := sink.ReadAll(filepath.Join(dir, "sink", "s"), func(line []byte) error { seen[string(line)]++; lines++; return nil }); err != nil {
		t.Fatal(err)
	}
	return lines, len(seen)
}

// A proposal that is accepted makes one version and one job, and releases each entry once,
// after whichever commit the power goes, and goes again; and so does its rollback.
func TestAcceptSurvivesEveryCrash(t *testing.T) {
	w := begin(t, "")
	ctx := t.Context()
	if err := w.engine.Look(ctx); err != nil {
		t.Fatal(err)
	}
	page, err := w.engine.List(ctx, "s", evolution.Draft)
	if err != nil || len(page.Proposals) != 1 || page.Proposals[0].WouldRelease != 30 || len(page.Proposals[0].Producers) != 3 {
		t.Fatalf("%+v, %v", page, err)
	}
	id := page.Proposals[0].ID
	w.close()
	crashes := 0
	for n := int64(0); ; n++ {
		dir := copied(t, w.dir)
		finished := attempt(t, dir, n, func(w *world) error {
			p, err := w.engine.Accept(ctx, id, evolution.Decision{Who: "ana"})
			if err == nil && p.Job == "" {
				err = errPower
			}
			return err
		})
		attempt(t, dir, n/2, func(w *world) error { return w.engine.Look(ctx) })
		p, versions := settled(t, dir, id)
		if p.State != evolution.Accepted || p.Version != 2 || versions != 2 || p.Job != id {
			t.Fatalf("power gone after %d commits: %+v, %d versions", n, p, versions)
		}
		if lines, distinct := delivered(t, dir); lines != 30 || distinct != 30 {
			t.Fatalf("power gone after %d commits: %d events delivered, %d distinct", n, lines, distinct)
		}
		rollBack(t, dir, id, n)
		if finished {
			break
		}
		crashes++
	}
	if crashes < 4 {
		t.Errorf("the power went %d times only", crashes)
	}
}

// attempt opens the world for some commits, does something, and says whether it was done.
func attempt(t *testing.T, dir string, commits int64, do func(w *world) error) bool {
	t.Helper()
	w, err := open(t, dir, commits)
	if err != nil {
		return false
	}
	defer w.close()
	return do(w) == nil
}

func rollBack(t *testing.T, dir, id string, n int64) {
	t.Helper()
	decision := evolution.Decision{Who: "ana", Why: "too early"}
	attempt(t, dir, n, func(w *world) error { _, err := w.engine.Rollback(context.Background(), id, decision); return err })
	w, err := open(t, dir, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if err := w.engine.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, err := w.engine.Rollback(t.Context(), id, decision)
	if err != nil || p.State != evolution.RolledBack || p.RollbackVersion != 3 || p.AcceptedBy == "" || p.Notice != "what was released stays released: 30 entries" {
		t.Fatalf("power gone after %d commits: %+v, %v", n, p, err)
	}
	latest, err := w.catalog.Schemas().Get(t.Context(), "s", 0)
	if err != nil || latest.Number != 3 || string(latest.Document) != strict {
		t.Fatalf("power gone after %d commits: version %d is %s", n, latest.Number, latest.Document)
	}
}

// By itself, too, a proposal is accepted once, whenever the power goes; and an edit that was
// rolled back is not made again.
func TestAutoSurvivesEveryCrash(t *testing.T) {
	w := begin(t, gateway.EvolutionAuto)
	w.close()
	for n := int64(0); ; n++ {
		dir := copied(t, w.dir)
		finished := false
		attempt(t, dir, n, func(w *world) error {
			err := w.engine.Look(t.Context())
			page, _ := w.engine.List(t.Context(), "s", evolution.Accepted)
			finished = err == nil && len(page.Proposals) == 1 && page.Proposals[0].Job != ""
			return err
		})
		w, err := open(t, dir, -1)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.engine.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		page, err := w.engine.List(t.Context(), "s", "")
		if err != nil || len(page.Proposals) != 1 || page.Proposals[0].State != evolution.Accepted || page.Proposals[0].AcceptedBy != evolution.Auto {
			t.Fatalf("power gone after %d commits: %+v, %v", n, page, err)
		}
		w.close()
		if p, versions := settled(t, dir, page.Proposals[0].ID); p.Version != 2 || versions != 2 {
			t.Fatalf("power gone after %d commits: %+v, %d versions", n, p, versions)
		}
		if lines, distinct := delivered(t, dir); lines != 30 || distinct != 30 {
			t.Fatalf("power gone after %d commits: %d events delivered, %d distinct", n, lines, distinct)
		}
		if finished {
			return
		}
	}
}

func copied(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// An event that was judged by the version before, and stored when the proposal's own job was
// over, is released all the same; one that passes for another reason is left to people.
func TestLateEntries(t *testing.T) {
	w := begin(t, gateway.EvolutionAuto)
	defer w.close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	active, _ := w.catalog.Active("s")
	late := &lazaret.Event{Data: []byte(`{"a":99,"b":"late"}`), ContentType: "application/json", Received: time.Now().UTC(), Source: lazaret.Source{Kind: "http"}}
	verdict, err := active.Judge.Judge(ctx, late)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.engine.Look(ctx); err != nil {
		t.Fatal(err)
	}
	wait := func(n int, meanwhile func() error) {
		t.Helper()
		for lines := 0; lines != n; lines, _ = delivered(t, w.dir) {
			if err := meanwhile(); err != nil {
				t.Fatal(err)
			}
			select {
			case <-ctx.Done():
				t.Fatalf("%d delivered, want %d", lines, n)
			case <-time.After(time.Millisecond): // another goroutine runs the job
			}
		}
	}
	wait(30, func() error { return nil })
	if err := w.store.Add(ctx, []lazaret.Record{{Stream: "s", Event: late, Verdict: verdict}}); err != nil {
		t.Fatal(err)
	}
	wait(31, func() error { return w.engine.Look(ctx) })
}

// A draft ends with what it is about: when the stream is judged by another subject, and when
// it is gone; until then it cannot be accepted.
func TestDraftsEndWithTheirStream(t *testing.T) {
	w := begin(t, "")
	defer w.close()
	ctx := t.Context()
	one := func(state evolution.State) evolution.Proposal {
		t.Helper()
		if err := w.engine.Look(ctx); err != nil {
			t.Fatal(err)
		}
		page, err := w.engine.List(ctx, "s", state)
		if err != nil || len(page.Proposals) == 0 {
			t.Fatalf("%+v, %v", page, err)
		}
		return page.Proposals[0]
	}
	p := one(evolution.Draft)
	s := gateway.Stream{Name: "s", Schema: &gateway.SchemaRef{Subject: "other"}, Sink: gateway.SinkSpec{File: &gateway.FileSink{Dir: "s", Format: gateway.FormatEvent}}}
	w.put(catalog.Resource{Kind: catalog.KindSchema, Name: "other", Schema: json.RawMessage(strict)}, catalog.Resource{Kind: catalog.KindStream, Name: "s", Stream: s})
	if _, err := w.engine.Accept(ctx, p.ID, evolution.Decision{Who: "ana"}); !errors.Is(err, evolution.ErrConflict) {
		t.Errorf("accepted for a stream that is judged by another subject: %v", err)
	}
	if gone := one(evolution.Superseded); gone.ID != p.ID || gone.Why != "the stream is judged by other now" {
		t.Errorf("%+v", gone)
	}
	next := one(evolution.Draft)
	if next.Subject != "other" {
		t.Errorf("%+v", next)
	}
	if _, err := w.catalog.Apply(ctx, []catalog.Change{{Resource: catalog.Resource{Kind: catalog.KindStream, Name: "s"}, Delete: true}}, catalog.Options{}); err != nil {
		t.Fatal(err)
	}
	if gone := one(evolution.Superseded); gone.ID != next.ID || gone.Why != "the stream is gone" {
		t.Errorf("%+v", gone)
	}
}
