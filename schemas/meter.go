package schemas

import (
	"encoding/json"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// What one event may cost. The schema library cannot be stopped once it runs, so the cost
// is counted before: an upper bound of the work, in ticks, from the event and the schema
// alone. It does not depend on the machine nor on the order of a map, so the same event
// has the same verdict everywhere.
const (
	evaluation = 128 // ticks of one evaluation; one tick is a few nanoseconds
	level      = 16  // ticks that each level of nesting adds to an evaluation: the path of a failure
	perMember  = 8   // ticks of a member of an object, for each schema that looks at it
	perTracked = 48  // instead, where unevaluatedProperties or unevaluatedItems keep account
	perFormat  = 2   // ticks of a byte of a string with a format
	perRegex   = 32  // and of one that is to be a regular expression
	perName    = 64  // ticks of a property that is missing; one that must not be there is an evaluation
	perUnique  = 64  // ticks of a value within an array of uniqueItems
	exponents  = 8   // evaluations of a comparison with a number that is written with an exponent

	// freeTicks is what the library may do in one go: if all of it fails, the failures
	// take about 100 MB.
	freeTicks = 100_000 * evaluation
	// maxTicks is what an event may cost in all.
	maxTicks = 1_000_000 * evaluation
	// maxTicksDynamic is maxTicks of a schema that has to be judged in one go.
	maxTicksDynamic = 300_000 * evaluation
)

// meter counts what it costs to judge one value. It is of one goroutine.
type meter struct {
	schema *Schema
	left   int  // ticks
	picks  bool // a union evaluates only the branch that its discriminator names
}

// costs reports whether judging the value costs at most limit ticks.
func (s *Schema) costs(value any, limit int, picks bool) bool {
	m := meter{schema: s, left: limit, picks: picks}
	if s.dynamic {
		m.count(value, 0)
	} else {
		m.walk(s.root, value, 0)
	}
	return m.left >= 0
}

// count charges each value with what the schema costs at most at its level. It stands for
// walk where a dynamic reference makes the schemas of a place depend on the way there.
func (m *meter) count(v any, depth int) {
	if m.left < 0 {
		return
	}
	d := &m.schema.most
	n := d.at(depth)
	m.left -= n * (evaluation + m.schema.perMember + (level+d.unique)*depth)
	switch v := v.(type) {
	case string:
		m.left -= n * (d.text*len(v) + d.compared(depth)*(len(v)/4))
	case json.Number:
		each := evaluation
		if hasExponent(v) {
			each *= exponents
			m.left -= n * d.compared(depth) * each
		}
		m.left -= n * d.comparisons * each
	case []any:
		for _, item := range v {
			m.count(item, depth+1)
		}
	case map[string]any:
		m.left -= n * d.names * perName
		for name, item := range v {
			m.left -= n * (2*evaluation + (level+d.unique)*depth + d.text*len(name) + d.compared(depth)*(len(name)/4))
			m.count(item, depth+1)
		}
	}
}

// walk charges what s costs at a value and below. It goes wherever the library may go.
func (m *meter) walk(s *jsonschema.Schema, v any, depth int) {
	if s == nil || m.left < 0 {
		return
	}
	m.left -= evaluation + level*depth
	if s.Bool != nil {
		return
	}
	m.left -= evaluation * (weight(s) - 1)
	switch v := v.(type) {
	case map[string]any:
		m.object(s, v, depth)
	case []any:
		m.array(s, v, depth)
	case string:
		m.text(s, v)
	case json.Number:
		m.number(s, v)
	}
	for _, sub := range []*jsonschema.Schema{s.Ref, s.Not, s.If} {
		m.walk(sub, v, depth)
	}
	m.either(s.Then, s.Else, v, depth)
	m.cases(s, v, depth)
	m.union(s, "anyOf", s.AnyOf, v, depth)
	m.union(s, "oneOf", s.OneOf, v, depth)
}

// either charges the dearer of two schemas of which one is evaluated.
func (m *meter) either(a, b *jsonschema.Schema, v any, depth int) {
	before := m.left
	m.walk(a, v, depth)
	afterA := m.left
	if b != nil {
		m.left = before
		m.walk(b, v, depth)
		m.left = min(m.left, afterA)
	}
}

// cases charges allOf. Of those of its schemas that are an if on values of one property,
// all are asked and one at most goes on to its then.
func (m *meter) cases(s *jsonschema.Schema, v any, depth int) {
	u := m.schema.cases[s]
	branch, known := 0, false
	if u != nil {
		branch, known = u.pick(v)
	}
	at := 0 // among the cases
	for _, sub := range s.AllOf {
		if known && sub.If != nil {
			at++
			if at-1 != branch && isCase(sub, u.property) {
				m.left -= evaluation + level*depth
				m.walk(sub.If, v, depth)
				continue
			}
		}
		m.walk(sub, v, depth)
	}
}

func (m *meter) all(list []*jsonschema.Schema, v any, depth int) {
	for _, sub := range list {
		m.walk(sub, v, depth)
	}
}

func (m *meter) union(s *jsonschema.Schema, keyword string, branches []*jsonschema.Schema, v any, depth int) {
	if m.picks && len(branches) > 0 {
		if u := m.schema.unions[s.Location+" "+keyword]; u != nil {
			switch branch, known := u.pick(v); {
			case known && branch < 0:
				return
			case known:
				m.walk(branches[branch], v, depth)
				return
			}
		}
	}
	m.all(branches, v, depth)
}

func (m *meter) object(s *jsonschema.Schema, obj map[string]any, depth int) {
	m.left -= len(obj) * m.schema.perMember
	m.missing(s, obj)
	more, _ := s.AdditionalProperties.(*jsonschema.Schema)
	names := namesSchema(s)
	closed := s.AdditionalProperties == false
	looks := closed || more != nil || names != nil || s.UnevaluatedProperties != nil || len(s.Properties)+len(s.PatternProperties) > 0
	for name, v := range obj {
		if !looks {
			break
		}
		if m.left < 0 {
			return
		}
		sub := s.Properties[name]
		m.walk(sub, v, depth+1)
		matched := sub != nil
		for re, sub := range s.PatternProperties {
			m.match(re, name)
			if m.left < 0 {
				return
			}
			if re.MatchString(name) {
				matched = true
				m.walk(sub, v, depth+1)
			}
		}
		if !matched {
			m.walk(more, v, depth+1)
			if closed {
				m.left -= evaluation
			}
		}
		m.walk(s.UnevaluatedProperties, v, depth+1)
		if names != nil {
			m.walk(names, name, depth)
		}
	}
	for name, sub := range s.DependentSchemas {
		if _, ok := obj[name]; ok {
			m.walk(sub, obj, depth)
		}
	}
	for name, sub := range s.Dependencies {
		if _, ok := obj[name]; ok {
			m.all(asSchemas(sub), obj, depth)
		}
	}
}

// missing charges the properties that have to be there and are not.
func (m *meter) missing(s *jsonschema.Schema, obj map[string]any) {
	for _, name := range s.Required {
		if _, ok := obj[name]; !ok {
			m.left -= perName
		}
	}
	for name, names := range s.DependentRequired {
		if _, ok := obj[name]; ok {
			m.left -= len(names) * perName
		}
	}
	for name, names := range s.Dependencies {
		if list, isNames := names.([]string); isNames {
			if _, ok := obj[name]; ok {
				m.left -= len(list) * perName
			}
		}
	}
}

// demanded is how many properties a schema can find missing for each unit of its weight.
func demanded(s *jsonschema.Schema) int {
	n := min(len(s.Required), manyValues)
	for _, names := range s.DependentRequired {
		n += len(names)
	}
	for _, names := range s.Dependencies {
		if list, ok := names.([]string); ok {
			n += len(list)
		}
	}
	return n
}

func (m *meter) array(s *jsonschema.Schema, items []any, depth int) {
	if m.schema.perMember == perTracked {
		m.left -= len(items) * perTracked
	}
	if isUnique(s) {
		m.unique(items)
	}
	tuple, more := itemSchemas(s)
	for i, v := range items {
		if m.left < 0 {
			return
		}
		if i < len(tuple) {
			m.walk(tuple[i], v, depth+1)
		} else {
			m.walk(more, v, depth+1)
		}
		m.walk(s.Contains, v, depth+1)
		m.walk(s.UnevaluatedItems, v, depth+1)
	}
}

// unique charges the comparison of all values within v.
func (m *meter) unique(v any) {
	if m.left -= perUnique; m.left < 0 {
		return
	}
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			m.unique(item)
		}
	case map[string]any:
		for name, item := range v {
			m.left -= perUnique + len(name)/4
			m.unique(item)
		}
	case string:
		m.left -= len(v) / 4
	case json.Number:
		if hasExponent(v) {
			m.left -= exponents * evaluation
		}
	}
}

