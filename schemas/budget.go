package schemas

import (
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The schema library evaluates every branch, however it is reached, and cannot be
// cancelled. So the number of evaluations is bounded beforehand, for the worst event that
// there can be.
//
// Two things multiply. At one place of an event, references and combinators do: 22 chained
// anyOf of two references each are four million evaluations. And from one level of nesting
// to the next, recursion does: a schema that reaches itself through two branches for the
// same property is evaluated twice as often with each level.
const (
	maxEvaluations = 10_000     // of one place of an event, weighted
	budgetDepth    = 200        // levels of nesting that are looked at
	budgetSteps    = 20_000_000 // of the analysis itself
	manyValues     = 10         // values of an enum that weigh as much as one evaluation
)

// overBudget says which schema costs too much, and why.
type overBudget struct{ location, message string }

const (
	tooManyHere = "the combinators and references from here make one place of an event be checked more than 10000 times; use fewer branches, or let if and then choose between them"
	tooManyDeep = "this recursion goes through several branches for the same property, so that the work multiplies with each level of an event's nesting; choose the branch with if and then on a constant property, or put the recursion in one branch"
	tooComplex  = "the schema's references are too entangled to tell what an event may cost; use fewer branches"
	endless     = "this reference leads back to itself without going into the event, so it can never be decided"
)

// cost is an expression: the evaluations that some schemas bring about. It is the weight
// of one schema, or a sum or the greatest of parts.
type cost struct {
	schema *jsonschema.Schema // what is evaluated, for a leaf and for a schema's own sum
	parts  []*cost
	most   bool // the greatest part counts, not the sum
}

// checkBudget refuses a schema that costs too much. Of others it says how many evaluations
// there are at most of one place at each level of nesting, from 0 on; deeper than that are
// as many as at the last level.
func checkBudget(g *graph) (profile []int, over *overBudget) {
	b := &budget{graph: g, here: map[*jsonschema.Schema]*cost{}, weights: map[*jsonschema.Schema]int{}}
	for _, s := range g.nodes {
		if over := b.place(s, map[*jsonschema.Schema]bool{}); over != nil {
			return nil, over
		}
	}
	over = b.depths()
	return b.profile, over
}

type budget struct {
	graph   *graph
	here    map[*jsonschema.Schema]*cost // evaluations at the same place
	weights map[*jsonschema.Schema]int   // of here, as a number
	steps   int
	profile []int // see checkBudget
}

// weight is what evaluating s itself takes, its parts apart.
func weight(s *jsonschema.Schema) int {
	w := 1 + len(s.PatternProperties) + (len(s.Required)+len(s.DependentRequired)+len(s.DependentSchemas)+len(s.Dependencies))/manyValues
	if s.Enum == nil {
		return w
	}
	for _, v := range s.Enum.Values {
		if _, ok := v.(string); !ok {
			w++ // numbers are made anew for each comparison
		}
	}
	return w + len(s.Enum.Values)/manyValues
}

// place builds the cost of s at one place, and refuses it if it is too high.
func (b *budget) place(s *jsonschema.Schema, path map[*jsonschema.Schema]bool) *overBudget {
	if _, done := b.here[s]; done {
		return nil
	}
	if path[s] {
		return &overBudget{s.Location, endless}
	}
	path[s] = true
	defer delete(path, s)
	c := &cost{schema: s}
	add := func(to *cost, list ...*jsonschema.Schema) *overBudget {
		for _, sub := range list {
			if sub == nil {
				continue
			}
			if over := b.place(sub, path); over != nil {
				return over
			}
			to.parts = append(to.parts, b.here[sub])
		}
		return nil
	}
	subs := []*jsonschema.Schema{s.Ref, s.Not, s.If, s.PropertyNames}
	subs = append(append(append(subs, s.AnyOf...), s.OneOf...), exclusive(s, false)...)
	for _, one := range exclusive(s, true) {
		subs = append(subs, one.If) // each if is evaluated, though one then at most
	}
	for _, name := range sortedKeys(s.DependentSchemas) {
		subs = append(subs, s.DependentSchemas[name])
	}
	for _, name := range sortedKeys(s.Dependencies) {
		subs = append(subs, asSchemas(s.Dependencies[name])...)
	}
	if over := add(c, subs...); over != nil {
		return over
	}
	oneOf := [][]*jsonschema.Schema{{s.Then, s.Else}, exclusive(s, true)}
	for _, group := range oneOf {
		most := &cost{most: true}
		if over := add(most, group...); over != nil {
			return over
		}
		c.parts = append(c.parts, most)
	}
	for _, targets := range b.graph.dynamicTargets(s) {
		most := &cost{most: true}
		for _, target := range targets {
			// Which target it is shows only with the event, so a circle is not sure.
			if over := add(most, target); over != nil && over.message != endless {
				return over
			}
		}
		c.parts = append(c.parts, most)
	}
	b.here[s] = c
	if b.weights[s] = b.sum(c); b.weights[s] > maxEvaluations {
		return &overBudget{s.Location, tooManyHere}
	}
	return nil
}

// exclusive splits the members of allOf: those of which an event meets only one, since
// each is an if on another value of the same property, and the rest.
func exclusive(s *jsonschema.Schema, yes bool) []*jsonschema.Schema {
	tag := commonTag(s.AllOf)
	var list []*jsonschema.Schema
	for _, sub := range s.AllOf {
		if (tag != "" && isCase(sub, tag)) == yes {
			list = append(list, sub)
		}
	}
	return list
}

// sum is the value of an expression, no more than one beyond what is allowed.
func (b *budget) sum(c *cost) int {
	total := 0
	if c.schema != nil {
		if w, ok := b.weights[c.schema]; ok {
			return w
		}
		total = weight(c.schema)
	}
	for _, part := range c.parts {
		v := b.sum(part)
		if c.most {
			total = max(total, v)
		} else {
			total += v
		}
	}
	return min(total, maxEvaluations+1)
}

// depths looks at what each level of nesting multiplies. For each schema that is applied
// to a value, and each name or index that the value may have, it knows the schemas that
// are applied there, and it adds up their evaluations level by level.
func (b *budget) depths() *overBudget {
	levels := make(map[*jsonschema.Schema]int, len(b.graph.nodes))
	below := map[*jsonschema.Schema][]*cost{}
	order := b.applied(below)
	if b.steps > budgetSteps {
		return &overBudget{b.graph.root.Location, tooComplex}
	}
	for _, s := range order {
		levels[s] = b.weights[s]
	}
	for range budgetDepth {
		b.profile = append(b.profile, levels[b.graph.root])
		next := make(map[*jsonschema.Schema]int, len(order))
		changed := false
		var over *jsonschema.Schema // the innermost that is too much
		for _, s := range order {
			for _, c := range below[s] {
				v := b.level(c, levels)
				if v > maxEvaluations {
					over = s
				}
				next[s] = max(next[s], v)
			}
			changed = changed || next[s] != levels[s]
		}
		if over != nil {
			return &overBudget{over.Location, tooManyDeep}
		}
		if b.steps > budgetSteps*5 {
			return &overBudget{b.graph.root.Location, tooComplex}
		}
		if levels = next; !changed {
			return nil
		}
	}
	return nil
}

// level is the value of an expression whose leaves are schemas one level further down.
func (b *budget) level(c *cost, levels map[*jsonschema.Schema]int) int {
	b.steps++
	if c.schema != nil {
		return levels[c.schema]
	}
	total := 0
	for _, part := range c.parts {
		v := b.level(part, levels)
		if c.most {
			total = max(total, v)
		} else {
			total += v
		}
	}
	return total
}

// applied fills below, for each schema that is applied to a value, with one expression for
// each kind of member that the value may have, and returns those schemas.
func (b *budget) applied(below map[*jsonschema.Schema][]*cost) []*jsonschema.Schema {
	order := []*jsonschema.Schema{b.graph.root}
	seen := map[*jsonschema.Schema]bool{b.graph.root: true}
	for i := 0; i < len(order) && b.steps <= budgetSteps; i++ {
		s := order[i]
		for _, m := range b.members(b.here[s]) {
			c := b.member(b.here[s], m)
			if c == nil {
				continue
			}
			below[s] = append(below[s], c)
			leaves(c, func(sub *jsonschema.Schema) {
				if !seen[sub] {
					seen[sub] = true
					order = append(order, sub)
				}
			})
		}
	}
	return order
}

func leaves(c *cost, visit func(*jsonschema.Schema)) {
	if c.schema != nil {
		visit(c.schema)
	}
	for _, part := range c.parts {
		leaves(part, visit)
	}
}

// memberKind is a member that a value may have: a property of a name that some schema
// mentions, one of another name, an item at an index, or one further on.
type memberKind struct {
	item  bool
	name  string // of a property; "" with other
	other bool
	index int
}

// members lists the kinds of members that the schemas of an expression tell apart.
func (b *budget) members(c *cost) []memberKind {
	names, longest := map[string]bool{}, 0
	seen := map[*cost]bool{}
	var visit func(*cost)
	visit = func(c *cost) {
		b.steps++
		if seen[c] {
			return
		}
		seen[c] = true
		if s := c.schema; s != nil {
			for name := range s.Properties {
				names[name] = true
			}
			tuple, _ := s.Items.([]*jsonschema.Schema)
			longest = max(longest, len(s.PrefixItems), len(tuple))
		}
		for _, part := range c.parts {
			visit(part)
		}
	}
	visit(c)
	list := []memberKind{{other: true}, {item: true, index: longest}}
	for _, name := range sortedKeys(names) {
		list = append(list, memberKind{name: name})
	}
	for i := range longest {
		list = append(list, memberKind{item: true, index: i})
	}
	return list
}

// member is the expression of what is applied to one kind of member, or nil if nothing is.
func (b *budget) member(c *cost, m memberKind) *cost {
	if b.steps++; b.steps > budgetSteps {
		return nil
	}
	out := &cost{most: c.most}
	if c.schema != nil {
		for _, sub := range appliedTo(c.schema, m) {
			out.parts = append(out.parts, &cost{schema: sub})
		}
	}
	for _, part := range c.parts {
		if sub := b.member(part, m); sub != nil {
			out.parts = append(out.parts, sub)
		}
	}
	switch len(out.parts) {
	case 0:
		return nil
	case 1:
		return out.parts[0]
	default:
		return out
	}
}

// appliedTo lists the schemas that s itself applies to a member.
func appliedTo(s *jsonschema.Schema, m memberKind) (list []*jsonschema.Schema) {
	if m.item {
		return appliedToItem(s, m.index)
	}
	named := s.Properties[m.name]
	if named != nil && !m.other {
		list = append(list, named)
	}
	for re, sub := range s.PatternProperties {
		if m.other || re.MatchString(m.name) {
			list = append(list, sub)
		}
	}
	if len(list) == 0 || m.other {
		list = append(list, asSchemas(s.AdditionalProperties)...)
	}
	if s.UnevaluatedProperties != nil {
		list = append(list, s.UnevaluatedProperties)
	}
	return list
}

func appliedToItem(s *jsonschema.Schema, index int) (list []*jsonschema.Schema) {
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		list = append(list, items)
	case []*jsonschema.Schema:
		if index < len(items) {
			list = append(list, items[index])
		} else {
			list = append(list, asSchemas(s.AdditionalItems)...)
		}
	}
	if index < len(s.PrefixItems) {
		list = append(list, s.PrefixItems[index])
	} else if s.Items2020 != nil {
		list = append(list, s.Items2020)
	}
	for _, sub := range []*jsonschema.Schema{s.Contains, s.UnevaluatedItems} {
		if sub != nil {
			list = append(list, sub)
		}
	}
	return list
}
