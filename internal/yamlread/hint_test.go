package yamlread

import (
	"errors"
	"strings"
	"testing"
)

// A value with a colon in it, the mistake that rules invite, is told what to do.
func TestColonInAValueIsExplained(t *testing.T) {
	for text, want := range map[string]string{
		"- id: a\n  expr: event.status == \"ok: fine\"\n": `; a text with ": " must be quoted, or written under "expr: |"`,
		"message: not so: really\n":                       `; a text with ": " must be quoted, or written under "message: |"`,
	} {
		_, err := Documents("f", []byte(text))
		if err == nil || !strings.Contains(err.Error(), "not YAML: ") || !strings.HasSuffix(err.Error(), want) || strings.Contains(err.Error(), "fine") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A text that was meant as JSON and is not is told what is wrong with it as JSON.
func TestNotJSON(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"f", "{\"a\": 1,\n \"b\" 2: []}", `f:2:6: not JSON: expected a colon after the member's name`},
		{"f", "[{\"a\": [1,\n2}]", `f:2:2: not JSON: expected a comma or ] after the item`},
		{"s.json", "{a: [1}", `s.json:1:2: not JSON: expected a member's name in double quotes, or }`},
	} {
		_, err := Documents(c.name, []byte(c.text))
		if err == nil || err.Error() != c.want {
			t.Errorf("%q: got  %v\nwant %s", c.text, err, c.want)
		}
	}
	for _, text := range []string{"{a: [b}", "a: [b\n", "a: \"b\nc: d\n"} {
		if _, err := Documents("f", []byte(text)); err == nil || strings.Contains(err.Error(), "JSON") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Where the caller says that there are no secrets, the snippet is the line, with the caret
// at the column; a long line is cut around it.
func TestShowLines(t *testing.T) {
	long := strings.Repeat("é", 200)
	for text, want := range map[string]string{
		"rules:\n- id: a\n  severity: fatal\n": "    3 |   severity: fatal\n      |             ^",
		"rules:\n- id: a\n  severity: " + long: "    3 |   severity: " + long[:2*60] + "…\n      |             ^",
	} {
		docs, err := Documents("f", []byte(text), ShowLines())
		if err != nil {
			t.Fatal(err)
		}
		var e *Error
		if err := docs[0].Error("/rules/0/severity", "wrong"); !errors.As(err, &e) || e.Snippet != want {
			t.Errorf("got\n%s\nwant\n%s", e.Snippet, want)
		}
	}
	if shown, caret := around(strings.Repeat("a", 100)+"b", 100); shown != "…"+strings.Repeat("a", 60)+"b" || caret != 61 {
		t.Errorf("%s, %d", shown, caret)
	}
}
