package admin

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/auth"
)

// path puts names that exist nowhere into a route's path.
func (r route) example() string {
	parts := strings.Split(r.path, "/")
	for i, p := range parts {
		switch {
		case p == ":n":
			parts[i] = "1"
		case strings.HasPrefix(p, ":"):
			parts[i] = "nothing"
		}
	}
	return strings.Join(parts, "/")
}

// Every route has a scope; each answers 401 without a token, 403 with a token of any
// other scope, and neither with the right one or with admin.
func TestScopeMatrix(t *testing.T) {
	s := newServer(t)
	tokens := map[auth.Scope]string{}
	for _, scope := range auth.Scopes() {
		token, _, err := s.tokens.Create(t.Context(), string(scope), []auth.Scope{scope}, nil, time.Time{})
		must(t, err)
		tokens[scope] = token
	}
	s.restart()
	routes := append(s.api.routes(), s.api.healthRoutes()...)
	if len(routes) < 30 {
		t.Fatalf("%d routes only", len(routes))
	}
	for _, r := range routes {
		name := r.method + " " + r.path
		if r.public {
			if r.path != "/livez" && r.path != "/readyz" {
				t.Errorf("%s is public", name)
			}
			continue
		}
		if !slices.Contains(auth.Scopes(), r.scope) {
			t.Errorf("%s has no scope", name)
			continue
		}
		if a := s.do(r.method, r.example(), "{}"); a.status != 401 || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s without a token: %d %s", name, a.status, a.body)
		}
		for scope, token := range tokens {
			a := s.do(r.method, r.example(), "{}", "Authorization", "Bearer "+token)
			may := scope == r.scope || scope == auth.Admin
			if (a.status == 403) == may || a.status == 401 || a.status >= 500 {
				t.Errorf("%s with the scope %s: %d %s", name, scope, a.status, a.body)
			}
		}
	}
}

// The table of docs/admin-api.md and the routes are the same, scopes too.
func TestDocumentedRoutes(t *testing.T) {
	text, err := os.ReadFile("../../docs/admin-api.md")
	must(t, err)
	documented := map[string]string{}
	cell := regexp.MustCompile("`(GET|POST|PUT|DELETE) (/[^`]*)`")
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 {
			continue
		}
		for _, m := range cell.FindAllStringSubmatch(cells[1], -1) {
			documented[m[1]+" "+m[2]] = strings.TrimSpace(cells[2])
		}
	}
	if len(documented) < 25 {
		t.Fatalf("%d routes are documented: this test does not read the table", len(documented))
	}
	param := regexp.MustCompile(`:(\w+)`)
	api := &API{}
	for _, r := range api.routes() {
		key := r.method + " " + param.ReplaceAllString(strings.TrimPrefix(r.path, base), "{$1}")
		if scope, ok := documented[key]; !ok {
			t.Errorf("%s is not documented", key)
		} else if scope != string(r.scope) {
			t.Errorf("%s needs %s, and is documented as %s", key, r.scope, scope)
		}
		delete(documented, key)
	}
	for key := range documented {
		t.Errorf("%s is documented and does not exist", key)
	}
}

