package quarantine

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
)

// A sink that stays down fails the job and keeps the claim: nothing discards those entries
// or releases them otherwise, and a resume, or just another job, finishes them.
func TestSinkThatStaysDown(t *testing.T) {
	for _, how := range []string{"resume", "another job", "restart"} {
		t.Run(how, func(t *testing.T) {
			path, l := storePath(t), newJournal(t)
			w := life(t, path, l, &faults{}, mended())
			want := many(w, 6)
			down := errors.New("the disk is gone")
			w.onWrite = func(context.Context, lazaret.Batch) error { return down }
			w.start()
			job := w.submit(Filter{})
			w.idle()
			if job = w.job(job.ID); job.State != Failed || !strings.Contains(job.Error, down.Error()) || job.Examined != 0 {
				t.Fatalf("%+v", job)
			}
			if matched, n, err := w.store.Discard(t.Context(), Filter{IDs: want[:4]}, false); matched != 4 || n != 0 || err != nil {
				t.Errorf("%d of %d claimed entries were discarded (%v)", n, matched, err)
			}
			released := want
			switch how {
			case "resume":
				w.onWrite = nil
				if _, err := w.jobs.Resume(t.Context(), job.ID); err != nil {
					t.Fatal(err)
				}
			case "another job":
				w.onWrite = nil
				w.submit(Filter{IDs: want[5:]})
				released = append(slices.Clone(want[:4]), want[5])
			case "restart":
				w.end()
				w = life(t, path, l, &faults{}, mended())
				w.start()
				released = want[:4]
			}
			w.idle()
			l.once(released)
			checkCounts(t, w.store)
			if job = w.job(job.ID); how == "resume" && (job.State != Done || job.Released != 6 || job.Error != "") || how != "resume" && (job.State != Failed || job.Released != 4) {
				t.Errorf("%+v", job)
			}
			w.end()
		})
	}
}

// Two that see the same open batch finish it once: the second does not write what the sink
// was told to forget.
func TestOpenBatchIsFinishedOnce(t *testing.T) {
	w := life(t, storePath(t), newJournal(t), &faults{}, mended())
	want := many(w, 2)
	w.onWrite = func(context.Context, lazaret.Batch) error { return errFault }
	w.start()
	job := w.submit(Filter{})
	w.idle()
	w.onWrite = nil
	first, err := w.store.openBatches(t.Context())
	if err != nil || len(first) != 1 {
		t.Fatal(first, err)
	}
	second, err := w.store.openBatches(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []*batch{first[0], second[0]} {
		if err := w.jobs.finishOnce(b, false); err != nil {
			t.Error(err)
		}
	}
	w.journal.once(want)
	if !w.journal.forgotten[first[0].id] {
		t.Error("the sink was not told to forget the batch")
	}
	if job = w.job(job.ID); job.Released != 2 || job.Examined != 2 || job.State != Failed {
		t.Errorf("%+v", job)
	}
	checkCounts(t, w.store)
}

// A cancel does not wait for a sink that is down.
func TestCancelWhileTheSinkIsDown(t *testing.T) {
	w := life(t, storePath(t), newJournal(t), &faults{}, mended())
	w.jobs.cfg.Retry = Retry{Initial: time.Hour, Max: time.Hour, For: 100 * time.Hour}
	want := many(w, 2)
	tried := make(chan struct{}, 1)
	w.onWrite = func(context.Context, lazaret.Batch) error {
		tried <- struct{}{}
		return errFault
	}
	w.start()
	job := w.submit(Filter{})
	<-tried
	if _, err := w.jobs.Cancel(t.Context(), job.ID); err != nil {
		t.Fatal(err)
	}
	w.idle()
	if got := w.job(job.ID); got.State != Cancelled {
		t.Errorf("%+v", got)
	}
	w.onWrite = nil
	if _, err := w.jobs.Resume(t.Context(), job.ID); err != nil {
		t.Fatal(err)
	}
	w.idle()
	w.journal.once(want)
}

// A claim outlives its stream and its contract: the batch stays open while the stream is
// gone, and is released as it was claimed when the stream is back with another contract.
func TestClaimOutlivesStreamAndContract(t *testing.T) {
	path, l := storePath(t), newJournal(t)
	w := life(t, path, l, &faults{}, mended())
	want := many(w, 3)
	w.onWrite = func(_ context.Context, b lazaret.Batch) error {
		l.write(b) // it landed, but the process never hears of it
		w.set("s", nil)
		return errFault
	}
	w.start()
	job := w.submit(Filter{})
	w.idle()
	if job = w.job(job.ID); job.State != Failed || !strings.Contains(job.Error, "s: the stream does not exist") {
		t.Fatalf("%+v", job)
	}
	w.end()

	strict := map[string]*contract{"s": {version: 9}}
	w = life(t, path, l, &faults{}, strict)
	w.set("s", nil)
	w.start()
	w.idle()
	if open, err := w.store.openBatches(t.Context()); err != nil || len(open) != 1 {
		t.Fatalf("%d batches are open, want the one (%v)", len(open), err)
	}
	if got := ids(w, Filter{Status: Quarantined}); !slices.Equal(got, want) {
		t.Errorf("quarantined are %v, want %v", got, want)
	}
	w.set("s", &contract{version: 9})
	if _, err := w.jobs.Resume(t.Context(), job.ID); err != nil {
		t.Fatal(err)
	}
	w.idle()
	if job = w.job(job.ID); job.State != Done || job.Released != 3 || job.Failed != 0 {
		t.Errorf("%+v", job)
	}
	l.once(want) // and write held that the records are those of the first time
	for _, versions := range l.versions {
		if !slices.Equal(versions, []int{2, 2, 2}) {
			t.Errorf("the records are of the versions %v, want those that judged them", versions)
		}
	}
	w.end()
}

// When we fail, no entry is marked for it.
func TestJudgeThatFails(t *testing.T) {
	for name, c := range map[string]*contract{
		"error": {version: 2, mended: []string{"a"}, err: errors.New("schema store is away")},
		"panic": {version: 2, mended: []string{"a"}, onJudge: func() { panic("no") }},
	} {
		t.Run(name, func(t *testing.T) {
			w := life(t, storePath(t), newJournal(t), &faults{}, map[string]*contract{"s": c})
			want := many(w, 6)
			before := all(t, w.store, Filter{}, 10)
			w.start()
			job := w.submit(Filter{})
			w.idle()
			if job = w.job(job.ID); job.State != Failed || !strings.Contains(job.Error, "of stream s") || job.Examined != 0 {
				t.Errorf("%+v", job)
			}
			if after := all(t, w.store, Filter{}, 10); !reflect.DeepEqual(before, after) {
				t.Error("entries were changed")
			}
			w.set("s", &contract{version: 3, mended: []string{"a"}})
			if _, err := w.jobs.Resume(t.Context(), job.ID); err != nil {
				t.Fatal(err)
			}
			w.idle()
			w.journal.once(want)
		})
	}
}
