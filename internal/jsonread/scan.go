package jsonread

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"unicode/utf8"

	"github.com/lazaret/lazaret"
)

// Bytes that end the fast way through a string, found eight at a time: the quote,
// the backslash, control characters and everything that is not ASCII.
const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special returns a word whose lowest set bit is the high bit of the first byte of w
// that is special. Bytes above that one may be marked without being special.
func special(w uint64) uint64 {
	quote := w ^ '"'*lows
	slash := w ^ '\\'*lows
	return (((quote - lows) &^ quote) | ((slash - lows) &^ slash) | (w - 0x20*lows) | w) & highs
}

// scanString reads the string whose opening quote is at start. It returns the
// position after the closing quote and whether the string holds escapes.
func scanString(data []byte, start int) (end int, escaped bool, f fault) {
	i := start + 1
	for {
		for i+8 <= len(data) {
			if m := special(binary.LittleEndian.Uint64(data[i:])); m != 0 {
				i += bits.TrailingZeros64(m) / 8
				break
			}
			i += 8
		}
		if i >= len(data) {
			return 0, false, syntaxFault(len(data), wantQuote)
		}
		switch c := data[i]; {
		case c == '"':
			return i + 1, escaped, fault{}
		case c == '\\':
			escaped = true
			if i, f = scanEscape(data, i); f.bad() {
				return 0, false, f
			}
		case c < 0x20:
			return 0, false, syntaxFault(i, badControl)
		case c < utf8.RuneSelf:
			i++
		default:
			r, size := utf8.DecodeRune(data[i:])
			if r == utf8.RuneError && size == 1 {
				if !utf8.FullRune(data[i:]) { // the text is cut off within a character
					return 0, false, syntaxFault(len(data), wantQuote)
				}
				return 0, false, fault{lazaret.CodeEncoding, i, badUTF8}
			}
			i += size
		}
	}
}

// scanEscape reads the escape whose backslash is at i, both halves of it if it
// stands for a surrogate pair, and returns the position after it.
func scanEscape(data []byte, i int) (int, fault) {
	if i+1 >= len(data) {
		return 0, syntaxFault(len(data), wantQuote)
	}
	switch data[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2, fault{}
	case 'u':
	default:
		return 0, syntaxFault(i+1, wantEscape)
	}
	unit, n := hex4(data, i+2)
	switch {
	case i+2+n >= len(data) && n < 4:
		return 0, syntaxFault(len(data), wantQuote)
	case n < 4:
		return 0, syntaxFault(i+2+n, wantHex)
	case unit < 0xD800 || unit > 0xDFFF:
		return i + 6, fault{}
	case unit >= 0xDC00:
		return 0, fault{lazaret.CodeEncoding, i, badSurrogate}
	}
	return scanLowHalf(data, i)
}

// scanLowHalf reads the second half of the surrogate pair whose first half is the
// six-byte escape at i.
func scanLowHalf(data []byte, i int) (int, fault) {
	for j, want := range []byte(`\u`) {
		if i+6+j >= len(data) {
			return 0, syntaxFault(len(data), wantQuote)
		}
		if data[i+6+j] != want {
			return 0, fault{lazaret.CodeEncoding, i, badSurrogate}
		}
	}
	unit, n := hex4(data, i+8)
	switch {
	case n < 4 && i+8+n >= len(data):
		return 0, syntaxFault(len(data), wantQuote)
	case n < 4 || unit < 0xDC00 || unit > 0xDFFF:
		return 0, fault{lazaret.CodeEncoding, i, badSurrogate}
	}
	return i + 12, fault{}
}

// hex4 reads up to four hexadecimal digits at i, and returns how many there were.
func hex4(data []byte, i int) (unit rune, n int) {
	for n < 4 && i+n < len(data) {
		c := data[i+n]
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return unit, n
		}
		unit = unit<<4 | rune(c)
		n++
	}
	return unit, n
}

// scanNumber reads the number at start, which begins with a digit or a minus sign,
// and returns the position after it. The limits are looked at when the grammar holds.
func scanNumber(data []byte, start int, l *Limits) (int, fault) {
	i := start
	if data[i] == '-' {
		i++
	}
	switch {
	case i < len(data) && data[i] == '0':
		i++
		if i < len(data) && isDigit(data[i]) {
			return 0, syntaxFault(i, badLeadingZero)
		}
	default:
		from := i
		if i = skipDigits(data, i); i == from {
			return 0, syntaxFault(i, wantDigit)
		}
	}
	if i < len(data) && data[i] == '.' {
		from := i + 1
		if i = skipDigits(data, from); i == from {
			return 0, syntaxFault(i, wantFraction)
		}
	}
	large := false
	if i < len(data) && data[i]|0x20 == 'e' {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		from := i
		if i = skipDigits(data, i); i == from {
			return 0, syntaxFault(i, wantExponent)
		}
		large = exceeds(data[from:i], l.Exponent)
	}
	if i-start > l.NumberLength {
		return 0, fault{lazaret.CodeNumber, start, fmt.Sprintf("the number has more than %d characters", l.NumberLength)}
	}
	if large {
		return 0, fault{lazaret.CodeNumber, start, fmt.Sprintf("the number's exponent is not within ±%d", l.Exponent)}
	}
	return i, fault{}
}

// exceeds reports whether the digits stand for more than limit. There may be a million.
func exceeds(digits []byte, limit int) bool {
	if limit == math.MaxInt { // there is none
		return false
	}
	v, most := uint64(0), uint64(limit)
	for _, c := range digits {
		if v > most/10 {
			return true
		}
		if v = v*10 + uint64(c-'0'); v > most {
			return true
		}
	}
	return false
}

func skipDigits(data []byte, i int) int {
	for i < len(data) && isDigit(data[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// scanLiteral reads true, false or null at start; its first letter was looked at.
func scanLiteral(data []byte, start int) (int, fault) {
	literal := "null"
	switch data[start] {
	case 't':
		literal = "true"
	case 'f':
		literal = "false"
	}
	for i := 1; i < len(literal); i++ {
		if start+i >= len(data) || data[start+i] != literal[i] {
			return 0, syntaxFault(min(start+i, len(data)), wantLiteral)
		}
	}
	return start + len(literal), fault{}
}
