package app_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lazaret/lazaret/internal/app"
	"github.com/lazaret/lazaret/internal/client"
)

// What a producer's client registers is what its events are judged by, by the id that it
// puts before them; and it is there after a restart.
func TestProducerRegistersAndSends(t *testing.T) {
	cfg := testConfig(t)
	a, c := startApp(t, cfg)
	producer := func(a *app.App) *sr.Client {
		p, err := sr.NewClient(sr.URLs(a.URL() + "/registry"))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := producer(a)
	schema := sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"object","required":["n"],"properties":{"n":{"type":"integer"}}}`}
	first, err := p.CreateSchema(t.Context(), "clicks-value", schema)
	if err != nil {
		t.Fatal(err)
	}
	schema.Schema = strings.Replace(schema.Schema, `"integer"`, `["integer","null"]`, 1)
	second, err := p.CreateSchema(t.Context(), "clicks-value", schema)
	if err != nil {
		t.Fatal(err)
	}
	stream := map[string]any{
		"kind": "Stream", "name": "clicks", "sink": map[string]any{"file": map[string]any{"dir": "clicks"}},
		"schema": map[string]any{"subject": "clicks-value", "named_by": []any{map[string]any{"registry_id": true}}, "accept": []any{map[string]any{"all": true}}},
	}
	if _, err := c.Apply(t.Context(), []any{stream}, false); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[int]int{first.ID: 0, second.ID: 1} {
		var header sr.ConfluentHeader
		event, err := header.AppendEncode(nil, id, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := c.Ingest(t.Context(), client.Post{Stream: "clicks", Body: append(event, `{"n":null}`...), Type: "application/json"})
		if err != nil || answer.Accepted != want || answer.Quarantined != 1-want {
			t.Errorf("id %d: %+v, %v", id, answer, err)
		}
	}
	if err := a.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	a, _ = startApp(t, cfg)
	if list, err := producer(a).SubjectVersions(t.Context(), "clicks-value"); err != nil || !slices.Equal(list, []int{1, 2}) {
		t.Errorf("after a restart: %v, %v", list, err)
	}
}
