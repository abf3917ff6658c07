package rules

import (
	"math"
	"math/bits"

	"github.com/expr-lang/expr/vm/runtime"
)

// The arithmetic of rules: that of the language, but what overflows, divides by zero or
// is not a number is an error and not a result. Each takes the budget first.

func add(args ...any) (any, error) {
	a, b := args[1], args[2]
	if x, y, ok := integers(a, b); ok {
		sum := x + y
		if (sum > x) != (y > 0) && y != 0 {
			return nil, errOverflow
		}
		return sum, nil
	}
	if x, ok := a.(string); ok {
		if y, ok := b.(string); ok {
			if len(x)+len(y) > MaxString {
				return nil, errText
			}
			return x + y, args[0].(*budget).spend((len(x) + len(y)) / bytesPerStep)
		}
	}
	return finite(runtime.Add(a, b))
}

func subtract(args ...any) (any, error) {
	if x, y, ok := integers(args[1], args[2]); ok {
		difference := x - y
		if (difference < x) != (y > 0) && y != 0 {
			return nil, errOverflow
		}
		return difference, nil
	}
	return finite(runtime.Subtract(args[1], args[2]))
}

func multiply(args ...any) (any, error) {
	if x, y, ok := integers(args[1], args[2]); ok {
		hi, lo := bits.Mul64(magnitude(x), magnitude(y))
		if hi != 0 || lo > math.MaxInt {
			return nil, errOverflow
		}
		return x * y, nil
	}
	return finite(runtime.Multiply(args[1], args[2]))
}

func divide(args ...any) (any, error) {
	if zero(args[2]) {
		return nil, errDivide
	}
	return finite(runtime.Divide(args[1], args[2]))
}

func modulo(args ...any) (any, error) {
	if zero(args[2]) {
		return nil, errDivide
	}
	return runtime.Modulo(args[1], args[2]), nil
}

func power(args ...any) (any, error) {
	return finite(runtime.Exponent(args[1], args[2]))
}

// sum adds up a list, with the checks of add.
func sum(args ...any) (any, error) {
	list, ok := elements(args[1])
	if !ok {
		return nil, typeError(args[1])
	}
	var total any = 0
	for _, item := range list {
		var err error
		if total, err = add(args[0], total, item); err != nil {
			return nil, err
		}
	}
	return total, nil
}

func integers(a, b any) (x, y int, ok bool) {
	if x, ok = a.(int); !ok {
		return 0, 0, false
	}
	y, ok = b.(int)
	return x, y, ok
}

// magnitude is |x|; of the smallest integer, whose magnitude no integer has, too.
func magnitude(x int) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

func zero(v any) bool { return v == 0 || v == 0.0 }

func finite(v any) (any, error) {
	if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
		return nil, errOverflow
	}
	return v, nil
}

func typeError(v any) error {
	if v == nil {
		return errMissing
	}
	return errType
}
