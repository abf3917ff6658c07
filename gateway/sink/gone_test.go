package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// logged is a log that can be read while it is written.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// logTo makes the sink log where the test can read it.
func logTo(cfg *FileConfig) *logged {
	l := &logged{}
	cfg.Log = slog.New(slog.NewTextHandler(l, nil))
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// takings is what something else may do to a sink's files below base/root/d.
var takings = []struct {
	name  string
	says  string // in the log
	keeps bool   // what was acknowledged before is still below the path
	do    func(t *testing.T, base string)
}{
	{"directory deleted", "open segment was deleted or moved", false, func(t *testing.T, base string) {
		must(t, os.RemoveAll(filepath.Join(base, "root", "d")))
	}},
	{"open segment deleted", "open segment was deleted or moved", false, func(t *testing.T, base string) {
		open, _ := openNames(t, filepath.Join(base, "root"))
		must(t, os.Remove(filepath.Join(base, "root", "d", open[0])))
	}},
	{"open segment closed by hand", "open segment was deleted or moved", true, func(t *testing.T, base string) {
		open, _ := openNames(t, filepath.Join(base, "root"))
		name := filepath.Join(base, "root", "d", open[0])
		must(t, os.Rename(name, strings.TrimSuffix(name, openSuffix)))
	}},
	{"open segment replaced by a copy", "open segment was deleted or moved", true, func(t *testing.T, base string) {
		open, _ := openNames(t, filepath.Join(base, "root"))
		name := filepath.Join(base, "root", "d", open[0])
		data, err := os.ReadFile(name)
		must(t, err)
		must(t, os.WriteFile(name+".tmp", data, 0o640))
		must(t, os.Rename(name+".tmp", name))
	}},
	{"partition deleted", "open segment was deleted or moved", false, func(t *testing.T, base string) {
		open, _ := openNames(t, filepath.Join(base, "root"))
		must(t, os.RemoveAll(filepath.Join(base, "root", "d", strings.Split(open[0], "/")[0])))
	}},
	{"state deleted", "journal was deleted or moved", true, func(t *testing.T, base string) {
		must(t, os.RemoveAll(filepath.Join(base, "root", "d", stateDir)))
	}},
	{"journal deleted", "journal was deleted or moved", true, func(t *testing.T, base string) {
		must(t, os.Remove(filepath.Join(base, "root", "d", journalName)))
	}},
	{"directory renamed", "open segment was deleted or moved", false, func(t *testing.T, base string) {
		must(t, os.Rename(filepath.Join(base, "root", "d"), filepath.Join(base, "root", "away")))
	}},
	{"root renamed", "open segment was deleted or moved", false, func(t *testing.T, base string) {
		must(t, os.Rename(filepath.Join(base, "root"), filepath.Join(base, "away")))
	}},
	{"root deleted", "open segment was deleted or moved", false, func(t *testing.T, base string) {
		must(t, os.RemoveAll(filepath.Join(base, "root")))
	}},
}

// Promises 1 and 5 when something else takes the sink's files away between two writes: all
// that is acknowledged afterwards is below the path, also for a process that is killed then;
// IDs land once; and the log says what happened.
func TestFileTakenAway(t *testing.T) {
	for _, c := range takings {
		t.Run(c.name, func(t *testing.T) {
			base := t.TempDir()
			root := filepath.Join(base, "root")
			cfg := fileConfig(root)
			log := logTo(&cfg)
			s := mustFile(t, cfg)
			mustWrite(t, s, numbered("ia", "a", 2))
			c.do(t, base)
			mustWrite(t, s, numbered("ib", "b", 2))
			mustWrite(t, s, numbered("", "c", 1))
			mustWrite(t, s, numbered("id", "d", 2))
			mustWrite(t, s, numbered("ia", "a", 2)) // landed already: the memory is kept
			if err := s.Ready(); err != nil {
				t.Errorf("Ready after it went on: %v", err)
			}
			if got := log.String(); strings.Count(got, "level=ERROR") != 1 || !strings.Contains(got, c.says) {
				t.Errorf("the log should say once %q:\n%s", c.says, got)
			}
			killed := t.TempDir() // what a process that was killed now would leave
			must(t, os.CopyFS(killed, os.DirFS(root)))
			mustClose(t, s)
			for _, root := range []string{root, killed} {
				after := mustFile(t, fileConfig(root))
				for _, name := range []string{"a", "b", "d"} {
					mustWrite(t, after, numbered("i"+name, name, 2))
				}
				mustClose(t, after)
				got := landed(t, root)
				wantOnce(t, got, "b", 2)
				wantOnce(t, got, "c", 1)
				wantOnce(t, got, "d", 2)
				if kept := got["a/0"] == 1 && got["a/1"] == 1; kept != c.keeps || got["a/0"] > 1 {
					t.Errorf("what was acknowledged before is there: %v, want %v", kept, c.keeps)
				}
			}
		})
	}
}

// Promise 1 when nothing is open: the directory goes away between two segments.
func TestFileTakenAwayWhileIdle(t *testing.T) {
	root := t.TempDir()
	cfg := fileConfig(root)
	cfg.Spec.MaxBytes = 1 // a segment a batch
	s := mustFile(t, cfg)
	mustWrite(t, s, numbered("ia", "a", 1))
	must(t, os.RemoveAll(filepath.Join(root, "d")))
	mustWrite(t, s, numbered("ib", "b", 1))
	must(t, os.Rename(filepath.Join(root, "d"), filepath.Join(root, "away")))
	mustWrite(t, s, numbered("ic", "c", 1))
	wantOnce(t, landed(t, root), "c", 1)
	must(t, os.RemoveAll(filepath.Join(root, "d")))
	mustClose(t, s)
}

// What is taken away without a write after it is noticed when the segment is due, and at
// Close; the memory of the IDs lives on.
func TestFileTakenAwayWithoutAWrite(t *testing.T) {
	root := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		cfg := fileConfig(root)
		log := logTo(&cfg)
		s := mustFile(t, cfg)
		mustWrite(t, s, numbered("ia", "a", 1))
		must(t, os.RemoveAll(filepath.Join(root, "d")))
		time.Sleep(time.Minute + 20*time.Millisecond)
		synctest.Wait()
		if !strings.Contains(log.String(), "open segment was deleted or moved") {
			t.Errorf("nothing is said when the segment is due:\n%s", log)
		}
		if err := s.Ready(); err != nil {
			t.Errorf("Ready: %v", err)
		}
		mustWrite(t, s, numbered("ib", "b", 1))
		must(t, os.RemoveAll(filepath.Join(root, "d")))
		mustClose(t, s)
		if n := strings.Count(log.String(), "level=ERROR"); n != 2 {
			t.Errorf("%d errors in the log, want one more at Close:\n%s", n, log)
		}
		s = mustFile(t, fileConfig(root))
		defer mustClose(t, s)
		if ids := s.ledger.ids(); len(ids) != 2 {
			t.Errorf("the next start remembers %q, want both IDs", ids)
		}
	})
}

