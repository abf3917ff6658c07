package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/db"
)

func keyed(key string, fingerprint byte, texts ...string) gateway.Request {
	return gateway.Request{Stream: "clicks", Events: events(texts...), AllResults: true, IdempotencyKey: key, Fingerprint: [32]byte{fingerprint}}
}

// A retry with the same key gets the first answer again and does nothing twice.
func TestRetryGetsTheFirstAnswer(t *testing.T) {
	b := newBench(t, gateway.Limits{})
	first, err := b.Ingest(t.Context(), keyed("k", 1, `{}`, `bad`))
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.Ingest(t.Context(), keyed("k", 1, `{}`, `bad`))
	if err != nil {
		t.Fatal(err)
	}
	if first.Replayed || !again.Replayed || !reflect.DeepEqual(first.Results, again.Results) || first.Received != again.Received {
		t.Errorf("first %+v, again %+v", first, again)
	}
	if n := len(b.sink.all()); n != 1 {
		t.Errorf("%d events at the sink", n)
	}
	if n := len(kept(t, b.store)); n != 1 {
		t.Errorf("%d entries", n)
	}
	if b.count.calls != 1 {
		t.Errorf("counted %d times", b.count.calls)
	}
	if len(b.sink.seen) != 0 {
		t.Error("the sink was not told to forget")
	}
	_, err = b.Ingest(t.Context(), keyed("k", 2, `{}`))
	wantKind(t, err, gateway.ErrKeyReused)
	if a, err := b.Ingest(t.Context(), keyed("k2", 2, `{}`)); err != nil || a.Replayed {
		t.Errorf("another key: %+v %v", a, err)
	}
}

// A refused atomic request is refused again, from memory.
func TestRefusalIsRemembered(t *testing.T) {
	b := newBench(t, gateway.Limits{})
	req := keyed("k", 1, `{}`, `bad`)
	req.Atomic = true
	for i := range 2 {
		a, err := b.Ingest(t.Context(), req)
		if err != nil || !a.Refused || a.Replayed != (i == 1) || a.Rejected != 2 {
			t.Errorf("try %d: %+v %v", i, a, err)
		}
	}
}

func TestKeyInUseIsInProgress(t *testing.T) {
	d := openDB(t, db.Config{})
	taken, goOn := make(chan struct{}, 1), make(chan struct{})
	slow := judgeFunc(func(ctx context.Context, e *lazaret.Event) (lazaret.Verdict, error) {
		taken <- struct{}{}
		<-goOn
		return byWord(1)(ctx, e)
	})
	g := newGateway(t, gateway.Config{Catalog: newCatalog(&memSink{}, slow), Quarantine: newQuarantine(t, d), Requests: newRequests(t, d, nil)})
	var wait sync.WaitGroup
	wait.Go(func() {
		if _, err := g.Ingest(context.Background(), keyed("k", 1, `{}`)); err != nil {
			t.Error(err)
		}
	})
	<-taken
	_, err := g.Ingest(t.Context(), keyed("k", 1, `{}`))
	wantKind(t, err, gateway.ErrInProgress)
	close(goOn)
	wait.Wait()
	if a, err := g.Ingest(t.Context(), keyed("k", 1, `{}`)); err != nil || !a.Replayed {
		t.Errorf("afterwards: %+v %v", a, err)
	}
}

var errCrash = errors.New("crash")

// crasher fails at its n-th call and at every later one: the process is gone.
type crasher struct {
	mu   sync.Mutex
	n    int
	seen int
}

func (c *crasher) at(string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == 0 {
		return nil
	}
	c.seen++
	if c.seen >= c.n {
		return errCrash
	}
	return nil
}

func (c *crasher) set(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n, c.seen = n, 0
}

// The process is killed at the first step, at the second, and so on until none is hit:
// each commit, and before and after the sink, the quarantine and Forget do their part.
// After each, a new process gets the retry: every event is where it belongs exactly
// once, and the answer names what is there.
func TestRetryAfterACrashAtEachStep(t *testing.T) {
	crash := &crasher{}
	d := openDB(t, db.Config{BeforeCommit: func() error { return crash.at("commit") }})
	store, sink := newQuarantine(t, d), &memSink{fault: crash.at}
	process := func() *gateway.Gateway {
		return newGateway(t, gateway.Config{
			Catalog: newCatalog(sink, byWord(1)), Requests: newRequests(t, d, nil),
			Quarantine: faultQuarantine{store, crash.at},
		})
	}
	sent := texts(10, func(i int) bool { return i%3 == 0 })
	for n := 1; ; n++ {
		if n > 100 {
			t.Fatal("the steps have no end")
		}
		key := fmt.Sprintf("key-%d", n)
		mine := make([]string, len(sent))
		for i := range sent {
			mine[i] = sent[i] + key
		}
		g := process()
		crash.set(n)
		_, err := g.Ingest(context.Background(), keyed(key, 1, mine...))
		hit := crash.seen >= n
		crash.set(0)

		g = process() // a new process, over what is durable
		again, err2 := g.Ingest(context.Background(), keyed(key, 1, mine...))
		if err2 != nil {
			t.Fatalf("crash at %d (%v), then %v", n, err, err2)
		}
		checkOnce(t, n, mine, again, sink.all(), kept(t, store))
		if !hit {
			if n < 8 || err != nil {
				t.Fatalf("only %d steps, the last with %v", n-1, err)
			}
			return
		}
	}
}

