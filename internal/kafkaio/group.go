package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// ErrRebalance is the cause of a run's end when the group shares its partitions out anew.
var ErrRebalance = errors.New("kafka: the group rebalances")

const (
	defaultSession   = 30 * time.Second
	defaultRebalance = time.Minute
	defaultHeartbeat = 3 * time.Second
	defaultRefresh   = 10 * time.Second
	// leaveTimeout bounds the farewell: a group whose coordinator is down finds out by itself.
	leaveTimeout = 3 * time.Second
)

// GroupConfig is how a member takes part in a consumer group. What is zero has a default.
type GroupConfig struct {
	Group string
	// InstanceID makes the member a static one (KIP-345): it does not leave when Consume
	// ends, and one of the same instance that comes within SessionTimeout has its
	// partitions again without a rebalance. No two may run at the same time.
	InstanceID string
	// Topics says which topics the member reads; those that come later, too.
	Topics func(string) bool
	// SessionTimeout is how long the group waits for a sign of life. The broker has bounds
	// for it, by default 6 s to 30 min.
	SessionTimeout time.Duration
	// RebalanceTimeout is how long run may take to end when the group rebalances.
	RebalanceTimeout time.Duration
	HeartbeatEvery   time.Duration
	// RefreshEvery is how often the member looks whether topics came, went or grew.
	RefreshEvery time.Duration
	// OnError is told what went wrong and is tried again. It may be called concurrently.
	OnError func(error)
}

func (cfg GroupConfig) withDefaults(log *slog.Logger) (GroupConfig, error) {
	for _, d := range []struct {
		value *time.Duration
		or    time.Duration
	}{
		{&cfg.SessionTimeout, defaultSession},
		{&cfg.RebalanceTimeout, defaultRebalance},
		{&cfg.HeartbeatEvery, min(defaultHeartbeat, max(cfg.SessionTimeout, 0)/3)},
		{&cfg.RefreshEvery, defaultRefresh},
	} {
		if *d.value == 0 {
			*d.value = d.or
		}
		if *d.value == 0 {
			*d.value = defaultHeartbeat
		}
		if *d.value < time.Millisecond || *d.value > math.MaxInt32*time.Millisecond {
			return cfg, fmt.Errorf("kafka: group %s: a time of %s cannot be had", cfg.Group, *d.value)
		}
	}
	switch {
	case cfg.Group == "":
		return cfg, errors.New("kafka: a consumer group needs a name")
	case cfg.Topics == nil:
		return cfg, fmt.Errorf("kafka: group %s: no topics are named", cfg.Group)
	case cfg.HeartbeatEvery >= cfg.SessionTimeout:
		return cfg, fmt.Errorf("kafka: group %s: a heartbeat each %s is too slow for a session of %s", cfg.Group, cfg.HeartbeatEvery, cfg.SessionTimeout)
	}
	if cfg.OnError == nil {
		cfg.OnError = func(err error) { log.Warn("consumer group", "group", cfg.Group, "error", err) }
	}
	return cfg, nil
}

// Generation is what a member has between two rebalances. While it lasts no other member
// has any of its Partitions, of which there may be none.
type Generation struct {
	GroupIdentity
	Partitions []Partition
}

// Consume takes part in a consumer group. For each generation it calls run, and keeps the
// membership alive while run runs. When run's ctx ends, context.Cause says why: ErrRebalance,
// then run may still commit for RebalanceTimeout, with a ctx of its own, before others get
// its partitions; ErrStale, then it is too late; or ctx itself ended. When run has returned,
// Consume joins again.
//
// If run fails while the membership lasts, OnError is told, and run is called again for the
// same generation after a while. If it returns nil, Consume ends.
//
// Consume returns nil when ctx ends, having left the group unless the member is a static
// one. It returns an error only if it cannot go on: for a wrong configuration, or, ErrStale,
// if somebody else has come with the same InstanceID. All else is told to OnError and tried
// again. It returns only after run has.
func (c *Cluster) Consume(ctx context.Context, cfg GroupConfig, run func(ctx context.Context, g *Generation) error) error {
	cfg, err := cfg.withDefaults(c.log)
	if err != nil {
		return err
	}
	m := &member{cluster: c, cfg: cfg}
	defer func() { m.leave(ctx) }()
	for wait := firstWait; ctx.Err() == nil; {
		s, err := m.join(ctx)
		if err == nil {
			var done bool
			if done, err = m.serve(ctx, s, run); done {
				return nil
			}
			if !errors.Is(err, ErrStale) {
				wait = firstWait
				continue
			}
		} else if ctx.Err() == nil && !m.fenced && (!settling(err) || wait == longestWait) {
			cfg.OnError(err)
		}
		if m.fenced {
			return err
		}
		pause(ctx, wait)
		wait = min(2*wait, longestWait)
	}
	return nil
}

// settling reports whether err says that the group's coordinator moves or starts, which is
// part of life, and of each first join in a new cluster, unless it lasts.
func settling(err error) bool {
	switch codeOf(err) {
	case kafkago.GroupLoadInProgress, kafkago.GroupCoordinatorNotAvailable, kafkago.NotCoordinatorForGroup:
		return true
	}
	return false
}
