package kafkaio

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/kafkatest"
)

func transactional(t testing.TB, c *Cluster, id string) *Producer {
	return newProducer(t, c, ProducerConfig{TransactionalID: id})
}

// What a transaction aborted and the records that mark transactions' ends are never seen,
// what is open is not seen yet, and other producers' records between them are.
func TestTransactionsAreSeenWhenCommitted(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	topic := b.Topic(t, 1, nil)
	part := Partition{topic, 0}
	ctx := testContext(t)
	one, two, plain := transactional(t, c, topic+"-1"), transactional(t, c, topic+"-2"), newProducer(t, c, ProducerConfig{})

	must(t, one.Begin(ctx))
	must(t, two.Begin(ctx))
	must(t, one.Write(ctx, topic, numbered(0, 100, 10)))
	must(t, two.Write(ctx, topic, numbered(0, 0, 5)))
	must(t, plain.Write(ctx, topic, numbered(0, 5, 5)))
	must(t, one.Write(ctx, topic, numbered(0, 110, 10)))
	must(t, one.Abort(ctx))
	must(t, two.Commit(ctx))
	// The same producer again: what it aborted before says nothing of this.
	must(t, one.Begin(ctx))
	must(t, one.Write(ctx, topic, numbered(0, 10, 5)))
	must(t, one.Commit(ctx))
	must(t, two.Begin(ctx))
	must(t, two.Write(ctx, topic, numbered(0, 200, 5)))
	must(t, two.Abort(ctx))
	wantNumbers(t, readAll(t, c, part, settled), count(0, 15)...)
	if all := readAll(t, c, part, raw); len(all) != 40 {
		t.Errorf("%d records in all", len(all))
	}

	must(t, two.Begin(ctx))
	must(t, two.Write(ctx, topic, numbered(0, 15, 5)))
	must(t, plain.Write(ctx, topic, numbered(0, 20, 5)))
	wantNumbers(t, readAll(t, c, part, stable), count(0, 15)...)
	must(t, two.Commit(ctx))
	wantNumbers(t, readAll(t, c, part, settled), count(0, 25)...)

	// A fetch that finds only what is left out goes on behind it.
	f, err := c.Fetch(ctx, FetchRequest{Partition: part, Offset: 42, MaxBytes: 1})
	if err != nil || f.Next <= 42 {
		t.Fatal(f, err)
	}
}

// Offsets are committed with the transaction, and not by one that is aborted.
func TestOffsetsInTransactions(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	topic := b.Topic(t, 2, nil)
	ctx := testContext(t)
	p := transactional(t, c, topic)
	g := GroupIdentity{Group: topic, Generation: -1}
	parts := []Partition{{topic, 0}, {topic, 1}}
	for i, end := range []func(context.Context) error{p.Commit, p.Abort, p.Commit, p.Abort} {
		next := int64(10 * (i + 1))
		must(t, p.Begin(ctx))
		must(t, p.Write(ctx, topic, numbered(0, i, 1)))
		must(t, p.SendOffsets(ctx, g, map[Partition]Offset{parts[0]: {Next: next, Metadata: "m"}}))
		must(t, p.SendOffsets(ctx, g, map[Partition]Offset{parts[1]: {Next: next + 1}}))
		must(t, end(ctx))
		want := next
		if i%2 == 1 {
			want = next - 10
		}
		got, err := c.FetchOffsets(ctx, topic, parts)
		if err != nil || got[parts[0]] != (Offset{want, "m"}) || got[parts[1]].Next != want+1 {
			t.Fatal(i, got, err)
		}
	}
	must(t, p.Begin(ctx))
	g.Generation, g.Member = 5, "nobody"
	if err := p.SendOffsets(ctx, g, map[Partition]Offset{parts[0]: {Next: 99}}); !errors.Is(err, ErrStale) {
		t.Fatal(err)
	}
	if err := p.Commit(ctx); !errors.Is(err, ErrMustAbort) {
		t.Fatal(err)
	}
	must(t, p.Abort(ctx))
}

