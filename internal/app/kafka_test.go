package app_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lazaret/lazaret/examples"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/kafkaio"
	"github.com/lazaret/lazaret/internal/kafkatest"
	"github.com/lazaret/lazaret/internal/workload"
)

// flow is a stream from topic to topic, with what is needed to see into both.
type flow struct {
	t               testing.TB
	broker          *kafkatest.Broker
	cluster         *kafkaio.Cluster
	in, out, mirror string
	delivery        string
	suffix          string // of the group
	unmirrored      bool
	producer        *kafkaio.Producer

	mu    sync.Mutex
	gen   *workload.Generator
	good  map[name]bool
	bad   map[name]bool
	order map[name]int // by when it was produced
	keys  map[name]string
}

const flowPartitions = 4

func newFlow(t testing.TB, b *kafkatest.Broker, delivery string, invalid float64) *flow {
	t.Helper()
	f := &flow{
		t: t, broker: b, delivery: delivery, cluster: connect(t, b.Addr()),
		in: b.Topic(t, flowPartitions, nil), out: b.Topic(t, flowPartitions, nil), mirror: b.Topic(t, flowPartitions, nil),
		good: map[name]bool{}, bad: map[name]bool{}, order: map[name]int{}, keys: map[name]string{},
	}
	gen, err := workload.New(workload.Config{Events: 1 << 30, Invalid: invalid, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	f.gen = gen
	f.producer = f.cluster.NewProducer(kafkaio.ProducerConfig{DeliveryTimeout: 2 * time.Minute})
	t.Cleanup(f.producer.Close)
	return f
}

// group is the flow's consumer group: no other flow on the same broker has it.
func (f *flow) group() string { return "of-" + f.in + f.suffix }

func connect(t testing.TB, addr string) *kafkaio.Cluster {
	t.Helper()
	c, err := kafkaio.New(kafkaio.Config{Brokers: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// server starts a gateway on the flow's broker and applies the stream to it.
func (f *flow) server() (*server, *client.Client) { return f.serverWhen(func() {}) }

// serverWhen is server; ready is called before the stream is applied.
func (f *flow) serverWhen(ready func()) (*server, *client.Client) {
	f.t.Helper()
	s := newServer(f.t)
	path := filepath.Join(s.dir, "lazaret.yaml")
	config, err := os.ReadFile(path)
	if err != nil {
		f.t.Fatal(err)
	}
	config = fmt.Appendf(config, "kafka: {brokers: ['%s']}\n", f.broker.Addr())
	if err := os.WriteFile(path, config, 0o600); err != nil {
		f.t.Fatal(err)
	}
	s.start()
	c := s.client(f.t, 8)
	ready()
	f.apply(c, "mended")
	return s, c
}

// apply applies the stream with the schema and rules of the clickstream example. The stream
// has no key pointer, so that records keep the key that they came with.
func (f *flow) apply(c *client.Client, rules string) {
	f.t.Helper()
	dir := f.t.TempDir()
	if err := os.CopyFS(dir, examples.Clickstream()); err != nil {
		f.t.Fatal(err)
	}
	stream := fmt.Sprintf(`kind: Stream
name: clickstream
schema: {subject: clickstream}
id: /event_id
time: /timestamp
delivery: %s
sources:
  - kafka: {topics: [%s], group: %s}
sink: {kafka: {topic: %s}}
`, f.delivery, f.in, f.group(), f.out)
	if !f.unmirrored {
		stream += fmt.Sprintf("quarantine: {mirror: {topic: %s}}\n", f.mirror)
	}
	if err := os.WriteFile(filepath.Join(dir, "stream.yaml"), []byte(stream), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if rules == "mended" {
		mended, err := os.ReadFile(filepath.Join(dir, "mended", "rules.yaml"))
		if err != nil {
			f.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), mended, 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
	resources, err := catalog.LoadDir(dir)
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := c.Apply(f.t.Context(), resources, false); err != nil {
		f.t.Fatal(err)
	}
}

// produce writes events of the workload, each under one of many keys.
func (f *flow) produce(ctx context.Context, n int) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]kafkaio.Message, n)
	for i := range list {
		e, ok := f.gen.Next()
		if !ok {
			f.t.Error("the generator has run out of events")
			return
		}
		id := name(sha256.Sum256(e.Data))
		key := fmt.Sprintf("key-%d", e.Index%997)
		list[i] = kafkaio.Message{Partition: -1, Key: []byte(key), Value: e.Data, Headers: []kafkaio.Header{{Key: "Trace", Value: []byte{0xFF, byte(i)}}}}
		f.order[id], f.keys[id] = e.Index, key
		if e.Bad {
			f.bad[id] = true
		} else {
			f.good[id] = true
		}
	}
	if err := f.producer.Write(ctx, f.in, list); err != nil {
		f.t.Errorf("producing: %v", err)
	}
}

// read returns every committed record of a topic, partition by partition.
func (f *flow) read(topic string) []kafkaio.Record {
	f.t.Helper()
	var all []kafkaio.Record
	for p := range int32(flowPartitions) {
		part := kafkaio.Partition{Topic: topic, ID: p}
		ends := f.committed(part)
		for next := int64(0); next < ends[part]; {
			got, err := f.cluster.Fetch(f.t.Context(), kafkaio.FetchRequest{Partition: part, Offset: next, MaxBytes: 4 << 20, MinBytes: 1, MaxWait: time.Second})
			if err != nil {
				f.t.Fatal(err)
			}
			all = append(all, got.Records...)
			next = got.Next
		}
	}
	return all
}

// committed is the end of what is committed in a partition. A transaction that has been
// ended may not be marked yet: that is waited for, but not for one that a kill left open.
func (f *flow) committed(part kafkaio.Partition) map[kafkaio.Partition]int64 {
	f.t.Helper()
	list := []kafkaio.Partition{part}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		ends, err := f.cluster.ListOffsets(f.t.Context(), list, kafkaio.LatestCommitted)
		if err != nil {
			f.t.Fatal(err)
		}
		all, err := f.cluster.ListOffsets(f.t.Context(), list, kafkaio.Latest)
		if err != nil {
			f.t.Fatal(err)
		}
		if ends[part] == all[part] || time.Now().After(deadline) {
			return ends
		}
	}
}

// drained waits until the group has committed everything that is in the source's topic.
func (f *flow) drained(within time.Duration) {
	f.t.Helper()
	var parts []kafkaio.Partition
	for p := range int32(flowPartitions) {
		parts = append(parts, kafkaio.Partition{Topic: f.in, ID: p})
	}
	deadline := time.Now().Add(within)
	for {
		ends, err := f.cluster.ListOffsets(f.t.Context(), parts, kafkaio.Latest)
		var at map[kafkaio.Partition]kafkaio.Offset
		if err == nil {
			at, err = f.cluster.FetchOffsets(f.t.Context(), f.group(), parts)
		}
		behind := int64(0)
		for _, p := range parts {
			behind += ends[p] - at[p].Next
		}
		if err == nil && behind == 0 {
			return
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("%d records are not taken within %s (%v)", behind, within, err)
		}
		time.Sleep(20 * time.Millisecond) // looking again at another process's progress
	}
}

// account is what became of all that was produced.
type account struct {
	good, bad       int
	lost, lostBad   int // in neither place
	twice           int // more than once in the sink
	alien, disorder int
	mirrorLost      int
	mirrorTwice     int
	quarantineTwice int
}

// check accounts for every event, in the sink's topic, in the mirror and in the quarantines.
func (f *flow) check(servers ...*server) account {
	f.t.Helper()
	a := account{good: len(f.good), bad: len(f.bad)}
	seen := map[name]int{}
	last := map[string]int{}
	for _, r := range f.read(f.out) {
		id := name(sha256.Sum256(r.Value))
		if !f.good[id] {
			a.alien++
			continue
		}
		if seen[id]++; seen[id] > 1 {
			continue // what is delivered again comes later
		}
		if string(r.Key) != f.keys[id] || f.order[id] < last[f.keys[id]] {
			a.disorder++
		}
		last[f.keys[id]] = f.order[id]
	}
	for id := range f.good {
		if seen[id] == 0 {
			a.lost++
		} else if seen[id] > 1 {
			a.twice++
		}
	}
	mirrored := map[name]int{}
	for _, r := range f.read(f.mirror) {
		mirrored[sha256.Sum256(r.Value)]++
	}
	held := map[name]int{}
	for _, s := range servers {
		for id, p := range find(f.t, s, s.client(f.t, 8)) {
			held[id] += p.held
		}
	}
	for id := range f.bad {
		switch {
		case held[id] == 0:
			a.lostBad++
		case held[id] > 1:
			a.quarantineTwice++
		}
		if mirrored[id] == 0 {
			a.mirrorLost++
		} else if mirrored[id] > 1 {
			a.mirrorTwice++
		}
	}
	return a
}

// holds fails the test unless nothing is lost and, where it is exactly once, nothing is twice.
func (a account) holds(t testing.TB, exactly bool) {
	t.Helper()
	t.Logf("%+v", a)
	if a.lost+a.lostBad+a.alien+a.mirrorLost > 0 {
		t.Errorf("events are lost, or where they should not be: %+v", a)
	}
	if exactly && a.twice+a.mirrorTwice+a.disorder > 0 {
		t.Errorf("not exactly once: %+v", a)
	}
}

func modes(t *testing.T, test func(t *testing.T, delivery string, exactly bool)) {
	for _, delivery := range []string{"at_least_once", "exactly_once"} {
		t.Run(delivery, func(t *testing.T) { test(t, delivery, delivery == "exactly_once") })
	}
}

// Every good event is in the sink's topic and every bad one in the quarantine and its
// mirror, byte for byte, in the order of its key.
func TestKafkaToKafka(t *testing.T) {
	modes(t, func(t *testing.T, delivery string, _ bool) {
		f := newFlow(t, kafkatest.Start(t), delivery, 0.15)
		for range 200 {
			f.produce(t.Context(), 1000)
		}
		s, _ := f.server()
		start := time.Now()
		f.drained(3 * time.Minute)
		t.Logf("200,000 events in %s", time.Since(start).Round(time.Millisecond))
		a := f.check(s)
		a.holds(t, true)
		if a.quarantineTwice > 0 {
			t.Errorf("%d events are in the quarantine twice", a.quarantineTwice)
		}
	})
}

// soakRounds is how often something is killed: as a test says, or for as long as a soak is.
func soakRounds(rounds int) func(done int) bool {
	until := time.Time{}
	if d, err := time.ParseDuration(os.Getenv("LAZARET_SOAK")); err == nil {
		rounds, until = 1<<30, time.Now().Add(d)
	}
	return func(done int) bool { return done < rounds && (until.IsZero() || time.Now().Before(until)) }
}

// under produces events without a pause while do runs.
func (f *flow) under(do func(sent *atomic.Int64)) {
	ctx, stop := context.WithCancel(f.t.Context())
	var sent atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			f.produce(context.WithoutCancel(ctx), 200)
			sent.Add(200)
		}
	})
	do(&sent)
	stop()
	wg.Wait()
}

