package schemas

import (
	"encoding/json"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// evolution is one row of the table of changes: two versions of a schema in
// testdata/evolve/<name>, and what is true of them by the specification as the schema
// library implements it here, with formats asserted.
type evolution struct {
	name       string
	old, newer *Schema
	want       struct {
		Backward, Forward Answer
		Why               string
		Keyword           string          // that the break names, where one direction breaks
		Pointer           *string         // likewise
		WitnessBackward   json.RawMessage `json:"witness_backward"` // old accepts it, new refuses it
		WitnessForward    json.RawMessage `json:"witness_forward"`  // the reverse
	}
	documents [2][]byte
}

// halves are the two questions of a row: is all that the first accepts accepted by the second.
func (e *evolution) halves() []evolutionHalf {
	return []evolutionHalf{
		{Backward, e.want.Backward, e.old, e.newer, e.want.WitnessBackward},
		{Forward, e.want.Forward, e.newer, e.old, e.want.WitnessForward},
	}
}

type evolutionHalf struct {
	direction Direction
	want      Answer
	from, to  *Schema
	witness   json.RawMessage
}

// loadEvolutions reads the table.
func loadEvolutions(t *testing.T) []*evolution {
	t.Helper()
	dirs, err := filepath.Glob("testdata/evolve/*/expect.json")
	if err != nil || len(dirs) < 500 {
		t.Fatalf("the table has %d rows; are the folders of testdata/evolve there? (%v)", len(dirs), err)
	}
	var list []*evolution
	for _, path := range dirs {
		dir := filepath.Dir(path)
		e := &evolution{name: filepath.Base(dir)}
		expect, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(expect, &e.want); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if !e.load(dir) {
			t.Fatalf("%s: a version is missing or no schema", dir)
		}
		list = append(list, e)
	}
	return list
}

// accepts asks the schema library about a payload.
func accepts(t *testing.T, s *Schema, payload []byte) bool {
	t.Helper()
	result, err := s.reference(payload)
	if err != nil {
		t.Fatal(err)
	}
	return len(result.Reasons) == 0
}

// How many events of each version a row is attacked with, and a pair of published schemas.
const (
	attackRounds     = 200
	attackRoundsPair = 2_000
)

// pairsFolder names the variable with the folder of scripts/compare-jsonsubschema/pairs.py.
const pairsFolder = "LAZARET_EVOLVE_PAIRS"

// TestEvolveTruth holds that the table is right, whatever Compare says: what it calls
// incompatible has a witness, and what it calls compatible stands an attack with events
// made after both versions.
func TestEvolveTruth(t *testing.T) {
	for _, e := range loadEvolutions(t) {
		t.Run(e.name, func(t *testing.T) {
			for _, half := range e.halves() {
				switch half.want {
				case Incompatible:
					if half.witness == nil || !accepts(t, half.from, half.witness) || accepts(t, half.to, half.witness) {
						t.Errorf("%s: the witness %s shows nothing", half.direction, half.witness)
					}
				case Compatible, Undecided:
					if half.witness != nil {
						t.Errorf("%s: %s has a witness", half.direction, half.want)
					}
				default:
					t.Errorf("%s: %q is no answer", half.direction, half.want)
				}
			}
			e.attack(t, attackRounds)
		})
	}
}

// attack makes events after both versions and looks for one that tells them apart where
// the table says that there is none.
func (e *evolution) attack(t *testing.T, rounds int) {
	seed := fnv.New64a()
	seed.Write([]byte(e.name))
	rng := rand.New(rand.NewPCG(seed.Sum64(), 6))
	words := append(wordsOf(e.documents[0]), wordsOf(e.documents[1])...)
	for _, s := range []*Schema{e.old, e.newer} {
		g := &instanceMaker{rng: rng, root: s.root, words: words}
		v := g.make()
		for i := range rounds {
			if i%2 == 0 {
				v = g.make()
			} else {
				g.mutate(v)
			}
			w := &treeWriter{rng: rng}
			w.write(v)
			inOld, inNew := accepts(t, e.old, w.out), accepts(t, e.newer, w.out)
			if inOld && !inNew && e.want.Backward == Compatible {
				t.Fatalf("%s: backward is not %s: %s", e.name, e.want.Backward, w.out)
			}
			if inNew && !inOld && e.want.Forward == Compatible {
				t.Fatalf("%s: forward is not %s: %s", e.name, e.want.Forward, w.out)
			}
		}
	}
}

// TestEvolvePairs attacks what Compare calls compatible of the pairs of published schemas
// that are in the folder that the variable names; without it there are the table's own.
func TestEvolvePairs(t *testing.T) {
	pattern, rounds := "testdata/evolve/recursive-*/new.json", attackRounds
	if dir := os.Getenv(pairsFolder); dir != "" {
		pattern, rounds = filepath.Join(dir, "*/*/*/new.json"), attackRoundsPair
	}
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no pairs in %s (%v)", pattern, err)
	}
	attacked := 0
	for _, file := range files {
		e := &evolution{name: filepath.Dir(file)}
		if !e.load(e.name) {
			continue // one version is no schema here
		}
		e.want.Backward, e.want.Forward = Compare(LevelBackward, e.newer, e.old).Answer, Compare(LevelForward, e.newer, e.old).Answer
		for _, half := range e.halves() {
			if half.want == Compatible {
				attacked++
			}
		}
		if e.want.Backward == Compatible || e.want.Forward == Compatible {
			e.attack(t, rounds)
		}
	}
	t.Logf("%d answers were attacked with %d events each", attacked, 2*rounds)
}

