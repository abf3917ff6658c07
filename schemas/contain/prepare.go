package contain

import (
	"maps"
	"math/big"
	"slices"
	"strconv"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// prepare gives every node that is reached from the roots the number of its class: nodes
// that mean the same by their form have the same number, in whichever schema they stand,
// recursive ones too. It returns one node of each class, by number.
//
// The classes are the coarsest that agree with what each node says itself and with the
// classes of the nodes that it names: the partition refinement of automata (Moore, 1956).
func prepare(roots ...*Node) (classes []*Node) {
	all := reach(roots)
	own := make([]string, len(all))
	class := make([]int, len(all))
	at := make(map[*Node]int, len(all))
	for i, n := range all {
		at[n] = i
		own[i] = n.signature(i)
	}
	count := number(own, class)
	keys := make([]string, len(all))
	for {
		for i, n := range all {
			key := strconv.AppendInt(nil, int64(class[i]), 36)
			n.children(func(sub **Node) {
				key = append(key, ' ')
				key = strconv.AppendInt(key, int64(class[at[*sub]]), 36)
			})
			keys[i] = string(key)
		}
		more := number(keys, class)
		if more == count {
			break
		}
		count = more
	}
	classes = make([]*Node, count)
	for i, n := range all {
		n.id = class[i]
		if classes[n.id] == nil {
			classes[n.id] = n
		}
	}
	for _, n := range all {
		n.children(func(sub **Node) { *sub = classes[(*sub).id] })
	}
	return classes
}

// reach lists the nodes that are reached from the roots, the roots first.
func reach(roots []*Node) (all []*Node) {
	seen := map[*Node]bool{}
	add := func(n *Node) {
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

// number gives equal keys equal numbers and returns how many there are.
func number(keys []string, class []int) int {
	numbers := make(map[string]int, len(keys))
	for i, k := range keys {
		n, ok := numbers[k]
		if !ok {
			n = len(numbers)
			numbers[k] = n
		}
		class[i] = n
	}
	return len(numbers)
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
