package app_test

import (
	"context"
	enc "encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/lazaret/lazaret/internal/kafkaio"
	"github.com/lazaret/lazaret/internal/kafkatest"
	"github.com/lazaret/lazaret/internal/workload"
)

// copyVariable makes the test binary a bare copy loop on kafka-go: "brokers group in out count".
const copyVariable = "LAZARET_COPY"

// copyLoop is what kafka-go can do with no checking: four members of a group that write what
// they read, a thousand at a time, and commit.
func copyLoop(args []string) error {
	brokers, group, in, out := args[0], args[1], args[2], args[3]
	count, err := strconv.Atoi(args[4])
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	var mu sync.Mutex
	seen := 0
	var wg sync.WaitGroup
	for range flowPartitions {
		wg.Go(func() {
			r := kafkago.NewReader(kafkago.ReaderConfig{Brokers: []string{brokers}, GroupID: group, Topic: in, MaxBytes: 8 << 20, QueueCapacity: 2000, StartOffset: kafkago.FirstOffset, MaxWait: 200 * time.Millisecond})
			w := &kafkago.Writer{Addr: kafkago.TCP(brokers), Topic: out, Balancer: kafkago.Murmur2Balancer{}, RequiredAcks: kafkago.RequireAll, BatchTimeout: time.Millisecond, BatchSize: 1000, BatchBytes: 1 << 20}
			for ctx.Err() == nil {
				if err := copySome(ctx, r, w, func(n int) {
					mu.Lock()
					defer mu.Unlock()
					if seen += n; seen >= count {
						stop(nil)
					}
				}); err != nil && ctx.Err() == nil {
					stop(err)
				}
			}
			_ = w.Close()
			_ = r.Close()
		})
	}
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil && cause != context.Canceled {
		return cause
	}
	return nil
}

// copySome copies what is there, up to a thousand.
func copySome(ctx context.Context, r *kafkago.Reader, w *kafkago.Writer, done func(int)) error {
	m, err := r.FetchMessage(ctx)
	if err != nil {
		return err
	}
	list := []kafkago.Message{m}
	soon, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
	defer cancel()
	for len(list) < 1000 {
		if m, err = r.FetchMessage(soon); err != nil {
			break
		}
		list = append(list, m)
	}
	out := make([]kafkago.Message, len(list))
	for i, m := range list {
		out[i] = kafkago.Message{Key: m.Key, Value: m.Value, Headers: m.Headers}
	}
	if err := w.WriteMessages(ctx, out...); err != nil {
		return err
	}
	if err := r.CommitMessages(ctx, list...); err != nil {
		return err
	}
	done(len(list))
	return nil
}

// preload fills a flow's topic with events of a size, and returns how many bytes they are.
func (f *flow) preload(events, size int, invalid float64) (bytes int64) {
	f.t.Helper()
	gen, err := workload.New(workload.Config{Events: events, Size: size, Invalid: invalid, Seed: 9})
	if err != nil {
		f.t.Fatal(err)
	}
	list := make([]kafkaio.Message, 0, 500)
	for e, ok := gen.Next(); ok; e, ok = gen.Next() {
		bytes += int64(len(e.Data))
		if list = append(list, kafkaio.Message{Partition: -1, Key: fmt.Appendf(nil, "key-%d", e.Index%997), Value: e.Data}); len(list) == cap(list) {
			if err := f.producer.Write(f.t.Context(), f.in, list); err != nil {
				f.t.Fatal(err)
			}
			list = make([]kafkaio.Message, 0, 500)
		}
	}
	if err := f.producer.Write(f.t.Context(), f.in, list); err != nil && len(list) > 0 {
		f.t.Fatal(err)
	}
	return bytes
}

// cpu is the time that a process has had, in seconds (Linux).
func cpu(pid int) float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100
}

// BenchmarkKafkaDrain drains a preloaded topic of four partitions to another, with the broker
// on the same two cores: the gateway with schema, six rules and quarantine, in both modes;
// the bare copy loop of kafka-go; and the hand-written Python consumer. LAZARET_DRAIN is how
// many MB are drained, 400 if it is not set.
func BenchmarkKafkaDrain(b *testing.B) {
	broker := kafkatest.New(b, kafkatest.Options{Steady: true})
	total := 400
	if n, err := strconv.Atoi(os.Getenv("LAZARET_DRAIN")); err == nil {
		total = n
	}
	for _, size := range []int{768, 10240} {
		for _, invalid := range []float64{0, 0.15} {
			f := newFlow(b, broker, "", 0)
			events := total * 1_000_000 / size
			bytes := f.preload(events, size, invalid)
			name := func(what string) string { return fmt.Sprintf("%d/%.0f%%bad/%s", size, 100*invalid, what) }
			for _, delivery := range []string{"at_least_once", "exactly_once"} {
				b.Run(name(delivery), func(b *testing.B) { drainByGateway(b, f, delivery, bytes) })
			}
			if invalid == 0 {
				b.Run(name("kafka-go-copy"), func(b *testing.B) {
					drainByCommand(b, f, events, bytes, func(args ...string) *exec.Cmd {
						cmd := exec.Command(os.Args[0])
						cmd.Env = append(os.Environ(), copyVariable+"="+strings.Join(args, " "))
						return cmd
					})
				})
				b.Run(name("python"), func(b *testing.B) {
					drainByCommand(b, f, events, bytes, func(args ...string) *exec.Cmd {
						return exec.Command("python3", append([]string{"testdata/consumer.py"}, args...)...)
					})
				})
			}
		}
	}
}

