package schemas

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/jsonread"
)

// ofParent are the keywords whose refusal is told at the place of a member, although they
// stand in the schema of what holds it.
var ofParent = []string{"required", "additionalProperties", "unevaluatedProperties", "propertyNames", "items", "prefixItems", "additionalItems", "unevaluatedItems"}

// maxPlaced is how many schemas are looked at to find what is put on one place of an event.
const maxPlaced = 10_000

// values are those of the keyword that refuses and of its counterpart in the other schema,
// each nil if it is absent. The counterpart is the keyword at the same pointer, if the schema
// there is put on the same place of an event; else the same keyword of another schema that is
// put there, unless that one is its own counterpart. A schema that is false is its own
// keyword.
func (q *question) values(r lazaret.Reason) (refusing, other json.RawMessage) {
	refusing = q.refuses.at(r.SchemaPath)
	_, name := cutLast(r.SchemaPath)
	isFalse, place := r.Code != lazaret.SchemaCode(name), tokens(r.Path)
	if slices.Contains(ofParent, name) && len(place) > 0 || isFalse {
		place = place[:max(0, len(place)-1)]
	}
	here := q.accepts.onPlace(place)
	if isFalse {
		here = append(q.accepts.onPlace(tokens(r.Path)), here...)
	}
	best := -1
	for _, at := range here {
		rest, below := strings.CutPrefix(r.SchemaPath, at)
		steps := strings.Count(rest, "/")
		if below && (rest == "" || rest[0] == '/') && (steps == 1 || isFalse && steps <= 2) && len(at) > best {
			best = len(at)
			other = q.accepts.at(r.SchemaPath)
		}
	}
	if other != nil || isFalse {
		return refusing, other
	}
	own := q.refuses.onPlace(place)
	alike := -1
	for _, at := range here {
		path := at + jsonread.Pointer(name)
		if slices.Contains(own, at) && q.refuses.at(path) != nil {
			continue
		}
		if value := q.accepts.at(path); value != nil {
			if n := commonEnds(tokens(path), tokens(r.SchemaPath)); n > alike {
				alike, other = n, value
			}
		}
	}
	return refusing, other
}

// commonEnds counts the tokens that two pointers have in common at the beginning and at the
// end.
func commonEnds(a, b []string) (n int) {
	most := min(len(a), len(b))
	for n < most && a[n] == b[n] {
		n++
	}
	for end := 1; n < most && a[len(a)-end] == b[len(b)-end]; end++ {
		n++
	}
	return n
}

// onPlace lists the paths of the schemas that are put on a place of an event.
func (s *Schema) onPlace(place []string) (paths []string) {
	if s.root == nil {
		return nil
	}
	left := maxPlaced
	at := s.closure([]*jsonschema.Schema{s.root}, &left)
	for _, token := range place {
		var members []*jsonschema.Schema
		for _, one := range at {
			members = append(members, membersOf(one, token)...)
		}
		at = s.closure(members, &left)
	}
	for _, one := range at {
		paths = append(paths, schemaPath(one.Location))
	}
	return paths
}

// closure adds to schemas those that they put on the same place.
func (s *Schema) closure(list []*jsonschema.Schema, left *int) (all []*jsonschema.Schema) {
	b := &nodes{graph: &graph{}}
	seen := map[*jsonschema.Schema]bool{}
	for ; len(list) > 0; list = list[1:] {
		one := list[0]
		if one == nil || seen[one] {
			continue
		}
		if *left--; *left < 0 {
			break
		}
		seen[one] = true
		all = append(all, one)
		list = append(list, b.inPlaceOf(one)...)
	}
	return all
}

// membersOf lists the schemas that a schema puts on a property or an item, and on the name of
// a property.
func membersOf(s *jsonschema.Schema, token string) (list []*jsonschema.Schema) {
	sub, known := s.Properties[token]
	list = append(list, sub)
	for _, p := range sortedPatterns(s) {
		if p.pattern.MatchString(token) {
			known, list = true, append(list, p.schema)
		}
	}
	if !known {
		list = append(list, asSchemas(s.AdditionalProperties)...)
	}
	list = append(list, namesSchema(s), s.UnevaluatedProperties)
	i, err := strconv.Atoi(token)
	if err != nil || i < 0 {
		return list
	}
	list = append(list, s.Contains, s.UnevaluatedItems)
	first, rest := s.PrefixItems, asSchemas(s.Items2020)
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		rest = append(rest, items)
	case []*jsonschema.Schema:
		first, rest = items, append(rest, asSchemas(s.AdditionalItems)...)
	}
	if i < len(first) {
		return append(list, first[i])
	}
	return append(list, rest...)
}

// at is the value at a path of a reason.
func (s *Schema) at(path string) json.RawMessage {
	doc, pointer := s.source.documents[rootURL], path
	if url, ptr, ok := strings.Cut(path, "#"); ok && strings.HasPrefix(path, scheme) {
		doc, pointer = s.source.documents[url], ptr
	}
	if doc == nil {
		return nil
	}
	raw, _ := jsonread.Find(doc.data, pointer)
	return raw
}
