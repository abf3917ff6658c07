// Package diff says in words what changed between two versions of a JSON Schema.
//
// It looks at the documents keyword by keyword, and so says what was done, not what it
// comes to: whether the new version is compatible is for schemas.Compare to prove. A
// keyword that was tightened may refuse nothing that was accepted before, because another
// one refused it already.
package diff

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// Effect is what a change does to what is accepted, looked at alone.
type Effect string

// The effects. Tightened can refuse what was accepted, so that it can break BACKWARD;
// Loosened can accept what was refused, and break FORWARD; Changed can do both. None has
// no effect on what is accepted.
const (
	Tightened Effect = "tightened"
	Loosened  Effect = "loosened"
	Changed   Effect = "changed"
	None      Effect = "none"
)

// Change is one thing that changed.
type Change struct {
	// Pointer leads to the schema in the new document; to that in the old one if it is
	// not there any more.
	Pointer string `json:"pointer"`
	// Place is where in events the schema holds: a JSON Pointer, with * for all items or
	// members, and in brackets under which condition. It is "" for the whole event.
	Place   string          `json:"place"`
	Keyword string          `json:"keyword"`
	Effect  Effect          `json:"effect"`
	Old     json.RawMessage `json:"old,omitempty"` // the keyword's value; empty where it is absent
	New     json.RawMessage `json:"new,omitempty"`
	// Text says it in words, on one line.
	Text string `json:"text"`
	// Annotation: it is a title, a description or the like.
	Annotation bool `json:"annotation,omitempty"`
}

// maxChanges bounds the changes that are listed.
const maxChanges = 10_000

// Documents lists the changes from one schema document to another, in the order of their
// places. The documents must be ones that package schemas compiles: what they hold is
// bounded by that.
//
// covers reports that it is proved that the schema wide accepts all that narrow accepts.
// It is asked about keywords whose values have no order at first sight, such as patterns;
// without it they can do both.
func Documents(old, next []byte, covers func(wide, narrow []byte) bool) ([]Change, error) {
	var values [2]any
	for i, data := range [][]byte{old, next} {
		v, bad := jsonread.Decode(data, jsonread.Limits{})
		if bad != nil {
			return nil, bad
		}
		values[i] = v
	}
	w := walk{covers: covers}
	w.schema(values[0], values[1], at{sense: 1})
	slices.SortStableFunc(w.changes, func(a, b Change) int { return strings.Compare(a.Place, b.Place) })
	return w.changes, nil
}

// at is where the walk is.
type at struct {
	pointer, place string
	// sense is 1 where to tighten this schema tightens the whole, -1 where it loosens it,
	// and 0 where it can do both.
	sense int
}

// below is the place of a keyword, or of what it names.
func (a at) below(tokens ...string) at {
	a.pointer += jsonread.Pointer(tokens...)
	return a
}

// in is the place of what holds for a part of the event.
func (a at) in(token string) at {
	a.place += jsonread.Pointer(token)
	return a
}

func (a at) under(condition string) at {
	a.place += " (" + condition + ")"
	return a
}

type walk struct {
	changes []Change
	covers  func(wide, narrow []byte) bool
	proofs  int // how often covers was asked
}

// maxProofs bounds what is asked of covers.
const maxProofs = 64

// order is the effect of giving a keyword another value, if that can be proved.
func (w *walk) order(keyword string, old, next any) Effect {
	if w.covers == nil || w.proofs >= maxProofs {
		return Changed
	}
	w.proofs++
	x, y := raw(map[string]any{keyword: old}), raw(map[string]any{keyword: next})
	looser, tighter := w.covers(y, x), w.covers(x, y)
	switch {
	case looser && tighter:
		return None
	case looser:
		return Loosened
	case tighter:
		return Tightened
	}
	return Changed
}

// note takes note of a change whose effect is that of the schema it is in.
func (w *walk) note(a at, keyword string, effect Effect, old, next any, format string, args ...any) {
	switch {
	case effect == None || a.sense == 1:
	case a.sense == 0:
		effect = Changed
	case effect == Tightened:
		effect = Loosened
	case effect == Loosened:
		effect = Tightened
	}
	if len(w.changes) < maxChanges {
		w.changes = append(w.changes, Change{
			Pointer: a.pointer, Place: a.place, Keyword: keyword, Effect: effect,
			Old: raw(old), New: raw(next), Text: fmt.Sprintf(format, args...),
		})
	}
}

