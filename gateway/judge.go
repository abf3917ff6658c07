package gateway

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lazaret/lazaret"
)

// Below these a request is judged on one goroutine: starting more would cost more than
// it saves.
const (
	parallelEvents = 64
	parallelBytes  = 256 << 10
)

// A decoded event can take forty times the memory of its bytes. So no more than
// maxJudging bytes of events are judged at a time, over all requests; an event counts as
// at least minJudging, and a larger one than maxJudging is judged alone.
const (
	minJudging = 32 << 10
	maxJudging = 4 << 20
)

// maxTurn is how many events a goroutine judges in one go, at most. It is few, so that
// the goroutines of a request end at about the same time, and that nobody who waits for
// memory to judge with waits for a whole request.
const maxTurn = 32

// judge gets the verdict on each event. The records are in the order of the events.
func (g *Gateway) judge(ctx context.Context, active *Active, req *Request, t *ticket) ([]lazaret.Record, error) {
	start := time.Now()
	records := make([]lazaret.Record, len(req.Events))
	var pinned []lazaret.Event
	if t != nil {
		pinned = make([]lazaret.Event, len(req.Events))
	}
	size := 0
	for i, e := range req.Events {
		size += len(e.Data)
		if t != nil {
			pinned[i] = *e // events are never written to; this is another one over the same bytes
			e = &pinned[i]
			e.Received, e.AsOf, e.Source.Unique = t.at, t.at, t.unique(i)
		}
		records[i] = lazaret.Record{Stream: active.Stream.Name, Event: e}
	}
	workers := min(g.conf.Limits.Workers, len(records))
	if len(records) < parallelEvents && size < parallelBytes {
		workers = 1
	}
	if err := g.judgeAll(ctx, active.Judge, records, max(workers, 1)); err != nil {
		return nil, err
	}
	g.conf.Observer.Judged(active.Stream.Name, len(records), time.Since(start))
	return records, nil
}

func (g *Gateway) judgeAll(ctx context.Context, judge Judge, records []lazaret.Record, workers int) error {
	var (
		turn   = min(max(len(records)/(8*workers), 1), maxTurn)
		next   atomic.Int64
		failed atomic.Pointer[error]
		wait   sync.WaitGroup
	)
	work := func() {
		for failed.Load() == nil {
			end := int(next.Add(int64(turn)))
			if end-turn >= len(records) {
				return
			}
			if err := g.judgeSome(ctx, judge, records[end-turn:min(end, len(records))]); err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		}
	}
	for range workers - 1 {
		wait.Go(work)
	}
	work()
	wait.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// judgeSome judges events one after another, so that they need memory to be judged only
// once: as much as the largest of them may take.
func (g *Gateway) judgeSome(ctx context.Context, judge Judge, records []lazaret.Record) error {
	largest := minJudging
	for i := range records {
		largest = max(largest, len(records[i].Event.Data))
	}
	cost := int64(min(largest, maxJudging))
	err := g.judging.Acquire(ctx, cost)
	if err == nil {
		err = g.guard("judge", func() error { return verdicts(ctx, judge, records) })
		g.judging.Release(cost)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrInternal):
		return err
	case errors.Is(err, lazaret.ErrSchemaUnavailable):
		return &Error{Kind: ErrUnavailable, RetryAfter: 2 * time.Second, Cause: err,
			Message: "A version of the schema that an event names cannot be had now (schema.unavailable). Nothing of this request was taken: send it again."}
	default:
		return &Error{Kind: ErrUnavailable, RetryAfter: 2 * time.Second, Cause: err,
			Message: "The events could not be judged. Nothing of this request was taken."}
	}
}

func verdicts(ctx context.Context, judge Judge, records []lazaret.Record) (err error) {
	for i := range records {
		r := &records[i]
		if r.Verdict, err = judge.Judge(ctx, r.Event); err == nil {
			err = checkVerdict(&r.Verdict)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// guard turns a panic of f into an ErrInternal. What was panicked with is not logged: it
// may quote an event.
func (g *Gateway) guard(what string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			g.conf.Log.Error("panic in the "+what, "kind", fmt.Sprintf("%T", r), "stack", string(debug.Stack()))
			err = &Error{Kind: ErrInternal, Message: "Something is wrong with the " + what + " on our side. Nothing was acknowledged."}
		}
	}()
	return f()
}

// checkVerdict refuses a verdict that contradicts itself: a bad event without a reason
// could never be explained, and one of no status would be counted nowhere.
func checkVerdict(v *lazaret.Verdict) error {
	accepted := v.Status == lazaret.Accepted
	if (!accepted && v.Status != lazaret.Quarantined) || accepted != (len(v.Reasons) == 0) {
		return &Error{Kind: ErrInternal, Message: fmt.Sprintf("The judge gave the status %q with %d reasons. Nothing was acknowledged.", v.Status, len(v.Reasons))}
	}
	return nil
}
