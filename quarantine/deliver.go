package quarantine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/lazaret/lazaret"
)

// refusal is what a sink refused of a batch: the positions, ascending, and why.
type refusal struct {
	at  []int
	why error
}

// deliver has the sink write the batch. It returns the batches that are written and still
// to be settled: b itself, or those that b was divided into because the sink refused some
// of it for good.
func (j *Jobs) deliver(soft context.Context, b *batch) (written []*batch, err error) {
	for todo := []*batch{b}; len(todo) > 0; {
		b := todo[0]
		todo = todo[1:]
		refused, err := j.insist(soft, b)
		if err != nil {
			return nil, err
		}
		if refused == nil {
			written = append(written, b)
			continue
		}
		rest, err := j.divide(b, refused)
		if err != nil {
			return nil, err
		}
		todo = append(rest, todo...)
	}
	return written, nil
}

// insist is writeOnce, again and again for as long as Retry allows. If soft ends it does
// not try again, and returns why soft ended.
func (j *Jobs) insist(soft context.Context, b *batch) (*refusal, error) {
	for r := j.retries(); ; {
		refused, err := j.writeOnce(b)
		if err == nil {
			return refused, nil
		}
		if errors.Is(err, errNoStream) {
			return nil, err
		}
		j.log.Warn("a release could not be written", "job", b.job, "batch", b.id, "stream", b.stream, "entries", len(b.entries), "error", err)
		if isFinal(err) || r.over() {
			return nil, fmt.Errorf("the sink of stream %s does not take the batch %s of %d entries: %w. The batch is kept, and is written again when the job is resumed", b.stream, b.id, len(b.entries), err)
		}
		if err := r.wait(soft); err != nil {
			return nil, err
		}
	}
}

// isFinal reports whether trying again soon is no use.
func isFinal(err error) bool {
	return errors.Is(err, lazaret.ErrRefused) || errors.Is(err, errNoStream)
}

// retries are attempts with growing pauses.
type retries struct {
	deadline  time.Time
	next, max time.Duration
}

func (j *Jobs) retries() *retries {
	return &retries{time.Now().Add(j.cfg.Retry.For), j.cfg.Retry.Initial, j.cfg.Retry.Max}
}

// over reports whether there is no time for another pause.
func (r *retries) over() bool { return time.Now().Add(r.next).After(r.deadline) }

// wait pauses, or returns why ctx ended.
func (r *retries) wait(ctx context.Context) error {
	d := r.next
	r.next = min(2*r.next, r.max)
	t := time.NewTimer(d/2 + rand.N(d/2+1))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// errNoStream is why an open batch stays open.
var errNoStream = errors.New("the stream does not exist")

// writeOnce has the sink write the batch. With a refusal, what was not refused is durable.
func (j *Jobs) writeOnce(b *batch) (*refusal, error) {
	sink, err := j.sinkOf(b)
	if err != nil {
		return nil, err
	}
	out, err := b.batch()
	if err != nil {
		return nil, err
	}
	err = sink.Write(j.hard, out)
	var refused *lazaret.RefusedError
	if !errors.As(err, &refused) {
		return nil, err
	}
	if n := len(refused.Records); n == 0 || refused.Records[0] < 0 || refused.Records[n-1] >= len(b.entries) || !ascending(refused.Records) {
		return nil, fmt.Errorf("the sink does not say properly which of %d records it refused: %w", len(b.entries), err)
	}
	return &refusal{refused.Records, refused.Err}, nil
}

// ascending reports whether each number is larger than the one before.
func ascending(list []int) bool {
	return slices.IsSorted(list) && len(slices.Compact(slices.Clone(list))) == len(list)
}

// sinkOf returns the one sink that may get the batch: that of the stream version whose
// verdict is on its records, for another could be a second place.
func (j *Jobs) sinkOf(b *batch) (Sink, error) {
	_, sink, ok := j.cfg.Judge(b.stream)
	if !ok {
		return nil, fmt.Errorf("stream %s: %w; the batch %s of %d entries is kept: make the stream again and resume the job, or abandon it", b.stream, errNoStream, b.id, len(b.entries))
	}
	if j.cfg.SinkAt == nil {
		return sink, nil
	}
	v, err := decodeRelease(b.entries[0].release)
	if err != nil {
		return nil, fmt.Errorf("entry %s: %w", b.entries[0].ID, err)
	}
	sink, err = j.cfg.SinkAt(j.hard, b.stream, v.Version.Stream)
	if err != nil {
		return nil, fmt.Errorf("the sink of version %d of stream %s: %w", v.Version.Stream, b.stream, err)
	}
	return sink, nil
}

// released follows the transaction that closed a batch of which this many entries were
// released.
func (j *Jobs) released(b *batch, entries int) {
	if j.cfg.OnReleased != nil && entries > 0 {
		j.cfg.OnReleased(b.stream, entries)
	}
	if sink, err := j.sinkOf(b); err == nil {
		sink.Forget(b.id)
	}
}
