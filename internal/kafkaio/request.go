package kafkaio

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

const (
	// attemptTimeout bounds one attempt of a small request, so that a dead connection
	// leaves time for another within requestTimeout.
	attemptTimeout = 10 * time.Second
	// maxGroupAnswer bounds the answers to an ownRequest.
	maxGroupAnswer = 64 << 20
	firstWait      = 20 * time.Millisecond
	longestWait    = time.Second
)

// direct carries a request of kafka-go past what its Transport does to some: metadata is
// answered from a cache of unknown age, list-offsets is split into one request, and one
// connection, a partition, and what was cancelled goes on waiting for its answer.
type direct struct {
	protocol.Message
	clientID string
	version  int16
	ctx      context.Context
}

func (d *direct) bind(ctx context.Context) { d.ctx = ctx }

// Required takes the version that the broker speaks. It is called just before RawExchange.
func (d *direct) Required(versions map[protocol.ApiKey]int16) bool {
	d.version = versions[d.ApiKey()]
	return true
}

// RawExchange writes the request and reads its answer. The number that ties the two
// together may be any: a connection carries one request at a time.
func (d *direct) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	var answer protocol.Message
	err := within(d.ctx, rw, func() (err error) {
		answer, err = protocol.RoundTrip(rw, d.version, 1, d.clientID, d.Message)
		return err
	})
	return &wrapped{answer}, err
}

// wrapped is an answer that the Transport is not to recognise, because it takes for granted
// that kafka-go's own request was sent.
type wrapped struct{ protocol.Message }

// within does an exchange over a connection that ends with ctx. If it returns an error the
// connection is not used again.
func within(ctx context.Context, rw io.ReadWriter, do func() error) error {
	stop := func() bool { return true }
	if conn, ok := rw.(interface{ SetDeadline(time.Time) error }); ok {
		stop = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	}
	err := do()
	if !stop() && err == nil {
		err = ctx.Err() // the connection may have got that deadline
	}
	return err
}

// toGroup is a request that goes to the coordinator of a group.
type toGroup struct {
	direct
	group string
}

func (r *toGroup) Group() string { return r.group }

// toBroker is a request that goes to one broker.
type toBroker struct {
	direct
	broker int32
}

func (r *toBroker) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	b, ok := cluster.Brokers[r.broker]
	if !ok {
		return protocol.Broker{}, kafkago.BrokerNotAvailable
	}
	return b, nil
}

func (c *Cluster) direct(req protocol.Message) direct {
	return direct{Message: req, clientID: c.transport.ClientID}
}

// ask makes one attempt at a request.
func (c *Cluster) ask(ctx context.Context, limit time.Duration, req protocol.Message) (protocol.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if r, ok := req.(interface{ bind(context.Context) }); ok {
		r.bind(ctx)
	}
	answer, err := c.transport.RoundTrip(ctx, c.client.Addr, req)
	if w, ok := answer.(*wrapped); ok {
		answer = w.Message
	}
	return answer, err
}

// askGroup makes one attempt at a request to the coordinator of a group.
func (c *Cluster) askGroup(ctx context.Context, limit time.Duration, group string, req protocol.Message) (protocol.Message, error) {
	return c.ask(ctx, limit, &toGroup{direct: c.direct(req), group: group})
}

// ownRequest is a request to the coordinator of a group whose bytes we write and whose
// answer we read, where kafka-go does not know the version or gets it wrong: of the answers
// to Heartbeat and LeaveGroup it reads the time of throttling as the error code.
type ownRequest struct {
	api     protocol.ApiKey
	group   string
	version int16
	// needs is the version that kafka-go settles on with a broker that knows ours.
	needs    int16
	clientID string
	body     []byte // what comes after the client's id
	old      bool
	ctx      context.Context
}

// ownAnswer is the answer, without the correlation id.
type ownAnswer struct {
	ownRequest
	body []byte
}

func (r *ownRequest) ApiKey() protocol.ApiKey { return r.api }

func (r *ownRequest) Group() string { return r.group }

func (r *ownRequest) bind(ctx context.Context) { r.ctx = ctx }

// Required is called just before RawExchange, with the versions that kafka-go would use.
func (r *ownRequest) Required(versions map[protocol.ApiKey]int16) bool {
	r.old = versions[r.api] < r.needs
	return true
}

func (r *ownRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if r.old {
		return nil, errors.New("the broker is older than Kafka 2.5")
	}
	b := make([]byte, 4, 64+len(r.body))
	b = appendInt16(b, int16(r.api))
	b = appendInt16(b, r.version)
	b = appendInt32(b, 1) // correlation id
	b = appendString(b, r.clientID)
	b = append(b, r.body...)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	answer := &ownAnswer{ownRequest: *r}
	err := within(r.ctx, rw, func() (err error) {
		answer.body, err = exchangeBytes(rw, b)
		return err
	})
	return answer, err
}

// exchangeBytes writes a request and reads its answer.
func exchangeBytes(rw io.ReadWriter, request []byte) ([]byte, error) {
	if _, err := rw.Write(request); err != nil {
		return nil, err
	}
	var head [8]byte // size and correlation id
	if _, err := io.ReadFull(rw, head[:]); err != nil {
		return nil, err
	}
	size := int64(binary.BigEndian.Uint32(head[:])) - 4
	if size < 0 || size > maxGroupAnswer {
		return nil, fmt.Errorf("%w: an answer of %d bytes", ErrCorrupt, size)
	}
	body := make([]byte, size)
	_, err := io.ReadFull(rw, body)
	return body, err
}

// askOwn makes one attempt at a request of our own.
func (c *Cluster) askOwn(ctx context.Context, limit time.Duration, req *ownRequest) (*wireReader, error) {
	req.clientID = c.transport.ClientID
	answer, err := c.ask(ctx, limit, req)
	if err != nil {
		return nil, err
	}
	return &wireReader{buf: answer.(*ownAnswer).body}, nil
}

// persist calls do until it succeeds or fails for good, but no longer than requestTimeout.
func persist(ctx context.Context, do func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		err := do(limited)
		if err == nil || !Retriable(err) || !pause(limited, wait) {
			return err
		}
	}
}

// pause waits for d, or up to a quarter less so that many do not come back at once. It
// reports whether ctx still lives.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d - rand.N(d/4+1))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// failure is a broker's error code for what was asked; nil for 0.
func failure(what string, code int16) error {
	if code == 0 {
		return nil
	}
	return fmt.Errorf("kafka: %s: %w", what, codeError(code))
}

// onPartition is failure for one partition of several.
func onPartition(what string, p Partition, code int16) error {
	return failure(fmt.Sprintf("%s of %s/%d", what, p.Topic, p.ID), code)
}
