package schemas

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// jsonTree is a JSON value that is going to be written: members have an order, and may be
// there twice, and numbers are as they are written.
type jsonTree struct {
	kind  byte // n t f # s a o
	text  string
	items []*jsonTree
	names []string // of the members of an object
}

// instanceMaker makes values that are good for a schema, or nearly.
type instanceMaker struct {
	rng   *rand.Rand
	root  *jsonschema.Schema
	words []string // names and strings that the schema mentions
	left  int      // values that may still be made
	wild  int      // once in so many times what the schema says is ignored
	order bool     // members keep the order of their names
}

func (g *instanceMaker) one(n int) bool { return g.rng.IntN(n) == 0 }

// make makes a value for the root of the schema.
func (g *instanceMaker) make() *jsonTree {
	g.left, g.wild, g.order = 4+g.rng.IntN(30), 12, !g.one(4)
	if g.one(3) {
		g.wild = 1 << 30
	}
	return g.value([]*jsonschema.Schema{g.root}, 0)
}

// wish is what several schemas say together of one value.
type wish struct {
	types                *jsonschema.Types
	values               []any
	hasValues            bool
	properties           map[string][]*jsonschema.Schema
	required             []string
	others, items, names []*jsonschema.Schema
	tuple                []*jsonschema.Schema
	patterns             []jsonschema.Regexp // of strings
	format               string
	bounds               []*big.Rat
	lengths              []int // of strings
	counts               []int // of items and members
	unique               bool
}

// gather adds what a schema says, following references and one branch of each union.
func (g *instanceMaker) gather(w *wish, s *jsonschema.Schema, budget *int) {
	if *budget--; s == nil || *budget < 0 {
		return
	}
	g.itself(w, s)
	g.gather(w, s.Ref, budget)
	for _, sub := range s.AllOf {
		g.gather(w, sub, budget)
	}
	for _, union := range [][]*jsonschema.Schema{s.OneOf, s.AnyOf} {
		if len(union) > 0 {
			g.gather(w, pick(g.rng, union), budget)
		}
	}
	if s.If != nil {
		if g.one(2) {
			g.gather(w, s.If, budget)
			g.gather(w, s.Then, budget)
		} else {
			g.gather(w, s.Else, budget)
		}
	}
	if g.one(4) {
		g.gather(w, s.Not, budget)
	}
	for _, sub := range s.DependentSchemas {
		g.gather(w, sub, budget)
	}
}

func (g *instanceMaker) itself(w *wish, s *jsonschema.Schema) {
	if s.Types != nil && (w.types == nil || g.one(2)) {
		w.types = s.Types
	}
	for _, values := range valueLists(s) {
		if !w.hasValues || g.one(2) {
			w.values, w.hasValues = values, true
		}
	}
	if w.properties == nil {
		w.properties = map[string][]*jsonschema.Schema{}
	}
	for name, sub := range s.Properties {
		w.properties[name] = append(w.properties[name], sub)
	}
	w.required = append(w.required, s.Required...)
	for name, list := range s.DependentRequired {
		if w.required = append(w.required, name); !g.one(3) {
			w.required = append(w.required, list...)
		}
	}
	for re, sub := range s.PatternProperties {
		for range 1 + g.rng.IntN(2) {
			name := g.matching(re)
			w.properties[name] = append(w.properties[name], sub)
		}
	}
	w.others = append(w.others, asSchemas(s.AdditionalProperties)...)
	if s.UnevaluatedProperties != nil {
		w.others = append(w.others, s.UnevaluatedProperties)
	}
	if names := namesSchema(s); names != nil {
		w.names = append(w.names, names)
	}
	g.itselfItems(w, s)
	g.itselfScalars(w, s)
}

func (g *instanceMaker) itselfItems(w *wish, s *jsonschema.Schema) {
	tuple, rest := itemSchemas(s)
	if len(tuple) > len(w.tuple) {
		w.tuple = tuple
	}
	for _, sub := range []*jsonschema.Schema{rest, s.Contains, s.UnevaluatedItems} {
		if sub != nil {
			w.items = append(w.items, sub)
		}
	}
	for _, n := range []*int{s.MinItems, s.MaxItems, s.MinProperties, s.MaxProperties, s.MinContains, s.MaxContains} {
		if n != nil {
			w.counts = append(w.counts, min(*n, 20))
		}
	}
	w.unique = w.unique || isUnique(s)
}

