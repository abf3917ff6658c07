package kafka

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/kafkaio"
	"github.com/lazaret/lazaret/internal/kafkatest"
)

// When Run and Close have returned nothing of theirs runs any more.
func TestNothingIsLeft(t *testing.T) {
	b := kafkatest.Start(t)
	in, out := b.Topic(t, 2, nil), b.Topic(t, 2, nil)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	c, err := kafkaio.New(kafkaio.Config{Brokers: []string{b.Addr()}})
	must(t, err)
	defer c.Close()
	produce(t, c, in, numbered(0, 10)...)
	r := run(t, c, gateway.KafkaSource{Topics: []string{in}, Group: in}, nil)
	r.await(t, "all is taken", func() bool { return len(r.events) == 10 })
	sink := NewSink(SinkConfig{Cluster: c, Spec: gateway.KafkaSink{Topic: out}, Stream: "s", Instance: "i"})
	must(t, sink.Write(t.Context(), batch("", "a", "b")))
	must(t, sink.Write(t.Context(), batch(in, "c")))
	must(t, sink.Close(t.Context()))
	if sink.Ready() == nil {
		t.Error("a closed sink says that it is ready")
	}
	r.stop()
	if r.admitted != 0 {
		t.Errorf("the room for %d fetches was not given back", r.admitted)
	}
	if len(r.lag) != 0 {
		t.Errorf("the lag of partitions that are not read any more is still told: %v", r.lag)
	}
}

// A pattern is followed as topics come; what may not be read, and what it does not match
// whole, is left out.
func TestPatternIsFollowed(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t)
	c := dial(t, b.Addr())
	base := b.Topic(t, 1, nil)
	first, later, secret, longer := base+".a", base+".b", base+".secret", base+".a.more.x"
	for _, topic := range []string{first, secret, longer} {
		must(t, b.CreateTopic(t.Context(), topic, 1, nil))
		produce(t, c, topic, "1")
	}
	spec := gateway.KafkaSource{Pattern: regexp.QuoteMeta(base) + "[.][a-z]+", Group: base}
	r := run(t, c, spec, func(s *Source) {
		all := s.match
		s.match = func(topic string) bool { return all(topic) && topic != secret }
	})
	r.await(t, "the topic that is there is read", func() bool { return len(r.values(first)) == 1 })
	must(t, b.CreateTopic(t.Context(), later, 3, nil))
	write(t, c, later, kafkaio.Message{Partition: 2, Value: []byte("2")})
	r.await(t, "the topic that came later is read", func() bool { return len(r.values(later)) == 1 })
	produce(t, c, first, "3")
	r.await(t, "the first one is read on", func() bool { return len(r.values(first)) == 2 })
	r.stop()
	if got := r.values(""); len(got) != 3 {
		t.Errorf("taken: %q", got)
	}
}

// A member that has no partition stays, and gets the one of another that goes; so does one
// whose topic is not there yet. In both modes.
func TestMemberWithoutPartitions(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t)
	c := dial(t, b.Addr())
	for _, delivery := range []gateway.Delivery{gateway.AtLeastOnce, gateway.ExactlyOnce} {
		in, out := b.Topic(t, 1, nil)+".later", b.Topic(t, 1, nil)
		spec := gateway.KafkaSource{Topics: []string{in}, Group: in}
		mode := func(s *Source) {
			s.cfg.Stream.Delivery, s.cfg.Stream.Sink.Kafka = delivery, &gateway.KafkaSink{Topic: out}
		}
		one := run(t, c, spec, mode)
		other := run(t, c, spec, mode)
		one.await(t, "it is in the group", func() bool { return one.rebalanced > 0 })
		other.await(t, "it is in the group", func() bool { return other.rebalanced > 0 })
		must(t, b.CreateTopic(t.Context(), in, 1, nil))
		produce(t, c, in, "1")
		first, second := whoever(t, one, other)
		first.stop()
		produce(t, c, in, "2")
		second.await(t, "it takes over", func() bool { return slices.Equal(second.values(""), []string{"2"}) })
	}
}

// whoever waits until one of two has taken something, and returns that one first.
func whoever(t *testing.T, one, other *running) (first, second *running) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		for _, r := range [][2]*running{{one, other}, {other, one}} {
			taken := 0
			r[0].do(func() { taken = len(r[0].events) })
			if taken > 0 {
				return r[0], r[1]
			}
		}
		time.Sleep(5 * time.Millisecond) // looking again at two
	}
	t.Fatal("nobody takes the event")
	return nil, nil
}

