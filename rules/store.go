package rules

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lazaret/lazaret/internal/db"
)

// ErrNotFound reports that a stream has no such version, or none that is active.
var ErrNotFound = errors.New("no such rule set")

// The states of a version.
const (
	Active  = "active"
	Retired = "retired"
)

// Version is one immutable version of a stream's rules.
type Version struct {
	Stream  string
	Number  int    // from 1, never used twice for a stream
	Hash    string // SHA-256 of the set's canonical JSON, in hexadecimal
	Set     Set
	State   string // Active or Retired
	Created time.Time
}

// migrations are append-only.
var migrations = []string{`
CREATE TABLE rule_sets (
	stream  TEXT    NOT NULL,
	number  INTEGER NOT NULL,
	hash    TEXT    NOT NULL,
	rules   BLOB    NOT NULL,
	created INTEGER NOT NULL,
	PRIMARY KEY (stream, number)
) WITHOUT ROWID;
CREATE TABLE rule_set_heads (
	stream TEXT    NOT NULL PRIMARY KEY,
	last   INTEGER NOT NULL,
	active INTEGER NOT NULL
) WITHOUT ROWID;
`}

// Store keeps rule sets. It is safe for concurrent use.
type Store struct {
	db  *db.DB
	now func() time.Time
}

// NewStore opens the store's tables.
func NewStore(ctx context.Context, d *db.DB) (*Store, error) {
	if err := d.Migrate(ctx, "rules", migrations); err != nil {
		return nil, err
	}
	return &Store{db: d, now: time.Now}, nil
}

// Put makes the set the stream's active one, and retires the one before. If it is the
// active one already, that is what is returned, and created is false. The set must
// have been compiled: Put keeps whatever it is given.
func (s *Store) Put(tx *db.Tx, stream string, set Set) (v Version, created bool, err error) {
	set = set.normal()
	document, err := json.Marshal(set)
	if err != nil {
		return Version{}, false, fmt.Errorf("rules of %s: %w", stream, err)
	}
	sum := sha256.Sum256(document)
	hash := hex.EncodeToString(sum[:])

	last, active, err := head(tx, stream)
	if err != nil {
		return Version{}, false, err
	}
	if active > 0 {
		if v, err = s.GetTx(tx, stream, active); err != nil {
			return Version{}, false, err
		}
		if v.Hash == hash {
			return v, false, nil
		}
	}
	v = Version{Stream: stream, Number: last + 1, Hash: hash, Set: set, State: Active, Created: db.Time(db.Micros(s.now()))}
	if _, err = tx.Exec(`INSERT INTO rule_sets (stream, number, hash, rules, created) VALUES (?, ?, ?, ?, ?)`,
		stream, v.Number, hash, document, db.Micros(v.Created)); err != nil {
		return Version{}, false, fmt.Errorf("rules of %s: %w", stream, err)
	}
	if _, err = tx.Exec(`INSERT INTO rule_set_heads (stream, last, active) VALUES (?1, ?2, ?2)
		ON CONFLICT (stream) DO UPDATE SET last = ?2, active = ?2`, stream, v.Number); err != nil {
		return Version{}, false, fmt.Errorf("rules of %s: %w", stream, err)
	}
	return v, true, nil
}

// head returns the last number that a stream used and the active one; 0 is none.
func head(tx *db.Tx, stream string) (last, active int, err error) {
	err = tx.QueryRow(`SELECT last, active FROM rule_set_heads WHERE stream = ?`, stream).Scan(&last, &active)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, 0, fmt.Errorf("rules of %s: %w", stream, err)
	}
	return last, active, nil
}

const selectVersions = `SELECT s.stream, s.number, s.hash, s.rules, s.created, s.number = h.active
	FROM rule_sets s JOIN rule_set_heads h ON h.stream = s.stream `

const selectOne = selectVersions + `WHERE s.stream = ?1 AND s.number = CASE ?2 WHEN 0 THEN h.active ELSE ?2 END`

// Get returns a version; 0 is the active one. ErrNotFound if there is none.
func (s *Store) Get(ctx context.Context, stream string, number int) (Version, error) {
	return one(s.db.QueryRow(ctx, selectOne, stream, number), stream, number)
}

// GetTx is Get within a transaction.
func (s *Store) GetTx(tx *db.Tx, stream string, number int) (Version, error) {
	return one(tx.QueryRow(selectOne, stream, number), stream, number)
}

func one(row *sql.Row, stream string, number int) (Version, error) {
	v, err := scanVersion(row)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Version{}, fmt.Errorf("rules of %s, version %d: %w", stream, number, err)
	}
	return v, nil
}

func scanVersion(row interface{ Scan(...any) error }) (Version, error) {
	var (
		v        Version
		document []byte
		created  int64
		active   bool
	)
	if err := row.Scan(&v.Stream, &v.Number, &v.Hash, &document, &created, &active); err != nil {
		return Version{}, err
	}
	if err := json.Unmarshal(document, &v.Set); err != nil {
		return Version{}, err
	}
	v.Created, v.State = db.Time(created), Retired
	if active {
		v.State = Active
	}
	return v, nil
}

// Versions returns all versions of a stream's rules, the newest first.
func (s *Store) Versions(ctx context.Context, stream string) ([]Version, error) {
	return s.list(ctx, selectVersions+`WHERE s.stream = ? ORDER BY s.number DESC`, stream)
}

// Streams returns the active version of each stream that has one, by name.
func (s *Store) Streams(ctx context.Context) ([]Version, error) {
	return s.list(ctx, selectVersions+`WHERE s.number = h.active ORDER BY s.stream`)
}

func (s *Store) list(ctx context.Context, query string, args ...any) ([]Version, error) {
	rows, err := s.db.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	defer rows.Close()
	var out []Version
	for rows.Next() {
		v, err := scanVersion(rows)
		if err != nil {
			return nil, fmt.Errorf("rules: %w", err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	return out, nil
}

// Delete retires a stream's active version, so that the stream has no rules.
// Its versions can still be read by number, since verdicts and entries of the
// quarantine name them, and no number is used again. ErrNotFound if none is active.
func (s *Store) Delete(tx *db.Tx, stream string) error {
	_, active, err := head(tx, stream)
	if err != nil {
		return err
	}
	if active == 0 {
		return fmt.Errorf("rules of %s: %w", stream, ErrNotFound)
	}
	if _, err := tx.Exec(`UPDATE rule_set_heads SET active = 0 WHERE stream = ?`, stream); err != nil {
		return fmt.Errorf("rules of %s: %w", stream, err)
	}
	return nil
}
