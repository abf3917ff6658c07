package schemas

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// TestPlacesBoundTheMeter: what the machine counts while it reads an event is never less
// than what the meter counts of its value; else the checker would accept an event that the
// meter refuses.
func TestPlacesBoundTheMeter(t *testing.T) {
	list := []string{everything, clickstream, unionOf(6), `{"items":` + unionOf(4) + `}`,
		`{"items":{"anyOf":[{"items":` + alternativesOf(3) + `},{"additionalProperties":{"type":"string"},"minProperties":2}]}}`,
		`{"properties":{"a":{"type":"string","pattern":"^(a|b)*$"}},"patternProperties":{"^x":{"minimum":3},"z":{"$ref":"#"}},"additionalProperties":false,"propertyNames":{"pattern":"^[a-z_0-9]*$","maxLength":12}}`,
		`{"allOf":[{"properties":{"a":{"$ref":"#"}}},{"items":{"properties":{"kind":true}}}],"unevaluatedProperties":{"type":"array"},"unevaluatedItems":{"type":"string"},"contains":{"type":"object"},"uniqueItems":true}`,
		`{"$schema":"http://json-schema.org/draft-07/schema#","items":[{"type":"string"},{"minimum":2}],"additionalItems":{"$ref":"#"},"dependencies":{"a":{"required":["b","c"]},"b":["x","y"]},"propertyNames":{"maxLength":9}}`,
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for _, document := range list {
		s := mustCompile(t, document)
		c := s.checker()
		for range 1500 {
			payload, err := json.Marshal(anything(rng, 5))
			if err != nil {
				t.Fatal(err)
			}
			value, bad := jsonread.Decode(payload, s.limits)
			if bad != nil {
				t.Fatal(bad)
			}
			const enough = 1 << 50
			exact := meter{schema: s, left: enough}
			exact.walk(s.root, value, 0)
			m := c.newMachine()
			m.data, m.limit, m.metered, m.place = payload, enough, true, c.places().root
			if !m.run(c.skip) || m.ticks < enough-exact.left {
				t.Fatalf("%s\n%s\ncounted %d, the meter %d", document, payload, m.ticks, enough-exact.left)
			}
		}
	}
}
