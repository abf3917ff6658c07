package schemas

import (
	"strings"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// Outline answers which members of its events a schema declares. It is immutable and safe
// for concurrent use.
type Outline struct{ root any }

// NewOutline reads a schema's document. Of a text that is no schema it knows nothing.
func NewOutline(document []byte) *Outline {
	value, _ := jsonread.Decode(document, jsonread.Limits{})
	return &Outline{value}
}

// unclear are the keywords beside which the properties of a schema are not the whole of
// what it may declare.
var unclear = []string{
	"patternProperties", "allOf", "anyOf", "oneOf", "if", "then", "else", "dependentSchemas", "dependencies",
	"$dynamicRef", "$recursiveRef", "unevaluatedProperties", "prefixItems",
}

// maxHops bounds the references that are followed for one pointer.
const maxHops = 32

// Undeclared finds the first step of a JSON Pointer into an event that names a member
// which the schema does not declare: an object there declares properties, and not this
// one. It returns the pointer up to and with that step, and the declared name that is
// nearest to it, if one is near. missing is "" if all is declared and also if that is not
// certain, as where patternProperties, a combination of schemas or another document is on
// the way, or the schema says that other members are welcome.
func (o *Outline) Undeclared(pointer string) (missing, near string) {
	if pointer == "" || pointer[0] != '/' {
		return "", ""
	}
	at := o.root
	for i, name := range tokens(pointer) {
		schema, ok := o.clear(at)
		if !ok || i > 0 && identified(schema) {
			return "", ""
		}
		properties, _ := schema["properties"].(map[string]any)
		if sub, ok := properties[name]; ok {
			at = sub
			continue
		}
		if items, ok := schema["items"].(map[string]any); ok && isIndex(name) {
			at = items
			continue
		}
		if len(properties) == 0 || isIndex(name) {
			return "", ""
		}
		if more, ok := schema["additionalProperties"]; ok && more != false {
			return "", ""
		}
		return pointerUpTo(pointer, i+1), nearest(name, sortedKeys(properties))
	}
	return "", ""
}

// clear follows references to a schema whose own properties are all that it declares.
func (o *Outline) clear(v any) (map[string]any, bool) {
	for range maxHops {
		schema, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		for _, key := range unclear {
			if _, ok := schema[key]; ok {
				return nil, false
			}
		}
		ref, refers := schema["$ref"].(string)
		_, own := schema["properties"]
		switch {
		case !refers:
			return schema, true
		case own || ref != "#" && !strings.HasPrefix(ref, "#/"):
			return nil, false
		}
		if v, ok = o.find(fragment(ref)); !ok {
			return nil, false
		}
	}
	return nil, false
}

// find is the value at a pointer into the document, unless the way leads through a schema
// that has an identifier of its own: references within that mean something else.
func (o *Outline) find(pointer string) (any, bool) {
	v := o.root
	for i, name := range tokens(pointer) {
		m, ok := v.(map[string]any)
		if !ok || i > 0 && identified(m) {
			return nil, false
		}
		if v, ok = m[name]; !ok {
			return nil, false
		}
	}
	return v, true
}

// identified says whether a schema below the outermost has an identifier of its own.
func identified(schema map[string]any) bool {
	_, new := schema["$id"].(string)
	_, old := schema["id"].(string)
	return new || old
}

func isIndex(name string) bool {
	return name != "" && strings.Trim(name, "0123456789") == ""
}

// pointerUpTo is the first n steps of a pointer.
func pointerUpTo(pointer string, n int) string {
	for i := range len(pointer) {
		if pointer[i] == '/' {
			if n == 0 {
				return pointer[:i]
			}
			n--
		}
	}
	return pointer
}
