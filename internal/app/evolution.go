package app

import (
	"context"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/evolution"
	"github.com/lazaret/lazaret/internal/impact"
	"github.com/lazaret/lazaret/quarantine"
)

// follow tells those who work along the active streams which ones there are.
func (a *App) follow(streams []gateway.Stream) {
	a.sources.follow(streams)
	a.recent.Follow(streams)
}

// measures makes what tries schemas on real traffic, and what proposes them.
func (a *App) measures(ctx context.Context, store *quarantine.Store) (err error) {
	if a.impacts, err = impact.New(impact.Config{Catalog: a.catalog, Quarantine: store, Recent: a.recent}); err != nil {
		return err
	}
	a.evolution, err = evolution.New(ctx, evolution.Config{
		DB: a.db, Catalog: a.catalog, Quarantine: store, Jobs: a.jobs,
		Every: a.cfg.EvolveEvery, Concurrency: a.cfg.Reprocess.Concurrency, Log: a.log,
	})
	if err != nil {
		return err
	}
	a.onStop("schema proposals", a.evolution.Stop)
	return nil
}
