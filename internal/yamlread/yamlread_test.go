package yamlread

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

type duration time.Duration

func (d *duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return errors.New("not a duration such as 60s")
	}
	*d = duration(v)
	return nil
}

type base struct {
	Kind string `yaml:"kind"`
}

type settings struct {
	base
	Name    string            `yaml:"name"`
	Listen  *listener         `yaml:"listen"`
	Limits  map[string]int64  `yaml:"limits"`
	Tags    []string          `yaml:"tags"`
	MaxAge  duration          `yaml:"max_age"`
	Schema  json.RawMessage   `yaml:"schema"`
	Labels  map[string]string `json:"labels,omitempty"`
	Ratio   float64
	On      bool `yaml:"on"`
	Token   string
	Secret  duration `yaml:"secret"`
	Skipped string   `yaml:"-"`
	Any     any      `yaml:"any"`
	Small   int8     `yaml:"small"`
	Size    uint32   `yaml:"size"`
}

type listener struct {
	Address string `yaml:"address"`
	Port    int    `yaml:"port"`
}

const good = `# what the process needs
kind: Settings
name: "é: x"       # quoted
listen: {address: localhost, port: 0x1F}
limits:
  bytes: 9007199254740993
tags:
- a
- 'it''s'
max_age: 1m30s
schema:
  $id: x
  maximum: 12345678901234567890123
  enum: [null, 1.50, true, "no", no, .5, +3]
  text: |
    two
      lines
labels: {a: "1"}
ratio: 1
on: true
any: {b: [1, {c: null}]}
small: -128
size: 4294967295
`

// Every kind of value that configuration uses arrives as written.
func TestDecodeReadsWhatIsWritten(t *testing.T) {
	var s settings
	if err := Decode("a.yaml", []byte(good), &s); err != nil {
		t.Fatal(err)
	}
	want := settings{
		base: base{Kind: "Settings"}, Name: "é: x", Listen: &listener{"localhost", 31},
		Limits: map[string]int64{"bytes": 9007199254740993}, Tags: []string{"a", "it's"},
		MaxAge: duration(90 * time.Second),
		Schema: json.RawMessage(`{"$id":"x","maximum":12345678901234567890123,"enum":[null,1.50,true,"no","no",0.5,3],"text":"two\n  lines\n"}`),
		Labels: map[string]string{"a": "1"}, Ratio: 1, On: true,
		Any: map[string]any{"b": []any{json.Number("1"), map[string]any{"c": nil}}}, Small: -128, Size: 4294967295,
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
}

// CRLF, a byte order mark and an empty text change nothing.
func TestDecodeTakesWindowsFilesAndEmptyOnes(t *testing.T) {
	var a, b settings
	if err := Decode("a", []byte(good), &a); err != nil {
		t.Fatal(err)
	}
	if err := Decode("a", []byte("\xef\xbb\xbf"+strings.ReplaceAll(good, "\n", "\r\n")), &b); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("CRLF differs: %+v", b)
	}
	for _, empty := range []string{"", "\n", "# only a comment\n", "---\n", "---\n# x\n...\n"} {
		c := settings{Name: "default"}
		if err := Decode("a", []byte(empty), &c); err != nil || c.Name != "default" {
			t.Errorf("%q: %v, %+v", empty, err, c)
		}
	}
}

