package quarantine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/db"
)

// batch is a claim on entries of one stream that are to be released together.
type batch struct {
	id, job, stream string
	created         int64 // microseconds; the ReleasedAt of its records
	entries         []*stored
}

// batch returns what the sink gets. It is made from what the store holds alone, so
// that it is the same however often it is made.
func (b *batch) batch() (lazaret.Batch, error) {
	out := lazaret.Batch{ID: b.id, Job: b.job, Records: make([]lazaret.Record, len(b.entries))}
	for i, e := range b.entries {
		v, err := decodeRelease(e.release)
		if err != nil {
			return lazaret.Batch{}, fmt.Errorf("entry %s: %w", e.ID, err)
		}
		out.Records[i] = lazaret.Record{Stream: b.stream, Event: e.event(), Verdict: v, QuarantineID: e.ID, ReleasedAt: db.Time(b.created)}
	}
	return out, nil
}

// apply gives the page's entries their outcome: the protocol that the package's comment
// describes.
func (p *page) apply(soft context.Context, start time.Time) error {
	j := p.jobs
	claims, lost, err := p.claim()
	if err != nil {
		return err
	}
	var written []*batch
	for _, b := range claims {
		whole, err := j.deliver(soft, b)
		if err != nil {
			return err
		}
		written = append(written, whole...)
	}
	if err := p.settle(written, lost, start); err != nil {
		return err
	}
	for _, b := range written {
		j.released(b, len(b.entries))
	}
	return nil
}

// claim makes one batch a stream of the entries that passed and are still free; lost
// counts those that are not, by why they are skipped.
func (p *page) claim() (claims []*batch, lost map[string]int64, err error) {
	wanted := map[string]*batch{}
	created := db.Micros(p.jobs.cfg.Clock())
	for i, v := range p.verdicts {
		if v.Status != lazaret.Accepted {
			continue
		}
		e := &p.entries[i]
		if e.release, err = encodeRelease(v); err != nil {
			return nil, nil, fmt.Errorf("entry %s: %w", e.ID, err)
		}
		b := wanted[e.Stream]
		if b == nil {
			if b, err = newBatch(p.job.ID, e.Stream, created); err != nil {
				return nil, nil, err
			}
			wanted[e.Stream] = b
		}
		b.entries = append(b.entries, e)
	}
	if len(wanted) == 0 {
		return nil, nil, nil
	}
	streams := slices.Sorted(maps.Keys(wanted))
	err = p.jobs.store.write(p.jobs.hard, func(tx *db.Tx) error {
		claims, lost = nil, map[string]int64{}
		for _, stream := range streams {
			b, err := wanted[stream].claim(tx, lost)
			if err != nil {
				return err
			}
			if len(b.entries) > 0 {
				claims = append(claims, b)
			}
		}
		return nil
	})
	return claims, lost, err
}

// newBatch makes a batch without entries, under a new ID.
func newBatch(job, stream string, created int64) (*batch, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("making an id: %w", err)
	}
	return &batch{id: id.String(), job: job, stream: stream, created: created}, nil
}

// claim returns b with those entries alone that it has claimed, and adds the others to lost.
func (b *batch) claim(tx *db.Tx, lost map[string]int64) (*batch, error) {
	got := &batch{id: b.id, job: b.job, stream: b.stream, created: b.created}
	for _, e := range b.entries {
		res, err := tx.Exec(`UPDATE quarantine_entries SET release_batch = ?, release = ?
			WHERE seq = ? AND status = 'quarantined' AND release_batch IS NULL`, b.id, e.release, e.seq)
		if err != nil {
			return nil, err
		}
		if n, err := res.RowsAffected(); err != nil {
			return nil, err
		} else if n > 0 {
			got.entries = append(got.entries, e)
			continue
		}
		_, is, err := current(tx, e.seq)
		if err != nil {
			return nil, err
		}
		lost[is.skipped()]++
	}
	if len(got.entries) == 0 {
		return got, nil
	}
	return got, got.insert(tx)
}

