package schemas

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// TestPlacesBoundTheMeter: what the machine counts while it reads an event is never less
// than what the meter counts of its value; else the checker would accept an event that the
// meter refuses.
func TestPlacesBoundTheMeter(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, document := range meteredSchemas {
		s := mustCompile(t, document)
		c := s.checker()
		for range 1500 {
			payload, cost := costOf(t, s, costlyValue(rng))
			m := c.newMachine()
			m.data, m.limit, m.mode, m.place = payload, enough, metering, c.places().root
			if !m.run(c.skip) || m.ticks < cost {
				t.Fatalf("%s\n%s\ncounted %d, the meter %d", document, payload, m.ticks, cost)
			}
		}
	}
}

// TestSizesBoundTheMeter: what is sure from the size of an event, or from how many values
// it has, the meter finds too.
func TestSizesBoundTheMeter(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, document := range meteredSchemas {
		s := mustCompile(t, document)
		c := s.checker()
		for range 1500 {
			payload, cost := costOf(t, s, costlyValue(rng))
			m := c.newMachine()
			m.data = payload
			if !m.run(c.skip) {
				t.Fatalf("not well-formed: %s", payload)
			}
			if s.within(len(payload), cost-1) || s.withinValues(m.work+1, len(payload), cost-1) {
				t.Fatalf("%s\n%s\n%d bytes, %d values: the meter counts %d", document, payload, len(payload), m.work+1, cost)
			}
		}
	}
}

// enough ticks for any event.
const enough = 1 << 50

// costOf is what the meter counts of a value.
func costOf(t *testing.T, s *Schema, payload []byte) ([]byte, int) {
	t.Helper()
	value, bad := jsonread.Decode(payload, s.limits)
	if bad != nil {
		t.Fatal(bad)
	}
	exact := meter{schema: s, left: enough}
	exact.walk(s.root, value, 0)
	return payload, enough - exact.left
}

// costlyValue is a random value, sometimes of many that cost much for their size.
func costlyValue(rng *rand.Rand) []byte {
	if rng.IntN(2) == 0 {
		payload, err := json.Marshal(anything(rng, 5))
		if err != nil {
			panic(err)
		}
		return payload
	}
	items := []string{"1e1", "1e-7", "{}", "[]", "0", `""`, `"` + strings.Repeat("a", rng.IntN(200)) + `"`, `{"a":1e2}`, `{"x":{},"` + strings.Repeat("z", rng.IntN(90)) + `":[1e1]}`}
	if rng.IntN(2) == 0 {
		items = items[:1+rng.IntN(len(items))]
	}
	list := many(1+rng.IntN(60), func(int) string { return items[rng.IntN(len(items))] })
	for range 1 + rng.IntN(4) {
		list = "[" + list + "]"
	}
	return []byte(list)
}

var meteredSchemas = []string{everything, clickstream, unionOf(6), `{"items":` + unionOf(4) + `}`,
	`{"items":{"anyOf":[{"items":` + alternativesOf(3) + `},{"additionalProperties":{"type":"string"},"minProperties":2}]}}`,
	`{"properties":{"a":{"type":"string","pattern":"^(a|b)*$"}},"patternProperties":{"^x":{"minimum":3},"z":{"$ref":"#"}},"additionalProperties":false,"propertyNames":{"pattern":"^[a-z_0-9]*$","maxLength":12}}`,
	`{"allOf":[{"properties":{"a":{"$ref":"#"}}},{"items":{"properties":{"kind":true}}}],"unevaluatedProperties":{"type":"array"},"unevaluatedItems":{"type":"string"},"contains":{"type":"object"},"uniqueItems":true}`,
	`{"$schema":"http://json-schema.org/draft-07/schema#","items":[{"type":"string"},{"minimum":2}],"additionalItems":{"$ref":"#"},"dependencies":{"a":{"required":["b","c"]},"b":["x","y"]},"propertyNames":{"maxLength":9}}`,
	`{"uniqueItems":true,"items":{"uniqueItems":true,"items":{"$ref":"#"}}}`,
	`{"uniqueItems":true}`,
}
