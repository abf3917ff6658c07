// Package db is the one store below everything durable: it opens a SQLite file with
// the settings that the promises need, runs the migrations of the packages that own
// tables, lets many readers read, and has one writer that commits in groups.
//
// # Durability
//
// The file is in WAL mode with synchronous=FULL. Write returns nil only after the
// commit record of its transaction has been fsynced. Functions that are submitted
// while a commit is under way run together in the next transaction, so that the cost
// of an fsync is shared; each runs in a savepoint of its own, so that one that fails
// undoes its own changes only.
//
// After an I/O error during a write the writer stays failed until the process is
// started again (ErrFailed): pages whose fsync failed once may be gone although a
// second fsync succeeds. A full disk (ErrFull) is not such an error: the transaction
// is undone whole, and writing works again once there is room.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

var (
	// ErrFull reports that the disk has less room than the floor, or none.
	ErrFull = errors.New("the store's disk is full")
	// ErrFailed reports that a write to the disk failed, and that nothing is written
	// until the process is started again.
	ErrFailed = errors.New("the store has failed and takes no writes until a restart")
	// ErrClosed reports a call on a closed store.
	ErrClosed = errors.New("the store is closed")
	// ErrCorrupt reports that the file is not a sound SQLite database. The file is
	// left as it is.
	ErrCorrupt = errors.New("the store's file is corrupt")
	// ErrLocked reports that another process has the store open exclusively.
	ErrLocked = errors.New("the store is in use by another lazaret process")
)

// Config says how a store is opened.
type Config struct {
	// Path of the SQLite file; its directory is made if it is missing.
	Path string
	// MinFree is the floor of free disk space, in bytes, under which Write answers
	// ErrFull. 0 means no floor.
	MinFree int64
	// Exclusive takes a lock that a second exclusive opener is refused. A server opens
	// its store exclusively; a command that only manages tokens does not.
	Exclusive bool
	// Log gets what an operator should know; nil discards it.
	Log *slog.Logger
	// OnCommit, where it is set, is told of each group commit: how many functions it
	// carried and how long it took. It must be quick.
	OnCommit func(functions int, took time.Duration)
	// BeforeCommit, where it is set, can make a commit fail; for fault injection.
	BeforeCommit func() error
}

// DB is an open store. All methods are safe for concurrent use.
type DB struct {
	cfg    Config
	log    *slog.Logger
	read   *sql.DB
	write  *sql.DB
	lock   *os.File
	writer *writer

	closeOnce sync.Once
	closeErr  error
}

// Open opens or creates the store and checks that it is sound. An unsound file is
// reported as ErrCorrupt and never changed.
func Open(ctx context.Context, cfg Config) (_ *DB, err error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Path, err = filepath.Abs(cfg.Path); err != nil {
		return nil, fmt.Errorf("store path: %w", err)
	}
	dir := filepath.Dir(cfg.Path)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("store directory: %w", err)
	}
	if kind := networkFileSystem(dir); kind != "" {
		return nil, fmt.Errorf("the store's directory %s is on a network file system (%s), where SQLite cannot keep its promises: put store.path on a local disk", dir, kind)
	}
	if err := notEmptied(cfg.Path); err != nil {
		return nil, err
	}
	d := &DB{cfg: cfg, log: cfg.Log}
	defer func() {
		if err != nil {
			d.release()
		}
	}()
	if cfg.Exclusive {
		if d.lock, err = lockFile(cfg.Path + lockSuffix); err != nil {
			return nil, err
		}
	}
	if err = private(cfg.Path); err != nil {
		return nil, err
	}
	if d.write, err = openPool(cfg.Path, false, 1); err != nil {
		return nil, err
	}
	if err = check(ctx, d.write, cfg.Path); err != nil {
		return nil, err
	}
	if d.read, err = openPool(cfg.Path, true, 4); err != nil {
		return nil, err
	}
	d.writer, err = newWriter(ctx, d.write, cfg)
	return d, err
}

