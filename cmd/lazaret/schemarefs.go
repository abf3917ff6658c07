package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/schemas"
)

// referenceFlag adds --reference, and returns what reads it.
func referenceFlag(cmd *cobra.Command) func() ([]schemas.Reference, error) {
	var given []string
	cmd.Flags().StringArrayVar(&given, "reference", nil, "NAME=SUBJECT:VERSION: a $ref of this name leads to that version; may be repeated")
	return func() (list []schemas.Reference, err error) {
		for _, text := range given {
			ref, ok := parseReference(text)
			if !ok {
				return nil, usage("--reference %q: want NAME=SUBJECT:VERSION, as in address.json=address:1", text)
			}
			list = append(list, ref)
		}
		return list, nil
	}
}

func parseReference(text string) (ref schemas.Reference, ok bool) {
	at := strings.LastIndex(text, "=")
	colon := strings.LastIndex(text, ":")
	if at < 1 || colon < at+2 {
		return ref, false
	}
	n, err := strconv.Atoi(text[colon+1:])
	return schemas.Reference{Name: text[:at], Subject: text[at+1 : colon], Version: n}, err == nil && n > 0
}

func showReference(r schemas.Reference) string {
	return fmt.Sprintf("%s=%s:%d", r.Name, r.Subject, r.Version)
}

// eachRef calls do with each $ref of a document, and the pointer of the schema that has it, in
// the order of the pointers.
func eachRef(document []byte, do func(pointer, ref string)) {
	var value any
	if json.Unmarshal(document, &value) != nil {
		return
	}
	var walk func(pointer string, v any)
	walk = func(pointer string, v any) {
		switch v := v.(type) {
		case []any:
			for i, item := range v {
				walk(pointer+"/"+strconv.Itoa(i), item)
			}
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				do(pointer, ref)
			}
			for _, name := range slices.Sorted(maps.Keys(v)) {
				walk(pointer+"/"+escapeToken(name), v[name])
			}
		}
	}
	walk("", value)
}

// outside lists the names of other documents that a schema's $refs have, but for those of
// subjects and those that the references give.
func (f schemaFile) outside(refs []schemas.Reference) (names []string) {
	eachRef(f.data, func(_, ref string) {
		name, _, _ := strings.Cut(ref, "#")
		given := func(r schemas.Reference) bool { return r.Name == name }
		if name != "" && !strings.HasPrefix(name, subjectScheme) && !slices.Contains(names, name) && !slices.ContainsFunc(refs, given) {
			names = append(names, name)
		}
	})
	slices.Sort(names)
	return names
}

// subjectScheme begins the name of a version of a subject, "lazaret:subject:version".
const subjectScheme = "lazaret:"

// refersTo is the pointer of the first schema that refers to a version of a subject, or else
// to another version of it.
func (f schemaFile) refersTo(document string) (pointer string, ok bool) {
	subject := func(name string) string { return name[:max(0, strings.LastIndexByte(name, ':'))] }
	exact := false
	eachRef(f.data, func(at, ref string) {
		name, _, _ := strings.Cut(ref, "#")
		for _, r := range f.refs {
			if r.Name == name {
				name = fmt.Sprintf("%s%s:%d", subjectScheme, r.Subject, r.Version)
			}
		}
		if !exact && (name == document || !ok && strings.HasPrefix(name, subjectScheme) && subject(name) == subject(document)) {
			pointer, ok, exact = at, true, name == document
		}
	})
	return pointer, ok
}

// needsReference adds to what is wrong with a schema how its $refs are given a meaning.
func (f schemaFile) needsReference(err error, refs []schemas.Reference) error {
	var ce *schemas.CompileError
	if names := f.outside(refs); errors.As(err, &ce) && strings.HasSuffix(ce.Pointer, "/$ref") && len(names) > 0 {
		with := *ce
		with.Message += referenceHint(names)
		return &with
	}
	return err
}

func referenceHint(names []string) string {
	return fmt.Sprintf("; or say which version it is: --reference %s=SUBJECT:VERSION", strconv.Quote(names[0]))
}

// referencesOf are those that a schema goes to a server with: the given ones, and of the
// subject's latest version those of other names, if the schema has use for any.
func (e *env) referencesOf(f schemaFile, given []schemas.Reference, latest client.SchemaVersion) []schemas.Reference {
	if len(f.outside(given)) == 0 {
		return given
	}
	list := slices.Clone(given)
	var taken []string
	for _, r := range latest.References {
		ref := schemas.Reference(r)
		if slices.ContainsFunc(given, func(g schemas.Reference) bool { return g.Name == ref.Name }) {
			continue
		}
		list, taken = append(list, ref), append(taken, showReference(ref))
	}
	if len(taken) > 0 {
		e.wrappedStatus("note: %s: with the references of %s version %d: %s", clean(f.name), latest.Subject, latest.Version, clean(strings.Join(taken, ", ")))
	}
	return list
}