// The first answer to each request of each transaction gets lost.
func TestTransactionsWhenAnswersGetLost(t *testing.T) {
	b := kafkatest.Start(t)
	lost := map[int16]bool{}
	armed := true
	c, l := lossyCluster(t, b, func(api int16) bool {
		switch api {
		case apiProduce, apiInit, apiJoin, apiGroup, apiEnd, apiOffsets:
			again := lost[api]
			lost[api] = armed && !again
			return armed && !again
		}
		return false
	})
	topic := b.Topic(t, 1, nil)
	ctx := testContext(t)
	p := transactional(t, c, topic)
	g := GroupIdentity{Group: topic, Generation: -1}
	part := Partition{topic, 0}
	var want []int
	for i := range 6 {
		must(t, p.Begin(ctx))
		must(t, p.Write(ctx, topic, numbered(0, 10*i, 10)))
		must(t, p.SendOffsets(ctx, g, map[Partition]Offset{part: {Next: int64(i)}}))
		if i%3 == 2 {
			must(t, p.Abort(ctx))
			continue
		}
		must(t, p.Commit(ctx))
		want = append(want, count(10*i, 10)...)
	}
	for _, api := range []int16{apiProduce, apiInit, apiJoin, apiGroup, apiEnd, apiOffsets} {
		if l.count(api) < 3 {
			t.Errorf("API %d: only %d answers were lost", api, l.count(api))
		}
	}
	wantNumbers(t, readAll(t, c, part, settled), want...)
	got, err := c.FetchOffsets(ctx, topic, []Partition{part})
	if err != nil || got[part].Next != 4 {
		t.Fatal(got, err)
	}
}

// A newer producer of the transactional id fences the older one and undoes its transaction.
func TestFencing(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	topic := b.Topic(t, 1, nil)
	ctx := testContext(t)
	steps := map[string]func(p *Producer) error{
		"write": func(p *Producer) error { return p.Write(ctx, topic, numbered(0, 900, 1)) },
		"offsets": func(p *Producer) error {
			return p.SendOffsets(ctx, GroupIdentity{Group: topic, Generation: -1}, map[Partition]Offset{{topic, 0}: {Next: 1}})
		},
		"commit": func(p *Producer) error { return p.Commit(ctx) },
		"abort":  func(p *Producer) error { return p.Abort(ctx) },
	}
	n := 0
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			id := topic + name
			old := transactional(t, c, id)
			must(t, old.Begin(ctx))
			must(t, old.Write(ctx, topic, numbered(0, 500, 5)))
			newer := transactional(t, c, id)
			must(t, newer.Begin(ctx))
			if err := step(old); !errors.Is(err, ErrFenced) {
				t.Fatal(err)
			}
			if err := old.Commit(ctx); err == nil {
				t.Fatal("the fenced producer committed")
			}
			must(t, newer.Write(ctx, topic, numbered(0, n, 1)))
			must(t, newer.Commit(ctx))
			n++
		})
	}
	wantNumbers(t, readAll(t, c, Partition{topic, 0}, settled), count(0, n)...)
}

// A commit whose answer never comes fails; Abort then finds out that it was committed, or
// undoes it if it was not.
func TestUnclearCommit(t *testing.T) {
	b := kafkatest.Start(t)
	armed := false
	c, l := lossyCluster(t, b, func(api int16) bool { return armed && api == apiEnd })
	arm := func(on bool) { l.mu.Lock(); armed = on; l.mu.Unlock() }
	topic := b.Topic(t, 1, nil)
	ctx := testContext(t)
	p := transactional(t, c, topic)
	for i := range 3 {
		must(t, p.Begin(ctx))
		must(t, p.Write(ctx, topic, numbered(0, i, 1)))
		arm(true)
		short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		if err := p.Commit(short); err == nil || errors.Is(err, ErrMustAbort) {
			t.Fatal(err)
		}
		cancel()
		arm(false)
		if err := p.Abort(ctx); !errors.Is(err, ErrCommitted) {
			t.Fatal(err)
		}
		wantNumbers(t, readAll(t, c, Partition{topic, 0}, settled), count(0, i+1)...)
	}
	// The commit never reaches the broker.
	must(t, p.Begin(ctx))
	must(t, p.Write(ctx, topic, numbered(0, 99, 1)))
	over, cancel := context.WithCancel(ctx)
	cancel()
	if err := p.Commit(over); err == nil {
		t.Fatal("committed")
	}
	must(t, p.Abort(ctx))
	must(t, p.Begin(ctx))
	must(t, p.Write(ctx, topic, numbered(0, 3, 1)))
	must(t, p.Commit(ctx))
	wantNumbers(t, readAll(t, c, Partition{topic, 0}, settled), 0, 1, 2, 3)
}

