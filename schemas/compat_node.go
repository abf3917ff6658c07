package schemas

import (
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lazaret/lazaret/schemas/contain"
)

// nodes makes nodes of package contain out of a compiled schema: what the library would
// evaluate, as sets. It is for one schema and one question.
type nodes struct {
	root     *contain.Node
	graph    *graph
	made     map[*jsonschema.Schema]*contain.Node
	inPlace  map[*jsonschema.Schema]int // 1: being looked at, 2: free of cycles, 3: on one
	patterns map[string]*contain.Pattern
	formats  map[string]*contain.Format
	// context names a reference of which what it leads to, or whether it leads anywhere,
	// depends on the way to it, so that it cannot be asked for on its own.
	context string
}

// nodes makes the nodes of the schema.
func (s *Schema) nodes() *nodes {
	b := &nodes{
		made:     map[*jsonschema.Schema]*contain.Node{},
		inPlace:  map[*jsonschema.Schema]int{},
		patterns: map[string]*contain.Pattern{},
		formats:  map[string]*contain.Format{},
		root:     contain.NewNode(),
	}
	if s.root != nil {
		b.graph = newGraph(s.root, s.source.anchored)
		if b.graph.astray() {
			b.context = "$recursiveRef"
		}
		b.root = b.node(s.root)
	}
	return b
}

// node makes a schema's node, once.
func (b *nodes) node(s *jsonschema.Schema) *contain.Node {
	if n, ok := b.made[s]; ok {
		return n
	}
	n := contain.NewNode()
	n.Where = s.Location
	b.made[s] = n
	switch {
	case s.Bool != nil:
		n.Never = !*s.Bool
	case b.cyclic(s):
		b.context = "$ref"
		b.opaque(n, s, "$ref")
	default:
		b.fill(n, s)
	}
	return n
}

// optional is nil for no schema.
func (b *nodes) optional(s *jsonschema.Schema) *contain.Node {
	if s == nil {
		return nil
	}
	return b.node(s)
}

func (b *nodes) list(list []*jsonschema.Schema) (nodes []*contain.Node) {
	for _, s := range list {
		nodes = append(nodes, b.node(s))
	}
	return nodes
}

// opaque makes a node of which only single values can be asked for.
func (b *nodes) opaque(n *contain.Node, s *jsonschema.Schema, construct string) {
	if len(b.graph.recurse) > 0 {
		b.context = "$recursiveRef" // by itself the schema may mean something else
	}
	n.Opaque = construct
	n.Accepts = func(v any) bool {
		verr, err := validate(s, v)
		return verr == nil && err == nil
	}
}

func (b *nodes) fill(n *contain.Node, s *jsonschema.Schema) {
	b.fillAny(n, s)
	if s.Ref != nil && s.DraftVersion < 2019 {
		return // what stands beside a reference is ignored
	}
	b.fillScalar(n, s)
	b.fillArray(n, s)
	b.fillObject(n, s)
	b.fillUnevaluated(n, s)
}

// fillAny is for the keywords that are about values of any kind.
func (b *nodes) fillAny(n *contain.Node, s *jsonschema.Schema) {
	if s.Types != nil {
		for _, t := range s.Types.ToStrings() {
			n.Types |= containTypes[t]
		}
	}
	if s.Enum != nil {
		n.Values = s.Enum.Values
	}
	if s.Const != nil {
		if n.Values == nil {
			n.Values = []any{*s.Const}
		} else {
			c := contain.NewNode()
			c.Where, c.Values = s.Location, []any{*s.Const}
			n.AllOf = append(n.AllOf, c)
		}
	}
	n.Format = b.formatOf(s.Format)
	if s.Ref != nil {
		n.AllOf = append(n.AllOf, b.node(s.Ref))
		if s.DraftVersion < 2019 {
			return
		}
	}
	for _, targets := range b.graph.dynamicTargets(s) {
		slices.SortFunc(targets, func(x, y *jsonschema.Schema) int { return compareText(x.Location, y.Location) })
		if targets = slices.Compact(targets); len(targets) == 1 {
			n.AllOf = append(n.AllOf, b.node(targets[0]))
		} else {
			b.context = "$dynamicRef"
			if s.RecursiveRef != nil {
				b.context = "$recursiveRef"
			}
			b.beside(n, s, b.context)
		}
	}
	n.AllOf = append(n.AllOf, b.list(s.AllOf)...)
	n.AnyOf, n.OneOf = b.list(s.AnyOf), b.list(s.OneOf)
	n.Not = b.optional(s.Not)
	n.If, n.Then, n.Else = b.optional(s.If), b.optional(s.Then), b.optional(s.Else)
}

