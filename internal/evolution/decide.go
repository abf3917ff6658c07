package evolution

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/db"
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
// passes by it. It may be repeated: what is accepted already is returned as it is. ErrState,
// ErrConflict if the schema has another version by now, ErrUnproved, or a *catalog.Refused.
func (e *Engine) Accept(ctx context.Context, id string, d Decision) (Proposal, error) {
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
		p.AcceptedBy, p.AcceptedAt = p.Who, p.Decided
		p.State = Accepting
		if err := e.store.save(ctx, p, Draft); err != nil {
			return *p, err
		}
	default:
		return *p, fmt.Errorf("%w: it is %s and cannot be accepted", ErrState, p.State)
	}
	return *p, e.finishAccepting(ctx, p)
}

// current says whether the stream of a draft is still judged by its subject, and the base is
// the latest version.
func (e *Engine) current(ctx context.Context, p *Proposal) error {
	active, ok := e.conf.Catalog.Active(p.Stream)
	if !ok || active.Stream.Schema == nil || active.Stream.Schema.Subject != p.Subject {
		return fmt.Errorf("%w: stream %s is not judged by %s any more", ErrConflict, p.Stream, p.Subject)
	}
	latest, err := e.conf.Catalog.Schemas().Get(ctx, p.Subject, 0)
	if err == nil && latest.Number != p.Base {
		err = fmt.Errorf("%w: version %d of %s; the proposal is made anew on it in a moment", ErrConflict, latest.Number, p.Subject)
	}
	return err
}

func (e *Engine) now() time.Time { return db.Time(db.Micros(e.conf.Clock())) }

// finishAccepting carries out an acceptance that is written down.
func (e *Engine) finishAccepting(ctx context.Context, p *Proposal) error {
	number, err := e.put(ctx, p, p.Base, p.Document, p.Compatibility != schemas.Compatible, fmt.Sprintf("proposal %s, accepted by %.60s", p.ID, p.AcceptedBy))
	var refused *catalog.Refused
	if errors.Is(err, ErrConflict) || errors.Is(err, catalog.ErrMode) || errors.As(err, &refused) {
		p.State, p.Who, p.Why, p.Decided, p.AcceptedBy, p.AcceptedAt = Draft, "", "", time.Time{}, "", time.Time{}
		return errors.Join(err, e.store.save(ctx, p, Accepting))
	} else if err != nil {
		return err
	}
	p.Version, p.State, p.Updated = number, Accepted, e.now()
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
// from an earlier try, that is it.
func (e *Engine) put(ctx context.Context, p *Proposal, after int, document []byte, force bool, note string) (number int, err error) {
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
		IfMatch:  catalog.SchemaTag(latest, settings.Level), Force: force, Note: note,
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
// What was released stays released. It may be repeated. ErrState; ErrConflict if the schema
// has another version than the proposal's by now.
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
		latest, err := e.conf.Catalog.Schemas().Get(ctx, p.Subject, 0)
		if err != nil {
			return *p, err
		}
		if latest.Number != p.Version {
			return *p, fmt.Errorf("%w: version %d of %s came after version %d, which this proposal made; roll the schema back by its version", ErrConflict, latest.Number, p.Subject, p.Version)
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

func (e *Engine) finishRollingBack(ctx context.Context, p *Proposal) error {
	base, err := e.conf.Catalog.Schemas().Get(ctx, p.Subject, p.Base)
	if err != nil {
		return err
	}
	number, err := e.put(ctx, p, p.Version, base.Document, true, fmt.Sprintf("proposal %s, rolled back by %.60s", p.ID, p.Who))
	if errors.Is(err, ErrConflict) || errors.Is(err, catalog.ErrMode) {
		p.State = Accepted
		return errors.Join(err, e.store.save(ctx, p, RollingBack))
	} else if err != nil {
		return err
	}
	p.State, p.RollbackVersion, p.Updated = RolledBack, number, e.now()
	p.Notice = "what was released stays released"
	if job, err := e.conf.Jobs.Get(ctx, p.Job); err == nil {
		p.Notice = fmt.Sprintf("%s: %s %s", p.Notice, grouped(int(job.Released)), plural(int(job.Released), "entry", "entries"))
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
