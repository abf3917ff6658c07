package evolution

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/schemas/infer"
)

// generalise says what is inferred of a new place: its type, and those of what is in it. No
// list of values, no format and no range can be told from a sample.
var generalise = infer.Options{Fragment: true, Plain: true, FormatAtLeast: -1, EnumAtMost: -1, MapAtLeast: 5, Data: data}

// data says whether the name of a member is more likely a person, a number or a sentence than
// a name that somebody gave to a field. Such names are in no proposal.
func data(name string) bool {
	letters, digits := 0, 0
	for i, r := range name {
		switch {
		case unicode.IsLetter(r):
			letters++
		case unicode.IsDigit(r):
			digits++
		case unicode.IsSpace(r), r == '@' && i > 0:
			return true
		}
	}
	return letters == 0 || digits > 5 || len(name) > maxName || !printable(name)
}

// bounds are on what is looked at of a new place.
var bounds = infer.Bounds{Places: 100, Members: 50, Depth: 40, Distinct: 1}

// shape is what a new place takes over from its neighbours beside its types.
type shape struct {
	closed   bool // it takes no members and items but those that were seen, in all its depth
	open     bool // but for the object itself, which takes others
	required bool // it asks for the members that all objects had, not for those in them
	draft4   bool // it is written in draft 4, which knows neither const nor the schema false
}

// shape is that of the edit's neighbours. A new field's are in the object that refuses it,
// which is closed therefore; those of a branch are its siblings; those of a type are the
// members beside it.
func (d *reader) shape(w want) (s shape) {
	owner, _ := cutLast(w.at)
	dialect, _ := decoded(d.doc.get("/$schema")).(string)
	s.draft4 = strings.Contains(dialect, "/draft-04/")
	switch w.kind {
	case KindField:
		s.closed = true
	case KindType:
		s.closed = d.closedAround(owner)
	case KindBranch:
		s.closed, s.open = d.closed(owner), true
		list, _ := decoded(d.doc.get(w.at)).([]any)
		left := maxSeen
		for i := range list {
			for _, part := range d.parts(w.at+"/"+strconv.Itoa(i), &left) {
				s.open = s.open && !d.closed(part)
				required, _ := decoded(d.doc.get(part + "/required")).([]any)
				for _, name := range required {
					s.required = s.required || name != any(w.name)
				}
			}
			s.closed = s.closed || d.closes(w.at+"/"+strconv.Itoa(i), &left)
		}
	}
	return s
}

// maxSeen bounds how many schemas beside a new branch are looked at.
const maxSeen = 1000

// parts are the schemas that together say what an object at a pointer is like.
func (d *reader) parts(pointer string, left *int) (list []string) {
	if *left--; *left < 0 {
		return nil
	}
	pointer = d.follow(pointer)
	list = append(list, pointer)
	all, _ := decoded(d.doc.get(pointer + "/allOf")).([]any)
	for i := range all {
		list = append(list, d.parts(pointer+"/allOf/"+strconv.Itoa(i), left)...)
	}
	return list
}

// closes says whether a schema closes an object, itself or one in it.
func (d *reader) closes(pointer string, left *int) bool {
	for _, part := range d.parts(pointer, left) {
		if d.closed(part) {
			return true
		}
		var inner []string
		for _, keyword := range []string{"items", "additionalProperties"} {
			inner = append(inner, part+"/"+keyword)
		}
		for _, keyword := range []string{"properties", "oneOf", "anyOf"} {
			s, ok := d.doc.find(part + "/" + keyword)
			if !ok {
				continue
			}
			for i, m := range d.doc.inside(s) {
				name := strconv.Itoa(i)
				if keyword == "properties" {
					name = m.name
				}
				inner = append(inner, part+"/"+keyword+jsonread.Pointer(name))
			}
		}
		for _, at := range inner {
			if s, ok := d.doc.find(at); ok && d.doc[s.start] == '{' && d.closes(at, left) {
				return true
			}
		}
	}
	return false
}

// closed says whether the schema at a pointer refuses members that it does not know.
func (d *reader) closed(pointer string) bool {
	return string(d.doc.get(pointer+"/additionalProperties")) == "false" || string(d.doc.get(pointer+"/unevaluatedProperties")) == "false"
}

// closedAround says whether the innermost object around a schema is closed.
func (d *reader) closedAround(pointer string) bool {
	for at := pointer; at != ""; {
		at, _ = cutLast(at)
		switch _, last := cutLast(at); last {
		case "properties", "patternProperties", "$defs", "definitions":
			continue // its members are schemas, and it is none
		}
		if d.closed(at) {
			return true
		}
		if d.doc.get(at+"/properties") != nil {
			return false
		}
	}
	return false
}

// fieldSchema is the schema of the values at a new place, nil if none was looked at.
func fieldSchema(seen *infer.Inference, s shape) []byte {
	if seen == nil || seen.Count() == 0 {
		return nil
	}
	options := generalise
	options.Closed = s.closed
	doc := tidy(text(strings.TrimSpace(string(seen.Schema(options)))), "", s)
	if flat := oneLine(doc); len(flat) < 60 {
		return loose(flat)
	}
	return doc
}

