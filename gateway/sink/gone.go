package sink

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"
)

// errGone marks that something else deleted or moved what the sink writes to. Nothing is
// acknowledged into it from there on; the sink makes its files anew.
var errGone = errors.New("deleted or moved by something else")

// place writes the group, and once more into new files if those that were open turn out
// to be gone.
func (c *committer) place(group []*op, size int64) error {
	if c.isLost() {
		if err := c.heal(); err != nil {
			return err
		}
	}
	err := c.explain(c.attempt(group, size))
	if !c.isLost() {
		return err
	}
	if err := c.heal(); err != nil {
		return err
	}
	return c.explain(c.attempt(group, size))
}

// verify returns nil if the open segment and the journal are the files that have their
// names, on the whole path from the root, and errGone if they are not. Another error
// means that it could not look.
func (c *committer) verify() error {
	if g := c.seg; g != nil {
		ok, err := inPlace(c.fs, g.name+openSuffix, g.f)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("the sink's open segment was %w: %s; everything acknowledged into it since %s (%d bytes) may be gone with it",
				errGone, path.Join(c.cfg.Spec.Dir, g.name+openSuffix), g.begun.UTC().Format(time.RFC3339), g.size)
		}
	}
	ok, err := inPlace(c.fs, journalName, c.journal.f)
	if err == nil && !ok {
		err = fmt.Errorf("the sink's journal was %w: %s; what it remembers is written anew", errGone, path.Join(c.cfg.Spec.Dir, journalName))
	}
	return err
}

// inPlace reports whether f is the file that now has the name.
func inPlace(fsys files, name string, f file) (bool, error) {
	there, err := fsys.Lookup(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	open, err := f.Stat()
	if err != nil {
		return false, err
	}
	return os.SameFile(there, open), nil
}

// explain returns the error, after it has looked whether the sink's files are gone: then
// it logs that, once, and lets go of what is left of them.
func (c *committer) explain(err error) error {
	if err == nil || c.alivePart() != nil {
		return err
	}
	if found := c.verify(); errors.Is(found, errGone) {
		err = fileError(c.cfg, found)
	}
	if !errors.Is(err, errGone) {
		return err
	}
	c.cfg.Log.Error("file sink lost its files; it makes them anew", "error", err)
	c.mu.Lock()
	c.lost = err
	c.mu.Unlock()
	c.loss = err
	_ = c.drop()
	return err
}

// drop closes what is open but for the tree.
func (c *committer) drop() error {
	var open []io.Closer
	if c.seg != nil {
		open = append(open, c.seg.f)
	}
	if c.journal != nil {
		open = append(open, c.journal.f)
	}
	if c.lock != nil {
		open = append(open, c.lock)
	}
	c.seg, c.announced, c.journal, c.lock = nil, "", nil, nil
	var err error
	for _, f := range open {
		err = errors.Join(err, f.Close())
	}
	return err
}

func (c *committer) isLost() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost != nil
}

// healIfLost tries again to make the files anew, also when nobody writes: a caller may
// wait for Ready.
func (c *committer) healIfLost() {
	if c.isLost() && c.alivePart() == nil {
		c.note(c.heal())
	}
}

// heal makes the files anew where the sink's path now leads. What is there, or has come
// back, is treated as at a start.
func (c *committer) heal() error {
	err := c.remake()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.lost = fmt.Errorf("%w; it could not be made anew: %w", c.loss, err)
		return c.lost
	}
	c.lost = nil
	c.cfg.Log.Warn("file sink made its files anew and goes on")
	return nil
}

func (c *committer) remake() error {
	fsys, err := c.fs.Anew()
	if err != nil {
		return err
	}
	c.fs = fsys
	if err := mkdirs(fsys, stateDir); err != nil {
		return err
	}
	lock, err := fsys.Lock(lockName)
	if err != nil {
		return err
	}
	// The journal that is there may know of batches that the live memory does not: it is
	// the live one that counts until the next start.
	j, seq, err := c.recover(newLedger(), c.ledger.ids())
	if err != nil {
		lock.Close()
		return err
	}
	c.lock, c.journal, c.seq = lock, j, max(c.seq, seq)
	return nil
}
