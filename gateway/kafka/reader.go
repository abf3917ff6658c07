package kafka

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/kafkaio"
)

// reader reads one partition for as long as it is ours. It belongs to one goroutine.
type reader struct {
	source    *Source
	partition kafkaio.Partition
	identity  kafkaio.GroupIdentity
	marks     *marks // nil for exactly once
	producer  *kafkaio.Producer
	into      *gateway.Into
	sink      *transaction // of into
	pause     pause
	at        atomic.Int64 // the offset up to which all is acknowledged, and 1; 0: not known yet
}

// run reads until ctx ends. What is in hand then is finished, if work does not end before.
func (r *reader) run(ctx, work context.Context) {
	for ctx.Err() == nil {
		err := r.life(ctx, work)
		if ctx.Err() != nil {
			return
		}
		r.log(err, "a partition is not read; trying again")
		r.source.cfg.Observer.Retried(r.source.cfg.Stream.Name)
		if errors.Is(err, kafkaio.ErrFenced) || errors.Is(err, kafkaio.ErrStale) {
			// Perhaps the partition is somebody else's: then the group tells within this time,
			// and ctx ends. If not, a transaction took too long.
			r.pause.next = max(r.pause.next, heartbeatEvery)
		}
		if !r.pause.wait(ctx) {
			return
		}
	}
}

// life reads with one producer until ctx ends or something fails.
func (r *reader) life(ctx, work context.Context) error {
	if r.marks == nil {
		r.open()
		defer r.producer.Close()
	}
	return r.read(ctx, work)
}

func (r *reader) log(err error, what string) {
	r.source.log.Warn(what, "topic", r.partition.Topic, "partition", r.partition.ID, "error", err)
}

// open makes the transactional producer of the partition, and where its batches go.
func (r *reader) open() {
	s := r.source
	id := transactionalID(s.group, r.partition)
	sink := s.cfg.Stream.Sink.Kafka
	r.producer = s.cfg.Cluster.NewProducer(kafkaio.ProducerConfig{
		TransactionalID: id, TransactionTimeout: txnTimeout, Compression: codec(sink.Compression), MaxBatchBytes: sink.Limit() + batchRoom,
	})
	r.sink = &transaction{producer: r.producer, topic: sink.Topic, most: sink.Limit(), framed: sink.RegistryID}
	r.into = &gateway.Into{Sink: r.sink}
	if mirror := s.cfg.Stream.MirrorTopic(); mirror != "" {
		r.into.Mirror = &transaction{producer: r.producer, topic: mirror, mirror: true, most: sink.Limit()}
	}
}

// read reads from the committed offset on until ctx ends or something fails.
func (r *reader) read(ctx, work context.Context) error {
	if err := r.fence(ctx); err != nil {
		return err
	}
	next, err := r.source.committed(ctx, r.partition)
	if err != nil {
		return err
	}
	r.at.Store(next + 1)
	ahead := r.ahead(ctx, next)
	defer ahead.stop()
	for {
		f, err := ahead.next(ctx)
		if err != nil {
			if errors.Is(err, kafkaio.ErrOffsetOutOfRange) {
				return r.lost(work, next)
			}
			if errors.Is(err, errGone) && r.marks != nil {
				r.marks.forget(r.partition) // it must not be committed for a new topic of the name
			}
			return err
		}
		err = r.take(ctx, work, f.Fetched)
		f.release()
		if err != nil {
			return err
		}
		next = f.Next
		r.pause.reset()
		r.at.Store(next + 1)
		r.behind(f.HighWatermark)
	}
}

// behind tells how far behind the end of the partition we are.
func (r *reader) behind(end int64) {
	if at := r.at.Load(); at > 0 {
		r.source.cfg.Observer.Lag(r.source.cfg.Stream.Name, r.partition.Topic, r.partition.ID, max(0, end-at+1))
	}
}

