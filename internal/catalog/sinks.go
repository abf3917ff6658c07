package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
)

// closeTimeout is how long a sink that gives way to another may take to close.
const closeTimeout = 30 * time.Second

var errClosed = errors.New("the sinks are closed: the server is shutting down")

// sinks holds the open sinks. What it hands out are handles, which outlive the sink
// behind them: a request that was judged under an older version of a stream still
// writes to that version's sink, which is opened again if need be.
//
// A place (a directory, or an endpoint of a stream) has at most one sink open at a
// time, so that no two write the same files. When a handle wants the place for another
// sink, it waits for the writes under way, closes the one and opens the other.
type sinks struct {
	log *slog.Logger

	mu     sync.Mutex
	places map[string]*place
	closed bool
}

// handle is the gateway.Sink of one version of a stream.
type handle struct {
	sinks  *sinks
	place  *place
	stream gateway.Stream
	open   opener
	spec   string
}

// opener opens a stream's sink, or the mirror of its quarantine.
type opener func(gateway.Stream) (gateway.Sink, error)

// place is where at most one sink is open.
type place struct {
	mu      sync.Mutex
	changed sync.Cond // of anything below

	sink   gateway.Sink // nil if none is open
	spec   string       // what sink was opened for
	users  int          // calls of sink under way
	moving bool         // somebody closes or opens, without mu
	next   string       // a waiting handle's spec: no more users of another may begin
	wanted string       // the active version's spec; "": close sink when its users are done
	closed bool         // for good
	err    error        // why nothing is open
}

// specOf names what makes two sinks the same, and the place that they are at. The Kafka
// sinks of a stream have one place, whatever their topics: a new one shares the
// transactional id of the old one, and must not take it away during a write.
func specOf(s gateway.Stream) (spec, at string) {
	b, err := json.Marshal(s.Sink)
	if err != nil {
		panic(err) // plain values always marshal
	}
	spec = s.Name + " " + string(b)
	switch {
	case s.Sink.File != nil:
		return spec, "file " + s.Sink.File.Dir
	case s.Sink.Kafka != nil:
		return spec, "kafka " + s.Name
	}
	return spec, spec
}

// handle returns the sink of a stream's version, without opening it.
func (p *sinks) handle(s gateway.Stream, open opener) *handle {
	spec, at := specOf(s)
	return p.at(at, &handle{stream: s, open: open, spec: spec})
}

// mirror returns the mirror of the quarantine of a stream's version, or nil if it has none.
func (p *sinks) mirror(s gateway.Stream, open opener) *handle {
	topic := s.MirrorTopic()
	if topic == "" || open == nil {
		return nil
	}
	return p.at("mirror "+s.Name, &handle{stream: s, open: open, spec: topic})
}

// at puts a handle to its place.
func (p *sinks) at(at string, h *handle) *handle {
	p.mu.Lock()
	defer p.mu.Unlock()
	pl := p.places[at]
	if pl == nil {
		pl = &place{closed: p.closed}
		pl.changed.L = &pl.mu
		p.places[at] = pl
	}
	h.sinks, h.place = p, pl
	return h
}

// activate says which handles are those of active versions. Their sinks are opened;
// all others are closed as soon as nobody uses them. A sink that cannot be opened is
// logged and not ready; each write, and each look at its readiness, tries again.
func (p *sinks) activate(ctx context.Context, active []*handle) {
	wanted := map[*place]string{}
	for _, h := range active {
		wanted[h.place] = h.spec
	}
	for _, pl := range p.all() {
		pl.mu.Lock()
		pl.wanted = wanted[pl]
		pl.mu.Unlock()
		pl.settle(p.log)
	}
	for _, h := range active {
		if err := h.use(ctx, func(gateway.Sink) error { return nil }); err != nil {
			p.log.Error("a sink cannot be opened; it will be tried again", "stream", h.stream.Name, "error", err)
		}
	}
}

func (p *sinks) all() []*place {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]*place, 0, len(p.places))
	for _, pl := range p.places {
		list = append(list, pl)
	}
	return list
}

// close closes every sink after the calls under way, for good. It is the only way to
// end handles.
func (p *sinks) close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	var errs []error
	for _, pl := range p.all() {
		errs = append(errs, pl.close(ctx))
	}
	return errors.Join(errs...)
}

// Write implements gateway.Sink.
func (h *handle) Write(ctx context.Context, b lazaret.Batch) error {
	return h.use(ctx, func(s gateway.Sink) error { return s.Write(ctx, b) })
}

