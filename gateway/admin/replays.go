package admin

import (
	"context"
	"log/slog"

	"github.com/lazaret/lazaret/gateway/replay"
	"github.com/lazaret/lazaret/internal/auth"
	"github.com/lazaret/lazaret/internal/web"
	"github.com/lazaret/lazaret/internal/yamlread"
	"github.com/lazaret/lazaret/quarantine"
)

func (a *API) replayRoutes() []route {
	return []route{
		{method: "POST", path: base + "/replays", scope: auth.Reprocess, about: later, query: writeParams, audit: true, do: a.replay},
		{method: "GET", path: base + "/replays", scope: auth.Read, query: pageParams, do: a.listReplays},
		{method: "GET", path: base + "/replays/:id", scope: auth.Read, about: later, do: a.getReplay},
		{method: "POST", path: base + "/replays/:id/cancel", scope: auth.Reprocess, about: later, audit: true, do: a.changeReplay(a.conf.Replays.Cancel)},
		{method: "POST", path: base + "/replays/:id/resume", scope: auth.Reprocess, about: later, audit: true, do: a.changeReplay(a.conf.Replays.Resume)},
	}
}

func (a *API) replay(r *request) error {
	data, err := r.body()
	if err != nil {
		return err
	}
	var s replay.Spec
	if err := yamlread.Decode("", data, &s); err != nil {
		return err
	}
	dry, err := r.flag("dry_run")
	if err != nil {
		return err
	}
	s.DryRun = s.DryRun || dry
	if err := r.allow(s.Stream); err != nil {
		return err
	}
	r.audit(slog.Bool("dry_run", s.DryRun), slog.String("stream", web.Cut(s.Stream)), slog.String("topic", web.Cut(s.Topic)))
	job, err := a.conf.Replays.Submit(r.Context(), s)
	if err != nil {
		return err
	}
	r.audit(slog.String("replay", job.ID), slog.Int64("offsets", job.Total))
	r.SetHeader("Location", base+"/replays/"+job.ID)
	return r.JSON(202, job)
}

func (a *API) listReplays(r *request) error {
	p, err := r.page()
	if err != nil {
		return err
	}
	if p.Limit == 0 {
		p.Limit = quarantine.DefaultLimit
	}
	list, err := a.conf.Replays.List(r.Context(), p.Limit, p.Cursor)
	if err != nil {
		return err
	}
	return r.JSON(200, list)
}

// replayed finds the replay in the path, if the token may have to do with its stream.
func (a *API) replayed(r *request) (replay.Job, error) {
	job, err := a.conf.Replays.Get(r.Context(), r.Param("id"))
	if err != nil {
		return job, err
	}
	return job, r.allow(job.Stream)
}

func (a *API) getReplay(r *request) error { return show(r, a.replayed) }

// changeReplay makes the handler that cancels or resumes.
func (a *API) changeReplay(do func(context.Context, string) (replay.Job, error)) func(*request) error {
	return func(r *request) error {
		return change(r, a.replayed, do, func(j replay.Job) (id, state string) { return j.ID, string(j.State) })
	}
}
