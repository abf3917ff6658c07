package sink

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// files is the part of a file system that a file sink uses: one directory tree, named
// by slash-separated relative paths. It is a seam for tests that inject faults.
type files interface {
	OpenFile(name string, flag int, perm fs.FileMode) (file, error)
	Mkdir(name string, perm fs.FileMode) error
	Rename(from, to string) error
	Remove(name string) error
	Exists(name string) (bool, error)
	// SyncDir makes the directory's entries durable.
	SyncDir(name string) error
	// Lock takes the exclusive lock of a file until it is closed, or ErrLocked.
	Lock(name string) (io.Closer, error)
	Tree() fs.FS
	// Lookup says what now has the name on the whole path from the root, which is looked
	// up anew: the tree itself may have been moved away or deleted since it was opened.
	Lookup(name string) (fs.FileInfo, error)
	// Anew opens the tree that is now at the path, which it makes if there is none, in
	// place of this one, which it closes. After an error this one is as it was.
	Anew() (files, error)
	Close() error
}

// file is an open file of files.
type file interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Size() (int64, error)
	Stat() (fs.FileInfo, error)
	Close() error
}

const (
	filePerm = 0o640
	dirPerm  = 0o750
)

// rooted is files in an os.Root, which no path and no symbolic link leaves.
type rooted struct {
	*os.Root
	top, dir string // the path of the tree, for Lookup and Anew
}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (r rooted) OpenFile(name string, flag int, perm fs.FileMode) (file, error) {
	f, err := r.Root.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (r rooted) Exists(name string) (bool, error) {
	_, err := r.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (r rooted) SyncDir(name string) error {
	d, err := r.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return syncDir(d)
}

func (r rooted) Lock(name string) (io.Closer, error) {
	f, err := r.Root.OpenFile(name, os.O_RDWR|os.O_CREATE, filePerm)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (r rooted) Tree() fs.FS { return r.FS() }

func (r rooted) Lookup(name string) (fs.FileInfo, error) {
	return os.Lstat(filepath.Join(r.top, r.dir, name))
}

func (r rooted) Anew() (files, error) {
	fsys, err := openDir(r.top, r.dir)
	if err != nil {
		return nil, err
	}
	r.Close()
	return fsys, nil
}

// mkdirs makes the directory and those above it, and makes all their entries durable:
// also of those that exist, since an earlier process may have made them and ended
// before it made them durable.
func mkdirs(fsys files, dir string) error {
	if dir == "." {
		return nil
	}
	parent := path.Dir(dir)
	if err := mkdirs(fsys, parent); err != nil {
		return err
	}
	if err := fsys.Mkdir(dir, dirPerm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := fsys.SyncDir(parent); err != nil {
		return fmt.Errorf("%w: %w", errSync, err)
	}
	return nil
}

// errSync marks an error of fsync, after which trying again proves nothing.
var errSync = errors.New("cannot make a directory durable")