// While the files cannot be made anew nothing is acknowledged and Ready says why, for as
// long as it lasts; then the sink goes on by itself.
func TestFileCannotBeMadeAnew(t *testing.T) {
	root := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := mustFile(t, fileConfig(root))
		defer mustClose(t, s)
		mustWrite(t, s, numbered("ia", "a", 1))
		dir := filepath.Join(root, "d")
		must(t, os.RemoveAll(dir))
		must(t, os.WriteFile(dir, nil, 0o640)) // a file is in the way
		for range 3 {
			err := s.Write(context.Background(), numbered("ib", "b", 1))
			if !errors.Is(err, errGone) || !strings.Contains(err.Error(), "may be gone with it; it could not be made anew") {
				t.Fatalf("Write: %v", err)
			}
			time.Sleep(5 * notReadyFor)
			if err := s.Ready(); !errors.Is(err, errGone) {
				t.Fatalf("Ready: %v, want that the files are gone", err)
			}
		}
		must(t, os.Remove(dir))
		time.Sleep(notReadyFor + time.Millisecond)
		synctest.Wait()
		if err := s.Ready(); err != nil {
			t.Errorf("Ready once it can be made: %v", err)
		}
		mustWrite(t, s, numbered("ib", "b", 1))
		wantOnce(t, landed(t, root), "b", 1)
	})
}

