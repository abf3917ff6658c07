package schemas

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestTryRefusesSlowSchema: a schema that would hold up the process is refused by the trial
// alone, with the budget switched off: the child is killed, and the error says why.
func TestTryRefusesSlowSchema(t *testing.T) {
	start := time.Now()
	err := Try(t.Context(), []byte(chain(24)), Options{noBudget: true})
	var ce *CompileError
	if !errors.As(err, &ce) || !strings.Contains(ce.Message, "generated event") {
		t.Fatalf("got %v, expected a CompileError of the trial", err)
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("took %s", d)
	}
}

// TestTryRefusesCostlySchemaAtOnce: with the budget, the same schema never gets to a child.
func TestTryRefusesCostlySchemaAtOnce(t *testing.T) {
	start := time.Now()
	err := Try(t.Context(), []byte(chain(24)), Options{})
	var ce *CompileError
	if !errors.As(err, &ce) || !strings.HasPrefix(ce.Pointer, "/$defs/a") {
		t.Fatalf("got %v", err)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("took %s", d)
	}
}

// TestTryPasses: ordinary schemas pass the trial, with other subjects and with every
// keyword, and a schema that does not compile is refused as Compile refuses it.
func TestTryPasses(t *testing.T) {
	load := func(string, int) ([]byte, error) { return []byte(`{"type":"string"}`), nil }
	for _, schema := range []string{everything, `true`, `{"$ref":"https://json-schema.org/draft/2020-12/schema"}`, `{"items":{"$ref":"lazaret:a:1"}}`, `{"minimum":1e300}`} {
		if err := Try(t.Context(), []byte(schema), Options{Load: load}); err != nil {
			t.Errorf("%s: %v", truncate(schema, 80), err)
		}
	}
	if err := Try(t.Context(), []byte(`{"type":"strin"}`), Options{}); !isCompileError(err) {
		t.Errorf("got %v", err)
	}
}

// TestTryIsCancelled: a trial ends with its context, and that is not the schema's fault.
func TestTryIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Try(ctx, []byte(`{}`), Options{}); !errors.Is(err, context.Canceled) || isCompileError(err) {
		t.Errorf("got %v", err)
	}
}

// TestTryDoesNotNest: a child that does not know the subcommand cannot start more children.
func TestTryDoesNotNest(t *testing.T) {
	t.Setenv(trialEnv, "1")
	if err := Try(t.Context(), []byte(`{}`), Options{}); err == nil || isCompileError(err) {
		t.Errorf("got %v", err)
	}
}

// TestTrialEventsReachTheSchema: some of the generated events are valid and some are not,
// they nest deeply where the schema recurses, and each is bounded.
func TestTrialEventsReachTheSchema(t *testing.T) {
	s := mustCompile(t, `{"type":"object","required":["id","kind","at"],"properties":{
		"id":{"type":"string","pattern":"^[A-Z]{3}-\\d+$"},"kind":{"enum":["a","b"]},"at":{"format":"date-time"},
		"n":{"type":"integer","minimum":5},"child":{"$ref":"#"},"list":{"type":"array","items":{"type":"number"}}},"additionalProperties":false}`)
	flat := mustCompile(t, `{"type":"object","required":["id","kind","at"],"properties":{
		"id":{"type":"string","pattern":"^[A-Z]{3}-\\d+$"},"kind":{"enum":["a","b"]},"at":{"type":"string","format":"date-time"},"n":{"type":"integer","minimum":5}},"additionalProperties":false}`)
	valid, invalid, deepest := 0, 0, 0
	for _, event := range trialEvents(flat.root) {
		payload, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		if len(judge(t, flat, string(payload))) == 0 {
			valid++
		} else {
			invalid++
		}
	}
	for _, event := range trialEvents(s.root) {
		payload, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		deepest = max(deepest, nesting(event))
		if len(payload) > 512<<10 {
			t.Errorf("an event has %d bytes", len(payload))
		}
	}
	if valid == 0 || invalid == 0 || deepest < trialDeep/2 {
		t.Errorf("%d valid, %d invalid, nested %d deep", valid, invalid, deepest)
	}
}

func nesting(v any) int {
	deepest := 0
	switch v := v.(type) {
	case map[string]any:
		for _, sub := range v {
			deepest = max(deepest, nesting(sub))
		}
		return deepest + 1
	case []any:
		for _, sub := range v {
			deepest = max(deepest, nesting(sub))
		}
		return deepest + 1
	}
	return 0
}
