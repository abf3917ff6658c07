package schemas

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// Notice is something in a schema that is allowed and probably not meant.
type Notice struct {
	Pointer string // JSON Pointer to the place in the document
	Message string // one line, without a full stop
}

// maxNotices bounds what one document is told of.
const maxNotices = 20

// Lint reports what JSON Schema lets pass in silence, in the order of the names: keywords
// that are unknown and look like a known one misspelled, keywords that came after the
// document's draft, and formats that are not checked. Of a document that is no schema it
// says nothing: Compile says what is wrong with that.
//
// Only places where a schema is expected are looked at, never values such as those of
// enum, const, default and examples.
func Lint(document []byte) []Notice {
	value, bad := jsonread.Decode(document, jsonread.Limits{})
	if bad != nil {
		return nil
	}
	l := &noticer{}
	l.schema(value, "", len(draftURLs)-1)
	if more := len(l.found) - maxNotices; more > 0 {
		l.found = append(l.found[:maxNotices], Notice{Message: fmt.Sprintf("and %d more of the kind", more)})
	}
	return l.found
}

type noticer struct{ found []Notice }

func (l *noticer) add(pointer, format string, args ...any) {
	l.found = append(l.found, Notice{pointer, fmt.Sprintf(format, args...)})
}

// schema looks at a schema of the draft, which is an index into draftURLs.
func (l *noticer) schema(v any, ptr string, draft int) {
	obj, ok := v.(map[string]any)
	if !ok {
		return
	}
	if meta, ok := obj["$schema"].(string); ok {
		for i, known := range draftURLs {
			if _, name, _ := strings.Cut(known, "://"); strings.HasSuffix(strings.TrimSuffix(meta, "#"), name) {
				draft = i
			}
		}
	}
	for _, key := range sortedKeys(obj) {
		at := ptr + "/" + escape(key)
		l.keyword(key, at, draft)
		if name, ok := obj[key].(string); ok && key == "format" {
			l.format(name, at)
		}
		switch keywordShapes[key] {
		case holdsMap:
			m, _ := obj[key].(map[string]any)
			for _, name := range sortedKeys(m) {
				l.schema(m[name], at+"/"+escape(name), draft)
			}
		case holdsOne:
			list, ok := obj[key].([]any)
			if !ok {
				l.schema(obj[key], at, draft)
			}
			for i, sub := range list {
				l.schema(sub, at+"/"+strconv.Itoa(i), draft)
			}
		}
	}
}

func (l *noticer) keyword(key, at string, draft int) {
	since, known := keywordSince[key]
	switch {
	case known && since > draft:
		l.add(at, "the keyword %q means nothing in %s; it came with %s", key, draftName(draft), draftName(since))
	case known || annotations[key] || strings.HasPrefix(strings.ToLower(key), "x-"):
	default:
		if near := nearKeyword(key); near != "" {
			l.add(at, "the keyword %q is unknown and means nothing; did you mean %q?", truncate(key, maxLiteral), near)
		}
	}
}

func (l *noticer) format(name, at string) {
	if _, ok := checkedFormats[name]; ok {
		return
	}
	for _, f := range formats() {
		if f.name == name {
			return
		}
	}
	hint := ""
	if near := nearFormat(name); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	l.add(at, "the format %q is not checked here: every value passes%s", truncate(name, maxLiteral), hint)
}

// checkedFormats are those for which the schema library's own check stands.
var checkedFormats = map[string]struct{}{
	"uuid": {}, "ipv6": {}, "json-pointer": {}, "relative-json-pointer": {}, "semver": {}, "regex": {},
}

// formatAliases are names that people give to formats.
var formatAliases = map[string]string{
	"timestamp": "date-time", "isodate": "date", "url": "uri", "guid": "uuid", "mail": "email", "emailaddress": "email",
	"ip": "ipv4", "ipaddress": "ipv4", "host": "hostname", "domain": "hostname", "regexp": "regex",
}

