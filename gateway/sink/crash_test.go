package sink

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// crashed is what a scenario leaves on the disk: the files at the last acknowledgement and
// with one more group, which was written and not acknowledged.
type crashed struct {
	segment              string // path below root
	segAcked, segAll     []byte
	journAcked, journAll []byte
}

// crashScenario acknowledges three groups in one segment, then writes one more.
func crashScenario(t *testing.T) crashed {
	t.Helper()
	root := t.TempDir()
	s := mustFile(t, fileConfig(root))
	mustWrite(t, s, numbered("ia", "a", 2))
	mustWrite(t, s, numbered("", "b", 1))
	mustWrite(t, s, numbered("ic", "c", 1))
	open, _ := openNames(t, root)
	c := crashed{segment: filepath.Join("d", open[0])}
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	c.segAcked, c.journAcked = read(c.segment), read(filepath.Join("d", journalName))
	mustWrite(t, s, numbered("iz", "z", 2))
	c.segAll, c.journAll = read(c.segment), read(filepath.Join("d", journalName))
	mustClose(t, s)
	return c
}

// lay puts the files into a fresh root.
func (c crashed) lay(t *testing.T, segment, journal []byte) (root string) {
	t.Helper()
	root, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{c.segment: segment, filepath.Join("d", journalName): journal} {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// recovers opens the sink on the files, writes the batches that have IDs again, and wants
// each event of the acknowledged groups and of the retried one exactly once.
func (c crashed) recovers(t *testing.T, what string, segment, journal []byte) {
	t.Helper()
	root := c.lay(t, segment, journal)
	defer os.RemoveAll(root)
	s, err := newFile(fileConfig(root), unsynced(t, root))
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	before := landed(t, root)
	if z := before["z/0"]; z != before["z/1"] || z > 1 {
		t.Errorf("%s: the batch that was not acknowledged is there in part: %v", what, before)
	}
	mustWrite(t, s, numbered("ia", "a", 2))
	mustWrite(t, s, numbered("ic", "c", 1))
	mustWrite(t, s, numbered("iz", "z", 2))
	mustClose(t, s)
	got := landed(t, root)
	wantOnce(t, got, "a", 2)
	wantOnce(t, got, "b", 1)
	wantOnce(t, got, "c", 1)
	wantOnce(t, got, "z", 2)
	if len(got) != 6 {
		t.Errorf("%s: %d different events, want 6: %v", what, len(got), got)
	}
	if open, _ := openNames(t, root); len(open) != 0 {
		t.Errorf("%s: segments are still open after Close: %q", what, open)
	}
	if t.Failed() {
		t.Fatalf("%s: failed", what)
	}
}

// flipped is a copy with one byte damaged.
func flipped(data []byte, i int) []byte {
	out := bytes.Clone(data)
	out[i] ^= 0x04
	return out
}

// zeroed is a copy whose bytes from i on are zero: the size was made durable, the data not.
func zeroed(data []byte, i int) []byte {
	out := bytes.Clone(data)
	clear(out[i:])
	return out
}

// Promises 1 and 5: whatever a crash leaves behind the last acknowledgement, cut, damaged or
// zero at every byte of either file, what was acknowledged is there once, nothing is there
// in part, and the batch that was not lands once when it comes again.
func TestFileRecoversFromEveryTornEnd(t *testing.T) {
	c := crashScenario(t)
	journals := [][]byte{c.journAcked, c.journAll[:len(c.journAll)-1], c.journAll}
	for i := len(c.segAcked); i <= len(c.segAll); i++ {
		for _, j := range journals {
			c.recovers(t, fmt.Sprintf("segment cut at %d, journal of %d", i, len(j)), c.segAll[:i], j)
		}
		if i < len(c.segAll) {
			c.recovers(t, fmt.Sprintf("segment damaged at %d", i), flipped(c.segAll, i), c.journAll)
			c.recovers(t, fmt.Sprintf("segment zero from %d", i), zeroed(c.segAll, i), c.journAll)
		}
	}
	segments := [][]byte{c.segAcked, c.segAll[:len(c.segAll)-3], c.segAll}
	for i := len(c.journAcked); i <= len(c.journAll); i++ {
		for _, s := range segments {
			c.recovers(t, fmt.Sprintf("journal cut at %d, segment of %d", i, len(s)), s, c.journAll[:i])
		}
		if i < len(c.journAll) {
			c.recovers(t, fmt.Sprintf("journal damaged at %d", i), c.segAll, flipped(c.journAll, i))
			c.recovers(t, fmt.Sprintf("journal zero from %d", i), c.segAll, zeroed(c.journAll, i))
		}
	}
}

// Damage to what was acknowledged is never mended away: at every byte of either file the
// sink refuses to open, says so, and changes nothing.
func TestFileRefusesDamage(t *testing.T) {
	c := crashScenario(t)
	refuses := func(what string, segment, journal []byte) {
		t.Helper()
		root := c.lay(t, segment, journal)
		defer os.RemoveAll(root)
		s, err := newFile(fileConfig(root), unsynced(t, root))
		if !errors.Is(err, ErrCorrupt) {
			if err == nil {
				mustClose(t, s)
			}
			t.Fatalf("%s: %v, want ErrCorrupt", what, err)
		}
		for name, want := range map[string][]byte{c.segment: segment, filepath.Join("d", journalName): journal} {
			if got, err := os.ReadFile(filepath.Join(root, name)); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s: %s was changed (%v)", what, name, err)
			}
		}
	}
	for i := range c.segAcked {
		refuses(fmt.Sprintf("segment damaged at %d", i), flipped(c.segAll, i), c.journAll)
		refuses(fmt.Sprintf("segment cut at %d", i), c.segAll[:i], c.journAll)
	}
	for i := range c.journAcked {
		refuses(fmt.Sprintf("journal damaged at %d", i), c.segAll, flipped(c.journAll, i))
	}
	refuses("journal empty", c.segAll, nil)

	// As the error advises: without the journal the whole lines are kept.
	root := c.lay(t, append(bytes.Clone(c.segAll), "torn"...), nil)
	if err := os.Remove(filepath.Join(root, "d", journalName)); err != nil {
		t.Fatal(err)
	}
	mustClose(t, mustFile(t, fileConfig(root)))
	if got := landed(t, root); len(got) != 6 {
		t.Errorf("without a journal: %v, want all six events", got)
	}
}
