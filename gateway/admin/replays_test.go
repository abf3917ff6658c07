package admin

import (
	"strings"
	"testing"
	"time"
)

// replayed makes a replay, waits until it is done and returns its id.
func (s *server) replayed(body string) string {
	s.t.Helper()
	return s.done(s.want(202, "POST", "/admin/v1/replays", body)["id"].(string))
}

func (s *server) done(id string) string {
	s.t.Helper()
	for s.want(200, "GET", "/admin/v1/replays/"+id, "")["state"] != "done" {
		time.Sleep(time.Millisecond) // looking again at what the server does
	}
	return id
}

// A replay is asked for, looked at and logged; what is wrong with it is said.
func TestReplays(t *testing.T) {
	s := newServer(t)
	id := s.replayed(`{"stream":"orders","from_topic":"clicks","offsets":[{"partition":0,"from":0,"to":9},{"partition":1}]}`)
	job := s.want(200, "GET", "/admin/v1/replays/"+id, "")
	if job["total"] != 10.0 || job["done"] != 10.0 || job["dry_run"] != false || job["from_topic"] != "clicks" || len(job["offsets"].([]any)) != 2 {
		t.Errorf("%v", job)
	}
	dry := s.want(202, "POST", "/admin/v1/replays?dry_run=true", "stream: orders\nfrom_topic: clicks\nsince: 2026-11-20T00:00:00Z\n", "Content-Type", "application/yaml")
	if dry["dry_run"] != true || dry["since"] != "2026-11-20T00:00:00Z" {
		t.Errorf("%v", dry)
	}
	s.done(dry["id"].(string))
	if list := s.want(200, "GET", "/admin/v1/replays?limit=1", ""); len(list["replays"].([]any)) != 1 || list["next"] == "" {
		t.Errorf("%v", list)
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "", `{"stream":"orders","from_topic":"other","since":"2026-11-20T00:00:00Z"}`, 422, `"pointer":"/from_topic","message":"there is no such topic"`},
		{"POST", "", `{"stream":"orders","from_topic":"clicks"}`, 422, "say where to begin"},
		{"POST", "", `{"stream":"orders","topic":"clicks"}`, 400, "unknown key"},
		{"POST", "", `{"stream":"orders","from_topic":"clicks","since":"yesterday"}`, 400, "cannot be read"},
		{"POST", "/" + id + "/resume", "", 409, "it is done"},
		{"GET", "/none", "", 404, "replay not found"},
		{"GET", "?cursor=x", "", 400, "no cursor of this list"},
	} {
		if a := s.do(c.method, base+"/replays"+c.path, c.body); a.status != c.status || !strings.Contains(a.body, c.says) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, a.status, a.body)
		}
	}
	if lines := strings.Join(s.log.audits(), ""); !strings.Contains(lines, "replay="+id) || !strings.Contains(lines, "topic=clicks") || !strings.Contains(lines, "dry_run=true") {
		t.Errorf("the audit says %s", lines)
	}
}
