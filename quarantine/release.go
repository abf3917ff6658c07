package quarantine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
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
	out := lazaret.Batch{ID: b.id, Records: make([]lazaret.Record, len(b.entries))}
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
	for _, b := range claims {
		if err := j.deliver(soft, b); err != nil {
			return err
		}
	}
	if err := p.settle(claims, lost, start); err != nil {
		return err
	}
	for _, b := range claims {
		j.released(b)
	}
	return nil
}

// claim makes one batch a stream of the entries that passed and are still free; lost
// counts those that are not.
func (p *page) claim() (claims []*batch, lost int64, err error) {
	wanted := map[string]*batch{}
	created := db.Micros(p.jobs.cfg.Clock())
	for i, v := range p.verdicts {
		if v.Status != lazaret.Accepted {
			continue
		}
		e := &p.entries[i]
		if e.release, err = encodeRelease(v); err != nil {
			return nil, 0, fmt.Errorf("entry %s: %w", e.ID, err)
		}
		b := wanted[e.Stream]
		if b == nil {
			id, err := uuid.NewV7()
			if err != nil {
				return nil, 0, fmt.Errorf("making an id: %w", err)
			}
			b = &batch{id: id.String(), job: p.job.ID, stream: e.Stream, created: created}
			wanted[e.Stream] = b
		}
		b.entries = append(b.entries, e)
	}
	if len(wanted) == 0 {
		return nil, 0, nil
	}
	streams := slices.Sorted(maps.Keys(wanted))
	err = p.jobs.store.write(p.jobs.hard, func(tx *db.Tx) error {
		claims, lost = nil, 0
		for _, stream := range streams {
			b, err := wanted[stream].claim(tx)
			if err != nil {
				return err
			}
			lost += int64(len(wanted[stream].entries) - len(b.entries))
			if len(b.entries) > 0 {
				claims = append(claims, b)
			}
		}
		return nil
	})
	return claims, lost, err
}

// claim returns b with those entries alone that it has claimed.
func (b *batch) claim(tx *db.Tx) (*batch, error) {
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
		}
	}
	if len(got.entries) == 0 {
		return got, nil
	}
	_, err := tx.Exec(`INSERT INTO quarantine_batches (id, job, stream, created) VALUES (?, ?, ?, ?)`, b.id, b.job, b.stream, b.created)
	return got, err
}

// settle records the outcome of the page's entries, closes its batches and moves the
// job's cursor, all in one transaction.
func (p *page) settle(claims []*batch, lost int64, start time.Time) error {
	j, now := p.jobs, p.jobs.cfg.Clock()
	return j.store.write(j.hard, func(tx *db.Tx) error {
		pr := progress{cursor: p.last(), active: time.Since(start)}
		changes := groupChanges{}
		for _, b := range claims {
			n, err := b.settle(tx, changes, now)
			if err != nil {
				return err
			}
			pr.examined, pr.passed, pr.served = pr.examined+n, pr.passed+n, pr.served+n
		}
		skipped := lost
		for i, v := range p.verdicts {
			switch v.Status {
			case lazaret.Accepted:
			case "":
				p.job.SkippedBy[SkippedNoStream]++
			default:
				ok, err := p.refuse(tx, changes, i)
				if err != nil {
					return err
				}
				if !ok {
					skipped++
					continue
				}
				pr.examined, pr.failed = pr.examined+1, pr.failed+1
				p.countFailed(i)
			}
		}
		if skipped > 0 {
			p.job.SkippedBy[SkippedChanged] += skipped
		}
		if err := changes.apply(tx); err != nil {
			return err
		}
		return p.job.save(tx, pr, now)
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

// refuse records that an entry still fails, and why now. It reports false if the entry
// has changed meanwhile.
func (p *page) refuse(tx *db.Tx, changes groupChanges, i int) (bool, error) {
	e, v := &p.entries[i], p.verdicts[i]
	from, free, err := current(tx, e.seq)
	if err != nil || !free {
		return false, err
	}
	reasons, warnings, err := encodeReasons(v)
	if err != nil {
		return false, err
	}
	list := traits(v.Reasons)
	to := fingerprint(e.Stream, list)
	_, err = tx.Exec(`UPDATE quarantine_entries SET grp = ?, event_id = ?, event_key = ?, event_time = ?, stream_version = ?, schema_subject = ?,
		schema_version = ?, ruleset = ?, reasons = ?, more = ?, warnings = ?, attempts = attempts + 1, job = ? WHERE seq = ?`,
		to, v.ID, v.Key, db.Micros(v.Time), v.Version.Stream, v.Version.Subject, v.Version.Schema, v.Version.RuleSet,
		reasons, v.More, warnings, p.job.ID, e.seq)
	if err != nil || from == to {
		return true, err
	}
	if _, err := tx.Exec(`DELETE FROM quarantine_reasons WHERE seq = ?`, e.seq); err != nil {
		return false, err
	}
	changes.leave(from)
	changes.join(to, db.Micros(e.Received), joined{e.Stream, list, message(v.Reasons), e.ID})
	return true, insertReasons(tx, e.seq, reasonKeys(list))
}

// deliver has the sink write the batch, again and again for as long as Retry allows. If
// soft ends it does not try again, and returns why soft ended.
func (j *Jobs) deliver(soft context.Context, b *batch) error {
	deadline, wait := time.Now().Add(j.cfg.Retry.For), j.cfg.Retry.Initial
	for {
		err := j.writeOnce(b)
		if err == nil {
			return nil
		}
		if errors.Is(err, errNoStream) {
			return err
		}
		j.log.Warn("a release could not be written", "job", b.job, "batch", b.id, "stream", b.stream, "entries", len(b.entries), "error", err)
		if time.Now().Add(wait).After(deadline) {
			return fmt.Errorf("the sink of stream %s does not take the batch %s of %d entries: %w. The batch is kept, and is written again when the job is resumed", b.stream, b.id, len(b.entries), err)
		}
		if err := sleep(soft, wait); err != nil {
			return err
		}
		wait = min(2*wait, j.cfg.Retry.Max)
	}
}

// sleep waits between half of d and d.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d/2 + rand.N(d/2+1))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// errNoStream is why an open batch stays open.
var errNoStream = errors.New("the stream does not exist")

func (j *Jobs) writeOnce(b *batch) error {
	_, sink, ok := j.cfg.Judge(b.stream)
	if !ok {
		return fmt.Errorf("stream %s: %w; the batch %s of %d entries is kept: make the stream again and resume the job", b.stream, errNoStream, b.id, len(b.entries))
	}
	out, err := b.batch()
	if err != nil {
		return err
	}
	return sink.Write(j.hard, out)
}

// released follows the transaction that closed a batch.
func (j *Jobs) released(b *batch) {
	if j.cfg.OnReleased != nil {
		j.cfg.OnReleased(b.stream, len(b.entries))
	}
	if _, sink, ok := j.cfg.Judge(b.stream); ok {
		sink.Forget(b.id)
	}
}
