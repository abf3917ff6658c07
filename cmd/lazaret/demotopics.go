package main

import (
	"bytes"
	"context"

	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/kafkaio"
)

// collectTopics reads the sink's topic and the mirror's, the quarantine's export and the
// metrics.
func (l *ledger) collectTopics(ctx context.Context, c *client.Client, f *flow) error {
	l.mirrors = true
	if err := f.each(ctx, f.out, l.forwarded); err != nil {
		return err
	}
	if err := f.each(ctx, f.mirror, l.mirrored); err != nil {
		return err
	}
	return l.collectRest(ctx, c)
}

// forwarded takes a record of the sink's topic.
func (l *ledger) forwarded(partition int32, r *kafkaio.Record) {
	released := false
	for _, h := range r.Headers {
		released = released || h.Key == "lazaret-quarantine-id"
	}
	i, ok := l.landed(r.Value, released)
	if !ok {
		return
	}
	user := userOf(r.Value)
	switch {
	case !bytes.Equal(r.Key, user) || partition != kafkaio.PartitionFor(user, demoPartitions):
		l.misplaced++
		l.problem("event %d is in partition %d of the sink's topic, or under a key, that is not its user's", i, partition)
	case released: // later than those that came after it
	case i < l.latest[partition]:
		l.misplaced++
		l.problem("event %d is in the sink's topic behind event %d, which came after it in the same partition", i, l.latest[partition])
	default:
		l.latest[partition] = i
	}
}

// mirrored takes a record of the mirror's topic.
func (l *ledger) mirrored(_ int32, r *kafkaio.Record) {
	i, ok := l.find(r.Value, "the mirror")
	if !ok {
		return
	}
	l.fates[i].mirrored++
	if !bytes.Equal(r.Key, userOf(r.Value)) {
		l.misplaced++
		l.problem("event %d is in the mirror's topic under another key than it came with", i)
	}
}

// topicLines are the accounts that only the story from Kafka to Kafka has.
func (l *ledger) topicLines() []accountLine {
	var refused, once, good int64
	for i := range l.fates {
		f := &l.fates[i]
		if f.bad || f.victim {
			refused++
			once += is(f.mirrored == 1)
		} else {
			good += is(f.mirrored > 0)
		}
	}
	return []accountLine{
		{"refused events, in the mirror's topic once, to the byte", refused, once},
		{"good events in the mirror's topic", 0, good},
		{"records under another key, or out of order", 0, int64(l.misplaced)},
	}
}

// userOf is the key under which an event is produced: its user, nil if it names none. It
// finds the user in events that are no JSON, too.
func userOf(event []byte) []byte {
	_, rest, found := bytes.Cut(event, []byte(`"user_id":"`))
	user, _, whole := bytes.Cut(rest, []byte(`"`))
	if !found || !whole {
		return nil
	}
	return user
}
