package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/lazaret/lazaret/examples"
	"github.com/lazaret/lazaret/internal/config"
	"github.com/lazaret/lazaret/internal/workload"
)

// clickstreamContract is what the example's events are judged by, without its rules.
func clickstreamContract(tb testing.TB) judge {
	tb.Helper()
	dir := tb.TempDir()
	if err := os.CopyFS(dir, examples.Clickstream()); err != nil {
		tb.Fatal(err)
	}
	contract, _, err := contractFiles{schema: filepath.Join(dir, "clickstream.schema.json")}.load(tb.Context(), int(config.Default().Limits.Event))
	if err != nil {
		tb.Fatal(err)
	}
	return contract
}

// events are about size bytes of clickstream, and how many events there are.
func events(tb testing.TB, total, size int, invalid float64) ([]byte, int64) {
	tb.Helper()
	g, err := workload.New(workload.Config{Events: total / size, Size: size, Invalid: invalid, Seed: 2})
	if err != nil {
		tb.Fatal(err)
	}
	var text bytes.Buffer
	if _, err := g.Write(&text, nil); err != nil {
		tb.Fatal(err)
	}
	return text.Bytes(), int64(total / size)
}

// BenchmarkCheck is check without the disk: 64 MB of events in memory, the example's
// schema, no rules.
func BenchmarkCheck(b *testing.B) {
	contract := clickstreamContract(b)
	for _, size := range []int{768, 10240} {
		for _, invalid := range []float64{0, 0.15, 1} {
			text, n := events(b, 64<<20, size, invalid)
			for _, workers := range []int{1, 2} {
				b.Run(fmt.Sprintf("%dB/bad=%.0f%%/workers=%d", size, 100*invalid, workers), func(b *testing.B) {
					o := checkOptions{judge: contract, workers: workers, maxEvent: int(config.Default().Limits.Event), report: func(counts) {}}
					b.SetBytes(int64(len(text)))
					b.ReportAllocs()
					for b.Loop() {
						c, err := check(b.Context(), bytes.NewReader(text), o)
						if err != nil || c.Events != n || (c.Quarantined == 0) != (invalid == 0) {
							b.Fatalf("%+v, %v", c.counts, err)
						}
					}
				})
			}
		}
	}
}
