package app_test

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/app"
	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/kafkaio"
	"github.com/lazaret/lazaret/internal/kafkatest"
)

// labPatience bounds every wait of a lab.
const labPatience = 30 * time.Second

// lab is a gateway in this process, on a real broker, that is looked into.
type lab struct {
	t       testing.TB
	broker  *kafkatest.Broker
	cluster *kafkaio.Cluster // another than the gateway's
	c       *client.Client
	url     string
	log     *logText
}

// newLab starts a gateway on the broker that the package's tests share.
func newLab(t testing.TB, change func(*app.Config)) *lab {
	t.Helper()
	b := kafkatest.Start(t)
	l := &lab{t: t, broker: b, cluster: connect(t, b.Addr())}
	cfg := testConfig(t)
	cfg.Kafka.Brokers = []string{b.Addr()}
	if change != nil {
		change(&cfg)
	}
	l.start(cfg)
	return l
}

func (l *lab) start(cfg app.Config) {
	l.t.Helper()
	l.log = &logText{}
	cfg.Log = slog.New(slog.NewTextHandler(l.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	l.t.Cleanup(func() {
		if l.t.Failed() {
			text := l.log.String()
			l.t.Logf("the log ends:\n%s", text[max(0, len(text)-4000):])
		}
	})
	var a *app.App
	a, l.c = startApp(l.t, cfg)
	l.url = a.URL()
}

// logText is a log that is read while it is written.
type logText struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *lab) ok(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// await looks again and again until something is so.
func (l *lab) await(what string, ready func() bool) {
	l.t.Helper()
	for deadline := time.Now().Add(labPatience); !ready(); {
		if time.Now().After(deadline) {
			l.t.Fatalf("not within %s: %s", labPatience, what)
		}
		time.Sleep(10 * time.Millisecond) // looking again at what the broker and the gateway say
	}
}

// manifest is a stream as it is applied.
type manifest struct {
	Kind string `json:"kind"`
	gateway.Stream
}

// rule is a rule set of one rule.
func rule(stream, expr, severity string) any {
	return map[string]any{"kind": "RuleSet", "stream": stream, "rules": []any{map[string]any{"id": "rule", "expr": expr, "severity": severity}}}
}

// apply applies a stream and resources that belong to it.
func (l *lab) apply(s gateway.Stream, more ...any) {
	l.t.Helper()
	_, err := l.c.Apply(l.t.Context(), append(more, manifest{"Stream", s}), false)
	l.ok(err)
}

// between is a stream from topic to topic, in a group of its own.
func between(name, in, out string) gateway.Stream {
	return gateway.Stream{
		Name: name, ID: "/id", Sink: gateway.SinkSpec{Kafka: &gateway.KafkaSink{Topic: out}},
		Sources: []gateway.SourceSpec{{Kafka: &gateway.KafkaSource{Topics: []string{in}, Group: name + "-" + in}}},
	}
}

func (l *lab) write(topic string, list ...kafkaio.Message) {
	l.t.Helper()
	p := l.cluster.NewProducer(kafkaio.ProducerConfig{})
	defer p.Close()
	l.ok(p.Write(l.t.Context(), topic, list))
}

// parts are the partitions of a topic.
func (l *lab) parts(topic string) (list []kafkaio.Partition) {
	l.t.Helper()
	n, err := l.cluster.Topics(l.t.Context(), func(name string) bool { return name == topic })
	l.ok(err)
	for id := range n[topic] {
		list = append(list, kafkaio.Partition{Topic: topic, ID: id})
	}
	return list
}

// taken waits until a stream that between made has committed all that is in its topics.
func (l *lab) taken(s gateway.Stream) {
	l.t.Helper()
	source := s.Sources[0].Kafka
	for _, topic := range source.Topics {
		parts := l.parts(topic)
		ends, err := l.cluster.ListOffsets(l.t.Context(), parts, kafkaio.Latest)
		l.ok(err)
		l.await("all of "+topic+" is taken", func() bool {
			at, err := l.cluster.FetchOffsets(l.t.Context(), source.GroupFor(s.Name), parts)
			behind := int64(0)
			for _, p := range parts {
				behind += ends[p] - at[p].Next
			}
			return err == nil && behind == 0
		})
	}
}

// records returns all that is in a topic and committed, partition by partition.
func (l *lab) records(topic string) (all []kafkaio.Record) {
	l.t.Helper()
	for _, p := range l.parts(topic) {
		part := []kafkaio.Partition{p}
		var ends map[kafkaio.Partition]int64
		l.await("no transaction is open", func() bool {
			last, err := l.cluster.ListOffsets(l.t.Context(), part, kafkaio.Latest)
			l.ok(err)
			ends, err = l.cluster.ListOffsets(l.t.Context(), part, kafkaio.LatestCommitted)
			l.ok(err)
			return ends[p] == last[p]
		})
		for next := int64(0); next < ends[p]; {
			got, err := l.cluster.Fetch(l.t.Context(), kafkaio.FetchRequest{Partition: p, Offset: next})
			if kafkaio.Retriable(err) { // the client does not know of a new topic yet
				time.Sleep(10 * time.Millisecond)
				continue
			}
			l.ok(err)
			all, next = append(all, got.Records...), got.Next
		}
	}
	return all
}

// by finds records by the event's id.
func by(list []kafkaio.Record) map[string]kafkaio.Record {
	m := map[string]kafkaio.Record{}
	for _, r := range list {
		m[headers(r)["lazaret-event-id"]] = r
	}
	return m
}

func (l *lab) entries(stream string) []client.Entry {
	l.t.Helper()
	list, _, err := l.c.Entries(l.t.Context(), client.Filter{Stream: stream}, 1000, "")
	l.ok(err)
	return list
}

// metric is the value of a series in /metrics; false if it is not there.
func (l *lab) metric(series string) (float64, bool) {
	l.t.Helper()
	body, _, err := l.c.Open(l.t.Context(), client.Call{Method: http.MethodGet, Path: "/metrics"})
	l.ok(err)
	defer body.Close()
	for lines := bufio.NewScanner(body); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), series+" "); ok {
			v, err := strconv.ParseFloat(rest, 64)
			l.ok(err)
			return v, true
		}
	}
	return 0, false
}

// release runs a reprocess job over a stream.
func (l *lab) release(stream string) client.Job {
	l.t.Helper()
	job, err := l.c.Reprocess(l.t.Context(), client.Filter{Stream: stream}, false, 0)
	l.ok(err)
	ctx, cancel := context.WithTimeout(l.t.Context(), labPatience)
	defer cancel()
	job, err = l.c.WaitJob(ctx, job.ID, 10*time.Millisecond, nil)
	l.ok(err)
	if job.State != "done" {
		l.t.Fatalf("the job is %s: %s", job.State, job.Error)
	}
	return job
}
