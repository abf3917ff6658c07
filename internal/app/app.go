// Package app puts the parts together: it makes them in order, starts them, and stops
// them in the reverse order. It holds no logic of its own.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/gateway/admin"
	"github.com/lazaret/lazaret/gateway/httpin"
	"github.com/lazaret/lazaret/gateway/recent"
	"github.com/lazaret/lazaret/gateway/registry"
	"github.com/lazaret/lazaret/gateway/replay"
	"github.com/lazaret/lazaret/internal/auth"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/config"
	"github.com/lazaret/lazaret/internal/db"
	"github.com/lazaret/lazaret/internal/evolution"
	"github.com/lazaret/lazaret/internal/impact"
	"github.com/lazaret/lazaret/internal/kafkaio"
	"github.com/lazaret/lazaret/internal/web"
	"github.com/lazaret/lazaret/metrics"
	"github.com/lazaret/lazaret/quarantine"
	"github.com/lazaret/lazaret/rules"
	"github.com/lazaret/lazaret/schemas"
)

// sweepEvery is how often expired idempotency keys are deleted.
const sweepEvery = 5 * time.Minute

// ErrConfig marks errors that a change of lazaret.yaml mends.
var ErrConfig = errors.New("configuration")

// Config is what an App is made of.
type Config struct {
	config.Config
	Version string
	Log     *slog.Logger
	Stdout  io.Writer // where stdout sinks write
	// Reference has events judged without the checker: slower, with the same verdicts.
	Reference bool
	// EvolveEvery is how often schema proposals are brought up to date; 0 is the default.
	EvolveEvery time.Duration
}

// App is a gateway, ready to start. Start is called once; Stop may be called more than
// once, also before Start and while Start runs.
type App struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics.Metrics

	db        *db.DB
	cluster   *kafkaio.Cluster // nil: there is no Kafka
	instance  string           // what the store is called in Kafka
	sources   *sources
	guard     *auth.Guard
	catalog   *catalog.Catalog
	jobs      *quarantine.Jobs
	replays   *replay.Jobs
	recent    *recent.Samples
	impacts   *impact.Meter
	evolution *evolution.Engine
	gateway   *gateway.Gateway
	ports     []*port
	failed    chan error
	wg        sync.WaitGroup

	mu   sync.Mutex
	stop []step // run from the last to the first
}

// step is one thing to undo.
type step struct {
	name string
	do   func(context.Context) error
}

// port is a listener with what serves it.
type port struct {
	ln  net.Listener
	app *web.App
}

// New opens the store, loads and compiles what is in it, and binds the listeners, so
// that after New only running is left to do. A New that fails undoes what it did.
func New(ctx context.Context, cfg Config) (_ *App, err error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	a := &App{cfg: cfg, log: cfg.Log, failed: make(chan error, 4)}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Stop(context.WithoutCancel(ctx)))
		}
	}()
	a.metrics = metrics.New(metrics.Config{Version: cfg.Version})
	a.db, err = db.Open(ctx, db.Config{
		Path: cfg.Store.Path, MinFree: int64(cfg.Store.MinFree), Exclusive: true, Log: cfg.Log,
		OnCommit: func(_ int, took time.Duration) { a.metrics.StoreCommit(took) },
	})
	if err != nil {
		return nil, err
	}
	a.onStop("the store", func(context.Context) error { return a.db.Close() })
	store, err := a.resources(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.pipeline(ctx, store); err != nil {
		return nil, err
	}
	return a, a.listeners(store)
}

