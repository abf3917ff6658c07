package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Job is the account of a reprocess job, as docs/admin-api.md describes it.
type Job struct {
	ID          string           `json:"id"`
	State       string           `json:"state"`
	DryRun      bool             `json:"dry_run"`
	Concurrency int              `json:"concurrency"`
	Filter      Filter           `json:"filter"`
	Error       string           `json:"error,omitempty"`
	Matched     int64            `json:"matched"`
	Examined    int64            `json:"examined"`
	Passed      int64            `json:"passed"`
	Failed      int64            `json:"failed"`
	Released    int64            `json:"released"`
	Skipped     int64            `json:"skipped"`
	SkippedBy   map[string]int64 `json:"skipped_by,omitempty"`
	ByCode      map[string]int64 `json:"by_code"`
	Groups      []GroupResult    `json:"groups,omitempty"`
	Created     time.Time        `json:"created"`
	Started     time.Time        `json:"started,omitzero"`
	Finished    time.Time        `json:"finished,omitzero"`
	Rate        float64          `json:"rate"`
}

// GroupResult is what a dry run found for the entries of one group.
type GroupResult struct {
	Group  string `json:"group"`
	Passed int64  `json:"passed"`
	Failed int64  `json:"failed"`
}

// Ended reports that the job does nothing more by itself.
func (j Job) Ended() bool {
	return j.State == "done" || j.State == "failed" || j.State == "cancelled"
}

// Reprocess makes a job over the entries that the filter selects. concurrency 0 is the
// server's default.
func (c *Client) Reprocess(ctx context.Context, f Filter, dryRun bool, concurrency int) (Job, error) {
	var out Job
	req := map[string]any{"filter": f, "dry_run": dryRun}
	if concurrency > 0 {
		req["concurrency"] = concurrency
	}
	body, err := json.Marshal(req)
	if err != nil {
		return out, err
	}
	_, err = c.Do(ctx, Call{Method: http.MethodPost, Path: admin + "/reprocess", Body: body}, &out)
	return out, err
}

// Job reads a job.
func (c *Client) Job(ctx context.Context, id string) (Job, error) {
	var out Job
	_, err := c.Do(ctx, Call{Method: http.MethodGet, Path: admin + "/reprocess" + Join(id), Again: true}, &out)
	return out, err
}

// Jobs reads one page of jobs, newest first.
func (c *Client) Jobs(ctx context.Context, limit int, cursor string) (jobs []Job, next string, err error) {
	var out struct {
		Jobs []Job  `json:"jobs"`
		Next string `json:"next"`
	}
	_, err = c.Do(ctx, Call{Method: http.MethodGet, Path: admin + "/reprocess", Query: page(Filter{}, limit, cursor), Again: true}, &out)
	return out.Jobs, out.Next, err
}

// JobAction does what "cancel" or "resume" names to a job.
func (c *Client) JobAction(ctx context.Context, id, action string) (Job, error) {
	var out Job
	_, err := c.Do(ctx, Call{Method: http.MethodPost, Path: admin + "/reprocess" + Join(id, action), Again: true}, &out)
	return out, err
}

// WaitJob reads the job every interval until it has ended, and reports each state.
func (c *Client) WaitJob(ctx context.Context, id string, every time.Duration, report func(Job)) (Job, error) {
	return wait(ctx, every, func() (Job, error) { return c.Job(ctx, id) }, report)
}

// wait reads something every interval until it has ended, and reports each state.
func wait[T interface{ Ended() bool }](ctx context.Context, every time.Duration, read func() (T, error), report func(T)) (T, error) {
	for {
		now, err := read()
		if err != nil {
			return now, err
		}
		if report != nil {
			report(now)
		}
		if now.Ended() {
			return now, nil
		}
		if err := sleep(ctx, every); err != nil {
			return now, err
		}
	}
}
