package evolution

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// text is a JSON document whose values are changed where they stand, so that all else stays
// as its author wrote it: white space, the order of members, the way numbers are written. It
// is well formed.
type text []byte

var errNoPlace = errors.New("the document has no such place")

// span is the bytes of a value.
type span struct{ start, end int }

// members lists the values of an object's members, or of an array's items, in their order;
// of members with their names.
type member struct {
	name  string // "" for an item
	at    int    // where it begins, its name if it has one
	value span
}

func space(data []byte, at int) int {
	for at < len(data) && strings.IndexByte(" \t\r\n", data[at]) >= 0 {
		at++
	}
	return at
}

// past is where the value that begins at at ends.
func past(data []byte, at int) int {
	switch data[at] {
	case '"':
		for at++; data[at] != '"'; at++ {
			if data[at] == '\\' {
				at++
			}
		}
		return at + 1
	case '{', '[':
		depth := 0
		for {
			switch data[at] {
			case '"':
				at = past(data, at)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			if at++; depth == 0 {
				return at
			}
		}
	}
	for at < len(data) && strings.IndexByte(" \t\r\n,]}", data[at]) < 0 {
		at++
	}
	return at
}

// inside lists what an object or an array has in it; nil for any other value.
func (t text) inside(s span) (list []member) {
	if t[s.start] != '{' && t[s.start] != '[' {
		return nil
	}
	at := space(t, s.start+1)
	for at < s.end-1 {
		m := member{at: at}
		if t[s.start] == '{' {
			end := past(t, at)
			m.name, _ = jsonread.Unquote(t[at:end])
			at = space(t, space(t, end)+1) // over the colon
		}
		m.value = span{at, past(t, at)}
		list = append(list, m)
		if at = space(t, m.value.end); t[at] == ',' {
			at = space(t, at+1)
		}
	}
	return list
}

// find is the value at a JSON Pointer.
func (t text) find(pointer string) (span, bool) {
	tokens, ok := jsonread.ParsePointer(pointer)
	if !ok {
		return span{}, false
	}
	start := space(t, 0)
	at := span{start, past(t, start)}
	for _, token := range tokens {
		found := false
		for i, m := range t.inside(at) {
			if t[at.start] == '{' && m.name == token || t[at.start] == '[' && strconv.Itoa(i) == token {
				at, found = m.value, true
				break
			}
		}
		if !found {
			return span{}, false
		}
	}
	return at, true
}

// get is the text of the value at a pointer, nil if there is none.
func (t text) get(pointer string) []byte {
	if s, ok := t.find(pointer); ok {
		return t[s.start:s.end]
	}
	return nil
}

func (t text) splice(s span, with []byte) text {
	out := make(text, 0, len(t)+len(with))
	return append(append(append(out, t[:s.start]...), with...), t[s.end:]...)
}

// replace puts another value in the place of one.
func (t text) replace(pointer string, value []byte) (text, error) {
	s, ok := t.find(pointer)
	if !ok {
		return nil, errNoPlace
	}
	return t.splice(s, value), nil
}

// rename gives a member another name and another value.
func (t text) rename(object, name, to string, value []byte) (text, error) {
	s, ok := t.find(object)
	if !ok {
		return nil, errNoPlace
	}
	for _, m := range t.inside(s) {
		if m.name != name || t[s.start] != '{' {
			continue
		}
		between := t[past(t, m.at):m.value.start] // the colon and what is around it
		return t.splice(span{m.at, m.value.end}, append(append(encode(to), between...), value...)), nil
	}
	return nil, errNoPlace
}

// remove takes a member out of an object.
func (t text) remove(object, name string) text {
	s, ok := t.find(object)
	if !ok {
		return t
	}
	list := t.inside(s)
	for i, m := range list {
		switch {
		case m.name != name:
		case i > 0:
			return t.splice(span{list[i-1].value.end, m.value.end}, nil)
		case len(list) > 1:
			return t.splice(span{m.at, list[1].at}, nil)
		default:
			return t.splice(span{s.start, s.end}, []byte("{}"))
		}
	}
	return t
}

// insert adds a member to an object, or with the name "" an item to an array, as the last
// one, in the way in which those before it are written.
func (t text) insert(pointer, name string, value []byte) (text, error) {
	s, ok := t.find(pointer)
	if !ok || t[s.start] != '{' && t[s.start] != '[' {
		return nil, errNoPlace
	}
	var key []byte
	if t[s.start] == '{' {
		key = append(encode(name), ": "...)
	}
	list := t.inside(s)
	if len(list) == 0 {
		return t.alone(s, append(key, value...)), nil
	}
	first, last := list[0], list[len(list)-1]
	before := t[s.start+1 : first.at]
	if len(list) > 1 { // how the last one is set off from the one before it
		comma := bytes.IndexByte(t[list[len(list)-2].value.end:], ',') + list[len(list)-2].value.end
		before = t[comma+1 : last.at]
	} else if !bytes.Contains(before, []byte("\n")) {
		before = []byte(" ")
	}
	if key != nil && first.name != "" && past(t, first.at)+1 == first.value.start {
		key, value = key[:len(key)-1], compact(value) // written without a space after the colon
	}
	if i := bytes.LastIndexByte(before, '\n'); i >= 0 {
		value = indented(value, string(before[i+1:]))
	} else {
		value = oneLine(value)
	}
	added := append([]byte{','}, before...)
	added = append(append(added, key...), value...)
	return t.splice(span{last.value.end, last.value.end}, added), nil
}

// alone puts the only member or item into what is empty.
func (t text) alone(s span, what []byte) text {
	open, end := t[s.start:s.start+1], t[s.end-1:s.end]
	line := bytes.LastIndexByte(t[:s.start], '\n')
	margin := t[line+1 : space(t, line+1)]
	if line < 0 || len(margin) == 0 {
		return t.splice(s, append(append(append([]byte(nil), open...), oneLine(what)...), end...))
	}
	inner := string(margin) + "  "
	out := append(append([]byte(nil), open...), '\n')
	out = append(append(out, inner...), indented(what, inner)...)
	return t.splice(s, append(append(append(out, '\n'), margin...), end...))
}

// indented is a value with a margin before each of its lines but the first.
func indented(value []byte, margin string) []byte {
	return bytes.ReplaceAll(value, []byte("\n"), []byte("\n"+margin))
}

// fitted is a value as it would be written in the place of another.
func (t text) fitted(pointer string, value []byte) []byte {
	s, _ := t.find(pointer)
	line := bytes.LastIndexByte(t[:s.start], '\n')
	if line < 0 {
		return oneLine(value)
	}
	return indented(value, string(t[line+1:space(t, line+1)]))
}

// oneLine is a value without line feeds, or as it is if it cannot be told.
func oneLine(value []byte) []byte {
	if !bytes.Contains(value, []byte("\n")) {
		return value
	}
	return compact(value)
}

// compact is a value without white space, or as it is if it cannot be told.
func compact(value []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, value) != nil {
		return value
	}
	return b.Bytes()
}

// encode is a value as JSON.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // texts and lists of texts always encode
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
