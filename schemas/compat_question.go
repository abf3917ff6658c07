package schemas

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/schemas/contain"
)

// maxBreaks is how many breaks are looked for in one direction against one version.
const maxBreaks = 20

// question is whether what one schema accepts another accepts too.
type question struct {
	accepts, refuses *Schema
	direction        Direction
	earlier          int
}

// ask answers the question with proofs. Beyond the first break others are looked for by
// asking again without the keyword that refused.
func (q *question) ask(c *Comparison) {
	against := q.refuses
	for found := 0; found < maxBreaks; found++ {
		answer := contain.Except(q.accepts.node(), against.node(), 0)
		switch answer.Verdict {
		case contain.Empty:
			return
		case contain.Unknown:
			if found == 0 { // otherwise there is an answer, and only more of it is in doubt
				c.Doubts = append(c.Doubts, q.doubt(answer.Doubt))
			}
			return
		}
		brk, keywords, ok := q.proof(answer.Value, against)
		if !ok {
			if found == 0 {
				c.Doubts = append(c.Doubts, q.doubt(contain.Doubt{Construct: "witness", Message: "an event was found that the schema library judges otherwise; please report it"}))
			}
			return
		}
		c.Breaks = append(c.Breaks, brk)
		if against, ok = against.without(keywords); !ok {
			return
		}
	}
}

func (q *question) doubt(d contain.Doubt) Doubt {
	pointer := ""
	if d.Where != "" {
		pointer = schemaPath(d.Where)
	}
	return Doubt{Direction: q.direction, Earlier: q.earlier, Pointer: pointer, Construct: d.Construct, Message: d.Message}
}

// proof holds a witness against both schemas with the library, and says where the one that
// was asked about, which has some keywords less, refuses it. False: the library does not
// agree.
func (q *question) proof(value any, against *Schema) (brk Break, keywords []missing, ok bool) {
	witness, err := json.Marshal(value)
	if err != nil {
		return Break{}, nil, false
	}
	good, err := q.accepts.reference(witness)
	if err != nil || len(good.Reasons) > 0 {
		return Break{}, nil, false
	}
	for _, s := range []*Schema{against, q.refuses} {
		if bad, err := s.reference(witness); err != nil || len(bad.Reasons) == 0 {
			return Break{}, nil, false
		}
	}
	bad, err := against.reference(witness)
	if err != nil {
		return Break{}, nil, false
	}
	reason := bad.Reasons[0]
	brk = Break{Direction: q.direction, Earlier: q.earlier, Path: reason.Path, Witness: witness, Keyword: strings.TrimPrefix(string(reason.Code), "schema.")}
	brk.Pointer, _ = cutLast(reason.SchemaPath)
	here, there := q.refuses.keyword(reason.SchemaPath, reason.Path), q.accepts.keyword(reason.SchemaPath, reason.Path)
	brk.New, brk.Old = here, there
	if q.direction == Forward {
		brk.New, brk.Old = there, here
	}
	brk.Message = q.message(reason.Path, reason.Message)
	for _, r := range bad.Reasons {
		m := missing{at: r.SchemaPath}
		if strings.HasSuffix(string(r.Code), "equired") {
			_, m.name = cutLast(r.Path)
		}
		keywords = append(keywords, m)
	}
	return brk, keywords, true
}

func (q *question) message(path, refusal string) string {
	place := path
	if place == "" {
		place = "the event"
	}
	by, was := "the new version", "the earlier one"
	if q.direction == Forward {
		by, was = was, by
	}
	return fmt.Sprintf("%s: %s, says %s; %s accepts it", place, refusal, by, was)
}

// cutLast splits the last token off a pointer, and decodes it.
func cutLast(pointer string) (rest, token string) {
	i := strings.LastIndexByte(pointer, '/')
	if i < 0 {
		return "", pointer
	}
	return pointer[:i], unescape(pointer[i+1:])
}

// missing is a keyword that is to be left out, or one name out of its list.
type missing struct{ at, name string }

