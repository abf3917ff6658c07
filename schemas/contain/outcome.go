package contain

import "math"

// Doubt is a construct that stands in the way of an answer.
type Doubt struct {
	Where     string // of the schema, as its Node says; "" if no single one is to blame
	Construct string // a keyword, or "work"
	Message   string
}

// verdict is what is known of a set.
type verdict int8

const (
	isEmpty verdict = iota
	isFound
	isUnknown
)

// final says that an answer rests on no goal which is still being answered.
const final = math.MaxInt

// outcome is the answer to a goal or to a part of one.
type outcome struct {
	verdict verdict
	value   any    // a member, if there is one
	doubt   *Doubt // why it is not known
}

var (
	empty      = outcome{verdict: isEmpty}
	overBudget = doubt("work", "the schemas would take more work to compare than is allowed: fewer branches in unions, smaller patterns and smaller bounds would help")
)

func found(v any) outcome { return outcome{verdict: isFound, value: v} }

func doubt(construct, message string) outcome {
	return outcome{verdict: isUnknown, doubt: &Doubt{Construct: construct, Message: message}}
}

// or is the answer to a set that is the union of two, of which the first has no member that
// is known.
func (o outcome) or(p outcome) outcome {
	switch {
	case p.verdict == isFound:
		return p
	case o.verdict == isUnknown:
		return o
	case p.verdict == isUnknown:
		return p
	}
	return o
}

// budget bounds the work of a question.
type budget struct{ left int }

// use takes n steps and says whether there were as many.
func (b *budget) use(n int) bool {
	b.left -= n
	return b.left >= 0
}

func (b *budget) spent() bool { return b.left < 0 }
func (b *budget) overflow()   { b.left = -1 }
