package gateway_test

import (
	"fmt"
	"testing"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
)

// taking is the events as a source gives them, each at a position of its own.
func taking(data ...string) gateway.Taking {
	t := gateway.Taking{Stream: "clicks", Events: events(data...)}
	for i, e := range t.Events {
		e.Source = lazaret.Source{Kind: "kafka", Unique: fmt.Sprintf("kafka:clicks/0@%d", i)}
	}
	return t
}

// Try says what Take does, and does nothing; what is taken again makes no second entry.
func TestTryAndTake(t *testing.T) {
	b := newBench(t, gateway.Limits{})
	would, err := b.Try(t.Context(), taking(`{}`, `bad one`, `{"is":"warn"}`))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(b.sink.all()); n > 0 || len(kept(t, b.store)) > 0 || b.count.calls > 0 {
		t.Fatalf("a try wrote %d records, or entries, or was counted", n)
	}
	for round := 1; round <= 2; round++ {
		take := taking(`{}`, `bad one`, `{"is":"warn"}`)
		var n gateway.Counts
		take.Counts = &n
		acknowledged, err := b.Take(t.Context(), take)
		if err != nil {
			t.Fatal(err)
		}
		acknowledged()
		if fmt.Sprint(n) != fmt.Sprint(would) || n.Received != 3 || n.Forwarded != 2 || n.Quarantined != 1 || n.QuarantinedFor[0][0].Code != lazaret.CodeSyntax {
			t.Errorf("took %+v, and would have taken %+v", n, would)
		}
		if len(b.sink.all()) != 2*round || len(kept(t, b.store)) != 1 || b.count.total.Received != 3*round {
			t.Errorf("round %d: %d records, %d entries, %d counted", round, len(b.sink.all()), len(kept(t, b.store)), b.count.total.Received)
		}
	}
	if _, err := b.Try(t.Context(), gateway.Taking{Stream: "other"}); err == nil {
		t.Error("tried on a stream that there is not")
	}
}
