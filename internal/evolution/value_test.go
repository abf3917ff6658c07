package evolution

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"
)

// However a value is spelt, it is written in one way, and is the same value.
func TestCanonicalValues(t *testing.T) {
	for _, c := range [][]string{
		{`"evil"`, `"\u0065vil"`, `"evi\u006C"`},
		{`"a/b"`, `"a\/b"`}, {`"<&>"`, `"\u003c\u0026\u003E"`}, {`"é"`, `"\u00e9"`},
		{`7`, `7.0`, `7.00e0`, `70e-1`, `0.7E+1`, `7e-0`},
		{`0`, `-0`, `0.0`, `-0e5`, `0e-9`},
		{`100`, `1e2`, `1.00E2`, `1000e-1`},
		{`-12.5`, `-1.25e1`, `-0.125e+2`, `-12.50`},
		{`0.001`, `1e-3`, `0.0010`, `0.1e-2`},
		{`1e30`, `1.0e30`, `10E29`, `1000000000000000000000000000000`},
		{`1.25e-9`, `0.00000000125`, `12.5e-10`},
		{`true`}, {`null`},
	} {
		for _, raw := range c {
			got := canonical([]byte(raw))
			if got != c[0] {
				t.Errorf("%s is written %s, want %s", raw, got, c[0])
			}
			if a, ok := new(big.Rat).SetString(raw); ok {
				if b, ok := new(big.Rat).SetString(got); !ok || a.Cmp(b) != 0 || !json.Valid([]byte(got)) {
					t.Errorf("%s becomes %s", raw, got)
				}
			}
		}
	}
	for _, raw := range []string{"1e99999999999999999999", "1e-2000000"} {
		if got := canonical([]byte(raw)); got != raw {
			t.Errorf("%s becomes %s", raw, got)
		}
	}
}

// Only an index of an array is shown as one.
func TestStarred(t *testing.T) {
	const payload = `{"12345":{"0":[{"7":1}]},"a":[[1,2]]}`
	for path, want := range map[string]string{"/12345": "/12345", "/12345/0/0/7": "/12345/0/*/7", "/a/0/1": "/a/*/*", "/gone/1": "/gone/1"} {
		if got := starred(path, []byte(payload)); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if got := remembered([]string{want{kind: KindType, at: "/a/type", value: "integer"}.key()}); !strings.HasSuffix(got[0], "number") {
		t.Error(got)
	}
}