// The source reads from where start says, in a partition without a committed offset; and
// from the committed offset in one that has it.
func TestStart(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t)
	c := dial(t, b.Addr())
	in := b.Topic(t, 1, map[string]string{"retention.ms": "-1"}) // the records are old
	noon := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for i := range 3 {
		write(t, c, in, kafkaio.Message{Value: fmt.Append(nil, i), Time: noon.Add(time.Duration(i) * time.Hour)})
	}
	for start, want := range map[gateway.Start][]string{
		"":                          {"0", "1", "2", "new"},
		gateway.StartEarliest:       {"0", "1", "2", "new"},
		gateway.StartLatest:         {"new"},
		"2026-01-31T13:00:00Z":      {"1", "2", "new"},
		"2026-01-31T15:00:00+01:00": {"2", "new"}, // in another zone
		"2026-01-31T14:00:00.01Z":   {"new"},
		"2033-01-31T14:00:00Z":      {"new"},
	} {
		t.Run(string(start), func(t *testing.T) {
			t.Parallel()
			spec := gateway.KafkaSource{Topics: []string{in}, Group: in + string(start), Start: start}
			r := run(t, c, spec, nil)
			// Where it begins is settled when the lag is known.
			r.await(t, "it reads", func() bool { _, known := r.lag[kafkaio.Partition{Topic: in}]; return known })
			produce(t, c, in, "new")
			has := func(n int) func() bool {
				return func() bool { v := r.values(""); return len(v) > n && v[len(v)-1] == "new" }
			}
			r.await(t, "the new record is taken", has(0))
			r.stop()
			got := slices.Compact(r.values("")) // other subtests write new ones, too
			if !slices.Equal(got, want) {
				t.Errorf("taken %q, want %q", got, want)
			}
			before := len(r.events)
			r.again(t, c, spec, nil)
			produce(t, c, in, "new")
			r.await(t, "it goes on", has(before))
			r.stop()
			if got := slices.Compact(r.values("")[before:]); !slices.Equal(got, []string{"new"}) {
				t.Errorf("after a stop it went on with %q", got)
			}
		})
	}
}

// While there is no room nothing is fetched, and no more than two batches of a partition
// are in hand.
func TestBackpressure(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t)
	c := dial(t, b.Addr())
	in := b.Topic(t, 1, nil)
	produce(t, c, in, numbered(0, 100)...)
	r := &running{taker: newTaker(), log: &logs{}}
	r.full = true
	r.again(t, c, gateway.KafkaSource{Topics: []string{in}, Group: in}, nil)
	r.await(t, "there is no room, several times", func() bool { return r.refused > 3 })
	r.await(t, "the lag is told nevertheless", func() bool { return r.lag[kafkaio.Partition{Topic: in}] == 100 })
	r.do(func() {
		if len(r.events) > 0 || r.retried > 0 {
			t.Errorf("%d events were taken without room for them; %d retries", len(r.events), r.retried)
		}
		r.full = false
	})
	r.await(t, "all is taken", func() bool { return len(r.events) == 100 })
	r.stop()
	if r.most > 2 || r.admitted != 0 {
		t.Errorf("%d batches in hand at a time, %d not released", r.most, r.admitted)
	}
}

// While a batch cannot be taken nothing is committed, the lag grows, and afterwards all is
// taken in its order.
func TestNothingIsTaken(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t)
	c := dial(t, b.Addr())
	in := b.Topic(t, 1, nil)
	part := kafkaio.Partition{Topic: in}
	r := &running{taker: newTaker(), log: &logs{}}
	r.fail = errors.New("the sink is down")
	produce(t, c, in, numbered(0, 50)...)
	r.again(t, c, gateway.KafkaSource{Topics: []string{in}, Group: in}, nil)
	r.await(t, "it was tried again", func() bool { return r.retried > 2 && r.lag[part] == 50 })
	produce(t, c, in, numbered(50, 50)...)
	r.await(t, "the lag grows", func() bool { return r.lag[part] == 100 })
	if at := committed(t, c, in, in); at > 0 {
		t.Errorf("offset %d is committed, of events that nobody took", at)
	}
	if !strings.Contains(r.log.String(), "the sink is down") {
		t.Error("the log does not say why")
	}
	r.do(func() { r.fail = nil })
	r.await(t, "all is taken", func() bool { return len(r.events) == 100 && r.lag[part] == 0 })
	r.stop()
	if !slices.Equal(r.values(""), numbered(0, 100)) {
		t.Error("not in their order, or not once")
	}
	if at := committed(t, c, in, in); at != 100 {
		t.Errorf("offset %d is committed, want 100", at)
	}
}

// What an open transaction upstream holds up shows as lag.
func TestLagOfOpenTransaction(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t)
	c := dial(t, b.Addr())
	in := b.Topic(t, 1, nil)
	upstream := c.NewProducer(kafkaio.ProducerConfig{TransactionalID: in})
	defer upstream.Close()
	must(t, upstream.Begin(t.Context()))
	must(t, upstream.Write(t.Context(), in, []kafkaio.Message{{Value: []byte("{}")}}))
	r := run(t, c, gateway.KafkaSource{Topics: []string{in}, Group: in}, nil)
	part := kafkaio.Partition{Topic: in}
	r.await(t, "the open transaction is behind", func() bool { return r.lag[part] == 1 })
	must(t, upstream.Commit(t.Context()))
	r.await(t, "it is taken when it is committed", func() bool { return len(r.events) == 1 })
	// The record that marks the end of the transaction is an offset, and no event.
	r.await(t, "nothing is behind", func() bool { return r.lag[part] == 0 })
	r.stop()
	if at := committed(t, c, in, in); at != 2 {
		t.Errorf("offset %d is committed, want 2", at)
	}
}

