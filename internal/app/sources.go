package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"sync"

	"github.com/lazaret/lazaret/gateway"
)

// runner reads a source until ctx ends and what it has in hand is finished.
type runner interface {
	Run(ctx context.Context) error
}

// sources keeps the sources of the active streams running, as the streams change.
type sources struct {
	// open makes the source of that number of a stream.
	open func(s gateway.Stream, number int) (runner, error)
	log  *slog.Logger

	wake chan struct{}

	mu   sync.Mutex
	want map[string]wanted
}

// wanted is a source that should run, by what it is made of.
type wanted struct {
	stream gateway.Stream
	number int
	spec   string
}

// started is a source that runs.
type started struct {
	spec   string
	cancel context.CancelFunc
	done   chan struct{}
}

func newSources(open func(gateway.Stream, int) (runner, error), log *slog.Logger) *sources {
	return &sources{open: open, log: log, wake: make(chan struct{}, 1), want: map[string]wanted{}}
}

// follow says which streams are active. It does not wait for anything.
func (s *sources) follow(streams []gateway.Stream) {
	want := map[string]wanted{}
	for _, st := range streams {
		for i := range st.Sources {
			want[fmt.Sprintf("%s/%d", st.Name, i)] = wanted{st, i, sourceSpec(st, i)}
		}
	}
	s.mu.Lock()
	s.want = want
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// sourceSpec is all of a stream that a running source depends on: what it judges with is
// looked up for each batch.
func sourceSpec(st gateway.Stream, number int) string {
	text, err := json.Marshal([]any{st.Sources[number], st.Delivery, st.Sink, st.Quarantine, st.NamingHeaders()})
	if err != nil {
		panic(err) // plain values always marshal
	}
	return string(text)
}

// run starts and stops sources until ctx ends; then it stops them all.
func (s *sources) run(ctx context.Context) {
	running := map[string]*started{}
	for {
		s.mu.Lock()
		want := maps.Clone(s.want)
		s.mu.Unlock()
		if ctx.Err() != nil {
			want = nil
		}
		s.settle(running, want)
		if ctx.Err() != nil {
			return
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
		}
	}
}

// settle stops what is not wanted any more, all at once, and starts what is new.
func (s *sources) settle(running map[string]*started, want map[string]wanted) {
	var stopping []*started
	for name, r := range running {
		if w, ok := want[name]; !ok || w.spec != r.spec {
			r.cancel()
			stopping = append(stopping, r)
			delete(running, name)
		}
	}
	for _, r := range stopping {
		<-r.done
	}
	for name, w := range want {
		if running[name] != nil {
			continue
		}
		source, err := s.open(w.stream, w.number)
		if err != nil {
			s.log.Error("a source cannot be opened", "stream", w.stream.Name, "error", err)
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		r := &started{spec: w.spec, cancel: cancel, done: make(chan struct{})}
		running[name] = r
		go func() {
			defer close(r.done)
			defer cancel()
			if err := source.Run(ctx); err != nil {
				s.log.Error("a source ended", "stream", w.stream.Name, "error", err)
			}
		}()
	}
}
