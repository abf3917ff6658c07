package kafkaio

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/joingroup"
	"github.com/segmentio/kafka-go/protocol/syncgroup"
)

const groupProtocol = "consumer"

// strategies are the names under which we can share a group with other clients. A leader
// tells each member its partitions, so the name need not say how it found them; ours
// spreads evenly under either.
var strategies = [...]string{"range", "roundrobin"}

// member is one member of a group. It is not safe for concurrent use.
type member struct {
	cluster *Cluster
	cfg     GroupConfig
	id      string // "" until the coordinator gave one
	fenced  bool   // somebody else came with our InstanceID
}

// session is a generation and what it was made of.
type session struct {
	Generation
	// watched are the topics whose coming, going and growing ends the generation; seen is
	// what they were when it was made.
	watched func(string) bool
	seen    map[string]int32
}

// join joins until the member is part of a generation.
func (m *member) join(ctx context.Context) (*session, error) {
	for attempt := range 10 {
		s, err := m.joinOnce(ctx)
		switch codeOf(err) {
		case kafkago.MemberIDRequired, kafkago.RebalanceInProgress, kafkago.IllegalGeneration:
		case kafkago.UnknownMemberId:
			m.id = ""
		case kafkago.FencedInstanceID:
			m.fenced = true
			return nil, err
		default:
			return s, err
		}
		if attempt > 1 && !pause(ctx, firstWait) {
			return nil, context.Cause(ctx)
		}
	}
	return nil, fmt.Errorf("kafka: group %s does not settle", m.cfg.Group)
}

func (m *member) joinOnce(ctx context.Context) (*session, error) {
	seen, err := m.cluster.Topics(ctx, m.cfg.Topics)
	if err != nil {
		return nil, err
	}
	res, err := m.sendJoin(ctx, slices.Sorted(maps.Keys(seen)))
	if err != nil {
		return nil, err
	}
	s := &session{watched: m.cfg.Topics, seen: seen}
	s.GroupIdentity = GroupIdentity{Group: m.cfg.Group, Member: m.id, InstanceID: m.cfg.InstanceID, Generation: res.GenerationID}
	var plan []syncgroup.RequestAssignment
	if res.LeaderID == res.MemberID {
		if plan, err = m.lead(ctx, s, res.Members); err != nil {
			return nil, err
		}
	}
	s.Partitions, err = m.sync(ctx, s.GroupIdentity, res, plan)
	return s, err
}

// settleTimeout is how long the coordinator may take to answer while it waits for others.
func (m *member) settleTimeout() time.Duration { return m.cfg.RebalanceTimeout + attemptTimeout }

// sendJoin waits until all members have joined.
func (m *member) sendJoin(ctx context.Context, topics []string) (*joingroup.Response, error) {
	req := &joingroup.Request{
		GroupID: m.cfg.Group, MemberID: m.id, GroupInstanceID: m.cfg.InstanceID, ProtocolType: groupProtocol,
		SessionTimeoutMS:   int32(m.cfg.SessionTimeout.Milliseconds()),
		RebalanceTimeoutMS: int32(m.cfg.RebalanceTimeout.Milliseconds()),
	}
	wanted := encodeSubscription(topics)
	for _, name := range strategies {
		req.Protocols = append(req.Protocols, joingroup.RequestProtocol{Name: name, Metadata: wanted})
	}
	answer, err := m.cluster.askGroup(ctx, m.settleTimeout(), m.cfg.Group, req)
	if err != nil {
		return nil, fmt.Errorf("kafka: joining group %s: %w", m.cfg.Group, err)
	}
	res := answer.(*joingroup.Response)
	if res.MemberID != "" {
		m.id = res.MemberID
	}
	return res, failure("joining group "+m.cfg.Group, res.ErrorCode)
}

// lead shares the partitions out among the members, and has the session watch what all of
// them read.
func (m *member) lead(ctx context.Context, s *session, members []joingroup.ResponseMember) ([]syncgroup.RequestAssignment, error) {
	group := make([]subscriber, 0, len(members))
	wanted := map[string]bool{}
	for i := range members {
		topics, err := decodeSubscription(members[i].Metadata)
		if err != nil {
			m.cfg.OnError(fmt.Errorf("member %s gets nothing: %w", members[i].MemberID, err))
		}
		for _, t := range topics {
			wanted[t] = true
		}
		group = append(group, subscriber{id: members[i].MemberID, instance: members[i].GroupInstanceID, topics: topics})
	}
	counts, err := m.cluster.Topics(ctx, func(t string) bool { return wanted[t] })
	if err != nil {
		return nil, err
	}
	s.seen = counts
	s.watched = func(t string) bool { return wanted[t] || m.cfg.Topics(t) }
	var plan []syncgroup.RequestAssignment
	for id, list := range spread(group, counts) {
		plan = append(plan, syncgroup.RequestAssignment{MemberID: id, Assignment: encodeAssignment(list)})
	}
	return plan, nil
}

// sync waits until the leader has shared out, and returns the member's part. kafka-go's own
// SyncGroup reads the part before it looks whether there was an error, which gets lost.
func (m *member) sync(ctx context.Context, g GroupIdentity, joined *joingroup.Response, plan []syncgroup.RequestAssignment) ([]Partition, error) {
	answer, err := m.cluster.askGroup(ctx, m.settleTimeout(), g.Group, &syncgroup.Request{
		GroupID: g.Group, GenerationID: g.Generation, MemberID: g.Member, GroupInstanceID: g.InstanceID,
		ProtocolType: groupProtocol, ProtocolName: joined.ProtocolName, Assignments: plan,
	})
	if err != nil {
		return nil, fmt.Errorf("kafka: joining group %s: %w", g.Group, err)
	}
	res := answer.(*syncgroup.Response)
	if err := failure("joining group "+g.Group, res.ErrorCode); err != nil {
		return nil, err
	}
	return decodeAssignment(res.Assignments)
}

// leave tells the group that a member that is not static will not come back. It does so
// after ctx has ended, too.
func (m *member) leave(ctx context.Context) {
	if m.id == "" || m.cfg.InstanceID != "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	if err := persist(ctx, m.sendLeave); err != nil && codeOf(err) != kafkago.UnknownMemberId {
		m.cfg.OnError(err)
	}
}

func (m *member) sendLeave(ctx context.Context) error {
	b := appendString(nil, m.cfg.Group)
	b = appendInt32(b, 1) // members
	b = appendString(b, m.id)
	b = appendNullable(b, "") // instance id
	r, err := m.cluster.askOwn(ctx, attemptTimeout, &ownRequest{api: protocol.LeaveGroup, group: m.cfg.Group, version: 3, needs: 3, body: b})
	if err != nil {
		return fmt.Errorf("kafka: leaving group %s: %w", m.cfg.Group, err)
	}
	return ended("farewell to group "+m.cfg.Group, r)
}