// Messages that are refused do not spoil a transaction; a write that was given up does.
func TestFailuresWithinTransactions(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	topic := b.Topic(t, 1, map[string]string{"max.message.bytes": "4000"})
	ctx := testContext(t)
	p := transactional(t, c, topic)
	if err := p.Write(ctx, topic, numbered(0, 0, 1)); err == nil {
		t.Fatal("wrote outside of a transaction")
	}
	must(t, p.Begin(ctx))
	list := numbered(0, 0, 3)
	list[1].Value = incompressible(9000)
	var w *WriteError
	if err := p.Write(ctx, topic, list); !errors.As(err, &w) || len(w.Failed) != 1 {
		t.Fatal(err)
	}
	must(t, p.Commit(ctx))
	wantNumbers(t, readAll(t, c, Partition{topic, 0}, settled), 0, 2)

	must(t, p.Begin(ctx))
	must(t, p.Write(ctx, topic, numbered(0, 7, 1)))
	over, cancel := context.WithCancel(ctx)
	cancel()
	if err := p.Write(over, topic, numbered(0, 8, 1)); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := p.Commit(ctx); err != nil && !errors.Is(err, ErrMustAbort) {
		t.Fatal(err)
	}
	must(t, p.Abort(ctx))
	must(t, p.Begin(ctx))
	must(t, p.Commit(ctx))
	must(t, p.Abort(ctx))
}

// After a batch was given up that the broker has, what is written next is not taken for it:
// its numbers are not used again.
func TestWritesAfterOneGivenUp(t *testing.T) {
	b := kafkatest.Start(t)
	// Made before the cluster, which learns of newer topics later than this test waits.
	topics := map[string]string{"": b.Topic(t, 1, nil), "txn": b.Topic(t, 1, nil)}
	armed := false
	c, l := lossyCluster(t, b, func(api int16) bool { return armed && api == apiProduce })
	arm := func(on bool) { l.mu.Lock(); armed = on; l.mu.Unlock() }
	ctx := testContext(t)
	for _, id := range []string{"", "txn"} {
		topic := topics[id]
		if id != "" {
			id = topic
		}
		p := newProducer(t, c, ProducerConfig{TransactionalID: id, DeliveryTimeout: 500 * time.Millisecond})
		if id != "" {
			must(t, p.Begin(ctx))
		}
		must(t, p.Write(ctx, topic, numbered(0, 0, 5)))
		arm(true)
		if err := p.Write(ctx, topic, numbered(0, 5, 5)); !Retriable(err) {
			t.Fatal(err)
		}
		arm(false)
		want := append(count(0, 10), count(10, 5)...)
		if id != "" {
			if err := p.Commit(ctx); !errors.Is(err, ErrMustAbort) {
				t.Fatal(err)
			}
			must(t, p.Abort(ctx))
			must(t, p.Begin(ctx))
			want = count(10, 5)
		}
		must(t, p.Write(ctx, topic, numbered(0, 10, 5)))
		if id != "" {
			must(t, p.Commit(ctx))
		}
		wantNumbers(t, readAll(t, c, Partition{topic, 0}, settled), want...)
	}
}
