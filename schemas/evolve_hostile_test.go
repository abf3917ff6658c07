package schemas

import (
	"context"
	"fmt"
	"runtime/metrics"
	"strings"
	"testing"
	"time"
)

// Bounds that hold for each question about hostile schemas. Memory is what is allocated in
// all, also what is given back; the time is a hang's, no measure.
const (
	hostileMemory = 1 << 30
	hostileTime   = 2 * time.Minute
)

// hostile is a pair of schemas that is made to cost much. The answers that are right are
// listed; "unknown" always is.
type hostile struct {
	name              string
	old, newer        string
	backward, forward Answer // what is true; Undecided where nobody has worked it out
}

func repeated(n int, sep string, f func(i int) string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = f(i)
	}
	return strings.Join(list, sep)
}

// nestedUnion is a union of k branches, each of which holds one such union, d deep; the
// leaves are told apart by their place.
func nestedUnion(keyword string, k, d int, leaf func(path string) string, path string) string {
	if d == 0 {
		return leaf(path)
	}
	return fmt.Sprintf(`{%q: [%s]}`, keyword, repeated(k, ",", func(i int) string {
		return nestedUnion(keyword, k, d-1, leaf, fmt.Sprintf("%s%d", path, i))
	}))
}

// conjunction is allOf of n unions: written out as a union it has k^n branches.
func conjunction(n, k int, keyword string, shift int) string {
	return fmt.Sprintf(`{"type": "object", "allOf": [%s]}`, repeated(n, ",", func(i int) string {
		return fmt.Sprintf(`{%q: [%s]}`, keyword, repeated(k, ",", func(j int) string {
			return fmt.Sprintf(`{"properties": {"p%d": {"minimum": %d}}, "required": ["q%d_%d"]}`, i, j+shift, i, j)
		}))
	}))
}

func hostileRecursions() []hostile {
	chain := func(n int, last string) string {
		return fmt.Sprintf(`{"$ref": "#/$defs/a0", "$defs": {%s, "a%d": %s}}`, repeated(n, ",", func(i int) string {
			return fmt.Sprintf(`"a%d": {"properties": {"n": {"$ref": "#/$defs/a%d"}, "m": {"$ref": "#/$defs/a%d"}}}`, i, i+1, (i*7)%n)
		}), n, last)
	}
	row := func(n int, last string) string {
		return fmt.Sprintf(`{"$ref": "#/$defs/d0", "$defs": {%s, "d%d": {"type": %q}}}`, repeated(n, ",", func(i int) string {
			return fmt.Sprintf(`"d%d": {"items": {"$ref": "#/$defs/d%d"}}`, i, i+1)
		}), n, last)
	}
	return []hostile{
		{name: "a row of 4,000", old: row(4000, "string"), newer: row(4000, "number"), backward: Undecided, forward: Undecided},
		{name: "tree of itself", old: `{"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}}`, newer: `{"properties": {"b": {"$ref": "#"}, "a": {"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}}}}`, backward: Compatible, forward: Compatible},
		{name: "through allOf and properties", old: `{"allOf": [{"properties": {"x": {"$ref": "#"}}}]}`, newer: `{"allOf": [{"properties": {"x": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}]}`, backward: Compatible, forward: Compatible},
		{name: "through anyOf", old: `{"anyOf": [{"type": "null"}, {"type": "array", "items": {"$ref": "#"}}]}`, newer: `{"anyOf": [{"type": "array", "items": {"anyOf": [{"$ref": "#"}, {"type": "array", "items": {"$ref": "#"}}]}}, {"type": "null"}]}`, backward: Compatible, forward: Compatible},
		{name: "through not", old: `{"type": "object", "properties": {"x": {"not": {"$ref": "#"}}}}`, newer: `{"type": "object", "properties": {"x": {"not": {"$ref": "#/$defs/b"}}}, "$defs": {"b": {"type": "object", "properties": {"x": {"not": {"$ref": "#"}}}}}}`, backward: Compatible, forward: Compatible},
		{name: "never ends", old: `{"type": "object", "required": ["x"], "properties": {"x": {"$ref": "#"}}}`, newer: `{"type": "array", "minItems": 1, "items": {"$ref": "#"}}`, backward: Compatible, forward: Compatible},
		{name: "ring of 200", old: chain(200, `{"type": "string"}`), newer: chain(200, `{"type": "number"}`), backward: Incompatible, forward: Incompatible},
		{name: "rings of 97 and 89", old: ring(97), newer: ring(89), backward: Compatible, forward: Compatible},
		{name: "one of 41 in a ring is narrower", old: ring(43), newer: strings.Replace(ring(41), `"v": true`, `"v": {"type": "string"}`, 1), backward: Incompatible, forward: Compatible},
	}
}

