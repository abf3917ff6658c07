package evolution

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/db"
	"github.com/lazaret/lazaret/quarantine"
	"github.com/lazaret/lazaret/schemas"
)

// draft brings the drafts of a stream up to date with its quarantine. fresh are the ids of
// those that it made or made anew. again says that there is more to do, though nothing may
// have changed until the next look.
func (e *Engine) draft(ctx context.Context, s *gateway.Stream) (fresh map[string]digest, again bool, err error) {
	active, ok := e.conf.Catalog.Active(s.Name)
	if !ok || active.Stream.Version != s.Version {
		return nil, true, nil // it is changing
	}
	base, err := e.conf.Catalog.Schemas().Get(ctx, s.Schema.Subject, 0)
	if err != nil {
		return nil, false, err
	}
	if base.Number != s.SchemaVersion {
		return nil, true, nil
	}
	t, err := e.read(ctx, s, base, active.Judge)
	if err != nil || t == nil {
		return nil, false, err
	}
	waits, err := e.releaseLate(ctx, t)
	if err != nil {
		return nil, false, err
	}
	decided, err := e.renew(ctx, s, t)
	return t.fresh, waits || decided, err
}

// renew makes the drafts that a tally asks for, makes those anew that it still asks for, and
// ends the others. decided says that somebody decided on one of them at this moment.
func (e *Engine) renew(ctx context.Context, s *gateway.Stream, t *tally) (decided bool, err error) {
	chosen, notes := t.chosen()
	open, err := e.store.list(ctx, s.Name, Draft)
	if err != nil {
		return false, err
	}
	rejected, err := e.store.list(ctx, s.Name, Rejected)
	if err != nil {
		return false, err
	}
	// Those of another subject make room for their like first.
	foreign := func(p *Proposal) bool { return p.Subject != t.base.Subject }
	if err := e.supersede(ctx, t, slices.DeleteFunc(slices.Clone(open), func(p *Proposal) bool { return !foreign(p) }), nil); err != nil {
		return false, err
	}
	open = slices.DeleteFunc(open, foreign)
	ended := map[string]string{}
	for _, c := range append(chosen, t.left(chosen, open, ended)...) {
		var was *Proposal
		if i := slices.IndexFunc(open, func(p *Proposal) bool { return slices.Equal(p.keys(), c.keys) }); i >= 0 {
			was = open[i]
		}
		if slices.ContainsFunc(rejected, func(p *Proposal) bool {
			return p.Subject == t.base.Subject && subset(remembered(p.keys()), remembered(c.keys))
		}) {
			if was != nil {
				ended[was.ID] = "an edit of it was rejected"
			}
			continue
		}
		note, err := e.propose(ctx, s, t, t.within(c), was)
		if errors.Is(err, errMoved) || errors.Is(err, ErrState) || db.IsConflict(err) {
			decided = true
			continue
		} else if err != nil {
			return false, err
		}
		if note != "" {
			notes = append(notes, Note{s.Name, c.wants[0].path, note})
			if was != nil {
				ended[was.ID] = note
			}
		}
	}
	e.setNotes(s.Name, notes)
	return decided, e.supersede(ctx, t, open, ended)
}

// left are the claims of the open drafts on the same base that are not chosen, though some
// entries still ask for them: such a draft says how few they are by now. In ended is why others end.
func (t *tally) left(chosen []*claim, open []*Proposal, ended map[string]string) (list []*claim) {
	for _, p := range open {
		c := t.claims[signature(p.keys())]
		switch {
		case c == nil || p.Base != t.base.Number || slices.Contains(chosen, c):
		case t.tooMany(c):
			ended[p.ID] = "too many different values are asked for at its place"
		case len(chosen)+len(list) >= maxOpen:
			ended[p.ID] = fmt.Sprintf("more entries ask for other edits; at most %d are proposed at a time", maxOpen)
		default:
			list = append(list, c)
		}
	}
	return list
}

// propose makes or renews a draft. note says why there is none.
func (e *Engine) propose(ctx context.Context, s *gateway.Stream, t *tally, c *claim, was *Proposal) (note string, err error) {
	doc, edits, err := t.document(c)
	if err != nil {
		return "the schema cannot be edited " + err.Error(), nil
	}
	if was != nil && was.Base == t.base.Number && bytes.Equal(was.Document, doc) && slices.EqualFunc(was.Edits, edits, Edit.same) && was.Entries == c.entries && was.LastSeen.Equal(c.last) && was.StreamVersion == s.Version && e.glance(s.Name).judged[was.ID] == hashed(c.ids) {
		t.fresh[was.ID] = hashed(c.ids)
		return "", nil
	}
	version, err := e.conf.Catalog.Propose(ctx, s.Name, doc)
	var refused *catalog.Refused
	if errors.As(err, &refused) {
		return "the schema with the edits is refused: " + refused.Faults[0].Message, nil
	} else if err != nil {
		return "", err
	}
	if version.Active.Stream.SchemaVersion != t.base.Number {
		return "", errMoved
	}
	p := e.describe(t, c, edits, was)
	p.Document, p.StreamVersion = []byte(doc), s.Version
	if note, err := e.compare(ctx, p, t.base, version); note != "" || err != nil {
		return note, err
	}
	found, err := e.verify(ctx, s.Name, c.ids, version.Judge)
	if err != nil {
		return "", err
	}
	p.LookedAt, p.WouldRelease, p.ReleasedProducers = found.looked, found.passed, len(found.producers)
	if p.WouldRelease == 0 {
		return "the schema could follow, but the events would be refused all the same, as by the stream's rules", nil
	}
	p.summarise()
	if was != nil {
		err = e.store.save(ctx, p, Draft)
	} else if err = e.store.insert(ctx, p); err == nil {
		e.log.Info("a new version of a schema is proposed", "proposal", p.ID, "stream", p.Stream, "subject", p.Subject, "base", p.Base, "edits", len(p.Edits), "entries", p.Entries, "would_release", p.WouldRelease)
	}
	if err != nil {
		return "", err
	}
	t.fresh[p.ID] = hashed(c.ids)
	return "", nil
}

