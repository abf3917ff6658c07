package quarantine

import (
	"fmt"
	"testing"

	"github.com/lazaret/lazaret"
)

// The largest groups come first, however many others came after them, and only those whose
// every reason has one of the codes that are asked for, and is no rule's.
func TestLargest(t *testing.T) {
	s := openStore(t)
	at := func(code lazaret.Code, path string) lazaret.Reason { return lazaret.Reason{Code: code, Path: path} }
	n := 0
	refuse := func(times int, reasons ...lazaret.Reason) {
		list := make([]lazaret.Record, times)
		for i := range list {
			list[i] = record("s", n, reasons...)
			n++
		}
		add(t, s, list...)
	}
	refuse(40, at("schema.type", "/largest"))
	refuse(60, at("schema.type", "/other"), at("schema.minimum", "/other"))
	refuse(60, rule("r", "/other"))
	refuse(30, at("schema.enum", "/both"), at("schema.type", "/both"))
	for i := range MaxLimit + 1 {
		refuse(1, at("schema.enum", fmt.Sprintf("/noise%d", i)))
		refuse(1, at("schema.minimum", fmt.Sprintf("/noise%d", i)))
	}
	add(t, s, record("elsewhere", 1, at("schema.type", "/largest")))
	codes := []lazaret.Code{"schema.type", "schema.enum"}
	list, more, err := s.Largest(t.Context(), Filter{Stream: "s", Status: Quarantined}, codes, 3)
	if err != nil || !more || len(list) != 3 {
		t.Fatalf("%+v, %v, %v", list, more, err)
	}
	for i, want := range []struct {
		path  string
		count int64
	}{{"/largest", 40}, {"/both", 30}, {fmt.Sprintf("/noise%d", MaxLimit), 1}} {
		if list[i].Paths[0] != want.path || list[i].Count != want.count {
			t.Errorf("group %d is %+v, want %+v", i, list[i], want)
		}
	}
	list, more, err = s.Largest(t.Context(), Filter{Stream: "s", Status: Quarantined}, codes[:1], 3)
	if err != nil || more || len(list) != 1 {
		t.Errorf("%+v, %v, %v", list, more, err)
	}
}