func (m *meter) text(s *jsonschema.Schema, text string) {
	if s.Format != nil {
		m.left -= perFormat * len(text)
		if s.Format.Name == "regex" {
			m.left -= perRegex * min(len(text), maxPatternBytes)
		}
	}
	if s.MinLength != nil || s.MaxLength != nil {
		m.left -= len(text) / 4
	}
	if s.Pattern != nil {
		m.match(s.Pattern, text)
	}
}

// match charges a pattern: matching takes time proportional to the text's length times the
// pattern's instructions.
func (m *meter) match(re jsonschema.Regexp, text string) {
	m.left -= len(text) * programSize(re)
}

func (m *meter) number(s *jsonschema.Schema, n json.Number) {
	each := evaluation
	if hasExponent(n) {
		each *= exponents
	}
	m.left -= comparisons(s) * each
}

// comparisons is how often a number is compared or divided.
func comparisons(s *jsonschema.Schema) (n int) {
	for _, bound := range []bool{s.Minimum != nil, s.Maximum != nil, s.ExclusiveMinimum != nil, s.ExclusiveMaximum != nil, s.MultipleOf != nil, s.Const != nil} {
		if bound {
			n++
		}
	}
	if s.MultipleOf != nil {
		n++ // it divides
	}
	if s.Enum != nil {
		for _, v := range s.Enum.Values {
			if _, ok := v.(json.Number); ok {
				n++
			}
		}
	}
	return n
}

