package contain

import (
	"fmt"
	"maps"
	"slices"
)

const (
	maxAdded   = 10_000 // properties or items that are added to reach a minimum
	maxSigns   = 60     // patterns of names that are told apart
	fewSigns   = 6      // so many are told apart without a look at which can match together
	maxDemands = 60     // properties or items that are asked for without a place
)

// valueGoal is what the value of a property must be, in an object that has it.
func (s *solver) valueGoal(lf *leaf, name string) []lit {
	goal := slices.Clone(lf.object.props[name].lits)
	for _, n := range lf.object.nodes {
		if n.Names != nil && !s.trivial(n.Names) && !n.Names.Holds(name) {
			return []lit{s.never()}
		}
		n.property(name, func(sub *Node) {
			if !s.trivial(sub) {
				goal = append(goal, positive(sub))
			}
		})
	}
	return normal(goal)
}

// known lists the names that the leaf speaks of, sorted.
func (lf *leaf) known() []string {
	names := slices.Collect(maps.Keys(lf.object.props))
	for _, n := range lf.object.nodes {
		names = append(names, n.names...)
	}
	for _, f := range lf.object.some {
		if f.class.besides != nil {
			names = slices.AppendSeq(names, maps.Keys(f.class.besides.Properties))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// has says whether a name is of the class.
func (s *solver) has(c *nameClass, name string) bool {
	if c == nil {
		return true
	}
	if c.in != nil && !c.in.Match(name) {
		return false
	}
	if c.besides != nil {
		if _, ok := c.besides.Properties[name]; ok {
			return false
		}
		for _, p := range c.besides.Patterns {
			if p.Pattern.Match(name) {
				return false
			}
		}
	}
	return s.allHold(c.lits, name)
}

// somewhere says whether there may be a property as a fact asks for.
func (s *solver) somewhere(lf *leaf, f fact) bool {
	known := lf.known()
	for _, name := range known {
		if !lf.object.props[name].absent && s.has(f.class, name) && s.solve(with(s.valueGoal(lf, name), f.lits...)).verdict != isEmpty {
			return true
		}
	}
	return len(s.cells(lf, f.class, f.lits, known)) > 0
}

// cell is a set of names that the leaf does not speak of and cannot tell apart, but by the
// patterns that they match.
type cell struct {
	names outcome // one of them, or why none is known
	value outcome // what its value can be
	// free lists patterns: every name that is not known and matches none of them is of the
	// cell. It is nil, and not only empty, where more is asked of the names.
	free []*Pattern
}

// marks are what names are told apart by.
type marks struct {
	patterns []*Pattern
	lits     []lit // positive ones, of the name as a string
}

func (m *marks) pattern(p *Pattern) {
	if len(m.patterns) <= maxSigns && !slices.ContainsFunc(m.patterns, func(q *Pattern) bool { return q.Source == p.Source }) {
		m.patterns = append(m.patterns, p)
	}
}

func (m *marks) class(c *nameClass) {
	for _, l := range c.lits {
		if l = l &^ 1; !slices.Contains(m.lits, l) {
			m.lits = append(m.lits, l)
		}
	}
	if c.in != nil {
		m.pattern(c.in)
	}
	if c.besides != nil {
		for _, p := range c.besides.Patterns {
			m.pattern(p.Pattern)
		}
	}
}

// cells lists the sets of names of a class for which the value can be as asked for. Names in
// one cell are alike for the nodes of the leaf and for everything else that is asked of
// properties without a name: what serves one of these serves the same others.
func (s *solver) cells(lf *leaf, class *nameClass, lits []lit, known []string) (list []cell) {
	var m marks
	var name []lit
	for _, n := range lf.object.nodes {
		for _, p := range n.Patterns {
			m.pattern(p.Pattern)
		}
		if n.Names != nil && !s.trivial(n.Names) {
			name = append(name, positive(n.Names))
		}
	}
	for _, f := range lf.object.some {
		m.class(f.class)
	}
	if class != nil {
		m.class(class)
		if class.besides != nil {
			known = slices.Concat(known, slices.Sorted(maps.Keys(class.besides.Properties)))
			slices.Sort(known)
			known = slices.Compact(known)
		}
	}
	if len(m.patterns)+len(m.lits) > maxSigns {
		return []cell{{names: doubt("patternProperties", fmt.Sprintf("more than %d patterns for the names of one object's properties", maxSigns))}}
	}
	matched := map[string]bool{}
	var divide func(i int)
	divide = func(i int) {
		if !s.budget.use(1) {
			return
		}
		switch {
		case i < len(m.patterns):
			for _, yes := range []bool{false, true} {
				matched[m.patterns[i].Source] = yes
				if yes && len(m.patterns) > fewSigns && s.freshName(nil, m.patterns[:i+1], matched, nil).verdict == isEmpty {
					continue // nor with the patterns after it
				}
				divide(i + 1)
			}
			return
		case i < len(m.patterns)+len(m.lits):
			l := m.lits[i-len(m.patterns)]
			for _, l := range []lit{l, l.complement()} {
				name = append(name, l)
				divide(i + 1)
				name = name[:len(name)-1]
			}
			return
		}
		if class != nil && !class.agrees(matched, name) {
			return
		}
		goal := slices.Clone(lits)
		for _, n := range lf.object.nodes {
			goal = append(goal, s.othersGoal(n, matched)...)
		}
		value := s.solve(normal(goal))
		if value.verdict == isEmpty {
			return
		}
		if names := s.freshName(name, m.patterns, matched, known); names.verdict != isEmpty {
			c := cell{names: names, value: value}
			if len(name) == 0 && !slices.ContainsFunc(m.patterns, func(p *Pattern) bool { return matched[p.Source] }) {
				c.free = append([]*Pattern{}, m.patterns...)
			}
			list = append(list, c)
		}
	}
	divide(0)
	return list
}

// agrees says whether names that match some patterns and have some literals are of the class.
func (c *nameClass) agrees(matched map[string]bool, name []lit) bool {
	if slices.ContainsFunc(c.lits, func(l lit) bool { return !slices.Contains(name, l) }) {
		return false
	}
	if c.in != nil && !matched[c.in.Source] {
		return false
	}
	return c.besides == nil || !slices.ContainsFunc(c.besides.Patterns, func(p PatternProperty) bool { return matched[p.Pattern.Source] })
}

// othersGoal is what a node says of the value of a property that it does not name.
func (s *solver) othersGoal(n *Node, matched map[string]bool) (goal []lit) {
	known := false
	for _, p := range n.Patterns {
		if matched[p.Pattern.Source] {
			known = true
			goal = append(goal, positive(p.Node))
		}
	}
	if !known && n.Additional != nil {
		goal = append(goal, positive(n.Additional))
	}
	return slices.DeleteFunc(goal, func(l lit) bool { return s.trivial(s.node(l)) })
}

// freshName looks for a name that is not known, with some literals, which matches some
// patterns and no others.
func (s *solver) freshName(lits []lit, patterns []*Pattern, matched map[string]bool, known []string) outcome {
	if len(lits) == 0 && !slices.ContainsFunc(patterns, func(p *Pattern) bool { return matched[p.Source] }) {
		for i := range len(known) + 8 {
			name := "extra"
			if i > 0 {
				name = fmt.Sprint("extra", i)
			}
			if _, taken := slices.BinarySearch(known, name); !taken && !slices.ContainsFunc(patterns, func(p *Pattern) bool { return p.Match(name) }) {
				return found(name)
			}
		}
	}
	goal := slices.Clone(lits)
	for _, p := range patterns {
		if l := positive(s.matching(p)); matched[p.Source] {
			goal = append(goal, l)
		} else {
			goal = append(goal, l.complement())
		}
	}
	if len(known) > 0 {
		if !s.budget.use(len(known)) {
			return overBudget
		}
		values := make([]any, len(known))
		for i, name := range known {
			values[i] = name
		}
		goal = append(goal, negative(s.oneOfValues(values)))
	}
	return s.solveKinds(normal(goal), String)
}

// finishObject looks for an object: first a place for each property that is asked for by
// its kind of name alone, then a value for each that must be there, then more of them if
// there are too few.
func (s *solver) finishObject(lf *leaf) outcome {
	if len(lf.object.some) > maxDemands {
		return doubt("additionalProperties", "too many properties are asked for")
	}
	if len(lf.object.some) > 0 {
		return s.placeSome(lf)
	}
	members := map[string]any{}
	unknown := empty
	names := slices.Sorted(maps.Keys(lf.object.props))
	for _, name := range names {
		if !lf.object.props[name].present {
			continue
		}
		o := s.solve(s.valueGoal(lf, name))
		switch o.verdict {
		case isEmpty:
			return empty
		case isUnknown:
			unknown = o
		}
		members[name] = o.value
	}
	if m := lf.object.max; m >= 0 && len(members) > m {
		return empty
	}
	if len(members) < lf.object.min {
		if o := s.addProperties(lf, members); o.verdict != isFound {
			return o.or(unknown)
		}
	}
	if unknown.verdict == isUnknown {
		return unknown
	}
	return found(members)
}

// placeSome gives the first property that is asked for without a name each name that it can
// have.
func (s *solver) placeSome(lf *leaf) outcome {
	f := lf.object.some[0]
	rest := lf.clone()
	rest.object.some = lf.object.some[1:]
	known := lf.known()
	o := empty
	try := func(name string) bool {
		if !s.budget.use(1) {
			o = overBudget
			return true
		}
		c := rest.clone()
		if c.applyObject(fact{op: opPresent, name: name, lits: f.lits}) {
			o = o.or(s.finishObject(c))
		}
		return o.verdict == isFound
	}
	for _, c := range s.cells(lf, f.class, f.lits, known) {
		switch {
		case c.names.verdict == isUnknown:
			o = o.or(c.names)
		case try(c.names.value.(string)):
			return o
		}
	}
	for _, name := range known {
		if lf.object.props[name].absent || !s.has(f.class, name) {
			continue
		}
		if s.solve(with(s.valueGoal(lf, name), f.lits...)).verdict != isEmpty && try(name) {
			return o
		}
	}
	return o
}

// addProperties adds properties to members until there are enough.
func (s *solver) addProperties(lf *leaf, members map[string]any) outcome {
	if lf.object.min > maxAdded {
		return doubt("minProperties", "an object would have to have more properties than can be looked for")
	}
	unknown := empty
	known := lf.known()
	for _, name := range known {
		if len(members) >= lf.object.min {
			return found(nil)
		}
		if p := lf.object.props[name]; p.present || p.absent {
			continue
		}
		switch o := s.solve(s.valueGoal(lf, name)); o.verdict {
		case isFound:
			members[name] = o.value
		case isUnknown:
			unknown = o
		}
	}
	for len(members) < lf.object.min {
		if s.budget.spent() {
			return overBudget
		}
		at := slices.IndexFunc(s.cells(lf, nil, nil, known), func(c cell) bool {
			if c.names.verdict == isFound && c.value.verdict == isFound {
				known = c.fill(members, known, lf.object.min)
				return true
			}
			for _, o := range []outcome{c.names, c.value} {
				if o.verdict == isUnknown {
					unknown = o
				}
			}
			return false
		})
		if at < 0 {
			return unknown
		}
	}
	return found(nil)
}

// fill adds a name of the cell to members, or as many as are needed if there are enough,
// and returns the names that are known with it.
func (c cell) fill(members map[string]any, known []string, need int) []string {
	add := func(name string) {
		members[name] = c.value.value
		at, _ := slices.BinarySearch(known, name)
		known = slices.Insert(known, at, name)
	}
	add(c.names.value.(string))
	if c.free == nil {
		return known
	}
	taken := slices.Clone(known)
	for i := range 2*need + len(taken) {
		name := fmt.Sprint("extra", i)
		if _, ok := slices.BinarySearch(taken, name); len(members) < need && !ok &&
			!slices.ContainsFunc(c.free, func(p *Pattern) bool { return p.Match(name) }) {
			add(name)
		}
	}
	return known
}
