package schemas

import (
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// union is a oneOf or anyOf whose branches a property tells apart: its discriminator.
type union struct {
	property string
	required bool           // every branch requires the property
	branch   map[string]int // branch by value of the property, canonically encoded
	allowed  []any          // the values, in the order of the branches
	must     string         // the values as a message lists them
	longest  int            // bytes of the longest key of branch
}

// findUnions finds the discriminators of all unions, by location and keyword.
func findUnions(g *graph) map[string]*union {
	unions := map[string]*union{}
	for _, s := range g.nodes {
		for keyword, branches := range map[string][]*jsonschema.Schema{"oneOf": s.OneOf, "anyOf": s.AnyOf} {
			if u := discriminate(branches); u != nil {
				unions[s.Location+" "+keyword] = u
			}
		}
	}
	return unions
}

// discriminate finds the property that is const or enum in each branch, with values that
// no two branches share. Of several, one that every branch requires goes before others,
// then the first by name.
func discriminate(branches []*jsonschema.Schema) *union {
	if len(branches) < 2 {
		return nil
	}
	facts := make([]facts, len(branches))
	for i, b := range branches {
		facts[i] = learn(b, 0)
	}
	var best *union
	for _, name := range sortedKeys(facts[0].values) {
		u := &union{property: name, required: true, branch: map[string]int{}}
		if !u.add(facts) {
			continue
		}
		if best == nil || u.required && !best.required {
			best = u
		}
	}
	if best != nil {
		best.must = literals(best.allowed)
	}
	return best
}

// add takes in the values of all branches; false if they do not tell the branches apart.
func (u *union) add(all []facts) bool {
	for i, f := range all {
		values := f.values[u.property]
		if len(values) == 0 {
			return false
		}
		u.required = u.required && f.required[u.property]
		for _, v := range values {
			key := string(jsonread.AppendKey(nil, v))
			if other, taken := u.branch[key]; taken && other != i {
				return false
			} else if !taken {
				u.branch[key] = i
				u.allowed = append(u.allowed, v)
				u.longest = max(u.longest, len(key))
			}
		}
	}
	return true
}

// pick says which branch a value can match: -1 for none. It is not known for a value
// that is no object, or that lacks a property that not every branch requires.
func (u *union) pick(v any) (branch int, known bool) {
	obj, ok := v.(map[string]any)
	if !ok {
		return 0, false
	}
	tag, present := obj[u.property]
	if !present {
		return -1, u.required
	}
	switch tag := tag.(type) {
	case map[string]any, []any:
		return -1, true
	case string:
		if len(tag) > u.longest {
			return -1, true
		}
	}
	if branch, ok = u.branch[string(jsonread.AppendKey(nil, tag))]; !ok {
		branch = -1
	}
	return branch, true
}

// facts are what a schema surely says of an object's properties.
type facts struct {
	values   map[string][]any // all the values that a property may have
	required map[string]bool
}

// maxFacts bounds how far references and combinators are followed for facts.
const maxFacts = 16

// learn collects the facts of a schema, through $ref, allOf, and the branches of unions.
func learn(s *jsonschema.Schema, depth int) facts {
	f := facts{values: map[string][]any{}, required: map[string]bool{}}
	if s == nil || depth > maxFacts {
		return f
	}
	for _, name := range s.Required {
		f.required[name] = true
	}
	for name, sub := range s.Properties {
		if values := allowedValues(sub, 0); values != nil {
			f.values[name] = values
		}
	}
	for _, sub := range append([]*jsonschema.Schema{s.Ref}, s.AllOf...) {
		f.both(learn(sub, depth+1))
	}
	for _, branches := range [][]*jsonschema.Schema{s.OneOf, s.AnyOf} {
		if len(branches) > 0 {
			f.both(either(branches, depth+1))
		}
	}
	return f
}

// both adds facts that hold as well. Of two lists of values the shorter is kept: each
// holds, and it says more.
func (f *facts) both(o facts) {
	for name := range o.required {
		f.required[name] = true
	}
	for name, values := range o.values {
		if have, ok := f.values[name]; !ok || len(values) < len(have) {
			f.values[name] = values
		}
	}
}

// either is what holds in every branch.
func either(branches []*jsonschema.Schema, depth int) facts {
	out := learn(branches[0], depth)
	for _, b := range branches[1:] {
		f := learn(b, depth)
		for name := range out.required {
			if !f.required[name] {
				delete(out.required, name)
			}
		}
		for name, values := range out.values {
			if more, ok := f.values[name]; ok {
				out.values[name] = slices.Concat(values, more)
			} else {
				delete(out.values, name)
			}
		}
	}
	return out
}

// allowedValues lists the values that a schema allows by const or enum; nil if it does
// not say, or if one of them is an object or array.
func allowedValues(s *jsonschema.Schema, depth int) []any {
	if s == nil || depth > maxFacts {
		return nil
	}
	var values []any
	switch {
	case s.Const != nil:
		values = []any{*s.Const}
	case s.Enum != nil:
		values = s.Enum.Values
	case s.Ref != nil:
		return allowedValues(s.Ref, depth+1)
	default:
		for _, sub := range s.AllOf {
			if values = allowedValues(sub, depth+1); values != nil {
				return values
			}
		}
	}
	for _, v := range values {
		switch v.(type) {
		case map[string]any, []any:
			return nil
		}
	}
	return values
}

// isCase reports whether s does nothing but apply then, if a property has certain values.
func isCase(s *jsonschema.Schema, tag string) bool {
	return s.If != nil && s.Else == nil && len(s.AllOf)+len(s.AnyOf)+len(s.OneOf) == 0 && s.Ref == nil &&
		len(s.Properties)+len(s.PatternProperties) == 0 && learn(s.If, 0).values[tag] != nil && learn(s.If, 0).required[tag]
}

// commonTag finds the property by whose values the if schemas of a list exclude each
// other: "" if there is none.
func commonTag(list []*jsonschema.Schema) string {
	if u := caseUnion(list); u != nil {
		return u.property
	}
	return ""
}

// caseUnion is the union of the if schemas of a list, if they exclude each other; its
// branches count only the schemas that have an if.
func caseUnion(list []*jsonschema.Schema) *union {
	var cases []*jsonschema.Schema
	for _, s := range list {
		if s.If != nil {
			cases = append(cases, s.If)
		}
	}
	if u := discriminate(cases); u != nil && u.required {
		return u
	}
	return nil
}
