package sink

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path"
	"time"
)

// committer is the state of the goroutine that alone writes to the disk.
type committer struct {
	*File
	journal *journal
	seq     uint64
	seg     *segment // nil: none is open
	// announced is the segment that the journal says is open, if it could not be made yet.
	announced string
	loss      error // what was found gone last, for File.lost
}

// run commits what is queued, closes segments that are due, and ends when the sink is
// closed and the queue is empty.
func (s *File) run() {
	defer close(s.done)
	c := &s.c
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(c.untilDue())
		select {
		case <-s.wake:
		case <-timer.C:
		}
		c.healIfLost()
		c.closeIfDue()
		for group := c.take(); group != nil; group = c.take() {
			c.commit(group)
			c.closeIfDue()
		}
		if c.ended() {
			s.closing = c.finish()
			return
		}
	}
}

// ended reports whether Close was called and nothing is queued. Nothing is queued after
// Close, so the answer is final.
func (c *committer) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed && len(c.queue) == 0
}

// take returns the writes of the next group: what fits into the segment and into one
// group, and at least one if any is queued.
func (c *committer) take() []*op {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return nil
	}
	limit := int64(maxGroupBytes)
	if c.seg != nil {
		if room := c.cfg.Spec.MaxBytes - c.seg.size; int64(len(c.queue[0].lines)) <= room {
			limit = min(limit, room)
		} else {
			limit = min(limit, c.cfg.Spec.MaxBytes) // commit begins a new segment
		}
	} else {
		limit = min(limit, c.cfg.Spec.MaxBytes)
	}
	total, n := int64(0), 0
	for n < len(c.queue) {
		size := int64(len(c.queue[n].lines))
		if n > 0 && total+size > limit {
			break
		}
		total += size
		n++
	}
	group := c.queue[:n:n]
	c.queue = c.queue[n:]
	if len(c.queue) == 0 {
		c.queue = nil
	}
	c.queued -= total
	return group
}

// commit makes a group durable and tells each writer the outcome.
func (c *committer) commit(group []*op) {
	start := time.Now()
	done := Commit{Writes: len(group)}
	for _, o := range group {
		done.Events += o.events
		done.Bytes += int64(len(o.lines))
	}
	err := c.alivePart()
	if err == nil {
		err = c.place(group, done.Bytes)
	}
	c.note(err)
	done.Err, done.Took = err, time.Since(start)
	for _, o := range group {
		c.settle(o, err)
	}
	if c.cfg.OnCommit != nil {
		c.cfg.OnCommit(done)
	}
}

// alivePart is alive without regard to Close, which still finishes what was taken.
func (c *committer) alivePart() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// settle gives one writer its outcome and takes back what its write held.
func (c *committer) settle(o *op, err error) {
	if o.id != "" && c.ledger.settle(o.id, err) && err == nil {
		c.noteForget(o.id)
	}
	c.bufs.put(o.lines)
	o.lines = nil
	c.room.Release(o.cost)
	o.err = err
	close(o.done)
}

// note remembers the group's outcome for Ready.
func (c *committer) note(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && c.last == nil {
		c.cfg.Log.Error("file sink could not write", "error", err)
	}
	c.last = err
	if err != nil {
		c.lastAt = c.cfg.Clock()
	}
}

// attempt writes the group into a segment that is due to have it.
func (c *committer) attempt(group []*op, size int64) error {
	if c.seg != nil && c.seg.size > 0 && c.seg.size+size > c.cfg.Spec.MaxBytes {
		if err := c.closeSegment(); err != nil {
			return err
		}
	}
	if c.seg == nil {
		if err := c.openSegment(); err != nil {
			return err
		}
	}
	c.mu.Lock()
	forgets := c.forgets
	c.forgets = nil
	c.mu.Unlock()
	err := c.append(group, forgets)
	if err != nil {
		c.noteForget(forgets...)
	}
	return err
}

