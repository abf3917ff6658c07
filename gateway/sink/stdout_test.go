package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/lazaret/lazaret/gateway"
)

// pipe takes so many bytes and then fails, once.
type pipe struct {
	bytes.Buffer
	room   int
	broken bool
}

var errPipe = errors.New("broken pipe")

func (p *pipe) Write(b []byte) (int, error) {
	if p.broken && len(b) > p.room {
		p.broken = false
		n, _ := p.Buffer.Write(b[:p.room])
		return n, errPipe
	}
	return p.Buffer.Write(b)
}

func mustStdout(t *testing.T, w *pipe) *Stdout {
	t.Helper()
	s, err := NewStdout(StdoutConfig{Writer: w, Spec: gateway.StdoutSink{Format: gateway.FormatEvent}, Stream: "clicks"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Concurrent writers never share a line, and a batch with an ID is written once.
func TestStdoutWritesWholeLines(t *testing.T) {
	w := &pipe{}
	s := mustStdout(t, w)
	var wg sync.WaitGroup
	for i := range 8 {
		for range 2 { // twice the same
			wg.Go(func() {
				if err := s.Write(context.Background(), numbered(fmt.Sprint("id", i), fmt.Sprint(i), 20)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	mustClose(t, s)
	got := map[string]int{}
	for line := range strings.Lines(w.String()) {
		got[line]++
	}
	if len(got) != 160 {
		t.Errorf("%d different lines, want 160", len(got))
	}
	for i := range 8 {
		for k := range 20 {
			if line := fmt.Sprintf("{\"n\":\"%d/%d\"}\n", i, k); got[line] != 1 {
				t.Errorf("%q is there %d times", line, got[line])
			}
		}
	}
	if err := s.Write(context.Background(), numbered("", "x", 1)); !errors.Is(err, ErrClosed) {
		t.Errorf("Write after Close: %v, want ErrClosed", err)
	}
	if err := s.Ready(); !errors.Is(err, ErrClosed) {
		t.Errorf("Ready after Close: %v, want ErrClosed", err)
	}
}

// Promise 1: a write that fails is an error, and does not spoil the line of the next.
func TestStdoutReportsErrors(t *testing.T) {
	w := &pipe{broken: true, room: 5}
	s := mustStdout(t, w)
	if err := s.Write(context.Background(), numbered("id", "a", 1)); !errors.Is(err, errPipe) {
		t.Errorf("Write: %v, want the writer's error", err)
	}
	mustWrite(t, s, numbered("id", "a", 1)) // it did not land, so it is written again
	if got, want := w.String(), "{\"n\":\n{\"n\":\"a/0\"}\n"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
}

// A writer that blocks holds nobody up beyond their context.
func TestStdoutWaitsNoLongerThanItsContext(t *testing.T) {
	s := mustStdout(t, &pipe{})
	<-s.turn // as a writer that is blocked does
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Write(ctx, numbered("id", "a", 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Write: %v, want its context's error", err)
	}
	if err := s.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close: %v, want its context's error", err)
	}
	s.turn <- struct{}{}
	mustWrite(t, s, numbered("id", "a", 1))
}
