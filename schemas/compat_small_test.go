package schemas

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
)

// smallVariable says how many pairs are compared in each small world.
const smallVariable = "LAZARET_SMALL_PAIRS"

// world is a few values, of which all are tried, and schemas that tell them apart. Random
// events seldom come near to what makes an answer wrong; here nothing can hide.
type world struct {
	name   string
	values []any
	schema func(rng *rand.Rand, depth int) any
	// document makes the whole document; nil: schema does.
	document func(rng *rand.Rand) any
}

func smallWorlds() []world {
	return []world{
		{name: "objects", values: smallObjects(), schema: objectSchema},
		{name: "arrays", values: smallArrays(), schema: arraySchema},
		{name: "strings", values: smallStrings(), schema: stringSchema},
		{name: "numbers", values: smallNumbers(), schema: numberSchema},
		{name: "recursion", values: smallTrees(), document: recursiveDocument},
		{name: "trees", values: treeValues(), document: treeDocument},
		{name: "drafts", values: draftValues(), document: draftDocument},
	}
}

// In worlds that are small enough to look at every value, no "compatible" is wrong.
func TestCompareInSmallWorlds(t *testing.T) {
	pairs := 4_000 / raceShare
	if n, set := asked(t, smallVariable); set {
		pairs = n
	}
	for _, w := range smallWorlds() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			answers := map[Answer]int{}
			for number := range pairs {
				rng := rand.New(rand.NewPCG(uint64(number), 77))
				answer, problem := w.compare(rng)
				if problem != "" {
					t.Fatalf("pair %d: %s", number, problem)
				}
				answers[answer]++
			}
			t.Logf("%d values; %v", len(w.values), answers)
			if answers[Compatible] < pairs/50 || answers[Incompatible] < pairs/50 || answers[Undecided] > pairs/20 {
				t.Errorf("too one-sided, or too often unknown: %v", answers)
			}
		})
	}
}

func (w *world) compare(rng *rand.Rand) (Answer, string) {
	make := w.document
	if make == nil {
		make = func(rng *rand.Rand) any { return w.schema(rng, 3) }
	}
	one := make(rng)
	other := make(rng)
	if obj, ok := one.(object); ok && w.document != nil && rng.IntN(2) == 0 { // something that hardly anything is
		c := copied(obj).(object)
		c["required"] = []any{"a", "b", "c"}
		if other = c; rng.IntN(2) == 0 {
			other = object{"type": "null"}
		}
	} else if ok && rng.IntN(3) > 0 { // near to the first
		c := copied(obj).(object)
		e := &schemaEditor{rng: rng}
		e.gather(c)
		e.parts = append(e.parts, e.all...)
		if w.document == nil {
			e.parts = append(e.parts, object{"allOf": []any{w.schema(rng, 1)}})
		}
		e.edit(pick(rng, e.all))
		other = c
	}
	a, b := compiled(one), compiled(other)
	if a == nil || b == nil {
		return "", ""
	}
	got := Compare(LevelBackward, b, a)
	for _, brk := range got.Breaks {
		if !good(a, brk.Witness) || good(b, brk.Witness) {
			return "", fmt.Sprintf("%s is no witness", brk.Witness)
		}
	}
	if got.Answer != Compatible {
		return got.Answer, ""
	}
	old, next := a.nodes().root, b.nodes().root
	for _, v := range w.values {
		if old.Holds(v) && !next.Holds(v) {
			event, _ := json.Marshal(v)
			if good(a, event) && !good(b, event) {
				return "", fmt.Sprintf("said to be compatible, but for %s:\nold %s\nnew %s", event, a.source.documents[rootURL].data, b.source.documents[rootURL].data)
			}
		}
	}
	return Compatible, ""
}

// compiled is nil for what does not compile.
func compiled(v any) *Schema {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	s, err := Compile(data, Options{})
	if err != nil {
		return nil
	}
	return s
}

func num(i int) json.Number { return json.Number(strconv.Itoa(i)) }

