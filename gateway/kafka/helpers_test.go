package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/kafkaio"
	"github.com/lazaret/lazaret/internal/kafkatest"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }

// patience bounds every wait for something to happen.
const patience = 20 * time.Second

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func dial(t testing.TB, addr string) *kafkaio.Cluster {
	t.Helper()
	c, err := kafkaio.New(kafkaio.Config{Brokers: []string{addr}})
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// taker is a gateway, and an observer, that remembers what it is told.
type taker struct {
	mu         sync.Mutex
	changed    chan struct{} // closed and made anew with each change
	events     []*lazaret.Event
	fail       error // of Take
	full       bool  // Admit says no
	refused    int   // times that it did
	admits     int   // times that it said yes
	admitted   int   // and was not released
	most       int   // that were admitted at a time
	lag        map[kafkaio.Partition]int64
	retried    int
	assigned   int // partitions of the last generation
	rebalanced int
}

func newTaker() *taker {
	return &taker{changed: make(chan struct{}), lag: map[kafkaio.Partition]int64{}}
}

// do changes something, or looks at it.
func (k *taker) do(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
	close(k.changed)
	k.changed = make(chan struct{})
}

// await waits until something is so.
func (k *taker) await(t testing.TB, what string, ready func() bool) {
	t.Helper()
	timeout := time.After(patience)
	for {
		k.mu.Lock()
		ok, changed := ready(), k.changed
		k.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			t.Fatalf("not within %s: %s\n%v", patience, what, k.lag)
		}
	}
}

func (k *taker) Take(_ context.Context, t gateway.Taking) (func(), error) {
	var err error
	k.do(func() {
		if err = k.fail; err == nil {
			k.events = append(k.events, t.Events...)
		}
	})
	return func() {}, err
}

func (k *taker) Admit(int64) (release func(), ok bool) {
	k.do(func() {
		if ok = !k.full; !ok {
			k.refused++
			return
		}
		k.admits++
		k.admitted++
		k.most = max(k.most, k.admitted)
	})
	return func() { k.do(func() { k.admitted-- }) }, ok
}

func (k *taker) Lag(_, topic string, partition int32, records int64) {
	k.do(func() { k.lag[kafkaio.Partition{Topic: topic, ID: partition}] = records })
}
func (k *taker) Forget(_, topic string, partition int32) {
	k.do(func() { delete(k.lag, kafkaio.Partition{Topic: topic, ID: partition}) })
}
func (k *taker) Rebalanced(_ string, partitions int) {
	k.do(func() { k.assigned = partitions; k.rebalanced++ })
}
func (k *taker) Retried(string) { k.do(func() { k.retried++ }) }

// values are the events that were taken, as text, of a topic or of all.
func (k *taker) values(topic string) []string {
	var list []string
	for _, e := range k.events {
		if topic == "" || e.Source.Name == topic {
			list = append(list, string(e.Data))
		}
	}
	return list
}

// running is a source that runs.
type running struct {
	*taker
	log  *logs
	stop func() // ends it and waits
}

// run starts a source in a group of the test's, with times that suit a test.
func run(t testing.TB, c *kafkaio.Cluster, spec gateway.KafkaSource, change func(*Source)) *running {
	t.Helper()
	r := &running{taker: newTaker(), log: &logs{}}
	r.again(t, c, spec, change)
	return r
}

// again starts the source once more, after stop.
func (r *running) again(t testing.TB, c *kafkaio.Cluster, spec gateway.KafkaSource, change func(*Source)) {
	t.Helper()
	s, err := NewSource(SourceConfig{
		Cluster: c, Spec: spec, Stream: gateway.Stream{Name: "s", Sources: []gateway.SourceSpec{{Kafka: &spec}}},
		Gateway: r.taker, Observer: r.taker, Log: slog.New(slog.NewTextHandler(r.log, nil)),
	})
	must(t, err)
	s.times.refresh, s.times.lag = 200*time.Millisecond, 100*time.Millisecond
	if change != nil {
		change(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the source ended with %v", err)
		}
	})
	t.Cleanup(func() {
		r.stop()
		if t.Failed() {
			t.Logf("the log:\n%s", r.log)
		}
	})
}

// logs is a log to be looked at.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// produce writes values to partition 0 of a topic.
func produce(t testing.TB, c *kafkaio.Cluster, topic string, values ...string) {
	t.Helper()
	list := make([]kafkaio.Message, len(values))
	for i, v := range values {
		list[i] = kafkaio.Message{Value: []byte(v)}
	}
	write(t, c, topic, list...)
}

func write(t testing.TB, c *kafkaio.Cluster, topic string, list ...kafkaio.Message) {
	t.Helper()
	p := c.NewProducer(kafkaio.ProducerConfig{})
	defer p.Close()
	must(t, p.Write(t.Context(), topic, list))
}

