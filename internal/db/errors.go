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

func isFull(err error) bool { return primary(err) == sqlite3.SQLITE_FULL }

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
