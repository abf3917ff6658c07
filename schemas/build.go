package schemas

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Bounds on the program of one schema. What does not fit is left to the library: it is
// slower, and says the same.
const (
	maxProgram = 20_000
	maxNames   = 60_000  // of one node; predictions are kept in 16 bits
	maxTable   = 500_000 // properties of all nodes together
	maxViews   = 500_000 // properties that all views together look at
)

// place is where values are captured: below the root, by the names of members.
type place struct {
	slot   int // -1 for none
	below  map[string]*place
	number int // of the place, for the table of nodes
}

// builder makes the program of a schema, in three steps: the nodes with what they say;
// which of them say nothing; and, as that is known, how choices look at objects. A node
// may be reached from within itself, so nothing of a node's children is looked at in the
// first step but of the branches of its choices, which are at the same place.
type builder struct {
	ids    map[*jsonschema.Schema]int
	nodes  map[string]*node
	order  []*node
	at     map[*node]*place
	built  map[*node]bool
	skip   *node
	next   int                           // predictions so far
	views  int                           // so far
	owns   map[string]*jsonschema.Schema // see own
	never  *node                         // refuses everything
	opaque map[string]int                // how many schemas were left to the library, by the keyword that is why
}

func newBuilder() *builder {
	b := &builder{ids: map[*jsonschema.Schema]int{}, nodes: map[string]*node{}, at: map[*node]*place{}, built: map[*node]bool{}, opaque: map[string]int{}, owns: map[string]*jsonschema.Schema{}}
	b.skip = b.node(nil, nil)
	b.never = &node{slot: -1, plain: true}
	return b
}

// program makes the nodes for values to which the root applies.
func (b *builder) program(root *jsonschema.Schema, at *place) *node {
	n := b.node([]*jsonschema.Schema{root}, at)
	for i := 0; i < len(b.order); i++ {
		b.build(b.order[i])
	}
	b.findAnything()
	for _, n := range b.order {
		b.findViews(n)
	}
	return n
}

// node returns the node for a value to which all the schemas of a list apply.
func (b *builder) node(list []*jsonschema.Schema, at *place) *node {
	roots := b.normal(list)
	key := b.key(roots, at)
	if n := b.nodes[key]; n != nil {
		return n
	}
	n := &node{roots: roots, slot: -1}
	if at != nil {
		n.slot = at.slot
	}
	b.nodes[key], b.at[n] = n, at
	b.order = append(b.order, n)
	return n
}

// build makes a node that was handed out.
func (b *builder) build(n *node) {
	if b.built[n] {
		return
	}
	b.built[n] = true
	p := &parts{builder: b, node: n, at: b.at[n]}
	if len(b.nodes) > maxProgram || b.next > maxTable {
		b.opaque["size"]++
		n.opaque = n.roots
		b.anyKind(n, p.at)
		return
	}
	for _, s := range n.roots {
		p.add(s)
	}
	p.build()
}

// findAnything marks the nodes to which every value is good. Of nodes that refer to each
// other in a circle it may not find that, which costs time only.
func (b *builder) findAnything() {
	for again := true; again; {
		again = false
		for _, n := range b.order {
			if !n.anything && n.isAnything() {
				n.anything, again = true, true
			}
		}
	}
}

func (n *node) isAnything() bool {
	return n.plain && n.slot < 0 && n.null && n.yes && n.no && n.text != nil && n.text.any && n.number != nil && n.number.any &&
		n.array != nil && n.array.free() && n.object != nil && n.object.free()
}

