package schemas

import (
	"encoding/binary"
	"math"
	"math/bits"
	"unicode/utf8"
)

// Strings are scanned eight bytes at a time: one test finds the quote, the backslash,
// control characters and everything that is not ASCII.
const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special returns a word whose lowest set bit is the high bit of the first byte of w that
// ends the fast way. Bytes above that one may be marked without being special.
func special(w uint64) uint64 {
	return (w | (w - 0x20*lows) | ((w ^ '"'*lows) - lows) | ((w ^ '\\'*lows) - lows)) & highs
}

// look is what was seen in a string.
type look uint8

const (
	escaped  look = 1 << iota // it has backslashes
	nonASCII                  // it has bytes from 0x80 on
)

// scanText goes over the string whose first byte after the quote is at i. It returns the
// position of the closing quote, or -1 if it is not a string of RFC 8259 in valid UTF-8
// whose escapes are of whole characters.
func scanText(d []byte, i int) (end int, s look) {
	for {
		for i+8 <= len(d) {
			if m := special(binary.LittleEndian.Uint64(d[i:])); m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		if i >= len(d) {
			return -1, 0
		}
		switch c := d[i]; {
		case c == '"':
			return i, s
		case c == '\\':
			s |= escaped
			if i = skipEscape(d, i); i < 0 {
				return -1, 0
			}
		case c < 0x20:
			return -1, 0
		case c < utf8.RuneSelf:
			i++
		default:
			s |= nonASCII
			if i = skipRunes(d, i); i < 0 {
				return -1, 0
			}
		}
	}
}

// spelling is a text that is compared with others of any length eight bytes at a time.
type spelling struct {
	text       string
	head, tail uint64 // its first and last eight bytes
	mask       uint64 // of head, those that it has
}

func newSpelling(text string) spelling {
	s := spelling{text: text, mask: math.MaxUint64}
	if n := len(text); n < 8 {
		s.mask >>= 64 - 8*n
	} else {
		s.tail = binary.LittleEndian.Uint64([]byte(text[n-8:]))
	}
	s.head = binary.LittleEndian.Uint64(append([]byte(text), make([]byte, 8)...))
	return s
}

// follows reports whether the text stands in d from i on.
func (s *spelling) follows(d []byte, i int) bool {
	n := len(s.text)
	if i+max(n, 8) > len(d) {
		return i+n <= len(d) && string(d[i:i+n]) == s.text
	}
	if (binary.LittleEndian.Uint64(d[i:])^s.head)&s.mask != 0 {
		return false
	}
	if n <= 8 {
		return true
	}
	if binary.LittleEndian.Uint64(d[i+n-8:]) != s.tail {
		return false
	}
	return n <= 16 || string(d[i+8:i+n-8]) == s.text[8:n-8]
}

// skipRunes goes over characters beyond ASCII, of which most come in company.
func skipRunes(d []byte, i int) int {
	for i+4 <= len(d) && d[i] >= utf8.RuneSelf {
		w := binary.LittleEndian.Uint32(d[i:])
		switch c := byte(w); {
		case c >= 0xE1 && c != 0xED && c < 0xF0 && w&0xC0C000 == 0x808000:
			i += 3
		case c >= 0xC2 && c < 0xE0 && w&0xC000 == 0x8000:
			i += 2
		default: // the others have bounds of their own
			r, size := utf8.DecodeRune(d[i:])
			if r == utf8.RuneError && size == 1 {
				return -1
			}
			i += size
		}
	}
	for i < len(d) && d[i] >= utf8.RuneSelf {
		r, size := utf8.DecodeRune(d[i:])
		if r == utf8.RuneError && size == 1 {
			return -1
		}
		i += size
	}
	return i
}

// skipEscape goes over the escape whose backslash is at i, both halves of it if it is a
// surrogate pair. It returns -1 if it is none, or half of a pair.
func skipEscape(d []byte, i int) int {
	if i+1 >= len(d) {
		return -1
	}
	switch d[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
	default:
		return -1
	}
	unit := hexUnit(d, i+2)
	switch {
	case unit < 0:
		return -1
	case unit < 0xD800 || unit > 0xDFFF:
		return i + 6
	case unit > 0xDBFF || i+7 >= len(d) || d[i+6] != '\\' || d[i+7] != 'u':
		return -1
	}
	if low := hexUnit(d, i+8); low < 0xDC00 || low > 0xDFFF {
		return -1
	}
	return i + 12
}

// hexUnit reads four hexadecimal digits, or returns -1.
func hexUnit(d []byte, i int) rune {
	if i+4 > len(d) {
		return -1
	}
	var unit rune
	for _, c := range d[i : i+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		unit = unit<<4 | rune(c)
	}
	return unit
}

// appendText appends what a scanned string stands for, without its escapes.
func appendUnescaped(b, text []byte) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		if c != '\\' {
			b = append(b, c)
			i++
			continue
		}
		switch c = text[i+1]; c {
		case 'u':
			unit := hexUnit(text, i+2)
			i += 6
			if unit >= 0xD800 && unit <= 0xDFFF { // a pair, as it was scanned
				unit = (unit-0xD800)<<10 + hexUnit(text, i+2) - 0xDC00 + 0x10000
				i += 6
			}
			b = utf8.AppendRune(b, unit)
			continue
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		}
		b = append(b, c)
		i += 2
	}
	return b
}

// characters counts the characters of a text in valid UTF-8.
func characters(text []byte) (n int) {
	for len(text) >= 8 {
		w := binary.LittleEndian.Uint64(text)
		// A byte that continues a character has its two highest bits 10.
		n += 8 - bits.OnesCount64(w&(^w<<1)&highs)
		text = text[8:]
	}
	for _, c := range text {
		if c&0xC0 != 0x80 {
			n++
		}
	}
	return n
}

// skipBlank goes over white space.
func skipBlank(d []byte, i int) int {
	for i < len(d) && (d[i] == ' ' || d[i] == '\n' || d[i] == '\r' || d[i] == '\t') {
		i++
	}
	return i
}
