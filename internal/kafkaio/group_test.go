package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"go.uber.org/goleak"

	"github.com/lazaret/lazaret/internal/kafkatest"
)

// testTime bounds whatever a test waits for.
const testTime = time.Minute

// groupCluster is a client that is closed when the test ends; then all goroutines are gone
// that were started since.
func groupCluster(t *testing.T, b *kafkatest.Broker) *Cluster {
	t.Helper()
	before := goleak.IgnoreCurrent()
	c, err := New(Config{Brokers: []string{b.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		// A broker that was started again waits for its process.
		if err := goleak.Find(before, goleak.IgnoreAnyFunction("os.(*Process).Wait")); err != nil {
			t.Error(err)
		}
	})
	return c
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	t.Cleanup(cancel)
	return ctx
}

// ledger is who has which partitions, as their runs tell it.
type ledger struct {
	t       *testing.T
	mu      sync.Mutex
	change  chan struct{} // closed and renewed at each change
	owner   map[Partition]string
	current map[string]*Generation // by member; nil between two generations
	runs    map[string]int
}

func newLedger(t *testing.T) *ledger {
	return &ledger{t: t, change: make(chan struct{}), owner: map[Partition]string{}, current: map[string]*Generation{}, runs: map[string]int{}}
}

func (l *ledger) locked(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	close(l.change)
	l.change = make(chan struct{})
}

// begin notes what a member has, none of which another may have.
func (l *ledger) begin(name string, g *Generation) {
	l.locked(func() {
		for _, p := range g.Partitions {
			if other, ok := l.owner[p]; ok {
				l.t.Errorf("%s gets %v, which %s has", name, p, other)
			}
			l.owner[p] = name
		}
		l.current[name] = g
		l.runs[name]++
	})
}

func (l *ledger) end(name string) {
	l.locked(func() {
		maps.DeleteFunc(l.owner, func(_ Partition, owner string) bool { return owner == name })
		delete(l.current, name)
	})
}

// await waits until ready says so. It is called with the ledger locked.
func (l *ledger) await(what string, ready func() bool) {
	l.t.Helper()
	limit := time.NewTimer(testTime)
	defer limit.Stop()
	for {
		l.mu.Lock()
		ok, change := ready(), l.change
		l.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-change:
		case <-limit.C:
			l.mu.Lock()
			defer l.mu.Unlock()
			l.t.Fatalf("waited too long for %s; now %v", what, l.owner)
		}
	}
}

// shared waits until total partitions are owned, by just these members, evenly.
func (l *ledger) shared(total int, members ...string) {
	l.t.Helper()
	l.await(fmt.Sprintf("%d partitions of %v", total, members), func() bool {
		if len(l.owner) != total || len(l.current) != len(members) {
			return false
		}
		for _, name := range members {
			g := l.current[name]
			if g == nil || len(g.Partitions) < total/len(members) || len(g.Partitions) > (total+len(members)-1)/len(members) {
				return false
			}
		}
		return true
	})
}

// consuming is a Consume under way.
type consuming struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // once done
}

func (c *consuming) stop() error {
	c.cancel()
	<-c.done
	return c.err
}

func testGroup(group string, topics ...string) GroupConfig {
	return GroupConfig{
		Group: group, Topics: func(t string) bool { return slices.Contains(topics, t) },
		SessionTimeout: 5 * time.Second, RebalanceTimeout: 20 * time.Second,
		HeartbeatEvery: 50 * time.Millisecond, RefreshEvery: 100 * time.Millisecond,
	}
}

