package schemas

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// schemaMaker makes random schemas of all the keywords that the checker knows, and of some
// that it leaves to the library. What it makes is small and dense: few names, values and
// bounds, so that schemas at one place speak of the same things.
type schemaMaker struct {
	rng     *rand.Rand
	draft   int // 4, 6, 7, 2019 or 2020
	names   []string
	texts   []string
	defs    []string // of $defs
	left    int      // schemas that may still be made
	dynamic bool
}

// object is a JSON object of a schema.
type object = map[string]any

// draftNames are what $schema says of each draft.
var draftNames = map[int]string{
	4:    "http://json-schema.org/draft-04/schema#",
	6:    "http://json-schema.org/draft-06/schema#",
	7:    "http://json-schema.org/draft-07/schema#",
	2019: "https://json-schema.org/draft/2019-09/schema",
	2020: "https://json-schema.org/draft/2020-12/schema",
}

// randomSchema makes a schema document.
func randomSchema(rng *rand.Rand) []byte {
	g := &schemaMaker{rng: rng, left: 4 + rng.IntN(24)}
	g.draft = []int{4, 6, 7, 2019, 2020, 2020, 7}[rng.IntN(7)]
	g.dynamic = g.draft >= 2019 && rng.IntN(40) == 0
	for range 3 + rng.IntN(6) {
		g.names = append(g.names, pick(rng, allNames))
	}
	if rng.IntN(2) == 0 { // the ordinary case
		g.names = allNames[:3+rng.IntN(8)]
	}
	for range 3 + rng.IntN(5) {
		g.texts = append(g.texts, pick(rng, allTexts))
	}
	for i := range rng.IntN(4) {
		g.defs = append(g.defs, fmt.Sprintf("d%d", i))
	}
	root, ok := g.schema(4).(object)
	if !ok || rng.IntN(3) == 0 && root["type"] == nil {
		root = g.objects(object{"type": "object"}, 4)
	}
	if len(g.defs) > 0 {
		defs := object{}
		for _, name := range g.defs {
			g.left = max(g.left, 4)
			defs[name] = g.schema(2)
		}
		root[g.defsWord()] = defs
	}
	if ref, ok := root["$ref"]; ok && g.draft < 2019 {
		delete(root, "$ref") // what stands beside it would be ignored, $schema too
		root["allOf"] = []any{object{"$ref": ref}}
	}
	root["$schema"] = draftNames[g.draft]
	if g.dynamic {
		g.makeDynamic(root)
	}
	document, err := json.Marshal(root)
	if err != nil {
		panic(err)
	}
	return document
}

func (g *schemaMaker) makeDynamic(root object) {
	if g.draft == 2019 {
		root["$recursiveAnchor"] = true
		return
	}
	root["$dynamicAnchor"] = "node"
}

func (g *schemaMaker) defsWord() string {
	if g.draft < 2019 {
		return "definitions"
	}
	return "$defs"
}

func pick[T any](rng *rand.Rand, list []T) T { return list[rng.IntN(len(list))] }

// one is true once in n times.
func (g *schemaMaker) one(n int) bool { return g.rng.IntN(n) == 0 }

// schema makes a schema that is depth deep at most.
func (g *schemaMaker) schema(depth int) any {
	if g.left--; g.left < 0 || depth <= 0 {
		return g.leaf()
	}
	s := object{}
	switch n := g.rng.IntN(20); {
	case n < 1 && g.draft > 4:
		return g.one(2)
	case n < 2:
		return s
	case n < 4:
		g.reference(s)
		if !g.one(3) {
			return s
		}
		g.facet(s, depth)
	case n < 6:
		g.idiom(s, depth)
	case n < 10:
		return g.objects(s, depth)
	default:
		g.facet(s, depth)
	}
	for g.one(3) {
		g.facet(s, depth)
	}
	return s
}

// leaf is a schema without others in it.
func (g *schemaMaker) leaf() any {
	s := object{}
	switch g.rng.IntN(7) {
	case 0:
		s["type"] = g.types()
	case 6:
		g.alone(s)
	case 1:
		s["enum"] = g.values(1 + g.rng.IntN(3))
	case 2:
		g.numbers(s)
	case 3:
		g.strings(s)
	case 4:
		if g.draft > 4 {
			s["const"] = g.value(1)
		}
	default:
		if len(g.defs) > 0 {
			g.reference(s)
		}
	}
	return s
}

// alone adds one keyword.
func (g *schemaMaker) alone(s object) {
	switch keyword := pick(g.rng, []string{"minProperties", "maxProperties", "minItems", "maxItems", "minLength", "maxLength", "required", "uniqueItems", "format", "pattern", "minimum", "not"}); keyword {
	case "required":
		s[keyword] = g.someNames(2)
	case "uniqueItems":
		s[keyword] = true
	case "format":
		s[keyword] = pick(g.rng, allFormats)
	case "pattern":
		s[keyword] = g.pattern()
	case "minimum":
		s[keyword] = g.number()
	case "not":
		s[keyword] = object{}
	default:
		s[keyword] = g.rng.IntN(3)
	}
}

