package kafkaio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/kafkatest"
)

const (
	apiProduce = 0
	apiInit    = 22
	apiJoin    = 24
	apiGroup   = 25
	apiEnd     = 26
	apiOffsets = 28
)

// Each second answer of the broker gets lost; nothing is written twice, and nothing out of
// order.
func TestNoDuplicatesWhenAnswersGetLost(t *testing.T) {
	b := kafkatest.Start(t)
	asked := 0
	c, l := lossyCluster(t, b, func(api int16) bool {
		if api == apiProduce {
			asked++
		}
		return api == apiProduce && asked%2 == 1
	})
	topic := b.Topic(t, 2, nil)
	p := newProducer(t, c, ProducerConfig{})
	const writes, size = 10, 20
	for i := range writes {
		list := append(numbered(0, i*size, size), numbered(1, i*size, size)...)
		must(t, p.Write(testContext(t), topic, list))
	}
	if l.count(apiProduce) < writes/2 {
		t.Fatalf("only %d answers were lost", l.count(apiProduce))
	}
	for id := range int32(2) {
		wantNumbers(t, readAll(t, c, Partition{topic, id}, settled), count(0, writes*size)...)
	}
}

// Writes that come while a batch is under way go together into the next, each in order.
func TestConcurrentWrites(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	topic := b.Topic(t, 1, nil)
	p := newProducer(t, c, ProducerConfig{MaxBatchBytes: 2000})
	const writers, writes, size = 8, 20, 5
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range writes {
				list := numbered(0, i*size, size)
				for j := range list {
					list[j].Key = fmt.Append(nil, w)
				}
				if err := p.Write(testContext(t), topic, list); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	by := map[string][]Record{}
	for _, r := range readAll(t, c, Partition{topic, 0}, settled) {
		by[string(r.Key)] = append(by[string(r.Key)], r)
	}
	for w := range writers {
		wantNumbers(t, by[fmt.Sprint(w)], count(0, writes*size)...)
	}
}

// Messages that the broker does not take are refused alone; all others are written in order.
func TestRefusedAlone(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	for _, codec := range []Compression{None, Zstd} {
		t.Run(codec.testName(), func(t *testing.T) {
			topic := b.Topic(t, 2, map[string]string{"max.message.bytes": "4000"})
			p := newProducer(t, c, ProducerConfig{Compression: codec})
			list := append(numbered(0, 0, 300), numbered(1, 0, 300)...)
			refused := []int{0, 17, 18, 150, 299, 450}
			for _, i := range refused {
				list[i].Value = incompressible(5000)
			}
			err := p.Write(testContext(t), topic, list)
			var w *WriteError
			if !errors.As(err, &w) || !errors.Is(err, ErrRefused) || Retriable(err) {
				t.Fatal(err)
			}
			must(t, p.wait(testContext(t)))
			if len(w.Failed) != len(refused) {
				t.Fatalf("%d refused, want %d", len(w.Failed), len(refused))
			}
			for _, i := range refused {
				if !errors.Is(w.Failed[i], ErrRefused) {
					t.Errorf("message %d: %v", i, w.Failed[i])
				}
			}
			who := p.queue(Partition{topic, 0}).who
			must(t, p.Write(testContext(t), topic, numbered(0, 300, 3)))
			if err := p.wait(testContext(t)); err != nil || p.queue(Partition{topic, 0}).who != who {
				t.Fatal("the numbers had a gap: the broker asked for a new producer", err)
			}
			var want []int
			for i := range 303 {
				if i != 0 && i != 17 && i != 18 && i != 150 && i != 299 {
					want = append(want, i)
				}
			}
			wantNumbers(t, readAll(t, c, Partition{topic, 0}, settled), want...)
		})
	}
}

func incompressible(n int) []byte {
	b := make([]byte, 0, n)
	for i := 0; len(b) < n; i++ {
		h := Murmur2(fmt.Append(nil, i))
		b = append(b, byte(h), byte(h>>8), byte(h>>16), byte(h>>24))
	}
	return b
}

// A topic that is compacted takes no message without a key; the broker names those.
func TestInvalidRecordsRefusedAlone(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	topic := b.Topic(t, 1, map[string]string{"cleanup.policy": "compact"})
	p := newProducer(t, c, ProducerConfig{})
	list := numbered(0, 0, 50)
	for i := range list {
		if i%10 != 3 {
			list[i].Key = []byte(fmt.Sprint(i))
		}
	}
	err := p.Write(testContext(t), topic, list)
	var w *WriteError
	if !errors.As(err, &w) || len(w.Failed) != 5 || w.Failed[13] == nil {
		t.Fatal(err)
	}
	if got := readAll(t, c, Partition{topic, 0}, settled); len(got) != 45 {
		t.Fatalf("%d records", len(got))
	}
}

// A message that no broker takes is refused before it is sent.
func TestHugeMessageRefused(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	topic := b.Topic(t, 1, nil)
	p := newProducer(t, c, ProducerConfig{})
	list := numbered(0, 0, 3)
	list[1].Value = make([]byte, maxRequest+1)
	err := p.Write(testContext(t), topic, list)
	var w *WriteError
	if !errors.As(err, &w) || len(w.Failed) != 1 || w.Failed[1] == nil {
		t.Fatal(err)
	}
	wantNumbers(t, readAll(t, c, Partition{topic, 0}, settled), 0, 2)
}

// The broker is killed in the middle and comes back; each message is there once, in order.
func TestBrokerKilledWhileWriting(t *testing.T) {
	b := kafkatest.New(t, kafkatest.Options{})
	c := groupCluster(t, b)
	topic := b.Topic(t, 1, nil)
	p := newProducer(t, c, ProducerConfig{DeliveryTimeout: testTime})
	ctx := testContext(t)
	const writes = 300
	under := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		for i := range writes {
			if i == 50 {
				close(under)
			}
			if err := p.Write(ctx, topic, numbered(0, i*10, 10)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	select {
	case <-under:
	case err := <-done:
		t.Fatal(err)
	}
	must(t, b.Kill())
	must(t, b.Restart(ctx))
	must(t, <-done)
	wantNumbers(t, readAll(t, c, Partition{topic, 0}, settled), count(0, writes*10)...)
}

// A write that nobody can take fails when its time is over, or its caller's, or when the
// producer is closed; it does not hang, and its messages are let go.
func TestWriteGivesUp(t *testing.T) {
	b := kafkatest.New(t, kafkatest.Options{})
	c := groupCluster(t, b)
	topic := b.Topic(t, 1, nil)
	p := newProducer(t, c, ProducerConfig{DeliveryTimeout: 300 * time.Millisecond})
	ctx := testContext(t)
	must(t, b.Kill())
	if err := p.Write(ctx, topic, numbered(0, 0, 1)); !Retriable(err) {
		t.Fatal(err)
	}
	p = newProducer(t, c, ProducerConfig{})
	short, cancel := context.WithCancelCause(ctx)
	gone := errors.New("the caller has gone")
	time.AfterFunc(50*time.Millisecond, func() { cancel(gone) })
	if err := p.Write(short, topic, numbered(0, 1, 1)); !errors.Is(err, gone) {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, p.Close)
	if err := p.Write(ctx, topic, numbered(0, 2, 1)); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	if err := p.Write(ctx, topic, numbered(0, 3, 1)); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

// A topic that is not there is waited for.
func TestWriteWaitsForTopic(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	p := newProducer(t, c, ProducerConfig{})
	name := "late-" + b.Topic(t, 1, nil)
	done := make(chan error, 1)
	go func() { done <- p.Write(testContext(t), name, []Message{{Partition: -1, Value: []byte("0")}}) }()
	must(t, c.CreateTopic(testContext(t), name, 1, 1, nil))
	must(t, <-done)
	wantNumbers(t, readAll(t, c, Partition{name, 0}, settled), 0)
}

// A message without a time gets that of its writing, and a broker that stamps records
// itself is believed.
func TestTimes(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	for _, kind := range []string{"CreateTime", "LogAppendTime"} {
		topic := b.Topic(t, 1, map[string]string{"message.timestamp.type": kind})
		p := newProducer(t, c, ProducerConfig{})
		before := time.Now().Truncate(time.Millisecond)
		old := before.Add(-time.Hour)
		must(t, p.Write(testContext(t), topic, []Message{{}, {Time: old, Value: []byte{}}}))
		got := readAll(t, c, Partition{topic, 0}, settled)
		if got[0].Time.Before(before) || got[0].Value != nil || got[1].Value == nil || !bytes.Equal(got[1].Value, nil) {
			t.Errorf("%s: %+v", kind, got)
		}
		if stamped := !got[1].Time.Equal(old); stamped != (kind == "LogAppendTime") {
			t.Errorf("%s: %v", kind, got[1].Time)
		}
	}
}

// A broker that does not know the numbers that came before gets the batch from a new
// identity, and the numbers go on at 0 after the greatest.
func TestSequenceLostAndWrapped(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	topic := b.Topic(t, 1, nil)
	ctx := testContext(t)
	p := newProducer(t, c, ProducerConfig{})
	must(t, p.Write(ctx, topic, numbered(0, 0, 5)))
	must(t, p.wait(ctx))
	q := p.queue(Partition{topic, 0})
	before := q.who
	q.seq += 7
	must(t, p.Write(ctx, topic, numbered(0, 5, 5)))
	must(t, p.wait(ctx))
	if q.who == before || q.seq != 5 {
		t.Fatalf("sent by %v, number %d", q.who, q.seq)
	}

	p = newProducer(t, c, ProducerConfig{})
	who, err := p.identity(ctx)
	must(t, err)
	q = p.queue(Partition{topic, 0})
	q.who, q.seq = who, 1<<31-8
	for i := range 4 {
		must(t, p.Write(ctx, topic, numbered(0, 10+5*i, 5)))
	}
	must(t, p.wait(ctx))
	if q.who != who || q.seq != 12 {
		t.Fatalf("sent by %v, number %d", q.who, q.seq)
	}
	wantNumbers(t, readAll(t, c, Partition{topic, 0}, settled), count(0, 30)...)
}
