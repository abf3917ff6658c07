package schemas

import (
	"maps"
	"slices"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/lazaret/lazaret"
)

// Bounds on how many failures of an event that costs much are looked for.
const (
	maxFailing = 100 // members of one array or object; there are more reasons than are listed
	manyNames  = 64  // members of an object beyond which they are taken in order, so as to stop
)

// bounded returns a copy of a schema that judges as the schema does, and that needs little
// memory however much of an event fails:
//
//   - the members of an array or object are judged one by one. Of each only its reasons
//     are kept, not the library's tree of failures, and after 100 bad ones no more are
//     looked at. One is enough for the event to be bad, so that changes no verdict.
//   - of a union with a discriminator only the branch that was meant is evaluated.
//
// It is slower than the schema itself for events that cost little.
func bounded(g *graph, unions map[string]*union) *jsonschema.Schema {
	copies := make(map[*jsonschema.Schema]*jsonschema.Schema, len(g.nodes))
	for _, s := range g.nodes {
		c := *s
		copies[s] = &c
	}
	for _, c := range copies {
		redirect(c, copies)
	}
	for s, c := range copies {
		bound(c, unions[s.Location+" anyOf"], unions[s.Location+" oneOf"])
	}
	return copies[g.root]
}

// redirect makes all references of s lead to the copies.
func redirect(s *jsonschema.Schema, copies map[*jsonschema.Schema]*jsonschema.Schema) {
	for _, field := range []**jsonschema.Schema{&s.Ref, &s.Not, &s.If, &s.Then, &s.Else, &s.UnevaluatedProperties, &s.Contains, &s.Items2020, &s.UnevaluatedItems} {
		*field = copies[*field]
	}
	list := func(old []*jsonschema.Schema) []*jsonschema.Schema {
		out := make([]*jsonschema.Schema, len(old))
		for i, sub := range old {
			out[i] = copies[sub]
		}
		return out
	}
	one := func(old any) any {
		switch old := old.(type) {
		case *jsonschema.Schema:
			return copies[old]
		case []*jsonschema.Schema:
			return list(old)
		default:
			return old
		}
	}
	for _, field := range []*[]*jsonschema.Schema{&s.AllOf, &s.AnyOf, &s.OneOf, &s.PrefixItems} {
		*field = list(*field)
	}
	s.AdditionalProperties, s.AdditionalItems, s.Items = one(s.AdditionalProperties), one(s.AdditionalItems), one(s.Items)
	s.Properties, s.DependentSchemas = maps.Clone(s.Properties), maps.Clone(s.DependentSchemas)
	for _, named := range []map[string]*jsonschema.Schema{s.Properties, s.DependentSchemas} {
		for name, sub := range named {
			named[name] = copies[sub]
		}
	}
	s.PatternProperties = maps.Clone(s.PatternProperties)
	for re, sub := range s.PatternProperties {
		s.PatternProperties[re] = copies[sub]
	}
	s.Dependencies = maps.Clone(s.Dependencies)
	for name, sub := range s.Dependencies {
		s.Dependencies[name] = one(sub)
	}
}

// bound moves the keywords that apply to members, and unions that can be picked from, to
// extensions. s is a copy of its own.
func bound(s *jsonschema.Schema, anyOf, oneOf *union) {
	s.Extensions = slices.Clone(s.Extensions)
	if anyOf != nil {
		s.Extensions = append(s.Extensions, &picking{union: anyOf, branches: s.AnyOf, keyword: "anyOf", location: s.Location, all: only(s, s.AnyOf, nil)})
		s.AnyOf = nil
	}
	if oneOf != nil {
		s.Extensions = append(s.Extensions, &picking{union: oneOf, branches: s.OneOf, keyword: "oneOf", location: s.Location, all: only(s, nil, s.OneOf)})
		s.OneOf = nil
	}
	tuple, more := itemSchemas(s)
	e := &members{
		properties: s.Properties, patterns: s.PatternProperties, additional: s.AdditionalProperties,
		tuple: tuple, more: more, contains: s.Contains, minContains: s.MinContains, maxContains: s.MaxContains,
		tracksItems: s.DraftVersion >= 2020,
	}
	if len(e.properties)+len(e.patterns)+len(tuple) == 0 && e.additional == nil && more == nil && e.contains == nil {
		return
	}
	s.Properties, s.PatternProperties, s.AdditionalProperties = nil, nil, nil
	if tuple, ok := s.Items.([]*jsonschema.Schema); ok {
		if no, isBool := s.AdditionalItems.(bool); isBool && !no {
			e.most = &tuple
		}
	}
	s.Items, s.AdditionalItems, s.PrefixItems, s.Items2020 = nil, nil, nil, nil
	s.Contains, s.MinContains, s.MaxContains = nil, nil, nil
	s.Extensions = append(s.Extensions, e)
}