func (g *instanceMaker) itselfScalars(w *wish, s *jsonschema.Schema) {
	if s.Pattern != nil {
		w.patterns = append(w.patterns, s.Pattern)
	}
	if s.Format != nil {
		w.format = s.Format.Name
	}
	for _, n := range []*int{s.MinLength, s.MaxLength} {
		if n != nil {
			w.lengths = append(w.lengths, min(*n, 50))
		}
	}
	for _, r := range []*big.Rat{s.Minimum, s.Maximum, s.ExclusiveMinimum, s.ExclusiveMaximum, s.MultipleOf} {
		if r != nil {
			w.bounds = append(w.bounds, r)
		}
	}
}

// value makes a value for all the schemas together.
func (g *instanceMaker) value(list []*jsonschema.Schema, depth int) *jsonTree {
	if g.left--; g.left < 0 || depth > 6 {
		return &jsonTree{kind: 'n'}
	}
	if g.one(g.wild) {
		return g.anything(2)
	}
	w := &wish{}
	budget := 40
	for _, s := range list {
		g.gather(w, s, &budget)
	}
	if len(w.values) > 0 && !g.one(8) {
		return treeOf(pick(g.rng, w.values))
	}
	switch kind := g.kind(w); kind {
	case "object":
		return g.object(w, depth)
	case "array":
		return g.array(w, depth)
	case "string":
		return &jsonTree{kind: 's', text: g.string(w)}
	case "number", "integer":
		return &jsonTree{kind: '#', text: g.number(w, kind == "integer")}
	case "boolean":
		return &jsonTree{kind: "tf"[g.rng.IntN(2)]}
	default:
		return &jsonTree{kind: 'n'}
	}
}

func treeOf(v any) *jsonTree {
	switch v := v.(type) {
	case nil:
		return &jsonTree{kind: 'n'}
	case bool:
		if v {
			return &jsonTree{kind: 't'}
		}
		return &jsonTree{kind: 'f'}
	case json.Number:
		return &jsonTree{kind: '#', text: string(v)}
	case string:
		return &jsonTree{kind: 's', text: v}
	case []any:
		t := &jsonTree{kind: 'a'}
		for _, item := range v {
			t.items = append(t.items, treeOf(item))
		}
		return t
	case map[string]any:
		t := &jsonTree{kind: 'o'}
		for _, name := range sortedKeys(v) {
			t.names, t.items = append(t.names, name), append(t.items, treeOf(v[name]))
		}
		return t
	default:
		panic("a value of no kind")
	}
}

// kind chooses the type of the value.
func (g *instanceMaker) kind(w *wish) string {
	if w.types != nil && !w.types.IsEmpty() && !g.one(12) {
		return pick(g.rng, w.types.ToStrings())
	}
	var list []string
	if len(w.properties)+len(w.required)+len(w.others) > 0 {
		list = append(list, "object", "object", "object")
	}
	if len(w.items)+len(w.tuple) > 0 || w.unique {
		list = append(list, "array", "array")
	}
	if len(w.counts) > 0 {
		list = append(list, "array", "object")
	}
	if len(w.patterns)+len(w.lengths) > 0 || w.format != "" {
		list = append(list, "string", "string")
	}
	if len(w.bounds) > 0 {
		list = append(list, "number", "integer")
	}
	if len(list) == 0 || g.one(10) {
		return pick(g.rng, typeNames)
	}
	return pick(g.rng, list)
}