// ring is n definitions that lead to each other in turn, and all say the same.
func ring(n int) string {
	return fmt.Sprintf(`{"$ref": "#/$defs/r0", "$defs": {%s}}`, repeated(n, ",", func(i int) string {
		return fmt.Sprintf(`"r%d": {"type": "object", "properties": {"v": true, "next": {"$ref": "#/$defs/r%d"}}}`, i, (i+1)%n)
	}))
}

func hostileUnions() []hostile {
	leaf := func(path string) string {
		return fmt.Sprintf(`{"required": ["k%s"], "properties": {"k%s": {"type": "string"}}}`, path, path)
	}
	number := func(path string) string {
		return fmt.Sprintf(`{"type": "object", "properties": {"k%s": {"maximum": 1}}, "minProperties": 1}`, path)
	}
	not := func(s string) string { return `{"not": ` + s + `}` }
	kinds := func(keyword string, n int) string {
		return fmt.Sprintf(`{%q: [%s]}`, keyword, repeated(n, ",", func(i int) string {
			return fmt.Sprintf(`{"type": "object", "required": ["k"], "properties": {"k": {"const": "c%d"}, "v": {"type": "string"}}}`, i)
		}))
	}
	return []hostile{
		{name: "anyOf 3 wide 5 deep", old: nestedUnion("anyOf", 3, 5, leaf, ""), newer: nestedUnion("anyOf", 3, 5, number, ""), backward: Undecided, forward: Incompatible},
		{name: "oneOf 3 wide 5 deep", old: nestedUnion("oneOf", 3, 5, leaf, ""), newer: nestedUnion("oneOf", 3, 5, number, ""), backward: Undecided, forward: Undecided},
		{name: "oneOf 2 wide 8 deep, negated", old: nestedUnion("oneOf", 2, 8, leaf, ""), newer: not(nestedUnion("oneOf", 2, 8, leaf, "")), backward: Incompatible, forward: Incompatible},
		{name: "anyOf and allOf in turn, negated", old: not(nestedUnion("allOf", 4, 4, leaf, "")), newer: nestedUnion("anyOf", 4, 4, func(p string) string { return not(leaf(p)) }, ""), backward: Compatible, forward: Compatible},
		{name: "oneOf of 2,000 that are told apart", old: kinds("oneOf", 2_000), newer: kinds("oneOf", 1_999), backward: Incompatible, forward: Compatible},
		{name: "oneOf becomes anyOf, of 500", old: kinds("oneOf", 500), newer: kinds("anyOf", 500), backward: Compatible, forward: Compatible},
		{name: "a conjunction of 20 unions", old: conjunction(20, 4, "anyOf", 0), newer: conjunction(20, 4, "anyOf", 0), backward: Compatible, forward: Compatible},
		{name: "a conjunction of 20 unions, loosened", old: conjunction(20, 4, "anyOf", 1), newer: conjunction(20, 4, "anyOf", 0), backward: Compatible, forward: Incompatible},
		{name: "a conjunction of 12 oneOf", old: conjunction(12, 3, "oneOf", 0), newer: not(conjunction(12, 3, "oneOf", 1)), backward: Undecided, forward: Undecided},
		{name: "oneOf of 60 overlapping ranges", old: `{"type": "integer", "minimum": 0, "maximum": 1000}`, newer: fmt.Sprintf(`{"oneOf": [%s]}`, repeated(60, ",", func(i int) string {
			return fmt.Sprintf(`{"type": "integer", "minimum": %d, "maximum": %d}`, i*13, i*29+40)
		})), backward: Incompatible, forward: Undecided},
		{name: "if in if", old: nestedIf(30, 0), newer: nestedIf(30, 1), backward: Undecided, forward: Undecided},
	}
}