func (b *batch) insert(tx *db.Tx) error {
	_, err := tx.Exec(`INSERT INTO quarantine_batches (id, job, stream, created) VALUES (?, ?, ?, ?)`, b.id, b.job, b.stream, b.created)
	return err
}

// settle records the outcome of the page's entries, closes its batches and moves the
// job's cursor, all in one transaction.
func (p *page) settle(claims []*batch, lost map[string]int64, start time.Time) error {
	j, now := p.jobs, p.jobs.cfg.Clock()
	return j.store.write(j.hard, func(tx *db.Tx) error {
		pr := newProgress()
		pr.cursor, pr.active = p.last, time.Since(start)
		changes := groupChanges{}
		for _, b := range claims {
			n, err := b.settle(tx, changes, now)
			if err != nil {
				return err
			}
			pr.serve(n)
		}
		maps.Copy(pr.skipped, lost)
		for i, v := range p.verdicts {
			switch v.Status {
			case lazaret.Accepted:
			case "":
				pr.skipped[SkippedNoStream]++
			default:
				e := &p.entries[i]
				from, is, err := current(tx, e.seq)
				switch {
				case err != nil:
					return err
				case is != freeNow:
					pr.skipped[is.skipped()]++
				default:
					if err := e.fail(tx, changes, from, v, p.job.ID); err != nil {
						return err
					}
					pr.fail(v.Reasons)
				}
			}
		}
		if err := changes.apply(tx); err != nil {
			return err
		}
		return pr.addTo(tx, p.job.ID, now)
	})
}

// settle marks the batch's entries released and the batch done, and returns how many
// entries that were; 0 if it was settled before.
func (b *batch) settle(tx *db.Tx, changes groupChanges, now time.Time) (released int64, err error) {
	res, err := tx.Exec(`UPDATE quarantine_batches SET done = ? WHERE id = ? AND done = 0`, db.Micros(now), b.id)
	if err != nil {
		return 0, err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return 0, err
	}
	rows, err := tx.Query(`SELECT grp, COUNT(*) FROM quarantine_entries WHERE release_batch = ? AND status = 'quarantined' GROUP BY grp`, b.id)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var group string
		var n int64
		if err := rows.Scan(&group, &n); err != nil {
			return 0, err
		}
		g := changes.of(group)
		g.quarantined -= n
		g.released += n
		released += n
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	_, err = tx.Exec(`UPDATE quarantine_entries SET status = 'released', released_at = ?, attempts = attempts + 1, job = ?
		WHERE release_batch = ? AND status = 'quarantined'`, b.created, b.job, b.id)
	return released, err
}

// fail records that an entry of the group from fails, and why now; a claim on it ends.
func (e *stored) fail(tx *db.Tx, changes groupChanges, from string, v lazaret.Verdict, job string) error {
	reasons, warnings, err := encodeReasons(v)
	if err != nil {
		return err
	}
	list := traits(v.Reasons)
	to := fingerprint(e.Stream, list)
	_, err = tx.Exec(`UPDATE quarantine_entries SET grp = ?, event_id = ?, event_key = ?, event_time = ?, stream_version = ?, schema_subject = ?,
		schema_version = ?, ruleset = ?, reasons = ?, more = ?, warnings = ?, attempts = attempts + 1, job = ?, release_batch = NULL, release = ''
		WHERE seq = ?`,
		to, v.ID, v.Key, db.Micros(v.Time), v.Version.Stream, v.Version.Subject, v.Version.Schema, v.Version.RuleSet,
		reasons, v.More, warnings, job, e.seq)
	if err != nil || from == to {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM quarantine_reasons WHERE seq = ?`, e.seq); err != nil {
		return err
	}
	changes.leave(from)
	changes.join(to, db.Micros(e.Received), joined{e.Stream, list, message(v.Reasons), e.ID})
	return insertReasons(tx, e.seq, reasonKeys(list))
}
