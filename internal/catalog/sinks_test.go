package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lazaret/lazaret"
)

func stream(dir string, maxBytes int) string {
	return fmt.Sprintf("kind: Stream\nname: orders\nsink: {file: {dir: %s, max_bytes: %d}}", dir, maxBytes)
}

func (f *fixture) wantOpen(dirs ...string) {
	f.t.Helper()
	if got := f.sinks.opened(); !slices.Equal(got, dirs) {
		f.t.Errorf("open are %v, want %v", got, dirs)
	}
}

// A change that leaves the sink as it is leaves the sink open.
func TestSinkIsKept(t *testing.T) {
	f := newFixture(t)
	f.apply(stream("a", 4096))
	first, _ := f.Active("orders")
	f.apply("kind: RuleSet\nstream: orders\nrules: []")
	f.apply(strings.Replace(stream("a", 4096), "sink:", "description: x\nsink:", 1))
	second, _ := f.Active("orders")
	if f.sinks.count() != 1 || first == second {
		t.Errorf("%d sinks were opened", f.sinks.count())
	}
	f.wantOpen("a/4096")
	must(t, first.Sink.Write(t.Context(), lazaret.Batch{ID: "1"}))
	must(t, second.Sink.Write(t.Context(), lazaret.Batch{ID: "2"}))
}

// A sink that changes place is opened, and the old one is closed when the writes under
// way have ended; a request that still holds the old version writes to the old place.
func TestOldSinkDrains(t *testing.T) {
	f := newFixture(t)
	f.apply(stream("a", 4096))
	old, _ := f.Active("orders")
	f.sinks.hold, f.sinks.writing = make(chan struct{}), make(chan *memorySink, 1)
	done := make(chan error)
	go func() { done <- old.Sink.Write(context.Background(), lazaret.Batch{ID: "slow"}) }()
	slow := <-f.sinks.writing
	f.apply(stream("b", 4096))
	f.wantOpen("a/4096", "b/4096") // the write is still under way
	close(f.sinks.hold)
	must(t, <-done)
	f.wantOpen("b/4096")
	if !slices.Equal(slow.batches, []string{"slow"}) {
		t.Errorf("the slow write is in %v", slow.batches)
	}
	f.sinks.mu.Lock()
	f.sinks.hold = nil
	f.sinks.mu.Unlock()
	must(t, old.Sink.Write(t.Context(), lazaret.Batch{ID: "late"}))
	if late := <-f.sinks.writing; late.stream.Sink.File.Dir != "a" || late == slow {
		t.Errorf("the late write is in %s", late.stream.Sink.File.Dir)
	}
	f.wantOpen("b/4096") // and closed again
}

// Two sinks are never open in one directory, however writes of both versions mix: the
// fixture refuses to open a second one, and to write after a close.
func TestOneSinkInADirectory(t *testing.T) {
	f := newFixture(t)
	f.apply(stream("a", 4096))
	old, _ := f.Active("orders")
	f.apply(stream("a", 8192))
	f.wantOpen("a/8192")
	now, _ := f.Active("orders")
	var wg sync.WaitGroup
	for i := range 8 {
		s := old.Sink
		if i%2 == 0 {
			s = now.Sink
		}
		wg.Go(func() {
			for n := range 25 {
				if err := s.Write(context.Background(), lazaret.Batch{ID: fmt.Sprint(i, n)}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	must(t, now.Sink.Write(t.Context(), lazaret.Batch{ID: "last"}))
	f.wantOpen("a/8192")
	total := 0
	for _, m := range f.sinks.all {
		total += len(m.batches)
	}
	if total != 8*25+1 {
		t.Errorf("%d writes landed", total)
	}
}

// A write that waits for the place gives up with its context.
func TestWaitingWriteGivesUp(t *testing.T) {
	f := newFixture(t)
	f.apply(stream("a", 4096))
	old, _ := f.Active("orders")
	f.apply(stream("a", 8192))
	now, _ := f.Active("orders")
	f.sinks.hold, f.sinks.writing = make(chan struct{}), make(chan *memorySink, 4)
	done := make(chan error)
	go func() { done <- now.Sink.Write(context.Background(), lazaret.Batch{ID: "slow"}) }()
	<-f.sinks.writing
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error)
	go func() { waiting <- old.Sink.Write(ctx, lazaret.Batch{ID: "waiting"}) }()
	cancel()
	if err := <-waiting; err == nil {
		t.Error("it was written")
	}
	close(f.sinks.hold)
	must(t, <-done)
	must(t, now.Sink.Write(t.Context(), lazaret.Batch{ID: "next"}))
}

// Close waits for the writes under way, and afterwards nothing is written.
func TestCloseWaits(t *testing.T) {
	f := newFixture(t)
	f.apply(stream("a", 4096))
	active, _ := f.Active("orders")
	f.sinks.hold, f.sinks.writing = make(chan struct{}), make(chan *memorySink, 1)
	done := make(chan error, 1)
	go func() { done <- active.Sink.Write(context.Background(), lazaret.Batch{ID: "1"}) }()
	<-f.sinks.writing
	closed := make(chan error, 1)
	go func() { closed <- f.Close(context.Background()) }()
	select {
	case <-closed:
		t.Error("closed during a write")
	default:
	}
	close(f.sinks.hold)
	must(t, <-done)
	must(t, <-closed)
	if err := active.Sink.Write(t.Context(), lazaret.Batch{ID: "2"}); err == nil {
		t.Error("written after Close")
	}
	must(t, f.Close(t.Context()))
	f.wantOpen()
}