// read returns every committed record of a partition.
func read(t testing.TB, c *kafkaio.Cluster, topic string, partition int32) []kafkaio.Record {
	t.Helper()
	part := kafkaio.Partition{Topic: topic, ID: partition}
	var ends map[kafkaio.Partition]int64
	for open := true; open; { // a transaction is there a moment after it was committed
		all, err := c.ListOffsets(t.Context(), []kafkaio.Partition{part}, kafkaio.Latest)
		must(t, err)
		ends, err = c.ListOffsets(t.Context(), []kafkaio.Partition{part}, kafkaio.LatestCommitted)
		must(t, err)
		open = ends[part] < all[part]
	}
	var all []kafkaio.Record
	for next := int64(0); next < ends[part]; {
		got, err := c.Fetch(t.Context(), kafkaio.FetchRequest{Partition: part, Offset: next, MaxWait: time.Second})
		must(t, err)
		all, next = append(all, got.Records...), got.Next
	}
	return all
}

// committed is what a group has committed of partition 0 of a topic; -1: nothing.
func committed(t testing.TB, c *kafkaio.Cluster, group, topic string) int64 {
	t.Helper()
	p := kafkaio.Partition{Topic: topic}
	offsets, err := c.FetchOffsets(t.Context(), group, []kafkaio.Partition{p})
	must(t, err)
	if o, ok := offsets[p]; ok {
		return o.Next
	}
	return -1
}

// raw sends a request that kafkaio does not know and returns the answer after its head.
func raw(t testing.TB, addr string, api, version int16, body []byte) []byte {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, patience)
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(patience)))
	be := binary.BigEndian
	b := be.AppendUint32(nil, uint32(10+len(body)))
	b = be.AppendUint16(be.AppendUint16(b, uint16(api)), uint16(version))
	b = be.AppendUint16(be.AppendUint32(b, 1), 0xFFFF) // number; no name
	_, err = conn.Write(append(b, body...))
	must(t, err)
	var head [8]byte
	_, err = io.ReadFull(conn, head[:])
	must(t, err)
	answer := make([]byte, be.Uint32(head[:])-4)
	_, err = io.ReadFull(conn, answer)
	must(t, err)
	return answer
}

func text(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// deleteRecords deletes what is before an offset of partition 0, as retention does.
func deleteRecords(t testing.TB, addr, topic string, before int64) {
	t.Helper()
	be := binary.BigEndian
	b := text(be.AppendUint32(nil, 1), topic)
	b = be.AppendUint32(be.AppendUint32(b, 1), 0)
	b = be.AppendUint32(be.AppendUint64(b, uint64(before)), 10_000)
	answer := raw(t, addr, 21, 0, b)
	if code := be.Uint16(answer[len(answer)-2:]); code != 0 {
		t.Fatalf("deleting records: code %d", code)
	}
}

// codecOf is the codec of the first batch in partition 0 of a topic.
func codecOf(t testing.TB, addr, topic string) kafkaio.Compression {
	t.Helper()
	be := binary.BigEndian
	b := be.AppendUint32(nil, 0xFFFFFFFF) // no replica
	b = be.AppendUint32(be.AppendUint32(b, 1000), 1)
	b = append(be.AppendUint32(b, 1<<20), 0)
	b = text(be.AppendUint32(b, 1), topic)
	b = be.AppendUint32(be.AppendUint32(b, 1), 0)
	b = be.AppendUint32(be.AppendUint64(b, 0), 1<<20)
	answer := raw(t, addr, 1, 4, b)
	at := 4 + 4 + 2 + len(topic) + 4 + 4 + 2 + 8 + 8 // to the list of aborted transactions
	if n := int32(be.Uint32(answer[at:])); n > 0 {
		t.Fatal("there are aborted transactions")
	}
	batch := answer[at+8:]
	return kafkaio.Compression(be.Uint16(batch[21:]) & 7)
}

// proxy forwards connections, until it is told to freeze those that there are.
type proxy struct {
	ln     net.Listener
	target chan string // what it forwards to; to be told once

	mu     sync.Mutex
	frozen chan struct{} // closed when the connections so far are frozen
	ended  chan struct{}
}

func newProxy(t testing.TB) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{ln: ln, target: make(chan string, 1), frozen: make(chan struct{}), ended: make(chan struct{})}
	var wg sync.WaitGroup
	wg.Go(func() {
		var target string
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			if target == "" {
				target = <-p.target
			}
			wg.Go(func() { p.serve(in, target) })
		}
	})
	t.Cleanup(func() { close(p.ended); close(p.target); ln.Close(); wg.Wait() })
	return p
}

func (p *proxy) serve(in net.Conn, target string) {
	defer in.Close()
	p.mu.Lock()
	frozen := p.frozen
	p.mu.Unlock()
	out, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer out.Close()
	var wg sync.WaitGroup
	end := sync.OnceFunc(func() { in.Close(); out.Close() })
	pipe := func(dst, src net.Conn) {
		defer end()
		buf := make([]byte, 64<<10)
		for {
			n, err := src.Read(buf)
			select {
			case <-frozen: // neither an answer nor an end, until all ends
				<-p.ended
				return
			default:
			}
			if _, werr := dst.Write(buf[:n]); err != nil || werr != nil {
				return
			}
		}
	}
	wg.Go(func() { pipe(out, in) })
	wg.Go(func() { pipe(in, out) })
	wg.Wait()
}

// freeze has the connections that there are forward nothing any more. New ones work.
func (p *proxy) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.frozen)
	p.frozen = make(chan struct{})
}

// numbered are n different values.
func numbered(from, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`{"n":%d}`, from+i)
	}
	return list
}
