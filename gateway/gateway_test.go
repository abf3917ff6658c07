package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/db"
	"github.com/lazaret/lazaret/quarantine"
)

// bench is a gateway over a real store and a sink in memory.
type bench struct {
	*gateway.Gateway
	db    *db.DB
	sink  *memSink
	store *quarantine.Store
	count *counter
	// closed: the test has closed db, so that nothing can be read from it.
	closed bool
}

func newBench(t testing.TB, limits gateway.Limits) *bench {
	d := openDB(t, db.Config{})
	b := &bench{db: d, sink: &memSink{}, store: newQuarantine(t, d), count: &counter{}}
	b.Gateway = newGateway(t, gateway.Config{
		Catalog: newCatalog(b.sink, byWord(1)), Quarantine: b.store, Requests: newRequests(t, d, nil), Observer: b.count, Limits: limits,
	})
	return b
}

// Good events are at the sink and bad ones in the quarantine, byte for byte and with
// the ids that the answer names.
func TestIngestForwardsAndQuarantines(t *testing.T) {
	b := newBench(t, gateway.Limits{})
	sent := []string{`{"id":1}`, `bad one`, `{"is":"warn"}`, ` bad two `, `{}`}
	a, err := b.Ingest(t.Context(), gateway.Request{Stream: "clicks", Events: events(sent...)})
	if err != nil {
		t.Fatal(err)
	}
	if a.Received != 5 || a.Accepted != 3 || a.Quarantined != 2 || a.Rejected != 0 || len(a.Results) != 3 {
		t.Fatalf("%+v", a)
	}
	held := kept(t, b.store)
	for i, index := range []int{1, 2, 3} {
		r := a.Results[i]
		if r.Index != index || r.ID == "" {
			t.Errorf("result %d: %+v", i, r)
		}
		if r.Status == lazaret.Quarantined && (held[r.QuarantineID] != sent[index] || len(r.Reasons) != 1) {
			t.Errorf("result %d: %+v, quarantine has %q", i, r, held[r.QuarantineID])
		}
	}
	if len(held) != 2 || len(a.Results[1].Warnings) != 1 || a.Results[1].Status != lazaret.Accepted {
		t.Errorf("%d entries, %+v", len(held), a.Results[1])
	}
	records := b.sink.all()
	for i, index := range []int{0, 2, 4} {
		if string(records[i].Event.Data) != sent[index] || records[i].Verdict.ID == "" {
			t.Errorf("record %d: %q %+v", i, records[i].Event.Data, records[i].Verdict)
		}
	}
	if records[0].Verdict.ID != "own" {
		t.Errorf("the event's own id became %q", records[0].Verdict.ID)
	}
	if c := b.count.total; c.Received != 5 || c.Forwarded != 3 || c.Quarantined != 2 || c.Bytes != 39 {
		t.Errorf("counted %+v", c)
	}
}