// Each refusal names the place and says what to do.
func TestRefusalsHavePlaceAndCause(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"unknown key", "name: a\nlisten:\n  adress: x\n", `f:3:3: unknown key "adress" in listen; did you mean "address"?`},
		{"unknown key, nothing near", "listen: {zzzz: 1}\n", `f:1:10: unknown key "zzzz" in listen; the keys here are address, port`},
		{"unknown key in JSON", "{\"listen\":\n {\"adress\": 1}}", `f:2:3: unknown key "adress" in listen; did you mean "address"?`},
		{"skipped field", "skipped: 1\n", `f:1:1: unknown key "skipped"; the keys here are kind, name,`},
		{"duplicate", "name: a\ntags: []\nname: b\n", `f:3:1: the key "name" is here a second time; the first is on line 1`},
		{"duplicate, quoted otherwise", "any:\n  a.b: 1\n  'a.b': 2\n", `f:3:3: the key "a.b" is here a second time; the first is on line 2`},
		{"duplicate in flow", "any: {a: 1, a: 2}\n", `f:1:13: the key "a"`},
		{"duplicate in JSON", "{\"any\": {\"a\": 1,\n\"\\u0061\": 2}}", `f:2:1: the key "a"`},
		{"anchor", "name: &x a\n", "f:1:7: anchors"},
		{"alias", "name: *x\n", "f:1:7: anchors"},
		{"merge", "any:\n  <<: {a: 1}\n", "f:2:3: anchors"},
		{"tag", "name: !!binary aGk=\n", "f:1:7: tags"},
		{"own tag", "name: !x a\n", "f:1:7: tags"},
		{"complex key", "? a\n: b\n", "f:1:1: complex keys"},
		{"directive", "%YAML 1.2\n---\na: 1\n", "f:1:1: directives"},
		{"tab", "any:\n\tb: 1\n", "f:2:"},
		{"string wanted", "name: 12\n", "f:1:7: name: expected a string (put it in quotes), found a number"},
		{"bool wanted", "on: yes\n", "f:1:5: on: expected true or false, found a string"},
		{"mapping wanted", "listen: 3\n", "f:1:9: listen: expected a mapping, found a number"},
		{"list wanted", "tags: {a: 1}\n", "f:1:7: tags: expected a list, found a mapping"},
		{"number wanted", "listen:\n  port: x\n", "f:2:9: listen.port: expected a number, found a string"},
		{"overflow", "small: 128\n", "f:1:8: small: the number is out of range"},
		{"negative", "size: -1\n", "f:1:7: size: expected a whole number"},
		{"fraction", "small: 1.5\n", "f:1:8: small: expected a whole number"},
		{"legacy octal", "small: 017\n", "f:1:8: a number that begins with 0"},
		{"infinity", "ratio: .inf\n", "f:1:8: infinity"},
		{"duration", "max_age: 3 days\n", "f:1:10: max_age: not a duration such as 60s"},
		{"in a list", "tags:\n  - a\n  - 3\n", "f:3:5: tags[1]: expected a string"},
		{"two documents", "name: a\n---\nname: b\n", "f:3:1: a second document"},
		{"text after marker", "--- name: a\n", "f:1:5: begin the document on the line after"},
		{"not UTF-8", "name: \xff\n", "f:1:7: a control character"},
		{"NUL", "name: a\x00\n", "f:1:8: a control character"},
		{"unclosed quote", "name: \"abc\n", "f:1:7: not YAML"},
		{"unclosed bracket", "tags: [a\n", "f:1:7: not YAML"},
		{"set notation", "any: {a, b}\n", "f:1:8: a key without a colon"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s settings
			err := Decode("f", []byte(c.in), &s)
			var e *Error
			if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

// A value may be a secret: no error and no snippet shows one.
func TestErrorsNeverShowValues(t *testing.T) {
	const marker = "hunter2"
	for _, in := range []string{
		"token: hunter2\ntoken: hunter2\n",
		"tokn: hunter2\n",
		"on: hunter2\n",
		"secret: hunter2\n",
		"max_age: hunter2\n",
		"name: &x hunter2\n",
		"name: !x hunter2\n",
		"name: \"hunter2\n",
		"name: \"hunter2\\q\"\n",
		"name: 'hunter2\n",
		"tags: [hunter2\n",
		"tags: hunter2: hunter2\n",
		"tags:\n  - hunter2\n  - {a: hunter2}\n",
		"listen: {port: hunter2, x: hunter2}\n",
		"{\"token\": \"hunter2\", \"token\": \"hunter2\"}",
		"{\"tokn\": \"hunter2\"}",
		"\"token\" : \"hunter2\"\nbogus: 1\n",
		"name: a\n hunter2\nb: @hunter2\n",
		"name: |x hunter2\n",
		"hunter2\n",
		"- hunter2\n",
		"name: ok # hunter2\nname: x\n",
		"name: @hunter2\n",
		"small: 017 # hunter2\n",
		"any: hunter2\n   b: hunter2\n",
	} {
		var s settings
		err := Decode("f", []byte(in), &s)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%q: no error: %v", in, err)
			continue
		}
		if all := fmt.Sprintf("%v\n%s", e, e.Snippet); strings.Contains(all, marker) {
			t.Errorf("%q: the value shows in:\n%s", in, all)
		}
	}
}