func checkOnce(t *testing.T, n int, sent []string, a *gateway.Answer, forwarded []lazaret.Record, held map[string]string) {
	t.Helper()
	at := map[string][]string{} // text → ids where it is
	for _, r := range forwarded {
		at[string(r.Event.Data)] = append(at[string(r.Event.Data)], "sink "+r.Verdict.ID)
	}
	for id, text := range held {
		at[text] = append(at[text], "quarantine "+id)
	}
	for i, r := range a.Results {
		want := "sink " + r.ID
		if r.Status == lazaret.Quarantined {
			want = "quarantine " + r.QuarantineID
		}
		if got := at[sent[i]]; len(got) != 1 || got[0] != want {
			t.Fatalf("crash at step %d: event %d is at %q, and the answer says %q", n, i, got, want)
		}
	}
}

// A retry is judged under the version that the request began under, at the time that
// it began at and by the schemas that there were then; and when that version is gone, the error says so.
func TestRetryIsPinnedToItsVersionAndTime(t *testing.T) {
	d := openDB(t, db.Config{})
	crash := &crasher{}
	sink := &memSink{fault: crash.at}
	var seen []time.Time
	strict := judgeFunc(func(context.Context, *lazaret.Event) (lazaret.Verdict, error) {
		return lazaret.Verdict{Status: lazaret.Quarantined, Reasons: []lazaret.Reason{{Code: "rule.failed"}}}, nil
	})
	timed := judgeFunc(func(ctx context.Context, e *lazaret.Event) (lazaret.Verdict, error) {
		if !e.AsOf.Equal(e.Received) {
			t.Errorf("received at %s, judged by what there was at %s", e.Received, e.AsOf)
		}
		seen = append(seen, e.Received)
		return byWord(1)(ctx, e)
	})
	catalog := newCatalog(sink, timed, strict)
	now := time.Unix(1_700_000_000, 123_456_789)
	clock := func() time.Time { return now }
	g := newGateway(t, gateway.Config{Catalog: catalog, Quarantine: newQuarantine(t, d), Requests: newRequests(t, d, clock)})
	for _, key := range []string{"a", "b"} {
		crash.set(1)
		_, err := g.Ingest(t.Context(), keyed(key, 1, `{}`))
		wantKind(t, err, gateway.ErrUnavailable)
	}
	crash.set(0)
	catalog.activate(2)
	now = now.Add(time.Hour)
	a, err := g.Ingest(t.Context(), keyed("a", 1, `{}`))
	if err != nil || a.Accepted != 1 || a.Replayed {
		t.Errorf("judged under the new version: %+v %v", a, err)
	}
	if len(seen) != 3 || !seen[0].Equal(seen[2]) || seen[0].UnixMicro() != 1_700_000_000_123_456 {
		t.Errorf("received times %v", seen)
	}
	delete(catalog.versions, 1)
	_, err = g.Ingest(t.Context(), keyed("b", 1, `{}`))
	wantKind(t, err, gateway.ErrKeyUnusable)
}

// After 24 hours a key may be used for something else, which is not taken for what it
// was used for before; and nothing expired is left in the store or in the sink.
func TestExpiredKeys(t *testing.T) {
	d := openDB(t, db.Config{})
	now := time.Unix(1_700_000_000, 0)
	store, crash := newQuarantine(t, d), &crasher{}
	sink := &memSink{fault: func(point string) error {
		if point == "forget" {
			return crash.at(point)
		}
		return nil
	}}
	g := newGateway(t, gateway.Config{Catalog: newCatalog(sink, byWord(1)), Quarantine: store,
		Requests: newRequests(t, d, func() time.Time { return now })})
	crash.set(1) // no Forget reaches the sink: as if killed before it, each time
	for i, text := range []string{"bad one", "bad two"} {
		if a, err := g.Ingest(t.Context(), keyed("k", byte(i), text, fmt.Sprintf(`{"n":%d}`, i))); err != nil || a.Replayed {
			t.Fatalf("%s: %+v %v", text, a, err)
		}
		now = now.Add(gateway.KeepRequests)
	}
	if n := len(kept(t, store)); n != 2 || len(sink.all()) != 2 {
		t.Errorf("%d entries and %d events at the sink: the second was taken for the first", n, len(sink.all()))
	}
	crash.set(0)
	for i := range 1200 {
		if _, err := g.Ingest(t.Context(), keyed(fmt.Sprint(i), 1, "{}")); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(gateway.KeepRequests - time.Microsecond)
	if _, err := g.Ingest(t.Context(), keyed("young", 1, "{}")); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Microsecond)
	if err := g.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := d.QueryRow(t.Context(), `SELECT COUNT(*) FROM ingest_requests`).Scan(&left); err != nil || left != 1 {
		t.Errorf("%d requests are remembered, want the young one: %v", left, err)
	}
	if a, err := g.Ingest(t.Context(), keyed("young", 1, "{}")); err != nil || !a.Replayed {
		t.Errorf("a young key was forgotten: %+v %v", a, err)
	}
}

func TestKeysWithoutAStore(t *testing.T) {
	d := openDB(t, db.Config{})
	g := newGateway(t, gateway.Config{Catalog: newCatalog(&memSink{}, byWord(1)), Quarantine: newQuarantine(t, d)})
	_, err := g.Ingest(t.Context(), keyed("k", 1, "{}"))
	wantKind(t, err, gateway.ErrKeyUnusable)
	if err := g.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
}
