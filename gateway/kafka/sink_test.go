package kafka

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/kafkaio"
	"github.com/lazaret/lazaret/internal/kafkatest"
)

// batch is a batch of accepted events.
func batch(id string, values ...string) lazaret.Batch {
	b := lazaret.Batch{ID: id}
	for i, v := range values {
		b.Records = append(b.Records, lazaret.Record{
			Stream: "s", Event: &lazaret.Event{Data: []byte(v), ContentType: plainJSON, Received: time.Now(), Source: lazaret.Source{Kind: "http"}},
			Verdict: lazaret.Verdict{Status: lazaret.Accepted, ID: fmt.Sprint("id-", i)},
		})
	}
	return b
}

func newSink(t testing.TB, c *kafkaio.Cluster, spec gateway.KafkaSink) *Sink {
	t.Helper()
	s := NewSink(SinkConfig{Cluster: c, Spec: spec, Stream: "s", Instance: spec.Topic})
	t.Cleanup(func() { _ = s.Close(t.Context()) })
	return s
}

func valuesOf(list []kafkaio.Record) []string {
	var values []string
	for _, r := range list {
		values = append(values, string(r.Value))
	}
	return values
}

// noise is text that no codec makes smaller than about three quarters.
func noise(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[rng.IntN(len(letters))]
	}
	return string(b)
}

// Each codec is the one that is used, with transactions and without, and can be read back.
func TestCompression(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t)
	c := dial(t, b.Addr())
	values := make([]string, 50)
	for i := range values {
		values[i] = strings.Repeat(fmt.Sprintf(`{"n":%d}`, i), 100)
	}
	for name, want := range map[gateway.Compression]kafkaio.Compression{
		"": kafkaio.None, gateway.CompressNone: kafkaio.None, gateway.CompressGzip: kafkaio.Gzip,
		gateway.CompressSnappy: kafkaio.Snappy, gateway.CompressLZ4: kafkaio.LZ4, gateway.CompressZstd: kafkaio.Zstd,
	} {
		for _, id := range []string{"", "batch-" + string(name)} {
			topic := b.Topic(t, 1, nil)
			s := newSink(t, c, gateway.KafkaSink{Topic: topic, Compression: name})
			must(t, s.Write(t.Context(), batch(id, values...)))
			if got := codecOf(t, b.Addr(), topic); got != want {
				t.Errorf("%s %s: the codec is %d, want %d", name, id, got, want)
			}
			if !slices.Equal(valuesOf(read(t, c, topic, 0)), values) {
				t.Errorf("%s %s: what is read is not what was written", name, id)
			}
		}
	}
}

// A record is in the partition where Java's producer would have put its key; the numbers
// are of Kafka's own tests of murmur2. Records without a key are spread.
func TestPartitionOfKey(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t)
	c := dial(t, b.Addr())
	const partitions = 7
	topic := b.Topic(t, partitions, nil)
	known := map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
	}
	in := batch("")
	for key := range known {
		r := batch("", key).Records[0]
		r.Verdict.Key = key
		in.Records = append(in.Records, r)
	}
	for i := range 2 * partitions {
		in.Records = append(in.Records, batch("", fmt.Sprint(i)+noise(70<<10)).Records[0])
	}
	must(t, newSink(t, c, gateway.KafkaSink{Topic: topic}).Write(t.Context(), in))
	for p := range int32(partitions) {
		without := 0
		for _, r := range read(t, c, topic, p) {
			if r.Key == nil {
				without++
				continue
			}
			if want := (known[string(r.Key)] & 0x7fffffff) % partitions; want != p || string(r.Value) != string(r.Key) {
				t.Errorf("the key %s is in partition %d, want %d", r.Key, p, want)
			}
		}
		if without == 0 {
			t.Errorf("partition %d has none of the records without a key", p)
		}
	}
}

// What is larger than max_bytes, and what is larger than the topic takes, is refused; all
// else of the batch is there, once, however often it is written under one ID.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t)
	c := dial(t, b.Addr())
	values := []string{"1", noise(60_000), "2", noise(40_000), "3", noise(41_000), "4"}
	for _, id := range []string{"", "a-batch"} {
		topic := b.Topic(t, 1, map[string]string{"max.message.bytes": "30000"})
		spec := gateway.KafkaSink{Topic: topic, MaxBytes: 50_000}
		times := 1
		if id != "" {
			id, times = id+topic, 3
		}
		for range times {
			err := newSink(t, c, spec).Write(t.Context(), batch(id, values...))
			var refused *lazaret.RefusedError
			if !errors.As(err, &refused) || !refused.Each || !slices.Equal(refused.Records, []int{1, 3, 5}) {
				t.Fatalf("%q: got %v", id, err)
			}
			if strings.Contains(err.Error(), values[1][:20]) {
				t.Error("the error has a piece of the event")
			}
		}
		if got := valuesOf(read(t, c, topic, 0)); !slices.Equal(got, []string{"1", "2", "3", "4"}) {
			t.Errorf("%q: the topic has %d records: %.50q", id, len(got), got)
		}
	}
	// A batch of which nothing can be written lands as well, as nothing.
	topic := b.Topic(t, 1, nil)
	s := newSink(t, c, gateway.KafkaSink{Topic: topic, MaxBytes: 2000})
	for range 2 {
		if err := s.Write(t.Context(), batch("none"+topic, noise(3000))); !errors.Is(err, lazaret.ErrRefused) {
			t.Errorf("got %v", err)
		}
	}
}

// A batch that has an ID lands once, whoever writes it how often, and what says so goes
// when it is forgotten: also if it landed in an earlier life.
func TestBatchLandsOnce(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t)
	c := dial(t, b.Addr())
	topic := b.Topic(t, 2, nil)
	ids := []string{"one-" + topic, "two-" + topic}
	for life := range 3 {
		s := NewSink(SinkConfig{Cluster: c, Spec: gateway.KafkaSink{Topic: topic}, Stream: "s", Instance: topic})
		for _, id := range ids {
			for range 2 {
				must(t, s.Write(t.Context(), batch(id, id)))
			}
		}
		if life == 2 {
			s.Forget(ids[0])
		}
		must(t, s.Close(t.Context()))
	}
	got := valuesOf(append(read(t, c, topic, 0), read(t, c, topic, 1)...))
	slices.Sort(got)
	if !slices.Equal(got, ids) {
		t.Errorf("the topic has %q", got)
	}
	if committed(t, c, batchGroup+ids[0], topic) != -1 || committed(t, c, batchGroup+ids[1], topic) == -1 {
		t.Error("the group of a forgotten batch is there, or that of another is not")
	}
}

// While writes fail the sink says that it is not ready, and why.
func TestSinkNotReady(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t)
	c := dial(t, b.Addr())
	var noted error
	s := NewSink(SinkConfig{
		Cluster: c, Spec: gateway.KafkaSink{Topic: "no." + b.Topic(t, 1, nil)}, Stream: "s", Instance: "i",
		OnWrite: func(_ int, _ time.Duration, err error) { noted = err },
	})
	defer s.Close(t.Context())
	must(t, s.Ready())
	s.producer.Close() // as if it had given up
	s.producer = c.NewProducer(kafkaio.ProducerConfig{DeliveryTimeout: 300 * time.Millisecond})
	err := s.Write(t.Context(), batch("", "1"))
	if err == nil || errors.Is(err, lazaret.ErrRefused) {
		t.Fatalf("a topic that is not there is no fault of an event: %v", err)
	}
	if s.Ready() == nil || noted == nil {
		t.Errorf("ready: %v; told: %v", s.Ready(), noted)
	}
}
