package contain

import (
	"slices"

	"github.com/lazaret/lazaret/internal/jsonread"
)

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
	key := pairKey{a.id, b.id, kind}
	if d, ok := s.pairs[key]; ok {
		return d
	}
	s.pairs[key] = false
	s.budget.use(1)
	d := s.findDisjoint(a, b, kind)
	s.pairs[key] = d
	return d
}

type pairKey struct {
	a, b int
	kind Types
}

func (s *solver) findDisjoint(a, b *Node, kind Types) bool {
	va, vb := s.view(a), s.view(b)
	if !va.allows(kind) || !vb.allows(kind) {
		return true
	}
	if va.values != nil && vb.values != nil {
		return !slices.ContainsFunc(va.values, func(v any) bool {
			return kindOf(v) == kind && slices.ContainsFunc(vb.values, func(w any) bool { return jsonread.Equal(v, w) })
		})
	}
	if kind != Object {
		return false
	}
	for name, x := range va.tags {
		if y, ok := vb.tags[name]; ok && (va.required[name] || vb.required[name]) &&
			!slices.ContainsFunc(x, func(v any) bool { return slices.ContainsFunc(y, func(w any) bool { return jsonread.Equal(v, w) }) }) {
			return true // the property is there, and has to be two things
		}
	}
	return false
}

// view is what a node plainly says, with what it says by allOf.
type view struct {
	types    Types // 0 is all
	never    bool
	values   []any
	required map[string]bool
	tags     map[string][]any // the values of the properties that have only some
}

func (v *view) allows(kind Types) bool {
	return !v.never && (v.types == 0 || v.types&kind != 0 || kind == Number && v.types&Integer != 0)
}

func (s *solver) view(n *Node) *view {
	if v, ok := s.views[n.id]; ok {
		return v
	}
	v := &view{required: map[string]bool{}, tags: map[string][]any{}}
	s.look(v, n, 8)
	s.views[n.id] = v
	return v
}

func (s *solver) look(v *view, n *Node, deep int) {
	if n.Opaque != "" || deep == 0 {
		return
	}
	s.budget.use(1)
	v.never = v.never || n.Never
	if n.Types != 0 && v.types == 0 {
		v.types = n.Types
	}
	if n.Values != nil && v.values == nil {
		v.values = n.Values
	}
	for _, name := range n.Required {
		v.required[name] = true
	}
	for _, name := range n.names {
		if sub := n.Properties[name]; sub.Values != nil && sub.Opaque == "" && v.tags[name] == nil {
			v.tags[name] = sub.Values
		}
	}
	for _, sub := range n.AllOf {
		s.look(v, sub, deep-1)
	}
}
