package quarantine

import (
	"context"
	"fmt"
	"time"

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

// finishOpen finishes the open batches of a job that is running here. Retries end
// with soft.
func (j *Jobs) finishOpen(soft context.Context, job string) error {
	list, err := j.store.openBatches(j.hard)
	if err != nil {
		return err
	}
	for _, b := range list {
		if b.job != job {
			continue
		}
		if err := j.finish(soft, b); err != nil {
			return err
		}
	}
	return nil
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

// finish is finishOnce, again and again for as long as Retry allows.
func (j *Jobs) finish(soft context.Context, b *batch) error {
	deadline, wait := time.Now().Add(j.cfg.Retry.For), j.cfg.Retry.Initial
	for {
		err := j.finishOnce(b, true)
		if err == nil || time.Now().Add(wait).After(deadline) {
			return err
		}
		if err := sleep(soft, wait); err != nil {
			return err
		}
		wait = min(2*wait, j.cfg.Retry.Max)
	}
}

// finishOnce writes an open batch again and settles it. own says that the caller runs
// the batch's job; else a batch whose job is running is left to that job. Only one batch is
// finished at a time: a batch must not be written after another goroutine has settled it
// and told the sink to forget it.
func (j *Jobs) finishOnce(b *batch, own bool) error {
	j.recovering.Lock()
	defer j.recovering.Unlock()
	if !own && j.isRunning(b.job) {
		return nil
	}
	open, err := j.store.load(j.hard, b)
	if err != nil || !open {
		return err
	}
	if err := j.writeOnce(b); err != nil {
		return err
	}
	now := j.cfg.Clock()
	err = j.store.write(j.hard, func(tx *db.Tx) error {
		changes := groupChanges{}
		n, err := b.settle(tx, changes, now)
		if err != nil {
			return err
		}
		if err := changes.apply(tx); err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE quarantine_jobs SET examined = examined + ?, passed = passed + ?, released = released + ?, updated = ? WHERE id = ?`,
			n, n, n, db.Micros(now), b.job)
		return err
	})
	if err != nil {
		return err
	}
	j.released(b)
	j.log.Info("a release that was under way is finished", "job", b.job, "batch", b.id, "stream", b.stream, "entries", len(b.entries))
	return nil
}
