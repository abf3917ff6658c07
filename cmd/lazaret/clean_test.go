package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// No name of a file or a property, in whatever form it is printed, drives a terminal.
func TestNoEscapesFromOutside(t *testing.T) {
	t.Chdir(t.TempDir())
	const evil = "x\x1b[31m\a\u009b2J\u202e"
	name := `x\u001b[31m\u0007\u009b2J\u202e`
	for file, text := range map[string]string{
		"a.json":           `{"properties":{"` + name + `":{"type":"string"}}}`,
		"b.json":           `{"properties":{"` + name + `":{"type":"integer"}}}`,
		evil + ".json":     `{"properties":{"` + name + `":{"type":["integer","null"]}}}`,
		"doubt.json":       `{"not":{"properties":{"` + name + `":{"pattern":"(a|b)*c"}}}}`,
		evil + ".ndjson":   `{"` + name + `":"x"}` + "\n" + `{"` + name,
		evil + ".bad.json": `{"` + name,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob("*")
	if err != nil || len(files) != 6 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, args := range [][]string{
		{"schema", "check", "a.json", "b.json"}, {"schema", "check", "a.json", "b.json", "-o", "github"},
		{"schema", "check", evil + ".json", "a.json"}, {"schema", "check", "a.json", evil + ".json", "-o", "github"},
		{"schema", "check", "doubt.json", evil + ".json"}, {"schema", "check", evil + ".json", "doubt.json", "-o", "github"},
		{"schema", "check", "a.json", "none" + evil}, {"schema", "check", "a.json", evil + ".bad.json"},
		{"schema", "diff", "a.json", evil + ".json"}, {"schema", "diff", "a.json", evil},
		{"schema", "infer", evil + ".ndjson"}, {"schema", "infer", evil},
		{"check", "--schema", "b.json", evil + ".ndjson"}, {"check", "--schema", evil, "b.json"},
		{"check", "--schema", "b.json", "--rules", evil, "b.json"}, {"check", "--manifest", evil, "b.json"},
		{"schema", "check", "a.json", "b.json", "--level", evil}, {"schema", evil}, {evil},
		{"schema", "list", "--token-file", evil}, {"serve", "--config", evil},
	} {
		got := runWith(t.Context(), nil, "", args...)
		if got.stdout+got.stderr == "" {
			t.Errorf("%q says nothing", args)
		}
		if strings.ContainsFunc(got.stdout+got.stderr, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || isBidi(r)) }) {
			t.Errorf("%q: exit code %d\n%q\n%q", args, got.code, got.stdout, got.stderr)
		}
	}
}
