package schemas

import "bytes"

// pay counts what a value costs the library, and reads it.
func (m *machine) pay(n *node, i int) int {
	p, unique := m.place, m.unique
	m.ticks += p.evaluation + p.perLevel*m.depth + unique*perUnique
	c := m.data[i]
	switch c {
	case '{':
		m.ticks += p.object
	case '[':
		m.unique += p.unique
		m.ticks += p.unique * perUnique
	}
	if m.ticks > m.limit {
		m.err = errWork
		return failed
	}
	m.mode |= paid
	end := m.value(n, i)
	m.unique = unique
	if end < 0 {
		return end
	}
	switch size := end - i; {
	case c == '"':
		m.ticks += size*p.text + unique*size
	case c <= '9' && bytes.ContainsAny(m.data[i:end], "eE"):
		m.ticks += p.exponent + unique*exponents*evaluation
	}
	return end
}

// payMember counts what a member costs beside its value, and goes to the place of it. It
// returns the place where the machine was.
func (m *machine) payMember(name []byte) (up *costPlace) {
	p := m.place
	m.ticks += p.member + len(name)*p.name + m.unique*(perUnique+len(name))
	if bytes.IndexByte(name, '\\') >= 0 {
		name = appendUnescaped(nil, name)
	}
	m.place = p.child(m.checker.places(), name)
	return p
}

// payItem counts what an item costs beside its value, and reads it.
func (m *machine) payItem(n *node, i int) int {
	up := m.place
	m.ticks += up.item
	m.place = up.get(m.checker.places(), allItems)
	i = m.value(n, i)
	m.place = up
	return i
}
