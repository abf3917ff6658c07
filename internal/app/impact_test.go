package app_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/examples"
	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/workload"
)

// schemaText is the clickstream's schema as it is written.
func schemaText(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, examples.Clickstream()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "clickstream.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// replaced is a text with one part of it replaced, which must be there.
func replaced(t testing.TB, text, old, new string) string {
	t.Helper()
	if !strings.Contains(text, old) {
		t.Fatalf("the text has no %q", old)
	}
	return strings.Replace(text, old, new, 1)
}

// putClickstream applies the clickstream without its rules, with more members of the stream.
func putClickstream(t testing.TB, c *client.Client, members map[string]any) {
	t.Helper()
	stream := map[string]any{
		"kind": "Stream", "name": "clickstream", "schema": map[string]any{"subject": "clickstream"},
		"id": "/event_id", "key": "/user_id", "time": "/timestamp", "sink": map[string]any{"file": map[string]any{"dir": "clickstream"}},
	}
	for name, v := range members {
		stream[name] = v
	}
	schema := map[string]any{"kind": "Schema", "subject": "clickstream", "schema": json.RawMessage(schemaText(t))}
	if _, err := c.Apply(t.Context(), []any{schema, stream}, false); err != nil {
		t.Fatal(err)
	}
}

// events are so many good events of the workload, each changed by edit.
func events(t testing.TB, seed uint64, n int, edit func(i int, data string) string) (list []string) {
	t.Helper()
	gen, err := workload.New(workload.Config{Events: n, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		e, _ := gen.Next()
		data := string(e.Data)
		if edit != nil {
			data = edit(i, data)
		}
		list = append(list, data)
	}
	return list
}

func post(t testing.TB, c *client.Client, list []string) client.Answer {
	t.Helper()
	a, err := c.Ingest(t.Context(), client.Post{Stream: "clickstream", Body: []byte(strings.Join(list, "\n")), Type: client.NDJSON})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

type impactReport struct {
	BaseVersion int `json:"base_version"`
	Streams     []struct {
		Stream string
		Recent struct {
			Kept, Passing int
			LookedAt      int `json:"looked_at"`
			WouldRefuse   int `json:"would_refuse"`
			Redacted      any
			Reasons       []struct {
				Code, Path string
				Events     int
				Examples   []map[string]any
			}
		}
		Quarantine struct {
			Entries      int64
			LookedAt     int `json:"looked_at"`
			WouldRelease int `json:"would_release"`
			PassToday    int `json:"pass_today"`
			Released     []map[string]any
			Reasons      []struct {
				Code   string
				Events int
			}
		}
	}
	Summary []string
}

func impactOf(t testing.TB, c *client.Client, schema string, query url.Values) (r impactReport) {
	t.Helper()
	var raw json.RawMessage
	_, err := c.Do(t.Context(), client.Call{Method: http.MethodPost, Path: "/admin/v1/schemas/clickstream/impact", Query: query, Body: []byte(schema)}, &raw)
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A proposed schema is tried on what the stream accepted last and on its quarantine: what it
// would refuse and what it would release are counted, with reasons, and nothing is changed.
func TestImpactOfASchema(t *testing.T) {
	_, c := startApp(t, testConfig(t))
	putClickstream(t, c, map[string]any{"recent": map[string]any{"keep": 300}})
	tablets := 0
	good := events(t, 1, 300, func(_ int, data string) string {
		if strings.Contains(data, `"device_type":"tablet"`) {
			tablets++
		}
		return data
	})
	if a := post(t, c, good); a.Accepted != 300 {
		t.Fatalf("%+v", a)
	}
	bad := events(t, 2, 50, func(i int, data string) string {
		if i%5 == 0 {
			return strings.Replace(data, `"session":{`, `"session":{"other":1,`, 1)
		}
		return strings.Replace(data, `"session":{`, `"session":{"consent":"all",`, 1)
	})
	if a := post(t, c, bad); a.Quarantined != 50 {
		t.Fatalf("%+v", a)
	}
	next := replaced(t, schemaText(t), `["desktop", "mobile", "tablet"]`, `["desktop", "mobile"]`)
	next = replaced(t, next, `"new_visitor": { "type": "boolean" },`, `"new_visitor": { "type": "boolean" }, "consent": { "type": "string" },`)
	released, still := 0, 0
	for i, data := range bad {
		if i%5 != 0 && !strings.Contains(data, `"device_type":"tablet"`) {
			released++
		} else {
			still++
		}
	}
	r := impactOf(t, c, next, url.Values{"recent": {"1000"}, "payloads": {"true"}})
	if len(r.Streams) != 1 || r.BaseVersion != 1 {
		t.Fatalf("%+v", r)
	}
	s := r.Streams[0]
	if s.Recent.Kept != 300 || s.Recent.Passing != 300 || s.Recent.WouldRefuse != tablets || tablets == 0 {
		t.Errorf("%d tablets; %+v", tablets, s.Recent)
	}
	if g := s.Recent.Reasons; len(g) != 1 || g[0].Code != "schema.enum" || g[0].Path != "/device_type" || g[0].Events != tablets || g[0].Examples[0]["payload"] == nil {
		t.Errorf("%+v", g)
	}
	if q := s.Quarantine; q.Entries != 50 || q.LookedAt != 50 || q.WouldRelease != released || len(q.Released) != 3 {
		t.Errorf("want %d released and %d not: %+v", released, still, q)
	}
	if r := impactOf(t, c, next, url.Values{"entries": {"7"}, "recent": {"5"}}); r.Streams[0].Quarantine.LookedAt != 7 || r.Streams[0].Recent.LookedAt != 5 {
		t.Errorf("%+v", r)
	}
	var p *client.Problem
	_, err := c.Do(t.Context(), client.Call{Method: http.MethodPost, Path: "/admin/v1/schemas/clickstream/impact", Body: []byte(`{"type":"objekt"}`)}, nil)
	if !errors.As(err, &p) || p.Status != 422 {
		t.Errorf("a schema that is wrong: %v", err)
	}
}

// Of a sample that is redacted whole, structure is judged and values are not: no placeholder
// counts as a fault, and a member that a schema newly asks for does.
func TestImpactOnARedactedSample(t *testing.T) {
	_, c := startApp(t, testConfig(t))
	putClickstream(t, c, map[string]any{"recent": map[string]any{"redact": "all"}})
	post(t, c, events(t, 1, 100, nil))
	same := impactOf(t, c, schemaText(t), nil).Streams[0]
	if same.Recent.Passing != 100 || same.Recent.WouldRefuse != 0 || same.Recent.Redacted != "all" {
		t.Errorf("%+v", same.Recent)
	}
	next := replaced(t, schemaText(t), `"required": ["id", "started_at", "page_views"]`, `"required": ["id", "started_at", "page_views", "consent"]`)
	r := impactOf(t, c, next, url.Values{"stream": {"clickstream"}})
	if got := r.Streams[0].Recent; got.WouldRefuse != 100 || got.Reasons[0].Code != "schema.required" {
		t.Errorf("%+v", got)
	}
	if len(r.Summary) != 2 || !strings.Contains(r.Summary[0], "would refuse 100 of the 100 that pass today") || !strings.Contains(r.Summary[1], "redacted") {
		t.Errorf("%q", r.Summary)
	}
}
