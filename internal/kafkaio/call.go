package kafkaio

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/segmentio/kafka-go/protocol"
)

// maxAnswer bounds a broker's answer to a fetch or a produce request: what brokers take in
// one request by default, and room to spare.
const maxAnswer = 512 << 20

// call is a request to a partition's leader that writes and reads its own bytes, so that
// records are neither copied nor taken apart on the way. It goes over the connections of
// kafka-go's Transport.
type call struct {
	api            protocol.ApiKey
	partition      Partition
	oldest, newest int16 // versions of the request that build can make
	version        int16 // the one that the broker speaks
	build          func(version int16) []byte
	answer         []byte // what follows the correlation id; only this call refers to it
	ctx            context.Context
	claim          chan struct{} // one token: whoever takes it first, the connection or exchange
	done           chan struct{} // closed when the connection is through with it
}

// ApiKey is part of kafka-go's protocol.Message.
func (r *call) ApiKey() protocol.ApiKey { return r.api }

// Broker chooses the partition's leader.
func (r *call) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	topic, ok := cluster.Topics[r.partition.Topic]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoTopic(r.partition.Topic)
	}
	p, ok := topic.Partitions[r.partition.ID]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoPartition(r.partition.Topic, r.partition.ID)
	}
	leader, ok := cluster.Brokers[p.Leader]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoLeader(r.partition.Topic, r.partition.ID)
	}
	return leader, nil
}

// Required takes the version that the broker speaks. It is called just before RawExchange.
func (r *call) Required(versions map[protocol.ApiKey]int16) bool {
	r.version = versions[r.api]
	return true
}

// RawExchange writes the request and reads the answer. It ends soon after its context.
func (r *call) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	select {
	case <-r.claim:
	default:
		return r, nil // exchange gave up before; the connection is as good as it was
	}
	defer close(r.done)
	if r.version < r.oldest || r.version > r.newest {
		return nil, fmt.Errorf("kafka: the broker speaks no version of %s that is known here", r.api)
	}
	err := within(r.ctx, rw, func() error { return r.roundTrip(rw) })
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (r *call) roundTrip(rw io.ReadWriter) error {
	request := r.build(r.version)
	id := rand.Uint32()
	be := binary.BigEndian
	be.PutUint32(request, uint32(len(request)-4))
	be.PutUint16(request[4:], uint16(r.api))
	be.PutUint16(request[6:], uint16(r.version))
	be.PutUint32(request[8:], id)
	if _, err := rw.Write(request); err != nil {
		return err
	}
	var head [8]byte
	if _, err := io.ReadFull(rw, head[:]); err != nil {
		return err
	}
	size := int64(be.Uint32(head[:])) - 4
	if size < 0 || size > maxAnswer || be.Uint32(head[4:]) != id {
		return fmt.Errorf("%w: not an answer to %s", ErrCorrupt, r.api)
	}
	r.answer = make([]byte, size)
	_, err := io.ReadFull(rw, r.answer)
	return err
}

// requestHead begins a request; roundTrip fills in what is zero here.
func (c *Cluster) requestHead(b []byte) []byte {
	b = append(b, make([]byte, 12)...) // size, API, version, correlation id
	return appendString(b, c.transport.ClientID)
}

// exchange sends r and waits for its answer, for at most limit. Once it has returned,
// nothing uses what r.build gave.
func (c *Cluster) exchange(ctx context.Context, limit time.Duration, r *call) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r.ctx, r.claim, r.done = ctx, make(chan struct{}, 1), make(chan struct{})
	r.claim <- struct{}{}
	_, err := c.transport.RoundTrip(ctx, c.client.Addr, r)
	if err == nil {
		return nil
	}
	select {
	case <-r.claim: // it did not come to a connection, and now it cannot any more
		return &unsentError{err}
	default:
	}
	<-r.done
	return err
}

// unsentError is an error before anything was sent to a broker.
type unsentError struct{ error }

func (e *unsentError) Unwrap() error { return e.error }

// unsent reports whether err came before anything was sent.
func unsent(err error) bool {
	var u *unsentError
	return errors.As(err, &u)
}