func (g *instanceMaker) object(w *wish, depth int) *jsonTree {
	t := &jsonTree{kind: 'o'}
	add := func(name string) {
		for _, have := range t.names {
			if have == name {
				return
			}
		}
		list := w.properties[name]
		if list == nil {
			list = w.others
		}
		t.names, t.items = append(t.names, name), append(t.items, g.value(list, depth+1))
	}
	keep := 1 + g.rng.IntN(4)
	if len(w.properties) > 50 {
		keep = 3 + g.rng.IntN(3)
	}
	for _, name := range w.required {
		if !g.one(15) {
			add(name)
		}
	}
	for _, name := range sortedKeys(w.properties) {
		if g.rng.IntN(5) < keep {
			add(name)
		}
	}
	for g.one(3) {
		add(g.name(w))
	}
	if len(w.counts) > 0 {
		for want := pick(g.rng, w.counts); len(t.names) < want && g.left > 0; g.left-- {
			add(g.name(w))
		}
	}
	if g.one(200) { // so many that their names go into a table
		for i := range 40 {
			add(fmt.Sprintf("other%d", i))
		}
	}
	if !g.order {
		g.rng.Shuffle(len(t.names), func(i, j int) {
			t.names[i], t.names[j] = t.names[j], t.names[i]
			t.items[i], t.items[j] = t.items[j], t.items[i]
		})
	}
	return t
}

// name is one of a member of which the schema perhaps says nothing.
func (g *instanceMaker) name(w *wish) string {
	switch {
	case len(w.names) > 0 && !g.one(4):
		if t := g.value(w.names, 5); t.kind == 's' {
			return t.text
		}
		return "n"
	case len(g.words) > 0 && g.one(2):
		return pick(g.rng, g.words)
	default:
		return pick(g.rng, allNames)
	}
}

func (g *instanceMaker) array(w *wish, depth int) *jsonTree {
	t := &jsonTree{kind: 'a'}
	n := g.rng.IntN(4)
	if len(w.counts) > 0 && !g.one(3) {
		n = max(0, pick(g.rng, w.counts)+[]int{-1, 0, 0, 0, 1}[g.rng.IntN(5)])
	} else if len(w.tuple) > 0 && g.one(2) {
		n = len(w.tuple)
	}
	if g.one(300) {
		n = 25 // more than are compared one by one
	}
	for i := range n {
		of := w.items
		if len(of) > 1 {
			of = []*jsonschema.Schema{pick(g.rng, of)}
		}
		if i < len(w.tuple) && !g.one(8) {
			of = w.tuple[i : i+1]
		}
		t.items = append(t.items, g.value(of, depth+1))
	}
	if w.unique && n > 0 && g.one(4) {
		t.items = append(t.items, pick(g.rng, t.items).clone())
	}
	return t
}

func (t *jsonTree) clone() *jsonTree {
	c := *t
	c.names = append([]string(nil), t.names...)
	c.items = make([]*jsonTree, len(t.items))
	for i, item := range t.items {
		c.items[i] = item.clone()
	}
	return &c
}

// number makes a number near one of the bounds.
func (g *instanceMaker) number(w *wish, integer bool) string {
	if len(w.bounds) == 0 || g.one(6) {
		n := pick(g.rng, allNumbers[:26])
		if g.one(4) {
			n = pick(g.rng, allNumbers)
		} else if integer && g.one(2) {
			n = strconv.Itoa(g.rng.IntN(5))
		}
		return n
	}
	r := new(big.Rat).Set(pick(g.rng, w.bounds))
	switch g.rng.IntN(6) {
	case 0:
		r.Add(r, big.NewRat(1, 1))
	case 1:
		r.Sub(r, big.NewRat(1, 1))
	case 2:
		r.Add(r, big.NewRat(int64(g.rng.IntN(3)-1), 1000))
	case 3:
		r.Mul(r, big.NewRat(int64(g.rng.IntN(12)-3), 1))
	case 4:
		r.Add(r, pick(g.rng, w.bounds))
	}
	return notation(g.rng, r)
}

// notation writes a number in one of the ways to write it. One that has too many digits is
// cut.
func notation(rng *rand.Rand, r *big.Rat) string {
	text := r.FloatString(24)
	text = strings.TrimRight(text, "0")
	whole, fraction, _ := strings.Cut(text, ".")
	if len(whole) > 60 {
		return whole[:1+strings.Count(whole[:1], "-")] + "e" + strconv.Itoa(len(whole)-1)
	}
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	out := whole
	if fraction != "" {
		out += "." + fraction
	}
	if rng.IntN(3) > 0 {
		return sign + out
	}
	switch rng.IntN(6) {
	case 0:
		if fraction == "" {
			out += "."
		}
		out += strings.Repeat("0", 1+rng.IntN(3))
	case 1:
		out += "e" + []string{"", "+", "-"}[rng.IntN(3)] + "0"
	case 2:
		return sign + strings.TrimLeft(whole+fraction, "0") + "0e-" + strconv.Itoa(len(fraction)+1)
	case 3:
		return sign + "0." + whole + fraction + "E+" + strconv.Itoa(len(whole))
	case 4:
		sign = "-"
	}
	return sign + out
}