// combined puts schemas together in the ways that there are.
func combined(rng *rand.Rand, depth int, leaf func() any, again func(rng *rand.Rand, depth int) any) any {
	if depth == 0 || rng.IntN(3) == 0 {
		return leaf()
	}
	sub := func() any { return again(rng, depth-1) }
	list := func() []any {
		l := []any{sub(), sub()}
		if rng.IntN(3) == 0 {
			l = append(l, sub())
		}
		return l
	}
	s, ok := leaf().(object)
	if !ok || rng.IntN(2) == 0 {
		s = object{}
	}
	switch rng.IntN(6) {
	case 0:
		s["allOf"] = list()
	case 1, 2:
		s["anyOf"] = list()
	case 3:
		s["oneOf"] = list()
	case 4:
		s["not"] = sub()
	case 5:
		s["if"], s["then"], s["else"] = sub(), sub(), sub()
	}
	return s
}

var smallNames = []string{"a", "b", "ab", "ba", "c"}

// smallObjects are all objects of up to three members out of few.
func smallObjects() (list []any) {
	values := []any{num(0), num(1)}
	var extend func(obj object, from, left int)
	extend = func(obj object, from, left int) {
		list = append(list, obj)
		if left == 0 {
			return
		}
		for i := from; i < len(smallNames); i++ {
			for _, v := range values {
				next := object{smallNames[i]: v}
				for k, w := range obj {
					next[k] = w
				}
				extend(next, i+1, left-1)
			}
		}
	}
	extend(object{}, 0, 3)
	return list
}

func smallValueSchema(rng *rand.Rand) any {
	return pick(rng, []any{true, false, false, object{"const": num(0)}, object{"const": num(1)}, object{"not": object{"const": num(0)}}, object{"not": object{"const": num(1)}}})
}

func objectSchema(rng *rand.Rand, depth int) any {
	patterns := []string{"a", "b", "^a", "a$", "^a$", "^[ab]$", "^.$", "..", "^ab?$", "c"}
	leaf := func() any {
		s := object{"type": "object"}
		for range 1 + rng.IntN(3)*rng.IntN(2) {
			switch rng.IntN(9) {
			case 0:
				s["properties"] = object{pick(rng, smallNames): smallValueSchema(rng), pick(rng, smallNames): smallValueSchema(rng)}
			case 1, 2:
				s["patternProperties"] = object{pick(rng, patterns): smallValueSchema(rng)}
				if rng.IntN(2) == 0 {
					s["patternProperties"].(object)[pick(rng, patterns)] = smallValueSchema(rng)
				}
			case 3:
				s["additionalProperties"] = smallValueSchema(rng)
			case 4:
				s["propertyNames"] = pick(rng, []any{object{"pattern": pick(rng, patterns)}, object{"enum": []any{pick(rng, smallNames), pick(rng, smallNames)}}, object{"maxLength": num(1)}, object{"not": object{"pattern": pick(rng, patterns)}}})
			case 5:
				s["required"] = []any{pick(rng, smallNames)}
			case 6:
				s["maxProperties"] = num(rng.IntN(4))
			case 7:
				s["minProperties"] = num(rng.IntN(4))
			case 8:
				s[pick(rng, []string{"dependentSchemas"})] = object{pick(rng, smallNames): object{"required": []any{pick(rng, smallNames)}}}
			}
		}
		if rng.IntN(8) == 0 {
			s["unevaluatedProperties"] = smallValueSchema(rng)
		}
		return s
	}
	return combined(rng, depth, leaf, objectSchema)
}

// smallArrays are all arrays of up to four items out of three.
func smallArrays() (list []any) {
	values := []any{num(0), num(1), "x"}
	var extend func(arr []any, left int)
	extend = func(arr []any, left int) {
		list = append(list, arr)
		if left == 0 {
			return
		}
		for _, v := range values {
			extend(append(append([]any{}, arr...), v), left-1)
		}
	}
	extend([]any{}, 4)
	return list
}

