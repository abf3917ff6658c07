package schemas

import (
	"fmt"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// dispatch leads from a node with a choice to one without it, where a look at the value
// says which branch it can be: at its kind, or at the property of an object that tells the
// branches apart. The node that it leads to says all that the node and the branch say, so
// that the value is read once. What fails is explained by the node itself.
type dispatch struct {
	byKind bool
	kinds  [kindCount]*node // nil where no branch is of the kind

	tag     string // for objects; values of other kinds are not dispatched
	of      map[string]*node
	other   *node // for another value of the property that is a plain string
	missing *node // without the property
}

// Kinds of values by their first byte.
const (
	kindNull = iota
	kindTrue
	kindFalse
	kindNumber
	kindText
	kindArray
	kindObject
	kindCount
)

var kindOf = func() (t [256]uint8) {
	for i := range t {
		t[i] = kindCount
	}
	for _, c := range []byte("-0123456789") {
		t[c] = kindNumber
	}
	for c, kind := range map[byte]uint8{'n': kindNull, 't': kindTrue, 'f': kindFalse, '"': kindText, '[': kindArray, '{': kindObject} {
		t[c] = kind
	}
	return t
}()

// allows lists the kinds that a node may accept.
func (n *node) allows() [kindCount]bool {
	return [kindCount]bool{n.null, n.yes, n.no, n.number != nil, n.text != nil, n.array != nil, n.object != nil}
}

// dispatch finds out whether one of the choices can be decided by a look.
func (p *parts) dispatch() *dispatch {
	if len(p.node.choices) == 0 || len(p.node.opaque) > 0 || p.node.whole || len(p.builder.nodes) > maxProgram/4 {
		return nil
	}
	for _, s := range p.list {
		for keyword, branches := range map[string][]*jsonschema.Schema{"anyOf": s.AnyOf, "oneOf": s.OneOf} {
			if len(branches) < 2 || len(s.AnyOf) > 0 && len(s.OneOf) > 0 {
				continue // of two choices the first would be any of the two: leave it
			}
			if d := p.byKind(s, keyword, branches); d != nil {
				return d
			}
			if d := p.byTag(s, keyword, branches); d != nil {
				return d
			}
		}
	}
	return p.byCase()
}

// byKind is for branches of which no two allow the same kind of value.
func (p *parts) byKind(s *jsonschema.Schema, keyword string, branches []*jsonschema.Schema) *dispatch {
	of := [kindCount]int{}
	for k, branch := range branches {
		n := p.builder.node([]*jsonschema.Schema{branch}, nil)
		for kind, allowed := range n.allows() {
			if !allowed {
				continue
			}
			if of[kind] != 0 {
				return nil
			}
			of[kind] = k + 1
		}
	}
	d := &dispatch{byKind: true}
	for kind, k := range of {
		if k > 0 {
			d.kinds[kind] = p.merged(s, keyword, branches[k-1])
		}
	}
	return d
}

// byTag is for branches that all require a property, with strings that no two share.
func (p *parts) byTag(s *jsonschema.Schema, keyword string, branches []*jsonschema.Schema) *dispatch {
	u := discriminate(branches)
	if u == nil || !u.required {
		return nil
	}
	d := &dispatch{tag: u.property, of: map[string]*node{}, other: p.builder.never, missing: p.builder.never}
	for _, v := range u.allowed {
		text, ok := v.(string)
		if !ok {
			return nil
		}
		d.of[text] = p.merged(s, keyword, branches[u.branch[string(jsonread.AppendKey(nil, v))]])
	}
	return d
}

// byCase is for schemas in allOf that are each an if on some values of the same property.
func (p *parts) byCase() *dispatch {
	then := map[string][]*jsonschema.Schema{}
	var cases []*jsonschema.Schema
	tag := ""
	for _, s := range p.list {
		name, values, ok := caseOf(s)
		if !ok || tag != "" && name != tag {
			continue
		}
		tag, cases = name, append(cases, s)
		for _, v := range values {
			then[v] = append(then[v], s.Then)
		}
	}
	if len(cases) < 2 {
		return nil
	}
	rest := make([]*jsonschema.Schema, 0, len(p.list))
	for _, s := range p.list {
		if slices.Contains(cases, s) {
			rest = append(rest, p.builder.own(s, "if"))
		} else {
			rest = append(rest, p.builder.own(s, ""))
		}
	}
	none := p.builder.node(rest, p.at)
	d := &dispatch{tag: tag, of: map[string]*node{}, other: none, missing: none}
	for v, list := range then {
		d.of[v] = p.builder.node(append(slices.Clone(rest), list...), p.at)
	}
	return d
}

// caseOf takes a schema apart that applies then exactly if a property is one of some
// strings, and has no else.
func caseOf(s *jsonschema.Schema) (name string, values []string, ok bool) {
	if s.If == nil || s.Then == nil || s.Else != nil {
		return "", nil, false
	}
	c := s.If
	if len(c.Properties) != 1 || len(c.Required) != 1 || c.Properties[c.Required[0]] == nil {
		return "", nil, false
	}
	// Nothing else may be in it, nor in what it says of the property.
	name = c.Required[0]
	sub := c.Properties[name]
	for _, list := range valueLists(sub) {
		for _, v := range list {
			text, isText := v.(string)
			if !isText {
				return "", nil, false
			}
			values = append(values, text)
		}
	}
	left, leftSub := *c, *sub
	left.Properties, left.Required = nil, nil
	if left.Types != nil && slices.Equal(left.Types.ToStrings(), []string{"object"}) {
		left.Types = nil // only objects are dispatched
	}
	leftSub.Const, leftSub.Enum = nil, nil
	if leftSub.Types != nil && slices.Contains(leftSub.Types.ToStrings(), "string") {
		leftSub.Types = nil
	}
	return name, values, len(valueLists(sub)) == 1 && saysNothing(&left) && saysNothing(&leftSub)
}

// saysNothing reports whether a schema has no keyword that judges.
func saysNothing(s *jsonschema.Schema) bool {
	return s.Bool == nil && s.Ref == nil && s.RecursiveRef == nil && s.DynamicRef == nil && s.Types == nil && s.Const == nil && s.Enum == nil &&
		s.Not == nil && len(s.AllOf)+len(s.AnyOf)+len(s.OneOf) == 0 && s.If == nil && s.Format == nil &&
		s.MaxProperties == nil && s.MinProperties == nil && len(s.Required) == 0 && s.PropertyNames == nil &&
		len(s.Properties)+len(s.PatternProperties)+len(s.Dependencies)+len(s.DependentRequired)+len(s.DependentSchemas) == 0 &&
		s.AdditionalProperties == nil && s.UnevaluatedProperties == nil && s.MinItems == nil && s.MaxItems == nil && !s.UniqueItems &&
		s.Contains == nil && s.Items == nil && s.AdditionalItems == nil && len(s.PrefixItems) == 0 && s.Items2020 == nil && s.UnevaluatedItems == nil &&
		s.MinLength == nil && s.MaxLength == nil && s.Pattern == nil && s.ContentEncoding == nil && s.ContentMediaType == nil && s.ContentSchema == nil &&
		s.Maximum == nil && s.Minimum == nil && s.ExclusiveMaximum == nil && s.ExclusiveMinimum == nil && s.MultipleOf == nil && len(s.Extensions) == 0
}

// merged is the node of all parts, of which one has a branch in the place of a choice.
func (p *parts) merged(chooser *jsonschema.Schema, keyword string, branch *jsonschema.Schema) *node {
	list := []*jsonschema.Schema{branch}
	for _, s := range p.list {
		if s == chooser {
			list = append(list, p.builder.own(s, keyword))
		} else {
			list = append(list, p.builder.own(s, ""))
		}
	}
	return p.builder.node(list, p.at)
}

// own is what a schema itself says: a copy without $ref and allOf, whose schemas are parts
// as well, and without one more keyword.
func (b *builder) own(s *jsonschema.Schema, without string) *jsonschema.Schema {
	if s.Ref == nil && len(s.AllOf) == 0 && without == "" {
		return s
	}
	key := fmt.Sprintf("%p %s", s, without)
	if c := b.owns[key]; c != nil {
		return c
	}
	c := *s
	c.Ref, c.AllOf = nil, nil
	switch without {
	case "anyOf":
		c.AnyOf = nil
	case "oneOf":
		c.OneOf = nil
	case "if":
		c.If, c.Then, c.Else = nil, nil, nil
	}
	b.owns[key] = &c
	return &c
}
