package quarantine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/lazaret/lazaret"
)

// stage is a store file with the scene in it, to begin many runs from.
type stage struct {
	file             []byte
	passing, failing []string
}

func newStage(t *testing.T) *stage {
	path := storePath(t)
	w := life(t, path, newJournal(t), &faults{}, mended())
	s := &stage{}
	s.passing, s.failing = scene(w)
	w.end()
	var err error
	if s.file, err = os.ReadFile(path); err != nil { // closing has emptied the WAL into it
		t.Fatal(err)
	}
	return s
}

// begin makes a copy of the store and returns its path.
func (s *stage) begin(t *testing.T) string {
	path := storePath(t)
	if err := os.WriteFile(path, s.file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// scene is entries of two streams, and of one that is gone, with good and bad mixed.
func scene(w *world) (passing, failing []string) {
	w.t.Helper()
	records := []lazaret.Record{defective("gone", 1, "a")}
	for n := range 10 {
		name := []string{"a", "b"}[n%2]
		for _, stream := range []string{"s", "t"} {
			r := defective(stream, n, name)
			records = append(records, r)
			if name == "a" {
				passing = append(passing, r.QuarantineID)
			} else {
				failing = append(failing, r.QuarantineID)
			}
		}
	}
	add(w.t, w.store, records...)
	return passing, failing
}

func mended() map[string]*contract {
	return map[string]*contract{"s": {version: 2, mended: []string{"a"}, moved: true}, "t": {version: 5, mended: []string{"a"}}}
}

// settled holds the end of the scene's job: each outcome once.
func settled(w *world, job Job, passing, failing []string) {
	w.t.Helper()
	w.journal.once(passing)
	checkCounts(w.t, w.store)
	for _, id := range passing {
		if e, err := w.store.Get(context.Background(), id); err != nil || e.Status != Released || e.Attempts != 1 || e.Job != job.ID || e.ReleasedAt.IsZero() {
			w.t.Errorf("entry %s after its release: %+v (%v)", id, e, err)
		}
	}
	for _, id := range failing {
		e, err := w.store.Get(context.Background(), id)
		if err != nil || e.Status != Quarantined || e.Attempts != 1 || e.Job != job.ID || e.Version.Stream == 1 {
			w.t.Errorf("entry %s after it failed again: %+v (%v)", id, e, err)
		}
		if moved := e.Stream == "s"; len(e.Reasons) != len(defect("b", moved)) {
			w.t.Errorf("entry %s has the reasons %v", id, e.Reasons)
		}
	}
	if job.State != Done || job.Matched != 21 || job.Examined != 20 || job.Passed != 10 || job.Released != 10 || job.Failed != 10 ||
		job.Skipped != 1 || job.SkippedBy[SkippedNoStream] != 1 || job.ByCode["rule.failed"] != 10 || job.ByCode["schema.type"] != 5 {
		w.t.Errorf("the job's account: %+v", job)
	}
	if open, err := w.store.openBatches(context.Background()); err != nil || len(open) > 0 {
		w.t.Errorf("%d batches are open (%v)", len(open), err)
	}
}

// theJob is the one job of the store, or a new one if a crash came before it was stored.
func theJob(w *world) Job {
	w.t.Helper()
	page, err := w.jobs.List(context.Background(), Page{})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(page.Jobs) == 0 {
		return w.submit(Filter{})
	}
	return page.Jobs[0]
}

// Promise 5: wherever the process is killed, each entry is released once. It is killed
// at the first operation, at the second, and so on, until a run comes through; and at each
// place it is killed again in its second life.
func TestReleasedOnceWhereverItIsKilled(t *testing.T) {
	s := newStage(t)
	for at := 1; ; at++ {
		if at > 500 {
			t.Fatal("no run came through")
		}
		again := 1 + at%7 // the recovery's first operations, in turn
		if !killed(t, s, at, again) {
			if at < 30 {
				t.Errorf("only %d operations: faults are not injected", at)
			}
			return
		}
	}
}

func killed(t *testing.T, s *stage, at, again int) (hit bool) {
	path, l := s.begin(t), newJournal(t)
	first := &faults{at: at, crash: true}
	w := life(t, path, l, first, mended())
	w.start()
	if _, err := w.jobs.Submit(context.Background(), Filter{}, false, 2); err != nil && !errors.Is(err, errFault) {
		t.Fatal(err)
	}
	w.idle()
	w.end()

	second := &faults{at: again, crash: true}
	w = life(t, path, l, second, mended())
	w.start()
	w.idle()
	w.end()

	w = life(t, path, l, &faults{}, mended())
	w.start()
	w.idle()
	job := theJob(w)
	w.idle()
	settled(w, w.job(job.ID), s.passing, s.failing)
	if t.Failed() {
		t.Fatalf("killed at operation %d, then at %d", at, again)
	}
	w.end()
	return first.hit
}

// An operation that fails once, in a process that lives on, is made up for by the job
// itself or by a resume.
func TestReleasedOnceWhateverFailsOnce(t *testing.T) {
	s := newStage(t)
	for at := 1; ; at++ {
		path, l, f := s.begin(t), newJournal(t), &faults{at: at}
		w := life(t, path, l, f, mended())
		w.start()
		_, err := w.jobs.Submit(context.Background(), Filter{}, false, 2)
		if err != nil && !errors.Is(err, errFault) {
			t.Fatal(err)
		}
		w.idle()
		job := theJob(w)
		if w.idle(); w.job(job.ID).State != Done {
			if _, err := w.jobs.Resume(context.Background(), job.ID); err != nil {
				t.Fatal(err)
			}
			w.idle()
		}
		settled(w, w.job(job.ID), s.passing, s.failing)
		w.end()
		if t.Failed() {
			t.Fatalf("operation %d failed once", at)
		}
		if !f.hit {
			return
		}
	}
}

// model is what the quarantine should hold, as a plain map.
type model map[string]modelEntry

type modelEntry struct {
	stream, defect string
	status         Status
	moved          bool
}

// Random adds, discards, reprocesses and kills leave what a plain map says they should.
func TestRandomOperationsAgainstAModel(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomOperations(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

func randomOperations(t *testing.T, r *rand.Rand) {
	path, l, m := storePath(t), newJournal(t), model{}
	contracts := map[string]*contract{"s": {version: 1}, "t": {version: 1}}
	w := life(t, path, l, &faults{}, contracts)
	w.start()
	// until repeats an operation over kills and lives until it has succeeded.
	until := func(op func() error) {
		if r.IntN(2) == 0 {
			w.faults.mu.Lock()
			w.faults.n, w.faults.at, w.faults.crash = 0, 1+r.IntN(15), true
			w.faults.mu.Unlock()
		}
		for {
			err := op()
			w.idle()
			if w.faults.hit {
				w.end()
				w = life(t, path, l, &faults{}, contracts)
				w.start()
				w.idle()
			} else {
				w.faults.at = 0
				if err == nil {
					return
				}
				t.Fatal(err)
			}
			if err == nil {
				return
			}
		}
	}
	defects := []string{"a", "b", "c"}
	for n := range 60 {
		stream, kind := []string{"s", "t"}[r.IntN(2)], defects[r.IntN(3)]
		switch op := r.IntN(10); {
		case op < 5:
			var records []int
			for i := range 1 + r.IntN(6) {
				records = append(records, n*10+i)
				m[defective(stream, n*10+i, kind).QuarantineID] = modelEntry{stream: stream, defect: kind, status: Quarantined}
			}
			until(func() error {
				for _, i := range records {
					if err := w.store.Add(context.Background(), []lazaret.Record{defective(stream, i, kind), defective(stream, i, kind)}); err != nil {
						return err
					}
				}
				return nil
			})
		case op < 6:
			f := Filter{Stream: stream, Rule: kind}
			until(func() error { _, _, err := w.store.Discard(context.Background(), f, false); return err })
			m.change(stream, kind, func(e modelEntry) modelEntry { e.status = Discarded; return e })
		default:
			c := &contract{version: n + 2, moved: r.IntN(2) == 0}
			if r.IntN(3) > 0 {
				c.mended = []string{kind}
			}
			contracts[stream] = c
			w.set(stream, c)
			f := Filter{Stream: stream}
			if r.IntN(2) == 0 {
				f.Rule = defects[r.IntN(3)]
			}
			until(func() error { _, err := w.jobs.Submit(context.Background(), f, false, 1+r.IntN(3)); return err })
			m.change(stream, f.Rule, func(e modelEntry) modelEntry {
				if e.moved = c.moved; slices.Contains(c.mended, e.defect) {
					e.status = Released
				}
				return e
			})
		}
	}
	m.check(w)
}

func (m model) change(stream, defect string, to func(modelEntry) modelEntry) {
	for id, e := range m {
		if e.status == Quarantined && e.stream == stream && (defect == "" || e.defect == defect) {
			m[id] = to(e)
		}
	}
}

func (m model) check(w *world) {
	w.t.Helper()
	var released []string
	entries := all(w.t, w.store, Filter{}, 13)
	if len(entries) != len(m) {
		w.t.Errorf("%d entries, the model has %d", len(entries), len(m))
	}
	for _, e := range entries {
		want := m[e.ID]
		if e.Status != want.status || e.Stream != want.stream {
			w.t.Errorf("entry %s of %s is %s, the model has it as %s", e.ID, e.Stream, e.Status, want.status)
		}
		if e.Status == Quarantined && fingerprint(e.Stream, traits(defect(want.defect, want.moved))) != e.Group {
			w.t.Errorf("entry %s has reasons %v, the model has %s, moved %v", e.ID, e.Reasons, want.defect, want.moved)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m)) {
		if m[id].status == Released {
			released = append(released, id)
		}
	}
	if len(released) == 0 {
		w.t.Error("nothing was released: the test says little")
	}
	w.journal.once(released)
	checkCounts(w.t, w.store)
}
