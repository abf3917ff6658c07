package sink

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
)

// BenchmarkFile writes batches of 100 events from four goroutines, each batch durable
// before the next: MB/s and events/s with the fsyncs, and how many fsyncs there were.
func BenchmarkFile(b *testing.B) {
	for _, size := range []int{750, 10_000} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			cfg := fileConfig(b.TempDir())
			cfg.Spec.Format = gateway.FormatRecord
			groups := 0
			cfg.OnCommit = func(Commit) { groups++ }
			s := mustFile(b, cfg)
			event := record(`{"x":"` + strings.Repeat("x", size-8) + `"}`)
			batch := lazaret.Batch{}
			for range 100 {
				batch.Records = append(batch.Records, event)
			}
			b.SetBytes(int64(100 * size))
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			work := make(chan struct{})
			for range 4 {
				wg.Go(func() {
					for range work {
						if err := s.Write(context.Background(), batch); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for b.Loop() {
				work <- struct{}{}
			}
			close(work)
			wg.Wait()
			b.StopTimer()
			mustClose(b, s)
			b.ReportMetric(float64(b.N)*100/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(groups)/float64(b.N), "groups/op")
		})
	}
}

// BenchmarkRecord encodes one record.
func BenchmarkRecord(b *testing.B) {
	r := full()
	r.Event.Data = []byte(`{"x":"` + strings.Repeat("x", 742) + `"}`)
	var dst []byte
	b.SetBytes(int64(len(r.Event.Data)))
	b.ReportAllocs()
	for b.Loop() {
		dst = appendRecord(dst[:0], &r)
	}
}
