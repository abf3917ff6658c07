package schemas

import (
	"errors"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// loadedError is a CompileError that came of a failing Load.
type loadedError struct {
	*CompileError
	cause error
}

func (e *loadedError) Unwrap() []error { return []error{e.CompileError, e.cause} }

// explain turns what the schema library says into a CompileError with a place.
func (c *compilation) explain(err error) error {
	if c.bad != nil {
		return c.bad
	}
	ce := c.explainKind(err)
	if c.loadErr != nil {
		return &loadedError{ce, c.loadErr}
	}
	return ce
}

func (c *compilation) explainKind(err error) *CompileError {
	var (
		invalid  *jsonschema.SchemaValidationError
		regex    *jsonschema.InvalidRegexError
		load     *jsonschema.LoadURLError
		refused  *refusedError
		pointer  *jsonschema.JSONPointerNotFoundError
		badPtr   *jsonschema.InvalidJsonPointerError
		anchor   *jsonschema.AnchorNotFoundError
		dupID    *jsonschema.DuplicateIDError
		dupAnch  *jsonschema.DuplicateAnchorError
		parseURL *jsonschema.ParseURLError
		parseID  *jsonschema.ParseIDError
		parseAn  *jsonschema.ParseAnchorError
	)
	switch {
	case errors.As(err, &invalid):
		return c.explainInvalid(invalid)
	case errors.As(err, &regex):
		url, ptr := splitLocation(regex.URL)
		if strings.HasSuffix(ptr, "/patternProperties") {
			ptr += "/" + escape(regex.Regex)
		}
		return c.failAt(url+"#"+encodeFragment(ptr), "%v", regex.Err)
	case errors.As(err, &load):
		message := refusal(load.URL)
		if errors.As(load.Err, &refused) {
			message = refused.message
		}
		return c.failAtReference(message, func(_, resolved string) bool {
			target, _, _ := strings.Cut(resolved, "#")
			return target == load.URL
		})
	case errors.As(err, &refused):
		return c.failAt(rootURL, "%s", refused.message)
	case errors.As(err, &pointer):
		return c.failAtMissing(pointer.URL, "the reference leads to nothing in the document")
	case errors.As(err, &badPtr):
		return c.failAtMissing(badPtr.URL, "the reference is not a JSON Pointer")
	case errors.As(err, &anchor):
		return c.failAtMissing(anchor.Reference, "the reference names an anchor that is not there")
	case errors.As(err, &dupID):
		return c.failAt(dupID.URL+"#"+encodeFragment(max(dupID.Ptr1, dupID.Ptr2)), "the identifier is used twice")
	case errors.As(err, &dupAnch):
		return c.failAt(dupAnch.URL+"#"+encodeFragment(max(dupAnch.Ptr1, dupAnch.Ptr2)), "the anchor %q is used twice", truncate(dupAnch.Anchor, maxLiteral))
	case errors.As(err, &parseURL):
		return c.failAtReference("the reference is not a URI", func(ref, _ string) bool {
			return ref == parseURL.URL || strings.HasPrefix(ref, parseURL.URL+"#")
		})
	case errors.As(err, &parseID):
		return c.failAt(parseID.URL, "the identifier is not a URI")
	case errors.As(err, &parseAn):
		return c.failAt(parseAn.URL, "the anchor is not one")
	default:
		return c.failAt(rootURL, "the schema cannot be compiled: %s", truncate(err.Error(), maxPath))
	}
}

// explainInvalid says where the document breaks its metaschema.
func (c *compilation) explainInvalid(invalid *jsonschema.SchemaValidationError) *CompileError {
	url, base := splitLocation(invalid.URL)
	var verr *jsonschema.ValidationError
	if !errors.As(invalid.Err, &verr) {
		return c.failAt(invalid.URL, "the schema is not valid against its metaschema")
	}
	if ptr, err := badPattern(verr); err != nil {
		return c.failAt(url+"#"+encodeFragment(base+ptr), "%v", err)
	}
	x := explainer{}
	reasons := x.reasons(verr)
	if x.err != nil || len(reasons) == 0 {
		return c.failAt(invalid.URL, "the schema is not valid against its metaschema")
	}
	slices.SortFunc(reasons, func(a, b reason) int { return a.Compare(b.Reason) })
	keyword := strings.TrimPrefix(string(reasons[0].Code), "schema.")
	return c.failAt(url+"#"+encodeFragment(base+reasons[0].Path), "not a valid schema: %s (%s)", reasons[0].Message, keyword)
}

// badPattern finds the first regular expression that was refused, and why. Patterns where
// schemas are expected were checked before; this is for those that only an unusual
// reference reaches, and for what all patterns cost together.
func badPattern(e *jsonschema.ValidationError) (ptr string, err error) {
	if f, ok := e.ErrorKind.(*kind.Format); ok && f.Want == "regex" {
		for _, token := range e.InstanceLocation {
			ptr += "/" + escape(token)
		}
		return ptr, f.Err
	}
	best := ""
	for _, cause := range e.Causes {
		if p, cerr := badPattern(cause); cerr != nil && (err == nil || p < best) {
			best, err = p, cerr
		}
	}
	return best, err
}

// failAtReference makes the error for the first reference that matches.
func (c *compilation) failAtReference(message string, match func(ref, resolved string) bool) *CompileError {
	for _, url := range sortedKeys(c.documents) {
		if ptr, ok := c.documents[url].find(match); ok {
			return c.documents[url].fail(ptr, "%s", message)
		}
	}
	return c.failAt(rootURL, "%s", message)
}

// failAtMissing makes the error for the reference whose target is missing.
func (c *compilation) failAtMissing(location, message string) *CompileError {
	url, frag := splitLocation(location)
	return c.failAtReference(message, func(_, resolved string) bool {
		target, ptr, _ := strings.Cut(resolved, "#")
		return target == url && ptr == frag || ptr != "" && strings.HasSuffix(frag, ptr)
	})
}

// encodeFragment writes a pointer so that fragment reads it back.
func encodeFragment(ptr string) string {
	return strings.NewReplacer("%", "%25", "#", "%23").Replace(ptr)
}
