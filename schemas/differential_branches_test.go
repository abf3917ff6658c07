package schemas

import "fmt"

// What random schemas say of a value by way of other schemas.

// combine adds branches.
func (g *schemaMaker) combine(s object, depth int) {
	list := func(most int) []any {
		out := make([]any, 1+g.rng.IntN(most))
		for i := range out {
			out[i] = g.schema(depth - 1)
		}
		return out
	}
	switch g.rng.IntN(6) {
	case 0:
		s["allOf"] = list(3)
	case 1:
		s["anyOf"] = list(3)
	case 2:
		s["oneOf"] = list(3)
	case 3:
		s["not"] = g.schema(depth - 1)
	default:
		if g.draft < 7 {
			s["anyOf"] = list(2)
			return
		}
		s["if"] = g.schema(depth - 1)
		if !g.one(4) {
			s["then"] = g.schema(depth - 1)
		}
		if g.one(2) {
			s["else"] = g.schema(depth - 1)
		}
	}
}

// idiom adds what real schemas are made of: values that may be null, and unions whose
// branches a property tells apart.
func (g *schemaMaker) idiom(s object, depth int) {
	keyword := pick(g.rng, []string{"anyOf", "oneOf"})
	if g.one(3) {
		s[keyword] = []any{object{"type": "null"}, g.schema(depth - 1)}
		return
	}
	if g.draft >= 7 && g.one(3) {
		g.cases(s, depth)
		return
	}
	tag := pick(g.rng, g.names)
	var branches []any
	always := g.one(2)
	for i := range 2 + g.rng.IntN(4) {
		branch := g.tagged(tag, i, depth)
		if always || g.one(2) {
			branch["required"] = unrepeated(append([]any{tag}, g.someNames(2)[:g.rng.IntN(2)]...))
		}
		var wrapped any = branch
		if g.one(6) {
			wrapped = object{"allOf": []any{branch, g.leaf()}}
		}
		branches = append(branches, wrapped)
	}
	if g.one(8) {
		branches = append(branches, object{"type": "null"})
	}
	s[keyword] = branches
}

// tagged is a schema of objects that has a value of its own for a property.
func (g *schemaMaker) tagged(tag string, i, depth int) object {
	var is any = object{"enum": []any{fmt.Sprintf("k%d", i)}}
	switch g.rng.IntN(10) {
	case 0:
		is = object{"enum": []any{fmt.Sprintf("k%d", i), i}}
	case 1:
		is = object{"enum": []any{fmt.Sprintf("k%d", i), fmt.Sprintf("l\"%d", i)}, "type": "string"}
	case 2:
		is = object{"enum": []any{fmt.Sprintf("k%d", i/2)}, "minLength": 1}
	default:
		if g.draft > 4 {
			is = object{"const": fmt.Sprintf("k%d", i)}
		}
	}
	branch := g.objects(object{}, depth-1)
	properties, _ := branch["properties"].(object)
	if properties == nil {
		properties = object{}
	}
	properties[tag] = is
	branch["properties"] = properties
	if g.draft >= 2019 && g.one(4) {
		branch["unevaluatedProperties"] = g.closing(depth - 1)
	}
	return branch
}

// cases adds conditions that are for some values of a property each.
func (g *schemaMaker) cases(s object, depth int) {
	tag := pick(g.rng, g.names)
	var list []any
	for i := range 2 + g.rng.IntN(3) {
		condition := g.tagged(tag, i, 0)
		if !g.one(6) {
			properties, _ := condition["properties"].(object)
			condition = object{"properties": object{tag: properties[tag]}, "required": []any{tag}}
		}
		if g.one(4) {
			condition["type"] = "object"
		}
		one := object{"if": condition, "then": g.schema(depth - 1)}
		if g.draft >= 2019 && g.one(4) {
			then := g.objects(object{}, depth-1)
			then["unevaluatedProperties"] = g.closing(depth - 1)
			one["then"] = then
		}
		if g.one(10) {
			one["else"] = g.schema(depth - 1)
		}
		if g.one(8) {
			g.facet(one, depth-1)
		}
		list = append(list, one)
	}
	if g.one(3) {
		list = append(list, g.schema(depth-1))
	}
	s["allOf"] = list
}

// unevaluated adds a keyword that asks what others at the same place have looked at.
func (g *schemaMaker) unevaluated(s object, depth int) {
	part := g.objects
	if g.one(2) {
		s["unevaluatedProperties"] = g.closing(depth)
	} else {
		s["unevaluatedItems"] = g.closing(depth)
		part = func(s object, depth int) object { g.arrays(s, depth); return s }
	}
	part(s, depth)
	for range 1 + g.rng.IntN(3) {
		sub := part(object{}, depth-1)
		if g.one(4) {
			sub["unevaluatedProperties"], sub["unevaluatedItems"] = g.closing(depth-1), g.closing(depth-1)
		}
		switch keyword := pick(g.rng, []string{"allOf", "anyOf", "oneOf", "if", "dependentSchemas", "not", "$ref"}); keyword {
		case "if":
			s["if"], s["then"], s["else"] = sub, part(object{}, depth-1), part(object{}, depth-1)
		case "dependentSchemas":
			s[keyword] = object{pick(g.rng, g.names): sub}
		case "not":
			s[keyword] = object{"not": sub}
		case "$ref":
			g.reference(s)
		default:
			list, _ := s[keyword].([]any)
			s[keyword] = append(list, sub)
		}
	}
}

func (g *schemaMaker) reference(s object) {
	switch {
	case g.dynamic && g.one(2) && g.draft == 2020:
		s["$dynamicRef"] = "#node"
	case g.dynamic && g.one(2):
		s["$recursiveRef"] = "#"
	case len(g.defs) == 0 || g.one(6):
		s["$ref"] = "#"
	default:
		s["$ref"] = "#/" + g.defsWord() + "/" + pick(g.rng, g.defs)
	}
}

// rare adds what the checker leaves to the library, or what says nothing.
func (g *schemaMaker) rare(s object, depth int) {
	switch n := g.rng.IntN(8); {
	case n < 2 && g.draft >= 2019:
		s["unevaluatedProperties"] = g.closing(depth)
	case n < 4 && g.draft >= 2019:
		s["unevaluatedItems"] = g.closing(depth)
	case n < 5 && g.draft >= 7:
		s["contentMediaType"], s["contentEncoding"] = "application/json", "base64"
	case n < 6:
		s["default"] = g.value(1)
	case n < 7:
		s["description"] = g.text()
	default:
		g.facet(s, depth)
	}
}