// syncing calls a hook after the n-th fsync of a file.
type syncing struct {
	files
	mu   sync.Mutex
	hook func()
}

func (y *syncing) OpenFile(name string, flag int, perm os.FileMode) (file, error) {
	f, err := y.files.OpenFile(name, flag, perm)
	if err != nil || !strings.HasSuffix(name, openSuffix) {
		return f, err
	}
	return syncingFile{f, y}, nil
}

type syncingFile struct {
	file
	y *syncing
}

func (f syncingFile) Sync() error {
	err := f.file.Sync()
	f.y.mu.Lock()
	hook := f.y.hook
	f.y.hook = nil
	f.y.mu.Unlock()
	if hook != nil {
		hook()
	}
	return err
}

// Promise 1 at the narrowest: the directory is moved away right after the fsync of a group.
// The group is acknowledged only from the new place, and none of it is left in the old one.
func TestFileTakenAwayAfterTheFsync(t *testing.T) {
	root := t.TempDir()
	fsys, err := openDir(root, "d")
	must(t, err)
	y := &syncing{files: fsys}
	s, err := newFile(fileConfig(root), y)
	must(t, err)
	mustWrite(t, s, numbered("ia", "a", 2))
	y.mu.Lock()
	y.hook = func() { must(t, os.Rename(filepath.Join(root, "d"), filepath.Join(root, "away"))) }
	y.mu.Unlock()
	mustWrite(t, s, numbered("ib", "b", 2))
	got := landed(t, root)
	wantOnce(t, got, "b", 2)
	if len(got) != 2 {
		t.Errorf("the new place holds %v", got)
	}
	// Moved back, with the new place's files gone: as if it had never been away.
	must(t, os.Rename(filepath.Join(root, "d"), filepath.Join(root, "second")))
	must(t, os.Rename(filepath.Join(root, "away"), filepath.Join(root, "d")))
	mustWrite(t, s, numbered("ic", "c", 2))
	got = landed(t, root)
	wantOnce(t, got, "a", 2)
	wantOnce(t, got, "c", 2)
	if len(got) != 4 {
		t.Errorf("the old place, back again, holds %v, want nothing of b", got)
	}
	mustClose(t, s)
}

// Promises 1 and 5 while the directory is renamed again and again under four writers: no
// rename loses anything, so each acknowledged event is in exactly one of the places, once.
func TestFileRenamedUnderWriters(t *testing.T) {
	const renames, writers = 30, 4
	base := t.TempDir()
	root := filepath.Join(base, "root")
	s := mustFile(t, fileConfig(root))
	stop := make(chan struct{})
	counts := make([]int, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					counts[w] = i
					return
				default:
				}
				name := fmt.Sprintf("%d-%d", w, i)
				for s.Write(context.Background(), numbered(killID(name, i), name, 2)) != nil {
				}
			}
		})
	}
	for i := range renames {
		mustWrite(t, s, numbered("", fmt.Sprint("mark", i), 1))
		must(t, os.MkdirAll(filepath.Join(base, "away", fmt.Sprint(i)), 0o750))
		must(t, os.Rename(filepath.Join(root, "d"), filepath.Join(base, "away", fmt.Sprint(i), "d")))
	}
	mustWrite(t, s, numbered("", "last", 1))
	close(stop)
	wg.Wait()
	mustClose(t, s)
	got := landed(t, root)
	wantOnce(t, got, "last", 1)
	for i := range renames {
		for event, n := range landed(t, filepath.Join(base, "away", fmt.Sprint(i))) {
			got[event] += n
		}
	}
	total := 0
	for w := range writers {
		for i := range counts[w] {
			wantOnce(t, got, fmt.Sprintf("%d-%d", w, i), 2)
		}
		total += counts[w]
	}
	if len(got) != 2*total+renames+1 {
		t.Errorf("%d events, want %d", len(got), 2*total+renames+1)
	}
	t.Logf("%d batches under %d renames", total, renames)
}

