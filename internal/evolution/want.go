package evolution

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/jsonread"
)

// Kind is what an edit of a schema does. The names are those of the limits of a stream.
type Kind string

// The kinds of edits.
const (
	KindField     Kind = "field"      // declares a property where others are refused
	KindEnumValue Kind = "enum_value" // allows one more value where values are listed
	KindType      Kind = "type"       // allows one more type
	KindBranch    Kind = "branch"     // adds a branch to a union for one more value of its discriminator
)

// codes are the reasons that an edit can mend.
var codes = []lazaret.Code{
	"schema.additionalProperties", "schema.unevaluatedProperties", "schema.items", "schema.enum", "schema.const", "schema.type", "schema.oneOf", "schema.anyOf",
}

// want is an edit that one reason of one entry asks for.
type want struct {
	kind  Kind
	at    string // JSON Pointer of the keyword that refuses, in the schema's document
	path  string // of the place in the event, array indices as *
	name  string // of the field, or of the discriminator
	value string // the value to allow, as JSON, or the type
	exact string // the place in this very event
}

// key names the edit, whatever the version of the schema.
func (w want) key() string {
	return strings.Join([]string{string(w.kind), w.at, w.name, w.value}, "\x1f")
}

// together leaves out what comes of the others: a branch declares the members of its objects,
// so that they are no news to unevaluatedProperties beside the union.
func together(list []want) []want {
	return slices.DeleteFunc(list, func(w want) bool {
		return w.kind == KindField && slices.ContainsFunc(list, func(b want) bool {
			owner, _ := cutLast(b.at)
			return b.kind == KindBranch && w.at == owner+"/unevaluatedProperties"
		})
	})
}

// list names the list that the edit adds a value to; "" if it adds none.
func (w want) list() string {
	if w.kind != KindEnumValue && w.kind != KindBranch {
		return ""
	}
	return w.at + "\x1f" + w.name
}

const (
	maxValue = 64  // bytes of a value that becomes one of an enum
	maxName  = 128 // bytes of a name that becomes a property
)

// reader finds out what reasons ask for, in one version of a schema.
type reader struct {
	doc   text
	value any // the document, decoded

	reached map[string]map[string]bool // where a part of it applies
}

func newReader(document []byte) (*reader, bool) {
	value, bad := jsonread.Decode(document, jsonread.Limits{})
	_, ok := value.(map[string]any)
	return &reader{doc: document, value: value, reached: map[string]map[string]bool{}}, bad == nil && ok
}

// want is the edit that a reason asks for; ok is false if there is none that could be made.
func (d *reader) want(r lazaret.Reason, payload []byte) (w want, ok bool) {
	if r.Rule != "" || !strings.HasPrefix(r.SchemaPath, "/") || strings.Contains(r.SchemaPath, "#") {
		return w, false // another document, or cut short
	}
	at := d.doc.get(r.SchemaPath)
	if at == nil {
		return w, false
	}
	w = want{at: r.SchemaPath, path: starred(r.Path, payload), exact: r.Path}
	owner, keyword := cutLast(r.SchemaPath)
	if "schema."+keyword != string(r.Code) {
		return w, false
	}
	switch keyword {
	case "additionalProperties", "unevaluatedProperties":
		return d.field(w, owner, payload, at)
	case "items": // of an array that always was empty
		w.kind = KindField
		_, found := jsonread.Find(payload, w.exact)
		return w, found && string(at) == "false" && d.doc.get(owner+"/prefixItems") == nil
	case "enum", "const":
		w.kind = KindEnumValue
		return d.enumValue(w, payload, at, keyword == "const")
	case "type":
		return d.widened(w, payload, at)
	case "oneOf", "anyOf":
		return d.branch(w, payload, at)
	}
	return w, false
}

func (d *reader) field(w want, owner string, payload, at []byte) (want, bool) {
	w.kind = KindField
	_, w.name = cutLast(w.exact)
	_, found := jsonread.Find(payload, w.exact) // not if the reason's path was cut short
	if !found || string(at) != "false" || w.name == "" || len(w.name) > maxName || !printable(w.name) {
		return w, false
	}
	// A member that is declared and refused all the same is refused on purpose.
	return w, d.doc.get(owner+"/properties"+jsonread.Pointer(w.name)) == nil
}

func (d *reader) enumValue(w want, payload, at []byte, single bool) (want, bool) {
	raw, found := jsonread.Find(payload, w.exact)
	if !found || !plain(raw) {
		return w, false
	}
	w.value = canonical(raw)
	var listed []any
	if single {
		listed = []any{decoded(at)}
	} else {
		listed, _ = decoded(at).([]any)
	}
	// Another type than those that are listed is another matter.
	kind := func(v any) string {
		if _, is := v.(json.Number); is {
			return "number" // 7 and 7.0 are one
		}
		return jsonType(v)
	}
	kinds := map[string]bool{"null": true}
	for _, v := range listed {
		kinds[kind(v)] = true
	}
	return w, len(listed) > 0 && kinds[kind(decoded(raw))]
}

