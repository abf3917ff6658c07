package db

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, cfg Config) *DB {
	t.Helper()
	if cfg.Path == "" {
		cfg.Path = filepath.Join(t.TempDir(), "store.db")
	}
	d, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if err := d.Migrate(t.Context(), "test", []string{`CREATE TABLE kv (k TEXT PRIMARY KEY, v BLOB)`}); err != nil {
		t.Fatal(err)
	}
	return d
}

func put(d *DB, k string, v any) error {
	return d.Write(context.Background(), func(tx *Tx) error {
		_, err := tx.Exec(`INSERT INTO kv (k, v) VALUES (?, ?)`, k, v)
		return err
	})
}

func count(t testing.TB, d *DB) int {
	t.Helper()
	var n int
	if err := d.QueryRow(t.Context(), `SELECT COUNT(*) FROM kv`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// The settings that durability rests on are what the design says, on both pools.
func TestPragmas(t *testing.T) {
	d := open(t, Config{})
	for name, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		var got, gotW string
		if err := d.QueryRow(t.Context(), "PRAGMA "+name).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if err := d.Write(t.Context(), func(tx *Tx) error { return tx.QueryRow("PRAGMA " + name).Scan(&gotW) }); err != nil {
			t.Fatal(err)
		}
		if got != want || gotW != want {
			t.Errorf("%s: readers %s, writer %s, want %s", name, got, gotW, want)
		}
	}
	if _, err := d.read.Exec(`DELETE FROM kv`); err == nil {
		t.Error("the pool of readers can write")
	}
}

// A function that fails or panics undoes its own changes and nobody else's.
func TestFunctionsAreIsolated(t *testing.T) {
	d := open(t, Config{})
	var wg sync.WaitGroup
	var kept atomic.Int64
	for i := range 300 {
		wg.Go(func() {
			err := d.Write(context.Background(), func(tx *Tx) error {
				if _, err := tx.Exec(`INSERT INTO kv (k) VALUES (?)`, fmt.Sprint(i)); err != nil {
					return err
				}
				switch i % 3 {
				case 1:
					return errors.New("mine")
				case 2:
					panic("mine")
				}
				return nil
			})
			if (err == nil) != (i%3 == 0) {
				t.Errorf("function %d: %v", i, err)
			}
			if err == nil {
				kept.Add(1)
			}
		})
	}
	wg.Wait()
	if got := count(t, d); int64(got) != kept.Load() || got != 100 {
		t.Errorf("%d rows, %d successes, want 100", got, kept.Load())
	}
}

// Concurrent writes share commits; otherwise group commit does not work.
func TestGroupsForm(t *testing.T) {
	var commits, functions atomic.Int64
	block := make(chan struct{})
	d := open(t, Config{OnCommit: func(n int, _ time.Duration) { commits.Add(1); functions.Add(int64(n)) }})
	commits.Store(0)
	functions.Store(0)
	var wg sync.WaitGroup
	started := make(chan struct{})
	wg.Go(func() {
		_ = d.Write(context.Background(), func(*Tx) error { close(started); <-block; return nil })
	})
	<-started
	for i := range 100 {
		wg.Go(func() {
			if err := put(d, fmt.Sprint(i), nil); err != nil {
				t.Error(err)
			}
		})
	}
	for len(d.writer.queue) < 100 {
		runtime.Gosched() // until all have queued
	}
	close(block)
	wg.Wait()
	d.Close()
	if functions.Load() != 101 || commits.Load() != 2 {
		t.Errorf("%d functions in %d commits, want 101 in 2", functions.Load(), commits.Load())
	}
}

// A commit that fails tells every caller of its group, and leaves nothing behind.
func TestCommitFails(t *testing.T) {
	var fail atomic.Bool
	d := open(t, Config{BeforeCommit: func() error {
		if fail.Load() {
			return errors.New("injected")
		}
		return nil
	}})
	fail.Store(true)
	if err := put(d, "a", nil); err == nil || !strings.Contains(err.Error(), "injected") {
		t.Fatalf("got %v", err)
	}
	fail.Store(false)
	if err := put(d, "a", nil); err != nil {
		t.Fatal(err)
	}
	if n := count(t, d); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

// A full database is ErrFull, undoes the group whole, and passes when there is room.
func TestFull(t *testing.T) {
	d := open(t, Config{})
	if err := d.Write(t.Context(), func(tx *Tx) error { _, err := tx.Exec(`PRAGMA max_page_count = 20`); return err }); err != nil {
		t.Fatal(err)
	}
	if err := put(d, "big", make([]byte, 1<<20)); !errors.Is(err, ErrFull) {
		t.Fatalf("got %v, want ErrFull", err)
	}
	if err := put(d, "small", []byte("x")); err != nil {
		t.Fatalf("after a full disk: %v", err)
	}
	if n := count(t, d); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

// Under the floor of free space nothing is written, and Ready says so.
func TestFloor(t *testing.T) {
	d := open(t, Config{})
	d.writer.cfg.MinFree = 1 << 62
	if err := put(d, "a", nil); !errors.Is(err, ErrFull) {
		t.Errorf("write: %v, want ErrFull", err)
	}
	if err := d.Ready(); !errors.Is(err, ErrFull) {
		t.Errorf("ready: %v, want ErrFull", err)
	}
}

// After an I/O error the writer stays failed.
func TestStaysFailed(t *testing.T) {
	d := open(t, Config{})
	path := d.Path()
	// Two pages of rubbish in place of the table's root make SQLite report corruption.
	if err := put(d, "a", make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if err := d.Write(t.Context(), func(tx *Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := d.classifyForTest(); !errors.Is(err, ErrFailed) {
		t.Fatalf("got %v, want ErrFailed", err)
	}
	if err := put(d, "b", nil); !errors.Is(err, ErrFailed) {
		t.Errorf("write after failure: %v, want ErrFailed", err)
	}
	if err := d.Ready(); !errors.Is(err, ErrFailed) {
		t.Errorf("ready: %v", err)
	}
	d.Close()
	d2 := open(t, Config{Path: path})
	if n := count(t, d2); n != 1 {
		t.Errorf("%d rows after restart, want 1", n)
	}
}

// classifyForTest passes a real SQLITE_NOTADB error through the writer's classification.
func (d *DB) classifyForTest() error {
	dir, err := os.MkdirTemp("", "db")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "x")
	if err := os.WriteFile(path, []byte(strings.Repeat("rubbish ", 1000)), 0o600); err != nil {
		return err
	}
	pool, err := openPool(path, false, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	_, err = pool.Exec(`CREATE TABLE t (x)`)
	return d.writer.classify(err)
}

// A corrupt file is reported and left byte for byte as it was.
func TestCorruptFileIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	d := open(t, Config{Path: path})
	for i := range 200 {
		if err := put(d, fmt.Sprint(i), make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	d.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damages := map[string]func([]byte){
		"header": func(b []byte) { copy(b, "not a database at all") },
		"pages":  func(b []byte) { clear(b[4096*3 : 4096*20]) },
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			b := append([]byte(nil), whole...)
			damage(b)
			p := filepath.Join(t.TempDir(), "store.db")
			if err := os.WriteFile(p, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), Config{Path: p}); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("got %v, want ErrCorrupt", err)
			}
			after, err := os.ReadFile(p)
			if err != nil || string(after) != string(b) {
				t.Error("the corrupt file was changed")
			}
		})
	}
}

// Two servers cannot have one store; a command beside a server can.
func TestExclusive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	first := open(t, Config{Path: path, Exclusive: true})
	if _, err := Open(t.Context(), Config{Path: path, Exclusive: true}); !errors.Is(err, ErrLocked) {
		t.Fatalf("got %v, want ErrLocked", err)
	}
	second := open(t, Config{Path: path})
	if err := put(second, "from the command", nil); err != nil {
		t.Fatal(err)
	}
	if n := count(t, first); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

// Migrations run once, and a store of a newer version is refused.
func TestMigrate(t *testing.T) {
	d := open(t, Config{})
	steps := []string{`CREATE TABLE a (x)`, `INSERT INTO a VALUES (1); INSERT INTO a VALUES (2)`}
	for range 3 {
		if err := d.Migrate(t.Context(), "own", steps); err != nil {
			t.Fatal(err)
		}
	}
	var n int
	if err := d.QueryRow(t.Context(), `SELECT COUNT(*) FROM a`).Scan(&n); err != nil || n != 2 {
		t.Errorf("%d rows, %v; want 2", n, err)
	}
	if err := d.Migrate(t.Context(), "own", steps[:1]); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("a newer store: %v", err)
	}
	if err := d.Migrate(t.Context(), "bad", []string{`CREATE TABLE b (x); nonsense`}); err == nil {
		t.Error("a bad step passed")
	}
	if err := d.QueryRow(t.Context(), `SELECT COUNT(*) FROM b`).Scan(&n); err == nil {
		t.Error("half of a bad step stayed")
	}
}

// Close may be called twice, finishes what was taken, and later calls say so.
func TestClose(t *testing.T) {
	d := open(t, Config{})
	if err := put(d, "a", nil); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Close(), d.Close()); err != nil {
		t.Fatal(err)
	}
	if err := put(d, "b", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
	if err := d.Ready(); !errors.Is(err, ErrClosed) {
		t.Errorf("ready after close: %v", err)
	}
}

// A caller that has gone before its function began changes nothing.
func TestCancelled(t *testing.T) {
	d := open(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := d.Write(ctx, func(tx *Tx) error { _, err := tx.Exec(`INSERT INTO kv (k) VALUES ('x')`); return err })
	if !errors.Is(err, context.Canceled) || count(t, d) != 0 {
		t.Errorf("%v, %d rows", err, count(t, d))
	}
}

func TestTimes(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	if !Time(Micros(now)).Equal(now) || Micros(time.Time{}) != 0 || !Time(0).IsZero() {
		t.Error("times do not round-trip")
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{768, 10240} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			d := open(b, Config{})
			v := make([]byte, size)
			b.SetBytes(int64(size))
			var n int
			for b.Loop() {
				n++
				err := d.Write(b.Context(), func(tx *Tx) error {
					for i := range 100 {
						if _, err := tx.Exec(`INSERT INTO kv (k, v) VALUES (?, ?)`, fmt.Sprint(n, "/", i), v); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n*100)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// A store that needs no migration opens under the floor of free space, to be looked at.
func TestOpensUnderTheFloor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	d := open(t, Config{Path: path})
	if err := put(d, "a", nil); err != nil {
		t.Fatal(err)
	}
	d.Close()
	d = open(t, Config{Path: path, MinFree: 1 << 62})
	if n := count(t, d); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	if err := put(d, "b", nil); !errors.Is(err, ErrFull) {
		t.Errorf("write: %v", err)
	}
}

// Payloads are in the store: nobody but its owner reads a new one.
func TestFileIsPrivate(t *testing.T) {
	d := open(t, Config{})
	if err := put(d, "a", nil); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(d.Path() + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s%s has mode %o", d.Path(), suffix, info.Mode().Perm())
		}
	}
}

// A store that was emptied is not a new store.
func TestEmptiedFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	d := open(t, Config{Path: path, Exclusive: true})
	if err := put(d, "a", nil); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Path: path, Exclusive: true}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
}
