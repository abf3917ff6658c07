package schemas

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/jsonread"
)

// Every test of this file holds that bad input costs little: the cost of one event is
// bounded whatever the schema that registers.

// hang is far beyond what a verdict takes on any machine; it tells that nothing hangs.
const hang = 60 * time.Second

// unionOf is a oneOf of n objects with a discriminator.
func unionOf(n int) string {
	branches := make([]string, n)
	for i := range branches {
		branches[i] = fmt.Sprintf(`{"type":"object","required":["kind","id"],"properties":{"kind":{"const":"k%d"},"id":{"type":"integer"}}}`, i)
	}
	return `{"oneOf":[` + strings.Join(branches, ",") + `]}`
}

// alternativesOf is an anyOf of n objects that nothing tells apart.
func alternativesOf(n int) string {
	branches := make([]string, n)
	for i := range branches {
		branches[i] = fmt.Sprintf(`{"type":"object","required":["a%d"]}`, i)
	}
	return `{"anyOf":[` + strings.Join(branches, ",") + `]}`
}

func many(n int, item func(i int) string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = item(i)
	}
	return strings.Join(list, ",")
}

func same(s string) func(int) string { return func(int) string { return s } }

// tree is an object of two members to the depth d.
func tree(d int) string {
	if d == 0 {
		return "{}"
	}
	sub := tree(d - 1)
	return `{"a":` + sub + `,"b":` + sub + `}`
}

