package rules

import (
	"unsafe"

	"github.com/lazaret/lazaret/schemas"
)

// The quick way to judge by a rule: most expressions are made of a few kinds of parts, and
// of these, functions are made (quick_build.go) that work on the bytes of the event where
// they stand, without decoding it (quick_read.go, quick_list.go, quick_time.go), on values
// that are kept in registers and not in interfaces (quick_op.go).
//
// It accepts fast and explains slowly, as the checker of schemas does. A value is exactly
// the one that the expression library would have or, wherever the library might fail or
// the value is not surely the same, it is unsure. A rule that surely does not apply, or is
// surely true or false, is done; of any other the library gives the outcome, and why it
// has none. What an evaluation costs is counted as well, never
// less than the library's budget would count.

// kind is what a value is.
type kind uint8

const (
	unsure kind = iota
	kindNull
	kindBool
	kindInt
	kindFloat
	kindText
	kindList
	kindObject
	kindMoment   // a time.Time
	kindDuration // a time.Duration
)

// value is a value of an expression. Two of them fit the registers that a call has.
type value struct {
	kind kind
	n    int     // of an integer and of a boolean; seconds since 1970 of a moment; nanoseconds of a duration
	f    float64 // of a float; of a moment, the nanoseconds, from 0 to 999,999,999
	s    string  // a text; of a list or object, its JSON
}

func fraction(f float64) value { return value{kind: kindFloat, f: f} }
func whole(n int) value        { return value{kind: kindInt, n: n} }
func words(s string) value     { return value{kind: kindText, s: s} }

func truth(b bool) value {
	if b {
		return value{kind: kindBool, n: 1}
	}
	return value{kind: kindBool}
}

func (v value) yes() bool { return v.kind == kindBool && v.n == 1 }
func (v value) no() bool  { return v.kind == kindBool && v.n == 0 }

// quick computes one part of an expression.
type quick func(*view) value

// view is what the quick way sees of an event.
type view struct {
	w     *worker
	data  string // the payload
	spans []schemas.Span
	left  int // of the budget

	// Within a predicate: the element and, of an object, the members that the predicate
	// asks for, as JSON; "" for one that is not there.
	element string
	members [maxMembers]string
}

// maxMembers bounds the members of an element that a predicate reads by name.
const maxMembers = 8

// look makes the worker's event visible to the quick way.
func (w *worker) look() *view {
	w.view.w = w
	w.view.data = unsafe.String(unsafe.SliceData(w.payload), len(w.payload))
	w.view.spans = w.spans
	return &w.view
}

// verdicts of the quick way on one rule.
type answer uint8

const (
	unknown answer = iota
	passes         // or does not apply
	fails
)

// answer is what the quick way says of the event.
func (r *compiled) answer(v *view) answer {
	if r.quick == nil {
		return unknown
	}
	if r.applies != nil {
		v.left = MaxSteps
		applies := r.applies(v)
		if applies.kind != kindBool || v.left < 0 {
			return unknown
		}
		if applies.n == 0 {
			return passes
		}
	}
	v.left = MaxSteps
	good := r.quick(v)
	switch {
	case good.kind != kindBool || v.left < 0:
		return unknown
	case good.n == 0:
		return fails
	}
	return passes
}

// spend counts steps of the budget.
func (v *view) spend(steps int) { v.left -= steps }
