package schemas

import "errors"

// Span is where a value stands in a payload: payload[Start:End]. The zero value stands
// for nowhere.
type Span struct{ Start, End int }

// machine runs the nodes of a checker over one payload at a time. It belongs to one
// goroutine while it does.
//
// A position is returned by all that reads; it is negative if the payload is not good, or
// if that could not be found out. While it collects, only a payload that is not
// well-formed stops it: of everything else that is wrong it keeps the reasons and goes on.
type machine struct {
	checker *Checker
	data    []byte
	depth   int
	spans   []Span
	err     error // ours

	// next is, for each property of each node, the property that followed it last time:
	// most events have their members in the same order as the one before.
	next []uint16

	seen   []uint64 // sets of the properties of the objects that are open
	index  []int32  // where their members begin, for those that have an index
	others memberNames
	text   []byte   // a string without its escapes
	prints []uint64 // fingerprints of the items of arrays

	mode mode

	// The cost of the payload for the library, in ticks: an upper bound, counted while it is
	// read if that was not clear from its size. See meter.
	ticks  int
	limit  int        // of ticks
	place  *costPlace // of the value
	unique int        // how many uniqueItems compare it
	// How much was read again for the sake of branches: members, items, and bytes of text.
	probing bool
	work    int
	steps   int // of package regexp, at most

	path    []step // to the value, while it collects
	reasons []reason
}

// mode is what a machine does beside finding out whether a payload is good.
type mode uint8

const (
	collecting mode = 1 << iota // it keeps the reasons, and goes on
	metering                    // it counts the cost
	paid                        // of the value that is read next, the cost is counted
)

// step is a member or item on the way to a value.
type step struct {
	name  []byte // as it is written, without the quotes
	index int    // -1 for a member
}

// maxWork bounds what is read again of a payload: beyond it, the library decides, for which
// there is a meter.
const maxWork = 32 << 20

var errWork = errors.New("schemas: the branches of the schema are too much work for the checker")

// failed is the position of a payload that is not good.
const failed = -1

// run reads the payload with a node. It returns whether the payload is good; while
// it collects, whether it is well-formed.
func (m *machine) run(root *node) bool {
	i := m.value(root, skipBlank(m.data, 0))
	return i >= 0 && skipBlank(m.data, i) == len(m.data)
}

// value reads the value at i.
func (m *machine) value(n *node, i int) int {
	d := m.data
	if i >= len(d) {
		return failed
	}
	if m.mode != 0 {
		if m.mode&(metering|paid) == metering {
			return m.pay(n, i)
		}
		m.mode &^= paid
		if n.whole && m.mode&collecting != 0 {
			return m.asWhole(n, i)
		}
	}
	if n.dispatch != nil {
		if n = m.lead(n, i); n.whole && m.mode&collecting != 0 {
			return m.asWhole(n, i)
		}
	}
	var end int
	switch c := d[i]; c {
	case '"':
		if n.text == nil {
			return m.mismatch(n, i)
		}
		if end = m.string(n, n.text, i); end < 0 {
			return end
		}
	case '{':
		if n.object == nil {
			return m.mismatch(n, i)
		}
		return m.objectAt(n, i)
	case '[':
		if n.array == nil {
			return m.mismatch(n, i)
		}
		return m.arrayAt(n, i)
	case 't':
		if end = i + 4; end > len(d) || string(d[i:end]) != "true" {
			return failed
		}
		if !n.yes {
			return m.mismatch(n, i)
		}
	case 'f':
		if end = i + 5; end > len(d) || string(d[i:end]) != "false" {
			return failed
		}
		if !n.no {
			return m.mismatch(n, i)
		}
	case 'n':
		if end = i + 4; end > len(d) || string(d[i:end]) != "null" {
			return failed
		}
		if !n.null {
			return m.mismatch(n, i)
		}
	default:
		if c != '-' && c-'0' > 9 {
			return failed
		}
		if n.number == nil {
			return m.mismatch(n, i)
		}
		if end = m.numberAt(n, i); end < 0 {
			return end
		}
	}
	if !n.plain && !m.scalar(n, i, end) {
		return m.bad(n, i, end)
	}
	if n.slot >= 0 {
		m.spans[n.slot] = Span{i, end}
	}
	return end
}