// nestedIf is a chain of n conditions, each in the else of the one before.
func nestedIf(n, shift int) string {
	if n == 0 {
		return `{"type": "object"}`
	}
	return fmt.Sprintf(`{"if": {"properties": {"k": {"const": %d}}, "required": ["k"]}, "then": {"required": ["t%d"]}, "else": %s}`, n+shift, n, nestedIf(n-1, shift))
}

func hostileSizes() []hostile {
	properties := func(n int, typ string) string {
		return fmt.Sprintf(`{"type": "object", "properties": {%s}}`, repeated(n, ",", func(i int) string { return fmt.Sprintf(`"property%d": {"type": %q}`, i, typ) }))
	}
	enum := func(n, step int) string {
		return fmt.Sprintf(`{"enum": [%s]}`, repeated(n, ",", func(i int) string { return fmt.Sprintf(`"value-%d"`, i*step) }))
	}
	patterns := func(n, shift int) string {
		return fmt.Sprintf(`{"type": "object", "patternProperties": {%s}, "additionalProperties": false}`, repeated(n, ",", func(i int) string {
			return fmt.Sprintf(`"%c%d.*x": {"minimum": %d}`, 'a'+i%26, i, i+shift)
		}))
	}
	deep := func(n int, leaf string) string {
		return strings.Repeat(`{"properties": {"a": `, n) + leaf + strings.Repeat("}}", n)
	}
	tuple := func(n int, typ string) string {
		return fmt.Sprintf(`{"type": "array", "prefixItems": [%s], "minItems": %d}`, repeated(n, ",", func(int) string { return `{"type": "` + typ + `"}` }), n)
	}
	return []hostile{
		{name: "10,000 properties", old: properties(10_000, "number"), newer: properties(10_000, "integer"), backward: Incompatible, forward: Compatible},
		{name: "10,000 properties closed", old: strings.Replace(properties(10_000, "number"), `"type": "object"`, `"additionalProperties": false`, 1), newer: strings.Replace(properties(9_999, "number"), `"type": "object"`, `"additionalProperties": false`, 1), backward: Incompatible, forward: Compatible},
		{name: "10,000 values", old: enum(10_000, 1), newer: enum(10_000, 2), backward: Incompatible, forward: Incompatible},
		{name: "10,000 values against a pattern", old: enum(10_000, 1), newer: `{"type": "string", "pattern": "^value-[0-9]{1,3}$"}`, backward: Incompatible, forward: Incompatible},
		{name: "1,000 patterns", old: patterns(1000, 0), newer: patterns(1000, 1), backward: Incompatible, forward: Compatible},
		{name: "1,000 patterns that are the same", old: patterns(1000, 0), newer: patterns(1000, 0), backward: Compatible, forward: Compatible},
		{name: "40 levels", old: deep(40, `{"type": "number"}`), newer: deep(40, `{"type": "integer"}`), backward: Incompatible, forward: Compatible},
		{name: "tuples of 1,000", old: tuple(1000, "number"), newer: tuple(1000, "integer"), backward: Incompatible, forward: Compatible},
	}
}

