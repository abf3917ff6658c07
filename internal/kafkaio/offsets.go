package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/deletegroups"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"github.com/segmentio/kafka-go/protocol/offsetcommit"
)

// Offset is what a group commits for a partition.
type Offset struct {
	Next     int64 // the next offset to read
	Metadata string
}

// GroupIdentity is who commits. A commit outside of a group's life has no Member and
// Generation -1, and is refused while the group has members.
type GroupIdentity struct {
	Group, Member, InstanceID string
	Generation                int32
}

// missingAttempts is how often a broker may say that there is no such partition, which is
// so for a moment when a topic is new, until that is taken for an answer.
const missingAttempts = 5

// CommitOffsets commits what a group has read. It is ErrStale if the group has gone on
// without this member. That a topic is no longer there is an error too, but what belongs to
// others is committed. Commits of one partition must come one after another: of two at the
// same time either may be the last.
func (c *Cluster) CommitOffsets(ctx context.Context, g GroupIdentity, offsets map[Partition]Offset) error {
	left := maps.Clone(offsets)
	var missing error
	attempts := 0
	err := persist(ctx, func(ctx context.Context) error {
		if len(left) == 0 {
			return nil
		}
		err := c.commitOffsets(ctx, g, left)
		if attempts++; attempts >= missingAttempts && codeOf(err) == kafkago.UnknownTopicOrPartition {
			missing, err = err, nil
		}
		return err
	})
	return errors.Join(err, missing)
}

// commitOffsets makes one attempt and takes out of left what was committed.
func (c *Cluster) commitOffsets(ctx context.Context, g GroupIdentity, left map[Partition]Offset) error {
	req := &offsetcommit.Request{
		GroupID: g.Group, GenerationID: g.Generation, MemberID: g.Member, GroupInstanceID: g.InstanceID,
		RetentionTimeMs: -1,
	}
	for _, p := range slices.SortedFunc(maps.Keys(left), comparePartitions) {
		if n := len(req.Topics); n == 0 || req.Topics[n-1].Name != p.Topic {
			req.Topics = append(req.Topics, offsetcommit.RequestTopic{Name: p.Topic})
		}
		t := &req.Topics[len(req.Topics)-1]
		t.Partitions = append(t.Partitions, offsetcommit.RequestPartition{
			PartitionIndex: p.ID, CommittedOffset: left[p].Next, CommittedMetadata: left[p].Metadata,
			CommittedLeaderEpoch: -1, CommitTimestamp: -1,
		})
	}
	res, err := c.askGroup(ctx, attemptTimeout, g.Group, req)
	if err != nil {
		return fmt.Errorf("kafka: committing offsets of group %s: %w", g.Group, err)
	}
	var failed error
	for _, t := range res.(*offsetcommit.Response).Topics {
		for _, r := range t.Partitions {
			p := Partition{Topic: t.Name, ID: r.PartitionIndex}
			if r.ErrorCode == 0 {
				delete(left, p)
			}
			one := onPartition("group "+g.Group+"'s offset", p, r.ErrorCode)
			if failed == nil || codeOf(one) != kafkago.UnknownTopicOrPartition {
				failed = worse(failed, one)
			}
		}
	}
	if failed == nil && len(left) > 0 {
		return fmt.Errorf("%w: committing offsets of group %s: the broker said nothing of %d partitions", ErrCorrupt, g.Group, len(left))
	}
	return failed
}

// FetchOffsets returns what a group has committed, of those partitions for which it has.
// While a transaction that commits offsets is open it waits, so that what it returns is
// what the transaction leaves behind.
func (c *Cluster) FetchOffsets(ctx context.Context, group string, list []Partition) (map[Partition]Offset, error) {
	if len(list) == 0 {
		return nil, nil
	}
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		var found map[Partition]Offset
		err := persist(ctx, func(ctx context.Context) (err error) {
			found, err = c.fetchOffsets(ctx, group, list)
			if errors.Is(err, kafkago.UnstableOffsetCommit) {
				found, err = nil, nil // waited for below, for as long as it takes
			}
			return err
		})
		if err != nil || found != nil {
			return found, err
		}
		if !pause(ctx, wait) {
			return nil, fmt.Errorf("kafka: reading offsets of group %s, which a transaction holds: %w", group, context.Cause(ctx))
		}
	}
}

// DeleteGroups deletes groups and what they have committed. A group that is not there is
// deleted already; one with members is an error.
func (c *Cluster) DeleteGroups(ctx context.Context, groups ...string) error {
	var failed []error
	for _, g := range groups { // one by one: each has its own coordinator
		failed = append(failed, persist(ctx, func(ctx context.Context) error { return c.deleteGroup(ctx, g) }))
	}
	return errors.Join(failed...)
}

func (c *Cluster) deleteGroup(ctx context.Context, group string) error {
	res, err := c.askGroup(ctx, attemptTimeout, group, &deletegroups.Request{GroupIDs: []string{group}})
	if err != nil {
		return fmt.Errorf("kafka: deleting group %s: %w", group, err)
	}
	for _, r := range res.(*deletegroups.Response).Responses {
		if kafkago.Error(r.ErrorCode) != kafkago.GroupIdNotFound {
			return failure("deleting group "+group, r.ErrorCode)
		}
	}
	return nil
}

