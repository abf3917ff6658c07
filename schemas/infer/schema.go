package infer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// Options say what a schema generalises, and on how much evidence. A number that is zero
// stands for its default; a negative one means never.
type Options struct {
	// Title is the schema's title.
	Title string
	// Fragment leaves out what only a whole document has: $schema, $comment.
	Fragment bool
	// Plain leaves out the annotations: "x-observed", which asserts nothing.
	Plain bool
	// Closed forbids members that no value had.
	Closed bool

	// FormatAtLeast is how many texts there must be, all of one format, for the schema to
	// ask for it. Default 10.
	FormatAtLeast int
	// EnumAtMost is how many different texts an enum has at most. Default 12.
	EnumAtMost int
	// EnumAtLeast is how many texts there must be for each different one, for them to be
	// an enum. Default 20.
	EnumAtLeast int
	// MapAtLeast is how many members there must be for objects to be taken for maps, if
	// an object has few of them and their values are alike. Default 50.
	MapAtLeast int
	// Data says of a member's name that it is data and no name: an object that has one is
	// taken for a map. Nil: none is.
	Data func(name string) bool
}

func (o Options) filled() Options {
	or := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	or(&o.FormatAtLeast, 10)
	or(&o.EnumAtMost, 12)
	or(&o.EnumAtLeast, 20)
	or(&o.MapAtLeast, 50)
	return o
}

// maxSchema is the largest schema document that package schemas takes.
const maxSchema = 1 << 20

// Note is something in a schema that was generalised or given up, for a person to look at.
type Note struct {
	// Pointer leads to the place in the values; "*" stands for the items of an array, and
	// for the members of a map.
	Pointer string `json:"pointer"`
	// Message is one line, without a full stop and without a value.
	Message string `json:"message"`
}

// maxNotes bounds the notes.
const maxNotes = 100

// Schema returns the schema (draft 2020-12), indented. Every value that was taken in is
// valid under it.
func (n *Inference) Schema(o Options) []byte {
	document, _ := n.write(o)
	return document
}

// Notes says what a person should look at in the schema of the same options.
func (n *Inference) Notes(o Options) []Note {
	_, notes := n.write(o)
	return notes
}

// write makes the document. One that is too large is made again with less in it.
func (n *Inference) write(o Options) ([]byte, []Note) {
	o = o.filled()
	for range 3 {
		w := writer{Options: o, inference: n}
		document := appendValue(nil, w.document(), 0, 0)
		if len(document) <= maxSchema || o.Plain && o.EnumAtMost < 0 {
			return append(document, '\n'), w.notes
		}
		o.Plain, o.EnumAtMost = true, -1
	}
	return []byte("true\n"), nil
}

// writer makes the schema of each place.
type writer struct {
	Options
	inference *Inference
	notes     []Note
}

func (w *writer) note(pointer, format string, args ...any) {
	if len(w.notes) < maxNotes {
		w.notes = append(w.notes, Note{pointer, fmt.Sprintf(format, args...)})
	}
}

func (w *writer) document() members {
	var doc members
	if !w.Fragment {
		doc.add("$schema", "https://json-schema.org/draft/2020-12/schema")
		from := fmt.Sprintf("inferred from %d values", w.inference.root.values)
		if w.inference.root.values == 1 {
			from = "inferred from 1 value"
		}
		doc.add("$comment", from)
	}
	if w.Title != "" {
		doc.add("title", w.Title)
	}
	return append(doc, w.schema(w.inference.root, "", 0)...)
}

// schema is the schema of a place; share is what part of the objects has the member, 0
// for all.
func (w *writer) schema(p *place, pointer string, share float64) members {
	var s members
	types := p.types()
	switch {
	case len(types) == 0 && p.values > 0:
		w.note(pointer, "only null was seen: any value passes")
	case len(types) > 1:
		w.note(pointer, "values of several types: %s", strings.Join(types, ", "))
	}
	if len(types) > 0 && p.kinds[null] > 0 {
		types = append(types, "null")
	}
	switch len(types) {
	case 0:
	case 1:
		s.add("type", types[0])
	default:
		s.add("type", texts(types))
	}
	said := p.kinds[text] > 0 && w.text(&s, p, pointer)
	if p.deep {
		w.note(pointer, "nested more deeply than is looked into: anything passes in it")
	}
	if p.kinds[array] > 0 && p.items != nil {
		s.add("items", w.schema(p.items, pointer+"/*", 0))
	}
	if p.kinds[object] > 0 && !p.deep {
		w.object(&s, p, pointer)
	}
	if !w.Plain {
		if seen := p.observed(share, said); len(seen) > 0 {
			s.add("x-observed", seen)
		}
	}
	return s
}

// types lists the types but null.
func (p *place) types() []string {
	var list []string
	for _, t := range []struct {
		name string
		seen uint64
	}{
		{"object", p.kinds[object]}, {"array", p.kinds[array]}, {"string", p.kinds[text]},
		{"number", p.kinds[number]}, {"integer", p.kinds[integer]}, {"boolean", p.kinds[boolean]},
	} {
		if t.seen > 0 && !(t.name == "integer" && p.kinds[number] > 0) {
			list = append(list, t.name)
		}
	}
	return list
}

// text asserts what all texts have in common, and reports whether that is anything.
func (w *writer) text(s *members, p *place, pointer string) bool {
	if format := p.format(w.Options); format != "" {
		s.add("format", format)
		return true
	}
	values := p.enum(w.Options)
	if values == nil {
		return false
	}
	w.note(pointer, "the %d values that were seen became an enum: a new one will be refused", len(values))
	list := texts(values)
	if p.kinds[null] > 0 {
		list = append(list, nil)
	}
	s.add("enum", list)
	return true
}

// object writes the members of a record, or what all values of a map have in common.
func (w *writer) object(s *members, p *place, pointer string) {
	if p.rest != nil {
		w.note(pointer, "too many different members to list: taken for a map")
		s.add("additionalProperties", w.schema(p.rest, pointer+"/*", 0))
		return
	}
	if p.isMap(w.Options) {
		w.note(pointer, "%d different members that are more like data than names: taken for a map", len(p.list))
		rest := w.inference.restOfCopy(p)
		s.add("additionalProperties", w.schema(rest, pointer+"/*", 0))
		return
	}
	list := p.sorted()
	var properties members
	var required []string
	for _, m := range list {
		share := float64(m.values) / float64(p.kinds[object])
		if m.values == p.kinds[object] {
			required = append(required, m.name)
			share = 0
		}
		properties.add(m.name, w.schema(m, pointer+jsonread.Pointer(m.name), share))
	}
	if len(properties) > 0 {
		s.add("properties", properties)
	}
	if len(required) > 0 {
		s.add("required", texts(required))
	}
	if w.Closed {
		s.add("additionalProperties", false)
	}
}

// sorted are the members in the order in which objects have them in the mean.
func (p *place) sorted() []*place {
	list := slices.Clone(p.list)
	slices.SortFunc(list, func(a, b *place) int {
		x, y := float64(a.order)/float64(a.values), float64(b.order)/float64(b.values)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	return list
}

// texts is a list of texts as it is written.
func texts(list []string) []any {
	values := make([]any, len(list))
	for i, s := range list {
		values[i] = s
	}
	return values
}