func hostileValues() []hostile {
	enum := func(n int, form string) string {
		return fmt.Sprintf(`{"enum": [%s]}`, repeated(n, ",", func(i int) string { return fmt.Sprintf(form, i) }))
	}
	tagged := func(n, shift int, form string) string {
		return fmt.Sprintf(`{%s: [%s]}`, `"oneOf"`, repeated(n, ",", func(i int) string {
			return fmt.Sprintf(`{"type": "object", "required": ["k"], "properties": {"k": {"enum": [%s]}, "v%d": {"type": "string"}}}`,
				repeated(500, ",", func(k int) string { return fmt.Sprintf(form, i*500+k+shift) }), i)
		}))
	}
	constants := func(n int) string {
		return fmt.Sprintf(`{"anyOf": [%s]}`, repeated(n, ",", func(i int) string { return fmt.Sprintf(`{"const": "c%d"}`, i) }))
	}
	left := func(n int, form, rest string) string {
		return fmt.Sprintf(`{"not": %s, %s}`, enum(n, form), rest)
	}
	return []hostile{
		{name: "5,000 decimals and two more", old: enum(5_000, "%d.25"), newer: enum(5_002, "%d.25"), backward: Compatible, forward: Incompatible},
		{name: "100,000 numbers", old: enum(100_000, "%d"), newer: enum(100_001, "%d.0"), backward: Compatible, forward: Incompatible},
		{name: "100,000 numbers against integers", old: enum(100_000, "%d"), newer: `{"type": "integer", "minimum": 0}`, backward: Compatible, forward: Incompatible},
		{name: "20,000 decimals against a range", old: enum(20_000, "0.5%05d"), newer: `{"type": "number", "minimum": 0.5, "maximum": 0.6}`, backward: Compatible, forward: Incompatible},
		{name: "100,000 texts against texts", old: enum(100_000, `"a%d"`), newer: `{"type": "string", "minLength": 2}`, backward: Compatible, forward: Incompatible},
		{name: "20,000 texts left out of a pattern", old: left(20_000, `"a%d"`, `"type": "string", "pattern": "^a[0-9]+$"`), newer: left(20_001, `"a%d"`, `"type": "string", "pattern": "^a[0-9]+$"`), backward: Incompatible, forward: Compatible},
		{name: "5,000 lists and one more", old: enum(5_000, `[%d, 0.5]`), newer: enum(5_001, `[%d, 0.50]`), backward: Compatible, forward: Incompatible},
		{name: "unions told apart by 500 decimals each", old: tagged(30, 0, "%d.5"), newer: tagged(30, 1, "%d.5"), backward: Incompatible, forward: Incompatible},
		{name: "3,000 constants", old: enum(3_000, `"c%d"`), newer: constants(3_001), backward: Compatible, forward: Incompatible},
		{name: "11,000 constants", old: enum(11_000, `"c%d"`), newer: constants(11_000), backward: Compatible, forward: Compatible},
	}
}

func hostileNumbers() []hostile {
	big := "9007199254740991"
	array := `{"type": "array", "items": {"type": "integer"}, "uniqueItems": true, "minItems": %s}`
	return []hostile{
		{name: "minItems beyond memory", old: fmt.Sprintf(array, "1000000000"), newer: fmt.Sprintf(array, big), backward: Incompatible, forward: Compatible},
		{name: "minLength beyond memory", old: `{"type": "string", "minLength": 4000000000}`, newer: `{"type": "string", "minLength": ` + big + `}`, backward: Incompatible, forward: Compatible},
		{name: "minLength and a pattern", old: `{"type": "string", "minLength": 100000, "pattern": "^(ab)*$"}`, newer: `{"type": "string", "minLength": 100001, "pattern": "^(ab)*$"}`, backward: Incompatible, forward: Compatible},
		{name: "maxLength and a pattern", old: `{"type": "string", "maxLength": ` + big + `, "pattern": "^a"}`, newer: `{"type": "string", "maxLength": 1000000, "pattern": "a"}`, backward: Incompatible, forward: Incompatible},
		{name: "minProperties beyond memory", old: `{"type": "object", "minProperties": 1000000}`, newer: `{"type": "object", "minProperties": ` + big + `}`, backward: Incompatible, forward: Compatible},
		{name: "minContains beyond memory", old: `{"type": "array", "contains": {"type": "string"}, "minContains": 1000000}`, newer: `{"type": "array", "contains": {"type": "string"}, "minContains": ` + big + `}`, backward: Incompatible, forward: Compatible},
		{name: "multiples with a large common one", old: multiples(1), newer: multiples(2), backward: Undecided, forward: Undecided},
		{name: "no multiple in a large range", old: `{"type": "integer", "multipleOf": 999999999989, "not": {"multipleOf": 999999999961}, "minimum": 1, "maximum": 1e300}`, newer: `{"type": "integer", "multipleOf": 7}`, backward: Incompatible, forward: Incompatible},
		{name: "exponents", old: `{"type": "number", "minimum": 1e300, "multipleOf": 1e-300}`, newer: `{"type": "number", "minimum": 1e299, "multipleOf": 3e-300}`, backward: Incompatible, forward: Incompatible},
	}
}

