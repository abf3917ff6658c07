package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/initproducerid"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// Message is a record to be written.
type Message struct {
	// Partition is where to; -1 puts it where Java's producer would put its key, and a
	// message with a nil key where the last one went, until that partition has had its share.
	Partition  int32
	Key, Value []byte // nil: none
	Headers    []Header
	Time       time.Time // zero: now
}

// ProducerConfig says how a producer writes.
type ProducerConfig struct {
	TransactionalID    string        // "": idempotent, without transactions
	TransactionTimeout time.Duration // after which the broker aborts one; default 1 minute
	Compression        Compression
	// MaxBatchBytes bounds a batch before compression; default 1,000,000, which is below
	// the 1,048,588 that brokers take by default. A larger message goes alone.
	MaxBatchBytes int
	// DeliveryTimeout is how long a message, or a step of a transaction, is tried;
	// default 30 s.
	DeliveryTimeout time.Duration
}

const (
	defaultBatchBytes = 1_000_000
	defaultDelivery   = 30 * time.Second
	defaultTxnTimeout = time.Minute
	// share is how many bytes without a key a partition gets before the next one's turn.
	share = 64 << 10
	// maxPartition bounds what a partition's number may be; Kafka's own limits are far below.
	maxPartition = 1 << 20
)

// Producer writes messages to all in-sync replicas, each of them once: what the broker has
// already is not written again when an answer gets lost. One batch a partition is under
// way; what comes meanwhile goes into the next. Messages of one partition keep their order.
type Producer struct {
	c       *Cluster
	cfg     ProducerConfig
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	working sync.WaitGroup // calls, and senders of batches
	parcels sync.Pool
	asking  chan struct{} // held while a broker is asked for an identity
	txn     transaction

	mu      sync.Mutex
	closed  bool
	who     identity // nobody: not known yet, or no longer of use
	topics  map[string]*topic
	queues  map[Partition]*queue
	sending int           // senders
	quiet   chan struct{} // if anyone waits: closed when there is no sender
}

// topic is what a producer knows of one it writes to.
type topic struct {
	turn chan struct{} // held while a write's messages get their places, so in order
	next uint32        // the partition for messages without a key, modulo their number
	had  int           // bytes that it has had of its share
}

// NewProducer makes a producer. It asks no broker. Close it after use.
func (c *Cluster) NewProducer(cfg ProducerConfig) *Producer {
	if cfg.MaxBatchBytes <= 0 {
		cfg.MaxBatchBytes = defaultBatchBytes
	}
	if cfg.DeliveryTimeout <= 0 {
		cfg.DeliveryTimeout = defaultDelivery
	}
	if cfg.TransactionTimeout <= 0 {
		cfg.TransactionTimeout = defaultTxnTimeout
	}
	cfg.MaxBatchBytes = min(cfg.MaxBatchBytes, maxRequest)
	p := &Producer{
		c: c, cfg: cfg, who: nobody, asking: make(chan struct{}, 1),
		topics: map[string]*topic{}, queues: map[Partition]*queue{},
		txn: newTransaction(),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// Close ends the producer and waits for its goroutines. What is under way fails with
// ErrClosed, and may or may not have been written; an open transaction is left to the
// broker, or to the next producer of its id, to abort.
func (p *Producer) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cancel()
	p.working.Wait()
}

// enter begins a call; the caller calls p.working.Done at its end.
func (p *Producer) enter() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	p.working.Add(1)
	return nil
}

// WriteError says which messages of a Write were refused for good. All others are durable.
type WriteError struct {
	Failed map[int]error // by their places in the list
}

func (e *WriteError) Error() string {
	return fmt.Sprintf("kafka: %d messages were refused for good: %v", len(e.Failed), e.Unwrap())
}

// Unwrap gives the error of the first message that was refused.
func (e *WriteError) Unwrap() error {
	first := -1
	for i := range e.Failed {
		if first < 0 || i < first {
			first = i
		}
	}
	return e.Failed[first]
}

