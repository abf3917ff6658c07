package sink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// faulty fails one operation: the n-th, from 1.
type faulty struct {
	files
	mode string // "eio", "enospc", "short": a write that gets half way, "forever": all from the n-th on

	mu    sync.Mutex
	n     int
	ops   int
	fired string // the operation that failed
}

func (f *faulty) hit(op string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ops++
	if f.ops != f.n && (f.mode != "forever" || f.ops < f.n) {
		return nil
	}
	f.fired = op
	if f.mode == "eio" || f.mode == "forever" {
		return &fs.PathError{Op: op, Path: "x", Err: syscall.EIO}
	}
	return &fs.PathError{Op: op, Path: "x", Err: syscall.ENOSPC}
}

func (f *faulty) OpenFile(name string, flag int, perm fs.FileMode) (file, error) {
	if err := f.hit("open " + name); err != nil {
		return nil, err
	}
	g, err := f.files.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultyFile{g, f}, nil
}

func (f *faulty) Mkdir(name string, perm fs.FileMode) error {
	if err := f.hit("mkdir " + name); err != nil {
		return err
	}
	return f.files.Mkdir(name, perm)
}

func (f *faulty) Rename(from, to string) error {
	if err := f.hit("rename " + from); err != nil {
		return err
	}
	return f.files.Rename(from, to)
}

func (f *faulty) Remove(name string) error {
	if err := f.hit("remove " + name); err != nil {
		return err
	}
	return f.files.Remove(name)
}

func (f *faulty) SyncDir(name string) error {
	if err := f.hit("syncdir " + name); err != nil {
		return err
	}
	return f.files.SyncDir(name)
}

func (f *faulty) Lookup(name string) (fs.FileInfo, error) {
	if err := f.hit("lookup " + name); err != nil {
		return nil, err
	}
	return f.files.Lookup(name)
}

func (f *faulty) Anew() (files, error) {
	if err := f.hit("anew"); err != nil {
		return nil, err
	}
	fsys, err := f.files.Anew()
	if err != nil {
		return nil, err
	}
	f.files = fsys
	return f, nil
}

type faultyFile struct {
	file
	f *faulty
}

func (g *faultyFile) WriteAt(b []byte, at int64) (int, error) {
	if err := g.f.hit("write"); err != nil {
		n := 0
		if g.f.mode == "short" {
			n, _ = g.file.WriteAt(b[:len(b)/2], at)
		}
		return n, err
	}
	return g.file.WriteAt(b, at)
}

func (g *faultyFile) Truncate(size int64) error {
	if err := g.f.hit("truncate"); err != nil {
		return err
	}
	return g.file.Truncate(size)
}

func (g *faultyFile) Sync() error {
	if err := g.f.hit("sync"); err != nil {
		return err
	}
	return g.file.Sync()
}

// faultRun opens a sink on a file system that fails at operation n and writes five batches,
// each up to three times. It returns which were acknowledged, how often each was tried, and
// which operation failed.
func faultRun(t *testing.T, root, mode string, n int) (acked map[string]bool, tries map[string]int, fired string) {
	t.Helper()
	fsys := unsynced(t, root)
	bad := &faulty{files: fsys, mode: mode, n: n}
	acked, tries = map[string]bool{}, map[string]int{}
	cfg := fileConfig(root)
	cfg.Spec.MaxBytes = 60 // three segments
	s, err := newFile(cfg, bad)
	if err != nil {
		if bad.fired == "" {
			t.Fatal(err)
		}
		fsys.Close()
		return acked, tries, bad.fired
	}
	for i := range 5 {
		name := fmt.Sprint("b", i)
		for range 3 {
			tries[name]++
			err := s.Write(context.Background(), numbered(faultID(name), name, 2))
			if err == nil {
				acked[name] = true
				break
			}
			if ready := s.Ready(); ready == nil {
				t.Errorf("%s at %d (%s): Ready is nil right after a failed write", mode, n, bad.fired)
			}
		}
	}
	s.Forget("id-b0") // also what it writes at Close can fail
	_ = s.Close(context.Background())
	return acked, tries, bad.fired
}

// faultID names every batch but b1 and b3.
func faultID(name string) string {
	if name == "b1" || name == "b3" {
		return ""
	}
	return "id-" + name
}

