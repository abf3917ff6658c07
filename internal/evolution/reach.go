package evolution

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/lazaret/lazaret/internal/jsonread"
)

const (
	maxPlaces = 20     // that an edit says
	maxSteps  = 10_000 // through a schema, to find where one part of it applies
	anywhere  = "anywhere"
)

// reach finds where in events a part of a schema applies: through references one part may
// serve many places, and an edit of it is an edit for all of them.
type reach struct {
	root  any
	part  string
	steps int
	lost  bool           // there are more than can be told
	chain map[string]int // how often each part is on the way to the one that is looked at
	found map[string]bool
}

// reach lists the places, "*" for any name or index; anywhere if that cannot be told.
func (d *reader) reach(part string) map[string]bool {
	if d.reached[part] == nil {
		r := reach{root: d.value, part: part, chain: map[string]int{}, found: map[string]bool{}}
		r.visit("", d.value, "")
		if r.lost || len(r.found) == 0 {
			r.found[anywhere] = true
		}
		d.reached[part] = r.found
	}
	return d.reached[part]
}

// visit looks at a part that applies at a place. Where parts refer to each other in a ring it
// goes around once.
func (r *reach) visit(at string, part any, path string) {
	if r.steps++; r.steps > maxSteps {
		r.lost = true
		return
	}
	if at == r.part {
		r.found[path] = true
	}
	schema, is := part.(map[string]any)
	if !is || r.chain[at] > 1 {
		return
	}
	if at != "" && schema["$id"] != nil {
		r.lost = true // references in it start there
	}
	r.chain[at]++
	defer func() { r.chain[at]-- }()
	for keyword, value := range schema {
		switch keyword {
		case "properties":
			r.each(at+"/"+keyword, value, func(name string) string { return path + jsonread.Pointer(name) })
		case "patternProperties", "prefixItems":
			r.each(at+"/"+keyword, value, func(string) string { return path + "/*" })
		case "items", "additionalProperties", "unevaluatedProperties", "additionalItems", "unevaluatedItems", "contains", "propertyNames":
			if _, list := value.([]any); list {
				r.each(at+"/"+keyword, value, func(string) string { return path + "/*" })
			} else {
				r.visit(at+"/"+keyword, value, path+"/*")
			}
		case "allOf", "anyOf", "oneOf", "dependentSchemas", "dependencies":
			r.each(at+"/"+keyword, value, func(string) string { return path })
		case "if", "then", "else", "not":
			r.visit(at+"/"+keyword, value, path)
		case "$ref":
			r.follow(value, path)
		case "$dynamicRef", "$recursiveRef":
			r.lost = true
		}
	}
}

// each visits the parts that are in an object or an array.
func (r *reach) each(at string, value any, path func(name string) string) {
	switch value := value.(type) {
	case map[string]any:
		for name, part := range value {
			r.visit(at+jsonread.Pointer(name), part, path(name))
		}
	case []any:
		for i, part := range value {
			r.visit(at+"/"+strconv.Itoa(i), part, path(""))
		}
	}
}

// follow goes where a reference within the document leads.
func (r *reach) follow(value any, path string) {
	ref, _ := value.(string)
	pointer, local := strings.CutPrefix(ref, "#")
	if !local {
		if root, is := r.root.(map[string]any); is && root["$id"] != nil && !strings.HasPrefix(ref, "lazaret:") {
			r.lost = true // it may be this one, by its own name
		}
		return
	}
	part := r.root
	tokens, ok := jsonread.ParsePointer(pointer)
	for _, token := range tokens {
		switch in := part.(type) {
		case map[string]any:
			part = in[token]
		default:
			part = nil
		}
	}
	if !ok || part == nil || strings.Contains(pointer, "%") {
		r.lost = true // an anchor, or a way that is not followed
		return
	}
	r.visit(pointer, part, path)
}

// elsewhere are the places at which an edit applies beside those at which it is asked for.
func (d *reader) elsewhere(w want, asked map[string]bool) (list []string) {
	owner, keyword := cutLast(w.at)
	suffix := ""
	switch {
	case keyword == "items":
		suffix = "/*"
	case w.kind == KindField || w.kind == KindBranch:
		suffix = jsonread.Pointer(w.name)
	}
	for _, place := range slices.Sorted(maps.Keys(d.reach(owner))) {
		if place != anywhere {
			place += suffix
		}
		if !asked[place] {
			list = append(list, place)
		}
	}
	if len(list) > maxPlaces {
		return []string{anywhere}
	}
	return list
}
