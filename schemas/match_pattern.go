package schemas

import (
	"regexp/syntax"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// matcher goes over what is left of a string in a JSON text, from i on, and returns the
// position of the closing quote if the string surely is well-formed and what is wanted. If
// it returns a negative position, the string may be anything: it has to be looked at in
// the usual way.
type matcher func(d []byte, i int) int

// textPattern is a regular expression of a schema. Simple ones are matched by tables of
// bytes, the others by package regexp.
type textPattern struct {
	re     jsonschema.Regexp
	simple sequence
	ready  bool    // simple says all that the pattern does, for texts in ASCII
	direct matcher // or nil
}

func newTextPattern(re jsonschema.Regexp) *textPattern {
	p := &textPattern{re: re}
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil {
		return p
	}
	if p.simple, p.ready = simplePattern(tree); !p.ready {
		return p
	}
	plain := p.simple.plain()
	p.direct = func(d []byte, i int) int {
		end := plain.run(d, i)
		if end >= 0 && end < len(d) && d[end] == '"' {
			return end
		}
		if end < 0 || plain.closed {
			return failed
		}
		end, _ = scanText(d, end)
		return end
	}
	return p
}

// match reports whether a pattern matches a text. If that might take too long, it fails,
// and the machine with it.
func (m *machine) match(p *textPattern, text []byte) bool {
	if p.ready && isASCII(text) {
		return p.matchSimple(text)
	}
	if m.steps += len(text) * programSize(p.re); m.steps > maxTicks {
		m.err = errWork
		return false
	}
	return p.matchRegexp(text)
}

// matchSimple is for a pattern that is ready, and a text in ASCII.
func (p *textPattern) matchSimple(text []byte) bool {
	end := p.simple.run(text, 0)
	return end == len(text) || end >= 0 && !p.simple.closed
}

func (p *textPattern) matchRegexp(text []byte) bool {
	if re, ok := p.re.(*pattern); ok {
		return re.Match(text)
	}
	return p.re.MatchString(string(text))
}

func isASCII(text []byte) bool {
	for _, c := range text {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// class is a set of bytes, all of them ASCII.
type class [256]bool

// element is a run of between min and max bytes of a class or, if it has a group, that
// group or nothing.
type element struct {
	set      *class
	min, max int // max is -1 for no bound
	group    []element
	first    *class // of the group: what it may begin with
}

// sequence is a pattern that begins at the beginning of the text and can be matched
// without ever going back: what follows an element of several lengths never begins with a
// byte that the element itself would take.
type sequence struct {
	elements []element
	closed   bool // it must go up to the end of the text
}

// simplePattern makes a sequence of a pattern; false if it is no such pattern.
func simplePattern(tree *syntax.Regexp) (s sequence, ok bool) {
	if tree.Op != syntax.OpConcat || len(tree.Sub) < 2 || tree.Sub[0].Op != syntax.OpBeginText {
		return s, false
	}
	list := tree.Sub[1:]
	if last := list[len(list)-1]; last.Op == syntax.OpEndText {
		s.closed, list = true, list[:len(list)-1]
	}
	for _, sub := range list {
		if s.elements, ok = appendElement(s.elements, sub); !ok {
			return s, false
		}
	}
	for n := len(s.elements); !s.closed && n > 0 && canBeEmpty(s.elements[n-1:]); n-- {
		s.elements = s.elements[:n-1] // whether that is there makes no difference
	}
	return s, sure(s.elements, nil)
}

// appendElement adds what a part of a pattern stands for.
func appendElement(list []element, t *syntax.Regexp) ([]element, bool) {
	switch t.Op {
	case syntax.OpEmptyMatch:
		return list, true
	case syntax.OpCapture:
		return appendElement(list, t.Sub[0])
	case syntax.OpConcat:
		ok := true
		for _, sub := range t.Sub {
			if list, ok = appendElement(list, sub); !ok {
				return list, false
			}
		}
		return list, true
	case syntax.OpLiteral:
		for _, r := range t.Rune {
			if r >= 0x80 || t.Flags&syntax.FoldCase != 0 {
				return list, false
			}
			set := &class{}
			set[r] = true
			list = append(list, element{set: set, min: 1, max: 1})
		}
		return list, true
	case syntax.OpCharClass:
		return append(list, element{set: classOf(t), min: 1, max: 1}), true
	case syntax.OpRepeat, syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
		return appendRepeat(list, t)
	default:
		return list, false
	}
}

// classOf is the part of a class that is ASCII.
func classOf(t *syntax.Regexp) *class {
	set := &class{}
	for i := 0; i+1 < len(t.Rune); i += 2 {
		for r := t.Rune[i]; r <= t.Rune[i+1] && r < 0x80; r++ {
			set[r] = true
		}
	}
	return set
}

func appendRepeat(list []element, t *syntax.Regexp) ([]element, bool) {
	if t.Flags&syntax.NonGreedy != 0 {
		return list, false
	}
	least, most := t.Min, t.Max
	switch t.Op {
	case syntax.OpStar:
		least, most = 0, -1
	case syntax.OpPlus:
		least, most = 1, -1
	case syntax.OpQuest:
		least, most = 0, 1
	}
	inner, ok := appendElement(nil, t.Sub[0])
	if !ok || len(inner) == 0 {
		return list, false
	}
	if len(inner) == 1 && inner[0].group == nil && inner[0].min == 1 && inner[0].max == 1 {
		inner[0].min, inner[0].max = least, most
		return append(list, inner[0]), true
	}
	if least != 0 || most != 1 || !sure(inner, nil) || canBeEmpty(inner) {
		return list, false
	}
	return append(list, element{group: inner, first: firstOf(inner)}), true
}

func canBeEmpty(list []element) bool {
	for _, e := range list {
		if e.group == nil && e.min > 0 {
			return false
		}
	}
	return true
}

// firstOf is what a list of elements may begin with.
func firstOf(list []element) *class {
	set := &class{}
	for _, e := range list {
		from := e.set
		if e.group != nil {
			from = e.first
		}
		for c, in := range from {
			set[c] = set[c] || in
		}
		if e.group == nil && e.min > 0 {
			break
		}
	}
	return set
}

// sure reports whether the elements can be matched without going back, if what follows
// them begins with a byte of after.
func sure(list []element, after *class) bool {
	for i, e := range list {
		if e.group == nil && e.min == e.max {
			continue
		}
		rest := list[i+1:]
		next := firstOf(rest)
		if after != nil && canBeEmpty(rest) {
			for c, in := range after {
				next[c] = next[c] || in
			}
		}
		from := e.set
		if e.group != nil {
			from = e.first
			if !sure(e.group, next) {
				return false
			}
		}
		for c, in := range from {
			if in && next[c] {
				return false
			}
		}
	}
	return true
}

// plain is the sequence without the bytes that a JSON text cannot hold as they are.
func (s sequence) plain() sequence {
	return sequence{elements: plainElements(s.elements), closed: s.closed}
}

func plainElements(list []element) []element {
	out := make([]element, len(list))
	for i, e := range list {
		out[i] = e
		if e.group != nil {
			out[i].group = plainElements(e.group)
			out[i].first = e.first
			continue
		}
		set := *e.set
		set['"'], set['\\'] = false, false
		clear(set[:0x20])
		out[i].set = &set
	}
	return out
}

// run goes over what the sequence matches in d from i on, and returns the position after
// it, or a negative one.
func (s *sequence) run(d []byte, i int) int { return runElements(s.elements, d, i) }

func runElements(list []element, d []byte, i int) int {
	for k := range list {
		e := &list[k]
		if e.group != nil {
			if i < len(d) && e.first[d[i]] {
				if i = runElements(e.group, d, i); i < 0 {
					return failed
				}
			}
			continue
		}
		most := len(d)
		if e.max >= 0 && e.max < len(d)-i {
			most = i + e.max
		}
		from, set := i, e.set
		for i < most && set[d[i]] {
			i++
		}
		if i-from < e.min {
			return failed
		}
	}
	return i
}
