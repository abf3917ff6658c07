package app_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/app"
	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/kafkaio"
	"github.com/lazaret/lazaret/internal/kafkatest"
)

// forever is for topics whose records are older than what a broker keeps by default.
var forever = map[string]string{"retention.ms": "-1"}

// sized is an event of that id and about so many bytes, which no codec makes much smaller.
func sized(id string, n int) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	pad := make([]byte, n)
	for i := range pad {
		pad[i] = letters[rng.IntN(len(letters))]
	}
	return fmt.Appendf(nil, `{"id":%q,"pad":%q}`, id, pad)
}

// What is larger than max_bytes, and what is larger than the broker takes, is quarantined;
// all else that came with it goes on, once, wherever it came from. When there is room the
// quarantine releases it with the key, time and headers that it came with.
func TestKafkaTooLarge(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	modes(t, func(t *testing.T, delivery string, _ bool) {
		l := *l
		l.t = t
		in, mirror := l.broker.Topic(t, 1, forever), l.broker.Topic(t, 1, forever)
		small, large := l.broker.Topic(t, 1, map[string]string{"max.message.bytes": "30000", "retention.ms": "-1"}), l.broker.Topic(t, 1, forever)
		s := between("large-"+delivery, in, small)
		s.Sink.Kafka.MaxBytes, s.Delivery = 50_000, gateway.Delivery(delivery)
		s.Quarantine = &gateway.QuarantineSpec{Mirror: &gateway.MirrorSpec{Topic: mirror}}
		l.apply(s)
		var list []kafkaio.Message
		var body []byte
		at := time.UnixMilli(1_700_000_000_123)
		for i, n := range []int{10, 60_000, 20, 40_000, 30} {
			list = append(list, kafkaio.Message{
				Key: fmt.Append(nil, "key-", i), Value: sized(fmt.Sprint("kafka-", i), n), Time: at,
				Headers: []kafkaio.Header{{Key: "Trace", Value: []byte{0xff, 0}}},
			})
			body = append(append(body, sized(fmt.Sprint("http-", i), n)...), '\n')
		}
		l.write(in, list...)
		for _, key := range []string{"", "key", "key"} {
			a, err := l.c.Ingest(t.Context(), client.Post{Stream: s.Name, Body: body, Type: client.NDJSON, IdempotencyKey: key, All: true})
			l.ok(err)
			if a.Accepted != 3 || a.Quarantined != 2 || a.Results[1].Reasons[0].Code != lazaret.CodeSinkRefused || a.Results[3].QuarantineID == "" {
				t.Errorf("key %q: the answer is %+v", key, a)
			}
		}
		l.taken(s)
		got := map[string]int{}
		for _, r := range l.records(small) {
			got[headers(r)["lazaret-event-id"]]++
		}
		want := map[string]int{"kafka-0": 1, "kafka-2": 1, "kafka-4": 1, "http-0": 2, "http-2": 2, "http-4": 2}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("the topic has %v, want %v", got, want)
		}
		entries := l.entries(s.Name)
		for _, e := range entries {
			if e.Reasons[0].Code != lazaret.CodeSinkRefused || !strings.HasSuffix(e.EventID, "-1") && !strings.HasSuffix(e.EventID, "-3") {
				t.Errorf("in the quarantine: %+v", e)
			}
		}
		// What is larger than the stream's own limit is too large for the mirror as well.
		if mirrored := l.records(mirror); len(entries) != 6 || len(mirrored) != 3 {
			t.Errorf("%d entries, %d of them mirrored", len(entries), len(mirrored))
		}
		s.Sink.Kafka = &gateway.KafkaSink{Topic: large, Compression: gateway.CompressZstd}
		l.apply(s)
		if job := l.release(s.Name); job.Released != 6 {
			t.Errorf("the job released %d", job.Released)
		}
		released := l.records(large)
		for _, r := range released {
			h := headers(r)
			if when, err := time.Parse(time.RFC3339, h["lazaret-released-at"]); err != nil || time.Since(when) > time.Hour || h["lazaret-quarantine-id"] == "" || h["lazaret-stream"] != s.Name {
				t.Errorf("headers of a released record: %q", h)
			}
			id := h["lazaret-event-id"]
			if strings.HasPrefix(id, "kafka-") && (string(r.Key) != "key-"+id[6:] || !r.Time.Equal(at) || h["Trace"] != "\xff\x00" || !bytes.Equal(r.Value, list[id[6]-'0'].Value)) {
				t.Errorf("%s was released with the key %q, the time %s, and headers %q", id, r.Key, r.Time, h)
			}
		}
		if len(released) != 6 {
			t.Errorf("%d records were released", len(released))
		}
	})
}

