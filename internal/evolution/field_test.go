package evolution

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/schemas"
	"github.com/lazaret/lazaret/schemas/infer"
)

// anything makes a value of the names and types that producers come up with.
func anything(r *rand.Rand, depth int) any {
	n := 9
	if depth == 0 {
		n = 5
	}
	switch r.IntN(n) {
	case 0:
		return "x"
	case 1:
		return r.IntN(10)
	case 2:
		return 1.5
	case 3:
		return r.IntN(2) == 0
	case 4:
		return nil
	case 5, 6:
		list := []any{}
		for range r.IntN(3) {
			list = append(list, anything(r, depth-1))
		}
		return list
	}
	return object(r, depth)
}

func object(r *rand.Rand, depth int) map[string]any {
	o := map[string]any{}
	for range r.IntN(5) {
		o[string(rune('a'+r.IntN(6)))] = anything(r, depth-1)
	}
	return o
}

// intrusions are the value with something that no sample has at one place after another.
func intrusions(v any) (list []any) {
	junk := map[string]any{"password": "hunter2"}
	switch v := v.(type) {
	case map[string]any:
		more := maps.Clone(v)
		more["junk"] = []any{junk}
		list = append(list, more)
		for name, inner := range v {
			for _, one := range intrusions(inner) {
				other := maps.Clone(v)
				other[name] = one
				list = append(list, other)
			}
		}
	case []any:
		list = append(list, append(slices.Clone(v), junk))
		for i, inner := range v {
			for _, one := range intrusions(inner) {
				other := slices.Clone(v)
				other[i] = one
				list = append(list, other)
			}
		}
	}
	return list
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func compiled(t *testing.T, doc []byte) *schemas.Schema {
	t.Helper()
	s, err := schemas.Compile(doc, schemas.Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, doc)
	}
	return s
}

// edited is a schema with the edit that events ask for. All must ask for the same.
func edited(t *testing.T, document string, events []any) (doc text, w want) {
	t.Helper()
	base := compiled(t, []byte(document))
	reader, ok := newReader([]byte(document))
	if !ok {
		t.Fatal("not read")
	}
	seen := infer.New(bounds)
	for _, event := range events {
		payload := marshal(t, event)
		reasons := refusals(base, payload)
		wants, ok := (&tally{reader: reader}).wants(reasons, payload)
		if !ok || len(wants) != 1 || w.kind != "" && wants[0].key() != w.key() {
			t.Fatalf("%s asks for %+v for %v, others for %+v", payload, wants, reasons, w)
		}
		w = wants[0]
		at, _ := text(payload).find(w.exact)
		if err := seen.Add(payload[at.start:at.end]); err != nil {
			t.Fatal(err)
		}
	}
	s := reader.shape(w)
	doc, err := w.apply(text(document), fieldSchema(seen, s), s)
	if err != nil {
		t.Fatal(err)
	}
	if found := schemas.Compare(schemas.LevelBackward, compiled(t, doc), base); found.Answer != schemas.Compatible {
		t.Fatalf("%+v\n%s", found, doc)
	}
	for _, event := range events {
		if payload := marshal(t, event); len(refusals(compiled(t, doc), payload)) > 0 {
			t.Fatalf("%s is refused by\n%s", payload, doc)
		}
	}
	return doc, w
}

func refusals(s *schemas.Schema, payload []byte) []lazaret.Reason {
	result, err := s.Judge(payload)
	if err != nil {
		panic(err) // it is well formed
	}
	return result.Reasons
}

