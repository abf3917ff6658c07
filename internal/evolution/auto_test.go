package evolution

import (
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
		return &Proposal{Compatibility: schemas.Compatible, WouldRelease: 100, Producers: []string{"a", "b"}, FirstSeen: now.Add(-time.Hour),
			Edits: []Edit{{Kind: KindField, Path: "/session/consent"}, {Kind: KindType, Path: "/items/*/extra"}}}
	}
	if !within(good(), limits, now) {
		t.Fatal("what is within all limits is not")
	}
	for name, change := range map[string]func(p *Proposal){
		"not proved":       func(p *Proposal) { p.Compatibility = schemas.Undecided },
		"incompatible":     func(p *Proposal) { p.Compatibility = schemas.Incompatible },
		"never compared":   func(p *Proposal) { p.Compatibility = "" },
		"few entries":      func(p *Proposal) { p.WouldRelease = 99 },
		"few producers":    func(p *Proposal) { p.Producers = p.Producers[:1] },
		"too young":        func(p *Proposal) { p.FirstSeen = p.FirstSeen.Add(time.Second) },
		"too many edits":   func(p *Proposal) { p.Edits = append(p.Edits, p.Edits[0]) },
		"another kind":     func(p *Proposal) { p.Edits[0].Kind = KindEnumValue },
		"another place":    func(p *Proposal) { p.Edits[1].Path = "/items/*/price" },
		"the place itself": func(p *Proposal) { p.Edits[0].Path = "/sessions" },
	} {
		p := good()
		if change(p); within(p, limits, now) {
			t.Errorf("%s: it is within the limits", name)
		}
	}
	limits.Paths, limits.MinProducers = nil, 3
	p := good()
	if p.MoreProducers = 1; !within(p, limits, now) {
		t.Error("producers that are not listed do not count")
	}
}
