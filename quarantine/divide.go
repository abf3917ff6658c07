package quarantine

import (
	"fmt"
	"slices"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/db"
)

// divide closes a batch of which the sink refused some records for good and took all
// others. In one transaction those others are released, and the refused ones are claimed
// anew by two smaller batches, which it returns; or, if it is one, its claim ends and it
// stays in the quarantine with the reason. The ID of b is never written again, so that a
// record cannot land under two.
func (j *Jobs) divide(b *batch, r *refusal) (rest []*batch, err error) {
	refused := make([]*stored, len(r.at))
	for i, at := range r.at {
		refused[i] = b.entries[at]
	}
	if len(refused) > 1 {
		half := len(refused) / 2
		for _, part := range [][]*stored{refused[:half], refused[half:]} {
			smaller, err := newBatch(b.job, b.stream, b.created)
			if err != nil {
				return nil, err
			}
			smaller.entries = part
			rest = append(rest, smaller)
		}
	}
	now := j.cfg.Clock()
	var released int64
	err = j.store.write(j.hard, func(tx *db.Tx) (err error) {
		changes, pr := groupChanges{}, newProgress()
		for _, smaller := range rest {
			if err := smaller.takeOver(tx, b); err != nil {
				return err
			}
		}
		if len(refused) == 1 {
			reasons, err := refused[0].refuse(tx, changes, b.job, r.why)
			if err != nil {
				return err
			}
			pr.fail(reasons)
		}
		if released, err = b.settle(tx, changes, now); err != nil {
			return err
		}
		pr.serve(released)
		if err := changes.apply(tx); err != nil {
			return err
		}
		return pr.addTo(tx, b.job, now)
	})
	if err != nil {
		return nil, err
	}
	j.released(b, int(released))
	if len(refused) == 1 {
		j.log.Warn("the sink refused an event that passed; it stays in the quarantine", "job", b.job, "stream", b.stream, "entry", refused[0].ID, "error", r.why)
	}
	return rest, nil
}

// takeOver gives the claim that from has on the batch's entries to the batch.
func (b *batch) takeOver(tx *db.Tx, from *batch) error {
	for _, e := range b.entries {
		res, err := tx.Exec(`UPDATE quarantine_entries SET release_batch = ? WHERE seq = ? AND status = 'quarantined' AND release_batch = ?`, b.id, e.seq, from.id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return fmt.Errorf("entry %s is not claimed by the batch %s any more: the store is damaged", e.ID, from.id)
		}
	}
	return b.insert(tx)
}

// refuse ends the claim on an entry that the sink does not take, and returns the reasons
// that it has now.
func (e *stored) refuse(tx *db.Tx, changes groupChanges, job string, why error) ([]lazaret.Reason, error) {
	v, err := decodeRelease(e.release)
	if err != nil {
		return nil, fmt.Errorf("entry %s: %w", e.ID, err)
	}
	v.Status = lazaret.Quarantined
	v.Reasons = []lazaret.Reason{{Code: lazaret.CodeSinkRefused, Message: fmt.Sprintf("the event passed, but was refused for good: %v", why)}}
	from, _, err := current(tx, e.seq)
	if err != nil {
		return nil, err
	}
	return v.Reasons, e.fail(tx, changes, from, v, job)
}

// abandon ends the claims of an open batch without a release, and returns of how many
// entries.
func (b *batch) abandon(tx *db.Tx, now int64) (entries int64, err error) {
	res, err := tx.Exec(`UPDATE quarantine_entries SET release_batch = NULL, release = '' WHERE release_batch = ? AND status = 'quarantined'`, b.id)
	if err != nil {
		return 0, err
	}
	if entries, err = res.RowsAffected(); err != nil {
		return 0, err
	}
	_, err = tx.Exec(`UPDATE quarantine_batches SET done = ? WHERE id = ?`, now, b.id)
	return entries, err
}

// ofJob returns those of the batches that are of the job.
func ofJob(list []*batch, job string) []*batch {
	return slices.DeleteFunc(list, func(b *batch) bool { return b.job != job })
}