// TestAttacksCostLittle: events that made the library take seconds and gigabytes. What all
// of the judging allocates bounds both its memory and its time.
func TestAttacksCostLittle(t *testing.T) {
	empties := many(300_000, same("{}"))
	branchy := func(n int) string {
		sub := unionOf(n)
		return `{"$ref":"#/$defs/n","$defs":{"n":{"anyOf":[` + sub + `],"properties":{"a":{"$ref":"#/$defs/n"},"b":{"$ref":"#/$defs/n"}}}}}`
	}
	for _, c := range []struct {
		name, schema, payload string
		code                  lazaret.Code // of the first reason; "" for a good event
	}{
		{"a union of 10 for 300,000 items", `{"items":` + unionOf(10) + `}`, "[" + empties + "]", "schema.required"},
		{"the same, nested", `{"items":{"items":` + unionOf(10) + `}}`, "[[" + empties + "]]", "schema.required"},
		{"a union of 100", `{"items":` + unionOf(100) + `}`, "[" + empties + "]", "schema.required"},
		{"no discriminator", `{"items":` + alternativesOf(10) + `}`, "[" + empties + "]", lazaret.CodeSchemaCost},
		{"just below the bound", `{"items":` + alternativesOf(2) + `}`, "[" + many(200_000, same("{}")) + "]", "schema.required"},
		{"members of an object", `{"additionalProperties":` + unionOf(10) + `}`,
			"{" + many(90_000, func(i int) string { return fmt.Sprintf(`"%d":{}`, i) }) + "}", "schema.required"},
		{"names", `{"propertyNames":` + alternativesOf(50) + `}`,
			"{" + many(90_000, func(i int) string { return fmt.Sprintf(`"%d":1`, i) }) + "}", lazaret.CodeSchemaCost},
		{"arrays in arrays", `{"items":{"items":{"items":{"items":` + unionOf(5) + `}}}}`,
			"[" + many(20, same("["+many(20, same("["+many(20, same("["+many(20, same("{}"))+"]"))+"]"))+"]")) + "]", "schema.required"},
		{"a tree", branchy(2), tree(15), "schema.required"},
		{"failures deep down", `{"anyOf":[{"type":"array","items":{"$ref":"#"}},{"type":"object","required":["x"]}]}`,
			strings.Repeat("[", 180) + many(300_000, same("{}")) + strings.Repeat("]", 180), lazaret.CodeSchemaCost},
		{"properties that are missing", `{"items":{"required":["a","b","c","d","e","f","g","h","i"]}}`, "[" + many(97_000, same("{}")) + "]", "schema.required"},
		{"properties that are too many", `{"allOf":[` + many(9, same(`{"additionalProperties":false}`)) + `]}`,
			"{" + many(90_000, func(i int) string { return fmt.Sprintf(`"%d":1`, i) }) + "}", "schema.additionalProperties"},
		{"contains", `{"contains":` + unionOf(10) + `}`, "[" + empties + "]", "schema.contains"},
		{"not", `{"not":{"items":` + unionOf(10) + `}}`, "[" + empties + "]", ""},
		{"unevaluatedItems", `{"unevaluatedItems":` + unionOf(10) + `}`, "[" + many(100_000, same("{}")) + "]", "schema.required"},
		{"uniqueItems at each level", `{"uniqueItems":true,"items":{"$ref":"#"}}`,
			strings.Repeat("[", 180) + many(100_000, func(i int) string { return fmt.Sprint(i) }) + strings.Repeat("]", 180), lazaret.CodeSchemaCost},
		{"many looks at a large object", `{"allOf":[` + many(4000, same(`{"maxProperties":9}`)) + `]}`,
			"{" + many(90_000, func(i int) string { return fmt.Sprintf(`"%d":1`, i) }) + "}", lazaret.CodeSchemaCost},
		{"numbers with exponents", `{"items":{"multipleOf":1e-300,"minimum":1}}`, "[" + many(100_000, same("1e300")) + "]", lazaret.CodeSchemaCost},
		{"dynamic references", `{"$dynamicAnchor":"n","anyOf":[{"type":"array","items":{"$dynamicRef":"#n"}},{"type":"object","required":["x"]}]}`,
			"[" + empties + "]", lazaret.CodeSchemaCost},
		{"a pattern for a long text", `{"properties":{"t":{"pattern":"[ab]*a[ab]{1000}c"}}}`, `{"t":"` + strings.Repeat("a", 1_000_000) + `"}`, lazaret.CodeSchemaCost},
		{"many patterns", `{"properties":{"t":{"allOf":[` + many(20, func(i int) string { return fmt.Sprintf(`{"pattern":"[ab]*a[ab]{%d}c"}`, 900+i) }) + `]}}}`,
			`{"t":"` + strings.Repeat("a", 30_000) + `"}`, lazaret.CodeSchemaCost},
		{"many names that lead somewhere", `{"properties":{` + many(11_000, func(i int) string { return fmt.Sprintf(`"p%d":true`, i) }) + `},"additionalProperties":{"$ref":"#"}}`,
			"{" + many(11_000, func(i int) string { return fmt.Sprintf(`"p%d":1`, i) }) + "}", ""},
		{"many ways through a recursive schema", `{"properties":{"a":{"$ref":"#"},"b":{"$ref":"#"},` + many(1000, func(i int) string { return fmt.Sprintf(`"p%d":true`, i) }) + `}}`, tree(14), ""},
		{"dependents of many names", `{"items":{"dependentRequired":{` + many(20_000, func(i int) string { return fmt.Sprintf(`"n%d":[]`, i) }) + `}}}`, "[" + many(100_000, same("{}")) + "]", lazaret.CodeSchemaCost},
		{"a pattern for names", `{"patternProperties":{"[ab]*a[ab]{1000}c":true}}`, `{"` + strings.Repeat("a", 1_000_000) + `":1}`, lazaret.CodeSchemaCost},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustCompile(t, c.schema)
			if len(c.payload) > 1<<20 {
				t.Fatalf("%d bytes are more than one event may have", len(c.payload))
			}
			_, readBytes := allocated(t, Any(jsonread.DefaultLimits), c.payload)
			start := time.Now()
			r, bytes := allocated(t, s, c.payload)
			took := time.Since(start)
			t.Logf("%s, %d MB more than reading it", took, (bytes-readBytes)>>20)
			if took > hang {
				t.Errorf("took %s", took)
			}
			if bytes > readBytes+budgetBytes {
				t.Errorf("allocated %d MB in all", bytes>>20)
			}
			if c.code == "" {
				if len(r.Reasons) != 0 {
					t.Errorf("got %s", brief(r.Reasons))
				}
				return
			}
			if len(r.Reasons) == 0 || r.Reasons[0].Code != c.code {
				t.Fatalf("got %s, expected %s", brief(r.Reasons), c.code)
			}
			again, _ := allocated(t, s, c.payload)
			if brief(again.Reasons) != brief(r.Reasons) || again.More != r.More {
				t.Errorf("not deterministic:\n%s\n%s", brief(r.Reasons), brief(again.Reasons))
			}
		})
	}
}

// budgetBytes is what the judging of one event may allocate in all, garbage included.
const budgetBytes = 600 << 20

