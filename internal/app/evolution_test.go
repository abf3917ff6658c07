package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/gateway/sink"
	"github.com/lazaret/lazaret/internal/app"
	"github.com/lazaret/lazaret/internal/client"
)

type proposal struct {
	ID, Stream, Subject, State, Summary, Who, Why, Diff, Job string
	BaseVersion                                              int `json:"base_version"`
	Entries                                                  int
	LookedAt                                                 int `json:"looked_at"`
	WouldRelease                                             int `json:"would_release"`
	Version                                                  int
	RollbackVersion                                          int `json:"rollback_version"`
	Compatibility                                            string
	Producers                                                []string
	Edits                                                    []struct{ Kind, Path, Pointer, Text string }
	Document                                                 json.RawMessage
}

type proposals struct {
	Proposals []proposal
	Notes     []struct{ Path, Message string }
}

// admin makes a request of the admin API; the path is below /admin/v1.
func adminCall(t testing.TB, c *client.Client, method, path string, query url.Values, body string, out any) error {
	t.Helper()
	_, err := c.Do(t.Context(), client.Call{Method: method, Path: "/admin/v1" + path, Query: query, Body: []byte(body)}, out)
	return err
}

func listProposals(t testing.TB, c *client.Client, state string) (list proposals) {
	t.Helper()
	if err := adminCall(t, c, http.MethodGet, "/proposals", url.Values{"stream": {"clickstream"}, "state": {state}}, "", &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// eventually asks again until the answer is yes.
func eventually(t testing.TB, what string, yes func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !yes() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within 30 s: %s", what)
		case <-time.After(5 * time.Millisecond): // another process decides when
		}
	}
}

// drafted waits for the draft whose edits are at these places, with so many entries.
func drafted(t testing.TB, c *client.Client, entries int, paths ...string) (found proposal) {
	t.Helper()
	var last proposals
	eventually(t, fmt.Sprintf("a draft for %v with %d entries", paths, entries), func() bool {
		last = listProposals(t, c, "draft")
		for _, p := range last.Proposals {
			var at []string
			for _, e := range p.Edits {
				at = append(at, e.Path)
			}
			if fmt.Sprint(at) == fmt.Sprint(paths) && p.Entries == entries {
				found = p
				return true
			}
		}
		return false
	})
	return found
}

func decide(t testing.TB, c *client.Client, id, what, body string) (p proposal) {
	t.Helper()
	if err := adminCall(t, c, http.MethodPost, "/proposals/"+id+"/"+what, nil, body, &p); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return p
}

