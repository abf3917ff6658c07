package schemas

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// chain is n anyOf of two references each, one after the other: 2^n evaluations.
func chain(n int) string {
	var b strings.Builder
	b.WriteString(`{"$ref":"#/$defs/a0","$defs":{`)
	for i := range n {
		fmt.Fprintf(&b, `"a%d":{"anyOf":[{"$ref":"#/$defs/a%d"},{"$ref":"#/$defs/a%d"}]},`, i, i+1, i+1)
	}
	fmt.Fprintf(&b, `"a%d":{"type":"string"}}}`, n)
	return b.String()
}

// TestCompileRefuses: each guard refuses its schema quickly, names the place by pointer,
// and says why.
func TestCompileRefuses(t *testing.T) {
	deep := strings.Repeat(`{"not":`, 101) + "true" + strings.Repeat("}", 101)
	cases := []struct{ name, schema, pointer, message string }{
		{"not JSON", `{"type":`, "", "not a JSON document"},
		{"a key twice", `{"type":"string","type":"number"}`, "/type", "not a JSON document"},
		{"not an object", `[1]`, "", "a JSON object, or true or false"},
		{"too large", `{"description":"` + strings.Repeat("x", maxDocument) + `"}`, "", "larger than"},
		{"too deep", deep, strings.Repeat("/not", 101), "nested more than 100 deep"},
		{"too many nodes", `{"enum":[` + strings.Repeat("true,", maxNodes) + `true]}`, "/enum/11999", "more than 12000 nodes"},
		{"an unknown draft", `{"$schema":"http://json-schema.org/draft-03/schema#"}`, "/$schema", "draft"},
		{"a metaschema from the network", `{"$schema":"https://example.com/meta"}`, "/$schema", "draft"},
		{"a file", `{"properties":{"a":{"$ref":"file:///etc/passwd"}}}`, "/properties/a/$ref", "nothing is read from files"},
		{"http", `{"items":{"$ref":"http://example.com/a.json#/x"}}`, "/items/$ref", "nothing is read from files"},
		{"https", `{"$ref":"https://example.com/a.json"}`, "/$ref", "nothing is read from files"},
		{"another document", `{"$ref":"other.json"}`, "/$ref", "relative reference"},
		{"another document beside an id", `{"$id":"https://example.com/a","$ref":"b"}`, "/$ref", "nothing is read from files"},
		{"no version", `{"$ref":"lazaret:orders"}`, "/$ref", "does not name a version"},
		{"version 0", `{"$ref":"lazaret:orders:0"}`, "/$ref", "does not name a version"},
		{"no registry", `{"$ref":"lazaret:orders:1"}`, "/$ref", "no registry"},
		{"an id of ours", `{"$defs":{"a":{"$id":"lazaret:orders:1"}}}`, "/$defs/a/$id", "given by the registry"},
		{"a pointer to nothing", `{"properties":{"a":{"$ref":"#/$defs/b"}}}`, "/properties/a/$ref", "leads to nothing"},
		{"an anchor that is not there", `{"properties":{"a":{"$ref":"#b"}}}`, "/properties/a/$ref", "anchor"},
		{"an id twice", `{"$defs":{"a":{"$id":"https://e.com/x"},"b":{"$id":"https://e.com/x"}}}`, "/$defs/b", "used twice"},
		{"a wrong type name", `{"properties":{"a":{"type":"strin"}}}`, "/properties/a/type", "not a valid schema"},
		{"a wrong type", `{"properties":{"a":{"required":"b"}}}`, "/properties/a/required", "must be array"},
		{"look-ahead", `{"properties":{"a":{"pattern":"^(?=.*x)"}}}`, "/properties/a/pattern", "look-ahead"},
		{"look-behind in a name", `{"patternProperties":{"(?<!x)y":true}}`, "/patternProperties/(?<!x)y", "look-behind"},
		{"a back-reference", `{"pattern":"(a)\\1"}`, "/pattern", "RE2"},
		{"look-ahead where only a reference leads", `{"$ref":"#/x","x":{"pattern":"(?!a)"}}`, "/x/pattern", "look-ahead"},
		{"nested repetitions", `{"pattern":"((a{1000}){1000})"}`, "/pattern", "RE2"},
		{"many repetitions", `{"pattern":"` + strings.Repeat(`\\pL{1000}`, 20) + `"}`, "/pattern", "too large"},
		{"a long pattern", `{"pattern":"` + strings.Repeat("a", maxPatternBytes+1) + `"}`, "/pattern", "longer than"},
		{"a size that wraps", `{"properties":{"a":{"maxLength":18446744073709551616}}}`, "/properties/a/maxLength", "larger than"},
		{"22 chained anyOf", chain(22), "/$defs/a9", "more than 10000 times"},
		{"a circle", `{"properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"allOf":[{"$ref":"#/$defs/x"}]}}}`, "/$defs/x", "leads back to itself"},
		{"recursion through two branches", `{"$ref":"#/$defs/n","$defs":{"n":{"anyOf":[{"properties":{"l":{"$ref":"#/$defs/n"},"t":{"const":1}}},{"properties":{"l":{"$ref":"#/$defs/n"},"t":{"const":2}}}]}}}`, "/$defs/n", "multiplies with each level"},
		{"a large enum of numbers", `{"enum":[0` + numbers(maxEvaluations) + `]}`, "", "more than 10000 times"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			_, err := Compile([]byte(c.schema), Options{})
			var ce *CompileError
			if !errors.As(err, &ce) {
				t.Fatalf("got %v, expected a CompileError", err)
			}
			if c.name == "22 chained anyOf" {
				if !strings.HasPrefix(ce.Pointer, "/$defs/a") {
					t.Errorf("pointer %q does not name the chain", ce.Pointer)
				}
			} else if c.name == "recursion through two branches" {
				if ce.Pointer == "" {
					t.Errorf("no pointer")
				}
			} else if ce.Pointer != c.pointer {
				t.Errorf("pointer %q, expected %q", ce.Pointer, c.pointer)
			}
			if !strings.Contains(ce.Message, c.message) {
				t.Errorf("message %q does not hold %q", ce.Message, c.message)
			}
			if d := time.Since(start); d > 2*time.Second {
				t.Errorf("took %s", d)
			}
		})
	}
}

