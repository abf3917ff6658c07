package schemas

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lazaret/lazaret/internal/db"
)

// SoftDelete takes a version out of use, or all of a subject's with number 0, and returns
// their numbers. Whether something still needs them is for the caller to know. ErrNotFound
// if there is nothing that is not deleted already.
func (r *Registry) SoftDelete(tx *db.Tx, subject string, number int) ([]int, error) {
	return remove(tx, `UPDATE schema_versions SET deleted = ? WHERE deleted = 0 AND subject = ? AND (number = ? OR ? = 0) RETURNING number`,
		subject, number, db.Micros(r.now()))
}

// Delete removes a version for good, or all of a subject's with number 0, and returns
// their numbers. Whether something still needs them, and whether they were soft-deleted
// before, is for the caller to know. ErrNotFound if there is nothing.
func (r *Registry) Delete(tx *db.Tx, subject string, number int) ([]int, error) {
	return remove(tx, `DELETE FROM schema_versions WHERE subject = ? AND (number = ? OR ? = 0) RETURNING number`, subject, number)
}

func remove(tx *db.Tx, query, subject string, number int, before ...any) (list []int, err error) {
	fail := func(err error) ([]int, error) {
		return nil, fmt.Errorf("schemas: delete %s: %w", truncate(subject, maxSubject), err)
	}
	rows, err := tx.Query(query, append(before, subject, number, number)...)
	if err != nil {
		return fail(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			return fail(err)
		}
		list = append(list, n)
	}
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: subject %s", ErrNotFound, truncate(subject, maxSubject))
	}
	slices.Sort(list)
	return list, nil
}

// ReferencedBy lists the versions whose references name a version of a subject, or any of
// its versions with number 0; soft-deleted ones too.
func (r *Registry) ReferencedBy(ctx context.Context, subject string, number int) (list []Version, err error) {
	// The store's own text of a reference: a subject's name has nothing that is written
	// otherwise in JSON, and what is found is read before it counts.
	rows, err := r.db.Query(ctx, selectVersion+`WHERE refs <> '' AND instr(refs, ?) > 0 ORDER BY subject, number`, `"subject":"`+subject+`"`)
	all, err := scanAll(rows, err)
	for _, v := range all {
		for _, ref := range v.References {
			if ref.Subject == subject && (number == 0 || ref.Version == number) {
				list = append(list, v)
				break
			}
		}
	}
	return list, err
}
