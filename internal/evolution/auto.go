package evolution

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/schemas"
)

// acceptAlone accepts the drafts of a stream that are within its limits.
func (e *Engine) acceptAlone(ctx context.Context, s *gateway.Stream) error {
	drafts, err := e.store.list(ctx, s.Name, Draft)
	if err != nil || len(drafts) == 0 {
		return err
	}
	undone, err := e.store.list(ctx, s.Name, RolledBack, RollingBack)
	if err != nil {
		return err
	}
	limits := s.EvolutionLimits()
	for _, p := range drafts {
		now := e.now()
		if p.Subject != s.Schema.Subject || p.Base != s.SchemaVersion || !within(p, limits, now) || slices.ContainsFunc(undone, func(u *Proposal) bool { return share(u, p) }) {
			continue
		}
		n, err := e.store.acceptedSince(ctx, s.Name, Auto, now.Add(-24*time.Hour))
		if err != nil {
			return err
		}
		if n >= limits.MaxPerDay {
			return nil
		}
		why := fmt.Sprintf("within the stream's limits: releases %s (min_entries %s), %d producers (min_producers %d), first seen %s ago (min_age %s), number %d of max_per_day %d",
			grouped(p.WouldRelease), grouped(limits.MinEntries), len(p.Producers)+p.MoreProducers, limits.MinProducers,
			now.Sub(p.FirstSeen).Round(time.Second), time.Duration(limits.MinAge), n+1, limits.MaxPerDay)
		// One at a time: the others are made from a base that is gone then.
		_, err = e.Accept(ctx, p.ID, Decision{Who: Auto, Why: why})
		if errors.Is(err, ErrState) || errors.Is(err, ErrConflict) {
			return nil
		}
		return err
	}
	return nil
}

// share says whether two proposals have an edit in common.
func share(a, b *Proposal) bool {
	return a.Subject == b.Subject && slices.ContainsFunc(a.keys(), func(key string) bool { return slices.Contains(b.keys(), key) })
}

// within says whether a draft may be accepted without a person.
func within(p *Proposal, l gateway.EvolutionLimits, now time.Time) bool {
	if p.Compatibility != schemas.Compatible || len(p.Edits) > l.MaxEdits || p.WouldRelease < l.MinEntries ||
		len(p.Producers)+p.MoreProducers < l.MinProducers || now.Sub(p.FirstSeen) < time.Duration(l.MinAge) {
		return false
	}
	for _, e := range p.Edits {
		if !slices.Contains(l.Kinds, string(e.Kind)) {
			return false
		}
		if len(l.Paths) > 0 && !slices.ContainsFunc(l.Paths, func(at string) bool { return below(e.Path, at) }) {
			return false
		}
	}
	return true
}

// below says whether a place in events is at or below another, in which "*" is any name.
func below(path, at string) bool {
	a, _ := jsonread.ParsePointer(path)
	b, _ := jsonread.ParsePointer(at)
	if len(a) < len(b) {
		return false
	}
	for i, token := range b {
		if token != "*" && token != a[i] {
			return false
		}
	}
	return true
}
