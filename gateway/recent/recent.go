// Package recent keeps, for the streams that ask for it, a sample of the events that they
// accepted last, so that a proposed schema can be tried on real traffic before it judges any.
//
// The sample is in memory alone: a restart begins it anew. It is bounded in events and in
// bytes, and in what it may cost: of a stream no more events than the sample holds are taken
// in ten seconds, evenly out of those that come. What is to be redacted is replaced before an
// event is kept; until then it waits, for a moment, in a queue within the same bounds. Ingest
// never waits for the sample and never fails because of it: what there is no room for is not
// taken.
package recent

import (
	"bytes"
	"context"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
)

// refill is the time in which a stream may take as many events as it keeps.
const refill = 10 * time.Second

// Samples are the samples of all streams. They are safe for concurrent use.
type Samples struct {
	now  func() time.Time
	wake chan struct{}
	stop chan struct{}
	done chan struct{}
	once sync.Once

	mu      sync.Mutex
	streams map[string]*sample
	started bool
}

// Sample is what is kept of one stream.
type Sample struct {
	// Events are the events, the newest first. They must not be changed.
	Events []Event
	// Kept is how many there are in all.
	Kept int
	// Since is when the sample was begun: at the start, or when it was last asked for otherwise.
	Since time.Time
	// Redacted says what was replaced in them.
	Redacted gateway.Redact
}

// Event is an event that was accepted.
type Event struct {
	*lazaret.Event
	// Judged is what it was accepted by.
	Judged lazaret.Version
}

// New makes samples that are all empty. A nil now means time.Now.
func New(now func() time.Time) *Samples {
	if now == nil {
		now = time.Now
	}
	return &Samples{
		now: now, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}), streams: map[string]*sample{},
	}
}

// Follow says which streams are active, and begins, keeps or drops their samples. One
// whose redaction changes begins anew. It does not wait for anything.
func (s *Samples) Follow(streams []gateway.Stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := map[string]*sample{}
	for i := range streams {
		st := &streams[i]
		if st.Recent == nil {
			continue
		}
		was := s.streams[st.Name]
		if was == nil || !reflect.DeepEqual(was.spec, *st.Recent) {
			was = newSample(*st.Recent, s.now())
		}
		next[st.Name] = was
	}
	s.streams = next
}

// Start runs what redacts. Stop ends it.
func (s *Samples) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return
	}
	s.started = true
	go s.run()
}

// Stop ends what Start began. It may be called at any time, and more than once.
func (s *Samples) Stop(context.Context) error {
	s.once.Do(func() { close(s.stop) })
	s.mu.Lock()
	started := s.started
	s.started = true
	s.mu.Unlock()
	if started {
		<-s.done
	} else {
		close(s.done)
	}
	return nil
}

func (s *Samples) run() {
	defer close(s.done)
	for {
		select {
		case <-s.wake:
		case <-s.stop:
			return
		}
		s.mu.Lock()
		list := make([]*sample, 0, len(s.streams))
		for _, one := range s.streams {
			list = append(list, one)
		}
		s.mu.Unlock()
		for _, one := range list {
			one.settle()
		}
	}
}

