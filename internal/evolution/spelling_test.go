package evolution_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/evolution"
)

// spellings is a text in n ways, by the \u of its letters.
func spellings(text string, n int) (list []string) {
	for i := range n {
		var b strings.Builder
		for at, r := range text {
			if i>>at&1 == 1 {
				fmt.Fprintf(&b, `\u%04x`, r)
			} else {
				b.WriteRune(r)
			}
		}
		list = append(list, `"`+b.String()+`"`)
	}
	return list
}

// What people decided of a value or a type is not undone by another spelling of it.
func TestSpellingEvadesNoDecision(t *testing.T) {
	loose := gateway.EvolutionLimits{Kinds: gateway.EvolutionKinds(), MinEntries: 1, MinAge: gateway.Duration(time.Millisecond)}
	const listed = `{"type":"object","properties":{"k":{"enum":["a","b"]},"c":{"const":"a"},"n":{"enum":[1.0,2e0]},"t":{"type":"string"}}}`
	for _, c := range [][2]string{
		{`{"k":"evil"}`, `{"k":"\u0065vil"}`},
		{`{"n":7}`, `{"n":70e-1}`},
		{`{"n":7.0}`, `{"n":7}`},
		{`{"t":5}`, `{"t":5.5}`},
	} {
		for _, rejected := range []bool{false, true} {
			w := judgedBy(t, gateway.EvolutionPropose, listed)
			w.refuse(times(20, c[0])...)
			page := w.look()
			if len(page.Proposals) != 1 {
				t.Fatalf("%s: %+v", c[0], page)
			}
			id, err := page.Proposals[0].ID, error(nil)
			if rejected {
				_, err = w.engine.Reject(t.Context(), id, evolution.Decision{Who: "ana"})
			} else if _, err = w.engine.Accept(t.Context(), id, evolution.Decision{Who: "ana"}); err == nil {
				_, err = w.engine.Rollback(t.Context(), id, evolution.Decision{Who: "ana"})
			}
			if err != nil {
				t.Fatal(err)
			}
			before := w.versions()
			w.put(limited("s", gateway.EvolutionAuto, loose))
			w.refuse(times(20, c[1])...)
			w.look()
			if page := w.look(); w.versions() != before || rejected && len(page.Proposals) != 1 {
				t.Errorf("%s after %s, rejected %v: %+v", c[1], c[0], rejected, page)
			}
		}
	}
}

// Many spellings of one value are one value, which is listed once.
func TestSpellingsAreOneValue(t *testing.T) {
	w := judgedBy(t, "", `{"type":"object","properties":{"k":{"enum":["a","b"]},"list":{"items":{"enum":["a","b"]}}}}`)
	for _, value := range spellings("evil", 12) {
		w.refuse(times(12, `{"k":`+value+`,"list":["evil",`+value+`]}`)...)
	}
	page := w.look()
	if len(page.Proposals) != 1 || len(page.Notes) > 0 || page.Proposals[0].WouldRelease != 144 || len(page.Proposals[0].Edits) != 2 {
		t.Fatalf("%+v", page)
	}
	p, err := w.engine.Get(t.Context(), page.Proposals[0].ID)
	if err != nil || strings.Count(string(p.Document), "evil") != 2 {
		t.Errorf("%s, %v", p.Document, err)
	}
}

// A member whose name is a number is not taken for an item.
func TestNumberedNames(t *testing.T) {
	w := judgedBy(t, "", closedSchema)
	w.refuse(times(20, `{"12345":%d}`)...)
	if page := w.look(); len(page.Proposals) != 1 || page.Proposals[0].Edits[0].Path != "/12345" {
		t.Errorf("%+v", page)
	}
}
