package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/yamlread"
)

var environment = map[string]string{
	"HOST": "example.com", "PORT": "9000", "EMPTY": "", "ODD": `a: "b" #c`, "APOSTROPHE": "it's", "LINES": "a\nb: c", "DASH": "-", "NEG": "-5",
	"BAD": "\xff",
}

func lookup(k string) (string, bool) { v, ok := environment[k]; return v, ok }

func TestExpand(t *testing.T) {
	for in, want := range map[string]string{
		"a: ${HOST}":                         "a: example.com",
		"a: http://${HOST}:${PORT}/x":        "a: http://example.com:9000/x",
		"a: ${PORT}${PORT}":                  "a: 90009000",
		"a: ${NOT_SET:-x}":                   "a: x",
		"a: ${NOT_SET:-}":                    "a: ",
		"a: ${EMPTY}":                        "a: ",
		"a: ${EMPTY:-x}":                     "a: x",
		"a: ${HOST:-x}":                      "a: example.com",
		"a: ${NEG}":                          "a: -5",
		"a: $${HOST}":                        "a: ${HOST}",
		"a: $HOST $":                         "a: $HOST $",
		`a: "${ODD}"`:                        `a: "a: \"b\" #c"`,
		`a: '${APOSTROPHE}'`:                 `a: 'it''s'`,
		`a: "${LINES}"`:                      `a: "a\nb: c"`,
		`{"a":"${ODD}"}`:                     `{"a":"a: \"b\" #c"}`,
		`a: "\"${ODD}"`:                      `a: "\"a: \"b\" #c"`,
		`a: '''${APOSTROPHE}'`:               `a: '''it''s'`,
		"# ${NOT_SET}\na: ${HOST} # ${NOPE}": "# ${NOT_SET}\na: example.com # ${NOPE}",
		"a: it's ${HOST} # it's ${NOPE}":     "a: it's example.com # it's ${NOPE}",
		"a: x#${HOST}":                       "a: x#example.com",
		"a: \"# ${HOST}\"":                   "a: \"# example.com\"",
		"a: \"\n # ${HOST}\"":                "a: \"\n # example.com\"",
		"- '${HOST}'\n- [ \"${HOST}\" ]":     "- 'example.com'\n- [ \"example.com\" ]",
	} {
		got, err := Expand("f", []byte(in), lookup)
		if err != nil || string(got) != want {
			t.Errorf("%q:\n got %q, %v\nwant %q", in, got, err, want)
		}
	}
}

// What cannot be replaced is named with its place, all of it at once; a value is never shown.
func TestExpandRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"a: 1\nbé: ${NOPE}":     "f:2:5: the environment variable NOPE is not set",
		"a: ${ODD}":             "f:1:4: the value of ODD cannot stand here",
		"a: ${LINES}":           "f:1:4: the value of LINES cannot stand here",
		"a: '${LINES}'":         "f:1:5: the value of LINES cannot stand here",
		"${DASH} x":             "f:1:1: the value of DASH cannot stand here",
		"a: \"${BAD}\"":         "f:1:5: the value of BAD is not text",
		"a: ${":                 "f:1:4: expected ${NAME}",
		"a: ${}":                "f:1:4: expected ${NAME}",
		"a: ${1A}":              "f:1:4: expected ${NAME}",
		"a: ${A:x}":             "f:1:4: expected ${NAME}",
		"a: ${A:-\n}":           "f:1:4: expected ${NAME}",
		"a: ${NOPE}\nb: ${NAH}": "f:2:4: the environment variable NAH is not set",
	} {
		_, err := Expand("f", []byte(in), lookup)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", in, err)
		}
		var at *yamlread.Error
		if !errors.As(err, &at) {
			t.Errorf("%q: not a yamlread.Error", in)
		}
		if err != nil && strings.Contains(err.Error(), "b: c") {
			t.Errorf("%q: the error shows the value", in)
		}
	}
}

// Expansion reaches numbers, sizes and lists, and errors after it keep their lines.
func TestExpandWithinTheFile(t *testing.T) {
	c, err := parse("limits:\n  body: ${BODY:-1MiB}\n  json_depth: ${DEPTH}\nsinks: {http: {hosts: [\"${HOST}\"]}}\n", map[string]string{"DEPTH": "7", "HOST": "h"})
	if err != nil || c.Limits.Body != 1<<20 || c.Limits.JSONDepth != 7 || c.Sinks.HTTP.Hosts[0] != "h" {
		t.Errorf("%+v, %v", c, err)
	}
	_, err = parse("limits:\n  body: \"${BODY}\"\n  depht: 1\n", map[string]string{"BODY": "1MiB\n\n\n"})
	var at *yamlread.Error
	if !errors.As(err, &at) || at.Line != 2 && at.Line != 3 {
		t.Errorf("%v", err)
	}
}

// FuzzConfig: no file crashes the reader; what is taken is valid; a value out of the
// environment never changes what else the file says.
func FuzzConfig(f *testing.F) {
	for _, s := range []string{
		"", "listen:\n  http: ${HOST}:${PORT}\n", "tokens:\n- name: a\n  scopes: [read]\n  file: x\n", "{\"log\":{\"level\":\"${L}\"}}",
		"limits: {body: 1MiB, json_depth: ${N:-3}}", "a: '${X}' # ${Y", "$${X}", "log: {level: \"\\\"${X}\"}", "- 'it''s ${X}'", "tls: &a\n  cert: *a\n",
		"\"store\": |\n  # ${X}\n  'x", "shutdown_timeout: 20s\nshutdown_timeout: 1s\n",
	} {
		f.Add(s, "value: \"x\" '#\n")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		if len(text) > 1<<16 {
			return
		}
		c, err := Parse("f", []byte(text), func(string) (string, bool) { return value, true })
		if err == nil && c.Validate() != nil {
			t.Errorf("taken, and not valid: %v", c.Validate())
		}
		out, err := Expand("f", []byte(text), func(string) (string, bool) { return "x", true })
		if err != nil {
			return
		}
		if !strings.Contains(text, "${") && string(out) != text {
			t.Errorf("no reference, and changed: %q", out)
		}
		if strings.Count(string(out), "\n") != strings.Count(text, "\n") {
			t.Errorf("lines moved: %q", out)
		}
		sameShape(t, text, value)
	})
}

// sameShape compares the document with a harmless value and with the given one: every
// key and the kind of every collection must be the same.
func sameShape(t *testing.T, text, value string) {
	if strings.ContainsAny(text, "|>") {
		return // block scalars are not known to Expand
	}
	harmless, err1 := Expand("f", []byte(text), func(string) (string, bool) { return "x", true })
	other, err2 := Expand("f", []byte(text), func(string) (string, bool) { return value, true })
	if err1 != nil || err2 != nil {
		return
	}
	var a, b any
	if yamlread.Decode("f", harmless, &a) != nil || yamlread.Decode("f", other, &b) != nil {
		return
	}
	if strings.Contains(text, "${") && strings.ContainsAny(value, "\n#'\"{}[],&*") && shape(a) != shape(b) {
		t.Errorf("a value changed the document:\n%s\n%s", harmless, other)
	}
}

func shape(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var n, total = len(v), 0
		for _, e := range v {
			total += len(shape(e))
		}
		return strings.Repeat("m", n) + strings.Repeat(".", total)
	case []any:
		s := "["
		for _, e := range v {
			s += shape(e)
		}
		return s
	}
	return ""
}
