package schemas

import "encoding/binary"

// frame is what is known of an object that is being read.
type frame struct {
	node   *objectNode
	start  int
	count  int    // members so far
	low    uint64 // the set of the first 64 properties that were seen
	seen   int    // where the set of all of them begins in machine.seen, if there are more
	index  int    // where its index begins in machine.index
	others int    // where its other names begin in machine.others
	last   int    // where the prediction of the next name is in machine.next
	extra  bool   // it has members that are not in node.props
	wrong  bool   // while collecting: its names are not as they should be
}

// objectAt reads the object at start.
func (m *machine) objectAt(n *node, start int) int {
	o, d := n.object, m.data
	if m.depth++; m.depth > m.checker.maxDepth {
		return failed
	}
	f := frame{node: o, start: start, seen: len(m.seen), index: len(m.index), others: len(m.others.list), last: o.order}
	if o.words > 1 || o.indexed {
		m.open(o)
	}
	i := start + 1
	if i < len(d) && d[i] <= ' ' {
		i = skipBlank(d, i)
	}
	if i < len(d) && d[i] == '}' {
		i++
	} else {
		for {
			if i = m.member(&f, i); i < 0 {
				return i
			}
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
			if d[i] != '}' {
				return failed
			}
			i++
			break
		}
	}
	if f.wrong || !m.names(&f) {
		if m.mode&collecting == 0 {
			return failed
		}
		m.explainNames(&f)
	}
	m.depth--
	if n.plain {
		if n.slot >= 0 {
			m.spans[n.slot] = Span{start, i}
		}
	} else if i = m.finish(n, &f, start, i); i < 0 {
		return i
	}
	if f.extra || o.words > 1 || o.indexed {
		m.seen, m.index = m.seen[:f.seen], m.index[:f.index]
		m.others.cut(f.others)
	}
	return i
}

// open makes room for what is kept of an object beyond its frame.
func (m *machine) open(o *objectNode) {
	if o.words > 1 {
		for range o.words {
			m.seen = append(m.seen, 0)
		}
	}
	if o.indexed {
		for range o.props {
			m.index = append(m.index, 0)
		}
	}
}

// member reads the member whose name is at i.
func (m *machine) member(f *frame, i int) int {
	o, d := f.node, m.data
	if i >= len(d) || d[i] != '"' {
		return failed
	}
	f.count++
	m.work++
	at := int(m.next[f.last])
	if at >= len(o.props) {
		return m.unpredicted(f, i)
	}
	p := &o.props[at]
	if !p.quoted.follows(d, i+1) {
		return m.unpredicted(f, i)
	}
	i += 1 + len(p.quoted.text)
	if !o.quick || m.mode != 0 {
		return m.known(f, at, i-len(p.quoted.text), i-2, i)
	}
	f.last = o.order + 1 + at
	if f.low>>at&1 != 0 {
		return failed // a name twice
	}
	f.low |= 1 << at
	if i < len(d) && d[i] <= ' ' {
		i = skipBlank(d, i)
	}
	return m.value(p.node, i)
}

// unpredicted reads the member at i by looking its name up.
func (m *machine) unpredicted(f *frame, i int) int {
	o, d := f.node, m.data
	from := i + 1
	to, looks := scanText(d, from)
	if to < 0 {
		return failed
	}
	if i = to + 1; i < len(d) && d[i] <= ' ' {
		i = skipBlank(d, i)
	}
	if i >= len(d) || d[i] != ':' {
		return failed
	}
	i++
	name := d[from:to]
	if looks&escaped != 0 {
		m.text = appendUnescaped(m.text[:0], name)
		name = m.text
	}
	if at := o.names.find(o.props, name); at >= 0 {
		m.next[f.last] = uint16(at)
		return m.known(f, at, from, to, i)
	}
	return m.other(f, name, from, to, i)
}

