package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/semaphore"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
)

const (
	defaultMaxBytes = 128 << 20
	defaultMaxAge   = time.Minute
	defaultQueue    = 64 << 20
	maxGroupBytes   = 8 << 20 // of one fsync, so that the first writer does not wait for too many others
	maxID           = 1024    // bytes of a batch's ID
	notReadyFor     = time.Second
)

// FileConfig says where and how a [File] writes.
type FileConfig struct {
	// Root is the directory that sinks may write below (sinks.file.root); it is made if
	// it does not exist.
	Root   string
	Spec   gateway.FileSink
	Stream string
	// MaxQueued bounds the bytes that wait to be written, about; default 64 MiB. Write
	// waits while it is reached.
	MaxQueued int64
	// Clock tells the time; default time.Now.
	Clock func() time.Time
	// Log gets what an operator should know; default slog.Default.
	Log *slog.Logger
	// OnCommit, where it is set, is called after each group of writes.
	OnCommit func(Commit)
}

// File writes events to NDJSON segments:
//
//	DIR/dt=2026-11-21/hour=10/20261121T100712Z-00000042.ndjson
//
// The partition is the UTC hour of the writing, not of the event, so that a partition
// whose hour is over gets no more segments. The segment that is being written has the
// suffix .ndjson.open and loses it when it is closed: at max_bytes (a single larger
// batch still goes in whole), at max_age, at the end of the hour, and by Close. What
// ends in .ndjson is whole and never changes, and may be taken away. Names that begin
// with "_" or "." are none of a reader's business, as for Hive and Spark: DIR/_lazaret
// holds the lock and the journal.
//
// Write returns nil when its batch is on the disk, with the journal entry that says so;
// writes that come at the same time share the fsyncs. A File that is opened again
// after a crash closes the segment that was open at the last group that is whole, so
// no reader ever sees part of a line or of a batch.
//
// Nothing is acknowledged into a file that is no longer under its name: what else
// deletes or moves the open segment, the journal or a directory above them is noticed
// before the next acknowledgement and logged as an error, the sink makes its files anew
// at its path, and writes that were not acknowledged go there. All methods are safe for
// concurrent use.
type File struct {
	cfg    FileConfig
	enc    encoder
	fs     files
	lock   io.Closer
	ledger *ledger
	room   *semaphore.Weighted
	bufs   buffers
	wake   chan struct{} // holds one: the committer has something to look at
	done   chan struct{} // closed when the committer has ended

	mu      sync.Mutex // guards what follows
	queue   []*op
	queued  int64    // bytes of queue
	forgets []string // to go into the journal's next entry
	closed  bool
	failed  error     // sticky
	lost    error     // what was deleted or moved away; until that is made anew
	last    error     // of the last group, if it failed
	lastAt  time.Time // when that was
	closing error     // how Close went; final when done is closed

	c committer // owned by the committer's goroutine
}

// op is one Write on its way through the committer.
type op struct {
	id     string
	lines  []byte
	events int
	cost   int64 // what it holds of room
	done   chan struct{}
	err    error // final when done is closed
}

// NewFile opens the sink, mends what a crash has left, and starts the one goroutine that
// writes; Close ends it.
func NewFile(cfg FileConfig) (*File, error) {
	fsys, err := openDir(cfg.Root, cfg.Spec.Dir)
	if err != nil {
		return nil, fileError(cfg, err)
	}
	s, err := newFile(cfg, fsys)
	if err != nil {
		fsys.Close()
		return nil, err
	}
	return s, nil
}

func newFile(cfg FileConfig, fsys files) (*File, error) {
	enc, err := newEncoder(cfg.Spec.Format)
	if err != nil {
		return nil, fileError(cfg, err)
	}
	if cfg.Spec.MaxBytes < 0 || cfg.Spec.MaxAge < 0 {
		return nil, fileError(cfg, errors.New("max_bytes and max_age must not be negative"))
	}
	setDefaults(&cfg)
	s := &File{
		cfg: cfg, enc: enc, fs: fsys,
		ledger: newLedger(),
		room:   semaphore.NewWeighted(cfg.MaxQueued),
		wake:   make(chan struct{}, 1),
		done:   make(chan struct{}),
	}
	if err := s.open(); err != nil {
		return nil, fileError(cfg, err)
	}
	go s.run()
	return s, nil
}

