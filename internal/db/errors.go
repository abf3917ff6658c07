package db

import (
	"errors"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// primary returns SQLite's primary result code of err, or 0.
func primary(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// isFull reports a write that the system refused: for want of room, or because of a quota or
// a file-size limit, which SQLite tells from no other refused write. It undoes the
// transaction; no fsync has failed.
func isFull(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_FULL || e.Code() == sqlite3.SQLITE_IOERR_WRITE)
}

func isCorrupt(err error) bool {
	c := primary(err)
	return c == sqlite3.SQLITE_CORRUPT || c == sqlite3.SQLITE_NOTADB
}

// isDisk reports errors after which SQLite itself may have undone the transaction.
func isDisk(err error) bool {
	return isFull(err) || isCorrupt(err) || primary(err) == sqlite3.SQLITE_IOERR
}

// IsConflict reports whether err is a violated UNIQUE or PRIMARY KEY constraint.
func IsConflict(err error) bool { return primary(err) == sqlite3.SQLITE_CONSTRAINT }