// scalar decides what remains of a string, number, boolean or null.
func (m *machine) scalar(n *node, i, end int) bool {
	for k := range n.choices {
		if c := &n.choices[k]; c.kind != ifPresent && !m.decide(c, nil, i) {
			return false
		}
	}
	return len(n.opaque) == 0 || m.reference(n.opaque, i, end)
}

// mismatch is a value of a kind that is not allowed.
func (m *machine) mismatch(n *node, i int) int {
	if m.mode&collecting == 0 {
		return failed
	}
	end := m.skip(i)
	if end >= 0 {
		m.explain(n.roots, i, end)
	}
	return end
}

// lead follows the dispatches of a node for the value at i as far as they tell.
func (m *machine) lead(n *node, i int) *node {
	// Of a union that a property decides, the branch that was meant explains; unless the
	// value is of the wrong kind, of which no more is said.
	explains := m.mode&collecting != 0
	for n.dispatch != nil && !(explains && (n.dispatch.byKind || n.object == nil)) {
		next := m.choose(n.dispatch, i)
		if next == nil || explains && next == m.checker.never {
			break
		}
		n = next
	}
	return n
}

// choose looks at the value at i. It returns nil if the look does not tell.
func (m *machine) choose(x *dispatch, i int) *node {
	d := m.data
	if x.byKind {
		kind := kindOf[d[i]]
		if kind == kindCount || x.kinds[kind] == nil {
			return m.checker.never
		}
		return x.kinds[kind]
	}
	if d[i] != '{' {
		return nil
	}
	at := m.find(i, x.tag)
	if at < 0 {
		return nil
	}
	if at == 0 {
		return x.missing
	}
	if d[at] != '"' {
		return nil
	}
	end, looks := scanText(d, at+1)
	if end < 0 || looks&escaped != 0 {
		return nil
	}
	if n := x.of[string(d[at+1:end])]; n != nil {
		return n
	}
	return x.other
}

// find looks for a member of the object at i, and returns where its value begins: 0 if
// there is none, and failed if it cannot tell.
func (m *machine) find(i int, name string) int {
	d := m.data
	for i = skipBlank(d, i+1); i < len(d) && d[i] != '}'; {
		if d[i] != '"' {
			return failed
		}
		from := i + 1
		to, looks := scanText(d, from)
		if to < 0 || looks&escaped != 0 {
			return failed
		}
		if i = skipBlank(d, to+1); i >= len(d) || d[i] != ':' {
			return failed
		}
		i = skipBlank(d, i+1)
		if string(d[from:to]) == name {
			if i >= len(d) {
				return failed
			}
			return i
		}
		if i = m.peek(i); i < 0 {
			return failed
		}
		if i = skipBlank(d, i); i < len(d) && d[i] == ',' {
			i = skipBlank(d, i+1)
		}
	}
	if i >= len(d) {
		return failed
	}
	return 0
}

// peek goes over a value that will be read again.
func (m *machine) peek(i int) int {
	probing, mode, depth := m.probing, m.mode, m.depth
	seen, index, others := len(m.seen), len(m.index), len(m.others.list)
	m.probing, m.mode = true, 0
	end := m.value(m.checker.skip, i)
	m.probing, m.mode, m.depth = probing, mode, depth
	if end < 0 {
		m.seen, m.index = m.seen[:seen], m.index[:index]
		m.others.cut(others)
	}
	return end
}

// asWhole collects what is wrong with a value by the library alone.
func (m *machine) asWhole(n *node, i int) int {
	end := m.skip(i)
	if end >= 0 && !m.holds(n, i) {
		m.explain(n.roots, i, end)
	}
	return end
}

