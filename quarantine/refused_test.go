package quarantine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
)

// patient has a job that tries again hang, so that a test without hurry sees it.
func patient(w *world) {
	w.jobs.cfg.Retry = Retry{Initial: time.Hour, Max: time.Hour, For: 100 * time.Hour}
}

// One event that the receiver refuses for good keeps no other from being released; it
// stays in the quarantine, says why, and can be reprocessed or discarded.
func TestOneRefusedEventHoldsUpNoOther(t *testing.T) {
	for _, chunk := range []int{1, 2, 100} {
		t.Run(fmt.Sprint(chunk), func(t *testing.T) {
			w := life(t, storePath(t), newJournal(t), &faults{}, mended())
			patient(w)
			want := many(w, 4)
			w.poison, w.chunk = want[2:3], chunk
			var released int
			w.jobs.cfg.OnReleased = func(_ string, n int) { released += n }
			w.start()
			job := w.submit(Filter{})
			w.idle()
			if job = w.job(job.ID); job.State != Done || job.Examined != 4 || job.Passed != 3 || job.Released != 3 || job.Failed != 1 ||
				job.ByCode[lazaret.CodeSinkRefused] != 1 || len(job.ByCode) != 1 || job.Skipped != 0 || released != 3 {
				t.Errorf("%d were released: %+v", released, job)
			}
			w.journal.once([]string{want[0], want[1], want[3]})
			e, err := w.store.Get(t.Context(), want[2])
			if err != nil || e.Status != Quarantined || e.Attempts != 1 || e.Job != job.ID || e.ClaimedBy != "" || e.Version.Stream != 2 ||
				len(e.Reasons) != 1 || e.Reasons[0].Code != lazaret.CodeSinkRefused || !strings.Contains(e.Reasons[0].Message, "400") {
				t.Errorf("%+v (%v)", e, err)
			}
			checkCounts(t, w.store)

			w.poison = []string{}
			again := w.submit(Filter{Code: lazaret.CodeSinkRefused})
			w.idle()
			if again = w.job(again.ID); again.State != Done || again.Matched != 1 || again.Released != 1 {
				t.Errorf("when the receiver is mended: %+v", again)
			}
			w.journal.once(want)
			checkCounts(t, w.store)
		})
	}
}

// A batch is divided in halves: what a few refused events cost is bounded.
func TestDividingIsLogarithmic(t *testing.T) {
	w := life(t, storePath(t), newJournal(t), &faults{}, mended())
	w.store.pageEntries = pageEntries
	want := many(w, 256)
	w.poison, w.chunk = []string{want[77], want[200]}, 500
	w.start()
	job := w.submit(Filter{})
	w.idle()
	if job = w.job(job.ID); job.Released != 254 || job.Failed != 2 || w.writes.Load() > 1+2*2*8 {
		t.Errorf("%d writes: %+v", w.writes.Load(), job)
	}
	checkCounts(t, w.store)
}

// Promise 5: wherever the process is killed while batches are divided, each entry lands
// once or stays in the quarantine, never both, even if the receiver changes its mind.
func TestReleasedOnceWhereverADivisionIsKilled(t *testing.T) {
	s := newStage(t)
	poison := []string{"s-000000", "s-000004", "t-000002"}
	for _, c := range []struct {
		chunk  int
		mind   string
		second []string // what the receiver refuses after the first kill
	}{{2, "stays", poison}, {100, "mended", []string{}}, {1, "mended", []string{}}, {2, "worse", s.passing}} {
		t.Run(fmt.Sprint(c.chunk, c.mind), func(t *testing.T) {
			for at := 1; ; at++ {
				if at > 500 {
					t.Fatal("no run came through")
				}
				if hit := killedDividing(t, s, poison, c.second, c.chunk, at); t.Failed() {
					t.Fatalf("killed at operation %d", at)
				} else if !hit {
					if at < 30 {
						t.Errorf("only %d operations: faults are not injected", at)
					}
					return
				}
			}
		})
	}
}