func setDefaults(cfg *FileConfig) {
	if cfg.Spec.MaxBytes == 0 {
		cfg.Spec.MaxBytes = defaultMaxBytes
	}
	if cfg.Spec.MaxAge == 0 {
		cfg.Spec.MaxAge = gateway.Duration(defaultMaxAge)
	}
	if cfg.MaxQueued <= 0 {
		cfg.MaxQueued = defaultQueue
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	cfg.Log = cfg.Log.With("stream", cfg.Stream, "dir", cfg.Spec.Dir)
}

// open takes the lock and mends what is there.
func (s *File) open() error {
	if err := mkdirs(s.fs, stateDir); err != nil {
		return err
	}
	lock, err := s.fs.Lock(lockName)
	if err != nil {
		return err
	}
	s.lock = lock
	j, seq, err := s.recover(s.ledger, nil)
	if err != nil {
		lock.Close()
		return err
	}
	s.c = committer{File: s, journal: j, seq: seq}
	return nil
}

// fileError says which sink an error is of.
func fileError(cfg FileConfig, err error) error {
	return fmt.Errorf("file sink %q of stream %q: %w", cfg.Spec.Dir, cfg.Stream, err)
}

// openDir makes and opens dir below root, and refuses a dir that leaves it.
func openDir(root, dir string) (files, error) {
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(root, dirPerm); err != nil {
		return nil, err
	}
	top, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer top.Close()
	if err := mkdirs(rooted{Root: top}, dir); err != nil {
		return nil, err
	}
	sub, err := top.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return rooted{Root: sub, top: root, dir: dir}, nil
}

// checkDir accepts a plain relative path that no reader skips and no partition looks like.
func checkDir(dir string) error {
	if dir == "" || filepath.IsAbs(dir) || !filepath.IsLocal(dir) || strings.ContainsAny(dir, "\\\x00") {
		return errors.New("dir must be a relative path below sinks.file.root, without \"..\"")
	}
	for _, part := range strings.Split(dir, "/") {
		if part == "" || part[0] == '.' || part[0] == '_' || strings.Contains(part, "=") {
			return errors.New("no part of dir may be empty, begin with \".\" or \"_\", or hold \"=\"")
		}
	}
	return nil
}

// Write makes the batch durable; see gateway.Sink. If ctx ends first, Write returns its
// error at once, and a batch that was already queued may still land.
func (s *File) Write(ctx context.Context, b lazaret.Batch) error {
	if len(b.Records) == 0 {
		return s.alive()
	}
	if b.ID == "" {
		o, err := s.enqueue(ctx, b)
		if err != nil {
			return err
		}
		return o.wait(ctx)
	}
	if len(b.ID) > maxID || !utf8.ValidString(b.ID) {
		return fileError(s.cfg, fmt.Errorf("a batch ID must be UTF-8 of at most %d bytes", maxID))
	}
	lead, err := s.ledger.begin(ctx, b.ID)
	if !lead {
		return err
	}
	o, err := s.enqueue(ctx, b)
	if err != nil {
		outcome := err
		if ctx.Err() != nil {
			outcome = errAbandoned
		}
		s.ledger.settle(b.ID, outcome)
		return err
	}
	return o.wait(ctx)
}

// enqueue encodes the batch and hands it to the committer.
func (s *File) enqueue(ctx context.Context, b lazaret.Batch) (*op, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	hint := sizeHint(b.Records)
	cost := min(hint, s.cfg.MaxQueued)
	if err := s.room.Acquire(ctx, cost); err != nil {
		return nil, err
	}
	lines, err := s.enc.batch(s.bufs.get(hint), b.Records)
	if err != nil {
		s.room.Release(cost)
		return nil, fileError(s.cfg, err)
	}
	o := &op{id: b.ID, lines: lines, events: len(b.Records), cost: cost, done: make(chan struct{})}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		s.room.Release(cost)
		return nil, fileError(s.cfg, ErrClosed)
	}
	s.queue = append(s.queue, o)
	s.queued += int64(len(lines))
	s.mu.Unlock()
	s.nudge()
	return o, nil
}

func (o *op) wait(ctx context.Context) error {
	select {
	case <-o.done:
		return o.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// nudge makes the committer look at the queue.
func (s *File) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// alive returns why no write can ever succeed, or nil.
func (s *File) alive() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fileError(s.cfg, ErrClosed)
	}
	return s.failed
}

// Forget drops the memory of a batch's ID; the journal follows with its next entry.
func (s *File) Forget(batchID string) {
	if batchID != "" && s.ledger.forget(batchID) {
		s.noteForget(batchID)
	}
}

func (s *File) noteForget(ids ...string) {
	s.mu.Lock()
	s.forgets = append(s.forgets, ids...)
	s.mu.Unlock()
}

// Ready returns nil, or why writes cannot succeed now. While the sink's files are deleted
// or moved away and cannot be made anew, it says so; the sink tries by itself. After a full disk it says so for
// a second and then lets writes try again.
func (s *File) Ready() error {
	if err := s.alive(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost != nil {
		return s.lost
	}
	if s.last != nil && s.cfg.Clock().Sub(s.lastAt).Abs() < notReadyFor {
		return s.last
	}
	return nil
}

// Queued returns how many writes, and bytes of lines, wait for the disk.
func (s *File) Queued() (writes int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue), s.queued
}

// Close refuses further writes, finishes those that were taken, closes the segment and
// gives the directory free. If ctx ends first, Close returns its error, and the rest
// still happens. It may be called again.
func (s *File) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.nudge()
	select {
	case <-s.done:
		return s.closing
	case <-ctx.Done():
		return ctx.Err()
	}
}
