package contain

import (
	"encoding/json"
	"math/big"
	"slices"
)

// numbers is a set of rational numbers: those that all of its conditions hold for.
type numbers struct {
	lo, hi       *big.Rat // nil is none
	loOut, hiOut bool     // the bound itself is not in the set
	integer      bool
	notInteger   bool
	multiples    []*big.Rat // of each of which members are multiples
	notMultiples []*big.Rat // of none of which they are
	not          []*big.Rat // members that are left out

	out map[string]struct{} // of not, where they are not few, while a member is looked for
}

func (n *numbers) atLeast(r *big.Rat, out bool) {
	if n.lo == nil || r.Cmp(n.lo) > 0 || r.Cmp(n.lo) == 0 && out {
		n.lo, n.loOut = r, out
	}
}

func (n *numbers) atMost(r *big.Rat, out bool) {
	if n.hi == nil || r.Cmp(n.hi) < 0 || r.Cmp(n.hi) == 0 && out {
		n.hi, n.hiOut = r, out
	}
}

// hollow says whether the bounds leave nothing.
func (n *numbers) hollow() bool {
	if n.integer && n.notInteger {
		return true
	}
	if n.lo == nil || n.hi == nil {
		return false
	}
	c := n.lo.Cmp(n.hi)
	return c > 0 || c == 0 && (n.loOut || n.hiOut)
}

func (n *numbers) holds(r *big.Rat) bool {
	switch {
	case n.lo != nil && (r.Cmp(n.lo) < 0 || n.loOut && r.Cmp(n.lo) == 0),
		n.hi != nil && (r.Cmp(n.hi) > 0 || n.hiOut && r.Cmp(n.hi) == 0),
		n.integer && !r.IsInt(), n.notInteger && r.IsInt():
		return false
	}
	for _, m := range n.multiples {
		if !divides(m, r) {
			return false
		}
	}
	for _, m := range n.notMultiples {
		if divides(m, r) {
			return false
		}
	}
	if n.out != nil {
		_, ok := n.out[r.RatString()]
		return !ok
	}
	return !slices.ContainsFunc(n.not, func(v *big.Rat) bool { return v.Cmp(r) == 0 })
}

// try says whether a number is a member, which costs.
func (n *numbers) try(r *big.Rat, b *budget) bool {
	return b.use(4+min(len(n.not), fewValues)+len(n.multiples)+len(n.notMultiples)) && n.holds(r)
}

func divides(m, r *big.Rat) bool { return new(big.Rat).Quo(r, m).IsInt() }

var one = big.NewRat(1, 1)

// maxBits bounds the numbers that come up on the way.
const maxBits = 4_096

// find looks for a member.
func (n *numbers) find(b *budget) outcome {
	if n.hollow() {
		return empty
	}
	if n.out = nil; len(n.not) > fewValues {
		if !b.use(4 * len(n.not)) {
			return overBudget
		}
		n.out = make(map[string]struct{}, len(n.not))
		for _, r := range n.not {
			n.out[r.RatString()] = struct{}{}
		}
	}
	steps := slices.Clone(n.multiples)
	if n.integer {
		steps = append(steps, one)
	}
	if len(steps) == 0 {
		return n.findDense(b)
	}
	step := steps[0]
	for _, s := range steps[1:] {
		step = lcm(step, s)
		if step.Num().BitLen()+step.Denom().BitLen() > maxBits {
			return overBudget
		}
	}
	return n.findMultiple(step, b)
}

// findMultiple looks among the multiples of step: which of the whole numbers k is k·step in
// the set?
func (n *numbers) findMultiple(step *big.Rat, b *budget) outcome {
	var first, last *big.Int // of k
	if n.lo != nil {
		first = ceil(new(big.Rat).Quo(n.lo, step))
		if n.loOut && new(big.Rat).Mul(new(big.Rat).SetInt(first), step).Cmp(n.lo) == 0 {
			first.Add(first, big.NewInt(1))
		}
	}
	if n.hi != nil {
		last = floor(new(big.Rat).Quo(n.hi, step))
		if n.hiOut && new(big.Rat).Mul(new(big.Rat).SetInt(last), step).Cmp(n.hi) == 0 {
			last.Sub(last, big.NewInt(1))
		}
	}
	if first != nil && last != nil && first.Cmp(last) > 0 {
		return empty
	}
	// k·step is a multiple of m exactly if k is one of d, the numerator of m/step's
	// lowest terms turned round.
	period := big.NewInt(1)
	apart := slices.Clone(n.notMultiples)
	if n.notInteger {
		apart = append(apart, one)
	}
	for _, m := range apart {
		d := new(big.Rat).Quo(m, step).Num()
		d = new(big.Int).Abs(d)
		if d.Cmp(big.NewInt(1)) == 0 {
			return empty // every multiple of step is one of m
		}
		gcd := new(big.Int).GCD(nil, nil, period, d)
		period = new(big.Int).Mul(period, new(big.Int).Quo(d, gcd))
		if period.BitLen() > maxBits {
			return overBudget
		}
	}
	// The numbers k = 1 (mod period) are multiples of no d, and only so many are left out.
	tries := len(n.not) + 1
	value := func(k *big.Int) *big.Rat { return new(big.Rat).Mul(new(big.Rat).SetInt(k), step) }
	bases := []*big.Int{new(big.Int)}
	for _, bound := range []*big.Int{first, last} {
		if bound != nil {
			bases = append(bases, bound)
		}
	}
	for _, base := range bases {
		for i := range int64(2*tries + 4) {
			for _, i := range []int64{i, -i} {
				if r := value(new(big.Int).Add(base, big.NewInt(i))); n.try(r, b) {
					return foundNumber(r)
				}
			}
			if b.spent() {
				return overBudget
			}
		}
	}
	switch {
	case first == nil && last == nil:
		first = big.NewInt(0)
	case first == nil:
		first = new(big.Int).Sub(last, new(big.Int).Mul(period, big.NewInt(int64(tries+1))))
	}
	k := new(big.Int).Sub(first, big.NewInt(1))
	k.Add(k.Mul(k.Quo(k, period), period), big.NewInt(1))
	for range tries + 3 {
		if r := value(k); n.try(r, b) {
			return foundNumber(r)
		}
		if b.spent() {
			return overBudget
		}
		k.Add(k, period)
	}
	if last == nil {
		return doubt("multipleOf", "no number was found, and there may be one")
	}
	// What is left is short: shorter than a few periods.
	span := new(big.Int).Sub(last, first)
	if !span.IsInt64() || span.Int64() > 100_000 {
		return doubt("multipleOf", "there are too many multiples to look at")
	}
	for i := range span.Int64() + 1 {
		if r := value(new(big.Int).Add(first, big.NewInt(i))); n.try(r, b) {
			return foundNumber(r)
		}
		if b.spent() {
			return overBudget
		}
	}
	return empty
}

