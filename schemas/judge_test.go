package schemas

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/jsonread"
)

func mustCompile(t testing.TB, schema string) *Schema {
	t.Helper()
	s, err := Compile([]byte(schema), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func judge(t testing.TB, s *Schema, payload string) []lazaret.Reason {
	t.Helper()
	r, err := s.Judge([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return r.Reasons
}

// brief writes reasons as "code path schema-path", one a line.
func brief(reasons []lazaret.Reason) string {
	var lines []string
	for _, r := range reasons {
		lines = append(lines, string(r.Code)+" "+r.Path+" "+r.SchemaPath)
	}
	return strings.Join(lines, "\n")
}

// TestReasons: each failing leaf is one reason, with the code of its keyword, the place in
// the event, and the place where the keyword really stands.
func TestReasons(t *testing.T) {
	for _, c := range []struct{ name, schema, payload, want string }{
		{"good", `{"type":"object"}`, `{}`, ""},
		{"required", `{"properties":{"u":{"required":["a/b","c"]}}}`, `{"u":{}}`,
			"schema.required /u/a~1b /properties/u/required\nschema.required /u/c /properties/u/required"},
		{"through a reference", `{"items":{"$ref":"#/$defs/x"},"$defs":{"x":{"minimum":3}}}`, `[4,1,2]`,
			"schema.minimum /1 /$defs/x/minimum\nschema.minimum /2 /$defs/x/minimum"},
		{"an escaped place in the schema", `{"properties":{"a/b%":{"type":"string"}}}`, `{"a/b%":1}`, "schema.type /a~1b% /properties/a~1b%/type"},
		{"additionalProperties", `{"additionalProperties":false}`, `{"x":1,"y":2}`,
			"schema.additionalProperties /x /additionalProperties\nschema.additionalProperties /y /additionalProperties"},
		{"unevaluatedProperties", `{"allOf":[{"properties":{"a":true}}],"unevaluatedProperties":false}`, `{"a":1,"b":1}`,
			"schema.unevaluatedProperties /b /unevaluatedProperties"},
		{"unevaluatedItems", `{"prefixItems":[true],"unevaluatedItems":false}`, `[1,2]`, "schema.unevaluatedItems /1 /unevaluatedItems"},
		{"items false", `{"items":false}`, `[1]`, "schema.items /0 /items"},
		{"a property false", `{"properties":{"items":false}}`, `{"items":1}`, "schema.properties /items /properties/items"},
		{"a false definition", `{"items":{"$ref":"#/$defs/no"},"$defs":{"no":false}}`, `[1]`, "schema.false /0 /$defs/no"},
		{"false", `false`, `1`, "schema.false  "},
		{"additionalItems", `{"$schema":"http://json-schema.org/draft-07/schema#","items":[true],"additionalItems":false}`, `[1,2]`, "schema.additionalItems  /additionalItems"},
		{"if and then", `{"if":{"required":["a"]},"then":{"required":["b"]},"else":{"required":["c"]}}`, `{"a":1}`, "schema.required /b /then/required"},
		{"if and else", `{"if":{"required":["a"]},"then":{"required":["b"]},"else":{"required":["c"]}}`, `{}`, "schema.required /c /else/required"},
		{"not", `{"not":{"type":"string"}}`, `"x"`, "schema.not  /not"},
		{"dependentRequired", `{"dependentRequired":{"a":["b","c"]}}`, `{"a":1}`,
			"schema.dependentRequired /b /dependentRequired/a\nschema.dependentRequired /c /dependentRequired/a"},
		{"dependencies", `{"$schema":"http://json-schema.org/draft-07/schema#","dependencies":{"a":["b"]}}`, `{"a":1}`, "schema.dependencies /b /dependencies/a"},
		{"dependentSchemas", `{"dependentSchemas":{"a":{"required":["b"]}}}`, `{"a":1}`, "schema.required /b /dependentSchemas/a/required"},
		{"contains", `{"contains":{"type":"string"}}`, `[1,2]`, "schema.contains  /contains"},
		{"minContains", `{"contains":{"type":"string"},"minContains":2}`, `["a"]`, "schema.minContains  /minContains"},
		{"maxContains", `{"contains":{"type":"string"},"maxContains":1}`, `["a","b"]`, "schema.maxContains  /maxContains"},
		{"uniqueItems", `{"properties":{"a":{"uniqueItems":true}}}`, `{"a":[{"x":1},{"x":1.0}]}`, "schema.uniqueItems /a /properties/a/uniqueItems"},
		{"propertyNames under siblings", `{"properties":{"a":{"propertyNames":{"maxLength":1}},"b":{"type":"object"},"c":{"items":{"minimum":0}}}}`,
			`{"a":{"long":1},"b":{"z":{}},"c":[1,2]}`, "schema.propertyNames /a/long /properties/a/propertyNames"},
		{"format under 2020-12", `{"format":"date-time"}`, `"2026-13-01T00:00:00Z"`, "schema.format  /format"},
		{"format under draft 4", `{"$schema":"http://json-schema.org/draft-04/schema#","format":"ipv4"}`, `"1.2.3"`, "schema.format  /format"},
		{"several at one place", `{"minLength":3,"pattern":"^x"}`, `"a"`, "schema.minLength  /minLength\nschema.pattern  /pattern"},
		{"number keywords", `{"multipleOf":2,"exclusiveMaximum":3,"maximum":2}`, `3`,
			"schema.exclusiveMaximum  /exclusiveMaximum\nschema.maximum  /maximum\nschema.multipleOf  /multipleOf"},
		{"sizes", `{"properties":{"o":{"minProperties":2},"p":{"maxProperties":0},"a":{"minItems":2},"b":{"maxItems":0},"s":{"maxLength":0}}}`,
			`{"o":{},"p":{"x":1},"a":[],"b":[1],"s":"x"}`,
			"schema.minItems /a /properties/a/minItems\nschema.maxItems /b /properties/b/maxItems\nschema.minProperties /o /properties/o/minProperties\nschema.maxProperties /p /properties/p/maxProperties\nschema.maxLength /s /properties/s/maxLength"},
		{"not JSON", `{"type":"object"}`, `{"a":`, "json.syntax  "},
		{"a key twice", `{}`, `{"a":1,"a":2}`, "json.duplicate_key /a "},
		{"the number that panics", `{"minimum":1}`, `1e1000001`, "json.number  "},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := brief(judge(t, mustCompile(t, c.schema), c.payload)); got != c.want {
				t.Errorf("got\n%s\nexpected\n%s", got, c.want)
			}
		})
	}
}

// TestUnions: of a failing oneOf or anyOf only the branch that was meant is reported.
func TestUnions(t *testing.T) {
	shop := `{"oneOf":[{"$ref":"#/$defs/click"},{"$ref":"#/$defs/buy"},{"$ref":"#/$defs/more"}],"$defs":{
		"base":{"required":["type"]},
		"click":{"allOf":[{"$ref":"#/$defs/base"},{"properties":{"type":{"const":"click"},"x":{"type":"integer"}},"required":["x"]}]},
		"buy":{"allOf":[{"$ref":"#/$defs/base"},{"properties":{"type":{"$ref":"#/$defs/buytype"},"amount":{"minimum":0}},"required":["amount"]}]},
		"more":{"allOf":[{"$ref":"#/$defs/base"}],"oneOf":[{"properties":{"type":{"const":"a"},"n":{"type":"string"}}},{"properties":{"type":{"const":"b"},"n":{"type":"null"}}}]},
		"buytype":{"enum":["buy","return"]}}}`
	closest := `{"anyOf":[{"type":"null"},{"properties":{"a":{"properties":{"b":{"type":"string"}}}}},{"required":["x","y","z"]}]}`
	for _, c := range []struct{ name, schema, payload, want, message string }{
		{"by a constant", shop, `{"type":"click","x":"1"}`, "schema.type /x /$defs/click/allOf/1/properties/x/type", ""},
		{"by an enumeration", shop, `{"type":"return","amount":-1}`, "schema.minimum /amount /$defs/buy/allOf/1/properties/amount/minimum", ""},
		{"by a union within", shop, `{"type":"b","n":1}`, "schema.type /n /$defs/more/oneOf/1/properties/n/type", ""},
		{"by none", shop, `{"type":"secret"}`, "schema.oneOf /type /oneOf", `must be one of "click", "buy", "return", "a", "b"`},
		{"by one that is missing", shop, `{"x":1}`, "schema.required /type /oneOf", `it must be one of "click"`},
		{"not an object", `{"anyOf":[{"type":"string"},{"type":["null","boolean"]}]}`, `1`, "schema.anyOf  /anyOf", "must be string, null or boolean"},
		{"the closest", closest, `{"a":{"b":1}}`, "schema.type /a/b /anyOf/1/properties/a/properties/b/type", "the closest of 3 tried"},
		{"nullable", `{"oneOf":[{"type":"null"},{"type":"object","required":["a","b"]}]}`, `{}`,
			"schema.required /a /oneOf/1/required\nschema.required /b /oneOf/1/required", "the closest of 2 tried"},
		{"more than one", `{"oneOf":[{"type":"string"},{"minimum":1},{"maximum":9}]}`, `5`, "schema.oneOf  /oneOf", "numbers 1 and 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustCompile(t, c.schema)
			first := judge(t, s, c.payload)
			if got := brief(first); got != c.want {
				t.Fatalf("got\n%s\nexpected\n%s", got, c.want)
			}
			if !strings.Contains(first[0].Message, c.message) {
				t.Errorf("message %q does not hold %q", first[0].Message, c.message)
			}
			for range 20 {
				if again := judge(t, s, c.payload); again[0] != first[0] {
					t.Fatalf("not deterministic: %v and %v", first[0], again[0])
				}
			}
		})
	}
}

// TestReasonsAreBounded: at most 20 reasons are listed and the rest counted; names from
// the payload are cut.
func TestReasonsAreBounded(t *testing.T) {
	s := mustCompile(t, `{"additionalProperties":false}`)
	long := strings.Repeat("n", 5000)
	var many strings.Builder
	for i := range 100 {
		fmt.Fprintf(&many, `,"k%d":1`, i)
	}
	r, err := s.Judge([]byte(`{"` + long + `":1` + many.String() + `}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Reasons) != lazaret.MaxReasons || r.More != 101-lazaret.MaxReasons {
		t.Errorf("%d reasons and %d more", len(r.Reasons), r.More)
	}
	only := judge(t, s, `{"`+long+`":1}`)
	if len(only[0].Path) > maxToken+8 {
		t.Errorf("the path has %d bytes", len(only[0].Path))
	}
}

// TestAny: every well-formed text passes, and others do not.
func TestAny(t *testing.T) {
	for _, good := range []string{`1`, `null`, `"x"`, `[{"a":[]}]`} {
		if r := judge(t, Any(jsonread.DefaultLimits), good); len(r) != 0 {
			t.Errorf("%s: %v", good, r)
		}
	}
	if r := judge(t, Any(jsonread.DefaultLimits), `{`); len(r) != 1 || r[0].Code != lazaret.CodeSyntax {
		t.Errorf("got %v", r)
	}
}

// TestLibraryPanicIsOurError: should a number that the library cannot stand get past the
// reader, the process lives, the error is ours, and it holds no value.
func TestLibraryPanicIsOurError(t *testing.T) {
	verr, err := validate(mustCompile(t, `{"minimum":1}`).root, json.Number("1e1000001"))
	if verr != nil || err == nil || strings.Contains(err.Error(), "1000001") {
		t.Errorf("got %v, %v", verr, err)
	}
}
