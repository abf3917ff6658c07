package sink

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
)

var (
	_ gateway.Sink = (*File)(nil)
	_ gateway.Sink = (*HTTP)(nil)
	_ gateway.Sink = (*Stdout)(nil)
)

// quiet discards the log.
func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// record is an accepted event whose bytes are data.
func record(data string) lazaret.Record {
	return lazaret.Record{
		Stream:  "clicks",
		Event:   &lazaret.Event{Data: []byte(data), ContentType: "application/json", Received: time.Unix(1, 0), Source: lazaret.Source{Kind: "http", Name: "192.0.2.7"}},
		Verdict: lazaret.Verdict{Status: lazaret.Accepted},
	}
}

// numbered is a batch of n events {"n":"<name>/<i>"}.
func numbered(id, name string, n int) lazaret.Batch {
	b := lazaret.Batch{ID: id}
	for i := range n {
		b.Records = append(b.Records, record(fmt.Sprintf(`{"n":"%s/%d"}`, name, i)))
	}
	return b
}

// fileConfig is a sink that writes events alone below root/d.
func fileConfig(root string) FileConfig {
	return FileConfig{
		Root: root, Stream: "clicks", Log: quiet(),
		Spec: gateway.FileSink{Dir: "d", Format: gateway.FormatEvent},
	}
}

func mustFile(t testing.TB, cfg FileConfig) *File {
	t.Helper()
	s, err := NewFile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustClose(t testing.TB, s gateway.Sink) {
	t.Helper()
	if err := s.Close(context.Background()); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

func mustWrite(t testing.TB, s gateway.Sink, b lazaret.Batch) {
	t.Helper()
	if err := s.Write(context.Background(), b); err != nil {
		t.Fatalf("Write: %v", err)
	}
}

// landed counts the lines of root/d by their "n"; a line that is not whole fails the test.
func landed(t testing.TB, root string) map[string]int {
	t.Helper()
	got := map[string]int{}
	err := ReadAll(filepath.Join(root, "d"), func(line []byte) error {
		var e struct{ N string }
		if err := json.Unmarshal(line, &e); err != nil || e.N == "" {
			return fmt.Errorf("not a whole line: %q (%v)", line, err)
		}
		got[e.N]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// wantOnce fails unless each event of the batch landed exactly once.
func wantOnce(t testing.TB, got map[string]int, name string, n int) {
	t.Helper()
	for i := range n {
		if c := got[fmt.Sprintf("%s/%d", name, i)]; c != 1 {
			t.Errorf("event %s/%d landed %d times, want once", name, i, c)
		}
	}
}

// unsynced is root/d on a real file system, without the waiting: its fsyncs do nothing. It is
// for tests that lay out by themselves what a crash leaves.
func unsynced(t testing.TB, root string) files {
	t.Helper()
	dir := filepath.Join(root, "d")
	if err := os.MkdirAll(dir, dirPerm); err != nil {
		t.Fatal(err)
	}
	top, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	return lazy{rooted{Root: top, top: root, dir: "d"}}
}

type lazy struct{ files }

func (lazy) SyncDir(string) error { return nil }

func (l lazy) Anew() (files, error) {
	fsys, err := l.files.Anew()
	if err != nil {
		return nil, err
	}
	return lazy{fsys}, nil
}

func (l lazy) OpenFile(name string, flag int, perm fs.FileMode) (file, error) {
	f, err := l.files.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return lazyFile{f}, nil
}

type lazyFile struct{ file }

func (lazyFile) Sync() error { return nil }