// bad is a value that fails its node, and that all the node's schemas together explain.
func (m *machine) bad(n *node, i, end int) int {
	if m.mode&collecting == 0 {
		return failed
	}
	m.explain(n.roots, i, end)
	return end
}

// skip reads a value of which nothing is asked but that it is well-formed.
func (m *machine) skip(i int) int {
	mode := m.mode
	m.mode &^= collecting
	end := m.value(m.checker.skip, i) // an object or array in it is counted, as any other
	m.mode = mode
	return end
}

// holds reports whether the value at i is good for a node, whatever is being done.
func (m *machine) holds(n *node, i int) bool {
	if n.anything {
		return true
	}
	if m.work > maxWork {
		m.err = errWork
		return false
	}
	probing, mode, depth := m.probing, m.mode, m.depth
	seen, index, others := len(m.seen), len(m.index), len(m.others.list)
	m.probing, m.mode = true, 0
	m.work++
	end := m.value(n, i)
	m.probing, m.mode, m.depth = probing, mode, depth
	if end < 0 {
		m.seen, m.index = m.seen[:seen], m.index[:index]
		m.others.cut(others)
	}
	return end >= 0
}

// decide reports whether a choice is good for the value at i; f is the index of the value
// if it is an object that has one.
func (m *machine) decide(c *choice, f *frame, i int) bool {
	test := func(k int) bool {
		if f != nil && c.views != nil {
			return m.sees(c.views[k], f)
		}
		return m.holds(c.branches[k], i)
	}
	switch c.kind {
	case anyOf:
		for k := range c.branches {
			if test(k) {
				return true
			}
		}
		return false
	case oneOf:
		found := false
		for k := range c.branches {
			if test(k) {
				if found {
					return false
				}
				found = true
			}
		}
		return found
	case not:
		return !test(0)
	case ifThenElse:
		if test(0) {
			return test(1)
		}
		return test(2)
	default: // ifPresent
		return f == nil || m.index[f.index+c.property] == 0 || test(0)
	}
}

// numberAt reads the number at i.
func (m *machine) numberAt(n *node, i int) int {
	o, d := n.number, m.data
	if o.ranged {
		// Whole numbers of a few digits, which most are.
		at := i
		if d[i] == '-' {
			at++
		}
		first := at
		u, few := fewDigits(d, at)
		if at += few; few == 0 {
			for ; at < len(d) && d[at]-'0' <= 9 && at-first < maxDigits; at++ {
				u = u*10 + uint64(d[at]-'0')
			}
		}
		if at < len(d) && endsNumber[d[at]] && at > first && (d[first] != '0' || at == first+1) && at-i <= m.checker.maxNumber {
			v := int64(u)
			if first > i {
				v = -v
			}
			if v < o.low || v > o.high {
				return m.bad(n, i, at)
			}
			return at
		}
	}
	num, end, exponent, exact := scanNumber(d, i)
	if end < 0 || end-i > m.checker.maxNumber || exponent > m.checker.maxExponent {
		return failed
	}
	if o.any {
		return end
	}
	good, known := false, false
	if exact && !o.hard {
		good, known = o.good(num)
	}
	if !known {
		good = m.reference(n.roots, i, end)
	}
	if !good {
		return m.bad(n, i, end)
	}
	return end
}

// endsNumber are the bytes that may follow a whole number.
var endsNumber = [256]bool{',': true, '}': true, ']': true, ' ': true, '\n': true, '\r': true, '\t': true}

