package evolution

import (
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/schemas"
)

// By itself a proposal is accepted only if it is within every limit, and proved.
func TestWithinLimits(t *testing.T) {
	now := time.Now()
	limits := gateway.EvolutionLimits{Kinds: []string{"field", "type"}, MinEntries: 100, MinProducers: 2, MinAge: gateway.Duration(time.Hour),
		MaxEdits: 2, Paths: []string{"/session", "/items/*/extra"}}
	good := func() *Proposal {
		return &Proposal{Compatibility: schemas.Compatible, WouldRelease: 100, ReleasedProducers: 2, FirstSeen: now.Add(-time.Hour),
			Edits: []Edit{{Kind: KindField, Path: "/session/consent"}, {Kind: KindType, Path: "/items/*/extra"}}}
	}
	if why := held(good(), limits, now); len(why) > 0 {
		t.Fatal("what is within all limits is not:", why)
	}
	for name, c := range map[string]struct {
		change func(p *Proposal)
		why    string
	}{
		"not proved":       {func(p *Proposal) { p.Compatibility = schemas.Undecided }, "it is not proved to be compatible"},
		"incompatible":     {func(p *Proposal) { p.Compatibility = schemas.Incompatible }, "it is not proved to be compatible"},
		"never compared":   {func(p *Proposal) { p.Compatibility = "" }, "it is not proved to be compatible"},
		"few entries":      {func(p *Proposal) { p.WouldRelease = 99 }, "it would release 99 (min_entries 100)"},
		"few producers":    {func(p *Proposal) { p.ReleasedProducers = 1 }, "what it would release is of 1 producer (min_producers 2)"},
		"too young":        {func(p *Proposal) { p.FirstSeen = p.FirstSeen.Add(time.Second) }, "it was first seen 59m59s ago (min_age 1h0m0s)"},
		"too many edits":   {func(p *Proposal) { p.Edits = append(p.Edits, p.Edits[0]) }, "it has 3 edits (max_edits 2)"},
		"another kind":     {func(p *Proposal) { p.Edits[0].Kind = KindEnumValue }, "/session/consent is an edit of the kind enum_value (kinds field, type)"},
		"another place":    {func(p *Proposal) { p.Edits[1].Path = "/items/*/price" }, "/items/*/price is at or below none of the paths (/session, /items/*/extra)"},
		"too wide":         {func(p *Proposal) { p.Edits[0].Wide = "its values have several types" }, "/session/consent is for people to look at: its values have several types"},
		"the place itself": {func(p *Proposal) { p.Edits[0].Path = "/sessions" }, "/sessions is at or below none of the paths (/session, /items/*/extra)"},
	} {
		p := good()
		if c.change(p); strings.Join(held(p, limits, now), "; ") != c.why {
			t.Errorf("%s: it is held for %q, want %q", name, held(p, limits, now), c.why)
		}
	}
}
