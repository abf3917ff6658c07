package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/kafkaio"
)

// Taker is the gateway, for a source.
type Taker interface {
	Take(ctx context.Context, t gateway.Taking) (acknowledged func(), err error)
	// Admit asks for room for n bytes, and says at once whether there is.
	Admit(n int64) (release func(), ok bool)
}

// Observer is told what a source does. Its methods must be quick.
type Observer interface {
	// Lag is how many records of a partition are there and are not acknowledged. It is told
	// with each batch, and every few seconds, also while no batch is taken.
	Lag(stream, topic string, partition int32, records int64)
	// Forget says that a partition is not this gateway's any more.
	Forget(stream, topic string, partition int32)
	// Rebalanced is called for each generation that the source is part of.
	Rebalanced(stream string, partitions int)
	// Retried is called when a batch could not be taken, or a fetch failed, and will be tried again.
	Retried(stream string)
}

// SourceConfig sets up a Source. Cluster, Stream, Spec and Gateway must be set.
type SourceConfig struct {
	Cluster *kafkaio.Cluster
	Stream  gateway.Stream
	Spec    gateway.KafkaSource
	Gateway Taker
	// InstanceID makes the member a static one: a restart within the session timeout does not
	// rebalance the group. "" for none.
	InstanceID string
	// May says whether a topic may be read at all; nil: each may.
	May func(topic string) bool
	// OnWrite is told of each transaction that has written to the sink: how long it took until
	// that was durable, or had failed. Optional.
	OnWrite func(took time.Duration, err error)
	// InFlight is how many bytes of events the gateway admits at once; default 256 MiB.
	InFlight int64
	Observer Observer
	Log      *slog.Logger
}

// Source reads topics as a member of a consumer group, and has the gateway take what it
// reads. Run it once.
type Source struct {
	cfg   SourceConfig
	group string
	match func(topic string) bool
	keeps func(header string) bool
	log   *slog.Logger
	times times
	// partitions is how many are read.
	partitions atomic.Int64
}

// times are how long things take that tests have no patience for.
type times struct{ stalled, refresh, lag time.Duration }

const (
	// fetchBytes is how much is fetched of a partition at a time at most, as it is stored, and
	// leastFetch at least. One record may be larger.
	fetchBytes = 4 << 20
	leastFetch = 64 << 10
	// defaultInFlight is SourceConfig.InFlight if it is not set, and fetchShare the part of it
	// that all partitions of a source fetch together.
	defaultInFlight = 256 << 20
	fetchShare      = 8
	// fetchWait is how long a fetch waits for something to come.
	fetchWait = 500 * time.Millisecond
	// stalledAfter is how long a fetch may take beyond fetchWait before it is given up and
	// made anew, on another connection.
	stalledAfter = 10 * time.Second
	// lagEvery is how often it is looked up how far behind the partitions are.
	lagEvery = 5 * time.Second

	sessionTimeout   = 10 * time.Second
	heartbeatEvery   = 2 * time.Second
	rebalanceTimeout = 30 * time.Second
	// stopTimeout is how long a batch in hand may take when the source is to end: with the
	// farewell to the group well below what an operator waits for a gateway to stop.
	stopTimeout  = 8 * time.Second
	refreshEvery = 10 * time.Second
	commitEvery  = 100 * time.Millisecond

	firstPause   = 50 * time.Millisecond
	longestPause = 5 * time.Second
)

