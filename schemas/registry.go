package schemas

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/lazaret/lazaret/internal/db"
)

// migrations are the steps of the tables that this package owns. A subject's row outlives
// its versions: it is what keeps numbers from being used again. So does an id's: an id
// stands for the same schema for ever.
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
	`CREATE TABLE schema_ids (
		id       INTEGER PRIMARY KEY,
		identity TEXT    NOT NULL UNIQUE -- of the canonical document and its references; see identity
	) STRICT`,
	`INSERT INTO schema_ids (identity) SELECT hash FROM schema_versions GROUP BY hash ORDER BY MIN(created), MIN(number), hash`,
	`ALTER TABLE schema_versions ADD COLUMN id INTEGER NOT NULL DEFAULT 0`,
	`ALTER TABLE schema_versions ADD COLUMN refs TEXT NOT NULL DEFAULT ''`,      // a JSON array; '' for none
	`ALTER TABLE schema_versions ADD COLUMN note TEXT NOT NULL DEFAULT ''`,      // why it was made
	`ALTER TABLE schema_versions ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0`, // when it was soft-deleted
	`UPDATE schema_versions SET id = (SELECT id FROM schema_ids WHERE identity = hash)`,
	`CREATE INDEX schema_versions_by_id ON schema_versions (id)`,
	`CREATE TABLE schema_settings (
		subject       TEXT PRIMARY KEY, -- '' stands for all
		compatibility TEXT NOT NULL,    -- '' for none of its own
		mode          TEXT NOT NULL
	) STRICT`,
}

// Registry keeps schema documents as subjects with numbered versions. A version never
// changes, and its number is never used again, not even after its subject was deleted.
// It is safe for concurrent use.
//
// The same document with the same references has the same id, whichever subjects have it.
//
// A version that is soft-deleted is not the latest, is in no list and is not compared
// with, but is still found by its number and by its id, so that what was made with it can
// be read.
type Registry struct {
	db  *db.DB
	now func() time.Time
}

// Version is one schema document of a subject.
type Version struct {
	Subject    string
	Number     int         // from 1
	ID         int         // that of the document and its references, in all subjects
	Hash       string      // SHA-256 of the canonical document, in hex
	Document   []byte      // as it was given, byte for byte
	References []Reference // by which the document names versions of other subjects
	Note       string      // why it was made; may be empty
	Created    time.Time   // UTC
	Deleted    time.Time   // when it was soft-deleted; zero if it was not
}

// Live says whether the version is not deleted.
func (v Version) Live() bool { return v.Deleted.IsZero() }

// Draft is a version to be.
type Draft struct {
	Subject    string
	Document   []byte
	References []Reference
	Note       string // why it is made; at most 200 bytes are kept
	// ID and Number are those of a version that another registry had; 0 has them given.
	ID, Number int
	// Once makes no version of a schema that any version of the subject is already.
	Once bool
}

const maxNote = 200

// NewRegistry opens the registry in the store, and makes its tables where they are missing.
func NewRegistry(ctx context.Context, store *db.DB) (*Registry, error) {
	if err := store.Migrate(ctx, "schemas", migrations); err != nil {
		return nil, fmt.Errorf("schemas: %w", err)
	}
	return &Registry{db: store, now: time.Now}, nil
}

