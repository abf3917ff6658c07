package schemas

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// everything is a schema that uses every kind of keyword that can fail.
const everything = `{"anyOf":[{"$ref":"#/$defs/all"},{"type":"null"}],"$defs":{"all":{
	"type":"object","minProperties":100,"maxProperties":0,"required":["absent"],
	"propertyNames":{"maxLength":0},"dependentRequired":{"s":["absent"]},"patternProperties":{"^z":false},
	"properties":{
		"s":{"type":"number"},"t":{"minLength":999,"pattern":"^never$"},"u":{"maxLength":1},"v":{"const":"other"},
		"w":{"enum":["one","two"]},"f1":{"format":"date-time"},"f2":{"format":"ipv6"},"f3":{"format":"uuid"},"f4":{"format":"regex"},
		"f5":{"format":"json-pointer"},"f6":{"format":"semver"},"f7":{"format":"uri"},"f8":{"format":"relative-json-pointer"},
		"n":{"maximum":1,"multipleOf":7},"m":{"minimum":1e300,"exclusiveMinimum":1e300},"o":{"exclusiveMaximum":1},
		"a":{"uniqueItems":true,"maxItems":0,"contains":{"type":"null"},"items":{"not":{}}},
		"d":{"oneOf":[{"properties":{"k":{"const":"x"}},"required":["k"]},{"properties":{"k":{"const":"y"}},"required":["k"]}]},
		"e":{"oneOf":[{"minLength":1},{"maxLength":9999}]},"i":{"if":{"type":"string"},"then":{"const":1},"else":{"const":2}}},
	"additionalProperties":false}}}`

// TestReasonsHoldNoValues: whatever fails, no reason holds a value of the payload, be it a
// string or a number.
func TestReasonsHoldNoValues(t *testing.T) {
	s := mustCompile(t, everything)
	const text, digits = "SECRET-%[~0a{é", "73737373"
	values := []string{`"` + text + `"`, digits, `[` + digits + `,` + digits + `,"` + text + `"]`,
		`{"k":"` + text + `"}`, `{"k":` + digits + `}`, `"` + text + strings.Repeat("7", 300) + `"`, digits + ".5e2", `[["` + text + `"],["` + text + `"]]`}
	names := strings.Fields("s t u v w f1 f2 f3 f4 f5 f6 f7 f8 n m o a d e i extra z")
	failed := 0
	for _, v := range values {
		var members []string
		for _, name := range names {
			members = append(members, fmt.Sprintf("%q:%s", name, v))
			payload := fmt.Sprintf(`{%q:%s}`, name, v)
			failed += noValues(t, s, payload, "SECRET", digits)
		}
		failed += noValues(t, s, "{"+strings.Join(members, ",")+"}", "SECRET", digits)
		failed += noValues(t, s, v, "SECRET", digits)
	}
	if failed < 500 {
		t.Errorf("only %d reasons were looked at", failed)
	}
}

// noValues judges a payload and reports reasons that hold one of the markers. It returns
// how many reasons it saw.
func noValues(t *testing.T, s *Schema, payload string, markers ...string) int {
	t.Helper()
	r, err := s.Judge([]byte(payload))
	if err != nil {
		for _, m := range markers {
			if strings.Contains(err.Error(), m) {
				t.Errorf("the error %q holds %q", err, m)
			}
		}
		return 0
	}
	for _, reason := range r.Reasons {
		for _, m := range markers {
			if strings.Contains(fmt.Sprintf("%+v", reason), m) {
				t.Errorf("%+v holds %q of %s", reason, m, payload)
			}
		}
	}
	return len(r.Reasons)
}

// FuzzCompile: a document compiles or is refused with a CompileError, and what compiles
// judges payloads without an error of ours, valid or not.
func FuzzCompile(f *testing.F) {
	f.Add([]byte(everything), []byte(`{"s":1}`))
	f.Add([]byte(chain(22)), []byte(`"x"`))
	f.Add([]byte(`{"$ref":"file:///etc/passwd"}`), []byte(`1`))
	f.Add([]byte(`{"$ref":"#"}`), []byte(`1`))
	f.Add([]byte(`{"$dynamicRef":"#a","$dynamicAnchor":"a"}`), []byte(`{}`))
	f.Add([]byte(`{"$schema":"https://json-schema.org/draft/2019-09/schema","$recursiveAnchor":true,"items":{"$recursiveRef":"#"}}`), []byte(`[[1]]`))
	f.Add([]byte(`{"pattern":"((a{1000}){1000})"}`), []byte(`"a"`))
	f.Add([]byte(`{"minimum":1,"multipleOf":1e-300}`), []byte(`1e300`))
	files, err := filepath.Glob(filepath.Join("testdata", "suite", "tests", "*", "cases.json"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		var groups []suiteGroup
		data, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(data, &groups)
		}
		if err != nil {
			f.Fatal(err)
		}
		for _, g := range groups {
			f.Add([]byte(g.Schema), []byte(g.Tests[0].Data))
		}
	}
	f.Fuzz(func(t *testing.T, document, payload []byte) {
		s, err := Compile(document, Options{})
		if err != nil {
			if !isCompileError(err) {
				t.Fatalf("not a CompileError: %T %v", err, err)
			}
			return
		}
		first, err := s.Judge(payload)
		if err != nil {
			// A dynamic reference may lead in a circle that only the event shows.
			if !strings.Contains(err.Error(), "leads back to itself") {
				t.Fatal(err)
			}
			return
		}
		again, err := s.Judge(payload)
		if err != nil || brief(first.Reasons) != brief(again.Reasons) || first.More != again.More {
			t.Fatalf("judged differently: %v, %v, %v", first.Reasons, again.Reasons, err)
		}
	})
}
