// Package catalog is the one way by which schemas, rule sets and streams change, and
// the one place that says which version of a stream is active.
//
// A change is planned against the store, compiled whole with everything that it
// affects, tried, stored in one transaction, and swapped in with one pointer; or it is
// refused with everything that is wrong, and nothing has happened. Changes are
// serialised. What is active is answered from memory, from an immutable snapshot.
package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/db"
	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/rules"
	"github.com/lazaret/lazaret/schemas"
)

// Config is what a catalog works with. All but the fields that say so must be set.
type Config struct {
	DB      *db.DB
	Schemas *schemas.Registry
	Rules   *rules.Store
	Streams *gateway.StreamStore
	// OpenSink opens the sink of a stream. The catalog closes it.
	OpenSink func(gateway.Stream) (gateway.Sink, error)
	// OpenMirror opens the mirror of a stream's quarantine: a sink of bad events. The catalog
	// closes it. Optional; without it no quarantine is mirrored.
	OpenMirror func(gateway.Stream) (gateway.Sink, error)
	// CheckSink says, without opening anything, why a sink cannot be had, such as a host
	// that is not allowed. It is asked for the mirror of a quarantine, too, as for a sink.
	// Optional.
	CheckSink func(gateway.SinkSpec) error
	// CheckSource says the same of a source. Optional.
	CheckSource func(gateway.SourceSpec) error
	// OnActive is told of the active streams, by name, at the start and whenever they have
	// changed. It must not wait. Optional.
	OnActive func(streams []gateway.Stream)
	// Quarantined counts a stream's entries that are still in the quarantine. Optional;
	// without it a stream is deleted without asking.
	Quarantined func(ctx context.Context, stream string) (int64, error)
	// Try tries a new schema document. Optional; default schemas.Try.
	Try func(ctx context.Context, document []byte, opts schemas.Options) error
	// Limits bound the payloads that are judged; the zero value means the default.
	Limits jsonread.Limits
	// Reference has events judged without the checker: slower, with the same verdicts.
	Reference bool
	// OnRule says who is told the time that a rule took. Optional.
	OnRule func(stream, rule string) (told func(d time.Duration))
	// OnSuspend is told of a rule that took too long and gives rule.error from then on.
	// It is logged as well. Optional.
	OnSuspend func(stream, rule string, took time.Duration)
	// Log is optional.
	Log *slog.Logger
}

// Catalog is a gateway.Catalog whose content Apply changes. It is safe for concurrent
// use.
type Catalog struct {
	conf  Config
	log   *slog.Logger
	sinks *sinks
	clock func() time.Time

	applying sync.Mutex    // one change at a time
	checking chan struct{} // has room for maxChecks
	now      atomic.Pointer[snapshot]
	earlier  earlier
	finders  finders
}

// snapshot is what is active. It is immutable.
type snapshot struct{ streams map[string]*version }

// version is one version of a stream, ready to work.
type version struct {
	gateway.Active
	schema  *schemas.Schema              // nil if broken
	others  map[schemaID]*schemas.Schema // that its events may name
	program *rules.Program               // nil if it has no rules, and if broken
	handle  *handle
	mirror  *handle // nil if there is none
	broken  error   // why it does not judge; nil if it does
}

// New loads what is stored. A stream that does not compile any more does not prevent
// the start: it is logged, its Broken says why, and its judge answers with an error, so
// that nothing is taken for it.
func New(ctx context.Context, conf Config) (*Catalog, error) {
	if conf.DB == nil || conf.Schemas == nil || conf.Rules == nil || conf.Streams == nil || conf.OpenSink == nil {
		return nil, errors.New("catalog: Config needs DB, Schemas, Rules, Streams and OpenSink")
	}
	if conf.Log == nil {
		conf.Log = slog.New(slog.DiscardHandler)
	}
	if conf.Try == nil {
		conf.Try = schemas.Try
	}
	c := &Catalog{
		conf:  conf,
		log:   conf.Log,
		clock: time.Now,
		sinks: &sinks{log: conf.Log, places: map[string]*place{}},

		checking: make(chan struct{}, maxChecks),
	}
	list, err := conf.Streams.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	snap := &snapshot{streams: map[string]*version{}}
	maker := c.maker(nil, nil)
	for _, s := range list {
		v, err := maker.version(ctx, s)
		if err != nil {
			c.log.Error("a stream does not compile and takes no events until it is mended", "stream", s.Name, "version", s.Version, "error", err)
			v = c.brokenVersion(s, err)
		}
		snap.streams[s.Name] = v
	}
	c.swap(ctx, snap)
	return c, nil
}

// Schemas is the registry of schemas, for reading: only Apply changes what is stored.
func (c *Catalog) Schemas() *schemas.Registry { return c.conf.Schemas }

// Rules is the store of rule sets, for reading.
func (c *Catalog) Rules() *rules.Store { return c.conf.Rules }

// Streams is the store of streams, for reading.
func (c *Catalog) Streams() *gateway.StreamStore { return c.conf.Streams }

