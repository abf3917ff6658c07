package lazaret_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/cloudevents"
	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/schemas"
)

var update = flag.Bool("update", false, "write docs/reasons.md anew")

// known returns the codes of the closed list.
func known() map[lazaret.Code]bool {
	list := map[lazaret.Code]bool{}
	for _, c := range lazaret.Codes() {
		list[c.Code] = true
	}
	return list
}

// Every code is explained, once.
func TestCodesAreExplained(t *testing.T) {
	seen := map[lazaret.Code]bool{}
	for _, c := range lazaret.Codes() {
		family, name, ok := strings.Cut(string(c.Code), ".")
		if !ok || family == "" || name == "" || strings.ContainsAny(string(c.Code), " |`") {
			t.Errorf("%q has not the form of a code", c.Code)
		}
		if seen[c.Code] {
			t.Errorf("%s is listed twice", c.Code)
		}
		seen[c.Code] = true
		for _, text := range []string{c.Meaning, c.Remedy} {
			if !strings.HasSuffix(text, ".") || strings.ContainsAny(text, "|\n") {
				t.Errorf("%s: %q is not a sentence for a table", c.Code, text)
			}
		}
	}
}

// Codes that are in the list keep their name for good: clients, alerts and quarantines
// hold them. This list is only ever appended to.
func TestCodesAreNeverTakenAway(t *testing.T) {
	const ever = `json.syntax json.encoding json.duplicate_key json.depth json.number json.size
		envelope.specversion envelope.id envelope.source envelope.type envelope.subject envelope.time
		envelope.dataschema envelope.datacontenttype envelope.data envelope.partitionkey envelope.extension
		schema.type schema.const schema.enum schema.format schema.pattern schema.minLength schema.maxLength
		schema.minimum schema.maximum schema.exclusiveMinimum schema.exclusiveMaximum schema.multipleOf
		schema.contentEncoding schema.contentMediaType schema.contentSchema schema.required
		schema.dependentRequired schema.dependencies schema.additionalProperties schema.unevaluatedProperties
		schema.propertyNames schema.minProperties schema.maxProperties schema.properties
		schema.patternProperties schema.dependentSchemas schema.items schema.prefixItems
		schema.additionalItems schema.unevaluatedItems schema.contains schema.minContains schema.maxContains
		schema.minItems schema.maxItems schema.uniqueItems schema.anyOf schema.oneOf schema.allOf schema.not
		schema.if schema.then schema.else schema.false schema.unknown schema.cost rule.failed rule.error sink.refused`
	listed := known()
	for _, code := range strings.Fields(ever) {
		if !listed[lazaret.Code(code)] {
			t.Errorf("%s is gone from the list", code)
		}
	}
}

// calls gives each call in a folder's sources, tests aside, to visit, with the name of
// what is called.
func calls(t *testing.T, folder string, visit func(name string, args []ast.Expr)) {
	t.Helper()
	for _, file := range sources(t, folder) {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			switch f := call.Fun.(type) {
			case *ast.Ident:
				visit(f.Name, call.Args)
			case *ast.SelectorExpr:
				visit(f.Sel.Name, call.Args)
			}
			return true
		})
	}
}

func sources(t *testing.T, folder string) (list []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, file)
	}
	if len(list) == 0 {
		t.Fatalf("no sources in %s", folder)
	}
	return list
}

// function returns the body of a function or method of a folder.
func function(t *testing.T, folder, name string) *ast.BlockStmt {
	t.Helper()
	for _, file := range sources(t, folder) {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == name {
				return f.Body
			}
		}
	}
	t.Fatalf("%s has no function %s any more: let this test look where its work is done now", folder, name)
	return nil
}

// text is the value of a string literal, or "".
func text(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return s
}