// only is a copy of s that has nothing but the branches.
func only(s *jsonschema.Schema, anyOf, oneOf []*jsonschema.Schema) *jsonschema.Schema {
	c := *s // keeps what the library needs to follow dynamic references
	c.Types, c.Enum, c.Const, c.Format, c.Ref, c.RecursiveRef, c.DynamicRef = nil, nil, nil, nil, nil, nil, nil
	c.Not, c.AllOf, c.If, c.Then, c.Else = nil, nil, nil, nil, nil
	c.MaxProperties, c.MinProperties, c.Required, c.PropertyNames = nil, nil, nil, nil
	c.Properties, c.PatternProperties, c.AdditionalProperties, c.UnevaluatedProperties = nil, nil, nil, nil
	c.Dependencies, c.DependentRequired, c.DependentSchemas = nil, nil, nil
	c.MinItems, c.MaxItems, c.UniqueItems, c.Contains, c.MinContains, c.MaxContains = nil, nil, false, nil, nil, nil
	c.Items, c.AdditionalItems, c.PrefixItems, c.Items2020, c.UnevaluatedItems = nil, nil, nil, nil, nil
	c.MinLength, c.MaxLength, c.Pattern, c.ContentEncoding, c.ContentMediaType, c.ContentSchema = nil, nil, nil, nil, nil, nil
	c.Minimum, c.Maximum, c.ExclusiveMinimum, c.ExclusiveMaximum, c.MultipleOf = nil, nil, nil, nil, nil
	c.AnyOf, c.OneOf, c.Extensions = anyOf, oneOf, nil
	return &c
}

// explained is a failure that was made into reasons already. It stands in the library's
// tree for all that failed below one value. (AllOf gives it the methods of a kind.)
type explained struct {
	*kind.AllOf
	reasons []reason
	err     error
}

// picking judges a union in the library's place.
type picking struct {
	union    *union
	branches []*jsonschema.Schema
	keyword  string
	location string
	all      *jsonschema.Schema // the whole union, for values that have no discriminator
}

// Validate implements the library's SchemaExt.
func (p *picking) Validate(ctx *jsonschema.ValidatorContext, v any) {
	branch, known := p.union.pick(v)
	switch {
	case !known:
		ctx.AddErr(ctx.Validate(p.all, v, nil))
	case branch >= 0:
		ctx.AddErr(ctx.Validate(p.branches[branch], v, nil))
	default:
		x := explainer{}
		e := &jsonschema.ValidationError{SchemaURL: p.location, InstanceLocation: slices.Clone(ctx.ValueLocation())}
		ctx.AddError(&explained{reasons: []reason{x.noBranch(e, p.union, p.keyword, v.(map[string]any))}})
	}
}

// members judges the members of arrays and objects in the library's place.
type members struct {
	properties  map[string]*jsonschema.Schema
	patterns    map[jsonschema.Regexp]*jsonschema.Schema
	additional  any // as the library has it: nil, a bool or a schema
	tuple       []*jsonschema.Schema
	more        *jsonschema.Schema
	most        *[]*jsonschema.Schema // the tuple, if no item may be beyond it
	contains    *jsonschema.Schema
	minContains *int
	maxContains *int
	tracksItems bool // contains counts as evaluating an item
}

// Validate implements the library's SchemaExt.
func (e *members) Validate(ctx *jsonschema.ValidatorContext, v any) {
	switch v := v.(type) {
	case map[string]any:
		e.object(ctx, v)
	case []any:
		e.array(ctx, v)
	}
}

func (e *members) object(ctx *jsonschema.ValidatorContext, obj map[string]any) {
	names := slices.Collect(maps.Keys(obj))
	if len(names) > manyNames {
		slices.Sort(names) // so that the same ones are looked at each time
	}
	g := gathering{ctx: ctx}
	var extra []string
	for i, name := range names {
		evaluated, forbidden := e.member(&g, name, obj[name])
		if evaluated {
			ctx.EvaluatedProp(name)
		}
		if forbidden {
			extra = append(extra, name)
		}
		g.stopped = g.stopped || len(extra) >= maxFailing
		if g.stopped && (len(names) > manyNames || g.silent) {
			for _, rest := range names[i:] {
				ctx.EvaluatedProp(rest) // so that nothing is said of what was not looked at
			}
			break
		}
	}
	if len(extra) > 0 {
		ctx.AddError(&kind.AdditionalProperties{Properties: extra})
	}
	g.finish()
}

