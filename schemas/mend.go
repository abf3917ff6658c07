package schemas

import (
	"encoding/binary"
	"encoding/json"
	"math/big"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// mended judges two keywords in the schema library's place:
//
//   - propertyNames: the library reports its failures at a location that it goes on to
//     overwrite, so that they appear under a sibling's path.
//   - uniqueItems: beyond 20 items the library compares items that hash alike, and it
//     hashes without lengths: an array of strings that hold \u0004 makes all hashes equal
//     and the comparison quadratic, 8 s for a payload of 1.4 MB.
type mended struct {
	names  *jsonschema.Schema // propertyNames, or nil
	unique bool               // uniqueItems
}

// mend moves the two keywords from compiled schemas to the extension. It runs once for
// each schema, before the schema is used.
func mend(nodes []*jsonschema.Schema) {
	for _, s := range nodes {
		if !s.UniqueItems && s.PropertyNames == nil {
			continue
		}
		s.Extensions = append(s.Extensions, &mended{names: s.PropertyNames, unique: s.UniqueItems})
		s.UniqueItems, s.PropertyNames = false, nil
	}
}

// namesSchema is the propertyNames of a schema, mended or not.
func namesSchema(s *jsonschema.Schema) *jsonschema.Schema {
	for _, e := range s.Extensions {
		if m, ok := e.(*mended); ok {
			return m.names
		}
	}
	return s.PropertyNames
}

// isUnique reports whether a schema has uniqueItems, mended or not.
func isUnique(s *jsonschema.Schema) bool {
	for _, e := range s.Extensions {
		if m, ok := e.(*mended); ok {
			return m.unique
		}
	}
	return s.UniqueItems
}

// Validate implements the library's SchemaExt.
func (m *mended) Validate(ctx *jsonschema.ValidatorContext, v any) {
	switch v := v.(type) {
	case map[string]any:
		if m.names == nil {
			return
		}
		for name := range v {
			if m.names.Validate(name) != nil {
				ctx.AddError(&kind.PropertyNames{Property: name})
			}
		}
	case []any:
		if !m.unique {
			return
		}
		if i, j, found := firstDuplicate(v); found {
			ctx.AddError(&kind.UniqueItems{Duplicates: [2]int{i, j}})
		}
	}
}

// firstDuplicate finds two equal items, as JSON Schema understands it: numbers by value,
// objects whatever the order of their members. Its time is linear in the size of items.
func firstDuplicate(items []any) (i, j int, found bool) {
	if len(items) < 2 {
		return 0, 0, false
	}
	seen := make(map[string]int, len(items))
	var key []byte
	for j, item := range items {
		key = appendCanonical(key[:0], item)
		if i, ok := seen[string(key)]; ok {
			return i, j, true
		}
		seen[string(key)] = j
	}
	return 0, 0, false
}

// appendCanonical appends an encoding of v that is the same exactly for equal values.
func appendCanonical(b []byte, v any) []byte {
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
			b = appendCanonical(b, item)
		}
		return b
	case map[string]any:
		b = binary.AppendUvarint(append(b, 'o'), uint64(len(v)))
		for _, name := range sortedKeys(v) {
			b = appendCanonical(appendText(b, name), v[name])
		}
		return b
	default:
		return append(b, '?')
	}
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
