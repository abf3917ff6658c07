package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/lru"
	"github.com/lazaret/lazaret/rules"
	"github.com/lazaret/lazaret/schemas"
)

const (
	// missFor is how long it is remembered that a subject has no such version. Changes that
	// this process makes are seen at once.
	missFor = time.Second
	// maxKept is how many versions of a subject are kept compiled because events named them,
	// and maxKeptBytes how many bytes their documents have.
	maxKept      = 256
	maxKeptBytes = 2 << 20
)

// others are the versions that events of the stream may name and that the stream lists,
// compiled, and all that the contract has to know of naming: nil if events name none. It
// completes the identity of the stream's own version.
func (m *maker) others(ctx context.Context, s gateway.Stream, own *lazaret.Version) (others map[schemaID]*schemas.Schema, list *rules.Versions, err error) {
	ref := s.Schema
	if ref == nil || len(ref.NamedBy) == 0 && (s.Sink.Kafka == nil || !s.Sink.Kafka.RegistryID) {
		return nil, nil, nil
	}
	if own.SchemaID, err = m.id(ctx, ref.Subject, s.SchemaVersion); err != nil || len(ref.NamedBy) == 0 {
		return nil, nil, err
	}
	list, others = &rules.Versions{}, map[schemaID]*schemas.Schema{}
	for _, by := range ref.NamedBy {
		list.By = append(list.By, rules.Naming(by))
	}
	for _, a := range ref.Accept {
		switch {
		case a.All:
			list.All, list.AllUntil, list.Find = true, a.Ends(), m.c.finders.of(m.c, ref.Subject)
		case a.Version != s.SchemaVersion: // the stream's own is accepted in any case
			one, err := m.accepted(ctx, ref.Subject, a)
			if err != nil {
				return nil, nil, err
			}
			list.Accept = append(list.Accept, one)
			others[schemaID{ref.Subject, a.Version}] = one.Schema
		}
	}
	// Of several versions with one id, the newest is what an event means by it.
	slices.SortFunc(list.Accept, func(a, b rules.Accepted) int { return b.Number - a.Number })
	return others, list, nil
}

func (m *maker) accepted(ctx context.Context, subject string, a gateway.AcceptedVersion) (rules.Accepted, error) {
	schema, err := m.schema(ctx, subject, a.Version)
	if err != nil {
		return rules.Accepted{}, err
	}
	id, err := m.id(ctx, subject, a.Version)
	return rules.Accepted{Number: a.Version, ID: id, Schema: schema, Until: a.Ends()}, err
}

// id is the global id of a version.
func (m *maker) id(ctx context.Context, subject string, number int) (int64, error) {
	v, err := m.stored(ctx, subject, number)
	return idOf(v), err
}

// finders are those of the subjects of which some stream accepts all versions.
type finders struct {
	mu   sync.Mutex
	list map[string]*finder
}

func (f *finders) of(c *Catalog, subject string) *finder {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.list == nil {
		f.list = map[string]*finder{}
	}
	one := f.list[subject]
	if one == nil {
		one = &finder{c: c, subject: subject, turn: make(chan struct{}, 1),
			kept: lru.New[int, rules.Found](maxKept, maxKeptBytes), failing: lru.New[int, failing](maxKept, maxKept)}
		f.list[subject] = one
	}
	return one
}

// forget is called when the versions of a subject have changed.
func (f *finders) forget(subject string) {
	f.mu.Lock()
	one := f.list[subject]
	f.mu.Unlock()
	if one != nil {
		one.forget()
	}
}

// finder is the rules.Finder of a subject. What it knows of the store is as old as the last
// version that it did not know, and that for no longer than missFor.
type finder struct {
	c       *Catalog
	subject string
	turn    chan struct{} // held by the one who reads and compiles

	mu      sync.RWMutex
	round   int // grows with each forget
	known   map[int]known
	read    time.Time                    // when known was read; zero: it must be read again
	kept    *lru.Cache[int, rules.Found] // good for a version that is known by the same id
	failing *lru.Cache[int, failing]
}

type known struct {
	id      int64
	created time.Time
}

// failing is a version that does not compile, which is not tried for each event.
type failing struct {
	err error
	at  time.Time
}

func (f *finder) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.round++
	f.read, f.known, f.failing = time.Time{}, nil, lru.New[int, failing](maxKept, maxKept)
}

