package diff

import (
	"slices"
	"strings"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// maxApart is the most branches that are each held against each other one.
const maxApart = 64

// unions compares anyOf and oneOf where one takes the other's place, or where a schema
// became one of several: to the walk they would be keywords that came and went. It
// reports which keywords it has compared.
func (w *walk) unions(o, n map[string]any, a at) (done []string) {
	x, y := unionOf(o), unionOf(n)
	switch {
	case x != "" && y != "" && x != y:
		w.turned(x, y, list(o[x]), list(n[y]), a)
		return []string{x, y}
	case x == "" && y != "":
		if schema, keywords := alone(o, n, y); schema != nil {
			w.branches(y, []any{schema}, list(n[y]), a)
			return append(keywords, y)
		}
	case y == "" && x != "":
		if schema, keywords := alone(n, o, x); schema != nil {
			w.branches(x, list(o[x]), []any{schema}, a)
			return append(keywords, x)
		}
	}
	return nil
}

// unionOf is the one of anyOf and oneOf that a schema has; "" if it has neither or both.
func unionOf(m map[string]any) string {
	_, some := m["anyOf"]
	_, one := m["oneOf"]
	switch {
	case some == one:
		return ""
	case some:
		return "anyOf"
	}
	return "oneOf"
}

// alone is what a schema says beside what another says too, if that is one branch of the
// other's union and the other says nothing more; and the keywords that say it.
func alone(single, several map[string]any, keyword string) (schema map[string]any, keywords []string) {
	for name, v := range several {
		if name != keyword && !asserts(name) {
			continue
		}
		if name != keyword && !jsonread.Equal(v, value(single, name)) {
			return nil, nil
		}
	}
	schema = map[string]any{}
	for name, v := range single {
		if _, both := several[name]; !both && asserts(name) {
			schema[name] = v
			keywords = append(keywords, name)
		}
	}
	isBranch := func(branch any) bool { return jsonread.Equal(any(schema), any(assertions(branch))) }
	if len(schema) == 0 || !slices.ContainsFunc(list(several[keyword]), isBranch) {
		return nil, nil
	}
	return schema, keywords
}

// assertions is a schema without its annotations.
func assertions(schema any) map[string]any {
	m := map[string]any{}
	if schema == false {
		m["not"] = true
	}
	for name, v := range members(schema) {
		if asserts(name) {
			m[name] = v
		}
	}
	return m
}

// turned compares a union that became one of the other kind. oneOf accepts what one branch
// accepts and no second one: where the branches have nothing in common it is anyOf.
func (w *walk) turned(was, is string, old, next []any, a at) {
	all := next
	effect, text := Loosened, "one branch or several may hold now; it was oneOf"
	if is == "oneOf" {
		effect, text = Tightened, "exactly one branch must hold now; it was anyOf"
	} else {
		all = old
	}
	if apart(all) {
		effect = None
	}
	w.note(a, is, effect, old, next, "%s", text)
	w.branches("anyOf", old, next, a, was, is)
}

// apart reports that no value is accepted by two of the schemas, as far as is seen at
// first sight.
func apart(branches []any) bool {
	if len(branches) > maxApart {
		return false
	}
	for i, x := range branches {
		for _, y := range branches[:i] {
			if !differ(x, y, 0) {
				return false
			}
		}
	}
	return true
}

// differ reports that no value is accepted by both schemas: their constants differ, their
// types, or those of a member that both ask for.
func differ(x, y any, depth int) bool {
	a, b := members(x), members(y)
	if v, u := constants(a), constants(b); len(v) > 0 && len(u) > 0 {
		return len(missing(v, u)) == len(v)
	}
	s, t := kinds(a), kinds(b)
	if len(s) > 0 && len(t) > 0 && len(without(s, t)) == len(s) {
		return true
	}
	if depth > 0 || !slices.Equal(s, []string{"object"}) || !slices.Equal(t, s) {
		return false
	}
	for _, name := range names(a["required"]) {
		if slices.Contains(names(b["required"]), name) && differ(members(a["properties"])[name], members(b["properties"])[name], depth+1) {
			return true
		}
	}
	return false
}

// constants lists the values that a schema allows; nil if it does not list them.
func constants(m map[string]any) []any {
	if v, ok := m["const"]; ok {
		return []any{v}
	}
	return list(m["enum"])
}

// kinds is a schema's types, with number for integer.
func kinds(m map[string]any) []string {
	types := slices.Clone(names(m["type"]))
	for i, t := range types {
		if t == "integer" {
			types[i] = "number"
		}
	}
	return types
}

// pairs takes what is left of two lists of branches, as indices, in pairs that may be the
// same branch before and after: those that ask for the same first; those that have nothing in
// common are no pair.
func pairs(old, next []any, x, y []int) (both [][2]int, gone, added []int) {
	pair := func(alike func(x, y any) bool) {
		gone = nil
		for _, i := range x {
			k := slices.IndexFunc(y, func(j int) bool { return alike(old[i], next[j]) })
			if k < 0 {
				gone = append(gone, i)
				continue
			}
			both = append(both, [2]int{i, y[k]})
			y = slices.Delete(y, k, k+1)
		}
		x = gone
	}
	if len(x)*len(y) > maxApart*maxApart { // too many to look at each pair: in their order
		pair(func(any, any) bool { return true })
		return both, gone, y
	}
	pair(func(x, y any) bool { return jsonread.Equal(any(assertions(x)), any(assertions(y))) })
	pair(func(x, y any) bool { return !differ(x, y, 0) })
	return both, gone, y
}

// asserts reports whether a keyword can refuse anything, at first sight.
func asserts(keyword string) bool {
	switch keyword {
	case "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment":
		return false
	}
	return !strings.HasPrefix(keyword, "x-")
}
