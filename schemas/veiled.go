package schemas

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// Veiled is a payload of which some values are not known: a placeholder of the same type
// stands for each. It tells what is sure of the payload as it was. It is for one goroutine.
type Veiled struct {
	size  int
	value any
	root  *veiledNode
	known map[veiledFact]bool
}

// veiledNode is a value of the payload.
type veiledNode struct {
	value   any
	hidden  bool // it is a placeholder
	veiled  bool // it is one, or one is in it
	members map[string]*veiledNode
	items   []*veiledNode
}

// veiledFact is something that holds for a value that is not known.
type veiledFact struct {
	at  *veiledNode
	say string
}

// Veil reads a payload; hidden says of the text, number, true or false at a path whether it
// is a placeholder. null is what it is, and so are names of members and numbers of items.
func Veil(payload []byte, hidden func(path []string) bool) (*Veiled, error) {
	value, bad := jsonread.Decode(payload, jsonread.Limits{})
	if bad != nil {
		return nil, fmt.Errorf("schemas: a payload that was read before: %s", bad.Code)
	}
	return &Veiled{len(payload), value, veil(value, nil, hidden), map[veiledFact]bool{}}, nil
}

func veil(value any, path []string, hidden func([]string) bool) *veiledNode {
	n := &veiledNode{value: value}
	below := func(name string, v any) *veiledNode {
		next := veil(v, append(path[:len(path):len(path)], name), hidden)
		n.veiled = n.veiled || next.veiled
		return next
	}
	switch v := value.(type) {
	case map[string]any:
		n.members = make(map[string]*veiledNode, len(v))
		for name, member := range v {
			n.members[name] = below(name, member)
		}
	case []any:
		for i, item := range v {
			n.items = append(n.items, below(fmt.Sprint(i), item))
		}
	case nil:
	default:
		n.hidden = hidden(path)
		n.veiled = n.hidden
	}
	return n
}

// Hides says whether anything in the payload is not known.
func (v *Veiled) Hides() bool { return v.root.veiled }

// Passed notes that the payload, as it was, passed a schema: what that asks of values that
// are not known is known of them from now on.
func (v *Veiled) Passed(s *Schema) {
	if s.root != nil && !s.dynamic {
		v.note(s.root, v.root)
	}
}

// note goes wherever a good payload has to be good.
func (v *Veiled) note(s *jsonschema.Schema, n *veiledNode) {
	if s == nil || !n.veiled {
		return
	}
	for _, say := range demands(s, n) {
		v.known[veiledFact{n, say}] = true
	}
	v.note(s.Ref, n)
	for _, sub := range s.AllOf {
		v.note(sub, n)
	}
	for name, member := range n.members {
		for _, sub := range memberSchemas(s, name) {
			v.note(sub, member)
		}
	}
	for i, item := range n.items {
		v.note(itemSchema(s, i), item)
	}
}

// Judge says what a schema says of the payload as it was: Compatible if it passes for sure,
// Incompatible if it is refused for sure, and Undecided if that depends on what is not known.
func (v *Veiled) Judge(s *Schema) Answer {
	switch {
	case s.root == nil:
		return Compatible
	case !s.within(v.size, freeTicks) && !s.costs(v.value, freeTicks, false):
		return Undecided // too much work to be tried in so many ways
	case s.dynamic && v.root.veiled:
		return Undecided
	}
	return v.judge(s.root, v.root)
}

// all is the answer of several schemas that all have to hold.
func (v *Veiled) all(list []*jsonschema.Schema, n *veiledNode) Answer {
	a := Compatible
	for _, s := range list {
		if s != nil {
			a = both(a, v.judge(s, n))
		}
	}
	return a
}

func both(a, b Answer) Answer {
	switch {
	case a == Incompatible || b == Incompatible:
		return Incompatible
	case a == Undecided || b == Undecided:
		return Undecided
	}
	return Compatible
}

func surely(yes bool) Answer {
	if yes {
		return Compatible
	}
	return Incompatible
}

// among says whether it is sure that at least low and at most high of the answers are yes.
func among(answers []Answer, low, high int) Answer {
	yes, maybe := 0, 0
	for _, a := range answers {
		switch a {
		case Compatible:
			yes++
		case Undecided:
			maybe++
		}
	}
	switch {
	case yes >= low && yes+maybe <= high:
		return Compatible
	case yes > high || yes+maybe < low:
		return Incompatible
	}
	return Undecided
}

func (v *Veiled) judge(s *jsonschema.Schema, n *veiledNode) Answer {
	switch {
	case s.Bool != nil:
		return surely(*s.Bool)
	case !n.veiled:
		verr, err := validate(s, n.value)
		if err != nil {
			return Undecided
		}
		return surely(verr == nil)
	case s.RecursiveRef != nil || s.DynamicRef != nil || len(s.Extensions) > 0:
		return Undecided
	}
	a := both(v.typed(s, n), both(v.combined(s, n), v.conditional(s, n)))
	if s.Ref != nil {
		a = both(a, v.judge(s.Ref, n))
	}
	switch {
	case a == Incompatible:
	case n.members != nil:
		a = both(a, v.object(s, n))
	case n.items != nil:
		a = both(a, v.array(s, n))
	}
	return a
}

