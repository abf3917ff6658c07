package evolution

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/db"
	"github.com/lazaret/lazaret/internal/words"
	"github.com/lazaret/lazaret/quarantine"
	"github.com/lazaret/lazaret/schemas"
)

// Decision is who decides on a proposal, and why.
type Decision struct {
	Who, Why string
	// Force accepts a proposal that is not proved to be compatible.
	Force bool
}

// Accept puts the proposed version through the catalog and starts the job that releases what
// passes by it. A draft whose schema moved on is made anew first. It may be repeated: what is
// accepted already is returned as it is. ErrState, ErrConflict if the schema has another
// version by now, ErrUnproved, or a *catalog.Refused.
func (e *Engine) Accept(ctx context.Context, id string, d Decision) (Proposal, error) {
	if err := e.rebase(ctx, id); err != nil {
		return Proposal{}, err
	}
	return e.accept(ctx, id, d)
}

// rebase makes a draft anew if its schema has another version by now.
func (e *Engine) rebase(ctx context.Context, id string) error {
	p, err := e.store.get(ctx, id)
	if err != nil || p.State != Draft {
		return err
	}
	active, ok := e.conf.Catalog.Active(p.Stream)
	latest, err := e.conf.Catalog.Schemas().Get(ctx, p.Subject, 0)
	if !ok || !follows(&active.Stream, p.Subject) || errors.Is(err, schemas.ErrNotFound) || err == nil && latest.Number == p.Base {
		return nil // accept says what is wrong
	} else if err != nil {
		return err
	}
	e.looking.Lock()
	defer e.looking.Unlock()
	if _, _, err := e.draft(ctx, &active.Stream); err != nil {
		return err
	}
	base := p.Base
	if p, err = e.store.get(ctx, id); err != nil || p.State != Draft || p.Base == base {
		return err
	}
	p.Notice = fmt.Sprintf("it was made anew on version %d before it was accepted", p.Base)
	if err := e.store.save(ctx, p, Draft); !errors.Is(err, ErrState) {
		return err
	}
	return nil
}

// follows says whether a stream is judged by the latest version of a subject.
func follows(s *gateway.Stream, subject string) bool {
	return s.Schema != nil && s.Schema.Subject == subject && s.Schema.Version == 0
}

// accept is Accept without making the draft anew.
func (e *Engine) accept(ctx context.Context, id string, d Decision) (Proposal, error) {
	e.deciding.Lock()
	defer e.deciding.Unlock()
	p, err := e.store.get(ctx, id)
	if err != nil {
		return Proposal{}, err
	}
	switch p.State {
	case Accepted:
		return *p, nil
	case Accepting:
	case Draft:
		if p.Compatibility != schemas.Compatible && !d.Force {
			return *p, fmt.Errorf("%w: %v; force it if you know better", ErrUnproved, p.Doubts)
		}
		if err := e.current(ctx, p); err != nil { // looked at first, so that the draft can be made anew meanwhile
			return *p, err
		}
		p.Who, p.Why, p.Decided = d.Who, d.Why, e.now()
		p.AcceptedBy, p.AcceptedWhy, p.AcceptedAt = p.Who, p.Why, p.Decided
		p.State = Accepting
		if err := e.store.save(ctx, p, Draft); err != nil {
			return *p, err
		}
	case Superseded:
		return *p, fmt.Errorf("%w: it is superseded and cannot be accepted: %s", ErrState, p.Why)
	default:
		return *p, fmt.Errorf("%w: it is %s and cannot be accepted", ErrState, p.State)
	}
	return *p, e.finishAccepting(ctx, p)
}

// current says whether the stream of a draft still follows its subject, and the base is the
// latest version.
func (e *Engine) current(ctx context.Context, p *Proposal) error {
	active, ok := e.conf.Catalog.Active(p.Stream)
	if !ok || active.Stream.Schema == nil || active.Stream.Schema.Subject != p.Subject {
		return fmt.Errorf("%w: stream %s is not judged by %s any more", ErrConflict, p.Stream, p.Subject)
	}
	if at := active.Stream.Schema.Version; at != 0 {
		return fmt.Errorf("%w: stream %s names version %d of %s, and follows no other", ErrConflict, p.Stream, at, p.Subject)
	}
	latest, err := e.conf.Catalog.Schemas().Get(ctx, p.Subject, 0)
	if err == nil && latest.Number != p.Base {
		err = fmt.Errorf("%w: version %d of %s; the proposal is made anew on it in a moment: try again then", ErrConflict, latest.Number, p.Subject)
	}
	return err
}

// others says which other streams went on with a subject.
func (e *Engine) others(p *Proposal) (list []string) {
	for _, s := range e.conf.Catalog.JudgedBy(p.Subject) {
		if s.Name != p.Stream && s.Schema.Version == 0 {
			list = append(list, fmt.Sprintf("stream %s goes to version %d as well", s.Name, s.Version))
		}
	}
	return list
}