// string makes a string of the format or for the pattern, as long as is asked for.
func (g *instanceMaker) string(w *wish) string {
	text := ""
	switch {
	case len(w.patterns) > 0 && !g.one(5):
		text = g.matching(pick(g.rng, w.patterns))
	case w.format != "" && !g.one(5):
		text = formatted(g.rng, w.format)
	case len(g.words) > 0 && g.one(2):
		text = pick(g.rng, g.words)
	default:
		text = pick(g.rng, allTexts)
	}
	if len(w.lengths) > 0 && !g.one(3) {
		want := max(0, pick(g.rng, w.lengths)+[]int{-1, 0, 0, 1}[g.rng.IntN(4)])
		for utf8.RuneCountInString(text) < want {
			text += pick(g.rng, []string{"a", "b", "é", "😀", "1", "日"})
		}
		if runes := []rune(text); len(runes) > want {
			text = string(runes[:want])
		}
	}
	return text
}

// matching makes a string that a pattern is likely to match.
func (g *instanceMaker) matching(re jsonschema.Regexp) string {
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil {
		return "a"
	}
	var b strings.Builder
	matchingTo(g.rng, &b, tree)
	return b.String()
}

func matchingTo(rng *rand.Rand, b *strings.Builder, t *syntax.Regexp) {
	repeat := func(least, most int) {
		if most < 0 || most > least+3 {
			most = least + 3
		}
		for range least + rng.IntN(most-least+1) {
			matchingTo(rng, b, t.Sub[0])
		}
	}
	switch t.Op {
	case syntax.OpLiteral:
		text := string(t.Rune)
		if t.Flags&syntax.FoldCase != 0 && rng.IntN(2) == 0 {
			text = strings.ToUpper(text)
		}
		b.WriteString(text)
	case syntax.OpCharClass:
		if n := len(t.Rune); n > 0 {
			k := rng.IntN(n/2) * 2
			b.WriteRune(t.Rune[k] + rng.Int32N(min(t.Rune[k+1]-t.Rune[k], 200)+1))
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteString(pick(rng, []string{"a", "\"", "\\", "é", "😀", "\x01", "Z", "\u007f"}))
	case syntax.OpAlternate:
		matchingTo(rng, b, pick(rng, t.Sub))
	case syntax.OpStar:
		repeat(0, -1)
	case syntax.OpPlus:
		repeat(1, -1)
	case syntax.OpQuest:
		repeat(0, 1)
	case syntax.OpRepeat:
		repeat(t.Min, t.Max)
	default:
		for _, sub := range t.Sub {
			matchingTo(rng, b, sub)
		}
	}
}

// anything makes a value without asking the schema.
func (g *instanceMaker) anything(depth int) *jsonTree {
	n := g.rng.IntN(10)
	if depth == 0 {
		n %= 7
	}
	switch n {
	case 0, 1:
		return &jsonTree{kind: "ntf"[g.rng.IntN(3)]}
	case 2, 3:
		return &jsonTree{kind: '#', text: pick(g.rng, allNumbers)}
	case 4, 5, 6:
		if len(g.words) > 0 && g.one(2) {
			return &jsonTree{kind: 's', text: pick(g.rng, g.words)}
		}
		return &jsonTree{kind: 's', text: pick(g.rng, allTexts)}
	case 7:
		t := &jsonTree{kind: 'a'}
		for range g.rng.IntN(4) {
			t.items = append(t.items, g.anything(depth-1))
		}
		return t
	default:
		t := &jsonTree{kind: 'o'}
		for range g.rng.IntN(4) {
			name := g.name(&wish{})
			if !contains(t.names, name) {
				t.names, t.items = append(t.names, name), append(t.items, g.anything(depth-1))
			}
		}
		return t
	}
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}
