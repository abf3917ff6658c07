package quarantine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
)

// benchEvent is a JSON event of about size bytes that compresses as real ones do.
func benchEvent(r *rand.Rand, size int) []byte {
	data := fmt.Appendf(nil, `{"event_id":"%016x","user_id":"u-%06d","event_type":"purchase","items":[`, r.Uint64(), r.IntN(1e6))
	for i := 0; len(data) < size-60; i++ {
		data = fmt.Appendf(data, `{"sku":"%08x","price":%d.%02d,"quantity":%d},`, r.Uint32(), r.IntN(500), r.IntN(100), r.IntN(9))
	}
	return append(data, `null]}`...)
}

func benchRecords(n, size int) []lazaret.Record {
	r := rand.New(rand.NewPCG(1, 2))
	list := make([]lazaret.Record, n)
	for i := range list {
		list[i] = record("clicks", i, rule([]string{"a", "b", "c"}[i%3], "/amount"))
		list[i].QuarantineID = ""
		list[i].Event.Data = benchEvent(r, size)
	}
	return list
}

func BenchmarkAdd(b *testing.B) {
	for _, size := range []int{750, 10_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			s := openStore(b)
			records := benchRecords(500, size)
			b.SetBytes(int64(500 * size))
			for b.Loop() {
				if err := s.Add(context.Background(), records); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(500*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

type acceptAll struct{}

func (acceptAll) Judge(_ context.Context, e *lazaret.Event) (lazaret.Verdict, error) {
	return lazaret.Verdict{Status: lazaret.Accepted, Version: lazaret.Version{Stream: 2}}, nil
}

type discardSink struct{}

func (discardSink) Write(context.Context, lazaret.Batch) error { return nil }
func (discardSink) Forget(string)                              {}

// BenchmarkReprocess is what the store and the protocol cost: the judge and the sink do
// nothing.
func BenchmarkReprocess(b *testing.B) {
	for _, dry := range []bool{true, false} {
		b.Run(fmt.Sprintf("dry=%v", dry), func(b *testing.B) {
			const entries = 20_000
			records := benchRecords(entries, 750)
			var took time.Duration
			for b.Loop() {
				b.StopTimer()
				s := openStore(b)
				add(b, s, records...)
				j, err := New(Config{Store: s, Judge: func(string) (Judge, Sink, bool) { return acceptAll{}, discardSink{}, true }})
				if err != nil {
					b.Fatal(err)
				}
				if err := j.Start(b.Context()); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				start := time.Now()
				job, err := j.Submit(b.Context(), Filter{}, dry, 2)
				if err != nil {
					b.Fatal(err)
				}
				j.wg.Wait()
				took += time.Since(start)
				b.StopTimer()
				if job, err = j.Get(b.Context(), job.ID); err != nil || job.Passed != entries {
					b.Fatal(job, err)
				}
				if err := j.Stop(b.Context()); err != nil {
					b.Fatal(err)
				}
				s.db.Close()
				b.StartTimer()
			}
			b.ReportMetric(float64(entries*b.N)/took.Seconds(), "events/s")
		})
	}
}