// resources loads the tokens, the streams with all that belongs to them, and the quarantine.
func (a *App) resources(ctx context.Context) (*quarantine.Store, error) {
	tokens, err := auth.NewStore(ctx, a.db)
	if err != nil {
		return nil, err
	}
	static, err := a.cfg.StaticTokens()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if a.guard, err = auth.NewGuard(ctx, tokens, static, a.log); err != nil {
		return nil, err
	}
	store, err := quarantine.NewStore(ctx, a.db)
	if err != nil {
		return nil, err
	}
	registry, err := schemas.NewRegistry(ctx, a.db)
	if err != nil {
		return nil, err
	}
	sets, err := rules.NewStore(ctx, a.db)
	if err != nil {
		return nil, err
	}
	streams, err := gateway.NewStreamStore(ctx, a.db)
	if err != nil {
		return nil, err
	}
	if err := a.connect(ctx, streams); err != nil {
		return nil, err
	}
	a.sources = newSources(a.openSource, a.log)
	a.recent = recent.New(nil)
	a.onStop("samples", a.recent.Stop)
	a.catalog, err = catalog.New(ctx, catalog.Config{
		DB: a.db, Schemas: registry, Rules: sets, Streams: streams,
		OpenSink: a.openSink, CheckSink: a.checkSink, CheckSource: a.checkSource,
		OpenMirror: a.openMirror, OnActive: a.follow,
		Quarantined: func(ctx context.Context, stream string) (int64, error) { return quarantined(ctx, store, stream) },
		Limits:      a.cfg.JSONLimits(),
		Reference:   a.cfg.Reference,
		OnRule:      a.metrics.Rule,
		Log:         a.log,
	})
	if err != nil {
		return nil, err
	}
	a.onStop("the sinks", a.catalog.Close)
	return store, nil
}

func quarantined(ctx context.Context, store *quarantine.Store, stream string) (n int64, err error) {
	counts, err := store.Counts(ctx)
	for _, c := range counts {
		if c.Stream == stream && c.Status == quarantine.Quarantined {
			n += c.Entries
		}
	}
	return n, err
}

// pipeline makes the gateway and the reprocess jobs.
func (a *App) pipeline(ctx context.Context, store *quarantine.Store) error {
	requests, err := gateway.NewRequests(ctx, a.db, nil)
	if err != nil {
		return err
	}
	a.jobs, err = quarantine.New(quarantine.Config{
		Store: store, Log: a.log,
		Judge: func(stream string) (quarantine.Judge, quarantine.Sink, bool) {
			active, ok := a.catalog.Active(stream)
			if !ok {
				return nil, nil, false
			}
			return active.Judge, active.Sink, true
		},
		SinkAt: func(ctx context.Context, stream string, version int) (quarantine.Sink, error) {
			active, err := a.catalog.At(ctx, stream, version)
			if err != nil {
				return nil, err
			}
			return active.Sink, nil
		},
		OnReleased: a.metrics.Released,
	})
	if err != nil {
		return err
	}
	a.onStop("reprocess jobs", a.jobs.Stop)
	if err := a.measures(ctx, store); err != nil {
		return err
	}
	a.gateway, err = gateway.New(gateway.Config{
		Catalog: a.catalog, Quarantine: store, Requests: requests, Recent: a.recent,
		Limits:   gateway.Limits{MaxInFlightBytes: int64(a.cfg.Limits.InFlight), MaxBatchEvents: a.cfg.Limits.BatchEvents},
		Observer: observer{a.metrics}, Log: a.log,
	})
	if err != nil {
		return err
	}
	a.metrics.Watch(a.watch(store))
	a.replays, err = replay.New(ctx, replay.Config{DB: a.db, Topics: a.past(), Log: a.log})
	return err
}