// beside adds to a node that some part of the schema is opaque.
func (b *nodes) beside(n *contain.Node, s *jsonschema.Schema, construct string) {
	o := contain.NewNode()
	o.Where = s.Location
	b.opaque(o, s, construct)
	n.AllOf = append(n.AllOf, o)
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

var containTypes = map[string]contain.Types{
	"null": contain.Null, "boolean": contain.Boolean, "number": contain.Number, "integer": contain.Integer,
	"string": contain.String, "array": contain.Array, "object": contain.Object,
}

func setInt(at *int, v *int) {
	if v != nil {
		*at = *v
	}
}

func (b *nodes) fillScalar(n *contain.Node, s *jsonschema.Schema) {
	setInt(&n.MinLength, s.MinLength)
	setInt(&n.MaxLength, s.MaxLength)
	if s.Pattern != nil {
		n.Pattern = b.pattern(s.Pattern)
	}
	n.Minimum, n.Maximum, n.ExclusiveMinimum, n.ExclusiveMaximum, n.MultipleOf = s.Minimum, s.Maximum, s.ExclusiveMinimum, s.ExclusiveMaximum, s.MultipleOf
}

func (b *nodes) pattern(re jsonschema.Regexp) *contain.Pattern {
	source := re.String()
	p := b.patterns[source]
	if p == nil {
		p = &contain.Pattern{Source: source, Match: re.MatchString}
		b.patterns[source] = p
	}
	return p
}

func (b *nodes) fillArray(n *contain.Node, s *jsonschema.Schema) {
	setInt(&n.MinItems, s.MinItems)
	setInt(&n.MaxItems, s.MaxItems)
	n.Unique = isUnique(s)
	if s.DraftVersion >= 2020 {
		n.Prefix, n.Rest = b.list(s.PrefixItems), b.optional(s.Items2020)
	} else {
		switch items := s.Items.(type) {
		case *jsonschema.Schema:
			n.Rest = b.node(items)
		case []*jsonschema.Schema:
			n.Prefix, n.Rest = b.list(items), b.additional(s.AdditionalItems)
		}
	}
	if s.Contains != nil {
		n.Contains = b.node(s.Contains)
		setInt(&n.MinContains, s.MinContains)
		setInt(&n.MaxContains, s.MaxContains)
	}
}

// additional reads what may be a boolean.
func (b *nodes) additional(v any) *contain.Node {
	switch v := v.(type) {
	case bool:
		n := contain.NewNode()
		n.Never = !v
		return n
	case *jsonschema.Schema:
		return b.node(v)
	}
	return nil
}

func (b *nodes) fillObject(n *contain.Node, s *jsonschema.Schema) {
	setInt(&n.MinProperties, s.MinProperties)
	setInt(&n.MaxProperties, s.MaxProperties)
	n.Required = s.Required
	if len(s.Properties) > 0 {
		n.Properties = make(map[string]*contain.Node, len(s.Properties))
		for name, sub := range s.Properties {
			n.Properties[name] = b.node(sub)
		}
	}
	for _, p := range sortedPatterns(s) {
		n.Patterns = append(n.Patterns, contain.PatternProperty{Pattern: b.pattern(p.pattern), Node: b.node(p.schema)})
	}
	n.Additional = b.additional(s.AdditionalProperties)
	if names := namesSchema(s); names != nil && s.DraftVersion > 4 {
		n.Names = b.node(names)
	}
	b.fillDependent(n, s)
}

func (b *nodes) fillDependent(n *contain.Node, s *jsonschema.Schema) {
	for _, name := range sortedKeys(s.Dependencies) {
		d := contain.Dependent{Name: name}
		switch v := s.Dependencies[name].(type) {
		case []string:
			d.Required = v
		case *jsonschema.Schema:
			d.Node = b.node(v)
		}
		n.Dependent = append(n.Dependent, d)
	}
	for _, name := range sortedKeys(s.DependentSchemas) {
		n.Dependent = append(n.Dependent, contain.Dependent{Name: name, Node: b.node(s.DependentSchemas[name])})
	}
	for _, name := range sortedKeys(s.DependentRequired) {
		n.Dependent = append(n.Dependent, contain.Dependent{Name: name, Required: s.DependentRequired[name]})
	}
}

// cyclic says whether a schema leads back to itself without a step into the value. The
// library refuses all values then, at some place that depends on the way there.
func (b *nodes) cyclic(s *jsonschema.Schema) bool {
	switch b.inPlace[s] {
	case 1, 3:
		return true
	case 2:
		return false
	}
	b.inPlace[s] = 1
	found := slices.ContainsFunc(b.inPlaceOf(s), b.cyclic)
	b.inPlace[s] = 2
	if found {
		b.inPlace[s] = 3
	}
	return found
}

// inPlaceOf lists the schemas that a schema applies to the same value.
func (b *nodes) inPlaceOf(s *jsonschema.Schema) (list []*jsonschema.Schema) {
	list = slices.Concat([]*jsonschema.Schema{s.Ref, s.Not, s.If, s.Then, s.Else}, s.AllOf, s.AnyOf, s.OneOf)
	for _, targets := range b.graph.dynamicTargets(s) {
		list = append(list, targets...)
	}
	for _, name := range sortedKeys(s.Dependencies) {
		list = append(list, asSchemas(s.Dependencies[name])...)
	}
	list = append(list, slices.Collect(maps.Values(s.DependentSchemas))...)
	return slices.DeleteFunc(list, func(s *jsonschema.Schema) bool { return s == nil })
}
