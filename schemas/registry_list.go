package schemas

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/db"
	"github.com/lazaret/lazaret/internal/jsonread"
)

// Subject is what there is of one subject.
type Subject struct {
	Name     string
	Latest   int       // number of the newest version
	Versions int       // how many there are
	Updated  time.Time // when the newest was made, UTC
}

// Query selects versions for List. Its zero value is all that are not deleted.
type Query struct {
	Subject string // of this subject alone
	Prefix  string // of the subjects whose names begin so
	ID      int    // with this id alone
	Deleted bool   // those that are soft-deleted as well
	Bare    bool   // without their documents
	Limit   int    // how many at most; 0 for all
	Offset  int    // how many to leave out before
}

// Subjects lists the subjects that have a version, by name.
func (r *Registry) Subjects(ctx context.Context) (list []Subject, err error) {
	rows, err := r.db.Query(ctx, `SELECT subject, MAX(number), COUNT(*), MAX(created)
		FROM schema_versions WHERE deleted = 0 GROUP BY subject ORDER BY subject`)
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
func (r *Registry) Versions(ctx context.Context, subject string) ([]Version, error) {
	list, err := r.List(ctx, Query{Subject: subject})
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%w: subject %s", ErrNotFound, truncate(subject, maxSubject))
	}
	return list, err
}

// VersionsTx lists the versions of a subject, soft-deleted ones if so wished, the oldest
// first, as the transaction sees them. It is no error if there are none.
func (r *Registry) VersionsTx(tx *db.Tx, subject string, deleted bool) ([]Version, error) {
	rows, err := tx.Query(selectVersion+`WHERE subject = ? AND (deleted = 0 OR ?) ORDER BY number`, subject, deleted)
	return scanAll(rows, err)
}

// ByID lists the versions that have an id, soft-deleted ones too, those of the first
// subject by name first. ErrNotFound if there are none.
func (r *Registry) ByID(ctx context.Context, id int) ([]Version, error) {
	list, err := r.List(ctx, Query{ID: id, Deleted: true})
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%w: id %d", ErrNotFound, id)
	}
	return list, err
}

// Find returns the newest version of a subject that is this document with these
// references. ErrNotFound if there is none; soft-deleted ones are looked at if so wished.
func (r *Registry) Find(ctx context.Context, d Draft, deleted bool) (Version, error) {
	hash, err := Hash(d.Document)
	if err != nil {
		return Version{}, err
	}
	refs, err := packReferences(d.References)
	if err != nil {
		return Version{}, err
	}
	v, err := scan(r.db.QueryRow(ctx, selectVersion+`WHERE subject = ? AND (deleted = 0 OR ?)
		AND id = (SELECT id FROM schema_ids WHERE identity = ?) ORDER BY deleted > 0, number DESC LIMIT 1`,
		d.Subject, deleted, identity(hash, refs)))
	if errors.Is(err, sql.ErrNoRows) {
		return v, fmt.Errorf("%w: subject %s, this document", ErrNotFound, truncate(d.Subject, maxSubject))
	} else if err != nil {
		return v, fmt.Errorf("schemas: find in %s: %w", truncate(d.Subject, maxSubject), err)
	}
	return v, nil
}

// List returns the versions that a query selects, by subject and number.
func (r *Registry) List(ctx context.Context, q Query) ([]Version, error) {
	where, args := []string{}, []any{}
	add := func(condition string, list ...any) { where, args = append(where, condition), append(args, list...) }
	if q.Subject != "" {
		add(`subject = ?`, q.Subject)
	}
	if q.Prefix != "" {
		add(`substr(subject, 1, ?) = ?`, len(q.Prefix), q.Prefix)
	}
	if q.ID != 0 {
		add(`id = ?`, q.ID)
	}
	if !q.Deleted {
		add(`deleted = 0`)
	}
	text := selectVersion
	if q.Bare {
		text = selectBare
	}
	if len(where) > 0 {
		text += `WHERE ` + strings.Join(where, ` AND `)
	}
	text += ` ORDER BY subject, number`
	if q.Limit > 0 {
		text += ` LIMIT ? OFFSET ?`
		args = append(args, q.Limit, q.Offset)
	}
	rows, err := r.db.Query(ctx, text, args...)
	return scanAll(rows, err)
}

func scanAll(rows *sql.Rows, failed error) (list []Version, err error) {
	if failed != nil {
		return nil, fmt.Errorf("schemas: list versions: %w", failed)
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
	return list, nil
}

// Hash is the SHA-256, in hex, of a document without regard to white space and the order
// of members. What is not a JSON object or boolean is a *CompileError.
func Hash(document []byte) (string, error) {
	doc, err := readDocument(rootURL, document)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(jsonread.AppendKey(nil, doc.value))
	return hex.EncodeToString(sum[:]), nil
}

// identity tells schemas apart: the hash of a document that has no references, else that
// of the hash and the packed references together.
func identity(hash, refs string) string {
	if refs == "" {
		return hash
	}
	sum := sha256.Sum256([]byte(hash + refs))
	return hex.EncodeToString(sum[:])
}