// NewSource makes a source. It asks no broker.
func NewSource(cfg SourceConfig) (*Source, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Observer == nil {
		cfg.Observer = noObserver{}
	}
	s := &Source{cfg: cfg, group: cfg.Spec.GroupFor(cfg.Stream.Name), times: times{stalledAfter, refreshEvery, lagEvery}}
	s.keeps = keeper(&s.cfg.Stream, &s.cfg.Spec)
	s.log = cfg.Log.With("stream", cfg.Stream.Name, "group", s.group)
	reads, err := cfg.Spec.Matcher()
	if err != nil {
		return nil, fmt.Errorf("the topic pattern of stream %s: %w", cfg.Stream.Name, err)
	}
	out := cfg.Stream.MirrorTopic()
	into := ""
	if k := cfg.Stream.Sink.Kafka; k != nil {
		into = k.Topic
	}
	// A pattern that matches what the stream itself writes must not make a loop.
	s.match = func(topic string) bool {
		return reads(topic) && topic != out && topic != into && (cfg.May == nil || cfg.May(topic))
	}
	return s, nil
}

func (s *Source) inFlight() int64 { return cmp.Or(s.cfg.InFlight, defaultInFlight) }

// fetchSize is how much is fetched of a partition at a time: less if there are many.
func (s *Source) fetchSize() int {
	share := s.inFlight() / fetchShare / max(1, s.partitions.Load())
	return int(max(leastFetch, min(share, fetchBytes)))
}

// Run reads until ctx ends; then it finishes what it has in hand, commits, and leaves the
// group. Whatever goes wrong meanwhile is logged and tried again.
func (s *Source) Run(ctx context.Context) error {
	err := s.cfg.Cluster.Consume(ctx, kafkaio.GroupConfig{
		Group: s.group, InstanceID: s.cfg.InstanceID, Topics: s.match,
		SessionTimeout: sessionTimeout, RebalanceTimeout: rebalanceTimeout, HeartbeatEvery: heartbeatEvery, RefreshEvery: s.times.refresh,
		OnError: func(err error) {
			s.cfg.Observer.Retried(s.cfg.Stream.Name)
			s.log.Warn("the consumer group is not in order; trying again", "error", err)
		},
	}, s.generation)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// generation reads the partitions of one generation until ctx ends.
func (s *Source) generation(ctx context.Context, g *kafkaio.Generation) error {
	s.log.Info("partitions assigned", "generation", g.GroupIdentity.Generation, "partitions", len(g.Partitions))
	s.cfg.Observer.Rebalanced(s.cfg.Stream.Name, len(g.Partitions))
	s.partitions.Store(int64(len(g.Partitions)))
	// What is in hand when ctx ends may take this long to be finished.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() {
		limit := stopTimeout
		if errors.Is(context.Cause(ctx), kafkaio.ErrRebalance) {
			limit = rebalanceTimeout / 2
		}
		time.AfterFunc(limit, stop)
	})()
	if err := s.begin(ctx, g); err != nil && ctx.Err() == nil {
		return fmt.Errorf("finding where to begin: %w", err)
	}
	s.missing(ctx)
	exactly := s.cfg.Stream.ExactlyOnce()
	var marks *marks
	if !exactly {
		marks = newMarks(s.cfg.Cluster, g.GroupIdentity)
	}
	var wg sync.WaitGroup
	wg.Go(func() { <-ctx.Done() }) // a member without partitions waits for some
	readers := make([]*reader, len(g.Partitions))
	for i, p := range g.Partitions {
		readers[i] = &reader{source: s, partition: p, identity: g.GroupIdentity, marks: marks}
		wg.Go(func() { readers[i].run(ctx, work) })
	}
	defer s.watchLag(ctx, readers)()
	if exactly {
		wg.Wait()
		return nil
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	err := marks.commit(work, done, s.log)
	<-done
	return err
}

// watchLag says every now and then how far behind the partitions are, which their batches
// say only while they are taken. The function that it returns waits until ctx has ended it,
// and forgets the partitions.
func (s *Source) watchLag(ctx context.Context, readers []*reader) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(s.times.lag)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				s.lookUpLag(ctx, readers)
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		<-done
		for _, r := range readers {
			s.cfg.Observer.Forget(s.cfg.Stream.Name, r.partition.Topic, r.partition.ID)
		}
	}
}