func (e *Engine) now() time.Time { return db.Time(db.Micros(e.conf.Clock())) }

// finishAccepting carries out an acceptance that is written down.
func (e *Engine) finishAccepting(ctx context.Context, p *Proposal) error {
	var allowed func([]gateway.Stream) error
	if p.AcceptedBy == Auto {
		allowed = func(streams []gateway.Stream) error { return e.stillAllowed(streams, p) }
	}
	number, err := e.put(ctx, p, p.Base, p.Document, p.Compatibility != schemas.Compatible, fmt.Sprintf("%s%s, accepted by %.60s", catalog.ProposalNote, p.ID, p.AcceptedBy), allowed)
	var refused *catalog.Refused
	if errors.Is(err, ErrConflict) || errors.Is(err, catalog.ErrMode) || errors.As(err, &refused) {
		p.State, p.Who, p.Why, p.Decided, p.AcceptedBy, p.AcceptedWhy, p.AcceptedAt = Draft, "", "", time.Time{}, "", "", time.Time{}
		return errors.Join(err, e.store.save(ctx, p, Accepting))
	} else if err != nil {
		return err
	}
	p.Version, p.State, p.Updated = number, Accepted, e.now()
	p.notice(e.others(p)...)
	if err := e.store.save(ctx, p, Accepting); err != nil {
		return err
	}
	e.lookSoon()
	e.log.Info("a proposal was accepted", "proposal", p.ID, "stream", p.Stream, "subject", p.Subject, "version", p.Version, "who", p.AcceptedBy)
	if err := e.release(ctx, p); err != nil {
		e.log.Warn("the entries that an accepted proposal releases wait; it is tried again", "proposal", p.ID, "stream", p.Stream, "error", err)
	}
	return nil
}

// put makes a document the version after the one that is named, once: if it is there already
// from an earlier try, that is it. What is not nil in allowed is asked when it is made.
func (e *Engine) put(ctx context.Context, p *Proposal, after int, document []byte, force bool, note string, allowed func([]gateway.Stream) error) (number int, err error) {
	hash, err := schemas.Hash(document)
	if err != nil {
		return 0, err
	}
	versions, err := e.conf.Catalog.Schemas().Versions(ctx, p.Subject)
	if errors.Is(err, schemas.ErrNotFound) {
		return 0, fmt.Errorf("%w: there is none: %w", ErrConflict, err)
	} else if err != nil {
		return 0, err
	}
	for _, v := range versions {
		if v.Number > after && v.Hash == hash {
			return v.Number, nil
		}
	}
	latest := versions[len(versions)-1]
	if latest.Number != after {
		return 0, fmt.Errorf("%w: version %d of %s; this is about version %d", ErrConflict, latest.Number, p.Subject, after)
	}
	settings, err := e.conf.Catalog.Schemas().Settings(ctx, p.Subject)
	if err != nil {
		return 0, err
	}
	results, err := e.conf.Catalog.Apply(ctx, []catalog.Change{{
		Resource: catalog.Resource{Kind: catalog.KindSchema, Name: p.Subject, Schema: document, References: latest.References},
		IfMatch:  catalog.SchemaTag(latest, settings.Level), Force: force, Note: note, If: allowed,
	}}, catalog.Options{})
	if errors.Is(err, catalog.ErrPrecondition) || errors.Is(err, catalog.ErrConflict) {
		return 0, fmt.Errorf("%w: %w", ErrConflict, err)
	} else if err != nil {
		return 0, err
	}
	return results[0].Version, nil
}

// release starts the job of an accepted proposal, once: it has the proposal's id.
func (e *Engine) release(ctx context.Context, p *Proposal) error {
	f := quarantine.Filter{Stream: p.Stream}
	var list []lazaret.Code
	for _, edit := range p.Edits {
		_, keyword := cutLast(edit.Pointer)
		list = append(list, lazaret.SchemaCode(keyword))
	}
	slices.Sort(list)
	if list = slices.Compact(list); len(list) == 1 {
		f.Code = list[0]
	}
	job, err := e.conf.Jobs.SubmitOnce(ctx, p.ID, f, e.conf.Concurrency)
	if err != nil {
		return err
	}
	p.Job, p.Updated = job.ID, e.now()
	return e.store.save(ctx, p, Accepted)
}

