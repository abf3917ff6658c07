package schemas

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// describe names the keyword of a simple failure and says what the schema wants, in words
// that hold values of the schema only; "" if the kind is not known.
func describe(k jsonschema.ErrorKind) (keyword, message string) {
	switch k := k.(type) {
	case *kind.Const:
		return "const", "must be " + literal(k.Want)
	case *kind.Enum:
		return "enum", "must be " + literals(k.Want)
	case *kind.Format:
		return "format", "is not a valid " + truncate(k.Want, maxLiteral)
	case *kind.Not:
		return "not", "matches a schema that it must not match"
	case *kind.Pattern:
		return "pattern", "does not match the pattern " + truncate(k.Want, maxAllowed)
	case *kind.MinLength:
		return "minLength", "must be at least " + count(k.Want, "character") + " long"
	case *kind.MaxLength:
		return "maxLength", "must be at most " + count(k.Want, "character") + " long"
	case *kind.Minimum:
		return "minimum", "must be at least " + number(k.Want)
	case *kind.Maximum:
		return "maximum", "must be at most " + number(k.Want)
	case *kind.ExclusiveMinimum:
		return "exclusiveMinimum", "must be greater than " + number(k.Want)
	case *kind.ExclusiveMaximum:
		return "exclusiveMaximum", "must be less than " + number(k.Want)
	case *kind.MultipleOf:
		return "multipleOf", "must be a multiple of " + number(k.Want)
	default:
		return describeContainer(k)
	}
}

// describeContainer is describe for the keywords of objects and arrays.
func describeContainer(k jsonschema.ErrorKind) (keyword, message string) {
	switch k := k.(type) {
	case *kind.MinProperties:
		return "minProperties", "must have at least " + properties(k.Want)
	case *kind.MaxProperties:
		return "maxProperties", "must have at most " + properties(k.Want)
	case *kind.MinItems:
		return "minItems", "must have at least " + count(k.Want, "item")
	case *kind.MaxItems:
		return "maxItems", "must have at most " + count(k.Want, "item")
	case *kind.AdditionalItems:
		return "additionalItems", "has more items than the schema allows"
	case *kind.UniqueItems:
		return "uniqueItems", fmt.Sprintf("must not have an item twice; items %d and %d are equal", k.Duplicates[0], k.Duplicates[1])
	case *kind.Contains:
		return "contains", "has no item that matches contains"
	case *kind.MinContains:
		return "minContains", fmt.Sprintf("must have at least %s that match contains", count(k.Want, "item"))
	case *kind.MaxContains:
		return "maxContains", fmt.Sprintf("must have at most %s that match contains", count(k.Want, "item"))
	case *kind.ContentEncoding:
		return "contentEncoding", "is not encoded as the schema says"
	case *kind.ContentMediaType:
		return "contentMediaType", "is not of the media type that the schema says"
	case *kind.ContentSchema:
		return "contentSchema", "its content does not match the schema of the content"
	default:
		return "", ""
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func properties(n int) string {
	if n == 1 {
		return "1 property"
	}
	return strconv.Itoa(n) + " properties"
}

// literal writes a value of the schema, shortened.
func literal(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "what the schema says"
	}
	return truncate(strings.TrimSuffix(b.String(), "\n"), maxLiteral)
}

// literals writes the values that a schema allows, shortened.
func literals(values []any) string {
	if len(values) == 1 {
		return literal(values[0])
	}
	var b strings.Builder
	b.WriteString("one of ")
	for i, v := range values {
		word := literal(v)
		if b.Len()+len(word) > maxAllowed {
			fmt.Fprintf(&b, "… (%d in all)", len(values))
			return b.String()
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(word)
	}
	return b.String()
}

// number writes a number of the schema: exactly where that is short.
func number(r *big.Rat) string {
	if r.IsInt() {
		if s := r.Num().String(); len(s) <= 24 {
			return s
		}
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}
