package schemas

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestUniqueItemsIsLinear: items that the library hashes alike do not make the comparison
// quadratic.
func TestUniqueItemsIsLinear(t *testing.T) {
	payload := collisions(20_000)
	s := mustCompile(t, `{"uniqueItems":true}`)
	start := time.Now()
	if r := judge(t, s, payload); len(r) != 0 {
		t.Fatalf("got %v", r)
	}
	if d := time.Since(start); d > 3*time.Second {
		t.Errorf("took %s", d)
	}
}

// collisions is an array of n different arrays of strings that hash alike in the library:
// each is the text "\u0004x" sixteen times, cut into strings in another way.
func collisions(n int) string {
	var b strings.Builder
	b.WriteByte('[')
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`["x`)
		for bit := range 16 {
			if i>>bit&1 == 0 {
				b.WriteString(`\u0004x`)
			} else {
				b.WriteString(`","x`)
			}
		}
		b.WriteString(`"]`)
	}
	b.WriteByte(']')
	return b.String()
}

// TestUniqueItemsEquality: what is equal and what is not, as JSON Schema says.
func TestUniqueItemsEquality(t *testing.T) {
	s := mustCompile(t, `{"uniqueItems":true}`)
	for payload, unique := range map[string]bool{
		`[1,1.0]`: false, `[1,10e-1]`: false, `[0,-0]`: false, `[0.5,5e-1]`: false, `[1e3,1000]`: false,
		`[1,-1]`: true, `[1,"1"]`: true, `[0,false]`: true, `[null,false]`: true, `[[],{}]`: true, `[[1],1]`: true,
		`[{"a":1,"b":2},{"b":2,"a":1}]`: false, `[{"a":1},{"b":1}]`: true, `[["ab","c"],["a","bc"]]`: true,
		`[[["x"]],[["x"]]]`: false, `["x","\u0078"]`: false, `[[1,2],[12]]`: true, `[9007199254740993,9007199254740992]`: true,
	} {
		if got := len(judge(t, s, payload)) == 0; got != unique {
			t.Errorf("%s: unique is %t", payload, got)
		}
	}
}

// TestLibraryStillNeedsMending: the two faults of the library for which mend exists. When
// one of them is gone, so can its half of mend be.
func TestLibraryStillNeedsMending(t *testing.T) {
	schema := compileAlone(t, `{"properties":{"a":{"propertyNames":{"maxLength":1}},"b":{"items":true}}}`)
	wrong := false
	for range 200 { // the order of a map decides
		value, _ := jsonschema.UnmarshalJSON(strings.NewReader(`{"a":{"long":1},"b":[1]}`))
		if err := schema.Validate(value); err == nil {
			t.Fatal("valid")
		} else if verr := err.(*jsonschema.ValidationError); fmt.Sprint(verr.Causes[0].InstanceLocation) != "[a]" {
			wrong = true
			break
		}
	}
	if !wrong {
		t.Error("the library reports propertyNames where they are; mend need not")
	}
	unique := compileAlone(t, `{"uniqueItems":true}`)
	took := func(n int) time.Duration {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(collisions(n)))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := unique.Validate(value); err != nil {
			t.Fatal("not unique")
		}
		return time.Since(start)
	}
	if once, twice := took(1_000), took(4_000); twice < 7*once {
		t.Errorf("1,000 items take %s and 4,000 take %s; mend need not judge uniqueItems", once, twice)
	}
}

func compileAlone(t *testing.T, document string) *jsonschema.Schema {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(document)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(rootURL, value); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(rootURL)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
