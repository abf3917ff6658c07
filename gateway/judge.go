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

// judge gets the verdict on each event. The records are in the order of the events.
func (g *Gateway) judge(ctx context.Context, active *Active, req *Request, t *ticket) ([]lazaret.Record, error) {
	start := time.Now()
	records := make([]lazaret.Record, len(req.Events))
	size := 0
	for i, e := range req.Events {
		size += len(e.Data)
		if t != nil {
			pinned := *e // events are never written to; this is another one over the same bytes
			pinned.Received, pinned.Source.Unique = t.at, t.unique(i)
			e = &pinned
		}
		records[i] = lazaret.Record{Stream: active.Stream.Name, Event: e}
	}
	workers := min(g.conf.Limits.Workers, len(records))
	if len(records) < parallelEvents && size < parallelBytes {
		workers = 1
	}
	if err := g.judgeAll(ctx, active.Judge, records, workers); err != nil {
		return nil, err
	}
	g.conf.Observer.Judged(active.Stream.Name, len(records), time.Since(start))
	return records, nil
}

func (g *Gateway) judgeAll(ctx context.Context, judge Judge, records []lazaret.Record, workers int) error {
	if workers <= 1 {
		for i := range records {
			if err := g.judgeOne(ctx, judge, &records[i]); err != nil {
				return err
			}
		}
		return nil
	}
	var (
		next   atomic.Int64
		failed atomic.Pointer[error]
		wait   sync.WaitGroup
	)
	for range workers {
		wait.Go(func() {
			for failed.Load() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(records) {
					return
				}
				if err := g.judgeOne(ctx, judge, &records[i]); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	wait.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

func (g *Gateway) judgeOne(ctx context.Context, judge Judge, r *lazaret.Record) error {
	cost := min(max(int64(len(r.Event.Data)), minJudging), maxJudging)
	err := g.guard("judge", func() (err error) {
		if err := g.judging.Acquire(ctx, cost); err != nil {
			return err
		}
		defer g.judging.Release(cost)
		r.Verdict, err = judge.Judge(ctx, r.Event)
		return err
	})
	if err == nil {
		err = checkVerdict(&r.Verdict)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrInternal):
		return err
	default:
		return &Error{Kind: ErrUnavailable, RetryAfter: 2 * time.Second, Cause: err,
			Message: "The events could not be judged. Nothing of this request was taken."}
	}
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
