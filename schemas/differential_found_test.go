package schemas

import (
	"testing"
)

// TestDifferencesOnceFound: what random schemas and payloads brought to light. The payloads
// of a case are judged one after the other, since the checker remembers the order of names.
func TestDifferencesOnceFound(t *testing.T) {
	for _, c := range []struct {
		name, schema string
		pointers     []string
		payloads     []string
	}{
		{"a control character where a name that needs escapes was predicted", `{"properties":{"q\"q":{},"\u0000":{},"t\t\\":{}}}`, []string{`/q"q`, "/t\t\\"},
			[]string{`{"q\"q":1}`, "{\"\x001}", "{\"\x00:1}", `{"q\u0022q":2,"\u0000":3,"t\t\\":4}`, `{"q\"q":2,"\u0000":3,"t\t\\":4,"":1}`, `{"q\"q":2,"\u0000":3,"t\t\\":4,"q\"q":2}`}},
		{"an open pattern that ends in an optional group", `{"patternProperties":{"^x(ab)?":{"type":"null"}},"additionalProperties":{"not":{"pattern":"^(?:ab)?"}}}`, nil,
			[]string{`{"xax":1}`, `{"xax":null}`, `{"y":"ax"}`, `{"y":"ab"}`, `{"y":1}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustCompile(t, c.schema)
			checker, err := s.Checker(c.pointers)
			if err != nil {
				t.Fatal(err)
			}
			held := &compared{document: []byte(c.schema), schema: s, checker: checker, pointers: c.pointers}
			spans := make([]Span, len(c.pointers))
			for range 2 {
				for _, payload := range c.payloads {
					if problem := held.payload([]byte(payload), spans, newTally()); problem != "" {
						t.Error(problem)
					}
				}
			}
		})
	}
}