type digest = [sha256.Size]byte

// hashed names a list of entries.
func hashed(ids []string) digest { return sha256.Sum256([]byte(strings.Join(ids, " "))) }

// describe makes the proposal, without what is still to be found out.
func (e *Engine) describe(t *tally, c *claim, edits []Edit, was *Proposal) *Proposal {
	now := db.Time(db.Micros(e.conf.Clock()))
	p := &Proposal{State: Draft, Created: now}
	if was != nil {
		*p = *was
		p.Notice = ""
	} else {
		p.ID = uuid.Must(uuid.NewV7()).String()
	}
	p.Stream, p.Subject, p.Base, p.Edits, p.Updated = t.stream, t.base.Subject, t.base.Number, edits, now
	p.Entries, p.AtLeast, p.FirstSeen, p.LastSeen = c.entries, t.partial, c.first, c.last
	producers := slices.Sorted(maps.Keys(c.producers))
	n := min(len(producers), maxProducers)
	p.Producers, p.MoreProducers = producers[:n], len(producers)-n
	return p
}

// compare finds out whether the proposal is compatible; note says why it is not to be made.
func (e *Engine) compare(ctx context.Context, p *Proposal, base schemas.Version, version *catalog.Proposed) (note string, err error) {
	found := schemas.Compare(schemas.LevelBackward, version.Schema, version.Base)
	if p.Compatibility = found.Answer; found.Answer == schemas.Incompatible {
		return "the edits are not compatible: " + found.Breaks[0].Message, nil
	}
	p.Doubts = nil
	for _, d := range found.Doubts {
		p.Doubts = append(p.Doubts, fmt.Sprintf("%s: %s", d.Pointer, d.Message))
	}
	check, err := e.conf.Catalog.CheckSchema(ctx, catalog.Resource{Kind: catalog.KindSchema, Name: p.Subject, Schema: p.Document, References: base.References}, 0)
	if err != nil {
		return "", err
	}
	switch check.Answer {
	case schemas.Incompatible:
		return fmt.Sprintf("%s for %s, which is not %s compatible, so it is not proposed", asking(p.Entries), p.texts(), check.Level), nil
	case schemas.Undecided:
		if p.Compatibility == schemas.Compatible {
			p.Doubts = append(p.Doubts, check.Messages()...)
		}
		p.Compatibility = schemas.Undecided
	}
	return "", nil
}

// supersede ends the drafts that nothing asks for any more, and those that could not be
// renewed, for the reason that is in ended.
func (e *Engine) supersede(ctx context.Context, t *tally, open []*Proposal, ended map[string]string) error {
	for _, p := range open {
		_, asked := t.claims[signature(p.keys())]
		why, over := ended[p.ID]
		same := p.Base == t.base.Number && p.Subject == t.base.Subject
		if _, is := t.fresh[p.ID]; is || !over && same && (asked || t.partial) {
			continue
		}
		p.State, p.Updated, p.Decided = Superseded, e.conf.Clock().UTC(), e.conf.Clock().UTC()
		p.Why = "no entry of the quarantine asks for it any more"
		switch {
		case over:
			p.Why = why
		case p.Subject != t.base.Subject:
			p.Why = fmt.Sprintf("the stream is judged by %s now", t.base.Subject)
		case !same:
			p.Why = fmt.Sprintf("version %d of %s came meanwhile, and it does not follow from that", t.base.Number, p.Subject)
		}
		if err := e.store.save(ctx, p, Draft); err != nil && !errors.Is(err, ErrState) {
			return err
		}
	}
	return nil
}

// releaseLate starts a job for entries that were judged by the version before, while a
// proposal was accepted, and that its own job came too early for. waits says that this has to
// wait for that job.
func (e *Engine) releaseLate(ctx context.Context, t *tally) (waits bool, err error) {
	if len(t.late) == 0 {
		return false, nil
	}
	accepted, err := e.store.list(ctx, t.stream, Accepted)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(accepted, func(p *Proposal) bool { return p.Version == t.base.Number })
	if i < 0 {
		return false, nil // they pass for another reason: that is for a person to reprocess
	}
	if accepted[i].Job == "" {
		return true, nil
	}
	own, err := e.conf.Jobs.Get(ctx, accepted[i].Job)
	if err != nil || !slices.Contains([]quarantine.State{quarantine.Done, quarantine.Failed, quarantine.Cancelled}, own.State) {
		return true, err // it may still come to them
	}
	job, err := e.conf.Jobs.Submit(ctx, quarantine.Filter{Stream: t.stream, IDs: t.late}, false, e.conf.Concurrency)
	if err != nil {
		return true, err
	}
	e.log.Info("entries that came while a proposal was accepted are released, too", "proposal", accepted[i].ID, "stream", t.stream, "job", job.ID, "entries", len(t.late))
	return false, nil
}
