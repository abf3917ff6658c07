package jsonread

import "testing"

// Two values have the same key exactly if they are equal as JSON Schema understands it.
func TestEqualValuesHaveOneKey(t *testing.T) {
	classes := [][]string{
		{`null`}, {`true`}, {`false`}, {`0`, `-0`, `0.0`, `0e5`, `-0.00E-3`}, {`1`, `1.0`, `10e-1`, `0.1E1`}, {`-1`, `-1.0`},
		{`0.1`, `1e-1`, `0.10`}, {`100`, `1e2`, `1E+2`}, {`1000000000000000000000000`, `1e24`}, {`1000000000000000000000001`},
		{`1e308`}, {`1e-308`}, {`""`}, {`"0"`}, {`"null"`}, {`"a"`, `"\u0061"`}, {`"s1a"`}, {`[]`}, {`[[]]`}, {`[[],[]]`}, {`[0]`, `[-0.0]`},
		{`["a","b"]`}, {`["ab"]`}, {`["a",["b"]]`}, {`{}`}, {`{"a":1,"b":[2]}`, `{"b":[2.0],"a":1e0}`}, {`{"a":1}`}, {`{"a":null}`}, {`{"b":1}`}, {`{"a":{"b":1}}`}, {`[{"a":1}]`},
	}
	type value struct {
		class int
		text  string
		v     any
	}
	var all []value
	for i, class := range classes {
		for _, text := range class {
			v, err := Decode([]byte(text), DefaultLimits)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, value{i, text, v})
		}
	}
	for _, a := range all {
		for _, b := range all {
			same := a.class == b.class
			if Equal(a.v, b.v) != same || (string(AppendKey(nil, a.v)) == string(AppendKey(nil, b.v))) != same {
				t.Errorf("%s and %s: equal %t, keys %q and %q", a.text, b.text, Equal(a.v, b.v), AppendKey(nil, a.v), AppendKey(nil, b.v))
			}
			if _, _, found := Repeated([]any{"another", a.v, b.v}); found != same {
				t.Errorf("%s and %s are found to be equal: %t", a.text, b.text, found)
			}
		}
	}
}