// listeners binds the addresses and registers the APIs: all on one, or admin on its own.
func (a *App) listeners(store *quarantine.Store) error {
	ingest, err := httpin.New(httpin.Config{
		Gateway: a.gateway, Auth: a.guard, Log: a.log,
		Limits: httpin.Limits{BodyBytes: int64(a.cfg.Limits.Body), DecodedBytes: int64(a.cfg.Limits.Decoded)},
	})
	if err != nil {
		return fmt.Errorf("%w: limits.decoded and limits.in_flight: %w", ErrConfig, err)
	}
	manage, err := admin.New(admin.Config{
		Catalog: a.catalog, Quarantine: store, Jobs: a.jobs, Replays: a.replays, Impacts: a.impacts, Proposals: a.evolution, Auth: a.guard, Metrics: a.metrics.Handler(),
		Version: a.cfg.Version, StorePath: a.db.Path(), StoreReady: a.db.Ready,
		BodyLimit: int64(a.cfg.Limits.AdminBody), Concurrency: a.cfg.Reprocess.Concurrency, Log: a.log,
	})
	if err != nil {
		return err
	}
	first, err := a.bind(a.cfg.Listen.HTTP)
	if err != nil {
		return err
	}
	ingest.Register(first.app)
	if a.cfg.Listen.Admin != "" {
		manage.RegisterHealth(first.app)
		if first, err = a.bind(a.cfg.Listen.Admin); err != nil {
			return err
		}
	}
	manage.Register(first.app)
	confluent, err := registry.New(registry.Config{
		Catalog: a.catalog, Auth: a.guard, BodyLimit: int64(a.cfg.Limits.AdminBody), Version: a.cfg.Version, Log: a.log,
	})
	if err != nil {
		return err
	}
	confluent.Register(first.app)
	// Before the servers are shut down: take nothing new, finish what was taken.
	a.onStop("requests under way", a.gateway.Drain)
	return nil
}

// Start begins to serve. It returns at once; Failed tells of a listener that ends by itself.
func (a *App) Start(ctx context.Context) error {
	if err := a.jobs.Start(ctx); err != nil {
		return err
	}
	if err := a.evolution.Start(ctx); err != nil {
		return err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	a.wg.Go(func() { a.sweep(running) })
	a.recent.Start()
	a.onStop("background work", func(context.Context) error { cancel(); a.wg.Wait(); return nil })
	reading, stop := context.WithCancel(running)
	stopped := make(chan struct{})
	go func() { defer close(stopped); a.sources.run(reading) }()
	a.onStop("the sources", func(ctx context.Context) error {
		stop()
		select {
		case <-stopped:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if err := a.replays.Start(ctx); err != nil {
		return err
	}
	a.onStop("replays", a.replays.Stop)
	for _, p := range a.ports {
		conf, err := a.tls()
		if err != nil {
			return err
		}
		go func() {
			serve := p.app.Listen
			if conf != nil {
				serve = func(ln net.Listener) error { return p.app.ListenTLS(ln, conf) }
			}
			if err := serve(p.ln); err != nil {
				a.failed <- err
			}
		}()
		a.log.Info("listening", "address", p.ln.Addr().String(), "tls", conf != nil)
	}
	if a.guard.Open() {
		a.log.Warn("there is no token: everyone on this machine may do everything; make one with: lazaret token create --name NAME --scope admin (and --config FILE, if this server has one)")
	}
	return nil
}

// sweep deletes expired idempotency keys until ctx ends.
func (a *App) sweep(ctx context.Context) {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		if err := a.gateway.Sweep(ctx); err != nil && ctx.Err() == nil {
			a.log.Warn("expired idempotency keys were not deleted", "error", err)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

// Failed has an error when a listener has ended by itself.
func (a *App) Failed() <-chan error { return a.failed }

// URL is the base URL of the first listener.
func (a *App) URL() string {
	scheme := "http"
	if a.cfg.TLS.Enabled() {
		scheme = "https"
	}
	return scheme + "://" + a.ports[0].ln.Addr().String()
}

// Stop takes nothing new, finishes what was taken, and lets everything go. When ctx ends
// first, what is left is cut off: it was not acknowledged.
func (a *App) Stop(ctx context.Context) error {
	a.mu.Lock()
	steps := a.stop
	a.stop = nil
	a.mu.Unlock()
	var errs []error
	for i := len(steps) - 1; i >= 0; i-- {
		if err := steps[i].do(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", steps[i].name, err))
		}
	}
	return errors.Join(errs...)
}

func (a *App) onStop(name string, do func(context.Context) error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stop = append(a.stop, step{name, do})
}
