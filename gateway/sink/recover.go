package sink

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path"
	"strings"
)

// past is what the journal of an earlier process says.
type past struct {
	found   bool
	entries int // how many were read
	begun   int // how many the journal was begun with
	seq     uint64
	open    string  // the last segment that was announced
	groups  []entry // of that segment, in order
	closed  bool    // that segment has its final name
	last    *entry  // not applied yet: it may lack its data
}

// readPast replays the journal into landed and the past; the last entry is left out.
func readPast(fsys files, l *ledger) (*past, error) {
	p := &past{}
	found, err := openJournal(fsys, func(e entry) error {
		if p.entries == 0 {
			p.begun = e.Entries
		}
		p.entries++
		if p.last != nil {
			p.apply(l)
		}
		p.last = &e
		return nil
	})
	p.found = found
	if err == nil && found && (p.entries == 0 || p.entries < p.begun) {
		err = fmt.Errorf("%w: the journal is shorter than it once was", ErrCorrupt)
	}
	return p, err
}

// apply takes the last entry for true.
func (p *past) apply(l *ledger) {
	e := p.last
	p.last = nil
	for _, id := range e.Forget {
		l.forget(id)
	}
	for _, id := range e.IDs {
		l.remember(id)
	}
	p.seq = max(p.seq, e.Seq)
	if e.Open != "" {
		p.open, p.groups, p.closed = e.Open, nil, false
	}
	if e.To > 0 {
		p.groups = append(p.groups, entry{From: e.From, To: e.To, Sum: e.Sum})
	}
	p.closed = p.closed || e.Closed
}

// recover mends what an earlier process left, and begins a new journal. Its order makes
// it safe to be interrupted at any point and run again. What the journal remembers is put
// into l, and then what else is to be remembered.
func (s *File) recover(l *ledger, also []string) (*journal, uint64, error) {
	p, err := readPast(s.fs, l)
	if err != nil {
		return nil, 0, s.advise(err)
	}
	if p.last != nil && p.last.To == 0 { // no data belongs to it
		p.apply(l)
	}
	if !p.found {
		if err := s.salvage(); err != nil {
			return nil, 0, err
		}
	}
	f, err := s.openLeft(p)
	if err != nil {
		return nil, 0, err
	}
	if f != nil {
		defer f.Close()
		if err := s.mend(p, f, l); err != nil {
			return nil, 0, s.advise(err)
		}
	} else if err := s.settlePast(p, l); err != nil {
		return nil, 0, err
	}
	for _, id := range also {
		l.remember(id)
	}
	entries := carryOver(p.seq, l.ids())
	if f != nil {
		entries = append(append(entries, entry{Open: p.open, Seq: p.seq}), p.groups...)
	}
	j, _, err := newJournal(s.fs, entries)
	if err != nil {
		return nil, 0, err
	}
	if f != nil {
		if err := s.closeLeft(p, j); err != nil {
			j.f.Close()
			return nil, 0, err
		}
	}
	return j, p.seq, nil
}

// settlePast takes the last entry for true if its segment was closed, which happens only
// when all its groups are durable. A segment that was never closed, and is not there open
// either, has been taken away by something else, and the last group, which may not have
// been acknowledged, with it: its batches may be written again.
func (s *File) settlePast(p *past, l *ledger) error {
	if p.closed || (p.last == nil && len(p.groups) == 0) {
		return nil
	}
	there, err := s.fs.Exists(p.open)
	if err != nil {
		return err
	}
	if !there {
		s.cfg.Log.Warn("file sink misses the segment that was open last: something else deleted or moved it; "+
			"what was acknowledged into it may be gone with it", "segment", p.open)
		return nil
	}
	if p.last != nil {
		p.apply(l)
	}
	return nil
}

// openLeft opens the segment that was being written, or returns nil if there is none.
func (s *File) openLeft(p *past) (file, error) {
	if p.open == "" {
		return nil, nil
	}
	ok, err := s.fs.Exists(p.open + openSuffix)
	if err != nil || !ok {
		return nil, err
	}
	return s.fs.OpenFile(p.open+openSuffix, os.O_RDWR, 0)
}

