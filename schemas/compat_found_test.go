package schemas

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
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

// tagged is a schema whose tagged branches are definitions; one of them lists days.
func tagged(days string) string {
	return `{"type":"object","properties":{"pay":{"oneOf":[{"$ref":"#/$defs/card"},{"$ref":"#/$defs/invoice"}]}},"$defs":{
		"card":{"type":"object","required":["kind"],"properties":{"kind":{"const":"card"}}},
		"invoice":{"type":"object","required":["kind"],"properties":{"kind":{"const":"invoice"},"days":{"enum":` + days + `}}}}}`
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
		{"of a tuple", `{"type":"array","prefixItems":[{"minimum":1},{"minimum":2}],"items":{"minimum":30}}`, `{"type":"array","prefixItems":[{"minimum":5},{"minimum":2}],"items":{"minimum":30}}`, `1`, `5`},
		{"beyond a tuple", `{"type":"array","prefixItems":[{"minimum":1}],"items":{"minimum":30}}`, `{"type":"array","prefixItems":[{"minimum":1}],"items":{"minimum":40}}`, `30`, `40`},
		{"in a branch's definition", tagged("[14,30]"), tagged("[30]"), `[14,30]`, `[30]`},
		{"in a branch", `{"anyOf":[{"type":"string"},{"type":"object","properties":{"a":{"maxLength":9}}}]}`, `{"anyOf":[{"type":"string"},{"type":"object","properties":{"a":{"maxLength":5}}}]}`, `9`, `5`},
		{"beside another", `{"type":"array","contains":{"type":"string","pattern":"a+"},"allOf":[{},{"contains":{"minLength":5}}]}`, `{"type":"array","contains":{"type":"string","pattern":"a+"},"allOf":[{},{"contains":{"minLength":6}}]}`, `{"minLength":5}`, `{"minLength":6}`},
		{"new beside another", `{"type":"array","contains":{"type":"string","pattern":"a+"},"allOf":[{}]}`, `{"type":"array","contains":{"type":"string","pattern":"a+"},"allOf":[{},{"contains":{"minLength":6}}]}`, ``, `{"minLength":6}`},
		{"of names", `{"propertyNames":{"maxLength":9}}`, `{"propertyNames":{"maxLength":5}}`, `{"maxLength":9}`, `{"maxLength":5}`},
		{"of a pattern's properties", `{"patternProperties":{"^a":{"maximum":9}}}`, `{"patternProperties":{"^a":{"maximum":5}}}`, `9`, `5`},
		{"nothing any more", `{"properties":{"a":{"type":"string"}}}`, `{"properties":{"a":false}}`, `{"type":"string"}`, `false`},
		{"nothing in a tuple", `{"type":"array","prefixItems":[{"type":"string"}]}`, `{"type":"array","prefixItems":[false]}`, `{"type":"string"}`, `false`},
		{"no more items", `{"type":"array","items":{"type":"string"}}`, `{"type":"array","items":false}`, `{"type":"string"}`, `false`},
		{"nothing where there was no word", `{}`, `{"properties":{"a":false}}`, ``, `false`},
		{"a definition of the same name, elsewhere", `{"$defs":{"X":{"minimum":1}},"properties":{"b":{"$ref":"#/$defs/X"}}}`, `{"$defs":{"X":{"minimum":1},"Y":{"minimum":1}},"properties":{"b":{"$ref":"#/$defs/X"},"a":{"$ref":"#/$defs/Y"}}}`, ``, `1`},
	} {
		older, newer := compiled(json.RawMessage(c.old)), compiled(json.RawMessage(c.new))
		got := Compare(LevelBackward, newer, older)
		if len(got.Breaks) != 1 || string(got.Breaks[0].Old) != c.wantOld || string(got.Breaks[0].New) != c.wantNew {
			t.Errorf("%s: %s", c.name, shown(got))
		}
	}
}

