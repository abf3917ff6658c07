package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// maxGroup bounds how many functions share one transaction, so that the first does
// not wait for too many others.
const maxGroup = 256

// freeEvery is how often the free disk space is looked at, at most.
const freeEvery = time.Second

// writer runs submitted functions on one goroutine and one connection, and commits
// what has queued up meanwhile in one transaction.
type writer struct {
	cfg  Config
	conn *sql.Conn
	tx   *Tx

	queue chan *job
	done  chan struct{} // closed when the goroutine has ended

	mu     sync.RWMutex // guards closed against sends on queue
	closed bool

	state   sync.Mutex // guards what follows
	failed  error      // sticky
	full    error      // as of checked
	checked time.Time
}

// job is one function with the channel that its caller waits on.
type job struct {
	ctx    context.Context
	fn     func(*Tx) error
	result chan error
	err    error
}

func newWriter(ctx context.Context, pool *sql.DB, cfg Config) (*writer, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, openError(cfg.Path, err)
	}
	w := &writer{
		cfg:   cfg,
		conn:  conn,
		tx:    &Tx{conn: conn, stmts: map[string]*sql.Stmt{}},
		queue: make(chan *job, maxGroup),
		done:  make(chan struct{}),
	}
	go w.run()
	return w, nil
}

func (w *writer) submit(ctx context.Context, fn func(*Tx) error) error {
	if err := w.ready(); err != nil {
		return err
	}
	j := &job{ctx: ctx, fn: fn, result: make(chan error, 1)}
	w.mu.RLock()
	if w.closed {
		w.mu.RUnlock()
		return ErrClosed
	}
	select {
	case w.queue <- j:
		w.mu.RUnlock()
	case <-ctx.Done():
		w.mu.RUnlock()
		return ctx.Err()
	}
	return <-j.result
}

// stop ends the goroutine after what is queued.
func (w *writer) stop() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	<-w.done
}

func (w *writer) run() {
	defer close(w.done)
	group := make([]*job, 0, maxGroup)
	for first := range w.queue {
		group = append(group[:0], first)
	gather:
		for len(group) < maxGroup {
			select {
			case j, ok := <-w.queue:
				if !ok {
					break gather
				}
				group = append(group, j)
			default:
				break gather
			}
		}
		w.commit(group)
	}
	for _, s := range w.tx.stmts {
		s.Close()
	}
	w.conn.Close()
}

// commit runs a group in one transaction and tells each caller its outcome.
func (w *writer) commit(group []*job) {
	start := time.Now()
	err := w.transact(group)
	if err != nil {
		err = w.classify(err)
	}
	if w.cfg.OnCommit != nil {
		w.cfg.OnCommit(len(group), time.Since(start))
	}
	for _, j := range group {
		if j.err == nil {
			j.err = err
		}
		j.result <- j.err
	}
}

// transact returns an error if the whole transaction failed; a function's own error is
// left in its job.
func (w *writer) transact(group []*job) (err error) {
	if err := w.ready(); err != nil {
		return err
	}
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed {
			// The transaction may have been undone already; that error says nothing new.
			_ = w.exec("ROLLBACK")
		}
	}()
	for _, j := range group {
		if j.err = j.ctx.Err(); j.err != nil {
			continue
		}
		if err := w.runOne(j); err != nil {
			return err
		}
	}
	if w.cfg.BeforeCommit != nil {
		if err := w.cfg.BeforeCommit(); err != nil {
			return err
		}
	}
	if err := w.exec("COMMIT"); err != nil {
		return err
	}
	committed = true
	return nil
}

// runOne runs one function in a savepoint. It returns an error only if the whole
// transaction cannot go on.
func (w *writer) runOne(j *job) error {
	if err := w.exec("SAVEPOINT one"); err != nil {
		return err
	}
	j.err = call(j.fn, w.tx)
	if j.err != nil {
		if isDisk(j.err) {
			// SQLite may have undone the whole transaction, with the others' changes.
			err := j.err
			j.err = nil
			return err
		}
		if err := w.exec("ROLLBACK TO one"); err != nil {
			return err
		}
	}
	return w.exec("RELEASE one")
}

func (w *writer) exec(statement string) error {
	s, err := w.tx.stmt(statement)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(context.Background())
	return err
}

// call turns a panic of fn into an error, so that one caller cannot end the writer.
func call(fn func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a store transaction: %v\n%s", p, debug.Stack())
		}
	}()
	return fn(tx)
}

// classify makes the state of the store out of the error of a transaction.
func (w *writer) classify(err error) error {
	switch {
	case errors.Is(err, ErrFull), errors.Is(err, ErrFailed):
		return err
	case isFull(err):
		return fmt.Errorf("%w: %w", ErrFull, err)
	case isDisk(err):
		w.state.Lock()
		defer w.state.Unlock()
		w.failed = fmt.Errorf("%w: %w", ErrFailed, err)
		w.cfg.Log.Error("store failed; no writes until a restart", "path", w.cfg.Path, "error", err)
		return w.failed
	}
	return err
}

// ready answers from the last look at the disk, which is at most freeEvery old.
func (w *writer) ready() error {
	w.mu.RLock()
	closed := w.closed
	w.mu.RUnlock()
	if closed {
		select {
		case <-w.done:
			return ErrClosed
		default: // still finishing what was queued
		}
	}
	w.state.Lock()
	defer w.state.Unlock()
	if w.failed != nil {
		return w.failed
	}
	if w.cfg.MinFree > 0 && time.Since(w.checked) >= freeEvery {
		w.checked = time.Now()
		w.full = nil
		if free, err := freeSpace(w.cfg.Path); err == nil && free < w.cfg.MinFree {
			w.full = fmt.Errorf("%w: %d MiB free, the floor (store.min_free) is %d MiB", ErrFull, free>>20, w.cfg.MinFree>>20)
			w.cfg.Log.Error("store's disk is under the floor of free space", "path", w.cfg.Path, "free_bytes", free, "floor_bytes", w.cfg.MinFree)
		}
	}
	return w.full
}
