package schemas

import (
	"encoding/json"
	"fmt"
	"testing"
)

// Pairs that were once said to be compatible, each with the event that shows that they are
// not.
func TestWrongAnswersOnceGiven(t *testing.T) {
	expr := func(required string) string {
		return fmt.Sprintf(`{"$defs":{"expr":{"anyOf":[{"type":"object","required":["not"],"properties":{"not":{"$ref":"#/$defs/list"}}},{"type":"object","required":["lit"],"properties":{"lit":{"type":"number"}}}]},"list":{"anyOf":[{"type":"object","required":["group"],"properties":{"group":{"$ref":"#/$defs/wrap"}}},{"type":"object","required":["item"],"properties":{"item":{"$ref":"#/$defs/expr"}}}]},"wrap":{"type":"object","required":["inner"],"properties":{"inner":{"$ref":"#/$defs/list"}}}},"type":"object","required":[%s],"properties":{"a":{"$ref":"#/$defs/expr"},"b":{"$ref":"#/$defs/wrap"}}}`, required)
	}
	for _, c := range []struct{ name, old, new, event string }{
		{"an assumption that rested on another", expr(`"a","b"`), expr(`"a","b","c"`), `{"a":{"lit":1},"b":{"inner":{"item":{"lit":1}}}}`},
		{"an assumption, and another type", expr(`"a","b"`), `{"type":"null"}`, `{"a":{"lit":1},"b":{"inner":{"item":{"lit":1}}}}`},
		{"one name for two demands", `{"type":"object","maxProperties":1}`, `{"anyOf":[{"patternProperties":{"a":false}},{"patternProperties":{"b":false}}]}`, `{"ab":1}`},
		{"names that differ for another demand", `{"type":"object","propertyNames":{"enum":["a","ab"]}}`, `{"anyOf":[{"patternProperties":{"^a":{"not":{"const":1}}}},{"patternProperties":{"^a$":{"not":{"const":2}}}}]}`, `{"a":2,"ab":1}`},
		{"one name beside a required one", `{"type":"object","maxProperties":2,"required":["type"],"properties":{"type":{"type":"string"}}}`, `{"type":"object","properties":{"type":{"type":"string"}},"anyOf":[{"patternProperties":{"^x-":false}},{"patternProperties":{"-y$":false}}]}`, `{"type":"a","x-y":1}`},
		{"names by propertyNames", `{"type":"object","maxProperties":1}`, `{"anyOf":[{"propertyNames":{"maxLength":2}},{"propertyNames":{"pattern":"^a"}}]}`, `{"bcd":1}`},
		{"a letter outside of its class", `{"type":"string"}`, `{"type":"string","pattern":"^[\\x00-~é]*$"}`, `"ü"`},
		{"a letter outside of its class, of one", `{"type":"string","maxLength":1}`, `{"type":"string","pattern":"^[\\x00-zé]*$"}`, `"|"`},
		{"a letter outside of its class, denied", `{"type":"string"}`, `{"type":"string","not":{"pattern":"[^\\x00-~é]"}}`, `"ü"`},
		{"items that differ from none of their kind", `{"items":{"not":{"const":1}},"prefixItems":[{"type":"integer"},{"const":0}],"type":"array","uniqueItems":true}`, `{"items":false,"prefixItems":[{"type":"integer"},{"const":0}],"type":"array","uniqueItems":true}`, `[1,0,"x"]`},
		{"items that match twice", `{"type":"array","contains":{"const":1},"minContains":2}`, `{"type":"array","contains":{"const":1},"minContains":3}`, `[1,1]`},
		{"items that match, and more", `{"type":"array","contains":{"type":"string"},"minContains":2}`, `{"type":"array","minItems":3}`, `["",""]`},
	} {
		older, err := Compile([]byte(c.old), Options{})
		if err != nil {
			t.Fatal(err)
		}
		newer, err := Compile([]byte(c.new), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !good(older, []byte(c.event)) || good(newer, []byte(c.event)) {
			t.Fatalf("%s: %s shows nothing", c.name, c.event)
		}
		if got := Compare(LevelBackward, newer, older); got.Answer != Incompatible {
			t.Errorf("%s: %s", c.name, shown(got))
		}
	}
}

// Both values of the keyword are those of the place that is refused, however it is reached.
func TestBreaksShowBothValues(t *testing.T) {
	for _, c := range []struct{ name, old, new, wantOld, wantNew string }{
		{"inline", `{"properties":{"a":{"maxLength":9}}}`, `{"properties":{"a":{"maxLength":5}}}`, `9`, `5`},
		{"into a definition", `{"$defs":{"X":{"maxLength":7}},"properties":{"a":{"maxLength":9}}}`, `{"$defs":{"X":{"maxLength":5}},"properties":{"a":{"$ref":"#/$defs/X"}}}`, `9`, `5`},
		{"another definition", `{"properties":{"a":{"$ref":"#/$defs/S"}},"$defs":{"S":{"maxLength":100},"T":{"maxLength":3}}}`, `{"properties":{"a":{"$ref":"#/$defs/T"}},"$defs":{"S":{"maxLength":100},"T":{"maxLength":3}}}`, `100`, `3`},
		{"required", `{"required":["a"]}`, `{"required":["a","b"]}`, `["a"]`, `["a","b"]`},
		{"required below", `{"properties":{"o":{"type":"object"}}}`, `{"properties":{"o":{"type":"object","required":["x"]}}}`, ``, `["x"]`},
		{"closed", `{"properties":{"o":{"additionalProperties":{"type":"string"}}}}`, `{"properties":{"o":{"additionalProperties":false}}}`, `{"type":"string"}`, `false`},
		{"new", `{}`, `{"properties":{"a":{"minimum":1}}}`, ``, `1`},
	} {
		older, newer := compiled(json.RawMessage(c.old)), compiled(json.RawMessage(c.new))
		got := Compare(LevelBackward, newer, older)
		if len(got.Breaks) != 1 || string(got.Breaks[0].Old) != c.wantOld || string(got.Breaks[0].New) != c.wantNew {
			t.Errorf("%s: %s", c.name, shown(got))
		}
	}
}
