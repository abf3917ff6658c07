package schemas

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Reference gives a version of another subject a name, as in the Confluent Schema
// Registry: where the document has a $ref of that name, that version is meant.
type Reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

const maxReferenceName = 512 // bytes

// checkReferences says what is wrong with the references of a document.
func checkReferences(list []Reference) error {
	if len(list) >= maxDocuments {
		return &CompileError{Message: fmt.Sprintf("more than %d references", maxDocuments-1)}
	}
	names := map[string]bool{}
	for _, ref := range list {
		shown := strconv.Quote(truncate(ref.Name, maxLiteral))
		switch {
		case ref.Name == "" || len(ref.Name) > maxReferenceName:
			return &CompileError{Message: fmt.Sprintf("the name of a reference has 1 to %d bytes", maxReferenceName)}
		case strings.Contains(ref.Name, "#"):
			return &CompileError{Message: "the reference " + shown + " names a part of a document; name the document, and write the part in the $ref alone"}
		case names[ref.Name]:
			return &CompileError{Message: "the reference " + shown + " is there twice"}
		case !validSubject(ref.Subject):
			return &CompileError{Message: "the reference " + shown + " names no subject"}
		case ref.Version < 1:
			return &CompileError{Message: "the reference " + shown + " names no version: it is a number from 1"}
		}
		names[ref.Name] = true
	}
	return nil
}

// packReferences writes references for the store, in the order of their names; "" for none.
func packReferences(list []Reference) (string, error) {
	if err := checkReferences(list); err != nil || len(list) == 0 {
		return "", err
	}
	list = slices.SortedFunc(slices.Values(list), func(a, b Reference) int { return strings.Compare(a.Name, b.Name) })
	b, err := json.Marshal(list)
	return string(b), err
}

func unpackReferences(text string) (list []Reference, err error) {
	if text != "" {
		err = json.Unmarshal([]byte(text), &list)
	}
	return list, err
}

// target is what a reference is written as inside of a compilation.
func (r Reference) target() string { return fmt.Sprintf("%s%s:%d", scheme, r.Subject, r.Version) }

// follow puts the targets of references where a document's $refs have their names. The
// document's text stays as it is, so that places in it can be shown.
func (d *document) follow(list []Reference) {
	if len(list) > 0 {
		f := follower{list}
		f.schema(d.value, d.url, 0)
	}
}

type follower struct{ list []Reference }

// schema goes through a schema and all that may be one in it: not through what keywords
// hold as plain data.
func (f follower) schema(v any, base string, depth int) {
	if depth > maxDepth {
		return // refused later
	}
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			f.schema(item, base, depth+1)
		}
	case map[string]any:
		for _, key := range []string{"$id", "id"} {
			if id, ok := v[key].(string); ok && !strings.HasPrefix(id, "#") {
				base, _, _ = strings.Cut(resolve(base, id), "#")
			}
		}
		if ref, ok := v["$ref"].(string); ok {
			v["$ref"] = f.resolve(ref, base)
		}
		for key, sub := range v {
			switch {
			case key == "const" || key == "enum" || key == "default" || key == "examples":
			case keywordShapes[key] == holdsMap:
				byName, _ := sub.(map[string]any)
				for _, one := range byName {
					f.schema(one, base, depth+1)
				}
			default:
				f.schema(sub, base, depth+1)
			}
		}
	}
}

// resolve finds the reference that a $ref names, as it is written or as its base makes of it.
func (f follower) resolve(ref, base string) string {
	document, fragment, part := strings.Cut(ref, "#")
	if document == "" {
		return ref
	}
	for _, r := range f.list {
		if r.Name == document || sameURL(base, document, r.Name) {
			if part {
				return r.target() + "#" + fragment
			}
			return r.target()
		}
	}
	return ref
}

// sameURL says whether two references lead to the same place from a base that is a URL.
func sameURL(base, a, b string) bool {
	if base == rootURL || strings.HasPrefix(base, scheme) {
		return false
	}
	return resolve(base, a) == resolve(base, b)
}
