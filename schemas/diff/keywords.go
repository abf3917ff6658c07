package diff

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// types compares the keyword type. An integer is a number.
func (w *walk) types(old, next any, a at) {
	if old == any(absent{}) {
		w.note(a, "type", Tightened, old, next, "must be %s now, was of any type", either(names(next)))
		return
	}
	if next == any(absent{}) {
		w.note(a, "type", Loosened, old, next, "may be of any type, was %s", either(names(old)))
		return
	}
	o, n := names(old), names(next)
	if slices.Contains(o, "integer") && !slices.Contains(o, "number") && slices.Contains(n, "number") && !slices.Contains(n, "integer") {
		w.note(a, "type", Loosened, old, next, "may be any number, was integer")
		o, n = without(o, []string{"integer"}), without(n, []string{"number"})
	} else if slices.Contains(n, "integer") && !slices.Contains(n, "number") && slices.Contains(o, "number") && !slices.Contains(o, "integer") {
		w.note(a, "type", Tightened, old, next, "must be integer, was any number")
		o, n = without(o, []string{"number"}), without(n, []string{"integer"})
	}
	added, removed := without(n, o), without(o, n)
	switch {
	case len(added) > 0 && len(removed) > 0:
		w.note(a, "type", Changed, old, next, "must be %s, was %s", either(n), either(o))
	case len(added) > 0:
		w.note(a, "type", Loosened, old, next, "may be %s too", either(added))
	case len(removed) > 0:
		w.note(a, "type", Tightened, old, next, "must not be %s any more", either(removed))
	}
}

