package sink

import (
	"context"
	"errors"
	"sync"
)

// errAbandoned settles a flight whose writer gave up before anything was attempted, so
// that another writer of the same batch takes it over.
var errAbandoned = errors.New("abandoned by its first writer")

// ledger knows which batches have landed and which are being written, by ID. It is
// safe for concurrent use.
type ledger struct {
	mu     sync.Mutex
	landed map[string]struct{}
	flying map[string]*flight
}

// flight is a batch that is being written. done is closed when err is final.
type flight struct {
	done   chan struct{}
	err    error
	forget bool // Forget came while it flew
}

func newLedger() *ledger {
	return &ledger{landed: map[string]struct{}{}, flying: map[string]*flight{}}
}

// begin asks for the right to write the batch. lead is true if the caller must write it
// and settle it; otherwise err is the outcome: it has landed (nil), or another writer's
// attempt ended with err, or ctx ended first.
func (l *ledger) begin(ctx context.Context, id string) (lead bool, err error) {
	for {
		l.mu.Lock()
		if _, ok := l.landed[id]; ok {
			l.mu.Unlock()
			return false, nil
		}
		f, ok := l.flying[id]
		if !ok {
			l.flying[id] = &flight{done: make(chan struct{})}
			l.mu.Unlock()
			return true, nil
		}
		l.mu.Unlock()
		select {
		case <-f.done:
			if !errors.Is(f.err, errAbandoned) {
				return false, f.err
			}
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// settle ends the flight with its outcome; nil means landed. It reports whether the
// batch was forgotten while it flew.
func (l *ledger) settle(id string, err error) (forgotten bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.flying[id]
	delete(l.flying, id)
	if err == nil && !f.forget {
		l.landed[id] = struct{}{}
	}
	f.err = err
	close(f.done)
	return f.forget
}

// forget drops the memory of a landed batch and reports whether there was one.
func (l *ledger) forget(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f, ok := l.flying[id]; ok {
		f.forget = true
		return false
	}
	_, ok := l.landed[id]
	delete(l.landed, id)
	return ok
}

// remember marks a batch as landed.
func (l *ledger) remember(id string) {
	l.mu.Lock()
	l.landed[id] = struct{}{}
	l.mu.Unlock()
}

// ids returns the landed batches, in no order.
func (l *ledger) ids() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]string, 0, len(l.landed))
	for id := range l.landed {
		out = append(out, id)
	}
	return out
}
