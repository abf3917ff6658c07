package sink

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	tripAfter   = 5 // failed attempts in a row
	firstRest   = time.Second
	longestRest = 30 * time.Second
)

// breaker is a circuit breaker: closed, it lets all attempts through; after tripAfter
// failures in a row it is open for a rest, which doubles each time; then it lets one
// attempt through as a probe, and closes if that succeeds. It is safe for concurrent use.
type breaker struct {
	now func() time.Time

	mu       sync.Mutex
	failures int // in a row
	rest     time.Duration
	until    time.Time // open until then; zero: closed
	probing  bool
}

func newBreaker(now func() time.Time) *breaker { return &breaker{now: now} }

// allow returns nil if an attempt may be made now, else why not and for how long at least.
// If take is set and allow returns nil, the caller makes the attempt and calls result.
func (b *breaker) allow(take bool) (left time.Duration, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		return 0, nil
	}
	left = b.until.Sub(b.now())
	if left > 0 {
		return left, fmt.Errorf("%w: %d attempts in a row have failed; the next is made in %s", ErrUnavailable, b.failures, left.Round(time.Millisecond))
	}
	if b.probing {
		return 0, fmt.Errorf("%w: %d attempts in a row have failed; one is being made to see whether it is back", ErrUnavailable, b.failures)
	}
	b.probing = take
	return 0, nil
}

// result tells how an attempt went. A refusal is a sign of life. An attempt that its own
// caller broke off says nothing about the receiver.
func (b *breaker) result(err error, brokenOff bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = false
	switch {
	case err == nil || errors.Is(err, ErrRefused):
		b.failures, b.rest, b.until = 0, 0, time.Time{}
	case brokenOff:
	default:
		b.failures++
		if b.failures < tripAfter || b.now().Before(b.until) {
			return
		}
		b.rest = min(longestRest, max(firstRest, 2*b.rest))
		// Up to a quarter less, so that many gateways do not probe at once.
		b.until = b.now().Add(b.rest - rand.N(b.rest/4))
	}
}