// delivered counts how often each event's bytes are in the sink.
func delivered(t testing.TB, cfg app.Config) map[string]int {
	t.Helper()
	found := map[string]int{}
	err := sink.ReadAll(filepath.Join(cfg.Sinks.File.Root, "clickstream"), func(line []byte) error {
		var r struct{ Event json.RawMessage }
		err := json.Unmarshal(line, &r)
		found[string(r.Event)]++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// accounted holds that each event that was sent is delivered once, or is still quarantined.
func accounted(t testing.TB, c *client.Client, cfg app.Config, sent []string, held int) {
	t.Helper()
	found := delivered(t, cfg)
	missing := 0
	for _, data := range sent {
		switch n := found[data]; n {
		case 0:
			missing++
		case 1:
		default:
			t.Errorf("an event was delivered %d times", n)
		}
		delete(found, data)
	}
	if len(found) > 0 {
		t.Errorf("%d events were delivered that nobody sent", len(found))
	}
	if missing != held || quarantinedNow(t, c) != held {
		t.Errorf("of %d sent %d are not delivered and %d are quarantined, want %d of both", len(sent), missing, quarantinedNow(t, c), held)
	}
}

func quarantinedNow(t testing.TB, c *client.Client) (n int) {
	t.Helper()
	var groups struct{ Groups []struct{ Count int } }
	if err := adminCall(t, c, http.MethodGet, "/groups", url.Values{"limit": {"1000"}, "stream": {"clickstream"}}, "", &groups); err != nil {
		t.Fatal(err)
	}
	for _, g := range groups.Groups {
		n += g.Count
	}
	return n
}

func evolving(t testing.TB) app.Config {
	cfg := testConfig(t)
	cfg.EvolveEvery = 20 * time.Millisecond
	return cfg
}

func withField(_ int, data string) string {
	return strings.Replace(data, `"session":{`, `"session":{"consent":"all",`, 1)
}

func withType(_ int, data string) string {
	i := strings.Index(data, `"event_type":"`) + len(`"event_type":"`)
	return data[:i] + "wishlist" + data[i+strings.IndexByte(data[i:], '"'):]
}

// The clickstream's producer begins to send a new field in a strict place and a new event
// type, in the middle of the stream: each is proposed, accepted in one call, and what was
// refused meanwhile is released. No event is lost or delivered twice; what is bad stays.
func TestEvolutionMendsTheClickstream(t *testing.T) {
	cfg := evolving(t)
	_, c := startApp(t, cfg)
	putClickstream(t, c, nil)
	var sent []string
	send := func(list []string) {
		sent = append(sent, list...)
		post(t, c, list)
	}
	send(events(t, 1, 100, nil))
	send(events(t, 2, 60, withField))
	send(events(t, 3, 40, withType))
	send(events(t, 4, 30, func(i int, data string) string { return withType(i, withField(i, data)) }))
	send(events(t, 5, 20, func(_ int, data string) string { // bad in any case
		return strings.Replace(data, `"session":{"id":"s_`, `"session":{"consent":"all","id":"S_`, 1)
	}))
	send(events(t, 6, 15, func(_ int, data string) string {
		return strings.Replace(withType(0, data), "wishlist", "Add-To-Cart", 1)
	}))
	field := drafted(t, c, 60, "/session/consent")
	typ := drafted(t, c, 40, "/event_type")
	if n := len(listProposals(t, c, "draft").Proposals); n != 2 {
		t.Errorf("%d drafts, want 2: both together follow from them", n)
	}
	eventually(t, "a note on the misspelt value", func() bool {
		notes := listProposals(t, c, "").Notes
		return len(notes) == 1 && notes[0].Path == "/event_type" && strings.Contains(notes[0].Message, "15 entries")
	})
	if field.WouldRelease != 60 || field.LookedAt != 60 || field.BaseVersion != 1 || field.Compatibility != "compatible" || len(field.Producers) != 1 || field.Edits[0].Kind != "field" {
		t.Errorf("%+v", field)
	}
	var whole proposal
	if err := adminCall(t, c, http.MethodGet, "/proposals/"+field.ID, nil, "", &whole); err != nil {
		t.Fatal(err)
	}
	want := replaced(t, schemaText(t), `"user_agent": { "type": "string", "maxLength": 1024 }`, `"user_agent": { "type": "string", "maxLength": 1024 },
        "consent": { "type": "string" }`)
	if compactJSON(t, whole.Document) != compactJSON(t, []byte(want)) {
		t.Errorf("the document is\n%s", whole.Document)
	}
	t.Log(whole.Summary, "\n"+whole.Diff)

	for range 2 { // accepting twice does it once
		a := decide(t, c, field.ID, "accept", `{"why":"the new consent banner"}`)
		if a.State != "accepted" || a.Version != 2 || a.Who == "" || a.Why != "the new consent banner" || a.Job != a.ID {
			t.Fatalf("%+v", a)
		}
	}
	if job, err := c.WaitJob(t.Context(), field.ID, 5*time.Millisecond, nil); err != nil || job.State != "done" || job.Released != 60 {
		t.Fatalf("%+v, %v", job, err)
	}
	send(events(t, 7, 10, withField)) // passes from now on
	again := drafted(t, c, 70, "/event_type")
	if again.ID != typ.ID || again.BaseVersion != 2 || again.WouldRelease != 70 {
		t.Errorf("the other draft was not rebuilt: %+v", again)
	}
	decide(t, c, again.ID, "accept", "")
	if job, err := c.WaitJob(t.Context(), again.ID, 5*time.Millisecond, nil); err != nil || job.Released != 70 {
		t.Fatalf("%+v, %v", job, err)
	}
	accounted(t, c, cfg, sent, 35)
}

func compactJSON(t testing.TB, raw []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(v)
	return string(b)
}

// A stream that allows it has its schema follow by itself, within its limits: what is within
// them is accepted once, what is not stays a draft. A rollback is one call, after which the
// same is not done again; what was released stays released, once.
func TestEvolutionByItself(t *testing.T) {
	cfg := evolving(t)
	_, c := startApp(t, cfg)
	putClickstream(t, c, map[string]any{"evolution": map[string]any{
		"mode": "auto", "limits": map[string]any{"min_entries": 50, "min_age": "1ms", "paths": []string{"/session"}},
	}})
	var sent []string
	send := func(list []string) {
		sent = append(sent, list...)
		post(t, c, list)
	}
	send(events(t, 1, 60, withType)) // of a kind, and at a place, that the limits leave out
	for i := range 7 {
		send(events(t, uint64(10+i), 10, withField))
	}
	one := func(state string) (p proposal) {
		eventually(t, "one proposal that is "+state, func() bool {
			list := listProposals(t, c, state).Proposals
			if len(list) > 1 {
				t.Fatalf("%d proposals are %s", len(list), state)
			}
			if len(list) == 1 {
				p = list[0]
			}
			return len(list) == 1
		})
		return p
	}
	p := one("accepted")
	if p.Who != "evolution:auto" || !strings.Contains(p.Why, "limits") || p.Version != 2 || p.Edits[0].Path != "/session/consent" {
		t.Errorf("%+v", p)
	}
	// Also what came while the version changed is released.
	eventually(t, "the release of what had the field", func() bool { return quarantinedNow(t, c) == 60 })
	drafted(t, c, 60, "/event_type")
	accounted(t, c, cfg, sent, 60)

	for range 2 {
		if back := decide(t, c, p.ID, "rollback", `{"why":"the warehouse cannot take it"}`); back.State != "rolled_back" || back.RollbackVersion != 3 {
			t.Fatalf("%+v", back)
		}
	}
	send(events(t, 30, 70, withField))
	drafted(t, c, 70, "/session/consent") // for people
	var schema struct{ Version int }
	if err := adminCall(t, c, http.MethodGet, "/schemas/clickstream", nil, "", &schema); err != nil || schema.Version != 3 {
		t.Errorf("the schema is at version %d, want 3; %v", schema.Version, err)
	}
	accounted(t, c, cfg, sent, 130)
}

// What is rejected does not come again, alone or with more; a proposal that was decided is not
// decided otherwise.
func TestEvolutionRejected(t *testing.T) {
	cfg := evolving(t)
	_, c := startApp(t, cfg)
	putClickstream(t, c, nil)
	sent := events(t, 1, 20, withField)
	post(t, c, sent)
	p := drafted(t, c, 20, "/session/consent")
	decide(t, c, p.ID, "reject", `{"why":"a bug of the app"}`)
	more := append(events(t, 2, 20, withField), events(t, 3, 20, func(i int, data string) string { return withType(i, withField(i, data)) })...)
	more = append(more, events(t, 4, 20, withType)...)
	post(t, c, more)
	drafted(t, c, 20, "/event_type")
	if list := listProposals(t, c, "draft").Proposals; len(list) != 1 {
		t.Errorf("what was rejected came again: %+v", list)
	}
	for _, what := range []string{"accept", "rollback"} {
		var problem *client.Problem
		if err := adminCall(t, c, http.MethodPost, "/proposals/"+p.ID+"/"+what, nil, "", nil); !errors.As(err, &problem) || problem.Status != http.StatusConflict {
			t.Errorf("%s of a rejected proposal: %v", what, err)
		}
	}
	accounted(t, c, cfg, append(sent, more...), 80)
}

// Wider types, const and unions are mended where they are declared, through references; and
// a place with many different values is no list: none is proposed, and it is said.
func TestEvolutionKinds(t *testing.T) {
	cfg := evolving(t)
	_, c := startApp(t, cfg)
	const schema = `{"type":"object","additionalProperties":false,"properties":{
		"n":{"$ref":"#/$defs/count"},"s":{"type":"string"},"v":{"const":"1.0"},"id":{"enum":["a","b"]},
		"who":{"oneOf":[{"type":"object","required":["kind"],"properties":{"kind":{"const":"user"},"name":{"type":"string"}}},
		                {"type":"object","required":["kind"],"properties":{"kind":{"const":"bot"}}}]},
		"list":{"type":"array","items":{"allOf":[{"$ref":"#/$defs/item"}],"unevaluatedProperties":false}}},
		"$defs":{"count":{"type":"integer"},"item":{"properties":{"sku":{"type":"string"}}}}}`
	resources := []any{
		map[string]any{"kind": "Schema", "subject": "clickstream", "schema": json.RawMessage(schema)},
		map[string]any{"kind": "Stream", "name": "clickstream", "schema": map[string]any{"subject": "clickstream"}, "sink": map[string]any{"file": map[string]any{"dir": "clickstream"}}},
	}
	if _, err := c.Apply(t.Context(), resources, false); err != nil {
		t.Fatal(err)
	}
	var sent []string
	for i := range 12 {
		sent = append(sent,
			fmt.Sprintf(`{"n":%d.5}`, i), fmt.Sprintf(`{"s":null,"n":%d}`, i), fmt.Sprintf(`{"v":"1.1","n":%d}`, i), fmt.Sprintf(`{"id":"x%d"}`, i),
			fmt.Sprintf(`{"who":{"kind":"team","size":%d}}`, i), fmt.Sprintf(`{"list":[{"sku":"a","price":%d},{"sku":"b"}]}`, i))
	}
	if a := post(t, c, sent); a.Accepted != 0 {
		t.Fatalf("%+v", a)
	}
	texts := map[string]string{
		"/n": "`/n` may be a number", "/s": "`/s` may be null", "/v": "`/v` may be \"1.1\"",
		"/who/kind": "`/who/kind` may be \"team\", in a branch of its own", "/list/*/price": "`/list/*/price` integer",
	}
	eventually(t, "all drafts", func() bool { return len(listProposals(t, c, "draft").Proposals) == len(texts) })
	for range len(texts) {
		list := listProposals(t, c, "draft").Proposals
		p := list[len(list)-1]
		e := p.Edits[0]
		if e.Text != texts[e.Path] || p.WouldRelease != 12 || p.Compatibility != "compatible" {
			t.Errorf("%s; want %q", p.Summary, texts[e.Path])
		}
		version := p.BaseVersion
		decide(t, c, p.ID, "accept", "")
		if _, err := c.WaitJob(t.Context(), p.ID, 5*time.Millisecond, nil); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the others on the new version", func() bool {
			for _, other := range listProposals(t, c, "draft").Proposals {
				if other.BaseVersion <= version {
					return false
				}
			}
			return true
		})
	}
	eventually(t, "a note on the many values", func() bool {
		notes := listProposals(t, c, "").Notes
		return len(notes) == 1 && notes[0].Path == "/id" && strings.Contains(notes[0].Message, "12 different values")
	})
	accounted(t, c, cfg, sent, 12)
	var now struct{ Schema json.RawMessage }
	if err := adminCall(t, c, http.MethodGet, "/schemas/clickstream", nil, "", &now); err != nil {
		t.Fatal(err)
	}
	want := schema
	for _, r := range [][2]string{
		{`"count":{"type":"integer"}`, `"count":{"type":"number"}`}, {`"s":{"type":"string"}`, `"s":{"type":["string","null"]}`},
		{`{"const":"1.0"}`, `{"enum":["1.0","1.1"]}`}, {`"unevaluatedProperties":false`, `"unevaluatedProperties":false,"properties":{"price":{"type":"integer"}}`},
		{`{"kind":{"const":"bot"}}}`, `{"kind":{"const":"bot"}}},{"type":"object","properties":{"kind":{"const":"team"},"size":{"type":"integer"}},"required":["kind"]}`},
	} {
		want = replaced(t, want, r[0], r[1])
	}
	if compactJSON(t, now.Schema) != compactJSON(t, []byte(want)) {
		t.Errorf("the schema is\n%s\nwant\n%s", now.Schema, want)
	}
}

// Where the subject's level does not allow what would mend it, nothing is drafted, and it is
// said why; a stream that wants none gets none.
func TestEvolutionKeepsToTheLevel(t *testing.T) {
	_, c := startApp(t, evolving(t))
	putClickstream(t, c, nil)
	full := map[string]any{"kind": "Schema", "subject": "clickstream", "compatibility": "FULL", "schema": json.RawMessage(schemaText(t))}
	off := map[string]any{"kind": "Stream", "name": "off", "schema": map[string]any{"subject": "clickstream"},
		"sink": map[string]any{"file": map[string]any{"dir": "off"}}, "evolution": map[string]any{"mode": "off"}}
	if _, err := c.Apply(t.Context(), []any{full, off}, false); err != nil {
		t.Fatal(err)
	}
	body := []byte(strings.Join(events(t, 1, 20, withField), "\n"))
	for _, stream := range []string{"off", "clickstream"} {
		if a, err := c.Ingest(t.Context(), client.Post{Stream: stream, Body: body, Type: client.NDJSON}); err != nil || a.Quarantined != 20 {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	eventually(t, "a note on the level", func() bool {
		notes := listProposals(t, c, "").Notes
		return len(notes) == 1 && notes[0].Path == "/session/consent" && strings.Contains(notes[0].Message, "FULL")
	})
	var all proposals
	if err := adminCall(t, c, http.MethodGet, "/proposals", nil, "", &all); err != nil || len(all.Proposals) != 0 || len(all.Notes) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}
