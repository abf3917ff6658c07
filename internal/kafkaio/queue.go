package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// write is one call of Write.
type write struct {
	list []Message
	ops  []op
	done chan struct{} // closed when each message has its outcome

	mu     sync.Mutex
	left   int // ops that are not done
	failed map[int]error
	err    error // the first that is not about one message
}

// op is the messages of a write that go to one partition.
type op struct {
	w        *write
	q        *queue
	index    []int32 // their places in the list
	next     int     // the first that is in no batch yet; guarded by q.mu
	left     int     // how many have no outcome yet; guarded by w.mu
	deadline time.Time
}

// settle gives n messages of o their outcome.
func (o *op) settle(n int, err error) {
	w := o.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && w.err == nil {
		w.err = err
	}
	if o.left -= n; o.left == 0 && n > 0 {
		if w.left--; w.left == 0 {
			close(w.done)
		}
	}
}

// refuse notes that the message at a place of o was refused for good.
func (o *op) refuse(at int, err error) {
	w := o.w
	w.mu.Lock()
	if w.failed == nil {
		w.failed = map[int]error{}
	}
	w.failed[int(o.index[at])] = err
	w.mu.Unlock()
	o.settle(1, nil)
}

// withdraw takes what is in no batch yet out of the queues. From then on nothing refers to
// the messages.
func (w *write) withdraw() {
	for i := range w.ops {
		o := &w.ops[i]
		o.q.mu.Lock()
		o.q.remove(o)
		o.q.mu.Unlock()
	}
}

// queue is the messages that wait for one partition. While there are any, or a batch is
// under way, it has a goroutine that sends them.
type queue struct {
	p    *Producer
	part Partition

	mu     sync.Mutex
	ops    []*op // in order; only the first may be in batches in part
	active bool

	// Of the sender alone: who sent the last batch, and the number of the next record.
	who identity
	seq int32
}

// put adds o at the end. Its caller is within a call of the producer.
func (q *queue) put(o *op) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ops = append(q.ops, o)
	if !q.active {
		q.active = true
		q.p.working.Add(1)
		q.p.sender(+1)
		go q.run()
	}
}

// remove takes o out of the queue and returns how many of its messages are in no batch.
// Its caller holds q.mu.
func (q *queue) remove(o *op) int {
	for i, other := range q.ops {
		if other == o {
			q.ops = append(q.ops[:i], q.ops[i+1:]...)
			return len(o.index) - o.next
		}
	}
	return 0
}

// first is the deadline of the first message; ok is false if there is none, and the sender
// is to end.
func (q *queue) first() (deadline time.Time, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.ops) == 0 {
		q.active = false
		q.ops = nil
		return time.Time{}, false
	}
	return q.ops[0].deadline, true
}

// run sends what is in the queue until it is empty.
func (q *queue) run() {
	p := q.p
	defer p.working.Done()
	defer p.sender(-1)
	for {
		deadline, ok := q.first()
		if !ok {
			return
		}
		ctx, cancel := context.WithDeadline(p.ctx, deadline)
		who, err := p.identity(ctx)
		cancel()
		if err != nil {
			q.failAll(p.why(context.Background(), err))
			continue
		}
		if who != q.who {
			q.who, q.seq = who, 0
		}
		b := p.parcel()
		if b.take(q) {
			_ = q.deliver(b) // the messages have their outcomes
		}
		p.release(b)
	}
}

func (q *queue) failAll(err error) {
	q.mu.Lock()
	ops := q.ops
	q.ops = nil
	q.mu.Unlock()
	q.p.txn.spoil(err)
	for _, o := range ops {
		o.settle(len(o.index)-o.next, err)
	}
}

// deliver sends a batch and gives its messages their outcome. An error is one that is not
// about some message.
func (q *queue) deliver(b *parcel) error {
	guilty, err := q.land(b)
	switch {
	case err == nil:
		q.seq = after(q.seq, b.count)
		for _, s := range b.spans {
			s.op.settle(s.to-s.from, nil)
		}
		return nil
	case errors.Is(err, ErrRefused):
		return q.divide(b, guilty, err)
	}
	q.giveUp(b, err)
	return err
}

