package schemas

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// The zoo is schemas in the manner of those that people have, each with documents that are
// good for it and documents with one fault each, which the file's name tells.

// beast is one schema of the zoo.
type beast struct {
	name      string
	document  []byte
	schema    *Schema
	good, bad map[string][]byte // by the name of the file
}

// zoo reads all of it.
func zoo(t testing.TB) []beast {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "zoo", "*", "schema.json"))
	if err != nil || len(files) < 15 {
		t.Fatalf("%d schemas in the zoo; %v", len(files), err)
	}
	var list []beast
	for _, file := range files {
		dir := filepath.Dir(file)
		z := beast{name: filepath.Base(dir), good: documents(t, dir, "good"), bad: documents(t, dir, "bad")}
		if z.document, err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
		z.schema = mustCompile(t, string(z.document))
		list = append(list, z)
	}
	return list
}

func documents(t testing.TB, dir, kind string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, kind, "*.json"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%s: only %d %s documents; %v", dir, len(files), kind, err)
	}
	list := map[string][]byte{}
	for _, file := range files {
		if list[filepath.Base(file)], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// TestZoo: what is good is accepted and what is bad refused; of both, and of what random
// changes make of them, the checker says what the library says, reason by reason.
func TestZoo(t *testing.T) {
	for _, z := range zoo(t) {
		t.Run(z.name, func(t *testing.T) {
			t.Parallel()
			checker := z.schema.checker()
			words, good, bad := wordsOf(z.document), 0, 0
			for kind, list := range map[string]map[string][]byte{"good": z.good, "bad": z.bad} {
				for name, document := range list {
					want := sameAsReference(t, checker, document)
					if isGood := len(want.Reasons) == 0; isGood != (kind == "good") {
						t.Errorf("%s/%s: the reasons are %v", kind, name, want.Reasons)
					}
					for seed := range mutations(len(document)) {
						want := sameAsReference(t, checker, mutated(t, document, words, seed))
						if len(want.Reasons) == 0 {
							good++
						} else {
							bad++
						}
					}
				}
			}
			t.Logf("%d good and %d bad mutants; left to the library %v", good, bad, checker.opaque)
			if good == 0 || bad == 0 {
				t.Error("the mutants are all of one kind")
			}
		})
	}
}

// mutations is how many mutants are made of a document of n bytes.
func mutations(n int) int { return min(500, 500_000/n) / raceShare }

// sameAsReference judges a payload by the checker and by the library, and returns what both
// say.
func sameAsReference(t *testing.T, c *Checker, payload []byte) Result {
	t.Helper()
	want, err := c.schema.reference(payload)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Judge(payload, nil)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s\nthe checker: %v and %d more, %v\nthe library: %v and %d more", clip(payload), got.Reasons, got.More, err, want.Reasons, want.More)
	}
	return want
}

// mutated is a document with a few changes, written in another way.
func mutated(t *testing.T, document []byte, words []string, seed int) []byte {
	value, bad := jsonread.Decode(document, jsonread.Limits{})
	if bad != nil {
		t.Fatal(bad.Reason())
	}
	rng := rand.New(rand.NewPCG(uint64(seed), uint64(len(document))))
	g, tree := instanceMaker{rng: rng, words: words}, treeOf(value)
	for range 1 + seed%3 {
		g.mutate(tree)
	}
	w := treeWriter{rng: rng, blanks: 50 * (seed % 2), quotes: 50 * (seed % 2)}
	w.write(tree)
	return w.out
}

// BenchmarkZoo is the speed of verdicts on the good documents, without blanks between their
// tokens, in MB/s. x-v6 is how many times as fast as the library alone that is, in the same
// process; bad-x-v6 is that of the bad documents; and alone-% is the share of verdicts, on
// good and bad documents, for which the library was not asked.
func BenchmarkZoo(b *testing.B) {
	for _, z := range zoo(b) {
		b.Run(z.name, func(b *testing.B) {
			good, size := compacted(b, z.good)
			bad, _ := compacted(b, z.bad)
			checker := z.schema.checker()
			judge := func(list [][]byte) {
				for _, document := range list {
					if _, err := checker.Judge(document, nil); err != nil {
						b.Fatal(err)
					}
				}
			}
			reference := func(list [][]byte) {
				for _, document := range list {
					if _, err := z.schema.reference(document); err != nil {
						b.Fatal(err)
					}
				}
			}
			judge(good)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				judge(good)
			}
			atLeast := b.Elapsed() / 4
			each := float64(b.Elapsed()) / float64(b.N)
			b.ReportMetric(roundTime(atLeast, func() { reference(good) })/each, "x-v6")
			b.ReportMetric(roundTime(atLeast, func() { reference(bad) })/roundTime(atLeast, func() { judge(bad) }), "bad-x-v6")
			b.ReportMetric(100*z.alone(b), "alone-%")
		})
	}
}

func compacted(b *testing.B, documents map[string][]byte) (list [][]byte, size int) {
	for _, name := range sortedKeys(documents) {
		var out bytes.Buffer
		if err := json.Compact(&out, documents[name]); err != nil {
			b.Fatal(err)
		}
		list = append(list, out.Bytes())
		size += out.Len()
	}
	return list, size
}

// roundTime is the time that a function takes, in nanoseconds.
func roundTime(atLeast time.Duration, round func()) float64 {
	rounds, start := 0, time.Now()
	for ; rounds < 2 || time.Since(start) < atLeast; rounds++ {
		round()
	}
	return float64(time.Since(start)) / float64(rounds)
}

// alone is the share of verdicts that the checker reaches without the library.
func (z beast) alone(b *testing.B) float64 {
	s, asked := mustCompile(b, string(z.document)), new(askedCount)
	c := s.checker()
	again := newBuilder()
	again.program(s.root, nil)
	for _, n := range again.order {
		for _, left := range n.opaque {
			left.Extensions = append(left.Extensions, asked)
		}
	}
	alone, all := 0, 0
	for _, documents := range []map[string][]byte{z.good, z.bad} {
		for _, document := range documents {
			m := c.newMachine()
			m.start(document, maxTicks)
			before := *asked
			m.run(c.root)
			if all++; m.err == nil && m.ticks <= maxTicks && !s.whole && *asked == before {
				alone++
			}
		}
	}
	return float64(alone) / float64(all)
}

// askedCount counts how often the library is asked about a schema that the checker leaves to
// it.
type askedCount int

// Validate implements the library's SchemaExt.
func (n *askedCount) Validate(*jsonschema.ValidatorContext, any) { *n++ }
