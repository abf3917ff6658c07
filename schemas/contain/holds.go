package contain

import (
	"encoding/json"
	"math/big"
	"slices"
	"unicode/utf8"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// kindOf is the kind of a value.
func kindOf(v any) Types {
	switch v.(type) {
	case nil:
		return Null
	case bool:
		return Boolean
	case string:
		return String
	case json.Number:
		return Number
	case []any:
		return Array
	}
	return Object
}

func rat(v json.Number) *big.Rat {
	r, ok := new(big.Rat).SetString(v.String())
	if !ok {
		return new(big.Rat)
	}
	return r
}

// Holds evaluates a node: whether it accepts the value. The nesting of in-place schemas is
// finite, since no reference leads back to itself without a step into the value (that is
// opaque).
func (n *Node) Holds(v any) bool {
	if n.Opaque != "" {
		return n.Accepts(v)
	}
	kind := kindOf(v)
	if n.Never || !n.allows(kind) {
		return false
	}
	if n.Values != nil && !n.lists(v) {
		return false
	}
	return n.holdsKind(v) && n.holdsInPlace(v)
}

// fewValues is how many values are compared one by one.
const fewValues = 8

// lists says whether a value is one of the node's values.
func (n *Node) lists(v any) bool {
	if len(n.Values) <= fewValues {
		return slices.ContainsFunc(n.Values, func(w any) bool { return jsonread.Equal(v, w) })
	}
	var key []byte
	if n.keys == nil {
		n.keys = make(map[string]struct{}, len(n.Values))
		for _, w := range n.Values {
			key = jsonread.AppendKey(key[:0], w)
			n.keys[string(key)] = struct{}{}
		}
	}
	_, ok := n.keys[string(jsonread.AppendKey(key[:0], v))]
	return ok
}

// maxWeight is more than any budget.
const maxWeight = 1 << 30

// weigh is how many nodes Holds may ask about a value itself, up to a bound.
func (n *Node) weigh() int {
	if n.weight > 0 || n.Opaque != "" {
		return max(n.weight, 1)
	}
	n.weight = 1
	add := func(list ...*Node) {
		for _, sub := range list {
			if sub != nil {
				n.weight = min(maxWeight, n.weight+sub.weigh())
			}
		}
	}
	add(n.AllOf...)
	add(n.AnyOf...)
	add(n.OneOf...)
	add(n.Not, n.If, n.Then, n.Else)
	for _, d := range n.Dependent {
		add(d.Node)
	}
	return n.weight
}

func (n *Node) holdsKind(v any) bool {
	switch v := v.(type) {
	case json.Number:
		return n.holdsNumber(v)
	case string:
		return n.holdsString(v)
	case []any:
		return n.holdsArray(v)
	case map[string]any:
		return n.holdsObject(v)
	}
	return true
}

func (n *Node) holdsInPlace(v any) bool {
	for _, sub := range n.AllOf {
		if !sub.Holds(v) {
			return false
		}
	}
	if len(n.AnyOf) > 0 && !slices.ContainsFunc(n.AnyOf, func(sub *Node) bool { return sub.Holds(v) }) {
		return false
	}
	if len(n.OneOf) > 0 {
		matched := 0
		for _, sub := range n.OneOf {
			if sub.Holds(v) {
				matched++
			}
		}
		if matched != 1 {
			return false
		}
	}
	if n.Not != nil && n.Not.Holds(v) {
		return false
	}
	if n.If == nil {
		return true
	}
	branch := n.Else
	if n.If.Holds(v) {
		branch = n.Then
	}
	return branch == nil || branch.Holds(v)
}

func (n *Node) holdsNumber(v json.Number) bool {
	if n.Types == 0 && n.Minimum == nil && n.Maximum == nil && n.ExclusiveMinimum == nil && n.ExclusiveMaximum == nil && n.MultipleOf == nil {
		return true
	}
	r := rat(v)
	switch {
	case n.onlyIntegers() && !r.IsInt(),
		n.Minimum != nil && r.Cmp(n.Minimum) < 0,
		n.Maximum != nil && r.Cmp(n.Maximum) > 0,
		n.ExclusiveMinimum != nil && r.Cmp(n.ExclusiveMinimum) <= 0,
		n.ExclusiveMaximum != nil && r.Cmp(n.ExclusiveMaximum) >= 0,
		n.MultipleOf != nil && !new(big.Rat).Quo(r, n.MultipleOf).IsInt():
		return false
	}
	return true
}

func (n *Node) holdsString(s string) bool {
	if n.MinLength > 0 || n.MaxLength >= 0 {
		length := utf8.RuneCountInString(s)
		if length < n.MinLength || n.MaxLength >= 0 && length > n.MaxLength {
			return false
		}
	}
	return (n.Pattern == nil || n.Pattern.Match(s)) && (n.Format == nil || n.Format.Check(s))
}

func (n *Node) holdsArray(list []any) bool {
	if len(list) < n.MinItems || n.MaxItems >= 0 && len(list) > n.MaxItems {
		return false
	}
	if n.Unique {
		if _, _, found := jsonread.Repeated(list); found {
			return false
		}
	}
	for i, item := range list {
		if sub := n.item(i); sub != nil && !sub.Holds(item) {
			return false
		}
	}
	if n.Contains == nil {
		return true
	}
	matched := 0
	for _, item := range list {
		if n.Contains.Holds(item) {
			matched++
		}
	}
	return matched >= n.MinContains && (n.MaxContains < 0 || matched <= n.MaxContains)
}

// item is the schema of the item at an index; nil allows everything.
func (n *Node) item(i int) *Node {
	if i < len(n.Prefix) {
		return n.Prefix[i]
	}
	return n.Rest
}

func (n *Node) holdsObject(obj map[string]any) bool {
	if len(obj) < n.MinProperties || n.MaxProperties >= 0 && len(obj) > n.MaxProperties {
		return false
	}
	for _, name := range n.Required {
		if _, ok := obj[name]; !ok {
			return false
		}
	}
	for name, v := range obj {
		if n.Names != nil && !n.Names.Holds(name) {
			return false
		}
		ok := true
		n.property(name, func(sub *Node) { ok = ok && sub.Holds(v) })
		if !ok {
			return false
		}
	}
	for _, d := range n.Dependent {
		if _, ok := obj[d.Name]; !ok {
			continue
		}
		for _, name := range d.Required {
			if _, ok := obj[name]; !ok {
				return false
			}
		}
		if d.Node != nil && !d.Node.Holds(obj) {
			return false
		}
	}
	return true
}

// property calls visit with each schema that applies to the value of a property.
func (n *Node) property(name string, visit func(sub *Node)) {
	sub, known := n.Properties[name]
	if known {
		visit(sub)
	}
	for _, p := range n.Patterns {
		if p.Pattern.Match(name) {
			known = true
			visit(p.Node)
		}
	}
	if !known && n.Additional != nil {
		visit(n.Additional)
	}
}
