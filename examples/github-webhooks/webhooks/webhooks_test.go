package webhooks

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/lazaret/lazaret"
)

const schemaDocument = `{
  "$schema": "http://json-schema.org/draft-07/schema#",
  "definitions": {
    "star_event": {"oneOf": [{"$ref": "#/definitions/star$created"}, {"$ref": "#/definitions/star$deleted"}]},
    "star$created": {"required": ["action", "repository", "starred_at"], "properties": {
      "action": {"enum": ["created"]}, "repository": {"$ref": "#/definitions/repository"}}},
    "star$deleted": {"properties": {"action": {"enum": ["deleted"]}, "$ref": {"type": "string"}}},
    "repository": {"required": ["id", "topics", "a/b"], "properties": {"fork_of": {"$ref": "#/definitions/repository"}}},
    "push": {"type": "object"},
    "silent_event": {"type": "object"}
  }
}`

const recordedDocument = `[
  {"name": "star", "examples": [{ "action": "created",  "n": 1.50 }, {"action": "deleted"}]},
  {"name": "push", "examples": [{"ref": "x"}]},
  {"name": "silent", "examples": []}
]`

// Promise: a type is what has both a definition and a payload; its payloads are byte for
// byte those recorded, and its schema holds the definitions that it reaches alone.
func TestJoin(t *testing.T) {
	d, err := join([]byte(schemaDocument), []byte(recordedDocument))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Types) != 1 || d.Payloads() != 2 || d.Types[0].Stream() != "github.star" {
		t.Fatalf("got %+v", d)
	}
	if got, want := string(d.Types[0].Payloads[0]), `{ "action": "created",  "n": 1.50 }`; got != want {
		t.Errorf("the payload is %s, recorded is %s", got, want)
	}
	var doc struct {
		Schema      string                     `json:"$schema"`
		Ref         string                     `json:"$ref"`
		Definitions map[string]json.RawMessage `json:"definitions"`
	}
	if err := json.Unmarshal(d.Types[0].Schema, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Schema != "http://json-schema.org/draft-07/schema#" || doc.Ref != "#/definitions/star_event" {
		t.Errorf("the schema begins %q, %q", doc.Schema, doc.Ref)
	}
	for _, name := range []string{"star_event", "star$created", "star$deleted", "repository"} {
		if doc.Definitions[name] == nil {
			t.Errorf("the schema lacks %s", name)
		}
	}
	if len(doc.Definitions) != 4 {
		t.Errorf("the schema has %d definitions, want 4", len(doc.Definitions))
	}
}

// Promise: packages that are not what was expected are an error that says where.
func TestJoinRefuses(t *testing.T) {
	for _, c := range []struct{ name, schema, recorded, want string }{
		{"schema is not JSON", `{`, `[]`, "the schema package"},
		{"no definitions", `{}`, `[]`, "no definitions"},
		{"recorded is not JSON", schemaDocument, `{}`, "the examples package"},
		{"nothing in common", schemaDocument, `[]`, "in common"},
		{"dangling", `{"definitions":{"a_event":{"$ref":"#/definitions/b"}}}`, `[{"name":"a","examples":[1]}]`, "#/definitions/b"},
		{"foreign", `{"definitions":{"a_event":{"$ref":"http://h/x"}}}`, `[{"name":"a","examples":[1]}]`, "http://h/x"},
		{"inner", `{"definitions":{"a_event":{"$ref":"#/definitions/a_event/items"}}}`, `[{"name":"a","examples":[1]}]`, "a_event/items"},
	} {
		if _, err := join([]byte(c.schema), []byte(c.recorded)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

// Promise: Mend makes optional what the reasons name, and changes nothing else.
func TestMend(t *testing.T) {
	required := lazaret.SchemaCode("required")
	mended, optional, err := Mend([]byte(schemaDocument), []lazaret.Reason{
		{Code: required, Path: "/repository/topics", SchemaPath: "/definitions/repository/required"},
		{Code: required, Path: "/repository/topics", SchemaPath: "/definitions/repository/required"}, // of another event
		{Code: required, Path: "/repository/a~1b", SchemaPath: "/definitions/repository/required"},
		{Code: required, Path: "/action", SchemaPath: "/definitions/star_event/oneOf"}, // not a list of names
		{Code: required, Path: "/id", SchemaPath: "lazaret:other:1#/required"},         // another document
		{Code: required, Path: "/id", SchemaPath: "/definitions/star_event/oneOf/7/required"},
		{Code: lazaret.SchemaCode("type"), Path: "/starred_at", SchemaPath: "/definitions/star$created/required"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"/definitions/repository/required a/b", "/definitions/repository/required topics"}; !reflect.DeepEqual(optional, want) {
		t.Errorf("made optional: %q, want %q", optional, want)
	}
	var got, want any
	expected := strings.Replace(schemaDocument, `["id", "topics", "a/b"]`, `["id"]`, 1)
	if json.Unmarshal(mended, &got) != nil || json.Unmarshal([]byte(expected), &want) != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("mended:\n%s\nwant:\n%s", mended, expected)
	}
	if _, _, err := Mend([]byte(`{`), nil); err == nil {
		t.Error("a schema that is not JSON is mended")
	}
}

func tarball(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	gz := gzip.NewWriter(&buf)
	archive := tar.NewWriter(gz)
	for name, content := range files {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := gz.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// Promise: the wanted document comes out of a package, and a package that lacks it, is
// torn or is not the one published is refused.
func TestUnpackAndVerify(t *testing.T) {
	p := packages()[0]
	whole := tarball(t, map[string]string{"package/README.md": "no", p.entry: "{}"})
	if got, err := p.unpack(whole); err != nil || string(got) != "{}" {
		t.Errorf("unpacked %q, %v", got, err)
	}
	if _, err := p.unpack(tarball(t, map[string]string{"package/README.md": "no"})); err == nil || !strings.Contains(err.Error(), p.entry) {
		t.Errorf("without its document: error %v", err)
	}
	if _, err := p.unpack(whole[:len(whole)/2]); err == nil {
		t.Error("a torn package is unpacked")
	}
	if err := p.verify(whole); err == nil || !strings.Contains(err.Error(), "not the one published") {
		t.Errorf("another package: error %v", err)
	}
}

// Promise: without npm, or when npm fails, one line says what to do, and the cache
// holds nothing half fetched.
func TestLoadWithoutNpm(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cache")
	t.Setenv("PATH", t.TempDir())
	_, err := Load(t.Context(), cache)
	if err == nil || !strings.Contains(err.Error(), "install Node.js") || strings.Contains(err.Error(), "\n") {
		t.Errorf("without npm: error %v", err)
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "npm"), []byte("#!/bin/sh\necho E404 no such package >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	if _, err = Load(t.Context(), cache); err == nil || !strings.Contains(err.Error(), "E404") {
		t.Errorf("npm fails: error %v", err)
	}
	if left, err := os.ReadDir(cache); err != nil || len(left) > 0 {
		t.Errorf("the cache holds %v, error %v", left, err)
	}
}

// Promise: LAZARET_CACHE says where the cache is.
func TestCacheDir(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("LAZARET_CACHE", dir)
	if got, err := CacheDir(); err != nil || got != dir {
		t.Errorf("the cache is in %q, error %v", got, err)
	}
}
