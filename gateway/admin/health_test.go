package admin

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/auth"
)

// Readiness follows the store and the sinks; what it names is for those who may read.
func TestHealth(t *testing.T) {
	s := newServer(t)
	s.want(200, "POST", "/admin/v1/apply", bundle)
	s.want(200, "GET", "/livez", "")
	if v := s.want(200, "GET", "/readyz", ""); v["status"] != "ok" || len(v["checks"].([]any)) != 3 {
		t.Errorf("%v", v)
	}
	s.mu.Lock()
	s.storeError = errors.New("disk of /secret/place is full")
	s.mu.Unlock()
	a := s.do("GET", "/readyz", "")
	if a.status != 503 || !strings.Contains(a.body, "/secret/place") || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	token, _, err := s.tokens.Create(t.Context(), "reader", []auth.Scope{auth.Read}, nil, time.Time{})
	must(t, err)
	s.restart()
	if a := s.do("GET", "/readyz", ""); a.status != 503 || strings.Contains(a.body, "/secret/place") || !strings.Contains(a.body, `{"name":"store","ok":false}`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.do("GET", "/readyz", "", "Authorization", "Bearer "+token); !strings.Contains(a.body, "/secret/place") {
		t.Errorf("%d %s", a.status, a.body)
	}
	s.want(200, "GET", "/livez", "")
	if a := s.do("GET", "/metrics", "", "Authorization", "Bearer "+token); a.status != 200 || a.body != "lazaret_up 1\n" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("%d %q", a.status, a.body)
	}
	if a := s.do("GET", "/metrics", ""); a.status != 401 {
		t.Errorf("%d", a.status)
	}
	if v := s.want(200, "GET", "/admin/v1/info", "", "Authorization", "Bearer "+token); v["version"] != "test" || v["open"] != false || v["store"].(map[string]any)["ready"] != false {
		t.Errorf("%v", v)
	}
}

// Every change, and every payload that was handed out, leaves one audit line: who, what,
// what came of it; and nothing out of a payload.
func TestAudit(t *testing.T) {
	s := newServer(t)
	const secret = "98765432109"
	s.fill(`{"id":"1","amount":` + secret + `}`)
	token, _, err := s.tokens.Create(t.Context(), "ada", []auth.Scope{auth.Admin}, nil, time.Time{})
	must(t, err)
	s.restart()
	s.token = token
	for _, c := range []struct {
		method, path, body string
		wants              []string
	}{
		{"PUT", "/rules/orders", `{"rules":[{"id":"limit","expr":"event.amount < 123456"}]}`, []string{"RuleSet/orders", "action=updated", "version=2", "outcome=done"}},
		{"PUT", "/rules/orders", `{"rules":[{"id":"limit","expr":"event.amount <"}]}`, []string{`outcome="refused 422"`}},
		{"POST", "/apply?dry_run=true", bundle, []string{"resources=3", "dry_run=true", "Stream/orders"}},
		{"DELETE", "/streams/nothing", "", []string{`outcome="refused 404"`, "Stream/nothing"}},
		{"GET", "/quarantine/entry-0/payload", "", []string{"stream=orders"}},
		{"GET", "/quarantine/export", "", []string{"outcome=done"}},
		{"POST", "/quarantine/discard", `{"filter":{"stream":"orders"}}`, []string{"matched=1", "discarded=1"}},
		{"POST", "/reprocess", `{"filter":{}}`, []string{"job=", "matched=0"}},
	} {
		before := len(s.log.audits())
		s.do(c.method, base+c.path, c.body)
		lines := s.log.audits()[before:]
		if len(lines) != 1 {
			t.Fatalf("%s %s: %d audit lines", c.method, c.path, len(lines))
		}
		for _, want := range append(c.wants, "who=ada", "token=tok_", "method="+c.method, "path="+base, "remote=127.0.0.1") {
			if !strings.Contains(lines[0], want) {
				t.Errorf("%s %s: no %s in %s", c.method, c.path, want, lines[0])
			}
		}
		if strings.Contains(lines[0], secret) || strings.Contains(lines[0], "event.amount") || strings.Contains(lines[0], token) {
			t.Errorf("the audit line tells too much: %s", lines[0])
		}
	}
	s.token = ""
	before := len(s.log.audits())
	s.do("PUT", base+"/rules/orders", `{"rules":[]}`)
	if lines := s.log.audits()[before:]; len(lines) != 1 || !strings.Contains(lines[0], `outcome="refused 401"`) {
		t.Errorf("%v", lines)
	}
	s.do("GET", base+"/streams", "")
	if n := len(s.log.audits()); n != before+1 {
		t.Error("a read was logged as a change")
	}
}
