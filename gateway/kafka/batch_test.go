package kafka

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/kafkaio"
	"github.com/lazaret/lazaret/internal/kafkatest"
)

// What is fetched is taken in batches that together are what was fetched, and none is so
// large that a transaction with it could not end in time.
func TestCutBatch(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		f := &kafkaio.Fetched{HighWatermark: 1 << 40}
		offset := rng.Int64N(1000)
		for range rng.IntN(30_000) {
			offset += 1 + rng.Int64N(3)
			value := make([]byte, rng.IntN(40))
			if rng.IntN(2000) == 0 {
				value = make([]byte, batchBytes/2+rng.IntN(batchBytes))
			}
			f.Records = append(f.Records, kafkaio.Record{Offset: offset, Value: value})
		}
		f.Next = offset + 1 + rng.Int64N(5)
		all, end := f.Records, f.Next
		var got []kafkaio.Record
		for {
			b, size := cutBatch(f)
			bytes := 0
			for _, r := range b.Records {
				bytes += len(r.Value)
			}
			if len(b.Records) > batchRecords || len(b.Records) > 1 && bytes > batchBytes || size < int64(bytes) {
				t.Fatalf("%d records of %d bytes, counted as %d", len(b.Records), bytes, size)
			}
			got = append(got, b.Records...)
			if b == f {
				if b.Next != end {
					t.Fatalf("the last batch ends at %d, want %d", b.Next, end)
				}
				break
			}
			if last := b.Records[len(b.Records)-1].Offset; b.Next != last+1 || b.HighWatermark != f.HighWatermark {
				t.Fatalf("a batch ends at %d, its last record is %d", b.Next, last)
			}
		}
		if len(got) != len(all) || len(all) > 0 && (got[0].Offset != all[0].Offset || got[len(got)-1].Offset != all[len(all)-1].Offset) {
			t.Fatalf("%d records, want %d", len(got), len(all))
		}
	}
}

// Many partitions fetch less each, so that together they leave room for others.
func TestFetchSize(t *testing.T) {
	s := &Source{}
	for partitions, want := range map[int64]int{0: fetchBytes, 4: fetchBytes, 64: 512 << 10, 100_000: leastFetch} {
		s.partitions.Store(partitions)
		if got := s.fetchSize(); got != want {
			t.Errorf("%d partitions: %d bytes, want %d", partitions, got, want)
		}
	}
}

// A batch with an ID of which many records are too large lands without them, and says so
// again when it is written again.
func TestBatchWithManyRefusals(t *testing.T) {
	b := kafkatest.Start(t)
	c := dial(t, b.Addr())
	topic := b.Topic(t, 1, nil)
	s := newSink(t, c, gateway.KafkaSink{Topic: topic, MaxBytes: 1024})
	var values []string
	for i := range 2000 {
		values = append(values, fmt.Sprint(i)+strings.Repeat("x", 1200*min(1, i%5)))
	}
	var first []int
	for range 2 {
		var refused *lazaret.RefusedError
		if err := s.Write(t.Context(), batch("many", values...)); !errors.As(err, &refused) || !refused.Each || len(refused.Records) != 1600 {
			t.Fatalf("%.300v", err)
		}
		if first == nil {
			first = refused.Records
		} else if !slices.Equal(first, refused.Records) {
			t.Error("another answer when it is written again")
		}
	}
}

// spans are what they stand for.
func TestSpans(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		want := map[int]error{}
		for range rng.IntN(50) {
			want[rng.IntN(60)] = errRefusedBefore
		}
		k := landed{Refused: spans(slices.Sorted(maps.Keys(want)))}
		var w *kafkaio.WriteError
		if err := k.refused(60, nil); len(want) == 0 && err != nil || len(want) > 0 && (!errors.As(err, &w) || !maps.Equal(w.Failed, want)) {
			t.Fatalf("%v: %v, %v", want, k.Refused, err)
		}
	}
	if err := (&landed{Refused: [][2]int{{3, 60}}}).refused(60, nil); !errors.Is(err, errLedger) {
		t.Error(err)
	}
}