// without compiles the schema without some keywords. False if that is not possible, or
// changes nothing.
func (s *Schema) without(keywords []missing) (*Schema, bool) {
	root := s.source.documents[rootURL]
	if root == nil {
		return nil, false
	}
	value, changed := root.value, false
	for _, k := range keywords {
		var done bool
		if value, done = leftOut(value, tokens(pointerOnly(k.at)), k.name); done {
			changed = true
		}
	}
	if !changed {
		return nil, false
	}
	document, err := json.Marshal(value)
	if err != nil {
		return nil, false
	}
	opts := s.source.opts
	opts.Load = func(subject string, version int) ([]byte, error) {
		if d := s.source.documents[fmt.Sprintf("%s%s:%d", scheme, subject, version)]; d != nil {
			return d.data, nil
		}
		return nil, fmt.Errorf("%w: %s %d", ErrNotFound, subject, version)
	}
	next, err := Compile(document, opts)
	return next, err == nil
}

// pointerOnly is a path of a reason if it is in the root document; else "", which is no
// keyword.
func pointerOnly(path string) string {
	if strings.HasPrefix(path, "/") && !strings.HasSuffix(path, "…") {
		return path
	}
	return ""
}

// leftOut returns the value without a member, or without one name of the list there. The
// value itself is not changed.
func leftOut(v any, path []string, name string) (any, bool) {
	if len(path) == 0 {
		return v, false
	}
	switch v := v.(type) {
	case map[string]any:
		sub, ok := v[path[0]]
		if !ok {
			return v, false
		}
		c := make(map[string]any, len(v))
		for k, w := range v {
			c[k] = w
		}
		list, isList := sub.([]any)
		switch {
		case len(path) > 1:
			c[path[0]], ok = leftOut(sub, path[1:], name)
			return c, ok
		case name != "" && isList:
			left := slices.DeleteFunc(slices.Clone(list), func(w any) bool { return w == any(name) })
			c[path[0]] = left
			return c, len(left) < len(list)
		}
		delete(c, path[0])
		return c, true
	case []any:
		i, ok := index(path[0], len(v))
		if !ok || len(path) == 1 {
			return v, false
		}
		c := slices.Clone(v)
		c[i], ok = leftOut(v[i], path[1:], name)
		return c, ok
	}
	return v, false
}

func index(token string, n int) (int, bool) {
	i := 0
	for _, c := range token {
		if c < '0' || c > '9' || i > n {
			return 0, false
		}
		i = i*10 + int(c-'0')
	}
	return i, token != "" && i < n
}

// keyword finds a keyword's value in the schema's documents: at the pointer if there is
// something, else in the schema that is put on the place of an event.
func (s *Schema) keyword(path, place string) json.RawMessage {
	doc, pointer := s.source.documents[rootURL], path
	if url, ptr, ok := strings.Cut(path, "#"); ok && strings.HasPrefix(path, scheme) {
		doc, pointer = s.source.documents[url], ptr
	}
	if doc != nil {
		if raw, ok := jsonread.Find(doc.data, pointer); ok {
			return raw
		}
	}
	parent, name := cutLast(pointer)
	if _, last := cutLast(parent); last == "dependentRequired" || last == "dependencies" {
		return nil
	}
	root := s.source.documents[rootURL]
	if root == nil {
		return nil
	}
	at, ok := root.onPlace(root.value, tokens(place), 64)
	if obj, is := at.(map[string]any); ok && is {
		if v, ok := obj[name]; ok {
			if raw, err := json.Marshal(v); err == nil {
				return raw
			}
		}
	}
	return nil
}

// onPlace follows properties, items and local references from a schema to that of a place.
func (d *document) onPlace(v any, path []string, deep int) (any, bool) {
	obj, ok := v.(map[string]any)
	if !ok || deep == 0 {
		return v, ok && len(path) == 0
	}
	if ref, ok := obj["$ref"].(string); ok && strings.HasPrefix(ref, "#/") {
		return d.onPlace(resolvePointer(d.value, tokens(fragment(ref))), path, deep-1)
	}
	if len(path) == 0 {
		return v, true
	}
	for _, key := range []string{"properties", "items", "prefixItems", "additionalProperties"} {
		sub, there := obj[key]
		if m, ok := sub.(map[string]any); ok && key == "properties" {
			sub, there = m[path[0]]
		} else if list, ok := sub.([]any); ok {
			i, within := index(path[0], len(list))
			if there = within; within {
				sub = list[i]
			}
		}
		if there {
			return d.onPlace(sub, path[1:], deep-1)
		}
	}
	return nil, false
}

func resolvePointer(v any, path []string) any {
	for _, token := range path {
		switch at := v.(type) {
		case map[string]any:
			v = at[token]
		case []any:
			i, ok := index(token, len(at))
			if !ok {
				return nil
			}
			v = at[i]
		default:
			return nil
		}
	}
	return v
}