// normal drops from a list what is there twice and what allows everything, and sorts it.
func (b *builder) normal(list []*jsonschema.Schema) []*jsonschema.Schema {
	out := make([]*jsonschema.Schema, 0, len(list))
	for _, s := range list {
		if s == nil || s.Bool != nil && *s.Bool || slices.Contains(out, s) {
			continue
		}
		if _, known := b.ids[s]; !known {
			b.ids[s] = len(b.ids)
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(x, y *jsonschema.Schema) int { return b.ids[x] - b.ids[y] })
	return out
}

func (b *builder) key(roots []*jsonschema.Schema, at *place) string {
	var key strings.Builder
	for _, s := range roots {
		fmt.Fprintf(&key, "%d,", b.ids[s])
	}
	if at != nil {
		fmt.Fprintf(&key, "@%d", at.number)
	}
	return key.String()
}

// anyKind lets every kind of value through a node.
func (b *builder) anyKind(n *node, at *place) {
	n.null, n.yes, n.no = true, true, true
	n.text = &textNode{any: true, most: -1}
	n.number = &numberNode{any: true}
	n.array = &arrayNode{rest: b.skip, most: -1}
	n.object = &objectNode{rest: b.skip, most: -1}
	if at != nil {
		for _, name := range sortedKeys(at.below) {
			b.property(n.object, name, b.node(nil, at.below[name]))
		}
	}
	b.finishObject(n.object)
	n.plain = len(n.opaque) == 0
	n.anything = n == b.skip
}

func (b *builder) property(o *objectNode, name string, n *node) *property {
	o.props = append(o.props, property{name: name, quoted: newSpelling(quotedName(name)), node: n})
	return &o.props[len(o.props)-1]
}

// quotedName is a name as it is usually written, from after the quote before it to the
// colon. It matches no text that is malformed.
func quotedName(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		switch short := strings.IndexByte("\"\\\b\f\n\r\t", c); {
		case short >= 0:
			b.WriteByte('\\')
			b.WriteByte("\"\\bfnrt"[short])
		case c < 0x20:
			fmt.Fprintf(&b, "\\u%04x", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + `":`
}

// finishObject gives an object its tables.
func (b *builder) finishObject(o *objectNode) {
	o.names = newNameTable(o.props)
	o.order = b.next
	o.words = (len(o.props) + 63) / 64
	b.next += len(o.props) + 1
}

// parts are the schemas that apply to one value: those of a node's roots, and those that
// they apply to the same value by $ref and allOf.
type parts struct {
	builder *builder
	node    *node
	at      *place
	list    []*jsonschema.Schema
	never   bool

	unevaluated []*unevaluated
}

func (p *parts) add(s *jsonschema.Schema) {
	switch {
	case s == nil || slices.Contains(p.list, s):
		return
	case s.Bool != nil:
		p.never = p.never || !*s.Bool
		return
	}
	why := beyond(s)
	if why == "" && (s.UnevaluatedProperties != nil || s.UnevaluatedItems != nil) {
		if u, ok := newUnevaluated(s); ok {
			p.unevaluated = append(p.unevaluated, u)
			p.node.whole = true
		} else {
			why = "unevaluated"
		}
	}
	if why != "" {
		p.builder.opaque[why]++
		if !slices.Contains(p.node.opaque, s) {
			p.node.opaque = append(p.node.opaque, s)
		}
		return
	}
	if s.Ref != nil && s.DraftVersion < 2019 { // what stands beside it is ignored, but for what comes before it
		p.add(s.Ref)
		if s.Types == nil && s.Const == nil && s.Enum == nil && s.Format == nil {
			return
		}
		alone := &jsonschema.Schema{DraftVersion: s.DraftVersion, Location: s.Location, Types: s.Types, Const: s.Const, Enum: s.Enum, Format: s.Format}
		p.list = append(p.list, alone)
		return
	}
	p.list = append(p.list, s)
	p.add(s.Ref)
	for _, sub := range s.AllOf {
		p.add(sub)
	}
}

// beyond names what a checker cannot decide of a schema: "" if there is nothing. Of what
// is unevaluated it depends on more than the schema itself.
func beyond(s *jsonschema.Schema) string {
	switch {
	case s.ContentEncoding != nil || s.ContentMediaType != nil || s.ContentSchema != nil:
		return "content"
	case s.DynamicRef != nil || s.RecursiveRef != nil:
		return "$dynamicRef"
	case s.Const != nil && isContainer(*s.Const):
		return "const"
	case s.Enum != nil && slices.ContainsFunc(s.Enum.Values, isContainer):
		return "enum"
	}
	for _, e := range s.Extensions {
		if _, ok := e.(*mended); !ok {
			return "extension"
		}
	}
	return ""
}

func isContainer(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// build makes the node from the parts.
func (p *parts) build() {
	n := p.node
	if p.never {
		n.plain, n.opaque = true, nil
		return
	}
	if len(p.list) == 0 {
		p.builder.anyKind(n, p.at)
		return
	}
	kinds := p.kinds()
	n.null, n.yes, n.no = kinds.null, kinds.yes, kinds.no
	if kinds.text {
		n.text = p.text()
	}
	if kinds.number {
		n.number = p.number(kinds.integer)
	}
	if p.choices(); kinds.object {
		if names := p.names(); len(names) <= maxNames {
			n.object = p.object(names)
		} else {
			p.builder.opaque["size"]++
			n.choices, n.opaque = nil, n.roots
			p.builder.anyKind(n, p.at)
			return
		}
	}
	if kinds.array {
		n.array = p.array()
	}
	n.plain = len(n.choices) == 0 && len(n.opaque) == 0
	n.dispatch = p.dispatch()
}

func (a *arrayNode) free() bool {
	return len(a.first) == 0 && a.rest.anything && a.least == 0 && a.most < 0 && !a.unique && len(a.contains) == 0
}

func (o *objectNode) free() bool {
	return len(o.props) == 0 && o.rest.anything && o.least == 0 && o.most < 0 && !o.closed && len(o.patterned)+len(o.naming)+len(o.dependents) == 0
}

// kinds are the kinds of values that are allowed.
type kinds struct {
	null, yes, no, text, number, array, object bool
	integer                                    bool // a number must be whole
}

func (p *parts) kinds() kinds {
	k := kinds{true, true, true, true, true, true, true, false}
	for _, s := range p.list {
		if s.Types != nil && !s.Types.IsEmpty() {
			types := s.Types.ToStrings()
			has := func(name string) bool { return slices.Contains(types, name) }
			k.null = k.null && has("null")
			k.yes, k.no = k.yes && has("boolean"), k.no && has("boolean")
			k.text = k.text && has("string")
			k.array = k.array && has("array")
			k.object = k.object && has("object")
			k.integer = k.integer || !has("number")
			k.number = k.number && (has("number") || has("integer"))
		}
		for _, values := range valueLists(s) {
			has := func(v any) bool { return slices.Contains(values, v) } // there are no containers
			k.null = k.null && has(nil)
			k.yes, k.no = k.yes && has(true), k.no && has(false)
			k.text = k.text && slices.ContainsFunc(values, func(v any) bool { _, ok := v.(string); return ok })
			k.number = k.number && slices.ContainsFunc(values, func(v any) bool { _, ok := v.(json.Number); return ok })
			k.array, k.object = false, false
		}
	}
	return k
}

// valueLists are the lists of which a value must be in each: const and enum.
func valueLists(s *jsonschema.Schema) (lists [][]any) {
	if s.Const != nil {
		lists = append(lists, []any{*s.Const})
	}
	if s.Enum != nil {
		lists = append(lists, s.Enum.Values)
	}
	return lists
}

func (p *parts) text() *textNode {
	t := &textNode{most: -1}
	var direct []matcher
	for _, s := range p.list {
		if s.MinLength != nil {
			t.least = max(t.least, *s.MinLength)
		}
		t.most = atMost(t.most, s.MaxLength)
		for _, values := range valueLists(s) {
			var list []string
			for _, v := range values {
				if text, ok := v.(string); ok {
					list = append(list, text)
				}
			}
			t.literals = append(t.literals, newLiteralSet(list))
			direct = append(direct, directLiterals(list))
		}
		if s.Pattern != nil {
			pattern := newTextPattern(s.Pattern)
			t.patterns = append(t.patterns, pattern)
			direct = append(direct, pattern.direct)
		}
		if s.Format != nil {
			t.formats = append(t.formats, formatCheck(s.Format))
			direct = append(direct, directFormat(s.Format.Name))
		}
	}
	if len(direct) == 1 {
		t.direct = direct[0]
	}
	t.leastDirect = t.least
	if len(t.patterns) > 0 && !t.patterns[0].simple.closed {
		t.leastDirect *= charBytes // it takes more than ASCII
	}
	t.lengths = len(direct) == 0
	t.any = t.lengths && t.least == 0 && t.most < 0
	return t
}

// atMost is the lesser of two bounds, of which -1 and nil are none.
func atMost(have int, more *int) int {
	if more != nil && (have < 0 || *more < have) {
		return max(*more, 0)
	}
	return have
}

func (p *parts) number(integer bool) *numberNode {
	n := &numberNode{integer: integer}
	limit := func(r *big.Rat, outside int, excludes bool) {
		if r == nil {
			return
		}
		d, ok := toDecimal(r)
		n.hard = n.hard || !ok
		n.bounds = append(n.bounds, numberBound{d, outside, excludes})
	}
	for _, s := range p.list {
		limit(s.Minimum, -1, false)
		limit(s.ExclusiveMinimum, -1, true)
		limit(s.Maximum, 1, false)
		limit(s.ExclusiveMaximum, 1, true)
		if s.MultipleOf != nil {
			d, ok := toDecimal(s.MultipleOf)
			n.hard = n.hard || !ok || d.mantissa == 0
			n.multiples = append(n.multiples, d)
		}
		for _, values := range valueLists(s) {
			var list []decimal
			for _, v := range values {
				number, ok := v.(json.Number)
				if !ok {
					continue
				}
				r, ok := new(big.Rat).SetString(string(number))
				var d decimal
				if ok {
					d, ok = toDecimal(r)
				}
				n.hard = n.hard || !ok
				list = append(list, d)
			}
			n.values = append(n.values, list)
		}
	}
	n.findRange()
	n.any = !n.integer && !n.hard && len(n.bounds)+len(n.multiples)+len(n.values) == 0
	return n
}

// findRange finds which whole numbers are good, if only bounds say so.
func (n *numberNode) findRange() {
	if n.hard || len(n.multiples)+len(n.values) > 0 {
		return
	}
	n.ranged, n.low, n.high = true, -int64(powers[maxDigits]), int64(powers[maxDigits])
	for _, b := range n.bounds {
		v := int64(b.value.mantissa / powers[b.value.scale])
		if b.value.negative {
			v = -v
		}
		whole := b.value.isInteger()
		switch {
		case b.outside < 0 && (whole && b.excludes || !whole && !b.value.negative):
			v++
		case b.outside > 0 && (whole && b.excludes || !whole && b.value.negative):
			v--
		}
		if b.outside < 0 {
			n.low = max(n.low, v)
		} else {
			n.high = min(n.high, v)
		}
	}
}

func (p *parts) array() *arrayNode {
	a := &arrayNode{most: -1}
	longest := 0
	for _, s := range p.list {
		if s.MinItems != nil {
			a.least = max(a.least, *s.MinItems)
		}
		a.most = atMost(a.most, s.MaxItems)
		tuple, isTuple := s.Items.([]*jsonschema.Schema)
		if isTuple && s.AdditionalItems == false {
			n := len(tuple)
			a.most = atMost(a.most, &n)
		}
		longest = max(longest, len(tuple), len(s.PrefixItems)) // what is unevaluated is so by its index
		if isUnique(s) {
			a.unique = true
			a.repeats = append(a.repeats, p.builder.onlyUnique(s))
		}
		if s.Contains != nil {
			c := containing{node: p.builder.node([]*jsonschema.Schema{s.Contains}, nil), least: 1, most: atMost(-1, s.MaxContains), only: p.builder.onlyContains(s)}
			if s.MinContains != nil {
				c.least = *s.MinContains
			}
			a.contains = append(a.contains, c)
		}
		if s.MinItems != nil || s.MaxItems != nil || isTuple && s.AdditionalItems == false {
			a.shallow = append(a.shallow, p.builder.onlyCount(s))
		}
	}
	for i := range longest + 1 {
		var list []*jsonschema.Schema
		for _, s := range p.list {
			tuple, rest := itemSchemas(s)
			switch {
			case i < len(tuple):
				list = append(list, tuple[i])
			default:
				list = append(list, rest)
			}
		}
		for _, u := range p.unevaluated {
			if !u.item(i) {
				list = append(list, u.schema.UnevaluatedItems)
			}
		}
		if n := p.builder.node(list, nil); i < longest {
			a.first = append(a.first, n)
		} else {
			a.rest = n
		}
	}
	return a
}
