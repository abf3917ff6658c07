package kafkaio

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/lazaret/lazaret/internal/kafkatest"
)

func TestOffsetsWithMetadata(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	ctx := testContext(t)
	topic, second := b.Topic(t, 2, nil), b.Topic(t, 1, nil)
	outside := GroupIdentity{Group: topic, Generation: -1}
	all := []Partition{{second, 0}, {topic, 1}, {topic, 0}, {topic, 1}}
	if got, err := c.FetchOffsets(ctx, topic, all); err != nil || len(got) != 0 {
		t.Errorf("a group that is not there has %v, %v", got, err)
	}
	want := map[Partition]Offset{{topic, 1}: {Next: 1 << 40, Metadata: "ünï\x00"}, {second, 0}: {}}
	if err := c.CommitOffsets(ctx, outside, want); err != nil {
		t.Fatal(err)
	}
	if got, err := c.FetchOffsets(ctx, topic, all); err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	want[Partition{topic, 0}] = Offset{Next: 3}
	missing := maps.Clone(want)
	missing[Partition{topic + "-gone", 0}] = Offset{Next: 1}
	if err := c.CommitOffsets(ctx, outside, missing); !errors.Is(err, kafkago.UnknownTopicOrPartition) {
		t.Errorf("committing for a topic that is not there: %v", err)
	}
	if got, err := c.FetchOffsets(ctx, topic, all); err != nil || !maps.Equal(got, want) {
		t.Errorf("beside one that is not there: got %v, %v", got, err)
	}
	if err := c.CommitOffsets(ctx, outside, nil); err != nil {
		t.Errorf("committing nothing: %v", err)
	}
	if err := c.DeleteGroups(ctx, topic, "never-there"); err != nil {
		t.Error(err)
	}
	if got, err := c.FetchOffsets(ctx, topic, all); err != nil || len(got) != 0 {
		t.Errorf("a group that was deleted has %v, %v", got, err)
	}
}

// TestOffsetsPending: what a transaction is about to commit is waited for.
func TestOffsetsPending(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	ctx := testContext(t)
	topic := b.Topic(t, 1, nil)
	p := Partition{topic, 0}
	if err := c.CommitOffsets(ctx, GroupIdentity{Group: topic, Generation: -1}, map[Partition]Offset{p: {Next: 1}}); err != nil {
		t.Fatal(err)
	}
	end := pendingOffset(t, c, topic, p, 2)
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if got, err := c.FetchOffsets(short, topic, []Partition{p}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while the transaction is open: %v, %v", got, err)
	}
	result := make(chan Offset, 1)
	go func() {
		got, err := c.FetchOffsets(ctx, topic, []Partition{p})
		if err != nil {
			t.Error(err)
		}
		result <- got[p]
	}()
	end()
	if got := <-result; got.Next != 2 {
		t.Errorf("got %v", got)
	}
}

// pendingOffset commits an offset in a transaction, which the result commits.
func pendingOffset(t *testing.T, c *Cluster, group string, p Partition, next int64) (end func()) {
	t.Helper()
	ctx := testContext(t)
	var id *kafkago.ProducerSession
	err := persist(ctx, func(ctx context.Context) error {
		res, err := c.client.InitProducerID(ctx, &kafkago.InitProducerIDRequest{TransactionalID: group, TransactionTimeoutMs: 60000})
		if err != nil {
			return err
		}
		id = res.Producer
		return res.Error
	})
	if err != nil {
		t.Fatal(err)
	}
	added, err := c.client.AddOffsetsToTxn(ctx, &kafkago.AddOffsetsToTxnRequest{
		TransactionalID: group, ProducerID: id.ProducerID, ProducerEpoch: id.ProducerEpoch, GroupID: group,
	})
	if err = errors.Join(err, added.Error); err != nil {
		t.Fatal(err)
	}
	committed, err := c.client.TxnOffsetCommit(ctx, &kafkago.TxnOffsetCommitRequest{
		TransactionalID: group, ProducerID: id.ProducerID, ProducerEpoch: id.ProducerEpoch, GroupID: group, GenerationID: -1,
		Topics: map[string][]kafkago.TxnOffsetCommit{p.Topic: {{Partition: int(p.ID), Offset: next}}},
	})
	if err != nil || committed.Topics[p.Topic][0].Error != nil {
		t.Fatal(committed, err)
	}
	return func() {
		res, err := c.client.EndTxn(ctx, &kafkago.EndTxnRequest{
			TransactionalID: group, ProducerID: id.ProducerID, ProducerEpoch: id.ProducerEpoch, Committed: true,
		})
		if err = errors.Join(err, res.Error); err != nil {
			t.Error(err)
		}
	}
}

