package replay

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/db"
)

// migrations of the tables that this package owns; append only.
var migrations = []string{`
CREATE TABLE replays (
	seq      INTEGER PRIMARY KEY AUTOINCREMENT,
	id       TEXT NOT NULL UNIQUE,
	stream   TEXT NOT NULL,
	spec     TEXT NOT NULL,               -- JSON
	state    TEXT NOT NULL,
	error    TEXT NOT NULL DEFAULT '',
	created  INTEGER NOT NULL,            -- microseconds, as all times
	updated  INTEGER NOT NULL,
	finished INTEGER NOT NULL DEFAULT 0,
	active   INTEGER NOT NULL DEFAULT 0   -- microseconds of work
);
CREATE INDEX replays_state ON replays (state);
CREATE TABLE replay_parts (
	replay    TEXT NOT NULL,
	partition INTEGER NOT NULL,
	part      TEXT NOT NULL,              -- JSON
	PRIMARY KEY (replay, partition)
) WITHOUT ROWID;
`}

// store keeps jobs.
type store struct{ db *db.DB }

func newStore(ctx context.Context, d *db.DB) (*store, error) {
	return &store{d}, d.Migrate(ctx, "replay", migrations)
}

func (s *store) insert(ctx context.Context, j *Job) error {
	spec, err := json.Marshal(j.Spec)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *db.Tx) error {
		now := db.Micros(j.Created)
		if _, err := tx.Exec(`INSERT INTO replays (id, stream, spec, state, created, updated) VALUES (?, ?, ?, ?, ?, ?)`,
			j.ID, j.Stream, string(spec), string(j.State), now, now); err != nil {
			return err
		}
		for _, p := range j.Partitions {
			if err := putPart(tx, j.ID, p); err != nil {
				return err
			}
		}
		return nil
	})
}

func putPart(tx *db.Tx, id string, p Part) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO replay_parts (replay, partition, part) VALUES (?, ?, ?)
		ON CONFLICT (replay, partition) DO UPDATE SET part = excluded.part`, id, p.Partition, string(text))
	return err
}

// save stores how far a part is, and how long the job was worked on in all.
func (s *store) save(ctx context.Context, id string, p Part, active time.Duration, now time.Time) error {
	return s.db.Write(ctx, func(tx *db.Tx) error {
		if err := putPart(tx, id, p); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE replays SET updated = ?, active = ? WHERE id = ?`, db.Micros(now), active.Microseconds(), id)
		return err
	})
}

// setState moves a job to a state, if it is in one of two.
func (s *store) setState(ctx context.Context, id string, now time.Time, to State, text string, from, or State) error {
	var finished int64
	if !to.unfinished() {
		finished = db.Micros(now)
	}
	return s.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE replays SET state = ?, error = ?, updated = ?, finished = ? WHERE id = ? AND state IN (?, ?)`,
			string(to), text, db.Micros(now), finished, id, string(from), string(or))
		return err
	})
}

const columns = `seq, id, spec, state, error, created, updated, finished, active`

func (s *store) get(ctx context.Context, id string) (Job, error) {
	list, err := s.query(ctx, `id = ?`, 1, id)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("replay %w", ErrNotFound)
	}
	if err != nil {
		return Job{}, err
	}
	return list[0], nil
}

// unfinished returns the jobs that have not ended, of one stream or, with "", of all.
func (s *store) unfinished(ctx context.Context, stream string) ([]Job, error) {
	return s.query(ctx, `state IN (?, ?) AND (stream = ? OR ? = '')`, 1<<30, string(Running), string(Cancelling), stream, stream)
}

// query returns the jobs that satisfy a condition, newest first.
func (s *store) query(ctx context.Context, where string, limit int, args ...any) ([]Job, error) {
	rows, err := s.db.Query(ctx, `SELECT `+columns+` FROM replays WHERE `+where+` ORDER BY seq DESC LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("replays: %w", err)
	}
	defer rows.Close()
	var list []Job
	for rows.Next() {
		j, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("replays: %w", err)
		}
		list = append(list, j)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("replays: %w", err)
	}
	for i := range list {
		if err := s.parts(ctx, &list[i]); err != nil {
			return nil, fmt.Errorf("replays: %w", err)
		}
	}
	return list, nil
}

func scan(rows *sql.Rows) (Job, error) {
	var j Job
	var spec string
	var created, updated, finished, active int64
	if err := rows.Scan(&j.seq, &j.ID, &spec, &j.State, &j.Error, &created, &updated, &finished, &active); err != nil {
		return j, err
	}
	j.Created, j.Updated, j.Finished = db.Time(created), db.Time(updated), db.Time(finished)
	j.active = time.Duration(active) * time.Microsecond
	return j, json.Unmarshal([]byte(spec), &j.Spec)
}

func (s *store) parts(ctx context.Context, j *Job) error {
	rows, err := s.db.Query(ctx, `SELECT part FROM replay_parts WHERE replay = ? ORDER BY partition`, j.ID)
	if err != nil {
		return err
	}
	defer rows.Close()
	j.Partitions = []Part{}
	for rows.Next() {
		var text string
		var p Part
		if err := errors.Join(rows.Scan(&text), json.Unmarshal([]byte(text), &p)); err != nil {
			return err
		}
		j.Partitions = append(j.Partitions, p)
	}
	j.sum()
	return rows.Err()
}

const cursorMark = "replays:"

// list returns a page of jobs.
func (s *store) list(ctx context.Context, limit int, cursor string) (Page, error) {
	before := int64(1) << 62
	if cursor != "" {
		text, err := base64.RawURLEncoding.DecodeString(cursor)
		digits, ok := strings.CutPrefix(string(text), cursorMark)
		if before, _ = strconv.ParseInt(digits, 10, 64); err != nil || !ok || before <= 0 {
			return Page{}, wrong("cursor", "this is no cursor of this list: pass the next of the page before as it is")
		}
	}
	found, err := s.query(ctx, `seq < ?`, limit+1, before)
	if err != nil {
		return Page{}, err
	}
	page := Page{Jobs: found}
	if len(found) > limit {
		page.Jobs = found[:limit]
		page.Next = base64.RawURLEncoding.EncodeToString([]byte(cursorMark + strconv.FormatInt(found[limit-1].seq, 10)))
	}
	if page.Jobs == nil {
		page.Jobs = []Job{}
	}
	return page, nil
}