// allocated judges and returns what that allocated, garbage included.
func allocated(t *testing.T, s *Schema, payload string) (Result, uint64) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := s.Judge([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	return r, after.TotalAlloc - before.TotalAlloc
}

// TestLargeEventsPass: a megabyte of an ordinary kind is within the budget.
func TestLargeEventsPass(t *testing.T) {
	uuid := "0190b2f1-7c3e-7d4a-9f00-1a2b3c4d5e6f"
	for _, c := range []struct{ name, schema, payload string }{
		{"clickstream", clickstream, string(event(1_000_000))},
		{"100,000 numbers", `{"items":{"type":"number","minimum":0}}`, "[" + many(100_000, same("12345.678")) + "]"},
		{"500,000 digits", `{"items":{"type":"integer"}}`, "[" + many(500_000, same("1")) + "]"},
		{"a union with a discriminator", `{"items":` + unionOf(10) + `}`,
			"[" + many(40_000, func(i int) string { return fmt.Sprintf(`{"kind":"k%d","id":%d}`, i%10, i) }) + "]"},
		{"nullable", `{"items":{"type":"object","additionalProperties":{"anyOf":[{"type":"null"},{"type":"string"}]}}}`,
			"[" + many(25_000, func(i int) string { return fmt.Sprintf(`{"name":"n%d","city":null,"x":"y"}`, i) }) + "]"},
		{"patterns", `{"items":{"pattern":"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"}}`, "[" + many(26_000, same(`"`+uuid+`"`)) + "]"},
		{"a long text", `{"properties":{"t":{"type":"string","pattern":"^[\\x20-\\x7e\\s]*$","maxLength":2000000}}}`, `{"t":"` + strings.Repeat("word ", 200_000) + `"}`},
		{"cases", `{"items":{"allOf":[` + many(20, func(i int) string {
			return fmt.Sprintf(`{"if":{"properties":{"k":{"const":%d}},"required":["k"]},"then":{"required":["v"],"properties":{"v":{"type":"string"},"w":{"type":"string"}}}}`, i)
		}) + `]}}`, "[" + many(10_000, func(i int) string { return fmt.Sprintf(`{"k":%d,"v":"x","w":"a longer text that is here"}`, i%20) }) + "]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			r, bytes := allocated(t, mustCompile(t, c.schema), c.payload)
			t.Logf("%d bytes: %s, %d MB", len(c.payload), time.Since(start), bytes>>20)
			if len(r.Reasons) != 0 {
				t.Errorf("got %s", brief(r.Reasons))
			}
		})
	}
}

// TestBoundedJudgesAlike: the form for events that cost much gives the same verdict and,
// as long as it looks at all of an event, the same reasons and the same number of more.
func TestBoundedJudgesAlike(t *testing.T) {
	schemas := []*Schema{mustCompile(t, everything), mustCompile(t, clickstream),
		mustCompile(t, `{"items":`+unionOf(4)+`}`), mustCompile(t, `{"items":{"anyOf":[{"items":`+alternativesOf(3)+`},{"additionalProperties":{"type":"string"},"minProperties":2}]}}`),
		mustCompile(t, `{"properties":{"a":{"type":"string"}},"patternProperties":{"^x":{"minimum":3}},"additionalProperties":false,"not":{"required":["z"],"properties":{"z":{"items":{"type":"null"}}}}}`),
		mustCompile(t, `{"allOf":[{"properties":{"a":true}},{"items":{"properties":{"kind":true}}}],"unevaluatedProperties":false,"unevaluatedItems":{"type":"string"},"contains":{"type":"object"},"maxContains":2}`),
		mustCompile(t, `{"$schema":"http://json-schema.org/draft-07/schema#","items":[{"type":"string"},{"minimum":2}],"additionalItems":false,"dependencies":{"a":{"required":["b"]}}}`)}
	rng := rand.New(rand.NewPCG(1, 2))
	bad := 0
	for range 20_000 {
		s := schemas[rng.IntN(len(schemas))]
		value := anything(rng, 4)
		payload, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		want, err := s.Judge(payload)
		if err != nil {
			t.Fatal(err)
		}
		if problem := sameBounded(s, payload, want); problem != "" {
			t.Fatalf("%s\n%v", problem, value)
		}
		if len(want.Reasons) > 0 {
			bad++
		}
	}
	if bad < 1000 || bad > 19_900 {
		t.Errorf("%d of the events are bad", bad)
	}
}

// TestManyFailuresStop: beyond 100 bad members no more are looked at; the first are told.
func TestManyFailuresStop(t *testing.T) {
	s := mustCompile(t, `{"items":`+unionOf(10)+`}`)
	r, _ := allocated(t, s, "["+many(300_000, same("{}"))+"]")
	if len(r.Reasons) != lazaret.MaxReasons || r.Reasons[0].Path != "/0/kind" || r.More != maxFailing-lazaret.MaxReasons {
		t.Errorf("%d more than %s", r.More, brief(r.Reasons))
	}
}

// anything makes a value of few names and values, so that schemas meet them.
func anything(rng *rand.Rand, depth int) any {
	names := []string{"a", "b", "kind", "id", "x1", "z", "session", "items", "event_type"}
	switch n := rng.IntN(8); {
	case depth > 0 && n < 3:
		obj := map[string]any{}
		for range rng.IntN(4) {
			obj[names[rng.IntN(len(names))]] = anything(rng, depth-1)
		}
		return obj
	case depth > 0 && n < 6:
		list := make([]any, rng.IntN(5))
		for i := range list {
			list[i] = anything(rng, depth-1)
		}
		return list
	default:
		return []any{nil, true, "", "k1", "k2", "click", json.Number("1"), json.Number("2.5"), json.Number("4")}[rng.IntN(9)]
	}
}