// What is added to a closed schema is closed in all its depth, is proved to be compatible,
// and takes the events that it is made for: a new field, the objects and arrays of a new
// type, a new branch. A branch asks for what all its events have where its siblings do.
func TestClosedStaysClosed(t *testing.T) {
	for _, c := range []struct {
		name, document string
		event          func(r *rand.Rand) map[string]any
		required       bool
	}{
		{"a field", `{"type":"object","additionalProperties":false,"properties":{"k":{"type":"string"}}}`,
			func(r *rand.Rand) map[string]any { return map[string]any{"k": "a", "new": anything(r, 4)} }, false},
		{"a field in draft 4", `{"$schema":"http://json-schema.org/draft-04/schema#","type":"object","additionalProperties":false,"properties":{"k":{"type":"string"}}}`,
			func(r *rand.Rand) map[string]any { return map[string]any{"k": "a", "new": anything(r, 4)} }, false},
		{"a field of what is not evaluated", "{\n  \"type\": \"object\",\n  \"properties\": {\n    \"k\": {\n      \"type\": \"string\"\n    }\n  },\n  \"unevaluatedProperties\": false\n}",
			func(r *rand.Rand) map[string]any { return map[string]any{"k": "a", "new": anything(r, 4)} }, false},
		{"an object", "{\n  \"type\": \"object\",\n  \"additionalProperties\": false,\n  \"properties\": {\n    \"new\": {\n      \"type\": \"string\"\n    }\n  }\n}",
			func(r *rand.Rand) map[string]any { return map[string]any{"new": object(r, 4)} }, false},
		{"an array", `{"type":"object","additionalProperties":false,"properties":{"new":{"type":["string","null"]}}}`,
			func(r *rand.Rand) map[string]any { return map[string]any{"new": []any{anything(r, 3)}} }, false},
		{"items", `{"type":"object","additionalProperties":false,"properties":{"new":{"type":"array","items":false}}}`,
			func(r *rand.Rand) map[string]any { return map[string]any{"new": []any{anything(r, 3)}} }, false},
		{"a branch", `{"oneOf":[{"type":"object","additionalProperties":false,"properties":{"type":{"const":"p"},"x":{}},"required":["type","x"]},{"$ref":"#/$defs/q"}],
			"$defs":{"q":{"type":"object","additionalProperties":false,"properties":{"type":{"const":"q"},"y":{}},"required":["type","y"]}}}`,
			func(r *rand.Rand) map[string]any {
				o := object(r, 4)
				o["type"], o["always"] = "c", map[string]any{"in": 1}
				return o
			}, true},
	} {
		tried := 0
		for seed := range uint64(60) {
			r := rand.New(rand.NewPCG(seed, 6))
			var events []any
			for range 1 + r.IntN(5) {
				events = append(events, c.event(r))
			}
			doc, _ := edited(t, c.document, events)
			next := compiled(t, doc)
			for _, event := range events {
				for _, bad := range intrusions(event) {
					tried++
					if payload := marshal(t, bad); len(refusals(next, payload)) == 0 {
						t.Fatalf("%s: seed %d: %s passes\n%s", c.name, seed, payload, doc)
					}
				}
				if c.required {
					less := maps.Clone(event.(map[string]any))
					if delete(less, "always"); len(refusals(next, marshal(t, less))) == 0 {
						t.Fatalf("%s: seed %d: an event without what all have passes\n%s", c.name, seed, doc)
					}
				}
			}
		}
		if tried < 100 {
			t.Errorf("%s: only %d events were tried", c.name, tried)
		}
	}
}

