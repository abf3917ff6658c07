//go:build unix

package sink

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile takes an exclusive lock that lasts until f is closed or the process ends.
func lockFile(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}

// syncDir makes a directory's entries durable.
func syncDir(d *os.File) error { return d.Sync() }

// isFull reports whether err says that there is no room, by disk, quota or limit.
func isFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EFBIG)
}

// fullError names what is full, in words, around err.
func fullError(err error) error {
	switch {
	case errors.Is(err, unix.EDQUOT):
		return fmt.Errorf("%w (the quota is used up): %w", ErrFull, err)
	case errors.Is(err, unix.EFBIG):
		return fmt.Errorf("%w (the file-size limit is reached): %w", ErrFull, err)
	}
	return fmt.Errorf("%w (the disk is full): %w", ErrFull, err)
}