func killedDividing(t *testing.T, s *stage, poison, second []string, chunk, at int) bool {
	path, l := s.begin(t), newJournal(t)
	first := &faults{at: at, crash: true}
	var w *world
	for i, f := range []*faults{first, {at: 1 + at%11, crash: true}, {}} {
		w = life(t, path, l, f, mended())
		if w.poison, w.chunk = second, chunk; i == 0 {
			w.poison = poison
		}
		w.start()
		if i == 0 {
			if _, err := w.jobs.Submit(context.Background(), Filter{}, false, 2); err != nil && !errors.Is(err, errFault) {
				t.Fatal(err)
			}
		}
		if w.idle(); i < 2 {
			w.end()
		}
	}
	job := theJob(w)
	w.idle()
	job = w.job(job.ID)
	var landed []string
	var refused int64
	for _, id := range s.passing {
		e, err := w.store.Get(context.Background(), id)
		isRefused := e.Status == Quarantined && len(e.Reasons) == 1 && e.Reasons[0].Code == lazaret.CodeSinkRefused
		switch {
		case err != nil || e.Attempts != 1 || e.Job != job.ID || e.ClaimedBy != "":
			t.Errorf("entry %s: %+v (%v)", id, e, err)
		case e.Status == Released:
			landed = append(landed, id)
		case isRefused && (slices.Contains(poison, id) || slices.Contains(second, id)):
			refused++
		default:
			t.Errorf("entry %s is neither released nor refused: %+v", id, e)
		}
	}
	l.once(landed)
	checkCounts(t, w.store)
	if slices.Equal(poison, second) && refused != int64(len(poison)) {
		t.Errorf("%d were refused, want %d", refused, len(poison))
	}
	if job.State != Done || job.Examined != 20 || job.Released != int64(len(landed)) || job.Passed != job.Released || job.Failed != 10+refused ||
		job.ByCode[lazaret.CodeSinkRefused] != refused || job.ByCode["rule.failed"] != 10 || job.Skipped != 1 || job.SkippedBy[SkippedNoStream] != 1 {
		t.Errorf("the job's account: %+v", job)
	}
	if open, err := w.store.openBatches(context.Background()); err != nil || len(open) > 0 {
		t.Errorf("%d batches are open (%v)", len(open), err)
	}
	w.end()
	return first.hit
}

// A refusal that does not say what landed fails the job at once and keeps the claim, which
// shows everywhere; resuming finishes it, and abandoning makes the entries free.
func TestClaimsShowAndCanBeAbandoned(t *testing.T) {
	w := life(t, storePath(t), newJournal(t), &faults{}, mended())
	patient(w)
	want := many(w, 4)
	w.onWrite = func(context.Context, lazaret.Batch) error { return fmt.Errorf("%w: 401", lazaret.ErrRefused) }
	w.start()
	job := w.submit(Filter{})
	w.idle()
	if job = w.job(job.ID); job.State != Failed || !strings.Contains(job.Error, "401") || job.Examined != 0 || w.writes.Load() != 1 {
		t.Fatalf("%d writes: %+v", w.writes.Load(), job)
	}
	if e, err := w.store.Get(t.Context(), want[0]); err != nil || e.ClaimedBy != job.ID || e.Attempts != 0 {
		t.Errorf("%+v (%v)", e, err)
	}
	for _, dry := range []bool{true, false} {
		if matched, n, err := w.store.Discard(t.Context(), Filter{}, dry); matched != 4 || n != 0 || err != nil {
			t.Errorf("dry=%v: %d of %d claimed entries were discarded (%v)", dry, n, matched, err)
		}
	}
	other := w.submit(Filter{IDs: want[:1]})
	w.idle()
	if other = w.job(other.ID); other.State != Done || other.SkippedBy[SkippedClaimed] != 1 || other.Skipped != 1 {
		t.Errorf("another job over a claimed entry: %+v", other)
	}

	if _, n, err := w.jobs.Abandon(t.Context(), job.ID); n != 4 || err != nil {
		t.Errorf("abandoning freed %d entries (%v)", n, err)
	}
	if _, n, err := w.jobs.Abandon(t.Context(), job.ID); n != 0 || err != nil {
		t.Errorf("abandoning again freed %d entries (%v)", n, err)
	}
	if _, _, err := w.jobs.Abandon(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("abandoning a job that is not there: %v", err)
	}
	if e, err := w.store.Get(t.Context(), want[0]); err != nil || e.ClaimedBy != "" || e.Status != Quarantined {
		t.Errorf("%+v (%v)", e, err)
	}
	if matched, n, err := w.store.Discard(t.Context(), Filter{IDs: want[:1]}, false); matched != 1 || n != 1 || err != nil {
		t.Errorf("%d of %d were discarded (%v)", n, matched, err)
	}
	w.onWrite = nil
	if _, err := w.jobs.Resume(t.Context(), job.ID); err != nil {
		t.Fatal(err)
	}
	w.idle()
	if job = w.job(job.ID); job.State != Done || job.Released != 3 || job.SkippedBy[SkippedChanged] != 1 {
		t.Errorf("%+v", job)
	}
	w.journal.once(want[1:])
	checkCounts(t, w.store)
}

