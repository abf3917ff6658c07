package quarantine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
)

// ids returns the ids of the entries that the filter selects, oldest first.
func ids(w *world, f Filter) []string {
	w.t.Helper()
	var list []string
	for _, e := range all(w.t, w.store, f, MaxLimit) {
		list = append(list, e.ID)
	}
	slices.Reverse(list)
	return list
}

// A dry run says what would pass and why the rest fails, by code and by group, and leaves
// every entry and the sink as they were.
func TestDryRunChangesNothing(t *testing.T) {
	w := life(t, storePath(t), newJournal(t), &faults{}, mended())
	scene(w)
	w.start()
	before := all(t, w.store, Filter{}, MaxLimit)
	job, err := w.jobs.Submit(t.Context(), Filter{}, true, 3)
	if err != nil || job.State != Pending || job.Matched != 21 {
		t.Fatal(job, err)
	}
	w.idle()
	job = w.job(job.ID)
	if job.State != Done || job.Examined != 20 || job.Passed != 10 || job.Failed != 10 || job.Released != 0 || job.SkippedBy[SkippedNoStream] != 1 ||
		job.ByCode["rule.failed"] != 10 || job.ByCode["schema.type"] != 5 || job.Rate <= 0 || job.Finished.IsZero() {
		t.Errorf("%+v", job)
	}
	var groups []GroupResult
	for _, e := range []Entry{before[len(before)-2], before[len(before)-3], before[len(before)-4], before[len(before)-5]} { // s/a t/a s/b t/b, after the one of the stream that is gone
		g := GroupResult{Group: e.Group, Passed: 5}
		if e.Reasons[0].Rule == "b" {
			g.Passed, g.Failed = 0, 5
		}
		groups = append(groups, g)
	}
	if !reflect.DeepEqual(job.Groups, groups) {
		t.Errorf("groups %+v\nwant   %+v", job.Groups, groups)
	}
	if after := all(t, w.store, Filter{}, MaxLimit); !reflect.DeepEqual(before, after) {
		t.Error("a dry run changed entries")
	}
	w.journal.once(nil)
}

// What the dry run lists by group is bounded; what is beyond is counted.
func TestDryRunGroupsAreBounded(t *testing.T) {
	g := newGroupResults()
	p := &page{}
	for i := range MaxJobGroups + 7 {
		p.entries = append(p.entries, stored{Entry: Entry{Group: fmt.Sprint(i)}})
		p.verdicts = append(p.verdicts, lazaret.Verdict{Status: lazaret.Accepted})
	}
	g.add(p)
	if len(g.list) != MaxJobGroups || g.more != 7 {
		t.Errorf("%d groups and %d more", len(g.list), g.more)
	}
}

// Two jobs over the same entries release each once between them (promise 5).
func TestTwoJobsOverTheSameEntries(t *testing.T) {
	w := life(t, storePath(t), newJournal(t), &faults{}, map[string]*contract{"s": {version: 2, mended: []string{"a"}}})
	var want []string
	for n := range 200 {
		r := defective("s", n, "a")
		add(t, w.store, r)
		want = append(want, r.QuarantineID)
	}
	r := rand.New(rand.NewPCG(1, 1))
	yields := make([]int, 500)
	for i := range yields {
		yields[i] = r.IntN(20)
	}
	turn := make(chan int, len(yields))
	for _, y := range yields {
		turn <- y
	}
	w.onWrite = func(context.Context, lazaret.Batch) error {
		for range <-turn {
			runtime.Gosched()
		}
		return nil
	}
	w.start()
	jobs := []Job{w.submit(Filter{}), w.submit(Filter{Stream: "s"}), w.submit(Filter{Rule: "a"})}
	w.idle()
	w.journal.once(want)
	checkCounts(t, w.store)
	var released int64
	for _, j := range jobs {
		j = w.job(j.ID)
		if j.State != Done || j.Examined+j.Skipped != 200 || j.Released != j.Examined {
			t.Errorf("%+v", j)
		}
		released += j.Released
	}
	if released != 200 {
		t.Errorf("the jobs say that they released %d of 200", released)
	}
}

