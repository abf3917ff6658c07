package diff_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/schemas"
	"github.com/lazaret/lazaret/schemas/diff"
)

// said is the changes as place|effect|text, a line each.
func said(t *testing.T, old, next string) string {
	t.Helper()
	changes, err := diff.Documents([]byte(old), []byte(next), proved)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range changes {
		lines = append(lines, fmt.Sprintf("%s|%s|%s", c.Place, c.Effect, c.Text))
	}
	return strings.Join(lines, "\n")
}

// proved asks package schemas.
func proved(wide, narrow []byte) bool {
	x, errX := schemas.Compile(wide, schemas.Options{})
	y, errY := schemas.Compile(narrow, schemas.Options{})
	return errX == nil && errY == nil && schemas.Compare(schemas.LevelBackward, x, y).Answer == schemas.Compatible
}

// Each change is said once, with its effect looked at alone; the other way round the
// effect is the opposite.
func TestWhatChanged(t *testing.T) {
	for _, c := range []struct{ old, next, want, back string }{
		{`{}`, `true`, ``, ``},
		{`{"minimum":1}`, `{"minimum":1.0}`, ``, ``},
		{`{"enum":["a","b"]}`, `{"enum":["b","a"]}`, ``, ``},
		{`{}`, `{"type":"string"}`, `|tightened|must be string now, was of any type`, `|loosened|may be of any type, was string`},
		{`{"type":"string"}`, `{"type":["string","null"]}`, `|loosened|may be null too`, `|tightened|must not be null any more`},
		{`{"type":"integer"}`, `{"type":"number"}`, `|loosened|may be any number, was integer`, `|tightened|must be integer, was any number`},
		{`{"type":"integer"}`, `{"type":["number","null"]}`, "|loosened|may be any number, was integer\n|loosened|may be null too", "|tightened|must be integer, was any number\n|tightened|must not be null any more"},
		{`{"type":"integer"}`, `{"type":"string"}`, `|changed|must be string, was integer`, `|changed|must be integer, was string`},
		{`{"enum":["a"]}`, `{"enum":["a","b"]}`, `|loosened|new values: "b"`, `|tightened|values removed: "b"`},
		{`{}`, `{"enum":[1,2,3,4,5,6,7]}`, `|tightened|must be one of 1, 2, 3, 4, 5 and 2 more now`, `|loosened|may be any value, was one of 1, 2, 3, 4, 5 and 2 more`},
		{`{"const":1}`, `{"const":2}`, `|changed|const is 2, was 1`, `|changed|const is 1, was 2`},
		{`{"minimum":1}`, `{"minimum":2}`, `|tightened|minimum raised from 1 to 2`, `|loosened|minimum lowered from 2 to 1`},
		{`{"maxLength":9}`, `{"maxLength":10}`, `|loosened|maxLength raised from 9 to 10`, `|tightened|maxLength lowered from 10 to 9`},
		{`{}`, `{"maxItems":10}`, `|tightened|maxItems added: 10`, `|loosened|maxItems removed, was 10`},
		{`{"format":"uuid"}`, `{"format":"uri"}`, `|changed|format is "uri", was "uuid"`, `|changed|format is "uuid", was "uri"`},
		{`{}`, `{"uniqueItems":true}`, `|tightened|items must be unique now`, `|loosened|items may be repeated`},
		{`{}`, `{"uniqueItems":false}`, ``, ``},
		{`{}`, `{"required":["a"]}`, `/a|tightened|is required now`, `/a|loosened|is optional now`},
		{`{}`, `{"properties":{"a/b":{"type":"string"}}}`, `/a~1b|tightened|new property: string, optional`, `/a~1b|loosened|property removed: string; any value passes now`},
		{`{}`, `{"properties":{"a":{"title":"A"}}}`, `/a|none|new property: any value, optional`, `/a|none|property removed: any value; any value passes now`},
		{`{}`, `{"properties":{"a":{}},"required":["a"]}`, `/a|tightened|new property: any value, required`, `/a|loosened|property removed: any value, was required; any value passes now`},
		{`{"additionalProperties":false}`, `{"additionalProperties":false,"properties":{"a":{}},"required":["a"]}`, `/a|changed|new property: any value, required`, `/a|changed|property removed: any value, was required; it is refused now`},
		{`{"additionalProperties":false}`, `{"additionalProperties":false,"properties":{"a":{"enum":[1]}}}`, `/a|loosened|new property: one of 1, optional`, `/a|tightened|property removed: one of 1; it is refused now`},
		{`{"additionalProperties":{"type":"string"}}`, `{"additionalProperties":{"type":"string"},"properties":{"a":{"enum":[1]}}}`, `/a|changed|new property: one of 1, optional`, `/a|changed|property removed: one of 1; any value passes now`},
		{`{}`, `{"additionalProperties":false}`, `|tightened|other properties are refused now`, `|loosened|other properties are allowed now: any value`},
		{`{"additionalProperties":{"type":"string"}}`, `{"additionalProperties":{"type":["string","null"]}}`, `/*|loosened|may be null too`, `/*|tightened|must not be null any more`},
		{`{"properties":{"a":{"items":{"properties":{"b":{"minimum":1}}}}}}`, `{"properties":{"a":{"items":{"properties":{"b":{"minimum":2}}}}}}`, `/a/*/b|tightened|minimum raised from 1 to 2`, `/a/*/b|loosened|minimum lowered from 2 to 1`},
		{`{"not":{"minimum":1}}`, `{"not":{"minimum":2}}`, ` (not)|loosened|minimum raised from 1 to 2`, ` (not)|tightened|minimum lowered from 2 to 1`},
		{`{}`, `{"not":{"minimum":2}}`, ` (not)|tightened|not added: a value with conditions`, ` (not)|loosened|not removed: a value with conditions`},
		{`{"anyOf":[{"type":"string"}]}`, `{"anyOf":[{"type":"null"},{"type":"string"}]}`, ` (anyOf 0)|loosened|new branch of anyOf: null`, ` (anyOf 0)|tightened|branch of anyOf removed: null`},
		{`{}`, `{"anyOf":[{"type":"string"}]}`, ` (anyOf 0)|tightened|new branch of anyOf: string`, ` (anyOf 0)|loosened|branch of anyOf removed: string`},
		{`{"allOf":[{"minimum":1},{"maximum":5}]}`, `{"allOf":[{"maximum":5},{"minimum":2}]}`, ` (allOf 1)|tightened|minimum raised from 1 to 2`, ` (allOf 0)|loosened|minimum lowered from 2 to 1`},
		{`{"oneOf":[{"minimum":1}]}`, `{"oneOf":[{"minimum":2}]}`, ` (oneOf 0)|tightened|minimum raised from 1 to 2`, ` (oneOf 0)|loosened|minimum lowered from 2 to 1`},
		{`{"oneOf":[{"minimum":1},{"maximum":5}]}`, `{"oneOf":[{"minimum":2},{"maximum":5}]}`, ` (oneOf 0)|changed|minimum raised from 1 to 2`, ` (oneOf 0)|changed|minimum lowered from 2 to 1`},
		{`{"if":{"minimum":1},"then":{"maximum":2}}`, `{"if":{"minimum":2},"then":{"maximum":2}}`, ` (if)|changed|minimum raised from 1 to 2`, ` (if)|changed|minimum lowered from 2 to 1`},
		{`{"$ref":"#/$defs/a"}`, `{"anyOf":[{"$ref":"#/$defs/a"},{"type":"integer"}]}`, ` (anyOf 1)|loosened|new branch of anyOf: integer`, ` (anyOf 1)|tightened|branch of anyOf removed: integer`},
		{`{"type":"object","title":"A","required":["a"]}`, `{"type":"object","title":"B","oneOf":[{"required":["b"]},{"required":["a"],"title":"C"}]}`, "|none|title is \"B\", was \"A\"\n (oneOf 0)|changed|new branch of oneOf: a value with conditions\n (oneOf 1)|none|title added: \"C\"", "|none|title is \"A\", was \"B\"\n (oneOf 0)|none|title removed\n (oneOf 0)|changed|branch of oneOf removed: a value with conditions"},
		{`{"oneOf":[{"const":"x"},{"const":"y"}]}`, `{"anyOf":[{"const":"x"},{"const":"y"},{"const":"z"}]}`, "|none|one branch or several may hold now; it was oneOf\n (anyOf 2)|loosened|new branch of anyOf: \"z\"", "|none|exactly one branch must hold now; it was anyOf\n (anyOf 2)|tightened|branch of anyOf removed: \"z\""},
		{`{"oneOf":[{"minimum":1},{"maximum":5}]}`, `{"anyOf":[{"minimum":1},{"maximum":5}]}`, `|loosened|one branch or several may hold now; it was oneOf`, `|tightened|exactly one branch must hold now; it was anyOf`},
		{`{"oneOf":[{"const":"x"}]}`, `{"oneOf":[{"const":"x"},{"const":"z"}]}`, ` (oneOf 1)|loosened|new branch of oneOf: "z"`, ` (oneOf 1)|tightened|branch of oneOf removed: "z"`},
		{`{"oneOf":[{"type":"object","required":["t"],"properties":{"t":{"const":"x"}}}]}`, `{"oneOf":[{"type":"object","required":["t"],"properties":{"t":{"const":"z"}}},{"type":"object","required":["t"],"properties":{"t":{"const":"x"}},"minProperties":2}]}`, " (oneOf 0)|loosened|new branch of oneOf: object, t \"z\"\n (oneOf 1)|tightened|minProperties added: 2", " (oneOf 0)|loosened|minProperties removed, was 2\n (oneOf 0)|tightened|branch of oneOf removed: object, t \"z\""},
		{`{}`, `{"properties":{"a":{"anyOf":[{"const":1},{"type":"string","pattern":"^a$"}]}}}`, `/a|tightened|new property: 1 or string, like "^a$", optional`, `/a|loosened|property removed: 1 or string, like "^a$"; any value passes now`},
		{`{"pattern":"^a+$"}`, `{"pattern":"^a*$"}`, `|loosened|pattern is "^a*$", was "^a+$"`, `|tightened|pattern is "^a+$", was "^a*$"`},
		{`{"not":{"multipleOf":2}}`, `{"not":{"multipleOf":4}}`, ` (not)|loosened|multipleOf is 4, was 2`, ` (not)|tightened|multipleOf is 2, was 4`},
		{`{"pattern":"^a$"}`, `{"pattern":"^b$"}`, `|changed|pattern is "^b$", was "^a$"`, `|changed|pattern is "^a$", was "^b$"`},
		{`{"prefixItems":[{"type":"string"}]}`, `{"prefixItems":[{"type":"string"},{"type":"null"}]}`, `/1|tightened|prefixItems added: null`, `/1|loosened|prefixItems removed: null`},
		{`{"$ref":"#/$defs/a","$defs":{"a":{"minimum":1}}}`, `{"$ref":"#/$defs/a","$defs":{"a":{"minimum":2}}}`, `$defs/a|tightened|minimum raised from 1 to 2`, `$defs/a|loosened|minimum lowered from 2 to 1`},
		{`{"$ref":"#/$defs/a","$defs":{"a":{}}}`, `{"$ref":"#/$defs/b","$defs":{"b":{}}}`, "|changed|$ref is \"#/$defs/b\", was \"#/$defs/a\"\n$defs/a|none|definition removed: any value\n$defs/b|none|new definition: any value", "|changed|$ref is \"#/$defs/a\", was \"#/$defs/b\"\n$defs/a|none|new definition: any value\n$defs/b|none|definition removed: any value"},
		{`{"properties":{"a":false}}`, `{"properties":{"a":{"type":"null"}}}`, `/a|loosened|nothing was allowed here, now it is: null`, `/a|tightened|nothing is allowed here any more`},
		{`{"title":"A"}`, `{"title":"B"}`, `|none|title is "B", was "A"`, `|none|title is "A", was "B"`},
		{`{"items":[{"type":"null"}]}`, `{"items":{"type":"null"}}`, `/*|changed|items is {"type":"null"}, was [{"type":"null"}]`, `/*|changed|items is [{"type":"null"}], was {"type":"null"}`},
		{`{"patternProperties":{"^a":{"minimum":1}}}`, `{"patternProperties":{"^a":{"minimum":2}}}`, `/{^a}|tightened|minimum raised from 1 to 2`, `/{^a}|loosened|minimum lowered from 2 to 1`},
	} {
		if got := said(t, c.old, c.next); got != c.want {
			t.Errorf("%s to %s:\n%s\nwant\n%s", c.old, c.next, got, c.want)
		}
		if got := said(t, c.next, c.old); got != c.back {
			t.Errorf("%s to %s:\n%s\nwant\n%s", c.next, c.old, got, c.back)
		}
	}
}

