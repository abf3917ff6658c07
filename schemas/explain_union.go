package schemas

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lazaret/lazaret"
)

// union explains a oneOf or anyOf of which no branch matches. The failure's causes are
// the branches, in order.
func (x *explainer) union(e *jsonschema.ValidationError, keyword string) []reason {
	if u := x.unions[e.SchemaURL+" "+keyword]; u != nil {
		if list, ok := x.discriminated(e, u, keyword); ok {
			return list
		}
	}
	branches := make([][]reason, len(e.Causes))
	for i, cause := range e.Causes {
		branches[i] = x.reasons(cause)
	}
	if x.err != nil || len(branches) == 0 {
		return nil
	}
	if types := onlyTypes(branches, len(e.InstanceLocation)); types != nil {
		return []reason{x.at(e, e.InstanceLocation, keyword, "must be "+alternatives(types), keyword)}
	}
	best := closest(branches, len(e.InstanceLocation))
	list := branches[best]
	if len(branches) > 1 {
		note := fmt.Sprintf(" (branch %d of %s, counted from 0, is the closest of %d tried)", best, keyword, len(branches))
		for i := range list {
			list[i].Message += note
		}
	}
	return list
}

// discriminated explains a union by the branch that the discriminator's value names; ok
// is false if the value at hand cannot say.
func (x *explainer) discriminated(e *jsonschema.ValidationError, u *union, keyword string) (list []reason, ok bool) {
	value, found := x.find(e.InstanceLocation)
	branch, known := u.pick(value)
	switch {
	case !found || !known || branch >= len(e.Causes):
		return nil, false
	case branch < 0:
		return []reason{x.noBranch(e, u, keyword, value.(map[string]any))}, true
	default:
		return x.reasons(e.Causes[branch]), true
	}
}

// noBranch is the reason of an object that no branch of a union can match, for what its
// discriminator is.
func (x *explainer) noBranch(e *jsonschema.ValidationError, u *union, keyword string, obj map[string]any) reason {
	path := append(slices.Clone(e.InstanceLocation), u.property)
	if _, present := obj[u.property]; !present {
		return x.at(e, path, "required", quoted(u.property)+" is missing; it must be "+u.must, keyword)
	}
	return x.at(e, path, keyword, "must be "+u.must, keyword)
}

// onlyTypes returns the types that the branches of a union want, if each of them fails
// for the type of the value itself; nil otherwise.
func onlyTypes(branches [][]reason, depth int) (types []string) {
	for _, branch := range branches {
		if len(branch) != 1 || branch[0].types == nil || branch[0].depth != depth {
			return nil
		}
		for _, t := range branch[0].types {
			if !slices.Contains(types, t) {
				types = append(types, t)
			}
		}
	}
	return types
}

// closest is the index of the branch that the sender most likely meant. In order of
// importance it is the branch
//
//  1. that does not fail for the type, the constant or the enumeration of the value itself,
//  2. whose shallowest failure is the deepest,
//  3. that has the fewest failures,
//  4. that comes first.
func closest(branches [][]reason, depth int) int {
	type measure struct{ itself, shallowest, count, index int }
	best := measure{itself: 2}
	for i, branch := range branches {
		m := measure{count: len(branch), index: i, shallowest: 1 << 30}
		for _, r := range branch {
			m.count += r.more
			m.shallowest = min(m.shallowest, r.depth)
			if r.depth == depth && slices.Contains(ofItself, r.Code) {
				m.itself = 1
			}
		}
		if cmp.Or(
			cmp.Compare(m.itself, best.itself),
			cmp.Compare(best.shallowest, m.shallowest),
			cmp.Compare(m.count, best.count),
		) < 0 {
			best = m
		}
	}
	return best.index
}

// ofItself are the codes that tell that a value is another kind of thing altogether.
var ofItself = []lazaret.Code{lazaret.SchemaCode("type"), lazaret.SchemaCode("const"), lazaret.SchemaCode("enum")}
