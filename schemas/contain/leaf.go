package contain

import (
	"maps"
	"slices"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// leaf is what is asserted of a value of one kind, on one way through the disjunctions.
type leaf struct {
	kind   Types
	goal   []lit // what the value must be in the end
	lits   []lit // what it was taken apart from
	ors    []either
	values []any // if listed, the only values
	listed bool
	opaque *Node // something that the facts do not tell of
	// near is a value that is good but for the disjunctions; nil if none is known.
	near *outcome

	texts   texts
	numbers numbers
	object  object
	array   array
}

// object is what is asserted of an object.
type object struct {
	nodes    []*Node // what they say of properties holds
	props    map[string]prop
	shared   bool   // another leaf has the map of props as well
	some     []fact // opSome
	min, max int    // max < 0 is none
}

// prop is what is asserted of one property.
type prop struct {
	present, absent bool
	lits            []lit // of its value, beside what the nodes say
}

// array is what is asserted of an array.
type array struct {
	nodes        []*Node
	items        []fact // opItem and opSomeItem
	least, most  []fact // opAtLeast, opAtMost
	min, max     int    // max < 0 is none
	unique, pair bool   // no two items are equal; two are
}

func newLeaf(kind Types, goal []lit) *leaf {
	return &leaf{kind: kind, goal: goal, texts: texts{max: -1}, object: object{max: -1}, array: array{max: -1}}
}

// clone is a copy that can be changed without changing the original.
func (lf *leaf) clone() *leaf {
	lf.object.shared = true
	c := *lf
	c.lits, c.ors = slices.Clip(c.lits), slices.Clip(c.ors)
	c.texts.patterns, c.texts.formats, c.texts.not = slices.Clip(c.texts.patterns), slices.Clip(c.texts.formats), slices.Clip(c.texts.not)
	c.numbers.multiples, c.numbers.notMultiples, c.numbers.not = slices.Clip(c.numbers.multiples), slices.Clip(c.numbers.notMultiples), slices.Clip(c.numbers.not)
	c.object.nodes, c.object.some = slices.Clip(c.object.nodes), slices.Clip(c.object.some)
	c.array.nodes, c.array.items = slices.Clip(c.array.nodes), slices.Clip(c.array.items)
	c.array.least, c.array.most = slices.Clip(c.array.least), slices.Clip(c.array.most)
	return &c
}

// restrict leaves only values that a node lists.
func (s *solver) restrict(lf *leaf, n *Node) {
	from := n.Values
	if lf.listed {
		from = lf.values
	}
	s.budget.use(len(from) / 4)
	var both []any
	for _, v := range from {
		if kindOf(v) == lf.kind && (!lf.listed || n.lists(v)) {
			both = append(both, v)
		}
	}
	lf.values, lf.listed = both, true
}

func (lf *leaf) either(source lit, alts [][]fact) {
	lf.ors = append(lf.ors, either{source, alts})
}

// prop changes what is asserted of a property.
func (lf *leaf) prop(name string, change func(*prop)) prop {
	switch {
	case lf.object.props == nil:
		lf.object.props = map[string]prop{}
	case lf.object.shared:
		lf.object.props = maps.Clone(lf.object.props)
	}
	lf.object.shared = false
	p := lf.object.props[name]
	change(&p)
	lf.object.props[name] = p
	return p
}

// apply adds a fact to the leaf. False: it cannot be together with what is there.
func (s *solver) apply(lf *leaf, f fact) bool {
	if !s.budget.use(1) {
		return true
	}
	switch f.op {
	case opLit:
		return s.applyLit(lf, f.lit)
	case opNotValues:
		s.budget.use(len(f.node.Values) / 4)
		for _, v := range f.node.Values {
			if kindOf(v) == lf.kind {
				s.leaveOut(lf, f.node, v)
			}
		}
	case opOpaque:
		lf.opaque = f.node
	case opPattern:
		lf.texts.patterns = append(lf.texts.patterns, textPattern{f.node.Pattern, f.not})
	case opFormat:
		if add := (textFormat{f.node.Format, f.not}); !slices.Contains(lf.texts.formats, add) {
			lf.texts.formats = append(lf.texts.formats, add)
		}
	case opMinLength:
		lf.texts.min = max(lf.texts.min, f.n)
		return lf.texts.max < 0 || lf.texts.min <= lf.texts.max
	case opMaxLength:
		if lf.texts.max < 0 || f.n < lf.texts.max {
			lf.texts.max = f.n
		}
		return lf.texts.min <= lf.texts.max
	case opInteger, opMin, opMax, opMultiple:
		return lf.numbers.apply(f)
	case opObject, opPresent, opAbsent, opSome, opMinProperties, opMaxProperties:
		return lf.applyObject(f)
	default:
		return lf.applyArray(f)
	}
	return true
}

// leaveOut says that the value is not one of a node's. An array or object differs in its
// size, or in some member.
func (s *solver) leaveOut(lf *leaf, n *Node, v any) {
	s.budget.use(1)
	switch v := v.(type) {
	case string:
		lf.texts.not = append(lf.texts.not, v)
	case []any:
		s.budget.use(len(jsonread.AppendKey(nil, v)) / 8)
		alts := [][]fact{{{op: opMinItems, n: len(v) + 1}}}
		if len(v) > 0 {
			alts = append(alts, []fact{{op: opMaxItems, n: len(v) - 1}})
		}
		for i, item := range v {
			alts = append(alts, []fact{{op: opItem, n: i, lits: s.not(item)}})
		}
		lf.either(negative(n), alts)
	case map[string]any:
		s.budget.use(len(jsonread.AppendKey(nil, v)) / 8)
		names := NewNode()
		names.Properties = make(map[string]*Node, len(v))
		var alts [][]fact
		for _, name := range slices.Sorted(maps.Keys(v)) {
			names.Properties[name] = nil
			alts = append(alts, []fact{{op: opAbsent, name: name}}, []fact{{op: opPresent, name: name, lits: s.not(v[name])}})
		}
		alts = append(alts, []fact{{op: opSome, class: &nameClass{besides: names}}})
		lf.either(negative(n), alts)
	default:
		if r, ok := numberOf(v); ok {
			lf.numbers.not = append(lf.numbers.not, r)
		}
	}
}

// not are literals of the values other than one.
func (s *solver) not(v any) []lit {
	return []lit{negative(s.oneOfValues([]any{v}))}
}

func (n *numbers) apply(f fact) bool {
	switch {
	case f.op == opInteger && f.not:
		n.notInteger = true
	case f.op == opInteger:
		n.integer = true
	case f.op == opMin:
		n.atLeast(f.rat, f.not)
	case f.op == opMax:
		n.atMost(f.rat, f.not)
	case f.not:
		n.notMultiples = append(n.notMultiples, f.rat)
	default:
		n.multiples = append(n.multiples, f.rat)
	}
	return !n.hollow()
}

func (lf *leaf) applyObject(f fact) bool {
	o := &lf.object
	switch f.op {
	case opObject:
		o.nodes = append(o.nodes, f.node)
	case opPresent:
		p := lf.prop(f.name, func(p *prop) {
			p.present = true
			p.lits = append(slices.Clip(p.lits), f.lits...)
		})
		return !p.absent
	case opAbsent:
		p := lf.prop(f.name, func(p *prop) { p.absent = true })
		return !p.present
	case opSome:
		o.some = append(o.some, f)
	case opMinProperties:
		o.min = max(o.min, f.n)
		return o.max < 0 || o.min <= o.max
	case opMaxProperties:
		if o.max < 0 || f.n < o.max {
			o.max = f.n
		}
		return o.min <= o.max
	}
	return true
}

func (lf *leaf) applyArray(f fact) bool {
	a := &lf.array
	switch f.op {
	case opArray:
		a.nodes = append(a.nodes, f.node)
	case opItem, opSomeItem:
		a.items = append(a.items, f)
		a.min = max(a.min, f.n+1)
	case opMinItems:
		a.min = max(a.min, f.n)
	case opMaxItems:
		if a.max < 0 || f.n < a.max {
			a.max = f.n
		}
	case opUnique:
		if f.not {
			a.pair = true
		} else {
			a.unique = true
		}
		return !a.pair || !a.unique
	case opAtLeast:
		a.least = append(a.least, f)
		a.min = max(a.min, f.n)
	case opAtMost:
		a.most = append(a.most, f)
	}
	return a.max < 0 || a.min <= a.max
}

// applyLit takes a literal apart.
func (s *solver) applyLit(lf *leaf, l lit) bool {
	if slices.Contains(lf.lits, l) {
		return true
	}
	if slices.Contains(lf.lits, l.complement()) {
		return false
	}
	s.budget.use(len(lf.lits) / 128)
	lf.lits = append(lf.lits, l)
	n := s.node(l)
	if !l.negated() {
		return s.assert(lf, n)
	}
	if s.foreign(lf, n) {
		return true
	}
	alts, whole := s.deny(n, lf.kind, 8)
	switch {
	case whole:
		return true
	case len(alts) == 0:
		return false
	case len(alts) == 1:
		for _, f := range alts[0] {
			if !s.apply(lf, f) {
				return false
			}
		}
		return true
	}
	lf.either(l, alts)
	return true
}

// foreign says whether something that is asserted plainly excludes a node.
func (s *solver) foreign(lf *leaf, n *Node) bool {
	for _, l := range lf.lits {
		if !l.negated() && s.disjoint(s.node(l), n, lf.kind) {
			return true
		}
	}
	return false
}

// solveKind answers a goal for values of one kind.
func (s *solver) solveKind(goal []lit, kind Types) outcome {
	if kind == Null || kind == Boolean {
		values := []any{nil}
		if kind == Boolean {
			values = []any{true, false}
		}
		for _, v := range values {
			if s.budget.use(len(goal)) && s.allHold(goal, v) {
				return found(v)
			}
		}
		return empty
	}
	lf := newLeaf(kind, goal)
	for _, negated := range []bool{false, true} {
		for _, l := range goal {
			if l.negated() == negated && !s.applyLit(lf, l) {
				return empty
			}
		}
	}
	return s.run(lf)
}

// run answers for a leaf.
func (s *solver) run(lf *leaf) outcome {
	if s.budget.spent() {
		return overBudget
	}
	if lf.listed {
		return s.tryValues(lf)
	}
	if !s.simplify(lf) {
		return empty
	}
	if lf.listed {
		return s.tryValues(lf)
	}
	o := s.finish(lf)
	if len(lf.ors) == 0 || o.verdict == isEmpty || o.verdict == isFound {
		return o
	}
	return s.split(lf)
}

func (s *solver) tryValues(lf *leaf) outcome {
	weight := s.weigh(lf.goal)
	for _, v := range lf.values {
		if !s.budget.use(len(lf.goal) + weight*size(v, maxValue)/4) {
			return overBudget
		}
		if s.allHold(lf.goal, v) {
			return found(v)
		}
	}
	return empty
}

// split tries the alternatives of one disjunction.
func (s *solver) split(lf *leaf) outcome {
	at := s.choose(lf)
	rest := lf.clone()
	rest.ors = slices.Delete(slices.Clone(lf.ors), at, at+1)
	o := empty
	for _, alt := range lf.ors[at].alts {
		if !s.budget.use(8 + len(lf.object.props)/2) {
			return overBudget
		}
		c := rest.clone()
		if !s.applyAll(c, alt) {
			continue
		}
		if o = o.or(s.run(c)); o.verdict == isFound {
			return o
		}
	}
	return o
}

func (s *solver) applyAll(lf *leaf, alt []fact) bool {
	for _, f := range alt {
		if !s.apply(lf, f) {
			return false
		}
	}
	return true
}

// choose picks the disjunction to split: one that the nearest value breaks, since otherwise
// that value may come again; of those the one with the fewest alternatives, where one that
// comes from what is asserted counts for less than one from what is denied, because its
// alternatives say more.
func (s *solver) choose(lf *leaf) (at int) {
	best := -1
	for i, or := range lf.ors {
		weight := 4 * len(or.alts)
		if !or.source.negated() {
			weight = len(or.alts)
		}
		if lf.near != nil && s.holds(or.source, lf.near.value) {
			weight += 1 << 20
		}
		if best < 0 || weight < best {
			at, best = i, weight
		}
	}
	return at
}

// simplify drops the alternatives that cannot be, and the disjunctions that hold anyway,
// until nothing changes. False: nothing is left.
func (s *solver) simplify(lf *leaf) bool {
	for changed := true; changed; {
		changed = false
		for i := 0; i < len(lf.ors); i++ {
			if s.budget.spent() || lf.listed {
				return true
			}
			or := lf.ors[i]
			live, holds := s.live(lf, or)
			switch {
			case holds:
				lf.ors = slices.Delete(slices.Clone(lf.ors), i, i+1)
				i--
			case len(live) == 0:
				return false
			case len(live) == 1:
				lf.ors = slices.Delete(slices.Clone(lf.ors), i, i+1)
				i--
				if !s.applyAll(lf, live[0]) {
					return false
				}
				changed = true
			case len(live) < len(or.alts):
				lf.ors = slices.Clone(lf.ors)
				lf.ors[i].alts = live
			}
		}
	}
	return true
}

// live returns the alternatives that can be, as far as is seen without splitting; holds
// says that the disjunction holds anyway.
func (s *solver) live(lf *leaf, or either) (live [][]fact, holds bool) {
	if or.source.negated() && s.foreign(lf, s.node(or.source)) {
		return nil, true
	}
	for _, alt := range or.alts {
		if len(alt) == 1 && s.entailed(lf, alt[0]) {
			return nil, true
		}
		if !s.conflicts(lf, alt) {
			live = append(live, alt)
		}
	}
	return live, false
}

// entailed says whether a fact plainly holds of whatever the leaf allows.
func (s *solver) entailed(lf *leaf, f fact) bool {
	switch f.op {
	case opLit:
		return slices.Contains(lf.lits, f.lit)
	case opAbsent:
		return lf.object.props[f.name].absent || s.solve(s.valueGoal(lf, f.name)).verdict == isEmpty
	case opPresent:
		if !lf.object.props[f.name].present {
			return false
		}
		goal := s.valueGoal(lf, f.name)
		for _, l := range f.lits {
			if s.solve(with(goal, l.complement())).verdict != isEmpty {
				return false
			}
		}
		return true
	}
	return false
}

// conflicts says whether the facts plainly cannot be together with what the leaf says.
func (s *solver) conflicts(lf *leaf, alt []fact) bool {
	s.budget.use(4)
	if len(alt) == 1 {
		switch f := alt[0]; f.op {
		case opPresent:
			return lf.object.props[f.name].absent || s.solve(with(s.valueGoal(lf, f.name), f.lits...)).verdict == isEmpty
		case opAbsent:
			return lf.object.props[f.name].present
		case opSome:
			return !s.somewhere(lf, f)
		}
	}
	s.budget.use(8 + len(lf.object.props)/2)
	c := lf.clone()
	if !s.applyAll(c, alt) {
		return true
	}
	if c.kind != Object {
		return false
	}
	for _, name := range slices.Sorted(maps.Keys(c.object.props)) { // in order, so that the answer is the same each time
		p := c.object.props[name]
		if p.present && (len(c.object.nodes) != len(lf.object.nodes) || len(p.lits) != len(lf.object.props[name].lits)) &&
			s.solve(s.valueGoal(c, name)).verdict == isEmpty {
			return true
		}
	}
	return false
}
