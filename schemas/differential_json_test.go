package schemas

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/jsonread"
)

// jsonSuiteVariable names the folder test_parsing of nst/JSONTestSuite.
const jsonSuiteVariable = "LAZARET_JSON_TEST_SUITE"

// strictLimits are limits at which small texts meet each limit now and then.
var strictLimits = []jsonread.Limits{
	{},
	{Depth: 1, NumberLength: 3, Exponent: 9, Values: 2, Size: 12},
	{Depth: 3, NumberLength: 8, Exponent: 20, Values: 6, Size: 60},
	{Depth: 2, NumberLength: -1, Exponent: 5, Values: -1},
	{Depth: -1, NumberLength: 5, Exponent: -1, Values: 4},
	{Depth: 200, NumberLength: 64, Exponent: 308, Values: 10},
	{AllowDuplicateKeys: true, Depth: 3},
}

// sameAsCheck holds that the checkers of the schema that allows everything accept a text
// exactly if jsonread.Check does, and say what it says. One of the checkers captures, and one
// is of a schema of few members; they live on from text to text.
func sameAsCheck(t *testing.T, checkers []*Checker, limits jsonread.Limits, text []byte) (good bool) {
	t.Helper()
	bad := jsonread.Check(text, limits)
	var want Result
	if bad != nil {
		want.Reasons = []lazaret.Reason{bad.Reason()}
	}
	for _, c := range checkers {
		spans := make([]Span, c.slots)
		got, err := c.Judge(text, spans)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q under %+v: the checker says %v, %v; jsonread says %v", text, limits, got, err, bad)
		}
	}
	return bad == nil
}

// checkersOfAny are checkers that accept every well-formed text.
func checkersOfAny(t *testing.T, limits jsonread.Limits) (list []*Checker) {
	t.Helper()
	for _, c := range []struct {
		schema   string
		pointers []string
	}{
		{"", nil},
		{"", []string{"/a", "/a/b", "/", "/q\"q", "/c/a"}},
		{`true`, nil},
		{`{"properties":{"a":{"properties":{"b":{},"a":{}}},"q\"q":true,"tab\t":{},"\u0000":{}},"additionalProperties":{"type":["null","boolean","number","string","array","object"]}}`, []string{"/a"}},
		{`{"items":{"$ref":"#"},"additionalProperties":{"$ref":"#"},"properties":{"a":{"$ref":"#"}},"minLength":0,"pattern":"","anyOf":[{"properties":{"b":true}}]}`, nil},
	} {
		s := Any(limits)
		if c.schema != "" {
			var err error
			if s, err = Compile([]byte(c.schema), Options{Limits: limits}); err != nil {
				t.Fatal(err)
			}
		}
		checker, err := s.Checker(c.pointers)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, checker)
	}
	return list
}

// TestCheckerTakesWellFormedTexts: where the schema says nothing, the checker accepts what
// the strict reader accepts, under its limits.
func TestCheckerTakesWellFormedTexts(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	rounds := 12_000 / raceShare
	if os.Getenv(pairsVariable) != "" {
		rounds *= 100
	}
	for _, limits := range strictLimits {
		t.Run(fmt.Sprintf("%+v", limits), func(t *testing.T) {
			checkers := checkersOfAny(t, limits)
			good := 0
			for i := range rounds {
				text := wellFormed(rng)
				for range rng.IntN(3) {
					text = damage(rng, text)
				}
				if sameAsCheck(t, checkers, limits, text) {
					good++
				}
				if t.Failed() {
					t.FailNow()
				}
				if i%100 == 0 { // deep, and long numbers
					sameAsCheck(t, checkers, limits, deepText(rng))
				}
			}
			t.Logf("%d of %d texts are good", good, rounds)
			if good < rounds/50 || good > rounds*9/10 {
				t.Error("the texts are too one-sided to show anything")
			}
		})
	}
}

// wellFormed makes a text, which has a name twice now and then.
func wellFormed(rng *rand.Rand) []byte {
	g := &instanceMaker{rng: rng}
	v := g.anything(1 + rng.IntN(4))
	for range rng.IntN(3) {
		g.mutate(v)
	}
	w := &treeWriter{rng: rng, blanks: pick(rng, []int{0, 0, 3}), quotes: pick(rng, []int{0, 0, 2, 6})}
	w.write(v)
	return w.out
}

// deepText makes a text of many levels, perhaps one too many.
func deepText(rng *rand.Rand) []byte {
	n := pick(rng, []int{1, 2, 3, 4, 199, 200, 201, 5000})
	open, shut := "[", "]"
	if rng.IntN(2) == 0 {
		open, shut = pick(rng, []string{`{"a":`, `{"":`, `{"zzzzzzzzz":`}), "}"
	}
	inner := pick(rng, []string{"1", "[]", "{}", `""`, strings.Repeat("7", rng.IntN(70)+1), "1e309", "1E-308", "1e99999999999999999999", "-1e-9223372036854775808", "1e0000000000000000000000000000000000000005", "[1,2,3,4,5,6,7,8,9,10,11]"})
	return []byte(strings.Repeat(open, n) + inner + strings.Repeat(shut, n))
}

// TestCheckerOnJSONSuite: the checker takes the files of the JSON test suite as the strict
// reader does, and what comes of them when bytes are damaged.
func TestCheckerOnJSONSuite(t *testing.T) {
	dir := os.Getenv(jsonSuiteVariable)
	if dir == "" {
		dir = filepath.Join("..", "internal", "jsonread", "testdata", "cases")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("%s holds too few cases", dir)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	good := 0
	for _, limits := range strictLimits[:4] {
		checkers := checkersOfAny(t, limits)
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if sameAsCheck(t, checkers, limits, text) {
				good++
			}
			if len(text) > 10_000 {
				continue
			}
			for range 20 / raceShare {
				sameAsCheck(t, checkers, limits, damage(rng, bytes.Clone(text)))
			}
		}
	}
	t.Logf("%d files, %d times good", len(files), good)
}

// TestManyNames: names are found to be there twice however many an object has.
func TestManyNames(t *testing.T) {
	checkers := checkersOfAny(t, jsonread.Limits{})
	rng := rand.New(rand.NewPCG(7, 8))
	for range 300 / raceShare {
		n := 1 + rng.IntN(40)
		if rng.IntN(8) == 0 {
			n = 100 + rng.IntN(2000)
		}
		v := &jsonTree{kind: 'o'}
		inner := &jsonTree{kind: 'o'}
		for i := range n {
			at := v
			if rng.IntN(6) == 0 {
				at = inner
			}
			at.names, at.items = append(at.names, pick(rng, []string{"", "abcdefgh", "é", "\""})+fmt.Sprintf("%d", i)), append(at.items, &jsonTree{kind: 'n'})
		}
		if k := rng.IntN(len(v.names) + 1); k < len(v.names) {
			v.items[k] = inner
		}
		if k := rng.IntN(len(v.names) + 1); k < len(v.names) && rng.IntN(2) == 0 {
			v.names, v.items = append(v.names, v.names[k]), append(v.items, &jsonTree{kind: 't'})
		}
		w := &treeWriter{rng: rng, quotes: pick(rng, []int{0, 5})}
		w.write(v)
		sameAsCheck(t, checkers, jsonread.Limits{}, w.out)
	}
}