// good reports whether a number is within the node's bounds.
func (o *numberNode) good(n decimal) (good, known bool) {
	if o.integer && !n.isInteger() {
		return false, true
	}
	for i := range o.bounds {
		b := &o.bounds[i]
		if c := n.compare(b.value); c == b.outside || c == 0 && b.excludes {
			return false, true
		}
	}
	for _, k := range o.multiples {
		if yes, known := n.isMultiple(k); !yes || !known {
			return false, known
		}
	}
	for _, list := range o.values {
		found := false
		for _, v := range list {
			found = found || n.compare(v) == 0
		}
		if !found {
			return false, true
		}
	}
	return true, true
}

// arrayAt reads the array at i.
func (m *machine) arrayAt(n *node, start int) int {
	a, d := n.array, m.data
	if m.depth++; m.depth > m.checker.maxDepth {
		return failed
	}
	i := skipBlank(d, start+1)
	count := 0
	var found [4]int // items that the first contains want
	if i < len(d) && d[i] == ']' {
		i++
	} else {
		for {
			item := a.rest
			if count < len(a.first) {
				item = a.first[count]
			}
			if m.mode&collecting != 0 {
				m.path = append(m.path, step{index: count})
			}
			from := i
			if m.mode&metering == 0 {
				i = m.value(item, i)
			} else {
				i = m.payItem(item, i)
			}
			if i < 0 {
				return i
			}
			if m.mode&collecting != 0 {
				m.path = m.path[:len(m.path)-1]
			}
			for k := range min(len(a.contains), len(found)) {
				if c := &a.contains[k]; (c.most >= 0 || found[k] < c.least) && m.holds(c.node, from) {
					found[k]++
				}
			}
			m.work++
			count++
			if i < len(d) && d[i] <= ' ' {
				i = skipBlank(d, i)
			}
			if i >= len(d) {
				return failed
			}
			if d[i] == ',' {
				if i++; i < len(d) && d[i] <= ' ' {
					i = skipBlank(d, i)
				}
				continue
			}
			if d[i] != ']' {
				return failed
			}
			i++
			break
		}
	}
	m.depth--
	if count < a.least || a.most >= 0 && count > a.most {
		if m.mode&collecting == 0 {
			return failed
		}
		m.explainCount(a.shallow, count)
	}
	if a.unique && count > 1 && !m.distinct(start, i) {
		if m.mode&collecting == 0 {
			return failed
		}
		m.explain(a.repeats, start, i)
	}
	for k := range a.contains {
		c := &a.contains[k]
		n := 0
		if k < len(found) {
			n = found[k]
		} else {
			n = m.wanted(c, start)
		}
		if n < c.least || c.most >= 0 && n > c.most {
			if m.mode&collecting == 0 {
				return failed
			}
			m.explainOne(c.only, start, i)
		}
	}
	return m.finish(n, nil, start, i)
}

// finish decides what remains of an array or object, at [start, end).
func (m *machine) finish(n *node, f *frame, start, end int) int {
	if !n.plain {
		for k := range n.choices {
			if c := &n.choices[k]; !m.decide(c, f, start) {
				if m.mode&collecting == 0 {
					return failed
				}
				m.explainOne(c.only, start, end)
			}
		}
		if len(n.opaque) > 0 {
			if m.mode&collecting != 0 {
				m.explain(n.opaque, start, end)
			} else if !m.reference(n.opaque, start, end) {
				return failed
			}
		}
	}
	if n.slot >= 0 {
		m.spans[n.slot] = Span{start, end}
	}
	return end
}

// wanted counts the items that a contains wants, of the array at start, which is
// well-formed.
func (m *machine) wanted(c *containing, start int) (n int) {
	m.items(start, func(i, _ int) bool {
		if m.holds(c.node, i) {
			n++
		}
		return true
	})
	return n
}

// items goes through the items of a well-formed array.
func (m *machine) items(start int, visit func(from, to int) bool) {
	d := m.data
	for i := skipBlank(d, start+1); d[i] != ']'; {
		end := m.peek(i)
		if end < 0 || !visit(i, end) {
			return
		}
		if i = skipBlank(d, end); d[i] == ',' {
			i = skipBlank(d, i+1)
		}
	}
}