// consume has a member take part until the test ends.
func consume(t *testing.T, c *Cluster, cfg GroupConfig, l *ledger, name string) *consuming {
	ctx, cancel := context.WithCancel(context.Background())
	con := &consuming{cancel: cancel, done: make(chan struct{})}
	if cfg.OnError == nil {
		cfg.OnError = func(err error) { t.Logf("%s: %v", name, err) }
	}
	go func() {
		defer close(con.done)
		con.err = c.Consume(ctx, cfg, func(ctx context.Context, g *Generation) error {
			l.begin(name, g)
			defer l.end(name)
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	t.Cleanup(func() { _ = con.stop() })
	return con
}

func TestGroupMembersComeAndGo(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	other, err := New(Config{Brokers: []string{b.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	topic, second := b.Topic(t, 6, nil), b.Topic(t, 1, nil)
	l := newLedger(t)
	cfg := testGroup(topic, topic, second)
	one := consume(t, c, cfg, l, "one")
	l.shared(7, "one")
	two := consume(t, other, cfg, l, "two")
	l.shared(7, "one", "two")
	three := consume(t, c, cfg, l, "three")
	l.shared(7, "one", "two", "three")
	for _, leaver := range []*consuming{one, three} { // the first is the leader
		if err := leaver.stop(); err != nil {
			t.Error(err)
		}
	}
	l.shared(7, "two")
	if err := two.stop(); err != nil {
		t.Error(err)
	}
}

// TestGroupDifferentTopics: each gets only what it asked for, also from another leader.
func TestGroupDifferentTopics(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	first, second := b.Topic(t, 3, nil), b.Topic(t, 3, nil)
	l := newLedger(t)
	consume(t, c, testGroup(first, first), l, "one")
	consume(t, c, testGroup(first, second), l, "two")
	l.shared(6, "one", "two")
	l.mu.Lock()
	defer l.mu.Unlock()
	for p, owner := range l.owner {
		if (p.Topic == first) != (owner == "one") {
			t.Errorf("%s has %v", owner, p)
		}
	}
}

// TestGroupWithKafkaGo shares a group with kafka-go's own members, which speak the
// protocol of Java's range assignor, whoever leads.
func TestGroupWithKafkaGo(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	topic := b.Topic(t, 4, nil)
	for _, first := range []string{"ours", "theirs"} {
		t.Run(first+" leads", func(t *testing.T) {
			l := newLedger(t)
			group := topic + first
			ours := func() { consume(t, c, testGroup(group, topic), l, "ours") }
			theirs := func() { foreigner(t, b.Addr(), group, topic, l) }
			if first == "ours" {
				ours()
				l.shared(4, "ours")
				theirs()
			} else {
				theirs()
				l.shared(4, "theirs")
				ours()
			}
			l.shared(4, "ours", "theirs")
		})
	}
}

// foreigner is a member by kafka-go's ConsumerGroup.
func foreigner(t *testing.T, addr, group, topic string, l *ledger) {
	g, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{
		ID: group, Brokers: []string{addr}, Topics: []string{topic},
		HeartbeatInterval: 50 * time.Millisecond, SessionTimeout: 5 * time.Second, RebalanceTimeout: 20 * time.Second,
		JoinGroupBackoff: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); _ = g.Close(); <-done })
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			gen, err := g.Next(ctx)
			if err != nil {
				continue
			}
			mine := &Generation{}
			for _, p := range gen.Assignments[topic] {
				mine.Partitions = append(mine.Partitions, Partition{topic, int32(p.ID)})
			}
			gen.Start(func(ctx context.Context) {
				l.begin("theirs", mine)
				<-ctx.Done()
				l.end("theirs")
			})
		}
	}()
}

// TestGroupSilentMember: who sends no heartbeats loses its partitions and may not commit.
func TestGroupSilentMember(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	topic := b.Topic(t, 2, nil)
	ctx := testContext(t)
	cfg, err := testGroup(topic, topic).withDefaults(c.log)
	if err != nil {
		t.Fatal(err)
	}
	cfg.SessionTimeout = time.Second
	silent := &member{cluster: c, cfg: cfg}
	s, err := silent.join(ctx)
	if err != nil || len(s.Partitions) != 2 {
		t.Fatalf("joined with %+v, %v", s, err)
	}
	offsets := map[Partition]Offset{{topic, 0}: {Next: 1}}
	if err := c.CommitOffsets(ctx, s.GroupIdentity, offsets); err != nil {
		t.Fatal(err)
	}
	l := newLedger(t)
	consume(t, c, cfg, l, "other")
	l.shared(2, "other")
	offsets[Partition{topic, 0}] = Offset{Next: 2}
	if err := c.CommitOffsets(ctx, s.GroupIdentity, offsets); !errors.Is(err, ErrStale) {
		t.Errorf("a commit of the member that is out: %v", err)
	}
	outside := GroupIdentity{Group: topic, Generation: -1}
	if err := c.CommitOffsets(ctx, outside, offsets); !errors.Is(err, ErrStale) {
		t.Errorf("a commit of somebody who is no member: %v", err)
	}
	got, err := c.FetchOffsets(ctx, topic, []Partition{{topic, 0}})
	if err != nil || got[Partition{topic, 0}].Next != 1 {
		t.Errorf("committed %v, %v", got, err)
	}
}

// TestGroupLostMembership: a run whose member the group has put out learns it, and the
// member comes back.
func TestGroupLostMembership(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	topic := b.Topic(t, 2, nil)
	ctx, cancel := context.WithCancel(testContext(t))
	runs := 0
	err := c.Consume(ctx, testGroup(topic, topic), func(ctx context.Context, g *Generation) error {
		if runs++; runs == 2 {
			cancel()
			return nil
		}
		// As an operator removes a member.
		out := &member{cluster: c, cfg: GroupConfig{Group: topic}, id: g.Member}
		out.leave(ctx)
		<-ctx.Done()
		if cause := context.Cause(ctx); !errors.Is(cause, ErrStale) {
			t.Errorf("run ended by %v", cause)
		}
		return ctx.Err()
	})
	if err != nil || runs != 2 {
		t.Errorf("%d runs, %v", runs, err)
	}
}

// TestGroupCommitWhileItRebalances: a run that was told of a rebalance still commits, and
// the next owner starts there.
func TestGroupCommitWhileItRebalances(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	topic := b.Topic(t, 2, nil)
	l := newLedger(t)
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	done := make(chan error, 1)
	committed := false
	go func() {
		done <- c.Consume(ctx, testGroup(topic, topic), func(ctx context.Context, g *Generation) error {
			l.begin("one", g)
			defer l.end("one")
			<-ctx.Done()
			if errors.Is(context.Cause(ctx), ErrRebalance) && !committed {
				committed = true
				offsets := map[Partition]Offset{{topic, 0}: {Next: 5}, {topic, 1}: {Next: 6, Metadata: "m"}}
				return c.CommitOffsets(context.WithoutCancel(ctx), g.GroupIdentity, offsets)
			}
			return ctx.Err()
		})
	}()
	l.shared(2, "one")
	consume(t, c, testGroup(topic, topic), l, "two")
	l.shared(2, "one", "two")
	got, err := c.FetchOffsets(ctx, topic, []Partition{{topic, 0}, {topic, 1}})
	want := map[Partition]Offset{{topic, 0}: {Next: 5}, {topic, 1}: {Next: 6, Metadata: "m"}}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("committed %v, %v", got, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestGroupCoordinatorRestarts(t *testing.T) {
	b := kafkatest.New(t, kafkatest.Options{})
	c := groupCluster(t, b)
	topic := b.Topic(t, 4, nil)
	cfg := testGroup(topic, topic)
	cfg.SessionTimeout = 30 * time.Second
	l := newLedger(t)
	one := consume(t, c, cfg, l, "one")
	two := consume(t, c, cfg, l, "two")
	l.shared(4, "one", "two")
	for i := range 2 {
		if err := b.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := b.Restart(testContext(t)); err != nil {
			t.Fatal(err)
		}
		l.shared(4, "one", "two")
		l.mu.Lock()
		g := l.current["one"].GroupIdentity
		l.mu.Unlock()
		p := Partition{topic, 0}
		if err := c.CommitOffsets(testContext(t), g, map[Partition]Offset{p: {Next: int64(i)}}); err != nil {
			t.Errorf("a commit in the generation from before: %v", err)
		}
	}
	three := consume(t, c, cfg, l, "three")
	l.shared(4, "one", "two", "three")
	for _, con := range []*consuming{one, two, three} {
		if err := con.stop(); err != nil {
			t.Error(err)
		}
	}
	unreachable(t, b, c, topic)
}

// unreachable has a member whose coordinator is gone for longer than a session: its run
// ends, although nobody could say that the group has gone on.
func unreachable(t *testing.T, b *kafkatest.Broker, c *Cluster, topic string) {
	cfg := testGroup(topic+"-unreachable", topic)
	cfg.SessionTimeout = time.Second
	cfg.OnError = func(error) {}
	ctx, cancel := context.WithCancel(testContext(t))
	err := c.Consume(ctx, cfg, func(ctx context.Context, _ *Generation) error {
		if err := b.Kill(); err != nil {
			t.Error(err)
		}
		<-ctx.Done()
		if cause := context.Cause(ctx); !errors.Is(cause, ErrStale) {
			t.Errorf("run ended by %v", cause)
		}
		cancel()
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestGroupPattern follows topics that come, grow and go.
func TestGroupPattern(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	ctx := testContext(t)
	prefix := b.Topic(t, 1, nil) + "-"
	cfg := testGroup(prefix)
	cfg.Topics = func(t string) bool { return strings.HasPrefix(t, prefix) }
	l := newLedger(t)
	consume(t, c, cfg, l, "one")
	consume(t, c, cfg, l, "two")
	l.shared(0, "one", "two")
	if err := c.CreateTopic(ctx, prefix+"a", 3, 1, nil); err != nil {
		t.Fatal(err)
	}
	l.shared(3, "one", "two")
	if err := c.CreateTopic(ctx, prefix+"b", 2, -1, map[string]string{"retention.ms": "60000"}); err != nil {
		t.Fatal(err)
	}
	l.shared(5, "one", "two")
	growTopic(t, c, prefix+"a", 4)
	l.shared(6, "one", "two")
	if err := b.DeleteTopic(ctx, prefix+"b"); err != nil {
		t.Fatal(err)
	}
	l.shared(4, "one", "two")
}

// growTopic gives a topic more partitions.
func growTopic(t *testing.T, c *Cluster, topic string, partitions int32) {
	t.Helper()
	res, err := c.client.CreatePartitions(testContext(t), &kafkago.CreatePartitionsRequest{
		Topics: []kafkago.TopicPartitionsConfig{{Name: topic, Count: partitions}},
	})
	if err != nil || res.Errors[topic] != nil {
		t.Fatal(res, err)
	}
}

// TestGroupStaticMember: one that comes back soon has its partitions again, and nobody
// else notices; if it led the group it still does.
func TestGroupStaticMember(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	topic := b.Topic(t, 4, nil)
	cfg := testGroup(topic, topic)
	cfg.SessionTimeout = 20 * time.Second
	l := newLedger(t)
	static := cfg
	static.InstanceID = "first"
	first := consume(t, c, static, l, "first") // the leader
	l.shared(4, "first")
	other := cfg
	other.InstanceID = "other"
	consume(t, c, other, l, "other")
	l.shared(4, "first", "other")
	l.mu.Lock()
	before, runs := *l.current["first"], l.runs["other"]
	l.mu.Unlock()
	for range 2 {
		if err := first.stop(); err != nil {
			t.Error(err)
		}
		first = consume(t, c, static, l, "first")
		l.shared(4, "first", "other")
	}
	l.mu.Lock()
	now := l.current["first"]
	if now.Generation != before.Generation || !slices.Equal(now.Partitions, before.Partitions) || l.runs["other"] != runs {
		t.Errorf("it was %+v and is %+v; the other had %d runs and %d more", before, now, runs, l.runs["other"]-runs)
	}
	l.mu.Unlock()
	growTopic(t, c, topic, 6)
	l.shared(6, "first", "other")
}

// TestGroupInstanceTwice: of two of the same instance the later one stays.
func TestGroupInstanceTwice(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	topic := b.Topic(t, 1, nil)
	cfg := testGroup(topic, topic)
	cfg.InstanceID = "same"
	l := newLedger(t)
	first := consume(t, c, cfg, l, "first")
	l.shared(1, "first")
	l2 := newLedger(t)
	consume(t, c, cfg, l2, "second")
	l2.shared(1, "second")
	<-first.done
	if !errors.Is(first.err, ErrStale) {
		t.Errorf("the first ended with %v", first.err)
	}
}

// TestGroupRunFails: a run that fails is called again in the same generation, and one
// that is done ends Consume.
func TestGroupRunFails(t *testing.T) {
	b := kafkatest.Start(t)
	c := groupCluster(t, b)
	topic := b.Topic(t, 1, nil)
	cfg := testGroup(topic, topic)
	var told []error
	cfg.OnError = func(err error) { told = append(told, err) }
	broken := errors.New("the sink is down")
	var seen []int32
	err := c.Consume(testContext(t), cfg, func(_ context.Context, g *Generation) error {
		if seen = append(seen, g.Generation); len(seen) < 4 {
			return broken
		}
		return nil
	})
	if err != nil || len(seen) != 4 || seen[0] != seen[3] {
		t.Errorf("generations %v, %v", seen, err)
	}
	if len(told) != 3 || !errors.Is(told[0], broken) {
		t.Errorf("told of %v", told)
	}
}

// TestGroupNoBroker: Consume ends with its ctx also when nobody ever answered.
func TestGroupNoBroker(t *testing.T) {
	c, err := New(Config{Brokers: []string{"127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	err = c.Consume(ctx, testGroup("g", "t"), func(context.Context, *Generation) error {
		t.Error("run was called")
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestGroupConfigRefused(t *testing.T) {
	c, err := New(Config{Brokers: []string{"127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	all := func(string) bool { return true }
	for _, cfg := range []GroupConfig{
		{Topics: all},
		{Group: "g"},
		{Group: "g", Topics: all, SessionTimeout: time.Second, HeartbeatEvery: time.Second},
		{Group: "g", Topics: all, SessionTimeout: -time.Second},
		{Group: "g", Topics: all, RebalanceTimeout: 1 << 62},
	} {
		if err := c.Consume(t.Context(), cfg, nil); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}
