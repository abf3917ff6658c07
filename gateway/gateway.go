package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"

	"github.com/lazaret/lazaret"
)

// Limits bounds what the gateway holds at once. The zero value of a field means its default.
type Limits struct {
	// MaxInFlightBytes is how many bytes of requests may be admitted at once. Default 256 MiB.
	MaxInFlightBytes int64
	// MaxBatchEvents is how many events a request may have. Default 10,000.
	MaxBatchEvents int
	// Workers is how many goroutines judge one large request. Default: one a CPU, at most 8.
	Workers int
}

// Config sets up a Gateway. Catalog and Quarantine must be set.
type Config struct {
	Catalog    Catalog
	Quarantine Quarantine
	// Requests remembers idempotency keys; nil refuses requests that have one.
	Requests *Requests
	// Recent is told of what streams that ask for a sample have accepted. Optional.
	Recent   Recent
	Limits   Limits
	Observer Observer
	Log      *slog.Logger
}

// Gateway is the pipeline. Safe for concurrent use.
type Gateway struct {
	conf     Config
	inFlight atomic.Int64
	judging  *semaphore.Weighted // of maxJudging bytes

	mu       sync.Mutex
	working  int
	draining bool
	idle     chan struct{} // closed when draining and nothing is worked on
}

// New makes a gateway that takes requests at once.
func New(conf Config) (*Gateway, error) {
	if conf.Catalog == nil || conf.Quarantine == nil {
		return nil, errors.New("gateway: Config needs Catalog and Quarantine")
	}
	if conf.Limits.MaxInFlightBytes == 0 {
		conf.Limits.MaxInFlightBytes = 256 << 20
	}
	if conf.Limits.MaxBatchEvents == 0 {
		conf.Limits.MaxBatchEvents = 10_000
	}
	if conf.Limits.Workers == 0 {
		conf.Limits.Workers = min(runtime.GOMAXPROCS(0), 8)
	}
	if l := conf.Limits; l.MaxInFlightBytes < 0 || l.MaxBatchEvents < 0 || l.Workers < 0 {
		return nil, fmt.Errorf("gateway: limits must be above 0: %+v", l)
	}
	if conf.Observer == nil {
		conf.Observer = NoObserver{}
	}
	if conf.Log == nil {
		conf.Log = slog.New(slog.DiscardHandler)
	}
	return &Gateway{conf: conf, judging: semaphore.NewWeighted(maxJudging), idle: make(chan struct{})}, nil
}

// Limits returns the limits in force.
func (g *Gateway) Limits() Limits { return g.conf.Limits }

// Find returns the active version of a stream, or ErrNotFound; and ErrDraining while
// the gateway takes nothing. It lets a source refuse a request before it reads it.
func (g *Gateway) Find(stream string) (Stream, error) {
	g.mu.Lock()
	draining := g.draining
	g.mu.Unlock()
	if draining {
		return Stream{}, errDraining()
	}
	active, err := g.active(stream)
	if err != nil {
		return Stream{}, err
	}
	return active.Stream, nil
}

func (g *Gateway) active(stream string) (*Active, error) {
	// A name that no stream can have is not repeated to the sender.
	if !ValidName(stream) {
		return nil, &Error{Kind: ErrNotFound, Message: "No stream can have this name: names are 1 to 63 characters a-z, 0-9, '.', '_' and '-'."}
	}
	active, ok := g.conf.Catalog.Active(stream)
	if !ok {
		return nil, &Error{Kind: ErrNotFound, Message: fmt.Sprintf("There is no stream %q.", stream)}
	}
	return active, nil
}

// Ingest judges the events, makes the good ones durable at the sink and the bad ones in
// the quarantine, and answers when all of it is done. After an error nothing is
// acknowledged; the error says whether part of it may have been written.
func (g *Gateway) Ingest(ctx context.Context, req Request) (*Answer, error) {
	if err := g.enter(); err != nil {
		return nil, err
	}
	defer g.leave()
	active, err := g.active(req.Stream)
	if err != nil {
		return nil, err
	}
	if most := g.conf.Limits.MaxBatchEvents; len(req.Events) > most {
		return nil, &Error{Kind: ErrTooManyEvents, Message: fmt.Sprintf("The request has %d events; at most %d are taken at once. Send it in parts.", len(req.Events), most)}
	}
	if req.IdempotencyKey == "" {
		return g.process(ctx, active, &req, nil)
	}
	return g.once(ctx, active, &req)
}

