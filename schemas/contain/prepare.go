package contain

import (
	"cmp"
	"encoding/binary"
	"maps"
	"math/big"
	"slices"
	"strconv"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// prepare gives every node that is reached from the roots the number of its class: nodes
// that mean the same by their form have the same number, in whichever schema they stand,
// recursive ones too. It returns one node of each class, by number. Where the budget ends on
// the way, each node is a class of its own.
func prepare(b *budget, roots ...*Node) (classes []*Node) {
	all := reach(b, roots)
	p := newPartition(b, all)
	if !p.refine(b) {
		for i := range p.class {
			p.class[i] = i
		}
	}
	ids := map[int]int{} // in the order of the nodes, so that an answer is the same each time
	for i, n := range all {
		id, ok := ids[p.class[i]]
		if !ok {
			id = len(classes)
			ids[p.class[i]] = id
			classes = append(classes, n)
		}
		n.id = id
	}
	for _, n := range all {
		n.children(func(sub **Node) { *sub = classes[(*sub).id] })
	}
	return classes
}

// reach lists the nodes that are reached from the roots, the roots first.
func reach(b *budget, roots []*Node) (all []*Node) {
	seen := map[*Node]bool{}
	add := func(n *Node) {
		b.use(1)
		if !seen[n] {
			seen[n] = true
			all = append(all, n)
		}
	}
	for _, r := range roots {
		add(r)
	}
	for i := 0; i < len(all); i++ {
		n := all[i]
		n.names = slices.Sorted(maps.Keys(n.Properties))
		n.children(func(sub **Node) { add(*sub) })
	}
	return all
}

// partition puts nodes into classes, the coarsest that agree with what each node says itself
// and with the classes of the nodes that it names. When a class falls apart, its largest part
// keeps the number, so that only nodes that name one of the others need another look: a node
// changes its number no more often than the logarithm of how many there are (Hopcroft, 1971;
// Paige and Tarjan, 1987).
type partition struct {
	class   []int      // of each node
	at      []int      // of each node, its place among the members of its class
	members [][]int    // of each class
	named   [][]naming // of each node, where it is named
}

// naming is where a node names another: as its child at a place.
type naming struct{ by, place int }

func newPartition(b *budget, all []*Node) *partition {
	p := &partition{class: make([]int, len(all)), at: make([]int, len(all)), named: make([][]naming, len(all))}
	at := make(map[*Node]int, len(all))
	numbers := make(map[string]int, len(all))
	for i, n := range all {
		at[n] = i
		if b.spent() {
			return p
		}
		own := n.signature(i)
		b.use(1 + len(own)/32)
		class, ok := numbers[own]
		if !ok {
			class = len(numbers)
			numbers[own] = class
			p.members = append(p.members, nil)
		}
		p.put(i, class)
	}
	for i, n := range all {
		place := 0
		n.children(func(sub **Node) {
			to := at[*sub]
			p.named[to] = append(p.named[to], naming{i, place})
			place++
		})
	}
	return p
}

// refine splits the classes until all agree. False: the budget ended before that.
func (p *partition) refine(b *budget) bool {
	changed := make([]int, len(p.class)) // nodes whose number is new
	for i := range changed {
		changed[i] = i
	}
	for len(changed) > 0 && !b.spent() {
		changed = p.split(p.apart(b, changed))
	}
	return !b.spent()
}

// group is nodes of one class that name the same new classes at the same places. Nodes of a
// class agreed before, so that they still do in all places that name no new class.
type group struct {
	class   int
	members []int
}

// apart groups the nodes that name a node whose number is new.
func (p *partition) apart(b *budget, changed []int) (groups []group) {
	var touched []naming // place is followed by the class there
	for _, to := range changed {
		if !b.use(2 + 2*len(p.named[to])) {
			return nil
		}
		for _, n := range p.named[to] {
			touched = append(touched, naming{n.by, n.place<<32 | p.class[to]})
		}
	}
	slices.SortFunc(touched, func(x, y naming) int { return cmp.Or(cmp.Compare(x.by, y.by), cmp.Compare(x.place, y.place)) })
	ids := map[string]int{}
	var key []byte
	for i := 0; i < len(touched); {
		by := touched[i].by
		key = binary.AppendUvarint(key[:0], uint64(p.class[by]))
		for ; i < len(touched) && touched[i].by == by; i++ {
			key = binary.AppendUvarint(key, uint64(touched[i].place))
		}
		id, ok := ids[string(key)]
		if !ok {
			id = len(groups)
			ids[string(key)] = id
			groups = append(groups, group{class: p.class[by]})
		}
		groups[id].members = append(groups[id].members, by)
	}
	return groups
}

// split makes each group a class, but for the largest part of what was one. It returns the
// nodes whose number is new.
func (p *partition) split(groups []group) (changed []int) {
	largest := map[int]int{} // of a class, the largest of its groups
	for i, g := range groups {
		if at, ok := largest[g.class]; !ok || len(g.members) > len(groups[at].members) {
			largest[g.class] = i
		}
	}
	move := func(list []int) {
		p.members = append(p.members, nil)
		for _, n := range list {
			p.take(n)
			p.put(n, len(p.members)-1)
		}
		changed = append(changed, list...)
	}
	for i, g := range groups {
		if largest[g.class] != i {
			move(g.members)
		}
	}
	for i, g := range groups { // now only the largest and those in no group are left
		rest := len(p.members[g.class]) - len(g.members)
		switch {
		case largest[g.class] != i || rest == 0:
		case rest >= len(g.members):
			move(g.members)
		default:
			for _, n := range g.members {
				p.take(n)
			}
			move(slices.Clone(p.members[g.class]))
			for _, n := range g.members {
				p.put(n, g.class)
			}
		}
	}
	return changed
}

// put makes a node, which is in no class, a member of one.
func (p *partition) put(n, class int) {
	p.class[n], p.at[n] = class, len(p.members[class])
	p.members[class] = append(p.members[class], n)
}

// take takes a node out of its class.
func (p *partition) take(n int) {
	list := p.members[p.class[n]]
	last := list[len(list)-1]
	list[p.at[n]], p.at[last] = last, p.at[n]
	p.members[p.class[n]] = list[:len(list)-1]
}

// signature is what a node says itself, without the nodes that it names but with their
// number. An opaque node is like no other.
func (n *Node) signature(i int) string {
	b := make([]byte, 0, 64)
	mark := func(letter byte, v int, blank int) {
		if v != blank {
			b = append(b, letter)
			b = strconv.AppendInt(b, int64(v), 10)
		}
	}
	texts := func(letter byte, list ...string) {
		if len(list) > 0 {
			b = append(b, letter)
		}
		for _, s := range list {
			b = strconv.AppendQuote(slices.Grow(b, len(s)+8), s) // by itself it would grow by no more than it needs
		}
	}
	if n.Opaque != "" {
		mark('O', i, -1)
	}
	if n.Never {
		b = append(b, 'N')
	}
	if n.Unique {
		b = append(b, 'U')
	}
	mark('t', int(n.Types), 0)
	mark('l', n.MinLength, 0)
	mark('L', n.MaxLength, -1)
	mark('i', n.MinItems, 0)
	mark('I', n.MaxItems, -1)
	mark('p', n.MinProperties, 0)
	mark('P', n.MaxProperties, -1)
	mark('c', n.MinContains, 1)
	mark('C', n.MaxContains, -1)
	mark('x', len(n.Prefix), 0)
	mark('a', len(n.AllOf), 0)
	mark('y', len(n.AnyOf), 0)
	mark('o', len(n.OneOf), 0)
	for k, sub := range []*Node{n.Not, n.If, n.Then, n.Else, n.Rest, n.Contains, n.Additional, n.Names} {
		if sub != nil {
			mark('n', k, -1)
		}
	}
	for k, r := range []*big.Rat{n.Minimum, n.Maximum, n.ExclusiveMinimum, n.ExclusiveMaximum, n.MultipleOf} {
		if r != nil {
			mark('r', k, -1)
			texts('=', r.RatString())
		}
	}
	if n.Values != nil {
		list := make([]string, len(n.Values))
		for i, v := range n.Values {
			list[i] = string(jsonread.AppendKey(nil, v))
		}
		slices.Sort(list)
		b = append(b, 'v')
		texts('=', slices.Compact(list)...)
	}
	if n.Pattern != nil {
		texts('m', n.Pattern.Source)
	}
	if n.Format != nil {
		texts('f', n.Format.Name)
	}
	texts('k', n.names...)
	for _, p := range n.Patterns {
		texts('M', p.Pattern.Source)
	}
	required := slices.Clone(n.Required)
	slices.Sort(required)
	texts('R', slices.Compact(required)...)
	for _, d := range n.Dependent {
		texts('d', d.Name)
		texts('D', d.Required...)
		if d.Node != nil {
			b = append(b, '+')
		}
	}
	return string(b)
}
