package contain

import "math/big"

// fact is one thing that is asserted of a value of a known kind.
type fact struct {
	op    op
	lit   lit
	lits  []lit
	name  string
	class *nameClass
	node  *Node
	n     int
	rat   *big.Rat
	not   bool
}

type op uint8

const (
	opLit       op = iota // a literal, of the value itself
	opNotValues           // the value is none of node.Values
	opOpaque              // node is opaque

	// Strings.
	opPattern // node.Pattern; or not
	opFormat  // node.Format; or not
	opMinLength
	opMaxLength

	// Numbers.
	opInteger // or not
	opMin     // rat; not: the bound itself is out
	opMax
	opMultiple // of rat; or not

	// Objects.
	opObject  // what node says of properties
	opPresent // the property name, whose value has the literals
	opAbsent
	opSome // a property whose name is of class, and whose value has the literals
	opMinProperties
	opMaxProperties

	// Arrays.
	opArray    // what node says of items
	opItem     // the item n, which has the literals
	opSomeItem // some item from n on has the literals
	opMinItems
	opMaxItems
	opUnique  // or not
	opAtLeast // n items have the literal
	opAtMost  // no more than n do
)

// nameClass is a set of names: what a negated schema asks of the name of some property.
type nameClass struct {
	in      *Pattern // matched, or nil
	besides *Node    // neither in Properties nor matched by Patterns of it; or nil
	lits    []lit    // of the name as a string
}

// either is a disjunction: one of the lists of facts holds.
type either struct {
	source lit // what it comes from
	alts   [][]fact
}

func asLit(l lit) fact { return fact{op: opLit, lit: l} }

// assert adds to the leaf what a schema says of values of the leaf's kind. False: it
// accepts none of them.
func (s *solver) assert(lf *leaf, n *Node) bool {
	if n.Opaque != "" {
		return s.apply(lf, fact{op: opOpaque, node: n})
	}
	if n.Never || !n.allows(lf.kind) {
		return false
	}
	if n.Values != nil {
		s.restrict(lf, n)
		if len(lf.values) == 0 {
			return false
		}
	}
	for _, sub := range n.AllOf {
		if !s.apply(lf, asLit(positive(sub))) {
			return false
		}
	}
	if n.Not != nil && !s.apply(lf, asLit(negative(n.Not))) {
		return false
	}
	s.assertUnions(lf, n)
	return s.assertKind(lf, n)
}

func (s *solver) assertUnions(lf *leaf, n *Node) {
	source := positive(n)
	if len(n.AnyOf) > 0 {
		alts := make([][]fact, len(n.AnyOf))
		for i, sub := range n.AnyOf {
			alts[i] = []fact{asLit(positive(sub))}
		}
		lf.either(source, alts)
	}
	if len(n.OneOf) > 0 {
		some := s.able(n.OneOf, lf.kind)
		s.budget.use(len(some) * len(some) / 8)
		alts := make([][]fact, len(some))
		for i, sub := range some {
			if s.budget.spent() {
				return
			}
			alts[i] = []fact{asLit(positive(sub))}
			for k, other := range some {
				if k != i && !s.disjoint(sub, other, lf.kind) {
					alts[i] = append(alts[i], asLit(negative(other)))
				}
			}
		}
		lf.either(source, alts)
	}
	if n.If != nil && (n.Then != nil || n.Else != nil) {
		yes, no := []fact{asLit(positive(n.If))}, []fact{asLit(negative(n.If))}
		if n.Then != nil {
			yes = append(yes, asLit(positive(n.Then)))
		}
		if n.Else != nil {
			no = append(no, asLit(positive(n.Else)))
		}
		lf.either(source, [][]fact{no, yes})
	}
}

func (s *solver) assertKind(lf *leaf, n *Node) bool {
	for _, f := range n.kindFacts(lf.kind) {
		if !s.apply(lf, f) {
			return false
		}
	}
	if lf.kind != Object {
		return true
	}
	for _, d := range n.Dependent {
		there := []fact{{op: opPresent, name: d.Name}}
		for _, name := range d.Required {
			there = append(there, fact{op: opPresent, name: name})
		}
		if d.Node != nil {
			there = append(there, asLit(positive(d.Node)))
		}
		lf.either(positive(n), [][]fact{{{op: opAbsent, name: d.Name}}, there})
	}
	return true
}