func nearFormat(name string) string {
	plain := strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(name))
	if alias, ok := formatAliases[plain]; ok {
		return alias
	}
	if strings.HasPrefix(plain, "idn") {
		return "" // a format that is known, and not checked
	}
	var names []string
	for _, f := range formats() {
		names = append(names, f.name)
	}
	names = append(names, sortedKeys(checkedFormats)...)
	for _, known := range names {
		if plain == strings.ReplaceAll(known, "-", "") {
			return known
		}
	}
	return nearest(plain, names)
}

// The indices of draftURLs at which keywords came.
const (
	draft4 = iota
	draft6
	draft7
	draft2019
	draft2020
)

func draftName(draft int) string {
	return [...]string{"draft-04", "draft-06", "draft-07", "2019-09", "2020-12"}[draft]
}

// keywordSince says with which draft each keyword came. Those that a later draft took
// away stay known: they mean nothing there, and are often kept for older readers.
var keywordSince = func() map[string]int {
	since := map[string]int{}
	for draft, names := range []string{
		draft4: "$schema $ref id title description default type enum multipleOf maximum exclusiveMaximum minimum " +
			"exclusiveMinimum maxLength minLength pattern additionalItems items maxItems minItems uniqueItems " +
			"maxProperties minProperties required properties patternProperties additionalProperties dependencies " +
			"allOf anyOf oneOf not definitions format",
		draft6: "$id const contains propertyNames examples",
		draft7: "$comment if then else readOnly writeOnly contentEncoding contentMediaType",
		draft2019: "$anchor $defs $recursiveRef $recursiveAnchor $vocabulary dependentRequired dependentSchemas " +
			"maxContains minContains unevaluatedItems unevaluatedProperties contentSchema deprecated",
		draft2020: "$dynamicRef $dynamicAnchor prefixItems",
	} {
		for _, name := range strings.Fields(names) {
			since[name] = draft
		}
	}
	for _, harmless := range []string{"$id", "$comment", "$anchor", "$defs", "$vocabulary", "examples", "readOnly", "writeOnly",
		"deprecated", "contentEncoding", "contentMediaType", "contentSchema"} {
		since[harmless] = draft4 // these check nothing in any draft
	}
	return since
}()

// annotations are names beside the keywords that people use on purpose.
var annotations = map[string]bool{"example": true, "nullable": true, "discriminator": true, "comment": true, "note": true, "notes": true}

// keywordAliases are mistakes that are farther from the keyword than a typing error.
var keywordAliases = map[string]string{
	"propertys": "properties", "props": "properties", "additionalprops": "additionalProperties", "require": "required",
	"ref": "$ref", "defs": "$defs", "regex": "pattern", "regexp": "pattern", "typ": "type",
	"min": "minimum", "max": "maximum", "minvalue": "minimum", "maxvalue": "maximum", "enumeration": "enum", "constant": "const",
}

func nearKeyword(key string) string {
	if alias, ok := keywordAliases[strings.ToLower(key)]; ok {
		return alias
	}
	return nearest(key, sortedKeys(keywordSince))
}

// nearest is the candidate that a person most likely meant with the name, or "". Upper and
// lower case are the same; short names must be nearer than long ones, and names of three
// letters or fewer are near to none.
func nearest(name string, candidates []string) string {
	best, distance := "", 3
	lower := strings.ToLower(name)
	for _, c := range candidates {
		n := min(len(name), len(c))
		if n < 4 {
			continue
		}
		d := typingErrors(lower, strings.ToLower(c))
		if d < distance && (d < 2 || n > 5) {
			best, distance = c, d
		}
	}
	return best
}

// typingErrors counts letters left out, added, mistaken, and swapped with their neighbour
// that lead from a to b (optimal string alignment). Names of very different or of great
// length are never near.
func typingErrors(a, b string) int {
	if len(a) > 64 || len(b) > 64 || len(a) > len(b)+2 || len(b) > len(a)+2 {
		return 64
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			best := min(rows[i-1][j-1]+cost, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				best = min(best, rows[i-2][j-2]+1)
			}
			rows[i][j] = best
		}
	}
	return rows[len(a)][len(b)]
}