// A start says so if the segment that was open is gone, and lets a batch whose
// acknowledgement may never have come be written again; it does not say so of a segment
// that was closed and then taken away in good order.
func TestFileStartMissesItsSegment(t *testing.T) {
	const warning = "misses the segment that was open last"
	root := t.TempDir()
	s := mustFile(t, fileConfig(root))
	mustWrite(t, s, numbered("ia", "a", 2))
	killed := t.TempDir()
	must(t, os.CopyFS(killed, os.DirFS(root)))
	open, _ := openNames(t, killed)
	must(t, os.Remove(filepath.Join(killed, "d", open[0])))
	cfg := fileConfig(killed)
	log := logTo(&cfg)
	next := mustFile(t, cfg)
	mustWrite(t, next, numbered("ia", "a", 2))
	mustClose(t, next)
	if !strings.Contains(log.String(), warning) {
		t.Errorf("the start does not warn:\n%s", log)
	}
	wantOnce(t, landed(t, killed), "a", 2)

	mustClose(t, s)
	for range 2 { // the second start reads the journal of the first
		must(t, os.RemoveAll(filepath.Join(root, "d", filepath.Dir(filepath.Dir(open[0])))))
		cfg = fileConfig(root)
		log = logTo(&cfg)
		mustClose(t, mustFile(t, cfg))
		if strings.Contains(log.String(), warning) {
			t.Errorf("the start warns of a closed segment that was taken away:\n%s", log)
		}
	}
	leave(t, root) // a start that closes the segment itself
	mustClose(t, mustFile(t, fileConfig(root)))
	must(t, os.RemoveAll(filepath.Join(root, "d", filepath.Dir(filepath.Dir(open[0])))))
	cfg = fileConfig(root)
	log = logTo(&cfg)
	mustClose(t, mustFile(t, cfg))
	if strings.Contains(log.String(), warning) {
		t.Errorf("the start warns of a segment that an earlier start closed:\n%s", log)
	}
}

// Promises 1 and 5 when the directory is deleted and then any one operation fails as well,
// or all from there on: what is acknowledged is there after a restart, and once; and nothing
// but a failed fsync keeps the sink from going on by itself.
func TestFileTakenAwayAndEveryOperationFails(t *testing.T) {
	for _, mode := range []string{"eio", "enospc", "short", "forever"} {
		t.Run(mode, func(t *testing.T) {
			for n := 1; ; n++ {
				root := t.TempDir()
				bad := &faulty{files: unsynced(t, root), mode: mode, n: math.MaxInt}
				s, err := newFile(fileConfig(root), bad)
				must(t, err)
				mustWrite(t, s, numbered("ia", "a", 1))
				must(t, os.RemoveAll(filepath.Join(root, "d")))
				bad.mu.Lock()
				bad.n = bad.ops + n
				bad.mu.Unlock()
				acked := false
				for range 3 {
					if err = s.Write(context.Background(), numbered("ib", "b", 2)); err == nil {
						acked = true
						break
					}
					if s.Ready() == nil {
						t.Errorf("operation %d (%s): Ready is nil right after a failed write", n, bad.fired)
					}
				}
				if mode != "forever" && !acked && !errors.Is(err, ErrFailed) {
					t.Errorf("operation %d (%s): the sink does not go on: %v", n, bad.fired, err)
				}
				_ = s.Close(context.Background())
				next := mustFile(t, fileConfig(root))
				if acked {
					wantOnce(t, landed(t, root), "b", 2)
				}
				mustWrite(t, next, numbered("ib", "b", 2))
				mustClose(t, next)
				wantOnce(t, landed(t, root), "b", 2)
				if t.Failed() {
					t.Fatalf("operation %d (%s)", n, bad.fired)
				}
				if bad.fired == "" {
					if n < 20 {
						t.Fatalf("only %d operations: the seam is not in use", n)
					}
					return
				}
			}
		})
	}
}
