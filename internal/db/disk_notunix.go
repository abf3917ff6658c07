//go:build !unix

package db

import (
	"fmt"
	"os"
)

// freeSpace has no portable answer here: there is no floor.
func freeSpace(string) (int64, error) { return 0, fmt.Errorf("unknown on this system") }

// lockFile cannot lock on this system; SQLite's own locks still keep the file sound.
func lockFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
}