// A branch is closed where its siblings are: in what is in them, where it is the object
// around the union that refuses unknown members, or where a sibling says so in a part of it.
// What the object around it declares, a branch takes.
func TestBranchesLikeTheirSiblings(t *testing.T) {
	for _, c := range []struct {
		name, document string
		good, bad      []string
	}{
		{"the payload", `{"type":"object","properties":{"type":{"type":"string"},"payload":{"type":"object"},"note":{}},"additionalProperties":false,
			"oneOf":[{"properties":{"type":{"const":"a"},"payload":{"$ref":"#/$defs/p"}}},{"properties":{"type":{"const":"b"}}}],"$defs":{"p":{"properties":{},"additionalProperties":false}}}`,
			[]string{`{"type":"c","payload":{"x":{"y":1}}}`, `{"type":"c","note":1}`, `{"type":"c"}`}, []string{`{"type":"c","payload":{"z":1}}`, `{"type":"c","payload":{"x":{"z":1}}}`}},
		{"what is not evaluated", `{"type":"object","properties":{"note":{}},"unevaluatedProperties":false,
			"oneOf":[{"properties":{"type":{"const":"a"}},"required":["type"]},{"properties":{"type":{"const":"b"}},"required":["type"]}]}`,
			[]string{`{"type":"c","note":1}`, `{"type":"c","payload":{"x":{"y":1}},"note":1}`}, []string{`{"type":"c","more":1}`, `{"type":"c","payload":{"z":1}}`}},
		{"a part", `{"oneOf":[{"properties":{"type":{"const":"a"}},"allOf":[{"$ref":"#/$defs/q"}],"unevaluatedProperties":false},{"properties":{"type":{"const":"b"}}}],
			"$defs":{"q":{"required":["payload"],"properties":{"payload":{}}}}}`,
			[]string{`{"type":"c","payload":{"x":{}}}`}, []string{`{"type":"c","payload":{"x":{}},"more":1}`, `{"type":"c"}`}},
		{"draft 4", `{"$schema":"http://json-schema.org/draft-04/schema#","anyOf":[{"properties":{"type":{"enum":["a"]}},"required":["type"],"additionalProperties":false},{"properties":{"type":{"enum":["b"]}},"required":["type"],"additionalProperties":false}]}`,
			[]string{`{"type":"c"}`, `{"type":"c","payload":{"x":{"y":1}}}`}, []string{`{"type":"d"}`, `{"type":"c","more":1}`}},
		{"itself", `{"anyOf":[{"properties":{"type":{"const":"a"},"in":{"$ref":"#"}}},{"properties":{"type":{"const":"b"}}}]}`,
			[]string{`{"type":"c","payload":{"z":1},"more":1}`}, nil},
	} {
		doc, _ := edited(t, c.document, []any{map[string]any{"type": "c", "payload": map[string]any{"x": map[string]any{"y": 1}}}})
		next := compiled(t, doc)
		for _, payload := range c.good {
			if why := refusals(next, []byte(payload)); len(why) > 0 {
				t.Errorf("%s: %s is refused: %v\n%s", c.name, payload, why, doc)
			}
		}
		for _, payload := range c.bad {
			if len(refusals(next, []byte(payload))) == 0 {
				t.Errorf("%s: %s passes\n%s", c.name, payload, doc)
			}
		}
	}
}

// A branch beside open ones is open, and asks for no more than they do.
func TestOpenStaysOpen(t *testing.T) {
	const document = `{"oneOf":[{"type":"object","properties":{"type":{"const":"p"}},"required":["type"]},{"type":"object","properties":{"type":{"const":"q"}},"required":["type"]}]}`
	doc, _ := edited(t, document, []any{map[string]any{"type": "c", "x": map[string]any{"y": 1}}})
	for _, payload := range []string{`{"type":"c"}`, `{"type":"c","x":{"z":1},"more":1}`} {
		if len(refusals(compiled(t, doc), []byte(payload))) > 0 {
			t.Errorf("%s is refused by\n%s", payload, doc)
		}
	}
}

// What takes more than was seen, whatever its neighbours are, is for people to accept.
func TestWide(t *testing.T) {
	many := map[string]any{}
	for i := range 60 {
		many[fmt.Sprint("k", i)] = i
	}
	for _, c := range []struct {
		values []any
		want   string
	}{
		{[]any{"a", nil}, ""},
		{[]any{1, 2.5}, ""},
		{[]any{map[string]any{"a": []any{1}}}, ""},
		{[]any{"a", 1}, "several types"},
		{[]any{map[string]any{"a": []any{1, "x"}}}, "several types"},
		{[]any{many}, "a map"},
	} {
		seen := infer.New(bounds)
		for _, v := range c.values {
			if err := seen.Add(marshal(t, v)); err != nil {
				t.Fatal(err)
			}
		}
		if got := wide(decoded(fieldSchema(seen, shape{closed: true}))); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%v: %q, want %q", c.values, got, c.want)
		}
	}
}
