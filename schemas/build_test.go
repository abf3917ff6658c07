package schemas

import (
	"fmt"
	"strings"
	"testing"
)

// TestProgramIsBounded: a schema whose program would be large is judged all the same; what
// does not fit is left to the library.
func TestProgramIsBounded(t *testing.T) {
	names := func(prefix string, n int) string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf(`"%s%d"`, prefix, i)
		}
		return strings.Join(list, ",")
	}
	nested := `{"properties":{"z":{"const":1}}}`
	for i := range 40 {
		nested = fmt.Sprintf(`{"anyOf":[{"required":[%s]},%s]}`, names(fmt.Sprint("n", i, "_"), 1000), nested)
	}
	for _, c := range []struct{ name, schema, good, bad string }{
		{"many names", `{"anyOf":[{"required":[` + names("a", 62_000) + `]},{"properties":{"b":{"type":"integer"}}}]}`, `{"b":2}`, `{"b":"2"}`},
		{"names in nested branches", nested, `{"z":1,"n3_1":2}`, `{"z":2,"n3_1":2}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustCompile(t, c.schema)
			for payload, good := range map[string]bool{c.good: true, c.bad: false} {
				r, err := s.Judge([]byte(payload))
				if err != nil || (len(r.Reasons) == 0) != good {
					t.Errorf("%s: %v %v", payload, r.Reasons, err)
				}
			}
			if n := s.checker().order; n > 2*maxTable {
				t.Errorf("a machine of %d predictions", n)
			}
		})
	}
}
