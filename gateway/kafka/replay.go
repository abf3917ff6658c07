package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/gateway/replay"
	"github.com/lazaret/lazaret/internal/kafkaio"
)

// Rejudger is the gateway, for replays.
type Rejudger interface {
	Taker
	// Try says what Take would do, and does nothing.
	Try(ctx context.Context, t gateway.Taking) (gateway.Counts, error)
	// Find returns the active version of a stream.
	Find(stream string) (gateway.Stream, error)
}

// ReplayConfig sets up Replays. Cluster and Gateway must be set.
type ReplayConfig struct {
	Cluster *kafkaio.Cluster
	Gateway Rejudger
	// May says whether a topic may be read at all; nil: each may.
	May func(topic string) bool
	Log *slog.Logger
}

// Replays reads the past of topics, a range of a partition at a time, with the reader of
// the sources. Of a stream that is exactly_once, the account of the range is committed in
// each batch's transaction, as the metadata of an offset of the group
// "lazaret-replay-<job>".
type Replays struct {
	cfg ReplayConfig
	log *slog.Logger
}

// NewReplays asks no broker.
func NewReplays(cfg ReplayConfig) *Replays {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Replays{cfg: cfg, log: cfg.Log}
}

var _ replay.Topics = (*Replays)(nil)

const replayGroup = "lazaret-replay-"

// errChanged says that the stream is not what it was when the partition was opened.
var errChanged = errors.New("the stream was changed")

// errMoved says that the account was moved beyond records that are not there any more.
var errMoved = errors.New("records were deleted before they were read")

// Read implements replay.Topics.
func (r *Replays) Read(soft, hard context.Context, t replay.Task) error {
	l := &rereading{replays: r, task: t, part: t.Part, trouble: t.Trouble}
	l.log = r.log.With("replay", t.Job, "stream", t.Stream, "topic", t.Topic, "partition", t.Part.Partition)
	var p pause
	for {
		before := l.part.Next
		err := l.life(soft, hard)
		switch {
		case err == nil:
			return nil
		case soft.Err() != nil:
			return context.Cause(soft)
		case errors.Is(err, replay.ErrFinal):
			return err
		case errors.Is(err, gateway.ErrNotFound), errors.Is(err, gateway.ErrInternal):
			return fmt.Errorf("%w: %w", replay.ErrFinal, err)
		case errors.Is(err, errChanged), errors.Is(err, errMoved):
			continue
		}
		if l.part.Next > before {
			p.reset()
		}
		l.trouble(err)
		l.log.Warn("a replay does not go on; trying again", "error", err)
		if !p.wait(soft) {
			return context.Cause(soft)
		}
	}
}

// rereading reads one range. It belongs to one goroutine.
type rereading struct {
	replays *Replays
	task    replay.Task
	part    replay.Part
	trouble func(error)
	log     *slog.Logger
}

// fetching tells of trouble with fetches, of which the source's reader only tells that it is.
type fetching struct {
	noObserver
	trouble func(error)
}

func (f fetching) Retried(string) {
	f.trouble(errors.New("records cannot be fetched; the log says why"))
}

// life reads with one reader until the range is read or something fails.
func (l *rereading) life(soft, hard context.Context) error {
	stream, err := l.replays.cfg.Gateway.Find(l.task.Stream)
	if err != nil {
		return err
	}
	if why := writes(&stream, l.task.Topic); why != "" {
		return fmt.Errorf("%w: %s", replay.ErrFinal, why)
	}
	r, err := l.reader(stream)
	if err != nil {
		return err
	}
	if stream.ExactlyOnce() && !l.task.DryRun {
		r.open()
		defer r.producer.Close()
	}
	if err := r.fence(soft); err != nil {
		return err
	}
	if err := l.catchUp(soft, r); err != nil {
		return err
	}
	ahead := r.ahead(soft, l.part.Next)
	defer ahead.stop()
	for l.part.Next < l.part.End {
		f, err := ahead.next(soft)
		if errors.Is(err, kafkaio.ErrOffsetOutOfRange) {
			return l.lost(soft)
		}
		if err != nil {
			return err
		}
		err = l.take(hard, r, &stream, f.Fetched)
		f.release()
		if err != nil {
			return err
		}
		if err := l.save(soft); err != nil {
			return err
		}
		l.trouble(nil)
	}
	return nil
}

// reader makes the source's reader of the partition, outside of any group's life.
func (l *rereading) reader(stream gateway.Stream) (*reader, error) {
	spec := sourceOf(&stream, l.task.Topic)
	spec.Topics, spec.Pattern, spec.Group = []string{l.task.Topic}, "", replayGroup+l.task.Job
	source, err := NewSource(SourceConfig{
		Cluster: l.replays.cfg.Cluster, Stream: stream, Spec: spec, Gateway: l.replays.cfg.Gateway,
		Observer: fetching{trouble: l.trouble}, Log: l.log,
	})
	if err != nil {
		return nil, err
	}
	return &reader{
		source: source, partition: kafkaio.Partition{Topic: l.task.Topic, ID: l.part.Partition},
		identity: kafkaio.GroupIdentity{Group: spec.Group, Generation: -1},
	}, nil
}

// sourceOf is the source of the stream that reads the topic, which says what is kept of a
// record; the defaults if there is none.
func sourceOf(s *gateway.Stream, topic string) gateway.KafkaSource {
	for _, k := range s.KafkaSources() {
		if reads, err := k.Matcher(); err == nil && reads(topic) {
			return k
		}
	}
	return gateway.KafkaSource{}
}

