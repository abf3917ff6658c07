package gateway

import (
	"time"

	"github.com/lazaret/lazaret"
)

// Counts is what became of the events of one acknowledged request:
// Received = Forwarded + Quarantined + Rejected.
type Counts struct {
	// Source is the lazaret.Source.Kind of the events.
	Source                                     string
	Received, Forwarded, Quarantined, Rejected int
	// Bytes is the size of the events received, and ForwardedBytes that of the forwarded.
	Bytes, ForwardedBytes int64
	// QuarantinedFor has the reasons of each quarantined event, RejectedFor those of each
	// rejected one (none for a good event of a refused atomic request), Warned the
	// warnings of each event that has any.
	QuarantinedFor, RejectedFor, Warned [][]lazaret.Reason
}

// Observer is told what the gateway does. Its methods are called from many goroutines
// and must be quick.
type Observer interface {
	// Ingested is called once for each request, after all of it is durable and before it is
	// answered. A repeated answer to an idempotency key is not counted again.
	Ingested(stream string, n Counts)
	// Judged says how long the verdicts on a request's events took together.
	Judged(stream string, events int, took time.Duration)
	// Wrote says how long the sink took, and what came of it.
	Wrote(stream string, events int, took time.Duration, err error)
	// Stored says how long the quarantine took, and what came of it.
	Stored(stream string, events int, took time.Duration, err error)
	// InFlight says how many bytes are admitted now.
	InFlight(bytes int64)
}

// NoObserver observes nothing.
type NoObserver struct{}

// Ingested does nothing.
func (NoObserver) Ingested(string, Counts) {}

// Judged does nothing.
func (NoObserver) Judged(string, int, time.Duration) {}

// Wrote does nothing.
func (NoObserver) Wrote(string, int, time.Duration, error) {}

// Stored does nothing.
func (NoObserver) Stored(string, int, time.Duration, error) {}

// InFlight does nothing.
func (NoObserver) InFlight(int64) {}
