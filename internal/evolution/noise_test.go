package evolution_test

import (
	"testing"

	"github.com/lazaret/lazaret/internal/evolution"
)

// Many small groups that come later neither hide the large one nor end the draft that was
// made of it, whether edits can mend them or not.
func TestNoiseHidesNothing(t *testing.T) {
	w := judgedBy(t, "", `{"type":"object","properties":{"k":{"type":"string"},"m":{"additionalProperties":{"minimum":0}}},"additionalProperties":false}`)
	w.refuse(times(50, `{"k":"a","consent":"c%d"}`)...)
	w.refuse(times(1001, `{"k":"a","new%d":1}`)...)
	open := func(after string) {
		t.Helper()
		page := w.look()
		if len(page.Proposals) != 1 || page.Proposals[0].State != evolution.Draft || page.Proposals[0].Edits[0].Path != "/consent" || page.Proposals[0].Entries != 50 {
			t.Fatalf("after %s: %+v", after, page)
		}
	}
	open("fields that come once")
	w.refuse(times(1001, `{"k":"a","m":{"key%d":-1}}`)...)
	open("what no edit mends")
}