// member judges one member of an object.
func (e *members) member(g *gathering, name string, v any) (evaluated, forbidden bool) {
	if sub := e.properties[name]; sub != nil {
		evaluated = true
		g.judge(sub, v, name)
	}
	for re, sub := range e.patterns {
		if re.MatchString(name) {
			evaluated = true
			g.judge(sub, v, name)
		}
	}
	if evaluated || e.additional == nil {
		return evaluated, false
	}
	if sub, ok := e.additional.(*jsonschema.Schema); ok {
		g.judge(sub, v, name)
	}
	return true, e.additional == false
}

func (e *members) array(ctx *jsonschema.ValidatorContext, items []any) {
	g := gathering{ctx: ctx}
	for i, v := range items {
		if i < len(e.tuple) {
			g.judge(e.tuple[i], v, strconv.Itoa(i))
		} else if e.more != nil {
			g.judge(e.more, v, strconv.Itoa(i))
		} else {
			break
		}
		if g.stopped {
			break
		}
	}
	if e.most != nil && len(items) > len(*e.most) {
		ctx.AddError(&kind.AdditionalItems{Count: len(items) - len(*e.most)})
	}
	g.finish()
	if e.contains != nil {
		e.count(ctx, items)
	}
}

// count judges contains, minContains and maxContains.
func (e *members) count(ctx *jsonschema.ValidatorContext, items []any) {
	var matched []int
	for i, v := range items {
		if ctx.Validate(e.contains, v, []string{strconv.Itoa(i)}) != nil {
			continue
		}
		matched = append(matched, i)
		if e.tracksItems {
			ctx.EvaluatedItem(i)
		}
	}
	switch {
	case e.minContains != nil && len(matched) < *e.minContains:
		ctx.AddError(&kind.MinContains{Got: matched, Want: *e.minContains})
	case e.minContains == nil && len(matched) == 0:
		ctx.AddError(&kind.Contains{})
	}
	if e.maxContains != nil && len(matched) > *e.maxContains {
		ctx.AddError(&kind.MaxContains{Got: matched, Want: *e.maxContains})
	}
}

// gathering collects the reasons of the members of one value.
type gathering struct {
	ctx     *jsonschema.ValidatorContext
	reasons []reason
	failing int
	stopped bool // enough has failed
	silent  bool // only the verdict is wanted here, as within not and if
	err     error
}

func (g *gathering) judge(sub *jsonschema.Schema, v any, name string) {
	err := g.ctx.Validate(sub, v, []string{name})
	if err == nil {
		return
	}
	failure, ok := err.(*jsonschema.ValidationError)
	if !ok || failure.ErrorKind == nil {
		g.ctx.AddErr(err)
		g.stopped, g.silent = true, true
		return
	}
	x := explainer{}
	g.reasons = append(g.reasons, x.reasons(failure)...)
	if x.err != nil {
		g.err = x.err
	}
	if len(g.reasons) > 4*lazaret.MaxReasons {
		g.reasons = condense(g.reasons)
	}
	g.failing++
	g.stopped = g.stopped || g.failing >= maxFailing
}

func (g *gathering) finish() {
	if len(g.reasons) > 0 || g.err != nil {
		g.ctx.AddError(&explained{reasons: condense(g.reasons), err: g.err})
	}
}

// condense keeps the reasons that come first, and of the others their number and how
// near they are. The order in which they were found does not matter.
func condense(list []reason) []reason {
	slices.SortFunc(list, func(a, b reason) int { return a.Compare(b.Reason) })
	out := list[:0]
	for _, r := range list {
		n := len(out)
		switch {
		case n > 0 && out[n-1].Reason == r.Reason:
			out[n-1].stand(r, 0)
		case n == lazaret.MaxReasons:
			out[n-1].stand(r, 1)
		default:
			out = append(out, r)
		}
	}
	return slices.Clip(out)
}

// stand makes r stand for o as well, which counts as n more.
func (r *reason) stand(o reason, n int) {
	r.more += n + o.more
	r.depth = min(r.depth, o.depth)
}