// Close closes the sinks after the writes under way.
func (c *Catalog) Close(ctx context.Context) error { return c.sinks.close(ctx) }

// openTimeout is how long a swap waits for sinks to be opened, which may have to wait
// for writes to those that they replace. After it they are opened by the first write.
const openTimeout = 10 * time.Second

// swap makes a snapshot the one that is active. It cannot fail, and does not stop in
// the middle when ctx ends.
func (c *Catalog) swap(ctx context.Context, snap *snapshot) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openTimeout)
	defer cancel()
	c.now.Store(snap)
	handles := make([]*handle, 0, len(snap.streams))
	active := make([]gateway.Stream, 0, len(snap.streams))
	for _, name := range slices.Sorted(maps.Keys(snap.streams)) {
		v := snap.streams[name]
		active = append(active, v.Stream)
		handles = append(handles, v.handle)
		if v.mirror != nil {
			handles = append(handles, v.mirror)
		}
	}
	c.sinks.activate(ctx, handles)
	if c.conf.OnActive != nil {
		c.conf.OnActive(active)
	}
}

// Active implements gateway.Catalog.
func (c *Catalog) Active(stream string) (*gateway.Active, bool) {
	v, ok := c.now.Load().streams[stream]
	if !ok {
		return nil, false
	}
	return &v.Active, true
}

// At implements gateway.Catalog. ErrNotFound of package gateway also when the schema or
// the rules of that version are gone.
func (c *Catalog) At(ctx context.Context, stream string, number int) (*gateway.Active, error) {
	if v, ok := c.now.Load().streams[stream]; ok && v.Stream.Version == number {
		return &v.Active, nil
	}
	if v := c.earlier.get(stream, number); v != nil {
		return &v.Active, nil
	}
	s, err := c.conf.Streams.GetVersion(ctx, stream, number)
	if err != nil {
		return nil, err
	}
	v, err := c.maker(nil, nil).version(ctx, s)
	var refused *Refused
	if errors.As(err, &refused) {
		return nil, fmt.Errorf("stream %q version %d cannot be judged any more: %w: %w", stream, number, gateway.ErrNotFound, err)
	} else if err != nil {
		return nil, err
	}
	c.earlier.put(v)
	return &v.Active, nil
}

// Health is the state of one stream.
type Health struct {
	Stream string
	// Broken is why the stream's contract does not compile; nil if it does.
	Broken error
	// Sink is why its sink, or the mirror of its quarantine, takes nothing now; nil if it does.
	Sink error
}

// Health returns the state of every stream, by name.
func (c *Catalog) Health() []Health {
	snap := c.now.Load()
	list := make([]Health, 0, len(snap.streams))
	for name, v := range snap.streams {
		list = append(list, Health{Stream: name, Broken: v.broken, Sink: v.ready()})
	}
	slices.SortFunc(list, func(a, b Health) int { return strings.Compare(a.Stream, b.Stream) })
	return list
}

// ready says why the version's sink or mirror takes nothing now.
func (v *version) ready() error {
	err := v.handle.Ready()
	if v.mirror != nil {
		err = errors.Join(err, v.mirror.Ready())
	}
	return err
}

// Broken returns why the stream's contract does not compile; nil if it does, or if there
// is no such stream.
func (c *Catalog) Broken(stream string) error {
	if v, ok := c.now.Load().streams[stream]; ok {
		return v.broken
	}
	return nil
}

func (c *Catalog) brokenVersion(s gateway.Stream, err error) *version {
	v := c.withSinks(&version{broken: err}, s)
	v.Judge = brokenJudge{err}
	return v
}

// withSinks gives a version its stream, and the sink and the mirror of that, not yet open.
func (c *Catalog) withSinks(v *version, s gateway.Stream) *version {
	v.handle, v.mirror = c.sinks.handle(s, c.conf.OpenSink), c.sinks.mirror(s, c.conf.OpenMirror)
	v.Stream, v.Sink = s, v.handle
	if v.mirror != nil {
		v.Mirror = v.mirror
	}
	return v
}

// brokenJudge judges nothing: the stream's contract does not compile.
type brokenJudge struct{ err error }

func (j brokenJudge) Judge(context.Context, *lazaret.Event) (lazaret.Verdict, error) {
	return lazaret.Verdict{}, fmt.Errorf("the stream's contract does not compile: %w", j.err)
}

// maxEarlier is how many earlier versions are kept compiled.
const maxEarlier = 8

// earlier keeps the earlier versions that were asked for last.
type earlier struct {
	mu   sync.Mutex
	list []*version // the last used first
}

func (e *earlier) get(stream string, number int) *version {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.IndexFunc(e.list, func(v *version) bool { return v.Stream.Name == stream && v.Stream.Version == number })
	if i < 0 {
		return nil
	}
	v := e.list[i]
	e.list = slices.Insert(slices.Delete(e.list, i, i+1), 0, v)
	return v
}

func (e *earlier) put(v *version) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = slices.Insert(e.list, 0, v)
	e.list = e.list[:min(len(e.list), maxEarlier)]
}
