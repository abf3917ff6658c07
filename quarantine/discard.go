package quarantine

import (
	"context"
	"fmt"

	"github.com/lazaret/lazaret/internal/db"
)

// discardStep is how many entries one transaction discards.
const discardStep = 500

// Discard gives up the quarantined entries that the filter selects; their payloads stay,
// but no job releases them any more. It returns how many entries matched and how many were
// discarded; the others are claimed by a reprocess job that is releasing them, or that
// began to and could not finish (see Entry.ClaimedBy and Jobs.Abandon). With dryRun
// nothing is changed and discarded is what would have been. Entries are discarded a few
// hundred at a time, each time for good: after an error, discarded is how many were, and
// Discard can be repeated.
func (s *Store) Discard(ctx context.Context, f Filter, dryRun bool) (matched, discarded int64, err error) {
	if f, err = f.forWrites("discarded"); err != nil {
		return 0, 0, err
	}
	until, err := s.newest(ctx)
	if err != nil {
		return 0, 0, err
	}
	if dryRun {
		return s.discardable(ctx, f, until)
	}
	for after := int64(0); ; {
		seqs, err := s.numbers(ctx, f, after, until)
		if err != nil || len(seqs) == 0 {
			return matched, discarded, err
		}
		var n, claimed int64
		err = s.write(ctx, func(tx *db.Tx) (err error) {
			n, claimed, err = discardAll(tx, seqs, db.Micros(s.now()))
			return err
		})
		if err != nil {
			return matched, discarded, fmt.Errorf("quarantine: %w", err)
		}
		matched, discarded, after = matched+n+claimed, discarded+n, seqs[len(seqs)-1]
	}
}

func (s *Store) discardable(ctx context.Context, f Filter, until int64) (matched, free int64, err error) {
	q := f.entries()
	q.add(q.seq+" <= ?", until)
	err = s.db.QueryRow(ctx, "SELECT COUNT(*), COUNT(CASE WHEN e.release_batch IS NULL THEN 1 END) FROM "+q.from+" WHERE "+q.where(), q.args...).Scan(&matched, &free)
	if err != nil {
		return 0, 0, fmt.Errorf("quarantine: %w", err)
	}
	return matched, free, nil
}

// numbers returns the numbers of the next entries that the filter selects. It reads
// outside of the transaction that changes them, for the writer keeps each statement that
// it ever saw, and filters make many.
func (s *Store) numbers(ctx context.Context, f Filter, after, until int64) ([]int64, error) {
	q := f.entries()
	q.add(q.seq+" > ?", after)
	q.add(q.seq+" <= ?", until)
	rows, err := s.db.Query(ctx, "SELECT e.seq FROM "+q.from+" WHERE "+q.where()+" ORDER BY "+q.seq+" LIMIT ?", append(q.args, discardStep)...)
	if err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	defer rows.Close()
	var seqs []int64
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq); err != nil {
			return nil, fmt.Errorf("quarantine: %w", err)
		}
		seqs = append(seqs, seq)
	}
	return seqs, rows.Err()
}

// discardAll discards those of the entries that are still quarantined and not claimed, and
// counts the claimed ones.
func discardAll(tx *db.Tx, seqs []int64, now int64) (n, claimed int64, err error) {
	changes := groupChanges{}
	for _, seq := range seqs {
		group, is, err := current(tx, seq)
		switch {
		case err != nil:
			return 0, 0, err
		case is == claimedNow:
			claimed++
			continue
		case is != freeNow:
			continue
		}
		if _, err := tx.Exec(`UPDATE quarantine_entries SET status = 'discarded', discarded_at = ? WHERE seq = ?`, now, seq); err != nil {
			return 0, 0, err
		}
		g := changes.of(group)
		g.quarantined--
		g.discarded++
		n++
	}
	return n, claimed, changes.apply(tx)
}

// What can be done with an entry now.
type standing int

const (
	settledNow standing = iota // released or discarded
	claimedNow                 // quarantined, and claimed for a release
	freeNow                    // quarantined, and free to be changed
)

// current returns the group that the entry is in now, and its standing.
func current(tx *db.Tx, seq int64) (group string, is standing, err error) {
	var quarantined, claimed bool
	err = tx.QueryRow(`SELECT grp, status = 'quarantined', release_batch IS NOT NULL FROM quarantine_entries WHERE seq = ?`, seq).
		Scan(&group, &quarantined, &claimed)
	switch {
	case !quarantined:
		is = settledNow
	case claimed:
		is = claimedNow
	default:
		is = freeNow
	}
	return group, is, err
}

// skipped is why a job skips an entry that is not free.
func (s standing) skipped() string {
	if s == claimedNow {
		return SkippedClaimed
	}
	return SkippedChanged
}
