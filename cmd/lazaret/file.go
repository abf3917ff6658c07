package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// writeFile has a file written beside its place and puts it there when it is whole: what
// breaks off leaves what was there before. A file that is there is replaced with force
// only. What is no regular file, such as a device or a pipe, is written as it is.
func writeFile(path string, force bool, write func(io.Writer) error) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return usage("--file: %s is a directory", path)
	case err == nil && !info.Mode().IsRegular():
		return writeInto(path, write)
	case err == nil && !force:
		return usage("--file: %s is there; --force replaces it", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return usage("--file: %v", err)
	}
	if err == nil {
		// A link stays one: what it points to is replaced.
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return usage("--file: %v", err)
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".lazaret-*")
	if err != nil {
		return usage("--file: %v", err)
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil && !force {
		if _, serr := os.Lstat(path); serr == nil {
			err = fmt.Errorf("--file: %s was made by another while this ran; --force replaces it", path)
		}
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func writeInto(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return usage("--file: %v", err)
	}
	return errors.Join(write(f), f.Close())
}
