package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/kafkaio"
)

// SinkConfig sets up a Sink. Cluster, Spec, Stream and Instance must be set.
type SinkConfig struct {
	Cluster *kafkaio.Cluster
	Spec    gateway.KafkaSink
	Stream  string
	// Instance names this gateway's store for good: batches that have an ID are written under
	// a transactional id of stream and instance.
	Instance string
	// Mirror makes it a sink of quarantined records.
	Mirror bool
	// OnWrite is told of each write. Optional.
	OnWrite func(records int, took time.Duration, err error)
}

// notReadyFor is how long after a failed write the sink says that it is not ready.
const notReadyFor = time.Second

// Sink is a gateway.Sink that writes to a topic. Batches without an ID are written by an
// idempotent producer, and concurrent writes share requests; batches that have one each have
// a transaction, one at a time.
type Sink struct {
	cfg      SinkConfig
	producer *kafkaio.Producer
	ledger   ledger

	mu     sync.Mutex
	closed bool
	failed time.Time // of the last write; zero if that went well
	err    error
}

// NewSink makes a sink. It asks no broker.
func NewSink(cfg SinkConfig) *Sink {
	s := &Sink{cfg: cfg, producer: cfg.Cluster.NewProducer(cfg.producer())}
	s.ledger.init(&s.cfg)
	return s
}

// batchRoom is what a record batch may have beside the one record that is as large as can be.
const batchRoom = 4 << 10

// producer is what a producer for the sink is made with.
func (c *SinkConfig) producer() kafkaio.ProducerConfig {
	return kafkaio.ProducerConfig{Compression: codec(c.Spec.Compression), MaxBatchBytes: c.Spec.Limit() + batchRoom}
}

// Write implements gateway.Sink. What Kafka refuses for good is a lazaret.RefusedError; all
// other records of the batch are durable then.
func (s *Sink) Write(ctx context.Context, b lazaret.Batch) error {
	if len(b.Records) == 0 {
		return nil
	}
	start := time.Now()
	list := messages(b.Records, s.cfg.Mirror, s.cfg.Spec.RegistryID)
	tooLarge := oversize(list, s.cfg.Spec.Limit())
	var err error
	if b.ID == "" {
		err = writeOthers(ctx, s.producer, s.cfg.Spec.Topic, list, tooLarge)
	} else {
		err = s.ledger.write(ctx, b, list, tooLarge)
	}
	err = refusal(err)
	s.note(err)
	if s.cfg.OnWrite != nil {
		s.cfg.OnWrite(len(b.Records), time.Since(start), err)
	}
	return err
}

// messages makes the messages of a batch.
func messages(records []lazaret.Record, mirror, framed bool) []kafkaio.Message {
	c := encoder{framed: framed && !mirror, headers: make([]kafkaio.Header, 0, 4*len(records))}
	list := make([]kafkaio.Message, len(records))
	for i := range records {
		if mirror {
			list[i] = c.mirrored(&records[i])
		} else {
			list[i] = c.forwarded(&records[i])
		}
	}
	return list
}

// oversize finds the messages of more than that many bytes, in key, value and headers.
func oversize(list []kafkaio.Message, most int) map[int]error {
	var found map[int]error
	for i := range list {
		size := len(list[i].Key) + len(list[i].Value)
		for _, h := range list[i].Headers {
			size += len(h.Key) + len(h.Value)
		}
		if size > most {
			if found == nil {
				found = map[int]error{}
			}
			found[i] = fmt.Errorf("its record has %d bytes, more than the stream's sink.kafka.max_bytes of %d: %w", size, most, kafkaio.ErrRefused)
		}
	}
	return found
}

// writeOthers writes the messages of a list but those at the positions of without. Its
// WriteError has the positions of the list, and those of without.
func writeOthers(ctx context.Context, p *kafkaio.Producer, topic string, list []kafkaio.Message, without map[int]error) error {
	if len(without) == 0 {
		return p.Write(ctx, topic, list)
	}
	kept, at := make([]kafkaio.Message, 0, len(list)), make([]int, 0, len(list))
	for i := range list {
		if without[i] == nil {
			kept, at = append(kept, list[i]), append(at, i)
		}
	}
	failed := maps.Clone(without)
	if len(kept) > 0 {
		err := p.Write(ctx, topic, kept)
		var w *kafkaio.WriteError
		if err != nil && !errors.As(err, &w) {
			return err
		}
		if w != nil {
			for i, why := range w.Failed {
				failed[at[i]] = why
			}
		}
	}
	return &kafkaio.WriteError{Failed: failed}
}

// refusal makes a lazaret.RefusedError of what Kafka refused for good.
func refusal(err error) error {
	var w *kafkaio.WriteError
	if !errors.As(err, &w) || len(w.Failed) == 0 {
		return err
	}
	at := slices.Sorted(maps.Keys(w.Failed))
	return &lazaret.RefusedError{Records: at, Each: true, Err: fmt.Errorf("the broker does not take it: %w", w.Failed[at[0]])}
}

func (s *Sink) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed, s.err = time.Time{}, nil
	if err != nil && !errors.Is(err, lazaret.ErrRefused) && !errors.Is(err, context.Canceled) {
		s.failed, s.err = time.Now(), err
	}
}

// Ready implements gateway.Sink.
func (s *Sink) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return errClosed
	case s.err != nil && time.Since(s.failed) < notReadyFor:
		return s.err
	}
	return nil
}

var errClosed = errors.New("the Kafka sink is closed")

// Forget implements gateway.Sink.
func (s *Sink) Forget(batchID string) { s.ledger.forget(batchID) }

// Close implements gateway.Sink.
func (s *Sink) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	err := s.ledger.close(ctx)
	s.producer.Close()
	return err
}

var _ gateway.Sink = (*Sink)(nil)

// transaction is a gateway.Sink within the open transaction of a source's partition.
type transaction struct {
	producer *kafkaio.Producer
	topic    string
	mirror   bool
	framed   bool
	most     int       // bytes of a record
	began    time.Time // when the last Write began
}

// Write implements gateway.Sink: what it writes is durable when the transaction commits.
func (t *transaction) Write(ctx context.Context, b lazaret.Batch) error {
	t.began = time.Now()
	list := messages(b.Records, t.mirror, t.framed)
	return refusal(writeOthers(ctx, t.producer, t.topic, list, oversize(list, t.most)))
}

// Forget implements gateway.Sink.
func (*transaction) Forget(string) {}

// Ready implements gateway.Sink.
func (*transaction) Ready() error { return nil }

// Close implements gateway.Sink.
func (*transaction) Close(context.Context) error { return nil }
