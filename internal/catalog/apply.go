package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/db"
	"github.com/lazaret/lazaret/schemas"
)

// Change is one resource to put or to delete. Of a resource to delete only Kind and
// Name matter.
type Change struct {
	Resource Resource
	Delete   bool
	// Force deletes a stream although it has entries in the quarantine, and puts a schema
	// although it is not compatible, or nobody can tell.
	Force bool
	// Version is that of a Schema to delete, all if it is 0; of one to put it is the number
	// that another registry gave it (see schemas.ModeImport), else 0.
	Version int
	// ID is the id that another registry gave a Schema to put, else 0.
	ID int
	// Once makes no version of a Schema that any version of the subject is already; else only
	// one that is the latest already makes none.
	Once bool
	// Soft takes a Schema to delete out of use, so that it is still found by number and id.
	// Permanent deletes for good what was soft-deleted, and nothing else. With neither, all
	// goes at once.
	Soft, Permanent bool
	// Note says why a Schema is put, and is kept with the version.
	Note string
	// IfMatch makes the change conditional: the resource must exist and have this tag, or
	// any if it is "*". Empty: unconditional.
	IfMatch string
	// IfNone makes the change conditional: the resource must not exist.
	IfNone bool
	// If makes the change conditional on the streams as they are before it, in the very
	// transaction that makes it: its error is Apply's. It may be asked more than once.
	If func(streams []gateway.Stream) error
}

// Options say how changes are applied.
type Options struct {
	// DryRun does everything but store and swap.
	DryRun bool
}

// Action is what became of a resource.
type Action string

// What can become of a resource.
const (
	Created   Action = "created"
	Updated   Action = "updated"
	Unchanged Action = "unchanged"
	Deleted   Action = "deleted"
)

// Result is what was done, or in a dry run would be done, to one resource.
type Result struct {
	Kind    Kind     `json:"kind"`
	Name    string   `json:"name"`
	Action  Action   `json:"action"`
	Version int      `json:"version,omitempty"` // the number of the version that there is now
	DryRun  bool     `json:"dry_run"`
	Notices []string `json:"notices,omitempty"` // what else a person should know
	Tag     string   `json:"-"`                 // the tag of what there is now; "" if deleted
	// ID is that of a schema's document and references, in all subjects.
	ID int `json:"id,omitempty"`
	// Check is what a new version of a schema is to the earlier ones; nil if there was
	// nothing to compare it with. Forced says that it was put although it is not compatible.
	Check  *Check `json:"comparison,omitempty"`
	Forced bool   `json:"forced,omitempty"`
}

// Key names the resource, as in "RuleSet/clickstream".
func (r Result) Key() string { return key(r.Kind, r.Name) }

// Apply makes the changes, all of them or none, and returns a result for each, in their
// order. Schemas are put before rule sets, and these before streams, whatever the
// order; so a stream may name a schema that comes with it. Streams that follow from a
// change are in its notices.
//
// Errors: *Refused with all that is wrong; ErrPrecondition, ErrNotFound, ErrInUse,
// ErrConflict; else the store's. After an error everything is as it was.
func (c *Catalog) Apply(ctx context.Context, changes []Change, opts Options) ([]Result, error) {
	if err := checkChanges(changes); err != nil {
		return nil, err
	}
	c.applying.Lock()
	defer c.applying.Unlock()
	// The plan is made by the very code that stores, in a transaction that is undone, so
	// that a dry run and the real thing cannot differ.
	planned, err := c.rehearse(ctx, changes)
	if err != nil {
		return nil, err
	}
	changes = slices.Clone(changes) // a note may be added
	made, err := c.compile(ctx, changes, planned)
	if err != nil {
		return nil, locate(err, changes)
	}
	if !opts.DryRun {
		if err := c.store(ctx, changes, planned); err != nil {
			return nil, err
		}
		for _, ch := range changes {
			if ch.Resource.Kind == KindSchema {
				c.finders.forget(ch.Resource.Name)
			}
		}
		c.swap(ctx, c.next(planned, made))
	}
	results := planned.results
	for i := range results {
		results[i].DryRun = opts.DryRun
		results[i].Notices = append(results[i].Notices, planned.notices(results[i])...)
	}
	return results, nil
}

// errUndo ends a transaction whose changes are not to stay.
var errUndo = errors.New("undo")

func (c *Catalog) rehearse(ctx context.Context, changes []Change) (*plan, error) {
	var p *plan
	err := c.conf.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if p, err = c.plan(ctx, tx, changes); err != nil {
			return err
		}
		return errUndo
	})
	if errors.Is(err, errUndo) {
		return p, nil
	}
	if err == nil {
		err = errors.New("catalog: a transaction that was to be undone was not")
	}
	return nil, err
}

// store makes the planned changes durable. The store must give every version the number
// that it was planned with: if it does not, somebody else has changed it.
func (c *Catalog) store(ctx context.Context, changes []Change, planned *plan) error {
	return c.conf.DB.Write(ctx, func(tx *db.Tx) error {
		again, err := c.plan(ctx, tx, changes)
		if err != nil {
			return err
		}
		if !again.same(planned) {
			return fmt.Errorf("the catalog was %w: nothing was done, try again", ErrConflict)
		}
		return nil
	})
}