// notEmptied refuses a file that a server has used and that is empty now: to take it for a
// new store would be to forget the quarantine, and the tokens that keep others out.
func notEmptied(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Size() > 0 {
		return nil
	}
	if _, err := os.Stat(path + lockSuffix); err != nil {
		return nil
	}
	return fmt.Errorf("%w: %s is empty, and was used before. Restore a backup; or, to begin anew, delete it and %s", ErrCorrupt, path, filepath.Base(path)+lockSuffix)
}

// lockSuffix is what the lock file's name has after the store's.
const lockSuffix = ".lock"

// private makes a new file that only its owner can read, for payloads are in it. SQLite
// gives its -wal and -shm the same mode.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return f.Close()
}

// openPool opens connections of one kind: the single writer's, or the readers'.
func openPool(path string, readOnly bool, conns int) (*sql.DB, error) {
	pragmas := []string{"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "cache_size(-16384)", "temp_store(MEMORY)"}
	if readOnly {
		pragmas = append(pragmas, "query_only(1)")
	}
	q := url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}
	pool, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	return pool, nil
}

// check refuses a file that SQLite finds unsound.
func check(ctx context.Context, pool *sql.DB, path string) error {
	rows, err := pool.QueryContext(ctx, "PRAGMA quick_check(5)")
	if err != nil {
		return openError(path, err)
	}
	defer rows.Close()
	var findings []string
	for rows.Next() {
		var finding string
		if err := rows.Scan(&finding); err != nil {
			return openError(path, err)
		}
		if finding != "ok" {
			findings = append(findings, finding)
		}
	}
	if err := rows.Err(); err != nil {
		return openError(path, err)
	}
	if len(findings) > 0 {
		return corrupt(path, strings.Join(findings, "; "))
	}
	return nil
}

func corrupt(path, finding string) error {
	return fmt.Errorf("%w: %s: %s. Nothing was changed. Stop, copy the file and its -wal and -shm aside, then restore a backup or recover it with the sqlite3 shell's .recover", ErrCorrupt, path, finding)
}

func openError(path string, err error) error {
	if isCorrupt(err) {
		return corrupt(path, err.Error())
	}
	return fmt.Errorf("store %s: %w", path, err)
}

// Query runs a query on the pool of readers. The caller must close the rows: rows
// left open keep the WAL from being checkpointed.
func (d *DB) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return d.read.QueryContext(ctx, query, args...)
}

// QueryRow runs a query of one row on the pool of readers.
func (d *DB) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return d.read.QueryRowContext(ctx, query, args...)
}

// Write runs fn in a transaction and returns when it is durable. fn runs on the
// writer's goroutine: it must be quick, must not call Write, and must not keep tx. If fn
// returns an error, or panics, its own changes are undone and Write returns that
// error. If ctx ends before fn has begun, fn does not run; once it has begun, Write
// waits for the outcome.
func (d *DB) Write(ctx context.Context, fn func(tx *Tx) error) error {
	return d.writer.submit(ctx, fn)
}

// Ready returns nil if writes can succeed, else ErrFull, ErrFailed or ErrClosed.
func (d *DB) Ready() error { return d.writer.ready() }

// Queued returns how many writes wait for their turn.
func (d *DB) Queued() int { return len(d.writer.queue) }

// Path is the absolute path of the store's file.
func (d *DB) Path() string { return d.cfg.Path }

// Close waits for the writes that were taken and closes the store. It may be called
// more than once.
func (d *DB) Close() error {
	d.closeOnce.Do(func() {
		d.writer.stop()
		d.closeErr = d.release()
	})
	return d.closeErr
}

func (d *DB) release() error {
	var errs []error
	if d.read != nil {
		errs = append(errs, d.read.Close())
	}
	if d.write != nil {
		errs = append(errs, d.write.Close())
	}
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	return errors.Join(errs...)
}

// Micros is t as the store keeps it: microseconds since the epoch, UTC; 0 for the
// zero time.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time is the inverse of Micros.
func Time(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
