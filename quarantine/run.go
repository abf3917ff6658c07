package quarantine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/db"
)

// run takes a job to its end, or to where soft ends. soft ends between batches; the
// batch in hand is finished under j.hard.
func (j *Jobs) run(soft context.Context, id string) {
	err := j.work(soft, id)
	if cause := context.Cause(soft); cause != nil && err != nil {
		err = cause
	}
	if j.hard.Err() != nil {
		err = ErrStopped
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.running, id)
	if errors.Is(err, ErrStopped) {
		return // the job stays as it is in the store, for the next Start
	}
	state, text := Done, ""
	switch {
	case errors.Is(err, errCancelled):
		state = Cancelled
	case err != nil:
		state, text = Failed, err.Error()
		j.log.Error("reprocess job failed; it can be resumed", "job", id, "error", err)
	}
	if _, err := j.store.setState(j.hard, id, j.cfg.Clock(), state, text, Pending, Running, Cancelling); err != nil {
		j.log.Error("the end of a reprocess job could not be stored; it can be resumed", "job", id, "state", string(state), "error", err)
	}
}

func (j *Jobs) work(soft context.Context, id string) error {
	select {
	case j.slots <- struct{}{}:
		defer func() { <-j.slots }()
	case <-soft.Done():
		if cause := context.Cause(soft); !errors.Is(cause, errCancelled) {
			return cause
		}
		// A job that was cancelled before it had its turn still finishes what it had claimed.
	}
	job, err := j.store.job(j.hard, id)
	if err != nil {
		return err
	}
	if !job.DryRun {
		if err := j.finishOpen(soft, id); err != nil {
			return err
		}
	}
	if err := context.Cause(soft); err != nil {
		return err
	}
	if err := j.begin(job); err != nil {
		return err
	}
	if !job.DryRun {
		j.finishOthers()
	}
	if job, err = j.store.job(j.hard, id); err != nil {
		return err
	}
	return j.pages(soft, job)
}

// begin marks the job running; a dry run's counts are cleared, for it has kept nothing.
func (j *Jobs) begin(job *storedJob) error {
	now := db.Micros(j.cfg.Clock())
	return j.store.write(j.hard, func(tx *db.Tx) error {
		if job.DryRun {
			if _, err := tx.Exec(`UPDATE quarantine_jobs SET cursor_seq = 0, examined = 0, passed = 0, failed = 0, skipped = '', codes = '',
				groups = '', more_groups = 0, active = 0 WHERE id = ?`, job.ID); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`UPDATE quarantine_jobs SET state = CASE WHEN state = 'pending' THEN 'running' ELSE state END,
			started = CASE WHEN started = 0 THEN ? ELSE started END, updated = ? WHERE id = ?`, now, now, job.ID)
		return err
	})
}

// pages takes the job through its entries, a page at a time.
func (j *Jobs) pages(soft context.Context, job *storedJob) error {
	groups := newGroupResults()
	for {
		if err := context.Cause(soft); err != nil {
			return err
		}
		start := time.Now()
		list, err := j.store.stored(j.hard, job.Filter, job.cursor, job.maxSeq)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return j.conclude(job, groups)
		}
		p := j.newPage(job, list)
		if err := p.judge(soft, job.Concurrency); err != nil {
			return err
		}
		if job.DryRun {
			groups.add(p)
			err = p.report(start)
		} else {
			err = p.apply(soft, start)
		}
		if err != nil {
			return err
		}
		job.cursor = p.last
	}
}