// known reads the rest of a member whose property is props[at] and whose name is
// data[from:to], from after the colon at i on.
func (m *machine) known(f *frame, at, from, to, i int) int {
	o, d := f.node, m.data
	f.last = o.order + 1 + at
	word, bit := &f.low, uint64(1)<<(at&63)
	if at >= 64 {
		word = &m.seen[f.seen+at>>6]
	}
	if *word&bit != 0 {
		return failed // a name twice
	}
	*word |= bit
	if i < len(d) && d[i] <= ' ' {
		i = skipBlank(d, i)
	}
	if o.indexed {
		m.index[f.index+at] = int32(i)
	}
	p := &o.props[at]
	if p.forbidden || o.naming != nil && !m.named(o, from-1) {
		if m.mode&collecting == 0 {
			return failed
		}
		f.wrong = true
	}
	if m.mode&metering != 0 {
		up := m.payMember(d[from:to])
		i = m.value(p.node, i)
		m.place = up
		return i
	}
	if m.mode&collecting == 0 {
		return m.value(p.node, i)
	}
	m.path = append(m.path, step{name: d[from:to], index: -1})
	i = m.value(p.node, i)
	m.path = m.path[:len(m.path)-1]
	return i
}

// other reads the rest of a member that is not in the node's table, from after the colon
// at i on.
func (m *machine) other(f *frame, name []byte, from, to, i int) int {
	o, d := f.node, m.data
	f.extra = true
	name, unique := m.others.add(f.others, name, d, from, to)
	if !unique {
		return failed
	}
	if i < len(d) && d[i] <= ' ' {
		i = skipBlank(d, i)
	}
	node := o.rest
	if o.closed || o.naming != nil && !m.named(o, from-1) {
		if m.mode&collecting == 0 {
			return failed
		}
		f.wrong = true
	}
	if m.mode&collecting != 0 {
		m.path = append(m.path, step{name: d[from:to], index: -1})
	}
	if m.mode&metering != 0 {
		up := m.payMember(d[from:to])
		defer func() { m.place = up }()
	}
	end := i
	for k := range o.patterned {
		if e := m.byPatterns(f, &o.patterned[k], name, i); e != i {
			if end = e; end < 0 {
				return end
			}
		}
	}
	if !node.anything || end == i {
		end = m.value(node, i)
	}
	if m.mode&collecting != 0 && end >= 0 {
		m.path = m.path[:len(m.path)-1]
	}
	return end
}

// byPatterns judges the value at i of a member as one schema's patternProperties and
// additionalProperties say. It returns i if these say nothing.
func (m *machine) byPatterns(f *frame, p *patterned, name []byte, i int) int {
	matched, end := false, i
	for k, re := range p.patterns {
		if !m.match(re, name) {
			continue
		}
		matched = true
		if end = m.value(p.nodes[k], i); end < 0 {
			return end
		}
	}
	if matched {
		return end
	}
	if p.rest == nil {
		if m.mode&collecting == 0 {
			return failed
		}
		f.wrong = true
		return i
	}
	if p.rest.anything {
		return i
	}
	return m.value(p.rest, i)
}

// named reports whether the name whose quote is at i is as propertyNames says.
func (m *machine) named(o *objectNode, i int) bool {
	for _, n := range o.naming {
		if !m.holds(n, i) {
			return false
		}
	}
	return true
}

// names reports whether the members that an object has are as many and those that they
// have to be.
func (m *machine) names(f *frame) bool {
	o := f.node
	if o.required != nil && !m.subset(f, o.required) {
		return false
	}
	if f.count < o.least || o.most >= 0 && f.count > o.most {
		return false
	}
	for k := range o.dependents {
		if p := &o.dependents[k]; m.has(f, p.property) && !m.hasAll(f, p.required) {
			return false
		}
	}
	return true
}

// subset reports whether all of a set of properties were seen.
func (m *machine) subset(f *frame, set []uint64) bool {
	if set[0]&^f.low != 0 {
		return false
	}
	for k := 1; k < len(set); k++ {
		if set[k]&^m.seen[f.seen+k] != 0 {
			return false
		}
	}
	return true
}

// within reports whether all that were seen are of a set of properties.
func (m *machine) within(f *frame, set []uint64) bool {
	if len(set) > 0 && f.low&^set[0] != 0 {
		return false
	}
	for k := 1; k < len(set); k++ {
		if m.seen[f.seen+k]&^set[k] != 0 {
			return false
		}
	}
	return true
}

