package schemas

import (
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// unevaluated is a schema with unevaluatedProperties or unevaluatedItems of which it is
// clear without an event what is evaluated: it, and what it brings in by $ref and allOf,
// but no choices.
type unevaluated struct {
	schema *jsonschema.Schema
	all    []*jsonschema.Schema // the schema, and those that it brings in
}

// newUnevaluated is the closure of a schema; false if what is evaluated depends on the
// event.
func newUnevaluated(s *jsonschema.Schema) (*unevaluated, bool) {
	u := &unevaluated{schema: s}
	if !u.add(s) {
		return nil, false
	}
	return u, true
}

func (u *unevaluated) add(s *jsonschema.Schema) bool {
	if s == nil || s.Bool != nil || slices.Contains(u.all, s) {
		return true
	}
	if len(s.AnyOf)+len(s.OneOf)+len(s.DependentSchemas)+len(s.Dependencies) > 0 || s.If != nil || s.Contains != nil ||
		s.DraftVersion < 2019 || beyond(s) != "" {
		return false
	}
	u.all = append(u.all, s)
	if !u.add(s.Ref) {
		return false
	}
	for _, sub := range s.AllOf {
		if !u.add(sub) {
			return false
		}
	}
	return true
}

// property reports whether a member is evaluated.
func (u *unevaluated) property(name string) bool {
	for _, s := range u.all {
		if _, ok := s.Properties[name]; ok {
			return true
		}
		for re := range s.PatternProperties {
			if re.MatchString(name) {
				return true
			}
		}
	}
	return u.allProperties()
}

// allProperties reports whether all members are evaluated, whatever their names.
func (u *unevaluated) allProperties() bool {
	for _, s := range u.all {
		if s.AdditionalProperties != nil || s != u.schema && s.UnevaluatedProperties != nil {
			return true
		}
	}
	return false
}

// item reports whether the item at an index is evaluated.
func (u *unevaluated) item(index int) bool {
	for _, s := range u.all {
		if s != u.schema && s.UnevaluatedItems != nil {
			return true
		}
		switch items := s.Items.(type) {
		case *jsonschema.Schema:
			return true
		case []*jsonschema.Schema:
			if index < len(items) || s.AdditionalItems != nil {
				return true
			}
		}
		if s.Items2020 != nil || index < len(s.PrefixItems) {
			return true
		}
	}
	return false
}

// others is what is said of members that no schema at the place names: nil if there is
// nothing.
func (u *unevaluated) others(b *builder) *patterned {
	s := u.schema
	if s.UnevaluatedProperties == nil || u.allProperties() {
		return nil
	}
	out := &patterned{}
	for _, part := range u.all {
		for _, p := range sortedPatterns(part) {
			out.patterns = append(out.patterns, newTextPattern(p.pattern))
			out.nodes = append(out.nodes, b.skip)
		}
	}
	if rest := s.UnevaluatedProperties; rest.Bool == nil || *rest.Bool {
		out.rest = b.node([]*jsonschema.Schema{rest}, nil)
	}
	return out
}
