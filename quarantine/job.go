package quarantine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/db"
)

// ErrState reports that a job is not in a state in which that can be done with it.
var ErrState = errors.New("the job's state does not allow this")

// State is where a job is in its life.
type State string

// Pending jobs wait for their turn. A cancelling job finishes the batch in hand. A
// cancelled or failed job can be resumed; a done one cannot.
const (
	Pending    State = "pending"
	Running    State = "running"
	Cancelling State = "cancelling"
	Cancelled  State = "cancelled"
	Done       State = "done"
	Failed     State = "failed"
)

// Why an entry was skipped.
const (
	// SkippedChanged: it was released, discarded or moved out of the filter between the
	// job's creation and its turn.
	SkippedChanged = "changed"
	// SkippedClaimed: another job is releasing it, or has begun to and cannot finish.
	SkippedClaimed = "claimed"
	// SkippedNoStream: its stream does not exist any more.
	SkippedNoStream = "unknown_stream"
)

// Job is the account of a reprocess job. Matched entries are those that the filter
// selected when the job was made. Each that the job comes to is examined (and passed or
// failed) or skipped; in an apply job, passed entries are released.
type Job struct {
	ID          string `json:"id"`
	State       State  `json:"state"`
	Filter      Filter `json:"filter"`
	DryRun      bool   `json:"dry_run"`
	Concurrency int    `json:"concurrency"`
	// Error is why the job failed.
	Error    string `json:"error,omitempty"`
	Matched  int64  `json:"matched"`
	Examined int64  `json:"examined"`
	Passed   int64  `json:"passed"`
	Failed   int64  `json:"failed"`
	Released int64  `json:"released"`
	Skipped  int64  `json:"skipped"`
	// SkippedBy says why: SkippedChanged, SkippedClaimed, SkippedNoStream.
	SkippedBy map[string]int64 `json:"skipped_by,omitempty"`
	// ByCode is how many of the entries that failed have a reason with the code.
	ByCode map[lazaret.Code]int64 `json:"by_code"`
	// Groups is a dry run's result by group, when it is done: those of the entries that came
	// first, at most MaxJobGroups. MoreGroups is how many entries were in other groups.
	Groups     []GroupResult `json:"groups,omitempty"`
	MoreGroups int64         `json:"more_groups,omitempty"`
	Created    time.Time     `json:"created"`
	Started    time.Time     `json:"started,omitzero"`
	Updated    time.Time     `json:"updated"`
	Finished   time.Time     `json:"finished,omitzero"`
	// Rate is how many entries were examined in a second of work.
	Rate float64 `json:"rate"`
}

// MaxJobGroups is how many groups the result of a dry run lists.
const MaxJobGroups = 1000

// GroupResult is what a dry run found for the entries of one group.
type GroupResult struct {
	Group  string `json:"group"`
	Passed int64  `json:"passed"`
	Failed int64  `json:"failed"`
}

// JobPage is one page of jobs, newest first.
type JobPage struct {
	Jobs []Job  `json:"jobs"`
	Next string `json:"next"`
}

// unfinished reports whether a job in this state is to go on at the next start.
func (s State) unfinished() bool { return s == Pending || s == Running || s == Cancelling }

// storedJob is a job with what only the runner needs.
type storedJob struct {
	Job
	seq    int64
	maxSeq int64
	cursor int64
	active time.Duration
}

const jobColumns = `seq, id, filter, dry_run, concurrency, state, error, max_seq, cursor_seq, matched, examined, passed, failed, released,
	skipped, codes, groups, more_groups, created, started, updated, finished, active`

func scanJob(row scanner) (*storedJob, error) {
	var j storedJob
	var filter, skipped, codes, groups string
	var created, started, updated, finished, active int64
	err := row.Scan(&j.seq, &j.ID, &filter, &j.DryRun, &j.Concurrency, &j.State, &j.Error, &j.maxSeq, &j.cursor, &j.Matched, &j.Examined,
		&j.Passed, &j.Failed, &j.Released, &skipped, &codes, &groups, &j.MoreGroups, &created, &started, &updated, &finished, &active)
	if err != nil {
		return nil, err
	}
	j.Created, j.Started, j.Updated, j.Finished = db.Time(created), db.Time(started), db.Time(updated), db.Time(finished)
	j.active = time.Duration(active) * time.Microsecond
	j.SkippedBy, j.ByCode = map[string]int64{}, map[lazaret.Code]int64{}
	err = errors.Join(decodeJSON("filter", filter, &j.Filter), decodeJSON("skipped", skipped, &j.SkippedBy),
		decodeJSON("codes", codes, &j.ByCode), decodeJSON("groups", groups, &j.Groups))
	for _, n := range j.SkippedBy {
		j.Skipped += n
	}
	if j.active > 0 {
		j.Rate = float64(j.Examined) / j.active.Seconds()
	}
	return &j, err
}

