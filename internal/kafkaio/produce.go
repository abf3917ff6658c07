package kafkaio

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go/protocol"
)

const (
	// produceTimeout is how long a broker may take to have a batch on all in-sync replicas,
	// and produceGrace what the network may take besides.
	produceTimeout = 10 * time.Second
	produceGrace   = 5 * time.Second
	// maxRequest is what a broker takes in one request by default, less some room for what
	// is around a batch; beyond it the broker hangs up without a word.
	maxRequest = 100<<20 - 64<<10
)

// produced is a broker's answer to one batch.
type produced struct {
	code int16
	base int64
	// guilty are the indices of the records that the broker named as the cause.
	guilty []int32
}

// produceHead begins a produce request for one batch of a partition, up to the batch. Its
// form is the same in versions 3 to 8.
func (c *Cluster) produceHead(b []byte, transactionalID string, p Partition) []byte {
	b = c.requestHead(b)
	b = appendNullable(b, transactionalID)
	b = appendInt16(b, -1) // acknowledged by all in-sync replicas
	b = appendInt32(b, int32(produceTimeout.Milliseconds()))
	b = appendInt32(b, 1)
	b = appendString(b, p.Topic)
	b = appendInt32(b, 1)
	b = appendInt32(b, p.ID)
	return appendInt32(b, 0) // the batch's size, by closeProduce
}

// closeProduce writes the size of the batch that begins at at in a produce request.
func closeProduce(request []byte, at int) {
	binary.BigEndian.PutUint32(request[at-4:], uint32(len(request)-at))
}

// produce sends a produce request that is ready but for what every request begins with. It
// can be sent again as it is.
func (c *Cluster) produce(ctx context.Context, p Partition, request []byte) (produced, error) {
	r := &call{
		api: protocol.Produce, partition: p, oldest: 3, newest: 8,
		build: func(int16) []byte { return request },
	}
	if err := c.exchange(ctx, produceTimeout+produceGrace, r); err != nil {
		return produced{}, err
	}
	return readProduced(r.answer, r.version, p)
}

func readProduced(answer []byte, version int16, p Partition) (produced, error) {
	r := &wireReader{buf: answer}
	for range r.count(6) {
		topic := r.string()
		for range r.count(22) {
			id := r.int32()
			res := produced{code: r.int16(), base: r.int64()}
			r.int64() // when the broker took it
			if version >= 5 {
				r.int64() // where the log starts
			}
			if version >= 8 {
				for range r.count(6) {
					res.guilty = append(res.guilty, r.int32())
					r.string() // why: it may name what the record holds
				}
				r.string()
			}
			if !r.bad && topic == p.Topic && id == p.ID {
				return res, nil
			}
		}
	}
	return produced{}, fmt.Errorf("%w: the answer does not hold the partition", ErrCorrupt)
}
