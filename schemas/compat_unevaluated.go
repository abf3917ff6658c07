package schemas

import (
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lazaret/lazaret/schemas/contain"
)

// Bounds on the cases that unevaluatedProperties and unevaluatedItems are taken apart into.
const (
	maxUnevaluatedCases    = 64
	maxUnevaluatedBranches = 5 // of one anyOf
	maxUnevaluatedDepth    = 20
)

// looked is what the keywords of a schema, and of those that it applies to the same value,
// look at in one case: if the value is good for certain schemas.
//
// The cases need not exclude each other. Of two that hold, the one in which more was looked
// at leaves fewer members to the keyword, so that the weaker of the two decides, as it has
// to: the keyword holds exactly if it holds in some case.
type looked struct {
	conds    []*contain.Node
	all      bool // everything was looked at
	names    []string
	patterns []contain.PatternProperty
	prefix   int             // items
	matching []*contain.Node // items that match one of these
}

func (l looked) and(m looked) looked {
	return looked{
		conds: slices.Concat(l.conds, m.conds), all: l.all || m.all,
		names: slices.Concat(l.names, m.names), patterns: slices.Concat(l.patterns, m.patterns),
		prefix: max(l.prefix, m.prefix), matching: slices.Concat(l.matching, m.matching),
	}
}

// nothing says whether it changes nothing.
func (l looked) nothing() bool {
	return !l.all && len(l.names) == 0 && len(l.patterns) == 0 && l.prefix == 0 && len(l.matching) == 0
}

// fillUnevaluated is for the keywords that depend on what others looked at.
func (b *nodes) fillUnevaluated(n *contain.Node, s *jsonschema.Schema) {
	for _, k := range []struct {
		keyword string
		sub     *jsonschema.Schema
		items   bool
	}{{"unevaluatedProperties", s.UnevaluatedProperties, false}, {"unevaluatedItems", s.UnevaluatedItems, true}} {
		if k.sub == nil {
			continue
		}
		u := &leftover{b: b, items: k.items}
		cases, ok := u.inside(s, 0)
		if !ok {
			b.beside(n, s, k.keyword)
			continue
		}
		either := contain.NewNode()
		either.Where = s.Location
		rest := b.node(k.sub)
		for _, l := range cases {
			either.AnyOf = append(either.AnyOf, u.closed(l, rest, s.Location))
		}
		n.AllOf = append(n.AllOf, either)
	}
}

// leftover takes one of the keywords apart.
type leftover struct {
	b     *nodes
	items bool
}

// closed is the node of a case: its conditions, and what is asked of the members that were
// not looked at.
func (u *leftover) closed(l looked, rest *contain.Node, where string) *contain.Node {
	n := contain.NewNode()
	n.Where = where
	n.AllOf = slices.Clone(l.conds)
	switch {
	case l.all:
	case u.items:
		for range l.prefix {
			n.Prefix = append(n.Prefix, contain.NewNode())
		}
		n.Rest = rest
		if len(l.matching) > 0 {
			n.Rest = contain.NewNode()
			n.Rest.Where = where
			n.Rest.AnyOf = append([]*contain.Node{rest}, l.matching...)
		}
	default:
		n.Properties = map[string]*contain.Node{}
		for _, name := range l.names {
			n.Properties[name] = contain.NewNode()
		}
		n.Patterns = l.patterns
		n.Additional = rest
	}
	return n
}

// of lists the cases of a schema that is applied to the same value. False if there are too
// many, or they cannot be told.
func (u *leftover) of(s *jsonschema.Schema, deep int) ([]looked, bool) {
	if s == nil || s.Bool != nil {
		return []looked{{}}, true
	}
	if deep > maxUnevaluatedDepth || u.b.cyclic(s) {
		return nil, false
	}
	if u.items && s.UnevaluatedItems != nil || !u.items && s.UnevaluatedProperties != nil {
		return []looked{{all: true}}, true
	}
	return u.inside(s, deep)
}

