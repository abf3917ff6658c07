package rules

import (
	"math"
	"strings"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// read makes a value of a JSON text that is well-formed.
func read(raw string) value {
	switch raw[0] {
	case '"':
		return words(unquoted(raw))
	case '{':
		return value{kind: kindObject, s: raw}
	case '[':
		return value{kind: kindList, s: raw}
	case 't':
		return truth(true)
	case 'f':
		return truth(false)
	case 'n':
		return value{kind: kindNull}
	}
	return readNumber(raw)
}

func unquoted(raw string) string {
	inner := raw[1 : len(raw)-1]
	if strings.IndexByte(inner, '\\') < 0 {
		return inner
	}
	s, _ := jsonread.Unquote([]byte(raw))
	return s
}

// tens are the powers of ten that are float64 exactly.
var tens = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// maxDigits is how many decimal digits surely fit an int64.
const maxDigits = 18

// readNumber makes of the text of a number what number makes of it. Two whole numbers
// that are exact as float64 have a quotient that is rounded once, as the nearest float64
// to the text is.
func readNumber(raw string) value {
	i := 0
	if raw[0] == '-' {
		i = 1
	}
	digits, point := 0, len(raw)
	n := 0
	for ; i < len(raw); i++ {
		switch c := raw[i]; {
		case '0' <= c && c <= '9':
			n = n*10 + int(c-'0') // more than maxDigits are not used
			digits++
		case c == '.':
			point = i + 1
		default:
			return slowNumber(raw)
		}
	}
	if digits > maxDigits {
		return slowNumber(raw)
	}
	if raw[0] == '-' {
		n = -n
	}
	decimals := len(raw) - point
	if decimals == 0 {
		return whole(n)
	}
	if n > maxExact || n < -maxExact {
		return slowNumber(raw)
	}
	f := float64(n) / tens[decimals]
	if f == math.Trunc(f) {
		return whole(int(f))
	}
	return fraction(f)
}

func slowNumber(raw string) value {
	v, _ := valueOf(number(raw))
	return v
}

// valueOf is the value for one of the language, if it is a scalar.
func valueOf(v any) (value, bool) {
	switch v := v.(type) {
	case nil:
		return value{kind: kindNull}, true
	case bool:
		return truth(v), true
	case int:
		return whole(v), true
	case float64:
		return fraction(v), true
	case string:
		return words(v), true
	}
	return value{}, false
}
