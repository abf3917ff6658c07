package admin

import (
	"context"
	"log/slog"

	"github.com/lazaret/lazaret/quarantine"
)

func (a *API) submit(r *request) error {
	b, err := r.selection()
	if err != nil {
		return err
	}
	if b.Concurrency == 0 {
		b.Concurrency = a.conf.Concurrency
	}
	job, err := a.conf.Jobs.Submit(r.Context(), *b.Filter, b.DryRun, b.Concurrency)
	if err != nil {
		return err
	}
	r.audit(slog.String("job", job.ID), slog.Int64("matched", job.Matched))
	r.SetHeader("Location", base+"/reprocess/"+job.ID)
	return r.JSON(202, job)
}

func (a *API) listJobs(r *request) error {
	p, err := r.page()
	if err != nil {
		return err
	}
	list, err := a.conf.Jobs.List(r.Context(), p)
	if err != nil {
		return err
	}
	if list.Jobs == nil {
		list.Jobs = []quarantine.Job{}
	}
	return r.JSON(200, list)
}

// job finds the job in the path, if the token may have to do with its stream. A job
// that names none is about all.
func (a *API) job(r *request) (quarantine.Job, error) {
	job, err := a.conf.Jobs.Get(r.Context(), r.Param("id"))
	if err != nil {
		return job, err
	}
	return job, r.allow(job.Filter.Stream)
}

func (a *API) getJob(r *request) error { return show(r, a.job) }

// changeJob makes the handler that cancels or resumes.
func (a *API) changeJob(do func(context.Context, string) (quarantine.Job, error)) func(*request) error {
	return func(r *request) error {
		return change(r, a.job, do, func(j quarantine.Job) (id, state string) { return j.ID, string(j.State) })
	}
}

// show answers with what find finds.
func show[J any](r *request, find func(*request) (J, error)) error {
	job, err := find(r)
	if err != nil {
		return err
	}
	return r.JSON(200, job)
}

// change does something to what find finds, notes the state that it is in then, and answers
// with it.
func change[J any](r *request, find func(*request) (J, error), do func(context.Context, string) (J, error), of func(J) (id, state string)) error {
	job, err := find(r)
	if err != nil {
		return err
	}
	id, _ := of(job)
	if job, err = do(r.Context(), id); err != nil {
		return err
	}
	_, state := of(job)
	r.audit(slog.String("state", state))
	return r.JSON(200, job)
}