// conclude stores what is known only at the end: a dry run's result by group, and how
// many of the matched entries never had their turn because they no longer matched.
func (j *Jobs) conclude(job *storedJob, groups *groupResults) error {
	now, err := j.store.job(j.hard, job.ID)
	if err != nil {
		return err
	}
	pr := newProgress()
	if gone := now.Matched - now.Examined - now.Skipped; gone > 0 {
		pr.skipped[SkippedChanged] = gone
	}
	text, err := encodeJSON(groups.list, len(groups.list) == 0)
	if err != nil {
		return err
	}
	return j.store.write(j.hard, func(tx *db.Tx) error {
		if err := pr.addTo(tx, job.ID, j.cfg.Clock()); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE quarantine_jobs SET groups = ?, more_groups = ? WHERE id = ?`, text, groups.more, job.ID)
		return err
	})
}

// page is a run of entries that get their outcome together.
type page struct {
	jobs    *Jobs
	job     *storedJob
	entries []stored
	targets map[string]Judge // by stream; nil if there is no such stream
	// verdicts are in the order of entries; one without a Status is of an entry whose
	// stream does not exist.
	verdicts []lazaret.Verdict
	last     int64 // the number of the last entry, with those that are left out
}

// newPage asks once for each stream's judge, so that the page has one version of each.
// Entries that already had their outcome from this very job are left out: those that the
// sink refused before the job was interrupted within the page.
func (j *Jobs) newPage(job *storedJob, list []stored) *page {
	p := &page{jobs: j, job: job, targets: map[string]Judge{}, last: list[len(list)-1].seq}
	if !job.DryRun {
		list = slices.DeleteFunc(list, func(e stored) bool { return e.Job == job.ID })
	}
	p.entries, p.verdicts = list, make([]lazaret.Verdict, len(list))
	for i := range list {
		stream := list[i].Stream
		if _, asked := p.targets[stream]; asked {
			continue
		}
		p.targets[stream] = nil
		if judge, _, ok := j.cfg.Judge(stream); ok {
			p.targets[stream] = judge
		}
	}
	return p
}

// judge gives each entry its verdict, some at a time. It ends early if soft does.
func (p *page) judge(soft context.Context, workers int) error {
	ctx, stop := context.WithCancelCause(soft)
	defer stop(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, len(p.entries)) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(p.entries) {
					return
				}
				if err := p.judgeOne(ctx, i); err != nil {
					stop(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// judgeOne gives one entry its verdict. A panic becomes an error, so that an entry that
// brings a judge down fails the job instead of the process at each start.
func (p *page) judgeOne(ctx context.Context, i int) (err error) {
	e := &p.entries[i]
	judge := p.targets[e.Stream]
	if judge == nil {
		return nil
	}
	defer func() {
		if r := recover(); r != nil {
			p.jobs.log.Error("a judge panicked", "entry", e.ID, "stream", e.Stream, "stack", string(debug.Stack()))
			err = fmt.Errorf("judging entry %s of stream %s panicked; the log has the stack", e.ID, e.Stream)
		}
	}()
	v, err := judge.Judge(ctx, e.event())
	if err != nil {
		return fmt.Errorf("judging entry %s of stream %s: %w", e.ID, e.Stream, err)
	}
	if v.Status == "" {
		return fmt.Errorf("judging entry %s of stream %s gave no verdict", e.ID, e.Stream)
	}
	if v.ID == "" {
		v.ID = e.EventID // the id that the sender was told is the event's for good
	}
	p.verdicts[i] = v
	return nil
}

// report stores a dry run's progress.
func (p *page) report(start time.Time) error {
	pr := newProgress()
	pr.cursor = p.last
	for _, v := range p.verdicts {
		switch v.Status {
		case "":
			pr.skipped[SkippedNoStream]++
		case lazaret.Accepted:
			pr.examined, pr.passed = pr.examined+1, pr.passed+1
		default:
			pr.fail(v.Reasons)
		}
	}
	now := p.jobs.cfg.Clock()
	pr.active = time.Since(start)
	return p.jobs.store.write(p.jobs.hard, func(tx *db.Tx) error { return pr.addTo(tx, p.job.ID, now) })
}

// groupResults is a dry run's result by group, bounded.
type groupResults struct {
	index map[string]int
	list  []GroupResult
	more  int64
}

func newGroupResults() *groupResults { return &groupResults{index: map[string]int{}} }

func (g *groupResults) add(p *page) {
	for i, v := range p.verdicts {
		if v.Status == "" {
			continue
		}
		name := p.entries[i].Group
		at, known := g.index[name]
		if !known {
			if len(g.list) == MaxJobGroups {
				g.more++
				continue
			}
			at = len(g.list)
			g.index[name], g.list = at, append(g.list, GroupResult{Group: name})
		}
		if v.Status == lazaret.Accepted {
			g.list[at].Passed++
		} else {
			g.list[at].Failed++
		}
	}
}
