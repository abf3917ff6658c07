package contain

import "slices"

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
	var demands []demand
	for _, f := range a.items {
		demands = append(demands, demand{f.n, f.op == opItem, f.lits})
	}
	for _, f := range a.least {
		if f.n > maxDemands {
			return doubt("contains", "too many items are asked for")
		}
		for range f.n {
			demands = append(demands, demand{lits: []lit{f.lit}})
		}
	}
	if len(demands) > maxDemands {
		return doubt("items", "too many items are asked for")
	}
	var all []lit // what no item is to be, as far as possible
	some := false
	for _, f := range a.most {
		all = append(all, f.lit.complement())
		some = some || f.n > 0
	}
	o := s.arrays(lf, demands, func(int) []lit { return all })
	if o.verdict == isFound || !some {
		return o
	}
	// Some items may be what contains asks for: those at the front, say.
	least := maxDemands
	var none []lit
	for _, f := range a.most {
		if f.n == 0 {
			none = append(none, f.lit.complement())
		} else {
			least = min(least, f.n)
		}
	}
	for free := least; free > 0; free-- {
		front := func(i int) []lit {
			if i < free {
				return none
			}
			return all
		}
		if o := s.arrays(lf, demands, front); o.verdict == isFound && s.allHold(lf.goal, o.value) {
			return o
		}
	}
	// If there is nothing without the bounds, there is nothing.
	if o := s.arrays(lf, demands, func(int) []lit { return none }); o.verdict == isEmpty || o.verdict == isFound && s.allHold(lf.goal, o.value) {
		return o
	}
	return doubt("maxContains", "whether so few items can match could not be decided")
}

// arrays looks for an array whose items have what the leaf, the demands and also say.
func (s *solver) arrays(lf *leaf, demands []demand, also func(i int) []lit) outcome {
	a := &lf.array
	p := lf.prefix()
	most := max(a.min, p) + len(demands)
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
		t := &try{s: s, lf: lf, length: length, prefix: p, also: also, asked: map[int][]lit{}}
		if o = o.or(t.place(demands)); o.verdict == isFound {
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
	also   func(i int) []lit
	asked  map[int][]lit // by index, beside what the nodes say
}

func (t *try) goal(i int) []lit {
	goal := append(t.s.itemGoal(t.lf, i), t.also(i)...)
	return normal(append(goal, t.asked[i]...))
}

// place gives each demand each index that it can have.
func (t *try) place(demands []demand) outcome {
	if len(demands) == 0 {
		return t.fill()
	}
	d := demands[0]
	o := empty
	fresh := false // an index beyond the prefix that nothing is asked of was tried
	last := t.length - 1
	if d.exact {
		last = d.from
	}
	for i := d.from; i <= last; i++ {
		if !t.s.budget.use(1) {
			return overBudget
		}
		if i >= t.prefix && len(t.asked[i]) == 0 && !d.exact {
			if fresh {
				if i > t.prefix+maxDemands {
					break
				}
				continue
			}
			fresh = true
		}
		before := t.asked[i]
		t.asked[i] = append(slices.Clip(before), d.lits...)
		if t.s.solve(t.goal(i)).verdict != isEmpty {
			o = o.or(t.place(demands[1:]))
		}
		t.asked[i] = before
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
	var first []lit
	alike := true
	for i := range list {
		if v, ok := same[i]; ok {
			list[i] = v
			continue
		}
		if i > t.prefix && i > 0 && len(t.asked) == 0 && !t.lf.array.unique && same == nil && len(t.also(i)) == len(t.also(i-1)) {
			list[i] = list[i-1] // as the one before
			continue
		}
		goal := t.goal(i)
		if i == 0 {
			first = goal
		}
		alike = alike && slices.Equal(goal, first)
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
		return t.differ(list, alike)
	}
	return found(list)
}

// differ makes the items different from one another; alike says that the same is asked of
// all of them.
func (t *try) differ(list []any, alike bool) outcome {
	seen := map[string]bool{}
	for i, v := range list {
		key, err := valueKey(v)
		if err != nil {
			return doubt("uniqueItems", "the items could not be compared")
		}
		if seen[key] {
			taken, ok := t.s.oneOfValues(slices.Clone(list[:i]))
			if !ok || !t.s.budget.use(i) {
				return overBudget
			}
			switch o := t.s.solve(with(t.goal(i), negative(taken))); {
			case o.verdict == isFound:
				list[i] = o.value
			case o.verdict == isEmpty && alike:
				return empty // there are no more values than those before
			default:
				return doubt("uniqueItems", "whether there are enough different items could not be decided")
			}
			if key, err = valueKey(list[i]); err != nil {
				return doubt("uniqueItems", "the items could not be compared")
			}
		}
		seen[key] = true
	}
	return found(list)
}

// fillPair finds the items where two are to be equal.
func (t *try) fillPair() outcome {
	o := empty
	last := min(t.length, t.prefix+len(t.asked)+2)
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