// typed judges by the keywords of the value itself.
func (v *Veiled) typed(s *jsonschema.Schema, n *veiledNode) Answer {
	kind := veiledKind(n.value)
	if s.Types != nil {
		types := s.Types.ToStrings()
		number := kind == "number" && slices.Contains(types, "integer") // of any other it is not known
		if !slices.Contains(types, kind) && !number {
			return Incompatible
		}
	}
	lists := [][]any{}
	if s.Enum != nil {
		lists = append(lists, s.Enum.Values)
	}
	if s.Const != nil {
		lists = append(lists, []any{*s.Const})
	}
	for _, list := range lists {
		if !slices.ContainsFunc(list, func(one any) bool { return mayBe(n, one) }) {
			return Incompatible
		}
		if !n.hidden {
			return Undecided
		}
	}
	for _, say := range demands(s, n) {
		if !v.known[veiledFact{n, say}] {
			return Undecided
		}
	}
	return Compatible
}

// demands are what a schema asks of a hidden value beyond its type.
func demands(s *jsonschema.Schema, n *veiledNode) (list []string) {
	if !n.hidden {
		return nil
	}
	say := func(keyword string, value any) { list = append(list, keyword+" "+fmt.Sprint(value)) }
	if s.Enum != nil {
		say("enum", listed(s.Enum.Values))
	}
	if s.Const != nil {
		say("enum", listed([]any{*s.Const}))
	}
	switch n.value.(type) {
	case string:
		if s.Format != nil {
			say("format", s.Format.Name)
		}
		if s.Pattern != nil {
			say("pattern", s.Pattern)
		}
		if s.MinLength != nil {
			say("minLength", *s.MinLength)
		}
		if s.MaxLength != nil {
			say("maxLength", *s.MaxLength)
		}
	case json.Number:
		if s.Types != nil {
			if types := s.Types.ToStrings(); slices.Contains(types, "integer") && !slices.Contains(types, "number") {
				say("type", "integer")
			}
		}
		if s.Minimum != nil {
			say("minimum", s.Minimum)
		}
		if s.Maximum != nil {
			say("maximum", s.Maximum)
		}
		if s.ExclusiveMinimum != nil {
			say("exclusiveMinimum", s.ExclusiveMinimum)
		}
		if s.ExclusiveMaximum != nil {
			say("exclusiveMaximum", s.ExclusiveMaximum)
		}
		if s.MultipleOf != nil {
			say("multipleOf", s.MultipleOf)
		}
	}
	return list
}

// listed is a list of values as one text.
func listed(values []any) string {
	var texts []string
	for _, one := range values {
		text, _ := json.Marshal(one)
		texts = append(texts, string(text))
	}
	slices.Sort(texts)
	return strings.Join(texts, ",")
}

func veiledKind(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "number"
}

// mayBe says whether a value can have been another, by what is known of it.
func mayBe(n *veiledNode, other any) bool {
	if veiledKind(n.value) != veiledKind(other) {
		return false
	}
	switch other := other.(type) {
	case map[string]any:
		for name, member := range n.members {
			if v, ok := other[name]; !ok || !mayBe(member, v) {
				return false
			}
		}
		return len(other) == len(n.members)
	case []any:
		for i, item := range n.items {
			if i >= len(other) || !mayBe(item, other[i]) {
				return false
			}
		}
		return len(other) == len(n.items)
	case string, bool:
		return n.hidden || n.value == other
	}
	return true // null, and numbers: to take two that differ for one is to say less
}

func (v *Veiled) combined(s *jsonschema.Schema, n *veiledNode) Answer {
	each := func(list []*jsonschema.Schema) (answers []Answer) {
		for _, sub := range list {
			answers = append(answers, v.judge(sub, n))
		}
		return answers
	}
	a := v.all(s.AllOf, n)
	if len(s.AnyOf) > 0 {
		a = both(a, among(each(s.AnyOf), 1, len(s.AnyOf)))
	}
	if len(s.OneOf) > 0 {
		a = both(a, among(each(s.OneOf), 1, 1))
	}
	if s.Not != nil {
		a = both(a, among([]Answer{v.judge(s.Not, n)}, 0, 0))
	}
	return a
}

func (v *Veiled) conditional(s *jsonschema.Schema, n *veiledNode) Answer {
	if s.If == nil {
		return Compatible
	}
	then, otherwise := v.all([]*jsonschema.Schema{s.Then}, n), v.all([]*jsonschema.Schema{s.Else}, n)
	switch v.judge(s.If, n) {
	case Compatible:
		return then
	case Incompatible:
		return otherwise
	}
	if then == otherwise {
		return then
	}
	return Undecided
}

func most(limit *int) int {
	if limit == nil {
		return math.MaxInt
	}
	return *limit
}

func least(limit *int) int {
	if limit == nil {
		return 0
	}
	return *limit
}
