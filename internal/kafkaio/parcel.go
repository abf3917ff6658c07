package kafkaio

import (
	"time"
)

// keepParcel is the largest buffer of a batch that is kept for the next.
const keepParcel = 4 << 20

// parcel is a batch on its way: the whole request that carries it, and whose messages are
// in it.
type parcel struct {
	request  []byte
	at       int    // where in request the batch begins
	raw      []byte // the records before compression, while they are packed
	count    int
	spans    []span // in the order of the records
	deadline time.Time
	unclear  bool // an attempt ended without an answer: the broker may have it
}

// span is some consecutive messages of an op.
type span struct {
	op       *op
	from, to int
}

func (p *Producer) parcel() *parcel {
	b, _ := p.parcels.Get().(*parcel)
	if b == nil {
		b = new(parcel)
	}
	return b
}

func (p *Producer) release(b *parcel) {
	if cap(b.request) > keepParcel || cap(b.raw) > keepParcel {
		return
	}
	clear(b.spans)
	*b = parcel{request: b.request[:0], raw: b.raw[:0], spans: b.spans[:0]}
	p.parcels.Put(b)
}

func (b *parcel) batch() []byte { return b.request[b.at:] }

// begin makes ready to add records.
func (b *parcel) begin(q *queue, e *encoder) {
	b.request = q.p.c.produceHead(b.request[:0], q.p.cfg.TransactionalID, q.part)
	b.at = len(b.request)
	var head [batchHead]byte
	b.request = append(b.request, head[:]...)
	if q.p.cfg.Compression == None {
		e.reset(b.request)
	} else {
		e.reset(b.raw[:0])
	}
}

// end makes of the records a batch that wants but its seal.
func (b *parcel) end(q *queue, e *encoder) error {
	codec := q.p.cfg.Compression
	if codec == None {
		b.request = e.buf
	} else {
		b.raw = e.buf
		var err error
		if b.request, err = q.p.c.codecs.fold(codec, b.request, b.raw); err != nil {
			return err
		}
	}
	b.count = e.count
	e.fill(b.batch(), codec, q.p.cfg.TransactionalID != "")
	closeProduce(b.request, b.at)
	return nil
}

// take fills the batch with what is first in the queue. It is false if there was nothing
// to send.
func (b *parcel) take(q *queue) bool {
	var e encoder
	b.begin(q, &e)
	now := time.Now()
	// The messages are copied while the queue is locked, so that withdraw means that nothing
	// refers to them.
	q.mu.Lock()
	for len(q.ops) > 0 {
		o := q.ops[0]
		if !b.takeFrom(o, &e, now, q.p.cfg.MaxBatchBytes) {
			break
		}
		q.ops[0] = nil
		q.ops = q.ops[1:]
	}
	q.mu.Unlock()
	if e.count == 0 {
		b.request = b.request[:0]
		return false
	}
	b.deadline = b.spans[0].op.deadline
	if err := b.end(q, &e); err != nil {
		q.giveUp(b, err)
		return false
	}
	return true
}

// takeFrom adds messages of o, and reports whether that was all of them.
func (b *parcel) takeFrom(o *op, e *encoder, now time.Time, limit int) bool {
	from := o.next
	for ; o.next < len(o.index); o.next++ {
		fits := e.add(&o.w.list[o.index[o.next]], now, limit)
		if fits == added {
			continue
		}
		if from < o.next {
			b.spans = append(b.spans, span{o, from, o.next})
		}
		if fits == full {
			return false
		}
		o.refuse(o.next, errTooLarge)
		from = o.next + 1
	}
	if from < o.next {
		b.spans = append(b.spans, span{o, from, o.next})
	}
	return true
}

// pack fills the batch with messages that were in one already. b.spans say whose they are.
func (b *parcel) pack(q *queue, list []Message) error {
	var e encoder
	b.begin(q, &e)
	now := time.Now()
	for i := range list {
		e.add(&list[i], now, maxRequest)
	}
	return b.end(q, &e)
}

// places says for each record whose it is.
func (b *parcel) places() []span {
	at := make([]span, 0, b.count)
	for _, s := range b.spans {
		for i := s.from; i < s.to; i++ {
			at = append(at, span{s.op, i, i + 1})
		}
	}
	return at
}

// messages takes the batch apart again. What they hold is their own.
func (b *parcel) messages(c *codecs) ([]Message, error) {
	found, _, _, err := nextBatch(append([]byte(nil), b.batch()...))
	if err != nil {
		return nil, err
	}
	records, err := found.appendRecords(nil, 0, &unfolder{codecs: c})
	if err != nil {
		return nil, err
	}
	list := make([]Message, len(records))
	for i, r := range records {
		list[i] = Message{Key: r.Key, Value: r.Value, Headers: r.Headers, Time: r.Time}
	}
	return list, nil
}
