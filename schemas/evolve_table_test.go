package schemas

import (
	"encoding/json"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
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
		for i, s := range []**Schema{&e.old, &e.newer} {
			file := filepath.Join(dir, []string{"old.json", "new.json"}[i])
			if e.documents[i], err = os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
			if *s, err = Compile(e.documents[i], Options{Reference: true}); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
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

// attackRounds is how many events of each version a row is attacked with.
const attackRounds = 200

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
			e.attack(t)
		})
	}
}

// attack makes events after both versions and looks for one that tells them apart where
// the table says that there is none.
func (e *evolution) attack(t *testing.T) {
	seed := fnv.New64a()
	seed.Write([]byte(e.name))
	rng := rand.New(rand.NewPCG(seed.Sum64(), 6))
	words := append(wordsOf(e.documents[0]), wordsOf(e.documents[1])...)
	for _, s := range []*Schema{e.old, e.newer} {
		g := &instanceMaker{rng: rng, root: s.root, words: words}
		v := g.make()
		for i := range attackRounds {
			if i%2 == 0 {
				v = g.make()
			} else {
				g.mutate(v)
			}
			w := &treeWriter{rng: rng}
			w.write(v)
			inOld, inNew := accepts(t, e.old, w.out), accepts(t, e.newer, w.out)
			if inOld && !inNew && e.want.Backward != Incompatible {
				t.Fatalf("backward is not %s: %s", e.want.Backward, w.out)
			}
			if inNew && !inOld && e.want.Forward != Incompatible {
				t.Fatalf("forward is not %s: %s", e.want.Forward, w.out)
			}
		}
	}
}
