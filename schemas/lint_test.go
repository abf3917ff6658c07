package schemas

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func lintLines(document string) string {
	var lines []string
	for _, n := range Lint([]byte(document)) {
		lines = append(lines, n.Pointer+": "+n.Message)
	}
	return strings.Join(lines, "\n")
}

// A keyword that is misspelled, comes too early for its draft, or a format that is not
// checked, is noticed with its place and what was probably meant.
func TestLintNotices(t *testing.T) {
	for document, want := range map[string]string{
		`{"requred":["a"]}`:      `/requred: the keyword "requred" is unknown and means nothing; did you mean "required"?`,
		`{"propertys":{}}`:       `/propertys: the keyword "propertys" is unknown and means nothing; did you mean "properties"?`,
		`{"tpye":"object"}`:      `/tpye: the keyword "tpye" is unknown and means nothing; did you mean "type"?`,
		`{"minlength":3}`:        `/minlength: the keyword "minlength" is unknown and means nothing; did you mean "minLength"?`,
		`{"max":3}`:              `/max: the keyword "max" is unknown and means nothing; did you mean "maximum"?`,
		`{"format":"datetime"}`:  `/format: the format "datetime" is not checked here: every value passes; did you mean "date-time"?`,
		`{"format":"Date_Time"}`: `/format: the format "Date_Time" is not checked here: every value passes; did you mean "date-time"?`,
		`{"format":"emial"}`:     `/format: the format "emial" is not checked here: every value passes; did you mean "email"?`,
		`{"format":"idn-email"}`: `/format: the format "idn-email" is not checked here: every value passes`,
		`{"format":"int32"}`:     `/format: the format "int32" is not checked here: every value passes`,
		`{"properties":{"requred":{"items":{"anyOf":[true,{"patern":"a"}]}}}}`:         `/properties/requred/items/anyOf/1/patern: the keyword "patern" is unknown and means nothing; did you mean "pattern"?`,
		`{"$defs":{"a/b":{"requierd":[]}}}`:                                            `/$defs/a~1b/requierd: the keyword "requierd" is unknown and means nothing; did you mean "required"?`,
		`{"$schema":"http://json-schema.org/draft-07/schema#","dependentRequired":{}}`: `/dependentRequired: the keyword "dependentRequired" means nothing in draft-07; it came with 2019-09`,
	} {
		if got := lintLines(document); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", document, got, want)
		}
		if _, err := Compile([]byte(document), Options{Name: "lint"}); err != nil {
			t.Errorf("%s is not what passes in silence: %v", document, err)
		}
	}
}

// Nothing is noticed in what is right, or in names that are nobody's mistake: members of
// events, values, and keywords of one's own.
func TestLintIsQuiet(t *testing.T) {
	for _, document := range []string{
		`true`, `[]`, `{"a":`, ``,
		`{"x-requred":1,"X-Typ":2,"$comment":"requred","owner":"me","unit":"ms","description":"d","example":1,"nullable":true}`,
		`{"properties":{"requred":{},"propertys":true,"format":{"format":"date"}}}`,
		`{"enum":[{"requred":1,"format":"datetime"}],"const":{"requred":1},"default":{"tpye":1},"examples":[{"tpye":1}]}`,
		`{"definitions":{"a":{}},"$defs":{},"$id":"http://example.com/a","dependencies":{"a":["requred"]}}`,
		`{"$schema":"http://json-schema.org/draft-07/schema#","$defs":{},"if":true,"then":true}`,
		`{"type":"string","format":"regex","not":{"format":"uuid"},"in":1,"note":"x"}`,
	} {
		if got := lintLines(document); got != "" {
			t.Errorf("%s: %s", document, got)
		}
	}
}

// The schemas of the examples, which are known to be right, are quiet but for formats.
func TestLintOfTheExamples(t *testing.T) {
	found, err := filepath.Glob("../examples/*/*.schema.json")
	if err != nil || len(found) == 0 {
		t.Fatalf("no schema was found: %v", err)
	}
	for _, name := range found {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range Lint(data) {
			if !strings.HasPrefix(n.Message, "the format ") {
				t.Errorf("%s: %s: %s", name, n.Pointer, n.Message)
			}
		}
	}
}

// However much there is to notice, what is told is bounded.
func TestLintIsBounded(t *testing.T) {
	var b strings.Builder
	for i := range 50 {
		fmt.Fprintf(&b, `,"a%d":{"requred":[]}`, i)
	}
	got := Lint([]byte(`{"properties":{` + b.String()[1:] + `}}`))
	if len(got) != maxNotices+1 || got[maxNotices].Message != "and 30 more of the kind" {
		t.Errorf("%d notices, the last %+v", len(got), got[len(got)-1])
	}
}

// A pointer that leads to a member which the schema does not declare is found, and nothing
// is said wherever that is not certain.
func TestUndeclared(t *testing.T) {
	for _, c := range []struct{ schema, pointer, missing, near string }{
		{`{"properties":{"value":{}}}`, "/valeu", "/valeu", "value"},
		{`{"properties":{"value":{}}}`, "/value/deeper", "", ""},
		{`{"properties":{"value":{}},"additionalProperties":false}`, "/colour/x", "/colour", ""},
		{`{"properties":{"a":{"properties":{"amount":{}}}}}`, "/a/amuont", "/a/amuont", "amount"},
		{`{"properties":{"a":{"items":{"properties":{"sku":{},"quantity":{}}}}}}`, "/a/0/quantty", "/a/0/quantty", "quantity"},
		{`{"properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"$ref":"#/$defs/y"},"y":{"properties":{"amount":{}}}}}`, "/a/amout", "/a/amout", "amount"},
		{`{"properties":{"next":{"$ref":"#"},"value":{}}}`, "/next/next/valu", "/next/next/valu", "value"},
		{`{"properties":{"a~b":{}}}`, "/a~0b", "", ""},
		{`{"$id":"http://example.com/s","properties":{"value":{}}}`, "/valeu", "/valeu", "value"},
		{`{"properties":{"value":{}}}`, "", "", ""},
		{`{"properties":{"value":{}}}`, "/0", "", ""},
		{`{"properties":{}}`, "/valeu", "", ""},
		{`{"type":"object"}`, "/valeu", "", ""},
		{`true`, "/valeu", "", ""},
		{`not JSON`, "/valeu", "", ""},
		{`{"properties":{"value":{}},"additionalProperties":true}`, "/valeu", "", ""},
		{`{"properties":{"value":{}},"additionalProperties":{"type":"string"}}`, "/valeu", "", ""},
		{`{"properties":{"value":{}},"patternProperties":{"^v":{}}}`, "/valeu", "", ""},
		{`{"properties":{"value":{}},"allOf":[{}]}`, "/valeu", "", ""},
		{`{"properties":{"value":{}},"if":{},"then":{}}`, "/valeu", "", ""},
		{`{"properties":{"a":{"$ref":"lazaret:other:1"}}}`, "/a/b", "", ""},
		{`{"properties":{"a":{"$ref":"#/properties/a"}}}`, "/a/b", "", ""},
		{`{"properties":{"a":{"$ref":"#/nowhere"}}}`, "/a/b", "", ""},
		{`{"properties":{"a":{"$id":"http://example.com/s","properties":{"value":{}}}}}`, "/a/valeu", "", ""},
	} {
		missing, near := NewOutline([]byte(c.schema)).Undeclared(c.pointer)
		if missing != c.missing || near != c.near {
			t.Errorf("%s in %s: %q, %q", c.pointer, c.schema, missing, near)
		}
	}
}