// Every keyword that schemas can make a code of is in the list: those that it names in
// its sources, and those that can hold the schema false.
func TestCodesOfSchemas(t *testing.T) {
	found := map[string]bool{}
	for _, name := range []string{"describe", "describeContainer"} {
		ast.Inspect(function(t, "schemas", name), func(n ast.Node) bool {
			if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) > 0 {
				found[text(r.Results[0])] = true
			}
			return true
		})
	}
	argument := map[string]int{"leaf": 1, "union": 1, "missing": 2, "at": 2, "SchemaCode": 0}
	calls(t, "schemas", func(name string, args []ast.Expr) {
		if i, ok := argument[name]; ok && i < len(args) {
			found[text(args[i])] = true
		}
	})
	for _, file := range sources(t, "schemas") {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || spec.Names[0].Name != "keywordShapes" {
				return true
			}
			for _, e := range spec.Values[0].(*ast.CompositeLit).Elts {
				found[text(e.(*ast.KeyValueExpr).Key)] = true
			}
			return false
		})
	}
	for _, none := range []string{"", "$defs", "definitions"} { // no schema is applied by these
		delete(found, none)
	}
	if len(found) < 40 || !found["required"] || !found["prefixItems"] || !found["maxContains"] {
		t.Fatalf("only %d keywords were found in the sources; this test looks in the wrong places", len(found))
	}
	listed := known()
	for keyword := range found {
		if !listed[lazaret.SchemaCode(keyword)] {
			t.Errorf("schemas can report %s, which is not in Codes", lazaret.SchemaCode(keyword))
		}
	}
}

// Every attribute that cloudevents can make a code of is in the list.
func TestCodesOfEnvelopes(t *testing.T) {
	found := map[string]bool{"extension": true}
	ast.Inspect(function(t, "internal/cloudevents", "isCore"), func(n ast.Node) bool {
		if c, ok := n.(*ast.CaseClause); ok {
			for _, e := range c.List {
				found[text(e)] = true
			}
		}
		return true
	})
	calls(t, "internal/cloudevents", func(name string, args []ast.Expr) {
		if (name == "add" || name == "EnvelopeCode") && text(args[0]) != "" {
			found[text(args[0])] = true
		}
	})
	if len(found) < 11 {
		t.Fatalf("only %d attributes were found in the sources; this test looks in the wrong places", len(found))
	}
	listed := known()
	for attribute := range found {
		if !listed[lazaret.EnvelopeCode(attribute)] {
			t.Errorf("cloudevents can report %s, which is not in Codes", lazaret.EnvelopeCode(attribute))
		}
	}
}

// Every constant of a code is in the list.
func TestCodeConstants(t *testing.T) {
	listed, n := known(), 0
	for _, file := range sources(t, ".") {
		ast.Inspect(file, func(node ast.Node) bool {
			spec, ok := node.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Code") {
				return true
			}
			n++
			if !listed[lazaret.Code(text(spec.Values[0]))] {
				t.Errorf("%s is not in Codes", spec.Names[0].Name)
			}
			return true
		})
	}
	if n < 9 {
		t.Errorf("only %d constants were found", n)
	}
}

