package evolution

import (
	"strings"
	"testing"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/schemas/infer"
)

const pretty = `{
  "type": "object",
  "properties": {
    "a": { "type": "string" },
    "n": {
      "type": [ "integer", "null" ]
    },
    "e": { "enum": ["x", "y"] },
    "long": {
      "enum": [
        "x",
        "y"
      ]
    },
    "c": {"const" : 1.50},
    "none": {},
    "closed": {
      "additionalProperties": false
    }
  }
}`

// An edit changes what it is about and leaves the rest as its author wrote it.
func TestEditsKeepTheText(t *testing.T) {
	for _, c := range []struct {
		name, old, new string
		edit           func(text) (text, error)
	}{
		{"a member after others, a line each", "\"additionalProperties\": false\n    }\n  }", "\"additionalProperties\": false\n    },\n    \"b\": { \"type\": \"null\" }\n  }",
			func(d text) (text, error) { return d.insert("/properties", "b", []byte(`{ "type": "null" }`)) }},
		{"a member of several lines", "\"additionalProperties\": false\n    }\n  }", "\"additionalProperties\": false\n    },\n    \"b\": {\n      \"x\": 1\n    }\n  }",
			func(d text) (text, error) { return d.insert("/properties", "b", []byte("{\n  \"x\": 1\n}")) }},
		{"a member on one line", `{ "type": "string" }`, `{ "type": "string", "b": 1 }`,
			func(d text) (text, error) { return d.insert("/properties/a", "b", []byte(`1`)) }},
		{"an item on one line", `["x", "y"]`, `["x", "y", "z\"]"]`,
			func(d text) (text, error) { return d.insert("/properties/e/enum", "", []byte(`"z\"]"`)) }},
		{"an item, a line each", "\"y\"\n", "\"y\",\n        \"z\"\n",
			func(d text) (text, error) { return d.insert("/properties/long/enum", "", []byte(`"z"`)) }},
		{"a member of what is empty", `"none": {}`, "\"none\": {\n      \"b\": 1\n    }",
			func(d text) (text, error) { return d.insert("/properties/none", "b", []byte(`1`)) }},
		{"another value", `[ "integer", "null" ]`, `["number", "null"]`,
			func(d text) (text, error) {
				return d.replace("/properties/n/type", widen([]string{"integer", "null"}, "number"))
			}},
		{"another name", `{"const" : 1.50}`, `{"enum" : [1.50, 2]}`,
			func(d text) (text, error) { return d.rename("/properties/c", "const", "enum", []byte("[1.50, 2]")) }},
		{"a field where none is declared", "\"additionalProperties\": false\n    }", "\"additionalProperties\": false,\n      \"properties\": {\n        \"b/c\": { \"type\": \"string\" }\n      }\n    }",
			func(d text) (text, error) {
				return want{kind: KindField, at: "/properties/closed/additionalProperties", name: "b/c"}.apply(d, []byte(`{ "type": "string" }`), shape{})
			}},
	} {
		got, err := c.edit(text(pretty))
		want := strings.Replace(pretty, c.old, c.new, 1)
		if err != nil || string(got) != want || want == pretty {
			t.Errorf("%s: %v\n%s\nwant\n%s", c.name, err, got, want)
		}
	}
	flat := text(`{"a":{"enum":["x"]},"b":{}}`)
	got, _ := flat.insert("/a/enum", "", []byte(`"y"`))
	got, _ = got.insert("", "c", []byte(`{ "type": "string" }`))
	got, _ = got.insert("/b", "d", []byte(`1`))
	if string(got) != `{"a":{"enum":["x", "y"]},"b":{"d": 1},"c":{"type":"string"}}` {
		t.Errorf("%s", got)
	}
	for _, c := range [][2]string{{"a", `{"b":2,"c":3}`}, {"b", `{"a":1,"c":3}`}, {"c", `{"a":1,"b":2}`}, {"d", `{"a":1,"b":2,"c":3}`}} {
		if got := text(`{"a":1,"b":2,"c":3}`).remove("", c[0]); string(got) != c[1] {
			t.Errorf("without %s: %s", c[0], got)
		}
	}
}

