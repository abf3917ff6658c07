package gateway

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/lazaret/lazaret/internal/db"
)

// migrations of the tables that this package owns; append only.
var migrations = []string{`
CREATE TABLE streams (
	name     TEXT PRIMARY KEY,
	version  INTEGER NOT NULL,           -- the active one, or the last if deleted
	deleted  INTEGER NOT NULL DEFAULT 0  -- 1: only the numbers are kept, so that none is given twice
) WITHOUT ROWID;
CREATE TABLE stream_versions (
	name           TEXT NOT NULL,
	version        INTEGER NOT NULL,
	definition     TEXT NOT NULL,        -- JSON of the stream without what the other columns hold
	schema_version INTEGER NOT NULL,
	ruleset        INTEGER NOT NULL,
	created        INTEGER NOT NULL,     -- microseconds
	PRIMARY KEY (name, version)
) WITHOUT ROWID;
CREATE TABLE ingest_requests (
	key            BLOB PRIMARY KEY,     -- SHA-256 over stream and idempotency key
	stream         TEXT NOT NULL,
	fingerprint    BLOB NOT NULL,        -- SHA-256 over what was sent
	stream_version INTEGER NOT NULL,     -- the version that the first try began under
	answer         BLOB,                 -- NULL until all of it is durable
	created        INTEGER NOT NULL      -- microseconds
) WITHOUT ROWID;
CREATE INDEX ingest_requests_created ON ingest_requests (created);
`, `
CREATE TABLE gateway_instance (id TEXT NOT NULL); -- one row: what this store is called elsewhere
`}

func migrate(ctx context.Context, d *db.DB) error { return d.Migrate(ctx, "gateway", migrations) }

// StreamStore keeps streams and their versions. A version is the immutable triple of
// the stream's definition, a concrete schema version and a concrete rule set; its number
// grows with every change and is never given twice, even when the stream was deleted in
// between. Safe for concurrent use.
type StreamStore struct {
	db  *db.DB
	now func() time.Time
}

// NewStreamStore prepares the tables.
func NewStreamStore(ctx context.Context, d *db.DB) (*StreamStore, error) {
	if err := migrate(ctx, d); err != nil {
		return nil, err
	}
	return &StreamStore{db: d, now: time.Now}, nil
}

// Instance is the name that this store has for good, made when it is first asked for. What
// is kept elsewhere for it, as in Kafka, is kept under this name.
func (st *StreamStore) Instance(ctx context.Context) (id string, err error) {
	fresh, err := uuid.NewV7()
	if err != nil {
		return "", err
	}
	err = st.db.Write(ctx, func(tx *db.Tx) error {
		err := tx.QueryRow(`SELECT id FROM gateway_instance`).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			id = fresh.String()
			_, err = tx.Exec(`INSERT INTO gateway_instance (id) VALUES (?)`, id)
		}
		return err
	})
	return id, err
}

// Put makes s the active version of its stream. SchemaVersion and RuleSet must be
// concrete (0 means that the stream has none). If that is what is active already,
// nothing changes and created is false.
func (st *StreamStore) Put(tx *db.Tx, s Stream) (version int, created bool, err error) {
	if err := s.Validate(); err != nil {
		return 0, false, err
	}
	definition, err := s.definition()
	if err != nil {
		return 0, false, err
	}
	var deleted bool
	err = tx.QueryRow(`SELECT version, deleted FROM streams WHERE name = ?`, s.Name).Scan(&version, &deleted)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, false, fmt.Errorf("read stream %s: %w", s.Name, err)
	}
	if version > 0 && !deleted {
		same, err := st.same(tx, s, version, definition)
		if err != nil || same {
			return version, false, err
		}
	}
	version++
	if _, err := tx.Exec(`INSERT INTO stream_versions (name, version, definition, schema_version, ruleset, created) VALUES (?, ?, ?, ?, ?, ?)`,
		s.Name, version, definition, s.SchemaVersion, s.RuleSet, db.Micros(st.now())); err != nil {
		return 0, false, fmt.Errorf("store stream %s version %d: %w", s.Name, version, err)
	}
	if _, err := tx.Exec(`INSERT INTO streams (name, version, deleted) VALUES (?, ?, 0)
		ON CONFLICT (name) DO UPDATE SET version = excluded.version, deleted = 0`, s.Name, version); err != nil {
		return 0, false, fmt.Errorf("store stream %s: %w", s.Name, err)
	}
	return version, true, nil
}

