//go:build !race

package rules

import (
	"strings"
	"testing"

	"github.com/lazaret/lazaret"
)

// On events that pass, nothing but the id and the key is allocated. The race detector
// empties pools at random.
func TestPassingAllocatesOnce(t *testing.T) {
	c := clickstream(t, false, nil)
	events, _ := clickstreamEvents(t, 768, 0)
	passed := 0
	for _, e := range events[:100] {
		v, err := c.Judge(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		if v.Status != lazaret.Accepted || len(v.Warnings) > 0 {
			continue
		}
		passed++
		n := testing.AllocsPerRun(50, func() {
			if _, err := c.Judge(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		})
		if n > 1 {
			t.Errorf("%v allocations for %s", n, e.Data)
		}
	}
	if passed < 50 {
		t.Errorf("only %d events passed", passed)
	}
}

// An event that names its version costs no allocation more than one that names none, while
// the next names the same one.
func TestNamingDoesNotAllocate(t *testing.T) {
	c := namingContract(t, nil)
	for way, event := range ways() {
		if strings.Contains(way, "mode") || strings.Contains(way, "structured") || strings.Contains(way, "dataschema") {
			continue // envelopes allocate
		}
		e := event(`{"n":60}`, 4)
		n := testing.AllocsPerRun(100, func() {
			if v, err := c.Judge(t.Context(), e); err != nil || v.Version.Schema != 4 {
				t.Fatal(v, err)
			}
		})
		if n > 0 {
			t.Errorf("%s: %v allocations", way, n)
		}
	}
}
