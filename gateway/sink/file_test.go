package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(childMain())
	}
	goleak.VerifyTestMain(m)
}

// Promise 1: what Write acknowledged is in the files, once, and readable at once.
func TestFileKeepsWhatItAcknowledged(t *testing.T) {
	root := t.TempDir()
	s := mustFile(t, fileConfig(root))
	mustWrite(t, s, numbered("", "a", 3))
	mustWrite(t, s, numbered("b1", "b", 2))
	got := landed(t, root) // while the segment is open
	wantOnce(t, got, "a", 3)
	wantOnce(t, got, "b", 2)
	mustClose(t, s)
	mustClose(t, s) // twice is fine
	if got := landed(t, root); len(got) != 5 {
		t.Errorf("%d events after Close, want 5", len(got))
	}
	segments, err := Segments(filepath.Join(root, "d"))
	if err != nil || len(segments) != 1 {
		t.Fatalf("Segments: %v, %v; want one", segments, err)
	}
	if err := s.Write(context.Background(), numbered("", "c", 1)); !errors.Is(err, ErrClosed) {
		t.Errorf("Write after Close: %v, want ErrClosed", err)
	}
	if err := s.Ready(); !errors.Is(err, ErrClosed) {
		t.Errorf("Ready after Close: %v, want ErrClosed", err)
	}
}

// Promise 5: a batch with an ID lands once, in this process and in the next, until it is forgotten.
func TestFileIDLandsOnce(t *testing.T) {
	root := t.TempDir()
	s := mustFile(t, fileConfig(root))
	for range 3 {
		mustWrite(t, s, numbered("x", "a", 2))
	}
	mustClose(t, s)
	s = mustFile(t, fileConfig(root))
	mustWrite(t, s, numbered("x", "a", 2))
	wantOnce(t, landed(t, root), "a", 2)
	s.Forget("x")
	mustClose(t, s)

	s = mustFile(t, fileConfig(root))
	defer mustClose(t, s)
	if ids := s.ledger.ids(); len(ids) != 0 {
		t.Errorf("after Forget and a restart the sink still remembers %q", ids)
	}
}

// Promise 5: writers of the same ID at the same time share one outcome.
func TestFileSameIDConcurrently(t *testing.T) {
	root := t.TempDir()
	s := mustFile(t, fileConfig(root))
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if err := s.Write(context.Background(), numbered("same", "a", 5)); err != nil {
				t.Errorf("Write: %v", err)
			}
		})
	}
	wg.Wait()
	mustClose(t, s)
	wantOnce(t, landed(t, root), "a", 5)
}

// Promise 1 under concurrency: all land, batches stay whole and in order, fsyncs are shared.
func TestFileConcurrentWriters(t *testing.T) {
	const writers, batches, size = 8, 25, 7
	root := t.TempDir()
	cfg := fileConfig(root)
	cfg.Spec.MaxBytes = 4000 // several segments
	var groups, writes, events int
	cfg.OnCommit = func(c Commit) { // one goroutine
		groups++
		writes += c.Writes
		events += c.Events
	}
	s := mustFile(t, cfg)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for b := range batches {
				name := fmt.Sprintf("%d-%d", w, b)
				if err := s.Write(context.Background(), numbered("", name, size)); err != nil {
					t.Errorf("Write: %v", err)
				}
			}
		})
	}
	wg.Wait()
	mustClose(t, s)
	got := landed(t, root)
	for w := range writers {
		for b := range batches {
			wantOnce(t, got, fmt.Sprintf("%d-%d", w, b), size)
		}
	}
	if writes != writers*batches || events != writes*size || groups > writes {
		t.Errorf("OnCommit saw %d groups, %d writes, %d events", groups, writes, events)
	}
	segments, _ := Segments(filepath.Join(root, "d"))
	if len(segments) < 2 {
		t.Errorf("%d segments, want several of at most 4000 bytes", len(segments))
	}
	for _, name := range segments {
		if info, _ := os.Stat(filepath.Join(root, "d", name)); info.Size() > 4000 {
			t.Errorf("%s has %d bytes, more than max_bytes", name, info.Size())
		}
	}
}