func TestAnswerIsTheDocumentedJSON(t *testing.T) {
	a := gateway.Answer{Received: 2, Accepted: 1, Quarantined: 1, Results: []gateway.Result{{
		Index: 1, ID: "e", Status: lazaret.Quarantined, QuarantineID: "q", Reasons: []lazaret.Reason{{Code: "json.syntax", Message: "m"}}}}}
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"received":2,"accepted":1,"quarantined":1,"rejected":0,"results":[{"index":1,"id":"e","status":"quarantined","quarantine_id":"q","reasons":[{"code":"json.syntax","path":"","message":"m"}]}]}`
	if string(b) != want {
		t.Errorf("%s", b)
	}
}

func TestModes(t *testing.T) {
	mixed := []string{`{}`, `bad`, `{}`}
	for name, tc := range map[string]struct {
		req                      gateway.Request
		texts                    []string
		accepted, kept, rejected int
		results                  int
		refused                  bool
	}{
		"plain":           {gateway.Request{}, mixed, 2, 1, 0, 1, false},
		"all results":     {gateway.Request{AllResults: true}, mixed, 2, 1, 0, 3, false},
		"reject":          {gateway.Request{RejectInvalid: true}, mixed, 2, 0, 1, 1, false},
		"atomic, bad":     {gateway.Request{Atomic: true}, mixed, 0, 0, 3, 1, true},
		"atomic, all bad": {gateway.Request{Atomic: true, AllResults: true}, mixed, 0, 0, 3, 3, true},
		"atomic, good":    {gateway.Request{Atomic: true}, []string{`{}`, `{}`}, 2, 0, 0, 0, false},
		"none":            {gateway.Request{}, nil, 0, 0, 0, 0, false},
		"only bad":        {gateway.Request{}, []string{`bad`}, 0, 1, 0, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, gateway.Limits{})
			tc.req.Stream, tc.req.Events = "clicks", events(tc.texts...)
			a, err := b.Ingest(t.Context(), tc.req)
			if err != nil {
				t.Fatal(err)
			}
			if a.Accepted != tc.accepted || a.Quarantined != tc.kept || a.Rejected != tc.rejected || len(a.Results) != tc.results || a.Refused != tc.refused {
				t.Errorf("%+v", a)
			}
			if got := len(b.sink.all()); got != tc.accepted {
				t.Errorf("%d events at the sink", got)
			}
			if got := len(kept(t, b.store)); got != tc.kept {
				t.Errorf("%d events in the quarantine", got)
			}
			if c := b.count.total; c.Received != len(tc.texts) || c.Received != c.Forwarded+c.Quarantined+c.Rejected {
				t.Errorf("counted %+v", c)
			}
		})
	}
}

// When we fail, nothing is acknowledged or counted, and the error says of what kind it is.
func TestFailuresAreNotAcknowledged(t *testing.T) {
	down := errors.New("down")
	for name, tc := range map[string]struct {
		text  string
		setup func(b *bench)
		kind  error
		wrote bool
	}{
		"judge fails":    {"fail", nil, gateway.ErrUnavailable, false},
		"judge panics":   {"panic", nil, gateway.ErrInternal, false},
		"sink not ready": {"{}", func(b *bench) { b.sink.ready = down }, gateway.ErrUnavailable, false},
		"sink fails":     {"{}", func(b *bench) { b.sink.fault = func(string) error { return down } }, gateway.ErrUnavailable, true},
		"sink panics":    {"{}", func(b *bench) { b.sink.fault = func(string) error { panic("no") } }, gateway.ErrInternal, true},
		"store closed":   {"{}", func(b *bench) { b.closed = true; b.db.Close() }, gateway.ErrUnavailable, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, gateway.Limits{})
			if tc.setup != nil {
				tc.setup(b)
			}
			_, err := b.Ingest(t.Context(), gateway.Request{Stream: "clicks", Events: events("bad", tc.text)})
			wantKind(t, err, tc.kind)
			var ge *gateway.Error
			if !errors.As(err, &ge) || strings.Contains(ge.Message, "payload") || (errors.Is(tc.kind, gateway.ErrUnavailable) && ge.RetryAfter <= 0) {
				t.Errorf("%+v", err)
			}
			if tc.wrote != strings.Contains(err.Error(), "Idempotency-Key") {
				t.Errorf("the error does not say whether a retry may deliver twice: %v", err)
			}
			if b.count.calls != 0 {
				t.Error("an unacknowledged request was counted")
			}
			if !tc.wrote && !b.closed && len(kept(t, b.store)) > 0 {
				t.Error("the quarantine was written in vain")
			}
		})
	}
}

func TestRefusedRequests(t *testing.T) {
	b := newBench(t, gateway.Limits{MaxBatchEvents: 2})
	_, err := b.Ingest(t.Context(), gateway.Request{Stream: "nothing", Events: events("{}")})
	wantKind(t, err, gateway.ErrNotFound)
	_, err = b.Ingest(t.Context(), gateway.Request{Stream: "../etc", Events: events("{}")})
	wantKind(t, err, gateway.ErrNotFound)
	if strings.Contains(err.Error(), "etc") {
		t.Errorf("repeats what was sent: %v", err)
	}
	_, err = b.Ingest(t.Context(), gateway.Request{Stream: "clicks", Events: events("{}", "{}", "{}")})
	wantKind(t, err, gateway.ErrTooManyEvents)
}

// A large batch is judged by several goroutines and answered in its own order.
func TestLargeBatchKeepsItsOrder(t *testing.T) {
	b := newBench(t, gateway.Limits{Workers: 4})
	sent := texts(1000, func(i int) bool { return i%7 == 3 })
	a, err := b.Ingest(t.Context(), gateway.Request{Stream: "clicks", Events: events(sent...), AllResults: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range a.Results {
		if r.Index != i || (r.Status == lazaret.Quarantined) != (i%7 == 3) {
			t.Fatalf("result %d: %+v", i, r)
		}
	}
	_, err = b.Ingest(t.Context(), gateway.Request{Stream: "clicks", Events: events(append(sent, "panic")...)})
	wantKind(t, err, gateway.ErrInternal)
}

func TestAdmissionIsBounded(t *testing.T) {
	b := newBench(t, gateway.Limits{MaxInFlightBytes: 100})
	first, ok := b.Admit(60)
	if !ok {
		t.Fatal("60 of 100 were not admitted")
	}
	if _, ok := b.Admit(41); ok {
		t.Error("101 of 100 were admitted")
	}
	second, ok := b.Admit(40)
	if !ok {
		t.Error("100 of 100 were not admitted")
	}
	first()
	first() // a second time gives nothing back
	if _, ok := b.Admit(61); ok {
		t.Error("101 of 100 were admitted after a release")
	}
	second()
	if _, ok := b.Admit(1 << 62); ok {
		t.Error("admitted 4 EiB")
	}
	if _, ok := b.Admit(-1); ok {
		t.Error("admitted a negative size")
	}
	var wait sync.WaitGroup
	for range 50 { // whatever the order, the sum comes back to nothing
		wait.Go(func() {
			if release, ok := b.Admit(30); ok {
				release()
			}
		})
	}
	wait.Wait()
	if release, ok := b.Admit(100); !ok {
		t.Error("room was lost")
	} else {
		release()
	}
}

// Drain refuses what is new and waits for what was taken.
func TestDrain(t *testing.T) {
	sink := &memSink{}
	taken, goOn := make(chan struct{}), make(chan struct{})
	slow := judgeFunc(func(ctx context.Context, e *lazaret.Event) (lazaret.Verdict, error) {
		close(taken)
		<-goOn
		return byWord(1)(ctx, e)
	})
	d := openDB(t, db.Config{})
	g := newGateway(t, gateway.Config{Catalog: newCatalog(sink, slow), Quarantine: newQuarantine(t, d)})
	answered := make(chan error, 1)
	go func() {
		_, err := g.Ingest(context.Background(), gateway.Request{Stream: "clicks", Events: events("{}")})
		answered <- err
	}()
	<-taken
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := g.Drain(ended); !errors.Is(err, context.Canceled) {
		t.Fatalf("Drain did not wait: %v", err)
	}
	_, err := g.Ingest(t.Context(), gateway.Request{Stream: "clicks"})
	wantKind(t, err, gateway.ErrDraining)
	if _, err := g.Find("clicks"); !errors.Is(err, gateway.ErrDraining) {
		t.Errorf("Find: %v", err)
	}
	close(goOn)
	for range 2 {
		if err := g.Drain(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-answered; err != nil || len(sink.all()) != 1 {
		t.Errorf("what was taken was not finished: %v", err)
	}
}

// Received = forwarded + quarantined + rejected over the acknowledged requests, and
// every acknowledged event is where the answer says, whatever fails and however many
// send at once.
func TestConservationUnderFailures(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex
	chance := func(string) error {
		mu.Lock()
		defer mu.Unlock()
		if rng.IntN(5) == 0 {
			return errors.New("chance")
		}
		return nil
	}
	d := openDB(t, db.Config{})
	store, sink, count := newQuarantine(t, d), &memSink{fault: chance}, &counter{}
	g := newGateway(t, gateway.Config{Catalog: newCatalog(sink, byWord(1)), Observer: count,
		Quarantine: faultQuarantine{store, chance}})
	type sent struct {
		text   string
		result gateway.Result
	}
	var (
		wait  sync.WaitGroup
		acked []sent
		total gateway.Answer
	)
	for sender := range 4 {
		wait.Go(func() {
			for round := range 25 {
				list := make([]string, 10)
				for i := range list {
					list[i] = fmt.Sprintf(`{"from":"%d/%d/%d","is":%q}`, sender, round, i, []string{"good", "bad"}[(sender+round*i)%2])
				}
				a, err := g.Ingest(context.Background(), gateway.Request{Stream: "clicks", Events: events(list...), AllResults: true, RejectInvalid: round%3 == 0})
				if err != nil {
					continue
				}
				mu.Lock()
				total.Received += a.Received
				total.Accepted += a.Accepted
				total.Quarantined += a.Quarantined
				total.Rejected += a.Rejected
				for i, r := range a.Results {
					acked = append(acked, sent{list[i], r})
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	c := count.total
	if c.Received == 0 || c.Received == 1000 {
		t.Fatalf("this test needs some requests to fail and some not: %+v", c)
	}
	if c.Received != c.Forwarded+c.Quarantined+c.Rejected || c.Received != total.Received || c.Forwarded != total.Accepted || c.Quarantined != total.Quarantined {
		t.Errorf("counted %+v, answered %+v", c, total)
	}
	held, forwarded := kept(t, store), map[string]string{}
	for _, r := range sink.all() {
		forwarded[r.Verdict.ID] = string(r.Event.Data)
	}
	for _, s := range acked {
		switch s.result.Status {
		case lazaret.Accepted:
			if forwarded[s.result.ID] != s.text {
				t.Fatalf("%s was acknowledged and is not at the sink", s.text)
			}
		case lazaret.Quarantined:
			if held[s.result.QuarantineID] != s.text {
				t.Fatalf("%s was acknowledged and is not in the quarantine", s.text)
			}
		}
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	if _, err := gateway.New(gateway.Config{}); err == nil {
		t.Error("no catalog, no quarantine, no error")
	}
	q := newQuarantine(t, openDB(t, db.Config{}))
	if _, err := gateway.New(gateway.Config{Catalog: newCatalog(nil), Quarantine: q, Limits: gateway.Limits{MaxBatchEvents: -1}}); err == nil {
		t.Error("a negative limit, and no error")
	}
}

func BenchmarkIngest100(b *testing.B) {
	for _, share := range []int{0, 15} {
		b.Run(fmt.Sprintf("bad=%d%%", share), func(b *testing.B) {
			bb := newBench(b, gateway.Limits{})
			pad := strings.Repeat("x", 700)
			list := events(texts(100, func(i int) bool { return i < share })...)
			size := 0
			for _, e := range list {
				e.Data = append(e.Data, pad...)
				size += len(e.Data)
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			start := time.Now()
			for b.Loop() {
				bb.sink.records = bb.sink.records[:0]
				if _, err := bb.Ingest(context.Background(), gateway.Request{Stream: "clicks", Events: list}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*100/time.Since(start).Seconds(), "events/s")
		})
	}
}
