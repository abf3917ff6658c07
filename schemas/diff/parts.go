package diff

import (
	"slices"
	"strconv"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// named compares schemas by name that hold for some members.
func (w *walk) named(keyword string, old, next map[string]any, a at) {
	for _, name := range union(old, next) {
		x, y := value(old, name), value(next, name)
		sub := a.below(keyword, name)
		if keyword == "patternProperties" {
			sub.place += "/{" + name + "}"
		} else {
			sub = sub.under("with " + name)
		}
		w.either(keyword, x, y, sub)
	}
}

// either compares schemas of which one may be absent, which is as if it were true.
func (w *walk) either(keyword string, old, next any, a at) {
	switch {
	case jsonread.Equal(old, next):
	case old == any(absent{}):
		w.note(a, keyword, Tightened, old, next, "%s added: %s", keyword, describe(next))
	case next == any(absent{}):
		w.note(a, keyword, Loosened, old, next, "%s removed: %s", keyword, describe(old))
	default:
		w.schema(old, next, a)
	}
}

// definitions compares what is only there to be referred to.
func (w *walk) definitions(keyword string, old, next map[string]any, a at) {
	for _, name := range union(old, next) {
		x, y := value(old, name), value(next, name)
		sub := a.below(keyword, name)
		sub.place, sub.sense = keyword+"/"+name, 1
		switch {
		case jsonread.Equal(x, y):
		case x == any(absent{}):
			w.note(sub, keyword, None, x, y, "new definition: %s", describe(y))
		case y == any(absent{}):
			w.note(sub, keyword, None, x, y, "definition removed: %s", describe(x))
		default:
			w.schema(x, y, sub)
		}
	}
}

// branches compares the schemas of a combinator. Those that only moved did not change.
// named is what the combinator is called before and after, if not as it is compared.
func (w *walk) branches(keyword string, old, next []any, a at, named ...string) {
	x, y := left(old, next), left(next, old)
	was, is := keyword, keyword
	if len(named) == 2 {
		was, is = named[0], named[1]
	}
	more, fewer := Loosened, Tightened
	switch {
	case keyword == "allOf":
		more, fewer = Tightened, Loosened
	case keyword == "oneOf" && (!apart(old) || !apart(next)):
		more, fewer = Changed, Changed
		a.sense = 0 // an event that a second branch accepts too is refused
	}
	if keyword != "allOf" && len(old) == 0 {
		more = Tightened // there were no conditions
	}
	if keyword != "allOf" && len(next) == 0 {
		fewer = Loosened
	}
	both, gone, added := pairs(old, next, x, y)
	for _, p := range both {
		w.schema(old[p[0]], next[p[1]], a.below(is, strconv.Itoa(p[1])).under(is+" "+strconv.Itoa(p[1])))
	}
	for _, i := range added {
		w.note(a.below(is, strconv.Itoa(i)).under(is+" "+strconv.Itoa(i)), is, more, absent{}, next[i], "new branch of %s: %s", is, describe(next[i]))
	}
	for _, i := range gone {
		w.note(a.below(was, strconv.Itoa(i)).under(was+" "+strconv.Itoa(i)), was, fewer, old[i], absent{}, "branch of %s removed: %s", was, describe(old[i]))
	}
}

// left is the indices of the items of all that have no equal among others.
func left(all, others []any) (rest []int) {
	taken := make([]bool, len(others))
	for i, v := range all {
		j := slices.IndexFunc(others, func(o any) bool { return jsonread.Equal(v, o) })
		for j >= 0 && j < len(others) && (taken[j] || !jsonread.Equal(v, others[j])) {
			j++
		}
		if j < 0 || j == len(others) {
			rest = append(rest, i)
		} else {
			taken[j] = true
		}
	}
	return rest
}

// tuple compares the schemas of the first items. As with properties, what a further one
// does depends on what held for the items after the last: o and n are the schemas that the
// tuples are in, and rest is the keyword that says so.
func (w *walk) tuple(keyword, rest string, o, n map[string]any, a at) {
	old, next := list(o[keyword]), list(n[keyword])
	for i := range max(len(old), len(next)) {
		sub := a.below(keyword, strconv.Itoa(i)).in(strconv.Itoa(i))
		switch {
		case i >= len(old):
			w.note(sub, keyword, opened(o, next[i], rest, "unevaluatedItems"), absent{}, next[i], "%s added: %s", keyword, describe(next[i]))
		case i >= len(next):
			w.note(sub, keyword, reversed(opened(n, old[i], rest, "unevaluatedItems")), old[i], absent{}, "%s removed: %s", keyword, describe(old[i]))
		default:
			w.schema(old[i], next[i], sub)
		}
	}
}

// part compares a keyword that holds one schema for many parts of the event.
func (w *walk) part(keyword string, old, next any, o, n map[string]any, a at) {
	_, isList := old.([]any)
	if _, both := next.([]any); isList || both { // items of older drafts
		if isList == both {
			w.tuple(keyword, "additionalItems", o, n, a)
		} else {
			w.note(a.below(keyword).in("*"), keyword, Changed, old, next, "%s is %s, was %s", keyword, show(next), show(old))
		}
		return
	}
	sub := a.below(keyword).in("*")
	closes := keyword == "additionalProperties" || keyword == "unevaluatedProperties"
	switch {
	case keyword == "contains":
		sub = a.below(keyword).under("contains")
	case keyword == "propertyNames":
		sub = a.below(keyword).under("names")
	case closes && next == false:
		w.note(a, keyword, Tightened, old, next, "other properties are refused now")
		return
	case closes && old == false:
		w.note(a, keyword, Loosened, old, next, "other properties are allowed now: %s", describe(orTrue(next)))
		return
	case orTrue(old) == true && orTrue(next) == true:
		return
	}
	if keyword == "contains" && old != any(absent{}) && next != any(absent{}) {
		sub.sense = 0 // maxContains may count on it
	}
	w.either(keyword, old, next, sub)
}

func orTrue(v any) any {
	if v == any(absent{}) {
		return true
	}
	return v
}

// condition compares not, if, then and else.
func (w *walk) condition(keyword string, old, next any, o, n map[string]any, a at) {
	sub := a.below(keyword).under(keyword)
	switch keyword {
	case "not":
		if old != any(absent{}) && next != any(absent{}) {
			sub.sense = -sub.sense // what is tightened in it is loosened outside
		}
	case "if":
		sub.sense = 0
		_, said := n["then"]
		_, other := n["else"]
		_, was := o["then"]
		_, wasOther := o["else"]
		if !said && !other && !was && !wasOther {
			w.note(sub, keyword, None, old, next, "if changed, and nothing depends on it")
			w.changes[len(w.changes)-1].Effect = None
			return
		}
	}
	w.either(keyword, old, next, sub)
}
