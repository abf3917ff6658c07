package jsonread

import (
	"encoding/json"
	"unicode/utf16"
	"unicode/utf8"
)

// builder makes the values of Decode. Values wait on one stack until the array or
// object that they belong to is closed, so that it can be made at its right size.
type builder struct {
	data   []byte
	copy   string // data, copied when the first string is made
	values []any
}

// text returns data[start:end] as a string that shares the one copy.
func (b *builder) text(start, end int) string {
	if start == end {
		return ""
	}
	if b.copy == "" {
		b.copy = string(b.data)
	}
	return b.copy[start:end]
}

func (b *builder) string(start, end int, escaped bool) {
	if escaped {
		raw := b.data[start+1 : end-1]
		b.values = append(b.values, string(appendUnquoted(make([]byte, 0, len(raw)), raw)))
		return
	}
	b.values = append(b.values, b.text(start+1, end-1))
}

func (b *builder) number(start, end int) {
	b.values = append(b.values, json.Number(b.text(start, end)))
}

func (b *builder) literal(first byte) {
	switch first {
	case 't':
		b.values = append(b.values, true)
	case 'f':
		b.values = append(b.values, false)
	default:
		b.values = append(b.values, nil)
	}
}

// close makes the array or object f, whose values are the last ones on the stack.
func (b *builder) close(r *reader, f *frame) {
	values := b.values[f.values:]
	var made any
	if f.object {
		object := make(map[string]any, len(values))
		for i, v := range values {
			n := &r.names[int(f.names)+i]
			if int(n.at) < len(r.data) {
				object[b.text(int(n.at), int(n.at+n.size))] = v
			} else {
				object[string(r.nameText(n))] = v
			}
		}
		made = object
	} else {
		array := make([]any, len(values))
		copy(array, values)
		made = array
	}
	b.values = append(b.values[:f.values], made)
}

// Unquote returns the text of a JSON string, which raw is with its quotes. It
// returns false if raw is anything else than one well-formed string.
func Unquote(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	end, escaped, f := scanString(raw, 0)
	if f.bad() || end != len(raw) {
		return "", false
	}
	inner := raw[1 : len(raw)-1]
	if !escaped {
		return string(inner), true
	}
	return string(appendUnquoted(make([]byte, 0, len(inner)), inner)), true
}

// appendUnquoted appends the text that the inside of a well-formed string stands for.
func appendUnquoted(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		c := raw[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		c = raw[i+1]
		i += 2
		switch c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			unit, _ := hex4(raw, i)
			i += 4
			if utf16.IsSurrogate(unit) {
				low, _ := hex4(raw, i+2)
				unit = utf16.DecodeRune(unit, low)
				i += 6
			}
			dst = utf8.AppendRune(dst, unit)
		default: // the quote, the backslash, the slash
			dst = append(dst, c)
		}
	}
	return dst
}