func arraySchema(rng *rand.Rand, depth int) any {
	item := func() any {
		return pick(rng, []any{true, object{"const": num(0)}, object{"const": num(1)}, object{"type": "string"}, object{"type": "integer"}, object{"enum": []any{num(0), "x"}}, object{"not": object{"const": num(1)}}})
	}
	leaf := func() any {
		s := object{"type": "array"}
		for range 1 + rng.IntN(3) {
			switch rng.IntN(8) {
			case 0:
				s["items"] = item()
			case 1:
				s["prefixItems"] = []any{item(), item()}[:1+rng.IntN(2)]
			case 2, 3:
				s["contains"] = item()
				if rng.IntN(2) == 0 {
					s["minContains"] = num(rng.IntN(4))
				}
				if rng.IntN(2) == 0 {
					s["maxContains"] = num(rng.IntN(3))
				}
			case 4:
				s["minItems"] = num(rng.IntN(4))
			case 5:
				s["maxItems"] = num(rng.IntN(4))
			case 6:
				s["uniqueItems"] = true
			case 7:
				s["unevaluatedItems"] = item()
			}
		}
		return s
	}
	return combined(rng, depth, leaf, arraySchema)
}

// smallStrings are all strings of up to four letters out of five.
func smallStrings() (list []any) {
	var extend func(s string, left int)
	extend = func(s string, left int) {
		list = append(list, s)
		if left > 0 {
			for _, r := range "ab_ü\n" {
				extend(s+string(r), left-1)
			}
		}
	}
	extend("", 4)
	for r := rune(0); r < 0x250; r++ {
		list = append(list, string(r))
	}
	return list
}

func stringSchema(rng *rand.Rand, depth int) any {
	leaf := func() any {
		s := object{"type": "string"}
		for range 1 + rng.IntN(2) {
			switch rng.IntN(5) {
			case 0, 1:
				s["pattern"] = smallPattern(rng, 3)
			case 2:
				s["minLength"] = num(rng.IntN(5))
			case 3:
				s["maxLength"] = num(rng.IntN(5))
			case 4:
				s["enum"] = []any{"a", "ab", "ü", ""}[rng.IntN(3):]
			}
		}
		return s
	}
	return combined(rng, depth, leaf, stringSchema)
}

func smallPattern(rng *rand.Rand, depth int) string {
	if depth == 3 && rng.IntN(3) == 0 { // texts of some letters
		return fmt.Sprintf(`^[%s\x00-\x{%x}%s]%s$`, pick(rng, []string{"", "^"}), 0x20+rng.IntN(0x100), pick(rng, []string{"é", "", "ü", "éü"}), pick(rng, []string{"*", "+", "", "{2}"}))
	}
	if depth == 0 || rng.IntN(3) == 0 {
		lo := rng.IntN(0x100) * rng.IntN(2)
		ranged := fmt.Sprintf(`[%s\x{%x}-\x{%x}é]`, pick(rng, []string{"", "^"}), lo, lo+rng.IntN(0x100))
		return pick(rng, []string{"a", "b", "[ab]", "[^a]", ".", `\w`, `\W`, "ü", "(?i)A", ranged, ranged, `(?s).`, `\pL`})
	}
	sub := func() string { return smallPattern(rng, depth-1) }
	switch rng.IntN(8) {
	case 0, 1:
		return sub() + sub()
	case 2:
		return "(" + sub() + "|" + sub() + ")"
	case 3:
		return "(?:" + sub() + ")" + pick(rng, []string{"*", "+", "?", "{2}", "{1,2}"})
	case 4:
		return "^" + sub()
	case 5:
		return sub() + "$"
	case 6:
		return "^" + sub() + "$"
	}
	return pick(rng, []string{`\b`, `\B`, "(?m)^", "(?m)$"}) + sub()
}

// smallNumbers are the twentieths around zero.
func smallNumbers() (list []any) {
	for i := -200; i <= 200; i++ {
		list = append(list, json.Number(strconv.FormatFloat(float64(i)/20, 'f', -1, 64)))
	}
	return list
}

