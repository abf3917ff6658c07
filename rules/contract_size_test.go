package rules_test

import (
	"testing"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/rules"
)

// An event above the limit is bad, whatever is in it, by every path: the judge says so.
func TestTooLargeEvent(t *testing.T) {
	c, err := rules.NewContract(rules.ContractConfig{Stream: "s", MaxEvent: 10})
	if err != nil {
		t.Fatal(err)
	}
	for data, want := range map[string]lazaret.Status{`{"a":1234}`: lazaret.Accepted, `{"a":12345}`: lazaret.Quarantined} {
		v, err := c.Judge(t.Context(), &lazaret.Event{Data: []byte(data)})
		if err != nil || v.Status != want {
			t.Errorf("%s: %s, %v", data, v.Status, err)
		}
		if want == lazaret.Quarantined && (len(v.Reasons) != 1 || v.Reasons[0].Code != lazaret.CodeSize) {
			t.Errorf("%s: %+v", data, v.Reasons)
		}
	}
}
