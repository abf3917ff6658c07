package contain

import (
	"encoding/binary"
	"slices"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// DefaultSteps is the work that a question may take where nothing else is said: about a
// second or two.
const DefaultSteps = 15_000_000

// maxNested is how many goals may wait for one another.
const maxNested = 250

// Verdict says whether a set of values is empty.
type Verdict string

// The verdicts.
const (
	Empty   Verdict = "empty"
	Found   Verdict = "found"   // it has a member
	Unknown Verdict = "unknown" // it could not be decided
)

// Answer is what is known of a set of values.
type Answer struct {
	Verdict Verdict
	Value   any   // a member, if one was found: as encoding/json decodes it, with json.Number
	Doubt   Doubt // if it is not known
	Steps   int   // the work that it took
}

// Except asks whether there is a value that one schema accepts and another refuses. The
// nodes are prepared for the question and must not be used for another at the same time.
// It takes at most so many steps; 0 is DefaultSteps.
func Except(accepts, refuses *Node, steps int) Answer {
	if steps == 0 {
		steps = DefaultSteps
	}
	b := &budget{steps}
	s := &solver{
		classes: prepare(b, accepts, refuses), budget: b, low: final, memo: map[string]*memo{},
		pairs: map[pairKey]bool{}, views: map[int]*view{}, made: map[string]int32{},
	}
	for _, n := range s.classes {
		s.plain = append(s.plain, n.isPlain())
	}
	goal := normal([]lit{positive(s.classes[accepts.id]), negative(s.classes[refuses.id])})
	o := s.solve(goal)
	if s.budget.spent() && o.verdict != isFound {
		o = overBudget
	}
	answer := Answer{Verdict: Empty, Steps: steps - s.budget.left}
	switch o.verdict {
	case isFound:
		answer.Verdict, answer.Value = Found, o.value
	case isUnknown:
		answer.Verdict, answer.Doubt = Unknown, *o.doubt
	}
	return answer
}

// lit is a literal: the class of a node, twice, and 1 more if it is negated.
type lit int32

func positive(n *Node) lit    { return lit(n.id * 2) }
func negative(n *Node) lit    { return lit(n.id*2 + 1) }
func (l lit) negated() bool   { return l&1 != 0 }
func (l lit) complement() lit { return l ^ 1 }

// normal sorts literals and leaves out repetitions.
func normal(goal []lit) []lit {
	slices.Sort(goal)
	return slices.Compact(goal)
}

// solver answers goals. It is for one question and one goroutine.
type solver struct {
	classes []*Node
	budget  *budget
	memo    map[string]*memo
	trail   []string // of goals whose answer rests on goals being answered, in order
	nested  int
	low     int    // the first goal being answered on whose emptiness anything rested lately
	plain   []bool // by class: it accepts everything
	pairs   map[pairKey]bool
	views   map[int]*view
	made    map[string]int32 // nodes that were made on the way, by what they say
}

// memo is what is known of a goal.
type memo struct {
	outcome
	active bool // it is being answered
	depth  int  // its place in the row of those
	rests  int  // the first of that row on whose emptiness the answer rests; or final
}

func (s *solver) node(l lit) *Node { return s.classes[l>>1] }

// holds evaluates a literal.
func (s *solver) holds(l lit, v any) bool { return s.node(l).Holds(v) != l.negated() }

func (s *solver) allHold(goal []lit, v any) bool {
	for _, l := range goal {
		if !s.holds(l, v) {
			return false
		}
	}
	return true
}

// weigh is how many nodes may be asked whether a goal holds of a value.
func (s *solver) weigh(goal []lit) (n int) {
	for _, l := range goal {
		n = min(maxWeight, n+s.node(l).weigh())
	}
	return n
}

func keyOf(goal []lit, kinds Types) string {
	key := make([]byte, 1, 4*len(goal)+1)
	key[0] = byte(kinds)
	for _, l := range goal {
		key = binary.LittleEndian.AppendUint32(key, uint32(l))
	}
	return string(key)
}

const anyKind = Null | Boolean | Number | String | Array | Object

// solve answers a goal, which is normal.
func (s *solver) solve(goal []lit) outcome { return s.solveKinds(goal, anyKind) }

// solveKinds answers a goal for values of some kinds.
func (s *solver) solveKinds(goal []lit, of Types) outcome {
	for i := 1; i < len(goal); i++ {
		if goal[i] == goal[i-1].complement() {
			return empty
		}
	}
	if !s.budget.use(8 + len(goal)) {
		return overBudget
	}
	key := keyOf(goal, of)
	if m := s.memo[key]; m != nil {
		if m.active {
			s.low = min(s.low, m.depth)
			return empty
		}
		s.low = min(s.low, m.rests)
		return m.outcome
	}
	if s.nested >= maxNested {
		s.low = min(s.low, 0) // asked in another place it may be known
		return doubt("depth", "the schemas are nested too deeply to be compared")
	}
	m := &memo{active: true, depth: s.nested}
	s.memo[key] = m
	began, before := len(s.trail), s.low
	s.nested++
	s.low = final
	o := empty
	for _, kind := range kinds {
		if of&kind == 0 {
			continue
		}
		if o = o.or(s.solveKind(goal, kind)); o.verdict == isFound {
			break
		}
	}
	s.nested--
	m.rests = s.low
	o = s.settle(key, m, began, o)
	s.low = min(before, m.rests)
	return o
}

// settle writes down the answer to a goal. What was found empty on the way, because this goal
// was taken to be empty, is forgotten if that was wrong, holds for good if this goal rests on
// no other, and else rests on what this goal rests on.
func (s *solver) settle(key string, m *memo, began int, o outcome) outcome {
	assumed := m.rests != final
	if o.verdict != isEmpty || m.rests >= m.depth {
		m.rests = final
	}
	kept := s.trail[:began]
	for _, k := range s.trail[began:] {
		switch {
		case o.verdict != isEmpty:
			delete(s.memo, k)
		case m.rests == final:
			s.memo[k].rests = final
		default:
			s.memo[k].rests = min(s.memo[k].rests, m.rests)
			kept = append(kept, k)
		}
	}
	s.trail = kept
	if m.rests != final {
		s.trail = append(s.trail, key)
	}
	m.active, m.outcome = false, o
	if o.verdict == isUnknown && assumed {
		delete(s.memo, key) // with other goals taken to be empty it may be known
	}
	return o
}

// with is a goal and one literal more.
func with(goal []lit, more ...lit) []lit {
	return normal(append(slices.Clone(goal), more...))
}

// make returns the class of a node that is made on the way; key says what it says.
func (s *solver) make(key string, build func() *Node) *Node {
	if id, ok := s.made[key]; ok {
		return s.classes[id]
	}
	n := build()
	n.id = len(s.classes)
	s.classes = append(s.classes, n)
	s.made[key] = int32(n.id)
	return n
}

// oneOfValues is the node that accepts some values alone: none, if there are none.
func (s *solver) oneOfValues(values []any) *Node {
	if values == nil {
		values = []any{}
	}
	return s.make("values "+string(jsonread.AppendKey(nil, values)), func() *Node {
		n := NewNode()
		n.Values = values
		return n
	})
}

// matching is the node that accepts the strings which match a pattern.
func (s *solver) matching(p *Pattern) *Node {
	return s.make("pattern "+p.Source, func() *Node {
		n := NewNode()
		n.Pattern = p
		return n
	})
}

// isPlain says whether a node says nothing.
func (n *Node) isPlain() bool {
	if n.Opaque != "" || n.Never || n.Types != 0 || n.Values != nil || n.Not != nil || n.Unique ||
		len(n.AllOf)+len(n.AnyOf)+len(n.OneOf)+len(n.Dependent) > 0 || n.If != nil && (n.Then != nil || n.Else != nil) {
		return false
	}
	for _, kind := range kinds {
		if len(n.kindFacts(kind)) > 0 {
			return false
		}
	}
	return true
}
