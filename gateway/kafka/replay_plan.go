package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/gateway/replay"
	"github.com/lazaret/lazaret/internal/kafkaio"
)

// Plan implements replay.Topics. A range ends at the latest where the partition ends now,
// before what transactions may still abort.
func (r *Replays) Plan(ctx context.Context, s replay.Spec) ([]replay.Part, error) {
	stream, err := r.cfg.Gateway.Find(s.Stream)
	if err != nil {
		return nil, err
	}
	if err := r.allowed(&stream, s.Topic); err != nil {
		return nil, err
	}
	topics, err := r.cfg.Cluster.Topics(ctx, func(name string) bool { return name == s.Topic })
	if err != nil {
		return nil, fmt.Errorf("%w: %w", replay.ErrUnavailable, err)
	}
	n, ok := topics[s.Topic]
	if !ok {
		return nil, input("from_topic", "there is no topic %s in the cluster", s.Topic)
	}
	l := planning{cluster: r.cfg.Cluster, spec: s}
	if err := l.bounds(ctx, n); err != nil {
		return nil, err
	}
	if len(s.Offsets) > 0 {
		return l.byOffsets()
	}
	return l.byTime(ctx)
}

func (r *Replays) allowed(s *gateway.Stream, topic string) error {
	switch why := writes(s, topic); {
	case len(topic) > 249:
		return input("from_topic", "the name of a topic has at most 249 characters")
	case why != "":
		return input("from_topic", "%s", why)
	case gateway.InternalTopic(topic):
		return input("from_topic", "%s is Kafka's own", topic)
	case r.cfg.May != nil && !r.cfg.May(topic):
		return input("from_topic", "kafka.topics.consume in this server's lazaret.yaml does not allow %s", topic)
	}
	return nil
}

func input(field, format string, args ...any) error {
	return &replay.InputError{Field: field, Message: fmt.Sprintf(format, args...)}
}

// planning makes a plan out of a spec.
type planning struct {
	cluster    *kafkaio.Cluster
	spec       replay.Spec
	parts      []kafkaio.Partition
	begin, end map[kafkaio.Partition]int64
}

// bounds looks up where the partitions begin and end: those that are named, or all.
func (l *planning) bounds(ctx context.Context, partitions int32) (err error) {
	for _, o := range l.spec.Offsets {
		if o.Partition >= partitions {
			return input("offsets", "topic %s has no partition %d: its partitions are 0 to %d", l.spec.Topic, o.Partition, partitions-1)
		}
		l.parts = append(l.parts, kafkaio.Partition{Topic: l.spec.Topic, ID: o.Partition})
	}
	if len(l.spec.Offsets) == 0 {
		for id := range partitions {
			l.parts = append(l.parts, kafkaio.Partition{Topic: l.spec.Topic, ID: id})
		}
	}
	if l.begin, err = l.at(ctx, kafkaio.Earliest); err == nil {
		l.end, err = l.at(ctx, kafkaio.LatestCommitted)
	}
	return err
}

func (l *planning) at(ctx context.Context, at kafkaio.OffsetAt) (map[kafkaio.Partition]int64, error) {
	found, err := l.cluster.ListOffsets(ctx, l.parts, at)
	if err == nil && len(found) < len(l.parts) {
		err = fmt.Errorf("%d partitions have no leader", len(l.parts)-len(found))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", replay.ErrUnavailable, err)
	}
	return found, nil
}

// byOffsets holds the offsets that were asked for against those that there are.
func (l *planning) byOffsets() ([]replay.Part, error) {
	var plan []replay.Part
	for i, o := range l.spec.Offsets {
		begin, end := l.begin[l.parts[i]], l.end[l.parts[i]]
		if begin >= end {
			return nil, input("offsets", "partition %d of %s is empty", o.Partition, l.spec.Topic)
		}
		from, to := begin, end-1
		if o.From != nil {
			from = *o.From
		}
		if o.To != nil {
			to = *o.To
		}
		if from < begin || to >= end || from > to {
			return nil, input("offsets", "partition %d of %s has the offsets %d to %d now, and not all of %d to %d", o.Partition, l.spec.Topic, begin, end-1, from, to)
		}
		plan = append(plan, part(o.Partition, from, to+1))
	}
	return plan, nil
}

// byTime looks the offsets of the times up.
func (l *planning) byTime(ctx context.Context) ([]replay.Part, error) {
	from, err := l.at(ctx, kafkaio.AtTime(l.spec.Since))
	if err != nil {
		return nil, err
	}
	to := l.end
	if !l.spec.Until.IsZero() {
		if to, err = l.at(ctx, kafkaio.AtTime(l.spec.Until)); err != nil {
			return nil, err
		}
	}
	var plan []replay.Part
	later := false // there are records since the time, if only after until
	for _, p := range l.parts {
		begin := max(from[p], l.begin[p])
		later = later || begin < l.end[p]
		if end := min(to[p], l.end[p]); begin < end {
			plan = append(plan, part(p.ID, begin, end))
		}
	}
	since := l.spec.Since.UTC().Format(time.RFC3339)
	switch {
	case len(plan) > 0:
		return plan, nil
	case later:
		return nil, input("until", "topic %s has no records between %s and %s", l.spec.Topic, since, l.spec.Until.UTC().Format(time.RFC3339))
	default:
		return nil, input("since", "topic %s ends before %s: it has no records since then", l.spec.Topic, since)
	}
}

func part(id int32, from, end int64) replay.Part {
	return replay.Part{Partition: id, From: from, End: end, Next: from}
}