// Where records were deleted before they were read the source goes on behind them, and
// says so as an error.
func TestDeletedRecords(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t)
	c := dial(t, b.Addr())
	in := b.Topic(t, 1, nil)
	produce(t, c, in, numbered(0, 10)...)
	spec := gateway.KafkaSource{Topics: []string{in}, Group: in, Start: gateway.StartLatest}
	r := run(t, c, spec, nil)
	r.await(t, "it reads", func() bool { _, known := r.lag[kafkaio.Partition{Topic: in}]; return known })
	produce(t, c, in, numbered(10, 1)...)
	r.await(t, "the eleventh is taken", func() bool { return len(r.events) == 1 })
	r.stop()
	produce(t, c, in, numbered(11, 9)...)
	deleteRecords(t, b.Addr(), in, 15)
	r.again(t, c, spec, nil)
	r.await(t, "it goes on", func() bool { return len(r.events) == 6 })
	r.stop()
	if got := r.values("")[1:]; !slices.Equal(got, numbered(15, 5)) {
		t.Errorf("it went on with %q", got)
	}
	log := r.log.String()
	if !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "records were deleted") || !strings.Contains(log, "expected_offset=11 offset=15") || r.retried == 0 {
		t.Errorf("%d retries; the log:\n%s", r.retried, log)
	}
}

// A topic that is made anew under the same name is read from its start, also if the group
// has not noticed meanwhile; and no offset of the old one is committed for the new one.
func TestTopicMadeAnew(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t)
	c := dial(t, b.Addr())
	for _, refresh := range []time.Duration{200 * time.Millisecond, time.Hour} {
		in := b.Topic(t, 1, nil) + ".again" // a topic that nobody else removes
		must(t, b.CreateTopic(t.Context(), in, 1, nil))
		produce(t, c, in, numbered(0, 5)...)
		r := run(t, c, gateway.KafkaSource{Topics: []string{in}, Group: in}, func(s *Source) { s.times.refresh = refresh })
		r.await(t, "all is taken", func() bool { return len(r.events) == 5 })
		must(t, b.DeleteTopic(t.Context(), in))
		r.await(t, "that it is gone is noticed", func() bool {
			return r.assigned == 0 || refresh == time.Hour && strings.Contains(r.log.String(), errGone.Error())
		})
		must(t, b.CreateTopic(t.Context(), in, 1, nil))
		produce(t, c, in, numbered(5, 7)...)
		r.await(t, "the new one is read", func() bool { return len(r.events) >= 12 })
		r.stop()
		if !slices.Equal(r.values(""), numbered(0, 12)) {
			t.Errorf("taken: %q", r.values(""))
		}
		if at := committed(t, c, in, in); at != 7 {
			t.Errorf("offset %d is committed, want 7", at)
		}
		if a, b := r.events[0].Source, r.events[5].Source; a.Unique == b.Unique || a.String() != b.String() {
			t.Errorf("two events at one place of two topics of one name are called %q and %q", a.Unique, b.Unique)
		}
	}
}

// A fetch that hangs is given up, and made anew over another connection.
func TestFetchThatHangs(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	b := kafkatest.New(t, kafkatest.Options{Config: map[string]string{"advertised.listeners": "PLAINTEXT://" + p.ln.Addr().String()}})
	p.target <- b.Addr()
	c := dial(t, p.ln.Addr().String())
	in := b.Topic(t, 1, nil)
	produce(t, c, in, "1")
	r := run(t, c, gateway.KafkaSource{Topics: []string{in}, Group: in}, func(s *Source) { s.times.stalled = 500 * time.Millisecond })
	r.await(t, "it reads, over a connection that it keeps", func() bool { return len(r.events) == 1 })
	took := time.Duration(0)
	for n := 2; took < fetchWait && n < 20; n++ { // a freeze between two fetches makes none of them hang
		p.freeze()
		start := time.Now()
		produce(t, dial(t, p.ln.Addr().String()), in, strconv.Itoa(n))
		r.await(t, "it reads on", func() bool { return len(r.events) == n })
		took = time.Since(start)
	}
	t.Logf("read on after %s", took.Round(time.Millisecond))
	r.stop()
	if took < fetchWait || r.retried == 0 || !strings.Contains(r.log.String(), "a fetch failed") {
		t.Errorf("%d retries; the log:\n%s", r.retried, r.log)
	}
}