func (st *StreamStore) same(tx *db.Tx, s Stream, version int, definition string) (bool, error) {
	var is bool
	err := tx.QueryRow(`SELECT definition = ? AND schema_version = ? AND ruleset = ? FROM stream_versions WHERE name = ? AND version = ?`,
		definition, s.SchemaVersion, s.RuleSet, s.Name, version).Scan(&is)
	if err != nil {
		return false, fmt.Errorf("read stream %s version %d: %w", s.Name, version, err)
	}
	return is, nil
}

// definition is the part of a stream that its author wrote, as JSON.
func (s Stream) definition() (string, error) {
	s.Version, s.SchemaVersion, s.RuleSet, s.Created = 0, 0, 0, time.Time{}
	b, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("encode stream %s: %w", s.Name, err)
	}
	return string(b), nil
}

const (
	selectVersion = `SELECT v.name, v.version, v.definition, v.schema_version, v.ruleset, v.created FROM stream_versions v `
	selectActive  = selectVersion + `JOIN streams s ON s.name = v.name AND s.version = v.version AND s.deleted = 0 `
)

func scanStream(scan func(...any) error) (Stream, error) {
	var (
		s, head    Stream
		definition string
		created    int64
	)
	if err := scan(&head.Name, &head.Version, &definition, &head.SchemaVersion, &head.RuleSet, &created); err != nil {
		return Stream{}, err
	}
	if err := json.Unmarshal([]byte(definition), &s); err != nil {
		return Stream{}, fmt.Errorf("stored stream %s version %d: %w", head.Name, head.Version, err)
	}
	s.Version, s.SchemaVersion, s.RuleSet, s.Created = head.Version, head.SchemaVersion, head.RuleSet, db.Time(created)
	return s, nil
}

func one(row *sql.Row, name string) (Stream, error) {
	s, err := scanStream(row.Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Stream{}, fmt.Errorf("stream %q: %w", name, ErrNotFound)
	}
	return s, err
}

// Get returns the active version of a stream, or ErrNotFound.
func (st *StreamStore) Get(ctx context.Context, name string) (Stream, error) {
	return one(st.db.QueryRow(ctx, selectActive+`WHERE v.name = ?`, name), name)
}

// GetTx is Get within a transaction.
func (st *StreamStore) GetTx(tx *db.Tx, name string) (Stream, error) {
	return one(tx.QueryRow(selectActive+`WHERE v.name = ?`, name), name)
}

// GetVersion returns one version, also of a deleted stream, or ErrNotFound.
func (st *StreamStore) GetVersion(ctx context.Context, name string, version int) (Stream, error) {
	return one(st.db.QueryRow(ctx, selectVersion+`WHERE v.name = ? AND v.version = ?`, name, version), name)
}

// List returns the active version of every stream, by name.
func (st *StreamStore) List(ctx context.Context) ([]Stream, error) {
	return many(st.db.Query(ctx, selectActive+`ORDER BY v.name`))
}

// ListTx is List within a transaction.
func (st *StreamStore) ListTx(tx *db.Tx) ([]Stream, error) {
	return many(tx.Query(selectActive + `ORDER BY v.name`))
}

// Versions returns every version of a stream, the oldest first, or ErrNotFound if there
// is no such stream.
func (st *StreamStore) Versions(ctx context.Context, name string) ([]Stream, error) {
	if _, err := st.Get(ctx, name); err != nil {
		return nil, err
	}
	return many(st.db.Query(ctx, selectVersion+`WHERE v.name = ? ORDER BY v.version`, name))
}

func many(rows *sql.Rows, err error) ([]Stream, error) {
	if err != nil {
		return nil, fmt.Errorf("read streams: %w", err)
	}
	defer rows.Close()
	var list []Stream
	for rows.Next() {
		s, err := scanStream(rows.Scan)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

// Delete ends a stream. Its versions are kept, because quarantine entries and unfinished
// requests name them. ErrNotFound if there is no such stream.
func (st *StreamStore) Delete(tx *db.Tx, name string) error {
	res, err := tx.Exec(`UPDATE streams SET deleted = 1 WHERE name = ? AND deleted = 0`, name)
	if err != nil {
		return fmt.Errorf("delete stream %s: %w", name, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, fmt.Errorf("stream %q: %w", name, ErrNotFound))
	}
	return nil
}