func TestListOffsets(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	ctx := testContext(t)
	topic := b.Topic(t, 3, nil)
	start := time.Now().Truncate(time.Millisecond).Add(-time.Hour)
	producer := c.NewProducer(ProducerConfig{})
	defer producer.Close()
	for i := range 4 { // one batch each, a minute apart
		at := start.Add(time.Duration(i) * time.Minute)
		if err := producer.Write(ctx, topic, []Message{{Partition: 1, Value: []byte("v"), Time: at}}); err != nil {
			t.Fatal(err)
		}
	}
	all := []Partition{{topic, 2}, {topic, 1}, {topic, 0}}
	for _, check := range []struct {
		name string
		at   OffsetAt
		want int64 // of partition 1; the others are empty
	}{
		{"earliest", Earliest, 0},
		{"latest", Latest, 4},
		{"latest committed", LatestCommitted, 4},
		{"before all", AtTime(time.Time{}), 0},
		{"at a record", AtTime(start.Add(time.Minute)), 1},
		{"just after a record", AtTime(start.Add(time.Minute + 1)), 2},
		{"between", AtTime(start.Add(90 * time.Second)), 2},
		{"after all", AtTime(start.Add(time.Hour)), 4},
	} {
		got, err := c.ListOffsets(ctx, all, check.at)
		want := map[Partition]int64{{topic, 0}: 0, {topic, 1}: check.want, {topic, 2}: 0}
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: got %v, %v", check.name, got, err)
		}
	}
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	if got, err := c.ListOffsets(short, []Partition{{topic, 9}}, Latest); err == nil {
		t.Errorf("a partition that is not there has %v", got)
	}
	if got, err := c.ListOffsets(ctx, nil, Latest); err != nil || len(got) != 0 {
		t.Errorf("no partitions: %v, %v", got, err)
	}
}

// TestListOffsetsOpenTransaction: LatestCommitted is before what a transaction may abort.
func TestListOffsetsOpenTransaction(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	ctx := testContext(t)
	topic := b.Topic(t, 1, nil)
	p := c.NewProducer(ProducerConfig{TransactionalID: topic})
	defer p.Close()
	if err := p.Begin(ctx); err != nil {
		t.Fatal(err)
	}
	if err := p.Write(ctx, topic, []Message{{Value: []byte("v")}}); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[OffsetAt]int64{Latest: 1, LatestCommitted: 0} {
		got, err := c.ListOffsets(ctx, []Partition{{topic, 0}}, at)
		if err != nil || got[Partition{topic, 0}] != want {
			t.Errorf("%d: got %v, %v", at, got, err)
		}
	}
	if err := p.Abort(ctx); err != nil {
		t.Error(err)
	}
}

func TestTopics(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	ctx := testContext(t)
	name := b.Topic(t, 2, nil)
	if err := c.CreateTopic(ctx, name, 5, 1, nil); err != nil {
		t.Errorf("a topic that is there: %v", err)
	}
	// A commit makes the broker make its own topic.
	if err := c.CommitOffsets(ctx, GroupIdentity{Group: name, Generation: -1}, map[Partition]Offset{{name, 0}: {}}); err != nil {
		t.Fatal(err)
	}
	got, err := c.Topics(ctx, func(t string) bool { return t == name || t == "__consumer_offsets" })
	if err != nil || !maps.Equal(got, map[string]int32{name: 2}) {
		t.Errorf("got %v, %v", got, err)
	}
	for bad, config := range map[string]map[string]string{"no/such name": nil, name + "-odd": {"no.such.setting": "1"}} {
		if err := c.CreateTopic(ctx, bad, 1, 1, config); err == nil || Retriable(err) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