func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ",%d", i+1)
	}
	return b.String()
}

// TestCompileAccepts: what is large or recursive but cheap passes the guards.
func TestCompileAccepts(t *testing.T) {
	var cases strings.Builder
	for i := range 40 {
		fmt.Fprintf(&cases, `,{"if":{"properties":{"t":{"const":%d}},"required":["t"]},"then":{"properties":{"l":{"$ref":"#"}}}}`, i)
	}
	for name, schema := range map[string]string{
		"a metaschema":                     `{"$ref":"https://json-schema.org/draft/2020-12/schema"}`,
		"an older metaschema":              `{"$schema":"http://json-schema.org/draft-07/schema#","$ref":"http://json-schema.org/draft-07/schema#"}`,
		"recursion chosen by a constant":   `{"allOf":[` + cases.String()[1:] + `]}`,
		"recursion under several names":    `{"oneOf":[{"properties":{"and":{"items":{"$ref":"#"}}},"required":["and"]},{"properties":{"or":{"items":{"$ref":"#"}}},"required":["or"]}]}`,
		"an embedded id":                   `{"$id":"https://e.com/a","$ref":"b","$defs":{"b":{"$id":"b","type":"string"}}}`,
		"an anchor":                        `{"$ref":"#x","$defs":{"x":{"$anchor":"x"}}}`,
		"references to unusual places":     `{"properties":{"a":{"$ref":"#/components/schemas/a"}},"components":{"schemas":{"a":{"type":"string"}}}}`,
		"a property that is called $ref":   `{"properties":{"$ref":{"type":"string"},"pattern":{"type":"string"},"id":{"const":"lazaret"}}}`,
		"values that look like references": `{"const":{"$ref":"file:///etc/passwd"},"default":{"$ref":"http://x/"}}`,
		"3000 countries":                   `{"enum":["x"` + strings.ReplaceAll(numbers(3000), ",", `","c`)[1:] + `"]}`,
		"anyOf within reason":              chain(8),
		"a repetition within reason":       `{"pattern":"^\\p{L}{1,1000}$"}`,
	} {
		if _, err := Compile([]byte(schema), Options{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCompilePosition: an error names the line and the column of the place, in characters.
func TestCompilePosition(t *testing.T) {
	_, err := Compile([]byte("{\n  \"title\": \"é\",\n  \"properties\": {\"é\": {\"pattern\": \"(?=x)\"}}\n}"), Options{})
	var ce *CompileError
	if !errors.As(err, &ce) || ce.Line != 3 || ce.Column != 35 {
		t.Errorf("got %+v, expected line 3, column 35", ce)
	}
	if want := "schema, line 3, column 35 (/properties/é/pattern): "; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %q, expected it to begin with %q", err, want)
	}
}

// TestReferenceToSubject: a schema refers to other subjects' versions and through them to
// more; the reasons say in which document the failing keyword stands.
func TestReferenceToSubject(t *testing.T) {
	documents := map[string]string{
		"order:2":  `{"properties":{"by":{"$ref":"lazaret:person:1#/$defs/p"}}}`,
		"person:1": `{"$defs":{"p":{"required":["name"]}}}`,
		"bad:1":    "{\n\"properties\":{\"a\":{\"$ref\":\"file:///x\"}}}",
		"stray:1":  `{"properties":{"a":{"$ref":"other.json"}}}`,
	}
	load := func(subject string, version int) ([]byte, error) {
		d, ok := documents[fmt.Sprintf("%s:%d", subject, version)]
		if !ok {
			return nil, fmt.Errorf("%w: %s", ErrNotFound, subject)
		}
		return []byte(d), nil
	}
	s, err := Compile([]byte(`{"items":{"$ref":"lazaret:order:2"}}`), Options{Load: load})
	if err != nil {
		t.Fatal(err)
	}
	r := judge(t, s, `[{"by":{"name":"a"}},{"by":{}}]`)
	if len(r) != 1 || r[0].Path != "/1/by/name" || r[0].SchemaPath != "lazaret:person:1#/$defs/p/required" {
		t.Errorf("got %+v", r)
	}
	for schema, want := range map[string]string{
		`{"$ref":"lazaret:bad:1"}`:   "lazaret:bad:1#/properties/a/$ref",
		`{"$ref":"lazaret:stray:1"}`: "lazaret:stray:1#/properties/a/$ref",
		`{"$ref":"lazaret:none:1"}`:  "/$ref",
	} {
		_, err := Compile([]byte(schema), Options{Load: load})
		var ce *CompileError
		if !errors.As(err, &ce) || ce.Pointer != want {
			t.Errorf("%s: got %v, expected the pointer %s", schema, err, want)
		}
		if strings.Contains(schema, "none") && !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: the cause is not wrapped in %v", schema, err)
		}
	}
}

// TestReferencesAreBounded: a chain of subjects is followed only so far.
func TestReferencesAreBounded(t *testing.T) {
	loads := 0
	load := func(_ string, version int) ([]byte, error) {
		loads++
		return fmt.Appendf(nil, `{"$ref":"lazaret:a:%d"}`, version+1), nil
	}
	_, err := Compile([]byte(`{"$ref":"lazaret:a:1"}`), Options{Load: load})
	var ce *CompileError
	if !errors.As(err, &ce) || !strings.Contains(ce.Message, "more than 32 documents") {
		t.Errorf("got %v", err)
	}
	if loads > maxDocuments {
		t.Errorf("%d documents were loaded", loads)
	}
}

// TestCompileIsQuick: the largest documents that pass the bounds compile in seconds.
func TestCompileIsQuick(t *testing.T) {
	for name, build := range map[string]func(*strings.Builder){
		"many nodes": func(b *strings.Builder) {
			b.WriteString(`{"properties":{"a":true`)
			for i := range maxNodes/raceShare - 10 {
				fmt.Fprintf(b, `,"p%d":{}`, i)
			}
			b.WriteString(`}}`)
		},
		"many unusual references": func(b *strings.Builder) {
			b.WriteString(`{"allOf":[true`)
			for i := range maxOddRefs {
				fmt.Fprintf(b, `,{"$ref":"#/x/%d"}`, i)
			}
			b.WriteString(`],"x":[{}`)
			for range 10_000 / raceShare {
				b.WriteString(`,{}`)
			}
			b.WriteString(`]}`)
		},
		"many identifiers": func(b *strings.Builder) {
			b.WriteString(`{"$defs":{"a":true`)
			for i := range 9_000 / raceShare {
				if i < maxIdentifiers {
					fmt.Fprintf(b, `,"p%d":{"$id":"https://e.com/%d"}`, i, i)
				} else {
					fmt.Fprintf(b, `,"p%d":{}`, i)
				}
			}
			b.WriteString(`}}`)
		},
	} {
		var b strings.Builder
		build(&b)
		start := time.Now()
		if _, err := Compile([]byte(b.String()), Options{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		d := time.Since(start)
		t.Logf("%s: %s", name, d.Round(time.Millisecond))
		if d > 20*time.Second {
			t.Errorf("%s took %s", name, d)
		}
	}
}