// Promise 1: whenever the gateway is killed, nothing is lost; and exactly once, nothing is
// there twice for a reader of what is committed.
func TestKafkaKill(t *testing.T) {
	modes(t, func(t *testing.T, delivery string, exactly bool) {
		f := newFlow(t, kafkatest.Start(t), delivery, 0.15)
		s, _ := f.server()
		killed := 0
		f.under(func(sent *atomic.Int64) {
			for more := soakRounds(20); more(killed); killed++ {
				f.progress(sent, 400)
				time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond) // the random point
				s.kill()
				s.start()
			}
		})
		f.drained(2 * time.Minute)
		a := f.check(s)
		t.Logf("%d kills; %d good events, %d of them more than once in the sink; %d bad ones", killed, a.good, a.twice, a.bad)
		a.holds(t, exactly)
		if a.quarantineTwice > 0 {
			t.Errorf("%d events are in the quarantine twice", a.quarantineTwice)
		}
	})
}

// progress waits until that many more events were produced.
func (f *flow) progress(sent *atomic.Int64, n int64) {
	for before := sent.Load(); sent.Load() < before+n && !f.t.Failed(); {
		time.Sleep(time.Millisecond) // looking again at what another goroutine counts
	}
}

// Nothing is lost, and exactly once nothing is twice, when the broker dies in the middle.
func TestKafkaBrokerKill(t *testing.T) {
	modes(t, func(t *testing.T, delivery string, exactly bool) {
		f := newFlow(t, kafkatest.New(t, kafkatest.Options{}), delivery, 0.15)
		s, _ := f.server()
		killed := 0
		f.under(func(sent *atomic.Int64) {
			for more := soakRounds(10); more(killed); killed++ {
				f.progress(sent, 400)
				time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond) // the random point
				if err := f.broker.Kill(); err != nil {
					t.Fatal(err)
				}
				if err := f.broker.Restart(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		})
		f.drained(3 * time.Minute)
		a := f.check(s)
		t.Logf("%d kills of the broker; %d good events, %d of them more than once in the sink", killed, a.good, a.twice)
		a.holds(t, exactly)
	})
}

// Gateways come and go, some of them killed; the group goes on and the same holds. Each has
// a quarantine of its own, so that an entry may be in two; in the mirror it is once.
func TestKafkaGateways(t *testing.T) {
	modes(t, func(t *testing.T, delivery string, exactly bool) {
		f := newFlow(t, kafkatest.Start(t), delivery, 0.15)
		var list []*server
		for range 3 {
			s, _ := f.server()
			list = append(list, s)
		}
		changes := 0
		f.under(func(sent *atomic.Int64) {
			for more := soakRounds(8); more(changes); changes++ {
				f.progress(sent, 2000)
				s := list[changes%len(list)]
				if changes%2 == 0 {
					s.stop()
				} else {
					s.kill()
				}
				f.progress(sent, 2000)
				s.start()
			}
		})
		f.drained(3 * time.Minute)
		a := f.check(list...)
		t.Logf("%d gateways left and joined; %d good events, %d of them more than once in the sink", changes, a.good, a.twice)
		a.holds(t, exactly)
	})
}

// Promise 5: a reprocess job to Kafka that is killed at random points and resumed releases
// each entry exactly once.
func TestKafkaKillReprocess(t *testing.T) {
	f := newFlow(t, kafkatest.Start(t), "exactly_once", 0.05)
	s, c := f.server()
	f.apply(c, "wrong")
	for range 40 {
		f.produce(t.Context(), 1000)
	}
	f.drained(2 * time.Minute)
	f.apply(c, "mended")
	final, killed, midway := killReprocess(t, s, c, 60*time.Millisecond)
	count := map[name]int{}
	released := 0
	for _, r := range f.read(f.out) {
		count[sha256.Sum256(r.Value)]++
		for _, h := range r.Headers {
			if h.Key == "lazaret-quarantine-id" {
				released++
			}
		}
	}
	wrong := 0
	for id := range f.good {
		if count[id] != 1 {
			wrong++
		}
	}
	for id := range f.bad {
		if count[id] != 0 {
			wrong++
		}
	}
	t.Logf("%d kills, %d of them midway; %d released, %d good events", killed, midway, released, len(f.good))
	if wrong > 0 || int64(released) != final.Released || released == 0 {
		t.Errorf("%d events are not where they should be; %d released records, the job says %d", wrong, released, final.Released)
	}
	if midway < 2 {
		t.Errorf("only %d of %d kills hit the job: the test tests little", midway, killed)
	}
}

// What upstream transactions aborted, and their control records, are never seen as events.
func TestKafkaAbortedUpstream(t *testing.T) {
	f := newFlow(t, kafkatest.Start(t), "at_least_once", 0)
	upstream := f.cluster.NewProducer(kafkaio.ProducerConfig{TransactionalID: "upstream-" + f.in})
	defer upstream.Close()
	aborted := 0
	for i := range 20 {
		if err := upstream.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		committed := i%3 == 0
		own := f.producer
		f.producer = upstream
		before := len(f.good)
		f.produce(t.Context(), 50)
		f.producer = own
		var err error
		if committed {
			err = upstream.Commit(t.Context())
		} else {
			err = upstream.Abort(t.Context())
			aborted += len(f.good) - before
			for id, at := range f.order {
				if at >= 50*i {
					delete(f.good, id)
				}
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s, _ := f.server()
	f.drained(time.Minute)
	a := f.check(s)
	a.holds(t, true)
	held := 0
	for _, p := range find(t, s, s.client(t, 2)) {
		held += p.held
	}
	if held > 0 || aborted == 0 || a.good == 0 {
		t.Errorf("%d control or aborted records in the quarantine; %d aborted, %d committed", held, aborted, a.good)
	}
}

// The mirror has what came in, byte for byte, and says why it was refused; the sink's
// records keep their headers and say what judged them.
func TestKafkaHeaders(t *testing.T) {
	f := newFlow(t, kafkatest.Start(t), "exactly_once", 0.5)
	f.produce(t.Context(), 40)
	f.server()
	f.drained(time.Minute)
	for _, r := range f.read(f.mirror) {
		h := headers(r)
		if !f.bad[sha256.Sum256(r.Value)] || string(r.Key) != f.keys[sha256.Sum256(r.Value)] {
			t.Error("the mirror has something that was not quarantined, or another key")
		}
		if h["__connect.errors.topic"] != f.in || h["__connect.errors.offset"] == "" || !strings.HasPrefix(h["lazaret-reasons"], `[{"code":"`) ||
			h["lazaret-quarantine-id"] == "" || !strings.HasPrefix(h["Trace"], "\xff") || h["__connect.errors.exception.message"] == "" {
			t.Errorf("headers of the mirror: %q", h)
		}
	}
	for _, r := range f.read(f.out) {
		h := headers(r)
		if h["lazaret-stream"] != "clickstream" || h["lazaret-schema"] != "clickstream:1" || h["lazaret-ruleset"] != "1" || h["lazaret-event-id"] == "" ||
			!strings.HasPrefix(h["Trace"], "\xff") {
			t.Errorf("headers of the sink: %q", h)
		}
	}
}

func headers(r kafkaio.Record) map[string]string {
	m := map[string]string{}
	for _, h := range r.Headers {
		m[h.Key] = string(h.Value)
	}
	return m
}
