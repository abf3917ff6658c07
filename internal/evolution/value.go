package evolution

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// canonical is a text, number or literal as it is written in a schema and in an edit's key:
// in one way, however the event has it. A producer has many spellings of one value, and what
// was decided of one holds for all.
func canonical(raw []byte) string {
	switch v := decoded(raw).(type) {
	case string:
		return string(encode(v))
	case json.Number:
		return number(string(v))
	}
	return string(bytes.TrimSpace(raw))
}

// number is a JSON number in the shortest usual way: 7 for 7.0, 70e-1 and 0.7E1.
func number(text string) string {
	digits, negative := strings.CutPrefix(strings.ToLower(text), "-")
	digits, tail, _ := strings.Cut(digits, "e")
	exponent := 0
	if tail != "" {
		var err error
		if exponent, err = strconv.Atoi(tail); err != nil || exponent > 1e6 || exponent < -1e6 {
			return text // beyond what any reader takes for a number
		}
	}
	whole, part, _ := strings.Cut(digits, ".")
	digits = whole + part
	exponent -= len(part)
	trimmed := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(trimmed)
	digits = strings.TrimLeft(trimmed, "0")
	if digits == "" {
		return "0"
	}
	sign := ""
	if negative {
		sign = "-"
	}
	point := len(digits) + exponent // how many digits are before the point
	switch {
	case exponent >= 0 && point <= 21:
		return sign + digits + strings.Repeat("0", exponent)
	case exponent < 0 && point > 0:
		return sign + digits[:point] + "." + digits[point:]
	case exponent < 0 && point > -6:
		return sign + "0." + strings.Repeat("0", -point) + digits
	}
	if len(digits) > 1 {
		digits = digits[:1] + "." + digits[1:]
	}
	return sign + digits + "e" + strconv.Itoa(point-1)
}

// remembered are the keys of edits as decisions of people are remembered by them. What says
// the same in another way has one key: that a type integer was taken back holds for number,
// which takes all integers, too; and a const that becomes a list is that list.
func remembered(keys []string) []string {
	list := make([]string, len(keys))
	for i, key := range keys {
		part := strings.Split(key, "\x1f")
		if len(part) == 4 {
			switch {
			case part[0] == string(KindType) && part[3] == "integer":
				part[3] = "number"
			case part[0] == string(KindEnumValue) && strings.HasSuffix(part[1], "/const"):
				part[1] = strings.TrimSuffix(part[1], "const") + "enum"
			}
		}
		list[i] = strings.Join(part, "\x1f")
	}
	slices.Sort(list)
	return list
}

// starred is a place in an event with each index of an array as "*".
func starred(path string, payload []byte) string {
	segments := strings.Split(path, "/")
	list := strings.Split(path, "/")
	for i, s := range segments {
		if i == 0 || s == "" || strings.Trim(s, "0123456789") != "" {
			continue
		}
		if around, ok := jsonread.Find(payload, strings.Join(segments[:i], "/")); ok && around[0] == '[' {
			list[i] = "*"
		}
	}
	return strings.Join(list, "/")
}