// Write writes a list of messages to a topic and waits until all in-sync replicas have
// them. A *WriteError says which were refused while all others are durable. After another
// error it is not known which were written; if it is Retriable, writing them again may
// duplicate those that were, unless in a transaction, which must be aborted first.
// The list and what it refers to must not change until Write returns.
func (p *Producer) Write(ctx context.Context, topic string, list []Message) error {
	if len(list) == 0 {
		return nil
	}
	if err := p.enter(); err != nil {
		return err
	}
	defer p.working.Done()
	deadline := time.Now().Add(p.cfg.DeliveryTimeout)
	w := &write{list: list, done: make(chan struct{})}
	if err := p.place(ctx, topic, w, deadline); err != nil {
		return fmt.Errorf("kafka: writing to %s: %w", topic, p.why(ctx, err))
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		w.withdraw()
		p.txn.spoil(context.Cause(ctx))
		return fmt.Errorf("kafka: writing to %s: %w", topic, context.Cause(ctx))
	}
	if w.err != nil {
		return fmt.Errorf("kafka: writing to %s: %w", topic, w.err)
	}
	if len(w.failed) > 0 {
		return &WriteError{Failed: w.failed}
	}
	return nil
}

// why is the reason of an error: that the producer was closed, or the caller's own.
func (p *Producer) why(ctx context.Context, err error) error {
	switch {
	case p.ctx.Err() != nil && errors.Is(err, context.Canceled):
		return ErrClosed
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return context.Cause(ctx)
	}
	return err
}

// bound is ctx until a deadline or until the producer is closed.
func (p *Producer) bound(ctx context.Context, deadline time.Time) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	stop := context.AfterFunc(p.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// place puts a write's messages into the queues of their partitions.
func (p *Producer) place(ctx context.Context, name string, w *write, deadline time.Time) error {
	ctx, cancel := p.bound(ctx, deadline)
	defer cancel()
	t := p.topic(name)
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	parts, err := p.partitions(ctx, name, t, w.list)
	if err != nil {
		return err
	}
	groups := groupBy(parts)
	if p.cfg.TransactionalID != "" {
		if err := p.join(ctx, name, groups); err != nil {
			return err
		}
	}
	w.ops = make([]op, len(groups))
	w.left = len(groups)
	for i, g := range groups {
		q := p.queue(Partition{Topic: name, ID: g.partition})
		w.ops[i] = op{w: w, q: q, index: g.index, left: len(g.index), deadline: deadline}
	}
	for i := range w.ops {
		w.ops[i].q.put(&w.ops[i])
	}
	return nil
}

func (p *Producer) topic(name string) *topic {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.topics[name]
	if t == nil {
		t = &topic{turn: make(chan struct{}, 1)}
		p.topics[name] = t
	}
	return t
}

func (p *Producer) queue(part Partition) *queue {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.queues[part]
	if q == nil {
		q = &queue{p: p, part: part, who: nobody}
		p.queues[part] = q
	}
	return q
}

// partitions says which partition each message goes to.
func (p *Producer) partitions(ctx context.Context, name string, t *topic, list []Message) ([]int32, error) {
	parts := make([]int32, len(list))
	n := 0
	for i := range list {
		m := &list[i]
		if m.Partition >= 0 {
			if m.Partition > maxPartition {
				return nil, fmt.Errorf("there is no partition %d", m.Partition)
			}
			parts[i] = m.Partition
			continue
		}
		if n == 0 {
			var err error
			if n, err = p.c.partitionCount(ctx, name); err != nil {
				return nil, err
			}
		}
		if m.Key != nil {
			parts[i] = PartitionFor(m.Key, n)
			continue
		}
		if t.had >= share {
			t.next, t.had = t.next+1, 0
		}
		t.had += len(m.Value)
		parts[i] = int32(t.next % uint32(n))
	}
	return parts, nil
}

// partitionCount is how many partitions a topic has, as the Transport knows it, which may
// be some seconds old. It waits for a topic that is not known.
func (c *Cluster) partitionCount(ctx context.Context, name string) (int, error) {
	req := &metadata.Request{TopicNames: []string{name}}
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		res, err := c.ask(ctx, attemptTimeout, req)
		if err == nil {
			t := &res.(*metadata.Response).Topics[0]
			if len(t.Partitions) > 0 {
				return len(t.Partitions), nil
			}
			err = codeError(t.ErrorCode)
		}
		if err != nil && !Retriable(err) || !pause(ctx, wait) {
			return 0, errors.Join(err, ctx.Err())
		}
	}
}