// facet adds keywords of one kind.
func (g *schemaMaker) facet(s object, depth int) {
	switch n := g.rng.IntN(20); {
	case n < 2:
		s["type"] = g.types()
	case n < 3:
		s["enum"] = g.values(1 + g.rng.IntN(4))
	case n < 4:
		if g.draft > 4 {
			s["const"] = g.value(1)
		}
	case n < 6:
		g.numbers(s)
	case n < 8:
		g.strings(s)
	case n < 11:
		g.objects(s, depth)
	case n < 13:
		g.arrays(s, depth)
	case n < 17:
		g.combine(s, depth)
	case n < 18:
		g.idiom(s, depth)
	case n < 19 && g.draft >= 2019 && g.one(2):
		g.unevaluated(s, depth)
	case n < 19:
		g.aboutNames(s, depth)
	default:
		g.rare(s, depth)
	}
}

var typeNames = []string{"null", "boolean", "integer", "number", "string", "array", "object"}

func (g *schemaMaker) types() any {
	if !g.one(4) {
		return pick(g.rng, typeNames)
	}
	list := g.rng.Perm(len(typeNames))[:1+g.rng.IntN(4)]
	names := make([]string, len(list))
	for i, k := range list {
		names[i] = typeNames[k]
	}
	return names
}

func (g *schemaMaker) number() json.Number {
	if g.one(3) {
		return json.Number(pick(g.rng, allNumbers))
	}
	return json.Number(pick(g.rng, allNumbers[:26]))
}

// value is one of a const or enum.
func (g *schemaMaker) value(depth int) any {
	switch n := g.rng.IntN(14); {
	case n < 6:
		return g.text()
	case n < 9:
		return g.number()
	case n < 10:
		return nil
	case n < 12:
		return g.one(2)
	case depth > 0 && n < 13 && g.one(2):
		return object{pick(g.rng, g.names): g.value(depth - 1)}
	case depth > 0 && g.one(2):
		return []any{g.value(depth - 1), g.value(depth - 1)}[:g.rng.IntN(3)]
	default:
		return g.text()
	}
}

func (g *schemaMaker) text() string {
	if g.one(4) {
		return pick(g.rng, g.names)
	}
	return pick(g.rng, g.texts)
}

func (g *schemaMaker) values(n int) []any {
	var list []any
	if g.one(12) { // more than are compared one by one
		for i := range 12 {
			list = append(list, fmt.Sprintf("k%d", i))
		}
	}
	if g.one(4) {
		for range n {
			list = append(list, g.text())
		}
	}
	for range n {
		list = append(list, g.value(1))
	}
	return unrepeated(list)
}

// unrepeated drops what is in a list twice, as enum must not.
func unrepeated(list []any) []any {
	seen, out := map[string]bool{}, list[:0]
	for _, v := range list {
		if key := string(jsonread.AppendKey(nil, v)); !seen[key] {
			seen[key] = true
			out = append(out, v)
		}
	}
	return out
}

func (g *schemaMaker) numbers(s object) {
	if g.one(2) {
		s["type"] = pick(g.rng, []string{"integer", "number"})
	}
	for _, side := range []string{"minimum", "maximum"} {
		if !g.one(2) {
			continue
		}
		exclusive := "exclusiveM" + side[1:]
		switch g.rng.IntN(4) {
		case 0:
			if s[side] = g.number(); g.draft == 4 {
				s[exclusive] = g.one(2)
			}
		case 1:
			if g.draft > 4 {
				s[exclusive] = g.number()
			}
		default:
			s[side] = g.number()
		}
	}
	if g.one(3) {
		n := g.number()
		if strings.Trim(strings.TrimLeft(string(n), "-"), "0.e") == "" || n[0] == '-' {
			n = "0.25"
		}
		s["multipleOf"] = n
	}
}

func (g *schemaMaker) strings(s object) {
	if g.one(2) {
		s["type"] = "string"
	}
	if g.one(4) {
		s["minLength"] = g.rng.IntN(5)
	}
	if g.one(4) {
		s["maxLength"] = g.rng.IntN(6)
	}
	if g.one(2) {
		s["pattern"] = g.pattern()
	}
	if g.one(2) {
		s["format"] = pick(g.rng, allFormats)
	}
}

func (g *schemaMaker) pattern() string {
	if !g.one(3) {
		return pick(g.rng, allPatterns)
	}
	source := randomPattern(g.rng, 1)
	if !g.one(3) {
		source = "^" + source
	}
	if g.one(2) {
		source += "$"
	}
	return source
}