// append writes the group's lines and its journal entry and makes both durable. After an
// error neither holds any of it, or the sink has failed.
func (c *committer) append(group []*op, forgets []string) error {
	e := entry{From: c.seg.size, To: c.seg.size, Forget: forgets}
	for _, o := range group {
		if _, err := c.seg.f.WriteAt(o.lines, e.To); err != nil {
			return c.undo(err)
		}
		e.To += int64(len(o.lines))
		e.Sum = crc32.Update(e.Sum, castagnoli, o.lines)
		if o.id != "" {
			e.IDs = append(e.IDs, o.id)
		}
	}
	n, err := c.journal.write(&e)
	if err != nil {
		return c.undo(err)
	}
	if err := syncBoth(c.seg.f, c.journal.f); err != nil {
		return c.fail(err)
	}
	// Only now, so that nothing that happened before the acknowledgement is missed.
	if err := c.verify(); err != nil {
		return c.undo(err)
	}
	c.seg.size = e.To
	c.journal.size += n
	return nil
}

// syncBoth makes two files durable side by side.
func syncBoth(a, b file) error {
	second := make(chan error, 1)
	go func() { second <- b.Sync() }()
	return errors.Join(a.Sync(), <-second)
}

// undo takes back a write that failed, and returns its error; if it cannot, the sink
// has failed.
func (c *committer) undo(cause error) error {
	err := c.journal.undo()
	if c.seg != nil {
		err = errors.Join(c.seg.f.Truncate(c.seg.size), err)
	}
	if err != nil {
		return c.fail(errors.Join(cause, err))
	}
	return c.describe(cause)
}

// describe says what failed, for people and for errors.Is.
func (c *committer) describe(err error) error {
	if isFull(err) {
		err = fullError(err)
	}
	return fileError(c.cfg, err)
}

// fail makes the sink refuse everything from here on.
func (c *committer) fail(cause error) error {
	if errors.Is(cause, fs.ErrNotExist) { // a directory to be synced is gone: nothing the disk did
		return fileError(c.cfg, fmt.Errorf("a directory of the sink was %w: %w", errGone, cause))
	}
	err := fileError(c.cfg, fmt.Errorf("%w: %w", ErrFailed, cause))
	c.mu.Lock()
	c.failed = err
	c.mu.Unlock()
	c.cfg.Log.Error("file sink failed; no writes until a restart", "error", cause)
	return err
}

// closeIfDue closes the segment if its time or size is reached. What goes wrong is told
// to the next group, which tries again.
func (c *committer) closeIfDue() {
	if c.seg == nil || c.alivePart() != nil {
		return
	}
	now := c.cfg.Clock()
	due := c.seg.size >= c.cfg.Spec.MaxBytes || c.journal.size >= maxJournal ||
		!now.Before(c.seg.due) || partition(now) != c.seg.partition
	if !due {
		return
	}
	err := c.explain(c.closeSegment())
	if c.isLost() {
		err = c.heal()
	}
	if err != nil {
		c.note(err)
		if c.seg != nil {
			c.seg.due = now.Add(notReadyFor)
		}
	}
}

// untilDue returns how long the open segment may stay open.
func (c *committer) untilDue() time.Duration {
	const idle, least = time.Hour, 10 * time.Millisecond
	if c.alivePart() != nil {
		return idle
	}
	if c.isLost() {
		return notReadyFor
	}
	if c.seg == nil {
		return idle
	}
	return min(idle, max(least, c.seg.due.Sub(c.cfg.Clock())))
}

// markClosed makes the journal say that the segment is closed. Without the mark all is as
// good; the next start may only warn of a segment that was taken away in good order.
func (c *committer) markClosed() error {
	n, err := c.journal.write(&entry{Closed: true})
	if err != nil {
		if err := c.journal.undo(); err != nil {
			return c.fail(err)
		}
		return nil
	}
	if err := c.journal.f.Sync(); err != nil {
		return c.fail(err)
	}
	c.journal.size += n
	return nil
}

