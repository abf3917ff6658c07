package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
)

// StdoutConfig says where a [Stdout] writes.
type StdoutConfig struct {
	// Writer gets the lines of a batch in one call of Write. Sinks may share an *os.File,
	// whose Write is atomic among themselves.
	Writer   io.Writer
	Spec     gateway.StdoutSink
	Stream   string
	OnCommit func(Commit) // where it is set, called after each write
}

// Stdout writes events to standard output, as whole lines. Write returns nil when the
// system has taken them, which is as durable as the pipe or terminal behind it. IDs are
// remembered while the process lives. All methods are safe for concurrent use.
type Stdout struct {
	cfg    StdoutConfig
	enc    encoder
	ledger *ledger
	bufs   buffers
	turn   chan struct{} // holds one while nobody writes

	// Guarded by turn.
	torn   bool // the last write ended within a line
	closed bool
}

// NewStdout returns the sink.
func NewStdout(cfg StdoutConfig) (*Stdout, error) {
	enc, err := newEncoder(cfg.Spec.Format)
	if err != nil {
		return nil, fmt.Errorf("stdout sink of stream %q: %w", cfg.Stream, err)
	}
	if cfg.Writer == nil {
		return nil, fmt.Errorf("stdout sink of stream %q: no writer", cfg.Stream)
	}
	s := &Stdout{cfg: cfg, enc: enc, ledger: newLedger(), turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	return s, nil
}

// Write writes the batch's lines; see gateway.Sink.
func (s *Stdout) Write(ctx context.Context, b lazaret.Batch) error {
	if b.ID == "" {
		return s.write(ctx, b)
	}
	lead, err := s.ledger.begin(ctx, b.ID)
	if !lead {
		return err
	}
	err = s.write(ctx, b)
	outcome := err
	if err != nil && ctx.Err() != nil {
		outcome = errAbandoned
	}
	s.ledger.settle(b.ID, outcome)
	return err
}

func (s *Stdout) write(ctx context.Context, b lazaret.Batch) error {
	lines, err := s.enc.batch(s.bufs.get(sizeHint(b.Records)), b.Records)
	if err != nil {
		return fmt.Errorf("stdout sink of stream %q: %w", s.cfg.Stream, err)
	}
	defer s.bufs.put(lines)
	select {
	case <-s.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { s.turn <- struct{}{} }()
	if s.closed {
		return fmt.Errorf("stdout sink of stream %q: %w", s.cfg.Stream, ErrClosed)
	}
	start := time.Now()
	err = s.put(lines)
	if s.cfg.OnCommit != nil {
		s.cfg.OnCommit(Commit{Writes: 1, Events: len(b.Records), Bytes: int64(len(lines)), Took: time.Since(start), Err: err})
	}
	return err
}

// put writes the lines, and first ends a line that an earlier, failed write left torn.
func (s *Stdout) put(lines []byte) error {
	if s.torn {
		if _, err := s.cfg.Writer.Write([]byte{'\n'}); err != nil {
			return s.failed(err)
		}
		s.torn = false
	}
	n, err := s.cfg.Writer.Write(lines)
	if err == nil && n < len(lines) {
		err = io.ErrShortWrite
	}
	if err != nil {
		s.torn = n > 0 && n <= len(lines) && lines[n-1] != '\n'
		return s.failed(err)
	}
	return nil
}

func (s *Stdout) failed(err error) error {
	return fmt.Errorf("stdout sink of stream %q: cannot write: %w", s.cfg.Stream, err)
}

// Forget drops the memory of a batch's ID.
func (s *Stdout) Forget(batchID string) { s.ledger.forget(batchID) }

// Ready returns nil until the sink is closed: only writing tells whether it works.
func (s *Stdout) Ready() error {
	select {
	case <-s.turn:
		defer func() { s.turn <- struct{}{} }()
		if s.closed {
			return ErrClosed
		}
	default: // someone writes, so it is not closed
	}
	return nil
}

// Close waits for the write that is under way and refuses others. It leaves the writer
// open, which is not its own.
func (s *Stdout) Close(ctx context.Context) error {
	select {
	case <-s.turn:
		s.closed = true
		s.turn <- struct{}{}
		return nil
	case <-ctx.Done():
		return errors.Join(errors.New("stdout sink is still writing"), ctx.Err())
	}
}
