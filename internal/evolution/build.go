package evolution

import (
	"fmt"
	"strings"

	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/schemas/infer"
)

// generalise says what is inferred of a new field: its type, and those of what is in it. No
// list of values, no format, no range and nothing that is required can be told from a sample.
var generalise = infer.Options{Fragment: true, Plain: true, FormatAtLeast: -1, EnumAtMost: -1}

// bounds are on what is looked at of a new field.
var bounds = infer.Bounds{Places: 100, Members: 50, Depth: 8, Distinct: 1}

// fieldSchema is the schema of a new field.
func fieldSchema(seen *infer.Inference) []byte {
	if seen == nil || seen.Count() == 0 {
		return []byte("{}")
	}
	doc := withoutRequired(text(strings.TrimSpace(string(seen.Schema(generalise)))), "")
	if doc.get("/type") == nil { // null alone
		return []byte(`{ "type": "null" }`)
	}
	if flat := oneLine(doc); len(flat) < 60 {
		return loose(flat)
	}
	return doc
}

// withoutRequired takes required out of the schema at a pointer and those below it.
func withoutRequired(doc text, pointer string) text {
	doc = doc.remove(pointer, "required")
	s, ok := doc.find(pointer)
	if !ok || doc[s.start] != '{' {
		return doc
	}
	for _, m := range doc.inside(s) {
		switch at := pointer + jsonread.Pointer(m.name); m.name {
		case "items", "additionalProperties":
			doc = withoutRequired(doc, at)
		case "properties":
			for _, p := range doc.inside(m.value) {
				doc = withoutRequired(doc, at+jsonread.Pointer(p.name))
			}
		}
	}
	return doc
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

// apply makes the edit on a document. field is the schema of a new field, or of the objects
// of a new branch.
func (w want) apply(doc text, field []byte) (text, error) {
	owner, keyword := cutLast(w.at)
	switch w.kind {
	case KindField:
		if doc.get(owner+"/properties") == nil {
			var err error
			if doc, err = doc.insert(owner, "properties", []byte("{}")); err != nil {
				return nil, err
			}
		}
		return doc.insert(owner+"/properties", w.name, field)
	case KindEnumValue:
		if keyword == "const" {
			if now := doc.get(w.at); now != nil {
				return doc.rename(owner, "const", "enum", []byte("["+string(now)+", "+w.value+"]"))
			}
			return doc.insert(owner+"/enum", "", []byte(w.value)) // an edit before this one made it an enum
		}
		return doc.insert(w.at, "", []byte(w.value))
	case KindType:
		types, ok := typesOf(decoded(doc.get(w.at)))
		if !ok {
			return nil, errNoPlace
		}
		return doc.replace(w.at, widen(types, w.value))
	case KindBranch:
		return doc.insert(w.at, "", branch(field, w.name, w.value))
	}
	return nil, fmt.Errorf("an edit of the unknown kind %q", w.kind)
}

// branch is the schema of a union's new branch: its objects as they were seen, of which the
// discriminator alone is asked for.
func branch(object []byte, name, value string) []byte {
	doc := text(object)
	rule := []byte(`{ "const": ` + value + ` }`)
	property := "/properties" + jsonread.Pointer(name)
	var err error
	if doc.get(property) != nil {
		doc, err = doc.replace(property, rule)
	} else {
		doc = text(`{ "type": "object", "properties": { ` + string(encode(name)) + `: ` + string(rule) + ` } }`)
	}
	if err == nil {
		doc, err = doc.insert("", "required", append(append([]byte("["), encode(name)...), ']'))
	}
	if err != nil {
		panic(err) // both places were seen
	}
	return doc
}