// group is the messages of one partition, by their places in the list.
type group struct {
	partition int32
	index     []int32
}

func groupBy(parts []int32) []group {
	most := int32(0)
	for _, id := range parts {
		most = max(most, id)
	}
	counts := make([]int32, most+1)
	for _, id := range parts {
		counts[id]++
	}
	var groups []group
	index := make([]int32, len(parts))
	for id, n := range counts {
		if n > 0 {
			counts[id] = int32(len(groups))
			groups = append(groups, group{partition: int32(id), index: index[:0:n]})
			index = index[n:]
		}
	}
	for i, id := range parts {
		g := &groups[counts[id]]
		g.index = append(g.index, int32(i))
	}
	return groups
}

// identity is who the producer is. Without transactions it asks a broker if that is not
// known; with them, Begin does.
func (p *Producer) identity(ctx context.Context) (identity, error) {
	p.mu.Lock()
	who := p.who
	p.mu.Unlock()
	if who != nobody {
		return who, nil
	}
	if p.cfg.TransactionalID != "" {
		return nobody, ErrMustAbort
	}
	select {
	case p.asking <- struct{}{}:
		defer func() { <-p.asking }()
	case <-ctx.Done():
		return nobody, ctx.Err()
	}
	p.mu.Lock()
	who = p.who
	p.mu.Unlock()
	if who != nobody {
		return who, nil
	}
	return p.introduce(ctx, nobody)
}

// introduce asks the broker for an identity: the next epoch of was, or a new one.
func (p *Producer) introduce(ctx context.Context, was identity) (identity, error) {
	who := nobody
	err := p.insist(ctx, func(ctx context.Context) error {
		req := &initproducerid.Request{
			TransactionalID:      p.cfg.TransactionalID,
			TransactionTimeoutMs: int32(p.cfg.TransactionTimeout.Milliseconds()),
			ProducerID:           was.id, ProducerEpoch: was.epoch,
		}
		var res protocol.Message
		var err error
		if p.cfg.TransactionalID == "" {
			d := p.c.direct(req)
			res, err = p.c.ask(ctx, attemptTimeout, &d) // any broker
		} else {
			res, err = p.askCoordinator(ctx, req)
		}
		if err != nil {
			return err
		}
		r := res.(*initproducerid.Response)
		who = identity{id: r.ProducerID, epoch: r.ProducerEpoch}
		return codeError(r.ErrorCode)
	})
	if err != nil {
		return nobody, fmt.Errorf("asking for a producer id: %w", err)
	}
	p.mu.Lock()
	p.who = who
	p.mu.Unlock()
	return who, nil
}

// forget has the next batch of each partition sent by a new identity, if who is the one now.
func (p *Producer) forget(who identity) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.who == who {
		p.who = nobody
	}
}

// insist calls do until it succeeds, fails for good or ctx ends. Many transactions a second
// make it worth coming back soon while the broker still ends the last one.
func (p *Producer) insist(ctx context.Context, do func(context.Context) error) error {
	soon := 2 * time.Millisecond
	for wait := firstWait; ; {
		err := do(ctx)
		if err == nil || !Retriable(err) {
			return err
		}
		now := wait
		if concurrent(err) {
			now, soon = soon, min(2*soon, 50*time.Millisecond)
		} else {
			p.txn.lostAnswer(err)
			wait = min(2*wait, longestWait)
		}
		if !pause(ctx, now) {
			return errors.Join(err, context.Cause(ctx))
		}
	}
}

// wait returns when no batch is under way.
func (p *Producer) wait(ctx context.Context) error {
	p.mu.Lock()
	if p.sending == 0 {
		p.mu.Unlock()
		return nil
	}
	if p.quiet == nil {
		p.quiet = make(chan struct{})
	}
	quiet := p.quiet
	p.mu.Unlock()
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sender counts the goroutines that send batches.
func (p *Producer) sender(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sending += n
	if p.sending == 0 && p.quiet != nil {
		close(p.quiet)
		p.quiet = nil
	}
}