// The key of a record, its partition, time and headers are what docs/kafka.md says.
func TestKafkaKeysAndHeaders(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	modes(t, func(t *testing.T, delivery string, _ bool) {
		l := *l
		l.t = t
		const partitions = 5
		in, out := l.broker.Topic(t, 2, forever), l.broker.Topic(t, partitions, forever)
		s := between("keys-"+delivery, in, out)
		s.Key, s.Delivery = "/user", gateway.Delivery(delivery)
		l.apply(s, rule(s.Name, "event.n < 10", "warn"))
		at := time.UnixMilli(1_700_000_000_456)
		header := func(list ...string) (h []kafkaio.Header) {
			for i := 0; i < len(list); i += 2 {
				h = append(h, kafkaio.Header{Key: list[i], Value: []byte(list[i+1])})
			}
			return h
		}
		l.write(in,
			kafkaio.Message{Key: []byte("own"), Value: []byte(`{"id":"1","user":"u1","n":1}`), Time: at,
				Headers: header("lazaret-event-id", "forged", "lazaret-x", "y", "__connect.errors.topic", "z", "Other", "v", "Other", "w", "traceparent", "tp")},
			kafkaio.Message{Key: []byte("own"), Value: []byte(`{"id":"2","n":50}`), Time: at},
			kafkaio.Message{Value: []byte(`{"id":"3","user":42.0,"n":1}`), Time: at},
			kafkaio.Message{Partition: 1, Value: []byte(`{"n":1}`), Time: at},
		)
		l.taken(s)
		got := l.records(out)
		for _, e := range l.entries(s.Name) {
			t.Errorf("quarantined: %+v", e)
		}
		for _, r := range got {
			if !r.Time.Equal(at) {
				t.Errorf("the time of %s is %s", r.Value, r.Time)
			}
		}
		for _, p := range l.parts(out) {
			f, err := l.cluster.Fetch(t.Context(), kafkaio.FetchRequest{Partition: p})
			l.ok(err)
			for _, r := range f.Records {
				if r.Key != nil && kafkaio.PartitionFor(r.Key, partitions) != p.ID {
					t.Errorf("the key %s is in partition %d", r.Key, p.ID)
				}
			}
		}
		place := fmt.Sprintf("kafka:%s/1@0#%d", in, at.UnixMilli())
		named := by(got)
		for id, key := range map[string]string{"1": "u1", "2": "own", "3": "42.0", place: ""} {
			if r, ok := named[id]; !ok || string(r.Key) != key || (r.Key == nil) != (key == "") {
				t.Errorf("the record of %s has the key %q, want %q", id, r.Key, key)
			}
		}
		first := headers(named["1"])
		if len(named["1"].Headers) != 6 || first["Other"] != "w" || first["traceparent"] != "tp" || first["lazaret-ruleset"] != "1" {
			t.Errorf("headers: %q", named["1"].Headers)
		}
		if w := headers(named["2"])["lazaret-warnings"]; !strings.HasPrefix(w, `[{"code":"rule.`) || !strings.Contains(w, `"rule":"rule"`) || first["lazaret-warnings"] != "" {
			t.Errorf("warnings: %q", w)
		}
	})
}

// CloudEvents that come over HTTP go out as the Kafka binding has them.
func TestKafkaCloudEventsFromHTTP(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	out := l.broker.Topic(t, 1, nil)
	l.apply(gateway.Stream{Name: "ce", Sink: gateway.SinkSpec{Kafka: &gateway.KafkaSink{Topic: out}}})
	_, err := l.c.Ingest(t.Context(), client.Post{Stream: "ce", Body: []byte(`{"n":1}`), Header: http.Header{
		"Ce-Specversion": {"1.0"}, "Ce-Id": {"binary"}, "Ce-Source": {"/s"}, "Ce-Type": {"t"}, "Traceparent": {"tp"}, "X-Other": {"v"}, "Authorization": {"Bearer x"},
	}})
	l.ok(err)
	whole := []byte(`{"specversion":"1.0","id":"structured","source":"/s","type":"t","partitionkey":"pk","data":{"n":2}}`)
	_, err = l.c.Ingest(t.Context(), client.Post{Stream: "ce", Body: whole, Type: "application/cloudevents+json"})
	l.ok(err)
	got := by(l.records(out))
	h := headers(got["binary"])
	delete(h, "ce_source")
	if want := map[string]string{"ce_specversion": "1.0", "ce_id": "binary", "ce_type": "t", "traceparent": "tp", "lazaret-event-id": "binary", "lazaret-stream": "ce"}; fmt.Sprint(h) != fmt.Sprint(want) {
		t.Errorf("binary: %q", h)
	}
	r := got["structured"]
	if headers(r)["content-type"] != "application/cloudevents+json" || !bytes.Equal(r.Value, whole) || string(r.Key) != "pk" || time.Since(r.Time) > time.Hour {
		t.Errorf("structured: key %q, time %s, headers %q", r.Key, r.Time, headers(r))
	}
}