// examples are a schema and an event that fails for the keyword and for nothing else.
var examples = map[string][2]string{
	"type":                  {`{"type":"string"}`, `1`},
	"const":                 {`{"const":1}`, `2`},
	"enum":                  {`{"enum":[1,2]}`, `3`},
	"format":                {`{"format":"uuid"}`, `"x"`},
	"pattern":               {`{"pattern":"^a"}`, `"b"`},
	"minLength":             {`{"minLength":2}`, `"b"`},
	"maxLength":             {`{"maxLength":2}`, `"bbb"`},
	"minimum":               {`{"minimum":2}`, `1`},
	"maximum":               {`{"maximum":2}`, `3`},
	"exclusiveMinimum":      {`{"exclusiveMinimum":2}`, `2`},
	"exclusiveMaximum":      {`{"exclusiveMaximum":2}`, `2`},
	"multipleOf":            {`{"multipleOf":2}`, `3`},
	"contentSchema":         {`{"$schema":"https://json-schema.org/draft/2020-12/schema","contentSchema":false,"items":{"$ref":"#/contentSchema"}}`, `[1]`},
	"required":              {`{"required":["a"]}`, `{}`},
	"dependentRequired":     {`{"dependentRequired":{"a":["b"]}}`, `{"a":1}`},
	"dependencies":          {`{"$schema":"http://json-schema.org/draft-07/schema#","dependencies":{"a":["b"]}}`, `{"a":1}`},
	"additionalProperties":  {`{"additionalProperties":false}`, `{"a":1}`},
	"unevaluatedProperties": {`{"unevaluatedProperties":false}`, `{"a":1}`},
	"propertyNames":         {`{"propertyNames":{"maxLength":1}}`, `{"ab":1}`},
	"minProperties":         {`{"minProperties":1}`, `{}`},
	"maxProperties":         {`{"maxProperties":1}`, `{"a":1,"b":2}`},
	"properties":            {`{"properties":{"a":false}}`, `{"a":1}`},
	"patternProperties":     {`{"patternProperties":{"^a":false}}`, `{"a":1}`},
	"dependentSchemas":      {`{"dependentSchemas":{"a":false}}`, `{"a":1}`},
	"items":                 {`{"items":false}`, `[1]`},
	"prefixItems":           {`{"prefixItems":[false]}`, `[1]`},
	"additionalItems":       {`{"$schema":"http://json-schema.org/draft-07/schema#","items":[true],"additionalItems":false}`, `[1,2]`},
	"unevaluatedItems":      {`{"unevaluatedItems":false}`, `[1]`},
	"contains":              {`{"contains":{"const":1}}`, `[2]`},
	"minContains":           {`{"contains":{"const":1},"minContains":2}`, `[1]`},
	"maxContains":           {`{"contains":{"const":1},"maxContains":1}`, `[1,1]`},
	"minItems":              {`{"minItems":1}`, `[]`},
	"maxItems":              {`{"maxItems":1}`, `[1,2]`},
	"uniqueItems":           {`{"uniqueItems":true}`, `[1,1]`},
	"anyOf":                 {`{"anyOf":[{"type":"string"},{"type":"null"}]}`, `1`},
	"oneOf":                 {`{"oneOf":[{"type":"integer"},{"minimum":1}]}`, `1`},
	"allOf":                 {`{"allOf":[false]}`, `1`},
	"not":                   {`{"not":{"type":"integer"}}`, `1`},
	"if":                    {`{"if":false,"items":{"$ref":"#/if"}}`, `[1]`},
	"then":                  {`{"if":true,"then":false}`, `1`},
	"else":                  {`{"if":false,"else":false}`, `1`},
	"false":                 {`false`, `1`},
	"cost":                  {`{"pattern":"[ab]*a[ab]{1000}c"}`, `"` + strings.Repeat("a", 200_000) + `"`},
}

// neverGiven are the codes that are kept for releases to come; their meaning says so.
var neverGiven = []lazaret.Code{"schema.contentEncoding", "schema.contentMediaType", lazaret.CodeSchemaUnknown}

// The list promises no code that is never given: each code of a schema's keyword comes
// up for some event, and what it comes up for gives no other.
func TestSchemaCodesAreGiven(t *testing.T) {
	for _, info := range lazaret.Codes() {
		keyword, ok := strings.CutPrefix(string(info.Code), "schema.")
		if !ok || slices.Contains(neverGiven, info.Code) {
			continue
		}
		example, ok := examples[keyword]
		if !ok {
			t.Errorf("%s has no example here", info.Code)
			continue
		}
		schema, err := schemas.Compile([]byte(example[0]), schemas.Options{})
		if err != nil {
			t.Errorf("%s: %v", info.Code, err)
			continue
		}
		result, err := schema.Judge([]byte(example[1]))
		if err != nil || len(result.Reasons) != 1 || result.Reasons[0].Code != info.Code {
			t.Errorf("%s: the event gives %+v, %v", info.Code, result.Reasons, err)
		}
	}
}

