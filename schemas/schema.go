package schemas

import (
	"errors"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/jsonread"
)

// Schema judges payloads. It is immutable and safe for concurrent use.
type Schema struct {
	root   *jsonschema.Schema // nil accepts everything
	limits jsonread.Limits
	unions map[string]*union // by location of the schema that holds oneOf or anyOf
}

// Result is what a schema says of a payload.
type Result struct {
	// Reasons says why the payload is bad: sorted and cut as in lazaret.SortReasons. It is
	// empty exactly when the payload is good.
	Reasons []lazaret.Reason
	// More is how many reasons there are beyond those listed.
	More int
	// Value is the decoded payload, whether it is good or not: map[string]any, []any,
	// string, json.Number, bool or nil. It is nil if the payload is not JSON.
	Value any
}

// Any returns a schema that accepts every well-formed JSON text under the default limits.
func Any(limits jsonread.Limits) *Schema { return &Schema{limits: limits} }

// Judge says whether a payload is good and, if not, why. An error means that we failed,
// never that the payload is bad.
func (s *Schema) Judge(payload []byte) (Result, error) {
	value, bad := jsonread.Decode(payload, s.limits)
	if bad != nil {
		return Result{Reasons: []lazaret.Reason{bad.Reason()}}, nil
	}
	if s.root == nil {
		return Result{Value: value}, nil
	}
	verr, err := s.validate(value)
	if err != nil || verr == nil {
		return Result{Value: value}, err
	}
	x := explainer{schema: s, value: value}
	found := x.reasons(verr)
	if x.err != nil {
		return Result{Value: value}, x.err
	}
	if len(found) == 0 {
		return Result{Value: value}, errors.New("schemas: a failure without a reason")
	}
	list := make([]lazaret.Reason, len(found))
	for i := range found {
		list[i] = found[i].Reason
	}
	reasons, more := lazaret.SortReasons(list)
	return Result{Reasons: reasons, More: more, Value: value}, nil
}

// validate calls the schema library. Its numbers were checked when they were read; should
// it panic nevertheless, that is our failure. What it panicked with is not passed on,
// because it may hold a value of the payload.
func (s *Schema) validate(value any) (verr *jsonschema.ValidationError, err error) {
	defer func() {
		if recover() != nil {
			verr, err = nil, errors.New("schemas: the schema library failed on this event")
		}
	}()
	failure := s.root.Validate(value)
	if failure == nil {
		return nil, nil
	}
	if !errors.As(failure, &verr) {
		return nil, fmt.Errorf("schemas: an unknown failure of type %T", failure)
	}
	return verr, nil
}
