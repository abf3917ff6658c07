package sink

import (
	"errors"
	"time"

	"github.com/lazaret/lazaret"
)

// What a sink's errors are, for errors.Is.
var (
	// ErrClosed: the sink was closed, or is about to be.
	ErrClosed = errors.New("sink is closed")
	// ErrFull: the disk, a quota or a file-size limit is full. The sink works again once
	// there is room.
	ErrFull = errors.New("no room for the file sink")
	// ErrFailed: the disk failed in a way after which nothing that was not yet
	// acknowledged can be trusted. The sink stays failed; a restart recovers it.
	ErrFailed = errors.New("file sink has failed and must be restarted")
	// ErrCorrupt: what was made durable earlier cannot be read back. Nothing was changed.
	ErrCorrupt = errors.New("file sink's files are damaged")
	// ErrLocked: another process or stream writes to the same directory.
	ErrLocked = errors.New("directory is in use by another file sink")
	// ErrUnavailable: the receiver could not be reached or could not take the batch now.
	// Writing it again later may succeed.
	ErrUnavailable = errors.New("receiver is unavailable")
	// ErrRefused: the receiver refused the batch for good. Writing it again will not help.
	ErrRefused = lazaret.ErrRefused
)

// Commit says how one durable step of a sink went: a group of writes to a file, one
// request, one write to standard output. Hooks are called with it on the sink's own
// goroutine and must be quick.
type Commit struct {
	Writes int           // calls of Write that it served, whole or in part
	Events int           // events in it
	Bytes  int64         // bytes of their lines
	Took   time.Duration // from the first byte to the acknowledgement
	Err    error         // nil if it is durable
}
