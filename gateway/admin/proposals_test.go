package admin

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/auth"
)

// ahead quarantines events that have a field which the schema does not know, and has them
// looked at.
func (s *server) ahead() (id string) {
	s.t.Helper()
	s.fill()
	s.want(200, "PUT", "/admin/v1/schemas/order?force=true", `{"type":"object","additionalProperties":false,"properties":{"id":{},"amount":{}}}`)
	var events []string
	for i := range 12 {
		events = append(events, fmt.Sprintf(`{"id":"%d","amount":1,"coupon":"secret-%d"}`, i, i))
	}
	s.refuse(events...)
	must(s.t, s.evolution.Look(s.t.Context()))
	list := s.want(200, "GET", "/admin/v1/proposals?stream=orders&state=draft", "")["proposals"].([]any)
	if len(list) != 1 {
		s.t.Fatalf("%v", list)
	}
	return list[0].(map[string]any)["id"].(string)
}

// Proposals are listed without documents, shown with what they change, decided on once, and
// hold nothing of what the events hold.
func TestProposals(t *testing.T) {
	s := newServer(t)
	id := s.ahead()
	a := s.do("GET", "/admin/v1/proposals", "")
	if strings.Contains(a.body, "secret") || strings.Contains(a.body, `"document"`) || !strings.Contains(a.body, "`/coupon` string, seen in 12 entries of 1 producer") {
		t.Errorf("%s", a.body)
	}
	one := s.want(200, "GET", "/admin/v1/proposals/"+id, "")
	if one["document"] == nil || !strings.Contains(one["diff"].(string), `+    "coupon"`) || strings.Contains(fmt.Sprint(one), "secret") {
		t.Errorf("%v", one)
	}
	for range 2 {
		if p := s.want(200, "POST", "/admin/v1/proposals/"+id+"/accept", `{"why":"agreed"}`); p["state"] != "accepted" || p["version"] != 3.0 || p["why"] != "agreed" {
			t.Errorf("%v", p)
		}
	}
	s.want(409, "POST", "/admin/v1/proposals/"+id+"/reject", "")
	if p := s.want(200, "POST", "/admin/v1/proposals/"+id+"/rollback", ""); p["state"] != "rolled_back" || p["rollback_version"] != 4.0 || p["notice"] == nil {
		t.Errorf("%v", p)
	}
	s.want(404, "GET", "/admin/v1/proposals/nobody", "")
	s.want(400, "GET", "/admin/v1/proposals?state=odd", "")
	s.want(400, "POST", "/admin/v1/proposals/"+id+"/rollback", `{"who":"me"}`)
	for _, line := range s.log.audits() {
		if strings.Contains(line, "accept") && !strings.Contains(line, "proposal="+id) {
			t.Errorf("the audit line does not say what was decided: %s", line)
		}
	}
}

// Accepting releases, so that it needs the scope for that as well; a token of another stream
// sees and decides nothing; payloads in an impact need their own scope.
func TestProposalScopes(t *testing.T) {
	s := newServer(t)
	id := s.ahead()
	token := func(stream string, scopes ...auth.Scope) string {
		var streams []string
		if stream != "" {
			streams = []string{stream}
		}
		secret, _, err := s.tokens.Create(t.Context(), fmt.Sprintf("t%s%d%s", stream, len(scopes), scopes[len(scopes)-1]), scopes, streams, time.Time{})
		must(t, err)
		return secret
	}
	rules, both, other := token("", auth.Rules), token("orders", auth.Rules, auth.Reprocess, auth.Read), token("returns", auth.Rules, auth.Reprocess, auth.Read)
	payload, admin := token("", auth.Rules, auth.Payload), token("", auth.Admin)
	s.restart()
	for _, c := range []struct {
		token, method, path string
		status              int
	}{
		{rules, "POST", "/proposals/" + id + "/accept", 403},
		{other, "POST", "/proposals/" + id + "/accept", 403},
		{other, "GET", "/proposals/" + id, 403},
		{other, "GET", "/proposals", 403},
		{other, "GET", "/proposals?stream=orders", 403},
		{both, "GET", "/proposals?stream=orders", 200},
		{rules, "POST", "/schemas/order/impact?payloads=true", 403},
		{payload, "POST", "/schemas/order/impact?payloads=true", 200},
		{other, "POST", "/schemas/order/impact", 403},
		{other, "POST", "/schemas/order/impact?stream=orders", 403},
		{both, "POST", "/schemas/order/impact?stream=orders", 200},
	} {
		s.token = c.token
		if a := s.do(c.method, "/admin/v1"+c.path, "{}"); a.status != c.status {
			t.Errorf("%s %s: %d, want %d: %s", c.method, c.path, a.status, c.status, a.body)
		} else if strings.Contains(a.body, "secret") && c.token != payload {
			t.Errorf("%s %s hands out payloads", c.method, c.path)
		}
	}
	// A new version judges every stream of the subject: a token of one of them alone does not
	// make it.
	s.token = admin
	s.want(201, "PUT", "/admin/v1/streams/copies", `{"schema":{"subject":"order"},"sink":{"file":{"dir":"copies"}}}`)
	s.token = both
	s.want(403, "POST", "/admin/v1/proposals/"+id+"/accept", "{}")
	s.token = admin
	s.want(200, "DELETE", "/admin/v1/streams/copies", "")
	s.token = both
	s.want(200, "POST", "/admin/v1/proposals/"+id+"/accept", "{}")
}