// What reasons ask for, and what they cannot ask for.
func TestWants(t *testing.T) {
	const doc = `{"type":"object","additionalProperties":false,"unevaluatedProperties":false,
		"properties":{"kind":{"enum":["a_b","c"]},"one":{"const":"x"},"n":{"type":"integer"},"gone":false,"tuple":{"prefixItems":[{}],"items":false},"none":{"items":false},
		"who":{"oneOf":[{"$ref":"#/$defs/p"},{"properties":{"t":{"enum":["q"]}}}]},"loose":{"oneOf":[{"type":"string"},{"type":"number"}]}},
		"$defs":{"p":{"properties":{"t":{"const":"p"}}}}}`
	const payload = `{"new":1,"kind":"d","one":"y","n":1.5,"who":{"t":"r"},"near":"A-B","long":"` + "0123456789012345678901234567890123456789012345678901234567890123456789" + `","bad":"a\u0007","num":7,"list":[{"t":"é"}],"tuple":[1,2],"none":[1]}`
	r, ok := newReader([]byte(doc))
	if !ok {
		t.Fatal("not read")
	}
	for _, c := range []struct {
		code, path, at string
		want           string // kind and value or name; "" for none
	}{
		{"schema.additionalProperties", "/new", "/additionalProperties", "field new"},
		{"schema.unevaluatedProperties", "/new", "/unevaluatedProperties", "field new"},
		{"schema.additionalProperties", "/kind", "/additionalProperties", ""}, // declared
		{"schema.false", "/gone", "/properties/gone", ""},
		{"schema.additionalProperties", "/new", "lazaret:other:1#/additionalProperties", ""},
		{"schema.enum", "/kind", "/properties/kind/enum", `enum_value "d"`},
		{"schema.const", "/one", "/properties/one/const", `enum_value "y"`},
		{"schema.enum", "/long", "/properties/kind/enum", ""},
		{"schema.enum", "/bad", "/properties/kind/enum", ""},
		{"schema.enum", "/num", "/properties/kind/enum", ""},
		{"schema.enum", "/list", "/properties/kind/enum", ""},
		{"schema.type", "/n", "/properties/n/type", "type number"},
		{"schema.type", "/kind", "/properties/n/type", "type string"},
		{"schema.oneOf", "/who/t", "/properties/who/oneOf", `branch "r"`},
		{"schema.oneOf", "/n", "/properties/loose/oneOf", ""},
		{"schema.items", "/none/0", "/properties/none/items", "field "},
		{"schema.items", "/tuple/1", "/properties/tuple/items", ""},
		{"schema.minimum", "/n", "/properties/n/type", ""},
	} {
		w, ok := r.want(lazaret.Reason{Code: lazaret.Code(c.code), Path: c.path, SchemaPath: c.at}, []byte(payload))
		got := ""
		if ok {
			got = string(w.kind) + " " + w.value
			if w.kind == KindField {
				got = string(w.kind) + " " + w.name
			}
		}
		if got != c.want {
			t.Errorf("%s at %s: %q, want %q", c.code, c.path, got, c.want)
		}
	}
	if w, _ := r.want(lazaret.Reason{Code: "schema.enum", Path: "/near", SchemaPath: "/properties/kind/enum"}, []byte(payload)); !r.near(w) {
		t.Error("A-B is not near a_b")
	}
	if _, ok := r.want(lazaret.Reason{Code: "rule.failed", Rule: "r", Path: "/n", SchemaPath: "/properties/n/type"}, []byte(payload)); ok {
		t.Error("a rule's reason asks for an edit of the schema")
	}
}

// Of a new field no more is asked than its type, and those of what is in it.
func TestFieldsAreNotNarrow(t *testing.T) {
	for _, c := range []struct{ values, want string }{
		{`"2026-01-01T00:00:00Z"`, `{ "type": "string" }`},
		{`1 2 3`, `{ "type": "integer" }`},
		{`1 2.5`, `{ "type": "number" }`},
		{`null`, `{ "type": "null" }`},
		{`"a" null`, `{ "type": ["string","null"] }`},
		{`{"a":null,"b":[]}`, `{"type":"object","properties":{"a":{"type":"null"},"b":{"type":"array"}}}`},
		{`{"a":{"b":1},"required":[1]}`, `{"type":"object","properties":{"a":{"type":"object","properties":{"b":{"type":"integer"}}},"required":{"type":"array","items":{"type":"integer"}}}}`},
	} {
		n := infer.New(bounds)
		for range 40 {
			for _, v := range strings.Fields(c.values) {
				if err := n.Add([]byte(v)); err != nil {
					t.Fatal(err)
				}
			}
		}
		got := string(fieldSchema(n, shape{}))
		if string(oneLine([]byte(got))) != c.want && strings.ReplaceAll(string(compact([]byte(got))), " ", "") != c.want {
			t.Errorf("%s: %s", c.values, got)
		}
	}
	object := []byte("{\n  \"type\": \"object\",\n  \"properties\": {\n    \"t\": { \"type\": \"string\" },\n    \"n\": { \"type\": \"integer\" }\n  }\n}")
	if got, err := branch(object, "t", `"new"`, shape{}); err != nil || string(compact(got)) != `{"type":"object","properties":{"t":{"const":"new"},"n":{"type":"integer"}},"required":["t"]}` {
		t.Errorf("%s, %v", got, err)
	}
}

func TestDiff(t *testing.T) {
	got := diff("a\nb\nc\nd\ne\nf\ng\nh\n", "a\nb\nc\nd\nE\nf\ng\nh\ni\n")
	if got != "@@ -2,7 +2,8 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n+i\n" {
		t.Errorf("%s", got)
	}
}

func TestLimitPaths(t *testing.T) {
	for _, c := range []struct {
		path, at string
		is       bool
	}{{"/a/b", "/a", true}, {"/a", "/a", true}, {"/ab", "/a", false}, {"/items/*/x", "/items/*", true}, {"/items/*/x", "/items/*/y", false}, {"/a", "/a/b", false}, {"/a/b", "/*/b", true}} {
		if below(c.path, c.at) != c.is {
			t.Errorf("%s below %s", c.path, c.at)
		}
	}
}
