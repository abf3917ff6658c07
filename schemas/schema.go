package schemas

import (
	"errors"
	"fmt"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/jsonread"
)

// Schema judges payloads. It is immutable and safe for concurrent use.
type Schema struct {
	root   *jsonschema.Schema // nil accepts everything
	limits jsonread.Limits
	unions map[string]*union // by location of the schema that holds oneOf or anyOf
	source source
	size   int // bytes of the documents that it was made of

	// whole: the checker is not asked, because the verdict depends on more than the place
	// (dynamic references), or because it was so wished.
	whole   bool
	checker func() *Checker // made when first needed

	// What judging costs; see meter.
	unmetered bool // tests: there is no budget
	dynamic   bool // it has dynamic references
	perMember int
	most      dearest
	cases     map[*jsonschema.Schema]*union // of allOf, as caseUnion has it
	bounded   func() *jsonschema.Schema     // root for events that cost much; made when first needed
}

// Result is what a schema says of a payload.
type Result struct {
	// Reasons says why the payload is bad: sorted and cut as in lazaret.SortReasons. It is
	// empty exactly when the payload is good.
	Reasons []lazaret.Reason
	// More is how many reasons there are beyond those listed. It is a lower bound for an
	// event that costs much to judge: of an array or object of which 100 members were
	// bad, the others are not looked at.
	More int
}

// source is what a schema was made of, for comparing it with others.
type source struct {
	opts      Options
	documents map[string]*document // by URL
	anchored  []*jsonschema.Schema // those that only a dynamic reference reaches
}

// Any returns a schema that accepts every well-formed JSON text under the limits.
func Any(limits jsonread.Limits) *Schema {
	s := &Schema{limits: limits, unmetered: true, whole: limits.AllowDuplicateKeys}
	s.checker = sync.OnceValue(s.newChecker)
	return s
}

// Anything returns a schema that accepts every well-formed JSON text under the limits of s.
func (s *Schema) Anything() *Schema { return Any(s.limits) }

// Size is how many bytes the documents have that the schema was made of: its own, and those
// that it refers to. What it takes in memory is sixty to a hundred times that.
func (s *Schema) Size() int { return s.size }

// newChecker makes the checker of a schema as it is, without pointers.
func (s *Schema) newChecker() *Checker {
	c, err := s.Checker(nil)
	if err != nil {
		panic(err) // only pointers can be wrong
	}
	return c
}

// Judge says whether a payload is good and, if not, why. An error means that we failed,
// never that the payload is bad.
func (s *Schema) Judge(payload []byte) (Result, error) { return s.checker().Judge(payload, nil) }

// reference judges a payload with the schema library alone. What it says is what the
// checker has to say.
func (s *Schema) reference(payload []byte) (Result, error) {
	value, bad := jsonread.Decode(payload, s.limits)
	if bad != nil {
		return Result{Reasons: []lazaret.Reason{bad.Reason()}}, nil
	}
	if s.root == nil {
		return Result{}, nil
	}
	root := s.root
	if !s.within(len(payload), freeTicks) && !s.costs(value, freeTicks, false) {
		switch {
		case s.dynamic && !s.costs(value, maxTicksDynamic, false), !s.dynamic && !s.costs(value, maxTicks, true):
			return Result{Reasons: []lazaret.Reason{tooCostly()}}, nil
		case !s.dynamic:
			root = s.bounded()
		}
	}
	return s.judge(root, value)
}

// judge evaluates a value with one of the forms of the schema.
func (s *Schema) judge(root *jsonschema.Schema, value any) (Result, error) {
	verr, err := validate(root, value)
	if err != nil || verr == nil {
		return Result{}, err
	}
	x := explainer{unions: s.unions, value: value}
	found := x.reasons(verr)
	if x.err != nil {
		return Result{}, x.err
	}
	if len(found) == 0 {
		return Result{}, errNoReason
	}
	var r Result
	r.Reasons, r.More = sortReasons(found)
	return r, nil
}

// sortReasons brings reasons into the order and number in which they are shown.
func sortReasons(found []reason) (list []lazaret.Reason, more int) {
	list = make([]lazaret.Reason, len(found))
	unkept := 0
	for i := range found {
		list[i] = found[i].Reason
		unkept += found[i].more
	}
	list, more = lazaret.SortReasons(list)
	return list, more + unkept
}

// tooCostly is the reason of an event that would hold up the others.
func tooCostly() lazaret.Reason {
	return lazaret.Reason{Code: lazaret.CodeSchemaCost, Message: "the event is too much work for its schema: its size times the branches, patterns and references that are tried at each place; send less in one event, or simplify the schema: give the branches of a union a property that tells them apart, and bound texts and patterns"}
}

// validate calls the schema library. Its numbers were checked when they were read; should
// it panic nevertheless, that is our failure. What it panicked with is not passed on,
// because it may hold a value of the payload.
func validate(root *jsonschema.Schema, value any) (verr *jsonschema.ValidationError, err error) {
	defer func() {
		if recover() != nil {
			verr, err = nil, errors.New("schemas: the schema library failed on this event")
		}
	}()
	failure := root.Validate(value)
	if failure == nil {
		return nil, nil
	}
	if !errors.As(failure, &verr) {
		return nil, fmt.Errorf("schemas: an unknown failure of type %T", failure)
	}
	return verr, nil
}
