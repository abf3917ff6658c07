package schemas

import (
	"errors"
	"strings"
	"testing"
)

// shelf is a registry of two shared subjects: address refers to country by a name, and
// country refers to none.
func shelf() Options {
	documents := map[string]string{
		"country:1": `{"type":"string","enum":["NL","BE"]}`,
		"country:2": `{"$id":"https://example.com/country.json","$defs":{"code":{"type":"string","maxLength":2}},"$ref":"#/$defs/code"}`,
		"address:1": `{"type":"object","properties":{"country":{"$ref":"country.json"}},"required":["country"]}`,
	}
	references := map[string][]Reference{"address:1": {{Name: "country.json", Subject: "country", Version: 1}}}
	id := func(subject string, version int) string {
		return strings.TrimPrefix(Reference{Subject: subject, Version: version}.target(), scheme)
	}
	return Options{
		Load: func(subject string, version int) ([]byte, error) {
			doc, ok := documents[id(subject, version)]
			if !ok {
				return nil, ErrNotFound
			}
			return []byte(doc), nil
		},
		LoadReferences: func(subject string, version int) ([]Reference, error) { return references[id(subject, version)], nil },
	}
}

// TestReferencesByName: a $ref that is the name of a reference leads to its version, also
// from that version on to others, with a fragment, from under an $id, and beside references
// to lazaret:subject:version; the same in a trial.
func TestReferencesByName(t *testing.T) {
	for name, c := range map[string]struct {
		document  string
		refs      []Reference
		good, bad string
	}{
		"transitive": {`{"properties":{"home":{"$ref":"address.json"}}}`, []Reference{{"address.json", "address", 1}},
			`{"home":{"country":"NL"}}`, `{"home":{"country":"FR"}}`},
		"beside ours": {`{"properties":{"home":{"$ref":"address.json"},"from":{"$ref":"lazaret:country:1"}}}`, []Reference{{"address.json", "address", 1}},
			`{"home":{"country":"NL"},"from":"BE"}`, `{"from":"FR"}`},
		"a fragment": {`{"items":{"$ref":"c#/$defs/code"}}`, []Reference{{"c", "country", 2}}, `["NL"]`, `["NLD"]`},
		"a URL":      {`{"items":{"$ref":"https://example.com/country.json"}}`, []Reference{{"https://example.com/country.json", "country", 2}}, `["NL"]`, `["NLD"]`},
		"under $id": {`{"$id":"https://example.com/list.json","items":{"$ref":"country.json"}}`,
			[]Reference{{"https://example.com/country.json", "country", 2}}, `["NL"]`, `["NLD"]`},
		"name under $id": {`{"$id":"https://example.com/list.json","items":{"$ref":"https://example.com/country.json"}}`,
			[]Reference{{"country.json", "country", 2}}, `["NL"]`, `["NLD"]`},
		"a type's name": {`{"$schema":"http://json-schema.org/draft-07/schema#","items":{"$ref":"com.acme.Country"}}`, []Reference{{"com.acme.Country", "country", 1}}, `["NL"]`, `["FR"]`},
		"data":          {`{"enum":[{"$ref":"c"}],"default":{"$ref":"c"}}`, []Reference{{"c", "country", 1}}, `{"$ref":"c"}`, `{"$ref":"lazaret:country:1"}`},
		"a property":    {`{"properties":{"enum":{"$ref":"c"},"$ref":{"type":"string"}}}`, []Reference{{"c", "country", 1}}, `{"enum":"NL","$ref":"x"}`, `{"enum":"FR"}`},
	} {
		t.Run(name, func(t *testing.T) {
			opts := shelf()
			opts.References = c.refs
			document := []byte(c.document)
			s, err := Compile(document, opts)
			if err != nil {
				t.Fatal(err)
			}
			if string(document) != c.document {
				t.Error("the document was changed")
			}
			if r, err := s.Judge([]byte(c.good)); err != nil || len(r.Reasons) > 0 {
				t.Errorf("good: %v, %v", r.Reasons, err)
			}
			if r, err := s.Judge([]byte(c.bad)); err != nil || len(r.Reasons) == 0 {
				t.Errorf("bad was accepted, %v", err)
			}
			if err := Try(t.Context(), document, opts); err != nil {
				t.Errorf("trial: %v", err)
			}
		})
	}
}

// TestReferencesThatLeadNowhere say so at the place of the $ref.
func TestReferencesThatLeadNowhere(t *testing.T) {
	opts := shelf()
	opts.References = []Reference{{"a", "nobody", 1}}
	_, err := Compile([]byte(`{"items":{"$ref":"a"}}`), opts)
	var ce *CompileError
	if !errors.As(err, &ce) || ce.Pointer != "/items/$ref" || !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
	if _, err = Compile([]byte(`{"items":{"$ref":"b"}}`), opts); !errors.As(err, &ce) || ce.Pointer != "/items/$ref" {
		t.Errorf("a name that is none of them: %v", err)
	}
	opts.References = []Reference{{"a", "country", 0}}
	if _, err = Compile([]byte(`{}`), opts); !errors.As(err, &ce) {
		t.Errorf("a reference that is none: %v", err)
	}
}
