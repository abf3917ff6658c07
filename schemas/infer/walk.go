package infer

import (
	"bytes"
	"unicode/utf8"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// walk goes over a text that is known to be well formed, once.
type walk struct {
	inference *Inference
	data      []byte
}

// value takes in the value that begins at i, and returns where it ends.
func (w *walk) value(i int, p *place, depth int) int {
	p.values++
	switch w.data[i] {
	case '{':
		p.kinds[object]++
		return w.object(i, p, depth)
	case '[':
		end, items := w.array(i, p, depth)
		p.long.take(items, p.kinds[array] == 0)
		p.kinds[array]++
		return end
	case '"':
		end, escaped := w.stringEnd(i)
		w.text(i, end, escaped, p)
		return end
	case 't':
		p.kinds[boolean]++
		return i + len("true")
	case 'f':
		p.kinds[boolean]++
		return i + len("false")
	case 'n':
		p.kinds[null]++
		return i + len("null")
	}
	end := w.scalarEnd(i)
	raw := w.data[i:end]
	p.number(raw)
	return end
}

// object takes in the object at i.
func (w *walk) object(i int, p *place, depth int) int {
	if p.deep || depth >= w.inference.bounds.Depth {
		p.deep = true
		return w.skip(i)
	}
	busy := p.busy
	p.busy = true
	i = w.space(i + 1)
	for at := 0; w.data[i] != '}'; at++ {
		end, escaped := w.stringEnd(i)
		m := w.member(p, w.data[i:end], escaped, at)
		i = w.space(end)
		i = w.value(w.space(i+1), m, depth+1)
		if i = w.space(i); w.data[i] == ',' {
			i = w.space(i + 1)
		}
	}
	p.busy = busy
	return i + 1
}

// member is the place of the member with the quoted name, which is the at-th of an object.
func (w *walk) member(p *place, quoted []byte, escaped bool, at int) *place {
	var m *place
	if name := quoted[1 : len(quoted)-1]; !escaped && at < len(p.list) && p.list[at].name == string(name) {
		m = p.list[at] // as most objects have their members in one order
	} else if !escaped {
		if m = p.members[string(name)]; m == nil {
			m = w.inference.member(p, string(name))
		}
	} else if name, ok := jsonread.Unquote(quoted); ok {
		m = w.inference.member(p, name)
	}
	if m == nil {
		return w.inference.restOf(p)
	}
	m.order += uint64(at)
	return m
}

// array takes in the array at i, and says how many items it has.
func (w *walk) array(i int, p *place, depth int) (end, count int) {
	deep := p.deep || depth >= w.inference.bounds.Depth
	i = w.space(i + 1)
	for w.data[i] != ']' {
		count++
		if deep {
			p.deep = true
			i = w.skip(i)
		} else {
			i = w.value(i, w.inference.itemsOf(p), depth+1)
		}
		if i = w.space(i); w.data[i] == ',' {
			i = w.space(i + 1)
		}
	}
	return i + 1, count
}

// text takes in the string between its quotes.
func (w *walk) text(i, end int, escaped bool, p *place) {
	raw := w.data[i+1 : end-1]
	var s string
	length := 0
	if escaped {
		s, _ = jsonread.Unquote(w.data[i:end])
		length = utf8.RuneCountInString(s)
	} else {
		length = utf8.RuneCount(raw)
	}
	p.short.take(length, p.kinds[text] == 0)
	p.kinds[text]++
	if p.formats != 0 {
		if !escaped {
			s = string(raw)
		}
		p.formats = p.formats.narrow(s, &w.inference.check)
	}
	switch {
	case p.open:
	case escaped:
		w.inference.keep(p, s, 1)
	case len(raw) <= maxDistinctText && p.texts[string(raw)] > 0:
		p.texts[string(raw)]++
	default:
		w.inference.keep(p, string(raw), 1)
	}
}

// space goes over white space.
func (w *walk) space(i int) int {
	for i < len(w.data) && (w.data[i] == ' ' || w.data[i] == '\n' || w.data[i] == '\r' || w.data[i] == '\t') {
		i++
	}
	return i
}

// stringEnd is where the string at i ends, and whether there are escapes in it.
func (w *walk) stringEnd(i int) (end int, escaped bool) {
	for i++; ; {
		quote := bytes.IndexByte(w.data[i:], '"')
		slash := bytes.IndexByte(w.data[i:i+quote], '\\')
		if slash < 0 {
			return i + quote + 1, escaped
		}
		escaped = true
		i += slash + 2
	}
}

// scalarEnd is where the number at i ends.
func (w *walk) scalarEnd(i int) int {
	for ; i < len(w.data); i++ {
		switch w.data[i] {
		case ',', '}', ']', ' ', '\n', '\r', '\t':
			return i
		}
	}
	return i
}

// skip goes over the object or array at i, or over a scalar.
func (w *walk) skip(i int) int {
	switch w.data[i] {
	case '{', '[':
	case '"':
		end, _ := w.stringEnd(i)
		return end
	default:
		return w.scalarEnd(i)
	}
	for depth := 0; ; {
		switch w.data[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			i, _ = w.stringEnd(i)
			continue
		}
		i++
	}
}
