package evolution_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/gateway"
)

// Names that are data, in whatever depth of a new field, come into no schema: what has them is
// a map, and for people to accept.
func TestNamesThatAreData(t *testing.T) {
	people := func(i int) string {
		return []string{"Ana Lopez", "+44 7700 900123", "ana@shop.example", "550e8400-e29b-41d4-a716-446655440000", "Jo Li", "12"}[i%6]
	}
	for name, event := range map[string]func(i int) string{
		"unprintable": func(int) string { return `{"x":{"\u202eevil":1,"a":1}}` },
		"control":     func(int) string { return `{"x":{"\u009b31mC1":2}}` },
		"a sentence":  func(int) string { return `{"x":{"deep":[{"secret password hunter2 of ana@shop.example":1}]}}` },
		"persons":     func(i int) string { return fmt.Sprintf(`{"x":{%q:1}}`, people(i)) },
		"long":        func(int) string { return `{"x":{"` + strings.Repeat("n", 129) + `":1}}` },
	} {
		w := judgedBy(t, gateway.EvolutionAuto, closedSchema)
		var list []string
		for i := range 120 {
			list = append(list, event(i))
		}
		w.refuse(list...)
		page := w.look()
		if len(page.Proposals) != 1 || w.versions() != 1 || !strings.Contains(page.Proposals[0].Edits[0].Wide, "map") {
			t.Errorf("%s: %+v", name, page)
			continue
		}
		p, err := w.engine.Get(t.Context(), page.Proposals[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"evil", "C1", "hunter2", "Ana", "7700", "550e", "nnn"} {
			if strings.Contains(string(p.Document)+p.Summary+p.Diff, bad) {
				t.Errorf("%s is in the proposal: %s", name, p.Document)
			}
		}
	}
	w := judgedBy(t, gateway.EvolutionAuto, closedSchema)
	w.refuse(times(20, `{"ana@shop.example":%d}`)...)
	if page := w.look(); len(page.Proposals) != 1 || w.versions() != 1 || page.Proposals[0].Edits[0].Wide != "its name may be data" {
		t.Errorf("%+v", page)
	}
	w = judgedBy(t, gateway.EvolutionAuto, closedSchema)
	w.refuse(times(20, `{"x":{"user_id":"q%d","@type":"t","utm_campaign2026":1,"größe":[{"sha256":"x","iso_8601":null}]}}`)...)
	if page := w.look(); w.versions() != 2 {
		t.Errorf("names that are names: %+v", page)
	}
}