func (m *machine) has(f *frame, at int) bool {
	if at < 64 {
		return f.low>>at&1 != 0
	}
	return m.seen[f.seen+at>>6]>>(at&63)&1 != 0
}

func (m *machine) hasAll(f *frame, list []int) bool {
	for _, at := range list {
		if !m.has(f, at) {
			return false
		}
	}
	return true
}

// sees reports whether a branch is good for the object of the frame, which was read and
// whose index is there.
func (m *machine) sees(v *branchView, f *frame) bool {
	switch {
	case v.whole:
		return m.holds(v.node, f.start)
	case v.node.anything:
		return true
	case v.node.object == nil:
		return false
	}
	o := v.node.object
	if !m.hasAll(f, v.required) || f.count < o.least || o.most >= 0 && f.count > o.most || v.allowed != nil && f.extra {
		return false
	}
	if v.allowed != nil && !m.within(f, v.allowed) {
		return false
	}
	for _, at := range v.banned {
		if m.has(f, at) {
			return false
		}
	}
	for k := range v.depends {
		if p := &v.depends[k]; m.has(f, p.property) && !m.hasAll(f, p.required) {
			return false
		}
	}
	for k := range v.probes {
		p := &v.probes[k]
		if i := m.index[f.index+p.property]; i != 0 && !m.holds(p.node, int(i)) {
			return false
		}
	}
	for k := range v.choices {
		if !m.decide(&v.choices[k], f, f.start) {
			return false
		}
	}
	return true
}

// nameTable finds a property by its name.
type nameTable struct {
	slots []uint16 // number of the property, from 1; 0 is free
	shift uint
	whole bool // the hash is of the whole name
}

// maxProbes is how many slots a name may be away from its own before whole names are hashed.
const maxProbes = 8

func newNameTable(props []property) nameTable {
	t, crowded := fillNameTable(props, false)
	if crowded {
		t, _ = fillNameTable(props, true)
	}
	return t
}

func fillNameTable(props []property, whole bool) (t nameTable, crowded bool) {
	size, bits := 4, uint(2)
	for size < 2*len(props) {
		size, bits = size*2, bits+1
	}
	t = nameTable{slots: make([]uint16, size), shift: 64 - bits, whole: whole}
	for i := range props {
		k, probes := t.hash([]byte(props[i].name)), 0
		for t.slots[k] != 0 {
			k = (k + 1) & (size - 1)
			probes++
		}
		if t.slots[k] = uint16(i + 1); probes > maxProbes && !whole {
			return t, true
		}
	}
	return t, false
}

// hash needs to be no better than what the schema's author would want: only names of the
// schema are in the table. It looks at the ends of a name, unless the schema's names have
// their differences in the middle.
func (t *nameTable) hash(name []byte) int {
	h := head(name) ^ uint64(len(name))*0x9E3779B97F4A7C15
	if t.whole {
		for rest := name; len(rest) > 8; rest = rest[8:] {
			h = (h ^ binary.LittleEndian.Uint64(rest)) * 0x9E3779B97F4A7C15
			h ^= h >> 29
		}
	}
	return int(h * 0xD6E8FEB86659FD93 >> t.shift)
}

// head is the first eight bytes of a name and, if it has more, its last eight.
func head(name []byte) uint64 {
	if n := len(name); n >= 8 {
		return binary.LittleEndian.Uint64(name) ^ binary.LittleEndian.Uint64(name[n-8:])<<1
	}
	var w uint64
	for i := len(name) - 1; i >= 0; i-- {
		w = w<<8 | uint64(name[i])
	}
	return w
}

// find returns the number of the property, or -1.
func (t *nameTable) find(props []property, name []byte) int {
	for k := t.hash(name); t.slots[k] != 0; k = (k + 1) & (len(t.slots) - 1) {
		if at := int(t.slots[k]) - 1; props[at].name == string(name) {
			return at
		}
	}
	return -1
}
