package rules

import (
	"reflect"

	"github.com/expr-lang/expr/vm/runtime"
)

// evalError is why an evaluation gave no result; its text holds no value.
type evalError string

func (e evalError) Error() string { return string(e) }

const (
	errMissing  evalError = "a value is missing or null"
	errType     evalError = "a value has a type that does not fit"
	errOverflow evalError = "a number is out of range"
	errDivide   evalError = "division by zero"
	errIndex    evalError = "an index is out of range"
	errCost     evalError = "too much work for one event"
	errText     evalError = "a text is longer than 1 MiB"
	errFormat   evalError = "a text does not have the form that is needed"
	errZone     evalError = "no such time zone"
	errResult   evalError = "the result is neither true nor false"
	errOther    evalError = "the evaluation failed"
)

// budget counts the steps that one evaluation has left.
type budget struct{ left int }

func (b *budget) spend(steps int) error {
	if steps < 0 || steps > b.left {
		b.left = 0
		return errCost
	}
	b.left -= steps
	return nil
}

const (
	stepsPerTurn = 10 // of a predicate
	bytesPerStep = 8  // of text that a function reads
)

// loop is put around the list that a predicate goes through.
func loop(args ...any) (any, error) {
	if _, ok := args[1].([]any); !ok {
		if k := reflect.ValueOf(args[1]).Kind(); k != reflect.Slice && k != reflect.Array {
			return nil, typeError(args[1])
		}
	}
	return args[1], args[0].(*budget).spend(stepsPerTurn * size(args[1]))
}

// charge is put around what a function or an operator reads.
func charge(args ...any) (any, error) {
	return args[1], args[0].(*budget).spend(args[2].(int) * cost(args[1]))
}

// chargeDeep is put around what is read to its leaves; a value may hold another one
// many times, and each time counts.
func chargeDeep(args ...any) (any, error) {
	return args[1], args[0].(*budget).deep(args[1])
}

// equal is the operator ==, which the language computes to the leaves.
func equal(args ...any) (any, error) {
	a, b := args[1], args[2]
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return x == y, args[0].(*budget).spend(min(len(x), len(y)) / bytesPerStep)
		}
		return false, nil
	case int:
		if y, ok := b.(int); ok {
			return x == y, nil
		}
	}
	if err := args[0].(*budget).deep(a); err != nil {
		return nil, err
	}
	if err := args[0].(*budget).deep(b); err != nil {
		return nil, err
	}
	return runtime.Equal(a, b), nil
}

// index lets scalars alone be an index.
func index(args ...any) (any, error) {
	switch args[1].(type) {
	case int, float64, string:
		return args[1], nil
	}
	return nil, typeError(args[1])
}

// chargeSquare is put around the list whose elements are compared with each other.
func chargeSquare(args ...any) (any, error) {
	b := args[0].(*budget)
	before := b.left
	if err := b.deep(args[1]); err != nil {
		return nil, err
	}
	return args[1], b.spend((before - b.left) * min(size(args[1]), MaxSteps))
}

func (b *budget) deep(v any) error {
	if err := b.spend(1 + cost(v)); err != nil {
		return err
	}
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if err := b.deep(item); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, item := range v {
			if err := b.deep(item); err != nil {
				return err
			}
		}
	case map[any][]any:
		for _, item := range v {
			if err := b.deep(item); err != nil {
				return err
			}
		}
	}
	return nil
}

func cost(v any) int {
	if s, ok := v.(string); ok {
		return len(s) / bytesPerStep
	}
	return size(v)
}

// size is how many elements a value has; a scalar has none.
func size(v any) int {
	switch v := v.(type) {
	case nil, bool, int, float64, string:
		return 0
	case []any:
		return len(v)
	case map[string]any:
		return len(v)
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Slice || r.Kind() == reflect.Map || r.Kind() == reflect.Array {
		return r.Len()
	}
	return 0
}
