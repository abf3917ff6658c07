package diff_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/lazaret/lazaret/schemas"
	"github.com/lazaret/lazaret/schemas/diff"
)

// What is proved to break a direction was said to be able to: of each case of the table
// of changes, an incompatible one has a change that tightens where events are refused that
// were accepted, and one that loosens where it is the other way round.
func TestEffectsCoverWhatBreaks(t *testing.T) {
	cases, err := filepath.Glob("../testdata/evolve/*")
	if err != nil || len(cases) < 100 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	broken := 0
	for _, dir := range cases {
		var data [2][]byte
		var compiled [2]*schemas.Schema
		for i, name := range []string{"old.json", "new.json"} {
			if data[i], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			if compiled[i], err = schemas.Compile(data[i], schemas.Options{}); err != nil {
				t.Fatalf("%s: %v", dir, err)
			}
		}
		changes, err := diff.Documents(data[0], data[1], proved)
		if err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		for level, effect := range map[schemas.Level]diff.Effect{schemas.LevelBackward: diff.Tightened, schemas.LevelForward: diff.Loosened} {
			if schemas.Compare(level, compiled[1], compiled[0]).Answer != schemas.Incompatible {
				continue
			}
			broken++
			if !slices.ContainsFunc(changes, func(c diff.Change) bool { return c.Effect == effect || c.Effect == diff.Changed }) {
				t.Errorf("%s: %s is broken, and these are said to do no such thing: %+v", filepath.Base(dir), level, changes)
			}
		}
	}
	if broken < 100 {
		t.Errorf("only %d directions are broken", broken)
	}
}