// inside is of for what a schema says beside its own unevaluated keyword.
func (u *leftover) inside(s *jsonschema.Schema, deep int) ([]looked, bool) {
	cases := []looked{u.itself(s)}
	ok := true
	both := func(more []looked, known bool) {
		ok = ok && known && len(cases)*len(more) <= maxUnevaluatedCases
		if !ok {
			return
		}
		var product []looked
		for _, l := range cases {
			for _, m := range more {
				product = append(product, l.and(m))
			}
		}
		cases = product
	}
	if s.Ref != nil {
		both(u.of(s.Ref, deep+1))
		if s.DraftVersion < 2019 {
			return cases, ok
		}
	}
	for _, targets := range u.b.graph.dynamicTargets(s) {
		if slices.ContainsFunc(targets, func(s *jsonschema.Schema) bool { return s != targets[0] }) {
			return nil, false
		}
		both(u.of(targets[0], deep+1))
	}
	for _, sub := range s.AllOf {
		both(u.of(sub, deep+1))
	}
	both(u.anyOf(s.AnyOf, deep))
	both(u.oneOf(s.OneOf, deep))
	both(u.conditional(s, deep))
	for _, name := range sortedKeys(s.DependentSchemas) {
		both(u.dependent(name, s.DependentSchemas[name], deep))
	}
	for _, name := range sortedKeys(s.Dependencies) {
		if sub, is := s.Dependencies[name].(*jsonschema.Schema); is {
			both(u.dependent(name, sub, deep))
		}
	}
	return cases, ok
}

// itself is what a schema's own keywords look at.
func (u *leftover) itself(s *jsonschema.Schema) (l looked) {
	if s.Ref != nil && s.DraftVersion < 2019 {
		return l
	}
	if !u.items {
		l.all = s.AdditionalProperties != nil
		l.names = sortedKeys(s.Properties)
		for _, p := range sortedPatterns(s) {
			l.patterns = append(l.patterns, contain.PatternProperty{Pattern: u.b.pattern(p.pattern), Node: contain.NewNode()})
		}
		return l
	}
	if s.DraftVersion >= 2020 {
		l.prefix, l.all = len(s.PrefixItems), s.Items2020 != nil
		if s.Contains != nil {
			l.matching = append(l.matching, u.b.node(s.Contains))
		}
		return l
	}
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		l.all = true
	case []*jsonschema.Schema:
		l.prefix, l.all = len(items), s.AdditionalItems != nil
	}
	return l
}

// under are the cases of a schema, each on condition that others accept the value.
func (u *leftover) under(s *jsonschema.Schema, deep int, conds ...*contain.Node) ([]looked, bool) {
	cases, ok := u.of(s, deep+1)
	for i := range cases {
		cases[i] = looked{conds: conds}.and(cases[i])
	}
	return cases, ok
}

// plain says whether in no case anything is looked at.
func plain(cases []looked) bool {
	return !slices.ContainsFunc(cases, func(l looked) bool { return !l.nothing() })
}

func (u *leftover) anyOf(list []*jsonschema.Schema, deep int) ([]looked, bool) {
	all := []looked{{}}
	branches := 0
	for _, s := range list {
		cases, ok := u.under(s, deep, u.b.node(s))
		if !ok {
			return nil, false
		}
		if plain(cases) {
			continue
		}
		if branches++; branches > maxUnevaluatedBranches || len(all)*(1+len(cases)) > maxUnevaluatedCases {
			return nil, false
		}
		for _, l := range slices.Clone(all) {
			for _, m := range cases {
				all = append(all, l.and(m))
			}
		}
	}
	return all, true
}

func (u *leftover) oneOf(list []*jsonschema.Schema, deep int) ([]looked, bool) {
	all := []looked{{}}
	for _, s := range list {
		cases, ok := u.under(s, deep, u.b.node(s))
		if !ok {
			return nil, false
		}
		if !plain(cases) {
			all = append(all, cases...)
		}
	}
	return all, len(all) <= maxUnevaluatedCases
}

func (u *leftover) conditional(s *jsonschema.Schema, deep int) ([]looked, bool) {
	if s.If == nil {
		return []looked{{}}, true
	}
	no := contain.NewNode()
	no.Where, no.Not = s.If.Location, u.b.node(s.If)
	first, ok1 := u.under(s.If, deep, u.b.node(s.If))
	then, ok2 := u.of(s.Then, deep+1)
	other, ok3 := u.under(s.Else, deep, no)
	var all []looked
	for _, l := range first {
		for _, m := range then {
			all = append(all, l.and(m))
		}
	}
	all = append(all, other...)
	return append(all, looked{}), ok1 && ok2 && ok3 && len(all) < maxUnevaluatedCases
}

func (u *leftover) dependent(name string, s *jsonschema.Schema, deep int) ([]looked, bool) {
	there := contain.NewNode()
	there.Where, there.Types, there.Required = s.Location, contain.Object, []string{name}
	cases, ok := u.under(s, deep, there)
	if plain(cases) {
		return []looked{{}}, ok
	}
	return append(cases, looked{}), ok
}