// An entry that another job has claimed is skipped, and one that was discarded after it was
// judged does not fail or pass any more.
func TestEntriesThatChangeMeanwhileAreSkipped(t *testing.T) {
	w := life(t, storePath(t), newJournal(t), &faults{}, nil)
	c := &contract{version: 2, mended: []string{"a"}}
	w.streams = map[string]*contract{"s": c}
	for n := range 4 {
		add(t, w.store, defective("s", n, []string{"a", "b"}[n%2]))
	}
	c.onJudge = func() { // page-wide: all four are in the page that is being judged
		if _, _, err := w.store.Discard(context.Background(), Filter{IDs: []string{"s-000000", "s-000001"}}, false); err != nil {
			t.Error(err)
		}
	}
	w.start()
	job := w.submit(Filter{})
	w.idle()
	if job = w.job(job.ID); job.State != Done || job.Examined != 2 || job.Released != 1 || job.Failed != 1 || job.SkippedBy[SkippedChanged] != 2 || job.Skipped != 2 {
		t.Errorf("%+v", job)
	}
	w.journal.once([]string{"s-000002"})
	for _, id := range []string{"s-000000", "s-000001"} {
		if e, err := w.store.Get(t.Context(), id); err != nil || e.Status != Discarded || e.Attempts != 0 || e.Job != "" {
			t.Errorf("%+v, %v", e, err)
		}
	}
	checkCounts(t, w.store)
}

func TestEntriesAddedLaterAreNotPart(t *testing.T) {
	w := life(t, storePath(t), newJournal(t), &faults{}, mended())
	add(t, w.store, defective("s", 1, "a"))
	var added bool
	w.onWrite = func(context.Context, lazaret.Batch) error {
		if !added {
			added = true
			return w.store.Add(context.Background(), []lazaret.Record{defective("s", 2, "a")})
		}
		return nil
	}
	w.start()
	job := w.submit(Filter{})
	w.idle()
	if job = w.job(job.ID); job.Examined != 1 || job.Released != 1 {
		t.Errorf("%+v", job)
	}
	w.journal.once([]string{"s-000001"})
}

// gate makes the sink wait in each write until it is let through.
type gate struct{ entered, leave chan struct{} }