// once is process for a request with an idempotency key.
func (g *Gateway) once(ctx context.Context, active *Active, req *Request) (*Answer, error) {
	if g.conf.Requests == nil {
		return nil, &Error{Kind: ErrKeyUnusable, Message: "This server keeps no idempotency keys. Send the request without one."}
	}
	t, err := g.conf.Requests.begin(ctx, req, active.Stream.Version)
	if err != nil {
		return nil, err
	}
	defer g.conf.Requests.end(t)
	if t.done != nil {
		return t.answer()
	}
	if t.stale != "" {
		active.Sink.Forget(t.stale)
	}
	if t.version != active.Stream.Version {
		if active, err = g.conf.Catalog.At(ctx, req.Stream, t.version); errors.Is(err, ErrNotFound) {
			return nil, &Error{Kind: ErrKeyUnusable, Message: fmt.Sprintf("The first request with this Idempotency-Key began under version %d of the stream, which is gone. Use a new key.", t.version)}
		} else if err != nil {
			return nil, unavailable(fmt.Sprintf("Version %d of the stream, under which this request began, could not be loaded.", t.version), err)
		}
	}
	answer, err := g.process(ctx, active, req, t)
	if err != nil {
		return nil, err
	}
	active.Sink.Forget(t.batchID())
	return answer, nil
}

// process takes a request through judging, writing and counting. With a ticket, all that
// is not in the request comes from the ticket, so that a rerun makes the same records.
func (g *Gateway) process(ctx context.Context, active *Active, req *Request, t *ticket) (*Answer, error) {
	// Known beforehand, so that neither half of a request is written in vain.
	if err := g.conf.Quarantine.Ready(); err != nil {
		return nil, &Error{Kind: ErrUnavailable, RetryAfter: 5 * time.Second, Cause: err,
			Message: "The store cannot take events now. Nothing of this request was taken."}
	}
	records, err := g.judge(ctx, active, req, t)
	if err != nil {
		return nil, err
	}
	refused := decide(req, records)
	if err := g.identify(records, t, 0); err != nil {
		return nil, err
	}
	if err := g.write(ctx, active, records, t); err != nil {
		return nil, err
	}
	answer, counts := settle(req, records, refused)
	if t != nil {
		if err := g.conf.Requests.finish(ctx, t, answer); err != nil {
			return nil, unavailable("All events are durable, but the answer could not be stored.", err)
		}
	}
	g.conf.Observer.Ingested(req.Stream, counts)
	g.sample(active, records)
	return answer, nil
}

// sample shows what was accepted to whoever keeps a sample of it.
func (g *Gateway) sample(active *Active, records []lazaret.Record) {
	if active.Stream.Recent != nil && g.conf.Recent != nil {
		g.conf.Recent.Accepted(&active.Stream, records)
	}
}

// decide turns verdicts into what this request asks to be done. It returns true if an
// atomic request is refused because of a bad event.
func decide(req *Request, records []lazaret.Record) (refused bool) {
	if req.Atomic {
		for i := range records {
			refused = refused || records[i].Verdict.Status != lazaret.Accepted
		}
	}
	for i := range records {
		v := &records[i].Verdict
		if refused || (req.RejectInvalid && v.Status == lazaret.Quarantined) {
			v.Status = lazaret.Rejected
		}
	}
	return refused
}

// identify gives ids to the events that have none, and to quarantine entries. first is the
// place in the request of the first record.
func (g *Gateway) identify(records []lazaret.Record, t *ticket, first int) error {
	newID := func(kind string, i int) (string, error) {
		if t != nil {
			return t.id(kind, i), nil
		}
		id, err := uuid.NewV7()
		return id.String(), err
	}
	for i := range records {
		r := &records[i]
		var err error
		if r.Verdict.ID == "" && t == nil && r.Event.Source.Unique != "" {
			r.Verdict.ID = r.Event.Source.Unique // the same when it is given again
		}
		if r.Verdict.ID == "" && r.Verdict.Status != lazaret.Rejected {
			if r.Verdict.ID, err = newID("event", first+i); err != nil {
				return unavailable("No random numbers are to be had.", err)
			}
		}
		if r.Verdict.Status == lazaret.Quarantined {
			if r.QuarantineID, err = newID("entry", first+i); err != nil {
				return unavailable("No random numbers are to be had.", err)
			}
		}
	}
	return nil
}

