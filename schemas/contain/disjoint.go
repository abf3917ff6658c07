package contain

import "slices"

// disjoint says whether two nodes plainly accept no value of a kind both: by their types,
// or because they want different values at the same required property. False means nothing.
// It is for the branches of unions, which are mostly told apart that way.
func (s *solver) disjoint(a, b *Node, kind Types) bool {
	if a == b {
		return false
	}
	if a.id > b.id {
		a, b = b, a
	}
	key := pairKey(a.id)<<36 | pairKey(b.id)<<8 | pairKey(kind)
	if d, ok := s.pairs[key]; ok {
		return d
	}
	s.pairs[key] = false
	s.budget.use(2)
	d := s.findDisjoint(a, b, kind)
	s.pairs[key] = d
	return d
}

// pairKey is the numbers of two nodes, of 28 bits each, and a kind.
type pairKey uint64

// able lists the nodes that do not plainly refuse all values of a kind.
func (s *solver) able(list []*Node, kind Types) []*Node {
	s.budget.use(len(list) / 4)
	var some []*Node
	for _, n := range list {
		if s.view(n).allows(kind) {
			some = append(some, n)
		}
	}
	return some
}

func (s *solver) findDisjoint(a, b *Node, kind Types) bool {
	va, vb := s.view(a), s.view(b)
	if !va.allows(kind) || !vb.allows(kind) {
		return true
	}
	if va.values != nil && vb.values != nil {
		return !s.share(va.values, vb.values, kind)
	}
	if kind != Object {
		return false
	}
	if len(vb.named) < len(va.named) {
		va, vb = vb, va
	}
	s.budget.use(len(va.named) / 4)
	for _, name := range va.named {
		if y, ok := vb.tags[name]; ok && (va.required[name] || vb.required[name]) && !s.share(va.tags[name], y, anyKind) {
			return true // the property is there, and has to be two things
		}
	}
	return false
}

// share says whether two nodes list the same value of some kinds.
func (s *solver) share(a, b *Node, of Types) bool {
	if len(b.Values) < len(a.Values) {
		a, b = b, a
	}
	s.budget.use(1 + len(a.Values)/4)
	return slices.ContainsFunc(a.Values, func(v any) bool { return kindOf(v)&of != 0 && b.lists(v) })
}

// view is what a node plainly says, with what it says by allOf.
type view struct {
	types    Types // 0 is all
	never    bool
	values   *Node // that lists the only values; nil if none does
	required map[string]bool
	tags     map[string]*Node // of the properties that have only some values, the nodes that list them
	named    []string         // the keys of tags, in a fixed order
}

func (v *view) allows(kind Types) bool {
	return !v.never && (v.types == 0 || v.types&kind != 0 || kind == Number && v.types&Integer != 0)
}

func (s *solver) view(n *Node) *view {
	if v, ok := s.views[n.id]; ok {
		return v
	}
	v := &view{required: map[string]bool{}, tags: map[string]*Node{}}
	s.look(v, n, 8)
	s.views[n.id] = v
	return v
}

func (s *solver) look(v *view, n *Node, deep int) {
	if n.Opaque != "" || deep == 0 {
		return
	}
	s.budget.use(1 + (len(n.names)+len(n.Required))/4)
	v.never = v.never || n.Never
	if n.Types != 0 && v.types == 0 {
		v.types = n.Types
	}
	if n.Values != nil && v.values == nil {
		v.values = n
	}
	for _, name := range n.Required {
		v.required[name] = true
	}
	for _, name := range n.names {
		if sub := n.Properties[name]; sub.Values != nil && sub.Opaque == "" && v.tags[name] == nil {
			v.tags[name] = sub
			v.named = append(v.named, name)
		}
	}
	for _, sub := range n.AllOf {
		s.look(v, sub, deep-1)
	}
}
