package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/db"
)

// What is wrong with a sample or with evolution is said with its place.
func TestInvalidEvolution(t *testing.T) {
	s := gateway.Stream{Name: "s", Sink: gateway.SinkSpec{Stdout: &gateway.StdoutSink{}},
		Recent: &gateway.RecentSpec{Keep: -1, MaxBytes: 5, Redact: gateway.Redact{Pointers: []string{"user"}}},
		Evolution: &gateway.EvolutionSpec{Mode: "always", Limits: &gateway.EvolutionLimits{
			Kinds: []string{"fields"}, MinEntries: -1, MinAge: gateway.Duration(time.Hour * 10_000), Paths: []string{""}}}}
	var invalid *gateway.InvalidStream
	if !errors.As(s.Validate(), &invalid) {
		t.Fatal("it is valid")
	}
	for _, at := range []string{"/recent/keep", "/recent/max_bytes", "/recent/redact", "/evolution/mode", "/evolution/limits/kinds",
		"/evolution/limits/min_entries", "/evolution/limits/min_age", "/evolution/limits/paths"} {
		if !slices.ContainsFunc(invalid.Fields, func(f gateway.FieldError) bool { return f.Pointer == at }) {
			t.Errorf("nothing is said of %s: %v", at, invalid)
		}
	}
	s.Recent, s.Evolution = &gateway.RecentSpec{}, &gateway.EvolutionSpec{}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	if l := s.EvolutionLimits(); s.EvolutionMode() != gateway.EvolutionPropose || l.MinEntries != 100 || l.Kinds[0] != "field" {
		t.Errorf("%s %+v", s.EvolutionMode(), l)
	}
}

// What is to be redacted survives JSON in both of its forms.
func TestRedactForms(t *testing.T) {
	for _, text := range []string{`{"redact":"all"}`, `{"redact":["/a","/b/*"]}`, `{}`} {
		var s gateway.RecentSpec
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			t.Fatal(err)
		}
		if got, _ := json.Marshal(s); string(got) != text {
			t.Errorf("%s became %s", text, got)
		}
	}
	if err := json.Unmarshal([]byte(`{"redact":"some"}`), new(gateway.RecentSpec)); err == nil {
		t.Error("the word some is taken")
	}
}

// told is a gateway.Recent that counts what was accepted.
type told struct{ accepted int }

func (r *told) Accepted(_ *gateway.Stream, records []lazaret.Record) {
	for _, one := range records {
		if one.Verdict.Status == lazaret.Accepted {
			r.accepted++
		}
	}
}

// Who keeps a sample is told of what is acknowledged, of requests and of sources alike, and
// of streams alone that ask for it.
func TestSampled(t *testing.T) {
	for _, asks := range []bool{true, false} {
		sink, seen := &memSink{}, &told{}
		catalog := newCatalog(sink, byWord(1))
		if asks {
			catalog.versions[1].Stream.Recent = &gateway.RecentSpec{}
		}
		d, err := db.Open(t.Context(), db.Config{Path: filepath.Join(t.TempDir(), "db")})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		g, err := gateway.New(gateway.Config{Catalog: catalog, Quarantine: newQuarantine(t, d), Recent: seen})
		if err != nil {
			t.Fatal(err)
		}
		list := []*lazaret.Event{{Data: []byte(`{}`)}, {Data: []byte(`bad`)}}
		if _, err := g.Ingest(context.Background(), gateway.Request{Stream: "clicks", Events: list}); err != nil {
			t.Fatal(err)
		}
		acknowledged, err := g.Take(context.Background(), gateway.Taking{Stream: "clicks", Events: list})
		if err != nil {
			t.Fatal(err)
		}
		if before := seen.accepted; asks && before != 1 {
			t.Errorf("%d events before the source's acknowledgement, want 1", before)
		}
		acknowledged()
		if want := map[bool]int{true: 2}[asks]; seen.accepted != want {
			t.Errorf("asks %v: told of %d events, want %d", asks, seen.accepted, want)
		}
	}
}