// CloudEvents in Kafka are understood in both modes: rules see their attributes.
func TestKafkaCloudEventsIn(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	in, out := l.broker.Topic(t, 1, nil), l.broker.Topic(t, 1, nil)
	s := between("ce", in, out)
	s.ID, s.Sources[0].Kafka.Headers = "", []string{}
	l.apply(s, rule("ce", `meta.ce.type == "good" && event.n == 1`, "reject"))
	structured := []kafkaio.Header{{Key: "Content-Type", Value: []byte("application/cloudevents+json; charset=UTF-8")}}
	for _, kind := range []string{"good", "bad"} {
		l.write(in,
			kafkaio.Message{Value: []byte(`{"n":1}`), Headers: []kafkaio.Header{
				{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_id", Value: []byte("b-" + kind)}, {Key: "ce_source", Value: []byte("/a%20b")},
				{Key: "ce_type", Value: []byte(kind)}, {Key: "dropped", Value: []byte("x")}, {Key: "ce_partitionkey", Value: []byte("pk")},
			}, Key: []byte("own")},
			kafkaio.Message{Value: fmt.Appendf(nil, `{"specversion":"1.0","id":"s-%s","source":"/s","type":%q,"data":{"n":1}}`, kind, kind), Headers: structured, Key: []byte("own")})
	}
	l.taken(s)
	got := by(l.records(out))
	if len(got) != 2 || headers(got["b-good"])["ce_source"] != "/a%20b" || headers(got["s-good"])["Content-Type"] == "" || headers(got["b-good"])["dropped"] != "" ||
		string(got["b-good"].Key) != "pk" || string(got["s-good"].Key) != "own" {
		t.Errorf("the sink has %v", got)
	}
	var held []string
	for _, e := range l.entries("ce") {
		held = append(held, e.EventID+" "+e.Reasons[0].Rule)
	}
	slices.Sort(held)
	if !slices.Equal(held, []string{"b-bad rule", "s-bad rule"}) {
		t.Errorf("the quarantine has %q", held)
	}
}

// Only the headers that the source names are kept, and those that say what an event is.
func TestKafkaHeadersKept(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	in := l.broker.Topic(t, 1, nil)
	var list []kafkaio.Header
	for _, name := range []string{"Keep", "keep", "Drop", "TraceParent", "tracestate", "content-TYPE", "ce_x"} {
		list = append(list, kafkaio.Header{Key: name, Value: []byte("application/json")})
	}
	l.write(in, kafkaio.Message{Value: []byte("{}"), Headers: list})
	for name, c := range map[string]struct {
		keep []string
		want string
	}{
		"all":  {nil, "Keep keep Drop TraceParent tracestate content-TYPE ce_x"},
		"some": {[]string{"Keep", "none"}, "Keep TraceParent tracestate content-TYPE ce_x"},
		"none": {[]string{}, "TraceParent tracestate content-TYPE ce_x"},
	} {
		s := between(name, in, l.broker.Topic(t, 1, nil))
		s.Sources[0].Kafka.Headers = c.keep
		l.apply(s)
		l.taken(s)
		var got []string
		for _, h := range l.records(s.Sink.Kafka.Topic)[0].Headers {
			if !strings.HasPrefix(h.Key, "lazaret-") {
				got = append(got, h.Key)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: kept %q, want %q", name, got, c.want)
		}
	}
}

// What becomes of records without a value is what the stream says, and is counted so.
func TestKafkaTombstones(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	in := l.broker.Topic(t, 1, nil)
	l.write(in,
		kafkaio.Message{Key: []byte("a"), Value: []byte(`{"id":"1"}`)},
		kafkaio.Message{Key: []byte("a")},
		kafkaio.Message{},
		kafkaio.Message{Key: []byte("b"), Value: []byte{}},
	)
	for _, c := range []struct {
		policy         gateway.Tombstones
		delivery       gateway.Delivery
		out, held, all int
	}{
		{"", "", 1, 3, 4},
		{gateway.QuarantineTombstones, gateway.ExactlyOnce, 1, 3, 4},
		{gateway.SkipTombstones, "", 1, 1, 2},
		{gateway.SkipTombstones, gateway.ExactlyOnce, 1, 1, 2},
		{gateway.ForwardTombstones, "", 2, 2, 4},
		{gateway.ForwardTombstones, gateway.ExactlyOnce, 2, 2, 4},
	} {
		name := "t" + string(c.policy) + "-" + string(c.delivery)
		s := between(name, in, l.broker.Topic(t, 1, nil))
		mirror := l.broker.Topic(t, 1, nil)
		s.Delivery, s.Sources[0].Kafka.Tombstones = c.delivery, c.policy
		s.Quarantine = &gateway.QuarantineSpec{Mirror: &gateway.MirrorSpec{Topic: mirror}}
		l.apply(s)
		l.taken(s)
		got := l.records(s.Sink.Kafka.Topic)
		if len(got) != c.out || c.out == 2 && (got[1].Value != nil || string(got[1].Key) != "a" || headers(got[1])["lazaret-stream"] != name) {
			t.Errorf("%s: the sink has %d records: %v", name, len(got), got)
		}
		entries := l.entries(name)
		for _, e := range entries {
			if e.Reasons[0].Code != lazaret.CodeSyntax || e.Size != 0 {
				t.Errorf("%s: quarantined as %+v", name, e)
			}
		}
		if mirrored := l.records(mirror); len(entries) != c.held || len(mirrored) != c.held || c.held == 3 && (mirrored[0].Value != nil || string(mirrored[0].Key) != "a") {
			t.Errorf("%s: the quarantine has %d, the mirror %v", name, len(entries), mirrored)
		}
		l.await("it is counted", func() bool {
			n, _ := l.metric(`lazaret_received_total{source="kafka",stream="` + name + `"}`)
			return int(n) == c.all
		})
	}
	if job := l.release("t-"); job.Released != 0 {
		t.Errorf("a job has released %d tombstones", job.Released)
	}
}

// A stream that is changed while it runs: rules apply at once and without a rebalance,
// another sink applies to what comes then, and a stream that is deleted is read no more.
func TestKafkaStreamChanges(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	modes(t, func(t *testing.T, delivery string, _ bool) {
		l := *l
		l.t = t
		in, out, other := l.broker.Topic(t, 2, nil), l.broker.Topic(t, 1, nil), l.broker.Topic(t, 1, nil)
		s := between("changes-"+delivery, in, out)
		s.Delivery = gateway.Delivery(delivery)
		l.apply(s, rule(s.Name, "event.n < 10", "reject"))
		next := 0
		feed := func(n int) {
			next++
			l.write(in, kafkaio.Message{Partition: int32(next % 2), Value: fmt.Appendf(nil, `{"id":"%d","n":%d}`, next, n)})
			l.taken(s)
		}
		rebalances := func() float64 {
			n, _ := l.metric(`lazaret_source_rebalances_total{stream="` + s.Name + `"}`)
			return n
		}
		feed(20)
		before := rebalances()
		l.apply(s, rule(s.Name, "event.n < 30", "reject"))
		feed(20)
		if after := rebalances(); after != before || before == 0 {
			t.Errorf("%v rebalances, and %v after a change of the rules", before, after)
		}
		s.Sink.Kafka.Topic = other
		l.apply(s)
		feed(20)
		l.apply(s, rule(s.Name, "event.n < 10", "reject"))
		feed(20)
		var got []string
		for _, topic := range []string{out, other} {
			for id := range by(l.records(topic)) {
				got = append(got, id)
			}
			got = append(got, "|")
		}
		if strings.Join(got, "") != "2|3|" || len(l.entries(s.Name)) != 2 {
			t.Errorf("the sinks have %q, the quarantine %d", got, len(l.entries(s.Name)))
		}
		if n, _ := l.metric(`lazaret_sink_write_seconds_count{stream="` + s.Name + `"}`); n < 2 {
			t.Errorf("%v writes to the sink were measured", n)
		}
		_, err := l.c.Delete(t.Context(), "streams", s.Name, false, true)
		l.ok(err)
		// Offsets outside of a group's life are taken only when it has no member any more.
		p := kafkaio.Partition{Topic: in}
		at, err := l.cluster.FetchOffsets(t.Context(), s.Sources[0].Kafka.Group, []kafkaio.Partition{p})
		l.ok(err)
		l.await("the group is left", func() bool {
			return l.cluster.CommitOffsets(t.Context(), kafkaio.GroupIdentity{Group: s.Sources[0].Kafka.Group, Generation: -1}, at) == nil
		})
		if _, still := l.metric(`lazaret_source_lag_records{partition="0",stream="` + s.Name + `",topic="` + in + `"}`); still {
			t.Error("the lag of a stream that is gone is still told")
		}
	})
}

// Several topics are read, also one that is made later; of a pattern, what lazaret.yaml does
// not allow is left out; and /metrics has the lag of each partition.
func TestKafkaTopics(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t)
	base := b.Topic(t, 1, nil)
	l := newLab(t, func(c *app.Config) { c.Kafka.Topics.Consume = []string{base + "[.](one|two|three)"} })
	l.ok(b.CreateTopic(t.Context(), base+".one", 2, nil))
	l.ok(b.CreateTopic(t.Context(), base+".secret", 1, nil))
	out := b.Topic(t, 1, nil)
	s := between("topics", base+".one", out)
	s.Sources[0].Kafka.Topics = []string{base + ".one", base + ".two"}
	like := between("like", base, b.Topic(t, 1, nil))
	like.Sources[0].Kafka.Topics, like.Sources[0].Kafka.Pattern = nil, base+"[.].*"
	l.write(base+".secret", kafkaio.Message{Value: []byte(`{"id":"secret"}`)})
	l.write(base+".one", kafkaio.Message{Partition: 1, Value: []byte(`{"id":"1"}`)})
	l.apply(s)
	l.apply(like)
	ids := func(topic string) string {
		var list []string
		for id := range by(l.records(topic)) {
			list = append(list, id)
		}
		slices.Sort(list)
		return strings.Join(list, " ")
	}
	l.await("what is there is read", func() bool { return ids(out) == "1" && ids(like.Sink.Kafka.Topic) == "1" })
	l.ok(b.CreateTopic(t.Context(), base+".two", 1, nil))
	l.write(base+".two", kafkaio.Message{Value: []byte(`{"id":"2"}`)})
	l.await("what came later is read", func() bool { return ids(out) == "1 2" && ids(like.Sink.Kafka.Topic) == "1 2" })
	for part, topic := range []string{".two", ".one"} {
		l.await("the lag is told", func() bool {
			n, known := l.metric(fmt.Sprintf(`lazaret_source_lag_records{partition="%d",stream="topics",topic="%s"}`, part, base+topic))
			return known && n == 0
		})
	}
	if _, known := l.metric(`lazaret_source_lag_records{partition="0",stream="like",topic="` + base + `.secret"}`); known {
		t.Error("a topic is read that may not be")
	}
	var p *client.Problem
	s.Sources[0].Kafka.Topics = []string{base + ".secret"}
	if _, err := l.c.Apply(t.Context(), []any{manifest{"Stream", s}}, false); err == nil || !strings.Contains(err.Error(), "kafka.topics.consume") {
		t.Errorf("a topic that is named and not allowed: %v, %v", err, p)
	}
}

// Promise 1 for a Kafka sink: what is sent over HTTP with an idempotency key is there once,
// whenever the server is killed and however often the request is repeated.
func TestKafkaKillKeyed(t *testing.T) {
	t.Parallel()
	const senders, events, rounds = 3, 10, 8
	f := newFlow(t, kafkatest.Start(t), "at_least_once", 0)
	s, c := f.server()
	l := &lab{t: t, cluster: f.cluster}
	_, err := c.Apply(t.Context(), []any{manifest{"Stream", gateway.Stream{Name: "keyed", ID: "/id", Sink: gateway.SinkSpec{Kafka: &gateway.KafkaSink{Topic: f.out}}}}}, false)
	l.ok(err)
	ctx, stop := context.WithCancel(t.Context())
	var mu sync.Mutex
	acked, failed := map[string]bool{}, 0
	var wg sync.WaitGroup
	for sender := range senders {
		c := s.client(t, -1)
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				var body []byte
				var ids []string
				for j := range events {
					ids = append(ids, fmt.Sprintf("%d-%d-%d", sender, i, j))
					body = fmt.Appendf(body, "{\"id\":%q}\n", ids[j])
				}
				post := client.Post{Stream: "keyed", Body: body, Type: client.NDJSON, IdempotencyKey: "request-" + strconv.Itoa(sender) + "-" + strconv.Itoa(i)}
				for {
					// The request goes on after the load has ended: its outcome must be known.
					_, err := c.Ingest(context.WithoutCancel(ctx), post)
					mu.Lock()
					if err != nil {
						failed++
					} else {
						for _, id := range ids {
							acked[id] = true
						}
					}
					mu.Unlock()
					if err == nil {
						break
					}
					time.Sleep(5 * time.Millisecond) // the server may be down for a while
				}
			}
		})
	}
	for range rounds {
		mu.Lock()
		before := len(acked)
		mu.Unlock()
		l.await("requests are answered", func() bool { mu.Lock(); defer mu.Unlock(); return len(acked) > before+4*events })
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond) // the random point
		s.kill()
		s.start()
	}
	stop()
	wg.Wait()
	count := map[string]int{}
	for _, r := range l.records(f.out) {
		count[headers(r)["lazaret-event-id"]]++
	}
	wrong := 0
	for id := range acked {
		if count[id] != 1 {
			wrong++
		}
	}
	t.Logf("%d kills; %d events acknowledged, %d in the topic; %d requests failed", rounds, len(acked), len(count), failed)
	if wrong > 0 || len(count) != len(acked) || failed == 0 {
		t.Errorf("%d of %d events are not there once", wrong, len(acked))
	}
}