// openNames returns the segments that are being written and those that are closed.
func openNames(t *testing.T, root string) (open, closed []string) {
	t.Helper()
	err := walkSegments(os.DirFS(filepath.Join(root, "d")), func(name string) error {
		if strings.HasSuffix(name, openSuffix) {
			open = append(open, name)
		} else {
			closed = append(closed, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return open, closed
}

// A segment is closed at max_age and at the hour's end without another write, and an idle
// sink makes none.
func TestFileRotatesByTime(t *testing.T) {
	root := t.TempDir()
	synctest.Test(t, func(t *testing.T) { // the clock begins at 2000-01-01T00:00:00Z
		cfg := fileConfig(root)
		s := mustFile(t, cfg)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if open, closed := openNames(t, root); len(open)+len(closed) != 0 {
			t.Errorf("idle: segments %q %q, want none", open, closed)
		}
		mustWrite(t, s, numbered("", "a", 1))
		if open, _ := openNames(t, root); len(open) != 1 {
			t.Fatalf("after a write: open %q, want one", open)
		}
		time.Sleep(time.Minute + 20*time.Millisecond)
		synctest.Wait()
		if open, closed := openNames(t, root); len(open) != 0 || len(closed) != 1 {
			t.Errorf("after max_age: open %q, closed %q", open, closed)
		}
		time.Sleep(time.Until(time.Date(2000, 1, 1, 0, 59, 50, 0, time.UTC)))
		mustWrite(t, s, numbered("", "b", 1))
		time.Sleep(10*time.Second + 20*time.Millisecond)
		synctest.Wait()
		open, closed := openNames(t, root)
		if len(open) != 0 || len(closed) != 2 || !strings.HasPrefix(closed[1], "dt=2000-01-01/hour=00/20000101T005950Z-") {
			t.Errorf("after the hour: open %q, closed %q", open, closed)
		}
		mustWrite(t, s, numbered("", "c", 1))
		mustClose(t, s)
		if _, closed := openNames(t, root); len(closed) != 3 || !strings.HasPrefix(closed[2], "dt=2000-01-01/hour=01/") {
			t.Errorf("the next hour: closed %q", closed)
		}
	})
	if got := landed(t, root); len(got) != 3 {
		t.Errorf("%d events, want 3", len(got))
	}
}

// A clock that stands still or goes back never makes two segments of one name, also across
// restarts, even if the first was taken away or the journal was.
func TestFileNamesAreNeverUsedTwice(t *testing.T) {
	root := t.TempDir()
	cfg := fileConfig(root)
	cfg.Clock = func() time.Time { return time.Date(2026, 11, 21, 10, 7, 12, 0, time.UTC) }
	seen := map[string]bool{}
	for i := range 4 {
		if i == 3 {
			if err := os.Remove(filepath.Join(root, "d", journalName)); err != nil {
				t.Fatal(err)
			}
		}
		s := mustFile(t, cfg)
		mustWrite(t, s, numbered("", fmt.Sprint(i), 1))
		mustClose(t, s)
		_, closed := openNames(t, root)
		for _, name := range closed {
			seen[name] = true
		}
		if i == 1 {
			if err := os.Remove(filepath.Join(root, "d", closed[0])); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Without journal the numbers begin again, and pass by the names that exist.
	if len(seen) != 3 {
		t.Errorf("%d names, want 3 and one again: %v", len(seen), seen)
	}
	got := landed(t, root)
	for i := 1; i < 4; i++ {
		wantOnce(t, got, fmt.Sprint(i), 1)
	}
}

// Two sinks never share a directory.
func TestFileLocksItsDirectory(t *testing.T) {
	root := t.TempDir()
	s := mustFile(t, fileConfig(root))
	if _, err := NewFile(fileConfig(root)); !errors.Is(err, ErrLocked) {
		t.Errorf("a second sink: %v, want ErrLocked", err)
	}
	mustClose(t, s)
	mustClose(t, mustFile(t, fileConfig(root)))
}

// No directory outside the root is ever written to.
func TestFileStaysBelowItsRoot(t *testing.T) {
	top := t.TempDir()
	root, outside := filepath.Join(top, "root"), filepath.Join(top, "outside")
	for _, dir := range []string{root, outside} {
		if err := os.Mkdir(dir, 0o750); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../outside", filepath.Join(root, "link2")); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", ".", "..", "../outside", "a/../../outside", "/etc", outside, "link", "link2", "link/x", "_x", ".x", "a//b", "a/_b", "dt=1", `a\b`, "a\x00b"} {
		cfg := fileConfig(root)
		cfg.Spec.Dir = dir
		if s, err := NewFile(cfg); err == nil {
			mustClose(t, s)
			t.Errorf("dir %q was accepted", dir)
		}
	}
	if found, _ := os.ReadDir(outside); len(found) != 0 {
		t.Errorf("something was written outside: %v", found)
	}
	cfg := fileConfig(root)
	cfg.Spec.Dir = "a/b-1"
	s := mustFile(t, cfg)
	mustWrite(t, s, numbered("", "a", 1))
	// A link that someone puts in later does not lead outside either.
	dt := filepath.Join(root, "a", "b-1", "dt=2000-01-01")
	if err := os.Symlink(outside, dt); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	cfg.Clock = func() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }
	s = mustFile(t, cfg)
	if err := s.Write(context.Background(), numbered("", "b", 1)); err == nil {
		t.Error("a write through a link to outside succeeded")
	}
	mustClose(t, s)
	if found, _ := os.ReadDir(outside); len(found) != 0 {
		t.Errorf("something was written outside: %v", found)
	}
}

// Everything is bounded: a full queue makes Write wait, and its context ends the wait.
func TestFileQueueIsBounded(t *testing.T) {
	cfg := fileConfig(t.TempDir())
	cfg.MaxQueued = 1000
	inside, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	cfg.OnCommit = func(Commit) { once.Do(func() { close(inside); <-leave }) }
	s := mustFile(t, cfg)
	mustWrite(t, s, numbered("", "a", 1))
	<-inside // the committer is held up; what comes now stays queued
	second := make(chan error, 1)
	big := lazaret.Batch{Records: []lazaret.Record{record(`{"n":"big/0","x":"` + strings.Repeat("x", 5000) + `"}`)}}
	go func() { second <- s.Write(context.Background(), big) }() // larger than the whole queue: takes all of it
	for {
		if writes, _ := s.Queued(); writes == 1 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := s.Write(ctx, numbered("third", "c", 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Write into a full queue: %v, want its context's error", err)
	}
	close(leave)
	if err := <-second; err != nil {
		t.Errorf("the write that filled the queue: %v", err)
	}
	mustWrite(t, s, numbered("third", "c", 1)) // an ID whose writer gave up is free again
	mustClose(t, s)
}

// A reader never sees a segment change after it has its final name.
func TestFileClosedSegmentsNeverChange(t *testing.T) {
	root := t.TempDir()
	cfg := fileConfig(root)
	cfg.Spec.MaxBytes = 1
	s := mustFile(t, cfg)
	first := map[string][]byte{}
	for i := range 5 {
		mustWrite(t, s, numbered("", fmt.Sprint(i), 2))
		_, closed := openNames(t, root)
		for _, name := range closed {
			data, err := os.ReadFile(filepath.Join(root, "d", name))
			if err != nil {
				t.Fatal(err)
			}
			if before, ok := first[name]; ok && !bytes.Equal(before, data) {
				t.Errorf("%s changed after it was closed", name)
			}
			first[name] = data
		}
	}
	mustClose(t, s)
	if len(first) < 4 {
		t.Errorf("saw %d closed segments, want at least 4", len(first))
	}
}

// What a journal remembers survives that it is written anew.
func TestFileCompactsItsJournal(t *testing.T) {
	root := t.TempDir()
	cfg := fileConfig(root)
	cfg.Spec.MaxBytes = 1 // a segment a batch
	s := mustFile(t, cfg)
	pad := strings.Repeat("p", 900)
	const n = 40
	for i := range n {
		mustWrite(t, s, numbered(fmt.Sprint(pad, i), fmt.Sprint(i), 1))
	}
	mustClose(t, s) // its goroutine has ended: its state may be looked at
	long, err := os.Stat(filepath.Join(root, "d", journalName))
	if err != nil {
		t.Fatal(err)
	}
	j, _, err := newJournal(mustDir(t, root), carryOver(s.c.seq, s.ledger.ids()))
	if err != nil || j.size >= long.Size() {
		t.Fatalf("the new journal (%v) is no shorter than %d bytes", err, long.Size())
	}
	j.f.Close()
	s = mustFile(t, cfg)
	for i := range n {
		mustWrite(t, s, numbered(fmt.Sprint(pad, i), fmt.Sprint(i), 1))
	}
	mustClose(t, s)
	for i := range n {
		wantOnce(t, landed(t, root), fmt.Sprint(i), 1)
	}
}

func mustDir(t *testing.T, root string) files {
	t.Helper()
	fsys, err := openDir(root, "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fsys.Close() })
	return fsys
}

func TestFileRefusesWhatItCannotWrite(t *testing.T) {
	cfg := fileConfig(t.TempDir())
	cfg.Spec.Format = "csv"
	if _, err := NewFile(cfg); err == nil || !strings.Contains(err.Error(), `"csv"`) {
		t.Errorf("unknown format: %v", err)
	}
	cfg.Spec.Format = gateway.FormatRecord
	s := mustFile(t, cfg)
	defer mustClose(t, s)
	if err := s.Write(context.Background(), lazaret.Batch{ID: "e", Records: []lazaret.Record{record("")}}); err == nil {
		t.Error("an empty event was accepted")
	}
	for _, id := range []string{"\xff", strings.Repeat("x", 2000)} {
		if err := s.Write(context.Background(), numbered(id, "a", 1)); err == nil {
			t.Errorf("the ID %.10q was accepted", id)
		}
	}
	mustWrite(t, s, lazaret.Batch{}) // nothing to write is fine
	mustWrite(t, s, numbered("e", "a", 1))
}
