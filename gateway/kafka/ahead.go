package kafka

import (
	"context"
	"errors"

	"github.com/lazaret/lazaret/internal/kafkaio"
)

// ahead fetches the next batch while the one before is worked on, and no more than that.
type ahead struct {
	batches chan fetched
	cancel  context.CancelFunc
	done    chan struct{}
}

// fetched is a batch with the room that it was given.
type fetched struct {
	*kafkaio.Fetched
	release func()
	err     error
}

// ahead begins to fetch from an offset on. stop ends it.
func (r *reader) ahead(ctx context.Context, offset int64) *ahead {
	ctx, cancel := context.WithCancel(ctx)
	a := &ahead{batches: make(chan fetched), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(a.done)
		r.fetchAll(ctx, a.batches, offset)
	}()
	return a
}

// next waits for the next batch. Its release is to be called when it is let go.
func (a *ahead) next(ctx context.Context) (fetched, error) {
	select {
	case f := <-a.batches:
		return f, f.err
	case <-ctx.Done():
		return fetched{}, context.Cause(ctx)
	}
}

func (a *ahead) stop() {
	a.cancel()
	<-a.done
}

// fetchAll fetches until ctx ends, or until something fails that trying again does not mend.
func (r *reader) fetchAll(ctx context.Context, out chan<- fetched, offset int64) {
	var p pause
	for ctx.Err() == nil {
		release, ok := r.source.cfg.Gateway.Admit(fetchBytes)
		if !ok { // there is no room: what is taken already comes first
			p.wait(ctx)
			continue
		}
		f, err := r.fetch(ctx, offset)
		switch {
		case err == nil && f.Next == offset: // nothing came
			release()
			p.reset()
			continue
		case err != nil:
			release()
			if errors.Is(err, kafkaio.ErrOffsetOutOfRange) {
				send(ctx, out, fetched{err: err})
				return
			}
			if ctx.Err() != nil {
				return
			}
			if r.gone(ctx) {
				send(ctx, out, fetched{err: errGone})
				return
			}
			r.source.cfg.Observer.Retried(r.source.cfg.Stream.Name)
			r.log(err, "a fetch failed; trying again")
			p.wait(ctx)
			continue
		}
		p.reset()
		offset = f.Next
		if !send(ctx, out, fetched{Fetched: f, release: release}) {
			release()
			return
		}
	}
}

// errGone says that the topic is not there. If it comes back it is another of the same name,
// with the same offsets for other records.
var errGone = errors.New("the topic is not there any more")

// gone says whether the brokers know the topic no more.
func (r *reader) gone(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, fetchWait)
	defer cancel()
	name := r.partition.Topic
	found, err := r.source.cfg.Cluster.Topics(ctx, func(topic string) bool { return topic == name })
	return err == nil && found[name] == 0
}

func send(ctx context.Context, out chan<- fetched, f fetched) bool {
	select {
	case out <- f:
		return true
	case <-ctx.Done():
		return false
	}
}

// fetch is one fetch. One that hangs is given up.
func (r *reader) fetch(ctx context.Context, offset int64) (*kafkaio.Fetched, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchWait+r.source.times.stalled)
	defer cancel()
	return r.source.cfg.Cluster.Fetch(ctx, kafkaio.FetchRequest{
		Partition: r.partition, Offset: offset, MaxBytes: fetchBytes, MinBytes: 1, MaxWait: fetchWait,
	})
}
