package infer_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/schemas"
	"github.com/lazaret/lazaret/schemas/infer"
)

// eager are options that generalise on next to no evidence.
var eager = infer.Options{FormatAtLeast: 1, EnumAtLeast: 1, EnumAtMost: 60, MapAtLeast: 3}

func add(t *testing.T, n *infer.Inference, values ...string) {
	t.Helper()
	for _, v := range values {
		if err := n.Add([]byte(v)); err != nil {
			t.Fatal(err)
		}
	}
}

// accepts holds that a schema compiles and accepts the values.
func accepts(t *testing.T, schema []byte, values []string) {
	t.Helper()
	s, err := schemas.Compile(schema, schemas.Options{})
	if err != nil {
		t.Fatalf("the schema does not compile: %v\n%.3000s", err, schema)
	}
	for _, v := range values {
		r, err := s.Judge([]byte(v))
		if err != nil || len(r.Reasons) > 0 {
			t.Fatalf("a value that was taken in is refused: %v %v\n%.2000s\nby\n%.5000s", err, r.Reasons, v, schema)
		}
	}
}

func plain(n *infer.Inference, o infer.Options) string {
	o.Plain, o.Fragment = true, true
	var compact strings.Builder
	var v any
	if err := json.Unmarshal(n.Schema(o), &v); err != nil {
		return err.Error()
	}
	enc := json.NewEncoder(&compact)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(compact.String())
}

// What is inferred, place by place. Members are sorted here.
func TestWhatIsInferred(t *testing.T) {
	times := func(n int, format string) (list []string) {
		for i := range n {
			list = append(list, strings.ReplaceAll(format, "#", fmt.Sprint(i)))
		}
		return list
	}
	for name, c := range map[string]struct {
		values []string
		want   string
	}{
		"nothing":            {nil, `{}`},
		"integers":           {[]string{"1", "-7"}, `{"type":"integer"}`},
		"a fraction among":   {[]string{"1", "1.5"}, `{"type":"number"}`},
		"1.0 is no integer":  {[]string{"1.0"}, `{"type":"number"}`},
		"only null":          {[]string{"null"}, `{}`},
		"nullable":           {[]string{"null", "true"}, `{"type":["boolean","null"]}`},
		"several types":      {[]string{`"a"`, "1", "[]", "{}", "null"}, `{"type":["object","array","string","integer","null"]}`},
		"required":           {[]string{`{"a":1,"b":1}`, `{"a":1}`}, `{"properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["a"],"type":"object"}`},
		"items are merged":   {[]string{`[1,"a"]`, `[null]`}, `{"items":{"type":["string","integer","null"]},"type":"array"}`},
		"items of objects":   {[]string{`[{"a":1},{}]`}, `{"items":{"properties":{"a":{"type":"integer"}},"type":"object"},"type":"array"}`},
		"escaped names":      {[]string{`{"\u0061":1}`, `{"a":2}`}, `{"properties":{"a":{"type":"integer"}},"required":["a"],"type":"object"}`},
		"uuid":               {times(10, `"0000000#-0000-4000-8000-000000000000"`), `{"format":"uuid","type":"string"}`},
		"too few for uuid":   {times(9, `"0000000#-0000-4000-8000-000000000000"`), `{"type":"string"}`},
		"date-time":          {times(10, `"2026-01-02T03:04:0#Z"`), `{"format":"date-time","type":"string"}`},
		"one is none":        {append(times(10, `"2026-01-02T03:04:0#Z"`), `"today"`), `{"type":"string"}`},
		"always one date":    {times(30, `"2026-01-02"`), `{"type":"string"}`},
		"date":               {times(10, `"2026-01-0#"`)[1:], `{"type":"string"}`},
		"dates":              {times(20, `"20#-01-01"`)[10:], `{"format":"date","type":"string"}`},
		"time":               {times(10, `"03:04:0#Z"`), `{"format":"time","type":"string"}`},
		"email":              {times(10, `"user#@example.com"`), `{"format":"email","type":"string"}`},
		"uri":                {times(10, `"https://example.com/#"`), `{"format":"uri","type":"string"}`},
		"a colon is no uri":  {times(10, `"user:#"`), `{"type":"string"}`},
		"ipv4":               {times(10, `"192.0.2.#"`), `{"format":"ipv4","type":"string"}`},
		"ipv6":               {times(10, `"2001:db8::#"`), `{"format":"ipv6","type":"string"}`},
		"words are no hosts": {times(10, `"a#.example.com"`), `{"type":"string"}`},
		"hosts by name":      {times(10, `{"hostname":"a#.example.com"}`), `{"properties":{"hostname":{"format":"hostname","type":"string"}},"required":["hostname"],"type":"object"}`},
		"enum":               {append(times(30, `"on"`), times(30, `"off"`)...), `{"enum":["off","on"],"type":"string"}`},
		"nullable enum":      {append(append(times(30, `"on"`), times(30, `"off"`)...), "null"), `{"enum":["off","on",null],"type":["string","null"]}`},
		"a rare value":       {append(append(times(30, `"on"`), times(30, `"off"`)...), `"dim"`), `{"type":"string"}`},
		"ids are no enum":    {append(times(30, `"u8123"`), times(30, `"u8124"`)...), `{"type":"string"}`},
		"one value is none":  {times(99, `"on"`), `{"type":"string"}`},
		"a type more":        {append(append(times(30, `"on"`), times(30, `"off"`)...), "1"), `{"type":["string","integer"]}`},
		"a map by ids":       {[]string{`{` + strings.Join(times(20, `"1#":{"n":#}`), ",") + `}`}, `{"additionalProperties":{"properties":{"n":{"type":"integer"}},"required":["n"],"type":"object"},"type":"object"}`},
		"a map by width":     {times(1001, `{"k#":1}`), `{"additionalProperties":{"type":"integer"},"type":"object"}`},
		"a map by rarity":    {times(60, `{"k#":true}`), `{"additionalProperties":{"type":"boolean"},"type":"object"}`},
		"deep":               {[]string{strings.Repeat("[", 33) + strings.Repeat("]", 33)}, strings.Repeat(`{"items":`, 32) + `{"type":"array"}` + strings.Repeat(`,"type":"array"}`, 32)},
	} {
		n := infer.New(infer.Bounds{})
		add(t, n, c.values...)
		if got := plain(n, infer.Options{}); got != c.want {
			t.Errorf("%s: got  %s\nwant %s", name, got, c.want)
		}
		accepts(t, n.Schema(infer.Options{}), c.values)
	}
}

