package gateway

import (
	"context"

	"github.com/lazaret/lazaret"
)

// Taking is a number of events from a source that keeps them until they are acknowledged,
// and gives them again otherwise. Nobody waits for an answer on each of them.
type Taking struct {
	Stream string
	// Events each have a Source.Unique, so that giving them again makes no second entry.
	Events []*lazaret.Event
	// PassTombstones accepts events without data that have a key, unseen.
	PassTombstones bool
	// Into, if it is set, is where they go in place of the stream's own sink and mirror, as
	// into a transaction of the source.
	Into *Into
	// Counts, if it is set, has what became of the events when Take has returned nil.
	Counts *Counts
}

// Into is where the events of one Taking go.
type Into struct {
	Sink   Sink
	Mirror Sink // nil: the stream has none
}

// Take judges the events and makes the good ones durable at the sink and the bad ones in
// the quarantine. When it returns nil all of it is, or will be with the transaction that
// Into stands for; acknowledged is then to be called once the source has its
// acknowledgement, and counts the events. After an error nothing is to be acknowledged.
func (g *Gateway) Take(ctx context.Context, t Taking) (acknowledged func(), err error) {
	if err := g.enter(); err != nil {
		return nil, err
	}
	defer g.leave()
	active, err := g.active(t.Stream)
	if err != nil {
		return nil, err
	}
	if t.Into != nil {
		into := *active
		into.Sink, into.Mirror = t.Into.Sink, t.Into.Mirror
		active = &into
	}
	if err := g.conf.Quarantine.Ready(); err != nil {
		return nil, unavailable("The store cannot take events now.", err)
	}
	records, err := g.look(ctx, active, &t)
	if err != nil {
		return nil, err
	}
	if err := g.identify(records, nil, 0); err != nil {
		return nil, err
	}
	if err := g.write(ctx, active, records, nil); err != nil {
		return nil, err
	}
	n := outcome(records)
	if t.Counts != nil {
		*t.Counts = n
	}
	return func() {
		g.conf.Observer.Ingested(t.Stream, n)
		g.sample(active, records)
	}, nil
}

// Try judges the events as Take does, and says what Take would do with them. It writes
// nothing, and counts nothing as ingested.
func (g *Gateway) Try(ctx context.Context, t Taking) (Counts, error) {
	if err := g.enter(); err != nil {
		return Counts{}, err
	}
	defer g.leave()
	active, err := g.active(t.Stream)
	if err != nil {
		return Counts{}, err
	}
	records, err := g.look(ctx, active, &t)
	if err != nil {
		return Counts{}, err
	}
	return outcome(records), nil
}

// look gets the verdict on each event of a Taking.
func (g *Gateway) look(ctx context.Context, active *Active, t *Taking) ([]lazaret.Record, error) {
	records, err := g.judge(ctx, active, &Request{Stream: t.Stream, Events: t.Events}, nil)
	if err != nil {
		return nil, err
	}
	for i := range records {
		if e := records[i].Event; t.PassTombstones && e.Data == nil && e.Key != nil {
			v := &records[i].Verdict
			*v = lazaret.Verdict{Status: lazaret.Accepted, Version: v.Version}
		}
	}
	return records, nil
}

// outcome counts records that are good or bad, as no source but a request rejects any.
func outcome(records []lazaret.Record) Counts {
	n := Counts{Source: kindOf(records), Received: len(records)}
	for i := range records {
		if records[i].Verdict.Status == lazaret.Accepted {
			n.Forwarded++
		} else {
			n.Quarantined++
		}
		n.tally(&records[i])
	}
	return n
}
