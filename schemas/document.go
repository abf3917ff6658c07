package schemas

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// Bounds on schema documents, so that compiling one costs little. The schema library
// takes time that grows with the square of the nodes, and with the identifiers and the
// unusual references times the nodes.
const (
	maxDocument    = 1 << 20 // bytes of one document
	maxDocuments   = 32      // documents that one schema may reach, itself included
	maxTotal       = 4 << 20 // bytes of all of them
	maxDepth       = 100     // nesting of one document
	maxNodes       = 12_000  // objects and booleans in all of them
	maxIdentifiers = 1_000   // $id in all of them
	maxOddRefs     = 200     // references to places that are not where a schema is expected
)

// maxInteger bounds keywords such as maxLength: the schema library keeps the low 64 bits
// of a larger number, so that "maxLength": 18446744073709551616 would refuse every string.
var maxInteger = big.NewRat(1<<53-1, 1)

// rootURL is the base of the document that is compiled. It is hierarchical, so that a
// relative reference becomes something that can be refused: under an opaque base such as
// "lazaret:orders:3" it would resolve to the document itself.
const rootURL = "lazaret-root://document/schema"

// document is one schema document that takes part in a compilation.
type document struct {
	url     string // rootURL, or "lazaret:subject:version"
	data    []byte
	value   any
	hasBase bool // an absolute $id is set somewhere in it

	references []Reference // that were put into value
}

// pointer is how a place in this document is written in a CompileError or a SchemaPath.
func (d *document) pointer(ptr string) string {
	if d.url == rootURL {
		return ptr
	}
	return d.url + "#" + ptr
}

// fail makes the error for a place in this document.
func (d *document) fail(ptr, format string, args ...any) *CompileError {
	line, column := position(d.data, ptr)
	return &CompileError{Pointer: d.pointer(ptr), Line: line, Column: column, Message: fmt.Sprintf(format, args...)}
}

// readDocument decodes a schema document and refuses what no schema document is.
func readDocument(docURL string, data []byte) (*document, error) {
	d := &document{url: docURL, data: data}
	if len(data) > maxDocument {
		return nil, &CompileError{Pointer: d.pointer(""), Message: fmt.Sprintf("the schema document is larger than %d bytes; split it into subjects that refer to each other", maxDocument)}
	}
	value, bad := jsonread.Decode(data, jsonread.Limits{})
	if bad != nil {
		return nil, &CompileError{Pointer: d.pointer(bad.Path), Line: bad.Line, Column: bad.Column, Message: "not a JSON document: " + bad.Message}
	}
	switch value.(type) {
	case map[string]any, bool:
	default:
		return nil, d.fail("", "a schema is a JSON object, or true or false")
	}
	d.value = value
	return d, nil
}

// linter counts and checks what the documents of one compilation hold, before the schema
// library sees them.
type linter struct {
	nodes, identifiers, oddRefs int
	freeMeta                    bool // tests only: let $schema name any metaschema
}

// lint walks the whole document.
func (l *linter) lint(d *document) error {
	w := &walk{linter: l, doc: d, places: map[string]bool{}}
	if err := w.schema(d.value, ""); err != nil {
		return err
	}
	if err := w.value(d.value, "", 0); err != nil {
		return err
	}
	return w.checkRefs()
}

type walk struct {
	*linter
	doc    *document
	places map[string]bool // pointers to where a schema is expected
	refs   []string        // internal references, as pointers
	at     []string        // where those references stand
}