// findDense looks where between any two members there are more, but for some that lie
// apart.
func (n *numbers) findDense(b *budget) outcome {
	if !b.use(len(n.not)) {
		return overBudget
	}
	var tries []*big.Rat
	add := func(r *big.Rat) { tries = append(tries, r) }
	for _, i := range []int64{0, 1, -1, 2} {
		add(big.NewRat(i, 1))
	}
	add(big.NewRat(1, 2))
	switch {
	case n.lo != nil && n.hi != nil && n.lo.Cmp(n.hi) == 0:
		if n.holds(n.lo) {
			return foundNumber(n.lo)
		}
		return empty
	case n.lo != nil && n.hi != nil:
		add(n.lo)
		add(n.hi)
		add(ratOfInt(ceil(n.lo)))
		add(ratOfInt(floor(n.hi)))
		// Decimals within the interval, from coarse to fine.
		width := new(big.Rat).Sub(n.hi, n.lo)
		unit := big.NewRat(1, 1)
		for unit.Cmp(width) > 0 {
			unit = new(big.Rat).Quo(unit, big.NewRat(10, 1))
			if !b.use(1) || unit.Denom().BitLen() > maxBits {
				return overBudget
			}
		}
		for range 4 {
			unit = new(big.Rat).Quo(unit, big.NewRat(10, 1))
			at := new(big.Rat).Mul(ratOfInt(ceil(new(big.Rat).Quo(n.lo, unit))), unit)
			for range len(n.not) + 12 {
				add(at)
				at = new(big.Rat).Add(at, unit)
			}
		}
	case n.lo != nil:
		tries = append(tries, n.above(n.lo, 1)...)
	case n.hi != nil:
		tries = append(tries, n.above(n.hi, -1)...)
	default:
		tries = append(tries, n.above(big.NewRat(0, 1), 1)...)
	}
	for _, r := range tries {
		if n.try(r, b) {
			return foundNumber(r)
		}
		if b.spent() {
			return overBudget
		}
	}
	return doubt("multipleOf", "no number was found, and there may be one")
}

// above lists numbers from a bound on, some whole and some not.
func (n *numbers) above(bound *big.Rat, sign int64) (list []*big.Rat) {
	at := bound
	for i := range len(n.not) + 3 {
		list = append(list, at)
		at = new(big.Rat).Add(at, big.NewRat(sign*int64(1+i), 1))
	}
	at = bound
	for range len(n.not) + 12 {
		at = new(big.Rat).Add(at, big.NewRat(sign*137, 1000))
		list = append(list, at)
	}
	return list
}

func ratOfInt(i *big.Int) *big.Rat { return new(big.Rat).SetInt(i) }

func floor(r *big.Rat) *big.Int {
	q, m := new(big.Int), new(big.Int)
	q.DivMod(r.Num(), r.Denom(), m) // Euclidean, and the denominator is positive
	return q
}

func ceil(r *big.Rat) *big.Int {
	q := floor(r)
	if !r.IsInt() {
		q.Add(q, big.NewInt(1))
	}
	return q
}

// lcm is the smallest number that is a multiple of two.
func lcm(a, b *big.Rat) *big.Rat {
	num := new(big.Int).Mul(a.Num(), b.Denom())
	other := new(big.Int).Mul(b.Num(), a.Denom())
	denom := new(big.Int).Mul(a.Denom(), b.Denom())
	gcd := new(big.Int).GCD(nil, nil, num, other)
	return new(big.Rat).SetFrac(new(big.Int).Mul(num, new(big.Int).Quo(other, gcd)), denom)
}

const maxNumber = 60 // characters of a number that is shown: fewer than a reader may refuse

// foundNumber is an outcome, if JSON can write the number.
func foundNumber(r *big.Rat) outcome {
	text, ok := decimal(r)
	if !ok {
		return doubt("multipleOf", "the number that was found cannot be written as a short decimal")
	}
	return found(json.Number(text))
}

// decimal writes a number exactly. False if it has no end, or is too long.
func decimal(r *big.Rat) (string, bool) {
	if r.IsInt() {
		if r.Num().BitLen() > 4*maxNumber {
			return "", false
		}
		text := r.Num().String()
		return text, len(text) <= maxNumber
	}
	digits, exact := r.FloatPrec()
	if !exact || digits > maxNumber {
		return "", false
	}
	text := r.FloatString(digits)
	return text, len(text) <= maxNumber
}