// A document has changed if and only if something is said of it, whatever the documents;
// how they are written makes no difference.
func TestNothingIsLeftOut(t *testing.T) {
	for seed := range 5000 {
		r := rand.New(rand.NewPCG(5, uint64(seed)))
		a, b := schema(r, 0), schema(r, 0)
		x, errX := json.Marshal(a)
		y, errY := json.Marshal(b)
		if errX != nil || errY != nil {
			t.Fatal(errX, errY)
		}
		var spread bytes.Buffer
		if err := json.Indent(&spread, x, "", "  "); err != nil {
			t.Fatal(err)
		}
		if got := said(t, string(x), spread.String()); got != "" {
			t.Fatalf("seed %d: %s changed by being written otherwise:\n%s", seed, x, got)
		}
		if got := said(t, string(x), string(y)); got == "" && !bytes.Equal(x, y) {
			t.Fatalf("seed %d: nothing is said of\n%s\n%s", seed, x, y)
		}
	}
}

// schema makes a random schema document of keywords that always say something.
func schema(r *rand.Rand, depth int) any {
	m := map[string]any{"minLength": r.IntN(50)}
	for range r.IntN(4) {
		sub := any(map[string]any{"title": fmt.Sprint(r.IntN(9))})
		if depth < 3 {
			sub = schema(r, depth+1)
		}
		switch r.IntN(9) {
		case 0:
			m["properties"] = map[string]any{"a": sub, fmt.Sprint(r.IntN(3)): sub}
		case 1:
			m["items"] = sub
		case 2:
			m["anyOf"] = []any{sub, map[string]any{"const": r.IntN(9)}}
		case 3:
			m["not"] = sub
		case 4:
			m["additionalProperties"] = sub
		case 5:
			m["required"] = []string{fmt.Sprint(r.IntN(5))}
		case 6:
			m["$defs"] = map[string]any{"d": sub}
		case 7:
			m["prefixItems"] = []any{sub}
		default:
			m["type"] = []string{"string", "null", "integer", "object"}[r.IntN(4)]
		}
	}
	return m
}

// What is no JSON is an error.
func TestNotJSON(t *testing.T) {
	for _, bad := range [][2]string{{`{`, `{}`}, {`{}`, `{"a":1,"a":2}`}} {
		if _, err := diff.Documents([]byte(bad[0]), []byte(bad[1]), nil); err == nil {
			t.Errorf("%v: no error", bad)
		}
	}
}