// compact writes the journal anew if it has grown. Only called while no segment is open.
func (c *committer) compact() error {
	if !c.journal.large() {
		return nil
	}
	j, swapped, err := newJournal(c.fs, carryOver(c.seq, c.ledger.ids()))
	switch {
	case err != nil && swapped:
		return c.fail(err)
	case err != nil:
		// The present journal is as good as it was.
		c.cfg.Log.Warn("file sink could not write its journal anew; it goes on with the long one", "error", err)
		c.journal.compacted = c.journal.size
		return nil
	}
	c.journal.f.Close()
	c.journal = j
	return nil
}

// finish closes the segment and everything else that is open.
func (c *committer) finish() error {
	err := c.alivePart()
	if err == nil && c.seg != nil {
		err = c.explain(c.closeSegment())
	}
	if c.isLost() { // for the memory of the IDs
		err = c.heal()
	}
	if err == nil {
		err = c.flushForgets()
	}
	return errors.Join(err, c.drop(), c.fs.Close()) // an open segment is for the next start to mend
}

// flushForgets writes what was forgotten since the last group.
func (c *committer) flushForgets() error {
	c.mu.Lock()
	forgets := c.forgets
	c.forgets = nil
	c.mu.Unlock()
	if len(forgets) == 0 {
		return nil
	}
	n, err := c.journal.write(&entry{Forget: forgets})
	if err != nil {
		return c.undo(err)
	}
	if err := c.journal.f.Sync(); err != nil {
		return c.fail(err)
	}
	c.journal.size += n
	return nil
}

// openFlags make a file that must not exist.
const openFlags = os.O_RDWR | os.O_CREATE | os.O_EXCL

// announce makes the journal say that the segment is open, durably, before it is made.
func (c *committer) announce(name string) error {
	n, err := c.journal.write(&entry{Open: name, Seq: c.seq})
	if err != nil {
		return c.undo(err)
	}
	if err := c.journal.f.Sync(); err != nil {
		return c.fail(err)
	}
	c.journal.size += n
	c.announced = name
	return nil
}

// openSegment makes the next segment and its directories, durably.
func (c *committer) openSegment() error {
	now := c.cfg.Clock().UTC()
	if c.announced == "" || path.Dir(c.announced) != partition(now) {
		name, err := c.freeName(now)
		if err != nil {
			return c.describe(err)
		}
		if err := c.announce(name); err != nil {
			return err
		}
	}
	dir := path.Dir(c.announced)
	if err := mkdirs(c.fs, dir); errors.Is(err, errSync) {
		return c.fail(err)
	} else if err != nil {
		return c.describe(err)
	}
	f, err := c.fs.OpenFile(c.announced+openSuffix, openFlags, filePerm)
	if err != nil {
		return c.describe(err)
	}
	if err := c.fs.SyncDir(dir); err != nil {
		f.Close()
		return c.fail(err)
	}
	c.seg = newSegment(c.announced, f, now, time.Duration(c.cfg.Spec.MaxAge))
	c.announced = ""
	return nil
}

// freeName takes the next number whose name no segment has. The numbers alone see to
// that, unless the journal was taken away.
func (c *committer) freeName(now time.Time) (string, error) {
	for {
		c.seq++
		name := segmentName(now, c.seq)
		open, err := c.fs.Exists(name + openSuffix)
		if err != nil {
			return "", err
		}
		closed, err := c.fs.Exists(name)
		if err != nil {
			return "", err
		}
		if !open && !closed {
			return name, nil
		}
	}
}

// closeSegment gives the open segment its final name, durably. After an error it is
// still open, or the sink has failed.
func (c *committer) closeSegment() error {
	g := c.seg
	if err := c.verify(); err != nil {
		return c.describe(err)
	}
	if err := g.f.Sync(); err != nil { // a truncation after a failed write may not be durable yet
		return c.fail(err)
	}
	if err := c.fs.Rename(g.name+openSuffix, g.name); err != nil {
		return c.describe(err)
	}
	c.seg = nil
	if err := errors.Join(c.fs.SyncDir(path.Dir(g.name)), g.f.Close()); err != nil {
		return c.fail(err)
	}
	if err := c.markClosed(); err != nil {
		return err
	}
	return c.compact()
}
