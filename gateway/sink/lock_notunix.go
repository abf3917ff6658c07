//go:build !unix

package sink

import (
	"fmt"
	"os"
)

// lockFile cannot lock on this system: that two sinks share no directory is then the
// operator's to see to.
func lockFile(*os.File) error { return nil }

// syncDir has no counterpart here: the system makes entries durable with the file.
func syncDir(*os.File) error { return nil }

// isFull cannot tell a full disk from other errors here; the sink works on all the same.
func isFull(error) bool { return false }

func fullError(err error) error { return fmt.Errorf("%w: %w", ErrFull, err) }