// A token for some streams sees and changes these alone, also through ids and filters.
func TestTokenForOneStream(t *testing.T) {
	s := newServer(t)
	s.fill(`{"id":"1","amount":500}`)
	group := s.want(200, "GET", "/admin/v1/groups", "")["groups"].([]any)[0].(map[string]any)["group"].(string)
	job := s.want(202, "POST", "/admin/v1/reprocess?dry_run=true", `{"filter":{"stream":"orders"}}`)["id"].(string)
	const replayBody = `{"stream":"orders","from_topic":"clicks","since":"2026-11-20T00:00:00Z"}`
	replay := s.replayed(replayBody)
	create := func(name, stream string) string {
		token, _, err := s.tokens.Create(t.Context(), name, []auth.Scope{auth.Admin}, []string{stream}, time.Time{})
		must(t, err)
		return token
	}
	mine, other := create("mine", "orders"), create("other", "returns")
	s.restart()
	cases := []struct {
		method, path, body string
		mine               int
	}{
		{"GET", "/streams/orders", "", 200}, {"GET", "/rules/orders", "", 200}, {"GET", "/streams/orders/versions", "", 200},
		{"GET", "/quarantine?stream=orders", "", 200}, {"GET", "/quarantine", "", 403}, {"GET", "/streams", "", 403}, {"GET", "/schemas", "", 403},
		{"GET", "/quarantine/entry-0", "", 200}, {"GET", "/quarantine/entry-0/payload", "", 200}, {"GET", "/quarantine/export?stream=orders", "", 200},
		{"GET", "/quarantine/export", "", 403}, {"GET", "/groups/" + group, "", 200}, {"GET", "/groups?stream=orders", "", 200},
		{"GET", "/reprocess/" + job, "", 200}, {"GET", "/reprocess", "", 403}, {"POST", "/apply", bundle, 403},
		{"POST", "/quarantine/discard?dry_run=true", `{"filter":{"stream":"orders"}}`, 200}, {"POST", "/quarantine/discard?dry_run=true", `{"filter":{}}`, 403},
		{"POST", "/reprocess?dry_run=true", `{"filter":{"ids":["entry-0"]}}`, 403}, {"POST", "/reprocess?dry_run=true", `{"filter":{"stream":"orders"}}`, 202},
		{"POST", "/replays", replayBody, 202}, {"POST", "/replays", strings.Replace(replayBody, "orders", "", 1), 403},
		{"GET", "/replays/" + replay, "", 200}, {"POST", "/replays/" + replay + "/cancel", "", 409}, {"GET", "/replays", "", 403},
		{"PUT", "/rules/orders?dry_run=true", `{"rules":[]}`, 200}, {"PUT", "/schemas/order?dry_run=true", `{}`, 403},
	}
	for _, c := range cases {
		a := s.do(c.method, base+c.path, c.body, "Authorization", "Bearer "+mine)
		if a.status != c.mine {
			t.Errorf("%s %s: %d, want %d: %s", c.method, c.path, a.status, c.mine, a.body)
		}
		if a := s.do(c.method, base+c.path, c.body, "Authorization", "Bearer "+other); a.status != 403 {
			t.Errorf("%s %s with the token of another stream: %d %s", c.method, c.path, a.status, a.body)
		}
	}
}

// Without tokens, pages of other origins and names that were pointed here are refused.
func TestOpenServerRefusesBrowsersFromElsewhere(t *testing.T) {
	s := newServer(t)
	if a := s.do("GET", "/admin/v1/info", ""); a.status != 200 || !strings.Contains(a.body, `"open":true`) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := s.do("GET", "/admin/v1/info", "", "Host", "evil.example"); a.status != 403 {
		t.Errorf("another name: %d", a.status)
	}
	if a := s.do("PUT", "/admin/v1/rules/a", `{"rules":[]}`, "Origin", "http://evil.example"); a.status != 403 {
		t.Errorf("another origin: %d", a.status)
	}
	if a := s.do("PUT", "/admin/v1/rules/a", `{"rules":[]}`, "Origin", s.url); a.status != 201 {
		t.Errorf("the same origin: %d %s", a.status, a.body)
	}
}

// A parameter that is misspelt is refused by every route: it must not widen anything.
func TestUnknownParametersAreRefused(t *testing.T) {
	s := newServer(t)
	for _, r := range append(s.api.routes(), s.api.healthRoutes()...) {
		a := s.do(r.method, r.example()+"?dryrun=true", "{}")
		if a.status != 400 || !strings.Contains(a.body, "dryrun") {
			t.Errorf("%s %s: %d %s", r.method, r.path, a.status, a.body)
		}
	}
	for _, q := range []string{"limit=0", "limit=1001", "limit=x", "cursor=%21", "stream=a&stream=b", "since=yesterday", "status=lost", "schema_version=0", "code=x"} {
		if a := s.do("GET", "/admin/v1/quarantine?"+q, ""); a.status != 400 {
			t.Errorf("%s: %d %s", q, a.status, a.body)
		}
	}
	for _, q := range []string{"limit=0", "cursor=%21"} {
		if a := s.do("GET", "/admin/v1/streams?"+q, ""); a.status != 400 {
			t.Errorf("%s: %d %s", q, a.status, a.body)
		}
	}
}
