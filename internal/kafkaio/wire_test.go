package kafkaio

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/kafkatest"
)

// lossy lets requests go to the broker and loses answers.
type lossy struct {
	mu   sync.Mutex
	lose func(api int16) bool // asked once a request
	lost map[int16]int        // by API
}

// lossyCluster is a cluster whose answers get lost where lose says so.
func lossyCluster(t *testing.T, b *kafkatest.Broker, lose func(api int16) bool) (*Cluster, *lossy) {
	c := groupCluster(t, b)
	l := &lossy{lose: lose, lost: map[int16]int{}}
	dial := c.transport.Dial
	c.transport.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &lossyConn{Conn: conn, lossy: l}, nil
	}
	return c, l
}

// count is how many answers to an API were lost.
func (l *lossy) count(api int16) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost[api]
}

type lossyConn struct {
	net.Conn
	lossy *lossy
	left  int // bytes of the request that are still to be written
	lose  bool
}

func (c *lossyConn) Write(b []byte) (int, error) {
	if c.left == 0 && len(b) >= 6 {
		c.left = 4 + int(binary.BigEndian.Uint32(b))
		api := int16(binary.BigEndian.Uint16(b[4:]))
		c.lossy.mu.Lock()
		if c.lossy.lose != nil && c.lossy.lose(api) {
			c.lose = true
			c.lossy.lost[api]++
		}
		c.lossy.mu.Unlock()
	}
	n, err := c.Conn.Write(b)
	c.left -= n
	return n, err
}

// Read reads the answer that is to be lost, so that the broker has done what was asked,
// and hangs up.
func (c *lossyConn) Read(b []byte) (int, error) {
	if !c.lose {
		return c.Conn.Read(b)
	}
	var size [4]byte
	if _, err := io.ReadFull(c.Conn, size[:]); err != nil {
		return 0, err
	}
	if _, err := io.CopyN(io.Discard, c.Conn, int64(binary.BigEndian.Uint32(size[:]))); err != nil {
		return 0, err
	}
	c.Conn.Close()
	return 0, io.ErrUnexpectedEOF
}

// How far a test reads.
type reach int

const (
	settled reach = iota // all, once no transaction is open; a commit's mark comes a little late
	stable               // what comes before the first open transaction
	raw                  // all, also what was aborted or is open
)

// readAll reads a partition from its start.
func readAll(t testing.TB, c *Cluster, p Partition, to reach) []Record {
	t.Helper()
	var all []Record
	var next int64
	for wait := 10 * time.Millisecond; ; {
		f, err := c.Fetch(t.Context(), FetchRequest{Partition: p, Offset: next, MaxWait: wait, MaxBytes: 300_000, Uncommitted: to == raw})
		if Retriable(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f.Records...)
		next = f.Next
		if next >= f.HighWatermark || to == stable && next >= f.LastStable {
			return all
		}
	}
}

func newProducer(t testing.TB, c *Cluster, cfg ProducerConfig) *Producer {
	p := c.NewProducer(cfg)
	t.Cleanup(p.Close)
	return p
}

// numbered makes messages for a partition whose values are numbers.
func numbered(partition int32, from, n int) []Message {
	list := make([]Message, n)
	for i := range list {
		list[i] = Message{Partition: partition, Value: fmt.Appendf(nil, "%d", from+i)}
	}
	return list
}

func wantNumbers(t testing.TB, got []Record, want ...int) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i, n := range want {
		if string(got[i].Value) != fmt.Sprint(n) {
			t.Fatalf("record %d is %.20s, want %d", i, got[i].Value, n)
		}
	}
}

func count(from, n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = from + i
	}
	return list
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What is written is read, in order, with each codec, in the partition that Java would choose.
func TestProduceAndFetch(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	for _, codec := range everyCodec {
		t.Run(codec.testName(), func(t *testing.T) {
			topic := b.Topic(t, 3, nil)
			p := newProducer(t, c, ProducerConfig{Compression: codec, MaxBatchBytes: 200_000})
			list := testMessages(600)
			want := make([][]Record, 3)
			for i := range list {
				list[i].Partition = -1
				if list[i].Key == nil {
					list[i].Partition = int32(i % 3)
				}
				id := list[i].Partition
				if id < 0 {
					id = PartitionFor(list[i].Key, 3)
				}
				m := &list[i]
				want[id] = append(want[id], Record{int64(len(want[id])), m.Time, m.Key, m.Value, m.Headers})
			}
			must(t, p.Write(testContext(t), topic, list[:400]))
			must(t, p.Write(testContext(t), topic, list[400:]))
			for id := range want {
				wantRecords(t, readAll(t, c, Partition{topic, int32(id)}, settled), want[id])
			}
			// From the middle of a batch, and beyond the end.
			f, err := c.Fetch(testContext(t), FetchRequest{Partition: Partition{topic, 0}, Offset: 5, MaxBytes: 1})
			if err != nil || len(f.Records) == 0 || f.Records[0].Offset != 5 || !bytes.Equal(f.Records[0].Value, want[0][5].Value) {
				t.Fatal(err)
			}
			f, err = c.Fetch(testContext(t), FetchRequest{Partition: Partition{topic, 0}, Offset: f.HighWatermark, MaxWait: time.Millisecond})
			if err != nil || len(f.Records) != 0 || f.Next != f.HighWatermark {
				t.Fatal(err, f)
			}
		})
	}
}