// objects adds what is said of the members of an object.
func (g *schemaMaker) objects(s object, depth int) object {
	if g.one(3) {
		s["type"] = "object"
	}
	if !g.one(4) {
		properties := object{}
		for range 1 + g.rng.IntN(4) {
			properties[pick(g.rng, g.names)] = g.schema(depth - 1)
		}
		if g.one(40) {
			g.manyProperties(s, properties)
		}
		s["properties"] = properties
	}
	if g.one(3) && s["required"] == nil {
		s["required"] = g.someNames(3)
	}
	if g.one(4) {
		s["additionalProperties"] = g.closing(depth)
	}
	if g.one(5) {
		patterns := object{}
		for range 1 + g.rng.IntN(3) {
			patterns[g.pattern()] = g.schema(depth - 1)
		}
		s["patternProperties"] = patterns
	}
	if g.one(8) {
		s["minProperties"] = g.rng.IntN(4)
	}
	if g.one(8) {
		s["maxProperties"] = g.rng.IntN(5)
	}
	return s
}

// manyProperties adds more properties than a word has bits.
func (g *schemaMaker) manyProperties(s, properties object) {
	n := 60 + g.rng.IntN(140)
	for i := range n {
		properties[fmt.Sprintf("p%d", i)] = object{}
	}
	name := func() string { return fmt.Sprintf("p%d", g.rng.IntN(n)) }
	for range 4 {
		properties[name()] = g.leaf()
	}
	if g.one(2) {
		s["required"] = unrepeated([]any{name(), name(), name()})
	}
	if g.one(3) && g.draft >= 2019 {
		s["dependentRequired"] = object{name(): unrepeated([]any{name(), name()}), name(): []any{name()}}
	}
}

// closing is what additionalProperties and the like say.
func (g *schemaMaker) closing(depth int) any {
	if !g.one(3) {
		return !g.one(5)
	}
	if g.one(2) {
		return false
	}
	return g.schema(depth - 1)
}

// someNames are up to n different names, and at least one.
func (g *schemaMaker) someNames(n int) []any {
	var list []any
	for range 1 + g.rng.IntN(n) {
		list = append(list, pick(g.rng, g.names))
	}
	return unrepeated(list)
}

// aboutNames adds what depends on the names of members.
func (g *schemaMaker) aboutNames(s object, depth int) {
	dependent := func(sub bool) object {
		m := object{}
		for range 1 + g.rng.IntN(2) {
			if sub {
				m[pick(g.rng, g.names)] = g.schema(depth - 1)
			} else {
				m[pick(g.rng, g.names)] = g.someNames(2)
			}
		}
		return m
	}
	switch {
	case g.draft > 4 && g.one(2):
		s["propertyNames"] = g.schema(min(depth-1, 1))
	case g.draft < 2019:
		m := dependent(g.one(2))
		for name, v := range dependent(g.one(2)) {
			m[name] = v
		}
		s["dependencies"] = m
	case g.one(2):
		s["dependentRequired"] = dependent(false)
	default:
		s["dependentSchemas"] = dependent(true)
	}
}

func (g *schemaMaker) arrays(s object, depth int) {
	if g.one(3) {
		s["type"] = "array"
	}
	tuple := func() []any {
		list := make([]any, 1+g.rng.IntN(3))
		for i := range list {
			list[i] = g.schema(depth - 1)
		}
		return list
	}
	switch {
	case g.one(3) && g.draft == 2020:
		s["prefixItems"] = tuple()
		if g.one(2) {
			s["items"] = g.closing(depth)
		}
	case g.one(3) && g.draft < 2020:
		s["items"] = tuple()
		if g.one(2) {
			s["additionalItems"] = g.closing(depth)
		}
	case g.one(12) && g.draft < 2020:
		s["additionalItems"] = g.closing(depth)
	case !g.one(3):
		s["items"] = g.schema(depth - 1)
	}
	if g.draft == 4 {
		if items, ok := s["items"].(bool); ok {
			s["items"] = object{"not": object{}}
			if items {
				s["items"] = object{}
			}
		}
	}
	if g.one(5) {
		s["minItems"] = g.rng.IntN(4)
	}
	if g.one(5) {
		s["maxItems"] = g.rng.IntN(5)
	}
	if g.one(5) {
		s["uniqueItems"] = !g.one(6)
	}
	if g.one(25) && g.draft > 4 {
		var list []any
		for range 2 + g.rng.IntN(6) {
			list = append(list, object{"contains": g.leaf()})
		}
		s["allOf"] = list
	}
	if g.one(4) && g.draft > 4 {
		s["contains"] = g.schema(depth - 1)
		if g.draft >= 2019 {
			if g.one(2) {
				s["minContains"] = g.rng.IntN(3)
			}
			if g.one(2) {
				s["maxContains"] = g.rng.IntN(3)
			}
		}
	}
}
