// Package jsonread is the strict JSON reader: RFC 8259 to the letter, and limits
// that keep a hostile text cheap.
//
// Every text is read in one pass without recursion, so the depth of a text never
// meets the goroutine's stack. The first problem in byte order is the one that is
// reported: the reader takes one token at a time, and a token that is malformed
// is json.syntax (or, in a string, json.encoding) before it is anything else. The
// same text under the same limits therefore always gives the same Error.
//
// What is checked, and its code:
//
//   - json.syntax: the grammar of RFC 8259; a byte order mark; anything after the value
//   - json.encoding: UTF-8, and escapes of surrogates that do not form a pair
//   - json.duplicate_key: two members of one object whose decoded names are equal
//   - json.depth, json.number, json.size: the Limits
//
// All functions are safe for concurrent use; none writes to the text that it is given.
package jsonread

import "math"

// The limits that hold where Limits says nothing.
const (
	DefaultDepth        = 200
	DefaultNumberLength = 64
	DefaultExponent     = 308
	DefaultValues       = 1_000_000
)

// maxText is the longest text that the reader takes: positions are kept in 31 bits.
const maxText = 1<<31 - 1

// Limits bound what a text may hold. A field that is zero stands for its default, so
// that Limits{} is what everybody wants unless they know better; a negative one is no
// limit.
type Limits struct {
	// Depth is how many arrays and objects may be open at once. A scalar alone has
	// depth 0, [] has depth 1. Default 200.
	Depth int
	// NumberLength is how many characters a number may have. Default 64.
	NumberLength int
	// Exponent is the largest absolute value of a number's exponent as it is written,
	// the 7 in 1e-7. Default 308. Together with NumberLength it bounds how large a
	// number becomes when someone computes with it exactly.
	Exponent int
	// Values is how many members and items all objects and arrays may have together.
	// Default 1,000,000.
	Values int
	// Size is how many bytes the text may have; 0 means as many as it has, up to 2 GiB.
	// It is checked before anything else.
	Size int
	// AllowDuplicateKeys accepts objects that have a name twice; the last one wins in
	// Decode.
	AllowDuplicateKeys bool
}

// DefaultLimits is Limits{} with its defaults spelled out. It is to be read only.
var DefaultLimits = Limits{
	Depth:        DefaultDepth,
	NumberLength: DefaultNumberLength,
	Exponent:     DefaultExponent,
	Values:       DefaultValues,
}

// filled returns l with its zero fields replaced.
func (l Limits) filled() Limits {
	or := func(v *int, def int) {
		if *v == 0 {
			*v = def
		} else if *v < 0 {
			*v = math.MaxInt
		}
	}
	or(&l.Depth, DefaultDepth)
	or(&l.NumberLength, DefaultNumberLength)
	or(&l.Exponent, DefaultExponent)
	or(&l.Values, DefaultValues)
	or(&l.Size, maxText)
	l.Size = min(l.Size, maxText)
	return l
}

// Check reads the whole text and returns nil if it is one well-formed JSON value
// within the limits. For texts of ordinary shape it allocates once, about 2 KiB.
func Check(data []byte, l Limits) *Error {
	r := newReader(data, l)
	return r.text()
}

// Decode checks the text as Check does and, in the same pass, makes values of it:
// map[string]any, []any, string, json.Number (the number as it is written), bool
// and nil. The strings of the result share one copy of the text and keep it
// alive; they never alias data. When the Error is not nil there is no value.
func Decode(data []byte, l Limits) (any, *Error) {
	r := newReader(data, l)
	r.build = &builder{data: data}
	if err := r.text(); err != nil {
		return nil, err
	}
	return r.build.values[0], nil
}

// Member is one member of an object: its decoded name, and the bytes of its value
// without the white space around it. Value is part of the text, not a copy.
type Member struct {
	Name  string
	Value []byte
}

// Members checks the text as Check does and, in the same pass, takes apart the
// object that it is, in the order of the text. object is false if the text is well
// formed and something other than an object.
func Members(data []byte, l Limits) (members []Member, object bool, err *Error) {
	r := newReader(data, l)
	r.split = &spans{}
	if err := r.text(); err != nil {
		return nil, false, err
	}
	for _, s := range *r.split {
		members = append(members, Member{Name: s.name, Value: data[s.start:s.end:s.end]})
	}
	return members, data[skipSpace(data, 0)] == '{', nil
}