// Accepted implements gateway.Recent.
func (s *Samples) Accepted(st *gateway.Stream, records []lazaret.Record) {
	s.mu.Lock()
	one := s.streams[st.Name]
	s.mu.Unlock()
	if one == nil || !reflect.DeepEqual(one.spec, *st.Recent) {
		return // the stream has another version by now
	}
	if one.take(records, s.now()) {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// Last returns up to n of the events that a stream accepted last; ok is false if no sample
// of it is kept.
func (s *Samples) Last(stream string, n int) (sample Sample, ok bool) {
	s.mu.Lock()
	one := s.streams[stream]
	s.mu.Unlock()
	if one == nil {
		return Sample{}, false
	}
	one.settle()
	one.mu.Lock()
	defer one.mu.Unlock()
	kept := one.events[one.head:]
	events := slices.Clone(kept[max(0, len(kept)-n):])
	slices.Reverse(events)
	return Sample{Events: events, Kept: len(kept), Since: one.since, Redacted: one.spec.Redact}, true
}

// sample is what is kept of one stream.
type sample struct {
	spec     gateway.RecentSpec // as the stream has it
	keep     int
	maxBytes int64
	redact   *Redactor // nil: nothing is redacted
	since    time.Time

	settling sync.Mutex // held by who redacts, so that the order stays

	mu      sync.Mutex
	tokens  float64 // how many events may be taken now
	last    time.Time
	waiting []Event // to be redacted
	queued  int64   // bytes of those
	events  []Event // from head on, the oldest first
	head    int
	bytes   int64
}

func newSample(spec gateway.RecentSpec, now time.Time) *sample {
	one := &sample{spec: spec, keep: spec.Keep, maxBytes: spec.MaxBytes, since: now, last: now}
	if one.keep == 0 {
		one.keep = gateway.DefaultRecentKeep
	}
	if one.maxBytes == 0 {
		one.maxBytes = gateway.DefaultRecentBytes
	}
	if !spec.Redact.IsZero() {
		one.redact = NewRedactor(spec.Redact)
	}
	one.tokens = float64(one.keep)
	return one
}

// take copies some of the accepted events, as many as there is room for, and says whether
// any of them waits to be redacted.
func (one *sample) take(records []lazaret.Record, now time.Time) (waits bool) {
	good := 0
	for i := range records {
		if records[i].Verdict.Status == lazaret.Accepted {
			good++
		}
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	if d := now.Sub(one.last); d > 0 {
		one.tokens = min(float64(one.keep), one.tokens+float64(one.keep)*d.Seconds()/refill.Seconds())
		one.last = now
	}
	room := min(int(one.tokens), good)
	if room == 0 {
		return false
	}
	one.tokens -= float64(room)
	seen, taken := 0, 0
	for i := range records {
		if records[i].Verdict.Status != lazaret.Accepted {
			continue
		}
		if seen++; taken*good < seen*room { // evenly
			taken++
			one.add(records[i].Event, records[i].Verdict.Version)
		}
	}
	return len(one.waiting) > 0
}

// add copies an event: its bytes may be a part of a request's, which are not to be held on
// to. mu is held.
func (one *sample) add(e *lazaret.Event, by lazaret.Version) {
	n := size(e)
	if e.Data == nil || n > one.maxBytes/10 {
		return
	}
	kept := *e
	kept.AsOf = time.Time{}
	kept.Data, kept.Key = bytes.Clone(e.Data), bytes.Clone(e.Key)
	switch {
	case one.redact == nil:
		one.push(Event{&kept, by})
	case one.queued+n <= one.maxBytes:
		one.waiting, one.queued = append(one.waiting, Event{&kept, by}), one.queued+n
	}
}

// settle redacts what waits for it.
func (one *sample) settle() {
	one.settling.Lock()
	defer one.settling.Unlock()
	one.mu.Lock()
	list := one.waiting
	one.waiting, one.queued = nil, 0
	one.mu.Unlock()
	for _, e := range list {
		if clean, ok := one.redact.Event(e.Event); ok {
			one.mu.Lock()
			one.push(Event{clean, e.Judged})
			one.mu.Unlock()
		}
	}
}

// push adds an event as the newest and drops the oldest that there is no room for. mu is held.
func (one *sample) push(e Event) {
	one.events, one.bytes = append(one.events, e), one.bytes+size(e.Event)
	for len(one.events)-one.head > one.keep || one.bytes > one.maxBytes {
		one.bytes -= size(one.events[one.head].Event)
		one.events[one.head] = Event{}
		one.head++
	}
	if one.head > one.keep {
		one.events = append([]Event(nil), one.events[one.head:]...)
		one.head = 0
	}
}

// size is about what an event takes.
func size(e *lazaret.Event) int64 {
	n := 256 + len(e.Data) + len(e.Key)
	for _, h := range e.Headers {
		n += 32 + len(h.Name) + len(h.Value)
	}
	return int64(n)
}
