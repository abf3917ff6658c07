package admin

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	tooMuch = `{"id":"1","amount":500}`
	noID    = `{"amount":1}`
	notJSON = "{\"id\": \"<script>\xff\x00"
)

func TestEntriesAndGroups(t *testing.T) {
	s := newServer(t)
	s.fill(tooMuch, tooMuch, noID, notJSON)
	v := s.want(200, "GET", "/admin/v1/quarantine?limit=3", "")
	if len(v["entries"].([]any)) != 3 || v["next"] == "" {
		t.Fatalf("%v", v)
	}
	v = s.want(200, "GET", "/admin/v1/quarantine?limit=3&cursor="+v["next"].(string), "")
	if len(v["entries"].([]any)) != 1 || v["next"] != "" {
		t.Errorf("%v", v)
	}
	for filter, n := range map[string]int{
		"code=rule.failed": 2, "rule=limit": 2, "stream=orders": 4, "stream=other": 0, "id=entry-0&id=entry-2": 2, "status=released": 0,
		"status=quarantined": 4, "source=http": 4, "schema_version=1": 4, "since=2020-01-01T00:00:00Z": 4, "until=2020-01-01T00:00:00Z": 0,
	} {
		if got := s.want(200, "GET", "/admin/v1/quarantine?"+filter, "")["entries"].([]any); len(got) != n {
			t.Errorf("%s: %d entries, want %d", filter, len(got), n)
		}
	}
	groups := s.want(200, "GET", "/admin/v1/groups?stream=orders", "")["groups"].([]any)
	if len(groups) != 3 {
		t.Errorf("%d groups", len(groups))
	}
	first := groups[0].(map[string]any)["group"].(string)
	if g := s.want(200, "GET", "/admin/v1/groups/"+first, ""); g["group"] != first {
		t.Errorf("%v", g)
	}
	if e := s.want(200, "GET", "/admin/v1/quarantine/entry-0", ""); e["event_id"] != "1" || e["payload"] != nil {
		t.Errorf("%v", e)
	}
	s.want(404, "GET", "/admin/v1/quarantine/nothing", "")
	s.want(404, "GET", "/admin/v1/quarantine/nothing/payload", "")
	s.want(404, "GET", "/admin/v1/groups/nothing", "")
}

// Promise 2, and traps.md: the payload comes back byte for byte, as an attachment that
// no browser shows or runs.
func TestPayloadDownload(t *testing.T) {
	s := newServer(t)
	s.fill(notJSON)
	a := s.do("GET", "/admin/v1/quarantine/entry-0/payload", "")
	if a.status != 200 || a.body != notJSON {
		t.Errorf("%d %q", a.status, a.body)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/octet-stream", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "sandbox; default-src 'none'", "Content-Disposition": `attachment; filename="entry-0.bin"`,
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestExport(t *testing.T) {
	s := newServer(t)
	events := []string{tooMuch, noID, notJSON, "\u2028<&>\"", ""}
	s.fill(events...)
	a := s.do("GET", "/admin/v1/quarantine/export", "")
	if a.status != 200 || a.header.Get("Content-Type") != "application/x-ndjson" || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
		t.Fatalf("%d %v", a.status, a.header)
	}
	var got []string
	lines := bufio.NewScanner(strings.NewReader(a.body))
	for lines.Scan() {
		var e struct {
			ID      string
			Payload *string
			Base64  []byte `json:"payload_base64"`
		}
		must(t, json.Unmarshal(lines.Bytes(), &e))
		if e.Payload != nil {
			got = append(got, *e.Payload)
		} else {
			got = append(got, string(e.Base64))
		}
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", events) {
		t.Errorf("exported %q", got)
	}
	if a := s.do("GET", "/admin/v1/quarantine/export?rule=limit", ""); strings.Count(a.body, "\n") != 1 {
		t.Errorf("filtered: %s", a.body)
	}
}

func TestDiscard(t *testing.T) {
	s := newServer(t)
	s.fill(tooMuch, noID)
	for _, body := range []string{"", "{}", `{"filter":null}`, `{"filter":{"strem":"a"}}`, `{"filter":{"status":"released"}}`} {
		if a := s.do("POST", "/admin/v1/quarantine/discard", body); a.status != 400 {
			t.Errorf("%q: %d %s", body, a.status, a.body)
		}
	}
	if v := s.want(200, "POST", "/admin/v1/quarantine/discard", `{"filter":{"code":"schema.required"}}`); v["matched"] != 1.0 || v["discarded"] != 1.0 {
		t.Errorf("%v", v)
	}
	if e := s.want(200, "GET", "/admin/v1/quarantine/entry-1", ""); e["status"] != "discarded" {
		t.Errorf("%v", e)
	}
	if v := s.want(409, "DELETE", "/admin/v1/streams/orders", ""); !strings.Contains(v["detail"].(string), "1 entries") {
		t.Errorf("%v", v)
	}
	s.want(200, "DELETE", "/admin/v1/streams/orders?force=true", "")
}

// The way of the demo: the wrong rule is mended, a dry run says what would pass and
// changes nothing, and a job releases it to the stream's sink, once.
func TestMendAndReprocess(t *testing.T) {
	s := newServer(t)
	s.fill(tooMuch, noID)
	s.want(200, "PUT", "/admin/v1/rules/orders", `{"rules":[{"id":"limit","expr":"event.amount < 4000"}]}`)
	a := s.do("POST", "/admin/v1/reprocess", `{"filter":{"stream":"orders"},"dry_run":true}`)
	if a.status != 202 || !strings.HasPrefix(a.header.Get("Location"), "/admin/v1/reprocess/") {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if j := s.ended(a.header.Get("Location")); j["state"] != "done" || j["passed"] != 1.0 || j["failed"] != 1.0 || j["released"] != 0.0 {
		t.Errorf("dry run: %v", j)
	}
	if got := s.released(); len(got) != 0 {
		t.Errorf("the dry run released %q", got)
	}
	for range 2 { // the second finds nothing left to release
		a = s.do("POST", "/admin/v1/reprocess", `{"filter":{"stream":"orders"},"concurrency":2}`)
		if j := s.ended(a.header.Get("Location")); j["state"] != "done" || j["failed"] != 1.0 {
			t.Errorf("%v", j)
		}
		if got := s.released(); len(got) != 1 || !strings.HasSuffix(got[0], `"event":`+tooMuch+`}`) || !strings.Contains(got[0], `"quarantine_id":"entry-0"`) {
			t.Errorf("released: %q", got)
		}
	}
	if v := s.want(200, "GET", "/admin/v1/reprocess?limit=2", ""); len(v["jobs"].([]any)) != 2 || v["next"] == "" {
		t.Errorf("%v", v)
	}
	s.want(409, "POST", a.header.Get("Location")+"/cancel", "")
	s.want(409, "POST", a.header.Get("Location")+"/resume", "")
	s.want(404, "POST", "/admin/v1/reprocess/nothing/cancel", "")
	s.want(400, "POST", "/admin/v1/reprocess", `{"filter":{},"concurrency":1000}`)
}

// ended polls a job until it is done.
func (s *server) ended(location string) map[string]any {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		j := s.want(200, "GET", location, "")
		switch j["state"] {
		case "done", "failed", "cancelled":
			return j
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the job does not end: %v", j)
		}
	}
}

// released are the lines that the file sink holds.
func (s *server) released() (lines []string) {
	s.t.Helper()
	err := filepath.WalkDir(s.sinkDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(path, ".ndjson") {
			return err
		}
		b, err := os.ReadFile(path)
		for line := range strings.Lines(string(b)) {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.t.Fatal(err)
	}
	return lines
}
