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
	s.budget.use(size(o.value))
	if s.allHold(lf.goal, o.value) {
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

// size counts the parts of a value, up to about a thousand.
func size(v any) (n int) {
	switch v := v.(type) {
	case []any:
		for _, item := range v[:min(len(v), 100)] {
			n += size(item)
		}
	case map[string]any:
		for _, item := range v {
			if n += size(item); n > 1000 {
				break
			}
		}
	}
	return n + 1
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