func newGate(w *world) *gate {
	g := &gate{make(chan struct{}), make(chan struct{})}
	w.onWrite = func(ctx context.Context, _ lazaret.Batch) error {
		select {
		case g.entered <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case <-g.leave:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return g
}

func many(w *world, n int) (list []string) {
	for i := range n {
		r := defective("s", i, "a")
		add(w.t, w.store, r)
		list = append(list, r.QuarantineID)
	}
	return list
}

func (j *Jobs) accepting() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.open
}

func TestCancelFinishesTheBatchInHand(t *testing.T) {
	w := life(t, storePath(t), newJournal(t), &faults{}, mended())
	want := many(w, 10)
	g := newGate(w)
	w.start()
	job := w.submit(Filter{})
	<-g.entered
	got, err := w.jobs.Cancel(t.Context(), job.ID)
	if err != nil || got.State != Cancelling {
		t.Fatal(got, err)
	}
	if _, err := w.jobs.Resume(t.Context(), job.ID); !errors.Is(err, ErrState) {
		t.Errorf("a job that is cancelling was resumed: %v", err)
	}
	g.leave <- struct{}{}
	w.idle()
	if got = w.job(job.ID); got.State != Cancelled || got.Released != 4 || got.Finished.IsZero() {
		t.Errorf("%+v", got)
	}
	w.journal.once(want[:4])
	if got, err := w.jobs.Cancel(t.Context(), job.ID); err != nil || got.State != Cancelled {
		t.Errorf("cancelling again: %+v, %v", got, err)
	}
	w.onWrite = nil
	if got, err = w.jobs.Resume(t.Context(), job.ID); err != nil || !got.State.unfinished() || !got.Finished.IsZero() {
		t.Fatal(got, err)
	}
	w.idle()
	if got = w.job(job.ID); got.State != Done || got.Released != 10 || got.Examined != 10 {
		t.Errorf("%+v", got)
	}
	w.journal.once(want)
	for what, f := range map[string]func(context.Context, string) (Job, error){"cancelled": w.jobs.Cancel, "resumed": w.jobs.Resume} {
		if _, err := f(t.Context(), job.ID); !errors.Is(err, ErrState) {
			t.Errorf("a done job was %s: %v", what, err)
		}
		if _, err := f(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a job that is not there was %s: %v", what, err)
		}
	}
}

// Stop lets the batch in hand finish and leaves the job running in the store; Start goes
// on with it. If Stop is out of time, the batch stays open and is finished at Start.
func TestStopAndStartAgain(t *testing.T) {
	for _, patient := range []bool{true, false} {
		t.Run(fmt.Sprintf("patient=%v", patient), func(t *testing.T) {
			path, l := storePath(t), newJournal(t)
			w := life(t, path, l, &faults{}, mended())
			want := many(w, 10)
			g := newGate(w)
			w.start()
			job := w.submit(Filter{})
			<-g.entered
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stopped := make(chan error)
			go func() { stopped <- w.jobs.Stop(ctx) }()
			for w.jobs.accepting() { // until Stop has told the job
				runtime.Gosched()
			}
			if patient {
				g.leave <- struct{}{}
			} else {
				cancel()
			}
			err := <-stopped
			var released int64
			if patient {
				released = 4
			}
			if (err == nil) != patient {
				t.Errorf("Stop: %v", err)
			}
			if got := w.job(job.ID); got.State != Running || got.Released != released {
				t.Errorf("after Stop: %+v", got)
			}
			l.once(want[:released])
			w.end()

			w = life(t, path, l, &faults{}, mended())
			w.start()
			w.idle()
			if got := w.job(job.ID); got.State != Done || got.Released != 10 || got.Examined != 10 || got.Skipped != 0 {
				t.Errorf("after Start: %+v", got)
			}
			l.once(want)
			checkCounts(t, w.store)
			w.end()
		})
	}
}

// A contract that changes in the middle of a job changes between batches only.
func TestOneContractABatch(t *testing.T) {
	w := life(t, storePath(t), newJournal(t), &faults{}, nil)
	version := 1
	var c *contract
	next := func() {
		version++
		w.set("s", &contract{version: version, mended: []string{"a"}, onJudge: c.onJudge})
	}
	c = &contract{version: 1, mended: []string{"a"}}
	c.onJudge = func() { next() }
	w.streams = map[string]*contract{"s": c}
	want := many(w, 12)
	w.start()
	if _, err := w.jobs.Submit(t.Context(), Filter{}, false, 1); err != nil {
		t.Fatal(err)
	}
	w.idle()
	w.journal.once(want)
	seen := map[int]bool{}
	for _, versions := range w.journal.versions {
		for _, v := range versions {
			if v != versions[0] {
				t.Errorf("a batch has the versions %v", versions)
			}
		}
		seen[versions[0]] = true
	}
	if len(seen) != 3 {
		t.Errorf("the batches have the versions %v, want three: the contract changed all the time", seen)
	}
}

// A released record is what a good event's record would have been, with the entry's id and
// the time of the release; the entry shows the same time.
func TestReleasedRecord(t *testing.T) {
	w := life(t, storePath(t), newJournal(t), &faults{}, mended())
	r := defective("s", 1, "a")
	r.Event.Source = lazaret.Source{Kind: "kafka", Name: "t", Partition: 2, Offset: 9, Unique: "t/2/9"}
	add(t, w.store, r)
	var got []lazaret.Batch
	w.onWrite = func(_ context.Context, b lazaret.Batch) error {
		got = append(got, b)
		return nil
	}
	w.start()
	w.submit(Filter{})
	w.idle()
	if len(got) != 1 || len(got[0].Records) != 1 {
		t.Fatal(got)
	}
	e, err := w.store.Get(t.Context(), r.QuarantineID)
	if err != nil {
		t.Fatal(err)
	}
	verdict, err := mended()["s"].Judge(t.Context(), r.Event)
	if err != nil {
		t.Fatal(err)
	}
	rec := got[0].Records[0]
	if !rec.Verdict.Time.Equal(verdict.Time) || rec.Verdict.Time.Format(time.RFC3339Nano) != verdict.Time.Format(time.RFC3339Nano) {
		t.Errorf("the event's time is %v, want %v", rec.Verdict.Time, verdict.Time)
	}
	rec.Verdict.Time = verdict.Time
	want := lazaret.Record{Stream: "s", Event: r.Event, Verdict: verdict, QuarantineID: r.QuarantineID, ReleasedAt: e.ReleasedAt}
	if !reflect.DeepEqual(rec, want) || e.ReleasedAt.IsZero() {
		t.Errorf("got  %+v\nwant %+v", rec, want)
	}
}

// A batch has at most 500 entries and 8 MiB, but for one entry that is larger alone.
func TestBatchesAreBounded(t *testing.T) {
	l := newJournal(t)
	w := life(t, storePath(t), l, &faults{}, mended())
	w.store.pageEntries = pageEntries
	var records []lazaret.Record
	for n := range 520 {
		records = append(records, defective("s", n, "a"))
	}
	for n, size := range map[int]int{505: pageBytes/2 + 1, 506: pageBytes / 2, 507: pageBytes + 1} {
		records[n].Event.Data = append(bytes.Repeat([]byte(" "), size), `{"defect":"a"}`...)
	}
	add(t, w.store, records...)
	w.start()
	w.submit(Filter{})
	w.idle()
	if want := []int{500, 6, 1, 1, 12}; !slices.Equal(l.sizes, want) {
		t.Errorf("batches of %v entries, want %v", l.sizes, want)
	}
}

func TestSubmitRefuses(t *testing.T) {
	w := life(t, storePath(t), newJournal(t), &faults{}, mended())
	if _, err := w.jobs.Submit(t.Context(), Filter{}, true, 0); !errors.Is(err, ErrStopped) {
		t.Errorf("before Start: %v", err)
	}
	w.start()
	if err := w.jobs.Start(t.Context()); err == nil {
		t.Error("Start twice is fine")
	}
	var input *InputError
	for field, try := range map[string]func() (Job, error){
		"status":      func() (Job, error) { return w.jobs.Submit(t.Context(), Filter{Status: Discarded}, false, 0) },
		"concurrency": func() (Job, error) { return w.jobs.Submit(t.Context(), Filter{}, false, MaxConcurrency+1) },
		"code":        func() (Job, error) { return w.jobs.Submit(t.Context(), Filter{Code: "x"}, false, 0) },
	} {
		if _, err := try(); !errors.As(err, &input) || input.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if job, err := w.jobs.Submit(t.Context(), Filter{}, false, 0); err != nil || job.Concurrency != DefaultConcurrency || job.Filter.Status != Quarantined {
		t.Errorf("%+v, %v", job, err)
	}
	w.idle()
	for range 2 {
		if err := w.jobs.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, err := w.jobs.Submit(t.Context(), Filter{}, true, 0); !errors.Is(err, ErrStopped) {
		t.Errorf("after Stop: %v", err)
	}
}

// Jobs beyond MaxRunning wait for their turn, can be cancelled there, and are refused when
// there are too many; the list is paged.
func TestJobsWaitForTheirTurn(t *testing.T) {
	w := life(t, storePath(t), newJournal(t), &faults{}, mended())
	many(w, 4)
	g := newGate(w)
	w.start()
	running := cap(w.jobs.slots)
	first := w.submit(Filter{IDs: []string{"s-000000"}})
	<-g.entered
	for i := 1; i < running; i++ {
		w.submit(Filter{IDs: []string{fmt.Sprintf("s-%06d", i)}})
		<-g.entered
	}
	var waiting Job
	for range maxUnfinished - running {
		waiting = w.submit(Filter{})
	}
	if _, err := w.jobs.Submit(t.Context(), Filter{}, true, 1); !errors.Is(err, ErrBusy) {
		t.Errorf("one job too many: %v", err)
	}
	if got := w.job(waiting.ID); got.State != Pending || !got.Started.IsZero() {
		t.Errorf("a job beyond the limit: %+v", got)
	}
	if _, err := w.jobs.Cancel(t.Context(), waiting.ID); err != nil {
		t.Fatal(err)
	}
	close(g.leave)
	w.idle()
	if got := w.job(waiting.ID); got.State != Cancelled || got.Examined != 0 {
		t.Errorf("the one that was cancelled: %+v", got)
	}
	if got := w.job(first.ID); got.State != Done || got.Released != 1 {
		t.Errorf("the first: %+v", got)
	}
	var seen []string
	for p := (Page{Limit: 30}); ; {
		page, err := w.jobs.List(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		for _, job := range page.Jobs {
			seen = append(seen, job.ID)
		}
		if p.Cursor = page.Next; page.Next == "" {
			break
		}
	}
	if len(seen) != maxUnfinished || seen[0] != waiting.ID || seen[len(seen)-1] != first.ID || len(slices.Compact(slices.Sorted(slices.Values(seen)))) != maxUnfinished {
		t.Errorf("%d jobs are listed, want %d, newest first, each once", len(seen), maxUnfinished)
	}
}
