package schemas

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// Options say how a schema is compiled.
type Options struct {
	// Name is what people call the schema, for messages; it may be empty.
	Name string
	// Load returns the document of another subject's version. It is called while Compile
	// runs, at most once for each document. Nil means that there are no other subjects.
	Load func(subject string, version int) ([]byte, error)
	// References are those of the document: a $ref that is the name of one leads to the
	// version that it gives.
	References []Reference
	// LoadReferences returns the references of another subject's version, whose document
	// Load has returned. Nil means that no other version has any.
	LoadReferences func(subject string, version int) ([]Reference, error)
	// Limits bound the payloads that the schema judges; the zero value stands
	// for the defaults.
	Limits jsonread.Limits
	// Reference leaves every verdict to the schema library. It is slower by an order of
	// magnitude and says the same.
	Reference bool

	remote   func(url string) (any, error) // tests: the conformance suite's own documents
	draft    *jsonschema.Draft             // tests: the draft where $schema does not say
	noBudget bool                          // tests: leave the cost to the trial
}

// Compile checks a schema document and makes it ready to judge. What is wrong with the
// document is a *CompileError. If Load failed, its error is wrapped as well, so that
// errors.Is finds it.
//
// The time that Compile takes is bounded by the bounds on the document. The document is
// not changed and must not be changed afterwards.
func Compile(document []byte, opts Options) (*Schema, error) {
	c, err := compile(document, opts)
	if err != nil {
		return nil, err
	}
	return c.schema, nil
}

// compilation is the making of one schema.
type compilation struct {
	opts      Options
	lib       *jsonschema.Compiler
	patterns  *patterns
	lint      linter
	documents map[string]*document // by URL
	total     int                  // bytes of the documents
	bad       *CompileError        // what was wrong with a document that a reference led to
	loadErr   error
	schema    *Schema
}

func compile(data []byte, opts Options) (*compilation, error) {
	c := &compilation{
		opts:      opts,
		lib:       jsonschema.NewCompiler(),
		patterns:  newPatterns(),
		lint:      linter{freeMeta: opts.remote != nil},
		documents: map[string]*document{},
	}
	if err := checkReferences(opts.References); err != nil {
		return nil, err
	}
	value, err := c.add(rootURL, data, opts.References)
	if err != nil {
		return nil, err
	}
	if opts.draft != nil {
		c.lib.DefaultDraft(opts.draft)
	} else {
		c.lib.DefaultDraft(jsonschema.Draft2020)
	}
	c.lib.AssertFormat()
	for _, f := range formats() {
		c.lib.RegisterFormat(&jsonschema.Format{Name: f.name, Validate: f.validate})
	}
	c.lib.UseRegexpEngine(c.patterns.compile)
	c.lib.UseLoader(loader{c})
	if err := c.run(value); err != nil {
		return nil, c.explain(err)
	}
	if err := c.finish(); err != nil {
		return nil, err
	}
	return c, nil
}

// add reads and lints a document that takes part.
func (c *compilation) add(url string, data []byte, refs []Reference) (any, error) {
	doc, err := readDocument(url, data)
	if err == nil {
		doc.references = refs
		doc.follow(refs)
		c.documents[url] = doc
		if c.total += len(data); c.total > maxTotal {
			err = doc.fail("", "the schema and those that it refers to are larger than %d bytes together", maxTotal)
		} else {
			err = c.lint.lint(doc)
		}
	}
	if err != nil {
		errors.As(err, &c.bad)
		return nil, err
	}
	return doc.value, nil
}

// run calls the schema library. A panic in it is the schema's refusal: a schema that the
// compiler cannot stand is not one to judge events with.
func (c *compilation) run(value any) (err error) {
	defer func() {
		if recover() != nil {
			err = &refusedError{"the schema compiler failed on this schema; please report it"}
		}
	}()
	if err := c.lib.AddResource(rootURL, value); err != nil {
		return err
	}
	root, err := c.lib.Compile(rootURL)
	if err != nil {
		return err
	}
	c.schema = &Schema{root: root, limits: c.opts.Limits}
	return nil
}

