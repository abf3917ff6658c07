package yamlread

import (
	"fmt"
	"reflect"
	"strings"
)

// field is a key that a struct takes.
type field struct {
	name  string
	index []int
}

// fields are the keys that t takes, in the order of its fields; an embedded struct's
// are its own.
func fields(t reflect.Type, index []int) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(append([]int(nil), index...), i)
		name := tagName(f)
		switch {
		case f.Anonymous && f.Type.Kind() == reflect.Struct && name == "":
			out = append(out, fields(f.Type, at)...)
		case !f.IsExported() || name == "-":
		case name == "":
			out = append(out, field{strings.ToLower(f.Name), at})
		default:
			out = append(out, field{name, at})
		}
	}
	return out
}

// tagName is the name in the yaml tag, else in the json tag, else "".
func tagName(f reflect.StructField) string {
	for _, tag := range []string{"yaml", "json"} {
		if name, _, _ := strings.Cut(f.Tag.Get(tag), ","); name != "" {
			return name
		}
	}
	return ""
}

// unknownKey is the message for a key that the struct does not take.
func unknownKey(name, path string, known []field) string {
	msg := fmt.Sprintf("unknown key %q", shorten(name))
	if path != "" {
		msg += " in " + path
	}
	best, distance := "", 1+len(name)/3
	names := make([]string, len(known))
	for i, f := range known {
		names[i] = f.name
		if d := editDistance(strings.ToLower(name), f.name, distance); d <= distance && (best == "" || d < distance) {
			best, distance = f.name, d
		}
	}
	switch {
	case best != "":
		return msg + fmt.Sprintf("; did you mean %q?", best)
	case len(names) == 0:
		return msg + "; no keys are taken here"
	}
	return msg + "; the keys here are " + strings.Join(names, ", ")
}

// editDistance is the Levenshtein distance of a and b, or more than limit if it is
// more than limit; both are short, or the answer is quick.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit || len(a) > longestKey {
		return limit + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

// shorten cuts a key that is too long to be shown.
func shorten(s string) string {
	if len(s) <= longestKey {
		return s
	}
	return strings.ToValidUTF8(s[:longestKey], "") + "…"
}