// kindFacts is what a node says of values of one kind, as facts that all hold.
func (n *Node) kindFacts(kind Types) (list []fact) {
	add := func(yes bool, f fact) {
		if yes {
			list = append(list, f)
		}
	}
	switch kind {
	case String:
		add(n.MinLength > 0, fact{op: opMinLength, n: n.MinLength})
		add(n.MaxLength >= 0, fact{op: opMaxLength, n: n.MaxLength})
		add(n.Pattern != nil, fact{op: opPattern, node: n})
		add(n.Format != nil, fact{op: opFormat, node: n})
	case Number:
		add(n.onlyIntegers(), fact{op: opInteger})
		add(n.Minimum != nil, fact{op: opMin, rat: n.Minimum})
		add(n.ExclusiveMinimum != nil, fact{op: opMin, rat: n.ExclusiveMinimum, not: true})
		add(n.Maximum != nil, fact{op: opMax, rat: n.Maximum})
		add(n.ExclusiveMaximum != nil, fact{op: opMax, rat: n.ExclusiveMaximum, not: true})
		add(n.MultipleOf != nil, fact{op: opMultiple, rat: n.MultipleOf})
	case Array:
		add(len(n.Prefix) > 0 || n.Rest != nil, fact{op: opArray, node: n})
		add(n.MinItems > 0, fact{op: opMinItems, n: n.MinItems})
		add(n.MaxItems >= 0, fact{op: opMaxItems, n: n.MaxItems})
		add(n.Unique, fact{op: opUnique})
		if n.Contains != nil {
			add(n.MinContains > 0, fact{op: opAtLeast, n: n.MinContains, lit: positive(n.Contains)})
			add(n.MaxContains >= 0, fact{op: opAtMost, n: n.MaxContains, lit: positive(n.Contains)})
		}
	case Object:
		add(len(n.Properties) > 0 || len(n.Patterns) > 0 || n.Additional != nil || n.Names != nil, fact{op: opObject, node: n})
		add(n.MinProperties > 0, fact{op: opMinProperties, n: n.MinProperties})
		add(n.MaxProperties >= 0, fact{op: opMaxProperties, n: n.MaxProperties})
		for _, name := range n.Required {
			add(true, fact{op: opPresent, name: name})
		}
	}
	return list
}

// deny returns the ways in which a value of a kind may break a schema; whole says that
// every value of the kind does.
func (s *solver) deny(n *Node, kind Types, deep int) (alts [][]fact, whole bool) {
	if n.Opaque != "" {
		return [][]fact{{{op: opOpaque, node: n}}}, false
	}
	if n.Never || !n.allows(kind) {
		return nil, true
	}
	add := func(list ...fact) { alts = append(alts, list) }
	if n.Values != nil {
		add(fact{op: opNotValues, node: n})
	}
	if alts, whole = s.denyKind(n, kind, alts); whole {
		return nil, true
	}
	for _, sub := range n.AllOf {
		if deep <= 0 {
			add(asLit(negative(sub)))
			continue
		}
		more, whole := s.deny(sub, kind, deep-1)
		if whole {
			return nil, true
		}
		alts = append(alts, more...)
	}
	if n.Not != nil {
		add(asLit(positive(n.Not)))
	}
	if len(n.AnyOf) > 0 {
		add(negatives(n.AnyOf)...)
	}
	if len(n.OneOf) > 0 {
		add(negatives(n.OneOf)...)
		some := s.able(n.OneOf, kind)
		s.budget.use(len(some) * len(some) / 16)
		for i, a := range some {
			if s.budget.spent() {
				break
			}
			for _, b := range some[i+1:] {
				if !s.disjoint(a, b, kind) {
					add(asLit(positive(a)), asLit(positive(b)))
				}
			}
		}
	}
	if n.If != nil {
		if n.Then != nil {
			add(asLit(positive(n.If)), asLit(negative(n.Then)))
		}
		if n.Else != nil {
			add(asLit(negative(n.If)), asLit(negative(n.Else)))
		}
	}
	return alts, false
}