// giveUp fails the messages of a batch, and of the same writes those that are to follow.
func (q *queue) giveUp(b *parcel, err error) {
	if b.unclear {
		// The batch may have its numbers or not, so they cannot be used again.
		q.p.txn.lostAnswer(err)
		if q.p.cfg.TransactionalID == "" {
			q.p.forget(q.who)
			q.who = nobody
		}
	}
	q.p.txn.spoil(err)
	for _, s := range b.spans {
		q.mu.Lock()
		rest := q.remove(s.op)
		q.mu.Unlock()
		s.op.settle(s.to-s.from+rest, err)
	}
}

// land sends a batch until the broker has it or there is no more hope. guilty are the
// records that the broker named, if the error is that it refused some.
func (q *queue) land(b *parcel) (guilty []int32, err error) {
	p := q.p
	ctx, cancel := context.WithDeadline(p.ctx, b.deadline)
	defer cancel()
	seal(b.batch(), q.who, q.seq)
	renewed := 0
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		res, err := p.c.produce(ctx, q.part, b.request)
		code := kafkago.Error(res.code)
		switch {
		case err == nil && (code == 0 || code == kafkago.DuplicateSequenceNumber):
			return nil, nil
		case err == nil:
			err = codeError(res.code)
			b.unclear = b.unclear || mayHaveLanded(code)
		case !unsent(err):
			b.unclear = true
		}
		if p.cfg.TransactionalID == "" && lostNumbers(code) && renewed < 3 {
			renewed++
			if err = q.renew(ctx, b); err == nil {
				continue
			}
		}
		if refusal(code) {
			return res.guilty, fmt.Errorf("partition %d: %w", q.part.ID, err)
		}
		if !Retriable(err) || !pause(ctx, wait) {
			return nil, fmt.Errorf("partition %d: %w", q.part.ID, p.why(context.Background(), err))
		}
	}
}

// renew seals a batch again for a new identity. The broker has lost what it knew of the
// old one, so it does not have the batch either: else it would have called it a duplicate.
func (q *queue) renew(ctx context.Context, b *parcel) error {
	q.p.forget(q.who)
	who, err := q.p.identity(ctx)
	if err != nil {
		return err
	}
	q.who, q.seq = who, 0
	seal(b.batch(), q.who, q.seq)
	return nil
}

// lostNumbers reports whether a code says that the broker does not know the numbers that
// came before.
func lostNumbers(code kafkago.Error) bool {
	switch code {
	case kafkago.OutOfOrderSequenceNumber, kafkago.UnknownProducerId,
		kafkago.InvalidProducerEpoch, kafkago.InvalidProducerIDMapping:
		return true
	}
	return false
}

// mayHaveLanded reports whether a batch may be in the log in spite of a code.
func mayHaveLanded(code kafkago.Error) bool {
	switch code {
	case kafkago.RequestTimedOut, kafkago.NetworkException, kafkago.NotEnoughReplicasAfterAppend, kafkago.Unknown:
		return true
	}
	return false
}

// divide finds out which messages of a batch that was refused are to blame, and sends the
// others. A refused batch has used none of its sequence numbers.
func (q *queue) divide(b *parcel, guilty []int32, cause error) error {
	at := b.places()
	if b.count == 1 {
		at[0].op.refuse(at[0].from, cause)
		return nil
	}
	list, err := b.messages(&q.p.c.codecs)
	if err != nil {
		q.giveUp(b, err)
		return err
	}
	blamed := map[int32]bool{}
	for _, i := range guilty {
		if i >= 0 && int(i) < b.count {
			blamed[i] = true
		}
	}
	if len(blamed) == 0 {
		half := b.count / 2
		if err = q.again(b, list[:half], at[:half], nil); err != nil {
			cause = err
		}
		return q.again(b, list[half:], at[half:], err)
	}
	var good []Message
	var places []span
	for i := range list {
		if blamed[int32(i)] {
			at[i].op.refuse(at[i].from, cause)
		} else {
			good, places = append(good, list[i]), append(places, at[i])
		}
	}
	if len(good) == 0 {
		return nil
	}
	return q.again(b, good, places, nil)
}

// again sends part of a batch that was refused, or fails it for an earlier part's error.
func (q *queue) again(whole *parcel, list []Message, places []span, earlier error) error {
	b := q.p.parcel()
	defer q.p.release(b)
	b.spans, b.deadline, b.unclear = append(b.spans, places...), whole.deadline, false
	if earlier != nil {
		q.giveUp(b, earlier)
		return earlier
	}
	if err := b.pack(q, list); err != nil {
		q.giveUp(b, err)
		return err
	}
	return q.deliver(b)
}