func multiples(shift int) string {
	primes := []int{999999937, 999999929, 999999893, 999999883, 999999797, 999999761, 999999757, 999999751, 999999739, 999999733}
	return fmt.Sprintf(`{"type": "integer", "allOf": [%s]}`, repeated(len(primes), ",", func(i int) string { return fmt.Sprintf(`{"multipleOf": %d}`, primes[i]*shift) }))
}

func hostilePatterns() []hostile {
	text := func(patterns ...string) string {
		return fmt.Sprintf(`{"type": "string", "allOf": [%s]}`, repeated(len(patterns), ",", func(i int) string { return fmt.Sprintf(`{"pattern": %q}`, patterns[i]) }))
	}
	cycles := func(shift int) string {
		primes := []int{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31}
		return text(strings.Split(repeated(len(primes), " ", func(i int) string { return fmt.Sprintf("^(a{%d})*b{%d}$", primes[i], shift) }), " ")...)
	}
	letters := func(from, last int) string {
		return text(strings.Split(repeated(24, " ", func(i int) string { return fmt.Sprintf(`\pL{%d}\pL{%d}`, from+i, last) }), " ")...)
	}
	return []hostile{
		{name: "many repetitions of many letters", old: letters(900, 990), newer: letters(900, 991), backward: Incompatible, forward: Compatible},
		{name: "the n-th from the end", old: text("^(a|b)*a(a|b){40}$"), newer: text("^(a|b)*b(a|b){41}$"), backward: Incompatible, forward: Incompatible},
		{name: "the n-th from the end, twice", old: text("^(a|b)*a(a|b){30}$", "^(a|b)*a(a|b){31}$"), newer: text("^(a|b)*a(a|b){31}$"), backward: Compatible, forward: Incompatible},
		{name: "cycles without a common length", old: cycles(1), newer: cycles(2), backward: Incompatible, forward: Incompatible},
		{name: "a thousand repetitions", old: text("^[a-z]{1,1000}$"), newer: text("^([a-y]|z){0,999}$"), backward: Incompatible, forward: Incompatible},
		{name: "names by such patterns", old: `{"patternProperties": {"^(a|b)*a(a|b){25}$": {"type": "string"}, "^(a|b)*b(a|b){25}$": {"type": "number"}}}`, newer: `{"patternProperties": {"^(a|b)*(a|b){26}$": {"type": ["string", "number"]}}}`, backward: Compatible, forward: Incompatible},
	}
}

// hostileWitnesses are schemas whose smallest events are beyond all bounds, since they have
// the same part many times.
func hostileWitnesses() []hostile {
	twice := func(n int, last string) string {
		return fmt.Sprintf(`{"$ref": "#/$defs/d0", "$defs": {%s, "d%d": %s}}`, repeated(n, ",", func(i int) string {
			return fmt.Sprintf(`"d%d": {"type": "object", "required": ["a", "b"], "properties": {"a": {"$ref": "#/$defs/d%d"}, "b": {"$ref": "#/$defs/d%d"}}}`, i, i+1, i+1)
		}), n, last)
	}
	nested := func(keyword, members string, n, deep int, leaf string) string {
		return strings.Repeat(fmt.Sprintf(`{%q: %d, %q: `, keyword, n, members), deep) + leaf + strings.Repeat("}", deep)
	}
	array := func(n int, leaf string) string {
		return strings.ReplaceAll(nested("minItems", "items", n, 4, leaf), `{"minItems"`, `{"type": "array", "minItems"`)
	}
	object := func(n int, leaf string) string {
		return strings.ReplaceAll(nested("minProperties", "additionalProperties", n, 4, leaf), `{"minProperties"`, `{"type": "object", "minProperties"`)
	}
	large := `{"type": "array", "minItems": 3000, "uniqueItems": true, "items": {"type": "object", "required": ["k", "n"], "properties": {"k": {"const": "` + strings.Repeat("k", 400_000) + `"}, "n": {"type": %q}}}}`
	return []hostile{
		{name: "2^40 parts", old: twice(40, `{"type": "integer"}`), newer: twice(40, `{"type": ["integer", "null"]}`), backward: Compatible, forward: Incompatible},
		{name: "10^12 items", old: array(1000, `{"type": "integer"}`), newer: array(1000, `{"type": "number"}`), backward: Compatible, forward: Incompatible},
		{name: "10^12 items or none", old: array(1000, `{"type": "integer"}`), newer: `{"type": "null"}`, backward: Incompatible, forward: Incompatible},
		{name: "10^12 properties", old: object(1000, `{"type": "integer"}`), newer: object(1000, `{"type": "number"}`), backward: Compatible, forward: Incompatible},
		{name: "3,000 large items", old: fmt.Sprintf(large, "integer"), newer: fmt.Sprintf(large, "number"), backward: Compatible, forward: Incompatible},
		{name: "deeper than events may be", old: twice(230, `false`), newer: strings.Replace(twice(230, `false`), `["a", "b"]`, `["a"]`, 1), backward: Compatible, forward: Compatible},
	}
}