// The document is for people: members in the order of the events, ranges as annotations
// that assert nothing, and what is short on one line.
func TestDocument(t *testing.T) {
	n := infer.New(infer.Bounds{})
	add(t, n, `{"z":1,"name":"Zoë","tags":["a"]}`, `{"z":25e-1,"name":"\u00e9","tags":[],"note":null}`)
	const want = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$comment": "inferred from 2 values",
  "title": "things",
  "type": "object",
  "properties": {
    "z": {"type": "number", "x-observed": {"minimum": 1, "maximum": 25e-1}},
    "name": {"type": "string", "x-observed": {"minLength": 1, "maxLength": 3}},
    "tags": {
      "type": "array",
      "items": {
        "type": "string",
        "x-observed": {"minLength": 1, "maxLength": 1}
      },
      "x-observed": {"minItems": 0, "maxItems": 1}
    },
    "note": {"x-observed": {"share": 0.5}}
  },
  "required": ["z", "name", "tags"],
  "additionalProperties": false
}
`
	o := infer.Options{Title: "things", Closed: true}
	if got := string(n.Schema(o)); got != want {
		t.Errorf("got\n%s", got)
	}
	if notes := n.Notes(o); len(notes) != 1 || notes[0].Pointer != "/note" {
		t.Errorf("notes: %v", notes)
	}
	if notices := schemas.Lint([]byte(want)); len(notices) > 0 {
		t.Errorf("the schema has notices of its own: %v", notices)
	}
}

// What is not JSON changes nothing, and the error holds no value.
func TestNotJSON(t *testing.T) {
	n := infer.New(infer.Bounds{JSON: jsonread.Limits{Depth: 5}})
	add(t, n, `{"a":1}`)
	before := string(n.Schema(infer.Options{}))
	for _, bad := range []string{``, `{"a":"secret"`, `{"a":1,"a":2}`, `{"b":1}{`, `[[[[[[1]]]]]]`, "\"\xff\""} {
		if err := n.Add([]byte(bad)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if after := string(n.Schema(infer.Options{})); after != before || n.Count() != 1 {
		t.Errorf("what is not JSON left something: %s", after)
	}
}

// One field of many events is inferred as its values alone would be.
func TestAt(t *testing.T) {
	all, one := infer.New(infer.Bounds{}), infer.New(infer.Bounds{})
	for i := range 50 {
		v := fmt.Sprintf(`{"id":"a%d","on":%v}`, i, i%2 == 0)
		add(t, one, v)
		add(t, all, `{"list":[`+v+`],"other":1}`)
	}
	at, ok := all.At("/list/*")
	if !ok || string(at.Schema(infer.Options{})) != string(one.Schema(infer.Options{})) {
		t.Errorf("got %s", at.Schema(infer.Options{}))
	}
	add(t, at, `{"id":1}`)
	if again, _ := all.At("/list/0"); string(again.Schema(infer.Options{})) != string(one.Schema(infer.Options{})) {
		t.Error("the copy is not one")
	}
	for _, pointer := range []string{"/none", "list", "/other/x", "/list/x"} {
		if _, ok := all.At(pointer); ok {
			t.Errorf("%s is known", pointer)
		}
	}
}

// Every value that was taken in is valid under the schema, whatever the values, the bounds
// and the options are, and over however many Inferences the values were spread.
func TestSoundness(t *testing.T) {
	rounds := 1500
	if testing.Short() {
		rounds = 300
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(1, uint64(seed)))
		b := infer.Bounds{}
		if seed%2 == 1 {
			b = infer.Bounds{Places: 1 + r.IntN(40), Members: 1 + r.IntN(8), Depth: 1 + r.IntN(5), Distinct: 1 + r.IntN(6)}
		}
		parts := []*infer.Inference{infer.New(b), infer.New(b), infer.New(b)}
		var values []string
		g := generator{Rand: r, names: 1 + r.IntN(30)}
		for range 1 + r.IntN(40) {
			v := g.value(0)
			values = append(values, v)
			add(t, parts[r.IntN(3)], v)
		}
		parts[0].Merge(parts[1])
		parts[0].Merge(parts[2])
		if int(parts[0].Count()) != len(values) {
			t.Fatalf("seed %d: %d values are counted as %d", seed, len(values), parts[0].Count())
		}
		o := infer.Options{Closed: r.IntN(2) == 0, Plain: r.IntN(2) == 0}
		if r.IntN(2) == 0 {
			o.FormatAtLeast, o.EnumAtLeast, o.EnumAtMost, o.MapAtLeast = eager.FormatAtLeast, eager.EnumAtLeast, eager.EnumAtMost, eager.MapAtLeast
		}
		accepts(t, parts[0].Schema(o), values)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// Within the bound on places, the schema is the same in whatever order the values came and
// however they were spread and merged; also where objects are too wide, nested too deeply,
// and texts too many.
func TestMergeIsAssociativeAndCommutative(t *testing.T) {
	for seed := range 500 {
		r := rand.New(rand.NewPCG(2, uint64(seed)))
		b := infer.Bounds{Members: 1 + r.IntN(12), Distinct: 1 + r.IntN(10), Depth: 1 + r.IntN(6)}
		g := generator{Rand: r, names: 1 + r.IntN(15)}
		var values []string
		whole := infer.New(b)
		for range 1 + r.IntN(30) {
			values = append(values, g.value(0))
			add(t, whole, values[len(values)-1])
		}
		o := eager
		o.Closed = true
		want := string(whole.Schema(o))
		for range 4 {
			r.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
			if got := string(spread(t, r, b, values).Schema(o)); got != want {
				t.Fatalf("seed %d:\n%s\nis not\n%s\nof\n%s", seed, got, want, strings.Join(values, "\n"))
			}
		}
	}
}

// spread infers halves and merges them, the one into the other or the other way round.
func spread(t *testing.T, r *rand.Rand, b infer.Bounds, values []string) *infer.Inference {
	if len(values) < 3 || r.IntN(6) == 0 {
		n := infer.New(b)
		add(t, n, values...)
		return n
	}
	cut := r.IntN(len(values) + 1)
	x, y := spread(t, r, b, values[:cut]), spread(t, r, b, values[cut:])
	if r.IntN(2) == 0 {
		x, y = y, x
	}
	before := string(y.Schema(eager))
	x.Merge(y)
	if string(y.Schema(eager)) != before {
		t.Fatal("merging changed what was merged")
	}
	return x
}

// generator writes random values of few names and texts, so that they meet.
type generator struct {
	*rand.Rand
	names int
}

var someTexts = []string{
	`"on"`, `"off"`, `""`, `"2026-01-02"`, `"2026-01-02T03:04:05Z"`, `"03:04:05Z"`, `"a@example.com"`, `"https://example.com/a b"`, `"https://example.com/a"`,
	`"192.0.2.1"`, `"2001:db8::1"`, `"::"`, `"www.example.com"`, `"0d7f1b4c-9a4e-4b59-9d63-0a2f4f7bb1cd"`, `"\ud83c\udf3f"`, `"\u0000"`, `"é"`, `"a\"b\\"`, `"user:1"`, `"urn:a:b"`,
}

var someNumbers = []string{"0", "-0", "1", "1.0", "10e-1", "-2.5", "1e308", "9007199254740993", "9007199254740992", "123456789012345678901234567890", "1e-308", "0.1", "100"}

func (g generator) value(depth int) string {
	kind := g.IntN(9)
	if depth == 0 && g.IntN(3) > 0 {
		kind = 7 + g.IntN(2)
	}
	if depth > 5 {
		kind = g.IntN(7)
	}
	switch kind {
	case 0:
		return "null"
	case 1:
		return []string{"true", "false"}[g.IntN(2)]
	case 2, 3:
		return someNumbers[g.IntN(len(someNumbers))]
	case 4, 5, 6:
		return someTexts[g.IntN(len(someTexts))]
	case 7:
		var items []string
		for range g.IntN(4) {
			items = append(items, g.value(depth+1))
		}
		return "[ " + strings.Join(items, " , ") + "]"
	}
	var list []string
	for i := range g.names {
		if g.IntN(g.names) < 3 {
			name := fmt.Sprintf(`"m%d"`, i)
			switch {
			case i%7 == 1:
				name = fmt.Sprintf(`"%d"`, 1000+i)
			case i%11 == 1:
				name = fmt.Sprintf(`"\u006d~/%d"`, i)
			case i == 13:
				name = `"a\nb"`
			}
			list = append(list, name+" : "+g.value(depth+1))
		}
	}
	g.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return "{" + strings.Join(list, ",\n") + "}"
}