// Promises 1 and 5 on a disk that fails: whichever operation fails, and however, what was
// acknowledged is there once after a restart; a failed batch with an ID lands once when it
// is written again; one without lands at most as often as it was tried.
func TestFileEveryOperationFails(t *testing.T) {
	for _, mode := range []string{"eio", "enospc", "short", "forever"} {
		t.Run(mode, func(t *testing.T) {
			for n := 1; ; n++ {
				root := t.TempDir()
				// A first, sound life leaves something to recover.
				leave(t, root)
				acked, tries, fired := faultRun(t, root, mode, n)
				if fired == "" {
					if n < 30 {
						t.Fatalf("only %d operations: the seam is not in use", n)
					}
					return
				}
				where := fmt.Sprintf("operation %d (%s)", n, fired)
				s, err := newFile(fileConfig(root), unsynced(t, root))
				if err != nil {
					t.Fatalf("%s: no restart: %v", where, err)
				}
				for i := range 5 {
					name := fmt.Sprint("b", i)
					if id := faultID(name); id != "" && !(i == 0 && acked[name]) { // b0 is forgotten
						mustWrite(t, s, numbered(id, name, 2))
					}
				}
				mustClose(t, s)
				got := landed(t, root)
				wantOnce(t, got, "old", 2)
				for i := range 5 {
					name := fmt.Sprint("b", i)
					if acked[name] || faultID(name) != "" {
						wantOnce(t, got, name, 2)
					} else if c := got[name+"/0"]; c > tries[name] || c != got[name+"/1"] {
						t.Errorf("%s landed %d times after %d tries", name, c, tries[name])
					}
				}
				if t.Failed() {
					t.Fatal(where)
				}
			}
		})
	}
}

// leave makes an acknowledged segment that looks as if its process had been killed.
func leave(t *testing.T, root string) {
	t.Helper()
	s, err := newFile(fileConfig(root), unsynced(t, root))
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, numbered("old", "old", 2))
	open, _ := openNames(t, root)
	name := filepath.Join(root, "d", open[0])
	mustClose(t, s)
	if err := os.Rename(name[:len(name)-len(openSuffix)], name); err != nil {
		t.Fatal(err)
	}
}

// A full disk is passing: the write that met it fails, the next succeeds, nothing restarts.
func TestFileWorksAgainWhenThereIsRoom(t *testing.T) {
	worked := 0
	for n := 1; n < 40; n++ {
		root := t.TempDir()
		acked, tries, fired := faultRun(t, root, "short", n)
		if fired == "write" && len(acked) == 5 && tries["b0"]+tries["b1"]+tries["b2"]+tries["b3"]+tries["b4"] == 6 {
			worked++
		}
	}
	if worked < 5 {
		t.Errorf("only %d of the failed writes were followed by a good one", worked)
	}
}

// After a failed fsync nothing is acknowledged until a restart, since trying again proves nothing.
func TestFileStaysFailedAfterFsync(t *testing.T) {
	seen := 0
	for n := 1; n < 60; n++ {
		root := t.TempDir()
		fsys := unsynced(t, root)
		bad := &faulty{files: fsys, mode: "eio", n: n}
		s, err := newFile(fileConfig(root), bad)
		if err != nil {
			fsys.Close()
			continue
		}
		err = s.Write(context.Background(), numbered("x", "x", 1))
		if err != nil && strings.HasPrefix(bad.fired, "sync") {
			seen++
			for range 3 {
				if err := s.Write(context.Background(), numbered("x", "x", 1)); !errors.Is(err, ErrFailed) {
					t.Errorf("operation %d (%s): the next write: %v, want ErrFailed", n, bad.fired, err)
				}
			}
			if err := s.Ready(); !errors.Is(err, ErrFailed) {
				t.Errorf("operation %d: Ready: %v, want ErrFailed", n, err)
			}
		}
		_ = s.Close(context.Background())
	}
	if seen < 3 {
		t.Errorf("only %d fsyncs failed in a write; the test does not reach them", seen)
	}
}

// What a failed write left behind the last good byte is gone, also if what follows is shorter.
func TestFileTakesBackAFailedWrite(t *testing.T) {
	taken := 0
	for n := 1; n < 30; n++ {
		root := t.TempDir()
		bad := &faulty{files: unsynced(t, root), mode: "short", n: n}
		s, err := newFile(fileConfig(root), bad)
		if err != nil {
			bad.files.Close()
			continue
		}
		big := s.Write(context.Background(), numbered("", "big", 50))
		if err := s.Write(context.Background(), numbered("", "small", 1)); err == nil && errors.Is(big, ErrFull) {
			taken++
			mustClose(t, s)
			if got := landed(t, root); len(got) != 1 || got["small/0"] != 1 {
				t.Errorf("operation %d (%s): %d events, want the small one alone", n, bad.fired, len(got))
			}
			continue
		}
		_ = s.Close(context.Background())
	}
	if taken < 2 {
		t.Errorf("only %d writes failed and were taken back", taken)
	}
}