// compile makes the versions of the streams that the plan changes, tries every document
// that is new, and adds to the plan's results what a person should know of them. It looks
// at everything before it refuses.
func (c *Catalog) compile(ctx context.Context, changes []Change, p *plan) (map[string]*version, error) {
	faults := faults{list: p.faults}
	m := c.maker(p.schemas, p.rules)
	m.created = p.created
	var untried []schemas.Version
	for id, v := range p.schemas {
		if _, err := m.schema(ctx, v.Subject, v.Number); err != nil {
			if err := faults.take(err); err != nil {
				return nil, err
			}
		} else if p.created[id] {
			untried = append(untried, v)
		}
	}
	for _, err := range c.try(ctx, m, untried) {
		if err := faults.take(err); err != nil {
			return nil, err
		}
	}
	refused, err := c.check(ctx, m, p, changes)
	if err != nil {
		return nil, err
	} else if refused != nil {
		faults.add(refused.Faults...)
	}
	for stream, v := range p.rules {
		if _, err := m.program(ctx, stream, v.Number); err != nil {
			if err := faults.take(err); err != nil {
				return nil, err
			}
		}
	}
	made := map[string]*version{}
	for _, s := range p.streams {
		v, err := m.version(ctx, s)
		if err := faults.take(err); err != nil {
			return nil, err
		}
		made[s.Name] = v
	}
	for _, ch := range changes {
		if err := faults.take(c.checkPlaces(ch)); err != nil {
			return nil, err
		}
	}
	faults.add(overlaps(c.now.Load(), p)...)
	if err := faults.refused(); err != nil {
		return nil, err
	}
	if err := c.advise(ctx, changes, p, m, made); err != nil {
		return nil, err
	}
	return made, nil
}

// try tries documents, some at a time, and returns what became of each.
func (c *Catalog) try(ctx context.Context, m *maker, list []schemas.Version) []error {
	errs := make([]error, len(list))
	var group errgroup.Group
	group.SetLimit(max(1, runtime.GOMAXPROCS(0)))
	for i, v := range list {
		group.Go(func() error {
			if err := c.conf.Try(ctx, v.Document, m.options(ctx, v)); err != nil {
				errs[i] = schemaFault(v.Subject, err)
			}
			return nil
		})
	}
	_ = group.Wait() // no function returns an error
	return errs
}

// next is the snapshot that holds when the plan is stored.
func (c *Catalog) next(p *plan, made map[string]*version) *snapshot {
	streams := maps.Clone(c.now.Load().streams)
	for _, name := range p.deleted {
		delete(streams, name)
	}
	maps.Copy(streams, made)
	return &snapshot{streams: streams}
}

// faults gathers what is wrong with the changes.
type faults struct{ list []Fault }

// take keeps the faults of a *Refused and returns every other error.
func (f *faults) take(err error) error {
	var r *Refused
	if errors.As(err, &r) {
		f.add(r.Faults...)
		return nil
	}
	return err
}

// add leaves out what is known already: several streams may meet the same fault.
func (f *faults) add(list ...Fault) {
	for _, one := range list {
		if !slices.Contains(f.list, one) {
			f.list = append(f.list, one)
		}
	}
}

func (f *faults) refused() error {
	if len(f.list) == 0 {
		return nil
	}
	slices.SortStableFunc(f.list, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Pointer, b.Pointer))
	})
	return &Refused{f.list}
}

// locate completes faults with the file, and the line where the resource's text is at
// hand and the fault has a pointer only.
func locate(err error, changes []Change) error {
	var r *Refused
	if !errors.As(err, &r) {
		return err
	}
	for i := range r.Faults {
		f := &r.Faults[i]
		for _, ch := range changes {
			if ch.Resource.Key() != f.Resource {
				continue
			}
			f.File = ch.Resource.File
			if ch.Resource.locate != nil && (f.Line == 0 || ch.Resource.Kind == KindSchema) {
				at, _ := ch.Resource.locate(f.Pointer)
				f.Line, f.Column = at.Line, at.Column
			}
		}
	}
	return r
}

// checkChanges looks at the changes alone.
func checkChanges(changes []Change) error {
	var found faults
	seen := map[string]bool{}
	for _, ch := range changes {
		r := ch.Resource
		switch {
		case seen[r.Key()]:
			found.add(Fault{Resource: r.Key(), Message: "is there twice"})
		case ch.Delete:
		case r.Kind == KindStream:
			r.Stream.Name = r.Name
			var invalid *gateway.InvalidStream
			if err := r.Stream.Validate(); errors.As(err, &invalid) {
				for _, f := range invalid.Fields {
					found.add(Fault{Resource: r.Key(), Pointer: f.Pointer, Message: f.Message})
				}
			} else if err != nil {
				return err
			}
		case r.Kind == KindRuleSet && !gateway.ValidName(r.Name):
			found.add(Fault{Resource: r.Key(), Pointer: "/stream", Message: "no stream can have this name"})
		case r.Kind != KindSchema && r.Kind != KindRuleSet:
			found.add(Fault{Resource: r.Key(), Message: "is of no kind that there is"})
		}
		seen[r.Key()] = true
	}
	if err := found.refused(); err != nil {
		return locate(err, changes)
	}
	return nil
}