// Reject ends a draft for good: its edits are not proposed again.
func (e *Engine) Reject(ctx context.Context, id string, d Decision) (Proposal, error) {
	e.deciding.Lock()
	defer e.deciding.Unlock()
	p, err := e.store.get(ctx, id)
	if err != nil {
		return Proposal{}, err
	}
	if p.State == Rejected {
		return *p, nil
	}
	if p.State != Draft {
		return *p, fmt.Errorf("%w: it is %s and cannot be rejected", ErrState, p.State)
	}
	p.State, p.Who, p.Why, p.Decided = Rejected, d.Who, d.Why, e.now()
	p.Updated = p.Decided
	if err := e.store.save(ctx, p, Draft); err != nil {
		return *p, err
	}
	e.log.Info("a proposal was rejected", "proposal", p.ID, "stream", p.Stream, "who", p.Who)
	return *p, nil
}

// Rollback makes the version before an accepted proposal the latest again, as a new version.
// What was released stays released. It may be repeated. ErrState; ErrConflict if the latest
// document of the schema is another than the proposal's by now.
func (e *Engine) Rollback(ctx context.Context, id string, d Decision) (Proposal, error) {
	e.deciding.Lock()
	defer e.deciding.Unlock()
	p, err := e.store.get(ctx, id)
	if err != nil {
		return Proposal{}, err
	}
	switch p.State {
	case RolledBack:
		return *p, nil
	case RollingBack:
	case Accepted:
		if p.RolledBackFrom, err = e.undoes(ctx, p); err != nil {
			return *p, err
		}
		p.State, p.Who, p.Why, p.Decided = RollingBack, d.Who, d.Why, e.now()
		if err := e.store.save(ctx, p, Accepted); err != nil {
			return *p, err
		}
	default:
		return *p, fmt.Errorf("%w: it is %s and cannot be rolled back", ErrState, p.State)
	}
	return *p, e.finishRollingBack(ctx, p)
}

// undoes is the latest version if it is the one that the proposal made, or its document again;
// and the proposal's own if somebody made the version before it the latest again by hand.
func (e *Engine) undoes(ctx context.Context, p *Proposal) (number int, err error) {
	latest, err := e.conf.Catalog.Schemas().Get(ctx, p.Subject, 0)
	if err != nil {
		return 0, err
	}
	if hash, err := schemas.Hash(p.Document); err != nil || latest.Number == p.Version || latest.Hash == hash {
		return latest.Number, err
	}
	base, err := e.conf.Catalog.Schemas().Get(ctx, p.Subject, p.Base)
	if err != nil || latest.Hash == base.Hash {
		return p.Version, err
	}
	return 0, fmt.Errorf("%w: version %d of %s came after version %d, which this proposal made, and is another document; to take both back, roll the schema back by its version: lazaret schema rollback %s %d",
		ErrConflict, latest.Number, p.Subject, p.Version, p.Subject, p.Base)
}

func (e *Engine) finishRollingBack(ctx context.Context, p *Proposal) error {
	base, err := e.conf.Catalog.Schemas().Get(ctx, p.Subject, p.Base)
	if err != nil {
		return err
	}
	number, err := e.put(ctx, p, max(p.RolledBackFrom, p.Version), base.Document, true, fmt.Sprintf("%s%s%s%.60s", catalog.ProposalNote, p.ID, catalog.ProposalTakenBack, p.Who), nil)
	if errors.Is(err, ErrConflict) || errors.Is(err, catalog.ErrMode) {
		p.State = Accepted
		return errors.Join(err, e.store.save(ctx, p, RollingBack))
	} else if err != nil {
		return err
	}
	p.State, p.RollbackVersion, p.Updated = RolledBack, number, e.now()
	stays := "what was released stays released"
	if job, err := e.conf.Jobs.Get(ctx, p.Job); err == nil {
		stays += ": " + words.Counted(int(job.Released), "entry", "entries")
	}
	p.Notice = ""
	made, err := e.conf.Catalog.Schemas().Get(ctx, p.Subject, number)
	if err == nil && !strings.HasPrefix(made.Note, catalog.ProposalNote+p.ID) {
		p.notice(fmt.Sprintf("version %d had taken it back already, and no other was made", number), stays)
	} else {
		p.notice(append([]string{stays}, e.others(p)...)...)
	}
	if err := e.store.save(ctx, p, RollingBack); err != nil {
		return err
	}
	e.lookSoon()
	e.log.Info("a proposal was rolled back; what it released stays released", "proposal", p.ID, "stream", p.Stream, "subject", p.Subject, "version", number, "who", p.Who)
	return nil
}

// finish carries out what is written down and was cut off.
func (e *Engine) finish(ctx context.Context) error {
	e.deciding.Lock()
	defer e.deciding.Unlock()
	list, err := e.store.unfinished(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range list {
		switch p.State {
		case Accepting:
			err = e.finishAccepting(ctx, p)
		case RollingBack:
			err = e.finishRollingBack(ctx, p)
		default:
			err = e.release(ctx, p)
		}
		if err != nil && !errors.Is(err, ErrConflict) {
			errs = append(errs, fmt.Errorf("proposal %s: %w", p.ID, err))
		}
	}
	return errors.Join(errs...)
}