// Put stores a document as the subject's next version. If the latest version is the same
// document, whatever its white space and the order of its members, with the same
// references, that version is returned and created is false. A document that an older
// version has makes a new version, so that going back to it (as by a revert in git) makes
// it the latest, unless the draft says Once.
//
// Put checks that the document is a JSON object or boolean and that the references are
// well formed (else *CompileError), that the subject's name is one (else ErrSubject), and
// that an ID or Number that the draft asks for is free and at most 2^30 (else ErrTaken). It does not
// compile: do that before.
func (r *Registry) Put(tx *db.Tx, d Draft) (v Version, created bool, err error) {
	if !validSubject(d.Subject) {
		return Version{}, false, fmt.Errorf("%w: a letter or digit, then at most 127 letters, digits, dots, underscores and hyphens", ErrSubject)
	}
	v = Version{Subject: d.Subject, Number: d.Number, Document: d.Document, References: d.References, Note: truncate(d.Note, maxNote)}
	v.Created = db.Time(db.Micros(r.now()))
	if v.Hash, err = Hash(d.Document); err != nil {
		return Version{}, false, err
	}
	refs, err := packReferences(d.References)
	if err != nil {
		return Version{}, false, err
	}
	if v.ID, err = giveID(tx, identity(v.Hash, refs), d.ID); err != nil {
		return Version{}, false, fmt.Errorf("schemas: put %s: %w", d.Subject, err)
	}
	switch same, err := r.same(tx, d, v.ID); {
	case err == nil && same.ID == v.ID && (d.Number == 0 || d.Number == same.Number):
		return same, false, nil
	case err != nil && !errors.Is(err, ErrNotFound):
		return Version{}, false, fmt.Errorf("schemas: put %s: %w", d.Subject, err)
	}
	if err = giveNumber(tx, &v); err == nil {
		_, err = tx.Exec(`INSERT INTO schema_versions (subject, number, hash, document, created, id, refs, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			v.Subject, v.Number, v.Hash, v.Document, db.Micros(v.Created), v.ID, refs, v.Note)
	}
	if err != nil {
		return Version{}, false, fmt.Errorf("schemas: put %s: %w", d.Subject, err)
	}
	return v, true, nil
}

// same returns the version that may be the same as a draft, whose id is given: the latest,
// or the newest of any that has the id.
func (r *Registry) same(tx *db.Tx, d Draft, id int) (Version, error) {
	if d.Once {
		v, err := scan(tx.QueryRow(selectVersion+`WHERE subject = ? AND deleted = 0 AND id = ? ORDER BY number DESC LIMIT 1`, d.Subject, id))
		if !errors.Is(err, sql.ErrNoRows) {
			return v, err
		}
	}
	return r.GetTx(tx, d.Subject, 0)
}

// maxID is the greatest id, which travels as four bytes, and the greatest number. What is
// imported has the lower half, so that one import cannot use up what is to be given.
const (
	maxID       = 1<<31 - 1
	maxImported = 1 << 30
)

// giveID finds or gives the id of a schema; want, if it is not 0, is the one to give.
func giveID(tx *db.Tx, identity string, want int) (id int, err error) {
	err = tx.QueryRow(`SELECT id FROM schema_ids WHERE identity = ?`, identity).Scan(&id)
	switch {
	case err == nil && want != 0 && want != id:
		return 0, fmt.Errorf("%w: this schema has the id %d already", ErrTaken, id)
	case !errors.Is(err, sql.ErrNoRows):
		return id, err
	case want == 0:
		err = tx.QueryRow(`INSERT INTO schema_ids (identity) VALUES (?) RETURNING id`, identity).Scan(&id)
		return id, givenAll(id, "id", err)
	case want < 0 || want > maxImported:
		return 0, fmt.Errorf("%w: an id that is asked for is 1 to %d", ErrTaken, maxImported)
	}
	_, err = tx.Exec(`INSERT INTO schema_ids (id, identity) VALUES (?, ?)`, want, identity)
	if db.IsConflict(err) {
		err = fmt.Errorf("%w: the id %d is that of another schema", ErrTaken, want)
	}
	return want, err
}

// givenAll is the error of giving what comes next, where that is beyond the range.
func givenAll(next int, what string, err error) error {
	if err == nil && next > maxID {
		err = fmt.Errorf("%w: the last %s, %d, is given", ErrTaken, what, maxID)
	}
	return err
}

// giveNumber gives the version the subject's next number, or the one that it asks for.
func giveNumber(tx *db.Tx, v *Version) error {
	if v.Number == 0 {
		err := tx.QueryRow(`INSERT INTO schema_subjects (subject, last) VALUES (?, 1)
			ON CONFLICT (subject) DO UPDATE SET last = last + 1 RETURNING last`, v.Subject).Scan(&v.Number)
		return givenAll(v.Number, "number", err)
	}
	var last int
	err := tx.QueryRow(`SELECT last FROM schema_subjects WHERE subject = ?`, v.Subject).Scan(&last)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	switch {
	case v.Number <= last:
		return fmt.Errorf("%w: the number %d was given already, or is no number; the last is %d", ErrTaken, v.Number, last)
	case v.Number > maxImported:
		return fmt.Errorf("%w: a number that is asked for is 1 to %d", ErrTaken, maxImported)
	}
	_, err = tx.Exec(`INSERT INTO schema_subjects (subject, last) VALUES (?, ?)
		ON CONFLICT (subject) DO UPDATE SET last = excluded.last`, v.Subject, v.Number)
	return err
}

// Get returns a version of a subject, also one that is soft-deleted; number 0 is the
// latest that is not. ErrNotFound if there is none.
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
		row = query(selectVersion+`WHERE subject = ? AND deleted = 0 ORDER BY number DESC LIMIT 1`, subject)
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

const (
	selectVersion = `SELECT subject, number, id, hash, document, refs, note, created, deleted FROM schema_versions `
	selectBare    = `SELECT subject, number, id, hash, NULL, refs, note, created, deleted FROM schema_versions `
)

type scanner interface{ Scan(...any) error }

func scan(row scanner) (v Version, err error) {
	var created, deleted int64
	var refs string
	if err := row.Scan(&v.Subject, &v.Number, &v.ID, &v.Hash, &v.Document, &refs, &v.Note, &created, &deleted); err != nil {
		return v, err
	}
	v.Created = db.Time(created)
	if deleted > 0 {
		v.Deleted = db.Time(deleted)
	}
	v.References, err = unpackReferences(refs)
	return v, err
}
