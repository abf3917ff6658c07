package app_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/workload"
)

// bodies are NDJSON requests of n events each, made before the clock starts.
func bodies(b *testing.B, requests, n, size int, invalid float64) [][]byte {
	b.Helper()
	gen, err := workload.New(workload.Config{Events: requests * n, Size: size, Invalid: invalid, Seed: 5})
	if err != nil {
		b.Fatal(err)
	}
	list := make([][]byte, requests)
	for i := range list {
		for range n {
			e, _ := gen.Next()
			list[i] = append(append(list[i], e.Data...), '\n')
		}
	}
	return list
}

// resident is the peak of the server's resident memory, in MB (Linux).
func (s *server) resident() float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmHWM:" {
			kb, _ := strconv.ParseFloat(f[1], 64)
			return kb * 1024 / 1e6
		}
	}
	return 0
}

// BenchmarkHTTPNDJSON is the whole way of a request, in a server process of its own: 100
// events a POST, 4 connections, schema and six rules, file sink and quarantine with
// fsync, 15% of the events bad.
func BenchmarkHTTPNDJSON(b *testing.B) {
	for _, size := range []int{768, 10240} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			s := newServer(b)
			s.start()
			c := s.client(b, -1)
			applyClickstream(b, c)
			list := bodies(b, 64, 100, size, 0.15)
			var bytes int64
			for _, body := range list {
				bytes += int64(len(body))
			}
			b.SetBytes(bytes / int64(len(list)))
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range 4 {
				wg.Go(func() {
					for {
						i := next.Add(1)
						if i > int64(b.N) {
							return
						}
						a, err := c.Ingest(context.Background(), client.Post{Stream: "clickstream", Body: list[i%int64(len(list))], Type: client.NDJSON})
						if err != nil || a.Received != 100 {
							b.Errorf("%+v, %v", a, err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N*100)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(s.resident(), "MB-resident")
		})
	}
}

// BenchmarkLatency posts single events at 1,000 a second, on a schedule that does not
// wait for answers, and reports how long the durable acknowledgement took. An iteration
// is an event; run it with -benchtime 10000x.
func BenchmarkLatency(b *testing.B) {
	s := newServer(b)
	s.start()
	c := s.client(b, -1)
	applyClickstream(b, c)
	list := bodies(b, min(b.N, 10_000), 1, 768, 0.15)
	took := make([]time.Duration, b.N)
	var wg sync.WaitGroup
	b.ResetTimer()
	start := time.Now()
	for i := range b.N {
		due := start.Add(time.Duration(i) * time.Millisecond)
		time.Sleep(time.Until(due))
		wg.Go(func() {
			_, err := c.Ingest(context.Background(), client.Post{Stream: "clickstream", Body: list[i%len(list)]})
			if err != nil {
				b.Error(err)
			}
			took[i] = time.Since(due) // from when it was due: a late sender is not excused
		})
	}
	wg.Wait()
	b.StopTimer()
	slices.Sort(took)
	at := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))].Microseconds()) / 1000 }
	b.ReportMetric(at(0.50), "p50-ms")
	b.ReportMetric(at(0.99), "p99-ms")
	b.ReportMetric(at(1), "max-ms")
	b.ReportMetric(s.resident(), "MB-resident")
}

// BenchmarkReprocess judges and releases 20,000 entries that a mended rule lets pass. An
// iteration is all of them; run it with -benchtime 1x.
func BenchmarkReprocess(b *testing.B) {
	const entries = 20_000
	gen, err := workload.New(workload.Config{Events: 1 << 20, Seed: 9})
	if err != nil {
		b.Fatal(err)
	}
	var victims [][]byte
	for len(victims) < entries {
		if e, ok := gen.Next(); ok && e.Victim() {
			victims = append(victims, e.Data)
		}
	}
	for b.Loop() {
		b.StopTimer()
		s := newServer(b)
		s.start()
		c := s.client(b, -1)
		applyClickstream(b, c)
		var body []byte
		for i, v := range victims {
			body = append(append(body, v...), '\n')
			if (i+1)%500 == 0 {
				if a, err := c.Ingest(b.Context(), client.Post{Stream: "clickstream", Body: body, Type: client.NDJSON}); err != nil || a.Quarantined != 500 {
					b.Fatalf("%+v, %v", a, err)
				}
				body = body[:0]
			}
		}
		mendClickstream(b, c)
		b.StartTimer()
		job, err := c.Reprocess(b.Context(), client.Filter{Stream: "clickstream"}, false, 0)
		if err != nil {
			b.Fatal(err)
		}
		if job, err = c.WaitJob(b.Context(), job.ID, 10*time.Millisecond, nil); err != nil || job.Released != entries {
			b.Fatalf("%+v, %v", job, err)
		}
		b.StopTimer()
		s.kill()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.N*entries)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkStartup is from the start of the process to its readiness, on an empty store.
func BenchmarkStartup(b *testing.B) {
	s := newServer(b)
	s.start() // builds the program
	s.kill()
	for b.Loop() {
		s.start()
		b.StopTimer()
		s.kill()
		b.StartTimer()
	}
}