// tidy makes a schema that was inferred one for a new place: what all had in common is not
// required, what was always null is null, and if it is to be closed nothing passes in what
// was always empty, or was not looked into.
func tidy(doc text, pointer string, s shape) text {
	if !s.required || pointer != "" {
		doc = doc.remove(pointer, "required")
	}
	types, ok := typesOf(decoded(doc.get(pointer + "/type")))
	at, found := doc.find(pointer)
	if !found || doc[at.start] != '{' {
		return doc
	}
	if !ok {
		return doc.splice(at, []byte(`{ "type": "null" }`))
	}
	if s.closed {
		for _, t := range types {
			switch {
			case t == "object" && doc.get(pointer+"/additionalProperties") == nil:
				doc = doc.with(pointer, "additionalProperties", []byte("false"))
			case t == "array" && doc.get(pointer+"/items") == nil && s.draft4:
				doc = doc.with(pointer, "maxItems", []byte("0"))
			case t == "array" && doc.get(pointer+"/items") == nil:
				doc = doc.with(pointer, "items", []byte("false"))
			}
		}
		at, _ = doc.find(pointer)
	}
	for _, m := range doc.inside(at) {
		switch inner := pointer + jsonread.Pointer(m.name); m.name {
		case "items", "additionalProperties":
			doc = tidy(doc, inner, s)
		case "properties":
			now, _ := doc.find(inner) // it may have moved
			for _, p := range doc.inside(now) {
				doc = tidy(doc, inner+jsonread.Pointer(p.name), s)
			}
		}
	}
	return doc
}

// with is insert at a place that there is.
func (t text) with(pointer, name string, value []byte) text {
	out, err := t.insert(pointer, name, value)
	if err != nil {
		panic(err) // the place was seen
	}
	return out
}

// loose is a small object with a space inside its braces and after each colon.
func loose(flat []byte) []byte {
	t := text(flat)
	var parts []string
	for _, m := range t.inside(span{0, len(t)}) {
		parts = append(parts, string(encode(m.name))+": "+string(t[m.value.start:m.value.end]))
	}
	if len(parts) == 0 {
		return flat
	}
	return []byte("{ " + strings.Join(parts, ", ") + " }")
}

// wide says why only people may accept the schema of a new place: it takes what nobody saw
// as well. It is "" if they need not.
func wide(schema any) string {
	s, ok := schema.(map[string]any)
	if !ok {
		return ""
	}
	types, _ := typesOf(s["type"])
	kinds := 0
	for _, t := range types {
		if t != "null" {
			kinds++
		}
	}
	if kinds > 1 {
		return "its values have several types"
	}
	if _, is := s["additionalProperties"].(map[string]any); is {
		return "it is a map, which takes members of any name"
	}
	properties, _ := s["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if why := wide(properties[name]); why != "" {
			return why
		}
	}
	return wide(s["items"])
}

// branch is the schema of a union's new branch: its objects as they were seen, with one value
// of the discriminator.
func branch(object []byte, name, value string, s shape) ([]byte, error) {
	doc := text(object)
	rule := []byte(`{ "const": ` + value + ` }`)
	if s.draft4 {
		rule = []byte(`{ "enum": [` + value + `] }`)
	}
	property := "/properties" + jsonread.Pointer(name)
	var err error
	switch {
	case doc.get(property) != nil:
		doc, err = doc.replace(property, rule)
	case s.closed && !s.open:
		return nil, fmt.Errorf("the objects have too many different members for a branch that is closed as its siblings are")
	default:
		doc = text(`{ "type": "object", "properties": { ` + string(encode(name)) + `: ` + string(rule) + ` } }`)
	}
	if s.open {
		doc = doc.remove("", "additionalProperties")
	}
	if err == nil && doc.get("/required") == nil {
		doc, err = doc.insert("", "required", append(append([]byte("["), encode(name)...), ']'))
	}
	return doc, err
}

// typed gives the schema of a value that may be an object or an array from now on what is
// known of these, if it says nothing of them itself.
func typed(doc text, owner, typ string, field []byte) text {
	own := []string{"properties", "additionalProperties"}
	said := []string{"properties", "patternProperties", "additionalProperties", "unevaluatedProperties"}
	if typ == "array" {
		own, said = []string{"items"}, []string{"items", "prefixItems", "unevaluatedItems"}
	} else if typ != "object" {
		return doc
	}
	for _, keyword := range said {
		if doc.get(owner+"/"+keyword) != nil {
			return doc
		}
	}
	for _, keyword := range own {
		if value := text(field).get("/" + keyword); value != nil {
			doc = doc.with(owner, keyword, outdented(value))
		}
	}
	return doc
}

// outdented is a value out of an object, with the margin of its first line.
func outdented(value []byte) []byte {
	lines := strings.Split(string(value), "\n")
	last := lines[len(lines)-1]
	margin := last[:len(last)-len(strings.TrimLeft(last, " "))]
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], margin)
	}
	return []byte(strings.Join(lines, "\n"))
}
