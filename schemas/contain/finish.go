package contain

import (
	"encoding/json"
	"math/big"
)

// finish answers for a leaf without its disjunctions: they are looked at only to see whether
// a value that is found happens to be good for them as well.
func (s *solver) finish(lf *leaf) outcome {
	var o outcome
	switch lf.kind {
	case String:
		o = lf.texts.find(s.budget)
	case Number:
		o = lf.numbers.find(s.budget)
	case Object:
		o = s.finishObject(lf)
	default:
		o = s.finishArray(lf)
	}
	lf.near = nil
	if o.verdict == isUnknown && o.doubt.Where == "" {
		d := *o.doubt
		d.Where = s.where(lf.goal)
		o.doubt = &d
	}
	if o.verdict != isFound {
		return o
	}
	parts := size(o.value, maxValue+1)
	switch {
	case !s.budget.use(len(lf.goal) + parts*s.weigh(lf.goal)/16):
		return overBudget
	case parts > maxValue:
		return doubt("size", "an event that would show it is larger than is looked for: smaller bounds would help")
	case s.allHold(lf.goal, o.value):
		return o
	}
	lf.near = &o
	if lf.opaque != nil {
		d := doubt(lf.opaque.Opaque, "this construct could not be decided")
		d.doubt.Where = lf.opaque.Where
		return d
	}
	return doubt("values", "the value that was found is one of those that are left out")
}

// where is the place of a schema that a goal is about: of one that is to refuse, if there is
// one.
func (s *solver) where(goal []lit) (place string) {
	for _, l := range goal {
		if at := s.node(l).Where; at != "" && (place == "" || l.negated()) {
			place = at
		}
	}
	return place
}

// maxValue is how large a value is looked for, as size counts. A value whose members are
// found once may have them many times, so that it is not bounded by the work that it took.
const maxValue = 50_000

// size counts the parts of a value, long texts by their length, and stops when there are so
// many as are asked for.
func size(v any, most int) (n int) {
	n = 1
	switch v := v.(type) {
	case string:
		n += len(v) / 32
	case []any:
		for _, item := range v {
			if n >= most {
				break
			}
			n += size(item, most-n)
		}
	case map[string]any:
		for name, item := range v {
			if n >= most {
				break
			}
			n += len(name)/32 + size(item, most-n)
		}
	}
	return n
}

func numberOf(v any) (*big.Rat, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return nil, false
	}
	return rat(n), true
}

// never is a literal that nothing has.
func (s *solver) never() lit {
	return positive(s.make("never", func() *Node {
		n := NewNode()
		n.Never = true
		return n
	}))
}
