package sink

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"strconv"
)

// The journal says which bytes of the open segment are whole and which batches have
// landed. It is a file of lines,
//
//	<CRC-32C of the JSON, 8 hexadecimal digits> <JSON of an entry>\n
//
// and it only grows until it is written anew. An entry is written only when the one
// before it is durable. So whatever a crash leaves, only the last entry can be torn or
// lack its data, and that one was never acknowledged; damage anywhere else is the
// disk's, and is reported rather than mended.
type entry struct {
	// Open names the segment that is about to be made; the groups that follow are in it.
	// The one before it has been closed.
	Open string `json:"open,omitempty"`
	// Closed says that the segment has its final name; whoever likes may have taken it away.
	Closed bool `json:"closed,omitempty"`
	// Entries, in the first entry of every journal, is how many it was begun with; these
	// were made durable before it became the journal.
	Entries int `json:"entries,omitempty"`
	// Seq is the number in the name of the last segment made.
	Seq uint64 `json:"seq,omitempty"`
	// From, To and Sum are a group in the open segment: its bytes' offsets and CRC-32C.
	From int64  `json:"from,omitempty"`
	To   int64  `json:"to,omitempty"` // 0: no group
	Sum  uint32 `json:"sum,omitempty"`
	// Forget lists batches that need not be remembered; it applies before IDs.
	Forget []string `json:"forget,omitempty"`
	// IDs lists the batches that landed with this group, or that are carried over when
	// the journal is written anew.
	IDs []string `json:"ids,omitempty"`
}

const (
	stateDir    = "_lazaret"
	lockName    = stateDir + "/lock"
	journalName = stateDir + "/journal"
	journalNew  = stateDir + "/journal.new"

	compactAt    = 4 << 20  // a journal of this size is written anew when a segment is closed
	maxJournal   = 64 << 20 // a segment is closed when the journal has this size
	idsPerEntry  = 1000     // of a journal that is written anew
	crcHexLength = 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendEntry appends the entry's line.
func appendEntry(dst []byte, e *entry) ([]byte, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return dst, err
	}
	dst = fmt.Appendf(dst, "%08x ", crc32.Checksum(body, castagnoli))
	dst = append(dst, body...)
	return append(dst, '\n'), nil
}

// parseEntry reads a line, with or without its line feed; false if it is not whole.
func parseEntry(line []byte) (entry, bool) {
	var e entry
	body, ended := bytes.CutSuffix(line, []byte("\n"))
	if !ended || len(body) < crcHexLength+1 || body[crcHexLength] != ' ' {
		return e, false
	}
	sum, err := strconv.ParseUint(string(body[:crcHexLength]), 16, 32)
	if err != nil {
		return e, false
	}
	body = body[crcHexLength+1:]
	if uint32(sum) != crc32.Checksum(body, castagnoli) || json.Unmarshal(body, &e) != nil {
		return e, false
	}
	return e, true
}

// readEntries calls fn with each whole entry. It stops without an error at a torn end;
// a torn entry with whole ones behind it is ErrCorrupt.
func readEntries(r io.Reader, fn func(entry) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var offset int64
	torn := int64(-1)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		e, ok := parseEntry(line)
		if !ok && torn < 0 {
			torn = offset
		}
		if torn >= 0 && (ok || holdsEntry(line)) {
			return fmt.Errorf("%w: the journal cannot be read at byte %d, and goes on behind it", ErrCorrupt, torn)
		}
		if ok {
			if err := fn(e); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
		offset += int64(len(line))
	}
}

// holdsEntry reports whether a line that is not whole ends with an entry that is: the line
// feed between two has been damaged.
func holdsEntry(line []byte) bool {
	for i := 2; i < len(line); i++ {
		if line[i-2] == '}' {
			if _, ok := parseEntry(line[i:]); ok {
				return true
			}
		}
	}
	return false
}

// journal is the open journal. Its methods are called by one goroutine.
type journal struct {
	f         file
	size      int64 // up to here it is whole
	compacted int64 // its size when it was last written anew
}

// write appends the entry. It is durable after sync; after an error, undo takes back
// what may have been written.
func (j *journal) write(e *entry) (n int64, err error) {
	line, err := appendEntry(nil, e)
	if err != nil {
		return 0, err
	}
	_, err = j.f.WriteAt(line, j.size)
	return int64(len(line)), err
}

func (j *journal) undo() error { return j.f.Truncate(j.size) }

// large reports whether the journal is due to be written anew.
func (j *journal) large() bool { return j.size >= max(compactAt, 2*j.compacted) }

// newJournal writes a journal of these entries beside the present one, durably, and
// puts it in its place, durably. If swapped is false the present one is untouched.
func newJournal(fsys files, entries []entry) (j *journal, swapped bool, err error) {
	f, err := fsys.OpenFile(journalNew, os.O_RDWR|os.O_CREATE|os.O_TRUNC, filePerm)
	if err != nil {
		return nil, false, err
	}
	j = &journal{f: f}
	entries[0].Entries = len(entries)
	for i := range entries {
		n, err := j.write(&entries[i])
		if err != nil {
			f.Close()
			return nil, false, err
		}
		j.size += n
	}
	j.compacted = j.size
	if err := f.Sync(); err != nil {
		f.Close()
		return nil, false, err
	}
	if err := fsys.Rename(journalNew, journalName); err != nil {
		f.Close()
		return nil, false, err
	}
	if err := fsys.SyncDir(stateDir); err != nil {
		f.Close()
		return nil, true, err
	}
	return j, true, nil
}

// carryOver begins a new journal: it returns the entries that keep the memory of ids and of the sequence.
func carryOver(seq uint64, ids []string) []entry {
	entries := []entry{{Seq: seq}}
	for len(ids) > 0 {
		n := min(len(ids), idsPerEntry)
		entries = append(entries, entry{IDs: ids[:n]})
		ids = ids[n:]
	}
	return entries
}

// openJournal reads the journal as a stream; found is false if there is none.
func openJournal(fsys files, fn func(entry) error) (found bool, err error) {
	ok, err := fsys.Exists(journalName)
	if err != nil || !ok {
		return false, err
	}
	f, err := fsys.OpenFile(journalName, os.O_RDONLY, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return true, readEntries(io.NewSectionReader(f, 0, math.MaxInt64), fn)
}