// mend checks the groups of the open segment and cuts off what lies behind the last
// whole one. The last entry of the journal may have lost its data, since a crash can
// come before both are durable; it was not acknowledged then.
func (s *File) mend(p *past, f file, l *ledger) error {
	size, err := f.Size()
	if err != nil {
		return err
	}
	kept := int64(0)
	for _, g := range p.groups {
		ok, err := wholeGroup(f, size, kept, g)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%w: segment %s, bytes %d to %d, which were durable once", ErrCorrupt, p.open, g.From, g.To)
		}
		kept = g.To
	}
	if p.last != nil {
		ok, err := wholeGroup(f, size, kept, *p.last)
		if err != nil {
			return err
		}
		if ok {
			kept = p.last.To
			p.apply(l)
		}
	}
	if size != kept {
		s.cfg.Log.Info("file sink cut off what was never acknowledged", "segment", p.open, "bytes", size-kept)
	}
	return s.settleFile(p, f, kept)
}

// settleFile makes the file durable up to kept, and no longer than that. The last group
// is written again first: if its fsync failed in an earlier process, the system may hold
// its bytes as clean though the disk never got them.
func (s *File) settleFile(p *past, f file, kept int64) error {
	if err := f.Truncate(kept); err != nil {
		return err
	}
	if n := len(p.groups); n > 0 {
		if err := rewrite(f, p.groups[n-1].From, kept); err != nil {
			return err
		}
	}
	return f.Sync()
}

// wholeGroup reports whether the group follows at kept and its bytes are there.
func wholeGroup(f io.ReaderAt, size, kept int64, g entry) (bool, error) {
	if g.From != kept || g.To < g.From || g.To > size {
		return false, nil
	}
	sum := crc32.New(castagnoli)
	if _, err := io.Copy(sum, io.NewSectionReader(f, g.From, g.To-g.From)); err != nil {
		return false, err
	}
	return sum.Sum32() == g.Sum, nil
}

// rewrite writes the bytes of f from one offset to another over themselves.
func rewrite(f file, from, to int64) error {
	buf := make([]byte, 256<<10)
	for from < to {
		part := buf[:min(int64(len(buf)), to-from)]
		if _, err := f.ReadAt(part, from); err != nil {
			return err
		}
		if _, err := f.WriteAt(part, from); err != nil {
			return err
		}
		from += int64(len(part))
	}
	return nil
}

// closeLeft gives the mended segment its final name, or takes it away if it is empty, and
// has the journal say so.
func (s *File) closeLeft(p *past, j *journal) error {
	var err error
	if len(p.groups) == 0 {
		err = s.fs.Remove(p.open + openSuffix)
	} else {
		err = s.fs.Rename(p.open+openSuffix, p.open)
	}
	if err != nil {
		return err
	}
	if err := s.fs.SyncDir(path.Dir(p.open)); err != nil {
		return err
	}
	n, err := j.write(&entry{Closed: true})
	if err != nil {
		return err
	}
	j.size += n
	return j.f.Sync()
}

// salvage closes open segments of which no journal speaks, because someone has taken it
// away: each keeps its whole lines.
func (s *File) salvage() error {
	return walkSegments(s.fs.Tree(), func(name string) error {
		base, open := strings.CutSuffix(name, openSuffix)
		if !open {
			return nil
		}
		f, err := s.fs.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		end, err := lastLine(f)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Truncate(end), f.Sync()); err != nil {
			return err
		}
		s.cfg.Log.Warn("file sink has no journal; it keeps the whole lines of a segment that was open", "segment", base, "bytes", end)
		if err := s.fs.Rename(name, base); err != nil {
			return err
		}
		return s.fs.SyncDir(path.Dir(name))
	})
}

// lastLine returns the offset behind the last line feed.
func lastLine(f file) (int64, error) {
	end, err := f.Size()
	if err != nil {
		return 0, err
	}
	buf := make([]byte, 64<<10)
	for end > 0 {
		from := max(0, end-int64(len(buf)))
		part := buf[:end-from]
		if _, err := f.ReadAt(part, from); err != nil {
			return 0, err
		}
		if i := strings.LastIndexByte(string(part), '\n'); i >= 0 {
			return from + int64(i) + 1, nil
		}
		end = from
	}
	return 0, nil
}

// advise tells the operator what to do about damage.
func (s *File) advise(err error) error {
	if !errors.Is(err, ErrCorrupt) {
		return err
	}
	return fmt.Errorf("%w; nothing was changed: keep a copy of the directory, look at the disk, and move %s away to go on "+
		"(the open segment then keeps its whole lines, and batches that are retried may land twice)", err, journalName)
}
