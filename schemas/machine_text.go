package schemas

import (
	"encoding/json"
	"unsafe"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// string reads the string at start.
func (m *machine) string(n *node, t *textNode, start int) int {
	d, i := m.data, start+1
	if t.any {
		end, _ := scanText(d, i)
		if end < 0 {
			return failed
		}
		if m.probing {
			m.work += end - i
		}
		return end + 1
	}
	if t.direct != nil {
		if end := t.direct(d, i); end >= 0 && end-i >= t.leastDirect && (t.most < 0 || end-i <= t.most) {
			return end + 1
		}
	}
	end, looks := scanText(d, i)
	if end < 0 {
		return failed
	}
	if m.probing {
		m.work += end - i
	}
	text := d[i:end]
	if t.lengths && len(text) >= charBytes*t.least && (t.most < 0 || len(text) <= t.most) {
		return end + 1
	}
	if looks&escaped != 0 {
		m.text = appendUnescaped(m.text[:0], text)
		text = m.text
	}
	if !m.isGood(t, text, looks) {
		return m.bad(n, start, end+1)
	}
	return end + 1
}

// charBytes is how many bytes a character takes at most, as two escapes.
const charBytes = 12

// isGood reports whether a string is as the node says.
func (m *machine) isGood(t *textNode, text []byte, looks look) bool {
	if len(text) < t.least || t.most >= 0 && len(text) > t.most || t.least > 0 {
		count := len(text)
		if looks != 0 {
			count = characters(text)
		}
		if count < t.least || t.most >= 0 && count > t.most {
			return false
		}
	}
	for _, set := range t.literals {
		if !set.has(text) {
			return false
		}
	}
	for _, p := range t.patterns {
		if !m.match(p, text) {
			return false
		}
	}
	for _, check := range t.formats {
		// The check does not keep the text, so it is not copied.
		if !check(unsafe.String(unsafe.SliceData(text), len(text))) {
			return false
		}
	}
	return true
}

// literalSet is a set of strings.
type literalSet struct {
	few  []string
	many map[string]struct{} // if there are more than a few
}

// fewLiterals is up to how many strings are compared one by one.
const fewLiterals = 8

func newLiteralSet(list []string) *literalSet {
	if len(list) <= fewLiterals {
		return &literalSet{few: list}
	}
	s := &literalSet{many: make(map[string]struct{}, len(list))}
	for _, l := range list {
		s.many[l] = struct{}{}
	}
	return s
}

func (s *literalSet) has(text []byte) bool {
	if s.many != nil {
		_, ok := s.many[string(text)]
		return ok
	}
	for _, l := range s.few {
		if l == string(text) {
			return true
		}
	}
	return false
}

// directLiterals is the matcher of a string that must be one of a few plain ones.
func directLiterals(list []string) matcher {
	if len(list) > fewLiterals {
		return nil
	}
	quoted := make([]string, len(list))
	for i, l := range list {
		for _, c := range []byte(l) {
			if c < 0x20 || c == '"' || c == '\\' || c >= 0x80 {
				return nil
			}
		}
		quoted[i] = l + `"`
	}
	return func(d []byte, i int) int {
		for _, q := range quoted {
			if len(d)-i >= len(q) && string(d[i:i+len(q)]) == q {
				return i + len(q) - 1
			}
		}
		return failed
	}
}

// reference asks the library whether the value at [start, end) is good for all of list.
func (m *machine) reference(list []*jsonschema.Schema, start, end int) bool {
	if c := m.data[start]; (c == '{' || c == '[') && !m.checker.schema.within(end-start, freeTicks) {
		m.err = errWork
		return false
	}
	v := m.decode(start, end)
	for _, s := range list {
		failure, err := validate(s, v)
		if err != nil {
			m.err = err
		}
		if failure != nil || err != nil {
			return false
		}
	}
	return true
}

// decode makes a value of data[start:end], which is well-formed.
func (m *machine) decode(start, end int) any {
	raw := m.data[start:end]
	if c := raw[0]; c == '-' || c-'0' <= 9 {
		return json.Number(raw)
	}
	v, bad := m.checker.decode(raw)
	if bad != nil {
		m.err = errReread
	}
	return v
}
