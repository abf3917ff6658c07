package schemas

import (
	"encoding/json"
	"math/big"
	"regexp/syntax"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Bounds on the events that a schema is tried against.
const (
	trialVariants = 8        // rounds through the branches of unions
	trialValues   = 1_000    // values in one event
	trialText     = 64 << 10 // bytes of the strings in one event
	trialDeep     = 60       // nesting of the deep events
	trialShallow  = 6        // nesting of the others
	trialWide     = 200      // items of an array in the wide events
	trialLong     = 4_096    // bytes of a string in the wide events
)

// generator makes events after a schema: near enough to valid that checking them goes
// deep into the schema, and then spoiled in one way or another. It is deterministic.
type generator struct {
	branch int  // which branch of each union to follow
	depth  int  // how deep to go
	wide   bool // long arrays and strings
	spoil  bool // put values of the wrong type at the leaves
	left   int  // values that may still be made
	text   int  // bytes of strings that may still be made
}

// trialEvents returns the events that a schema is tried against.
func trialEvents(root *jsonschema.Schema) []any {
	var events []any
	for branch := range trialVariants {
		for _, g := range []generator{
			{depth: trialShallow}, {depth: trialShallow, spoil: true}, {depth: trialDeep, spoil: true},
			{depth: trialShallow, wide: true}, {depth: trialShallow, wide: true, spoil: true},
		} {
			g.branch, g.left, g.text = branch, trialValues, trialText
			events = append(events, g.value([]*jsonschema.Schema{root}, 0))
		}
	}
	return append(events, nil, false, json.Number("0"), "", []any{}, map[string]any{})
}

// view is what several schemas say together of one value.
type view struct {
	types      *jsonschema.Types
	values     []any
	properties map[string][]*jsonschema.Schema
	required   map[string]bool
	others     []*jsonschema.Schema // additionalProperties and the like
	prefix     []*jsonschema.Schema
	items      []*jsonschema.Schema
	pattern    string
	format     string
	minLength  int
	minItems   int
	minimum    *big.Rat
}

// value makes a value for all the schemas together.
func (g *generator) value(list []*jsonschema.Schema, depth int) any {
	if g.left--; g.left < 0 || depth > g.depth {
		return nil
	}
	v := &view{properties: map[string][]*jsonschema.Schema{}, required: map[string]bool{}}
	budget := 200
	for _, s := range list {
		g.gather(v, s, &budget)
	}
	if len(v.values) > 0 && !g.spoil {
		return v.values[g.branch%len(v.values)]
	}
	switch kind := g.kind(v); kind {
	case "object":
		return g.object(v, depth)
	case "array":
		return g.array(v, depth)
	default:
		return g.scalar(v, kind)
	}
}

// gather adds what a schema says, following references and one branch of each union.
func (g *generator) gather(v *view, s *jsonschema.Schema, budget *int) {
	if *budget--; s == nil || *budget < 0 {
		return
	}
	v.add(s)
	next := append([]*jsonschema.Schema{s.Ref, s.RecursiveRef, s.If, s.Then}, s.AllOf...)
	if s.DynamicRef != nil {
		next = append(next, s.DynamicRef.Ref)
	}
	for _, union := range [][]*jsonschema.Schema{s.OneOf, s.AnyOf} {
		if len(union) > 0 {
			next = append(next, union[g.branch%len(union)])
		}
	}
	for _, sub := range next {
		g.gather(v, sub, budget)
	}
}

func (v *view) add(s *jsonschema.Schema) {
	if s.Types != nil && v.types == nil {
		v.types = s.Types
	}
	if s.Const != nil && v.values == nil {
		v.values = []any{*s.Const}
	}
	if s.Enum != nil && v.values == nil {
		v.values = s.Enum.Values
	}
	for name, sub := range s.Properties {
		v.properties[name] = append(v.properties[name], sub)
	}
	for _, name := range s.Required {
		v.required[name] = true
	}
	for _, p := range sortedPatterns(s) {
		name := sample(p.pattern.String())
		v.properties[name] = append(v.properties[name], p.schema)
	}
	v.others = append(v.others, asSchemas(s.AdditionalProperties)...)
	if s.UnevaluatedProperties != nil {
		v.others = append(v.others, s.UnevaluatedProperties)
	}
	if s.PrefixItems != nil {
		v.prefix = s.PrefixItems
	}
	if tuple, ok := s.Items.([]*jsonschema.Schema); ok {
		v.prefix = tuple
		v.items = append(v.items, asSchemas(s.AdditionalItems)...)
	} else {
		v.items = append(v.items, asSchemas(s.Items)...)
	}
	for _, sub := range []*jsonschema.Schema{s.Items2020, s.Contains} {
		if sub != nil {
			v.items = append(v.items, sub)
		}
	}
	v.addScalars(s)
}

func (v *view) addScalars(s *jsonschema.Schema) {
	if s.Pattern != nil {
		v.pattern = s.Pattern.String()
	}
	if s.Format != nil {
		v.format = s.Format.Name
	}
	if s.MinLength != nil {
		v.minLength = min(*s.MinLength, trialLong)
	}
	if s.MinItems != nil {
		v.minItems = min(*s.MinItems, trialWide)
	}
	if s.Minimum != nil {
		v.minimum = s.Minimum
	}
}

// kind chooses the type of the value.
func (g *generator) kind(v *view) string {
	if v.types != nil {
		names := v.types.ToStrings()
		return names[g.branch%len(names)]
	}
	switch {
	case len(v.properties)+len(v.required)+len(v.others) > 0:
		return "object"
	case len(v.items)+len(v.prefix) > 0:
		return "array"
	default:
		return "string"
	}
}

func (g *generator) object(v *view, depth int) any {
	obj := map[string]any{}
	for name := range v.required {
		v.properties[name] = append(v.properties[name], v.others...)
	}
	for _, name := range sortedKeys(v.properties) {
		if g.left < 0 {
			break
		}
		if g.spoil && len(obj)%7 == 6 {
			continue // leave some out
		}
		obj[name] = g.value(v.properties[name], depth+1)
	}
	if len(v.others) > 0 || g.spoil {
		extra := 1
		if g.wide {
			extra = trialWide
		}
		for i := range extra {
			if g.left < 0 {
				break
			}
			obj["extra"+string(rune('a'+i%26))+strings.Repeat("x", i/26)] = g.value(v.others, depth+1)
		}
	}
	return obj
}

func (g *generator) array(v *view, depth int) any {
	n := max(2, v.minItems)
	if g.wide {
		n = trialWide
	}
	list := make([]any, 0, n)
	for i := range max(n, len(v.prefix)) {
		if g.left < 0 {
			break
		}
		of := v.items
		if i < len(v.prefix) {
			of = v.prefix[i : i+1]
		}
		list = append(list, g.value(of, depth+1))
	}
	return list
}

func (g *generator) scalar(v *view, kind string) any {
	if g.spoil && g.left%3 == 0 {
		kind = map[string]string{"string": "number", "number": "string", "integer": "boolean", "boolean": "null", "null": "string"}[kind]
	}
	switch kind {
	case "boolean":
		return g.branch%2 == 0
	case "number", "integer":
		if v.minimum != nil && v.minimum.IsInt() {
			return json.Number(truncate(v.minimum.Num().String(), 60))
		}
		if kind == "number" && g.spoil {
			return json.Number("123456789012345678901234567890.5e-300")
		}
		return json.Number("17")
	case "string":
		return g.string(v)
	default:
		return nil
	}
}

// string makes a string of the format or for the pattern, as long as is asked for.
func (g *generator) string(v *view) string {
	text := samples[v.format]
	if v.pattern != "" {
		text = sample(v.pattern)
	}
	n := v.minLength
	if g.wide {
		n = trialLong
	}
	if n = min(n, g.text); len(text) < n {
		filler := max(text, "a")
		text += strings.Repeat(filler, (n-len(text))/len(filler)+1)
	}
	g.text -= len(text)
	return text
}

// samples are strings of each format.
var samples = map[string]string{
	"date-time": "2026-01-02T03:04:05Z", "date": "2026-01-02", "time": "03:04:05Z", "duration": "P1D",
	"email": "a@example.com", "hostname": "example.com", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1",
	"uri": "https://example.com/a", "uri-reference": "/a", "iri": "https://example.com/a", "iri-reference": "/a",
	"uri-template": "https://example.com/{a}", "uuid": "00000000-0000-4000-8000-000000000000",
	"json-pointer": "/a", "relative-json-pointer": "0", "regex": "a*", "semver": "1.0.0",
}

// sample makes a string that a pattern is likely to match, of bounded length.
func sample(pattern string) string {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "a"
	}
	var b strings.Builder
	writeSample(&b, tree)
	return b.String()
}

func writeSample(b *strings.Builder, t *syntax.Regexp) {
	if b.Len() > trialLong {
		return
	}
	switch t.Op {
	case syntax.OpLiteral:
		b.WriteString(string(t.Rune))
	case syntax.OpCharClass:
		if len(t.Rune) > 0 {
			b.WriteRune(t.Rune[0])
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('a')
	case syntax.OpAlternate, syntax.OpPlus, syntax.OpQuest, syntax.OpStar:
		writeSample(b, t.Sub[0])
	case syntax.OpRepeat:
		for range t.Min {
			writeSample(b, t.Sub[0])
		}
	default:
		for _, sub := range t.Sub {
			writeSample(b, sub)
		}
	}
}
