package evolution_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/evolution"
	"github.com/lazaret/lazaret/schemas"
)

// Where events are refused for what an edit could mend, and none is proposed, a note says why.
func TestNothingIsProposedInSilence(t *testing.T) {
	const address = `{"type":"object","properties":{"kind":{"enum":["home","work"]},"street":{"type":"string"}},"additionalProperties":false}`
	for name, c := range map[string]struct {
		level               schemas.Level
		event, path, reason string
	}{
		"a level that forbids it": {schemas.LevelFull, `{"new":"x"}`, "/new",
			"20 entries ask for `/new` string, which is not FULL compatible, so it is not proposed"},
		"a value in another subject": {"", `{"at":{"kind":"boat"}}`, "/at/kind",
			"20 entries ask for an edit of address version 1, which this schema refers to: change that subject, and then the reference"},
		"null in another subject": {"", `{"at":{"street":null}}`, "/at/street",
			"20 entries ask for an edit of address version 1, which this schema refers to: change that subject, and then the reference"},
	} {
		t.Run(name, func(t *testing.T) {
			w := judgedBy(t, "", `{"properties":{"at":{}}}`)
			w.put(catalog.Resource{Kind: catalog.KindSchema, Name: "address", Schema: json.RawMessage(address)})
			w.put(catalog.Resource{Kind: catalog.KindSchema, Name: "s", Compatibility: schemas.LevelNone,
				Schema: json.RawMessage(`{"properties":{"at":{"$ref":"lazaret:address:1"}},"additionalProperties":false}`)})
			if c.level != "" {
				if err := w.catalog.SetCompatibility(t.Context(), "s", c.level); err != nil {
					t.Fatal(err)
				}
			}
			w.refuse(times(20, c.event)...)
			page := w.look()
			if len(page.Proposals) != 0 || len(page.Notes) != 1 || page.Notes[0].Path != c.path || page.Notes[0].Message != c.reason {
				t.Errorf("%+v", page)
			}
		})
	}
}

// A proposal that was undone by hand is taken back without one more version, and that is said.
func TestRollbackOfWhatWasUndoneByHand(t *testing.T) {
	w := judgedBy(t, "", strict)
	w.refuse(times(10, `{"a":%d,"b":"x"}`)...)
	p, err := w.engine.Accept(t.Context(), w.by("/b").ID, evolution.Decision{Who: "ana"})
	if err != nil {
		t.Fatal(err)
	}
	w.put(catalog.Resource{Kind: catalog.KindSchema, Name: "s", Compatibility: schemas.LevelNone, Schema: json.RawMessage(strict)})
	p, err = w.engine.Rollback(t.Context(), p.ID, evolution.Decision{Who: "ben"})
	if err != nil || p.State != evolution.RolledBack || p.RollbackVersion != 3 || !strings.HasPrefix(p.Notice, "version 3 had taken it back already, and no other was made; what was released stays released") {
		t.Errorf("%+v, %v", p, err)
	}
	if latest, err := w.catalog.Schemas().Get(t.Context(), "s", 0); err != nil || latest.Number != 3 {
		t.Errorf("%d, %v", latest.Number, err)
	}
}
