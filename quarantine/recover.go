package quarantine

import (
	"context"
	"fmt"

	"github.com/lazaret/lazaret/internal/db"
)

// openBatches returns the batches that were claimed and not settled, the oldest first,
// without their entries.
func (s *Store) openBatches(ctx context.Context) ([]*batch, error) {
	rows, err := s.db.Query(ctx, `SELECT id, job, stream, created FROM quarantine_batches WHERE done = 0 ORDER BY created, id`)
	if err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	defer rows.Close()
	var list []*batch
	for rows.Next() {
		var b batch
		if err := rows.Scan(&b.id, &b.job, &b.stream, &b.created); err != nil {
			return nil, fmt.Errorf("quarantine: %w", err)
		}
		list = append(list, &b)
	}
	return list, rows.Err()
}

// load reads the batch's entries, in the order in which they were claimed, and reports
// whether the batch is still open.
func (s *Store) load(ctx context.Context, b *batch) (open bool, err error) {
	if err := s.db.QueryRow(ctx, `SELECT done = 0 FROM quarantine_batches WHERE id = ?`, b.id).Scan(&open); err != nil || !open {
		return false, err
	}
	b.entries = nil
	for after := int64(0); ; {
		q := &selection{from: "quarantine_entries e", seq: "e.seq"}
		q.add("e.release_batch = ?", b.id)
		q.add("e.seq > ?", after)
		list, err := s.query(ctx, q)
		if err != nil || len(list) == 0 {
			return true, err
		}
		for i := range list {
			b.entries = append(b.entries, &list[i])
		}
		after = list[len(list)-1].seq
	}
}

// finishOpen finishes the open batches of a job that is running here, those too that they
// are divided into. Each may take as long as Retry says; retries end with soft.
func (j *Jobs) finishOpen(soft context.Context, job string) error {
	for r := j.retries(); ; {
		list, err := j.store.openBatches(j.hard)
		if err != nil {
			return err
		}
		if list = ofJob(list, job); len(list) == 0 {
			return nil
		}
		if err = j.finishOnce(list[0], true); err == nil {
			r = j.retries()
			continue
		}
		if isFinal(err) || r.over() {
			return err
		}
		if err := r.wait(soft); err != nil {
			return err
		}
	}
}

// finishOthers tries once to finish the open batches of jobs that are not running: of
// cancelled and failed ones. What cannot be finished now stays open.
func (j *Jobs) finishOthers() {
	list, err := j.store.openBatches(j.hard)
	if err != nil {
		j.log.Error("open releases cannot be read", "error", err)
		return
	}
	for _, b := range list {
		if err := j.finishOnce(b, false); err != nil {
			j.log.Warn("a release that was under way could not be finished; it is kept, resume the job to try again",
				"job", b.job, "batch", b.id, "stream", b.stream, "error", err)
		}
	}
}

// finishOnce writes an open batch again, and what it is divided into, and settles it. own
// says that the caller runs the batch's job; else a batch whose job is running is left to
// that job. Only one batch is finished at a time: a batch must not be written after
// another goroutine has settled it and told the sink to forget it.
func (j *Jobs) finishOnce(b *batch, own bool) error {
	j.recovering.Lock()
	defer j.recovering.Unlock()
	if !own && j.isRunning(b.job) {
		return nil
	}
	for todo := []*batch{b}; len(todo) > 0; {
		b := todo[0]
		open, err := j.store.load(j.hard, b)
		if err != nil {
			return err
		}
		if todo = todo[1:]; !open {
			continue
		}
		var refused *refusal
		if len(b.entries) > 0 {
			if refused, err = j.writeOnce(b); err != nil {
				return err
			}
		}
		var rest []*batch
		if refused == nil {
			err = j.close(b)
		} else {
			rest, err = j.divide(b, refused)
		}
		if err != nil {
			return err
		}
		todo = append(rest, todo...)
		j.log.Info("a release that was under way is finished", "job", b.job, "batch", b.id, "stream", b.stream, "entries", len(b.entries))
	}
	return nil
}

// close settles a batch that was written, outside of its page.
func (j *Jobs) close(b *batch) error {
	now := j.cfg.Clock()
	err := j.store.write(j.hard, func(tx *db.Tx) error {
		changes, pr := groupChanges{}, newProgress()
		n, err := b.settle(tx, changes, now)
		if err != nil {
			return err
		}
		pr.serve(n)
		if err := changes.apply(tx); err != nil {
			return err
		}
		return pr.addTo(tx, b.job, now)
	})
	if err != nil {
		return err
	}
	j.released(b, len(b.entries))
	return nil
}

// Abandon gives up the claims of a job that is not running: the entries of releases that
// it began and could not finish are free again, to be discarded or reprocessed. It returns
// how many that were.
//
// It is for when the sink or the stream is gone for good; otherwise mend it and Resume.
// Whether a batch landed before the sink failed is not known then: an entry of it that is
// released by another job may be delivered a second time. ErrState if the job is running,
// or a release of it is being finished at this moment.
func (j *Jobs) Abandon(ctx context.Context, id string) (Job, int64, error) {
	if !j.recovering.TryLock() {
		return Job{}, 0, fmt.Errorf("%w: a release is being finished at this moment, try again", ErrState)
	}
	defer j.recovering.Unlock()
	j.mu.Lock() // so that it is not launched
	defer j.mu.Unlock()
	job, err := j.store.job(ctx, id)
	if err != nil {
		return Job{}, 0, err
	}
	if _, running := j.running[id]; running {
		return job.Job, 0, fmt.Errorf("%w: it is %s, cancel it first", ErrState, job.State)
	}
	list, err := j.store.openBatches(ctx)
	if err != nil {
		return job.Job, 0, err
	}
	var freed int64
	now := db.Micros(j.cfg.Clock())
	err = j.store.write(ctx, func(tx *db.Tx) error {
		freed = 0
		for _, b := range ofJob(list, id) {
			n, err := b.abandon(tx, now)
			if err != nil {
				return err
			}
			freed += n
		}
		return nil
	})
	if err != nil {
		return job.Job, 0, fmt.Errorf("quarantine: %w", err)
	}
	if freed > 0 {
		j.log.Warn("the claims of a reprocess job were abandoned; what had landed of them may be delivered again", "job", id, "entries", freed)
	}
	return job.Job, freed, nil
}
