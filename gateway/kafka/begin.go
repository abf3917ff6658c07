package kafka

import (
	"context"
	"fmt"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/kafkaio"
)

// begin commits where the group begins in those of its partitions of which it has committed
// nothing yet. So it begins there also if it is started again before anything came. What
// was added since the group began, a partition or a topic that a pattern matches, is read
// from its first record on whatever the source's start says: nobody had a chance to read
// it before.
func (s *Source) begin(ctx context.Context, g *kafkaio.Generation) error {
	topics := map[string]bool{}
	for _, p := range g.Partitions {
		topics[p.Topic] = true
	}
	if len(topics) == 0 {
		return nil
	}
	counts, err := s.cfg.Cluster.Topics(ctx, func(topic string) bool { return topics[topic] })
	if err != nil {
		return err
	}
	var all []kafkaio.Partition
	for topic, n := range counts {
		for id := range n {
			all = append(all, kafkaio.Partition{Topic: topic, ID: id})
		}
	}
	have, err := s.cfg.Cluster.FetchOffsets(ctx, s.group, all)
	if err != nil {
		return err
	}
	now := fmt.Sprintf("began in generation %d", g.GroupIdentity.Generation)
	positions := map[kafkaio.Partition]kafkaio.Offset{}
	for _, p := range g.Partitions {
		if _, ok := have[p]; ok {
			continue
		}
		offset, err := s.start(ctx, p, s.added(p, have, now))
		if err != nil {
			return err
		}
		positions[p] = kafkaio.Offset{Next: offset, Metadata: now}
		s.log.Info("the group begins with a partition", "topic", p.Topic, "partition", p.ID, "offset", offset)
	}
	if len(positions) == 0 {
		return nil
	}
	return s.cfg.Cluster.CommitOffsets(ctx, g.GroupIdentity, positions)
}

// added says whether a partition was added since the group began: the group has offsets of
// its topic, or of others that the same pattern matches, from an earlier generation.
func (s *Source) added(p kafkaio.Partition, have map[kafkaio.Partition]kafkaio.Offset, now string) bool {
	for o, at := range have {
		if (o.Topic == p.Topic || s.cfg.Spec.Pattern != "") && at.Metadata != now {
			return true
		}
	}
	return false
}

// start returns where to begin a partition of which the group has committed nothing.
func (s *Source) start(ctx context.Context, p kafkaio.Partition, added bool) (int64, error) {
	at := kafkaio.Earliest
	switch start := s.cfg.Spec.StartAt(); start {
	case gateway.StartEarliest:
	case gateway.StartLatest:
		if !added {
			at = kafkaio.LatestCommitted
		}
	default:
		t, ok := start.Time()
		if !ok {
			return 0, fmt.Errorf("the start %q is no time", start)
		}
		at = kafkaio.AtTime(t)
	}
	offsets, err := s.cfg.Cluster.ListOffsets(ctx, []kafkaio.Partition{p}, at)
	if err != nil {
		return 0, err
	}
	offset, ok := offsets[p]
	if !ok {
		return 0, fmt.Errorf("the broker does not say where partition %d of %s begins", p.ID, p.Topic)
	}
	return offset, nil
}

// missing says in the log which of the source's topics are not there: a name that is
// written wrong looks like a topic that nobody writes to.
func (s *Source) missing(ctx context.Context) {
	if len(s.cfg.Spec.Topics) == 0 {
		return
	}
	found, err := s.cfg.Cluster.Topics(ctx, s.match)
	if err != nil {
		return
	}
	for _, topic := range s.cfg.Spec.Topics {
		if found[topic] == 0 {
			s.log.Warn("there is no such topic, or it may not be read; it is read when it comes", "topic", topic)
		}
	}
}
