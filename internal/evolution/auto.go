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
	"github.com/lazaret/lazaret/internal/words"
	"github.com/lazaret/lazaret/schemas"
)

// acceptAlone accepts one of a stream's drafts that the last look made or made anew, if
// nothing stands in the way of it.
func (e *Engine) acceptAlone(ctx context.Context, s *gateway.Stream) error {
	drafts, err := e.store.list(ctx, s.Name, Draft)
	if err != nil {
		return err
	}
	for _, p := range drafts {
		against, today, err := e.against(ctx, p)
		if err != nil {
			return err
		}
		if len(against) > 0 {
			continue
		}
		limits := s.EvolutionLimits()
		why := fmt.Sprintf("within the stream's limits: releases %s (min_entries %s), %s (min_producers %d), first seen %s ago (min_age %s), number %d of max_per_day %d",
			words.Count(p.WouldRelease), words.Count(limits.MinEntries), words.Counted(p.ReleasedProducers, "producer", "producers"), limits.MinProducers,
			e.now().Sub(p.FirstSeen).Round(time.Second), time.Duration(limits.MinAge), today+1, limits.MaxPerDay)
		// One at a time: the others are made from a base that is gone then.
		_, err = e.accept(ctx, p.ID, Decision{Who: Auto, Why: why})
		if errors.Is(err, ErrState) || errors.Is(err, ErrConflict) {
			return nil
		}
		return err
	}
	return nil
}

// against is what stands in the way of accepting a draft without a person, as things are at
// this moment. The schema is that of all streams that follow the subject, so what one of them
// has against it counts, and so does what people decided for another. today is how many were
// accepted so within 24 hours, of the subject.
func (e *Engine) against(ctx context.Context, p *Proposal) (list []string, today int, err error) {
	streams, err := e.conf.Catalog.Streams().List(ctx)
	if err != nil {
		return nil, 0, err
	}
	now := e.now()
	list = objections(streams, p, now)
	e.mu.Lock()
	_, fresh := e.fresh[p.Stream][p.ID]
	e.mu.Unlock()
	if !fresh {
		list = append(list, "what is in the quarantine by now has not been looked at")
	}
	undone, err := e.store.ofSubject(ctx, p.Subject, RolledBack, RollingBack, Rejected)
	if err != nil {
		return nil, 0, err
	}
	for _, u := range undone {
		if u.State != Rejected && share(u, p) {
			list = append(list, "an edit of it was rolled back before, with proposal "+u.ID)
			break
		}
		if u.State == Rejected && subset(remembered(u.keys()), remembered(p.keys())) {
			list = append(list, "it was rejected before, or a part of it, with proposal "+u.ID)
			break
		}
	}
	if today, err = e.store.acceptedSince(ctx, p.Subject, Auto, now.Add(-24*time.Hour)); err != nil {
		return nil, 0, err
	}
	for i := range streams {
		if most := streams[i].EvolutionLimits().MaxPerDay; follows(&streams[i], p.Subject) && today >= most {
			list = append(list, fmt.Sprintf("%s accepted for %s within 24 hours (max_per_day %d)", words.Counted(today, "proposal was", "proposals were"), p.Subject, most))
			break
		}
	}
	return list, today, nil
}

// objections are what the streams that follow a draft's subject have against its being
// accepted without a person.
func objections(streams []gateway.Stream, p *Proposal, now time.Time) (list []string) {
	own := false
	for i := range streams {
		s := &streams[i]
		if !follows(s, p.Subject) {
			continue
		}
		prefix := "stream " + s.Name + " follows " + p.Subject + ", too: "
		if s.Name == p.Stream {
			own, prefix = true, ""
			if s.Version != p.StreamVersion {
				list = append(list, fmt.Sprintf("it was judged by version %d of the stream, which is at version %d", p.StreamVersion, s.Version))
			}
		}
		if mode := s.EvolutionMode(); mode != gateway.EvolutionAuto {
			list = append(list, fmt.Sprintf("%sits mode is %s", prefix, mode))
			continue
		}
		for _, why := range held(p, s.EvolutionLimits(), now) {
			list = append(list, prefix+why)
		}
	}
	if !own {
		list = append(list, "the stream does not follow "+p.Subject)
	}
	return list
}

// stillAllowed is asked in the transaction that makes the version of what nobody accepted: a
// stream may have been told otherwise since it was decided.
func (e *Engine) stillAllowed(streams []gateway.Stream, p *Proposal) error {
	if list := objections(streams, p, p.AcceptedAt); len(list) > 0 {
		return fmt.Errorf("%w, or a stream that follows it was changed: %s", ErrConflict, list[0])
	}
	return nil
}

// share says whether two proposals have an edit in common.
func share(a, b *Proposal) bool {
	known := remembered(b.keys())
	return a.Subject == b.Subject && slices.ContainsFunc(remembered(a.keys()), func(key string) bool { return slices.Contains(known, key) })
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
	hold(p.WouldRelease < l.MinEntries, "it would release %s (min_entries %s)", words.Count(p.WouldRelease), words.Count(l.MinEntries))
	hold(p.ReleasedProducers < l.MinProducers, "what it would release is of %s (min_producers %d)", words.Counted(p.ReleasedProducers, "producer", "producers"), l.MinProducers)
	age := now.Sub(p.FirstSeen)
	hold(age < time.Duration(l.MinAge), "it was first seen %s ago (min_age %s)", age.Round(time.Second), time.Duration(l.MinAge))
	for _, e := range p.Edits {
		hold(!slices.Contains(l.Kinds, string(e.Kind)), "%s is an edit of the kind %s (kinds %s)", e.Path, e.Kind, strings.Join(l.Kinds, ", "))
		hold(e.Wide != "", "%s is for people to look at: %s", e.Path, e.Wide)
		outside := func(path string) bool {
			return len(l.Paths) > 0 && !slices.ContainsFunc(l.Paths, func(at string) bool { return below(path, at) })
		}
		if asked := append([]string{e.Path}, e.Also...); slices.ContainsFunc(asked, outside) {
			hold(true, "%s is at or below none of the paths (%s)", asked[slices.IndexFunc(asked, outside)], strings.Join(l.Paths, ", "))
		} else if i := slices.IndexFunc(e.Elsewhere, outside); i >= 0 {
			hold(true, "the edit at %s would apply at %s, too, and that is at or below none of the paths (%s)", e.Path, e.Elsewhere[i], strings.Join(l.Paths, ", "))
		}
	}
	return list
}

// hold says of the drafts of streams that accept by themselves why they have not been yet.
func (e *Engine) hold(ctx context.Context, drafts ...*Proposal) (err error) {
	for _, p := range drafts {
		active, ok := e.conf.Catalog.Active(p.Stream)
		if p.State != Draft || !ok || active.Stream.EvolutionMode() != gateway.EvolutionAuto {
			continue
		}
		if p.Held, _, err = e.against(ctx, p); err != nil {
			return err
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
