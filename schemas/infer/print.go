package infer

import (
	"bytes"
	"encoding/json"
)

// members is an object in the order in which it is written.
type members []member

type member struct {
	name  string
	value any // members, []any of scalars, or a scalar that encoding/json knows
}

func (m *members) add(name string, value any) { *m = append(*m, member{name, value}) }

// lineWidth is up to where a value stays on one line.
const lineWidth = 80

// appendValue writes a value, indented by two spaces a level, after what stands on its
// line already. What fits on one line is on one line, but for the document itself and for
// objects that list properties.
func appendValue(to []byte, v any, level, used int) []byte {
	if flat := appendFlat(nil, v); level > 0 && used+len(flat) < lineWidth && !lists(v) {
		return append(to, flat...)
	}
	switch v := v.(type) {
	case members:
		to = append(to, '{')
		for i, m := range v {
			if i > 0 {
				to = append(to, ',')
			}
			to = newLine(to, level+1)
			start := len(to)
			to = append(encode(to, m.name), ": "...)
			to = appendValue(to, m.value, level+1, 2*level+2+len(to)-start)
		}
		return append(newLine(to, level), '}')
	case []any:
		to = append(to, '[')
		for i, item := range v {
			if i > 0 {
				to = append(to, ',')
			}
			to = encode(newLine(to, level+1), item)
		}
		return append(newLine(to, level), ']')
	}
	return appendFlat(to, v)
}

// lists says whether a schema is one that people want to see line by line.
func lists(v any) bool {
	object, _ := v.(members)
	for _, m := range object {
		if sub, ok := m.value.(members); ok && (m.name == "properties" || lists(sub)) {
			return true
		}
	}
	return false
}

// appendFlat writes a value on one line.
func appendFlat(to []byte, v any) []byte {
	switch v := v.(type) {
	case members:
		to = append(to, '{')
		for i, m := range v {
			if i > 0 {
				to = append(to, ", "...)
			}
			to = append(encode(to, m.name), ": "...)
			to = appendFlat(to, m.value)
		}
		return append(to, '}')
	case []any:
		to = append(to, '[')
		for i, item := range v {
			if i > 0 {
				to = append(to, ", "...)
			}
			to = encode(to, item)
		}
		return append(to, ']')
	}
	return encode(to, v)
}

func newLine(to []byte, level int) []byte {
	to = append(to, '\n')
	for range level {
		to = append(to, "  "...)
	}
	return to
}

// encode writes a scalar as JSON, with < > and & as they are.
func encode(to []byte, v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return append(to, "null"...) // there is nothing in a schema that does not encode
	}
	return append(to, bytes.TrimRight(b.Bytes(), "\n")...)
}