// fence ends what whoever had the partition before has under way, so that the offset that
// is committed then is the last one of theirs.
func (r *reader) fence(ctx context.Context) error {
	if r.producer == nil {
		return nil
	}
	if err := r.producer.Begin(ctx); err != nil {
		return err
	}
	if err := r.producer.Abort(ctx); err != nil && !errors.Is(err, kafkaio.ErrCommitted) {
		return err
	}
	return nil
}

// lost is called when the offset to go on from is not there any more: the topic's retention
// was faster than we, or the topic was made anew. It goes on where the topic begins.
func (r *reader) lost(ctx context.Context, next int64) error {
	offsets, err := r.source.cfg.Cluster.ListOffsets(ctx, []kafkaio.Partition{r.partition}, kafkaio.Earliest)
	if err != nil {
		return err
	}
	r.source.log.Error("records were deleted before they were read; going on where the topic begins now",
		"topic", r.partition.Topic, "partition", r.partition.ID, "expected_offset", next, "offset", offsets[r.partition])
	if r.marks != nil {
		r.marks.forget(r.partition) // it may be of an older topic of the name
	}
	at := map[kafkaio.Partition]kafkaio.Offset{r.partition: {Next: offsets[r.partition]}}
	return errors.Join(errLost, r.source.cfg.Cluster.CommitOffsets(ctx, r.identity, at))
}

var errLost = errors.New("records were deleted before they were read")

// take has the gateway take a batch and acknowledges it. Without records there is only an
// offset to be moved.
func (r *reader) take(ctx, work context.Context, f *kafkaio.Fetched) error {
	spec := &r.source.cfg.Spec
	t := gateway.Taking{
		Stream: r.source.cfg.Stream.Name, Events: r.events(f), Into: r.into,
		PassTombstones: spec.OnTombstone() == gateway.ForwardTombstones,
	}
	if r.producer != nil {
		return r.transact(work, t, func() kafkaio.Offset { return kafkaio.Offset{Next: f.Next} })
	}
	for {
		acknowledged := func() {}
		var err error
		if len(t.Events) > 0 {
			acknowledged, err = r.source.cfg.Gateway.Take(work, t)
		}
		if err == nil {
			r.marks.mark(r.partition, f.Next, acknowledged)
			return nil
		}
		r.source.cfg.Observer.Retried(r.source.cfg.Stream.Name)
		r.log(err, "a batch was not taken; trying again")
		if !r.pause.wait(ctx) {
			return err
		}
	}
}

// transact takes a batch and moves the offset in one transaction; at is asked for it when
// the batch was taken. After an error it is not tried again with what is at hand: what
// counts is the offset that the broker has.
func (r *reader) transact(ctx context.Context, t gateway.Taking, at func() kafkaio.Offset) (err error) {
	if err := r.producer.Begin(ctx); err != nil {
		return err
	}
	r.sink.began = time.Time{}
	defer func() {
		if tell := r.source.cfg.OnWrite; tell != nil && !r.sink.began.IsZero() {
			tell(time.Since(r.sink.began), err)
		}
	}()
	acknowledged := func() {}
	if len(t.Events) > 0 {
		acknowledged, err = r.source.cfg.Gateway.Take(ctx, t)
	}
	if err == nil {
		err = r.producer.SendOffsets(ctx, r.identity, map[kafkaio.Partition]kafkaio.Offset{r.partition: at()})
	}
	if err == nil {
		err = r.producer.Commit(ctx)
	}
	if err != nil {
		ended := r.producer.Abort(ctx)
		if !errors.Is(ended, kafkaio.ErrCommitted) {
			return errors.Join(err, ended)
		}
	}
	acknowledged()
	return nil
}

// events makes events of the records that are to be taken.
func (r *reader) events(f *kafkaio.Fetched) []*lazaret.Event {
	received := time.Now().UTC()
	spec := &r.source.cfg.Spec
	list := make([]*lazaret.Event, 0, len(f.Records))
	for i := range f.Records {
		rec := &f.Records[i]
		if rec.Value == nil && spec.OnTombstone() == gateway.SkipTombstones {
			continue
		}
		list = append(list, eventOf(rec, r.partition, received, r.source.keeps))
	}
	return list
}
