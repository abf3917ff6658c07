package schemas

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/lazaret/lazaret/internal/db"
)

// migrations are the steps of the tables that this package owns. A subject's row outlives
// its versions: it is what keeps numbers from being used again.
var migrations = []string{
	`CREATE TABLE schema_subjects (
		subject TEXT PRIMARY KEY,
		last    INTEGER NOT NULL -- the highest number that was ever given
	) STRICT`,
	`CREATE TABLE schema_versions (
		subject  TEXT    NOT NULL,
		number   INTEGER NOT NULL,
		hash     TEXT    NOT NULL, -- of the canonical document
		document BLOB    NOT NULL, -- as it was given
		created  INTEGER NOT NULL,
		PRIMARY KEY (subject, number)
	) STRICT`,
}

// Registry keeps schema documents as subjects with numbered versions. A version never
// changes, and its number is never used again, not even after its subject was deleted.
// It is safe for concurrent use.
type Registry struct {
	db  *db.DB
	now func() time.Time
}

// Version is one schema document of a subject.
type Version struct {
	Subject  string
	Number   int       // from 1
	Hash     string    // SHA-256 of the canonical document, in hex
	Document []byte    // as it was given, byte for byte
	Created  time.Time // UTC
}

// Subject is what there is of one subject.
type Subject struct {
	Name     string
	Latest   int       // number of the newest version
	Versions int       // how many there are
	Updated  time.Time // when the newest was made, UTC
}

// NewRegistry opens the registry in the store, and makes its tables where they are missing.
func NewRegistry(ctx context.Context, store *db.DB) (*Registry, error) {
	if err := store.Migrate(ctx, "schemas", migrations); err != nil {
		return nil, fmt.Errorf("schemas: %w", err)
	}
	return &Registry{db: store, now: time.Now}, nil
}

// Put stores a document as the subject's next version. If the latest version is the same
// document, whatever its white space and the order of its members, that version is
// returned and created is false. A document that an older version has makes a new
// version, so that going back to it (as by a revert in git) makes it the latest.
//
// Put checks that the document is a JSON object or boolean (else *CompileError) and that
// the subject's name is one (else ErrSubject). It does not compile: do that before.
func (r *Registry) Put(tx *db.Tx, subject string, document []byte) (v Version, created bool, err error) {
	if !validSubject(subject) {
		return Version{}, false, fmt.Errorf("%w: a letter or digit, then at most 127 letters, digits, dots, underscores and hyphens", ErrSubject)
	}
	hash, err := Hash(document)
	if err != nil {
		return Version{}, false, err
	}
	switch v, err = r.GetTx(tx, subject, 0); {
	case err == nil && v.Hash == hash:
		return v, false, nil
	case err != nil && !errors.Is(err, ErrNotFound):
		return Version{}, false, fmt.Errorf("schemas: put %s: %w", subject, err)
	}
	v = Version{Subject: subject, Hash: hash, Document: document, Created: db.Time(db.Micros(r.now()))}
	err = tx.QueryRow(`INSERT INTO schema_subjects (subject, last) VALUES (?, 1)
		ON CONFLICT (subject) DO UPDATE SET last = last + 1 RETURNING last`, subject).Scan(&v.Number)
	if err == nil {
		_, err = tx.Exec(`INSERT INTO schema_versions (subject, number, hash, document, created) VALUES (?, ?, ?, ?, ?)`,
			subject, v.Number, hash, document, db.Micros(v.Created))
	}
	if err != nil {
		return Version{}, false, fmt.Errorf("schemas: put %s: %w", subject, err)
	}
	return v, true, nil
}

// Get returns a version of a subject; number 0 is the latest. ErrNotFound if there is none.
func (r *Registry) Get(ctx context.Context, subject string, number int) (Version, error) {
	return get(func(query string, args ...any) *sql.Row { return r.db.QueryRow(ctx, query, args...) }, subject, number)
}

// GetTx is Get as the transaction sees it.
func (r *Registry) GetTx(tx *db.Tx, subject string, number int) (Version, error) {
	return get(tx.QueryRow, subject, number)
}

func get(query func(string, ...any) *sql.Row, subject string, number int) (Version, error) {
	var row *sql.Row
	if number == 0 {
		row = query(selectVersion+`WHERE subject = ? ORDER BY number DESC LIMIT 1`, subject)
	} else {
		row = query(selectVersion+`WHERE subject = ? AND number = ?`, subject, number)
	}
	v, err := scan(row)
	switch {
	case errors.Is(err, sql.ErrNoRows) && number == 0:
		return Version{}, fmt.Errorf("%w: subject %s", ErrNotFound, truncate(subject, maxSubject))
	case errors.Is(err, sql.ErrNoRows):
		return Version{}, fmt.Errorf("%w: subject %s, version %d", ErrNotFound, truncate(subject, maxSubject), number)
	case err != nil:
		return Version{}, fmt.Errorf("schemas: get %s: %w", truncate(subject, maxSubject), err)
	}
	return v, nil
}

// Subjects lists the subjects that have a version, by name.
func (r *Registry) Subjects(ctx context.Context) (list []Subject, err error) {
	rows, err := r.db.Query(ctx, `SELECT subject, MAX(number), COUNT(*), MAX(created)
		FROM schema_versions GROUP BY subject ORDER BY subject`)
	if err != nil {
		return nil, fmt.Errorf("schemas: list subjects: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var s Subject
		var updated int64
		if err := rows.Scan(&s.Name, &s.Latest, &s.Versions, &updated); err != nil {
			return nil, fmt.Errorf("schemas: list subjects: %w", err)
		}
		s.Updated = db.Time(updated)
		list = append(list, s)
	}
	return list, rows.Err()
}

// Versions lists the versions of a subject, the oldest first. ErrNotFound if there are none.
func (r *Registry) Versions(ctx context.Context, subject string) (list []Version, err error) {
	rows, err := r.db.Query(ctx, selectVersion+`WHERE subject = ? ORDER BY number`, subject)
	if err != nil {
		return nil, fmt.Errorf("schemas: list versions: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("schemas: list versions: %w", err)
		}
		list = append(list, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("schemas: list versions: %w", err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: subject %s", ErrNotFound, truncate(subject, maxSubject))
	}
	return list, nil
}

// Delete removes a subject and all its versions. Whether something still needs them is for
// the caller to know. ErrNotFound if there are none.
func (r *Registry) Delete(tx *db.Tx, subject string) error {
	result, err := tx.Exec(`DELETE FROM schema_versions WHERE subject = ?`, subject)
	if err != nil {
		return fmt.Errorf("schemas: delete %s: %w", truncate(subject, maxSubject), err)
	}
	if n, err := result.RowsAffected(); err == nil && n == 0 {
		return fmt.Errorf("%w: subject %s", ErrNotFound, truncate(subject, maxSubject))
	}
	return nil
}

// Hash is the SHA-256, in hex, of a document without regard to white space and the order
// of members. What is not a JSON object or boolean is a *CompileError.
func Hash(document []byte) (string, error) {
	doc, err := readDocument(rootURL, document)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(appendCanonical(nil, doc.value))
	return hex.EncodeToString(sum[:]), nil
}

const selectVersion = `SELECT subject, number, hash, document, created FROM schema_versions `

type scanner interface{ Scan(...any) error }

func scan(row scanner) (v Version, err error) {
	var created int64
	err = row.Scan(&v.Subject, &v.Number, &v.Hash, &v.Document, &created)
	v.Created = db.Time(created)
	return v, err
}