// catchUp moves the account to what was committed with the last batch, if the process died
// before it was saved.
func (l *rereading) catchUp(ctx context.Context, r *reader) error {
	if l.task.DryRun {
		return nil
	}
	at, err := r.source.cfg.Cluster.FetchOffsets(ctx, r.source.group, []kafkaio.Partition{r.partition})
	if err != nil {
		return err
	}
	o, ok := at[r.partition]
	if !ok || o.Next <= l.part.Next {
		return nil
	}
	var a replay.Account
	if err := json.Unmarshal([]byte(o.Metadata), &a); err == nil {
		if a.ByCode == nil { // there was no room for it
			a.ByCode = l.part.ByCode
		}
		l.part.Account = a
	}
	l.part.Next = min(o.Next, l.part.End)
	return l.save(ctx)
}

// take has the gateway take what is within the range, or try it, and moves the account.
func (l *rereading) take(ctx context.Context, r *reader, was *gateway.Stream, f *kafkaio.Fetched) error {
	now, err := l.replays.cfg.Gateway.Find(l.task.Stream)
	if err != nil {
		return err
	}
	if !sameWay(was, &now) {
		return errChanged
	}
	for i := range f.Records {
		if f.Records[i].Offset >= l.part.End {
			f.Records = f.Records[:i]
			break
		}
	}
	var n gateway.Counts
	t := gateway.Taking{
		Stream: l.task.Stream, Events: l.events(r, f), Into: r.into, Counts: &n,
		PassTombstones: r.source.cfg.Spec.OnTombstone() == gateway.ForwardTombstones,
	}
	next := l.part
	next.Next = min(f.Next, l.part.End)
	counted := func() kafkaio.Offset {
		next.Account = next.Add(n.Forwarded, n.Quarantined, n.QuarantinedFor)
		return kafkaio.Offset{Next: next.Next, Metadata: accountText(next.Account)}
	}
	switch {
	case r.producer != nil:
		err = r.transact(ctx, t, counted)
	case len(t.Events) == 0:
	case l.task.DryRun:
		n, err = l.replays.cfg.Gateway.Try(ctx, t)
		counted()
	default:
		var acknowledged func()
		if acknowledged, err = l.replays.cfg.Gateway.Take(ctx, t); err == nil {
			acknowledged()
			counted()
		}
	}
	if err == nil {
		l.part = next
	}
	return err
}

// events are those of the records. They count as received when they were written, for rules
// that look at that must say what they would have said.
func (l *rereading) events(r *reader, f *kafkaio.Fetched) []*lazaret.Event {
	list := r.events(f)
	for _, e := range list {
		if !e.Time.IsZero() && e.Time.Before(e.Received) {
			e.Received = e.Time.UTC()
		}
	}
	return list
}

// sameWay reports whether events still go the way that a reader was made for. What they are
// judged with is looked up for each batch.
func sameWay(a, b *gateway.Stream) bool {
	return a.Delivery == b.Delivery && reflect.DeepEqual(a.Sources, b.Sources) &&
		reflect.DeepEqual(a.Sink, b.Sink) && reflect.DeepEqual(a.Quarantine, b.Quarantine) &&
		slices.Equal(a.NamingHeaders(), b.NamingHeaders())
}

// accountText is an account as an offset's metadata.
func accountText(a replay.Account) string {
	text, err := json.Marshal(a)
	if err == nil && len(text) > maxMetadata {
		a.ByCode = nil
		text, err = json.Marshal(a)
	}
	if err != nil {
		return "" // numbers always marshal
	}
	return string(text)
}

// save stores the account. What was taken is not taken again because of that.
func (l *rereading) save(ctx context.Context) error {
	var p pause
	for {
		err := l.task.Save(l.part)
		if err == nil {
			return nil
		}
		l.trouble(err)
		l.log.Warn("how far a replay is could not be stored; trying again", "error", err)
		if !p.wait(ctx) {
			return err
		}
	}
}

// lost is called when the next offset is not there any more.
func (l *rereading) lost(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stalledAfter)
	defer cancel()
	p := kafkaio.Partition{Topic: l.task.Topic, ID: l.part.Partition}
	offsets, err := l.replays.cfg.Cluster.ListOffsets(ctx, []kafkaio.Partition{p}, kafkaio.Earliest)
	if err != nil {
		return err
	}
	begin := min(offsets[p], l.part.End)
	if begin <= l.part.Next {
		return fmt.Errorf("%w: the topic does not hold offset %d, which it had when the replay was made: was it made anew?", replay.ErrFinal, l.part.Next)
	}
	l.log.Error("records were deleted before they were replayed; going on where the partition begins now",
		"expected_offset", l.part.Next, "offset", begin)
	l.part.Missing += begin - l.part.Next
	l.part.Next = begin
	return errors.Join(errMoved, l.save(ctx))
}

// writes says why a stream cannot replay a topic that it writes itself; "" if it does not.
func writes(s *gateway.Stream, topic string) string {
	switch {
	case s.Sink.Kafka != nil && s.Sink.Kafka.Topic == topic:
		return fmt.Sprintf("%s is where stream %s writes its good events: name the topic that they came from", topic, s.Name)
	case s.MirrorTopic() == topic:
		return fmt.Sprintf("%s is the mirror of stream %s's quarantine: to judge the quarantine again, use lazaret reprocess", topic, s.Name)
	}
	return ""
}