// OffsetAt says which offset of a partition is asked for.
type OffsetAt int64

// What ListOffsets can be asked for, apart from AtTime.
const (
	Latest          OffsetAt = -1 // the end of the log: the offset that the next record gets
	Earliest        OffsetAt = -2 // the first that is still there
	LatestCommitted OffsetAt = -3 // the end, without what transactions that are open may still abort
)

// AtTime is the first record that is of time t or later, or Latest where there is none.
func AtTime(t time.Time) OffsetAt {
	ms := t.UnixMilli()
	if t.After(time.UnixMilli(ms)) {
		ms++ // a record's time is in milliseconds
	}
	return OffsetAt(max(0, ms))
}

// protocol is what stands for the offset in a request.
func (at OffsetAt) protocol() (timestamp int64, isolation int8) {
	if at == LatestCommitted {
		return int64(Latest), 1
	}
	return int64(at), 0
}

// ListOffsets looks offsets up with the leaders of the partitions. For those that have none
// it waits half a minute.
func (c *Cluster) ListOffsets(ctx context.Context, parts []Partition, at OffsetAt) (map[Partition]int64, error) {
	found, err := c.listOffsets(ctx, parts, at)
	if err != nil || at < 0 {
		return found, err
	}
	var none []Partition
	for p, offset := range found {
		if offset < 0 {
			none = append(none, p)
		}
	}
	latest, err := c.listOffsets(ctx, none, Latest)
	if err != nil {
		return nil, err
	}
	maps.Copy(found, latest)
	return found, nil
}

// listOffsets is ListOffsets, with -1 where no record is of the time or later.
func (c *Cluster) listOffsets(ctx context.Context, parts []Partition, at OffsetAt) (map[Partition]int64, error) {
	found := make(map[Partition]int64, len(parts))
	left := map[Partition]bool{}
	for _, p := range parts {
		left[p] = true
	}
	err := persist(ctx, func(ctx context.Context) error {
		if len(left) == 0 {
			return nil
		}
		leaders, err := c.leaders(ctx, left)
		for broker, list := range leaders {
			err = worse(err, c.listOffsetsOf(ctx, broker, list, at, found))
		}
		for p := range found {
			delete(left, p)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// worse is the one of two errors that waiting does not mend, or else the later one.
func worse(a, b error) error {
	if b == nil || a != nil && !Retriable(a) {
		return a
	}
	return b
}

// leaders groups partitions by their leaders. With an error it returns those that have one.
func (c *Cluster) leaders(ctx context.Context, parts map[Partition]bool) (map[int32][]Partition, error) {
	res, err := c.metadata(ctx)
	if err != nil {
		return nil, err
	}
	leader := map[Partition]int32{}
	for i := range res.Topics {
		t := &res.Topics[i]
		for j := range t.Partitions {
			if p := &t.Partitions[j]; p.LeaderID >= 0 {
				leader[Partition{Topic: t.Name, ID: p.PartitionIndex}] = p.LeaderID
			}
		}
	}
	led := map[int32][]Partition{}
	for _, p := range slices.SortedFunc(maps.Keys(parts), comparePartitions) {
		if id, ok := leader[p]; ok {
			led[id] = append(led[id], p)
		} else {
			err = onPartition("the leader", p, int16(kafkago.LeaderNotAvailable))
		}
	}
	return led, err
}

// listOffsetsOf asks one broker for offsets of the partitions that it leads, which are
// sorted, and adds them to found.
func (c *Cluster) listOffsetsOf(ctx context.Context, broker int32, parts []Partition, at OffsetAt, found map[Partition]int64) error {
	timestamp, isolation := at.protocol()
	req := &listoffsets.Request{ReplicaID: -1, IsolationLevel: isolation}
	for _, p := range parts {
		if n := len(req.Topics); n == 0 || req.Topics[n-1].Topic != p.Topic {
			req.Topics = append(req.Topics, listoffsets.RequestTopic{Topic: p.Topic})
		}
		t := &req.Topics[len(req.Topics)-1]
		t.Partitions = append(t.Partitions, listoffsets.RequestPartition{
			Partition: p.ID, CurrentLeaderEpoch: -1, Timestamp: timestamp,
		})
	}
	res, err := c.ask(ctx, attemptTimeout, &toBroker{direct: c.direct(req), broker: broker})
	if err != nil {
		return fmt.Errorf("kafka: looking offsets up: %w", err)
	}
	for _, t := range res.(*listoffsets.Response).Topics {
		for _, r := range t.Partitions {
			p := Partition{Topic: t.Topic, ID: r.Partition}
			if r.ErrorCode == 0 {
				found[p] = r.Offset
			}
			err = worse(err, onPartition("an offset", p, r.ErrorCode))
		}
	}
	return err
}
