package schemas

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// scheme is the scheme of references to other subjects: "lazaret:orders:3".
const scheme = "lazaret:"

// loader gives the schema library the documents that references lead to: those of the
// registry, and nothing else.
type loader struct{ c *compilation }

// refusedError is why a reference was not followed.
type refusedError struct{ message string }

func (e *refusedError) Error() string { return e.message }

// Load implements the library's URLLoader.
func (l loader) Load(target string) (any, error) {
	if l.c.opts.remote != nil {
		if v, err := l.c.opts.remote(target); err == nil {
			return v, nil
		}
	}
	subject, version, ok := parseReference(target)
	if !ok {
		return nil, &refusedError{refusal(target)}
	}
	if l.c.opts.Load == nil {
		return nil, &refusedError{fmt.Sprintf("%s cannot be followed: no registry is at hand here", truncate(target, maxPath))}
	}
	if len(l.c.documents) >= maxDocuments {
		return nil, &refusedError{fmt.Sprintf("the schema reaches more than %d documents through its references", maxDocuments)}
	}
	data, err := l.c.opts.Load(subject, version)
	var refs []Reference
	if err == nil && l.c.opts.LoadReferences != nil {
		refs, err = l.c.opts.LoadReferences(subject, version)
	}
	if err != nil {
		l.c.loadErr = err
		return nil, &refusedError{fmt.Sprintf("%s cannot be followed: %v", target, err)}
	}
	return l.c.add(target, data, refs)
}

// parseReference reads "lazaret:subject:version".
func parseReference(target string) (subject string, version int, ok bool) {
	rest, ok := strings.CutPrefix(target, scheme)
	if !ok {
		return "", 0, false
	}
	subject, number, ok := strings.Cut(rest, ":")
	if !ok || !validSubject(subject) {
		return "", 0, false
	}
	version, err := strconv.Atoi(number)
	if err != nil || version < 1 || strconv.Itoa(version) != number {
		return "", 0, false
	}
	return subject, version, true
}

// refusal says why a reference is not followed, and what to write in its place.
func refusal(target string) string {
	shown := strconv.Quote(truncate(target, maxPath))
	switch {
	case strings.HasPrefix(target, scheme):
		return fmt.Sprintf("%s does not name a version; write lazaret:subject:version, such as lazaret:orders:3", shown)
	case strings.HasPrefix(target, "lazaret-root:"):
		return "a relative reference leads to another document, which is not followed; " + useSubject
	default:
		return fmt.Sprintf("%s is not followed: nothing is read from files or the network; %s", shown, useSubject)
	}
}

const useSubject = "register that schema as a subject and write lazaret:subject:version, or move it into $defs and write #/$defs/name"

func isRelative(ref string) bool {
	u, err := url.Parse(ref)
	return err == nil && !u.IsAbs()
}

// resolve makes a reference absolute, as the schema library does.
func resolve(base, ref string) string {
	ref, frag, _ := strings.Cut(ref, "#")
	b, err := url.Parse(base)
	if err != nil {
		return ref + "#" + frag
	}
	r, err := url.Parse(ref)
	if err != nil {
		return ref + "#" + frag
	}
	resolved := b.ResolveReference(r)
	if !r.IsAbs() && b.Opaque != "" {
		resolved.Opaque = b.Opaque
	}
	return resolved.String() + "#" + fragment("#"+frag)
}

// find returns the pointer of the first reference for which match is true. It is given
// the reference as written and as resolved, its fragment decoded.
func (d *document) find(match func(ref, resolved string) bool) (ptr string, ok bool) {
	return find(d.value, "", d.url, match)
}

func find(v any, ptr, base string, match func(ref, resolved string) bool) (string, bool) {
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			if at, ok := find(item, ptr+"/"+strconv.Itoa(i), base, match); ok {
				return at, true
			}
		}
	case map[string]any:
		for _, key := range []string{"$id", "id"} {
			if id, ok := v[key].(string); ok && !strings.HasPrefix(id, "#") {
				base, _, _ = strings.Cut(resolve(base, id), "#")
			}
		}
		for _, key := range []string{"$ref", "$dynamicRef", "$recursiveRef", "$schema"} {
			if ref, ok := v[key].(string); ok && match(ref, resolve(base, ref)) {
				return ptr + "/" + key, true
			}
		}
		for _, name := range sortedKeys(v) {
			if at, ok := find(v[name], ptr+"/"+escape(name), base, match); ok {
				return at, true
			}
		}
	}
	return "", false
}