func (d *reader) widened(w want, payload, at []byte) (want, bool) {
	w.kind = KindType
	raw, found := jsonread.Find(payload, w.exact)
	if !found {
		return w, false
	}
	w.value = jsonType(decoded(raw))
	types, ok := typesOf(decoded(at))
	if !ok || slices.Contains(types, w.value) {
		return w, false // a number that is no integer has the type number
	}
	return w, true
}

// branch is for a union whose branches a property tells apart, and none knows its value.
func (d *reader) branch(w want, payload, at []byte) (want, bool) {
	w.kind = KindBranch
	var object string
	object, w.name = cutLast(w.exact)
	raw, found := jsonread.Find(payload, w.exact)
	if !found || !plain(raw) || w.name == "" || raw[0] != '"' {
		return w, false
	}
	w.value, w.exact = canonical(raw), object
	list, ok := decoded(at).([]any)
	if !ok || len(list) < 2 {
		return w, false
	}
	for i := range list {
		// Each branch must say itself which values it is for.
		sub := d.follow(w.at + "/" + strconv.Itoa(i))
		property := sub + "/properties" + jsonread.Pointer(w.name)
		if d.doc.get(property+"/const") == nil && d.doc.get(property+"/enum") == nil {
			return w, false
		}
	}
	return w, true
}

// follow is where the references within the document lead that a schema consists of.
func (d *reader) follow(pointer string) string {
	for range 32 {
		var ref string
		if json.Unmarshal(d.doc.get(pointer+"/$ref"), &ref) != nil || !strings.HasPrefix(ref, "#/") || strings.Contains(ref, "%") {
			return pointer
		}
		pointer = ref[1:]
	}
	return pointer
}

// near says whether a value differs from one that is listed in case or white space alone: a
// mistake of the producer's, and not news.
func (d *reader) near(w want) bool {
	if w.kind != KindEnumValue {
		return false
	}
	flat := func(v any) string {
		s, _ := v.(string)
		return strings.ToLower(strings.NewReplacer(" ", "", "-", "", "_", "").Replace(s))
	}
	listed, is := decoded(d.doc.get(w.at)).([]any)
	if !is {
		listed = []any{decoded(d.doc.get(w.at))}
	}
	value, text := decoded([]byte(w.value)).(string)
	return text && (value == "" || slices.ContainsFunc(listed, func(v any) bool { return flat(v) == flat(value) }))
}

// plain says whether a value may become a part of a schema: it is short, printable, and no
// object or array.
func plain(raw []byte) bool {
	if len(raw) > maxValue || len(raw) == 0 || raw[0] == '{' || raw[0] == '[' {
		return false
	}
	s, text := decoded(raw).(string)
	return !text || printable(s)
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func decoded(raw []byte) any {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}

// jsonType is the type of a value, as the keyword type has it.
func jsonType(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		if _, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

// typesOf reads the value of the keyword type.
func typesOf(v any) (list []string, ok bool) {
	switch v := v.(type) {
	case string:
		return []string{v}, true
	case []any:
		for _, one := range v {
			s, ok := one.(string)
			if !ok {
				return nil, false
			}
			list = append(list, s)
		}
		return list, len(list) > 0
	}
	return nil, false
}

// widen is what the keyword type becomes when it allows one more type.
func widen(types []string, more string) []byte {
	list := slices.Clone(types)
	if i := slices.Index(list, "integer"); more == "number" && i >= 0 {
		list[i] = "number"
	} else if more != "integer" || !slices.Contains(list, "number") {
		list = append(list, more)
	}
	if len(list) == 1 {
		return encode(list[0])
	}
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = string(encode(s))
	}
	return []byte("[" + strings.Join(quoted, ", ") + "]")
}

// cutLast takes the last token off a pointer.
func cutLast(pointer string) (rest, last string) {
	i := strings.LastIndexByte(pointer, '/')
	if i < 0 {
		return "", ""
	}
	tokens, _ := jsonread.ParsePointer(pointer[i:])
	if len(tokens) != 1 {
		return "", ""
	}
	return pointer[:i], tokens[0]
}

// describe is the edit in words.
func (w want) describe(field []byte) string {
	switch w.kind {
	case KindField:
		types, _ := typesOf(decoded(text(field).get("/type")))
		return fmt.Sprintf("`%s` %s", w.path, strings.Join(types, " or "))
	case KindEnumValue:
		return fmt.Sprintf("`%s` may be %s", w.path, w.value)
	case KindBranch:
		return fmt.Sprintf("`%s` may be %s, in a branch of its own", w.path, w.value)
	default:
		return fmt.Sprintf("`%s` may be %s", w.path, article(w.value))
	}
}

func article(typ string) string {
	switch typ {
	case "null":
		return typ
	case "integer", "array", "object":
		return "an " + typ
	}
	return "a " + typ
}
