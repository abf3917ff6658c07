package evolution

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
		if p.Subject != s.Schema.Subject || p.Base != s.SchemaVersion || len(held(p, limits, now)) > 0 || slices.ContainsFunc(undone, func(u *Proposal) bool { return share(u, p) }) {
			continue
		}
		n, err := e.store.acceptedSince(ctx, s.Name, Auto, now.Add(-24*time.Hour))
		if err != nil {
			return err
		}
		if n >= limits.MaxPerDay {
			return nil
		}
		why := fmt.Sprintf("within the stream's limits: releases %s (min_entries %s), %s (min_producers %d), first seen %s ago (min_age %s), number %d of max_per_day %d",
			grouped(p.WouldRelease), grouped(limits.MinEntries), counted(p.producers(), "producer", "producers"), limits.MinProducers,
			now.Sub(p.FirstSeen).Round(time.Second), time.Duration(limits.MinAge), n+1, limits.MaxPerDay)
		// One at a time: the others are made from a base that is gone then.
		_, err = e.accept(ctx, p.ID, Decision{Who: Auto, Why: why})
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

// held says why a draft may not be accepted without a person, a line for each limit.
func held(p *Proposal, l gateway.EvolutionLimits, now time.Time) (list []string) {
	hold := func(is bool, format string, args ...any) {
		if is {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	hold(p.Compatibility != schemas.Compatible, "it is not proved to be compatible")
	hold(len(p.Edits) > l.MaxEdits, "it has %d edits (max_edits %d)", len(p.Edits), l.MaxEdits)
	hold(p.WouldRelease < l.MinEntries, "it would release %s (min_entries %s)", grouped(p.WouldRelease), grouped(l.MinEntries))
	hold(p.producers() < l.MinProducers, "it is asked for by %s (min_producers %d)", counted(p.producers(), "producer", "producers"), l.MinProducers)
	age := now.Sub(p.FirstSeen)
	hold(age < time.Duration(l.MinAge), "it was first seen %s ago (min_age %s)", age.Round(time.Second), time.Duration(l.MinAge))
	for _, e := range p.Edits {
		hold(!slices.Contains(l.Kinds, string(e.Kind)), "%s is an edit of the kind %s (kinds %s)", e.Path, e.Kind, strings.Join(l.Kinds, ", "))
		hold(e.Wide != "", "%s is for people to look at: %s", e.Path, e.Wide)
		hold(len(l.Paths) > 0 && !slices.ContainsFunc(l.Paths, func(at string) bool { return below(e.Path, at) }),
			"%s is at or below none of the paths (%s)", e.Path, strings.Join(l.Paths, ", "))
	}
	return list
}

// hold says of the drafts of streams that accept by themselves why they have not been yet.
func (e *Engine) hold(ctx context.Context, drafts ...*Proposal) error {
	for _, p := range drafts {
		active, ok := e.conf.Catalog.Active(p.Stream)
		if p.State != Draft || !ok || active.Stream.EvolutionMode() != gateway.EvolutionAuto {
			continue
		}
		limits, now := active.Stream.EvolutionLimits(), e.now()
		p.Held = held(p, limits, now)
		undone, err := e.store.list(ctx, p.Stream, RolledBack, RollingBack)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(undone, func(u *Proposal) bool { return share(u, p) }); i >= 0 {
			p.Held = append(p.Held, "an edit of it was rolled back before, with proposal "+undone[i].ID)
		}
		n, err := e.store.acceptedSince(ctx, p.Stream, Auto, now.Add(-24*time.Hour))
		if err != nil {
			return err
		}
		if n >= limits.MaxPerDay {
			p.Held = append(p.Held, fmt.Sprintf("%s accepted within 24 hours (max_per_day %d)", counted(n, "proposal was", "proposals were"), limits.MaxPerDay))
		}
	}
	return nil
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
