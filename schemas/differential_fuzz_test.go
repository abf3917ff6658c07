package schemas

import (
	"math/rand/v2"
	"testing"
)

// FuzzChecker holds the promise of TestDifferential on whatever is found: the number says
// which random schema it is.
func FuzzChecker(f *testing.F) {
	for number := range uint64(30) {
		rng := rand.New(rand.NewPCG(number, 1))
		s, err := Compile(fuzzedSchema(number), Options{})
		if err != nil {
			continue
		}
		g := &instanceMaker{rng: rng, root: s.root}
		for range 3 {
			w := &treeWriter{rng: rng, quotes: 9, blanks: 9}
			w.write(g.make())
			f.Add(number, w.out)
		}
	}
	f.Fuzz(func(t *testing.T, number uint64, payload []byte) {
		c := &compared{number: number, document: fuzzedSchema(number)}
		var err error
		if c.schema, err = Compile(c.document, Options{}); err != nil {
			return
		}
		c.pointers = []string{"", "/a", "/id", "/a/b"}
		if c.checker, err = c.schema.Checker(c.pointers); err != nil {
			t.Fatal(err)
		}
		spans := make([]Span, len(c.pointers))
		for range 2 { // the second time with names that are predicted
			if problem := c.payload(payload, spans, newTally()); problem != "" {
				t.Fatal(problem)
			}
		}
	})
}

func fuzzedSchema(number uint64) []byte {
	return randomSchema(rand.New(rand.NewPCG(number, 20240917)))
}