// The snippet points at the place with a caret.
func TestSnippetPoints(t *testing.T) {
	var s settings
	err := Decode("f", []byte("name: a\nlisten:\n  adress: x\n"), &s)
	var e *Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if want := "    3 |   adress: …\n      |   ^"; e.Snippet != want {
		t.Errorf("got\n%s\nwant\n%s", e.Snippet, want)
	}
}

// Each document of a file knows its kind and its line, and errors count in the file.
func TestDocumentsKeepTheFilesLines(t *testing.T) {
	docs, err := Documents("dir/all.yaml", []byte("# one\n\nkind: Stream\nname: a\n--- # two\n---\n# gone\n---\n\nkind: Settings\nname: b\nbogus: 1\n...\n[1]\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range docs {
		got = append(got, fmt.Sprintf("%s@%d", d.Kind(), d.Line))
	}
	if want := "[Stream@3 Settings@10 @14]"; fmt.Sprint(got) != want {
		t.Fatalf("got %v, want %s", got, want)
	}
	var s settings
	if err := docs[1].Decode(&s); err == nil || !strings.HasPrefix(err.Error(), `dir/all.yaml:12:1: unknown key "bogus"`) {
		t.Errorf("got %v", err)
	}
}

// Locate finds the place of a value and says whether its characters stand there.
func TestLocate(t *testing.T) {
	docs, err := Documents("f", []byte(`---
kind: RuleSet
rules:
  - id: a
    expr: event.a > 3
  - id: b
    expr: |

      event.b
    a/b: [1, 22]
  - {é: "x y", b: 'it''s', c: "a\tb", d: 'z'}
  - >-
    one
    two
  - plain
    goes on
`))
	if err != nil {
		t.Fatal(err)
	}
	for pointer, want := range map[string]Position{
		"":                {Line: 2, Column: 1},
		"/rules":          {Line: 4, Column: 3},
		"/rules/0/expr":   {Line: 5, Column: 11, Verbatim: true},
		"/rules/1/expr":   {Line: 8, Column: 7, Verbatim: true},
		"/rules/1/a~1b/1": {Line: 10, Column: 14},
		"/rules/2/é":      {Line: 11, Column: 10, Verbatim: true},
		"/rules/2/b":      {Line: 11, Column: 19},
		"/rules/2/c":      {Line: 11, Column: 31},
		"/rules/2/d":      {Line: 11, Column: 43, Verbatim: true},
		"/rules/3":        {Line: 13, Column: 5},
		"/rules/4":        {Line: 15, Column: 5},
	} {
		if got, ok := docs[0].Locate(pointer); !ok || got != want {
			t.Errorf("%q: got %+v %v, want %+v", pointer, got, ok, want)
		}
	}
	for _, pointer := range []string{"/x", "/rules/9", "/rules/-1", "/rules/x", "rules", "/kind/0"} {
		if got, ok := docs[0].Locate(pointer); ok {
			t.Errorf("%q: got %+v", pointer, got)
		}
	}
	if err := docs[0].Error("/rules/0/expr", "wrong"); err.Error() != "f:5:11: wrong" {
		t.Error(err)
	}
}

// ToJSON keeps the order of keys and every digit.
func TestToJSONKeepsOrderAndDigits(t *testing.T) {
	for in, want := range map[string]string{
		"z: 1\na: 12345678901234567890.10\nm: <&>\n":       `{"z":1,"a":12345678901234567890.10,"m":"<&>"}`,
		"{\"z\": 1e400, \"a\": \"\\u2028\"}":               "{\"z\":1e400,\"a\":\"\\u2028\"}",
		"[0x1F, 0o17, 5., -.5, 1e3, 1_000, 2024-01-01, ~]": `[31,15,5.0,-0.5,1e3,"1_000","2024-01-01",null]`,
		"":  "null",
		"~": "null",
	} {
		got, err := ToJSON("f", []byte(in))
		if err != nil || string(got) != want {
			t.Errorf("%q: got %s, %v, want %s", in, got, err, want)
		}
	}
}