// names is a list of names, or one of them.
func names(v any) (all []string) {
	if s, ok := v.(string); ok {
		return []string{s}
	}
	for _, item := range list(v) {
		if s, ok := item.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

func without(all, others []string) (rest []string) {
	for _, s := range all {
		if !slices.Contains(others, s) {
			rest = append(rest, s)
		}
	}
	return rest
}

func either(all []string) string {
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
}

func (w *walk) enum(old, next any, a at) {
	if old == any(absent{}) {
		w.note(a, "enum", Tightened, old, next, "must be one of %s now", some(list(next)))
		return
	}
	if next == any(absent{}) {
		w.note(a, "enum", Loosened, old, next, "may be any value, was one of %s", some(list(old)))
		return
	}
	added, removed := missing(list(next), list(old)), missing(list(old), list(next))
	if len(added) > 0 {
		w.note(a, "enum", Loosened, old, next, "new values: %s", some(added))
	}
	if len(removed) > 0 {
		w.note(a, "enum", Tightened, old, next, "values removed: %s", some(removed))
	}
}

// missing is what is in all and not in others.
func missing(all, others []any) (rest []any) {
	for _, v := range all {
		if !slices.ContainsFunc(others, func(o any) bool { return jsonread.Equal(v, o) }) {
			rest = append(rest, v)
		}
	}
	return rest
}

// required compares which members must be there. Of new properties and of those that are
// removed that was said.
func (w *walk) required(old, next any, o, n map[string]any, a at) {
	said := func(name string) bool {
		_, was := members(o["properties"])[name]
		_, is := members(n["properties"])[name]
		return is != was
	}
	for _, name := range without(names(next), names(old)) {
		if !said(name) {
			w.note(a.in(name), "required", Tightened, old, next, "is required now")
		}
	}
	for _, name := range without(names(old), names(next)) {
		if !said(name) {
			w.note(a.in(name), "required", Loosened, old, next, "is optional now")
		}
	}
}

// bound compares a limit; up is the effect of raising it.
func (w *walk) bound(keyword string, old, next any, up Effect, a at) {
	x, okX := old.(json.Number)
	y, okY := next.(json.Number)
	switch {
	case !okX && !okY:
		w.note(a, keyword, Changed, old, next, "%s is %s, was %s", keyword, show(next), show(old)) // draft 4 has booleans
	case !okX:
		w.note(a, keyword, Tightened, old, next, "%s added: %s", keyword, y)
	case !okY:
		w.note(a, keyword, Loosened, old, next, "%s removed, was %s", keyword, x)
	case less(x, y):
		w.note(a, keyword, up, old, next, "%s raised from %s to %s", keyword, x, y)
	default:
		w.note(a, keyword, opposite(up), old, next, "%s lowered from %s to %s", keyword, x, y)
	}
}

// less says whether one number is below another. Numbers of schemas that compile have
// bounded exponents, so that both can be told exactly.
func less(a, b json.Number) bool {
	x, okX := new(big.Rat).SetString(string(a))
	y, okY := new(big.Rat).SetString(string(b))
	return okX && okY && x.Cmp(y) < 0
}

func opposite(e Effect) Effect {
	if e == Tightened {
		return Loosened
	}
	return Tightened
}

// simple compares a keyword whose values cannot be ordered.
func (w *walk) simple(keyword string, old, next any, a at) {
	if keyword == "uniqueItems" { // false is as if it were not there
		switch {
		case next == true:
			w.note(a, keyword, Tightened, old, next, "items must be unique now")
		case old == true:
			w.note(a, keyword, Loosened, old, next, "items may be repeated")
		}
		return
	}
	switch {
	case old == any(absent{}):
		w.note(a, keyword, Tightened, old, next, "%s added: %s", keyword, show(next))
	case next == any(absent{}):
		w.note(a, keyword, Loosened, old, next, "%s removed, was %s", keyword, show(old))
	default:
		effect := Changed
		if keyword == "pattern" || keyword == "multipleOf" || keyword == "format" {
			effect = w.order(keyword, old, next)
		}
		w.note(a, keyword, effect, old, next, "%s is %s, was %s", keyword, show(next), show(old))
	}
}

// properties compares which members have a schema. What a new one does depends on what
// held for the member before: with content closed it was refused, else it was free.
func (w *walk) properties(old, next, o, n map[string]any, a at) {
	for _, name := range union(old, next) {
		x, y := value(old, name), value(next, name)
		sub := a.below("properties", name).in(name)
		switch {
		case jsonread.Equal(x, y):
		case x == any(absent{}):
			effect := opened(o, y, "additionalProperties", "unevaluatedProperties")
			if needs(n, name) && !needs(o, name) {
				effect = and(effect, Tightened)
			}
			w.note(sub, "properties", effect, x, y, "new property: %s%s", describe(y), optional(n, name))
		case y == any(absent{}):
			effect, was := reversed(opened(n, x, "additionalProperties", "unevaluatedProperties")), ""
			if needs(o, name) && !needs(n, name) {
				effect, was = and(effect, Loosened), ", was required"
			}
			w.note(sub, "properties", effect, x, y, "property removed: %s%s%s", describe(x), was, closedNow(n))
		default:
			w.schema(x, y, sub)
		}
	}
}

// opened is the effect of giving a part of an event a schema in m, where the first of the
// keywords that is there said what held for it before.
func opened(m map[string]any, schema any, keywords ...string) Effect {
	var rest any
	said := false
	for _, keyword := range keywords {
		if !said {
			rest, said = m[keyword]
		}
	}
	_, patterns := m["patternProperties"]
	switch {
	case patterns:
		return Changed
	case rest == false:
		return Loosened
	case !said || rest == true:
		if free(schema) {
			return None
		}
		return Tightened
	}
	return Changed
}

func reversed(e Effect) Effect {
	switch e {
	case Tightened:
		return Loosened
	case Loosened:
		return Tightened
	}
	return e
}

// free says whether a schema asserts nothing at first sight.
func free(schema any) bool {
	if schema == true {
		return true
	}
	m, ok := schema.(map[string]any)
	if !ok {
		return false
	}
	for keyword := range m {
		if asserts(keyword) {
			return false
		}
	}
	return true
}

// needs says whether a schema asks for a member.
func needs(schema map[string]any, name string) bool {
	return slices.Contains(names(schema["required"]), name)
}

// and is the effect of two changes together.
func and(a, b Effect) Effect {
	switch {
	case a == None || a == b:
		return b
	case b == None:
		return a
	}
	return Changed
}

func optional(schema map[string]any, name string) string {
	if needs(schema, name) {
		return ", required"
	}
	return ", optional"
}

func closedNow(schema map[string]any) string {
	if schema["additionalProperties"] == false || schema["unevaluatedProperties"] == false {
		return "; it is refused now"
	}
	return "; any value passes now"
}

// show writes a value briefly.
func show(v any) string {
	if _, ok := v.(absent); ok {
		return "absent"
	}
	const most = 60
	text := []rune(string(raw(v)))
	if len(text) > most {
		return string(text[:most-1]) + "…"
	}
	return string(text)
}

// some writes the first of some values.
func some(values []any) string {
	const most = 5
	var shown []string
	for i, v := range values {
		if i == most {
			return fmt.Sprintf("%s and %d more", strings.Join(shown, ", "), len(values)-most)
		}
		shown = append(shown, show(v))
	}
	return strings.Join(shown, ", ")
}

// describe says briefly what a schema asks for.
func describe(schema any) string { return brief(schema, 0) }

func brief(schema any, depth int) string {
	m, ok := schema.(map[string]any)
	switch {
	case schema == true || ok && free(m):
		return "any value"
	case !ok:
		return "nothing"
	}
	var parts []string
	add := func(there bool, text string) {
		if there {
			parts = append(parts, text)
		}
	}
	if v, ok := m["const"]; ok {
		return show(v)
	}
	types := names(m["type"])
	add(len(types) > 0, either(types))
	format, ok := m["format"].(string)
	add(ok, format)
	ref, ok := m["$ref"].(string)
	add(ok, "as "+ref)
	values := list(m["enum"])
	add(len(values) > 0, "one of "+some(values))
	pattern, ok := m["pattern"]
	add(ok, "like "+show(pattern))
	parts = append(parts, marks(m)...)
	if union := unionOf(m); union != "" && len(list(m[union])) > 0 {
		parts = append(parts, choice(list(m[union]), depth))
	}
	if len(parts) == 0 {
		return "a value with conditions"
	}
	return strings.Join(parts, ", ")
}

// marks says by which members of one value an object is known.
func marks(m map[string]any) (list []string) {
	const most = 2
	properties := members(m["properties"])
	for _, name := range union(properties, nil) {
		if v, ok := members(properties[name])["const"]; ok && needs(m, name) && len(list) < most {
			list = append(list, name+" "+show(v))
		}
	}
	return list
}

// choice says what some schemas ask for, of which one is to hold.
func choice(branches []any, depth int) string {
	const most = 3
	if depth > 0 || len(branches) > most {
		return fmt.Sprintf("one of %d schemas", len(branches))
	}
	var texts []string
	for _, branch := range branches {
		texts = append(texts, brief(branch, depth+1))
	}
	return strings.Join(texts, " or ")
}