func (w *walk) value(v any, ptr string, depth int) error {
	if depth > maxDepth {
		return w.doc.fail(ptr, "the schema document is nested more than %d deep", maxDepth)
	}
	switch v := v.(type) {
	case bool:
		return w.count(ptr)
	case []any:
		for i, item := range v {
			if err := w.value(item, ptr+"/"+strconv.Itoa(i), depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		if err := w.count(ptr); err != nil {
			return err
		}
		if err := w.object(v, ptr); err != nil {
			return err
		}
		for _, name := range sortedKeys(v) {
			if err := w.value(v[name], ptr+"/"+escape(name), depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *walk) count(ptr string) error {
	if w.nodes++; w.nodes > maxNodes {
		return w.doc.fail(ptr, "the schema has more than %d nodes, together with those that it refers to", maxNodes)
	}
	return nil
}

// object notes the internal references of an object that may be a schema.
func (w *walk) object(obj map[string]any, ptr string) error {
	for _, key := range referenceKeywords {
		ref, ok := obj[key].(string)
		if !ok {
			continue
		}
		if strings.HasPrefix(ref, "#") {
			w.refs = append(w.refs, fragment(ref))
			w.at = append(w.at, ptr+"/"+key)
		} else if w.doc.url != rootURL && !w.doc.hasBase && isRelative(ref) {
			return w.doc.fail(ptr+"/"+key, "%s", refusal(rootURL+"/"+ref))
		}
	}
	return nil
}

// checkRefs bounds the references to places that no keyword makes a schema: for each of
// them the schema library copies what it knows of the document.
func (w *walk) checkRefs() error {
	seen := map[string]bool{}
	for i, ref := range w.refs {
		if !strings.HasPrefix(ref, "/") || w.places[ref] || seen[ref] {
			continue
		}
		seen[ref] = true
		if w.oddRefs++; w.oddRefs > maxOddRefs {
			return w.doc.fail(w.at[i], "more than %d references lead to places where no keyword puts a schema; keep shared schemas in $defs", maxOddRefs)
		}
	}
	return nil
}

// schema checks each place at which some draft expects a schema, and notes it.
func (w *walk) schema(v any, ptr string) error {
	obj, ok := v.(map[string]any)
	w.places[ptr] = true
	if !ok {
		return nil
	}
	if err := w.keywords(obj, ptr); err != nil {
		return err
	}
	for _, key := range sortedKeys(obj) {
		at := ptr + "/" + escape(key)
		var err error
		switch keywordShapes[key] {
		case holdsMap:
			if m, ok := obj[key].(map[string]any); ok {
				err = w.schemasByName(m, at)
			}
		case holdsOne:
			if list, ok := obj[key].([]any); ok {
				for i, sub := range list {
					err = cmp.Or(err, w.schema(sub, at+"/"+strconv.Itoa(i)))
				}
			} else {
				err = w.schema(obj[key], at)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) schemasByName(m map[string]any, at string) error {
	for _, name := range sortedKeys(m) {
		if err := w.schema(m[name], at+"/"+escape(name)); err != nil {
			return err
		}
	}
	return nil
}

// keywords checks what the schema library takes on trust.
func (w *walk) keywords(obj map[string]any, ptr string) error {
	for _, key := range []string{"$id", "id"} {
		id, ok := obj[key].(string)
		if !ok {
			continue
		}
		if strings.HasPrefix(strings.ToLower(id), "lazaret") {
			return w.doc.fail(ptr+"/"+key, "identifiers that begin with lazaret are given by the registry; leave %s out, or use another", key)
		}
		if w.identifiers++; w.identifiers > maxIdentifiers {
			return w.doc.fail(ptr+"/"+key, "the schema has more than %d identifiers", maxIdentifiers)
		}
		w.doc.hasBase = w.doc.hasBase || !isRelative(id)
	}
	if meta, ok := obj["$schema"].(string); ok && !w.freeMeta && !knownDraft(meta) {
		return w.doc.fail(ptr+"/$schema", "%q is not a draft that is known here; use one of %s", truncate(meta, maxLiteral), strings.Join(draftURLs, ", "))
	}
	if err := w.patterns(obj, ptr); err != nil {
		return err
	}
	return nil
}

// checkIntegers refuses bounds that the library would not keep as they are.
func checkIntegers(doc *document, obj map[string]any, ptr string) error {
	for _, key := range integerKeywords {
		n, ok := obj[key].(json.Number)
		if !ok {
			continue
		}
		if r, ok := new(big.Rat).SetString(n.String()); ok && r.Cmp(maxInteger) > 0 {
			return doc.fail(ptr+"/"+key, "%s is larger than 9007199254740991", key)
		}
	}
	return nil
}

// patterns checks the regular expressions of one schema.
func (w *walk) patterns(obj map[string]any, ptr string) error {
	if source, ok := obj["pattern"].(string); ok {
		if _, _, err := parsePattern(source); err != nil {
			return w.doc.fail(ptr+"/pattern", "%v", err)
		}
	}
	if byPattern, ok := obj["patternProperties"].(map[string]any); ok {
		for _, source := range sortedKeys(byPattern) {
			if _, _, err := parsePattern(source); err != nil {
				return w.doc.fail(ptr+"/patternProperties/"+escape(source), "%v", err)
			}
		}
	}
	return nil
}

var (
	referenceKeywords = []string{"$ref", "$dynamicRef", "$recursiveRef"}
	integerKeywords   = []string{
		"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains",
	}
)

// draftURLs are the values of $schema that are known, without the fragment "#" that older
// drafts end in.
var draftURLs = []string{
	"http://json-schema.org/draft-04/schema", "http://json-schema.org/draft-06/schema",
	"http://json-schema.org/draft-07/schema", "https://json-schema.org/draft/2019-09/schema",
	"https://json-schema.org/draft/2020-12/schema",
}

func knownDraft(meta string) bool {
	meta = strings.TrimSuffix(meta, "#")
	return slices.ContainsFunc(draftURLs, func(known string) bool {
		_, a, _ := strings.Cut(known, "://")
		scheme, b, _ := strings.Cut(meta, "://")
		return a == b && (scheme == "http" || scheme == "https")
	})
}

// shape says how a keyword holds schemas.
type shape int

const (
	holdsNone shape = iota
	holdsOne        // a schema, or a list of schemas
	holdsMap        // schemas by name
)

var keywordShapes = map[string]shape{
	"$defs": holdsMap, "definitions": holdsMap, "properties": holdsMap, "patternProperties": holdsMap,
	"dependentSchemas": holdsMap, "dependencies": holdsMap,
	"allOf": holdsOne, "anyOf": holdsOne, "oneOf": holdsOne, "not": holdsOne,
	"if": holdsOne, "then": holdsOne, "else": holdsOne,
	"items": holdsOne, "prefixItems": holdsOne, "additionalItems": holdsOne, "contains": holdsOne,
	"unevaluatedItems": holdsOne, "unevaluatedProperties": holdsOne, "additionalProperties": holdsOne,
	"propertyNames": holdsOne, "contentSchema": holdsOne,
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// fragment is the decoded part of a reference after "#".
func fragment(ref string) string {
	_, frag, _ := strings.Cut(ref, "#")
	if decoded, err := url.PathUnescape(frag); err == nil {
		return decoded
	}
	return frag
}
