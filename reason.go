package lazaret

import (
	"cmp"
	"slices"
)

// Code is a stable name for a kind of failure. The list of codes is closed and is
// only ever appended to; docs/reasons.md is generated from it.
type Code string

// The codes that are not made of a keyword or an attribute. The codes
// schema.<keyword> and envelope.<attribute> are made by SchemaCode and EnvelopeCode.
const (
	CodeSyntax       Code = "json.syntax"        // not a JSON text
	CodeEncoding     Code = "json.encoding"      // not valid UTF-8, or a lone surrogate in an escape
	CodeDuplicateKey Code = "json.duplicate_key" // an object has a key twice
	CodeDepth        Code = "json.depth"         // nested more deeply than the limit
	CodeNumber       Code = "json.number"        // a number that is too long or has too large an exponent
	CodeSize         Code = "json.size"          // too many bytes, keys or items

	CodeRuleFailed Code = "rule.failed" // a rule's expression was not true
	CodeRuleError  Code = "rule.error"  // a rule's expression could not be evaluated

	CodeSchemaUnknown Code = "schema.unknown" // the event names a schema version that it must not, or that there is not
	CodeSchemaCost    Code = "schema.cost"    // the event is too much work for its schema

	CodeSinkRefused Code = "sink.refused" // it passed, but the sink's receiver refused it for good
)

// SchemaCode returns the code of a failed JSON Schema keyword, such as schema.required.
func SchemaCode(keyword string) Code { return Code("schema." + keyword) }

// EnvelopeCode returns the code of a bad envelope attribute, such as envelope.id.
func EnvelopeCode(attribute string) Code { return Code("envelope." + attribute) }

// Reason is why an event is bad (or, as a warning, questionable). No field of a
// Reason ever holds a value out of the event's payload; names of properties do
// occur in Path.
type Reason struct {
	Code Code `json:"code"`
	// Path is the JSON Pointer (RFC 6901) to the place in the event; "" is the whole event.
	Path string `json:"path"`
	// SchemaPath is the JSON Pointer within the schema document to the keyword that
	// failed; "" if no schema is involved.
	SchemaPath string `json:"schema_path,omitempty"`
	// Rule is the id of the rule that failed; "" if none is involved.
	Rule string `json:"rule,omitempty"`
	// Message is for people: what is wrong and what was expected.
	Message string `json:"message"`
}

// Compare orders reasons by path, code, rule, schema path and message.
func (r Reason) Compare(o Reason) int {
	return cmp.Or(
		cmp.Compare(r.Path, o.Path),
		cmp.Compare(r.Code, o.Code),
		cmp.Compare(r.Rule, o.Rule),
		cmp.Compare(r.SchemaPath, o.SchemaPath),
		cmp.Compare(r.Message, o.Message),
	)
}

// SortReasons sorts reasons, drops repetitions, cuts the list at MaxReasons, and
// returns it with the number of reasons that were cut. It works in place.
func SortReasons(reasons []Reason) (list []Reason, more int) {
	slices.SortFunc(reasons, Reason.Compare)
	reasons = slices.Compact(reasons)
	if len(reasons) > MaxReasons {
		return reasons[:MaxReasons], len(reasons) - MaxReasons
	}
	return reasons, 0
}
