package schemas

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// worldDrafts are the drafts, by $schema.
var worldDrafts = []string{"http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-06/schema#", "http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2019-09/schema", "https://json-schema.org/draft/2020-12/schema"}

// draftValues are small arrays and objects of small values.
func draftValues() (list []any) {
	items := []any{num(0), json.Number("0.0"), num(1), json.Number("0.5"), []any{}, []any{num(0)}, object{"a": num(0)}}
	list = append(list, "a", nil, true, []any{})
	for _, x := range items {
		list = append(list, x, []any{x}, object{"a": x}, object{"b": x}, object{"c": x})
		for _, y := range items {
			list = append(list, []any{x, y}, object{"a": x, "b": y}, object{"a": x, "c": y}, object{"ab": x, "b": y}, object{"a": x, "b": y, "c": x})
			for _, z := range items[:3] {
				list = append(list, []any{x, y, z})
			}
		}
	}
	return list
}

// draftDocument is a schema of any draft, also with keywords that mean nothing in it, and of
// the same keywords what they mean elsewhere.
func draftDocument(rng *rand.Rand) any {
	draft := rng.IntN(len(worldDrafts))
	flag := func() bool { return rng.IntN(2) == 0 }
	var schema func(deep int) object
	sub := func(deep int) any {
		if deep > 0 {
			return schema(deep - 1)
		}
		return pick(rng, []any{object{}, object{"enum": []any{num(0)}}, object{"type": "integer"}, object{"type": "object"}, object{"type": "array"}, object{"not": object{"enum": []any{num(0)}}}, object{"$ref": "#/definitions/x"}, object{"$ref": "#/definitions/y"}})
	}
	closed := func(deep int) any {
		if rng.IntN(3) == 0 {
			return flag()
		}
		return sub(deep)
	}
	schema = func(deep int) object {
		s := object{}
		for range 1 + rng.IntN(4) {
			switch rng.IntN(24) {
			case 0:
				s["type"] = pick(rng, []any{"object", "array", "integer", "number", []any{"object", "array"}})
			case 1:
				s["items"] = sub(deep)
			case 2:
				s["items"], s["additionalItems"] = []any{sub(deep), sub(deep)}, closed(deep)
			case 3:
				s["prefixItems"] = []any{sub(deep)}
			case 4:
				if s["contains"] = sub(deep); flag() {
					s["minContains"], s["maxContains"] = num(rng.IntN(3)), num(rng.IntN(3))
				}
			case 5:
				s["propertyNames"] = pick(rng, []any{object{"pattern": "a"}, object{"maxLength": num(1)}, object{"enum": []any{"a", "c"}}})
			case 6:
				s["const"] = pick(rng, []any{num(0), []any{num(0)}, object{"a": num(0)}})
			case 7, 8:
				s["if"], s[pick(rng, []string{"then", "else"})] = sub(deep), sub(deep)
			case 9:
				s["dependencies"] = object{"a": []any{"b"}, "b": sub(deep)}
			case 10:
				s["dependentRequired"], s["dependentSchemas"] = object{"a": []any{"b"}}, object{"b": sub(deep)}
			case 11:
				s["unevaluatedProperties"] = closed(deep)
			case 12:
				s["unevaluatedItems"] = closed(deep)
			case 13:
				s["properties"] = object{"a": sub(deep), "b": sub(deep)}
			case 14:
				s["patternProperties"] = object{"a": sub(deep)}
			case 15:
				s["additionalProperties"] = closed(deep)
			case 16:
				if s["minimum"], s["exclusiveMinimum"] = num(0), flag(); draft > 0 {
					s["exclusiveMinimum"] = num(0)
				}
			case 17:
				s["$ref"] = pick(rng, []string{"#/definitions/x", "#/definitions/y"})
			case 18:
				s[pick(rng, []string{"allOf", "anyOf", "oneOf"})] = []any{sub(deep), sub(deep)}
			case 19:
				s["not"] = sub(deep)
			case 20:
				s["uniqueItems"] = flag()
			case 21:
				s["minItems"], s["maxItems"] = num(rng.IntN(3)), num(2)
			case 22:
				s["required"], s["minProperties"] = []any{pick(rng, []string{"a", "b"})}, num(rng.IntN(3))
			case 23:
				s["multipleOf"] = json.Number("0.5")
			}
		}
		return s
	}
	s := schema(2)
	s["definitions"] = object{"x": schema(1), "y": pick(rng, []any{object{"type": "object"}, object{"enum": []any{num(0), []any{num(0)}}}, schema(1)})}
	s["$schema"] = worldDrafts[draft]
	return s
}