// job returns the job of this id, or ErrNotFound.
func (s *Store) job(ctx context.Context, id string) (*storedJob, error) {
	j, err := scanJob(s.db.QueryRow(ctx, "SELECT "+jobColumns+" FROM quarantine_jobs WHERE id = ?", id))
	return j, found(err, "job", id)
}

// jobs returns the jobs that satisfy the conditions, newest first.
func (s *Store) jobs(ctx context.Context, c *conditions, limit int) ([]*storedJob, error) {
	rows, err := s.db.Query(ctx, "SELECT "+jobColumns+" FROM quarantine_jobs WHERE "+c.where()+" ORDER BY seq DESC LIMIT ?", append(c.args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	defer rows.Close()
	var list []*storedJob
	for rows.Next() {
		j, err := scanJob(rows)
		if err != nil {
			return nil, fmt.Errorf("quarantine: %w", err)
		}
		list = append(list, j)
	}
	return list, rows.Err()
}

func (s *Store) insertJob(ctx context.Context, j *storedJob) error {
	filter, err := encodeJSON(j.Filter, false)
	if err != nil {
		return err
	}
	now := db.Micros(j.Created)
	return s.write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO quarantine_jobs (id, filter, dry_run, concurrency, state, max_seq, matched, created, updated)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, j.ID, filter, j.DryRun, j.Concurrency, string(j.State), j.maxSeq, j.Matched, now, now)
		return err
	})
}

// setState moves a job from one of three states to another, and reports whether it was
// in one of them. A final state sets the time of finishing, another clears it.
func (s *Store) setState(ctx context.Context, id string, now time.Time, to State, text string, from ...State) (moved bool, err error) {
	var f [3]string
	for i := range f {
		f[i] = string(from[min(i, len(from)-1)])
	}
	var finished int64
	if !to.unfinished() {
		finished = db.Micros(now)
	}
	err = s.write(ctx, func(tx *db.Tx) error {
		res, err := tx.Exec(`UPDATE quarantine_jobs SET state = ?, error = ?, updated = ?, finished = ? WHERE id = ? AND state IN (?, ?, ?)`,
			string(to), text, db.Micros(now), finished, id, f[0], f[1], f[2])
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		moved = n > 0
		return err
	})
	return moved, err
}

// progress is what a step adds to a job's account.
type progress struct {
	cursor                           int64 // the number of the last entry that has its outcome; 0 if it has not moved
	examined, passed, failed, served int64 // served is released
	skipped                          map[string]int64
	codes                            map[lazaret.Code]int64
	active                           time.Duration
}

func newProgress() progress {
	return progress{skipped: map[string]int64{}, codes: map[lazaret.Code]int64{}}
}

// fail counts an entry that failed for these reasons.
func (p *progress) fail(reasons []lazaret.Reason) {
	p.examined++
	p.failed++
	seen := map[lazaret.Code]bool{}
	for _, r := range reasons {
		if !seen[r.Code] {
			seen[r.Code] = true
			p.codes[r.Code]++
		}
	}
}

// serve counts entries that were released.
func (p *progress) serve(n int64) {
	p.examined, p.passed, p.served = p.examined+n, p.passed+n, p.served+n
}

// addTo adds p to the job in the store.
func (p progress) addTo(tx *db.Tx, job string, now time.Time) error {
	skipped, codes := map[string]int64{}, map[lazaret.Code]int64{}
	var a, b string
	if err := tx.QueryRow(`SELECT skipped, codes FROM quarantine_jobs WHERE id = ?`, job).Scan(&a, &b); err != nil {
		return err
	}
	err := errors.Join(decodeJSON("skipped", a, &skipped), decodeJSON("codes", b, &codes))
	if err != nil {
		return err
	}
	for why, n := range p.skipped {
		skipped[why] += n
	}
	for code, n := range p.codes {
		codes[code] += n
	}
	if a, err = encodeJSON(skipped, len(skipped) == 0); err != nil {
		return err
	}
	if b, err = encodeJSON(codes, len(codes) == 0); err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE quarantine_jobs SET cursor_seq = CASE WHEN ? > cursor_seq THEN ? ELSE cursor_seq END, examined = examined + ?,
		passed = passed + ?, failed = failed + ?, released = released + ?, active = active + ?, skipped = ?, codes = ?, updated = ? WHERE id = ?`,
		p.cursor, p.cursor, p.examined, p.passed, p.failed, p.served, p.active.Microseconds(), a, b, db.Micros(now), job)
	return err
}
