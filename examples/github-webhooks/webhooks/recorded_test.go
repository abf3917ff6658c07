//go:build webhooks

// These tests use the recorded webhooks themselves, and so npm and, the first time,
// the network: go test -tags webhooks ./examples/github-webhooks/...

package webhooks

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/schemas"
)

func recorded(t *testing.T) Data {
	t.Helper()
	dir, err := CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	data, err := Load(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// reference compiles a schema with jsonschema/v6 itself, the format uri-template
// mended: by RFC 6570 an expression may hold a slash.
func reference(t *testing.T, typ Type) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(typ.Schema))
	if err != nil {
		t.Fatal(err)
	}
	template := regexp.MustCompile(`^([^{}\s]|\{[+#./;?&]?[A-Za-z0-9_.%,:*]+\})*$`)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.RegisterFormat(&jsonschema.Format{Name: "uri-template", Validate: func(v any) error {
		if s, ok := v.(string); ok && !template.MatchString(s) {
			return errors.New("not a URI template")
		}
		return nil
	}})
	if err := c.AddResource("mem:schema", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("mem:schema")
	if err != nil {
		t.Fatalf("%s: %v", typ.Name, err)
	}
	return schema
}

func compile(t *testing.T, typ Type, document []byte) *schemas.Schema {
	t.Helper()
	schema, err := schemas.Compile(document, schemas.Options{Name: typ.Stream(), Limits: jsonread.DefaultLimits})
	if err != nil {
		t.Fatalf("%s: %v", typ.Name, err)
	}
	return schema
}

func judge(t *testing.T, schema *schemas.Schema, payload []byte) []lazaret.Reason {
	t.Helper()
	result, err := schema.Judge(payload)
	if err != nil {
		t.Fatal(err)
	}
	return result.Reasons
}

// Promise: 284 recorded payloads have a definition, and 40 of them are truly bad: so
// says jsonschema/v6, and Lazaret says the same of each.
func TestRecordedPayloads(t *testing.T) {
	data := recorded(t)
	if n := data.Payloads(); n != 284 || len(data.Types) != 45 {
		t.Errorf("%d payloads of %d types have a definition, want 284 of 45", n, len(data.Types))
	}
	bad := 0
	for _, typ := range data.Types {
		theirs, ours := reference(t, typ), compile(t, typ, typ.Schema)
		for i, payload := range typ.Payloads {
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload))
			if err != nil {
				t.Fatalf("%s %d: %v", typ.Name, i, err)
			}
			valid := theirs.Validate(v) == nil
			if !valid {
				bad++
			}
			if reasons := judge(t, ours, payload); valid != (len(reasons) == 0) {
				t.Errorf("%s %d: valid is %v, and the reasons are %v", typ.Name, i, valid, reasons)
			}
		}
	}
	if bad != 40 {
		t.Errorf("%d payloads are bad, want 40", bad)
	}
}

// Promise: making optional what the reasons say is missing lets all pass that fail for
// nothing else, in one round; the six that stay have other faults, which are not ours to
// excuse.
func TestMendLetsOldPayloadsPass(t *testing.T) {
	still := map[string]int{}
	for _, typ := range recorded(t).Types {
		var reasons []lazaret.Reason
		before := compile(t, typ, typ.Schema)
		for _, payload := range typ.Payloads {
			reasons = append(reasons, judge(t, before, payload)...)
		}
		document, _, err := Mend(typ.Schema, reasons)
		if err != nil {
			t.Fatal(err)
		}
		after := compile(t, typ, document)
		for i, payload := range typ.Payloads {
			left := judge(t, after, payload)
			if len(left) > 0 {
				still[typ.Name]++
			}
			for _, r := range left {
				if r.Code == lazaret.SchemaCode("required") {
					t.Errorf("%s %d: still fails for %s at %s", typ.Name, i, r.Code, r.Path)
				}
			}
		}
	}
	want := map[string]int{
		"check_run":                      2, // times of a format that is not RFC 3339
		"code_scanning_alert":            1, // properties unknown to the schema
		"release":                        1, // a name and a body that are null
		"repository_vulnerability_alert": 1, // another avatar_url
		"workflow_run":                   1, // completed, and without a conclusion
	}
	if !maps.Equal(still, want) {
		t.Errorf("still failing are %v, want %v", still, want)
	}
}

// Promise: each schema is a draft 7 document that leads nowhere outside itself, and is
// smaller than the whole by far.
func TestRecordedSchemasAreSelfContained(t *testing.T) {
	for _, typ := range recorded(t).Types {
		defs, err := parseDefinitions(typ.Schema)
		if err != nil {
			t.Fatal(err)
		}
		again, err := defs.selfContained(typ.Name + "_event")
		if err != nil || !bytes.Equal(again, typ.Schema) {
			t.Errorf("%s: its schema holds more or less than what it needs: %v", typ.Name, err)
		}
		if len(typ.Schema) > 100_000 {
			t.Errorf("%s: the schema has %d bytes", typ.Name, len(typ.Schema))
		}
	}
}

// Promise: a cache that was torn or touched is fetched anew, never trusted.
func TestLoadMendsItsCache(t *testing.T) {
	shared, err := CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	want := recorded(t)
	dir := t.TempDir()
	for i, p := range packages() {
		tarball, err := os.ReadFile(filepath.Join(shared, p.tarball))
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			tarball = tarball[:len(tarball)/2]
		}
		if err := os.WriteFile(filepath.Join(dir, p.tarball), tarball, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Load(t.Context(), dir)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("a torn cache gives other data; error %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(packages()) {
		t.Errorf("the cache holds %v, want the %d packages alone", entries, len(packages()))
	}
}