// Version implements rules.Finder.
func (f *finder) Version(ctx context.Context, number int) (rules.Found, error) {
	if found, ok, err := f.look(number); ok {
		return found, err
	}
	leave, err := f.enter(ctx)
	if err != nil {
		return rules.Found{}, err
	}
	defer leave()
	if found, ok, err := f.look(number); ok { // somebody else was first
		return found, err
	}
	f.mu.RLock()
	v, ok := f.known[number]
	round := f.round
	f.mu.RUnlock()
	if !ok {
		list, err := f.reread(ctx)
		if err != nil {
			return rules.Found{}, err
		}
		if v, ok = list[number]; !ok {
			return rules.Found{}, f.missing()
		}
		if found, ok, err := f.look(number); ok { // it was compiled before the subject changed
			return found, err
		}
	}
	schema, err := f.c.maker(nil, nil).schema(ctx, f.subject, number)
	found := rules.Found{Schema: schema, ID: v.id, Created: v.created}
	f.keep(round, number, found, err)
	return found, err
}

// Numbers implements rules.Finder.
func (f *finder) Numbers(ctx context.Context, id int64) ([]int, error) {
	if list, fresh := f.withID(id); len(list) > 0 || fresh {
		return list, nil
	}
	leave, err := f.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if list, fresh := f.withID(id); len(list) > 0 || fresh {
		return list, nil
	}
	if _, err := f.reread(ctx); err != nil {
		return nil, err
	}
	list, _ := f.withID(id)
	return list, nil
}

func (f *finder) enter(ctx context.Context) (leave func(), err error) {
	select {
	case f.turn <- struct{}{}:
		return func() { <-f.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *finder) missing() error {
	return fmt.Errorf("%w: a version of %s that an event names", schemas.ErrNotFound, f.subject)
}

// look answers from memory; ok is false if the store is to be asked.
func (f *finder) look(number int) (found rules.Found, ok bool, err error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	v, exists := f.known[number]
	if exists {
		if found, ok := f.kept.Get(number); ok && found.ID == v.id && found.Created.Equal(v.created) {
			return found, true, nil
		}
	}
	if bad, ok := f.failing.Get(number); ok && f.c.clock().Sub(bad.at) < missFor {
		return rules.Found{}, true, bad.err
	}
	if !exists && f.fresh() {
		return rules.Found{}, true, f.missing()
	}
	return rules.Found{}, false, nil
}

// fresh says whether what is not known does not exist. mu is held.
func (f *finder) fresh() bool { return !f.read.IsZero() && f.c.clock().Sub(f.read) < missFor }

func (f *finder) withID(id int64) (list []int, fresh bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for number, v := range f.known {
		if v.id == id && id > 0 {
			list = append(list, number)
		}
	}
	slices.SortFunc(list, func(a, b int) int { return b - a })
	return list, f.fresh()
}

// reread reads from the store which versions there are.
func (f *finder) reread(ctx context.Context) (map[int]known, error) {
	f.mu.RLock()
	round := f.round
	f.mu.RUnlock()
	versions, err := f.c.versionsOf(ctx, f.subject)
	if err != nil {
		return nil, err
	}
	list := make(map[int]known, len(versions))
	for _, v := range versions {
		list[v.Number] = known{idOf(v), v.Created}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known = list
	if f.round == round {
		f.read = f.c.clock()
	}
	return list, nil
}

// keep keeps what came of compiling a version, unless the subject has changed since.
func (f *finder) keep(round, number int, found rules.Found, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.round != round:
	case err != nil && !errors.As(err, new(*Refused)): // it could not be read
	case err != nil:
		f.failing.Put(number, failing{err, f.c.clock()}, 1)
	default:
		f.kept.Put(number, found, found.Schema.Size())
	}
}

// versionsOf lists the versions of a subject that are in use.
func (c *Catalog) versionsOf(ctx context.Context, subject string) ([]schemas.Version, error) {
	list, err := c.conf.Schemas.Versions(ctx, subject)
	if errors.Is(err, schemas.ErrNotFound) {
		return nil, nil
	}
	return list, err
}

// idOf is the global id of a version, as it travels in the wire format.
func idOf(v schemas.Version) int64 { return int64(v.ID) }