// Each code of the JSON reader and of an envelope comes up for some event.
func TestReaderCodesAreGiven(t *testing.T) {
	given := map[lazaret.Code]bool{}
	for _, data := range []string{`{`, "\"\xff\"", `{"a":1,"a":2}`, `[[[]]]`, `1e999`, `[1,2,3,4]`} {
		if err := jsonread.Check([]byte(data), jsonread.Limits{Depth: 2, Values: 3}); err != nil {
			given[err.Code] = true
		}
	}
	const all = `"specversion":"1.0","id":"i","source":"/s","type":"t","data":1`
	for _, data := range []string{
		`{"data":1}`, `{` + all[:len(all)-len(`,"data":1`)] + `}`, `{` + all + `,"subject":""}`, `{` + all + `,"time":"x"}`,
		`{` + all + `,"dataschema":"x"}`, `{` + all + `,"datacontenttype":"text/plain"}`, `{` + all + `,"partitionkey":""}`, `{` + all + `,"A":1}`,
	} {
		_, reasons := cloudevents.Parse(&lazaret.Event{Data: []byte(data), ContentType: "application/cloudevents+json"})
		for _, r := range reasons {
			given[r.Code] = true
		}
	}
	for _, info := range lazaret.Codes() {
		family, _, _ := strings.Cut(string(info.Code), ".")
		if (family == "json" || family == "envelope") && !given[info.Code] {
			t.Errorf("%s is in the list and came up for none of the events here", info.Code)
		}
		delete(given, info.Code)
	}
	for code := range given {
		t.Errorf("%s came up and is not in the list", code)
	}
}

const reasonsIntro = `<!-- Written by go test . -update. Do not edit. -->
# Reason codes

Every event that is not accepted has reasons, and so has every warning:

    {"code":"schema.format","path":"/event_id","schema_path":"/properties/event_id/format","message":"is not a valid uuid"}

| member | what |
|---|---|
| ` + "`code`" + ` | one of the codes below. The list is closed, a code keeps its meaning for good, and new ones are only ever appended: branch on codes, never on messages |
| ` + "`path`" + ` | JSON Pointer (RFC 6901) to the place in the event, or in a CloudEvent's payload; ` + "`\"\"`" + ` is the whole event. Of ` + "`envelope.*`" + ` in the structured mode it leads into the envelope, in the binary mode it is ` + "`\"\"`" + ` |
| ` + "`schema_path`" + ` | JSON Pointer to the keyword in the schema document; it begins with ` + "`lazaret:subject:version#`" + ` if the keyword is in another subject. Left out where no schema is involved |
| ` + "`rule`" + ` | the id of the rule; left out where none is involved |
| ` + "`message`" + ` | for people: what was expected. It may change from release to release |

No member ever holds a value out of the event; names of properties do occur in paths and messages. An event has
at most %d reasons, sorted by path; ` + "`more_reasons`" + ` in an answer, ` + "`more`" + ` in an entry of the quarantine, counts the rest.
Of JSON that is broken the first fault alone is reported. The rules run only on events whose envelope, JSON and
schema are in order. In a failing ` + "`oneOf` or `anyOf`" + ` only the branch that was meant is
reported: the one that the discriminator names (a property that is ` + "`const` or `enum`" + ` in each branch), else the closest one.

The same event under the same stream version gives the same reasons over HTTP, from ` + "`lazaret check`" + ` and in a
reprocess job. Entries that have the same codes, rules and paths (array indices apart) form a group; those of schema.unknown have the same
message, too.

`

func reasonsPage() string {
	var b strings.Builder
	fmt.Fprintf(&b, reasonsIntro, lazaret.MaxReasons)
	b.WriteString("| code | what was wrong | what to do |\n|---|---|---|\n")
	for _, c := range lazaret.Codes() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Code, c.Meaning, c.Remedy)
	}
	return b.String()
}

// docs/reasons.md is what the code says.
func TestReasonsPage(t *testing.T) {
	const file = "docs/reasons.md"
	want := reasonsPage()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != want {
		t.Errorf("%s differs from lazaret.Codes (%v): write it anew with go test . -run TestReasonsPage -update", file, err)
	}
}
