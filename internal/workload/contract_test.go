package workload

import (
	"context"
	"fmt"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/rules"
	"github.com/lazaret/lazaret/schemas"
)

// contract is the real judge under the example's schema, the stream's pointers and the
// rules of the file.
func contract(t testing.TB, rulesFile string) *rules.Contract {
	t.Helper()
	schema, err := schemas.Compile(readExample(t, "clickstream.schema.json"), schemas.Options{Name: "clickstream", Limits: jsonread.DefaultLimits})
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Parse(rulesFile, readExample(t, rulesFile))
	if err != nil {
		t.Fatal(err)
	}
	program, err := rules.Compile(set)
	if err != nil {
		t.Fatal(err)
	}
	var stream struct{ Name, ID, Key, Time string }
	if err := yaml.Unmarshal(readExample(t, "stream.yaml"), &stream); err != nil {
		t.Fatal(err)
	}
	c, err := rules.NewContract(rules.ContractConfig{
		Stream: stream.Name, Version: lazaret.Version{Stream: 1, Subject: "clickstream", Schema: 1, RuleSet: 1},
		Schema: schema, Rules: program, ID: stream.ID, Key: stream.Key, Time: stream.Time,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Promise: Lazaret's own judge says of each event what the truth says: the same code,
// path and rule, and nothing else; and it finds the id that the truth has.
func TestTruthHoldsAgainstTheContract(t *testing.T) {
	t.Parallel()
	wrong, mended := contract(t, "rules.yaml"), contract(t, "mended/rules.yaml")
	for _, cfg := range []Config{
		{Events: 6_000, Size: 768, Invalid: 0.15, Seed: 21},
		{Events: 1_500, Size: 1_500, Invalid: 1, Seed: 22},
		{Events: 300, Size: 10_240, Invalid: 0.3, Seed: 23},
	} {
		t.Run(fmt.Sprintf("%dx%d", cfg.Events, cfg.Size), func(t *testing.T) {
			warned := 0
			for _, e := range generate(t, cfg) {
				before, after := verdict(t, wrong, e.Data), verdict(t, mended, e.Data)
				warned += len(before.Warnings)
				checkVerdict(t, &e, before, e.Bad || e.Victim())
				checkVerdict(t, &e, after, e.Bad)
			}
			if warned == 0 && cfg.Invalid < 1 {
				t.Error("no purchase is warned of")
			}
		})
	}
}

func verdict(t *testing.T, c *rules.Contract, data []byte) lazaret.Verdict {
	t.Helper()
	v, err := c.Judge(context.Background(), &lazaret.Event{Data: data, ContentType: "application/json"})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func checkVerdict(t *testing.T, e *Event, v lazaret.Verdict, refused bool) {
	t.Helper()
	if v.ID != e.ID {
		t.Fatalf("event %d (%s): its id is %q, the truth has %q", e.Index, e.Kind, v.ID, e.ID)
	}
	if !refused {
		if v.Status != lazaret.Accepted || len(v.Reasons) > 0 {
			t.Fatalf("event %d is good, and %s for %v", e.Index, v.Status, v.Reasons)
		}
		return
	}
	if v.Status != lazaret.Quarantined || len(v.Reasons) != 1 {
		t.Fatalf("event %d (%s) is %s for %v; the truth has one reason, %s", e.Index, e.Kind, v.Status, v.Reasons, e.Code)
	}
	r := v.Reasons[0]
	samePath := r.Path == e.Path || e.Code == lazaret.CodeSyntax // where a cut text breaks is the reader's to say
	if r.Code != e.Code || r.Rule != e.Rule || !samePath {
		t.Fatalf("event %d (%s) fails %s at %q for rule %q; the truth is %s at %q for rule %q",
			e.Index, e.Kind, r.Code, r.Path, r.Rule, e.Code, e.Path, e.Rule)
	}
}