// write makes the good records durable at the sink and the bad ones in the quarantine,
// side by side, and waits for both. What the sink refuses for good goes to the quarantine.
func (g *Gateway) write(ctx context.Context, active *Active, records []lazaret.Record, t *ticket) error {
	good, bad := with(lazaret.Accepted, records), with(lazaret.Quarantined, records)
	if len(good) > 0 {
		// Known beforehand, so that the quarantine's half is not written in vain.
		if err := active.Sink.Ready(); err != nil {
			return &Error{Kind: ErrUnavailable, RetryAfter: 2 * time.Second, Cause: err,
				Message: "The stream's sink cannot take events now. Nothing of this request was taken."}
		}
	}
	var stored chan error
	if len(bad) > 0 {
		stored = make(chan error, 1)
		if len(good) == 0 {
			stored <- g.store(ctx, active, bad)
		} else {
			go func() { stored <- g.store(ctx, active, bad) }()
		}
	}
	var sinkErr, storeErr error
	if len(good) > 0 {
		batch := lazaret.Batch{Records: good}
		if t != nil {
			batch.ID = t.batchID()
		}
		sinkErr = g.forward(ctx, active, batch)
	}
	if stored != nil {
		storeErr = <-stored
	}
	var refused *lazaret.RefusedError
	if storeErr == nil && errors.As(sinkErr, &refused) && refused.Each {
		return g.divert(ctx, active, records, refused, t)
	}
	return errors.Join(sinkErr, storeErr)
}

// divert quarantines the good records that the sink refused for good. All others are
// durable.
func (g *Gateway) divert(ctx context.Context, active *Active, records []lazaret.Record, refused *lazaret.RefusedError, t *ticket) error {
	var list []lazaret.Record
	good := -1 // the position among the good ones
	for i := range records {
		r := &records[i]
		if r.Verdict.Status != lazaret.Accepted {
			continue
		}
		good++
		if _, found := slices.BinarySearch(refused.Records, good); !found {
			continue
		}
		r.Verdict.Status = lazaret.Quarantined
		r.Verdict.Reasons = []lazaret.Reason{{Code: lazaret.CodeSinkRefused, Message: refused.Err.Error()}}
		if err := g.identify(records[i:i+1], t, i); err != nil {
			return err
		}
		list = append(list, *r)
	}
	return g.store(ctx, active, list)
}

// with returns the records of a status, in their order. It copies them only if there are
// others among them.
func with(status lazaret.Status, records []lazaret.Record) []lazaret.Record {
	n := 0
	for i := range records {
		if records[i].Verdict.Status == status {
			n++
		}
	}
	if n == 0 || n == len(records) {
		return records[:n:n]
	}
	list := make([]lazaret.Record, 0, n)
	for i := range records {
		if records[i].Verdict.Status == status {
			list = append(list, records[i])
		}
	}
	return list
}

func (g *Gateway) forward(ctx context.Context, active *Active, batch lazaret.Batch) error {
	start := time.Now()
	err := g.guard("sink", func() error { return active.Sink.Write(ctx, batch) })
	var refused *lazaret.RefusedError
	if errors.As(err, &refused) && refused.Each {
		g.conf.Observer.Wrote(active.Stream.Name, len(batch.Records), time.Since(start), nil)
		return refused
	}
	g.conf.Observer.Wrote(active.Stream.Name, len(batch.Records), time.Since(start), err)
	if err != nil {
		return unavailable("The stream's sink did not take the events.", err)
	}
	return nil
}

// store makes bad records durable in the quarantine, and in the stream's mirror of it.
func (g *Gateway) store(ctx context.Context, active *Active, bad []lazaret.Record) error {
	var mirrored chan error
	if active.Mirror != nil {
		mirrored = make(chan error, 1)
		go func() {
			mirrored <- g.guard("mirror", func() error { return active.Mirror.Write(ctx, lazaret.Batch{Records: bad}) })
		}()
	}
	start := time.Now()
	err := g.guard("quarantine", func() error { return g.conf.Quarantine.Add(ctx, bad) })
	g.conf.Observer.Stored(active.Stream.Name, len(bad), time.Since(start), err)
	if err != nil {
		err = unavailable("The quarantine did not take the bad events.", err)
	}
	if mirrored == nil {
		return err
	}
	switch mirrorErr := <-mirrored; {
	case mirrorErr == nil || errors.Is(mirrorErr, lazaret.ErrRefused):
		// What the mirror cannot hold is in the quarantine itself.
		return err
	default:
		return errors.Join(err, unavailable("The mirror of the quarantine did not take the bad events.", mirrorErr))
	}
}
