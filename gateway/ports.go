// Package gateway is the pipeline: an event comes from a source, gets its verdict,
// goes to the stream's sink or to the quarantine, and is acknowledged when that is
// durable. It also owns the resource that says all this: the Stream.
//
// The package declares the small interfaces that it consumes; the adapters satisfy
// them without importing it.
package gateway

import (
	"context"

	"github.com/lazaret/lazaret"
)

// Judge gives the verdict on an event. An error means that we failed, never that
// the event is bad. Implementations are safe for concurrent use.
type Judge interface {
	Judge(ctx context.Context, e *lazaret.Event) (lazaret.Verdict, error)
}

// Sink takes good events on. Implementations are safe for concurrent use and
// commit concurrent writes together.
type Sink interface {
	// Write returns nil when every record of the batch is durable downstream. After an
	// error any part of the batch may have landed, unless the batch has an ID: then
	// writing it again makes it land once.
	Write(ctx context.Context, b lazaret.Batch) error
	// Forget says that the batch of this ID will never be written again, so that the
	// sink need not remember it. It is a hint: it does not wait for the disk.
	Forget(batchID string)
	// Ready returns nil, or why writes cannot succeed now.
	Ready() error
	// Close finishes what was taken and releases what is held.
	Close(ctx context.Context) error
}

// Quarantine keeps bad events.
type Quarantine interface {
	// Add returns nil when every record has a durable entry. A record whose event has a
	// Source.Unique that already has an entry in this stream makes no second one.
	Add(ctx context.Context, records []lazaret.Record) error
	// Ready returns nil, or why Add cannot succeed now.
	Ready() error
}

// Active is one immutable version of a stream, ready to work: what Ingest uses.
type Active struct {
	Stream Stream
	Judge  Judge
	Sink   Sink
	// Mirror, if the stream has one, gets what is quarantined as well: a Sink of bad events.
	Mirror Sink
}

// Catalog finds what is active. Implementations answer from memory, from an
// immutable snapshot.
type Catalog interface {
	// Active returns the active version of the stream, or false if there is no such stream.
	Active(stream string) (*Active, bool)
	// At returns an earlier version of the stream, for a retry that began under it.
	// ErrNotFound if there is none.
	At(ctx context.Context, stream string, version int) (*Active, error)
}

// Recent may keep a sample of the events that a stream accepted. Implementations are quick,
// and never fail what they are told of.
type Recent interface {
	// Accepted is told of the records of one request or batch when all of it is acknowledged
	// or about to be; those that were accepted say so in their verdict.
	Accepted(s *Stream, records []lazaret.Record)
}
