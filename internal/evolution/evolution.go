// Package evolution lets schemas follow their producers: when events are refused because
// their producers are ahead of the schema, it drafts the smallest new version that would let
// them pass, for a person to accept in one call, or by itself where the stream allows it.
//
// # What is proposed
//
// The groups of the quarantine are looked at whenever they have changed, within bounds.
// Entries all of whose reasons can be mended by an edit that takes nothing away (an unknown
// field, a value that is not listed, another type, a union's new branch) ask for a set of
// edits; each set that enough entries ask for is a proposal. Its document is the base
// version's text with the edits made where they belong, and all else as it was written. It is
// proved to be compatible (schemas.Compare), compiled and tried as any version, and the
// entries that it claims to release are judged by it with the stream's rules.
//
// # Accepting
//
// A decision is written down first, then carried out: the version is put through the
// catalog, which compares it again, only if the base is still the latest; then a reprocess
// job is made under the proposal's own id. Whatever is cut off by a crash is found in the
// store at the next start and finished: the version by its hash, the job by its id. So a
// proposal makes one version and one job, however often it is accepted.
package evolution

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/db"
	"github.com/lazaret/lazaret/quarantine"
)

// Auto is who accepted what nobody did.
const Auto = "evolution:auto"

// Bounds on what is looked at and drafted, a stream.
const (
	maxOpen     = 10     // drafts
	maxRead     = 20_000 // entries in one look
	maxOfGroup  = 10_000
	maxGroups   = 100
	maxClaims   = 500 // different sets of edits
	maxEdits    = 10  // of one proposal
	maxVerified = 5000
	minEntries  = 10 // that ask for the same
	maxDistinct = 10 // values at one place; more are no list
	maxNotes    = 50
	maxWait     = 10 * time.Minute // between looks

	maxBytesRead  = 64 << 20 // of events in one look, half of it of a group
	maxBytesTried = 32 << 20 // of events that one proposal is tried on
)

// Config is what an Engine works with. All but the fields that say so must be set.
type Config struct {
	DB         *db.DB
	Catalog    *catalog.Catalog
	Quarantine *quarantine.Store
	Jobs       *quarantine.Jobs
	// Every is how often the quarantine's counts are looked at; default 5 s. Optional.
	Every time.Duration
	// Concurrency is that of the reprocess jobs. Optional.
	Concurrency int
	Log         *slog.Logger     // optional
	Clock       func() time.Time // optional
}

// Engine drafts, keeps and carries out proposals. It is safe for concurrent use.
type Engine struct {
	conf  Config
	log   *slog.Logger
	store store
	wake  chan struct{} // a decision was made: the other drafts follow

	looking  sync.Mutex // one look at a time; guards seen
	seen     map[string]*glance
	deciding sync.Mutex // one decision is carried out at a time

	mu      sync.Mutex // guards what follows
	notes   map[string][]Note
	fresh   map[string]map[string]digest // by stream: the drafts that are as its quarantine is
	cancel  context.CancelFunc
	stopped bool
	done    sync.WaitGroup
}

// glance is what a stream looked like when it was last looked at.
type glance struct {
	counts  [3]int64 // quarantined, released, discarded
	version int      // of the stream
	tried   int      // version of the stream that a look was begun at
	next    time.Time
	judged  map[string]digest // by draft: the entries that it was tried on last
}