// What a running job has claimed is not abandoned under its hands.
func TestARunningJobIsNotAbandoned(t *testing.T) {
	w := life(t, storePath(t), newJournal(t), &faults{}, mended())
	want := many(w, 2)
	g := newGate(w)
	w.start()
	job := w.submit(Filter{})
	<-g.entered
	if _, n, err := w.jobs.Abandon(t.Context(), job.ID); n != 0 || !errors.Is(err, ErrState) {
		t.Errorf("%d entries of a running job were freed (%v)", n, err)
	}
	g.leave <- struct{}{}
	w.idle()
	w.journal.once(want)
}

// A sink that names records which are not in the batch is not believed.
func TestRefusedPositionsAreChecked(t *testing.T) {
	for _, at := range [][]int{nil, {-1}, {4}, {1, 1}, {2, 1}} {
		w := life(t, storePath(t), newJournal(t), &faults{}, mended())
		patient(w)
		many(w, 4)
		w.onWrite = func(context.Context, lazaret.Batch) error { return &lazaret.RefusedError{Records: at, Err: errFault} }
		w.start()
		job := w.submit(Filter{})
		w.idle()
		if job = w.job(job.ID); job.State != Failed || job.Released != 0 || job.Failed != 0 {
			t.Errorf("%v: %+v", at, job)
		}
		w.journal.once(nil)
	}
}

// Promise 5: a batch that landed in one sink is not written to another when the stream was
// pointed there before the job heard that it had landed.
func TestABatchStaysWithItsSink(t *testing.T) {
	path, l := storePath(t), newJournal(t)
	for i, f := range []*faults{{}, {}} {
		w := life(t, path, l, f, mended())
		elsewhere := life(t, storePath(t), newJournal(t), &faults{}, nil)
		w.jobs.cfg.SinkAt = func(_ context.Context, stream string, version int) (Sink, error) {
			if stream == "s" && version == 2 {
				return w, nil
			}
			return elsewhere, nil
		}
		if i == 0 {
			many(w, 3)
			w.onWrite = func(_ context.Context, b lazaret.Batch) error {
				l.write(b) // it landed, but the process never hears of it
				return errFault
			}
			w.start()
			w.submit(Filter{})
		} else {
			add(t, w.store, defective("s", 3, "a"))
			w.set("s", &contract{version: 3, mended: []string{"a"}})
			w.start()
			w.idle()
			w.submit(Filter{})
		}
		w.idle()
		if i == 1 {
			l.once([]string{"s-000000", "s-000001", "s-000002"})
			elsewhere.journal.once([]string{"s-000003"})
			if got := ids(w, Filter{Status: Quarantined}); len(got) != 0 {
				t.Errorf("still quarantined: %v", got)
			}
		}
		elsewhere.end()
		w.end()
	}
}
