package catalog

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/yamlread"
)

func writeFile(t *testing.T, path, text string) string {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func keys(list []Resource) string {
	var s []string
	for _, r := range list {
		s = append(s, r.Key())
	}
	return strings.Join(s, " ")
}

// A resource written as JSON is the same resource when it is read again: the command
// line sends what the server takes.
func TestResourceRoundTrip(t *testing.T) {
	list, err := ParseManifests("m.yaml", []byte(bundle+`
---
kind: Stream
name: all
description: x
schema: {subject: s, version: 3}
key: /k
time: /t
sink: {http: {url: "https://example.com/x", batch: 5, timeout: 3s, headers_file: h}}
---
kind: RuleSet
stream: all
rules:
- {id: a, expr: "event.a > 1", when: "event.b == 2", severity: warn, message: m, owner: o, doc: d}
`), nil)
	must(t, err)
	body, err := json.Marshal(map[string]any{"resources": list})
	must(t, err)
	again, err := ParseManifests("", body, nil)
	must(t, err)
	if keys(list) != keys(again) {
		t.Fatalf("%s and %s", keys(list), keys(again))
	}
	for i := range list {
		a, err := json.Marshal(list[i])
		must(t, err)
		b, err := json.Marshal(again[i])
		must(t, err)
		if string(a) != string(b) || !reflect.DeepEqual(list[i].Stream, again[i].Stream) {
			t.Errorf("%s\n%s", a, b)
		}
	}
}

func TestParseManifestsRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"kind: Streem\nname: a":                         "m.yaml:1:7: ",
		"name: a":                                       "m.yaml:1:1: ",
		"kind: Stream\nname: a\nsnik: {}":               "m.yaml:3:1: unknown key",
		"kind: Stream\nsink: {stdout: {}}":              "needs a name",
		"kind: Schema\nsubject: a":                      "either schema",
		"kind: Schema\nsubject: a\nschema: {}\nfile: x": "either schema",
		"kind: Schema\nsubject: a\nfile: x.json":        "m.yaml:3:7: files cannot be named here",
		"kind: RuleSet\nstream: a":                      "needs rules",
		"kind: RuleSet\nrules: []":                      "needs stream",
		"kind: RuleSet\nstream: a\nrules: [{id: a}]":    "expression is needed",
		"kind: Schema\nsubject: a\nschema: {}\n---\nkind: Schema\nsubject: a\nschema: {}": "Schema/a is here although",
		`{"resources":[{"kind":"Stream","name":"a","x":1}]}`:                              "/resources/0: unknown key",
		`{"resources":[{"kind":"Stream"}], "more":1}`:                                     "unknown key",
		"kind: A\n---\nkind: B":                                                           "m.yaml:3:7",
	} {
		_, err := ParseManifests("m.yaml", []byte(text), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n\t%v\n\twant %s", text, err, want)
		}
	}
}

// What the admin API answers may be sent back.
func TestAnswersMayBeSentBack(t *testing.T) {
	for kind, body := range map[Kind]string{
		KindStream:  `{"kind":"Stream","name":"a","sink":{"stdout":{}},"version":3,"schema_version":1,"ruleset":2,"created":"2026-01-01T00:00:00Z","broken":"x"}`,
		KindRuleSet: `{"kind":"RuleSet","stream":"a","version":3,"hash":"x","state":"active","created":"2026-01-01T00:00:00Z","rules":[{"id":"a","expr":"true","severity":"reject"}]}`,
		KindSchema:  `{"kind":"Schema","subject":"a","version":3,"hash":"x","created":"2026-01-01T00:00:00Z","schema":{"type":"object"}}`,
	} {
		r, err := ParseBody(kind, "a", []byte(body))
		if err != nil || r.Name != "a" {
			t.Errorf("%s: %v", kind, err)
		}
		if kind == KindSchema && string(r.Schema) != `{"type":"object"}` {
			t.Errorf("the schema is %s", r.Schema)
		}
		if _, err := ParseBody(kind, "b", []byte(body)); !errors.As(err, new(*yamlread.Error)) {
			t.Errorf("%s under another name: %v", kind, err)
		}
	}
	if r, err := ParseBody(KindSchema, "a", []byte("{ \"type\" : \"object\" }\n")); err != nil || string(r.Schema) != "{ \"type\" : \"object\" }\n" {
		t.Errorf("a schema is kept as it was written: %q, %v", r.Schema, err)
	}
}

func TestLoadDir(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "b.yaml"), "kind: Schema\nsubject: s\nfile: schemas/s.json")
	writeFile(t, filepath.Join(dir, "a.yml"), "kind: Stream\nname: a\nsink: {stdout: {}}")
	writeFile(t, filepath.Join(dir, "c.json"), `{"kind":"RuleSet","stream":"a","rules":[]}`)
	writeFile(t, filepath.Join(dir, "schemas", "s.json"), `{"type": "object"}`)
	writeFile(t, filepath.Join(dir, "schema.json"), `{"type": "object"}`) // not a manifest
	writeFile(t, filepath.Join(dir, "README.md"), "text")
	writeFile(t, filepath.Join(dir, ".hidden.yaml"), "nonsense: 1")
	writeFile(t, filepath.Join(dir, "below", "d.yaml"), "nonsense: 1")
	list, err := LoadDir(dir)
	must(t, err)
	if got := keys(list); got != "Stream/a Schema/s RuleSet/a" {
		t.Errorf("found %s", got)
	}
	if string(list[1].Schema) != `{"type": "object"}` || list[1].File != filepath.Join(dir, "b.yaml") {
		t.Errorf("%s from %s", list[1].Schema, list[1].File)
	}
	writeFile(t, filepath.Join(dir, "z.yaml"), "kind: Stream\nname: a\nsink: {stdout: {}}")
	if _, err := LoadDir(dir); err == nil || !strings.Contains(err.Error(), "a.yml") || !strings.Contains(err.Error(), "z.yaml") {
		t.Errorf("the same stream in two files: %v", err)
	}
	if _, err := LoadDir(t.TempDir()); err == nil {
		t.Error("an empty directory is fine")
	}
}

// A manifest names files in its own directory and below alone.
func TestManifestCannotEscape(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "in")
	secret := writeFile(t, filepath.Join(top, "secret.json"), `{"title":"secret"}`)
	must(t, os.MkdirAll(dir, 0o700))
	must(t, os.Symlink(secret, filepath.Join(dir, "link.json")))
	for _, name := range []string{"../secret.json", secret, "link.json", "x/../../secret.json", ".", "missing.json"} {
		path := writeFile(t, filepath.Join(dir, "m.yaml"), "kind: Schema\nsubject: s\nfile: "+name)
		list, err := LoadFile(path)
		if err == nil {
			t.Errorf("%s: read %s", name, list[0].Schema)
		} else if !strings.Contains(err.Error(), "m.yaml:3:7: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
