package gateway_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/db"
)

// Every event is judged once and has its own verdict, however many there are and however
// many goroutines share them.
func TestEachEventIsJudgedOnce(t *testing.T) {
	var calls atomic.Int64
	judge := judgeFunc(func(_ context.Context, e *lazaret.Event) (lazaret.Verdict, error) {
		calls.Add(1)
		return lazaret.Verdict{Status: lazaret.Accepted, ID: string(e.Data)}, nil
	})
	q := newQuarantine(t, openDB(t, db.Config{}))
	for _, workers := range []int{1, 2, 3, 8} {
		g := newGateway(t, gateway.Config{Catalog: newCatalog(&memSink{}, judge), Quarantine: q, Limits: gateway.Limits{Workers: workers}})
		for _, n := range []int{0, 1, 2, 63, 64, 65, 100, 255, 256, 257, 1000} {
			calls.Store(0)
			list := make([]string, n)
			for i := range list {
				list[i] = fmt.Sprint(i)
			}
			a, err := g.Ingest(t.Context(), gateway.Request{Stream: "clicks", Events: events(list...), AllResults: true})
			if err != nil || a.Accepted != n || calls.Load() != int64(n) {
				t.Fatalf("%d workers: %d of %d events were judged: %+v, %v", workers, calls.Load(), n, a, err)
			}
			for i, r := range a.Results {
				if r.Index != i || r.ID != list[i] {
					t.Fatalf("%d workers, %d events: the result %d is of event %s", workers, n, i, r.ID)
				}
			}
		}
	}
}

// However many requests there are, no more than 4 MiB of events are judged at a time; of
// a request the largest event decides, and not how many there are.
func TestJudgingIsBounded(t *testing.T) {
	var mu sync.Mutex
	var now, most int
	judge := judgeFunc(func(_ context.Context, e *lazaret.Event) (lazaret.Verdict, error) {
		size := max(len(e.Data), 32<<10)
		mu.Lock()
		now += size
		most = max(most, now)
		mu.Unlock()
		runtime.Gosched()
		mu.Lock()
		now -= size
		mu.Unlock()
		return lazaret.Verdict{Status: lazaret.Accepted}, nil
	})
	q := newQuarantine(t, openDB(t, db.Config{}))
	g := newGateway(t, gateway.Config{Catalog: newCatalog(&memSink{}, judge), Quarantine: q, Limits: gateway.Limits{Workers: 4}})
	large, mixed := make([]byte, 1<<20), events(texts(100, func(int) bool { return false })...)
	for i := 0; i < len(mixed); i += 7 {
		mixed[i].Data = large
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 4 {
				if _, err := g.Ingest(t.Context(), gateway.Request{Stream: "clicks", Events: mixed}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if most > 4<<20 || most < 1<<20 {
		t.Errorf("%d bytes were judged at a time", most)
	}
}
