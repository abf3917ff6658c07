package jsonread

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
)

// Equal says whether two decoded values are equal as JSON Schema understands it: numbers by
// value, objects whatever the order of their members. Values are those that Decode makes;
// anything else is equal to what == says.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		return ok && (a == b || string(appendNumber(nil, a)) == string(appendNumber(nil, b)))
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, Equal)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, Equal)
	}
	switch b.(type) {
	case []any, map[string]any:
		return false // these cannot be compared with ==
	}
	return a == b
}

// AppendKey appends bytes that are the same exactly for values that are Equal. Its time is
// linear in the size of the value, sorting of names apart. A value that Decode does not make
// is like any other such value.
// The bytes may be kept: they are the same in every version.
func AppendKey(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, 'n')
	case bool:
		if v {
			return append(b, 't')
		}
		return append(b, 'f')
	case json.Number:
		return appendNumber(b, v)
	case string:
		return appendText(append(b, 's'), v)
	case []any:
		b = binary.AppendUvarint(append(b, 'a'), uint64(len(v)))
		for _, item := range v {
			b = AppendKey(b, item)
		}
		return b
	case map[string]any:
		b = binary.AppendUvarint(append(b, 'o'), uint64(len(v)))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			b = AppendKey(appendText(b, name), v[name])
		}
		return b
	default:
		return append(b, '?')
	}
}

// Repeated finds two items that are Equal, the first that repeats one before it.
func Repeated(items []any) (i, j int, found bool) {
	if len(items) < 2 {
		return 0, 0, false
	}
	seen := make(map[string]int, len(items))
	var key []byte
	for j, item := range items {
		key = AppendKey(key[:0], item)
		if i, ok := seen[string(key)]; ok {
			return i, j, true
		}
		seen[string(key)] = j
	}
	return 0, 0, false
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendNumber writes small integers, the usual case, as they stand, and all else as a
// reduced fraction.
func appendNumber(b []byte, n json.Number) []byte {
	s := n.String()
	if isSmallInteger(s) {
		return appendText(append(b, 'i'), s)
	}
	r, ok := new(big.Rat).SetString(s)
	switch {
	case !ok:
		return appendText(append(b, '?'), s)
	case r.IsInt():
		return appendText(append(b, 'i'), r.Num().String())
	default:
		return appendText(append(b, 'r'), r.String())
	}
}

// isSmallInteger reports whether s is an integer in its one shortest form.
func isSmallInteger(s string) bool {
	digits := s
	if len(s) > 1 && s[0] == '-' && s[1] != '0' {
		digits = s[1:]
	}
	if digits == "" || (digits[0] == '0' && len(digits) > 1) {
		return false
	}
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