// TestHostileEvolutions holds that schemas that are made to cost much are answered within
// bounds, by what is true or by "unknown".
func TestHostileEvolutions(t *testing.T) {
	var list []hostile
	for _, some := range [][]hostile{hostileRecursions(), hostileUnions(), hostileSizes(), hostileValues(), hostileNumbers(), hostilePatterns(), hostileWitnesses()} {
		list = append(list, some...)
	}
	for _, h := range list {
		t.Run(h.name, func(t *testing.T) {
			old, newer := h.compile(t, h.old), h.compile(t, h.newer)
			for _, half := range []evolutionHalf{{Backward, h.backward, old, newer, nil}, {Forward, h.forward, newer, old, nil}} {
				got, bytes := compareBounded(t, half.level(), newer, old)
				t.Logf("%s: %s, %d KB, %s", half.direction, got.Answer, bytes>>10, firstConstruct(got))
				if bytes > hostileMemory {
					t.Errorf("%s took %d MB", half.direction, bytes>>20)
				}
				if got.Answer != Undecided && half.want != Undecided && got.Answer != half.want {
					t.Errorf("%s is %s, and %s is true", half.direction, got.Answer, half.want)
				}
				if len(shown(got)) > 4<<20 {
					t.Errorf("%s: the answer has %d bytes", half.direction, len(shown(got)))
				}
				for _, b := range got.Breaks {
					if !accepts(t, half.from, b.Witness) || accepts(t, half.to, b.Witness) {
						t.Errorf("%s: the witness of %d bytes shows nothing", half.direction, len(b.Witness))
					}
				}
			}
		})
	}
}

func firstConstruct(c Comparison) string {
	if len(c.Doubts) == 0 {
		return "no doubt"
	}
	return c.Doubts[0].Construct + ": " + c.Doubts[0].Message
}

// compile compiles one side. What Compile refuses for its cost is compiled without that
// bound, since Compare must stand it all the same.
func (h hostile) compile(t *testing.T, document string) *Schema {
	t.Helper()
	s, err := Compile([]byte(document), Options{})
	if err != nil {
		t.Logf("refused ordinarily: %v", err)
		if s, err = Compile([]byte(document), Options{noBudget: true}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// compareBounded compares, says how much memory that took in all, and fails the test
// where it hangs.
func compareBounded(t *testing.T, level Level, newer, older *Schema) (Comparison, uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hostileTime)
	defer cancel()
	done := make(chan Comparison, 1)
	before := allocatedSoFar()
	go func() { done <- Compare(level, newer, older) }()
	select {
	case c := <-done:
		return c, allocatedSoFar() - before
	case <-ctx.Done():
		t.Fatalf("no answer in %s", hostileTime)
		return Comparison{}, 0
	}
}

// allocatedSoFar is how many bytes the process has allocated since it began.
func allocatedSoFar() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
