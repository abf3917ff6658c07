package infer

import "strings"

// kind is a type of JSON Schema; a number that is written as an integer is one.
type kind int

const (
	object kind = iota
	array
	text
	number
	integer
	boolean
	null
	kinds
)

// place is what is known of the values at one place.
type place struct {
	name   string // of the member, "" for items and the root
	values uint64 // how many there were
	order  uint64 // sum of the member's positions in its objects, from 0
	kinds  [kinds]uint64

	low, high numeral // of the numbers
	short     span    // lengths of the texts, in characters
	long      span    // lengths of the arrays
	formats   formatSet
	texts     map[string]uint64 // how often each text was there, until there are too many
	open      bool              // there were too many
	deep      bool              // objects and arrays are not looked into

	items *place // of the arrays

	// The members of the objects, by name and in the order in which they came, or rest:
	// all values of all members, if the objects are taken for maps. A name is with all
	// its values in the one or the other.
	members map[string]*place
	list    []*place
	rest    *place
	busy    bool // a value of it is being read
}

func newPlace(name string) *place { return &place{name: name, formats: allFormats} }

// span is the least and the greatest of some lengths.
type span struct{ least, most int }

func (s *span) take(n int, first bool) {
	if first {
		*s = span{n, n}
		return
	}
	s.least, s.most = min(s.least, n), max(s.most, n)
}

// weight is what a place counts against Bounds.Places.
func weight(name string) int { return 1 + len(name)/64 }

// member is the place of an object's member. It is nil if the object is a map, or becomes
// one by it.
func (n *Inference) member(p *place, name string) *place {
	if m := p.members[name]; m != nil {
		return m
	}
	if p.rest != nil {
		return nil
	}
	if len(p.members) >= n.bounds.Members || odd(name) || !n.room() {
		n.collapse(p)
		return nil
	}
	m := newPlace(name)
	n.adopt(p, m)
	return m
}

// odd says whether a name is more likely data than a name.
func odd(name string) bool {
	return len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool {
		return r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029'
	})
}

func (n *Inference) adopt(p, m *place) {
	if p.members == nil {
		p.members = map[string]*place{}
	}
	p.members[m.name] = m
	p.list = append(p.list, m)
	n.places += weight(m.name)
}

// itemsOf is the place of an array's items.
func (n *Inference) itemsOf(p *place) *place {
	if p.items == nil {
		p.items = newPlace("")
		n.places++
	}
	return p.items
}

// restOf is the place of a map's values.
func (n *Inference) restOf(p *place) *place {
	if p.rest == nil {
		p.rest = newPlace("")
		n.places++
	}
	return p.rest
}

// collapse takes the objects of a place for maps.
func (n *Inference) collapse(p *place) {
	rest := n.restOf(p)
	for _, m := range p.list {
		n.merge(rest, m)
		n.places -= total(m)
	}
	p.members, p.list = nil, nil
}

// total is the weight of a place and all that is below it.
func total(p *place) int {
	sum := weight(p.name)
	for _, m := range p.list {
		sum += total(m)
	}
	if p.rest != nil {
		sum += total(p.rest)
	}
	if p.items != nil {
		sum += total(p.items)
	}
	return sum
}

// fit gives up places until the bound holds.
func (n *Inference) fit() {
	if n.places > n.bounds.Places {
		n.reduce()
	}
}

// room says whether there is room for a member's place, which it makes if it can. What is
// beyond the bound while a value is read goes when it was read; see fit.
func (n *Inference) room() bool {
	if n.places >= n.bounds.Places && !n.stuck {
		n.reduce()
		n.stuck = n.places >= n.bounds.Places
	}
	return n.places < 2*n.bounds.Places
}

// reduce takes the objects of the widest places for maps, and then of the next, until a
// quarter of the bound is free. It leaves places alone of which a value is being read.
func (n *Inference) reduce() {
	enough := n.bounds.Places - n.bounds.Places/4
	for n.places > enough {
		width := width(n.root)
		if width < 2 {
			return
		}
		n.narrow(n.root, width, enough)
	}
}

// width is the most members that a place has which can be given up.
func width(p *place) int {
	most := 0
	if !p.busy {
		most = len(p.list)
	}
	for _, m := range p.list {
		most = max(most, width(m))
	}
	for _, m := range []*place{p.items, p.rest} {
		if m != nil {
			most = max(most, width(m))
		}
	}
	return most
}

// narrow collapses the places that are so wide, until there are few enough.
func (n *Inference) narrow(p *place, width, enough int) {
	if n.places <= enough {
		return
	}
	if !p.busy && len(p.list) == width {
		n.collapse(p)
	}
	for _, m := range p.list {
		n.narrow(m, width, enough)
	}
	for _, m := range []*place{p.items, p.rest} {
		if m != nil {
			n.narrow(m, width, enough)
		}
	}
}

// merge adds what is known of q to p. q is not changed, and nothing of it is shared.
func (n *Inference) merge(p, q *place) {
	if q.numbers() > 0 {
		p.numeral(q.low)
		p.numeral(q.high)
	}
	if q.kinds[text] > 0 {
		p.short.take(q.short.least, p.kinds[text] == 0)
		p.short.take(q.short.most, false)
	}
	if q.kinds[array] > 0 {
		p.long.take(q.long.least, p.kinds[array] == 0)
		p.long.take(q.long.most, false)
	}
	p.formats &= q.formats
	for s, times := range q.texts {
		n.keep(p, s, times)
	}
	if q.open {
		p.texts, p.open = nil, true
	}
	p.values += q.values
	p.order += q.order
	for k := range q.kinds {
		p.kinds[k] += q.kinds[k]
	}
	if q.items != nil {
		n.merge(n.itemsOf(p), q.items)
	}
	n.mergeMembers(p, q)
	if p.deep = p.deep || q.deep; p.deep {
		n.forget(p)
	}
}

func (n *Inference) mergeMembers(p, q *place) {
	if q.rest != nil {
		if p.rest == nil {
			n.collapse(p)
		}
		n.merge(p.rest, q.rest)
	}
	for _, m := range q.list {
		switch to := p.members[m.name]; {
		case to != nil:
			n.merge(to, m)
		case p.rest != nil:
			n.merge(p.rest, m)
		case len(p.members) >= n.bounds.Members:
			n.collapse(p)
			n.merge(p.rest, m)
		default:
			to = newPlace(m.name)
			n.adopt(p, to)
			n.merge(to, m)
		}
	}
}

// forget lets go of what is below a place.
func (n *Inference) forget(p *place) {
	n.places -= total(p) - weight(p.name)
	p.members, p.list, p.rest, p.items = nil, nil, nil, nil
}

// keep takes note of a text, until there are too many to be an enum.
func (n *Inference) keep(p *place, s string, times uint64) {
	switch {
	case p.open:
	case len(s) > maxDistinctText:
		p.texts, p.open = nil, true
	case p.texts[s] > 0:
		p.texts[s] += times
	case len(p.texts) >= n.bounds.Distinct:
		p.texts, p.open = nil, true
	default:
		if p.texts == nil {
			p.texts = map[string]uint64{}
		}
		p.texts[s] = times
	}
}

func (p *place) numbers() uint64 { return p.kinds[number] + p.kinds[integer] }