// Where a recursive reference leads is the library's own affair: what it names decides only
// where nothing else can.
func TestRecursiveReferencesAreNotTrusted(t *testing.T) {
	const draft = `"$schema":"https://json-schema.org/draft/2019-09/schema"`
	for _, c := range []struct {
		name, old, new, event string
		want                  Answer
	}{
		{"a resource entered at a definition", `{` + draft + `,"$ref":"other#/$defs/x","$defs":{"other":{"$id":"other","$recursiveAnchor":true,"type":"object","$defs":{"x":{"properties":{"a":{"$recursiveRef":"#"}}}}}}}`,
			`{"properties":{"a":{"type":"object"}}}`, `{"a":1}`, Undecided},
		{"a tree in a resource", `{` + draft + `,"type":"object","properties":{"t":{"type":"object","required":["v"],"properties":{"next":{"type":"object","additionalProperties":false}}}}}`,
			`{` + draft + `,"type":"object","properties":{"t":{"$ref":"urn:tree#/$defs/node"}},"$defs":{"tree":{"$id":"urn:tree","$recursiveAnchor":true,"type":"object","$defs":{"node":{"type":"object","required":["v"],"properties":{"next":{"$recursiveRef":"#"}}}}}}}`, `{"t":{"v":1,"next":{}}}`, Undecided},
		{"names", `{` + draft + `,"$recursiveAnchor":true,"type":["object","string"]}`, `{` + draft + `,"$recursiveAnchor":true,"type":["object","string"],"propertyNames":{"$recursiveRef":"#"}}`, `{"a":1}`, Undecided},
		{"the root", `{` + draft + `,"$recursiveAnchor":true,"type":"object","additionalProperties":{"$recursiveRef":"#"},"required":["v"]}`, `{` + draft + `,"$recursiveAnchor":true,"type":"object","additionalProperties":{"$recursiveRef":"#"}}`, ``, Compatible},
		{"an anchor below a name with a percent sign", `{"items":{}}`, `{"$ref":"list","$defs":{"elem%":{"$dynamicAnchor":"T","type":"string"},"l":{"$id":"list","items":{"$dynamicRef":"#T"},"$defs":{"T":{"$dynamicAnchor":"T"}}}}}`, `[1]`, Undecided},
	} {
		older, newer := compiled(json.RawMessage(c.old)), compiled(json.RawMessage(c.new))
		if c.event != "" && (!good(older, []byte(c.event)) || good(newer, []byte(c.event))) {
			t.Fatalf("%s: %s shows nothing", c.name, c.event)
		}
		if got := Compare(LevelBackward, newer, older); got.Answer != c.want {
			t.Errorf("%s: %s, want %s", c.name, shown(got), c.want)
		}
	}
}

// Bounds are held to what the library keeps wherever a reference leads.
func TestBoundsBehindReferences(t *testing.T) {
	for _, keyword := range []string{"maxLength", "maxItems", "maxProperties", "maxContains", "minLength"} {
		for _, at := range []string{`"$ref":"#/components/schemas/X","components":{"schemas":{"X":%s}}`, `"$ref":"#/definitions/text/short","definitions":{"text":{"short":%s}}`} {
			document := fmt.Sprintf("{"+at+"}", fmt.Sprintf(`{%q:18446744073709551621,"contains":true}`, keyword))
			var refused *CompileError
			if _, err := Compile([]byte(document), Options{}); !errors.As(err, &refused) || !strings.HasSuffix(refused.Pointer, "/"+keyword) {
				t.Errorf("%s: %v", document, err)
			}
		}
	}
}

// Bounds on how many items match are compared where they are about the same items.
func TestBoundsOnContains(t *testing.T) {
	one := func(name string, most int) string {
		return fmt.Sprintf(`{"contains":{"const":%q},"maxContains":%d}`, name, most)
	}
	both := func(a, b int) string { return `{"type":"array","allOf":[` + one("a", a) + "," + one("b", b) + `]}` }
	for _, c := range []struct {
		old, new          string
		backward, forward Answer
	}{
		{one("a", 7), one("a", 8), Compatible, Incompatible},
		{one("a", 7), one("a", 30), Compatible, Incompatible},
		{both(7, 9), both(8, 9), Compatible, Incompatible},
		{both(2, 3), both(3, 3), Compatible, Incompatible},
		{both(2, 3), both(3, 2), Incompatible, Incompatible},
		{`{"type":"array","contains":{"const":1},"minContains":4}`, `{"type":"array","contains":{"const":1},"minContains":3,"maxContains":9}`, Incompatible, Incompatible},
	} {
		old, next := compiled(json.RawMessage(c.old)), compiled(json.RawMessage(c.new))
		if got := Compare(LevelBackward, next, old); got.Answer != c.backward {
			t.Errorf("%s to %s: backward %s", c.old, c.new, shown(got))
		}
		if got := Compare(LevelForward, next, old); got.Answer != c.forward {
			t.Errorf("%s to %s: forward %s", c.old, c.new, shown(got))
		}
	}
}

// Many patterns of names are told apart where few of them match together.
func TestManyPatternsOfNames(t *testing.T) {
	document := func(maximum int) json.RawMessage {
		var list []string
		for i := range 20 {
			list = append(list, fmt.Sprintf(`"^x-%c.*":{"type":"integer","maximum":%d}`, 'a'+i, maximum))
		}
		return json.RawMessage(`{"type":"object","additionalProperties":false,"patternProperties":{` + strings.Join(list, ",") + `}}`)
	}
	narrow, wide := compiled(document(5)), compiled(document(9))
	if got := Compare(LevelFull, wide, narrow); got.Answer != Incompatible || len(got.Breaks) == 0 || got.Breaks[0].Direction != Forward {
		t.Error(shown(got))
	}
	if got := Compare(LevelBackward, wide, narrow); got.Answer != Compatible {
		t.Error(shown(got))
	}
}