// treeValues are arrays and objects in each other.
func treeValues() []any {
	level := []any{num(0), num(1)}
	for range 2 {
		next := []any{num(0), num(1), []any{}, object{}}
		for i, v := range level {
			next = append(next, []any{v}, object{"a": v}, object{"b": v})
			for _, w := range level[:min(12, len(level))] {
				if i < 12 {
					next = append(next, []any{v, w}, object{"a": v, "b": w})
				}
			}
		}
		level = next
	}
	for i, n := 0, len(level); i < min(n, 300); i += 3 {
		v := level[i]
		level = append(level, []any{v}, object{"a": v}, []any{v, level[(i*7+5)%n]}, object{"a": v, "b": level[(i*5+3)%n]}, []any{v, v})
	}
	return level
}

// treeDocument is definitions that lead to one another, through arrays, objects and their
// complements.
func treeDocument(rng *rand.Rand) any {
	count := 2 + rng.IntN(4)
	ref := func() any {
		to := object{"$ref": fmt.Sprintf("#/$defs/d%d", rng.IntN(count))}
		switch rng.IntN(10) {
		case 0:
			return pick(rng, []any{object{"const": num(0)}, object{"type": "integer"}, object{"type": "object"}, object{"type": "array"}, true, false, object{"const": []any{num(0)}}})
		case 1, 2:
			return object{"not": to}
		}
		return to
	}
	array := func() object {
		s := object{"type": "array"}
		for range 1 + rng.IntN(3) {
			switch rng.IntN(7) {
			case 0:
				s["items"] = ref()
			case 1:
				s["prefixItems"] = []any{ref(), ref()}[:1+rng.IntN(2)]
			case 2:
				if s["contains"] = ref(); rng.IntN(2) == 0 {
					s["minContains"], s["maxContains"] = num(rng.IntN(3)), num(rng.IntN(2))
				}
			case 3:
				s["uniqueItems"] = true
			case 4:
				s["minItems"] = num(1 + rng.IntN(2))
			case 5:
				s["maxItems"] = num(rng.IntN(3))
			case 6:
				s["unevaluatedItems"] = ref()
			}
		}
		return s
	}
	obj := func() object {
		s := object{"type": "object"}
		for range 1 + rng.IntN(3) {
			switch rng.IntN(7) {
			case 0, 1:
				s["properties"] = object{"a": ref(), "b": ref()}
			case 2:
				s["required"] = []any{"a", "b"}[rng.IntN(2):]
			case 3:
				s["additionalProperties"] = ref()
			case 4:
				s["patternProperties"] = object{pick(rng, []string{"a", "b", ".", "^a$"}): ref()}
			case 5:
				s["dependentSchemas"] = object{"a": object{"properties": object{"b": ref()}}}
			case 6:
				s["minProperties"] = num(1 + rng.IntN(2))
			}
		}
		return s
	}
	shape := func() object { return pick(rng, []func() object{array, obj})() }
	definitions := object{}
	for i := range count {
		d := shape()
		switch rng.IntN(6) {
		case 0, 1:
			d = object{pick(rng, []string{"anyOf", "anyOf", "oneOf", "allOf"}): []any{d, pick(rng, []any{shape(), object{"const": num(rng.IntN(2))}, object{"type": "integer"}})}}
		case 2:
			d = object{"not": d}
		case 3:
			d = object{"if": d, "then": shape(), "else": shape()}
		}
		definitions[fmt.Sprintf("d%d", i)] = d
	}
	root := object{"$ref": "#/$defs/d0"}
	if rng.IntN(2) == 0 {
		root = shape()
	}
	root["$defs"] = definitions
	return root
}
