package infer

import (
	"bytes"
	"cmp"
	"math/big"
	"strconv"
)

// numeral is a number as it was written, and about what it is.
type numeral struct {
	about float64
	raw   string
}

// compare compares exactly. Of two ways to write one number the shorter one is less, so
// that it does not matter which came first.
func (a numeral) compare(b numeral) int {
	switch {
	case a.about != b.about:
		return cmp.Compare(a.about, b.about)
	case a.raw == b.raw:
		return 0
	}
	x, okX := new(big.Rat).SetString(a.raw)
	y, okY := new(big.Rat).SetString(b.raw)
	if okX && okY {
		if c := x.Cmp(y); c != 0 {
			return c
		}
	}
	return 0
}

// simpler says that a is the better way to write the number that b is too.
func (a numeral) simpler(b numeral) bool {
	return cmp.Or(cmp.Compare(len(a.raw), len(b.raw)), cmp.Compare(a.raw, b.raw)) < 0
}

// number takes in a number.
func (p *place) number(raw []byte) {
	k := integer
	if bytes.ContainsAny(raw, ".eE") {
		k = number
	}
	about, ok := small(raw)
	if !ok {
		about, _ = strconv.ParseFloat(string(raw), 64) // beyond the range it is infinite
	}
	if p.numbers() == 0 || about < p.low.about || about > p.high.about ||
		about == p.low.about && string(raw) != p.low.raw || about == p.high.about && string(raw) != p.high.raw {
		p.numeral(numeral{about, string(raw)})
	}
	p.kinds[k]++
}

// numeral widens the range; it is called before the number is counted.
func (p *place) numeral(x numeral) {
	if p.low.raw == "" {
		p.low, p.high = x, x
		return
	}
	if c := x.compare(p.low); c < 0 || c == 0 && x.simpler(p.low) {
		p.low = x
	}
	if c := x.compare(p.high); c > 0 || c == 0 && x.simpler(p.high) {
		p.high = x
	}
}

// small reads an integer of up to 15 digits.
func small(raw []byte) (float64, bool) {
	digits, sign := raw, 1.0
	if digits[0] == '-' {
		digits, sign = digits[1:], -1
	}
	if len(digits) > 15 {
		return 0, false
	}
	n := int64(0)
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return sign * float64(n), true
}
