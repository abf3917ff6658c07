package schemas_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/workload"
	"github.com/lazaret/lazaret/schemas"
)

// clickstreamEvents are events of the workload, of about size bytes.
func clickstreamEvents(tb testing.TB, count, size int, invalid float64) (events [][]byte, bytes int64) {
	tb.Helper()
	gen, err := workload.New(workload.Config{Events: count, Size: size, Invalid: invalid, Seed: 7})
	if err != nil {
		tb.Fatal(err)
	}
	for range count {
		e, _ := gen.Next()
		events = append(events, e.Data)
		bytes += int64(len(e.Data))
	}
	return events, bytes
}

func clickstreamSchema(tb testing.TB, opts schemas.Options) *schemas.Schema {
	tb.Helper()
	document, err := os.ReadFile("../examples/clickstream/clickstream.schema.json")
	if err != nil {
		tb.Fatal(err)
	}
	s, err := schemas.Compile(document, opts)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// BenchmarkClickstream is the speed of a verdict with its reasons on the events of the
// workload, of which some or all are bad, and how many times that of the library it is in
// the same process ("x-v6").
func BenchmarkClickstream(b *testing.B) {
	checker, reference := clickstreamSchema(b, schemas.Options{}), clickstreamSchema(b, schemas.Options{Reference: true})
	for _, size := range []int{768, 10240} {
		for _, invalid := range []float64{0, 0.15, 1} {
			b.Run(fmt.Sprintf("%dB/%.0f%%bad", size, 100*invalid), func(b *testing.B) {
				events, bytes := clickstreamEvents(b, 400, size, invalid)
				all := func(s *schemas.Schema) time.Duration {
					start := time.Now()
					for _, e := range events {
						if _, err := s.Judge(e); err != nil {
							b.Fatal(err)
						}
					}
					return time.Since(start)
				}
				slow := min(all(reference), all(reference), all(reference))
				b.SetBytes(bytes / int64(len(events)))
				b.ReportAllocs()
				b.ResetTimer()
				fast := time.Duration(0)
				for i := 0; i < b.N; i += len(events) {
					n := min(len(events), b.N-i)
					start := time.Now()
					for _, e := range events[:n] {
						if _, err := checker.Judge(e); err != nil {
							b.Fatal(err)
						}
					}
					fast += time.Since(start)
				}
				b.ReportMetric(slow.Seconds()/float64(len(events))/(fast.Seconds()/float64(b.N)), "x-v6")
			})
		}
	}
}