// absent stands for a keyword that is not there.
type absent struct{}

func raw(v any) json.RawMessage {
	if _, ok := v.(absent); ok {
		return nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return data
}

// schema compares two schemas, each an object or a boolean.
func (w *walk) schema(old, next any, a at) {
	if jsonread.Equal(old, next) {
		return
	}
	if old == false || next == false {
		w.impossible(old, next, a)
		return
	}
	o, n := members(old), members(next)
	done := w.unions(o, n, a)
	for _, keyword := range union(o, n) {
		x, y := value(o, keyword), value(n, keyword)
		if !jsonread.Equal(x, y) && !slices.Contains(done, keyword) {
			w.keyword(keyword, x, y, o, n, a)
		}
	}
}

func (w *walk) impossible(old, next any, a at) {
	if old == false {
		w.note(a, "false", Loosened, old, next, "nothing was allowed here, now it is: %s", describe(next))
		return
	}
	w.note(a, "false", Tightened, old, next, "nothing is allowed here any more")
}

// members is a schema as an object; true says what an empty one does.
func members(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func value(m map[string]any, keyword string) any {
	if v, ok := m[keyword]; ok {
		return v
	}
	return absent{}
}

func union(a, b map[string]any) (names []string) {
	for name := range a {
		names = append(names, name)
	}
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// keyword compares a keyword that is not the same in two schemas.
func (w *walk) keyword(keyword string, old, next any, o, n map[string]any, a at) {
	switch keyword {
	case "type":
		w.types(old, next, a)
	case "enum":
		w.enum(old, next, a)
	case "required":
		w.required(old, next, o, n, a)
	case "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains":
		w.bound(keyword, old, next, Tightened, a)
	case "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains":
		w.bound(keyword, old, next, Loosened, a)
	case "multipleOf", "pattern", "format", "const", "uniqueItems", "dependentRequired", "dependencies":
		w.simple(keyword, old, next, a)
	case "properties":
		w.properties(members(old), members(next), o, n, a)
	case "patternProperties", "dependentSchemas":
		w.named(keyword, members(old), members(next), a)
	case "$defs", "definitions":
		w.definitions(keyword, members(old), members(next), a)
	case "allOf", "anyOf", "oneOf":
		w.branches(keyword, list(old), list(next), a)
	case "prefixItems":
		w.tuple(keyword, "items", o, n, a)
	case "items", "additionalItems", "unevaluatedItems", "additionalProperties", "unevaluatedProperties", "contains", "propertyNames":
		w.part(keyword, old, next, o, n, a)
	case "not", "if", "then", "else":
		w.condition(keyword, old, next, o, n, a)
	case "$ref", "$dynamicRef", "$id", "$schema", "$anchor", "$dynamicAnchor", "$vocabulary", "$recursiveRef", "$recursiveAnchor", "id":
		w.identity(keyword, old, next, a)
	default:
		w.annotation(keyword, old, next, a)
	}
}

// identity compares what a schema is called and what it refers to.
func (w *walk) identity(keyword string, old, next any, a at) {
	switch {
	case old == any(absent{}):
		w.note(a, keyword, Tightened, old, next, "%s added: %s", keyword, show(next))
	case next == any(absent{}):
		w.note(a, keyword, Loosened, old, next, "%s removed: %s", keyword, show(old))
	default:
		w.note(a, keyword, Changed, old, next, "%s is %s, was %s", keyword, show(next), show(old))
	}
	last := &w.changes[len(w.changes)-1]
	if keyword != "$ref" && keyword != "$dynamicRef" && keyword != "$recursiveRef" && keyword != "$schema" {
		last.Effect = None
	} else if keyword == "$schema" {
		last.Effect = Changed
	}
}

// annotation compares what asserts nothing: titles, and keywords that are not known.
func (w *walk) annotation(keyword string, old, next any, a at) {
	switch {
	case old == any(absent{}):
		w.note(a, keyword, None, old, next, "%s added: %s", keyword, show(next))
	case next == any(absent{}):
		w.note(a, keyword, None, old, next, "%s removed", keyword)
	default:
		w.note(a, keyword, None, old, next, "%s is %s, was %s", keyword, show(next), show(old))
	}
	w.changes[len(w.changes)-1].Annotation = true
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}