// An event that is larger than limits.event is quarantined whole, though its record is larger
// than one fetch, and what comes after it goes on.
func TestKafkaEventTooLarge(t *testing.T) {
	t.Parallel()
	l := newLab(t, func(c *app.Config) { c.Limits.Event = 1 << 20 })
	in := l.broker.Topic(t, 1, map[string]string{"max.message.bytes": "5000000"})
	s := between("huge", in, l.broker.Topic(t, 1, nil))
	l.apply(s)
	huge := sized("huge", 3<<20)
	l.write(in, kafkaio.Message{Value: huge}, kafkaio.Message{Value: sized("next", 10)})
	l.taken(s)
	if got := by(l.records(s.Sink.Kafka.Topic)); len(got) != 1 || got["next"].Value == nil {
		t.Errorf("the sink has %d records", len(got))
	}
	entries := l.entries("huge")
	if len(entries) != 1 || entries[0].Reasons[0].Code != lazaret.CodeSize {
		t.Fatalf("the quarantine has %+v", entries)
	}
	if kept, err := l.c.Payload(t.Context(), entries[0].ID); err != nil || !bytes.Equal(kept, huge) {
		t.Errorf("%d bytes are kept: %v", len(kept), err)
	}
}

// A gateway that stops ends all that it began with Kafka, and soon, also if no broker answers
// any more.
func TestKafkaStop(t *testing.T) {
	b := kafkatest.New(t, kafkatest.Options{})
	for _, dead := range []bool{false, true} {
		before := goleak.IgnoreCurrent()
		l := &lab{t: t, broker: b, cluster: connect(t, b.Addr()), log: &logText{}}
		cfg := testConfig(t)
		cfg.Kafka.Brokers, cfg.Log = []string{b.Addr()}, slog.New(slog.NewTextHandler(l.log, nil))
		a, c := startApp(t, cfg)
		l.c = c
		in, out, mirror := b.Topic(t, 2, nil), b.Topic(t, 2, nil), b.Topic(t, 2, nil)
		for _, delivery := range []gateway.Delivery{gateway.AtLeastOnce, gateway.ExactlyOnce} {
			s := between(string("stops-"+delivery), in, out)
			s.Delivery, s.Quarantine = delivery, &gateway.QuarantineSpec{Mirror: &gateway.MirrorSpec{Topic: mirror}}
			l.apply(s)
			l.write(in, kafkaio.Message{Value: []byte("{}")}, kafkaio.Message{Value: []byte("{")})
			l.taken(s)
		}
		if dead {
			l.write(in, kafkaio.Message{Value: []byte("{}")})
			l.ok(b.Kill())
		}
		start := time.Now()
		l.ok(a.Stop(t.Context()))
		if took := time.Since(start); took > time.Duration(cfg.ShutdownTimeout) {
			t.Errorf("it took %s to stop", took)
		} else {
			t.Logf("stopped within %s", took.Round(time.Millisecond))
		}
		c.Close()
		l.cluster.Close()
		goleak.VerifyNone(t, before,
			// These sleep for some seconds before they see that they were stopped, or for ever.
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
	}
}