// finish checks what the compiled schema may cost and prepares it for judging.
func (c *compilation) finish() error {
	c.schema.size = c.total
	anchored, err := c.dynamicAnchors()
	if err != nil {
		return err
	}
	c.schema.source = source{c.opts, c.documents, anchored}
	g := newGraph(c.schema.root, anchored)
	if err := c.checkBounds(g.nodes); err != nil {
		return err
	}
	var profile []int
	if !c.opts.noBudget {
		var over *overBudget
		if profile, over = checkBudget(g); over != nil {
			return c.failAt(over.location, "%s", over.message)
		}
	}
	mend(g.nodes)
	unions := findUnions(g)
	c.schema.unions = unions
	c.schema.unmetered = c.opts.noBudget
	c.schema.measure(g, profile)
	c.schema.bounded = sync.OnceValue(func() *jsonschema.Schema { return bounded(g, unions) })
	c.patterns.freeze()
	c.schema.whole = c.schema.dynamic || c.opts.Reference || c.opts.Limits.AllowDuplicateKeys
	c.schema.checker = sync.OnceValue(c.schema.newChecker)
	return nil
}

// dynamicAnchors returns the compiled schemas that only a dynamic reference reaches.
func (c *compilation) dynamicAnchors() (list []*jsonschema.Schema, err error) {
	for _, docURL := range sortedKeys(c.documents) {
		var found []string
		anchors(c.documents[docURL].value, "", &found)
		for _, ptr := range found {
			location := docURL + "#" + (&url.URL{Fragment: ptr}).EscapedFragment()
			s, err := c.lib.Compile(location)
			if err != nil {
				return nil, c.failAt(location, "what has a $dynamicAnchor must be a schema: %v", c.explain(err))
			}
			list = append(list, s)
		}
	}
	return list, nil
}

// checkBounds checks the bounds of all schemas that take part, also of those that stand where
// no keyword puts a schema and a reference leads.
func (c *compilation) checkBounds(nodes []*jsonschema.Schema) error {
	for _, s := range nodes {
		docURL, ptr := splitLocation(s.Location)
		doc := c.documents[docURL]
		if doc == nil {
			continue // a metaschema's
		}
		obj, _ := valueAt(doc.value, tokens(ptr)).(map[string]any)
		if err := checkIntegers(doc, obj, ptr); err != nil {
			return err
		}
	}
	return nil
}

func anchors(v any, ptr string, found *[]string) {
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			anchors(item, fmt.Sprintf("%s/%d", ptr, i), found)
		}
	case map[string]any:
		if _, ok := v["$dynamicAnchor"].(string); ok {
			*found = append(*found, ptr)
		}
		for name, item := range v {
			anchors(item, ptr+"/"+escape(name), found)
		}
	}
}

// failAt makes the error for a location as the schema library writes it.
func (c *compilation) failAt(location, format string, args ...any) *CompileError {
	url, ptr := splitLocation(location)
	if doc := c.documents[url]; doc != nil {
		return doc.fail(ptr, format, args...)
	}
	return &CompileError{Pointer: ptr, Message: fmt.Sprintf(format, args...)}
}

// splitLocation takes "url#/escaped/pointer" apart and decodes the pointer.
func splitLocation(location string) (url, ptr string) {
	url, _, _ = strings.Cut(location, "#")
	return url, fragment(location)
}

// schemaPath is the pointer to a keyword as a Reason shows it.
func schemaPath(location string, keyword ...string) string {
	url, ptr := splitLocation(location)
	for _, token := range keyword {
		ptr += "/" + escape(token)
	}
	if url == rootURL {
		return truncate(ptr, maxPath)
	}
	return truncate(url+"#"+ptr, maxPath)
}
