package schemas

import (
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// object makes the node for objects. The choices of the node are there already: their
// branches say which names the index must hold.
func (p *parts) object(names map[string]bool) *objectNode {
	b, o := p.builder, &objectNode{most: -1}
	var rest []*jsonschema.Schema
	for _, s := range p.list {
		if s.MinProperties != nil {
			o.least = max(o.least, *s.MinProperties)
		}
		o.most = atMost(o.most, s.MaxProperties)
		if len(s.PatternProperties) > 0 {
			o.patterned = append(o.patterned, p.patterned(s))
		} else {
			o.closed = o.closed || s.AdditionalProperties == false
			rest = append(rest, asSchemas(s.AdditionalProperties)...)
		}
		if names := namesSchema(s); names != nil {
			o.naming = append(o.naming, b.node([]*jsonschema.Schema{names}, nil))
		}
		if only := b.onlyNames(s); only != nil {
			o.shallow = append(o.shallow, only)
		}
	}
	for _, u := range p.unevaluated {
		others := u.others(b)
		switch {
		case others == nil:
		case len(others.patterns) > 0:
			o.patterned = append(o.patterned, *others)
		case others.rest == nil:
			o.closed = true
		default:
			rest = append(rest, u.schema.UnevaluatedProperties)
		}
	}
	o.rest = b.node(rest, nil)
	for _, name := range sortedKeys(names) {
		var list []*jsonschema.Schema
		forbidden := false
		for _, s := range p.list {
			more, bars := memberOf(s, name)
			list = append(list, more...)
			forbidden = forbidden || bars
		}
		for _, u := range p.unevaluated {
			if s := u.schema.UnevaluatedProperties; s != nil && !u.property(name) {
				list = append(list, s)
			}
		}
		var at *place
		if p.at != nil {
			at = p.at.below[name]
		}
		b.property(o, name, b.node(list, at)).forbidden = forbidden
	}
	b.finishObject(o)
	o.quick = o.naming == nil && len(p.node.choices) == 0 && o.words <= 1
	for i := range o.props {
		o.quick = o.quick && !o.props[i].forbidden
	}
	p.demands(o)
	o.indexed = len(p.node.choices) > 0
	return o
}

// findViews makes the views that the choices of a node take of an object.
func (b *builder) findViews(n *node) {
	o := n.object
	if o == nil {
		return
	}
	for i := range n.choices {
		c := &n.choices[i]
		if c.kind == ifPresent {
			c.property = o.names.find(o.props, []byte(c.name))
		}
		for _, branch := range c.branches {
			c.views = append(c.views, b.view(branch, o))
		}
	}
}

// memberOf lists what one schema applies to a member, and says whether it forbids it.
func memberOf(s *jsonschema.Schema, name string) (list []*jsonschema.Schema, forbidden bool) {
	sub, matched := s.Properties[name]
	if matched {
		list = append(list, sub)
	}
	for _, p := range sortedPatterns(s) {
		if p.pattern.MatchString(name) {
			matched = true
			list = append(list, p.schema)
		}
	}
	if matched {
		return list, false
	}
	return asSchemas(s.AdditionalProperties), s.AdditionalProperties == false
}

// patterned is a schema's view of members that no schema names.
func (p *parts) patterned(s *jsonschema.Schema) patterned {
	b := p.builder
	var out patterned
	for _, ps := range sortedPatterns(s) {
		out.patterns = append(out.patterns, newTextPattern(ps.pattern))
		out.nodes = append(out.nodes, b.node([]*jsonschema.Schema{ps.schema}, nil))
	}
	if s.AdditionalProperties != false {
		out.rest = b.node(asSchemas(s.AdditionalProperties), nil)
	}
	return out
}

// names lists the names that the node's table has to hold: those of the parts, those of
// the places where values are captured, and those that choices look at.
func (p *parts) names() map[string]bool {
	names := map[string]bool{}
	for _, s := range p.list {
		namesOf(s, names)
	}
	if p.at != nil {
		for name := range p.at.below {
			names[name] = true
		}
	}
	choiceNames(p.node.choices, names)
	return names
}

// choiceNames adds the names that the branches of choices look at.
func choiceNames(choices []choice, names map[string]bool) {
	for _, c := range choices {
		if c.kind == ifPresent {
			names[c.name] = true
		}
		for _, branch := range c.branches {
			if branch.object == nil {
				continue
			}
			for _, prop := range branch.object.props {
				names[prop.name] = true
			}
		}
	}
}

// namesOf adds the names that a schema itself mentions.
func namesOf(s *jsonschema.Schema, names map[string]bool) {
	for name := range s.Properties {
		names[name] = true
	}
	for _, name := range s.Required {
		names[name] = true
	}
	for name, list := range s.DependentRequired {
		names[name] = true
		for _, other := range list {
			names[other] = true
		}
	}
	for name, dep := range s.Dependencies {
		names[name] = true
		list, _ := dep.([]string)
		for _, other := range list {
			names[other] = true
		}
	}
	for name := range s.DependentSchemas {
		names[name] = true
	}
}

// demands fills in which properties have to be there.
func (p *parts) demands(o *objectNode) {
	at := func(name string) int { return o.names.find(o.props, []byte(name)) }
	depend := func(name string, list []string) {
		d := dependent{property: at(name)}
		for _, other := range list {
			d.required = append(d.required, at(other))
		}
		o.dependents = append(o.dependents, d)
	}
	for _, s := range p.list {
		for _, name := range s.Required {
			if o.required == nil {
				o.required = make([]uint64, o.words)
			}
			o.required[at(name)>>6] |= 1 << (at(name) & 63)
		}
		for _, name := range sortedKeys(s.DependentRequired) {
			depend(name, s.DependentRequired[name])
		}
		for _, name := range sortedKeys(s.Dependencies) {
			if list, ok := s.Dependencies[name].([]string); ok {
				depend(name, list)
			}
		}
	}
}

// choices makes the choices of the node.
func (p *parts) choices() {
	b := p.builder
	var list []choice
	add := func(kind choiceKind, name string, only *jsonschema.Schema, branches ...*jsonschema.Schema) {
		c := choice{kind: kind, name: name, only: only}
		for _, branch := range branches {
			n := b.node([]*jsonschema.Schema{branch}, nil)
			b.build(n)
			c.branches = append(c.branches, n)
		}
		list = append(list, c)
	}
	for _, s := range p.list {
		if len(s.AnyOf) > 0 {
			add(anyOf, "", b.onlyAnyOf(s), s.AnyOf...)
		}
		if len(s.OneOf) > 0 {
			add(oneOf, "", b.onlyOneOf(s), s.OneOf...)
		}
		if s.Not != nil {
			add(not, "", b.onlyNot(s), s.Not)
		}
		if s.If != nil && (s.Then != nil || s.Else != nil) {
			add(ifThenElse, "", b.onlyIf(s), s.If, s.Then, s.Else)
		}
		for _, name := range sortedKeys(s.DependentSchemas) {
			add(ifPresent, name, b.onlyDependent(s, name), s.DependentSchemas[name])
		}
		for _, name := range sortedKeys(s.Dependencies) {
			if sub, ok := s.Dependencies[name].(*jsonschema.Schema); ok {
				add(ifPresent, name, b.onlyDependent(s, name), sub)
			}
		}
	}
	p.node.choices = list
}

// inWhole reports whether a branch needs to see the whole object, and not only those of
// its members that have a name in the schemas.
func inWhole(n *node) bool {
	o := n.object
	return o == nil || len(o.patterned) > 0 || len(o.naming) > 0 || !o.rest.anything || len(n.opaque) > 0
}

// view makes the view of a branch in the index of an object.
func (b *builder) view(branch *node, index *objectNode) *branchView {
	v := &branchView{node: branch}
	if branch.anything || branch.object == nil {
		return v
	}
	if b.views += 1 + len(branch.object.props); inWhole(branch) || b.views > maxViews {
		v.whole = true
		return v
	}
	o := branch.object
	at := make([]int, len(o.props))
	for i, prop := range o.props {
		if at[i] = index.names.find(index.props, []byte(prop.name)); at[i] < 0 {
			v.whole = true
			return v
		}
	}
	in := func(set []uint64, i int) bool { return set != nil && set[i>>6]>>(i&63)&1 != 0 }
	if o.closed {
		v.allowed = make([]uint64, index.words)
	}
	for i, prop := range o.props {
		if in(o.required, i) {
			v.required = append(v.required, at[i])
		}
		if prop.forbidden {
			v.banned = append(v.banned, at[i])
		}
		if o.closed {
			v.allowed[at[i]>>6] |= 1 << (at[i] & 63)
		}
		if !prop.node.anything {
			v.probes = append(v.probes, probe{at[i], prop.node})
		}
	}
	slices.SortStableFunc(v.probes, func(x, y probe) int { return x.node.weight() - y.node.weight() })
	for _, d := range o.dependents {
		moved := dependent{property: at[d.property]}
		for _, r := range d.required {
			moved.required = append(moved.required, at[r])
		}
		v.depends = append(v.depends, moved)
	}
	for _, c := range branch.choices {
		moved := c
		moved.views = nil
		if c.kind == ifPresent {
			if moved.property = index.names.find(index.props, []byte(c.name)); moved.property < 0 {
				v.whole = true
				return v
			}
		}
		for _, sub := range c.branches {
			moved.views = append(moved.views, b.view(sub, index))
		}
		v.choices = append(v.choices, moved)
	}
	return v
}

// weight orders the members that a branch looks into: those that tell most for the least.
func (n *node) weight() int {
	switch {
	case n.text != nil && len(n.text.literals) > 0:
		return 0
	case n.object == nil && n.array == nil:
		return 1
	default:
		return 2
	}
}
