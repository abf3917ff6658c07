package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/lazaret/lazaret"
)

// TestDifferentialCost: of payloads that cost about as much as is allowed, too, the checker
// says what the library says, and refuses those that cost more.
func TestDifferentialCost(t *testing.T) {
	want := 12 / raceShare
	if os.Getenv(pairsVariable) != "" {
		want = 300
	}
	rng := rand.New(rand.NewPCG(15, 16))
	ran, good, costly, dear := 0, 0, 0, 0
	for ran < want {
		document := costlySchema(rng)
		s, err := Compile(document, Options{})
		if err != nil {
			continue
		}
		checker, err := s.Checker(nil)
		if err != nil {
			t.Fatal(err)
		}
		c := &compared{document: document, schema: s, checker: checker}
		payload := manyItems(rng, c)
		ran++
		r, err := s.reference(payload)
		if err != nil {
			continue
		}
		if !s.within(len(payload), freeTicks) {
			dear++
		}
		switch {
		case len(r.Reasons) == 0:
			good++
		case r.Reasons[0].Code == lazaret.CodeSchemaCost:
			costly++
		}
		for range 2 {
			got, err := checker.Judge(payload, nil)
			if err != nil {
				t.Fatal(err)
			}
			if brief(got.Reasons) != brief(r.Reasons) || got.More != r.More {
				t.Fatalf("%s\n%d bytes that begin with %.300s\nthe checker: %s and %d more\nthe library: %s and %d more", document, len(payload), payload, brief(got.Reasons), got.More, brief(r.Reasons), r.More)
			}
		}
	}
	t.Logf("%d payloads, %d of them good, %d that may cost much, and %d that cost too much", ran, good, dear, costly)
}

// costlySchema is a random schema of the items or members of a large value.
func costlySchema(rng *rand.Rand) []byte {
	var root object
	for {
		if err := json.Unmarshal(randomSchema(rng), &root); err != nil {
			panic(err)
		}
		if root["$recursiveAnchor"] == nil && root["$dynamicAnchor"] == nil {
			break
		}
		root = nil
	}
	outer := object{}
	for _, keyword := range []string{"$schema", "$defs", "definitions"} {
		if root[keyword] != nil {
			outer[keyword] = root[keyword]
			delete(root, keyword)
		}
	}
	outer[pick(rng, []string{"items", "items", "additionalProperties", "not", "contains"})] = root
	return compact(outer)
}

// manyItems is a large array or object of values that are near what the schema says.
func manyItems(rng *rand.Rand, c *compared) []byte {
	g := &instanceMaker{rng: rng, root: c.schema.root, words: wordsOf(c.document)}
	_, rest := itemSchemas(c.schema.root)
	members := append(asSchemas(c.schema.root.AdditionalProperties), rest, c.schema.root.Not, c.schema.root.Contains)
	var seeds [][]byte
	for range 20 {
		g.left, g.wild = 1+rng.IntN(6), 1<<30
		outer := g.value(members, 1)
		w := &treeWriter{rng: rng}
		w.write(outer)
		seeds = append(seeds, w.out)
	}
	if rng.IntN(2) == 0 { // as many as can be
		seeds = [][]byte{[]byte(pick(rng, []string{"{}", "[]", "0", "null", `"a"`, `{"a":1}`, "[0,0]"}))}
	}
	size := pick(rng, []int{20_000, 100_000, 400_000, 900_000})
	if c.schema.root.AdditionalProperties == nil && rng.IntN(6) > 0 {
		out := []byte{'['}
		for len(out) < size {
			out = append(append(out, pick(rng, seeds)...), ',')
		}
		return append(bytes.TrimRight(out, ","), ']')
	}
	out := []byte{'{'}
	for i := 0; len(out) < size; i++ {
		out = fmt.Appendf(out, "\"%d\":%s,", i, pick(rng, seeds))
	}
	return append(bytes.TrimRight(out, ","), '}')
}
