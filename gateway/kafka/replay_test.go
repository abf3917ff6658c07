package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/gateway/replay"
	"github.com/lazaret/lazaret/internal/kafkaio"
	"github.com/lazaret/lazaret/internal/kafkatest"
)

// An account fits into an offset's metadata, if need be without its codes.
func TestAccountText(t *testing.T) {
	reasons := make([][]lazaret.Reason, 1)
	for _, c := range lazaret.Codes() {
		reasons[0] = append(reasons[0], lazaret.Reason{Code: c.Code})
	}
	some := replay.Account{}.Add(5, 1, reasons)
	many := replay.Account{Events: math.MaxInt64, Accepted: math.MaxInt64, ByCode: map[lazaret.Code]int64{}}
	for _, c := range lazaret.Codes() {
		many.ByCode[c.Code] = math.MaxInt64
	}
	huge := replay.Account{Events: 1, ByCode: map[lazaret.Code]int64{}}
	for i := range 300 {
		huge.ByCode[lazaret.Code(fmt.Sprintf("more.codes%03d", i))] = 1
	}
	for _, test := range []struct {
		a     replay.Account
		codes bool
	}{{some, true}, {many, true}, {huge, false}, {replay.Account{Events: 1}, false}} {
		text := accountText(test.a)
		var back replay.Account
		if err := json.Unmarshal([]byte(text), &back); err != nil || len(text) > maxMetadata {
			t.Fatalf("%d bytes: %v", len(text), err)
		}
		if (back.ByCode != nil) != test.codes {
			t.Errorf("%d codes came back", len(back.ByCode))
		}
		back.ByCode = test.a.ByCode
		if !reflect.DeepEqual(back, test.a) {
			t.Errorf("%+v came back as %+v", test.a, back)
		}
	}
}

// rejudger is a taker with a stream, for replays.
type rejudger struct {
	*taker
	stream gateway.Stream
	gone   bool
}

func (r *rejudger) Try(context.Context, gateway.Taking) (gateway.Counts, error) {
	return gateway.Counts{}, errors.New("nothing here is a dry run")
}

func (r *rejudger) Find(string) (gateway.Stream, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return gateway.Stream{}, gateway.ErrNotFound
	}
	return r.stream, nil
}

// saved is what a task tells, in order.
type saved struct {
	parts    []replay.Part
	troubles []error
	wake     func(error)
}

func (s *saved) task(in string, p replay.Part) replay.Task {
	return replay.Task{
		Job: "job-" + in, Stream: "clicks", Topic: in, Part: p,
		Save: func(p replay.Part) error { s.parts = append(s.parts, p); return nil },
		Trouble: func(err error) {
			if err != nil {
				s.troubles = append(s.troubles, err)
				if s.wake != nil {
					s.wake(err)
				}
			}
		},
	}
}

// A replay goes on behind records that were deleted before it came to them, and counts
// them; what waits for the sink is taken when it takes again. Events count as received
// when they were written.
func TestReplayOfDeletedRecords(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t)
	c := dial(t, b.Addr())
	in := b.Topic(t, 1, nil)
	list := make([]kafkaio.Message, 10)
	at := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	for i, v := range numbered(0, 10) {
		list[i] = kafkaio.Message{Value: []byte(v), Time: at}
	}
	write(t, c, in, list...)
	k := &rejudger{taker: newTaker(), stream: gateway.Stream{Name: "clicks"}}
	r := NewReplays(ReplayConfig{Cluster: c, Gateway: k})
	plan, err := r.Plan(t.Context(), replay.Spec{Stream: "clicks", Topic: in, Since: time.UnixMilli(1)})
	must(t, err)
	if len(plan) != 1 || plan[0].From != 0 || plan[0].End != 10 {
		t.Fatalf("the plan: %+v", plan)
	}
	produce(t, c, in, numbered(10, 5)...)
	deleteRecords(t, b.Addr(), in, 4)
	k.fail = errors.New("the sink is down")
	s := &saved{wake: func(error) { k.do(func() { k.fail = nil }) }}
	must(t, r.Read(t.Context(), t.Context(), s.task(in, plan[0])))
	if got := k.values(""); !slices.Equal(got, numbered(4, 6)) {
		t.Errorf("taken: %q", got)
	}
	last := s.parts[len(s.parts)-1]
	if last.Next != 10 || last.Missing != 4 || len(s.troubles) != 1 {
		t.Errorf("the last part: %+v; troubles: %v", last, s.troubles)
	}
	for _, e := range k.events {
		if !e.Received.Equal(at) {
			t.Errorf("received at %s, want %s", e.Received, at)
		}
	}
	if k.admitted != 0 || committed(t, c, replayGroup+"job-"+in, in) != -1 {
		t.Errorf("%d batches keep their room, or a group has an offset", k.admitted)
	}
}

// What would not be mended by trying again ends a replay.
func TestReplayThatCannotGoOn(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t)
	c := dial(t, b.Addr())
	in := b.Topic(t, 1, nil)
	produce(t, c, in, numbered(0, 10)...)
	k := &rejudger{taker: newTaker(), stream: gateway.Stream{Name: "clicks"}}
	r := NewReplays(ReplayConfig{Cluster: c, Gateway: k})
	s := &saved{}
	if err := r.Read(t.Context(), t.Context(), s.task(in, replay.Part{From: 20, Next: 20, End: 50})); !errors.Is(err, replay.ErrFinal) {
		t.Errorf("the topic has fewer records than the plan: %v", err)
	}
	k.stream.Sink = gateway.SinkSpec{Kafka: &gateway.KafkaSink{Topic: in}}
	if err := r.Read(t.Context(), t.Context(), s.task(in, replay.Part{End: 10})); !errors.Is(err, replay.ErrFinal) {
		t.Errorf("the stream writes to the topic: %v", err)
	}
	k.gone = true
	if err := r.Read(t.Context(), t.Context(), s.task(in, replay.Part{End: 10})); !errors.Is(err, replay.ErrFinal) {
		t.Errorf("the stream is gone: %v", err)
	}
	if len(k.events)+len(s.parts) > 0 {
		t.Errorf("taken: %q", k.values(""))
	}
}

// A plan ends before what a transaction has open: a replay does not wait for it.
func TestReplayEndsBeforeOpenTransactions(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t)
	c := dial(t, b.Addr())
	in := b.Topic(t, 1, nil)
	produce(t, c, in, numbered(0, 5)...)
	p := c.NewProducer(kafkaio.ProducerConfig{TransactionalID: in})
	defer p.Close()
	must(t, p.Begin(t.Context()))
	must(t, p.Write(t.Context(), in, []kafkaio.Message{{Value: []byte("open")}}))
	k := &rejudger{taker: newTaker(), stream: gateway.Stream{Name: "clicks"}}
	r := NewReplays(ReplayConfig{Cluster: c, Gateway: k})
	plan, err := r.Plan(t.Context(), replay.Spec{Stream: "clicks", Topic: in, Offsets: []replay.Offsets{{}}})
	must(t, err)
	s := &saved{}
	must(t, r.Read(t.Context(), t.Context(), s.task(in, plan[0])))
	if got := k.values(""); plan[0].End != 5 || !slices.Equal(got, numbered(0, 5)) {
		t.Errorf("%+v: %q", plan, got)
	}
	must(t, p.Abort(t.Context()))
}