func hasExponent(n json.Number) bool { return strings.ContainsAny(string(n), "eE") }

// itemSchemas returns the schemas of an array's first items, and that of the others.
func itemSchemas(s *jsonschema.Schema) (tuple []*jsonschema.Schema, more *jsonschema.Schema) {
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		return nil, items
	case []*jsonschema.Schema:
		more, _ = s.AdditionalItems.(*jsonschema.Schema)
		return items, more
	default:
		return s.PrefixItems, s.Items2020
	}
}

// deepEvent is the deepest nesting that limits.json_depth can allow.
const deepEvent = 1000

// dearest is the most that a schema can cost at one place of an event.
type dearest struct {
	profile     []int // evaluations, by level; see checkBudget
	evaluations int   // the most of them
	depth       int   // levels that the schema looks at
	text        int   // ticks of a byte of text, with each evaluation
	unique      int   // ticks of a value for each level above it
	comparisons int   // of a number
	names       int   // properties that can be missing, with each evaluation
}

// compared is how many uniqueItems at most compare a value at a depth, with each evaluation.
func (d *dearest) compared(depth int) int {
	if d.unique == 0 {
		return 0
	}
	return depth
}

// at is the number of evaluations at a level.
func (d *dearest) at(depth int) int { return d.profile[min(depth, len(d.profile)-1)] }

// within reports whether an event of n bytes surely costs no more than limit ticks, so that
// it need not be looked at.
func (s *Schema) within(n, limit int) bool {
	if s.unmetered {
		return true
	}
	d := &s.most
	// A value has a byte, and one that separates it from the next; a number with an
	// exponent has three, and so has an object. Each level of nesting takes two.
	depth := min(d.depth, n/2)
	perByte := evaluation + s.perMember + d.text + (d.comparisons+d.compared(depth))*evaluation*exponents/4 + d.names*perName/3 + (level+d.unique)*depth
	return n <= limit/(perByte*d.evaluations)
}

// withinValues is within for an event of which it is known how many values it has.
func (s *Schema) withinValues(values, bytes, limit int) bool {
	if s.unmetered {
		return true
	}
	d := &s.most
	depth := min(d.depth, values)
	perValue := evaluation + s.perMember + (level+d.unique)*depth + // any value
		2*evaluation + (level+d.unique)*depth + // the name that it may have
		max((d.comparisons+d.compared(depth))*evaluation*exponents, d.names*perName) // a number or an object
	limit /= d.evaluations
	return values <= limit/perValue && bytes <= (limit-values*perValue)/(d.text+d.compared(depth))
}

// measure prepares the metering of a compiled schema.
func (s *Schema) measure(g *graph, profile []int) {
	s.perMember, s.cases = perMember, map[*jsonschema.Schema]*union{}
	d := dearest{profile: profile, evaluations: 1, depth: deepEvent, text: perFormat + 1}
	for depth, n := range profile {
		d.evaluations = max(d.evaluations, n)
		if n == 0 {
			d.depth = min(d.depth, depth)
		}
	}
	if len(profile) == budgetDepth { // it may grow beyond
		d.evaluations = min(d.evaluations*deepEvent/budgetDepth, maxEvaluations)
	}
	pattern := 0
	for _, n := range g.nodes {
		if n.DynamicRef != nil || n.RecursiveRef != nil {
			s.dynamic = true
		}
		if n.UnevaluatedProperties != nil || n.UnevaluatedItems != nil {
			s.perMember = perTracked
		}
		for re := range n.PatternProperties {
			pattern = max(pattern, programSize(re))
		}
		if n.Pattern != nil {
			pattern = max(pattern, programSize(n.Pattern))
		}
		if n.Format != nil && n.Format.Name == "regex" {
			d.text = perFormat + perRegex + 1
		}
		if isUnique(n) {
			d.unique = perUnique
		}
		d.names = max(d.names, demanded(n))
		d.comparisons = max(d.comparisons, comparisons(n))
		if u := caseUnion(n.AllOf); u != nil {
			s.cases[n] = u
		}
	}
	d.text += pattern
	s.most = d
}
