package quarantine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/db"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errFault = errors.New("injected fault")

// faults fails the at-th operation; with crash, all that come after it too, as if the
// process had been killed there. Each write has two operations: before it has an effect,
// and after it, when only its success is not seen.
type faults struct {
	mu    sync.Mutex
	n, at int
	crash bool
	hit   bool
}

func (f *faults) step() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	if f.at != 0 && (f.n == f.at || f.crash && f.n > f.at) {
		f.hit = true
		return errFault
	}
	return nil
}

// contract is a judge of events that name their defect: {"defect":"x",…}.
type contract struct {
	version int
	mended  []string // the defects that pass now
	moved   bool     // what fails, fails at another path
	err     error
	onJudge func()
}

func (c *contract) Judge(_ context.Context, e *lazaret.Event) (lazaret.Verdict, error) {
	if c.onJudge != nil {
		c.onJudge()
	}
	if c.err != nil {
		return lazaret.Verdict{}, c.err
	}
	var event struct {
		N      int
		Defect string
	}
	if err := json.Unmarshal(e.Data, &event); err != nil {
		return lazaret.Verdict{}, err
	}
	v := lazaret.Verdict{Status: lazaret.Accepted, ID: fmt.Sprint("new", event.N), Key: "\xffk", Time: epoch.Add(123 * time.Nanosecond).In(time.FixedZone("", 3600)),
		Version: lazaret.Version{Stream: c.version, RuleSet: c.version}, Warnings: []lazaret.Reason{rule("warned", "/w")}}
	if !slices.Contains(c.mended, event.Defect) {
		v.Status, v.Reasons = lazaret.Quarantined, defect(event.Defect, c.moved)
	}
	return v, nil
}

// defect is the reasons of an event with a defect; moved ones differ.
func defect(name string, moved bool) []lazaret.Reason {
	if moved {
		return []lazaret.Reason{rule(name, "/moved"), {Code: "schema.type", Path: "/n", Message: "m"}}
	}
	return []lazaret.Reason{rule(name, "/x/0")}
}

func defective(stream string, n int, name string) lazaret.Record {
	r := record(stream, n, defect(name, false)...)
	r.Event.Data = fmt.Appendf(nil, `{"n":%d,"defect":%q,"pad":%q}`, n, name, strings.Repeat("é", n%3*400))
	r.Event.Headers = []lazaret.Header{{Name: "x", Value: "\xfe"}}
	return r
}

// journal is a sink's durable side: it outlives the process.
type journal struct {
	t  testing.TB
	mu sync.Mutex
	// batches holds each batch that landed, as text, by ID; landed counts records by entry.
	batches   map[string]string
	landed    map[string]int
	versions  map[string][]int // the stream versions in each batch
	sizes     []int
	forgotten map[string]bool
}

func newJournal(t testing.TB) *journal {
	return &journal{t: t, batches: map[string]string{}, landed: map[string]int{}, versions: map[string][]int{}, forgotten: map[string]bool{}}
}

func (l *journal) write(b lazaret.Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text, err := json.Marshal(b)
	if err != nil {
		l.t.Error(err)
	}
	for _, r := range b.Records { // what JSON would blur
		text = fmt.Appendf(text, "|%q %q %q", r.Verdict.ID, r.Verdict.Key, r.Event.Headers)
	}
	if b.ID == "" || len(b.Records) == 0 {
		l.t.Errorf("a batch without an ID, or empty: %q", b.ID)
	}
	if l.forgotten[b.ID] {
		l.t.Errorf("batch %s was written after the sink was told to forget it", b.ID)
	}
	if before, known := l.batches[b.ID]; known {
		if before != string(text) {
			l.t.Errorf("batch %s was written again with other records:\n%s\n%s", b.ID, before, text)
		}
		return
	}
	l.batches[b.ID] = string(text)
	l.sizes = append(l.sizes, len(b.Records))
	for _, r := range b.Records {
		l.landed[r.QuarantineID]++
		l.versions[b.ID] = append(l.versions[b.ID], r.Verdict.Version.Stream)
		if r.ReleasedAt.IsZero() || r.Verdict.Status != lazaret.Accepted || len(r.Verdict.Reasons) > 0 {
			l.t.Errorf("the record of %s is not that of a released event: %+v", r.QuarantineID, r)
		}
	}
}

func (l *journal) isForgotten(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.forgotten[id]
}

func (l *journal) has(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.batches[id]
	return ok
}

// once holds that exactly the entries with these ids landed, each once.
func (l *journal) once(want []string) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range want {
		if l.landed[id] != 1 {
			l.t.Errorf("entry %s was released %d times, want once", id, l.landed[id])
		}
	}
	if len(l.landed) != len(want) {
		l.t.Errorf("%d entries were released, want %d", len(l.landed), len(want))
	}
}