func numberSchema(rng *rand.Rand, depth int) any {
	leaf := func() any {
		s := object{"type": pick(rng, []string{"number", "number", "integer"})}
		bound := func() json.Number {
			return json.Number(strconv.FormatFloat(float64(rng.IntN(33)-16)/4, 'f', -1, 64))
		}
		for range 1 + rng.IntN(2) {
			switch rng.IntN(6) {
			case 0:
				s["minimum"] = bound()
			case 1:
				s["maximum"] = bound()
			case 2:
				s["exclusiveMinimum"] = bound()
			case 3:
				s["exclusiveMaximum"] = bound()
			case 4:
				s["multipleOf"] = json.Number(pick(rng, []string{"1", "2", "3", "0.5", "0.25", "1.5", "0.1"}))
			case 5:
				s["enum"] = []any{num(0), num(1), bound(), bound()}
			}
		}
		return s
	}
	return combined(rng, depth, leaf, numberSchema)
}

// smallTrees are all chains of the members a and b, up to four deep, all pairs of them, and
// some trees.
func smallTrees() (list []any) {
	chains := []any{num(0)}
	for from, deep := 0, 0; deep < 4; deep++ {
		until := len(chains)
		for _, v := range chains[from:until] {
			chains = append(chains, object{"a": v}, object{"b": v})
		}
		from = until
	}
	list = append(list, chains...)
	list = append(list, num(1), object{}, object{"a": num(1)}, object{"b": num(1)})
	for _, v := range chains {
		for _, w := range chains {
			list = append(list, object{"a": v, "b": w})
		}
	}
	for i := 40; i < 300; i++ {
		list = append(list, object{"a": list[i]}, object{"b": list[i]})
	}
	return list
}

// recursiveDocument is a web of definitions that refer to each other.
func recursiveDocument(rng *rand.Rand) any {
	count := 2 + rng.IntN(4)
	ref := func() any {
		if rng.IntN(4) == 0 {
			return pick(rng, []any{object{"const": num(0)}, object{"type": "integer"}, object{"type": "object"}, true, false})
		}
		return object{"$ref": fmt.Sprintf("#/$defs/d%d", rng.IntN(count))}
	}
	shape := func() any {
		s := object{"type": "object"}
		props := object{}
		for _, name := range []string{"a", "b"} {
			if rng.IntN(3) > 0 {
				props[name] = ref()
			}
		}
		s["properties"] = props
		switch rng.IntN(4) {
		case 0:
			s["required"] = []any{"a"}
		case 1:
			s["required"] = []any{"b"}
		case 2:
			s["required"] = []any{"a", "b"}
		}
		if rng.IntN(2) == 0 {
			s["additionalProperties"] = pick(rng, []any{false, ref()})
		}
		return s
	}
	defs := object{}
	wrapped := rng.IntN(2) == 0 // each definition is some wrapping of others
	wrap := func() any {
		name := pick(rng, []string{"a", "b"})
		return object{"type": "object", "required": []any{name}, "properties": object{name: object{"$ref": fmt.Sprintf("#/$defs/d%d", rng.IntN(count))}}}
	}
	for i := range count {
		if wrapped {
			d := []any{wrap(), wrap(), object{"type": "object", "required": []any{"a"}, "properties": object{"a": object{"type": "integer"}}}}
			defs[fmt.Sprintf("d%d", i)] = object{"anyOf": d[rng.IntN(2):][:1+rng.IntN(2)]}
			continue
		}
		var d any = shape()
		if rng.IntN(2) == 0 {
			d = object{pick(rng, []string{"anyOf", "anyOf", "oneOf"}): []any{shape(), pick(rng, []any{shape(), object{"const": num(rng.IntN(2))}, object{"type": "integer"}})}}
		}
		defs[fmt.Sprintf("d%d", i)] = d
	}
	root := object{"$ref": "#/$defs/d0"}
	if rng.IntN(3) > 0 {
		root = object{"type": "object", "required": []any{"a", "b"}, "properties": object{"a": ref(), "b": ref()}}
	}
	root["$defs"] = defs
	return root
}
