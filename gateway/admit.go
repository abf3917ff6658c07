package gateway

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Admit asks for room for n bytes. If there is none it returns at once with ok false;
// else release must be called when the bytes are let go, and may be called twice.
func (g *Gateway) Admit(n int64) (release func(), ok bool) {
	if n < 0 {
		return nil, false
	}
	for {
		now := g.inFlight.Load()
		if now > g.conf.Limits.MaxInFlightBytes-n {
			return nil, false
		}
		if g.inFlight.CompareAndSwap(now, now+n) {
			g.conf.Observer.InFlight(now + n)
			break
		}
	}
	var once sync.Once
	return func() {
		once.Do(func() { g.conf.Observer.InFlight(g.inFlight.Add(-n)) })
	}, true
}

// InFlight returns how many bytes are admitted now.
func (g *Gateway) InFlight() int64 { return g.inFlight.Load() }

// Drain makes the gateway refuse new requests and waits for those that it took. It may
// be called more than once.
func (g *Gateway) Drain(ctx context.Context) error {
	g.mu.Lock()
	if !g.draining {
		g.draining = true
		if g.working == 0 {
			close(g.idle)
		}
	}
	g.mu.Unlock()
	select {
	case <-g.idle:
		return nil
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		return fmt.Errorf("drain the gateway: %d requests are not finished: %w", g.working, ctx.Err())
	}
}

// Sweep deletes the memory of requests whose idempotency keys have expired. Call it
// every few minutes.
func (g *Gateway) Sweep(ctx context.Context) error {
	if g.conf.Requests == nil {
		return nil
	}
	for {
		n, err := g.conf.Requests.sweep(ctx, g.forget)
		if err != nil || n < sweepAtOnce {
			return err
		}
	}
}

// forget tells the stream's sink, if there still is one, that a batch will not come again.
func (g *Gateway) forget(stream, batchID string) {
	if active, ok := g.conf.Catalog.Active(stream); ok {
		active.Sink.Forget(batchID)
	}
}

func (g *Gateway) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.draining {
		return errDraining()
	}
	g.working++
	return nil
}

func (g *Gateway) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.working--
	if g.draining && g.working == 0 {
		close(g.idle)
	}
}

func errDraining() *Error {
	return &Error{Kind: ErrDraining, RetryAfter: 5 * time.Second, Message: "The server is shutting down and takes nothing new. Nothing of this request was taken."}
}