// Forget implements gateway.Sink. It is a hint, so that a sink that is not open is let be.
func (h *handle) Forget(batchID string) {
	h.place.mu.Lock()
	sink := h.place.sink
	mine := sink != nil && h.place.spec == h.spec && !h.place.moving
	if mine {
		h.place.users++
	}
	h.place.mu.Unlock()
	if mine {
		defer h.place.release(h.sinks.log)
		sink.Forget(batchID)
	}
}

// Ready implements gateway.Sink.
func (h *handle) Ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return h.use(ctx, gateway.Sink.Ready)
}

// Close implements gateway.Sink and does nothing: the catalog closes sinks.
func (h *handle) Close(context.Context) error { return nil }

// use calls f with the open sink.
func (h *handle) use(ctx context.Context, f func(gateway.Sink) error) error {
	sink, err := h.place.acquire(ctx, h)
	if err != nil {
		return err
	}
	defer h.place.release(h.sinks.log)
	return f(sink)
}

// acquire returns the handle's sink, open, and counts one user of it.
func (pl *place) acquire(ctx context.Context, h *handle) (gateway.Sink, error) {
	stop := context.AfterFunc(ctx, func() {
		pl.mu.Lock()
		defer pl.mu.Unlock()
		pl.changed.Broadcast()
	})
	defer stop()
	pl.mu.Lock()
	defer pl.mu.Unlock()
	for {
		switch mine := pl.sink != nil && pl.spec == h.spec; {
		case pl.closed:
			return nil, errClosed
		case ctx.Err() != nil:
			pl.giveUp(h.spec)
			return nil, ctx.Err()
		case pl.moving || pl.next != "" && pl.next != h.spec:
			// somebody else is first
		case mine:
			pl.giveUp(h.spec)
			pl.users++
			return pl.sink, nil
		case pl.users > 0:
			pl.next = h.spec
		default:
			if err := pl.move(h); err != nil {
				return nil, err
			}
			continue
		}
		pl.changed.Wait()
	}
}

// giveUp lets others have the place, if it was kept for this spec. Others who wait for
// the same spec will ask again. mu is held.
func (pl *place) giveUp(spec string) {
	if pl.next == spec {
		pl.next = ""
		pl.changed.Broadcast()
	}
}

// move closes what is open and opens the handle's sink. mu is held, but not during the
// work; nobody uses the sink.
func (pl *place) move(h *handle) (err error) {
	old := pl.sink
	pl.sink, pl.spec, pl.moving = nil, "", true
	pl.mu.Unlock()
	closeOld(old, h.sinks.log)
	sink, err := h.open(h.stream)
	pl.mu.Lock()
	pl.moving = false
	pl.giveUp(h.spec)
	pl.changed.Broadcast()
	if pl.err = err; err != nil {
		pl.err = fmt.Errorf("open the sink of stream %s: %w", h.stream.Name, err)
		return pl.err
	}
	pl.sink, pl.spec = sink, h.spec
	return nil
}

// release ends one use.
func (pl *place) release(log *slog.Logger) {
	pl.mu.Lock()
	pl.users--
	pl.changed.Broadcast()
	pl.mu.Unlock()
	pl.settle(log)
}

// settle closes a sink that is not that of an active version, once nobody uses it.
func (pl *place) settle(log *slog.Logger) {
	pl.mu.Lock()
	old := pl.sink
	if old == nil || pl.users > 0 || pl.moving || pl.spec == pl.wanted {
		pl.mu.Unlock()
		return
	}
	pl.sink, pl.spec, pl.moving = nil, "", true
	pl.mu.Unlock()
	closeOld(old, log)
	pl.mu.Lock()
	pl.moving = false
	pl.changed.Broadcast()
	pl.mu.Unlock()
}

// closeOld closes a sink that gives way. What was written to it is durable already, so
// that an error here loses nothing.
func closeOld(s gateway.Sink, log *slog.Logger) {
	if s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		log.Warn("a sink that is not needed any more did not close well", "error", err)
	}
}

func (pl *place) close(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		pl.mu.Lock()
		defer pl.mu.Unlock()
		pl.changed.Broadcast()
	})
	defer stop()
	pl.mu.Lock()
	pl.closed = true
	pl.changed.Broadcast()
	for (pl.users > 0 || pl.moving) && ctx.Err() == nil {
		pl.changed.Wait()
	}
	sink := pl.sink
	pl.sink, pl.spec = nil, ""
	pl.mu.Unlock()
	if sink == nil {
		return nil
	}
	return sink.Close(ctx)
}
