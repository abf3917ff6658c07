package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// hurry is how soon a heartbeat that got no answer, and a look at topics that found them
// changed, are repeated.
const hurry = 250 * time.Millisecond

// serve has run work on a generation until that ends, and returns why it did; or that run
// is done.
func (m *member) serve(ctx context.Context, s *session, run func(context.Context, *Generation) error) (done bool, why error) {
	alive, end := context.WithCancelCause(ctx)
	// Heartbeats go on while run ends, also after ctx has ended.
	beats, stop := context.WithCancel(context.WithoutCancel(ctx))
	var lost error
	var wg sync.WaitGroup
	wg.Go(func() { lost = m.beat(beats, s.GroupIdentity, end) })
	wg.Go(func() { m.watch(alive, s, end) })
	func() {
		defer func() { end(nil); stop(); wg.Wait() }()
		done = m.work(alive, end, &s.Generation, run)
	}()
	switch codeOf(lost) {
	case kafkago.UnknownMemberId:
		m.id = ""
	case kafkago.FencedInstanceID:
		m.fenced = true
	}
	if lost != nil {
		return done, lost
	}
	return done, context.Cause(alive)
}

// work calls run until the generation ends, or run has no more to do.
func (m *member) work(ctx context.Context, end context.CancelCauseFunc, g *Generation, run func(context.Context, *Generation) error) (done bool) {
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		own := *g
		err := run(ctx, &own)
		if err == nil && ctx.Err() == nil {
			return true
		}
		if err != nil && !(ctx.Err() != nil && errors.Is(err, context.Canceled)) {
			m.cfg.OnError(err)
		}
		if errors.Is(err, ErrStale) {
			end(err)
		}
		if !pause(ctx, wait) {
			return false
		}
	}
}

// beat tells the coordinator that the member lives, and ends the generation when it learns
// that the group rebalances or has gone on without the member; that it returns. So it does
// if nobody answers for a session.
func (m *member) beat(ctx context.Context, g GroupIdentity, end context.CancelCauseFunc) error {
	answered, wait := time.Now(), m.cfg.HeartbeatEvery
	told := false
	for pause(ctx, wait) {
		err := m.heartbeat(ctx, g)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil || codeOf(err) == kafkago.RebalanceInProgress:
			answered, wait, told = time.Now(), m.cfg.HeartbeatEvery, false
			if err != nil {
				end(ErrRebalance)
			}
			continue
		case errors.Is(err, ErrStale):
			end(err)
			return err
		case time.Since(answered) > m.cfg.SessionTimeout:
			err = fmt.Errorf("%w: no heartbeat was answered for %s", ErrStale, m.cfg.SessionTimeout)
			end(err)
			return err
		}
		if !told {
			m.cfg.OnError(err)
			told = true
		}
		wait = min(hurry, m.cfg.HeartbeatEvery)
	}
	return nil
}

// heartbeat makes one attempt at a sign of life.
func (m *member) heartbeat(ctx context.Context, g GroupIdentity) error {
	b := appendString(nil, g.Group)
	b = appendInt32(b, g.Generation)
	b = appendString(b, g.Member)
	b = appendNullable(b, g.InstanceID)
	limit := max(m.cfg.SessionTimeout/3, time.Second)
	r, err := m.cluster.askOwn(ctx, limit, &ownRequest{api: protocol.Heartbeat, group: g.Group, version: 3, needs: 3, body: b})
	if err != nil {
		return fmt.Errorf("kafka: heartbeat to group %s: %w", g.Group, err)
	}
	return ended("heartbeat to group "+g.Group, r)
}

// ended reads an answer that begins with the time of throttling and an error code.
func ended(what string, r *wireReader) error {
	r.int32()
	code := r.int16()
	if r.bad {
		return fmt.Errorf("%w: the answer to a %s", ErrCorrupt, what)
	}
	return failure(what, code)
}

// watch ends the generation when topics came, went or grew. It looks twice: while that
// happens brokers do not agree.
func (m *member) watch(ctx context.Context, s *session, end context.CancelCauseFunc) {
	last := s.seen
	for wait := m.cfg.RefreshEvery; pause(ctx, wait); {
		now, err := m.cluster.Topics(ctx, s.watched)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			m.cfg.OnError(err)
			wait = m.cfg.RefreshEvery
		case maps.Equal(now, s.seen):
			last, wait = s.seen, m.cfg.RefreshEvery
		case maps.Equal(now, last):
			end(ErrRebalance)
			return
		default:
			last, wait = now, min(hurry, m.cfg.RefreshEvery)
		}
	}
}