func (s *Source) lookUpLag(ctx context.Context, readers []*reader) {
	if len(readers) == 0 {
		return
	}
	parts := make([]kafkaio.Partition, len(readers))
	for i, r := range readers {
		parts[i] = r.partition
	}
	ends, err := s.cfg.Cluster.ListOffsets(ctx, parts, kafkaio.Latest)
	if err != nil {
		return // the readers say what is wrong
	}
	for _, r := range readers {
		r.behind(ends[r.partition])
	}
}

// committed returns where the group goes on in a partition.
func (s *Source) committed(ctx context.Context, p kafkaio.Partition) (int64, error) {
	offsets, err := s.cfg.Cluster.FetchOffsets(ctx, s.group, []kafkaio.Partition{p})
	if err != nil {
		return 0, err
	}
	if o, ok := offsets[p]; ok {
		return o.Next, nil
	}
	return s.start(ctx, p, false)
}

// pause is a growing pause between attempts.
type pause struct{ next time.Duration }

// wait returns false if ctx ends.
func (p *pause) wait(ctx context.Context) bool {
	p.next = min(max(2*p.next, firstPause), longestPause)
	t := time.NewTimer(p.next)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p *pause) reset() { p.next = 0 }

// marks are the offsets up to which partitions are taken, on their way to be committed by
// the one committer. Each partition's is moved by its reader alone, and only upwards.
type marks struct {
	cluster  *kafkaio.Cluster
	identity kafkaio.GroupIdentity

	flushing sync.Mutex // held while offsets are committed

	mu    sync.Mutex
	dirty map[kafkaio.Partition]kafkaio.Offset
	after []func() // of what is marked and not committed
}

func newMarks(c *kafkaio.Cluster, id kafkaio.GroupIdentity) *marks {
	return &marks{cluster: c, identity: id, dirty: map[kafkaio.Partition]kafkaio.Offset{}}
}

// mark says that all before next is durable. after is called when that is committed.
func (m *marks) mark(p kafkaio.Partition, next int64, after func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dirty[p] = kafkaio.Offset{Next: next}
	if after != nil {
		m.after = append(m.after, after)
	}
}

// forget takes a partition's mark back, if it is not committed yet.
func (m *marks) forget(p kafkaio.Partition) {
	m.flushing.Lock()
	defer m.flushing.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.dirty, p)
}

// commit commits what is marked, every now and then and at the end, when done is closed. It
// returns an error if the group has gone on without us.
func (m *marks) commit(ctx context.Context, done <-chan struct{}, log *slog.Logger) error {
	t := time.NewTicker(commitEvery)
	defer t.Stop()
	for last := false; ; {
		select {
		case <-t.C:
		case <-done:
			last = true
		}
		err := m.flush(ctx)
		if err != nil {
			log.Warn("offsets could not be committed", "error", err)
		}
		if errors.Is(err, kafkaio.ErrStale) {
			<-done
			return err
		}
		if last {
			return err
		}
	}
}

func (m *marks) flush(ctx context.Context) error {
	m.flushing.Lock()
	defer m.flushing.Unlock()
	m.mu.Lock()
	dirty, after := m.dirty, m.after
	m.dirty, m.after = map[kafkaio.Partition]kafkaio.Offset{}, nil
	m.mu.Unlock()
	if len(dirty) == 0 {
		return nil
	}
	if err := m.cluster.CommitOffsets(ctx, m.identity, dirty); err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		for p, o := range dirty { // unless it was moved meanwhile
			if _, newer := m.dirty[p]; !newer {
				m.dirty[p] = o
			}
		}
		m.after = append(after, m.after...)
		return err
	}
	for _, f := range after {
		f()
	}
	return nil
}

type noObserver struct{}

func (noObserver) Lag(string, string, int32, int64) {}
func (noObserver) Forget(string, string, int32)     {}
func (noObserver) Rebalanced(string, int)           {}
func (noObserver) Retried(string)                   {}
