package kafka

import (
	"context"
	"errors"
	"time"

	"github.com/lazaret/lazaret/internal/kafkaio"
)

// ahead fetches the next records while those before are worked on, and no more than that. It
// hands them on in batches, each with room among the bytes in flight.
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
		f, err := r.fetch(ctx, offset)
		switch {
		case err == nil && f.Next == offset: // nothing came
			p.reset()
			continue
		case err != nil:
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
		for {
			batch, size := cutBatch(f)
			release, ok := r.room(ctx, size)
			if !ok {
				return
			}
			if !send(ctx, out, fetched{Fetched: batch, release: release}) {
				release()
				return
			}
			if batch == f {
				break
			}
		}
	}
}

const (
	// batchRecords and batchBytes are what is taken, and acknowledged, together at most: so
	// many that nothing is held up for long by what has to be done for each of them.
	batchRecords = 10_000
	batchBytes   = 8 << 20
	// recordRoom is what a record takes in memory beside its bytes, about.
	recordRoom = 512
)

// cutBatch takes the first batch off what was fetched; the last one is f itself. size is
// the memory that it takes, about.
func cutBatch(f *kafkaio.Fetched) (batch *kafkaio.Fetched, size int64) {
	bytes := 0
	for i := range f.Records {
		r := &f.Records[i]
		n := len(r.Key) + len(r.Value)
		for _, h := range r.Headers {
			n += len(h.Key) + len(h.Value)
		}
		if i == batchRecords || i > 0 && bytes+n > batchBytes {
			first := *f
			first.Records, first.Next = f.Records[:i:i], f.Records[i-1].Offset+1
			f.Records = f.Records[i:]
			return &first, int64(bytes + i*recordRoom)
		}
		bytes += n
	}
	return f, int64(bytes + len(f.Records)*recordRoom)
}

// room waits until there is room for a batch among the bytes in flight: what is taken
// already comes first.
func (r *reader) room(ctx context.Context, size int64) (release func(), ok bool) {
	size = min(size, r.source.inFlight()/2) // what is larger than all there is must not wait for ever
	t := time.NewTicker(roomEvery)
	defer t.Stop()
	for {
		if release, ok = r.source.cfg.Gateway.Admit(size); ok {
			return release, true
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil, false
		}
	}
}

// roomEvery is how often a batch asks for room.
const roomEvery = 20 * time.Millisecond

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
		Partition: r.partition, Offset: offset, MaxBytes: r.source.fetchSize(), MinBytes: 1, MaxWait: fetchWait,
	})
}
