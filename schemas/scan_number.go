package schemas

import (
	"encoding/binary"
	"math/big"
	"math/bits"
)

// decimal is a number that is written without an exponent and with at most 18 digits:
// mantissa / 10^scale.
type decimal struct {
	negative bool
	scale    uint8
	mantissa uint64
}

// maxDigits is how many digits surely fit into a mantissa, and twice into its products.
const maxDigits = 18

var powers = func() (p [maxDigits + 1]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// fewDigits reads the digits at i at one go, as the lowest set bit of a word finds what is
// none. n is how many there are, from 1 to 7; it is 0 if there are others, or if d ends soon.
func fewDigits(d []byte, i int) (v uint64, n int) {
	if i+8 > len(d) {
		return 0, 0
	}
	x := binary.LittleEndian.Uint64(d[i:]) ^ '0'*lows
	n = bits.TrailingZeros64((x+0x76*lows|x)&highs) >> 3
	if n&7 == 0 {
		return 0, 0
	}
	x <<= (64 - 8*n) & 63 // the digits are the last of eight
	x = x * 2561 >> 8 & 0x00FF00FF00FF00FF
	x = x * 6553601 >> 16 & 0x0000FFFF0000FFFF
	return x * 42949672960001 >> 32, n
}

// scanNumber goes over the number at i, which is at a digit or a minus sign. It returns
// the position after it, or -1 if it is not a number of RFC 8259. exponent is the absolute
// value of the one that is written, cut at maxExponent. exact is false where the number
// does not fit into a decimal.
func scanNumber(d []byte, i int) (n decimal, end, exponent int, exact bool) {
	if d[i] == '-' {
		n.negative = true
		i++
	}
	first := i
	for i < len(d) && d[i]-'0' <= 9 {
		n.mantissa = n.mantissa*10 + uint64(d[i]-'0')
		i++
	}
	count := i - first
	if count == 0 || count > 1 && d[first] == '0' {
		return n, -1, 0, false
	}
	if i >= len(d) || d[i] != '.' && d[i]|0x20 != 'e' {
		return n, i, 0, count <= maxDigits
	}
	return scanFraction(d, i, count, n)
}

// maxExponent is where the reading of an exponent stops to count.
const maxExponent = 1 << 30

// scanFraction is the rest of scanNumber, from the point or the exponent on.
func scanFraction(d []byte, i, count int, n decimal) (_ decimal, end, exponent int, exact bool) {
	scale := 0
	if d[i] == '.' {
		i++
		from := i
		if v, few := fewDigits(d, i); few > 0 {
			n.mantissa = n.mantissa*powers[few] + v
			i += few
		}
		for i < len(d) && d[i]-'0' <= 9 {
			n.mantissa = n.mantissa*10 + uint64(d[i]-'0')
			i++
		}
		if scale = i - from; scale == 0 {
			return n, -1, 0, false
		}
		count += scale
	}
	if i < len(d) && d[i]|0x20 == 'e' {
		negative := false
		if i++; i < len(d) && (d[i] == '+' || d[i] == '-') {
			negative = d[i] == '-'
			i++
		}
		from := i
		for ; i < len(d) && d[i]-'0' <= 9; i++ {
			exponent = min(exponent*10+int(d[i]-'0'), maxExponent)
		}
		if i == from {
			return n, -1, 0, false
		}
		if negative {
			scale += exponent
		} else {
			scale -= exponent
		}
	}
	switch {
	case count > maxDigits || scale > maxDigits || scale < count-maxDigits:
		return n, i, exponent, false
	case scale < 0:
		n.mantissa *= powers[-scale]
	default:
		n.scale = uint8(scale)
	}
	return n, i, exponent, true
}

// isInteger reports whether the number is whole, as 1.0 is.
func (n decimal) isInteger() bool { return n.scale == 0 || n.mantissa%powers[n.scale] == 0 }

// compare is -1, 0 or 1 as n is less than, equal to, or greater than o.
func (n decimal) compare(o decimal) int {
	if n.mantissa == 0 && o.mantissa == 0 {
		return 0
	}
	if n.negative != o.negative {
		switch {
		case n.mantissa == 0:
			n.negative = o.negative
		case o.mantissa == 0:
			o.negative = n.negative
		case n.negative:
			return -1
		default:
			return 1
		}
	}
	c := 0
	if n.scale == o.scale {
		c = cmp64(n.mantissa, o.mantissa)
	} else {
		nh, nl := bits.Mul64(n.mantissa, powers[o.scale])
		oh, ol := bits.Mul64(o.mantissa, powers[n.scale])
		if c = cmp64(nh, oh); c == 0 {
			c = cmp64(nl, ol)
		}
	}
	if n.negative {
		return -c
	}
	return c
}

func cmp64(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

// isMultiple reports whether n is a whole multiple of o, which is not zero. It is not
// known if the two cannot be brought to one scale in 64 bits.
func (n decimal) isMultiple(o decimal) (yes, known bool) {
	a, b := n.mantissa, o.mantissa
	if n.scale < o.scale {
		var high uint64
		if high, a = bits.Mul64(a, powers[o.scale-n.scale]); high != 0 {
			return false, false
		}
	} else if n.scale > o.scale {
		var high uint64
		if high, b = bits.Mul64(b, powers[n.scale-o.scale]); high != 0 {
			return false, false
		}
	}
	return a%b == 0, true
}

// toDecimal is a number of a schema as a decimal; false if it is none.
func toDecimal(r *big.Rat) (decimal, bool) {
	n := decimal{negative: r.Sign() < 0}
	num, den := new(big.Int).Abs(r.Num()), new(big.Int).Set(r.Denom())
	for ten := big.NewInt(10); !new(big.Int).Rem(num, den).IsInt64() || new(big.Int).Rem(num, den).Sign() != 0; n.scale++ {
		if n.scale == maxDigits {
			return decimal{}, false
		}
		num.Mul(num, ten)
	}
	num.Quo(num, den)
	if !num.IsUint64() || num.Uint64() >= powers[maxDigits] {
		return decimal{}, false
	}
	n.mantissa = num.Uint64()
	return n, true
}