// world is one life of the process over a store file and a journal.
type world struct {
	t       testing.TB
	db      *db.DB
	store   *Store
	jobs    *Jobs
	journal *journal
	faults  *faults

	mu      sync.Mutex
	streams map[string]*contract
	// onWrite, where it is set, is in the place of the sink's success.
	onWrite func(context.Context, lazaret.Batch) error
	// poison, where it is set, are the entries that the receiver behind the sink refuses. It
	// gets chunk records at a time, and knows each request by its key.
	poison []string
	chunk  int
	writes atomic.Int64
}

// life opens the store at path and the jobs on it, without starting them.
func life(t testing.TB, path string, l *journal, f *faults, streams map[string]*contract) *world {
	t.Helper()
	w := &world{t: t, journal: l, faults: f, streams: streams}
	var err error
	if w.db, err = db.Open(context.Background(), db.Config{Path: path}); err != nil {
		t.Fatal(err)
	}
	if w.store, err = NewStore(context.Background(), w.db); err != nil {
		t.Fatal(err)
	}
	w.store.pageEntries = 4
	w.store.write = func(ctx context.Context, fn func(*db.Tx) error) error {
		if err := f.step(); err != nil {
			return err
		}
		if err := w.db.Write(ctx, fn); err != nil {
			return err
		}
		return f.step()
	}
	w.jobs, err = New(Config{
		Store: w.store, Judge: w.judge, Log: slog.New(slog.DiscardHandler),
		Retry: Retry{Initial: time.Microsecond, Max: time.Microsecond, For: 2 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.end)
	return w
}

// end stops the jobs and closes the store; the journal and the file stay.
func (w *world) end() {
	if err := w.jobs.Stop(context.Background()); err != nil {
		w.t.Error(err)
	}
	if err := w.db.Close(); err != nil {
		w.t.Error(err)
	}
}

func (w *world) start() {
	w.t.Helper()
	if err := w.jobs.Start(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) judge(stream string) (Judge, Sink, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.streams[stream]
	if !ok {
		return nil, nil, false
	}
	now := *c // one version for as long as the caller keeps it
	return &now, w, true
}

// set changes a stream's contract; nil removes the stream.
func (w *world) set(stream string, c *contract) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c == nil {
		delete(w.streams, stream)
	} else {
		w.streams[stream] = c
	}
}

func (w *world) Write(ctx context.Context, b lazaret.Batch) error {
	if err := w.faults.step(); err != nil {
		return err
	}
	w.writes.Add(1)
	if w.poison != nil {
		return w.send(b)
	}
	if w.onWrite != nil {
		if err := w.onWrite(ctx, b); err != nil {
			return err
		}
	}
	w.journal.write(b)
	return w.faults.step()
}

// send is a write to a receiver that takes or refuses whole requests, and answers for one
// that it has taken as it did then.
func (w *world) send(b lazaret.Batch) error {
	if w.journal.isForgotten(b.ID) {
		w.t.Errorf("batch %s was written after the sink was told to forget it", b.ID)
	}
	refused := &lazaret.RefusedError{Err: fmt.Errorf("%w: 400", lazaret.ErrRefused)}
	for first := 0; first < len(b.Records); first += w.chunk {
		part := b.Records[first:min(first+w.chunk, len(b.Records))]
		key := fmt.Sprintf("%s-%d-%d", b.ID, first, len(part))
		if !w.journal.has(key) && slices.ContainsFunc(part, func(r lazaret.Record) bool { return slices.Contains(w.poison, r.QuarantineID) }) {
			for i := range part {
				refused.Records = append(refused.Records, first+i)
			}
			continue
		}
		w.journal.write(lazaret.Batch{ID: key, Records: part})
		if err := w.faults.step(); err != nil {
			return err
		}
	}
	if refused.Records != nil {
		return refused
	}
	return w.faults.step()
}

func (w *world) Forget(id string) {
	if w.faults.step() != nil {
		return
	}
	w.journal.mu.Lock()
	defer w.journal.mu.Unlock()
	w.journal.forgotten[id] = true
}

// idle waits until no job runs.
func (w *world) idle() { w.jobs.wg.Wait() }

func (w *world) submit(f Filter) Job {
	w.t.Helper()
	job, err := w.jobs.Submit(context.Background(), f, false, 2)
	if err != nil {
		w.t.Fatal(err)
	}
	return job
}

func (w *world) job(id string) Job {
	w.t.Helper()
	job, err := w.jobs.Get(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return job
}

func storePath(t testing.TB) string { return filepath.Join(t.TempDir(), "q.db") }