func negatives(list []*Node) []fact {
	facts := make([]fact, len(list))
	for i, n := range list {
		facts[i] = asLit(negative(n))
	}
	return facts
}

func (s *solver) denyKind(n *Node, kind Types, alts [][]fact) (_ [][]fact, whole bool) {
	add := func(yes bool, list ...fact) {
		if yes {
			alts = append(alts, list)
		}
	}
	switch kind {
	case String:
		add(n.MinLength > 0, fact{op: opMaxLength, n: n.MinLength - 1})
		add(n.MaxLength >= 0, fact{op: opMinLength, n: n.MaxLength + 1})
		add(n.Pattern != nil, fact{op: opPattern, node: n, not: true})
		add(n.Format != nil, fact{op: opFormat, node: n, not: true})
	case Number:
		add(n.onlyIntegers(), fact{op: opInteger, not: true})
		add(n.Minimum != nil, fact{op: opMax, rat: n.Minimum, not: true})
		add(n.ExclusiveMinimum != nil, fact{op: opMax, rat: n.ExclusiveMinimum})
		add(n.Maximum != nil, fact{op: opMin, rat: n.Maximum, not: true})
		add(n.ExclusiveMaximum != nil, fact{op: opMin, rat: n.ExclusiveMaximum})
		add(n.MultipleOf != nil, fact{op: opMultiple, rat: n.MultipleOf, not: true})
	case Array:
		for i, sub := range n.Prefix {
			add(!s.trivial(sub), fact{op: opItem, n: i, lits: []lit{negative(sub)}})
		}
		add(n.Rest != nil && !s.trivial(n.Rest), fact{op: opSomeItem, n: len(n.Prefix), lits: litsOf(n.Rest)})
		add(n.MinItems > 0, fact{op: opMaxItems, n: n.MinItems - 1})
		add(n.MaxItems >= 0, fact{op: opMinItems, n: n.MaxItems + 1})
		add(n.Unique, fact{op: opUnique, not: true})
		if n.Contains != nil {
			add(n.MinContains > 0, fact{op: opAtMost, n: n.MinContains - 1, lit: positive(n.Contains)})
			add(n.MaxContains >= 0, fact{op: opAtLeast, n: n.MaxContains + 1, lit: positive(n.Contains)})
		}
	case Object:
		alts = s.denyObject(n, alts)
	}
	return alts, false
}

func litsOf(n *Node) []lit {
	if n == nil {
		return nil
	}
	return []lit{negative(n)}
}

func (s *solver) denyObject(n *Node, alts [][]fact) [][]fact {
	add := func(list ...fact) { alts = append(alts, list) }
	for _, name := range n.Required {
		add(fact{op: opAbsent, name: name})
	}
	for _, name := range n.names {
		if sub := n.Properties[name]; !s.trivial(sub) {
			add(fact{op: opPresent, name: name, lits: []lit{negative(sub)}})
		}
	}
	for _, p := range n.Patterns {
		if !s.trivial(p.Node) {
			add(fact{op: opSome, class: &nameClass{in: p.Pattern}, lits: []lit{negative(p.Node)}})
		}
	}
	if n.Additional != nil && !s.trivial(n.Additional) {
		add(fact{op: opSome, class: &nameClass{besides: n}, lits: []lit{negative(n.Additional)}})
	}
	if n.Names != nil && !s.trivial(n.Names) {
		add(fact{op: opSome, class: &nameClass{lits: []lit{negative(n.Names)}}})
	}
	if n.MinProperties > 0 {
		add(fact{op: opMaxProperties, n: n.MinProperties - 1})
	}
	if n.MaxProperties >= 0 {
		add(fact{op: opMinProperties, n: n.MaxProperties + 1})
	}
	for _, d := range n.Dependent {
		for _, name := range d.Required {
			add(fact{op: opPresent, name: d.Name}, fact{op: opAbsent, name: name})
		}
		if d.Node != nil {
			add(fact{op: opPresent, name: d.Name}, asLit(negative(d.Node)))
		}
	}
	return alts
}

// trivial says whether a node plainly accepts everything.
func (s *solver) trivial(n *Node) bool { return n.id < len(s.plain) && s.plain[n.id] }
