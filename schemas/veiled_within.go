package schemas

import (
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// memberSchemas are those that a member has to satisfy because of its name; those in place
// (allOf, …) have their own.
func memberSchemas(s *jsonschema.Schema, name string) (list []*jsonschema.Schema) {
	if sub := s.Properties[name]; sub != nil {
		list = append(list, sub)
	}
	for re, sub := range s.PatternProperties {
		if re.MatchString(name) {
			list = append(list, sub)
		}
	}
	if len(list) == 0 {
		list = asSchemas(s.AdditionalProperties)
	}
	return list
}

// itemSchema is the one of an item because of its index; nil if there is none.
func itemSchema(s *jsonschema.Schema, i int) *jsonschema.Schema {
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		return items
	case []*jsonschema.Schema:
		if i < len(items) {
			return items[i]
		}
		rest, _ := s.AdditionalItems.(*jsonschema.Schema)
		return rest
	}
	if i < len(s.PrefixItems) {
		return s.PrefixItems[i]
	}
	return s.Items2020
}

func (v *Veiled) object(s *jsonschema.Schema, n *veiledNode) Answer {
	has := func(names []string) bool {
		for _, name := range names {
			if n.members[name] == nil {
				return false
			}
		}
		return true
	}
	a := surely(len(n.members) >= least(s.MinProperties) && len(n.members) <= most(s.MaxProperties) && has(s.Required))
	for name, member := range n.members {
		if s.PropertyNames != nil {
			verr, err := validate(s.PropertyNames, name)
			if a = both(a, surely(verr == nil)); err != nil {
				return Undecided
			}
		}
		if s.AdditionalProperties == false && len(memberSchemas(s, name)) == 0 {
			a = Incompatible
		}
		a = both(a, v.all(memberSchemas(s, name), member))
		a = both(a, surely(has(s.DependentRequired[name])))
		needed, _ := s.Dependencies[name].([]string)
		a = both(a, surely(has(needed)))
		a = both(a, v.all(asSchemas(s.Dependencies[name]), n))
		a = both(a, v.all([]*jsonschema.Schema{s.DependentSchemas[name]}, n))
	}
	if s.UnevaluatedProperties != nil {
		a = both(a, v.leftovers(s, n))
	}
	return a
}

// leftovers judges the members that no other keyword looks at. Which they are can depend on
// what is not known.
func (v *Veiled) leftovers(s *jsonschema.Schema, n *veiledNode) Answer {
	a := Compatible
	for name, member := range n.members {
		if looksAt(s, name, false) {
			continue
		}
		one := v.judge(s.UnevaluatedProperties, member)
		if one == Incompatible && looksAt(s, name, true) {
			one = Undecided
		}
		a = both(a, one)
	}
	return a
}

// looksAt says whether a good object's member is looked at by a schema, or by one that is
// applied in its place; maybe counts also those that may be applied or not.
func looksAt(s *jsonschema.Schema, name string, maybe bool) bool {
	if len(memberSchemas(s, name)) > 0 || s.AdditionalProperties != nil {
		return true
	}
	list := append([]*jsonschema.Schema{s.Ref}, s.AllOf...)
	if maybe {
		if s.RecursiveRef != nil || s.DynamicRef != nil {
			return true
		}
		list = slices.Concat(list, s.AnyOf, s.OneOf, []*jsonschema.Schema{s.If, s.Then, s.Else})
		for _, sub := range s.DependentSchemas {
			list = append(list, sub)
		}
	}
	return slices.ContainsFunc(list, func(sub *jsonschema.Schema) bool {
		return sub != nil && (sub.UnevaluatedProperties != nil || looksAt(sub, name, maybe))
	})
}

func (v *Veiled) array(s *jsonschema.Schema, n *veiledNode) Answer {
	a := surely(len(n.items) >= least(s.MinItems) && len(n.items) <= most(s.MaxItems))
	var contained []Answer
	for i, item := range n.items {
		sub := itemSchema(s, i)
		if list, ok := s.Items.([]*jsonschema.Schema); ok && i >= len(list) && s.AdditionalItems == false {
			a = Incompatible
		}
		if sub != nil {
			a = both(a, v.judge(sub, item))
		} else if s.UnevaluatedItems != nil && v.judge(s.UnevaluatedItems, item) != Compatible {
			a = both(a, Undecided)
		}
		if s.Contains != nil {
			contained = append(contained, v.judge(s.Contains, item))
		}
	}
	if s.Contains != nil {
		low := 1
		if s.MinContains != nil {
			low = *s.MinContains
		}
		a = both(a, among(contained, low, most(s.MaxContains)))
	}
	if s.UniqueItems && len(n.items) > 1 {
		a = both(a, Undecided)
	}
	return a
}
