package sink

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"testing"
)

// powered is a file system that knows what a power cut would leave: of each file the bytes
// at its last Sync, and of each directory the entries at its last SyncDir.
type powered struct {
	files
	mu      sync.Mutex
	now     map[string]*disk // what is there, by path; directories too
	durable map[string]*disk // what would be left
	cut     func()           // called before each operation, with mu held
}

// disk is a file's durable bytes, or a directory.
type disk struct {
	dir   bool
	bytes []byte
}

type poweredFile struct {
	file
	p *powered
	d *disk
}

func newPowered(under files) *powered {
	return &powered{files: under, now: map[string]*disk{}, durable: map[string]*disk{}}
}

func (p *powered) do(fn func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut != nil {
		p.cut()
	}
	return fn()
}

func (p *powered) OpenFile(name string, flag int, perm fs.FileMode) (out file, err error) {
	err = p.do(func() error {
		f, err := p.files.OpenFile(name, flag, perm)
		if err != nil {
			return err
		}
		if p.now[name] == nil {
			p.now[name] = &disk{}
		}
		out = &poweredFile{f, p, p.now[name]}
		return nil
	})
	return out, err
}

func (p *powered) Mkdir(name string, perm fs.FileMode) error {
	return p.do(func() error {
		err := p.files.Mkdir(name, perm)
		if err == nil {
			p.now[name] = &disk{dir: true}
		}
		return err
	})
}

func (p *powered) Rename(from, to string) error {
	return p.do(func() error {
		p.now[to] = p.now[from]
		delete(p.now, from)
		return p.files.Rename(from, to)
	})
}

func (p *powered) Remove(name string) error {
	return p.do(func() error {
		delete(p.now, name)
		return p.files.Remove(name)
	})
}

func (p *powered) SyncDir(dir string) error {
	return p.do(func() error {
		for name := range p.durable {
			if path.Dir(name) == dir && p.now[name] == nil {
				delete(p.durable, name)
			}
		}
		for name, d := range p.now {
			if path.Dir(name) == dir {
				p.durable[name] = d
			}
		}
		return nil
	})
}

func (f *poweredFile) Sync() error {
	return f.p.do(func() error {
		size, err := f.Size()
		if err != nil {
			return err
		}
		f.d.bytes = make([]byte, size)
		_, err = f.ReadAt(f.d.bytes, 0)
		return err
	})
}

func (f *poweredFile) WriteAt(b []byte, at int64) (n int, err error) {
	err = f.p.do(func() (err error) { n, err = f.file.WriteAt(b, at); return err })
	return n, err
}

// left is what a power cut would leave, at one moment.
type left map[string]disk

// left takes it down. The bytes are never written to again.
func (p *powered) left() left {
	out := left{}
	for name, d := range p.durable {
		out[name] = *d
	}
	return out
}

// lay writes it below root.
func (l left) lay(t *testing.T, root string) {
	t.Helper()
	top := filepath.Join(root, "d")
	if err := os.MkdirAll(top, 0o750); err != nil {
		t.Fatal(err)
	}
	for name, d := range l {
		if d.dir || !l.reachable(path.Dir(name)) {
			continue
		}
		if err := os.MkdirAll(filepath.Join(top, path.Dir(name)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(top, name), d.bytes, 0o640); err != nil {
			t.Fatal(err)
		}
	}
}

func (l left) reachable(dir string) bool {
	return dir == "." || l[dir].dir && l.reachable(path.Dir(dir))
}

// Promises 1 and 5 when the power fails: at every operation of the sink's life, with nothing
// left but what was made durable until then, what was acknowledged is recovered once, and
// batches with IDs land once when they are written again.
func TestFileSurvivesPowerCuts(t *testing.T) {
	const batches = 7
	type cut struct {
		left
		acked int
	}
	var cuts []cut
	acked := 0
	p := newPowered(unsynced(t, t.TempDir()))
	p.cut = func() { cuts = append(cuts, cut{p.left(), acked}) }
	cfg := fileConfig(t.TempDir())
	cfg.Spec.MaxBytes = 60 // two batches a segment
	s, err := newFile(cfg, p)
	if err != nil {
		t.Fatal(err)
	}
	powerID := func(i int) string {
		if i%2 == 0 {
			return fmt.Sprint("id", i)
		}
		return ""
	}
	for i := range batches {
		mustWrite(t, s, numbered(powerID(i), fmt.Sprint(i), 2))
		p.mu.Lock()
		acked++
		p.cut()
		p.mu.Unlock()
	}
	mustClose(t, s)
	if len(cuts) < 50 {
		t.Fatalf("only %d operations: the seam is not in use", len(cuts))
	}
	for n, c := range cuts {
		root := t.TempDir()
		c.lay(t, root)
		s, err := newFile(fileConfig(root), unsynced(t, root))
		if err != nil {
			t.Fatalf("cut %d: %v", n, err)
		}
		for i := range batches {
			if id := powerID(i); id != "" {
				mustWrite(t, s, numbered(id, fmt.Sprint(i), 2))
			}
		}
		mustClose(t, s)
		got := landed(t, root)
		for i := range batches {
			if i < c.acked || powerID(i) != "" {
				wantOnce(t, got, fmt.Sprint(i), 2)
			}
		}
		if t.Failed() {
			t.Fatalf("after a cut at operation %d, with %d batches acknowledged", n, c.acked)
		}
	}
}

// An fsync that failed in an earlier process may have left bytes that the system holds for
// clean and the disk never got. So what a restart keeps of the last group it writes again
// before it trusts it: here the disk takes only what was written since.
func TestFileWritesTheLastGroupAgain(t *testing.T) {
	c := crashScenario(t)
	root := c.lay(t, c.segAll, c.journAll)
	w := &writes{files: unsynced(t, root)}
	s, err := newFile(fileConfig(root), w)
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	if w.from != int64(len(c.segAcked)) || w.to != int64(len(c.segAll)) {
		t.Errorf("wrote bytes %d to %d of the segment again, want %d to %d", w.from, w.to, len(c.segAcked), len(c.segAll))
	}
	if got := landed(t, root); len(got) != 6 {
		t.Errorf("%d events, want 6", len(got))
	}
}

// writes notes what is written to segments.
type writes struct {
	files
	from, to int64
}

func (w *writes) OpenFile(name string, flag int, perm fs.FileMode) (file, error) {
	f, err := w.files.OpenFile(name, flag, perm)
	if err != nil || path.Ext(name) != openSuffix {
		return f, err
	}
	return &writesFile{f, w}, nil
}

type writesFile struct {
	file
	w *writes
}

func (f *writesFile) WriteAt(b []byte, at int64) (int, error) {
	f.w.from, f.w.to = at, at+int64(len(b))
	return f.file.WriteAt(b, at)
}
