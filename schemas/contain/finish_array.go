package contain

import (
	"math/bits"
	"slices"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// itemGoal is what the nodes of the leaf say of the item at an index.
func (s *solver) itemGoal(lf *leaf, i int) (goal []lit) {
	for _, n := range lf.array.nodes {
		if sub := n.item(i); sub != nil && !s.trivial(sub) {
			goal = append(goal, positive(sub))
		}
	}
	return normal(goal)
}

// prefix is the index from which on all items are alike.
func (lf *leaf) prefix() (n int) {
	for _, node := range lf.array.nodes {
		n = max(n, len(node.Prefix))
	}
	for _, f := range lf.array.items {
		if f.op == opItem {
			n = max(n, f.n+1)
		} else {
			n = max(n, f.n)
		}
	}
	return n
}

// demand is an item that is asked for.
type demand struct {
	from  int
	exact bool // at from itself
	lits  []lit
	// again says that it is the demand before once more: at an index after that one's.
	again bool
}

// finishArray looks for an array.
func (s *solver) finishArray(lf *leaf) outcome {
	a := &lf.array
	if a.max >= 0 && a.min > a.max {
		return empty
	}
	if a.min > maxAdded {
		return doubt("minItems", "an array would have to have more items than can be looked for")
	}
	least, most := tightest(a.least, false), tightest(a.most, true)
	for _, f := range most {
		if slices.ContainsFunc(least, func(l fact) bool { return l.lit == f.lit && l.n > f.n }) {
			return empty // more of these items are asked for than there may be
		}
	}
	var demands []demand
	for _, f := range a.items {
		demands = append(demands, demand{from: f.n, exact: f.op == opItem, lits: f.lits})
	}
	for _, f := range least {
		if f.n > maxDemands {
			return doubt("contains", "too many items are asked for")
		}
		for i := range f.n {
			demands = append(demands, demand{lits: []lit{f.lit}, again: i > 0})
		}
	}
	if len(demands) > maxDemands {
		return doubt("items", "too many items are asked for")
	}
	var none []lit // what no item is to be
	var few []fact // what only some are
	for _, f := range most {
		if f.n == 0 {
			none = append(none, f.lit.complement())
		} else {
			few = append(few, f)
		}
	}
	switch {
	case len(few) == 0:
		return s.arrays(lf, demands, 0, func(int) []lit { return none })
	case len(few) == 1 && few[0].n <= maxFew && lf.prefix() <= maxFew:
		return s.fewItems(lf, demands, none, few[0])
	}
	// If there is nothing without the bounds, there is nothing.
	if o := s.arrays(lf, demands, 0, func(int) []lit { return none }); o.verdict == isEmpty || o.verdict == isFound && s.allHold(lf.goal, o.value) {
		return o
	}
	for _, f := range few {
		none = append(none, f.lit.complement())
	}
	if o := s.arrays(lf, demands, 0, func(int) []lit { return none }); o.verdict == isFound {
		return o
	}
	return doubt("maxContains", "whether so few items can match could not be decided")
}

// tightest leaves of several bounds on how many items have the same literal the one that
// says most: the smallest of upper bounds, the largest of lower ones.
func tightest(bounds []fact, upper bool) (list []fact) {
	for _, f := range bounds {
		at := slices.IndexFunc(list, func(g fact) bool { return g.lit == f.lit })
		switch {
		case at < 0:
			list = append(list, f)
		case upper == (f.n < list[at].n):
			list[at] = f
		}
	}
	return list
}

// maxFew bounds the items that are told apart by whether they match contains.
const maxFew = 6

// fewItems looks for an array of which no more than f.n items have the literal. Each item has
// it or its complement: all ways to say which of those in the prefix have it, and how many
// of the others, are tried.
func (s *solver) fewItems(lf *leaf, demands []demand, none []lit, f fact) outcome {
	p := lf.prefix()
	yes, no := with(none, f.lit), with(none, f.lit.complement())
	o := empty
	for set := range 1 << p {
		for more := 0; more <= f.n-bits.OnesCount(uint(set)); more++ {
			if !s.budget.use(1) {
				return overBudget
			}
			also := func(i int) []lit {
				if i < p && set>>i&1 == 1 || i >= p && i < p+more {
					return yes
				}
				return no
			}
			if o = o.or(s.arrays(lf, demands, more, also)); o.verdict == isFound {
				return o
			}
		}
	}
	return o
}

// arrays looks for an array whose items have what the leaf, the demands and also say, which
// says the same of all items from so many beyond the prefix on.
func (s *solver) arrays(lf *leaf, demands []demand, beyond int, also func(i int) []lit) outcome {
	a := &lf.array
	p := lf.prefix()
	most := max(a.min, p+beyond) + len(demands)
	if a.pair {
		most += 2
	}
	if a.max >= 0 {
		most = min(most, a.max)
	}
	o := empty
	for length := a.min; length <= most; length++ {
		if !s.budget.use(1) {
			return overBudget
		}
		t := &try{s: s, lf: lf, length: length, prefix: p, beyond: beyond, also: also, asked: map[int][]lit{}}
		if o = o.or(t.place(demands, -1)); o.verdict == isFound {
			return o
		}
	}
	return o
}

// try is a search for an array of one length.
type try struct {
	s      *solver
	lf     *leaf
	length int
	prefix int
	beyond int // items after the prefix of which also says something of its own
	also   func(i int) []lit
	asked  map[int][]lit // by index, beside what the nodes say
}

func (t *try) goal(i int) []lit {
	goal := append(t.s.itemGoal(t.lf, i), t.also(i)...)
	return normal(append(goal, t.asked[i]...))
}

// place gives each demand each index that it can have; before is that of the one before.
func (t *try) place(demands []demand, before int) outcome {
	if len(demands) == 0 {
		return t.fill()
	}
	d := demands[0]
	o := empty
	fresh := -1 // the last index beyond the prefix that nothing is asked of and that was tried
	first, last := d.from, t.length-1
	if d.exact {
		last = d.from
	}
	if d.again {
		first = before + 1
	}
	for i := first; i <= last; i++ {
		if !t.s.budget.use(1) {
			return overBudget
		}
		if i >= t.prefix && len(t.asked[i]) == 0 && !d.exact {
			if fresh >= 0 && slices.Equal(t.also(i), t.also(fresh)) {
				if i > t.prefix+t.beyond+maxDemands {
					break
				}
				continue
			}
			fresh = i
		}
		was := t.asked[i]
		t.asked[i] = append(slices.Clip(was), d.lits...)
		if t.s.solve(t.goal(i)).verdict != isEmpty {
			o = o.or(t.place(demands[1:], i))
		}
		if t.asked[i] = was; was == nil {
			delete(t.asked, i)
		}
		if o.verdict == isFound {
			return o
		}
	}
	return o
}

// fill finds the items.
func (t *try) fill() outcome {
	if t.lf.array.pair {
		return t.fillPair()
	}
	return t.items(nil)
}

// items finds all items; those in same are given.
func (t *try) items(same map[int]any) outcome {
	list := make([]any, t.length)
	unknown := empty
	goals := map[string]outcome{}
	for i := range list {
		if !t.s.budget.use(1) {
			return overBudget
		}
		if v, ok := same[i]; ok {
			list[i] = v
			continue
		}
		if i > t.prefix && i > 0 && len(t.asked) == 0 && !t.lf.array.unique && same == nil && slices.Equal(t.also(i), t.also(i-1)) {
			list[i] = list[i-1] // as the one before
			continue
		}
		goal := t.goal(i)
		key := keyOf(goal, anyKind)
		o, ok := goals[key]
		if !ok {
			o = t.s.solve(goal)
			goals[key] = o
		}
		switch o.verdict {
		case isEmpty:
			return empty
		case isUnknown:
			unknown = o
		}
		list[i] = o.value
	}
	if unknown.verdict == isUnknown {
		return unknown
	}
	if t.lf.array.unique {
		return t.differ(list)
	}
	return found(list)
}

// differ makes the items different from one another: of two that are equal the later gets
// another value or, if there is none, the earlier.
func (t *try) differ(list []any) outcome {
	unclear := doubt("uniqueItems", "whether there are enough different items could not be decided")
	at := map[string]int{}
	bytes, left := 0, maxValue // of all keys, and how much of the items may be looked at
	for i := range list {
		if left -= size(list[i], left); left <= 0 {
			return unclear
		}
		key := string(jsonread.AppendKey(nil, list[i]))
		bytes += len(key)
		other, equal := at[key]
		if equal {
			if !t.s.budget.use(bytes/8 + i) {
				return overBudget
			}
			taken := t.s.oneOfValues(slices.Clone(list[:i]))
			moved := i
			o := t.s.solve(with(t.goal(i), negative(taken)))
			if o.verdict == isEmpty && !t.exhausted(list[:i], i) {
				moved = other
				o = t.s.solve(with(t.goal(other), negative(taken)))
			}
			switch {
			case o.verdict == isEmpty && moved == i:
				return empty
			case o.verdict != isFound:
				return unclear
			}
			if moved == other {
				at[key] = i
			}
			list[moved] = o.value
			at[string(jsonread.AppendKey(nil, o.value))] = moved
			continue
		}
		at[key] = i
	}
	return found(list)
}

// exhausted says whether those of the items before of which the same is asked as of the
// next have all the values that there are.
func (t *try) exhausted(before []any, next int) bool {
	goal := t.goal(next)
	var same []any
	for i, v := range before {
		if slices.Equal(t.goal(i), goal) {
			same = append(same, v)
		}
	}
	if len(same) == 0 {
		return false
	}
	return t.s.solve(with(goal, negative(t.s.oneOfValues(same)))).verdict == isEmpty
}

// fillPair finds the items where two are to be equal.
func (t *try) fillPair() outcome {
	o := empty
	last := min(t.length, t.prefix+t.beyond+len(t.asked)+2)
	for k := 1; k < last; k++ {
		for i := range k {
			if !t.s.budget.use(1) {
				return overBudget
			}
			both := t.s.solve(with(t.goal(i), t.goal(k)...))
			if both.verdict == isFound {
				both = t.items(map[int]any{i: both.value, k: both.value})
			}
			if o = o.or(both); o.verdict == isFound {
				return o
			}
		}
	}
	return o
}
