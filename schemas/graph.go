package schemas

import (
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// graph is a compiled schema as nodes in a deterministic order, with what a dynamic
// reference may lead to.
type graph struct {
	root    *jsonschema.Schema
	nodes   []*jsonschema.Schema            // the root first
	dynamic map[string][]*jsonschema.Schema // by dynamic anchor
	recurse []*jsonschema.Schema            // those with $recursiveAnchor
}

func newGraph(root *jsonschema.Schema, more []*jsonschema.Schema) *graph {
	g := &graph{root: root, dynamic: map[string][]*jsonschema.Schema{}}
	seen := map[*jsonschema.Schema]bool{root: true}
	g.nodes = append(g.nodes, root)
	for _, s := range more {
		if !seen[s] {
			seen[s] = true
			g.nodes = append(g.nodes, s)
		}
	}
	for i := 0; i < len(g.nodes); i++ {
		for _, next := range neighbours(g.nodes[i]) {
			if next != nil && !seen[next] {
				seen[next] = true
				g.nodes = append(g.nodes, next)
			}
		}
	}
	for _, s := range g.nodes {
		if s.DynamicAnchor != "" {
			g.dynamic[s.DynamicAnchor] = append(g.dynamic[s.DynamicAnchor], s)
		}
		if s.RecursiveAnchor {
			g.recurse = append(g.recurse, s)
		}
	}
	return g
}

// astray says whether a $recursiveRef may lead to another schema than those that
// dynamicTargets lists. The library goes to the outermost schema in scope that lies in a
// resource with $recursiveAnchor: to the root if that has it, else to wherever such a resource
// was entered, which need not be its root. The names of properties have a scope of their own,
// and so has a schema that is asked for by itself.
func (g *graph) astray() bool {
	if !slices.ContainsFunc(g.nodes, func(s *jsonschema.Schema) bool { return s.RecursiveRef != nil && s.RecursiveRef.RecursiveAnchor }) {
		return false
	}
	return !g.root.RecursiveAnchor || slices.ContainsFunc(g.nodes, func(s *jsonschema.Schema) bool { return namesSchema(s) != nil })
}

// neighbours lists every schema that s names. Some may be nil.
func neighbours(s *jsonschema.Schema) []*jsonschema.Schema {
	list := []*jsonschema.Schema{s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else,
		namesSchema(s), s.UnevaluatedProperties, s.Contains, s.Items2020, s.UnevaluatedItems, s.ContentSchema}
	if s.DynamicRef != nil {
		list = append(list, s.DynamicRef.Ref)
	}
	list = slices.Concat(list, s.AllOf, s.AnyOf, s.OneOf, s.PrefixItems)
	for _, one := range []any{s.AdditionalProperties, s.AdditionalItems, s.Items} {
		list = append(list, asSchemas(one)...)
	}
	for _, name := range sortedKeys(s.Properties) {
		list = append(list, s.Properties[name])
	}
	for _, p := range sortedPatterns(s) {
		list = append(list, p.schema)
	}
	for _, name := range sortedKeys(s.DependentSchemas) {
		list = append(list, s.DependentSchemas[name])
	}
	for _, name := range sortedKeys(s.Dependencies) {
		list = append(list, asSchemas(s.Dependencies[name])...)
	}
	return list
}

// asSchemas reads the library's fields that hold a schema, a list of them, or something
// else.
func asSchemas(v any) []*jsonschema.Schema {
	switch v := v.(type) {
	case *jsonschema.Schema:
		if v != nil {
			return []*jsonschema.Schema{v}
		}
	case []*jsonschema.Schema:
		return v
	}
	return nil
}

// patternSchema is one entry of patternProperties.
type patternSchema struct {
	pattern jsonschema.Regexp
	schema  *jsonschema.Schema
}

func sortedPatterns(s *jsonschema.Schema) []patternSchema {
	list := make([]patternSchema, 0, len(s.PatternProperties))
	for re, sub := range s.PatternProperties {
		list = append(list, patternSchema{re, sub})
	}
	slices.SortFunc(list, func(a, b patternSchema) int {
		return strings.Compare(a.pattern.String(), b.pattern.String())
	})
	return list
}

// dynamicTargets lists what the dynamic references of s may lead to: one of them, at each
// use.
func (g *graph) dynamicTargets(s *jsonschema.Schema) (targets [][]*jsonschema.Schema) {
	if s.DynamicRef != nil {
		list := []*jsonschema.Schema{s.DynamicRef.Ref}
		if a := s.DynamicRef.Anchor; a != "" && s.DynamicRef.Ref.DynamicAnchor == a {
			list = append(list, g.dynamic[a]...)
		}
		targets = append(targets, list)
	}
	if s.RecursiveRef != nil {
		list := []*jsonschema.Schema{s.RecursiveRef}
		if s.RecursiveRef.RecursiveAnchor {
			list = append(list, g.recurse...)
		}
		targets = append(targets, list)
	}
	return targets
}