// load compiles the two versions in a folder. It says whether both are schemas.
func (e *evolution) load(dir string) bool {
	for i, s := range []**Schema{&e.old, &e.newer} {
		var err error
		if e.documents[i], err = os.ReadFile(filepath.Join(dir, []string{"old.json", "new.json"}[i])); err != nil {
			return false
		}
		if *s, err = Compile(e.documents[i], Options{Reference: true}); err != nil {
			return false
		}
	}
	return true
}

// TestEvolveTable holds Compare to the table. What it leaves undecided is listed, so that a
// row that it can decide no longer, or can now, is noticed.
func TestEvolveTable(t *testing.T) {
	undecided := map[string]int{}
	for _, e := range loadEvolutions(t) {
		t.Run(e.name, func(t *testing.T) {
			listed := undecidedRow(e.name)
			for _, half := range e.halves() {
				got := Compare(half.level(), e.newer, e.old)
				if got.Answer == Undecided && listed != "" {
					undecided[listed]++
				} else if got.Answer != half.want {
					t.Errorf("%s is %s, want %s (%s): %s", half.direction, got.Answer, half.want, e.want.Why, shown(got))
				}
				e.checkBreaks(t, half, got)
			}
			e.checkFull(t)
		})
	}
	for row := range undecidedRows {
		if undecided[row] == 0 {
			t.Errorf("%q is decided now: take it off the list", row)
		}
	}
}

// undecidedRow returns the entry of undecidedRows that a row falls under, or "".
func undecidedRow(name string) string {
	for row := range undecidedRows {
		if stem, ok := strings.CutSuffix(row, "*"); row == name || ok && strings.HasPrefix(name, stem) {
			return row
		}
	}
	return ""
}

func (h evolutionHalf) level() Level {
	if h.direction == Backward {
		return LevelBackward
	}
	return LevelForward
}

// shown is a comparison as text.
func shown(c Comparison) string {
	text, err := json.Marshal(c)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// checkBreaks holds that an answer of one direction comes with what it has to come with.
func (e *evolution) checkBreaks(t *testing.T, half evolutionHalf, got Comparison) {
	t.Helper()
	if (got.Answer == Incompatible) != (len(got.Breaks) > 0) || got.Answer == Undecided && len(got.Doubts) == 0 {
		t.Errorf("%s: %s comes with %d breaks and %d doubts", half.direction, got.Answer, len(got.Breaks), len(got.Doubts))
	}
	for _, b := range got.Breaks {
		if b.Direction != half.direction || b.Keyword == "" && b.Message == "" {
			t.Errorf("%s: an odd break: %s", half.direction, shown(got))
		}
		if !accepts(t, half.from, b.Witness) || accepts(t, half.to, b.Witness) {
			t.Errorf("%s: the witness %s shows nothing", half.direction, b.Witness)
		}
	}
	if got.Answer != Incompatible || e.want.Keyword == "" {
		return
	}
	if !slices.ContainsFunc(got.Breaks, func(b Break) bool {
		return b.Keyword == e.want.Keyword && (e.want.Pointer == nil || b.Pointer == *e.want.Pointer)
	}) {
		t.Errorf("%s: no break is by %s: %s", half.direction, e.want.Keyword, shown(got))
	}
}

// checkFull holds that FULL is both directions together.
func (e *evolution) checkFull(t *testing.T) {
	t.Helper()
	backward, forward := Compare(LevelBackward, e.newer, e.old), Compare(LevelForward, e.newer, e.old)
	want := Compatible
	switch {
	case backward.Answer == Incompatible || forward.Answer == Incompatible:
		want = Incompatible
	case backward.Answer == Undecided || forward.Answer == Undecided:
		want = Undecided
	}
	if got := Compare(LevelFull, e.newer, e.old); got.Answer != want {
		t.Errorf("FULL is %s, want %s", got.Answer, want)
	}
}

// undecidedRows are rows that Compare leaves undecided in a direction, and why. A name that
// ends in "*" stands for all that begin so.
var undecidedRows = map[string]string{
	"d2019-recursiveRef-overridden": "where a dynamic reference leads depends on the way to it",
	"d2020-dynamicRef-overridden":   "likewise",
}
