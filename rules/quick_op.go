package rules

import "math"

// The operators, on values. Where the expression library fails they are unsure.

// equals is the operator ==.
func equals(a, b value) value {
	switch {
	case a.kind == unsure || b.kind == unsure:
		return value{}
	case a.kind == b.kind:
		return same(a, b)
	case a.kind == kindInt && b.kind == kindFloat:
		return truth(float64(a.n) == b.f)
	case a.kind == kindFloat && b.kind == kindInt:
		return truth(a.f == float64(b.n))
	case a.kind == kindNull || b.kind == kindNull:
		return truth(false)
	case a.holds() || b.holds():
		return value{}
	}
	return truth(false)
}

// same compares two values of one kind.
func same(a, b value) value {
	switch a.kind {
	case kindText:
		return truth(a.s == b.s)
	case kindNull:
		return truth(true)
	case kindFloat:
		return truth(a.f == b.f)
	case kindList, kindObject:
		return value{}
	}
	return truth(a.n == b.n && a.f == b.f)
}

// holds says whether there are values in the value.
func (v value) holds() bool { return v.kind == kindList || v.kind == kindObject }

// compare is negative, zero or positive as a is before, at or after b in their order, if
// they have one.
func compare(a, b value) (order int, ok bool) {
	switch {
	case a.kind == kindInt && b.kind == kindInt:
		return sign(a.n, b.n), true
	case a.number() && b.number():
		return sign(a.real(), b.real()), true
	case a.kind != b.kind:
		return 0, false
	}
	switch a.kind {
	case kindText:
		return sign(a.s, b.s), true
	case kindMoment:
		if a.n == b.n {
			return sign(a.f, b.f), true
		}
		return sign(a.n, b.n), true
	case kindDuration:
		return sign(a.n, b.n), true
	}
	return 0, false
}

func sign[T int | float64 | string](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (v value) number() bool { return v.kind == kindInt || v.kind == kindFloat }

// real is a number as the library takes it where the other one is a float.
func (v value) real() float64 {
	if v.kind == kindInt {
		return float64(v.n)
	}
	return v.f
}

// accepted are the orders for which an operator that compares is true, a bit for each:
// before, at and after.
func accepted(operator string) int {
	switch operator {
	case "<":
		return 0b001
	case "<=":
		return 0b011
	case ">":
		return 0b100
	}
	return 0b110
}

// calculate is one of the operators of arith.go.
func calculate(name string) func(a, b value) value {
	switch name {
	case "#add":
		return plus
	case "#subtract":
		return minus
	case "#multiply":
		return times
	case "#divide":
		return over
	case "#modulo":
		return rest
	}
	return nil
}

func plus(a, b value) value {
	switch {
	case a.kind == kindInt && b.kind == kindInt:
		if sum := a.n + b.n; (sum > a.n) == (b.n > 0) {
			return whole(sum)
		}
	case a.number() && b.number():
		return bounded(a.real() + b.real())
	case a.kind == kindMoment && b.kind == kindDuration:
		return later(a, b.n)
	case a.kind == kindDuration && b.kind == kindMoment:
		return later(b, a.n)
	}
	return value{}
}

func minus(a, b value) value {
	switch {
	case a.kind == kindInt && b.kind == kindInt:
		if difference := a.n - b.n; (difference < a.n) == (b.n > 0) {
			return whole(difference)
		}
	case a.number() && b.number():
		return bounded(a.real() - b.real())
	case a.kind == kindMoment && b.kind == kindDuration && b.n != math.MinInt:
		return later(a, -b.n)
	case a.kind == kindMoment && b.kind == kindMoment:
		return between(b, a)
	}
	return value{}
}

func times(a, b value) value {
	switch {
	case a.kind == kindInt && b.kind == kindInt:
		// A product of smaller numbers surely fits.
		if magnitude(a.n) <= math.MaxInt32 && magnitude(b.n) <= math.MaxInt32 {
			return whole(a.n * b.n)
		}
	case a.number() && b.number():
		return bounded(a.real() * b.real())
	}
	return value{}
}

func over(a, b value) value {
	if !a.number() || !b.number() || b.real() == 0 {
		return value{}
	}
	return bounded(a.real() / b.real())
}

func rest(a, b value) value {
	if a.kind != kindInt || b.kind != kindInt || b.n == 0 {
		return value{}
	}
	return whole(a.n % b.n)
}

// bounded is a result that is a number.
func bounded(f float64) value {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return value{}
	}
	return fraction(f)
}

const second = 1_000_000_000 // nanoseconds

// later is the moment that many nanoseconds after a moment.
func later(m value, nanos int) value {
	m.n += nanos / second
	m.f += float64(nanos % second)
	if m.f < 0 {
		m.n, m.f = m.n-1, m.f+second
	} else if m.f >= second {
		m.n, m.f = m.n+1, m.f-second
	}
	return m
}

// between is the time from one moment to another, if it surely fits.
func between(from, to value) value {
	seconds := to.n - from.n
	if seconds > math.MaxInt32 || seconds < -math.MaxInt32 {
		return value{}
	}
	return value{kind: kindDuration, n: seconds*second + int(to.f-from.f)}
}

// absolute is the function abs.
func absolute(v value) value {
	switch {
	case v.kind == kindInt:
		return whole(max(v.n, -v.n))
	case v.kind == kindFloat && v.f < 0:
		return fraction(-v.f)
	case v.kind == kindFloat:
		return v
	}
	return value{}
}