func drainByGateway(b *testing.B, f *flow, delivery string, bytes int64) {
	b.SetBytes(bytes)
	var used, resident float64
	for range b.N {
		b.StopTimer()
		// Each time the topic is read by another group, into a topic of its own.
		out := f.broker.Topic(b, flowPartitions, nil)
		g := &flow{t: b, broker: f.broker, cluster: f.cluster, in: f.in, out: out, suffix: out, unmirrored: true, delivery: delivery}
		s, _ := g.serverWhen(func() { b.StartTimer() })
		g.drained(10 * time.Minute)
		b.StopTimer()
		used += cpu(s.cmd.Process.Pid)
		resident = max(resident, s.resident())
		s.stop()
	}
	b.ReportMetric(used/(float64(bytes)*float64(b.N)/1e9), "CPU-s/GB")
	b.ReportMetric(resident, "MB-resident")
}

func drainByCommand(b *testing.B, f *flow, events int, bytes int64, command func(args ...string) *exec.Cmd) {
	b.SetBytes(bytes)
	var used time.Duration
	for range b.N {
		b.StopTimer()
		out := f.broker.Topic(b, flowPartitions, nil)
		b.StartTimer()
		cmd := command(f.broker.Addr(), "copy-"+out, f.in, out, strconv.Itoa(events))
		text, err := cmd.CombinedOutput()
		if err != nil {
			b.Fatalf("%v\n%s", err, text)
		}
		used += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	b.ReportMetric(used.Seconds()/(float64(bytes)*float64(b.N)/1e9), "CPU-s/GB")
}

// BenchmarkKafkaLatency is how much later an event is in the sink's topic than in the
// source's, at 2,000 events a second.
func BenchmarkKafkaLatency(b *testing.B) {
	broker := kafkatest.New(b, kafkatest.Options{Steady: true})
	for _, delivery := range []string{"at_least_once", "exactly_once"} {
		b.Run(delivery, func(b *testing.B) {
			f := newFlow(b, broker, delivery, 0)
			f.unmirrored = true
			f.server()
			gen, err := workload.New(workload.Config{Events: b.N + 2000, Seed: 3})
			if err != nil {
				b.Fatal(err)
			}
			took := make(chan time.Duration, b.N+2000)
			ctx, stop := context.WithCancel(b.Context())
			var wg sync.WaitGroup
			for p := range int32(flowPartitions) {
				wg.Go(func() { f.follow(ctx, p, took) })
			}
			const every = 5 * time.Millisecond // ten events
			tick := time.NewTicker(every)
			defer tick.Stop()
			b.ResetTimer()
			for sent := 0; sent < b.N+2000; {
				<-tick.C
				list := make([]kafkaio.Message, 0, 10)
				for range 10 {
					if e, ok := gen.Next(); ok {
						stamp := enc.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano()))
						list = append(list, kafkaio.Message{Partition: -1, Key: fmt.Appendf(nil, "key-%d", e.Index%997), Value: e.Data, Headers: []kafkaio.Header{{Key: "sent", Value: stamp}}})
					}
				}
				sent += 10
				if err := f.producer.Write(b.Context(), f.in, list); err != nil && len(list) > 0 {
					b.Fatal(err)
				}
			}
			all := make([]time.Duration, 0, b.N+2000)
			for len(all) < b.N {
				all = append(all, <-took)
			}
			stop()
			wg.Wait()
			slices.Sort(all)
			b.ReportMetric(all[len(all)/2].Seconds()*1e3, "p50-ms")
			b.ReportMetric(all[len(all)*99/100].Seconds()*1e3, "p99-ms")
			b.ReportMetric(all[len(all)-1].Seconds()*1e3, "max-ms")
		})
	}
}

// follow reads a partition of the sink's topic as it grows, and says how old each record is.
func (f *flow) follow(ctx context.Context, partition int32, took chan<- time.Duration) {
	next, read := int64(0), 0
	for ctx.Err() == nil {
		got, err := f.cluster.Fetch(ctx, kafkaio.FetchRequest{Partition: kafkaio.Partition{Topic: f.out, ID: partition}, Offset: next, MinBytes: 1, MaxWait: 100 * time.Millisecond})
		if err != nil {
			continue
		}
		now := time.Now()
		next = got.Next
		for _, r := range got.Records {
			for _, h := range r.Headers {
				if h.Key == "sent" && len(h.Value) == 8 {
					if read++; read > 2000/flowPartitions { // what came while the group was formed
						took <- now.Sub(time.Unix(0, int64(enc.BigEndian.Uint64(h.Value))))
					}
				}
			}
		}
	}
}