// Note is something that is refused often and not proposed, and why.
type Note struct {
	Stream  string `json:"stream"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
}

// New makes the tables where they are missing; Start begins to work.
func New(ctx context.Context, conf Config) (*Engine, error) {
	if conf.DB == nil || conf.Catalog == nil || conf.Quarantine == nil || conf.Jobs == nil {
		return nil, errors.New("evolution: Config needs DB, Catalog, Quarantine and Jobs")
	}
	if conf.Every <= 0 {
		conf.Every = 5 * time.Second
	}
	if conf.Log == nil {
		conf.Log = slog.New(slog.DiscardHandler)
	}
	if conf.Clock == nil {
		conf.Clock = time.Now
	}
	if err := conf.DB.Migrate(ctx, "evolution", migrations); err != nil {
		return nil, err
	}
	return &Engine{conf: conf, log: conf.Log, store: store{conf.DB}, wake: make(chan struct{}, 1), seen: map[string]*glance{}, notes: map[string][]Note{}, fresh: map[string]map[string]digest{}}, nil
}

// Start finishes, in the background, what a crash cut off, and then looks at the
// quarantine until Stop.
func (e *Engine) Start(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cancel != nil || e.stopped {
		return errors.New("evolution was started before")
	}
	var running context.Context
	running, e.cancel = context.WithCancel(context.WithoutCancel(ctx))
	e.done.Go(func() { e.run(running) })
	return nil
}

// Stop ends what Start began. It may be called at any time, and more than once.
func (e *Engine) Stop(context.Context) error {
	e.mu.Lock()
	e.stopped = true
	if e.cancel != nil {
		e.cancel()
	}
	e.mu.Unlock()
	e.done.Wait()
	return nil
}

func (e *Engine) run(ctx context.Context) {
	t := time.NewTicker(e.conf.Every)
	defer t.Stop()
	for {
		if err := e.Look(ctx); err != nil && ctx.Err() == nil {
			e.log.Warn("schema proposals could not be brought up to date; it is tried again", "error", err)
		}
		select {
		case <-t.C:
		case <-e.wake:
		case <-ctx.Done():
			return
		}
	}
}

// lookSoon has the drafts brought up to date without waiting for the next time.
func (e *Engine) lookSoon() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Look finishes what was cut off, brings the drafts of every stream up to date with its
// quarantine, and accepts those that a stream lets be accepted. Of a stream that has not
// changed since the last look nothing is read.
func (e *Engine) Look(ctx context.Context) error {
	e.looking.Lock()
	defer e.looking.Unlock()
	err := e.finish(ctx)
	streams, listErr := e.conf.Catalog.Streams().List(ctx)
	counts, countErr := e.conf.Quarantine.Counts(ctx)
	if err = errors.Join(err, listErr, countErr); listErr != nil || countErr != nil {
		return err
	}
	err = errors.Join(err, e.forget(ctx, streams))
	for i := range streams {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s := &streams[i]
		if s.EvolutionMode() == gateway.EvolutionOff || s.Schema == nil || s.Schema.Version != 0 {
			continue // one that names a version follows no other
		}
		err = errors.Join(err, e.lookAt(ctx, s, total(counts, s.Name)))
	}
	return err
}

func total(counts []quarantine.Count, stream string) (n [3]int64) {
	for _, c := range counts {
		if c.Stream == stream {
			n[slices.Index([]quarantine.Status{quarantine.Quarantined, quarantine.Released, quarantine.Discarded}, c.Status)] += c.Entries
		}
	}
	return n
}

// forget lets go of what was known of streams that are gone, and ends their drafts.
func (e *Engine) forget(ctx context.Context, streams []gateway.Stream) error {
	for name := range e.seen {
		if slices.ContainsFunc(streams, func(s gateway.Stream) bool { return s.Name == name }) {
			continue
		}
		drafts, err := e.store.list(ctx, name, Draft)
		if err != nil {
			return err
		}
		for _, p := range drafts {
			p.State, p.Why, p.Decided = Superseded, "the stream is gone", e.now()
			if err := e.store.save(ctx, p, Draft); err != nil && !errors.Is(err, ErrState) {
				return err
			}
		}
		delete(e.seen, name)
		e.mu.Lock()
		delete(e.notes, name)
		delete(e.fresh, name)
		e.mu.Unlock()
	}
	return nil
}

// lookAt looks at one stream, if there is reason to. A look that took long is not repeated
// soon for more entries alone.
func (e *Engine) lookAt(ctx context.Context, s *gateway.Stream, counts [3]int64) error {
	was := e.glance(s.Name)
	changed := was.version != s.Version || was.counts != counts
	// A stream that was changed is looked at soon; but once, if that fails or has no end.
	if changed && (was.tried != s.Version || !e.conf.Clock().Before(was.next)) {
		was.tried = s.Version
		began := time.Now()
		fresh, again, err := e.draft(ctx, s)
		was.next = e.conf.Clock().Add(min(10*time.Since(began), maxWait))
		if err != nil {
			e.setFresh(s.Name, nil)
			return err
		}
		was.judged = fresh
		if fresh, err = e.unlessLess(ctx, s.Name, counts, fresh); err != nil {
			return err
		}
		e.setFresh(s.Name, fresh)
		if was.counts, was.version = counts, s.Version; again {
			was.counts = [3]int64{-1, -1, -1}
		}
	} else if was.counts != counts {
		e.setFresh(s.Name, nil)
	}
	if s.EvolutionMode() == gateway.EvolutionAuto {
		return e.acceptAlone(ctx, s)
	}
	return nil
}

// glance is what is known of a stream. looking is held.
func (e *Engine) glance(stream string) *glance {
	was := e.seen[stream]
	if was == nil {
		was = &glance{version: -1, tried: -1}
		e.seen[stream] = was
	}
	return was
}

// unlessLess is fresh, unless entries were discarded while they were looked at: what then was
// found may not be so any more. Released ones asked for none of it.
func (e *Engine) unlessLess(ctx context.Context, stream string, before [3]int64, fresh map[string]digest) (map[string]digest, error) {
	counts, err := e.conf.Quarantine.Counts(ctx)
	if err != nil {
		return nil, err
	}
	if now := total(counts, stream); now[2] != before[2] {
		return nil, nil
	}
	return fresh, nil
}

func (e *Engine) setFresh(stream string, ids map[string]digest) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fresh[stream] = ids
}

func (e *Engine) setNotes(stream string, list []Note) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.notes[stream] = list[:min(len(list), maxNotes)]
}

// Page is a list of proposals, the newest first, without their documents.
type Page struct {
	Proposals []Proposal
	// Notes say what is refused often and is not proposed.
	Notes []Note
}

// List returns the proposals of a stream, or of all if it is "", in a state, or in any if
// that is ""; at most 1,000.
func (e *Engine) List(ctx context.Context, stream string, state State) (Page, error) {
	var states []State
	if state != "" {
		states = []State{state}
	}
	list, err := e.store.list(ctx, stream, states...)
	if err != nil {
		return Page{}, err
	}
	if err := e.hold(ctx, list...); err != nil {
		return Page{}, err
	}
	page := Page{Proposals: []Proposal{}, Notes: []Note{}}
	for _, p := range list {
		p.Document = nil
		page.Proposals = append(page.Proposals, *p)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, notes := range e.notes {
		if stream == "" || name == stream {
			page.Notes = append(page.Notes, notes...)
		}
	}
	slices.SortFunc(page.Notes, compareNotes)
	return page, nil
}

// Get returns a proposal with its document and what that changes, or ErrNotFound.
func (e *Engine) Get(ctx context.Context, id string) (Proposal, error) {
	p, err := e.store.get(ctx, id)
	if err != nil {
		return Proposal{}, err
	}
	if err := e.hold(ctx, p); err != nil {
		return Proposal{}, err
	}
	if base, err := e.conf.Catalog.Schemas().Get(ctx, p.Subject, p.Base); err == nil {
		p.Diff = diff(string(base.Document), string(p.Document))
	}
	return *p, nil
}

// Counts says how many proposals there are, by stream and state.
func (e *Engine) Counts(ctx context.Context) ([]Count, error) { return e.store.counts(ctx) }
