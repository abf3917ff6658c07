package admin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestResourceLife(t *testing.T) {
	s := newServer(t)
	if v := s.want(201, "PUT", "/admin/v1/schemas/order", `{"type": "object"}`); v["action"] != "created" || v["kind"] != "Schema" || v["version"] != 1.0 || v["dry_run"] != false {
		t.Errorf("%v", v)
	}
	if v := s.want(200, "PUT", "/admin/v1/schemas/order", `{"type":"object"}`); v["action"] != "unchanged" {
		t.Errorf("the same document: %v", v)
	}
	if v := s.want(200, "PUT", "/admin/v1/schemas/order?force=true", "type: object\nrequired: [id]\n", "Content-Type", "application/yaml"); v["action"] != "updated" || v["version"] != 2.0 {
		t.Errorf("%v", v)
	}
	if v := s.want(200, "GET", "/admin/v1/schemas/order/versions/1", ""); v["version"] != 1.0 || fmt.Sprint(v["schema"]) != "map[type:object]" {
		t.Errorf("%v", v)
	}
	s.want(201, "PUT", "/admin/v1/streams/orders", `{"schema":{"subject":"order"},"sink":{"file":{"dir":"orders"}}}`)
	s.want(201, "PUT", "/admin/v1/rules/orders", "rules:\n- id: a\n  expr: event.a == 1\n", "Content-Type", "application/yaml")
	v := s.want(200, "GET", "/admin/v1/streams/orders", "")
	if v["version"] != 2.0 || v["schema_version"] != 2.0 || v["ruleset"] != 1.0 || v["kind"] != "Stream" {
		t.Errorf("%v", v)
	}
	if v := s.want(200, "GET", "/admin/v1/streams/orders/versions", ""); len(v["versions"].([]any)) != 2 {
		t.Errorf("%v", v)
	}
	if v := s.want(409, "DELETE", "/admin/v1/schemas/order", ""); !strings.Contains(v["detail"].(string), "stream orders") {
		t.Errorf("%v", v)
	}
	for _, path := range []string{"/rules/orders", "/streams/orders", "/schemas/order"} {
		if v := s.want(200, "DELETE", "/admin/v1"+path, ""); v["action"] != "deleted" {
			t.Errorf("%v", v)
		}
		s.want(404, "GET", "/admin/v1"+path, "")
		s.want(404, "DELETE", "/admin/v1"+path, "")
	}
}

// What a GET answers may be PUT again, and changes nothing.
func TestAnswersMayBePutAgain(t *testing.T) {
	s := newServer(t)
	s.want(200, "POST", "/admin/v1/apply", bundle)
	for _, path := range []string{"/streams/orders", "/schemas/order", "/rules/orders"} {
		got := s.do("GET", "/admin/v1"+path, "").body
		if v := s.want(200, "PUT", "/admin/v1"+path, got); v["action"] != "unchanged" {
			t.Errorf("%s: %v", path, v)
		}
		if v := s.want(200, "POST", "/admin/v1/apply", `{"resources":[`+got+`]}`); fmt.Sprint(v["results"]) == "" || !strings.Contains(fmt.Sprint(v["results"]), "unchanged") {
			t.Errorf("%s: %v", path, v)
		}
	}
}

// Promise 6 at the API: a rule that does not compile is refused whole with line, column
// and a caret, and the old rules go on.
func TestBadRuleIsRefusedWithItsPlace(t *testing.T) {
	s := newServer(t)
	s.want(200, "POST", "/admin/v1/apply", bundle)
	before := s.dump()
	a := s.do("PUT", "/admin/v1/rules/orders", `{"rules":[{"id":"fine","expr":"event.a == 1"},{"id":"bad","expr":"event.amount >\n  (event.b"}]}`)
	var p struct {
		Type, Title, Detail string
		Status              int
		Errors              []struct {
			Resource, Pointer, Message, Snippet string
			Line, Column                        int
		}
	}
	must(t, json.Unmarshal([]byte(a.body), &p))
	if a.status != 422 || a.header.Get("Content-Type") != "application/problem+json" || p.Status != 422 || len(p.Errors) != 1 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	e := p.Errors[0]
	if e.Resource != "RuleSet/orders" || e.Pointer != "/rules/1/expr" || e.Line != 2 || e.Column < 3 || !strings.Contains(e.Snippet, "(event.b\n") || !strings.HasSuffix(e.Snippet, "^") {
		t.Errorf("%+v", e)
	}
	a = s.do("PUT", "/admin/v1/schemas/order", "{\n  \"type\": \"object\",\n  \"minLength\": \"x\"\n}")
	if a.status != 422 || !strings.Contains(a.body, `"line":3`) || !strings.Contains(a.body, `"pointer":"/minLength"`) || !strings.Contains(a.body, `"resource":"Schema/order"`) {
		t.Errorf("a bad schema: %d %s", a.status, a.body)
	}
	a = s.do("PUT", "/admin/v1/rules/orders", "rules:\n- id: a\n  exrp: x\n")
	if a.status != 400 || !strings.Contains(a.body, `"line":3`) || !strings.Contains(a.body, `"column":3`) {
		t.Errorf("an unknown key: %d %s", a.status, a.body)
	}
	if s.dump() != before {
		t.Error("something was changed")
	}
}

// A dry run of every write answers as the write would, and no row of any table changes.
func TestDryRunChangesNoRow(t *testing.T) {
	s := newServer(t)
	s.fill(`{"id":"1","amount":500}`, `{"amount":1}`)
	writes := []struct{ method, path, body, action string }{
		{"PUT", "/schemas/order?", `{"type":"object"}`, "updated"}, {"PUT", "/schemas/new?", `{}`, "created"},
		{"PUT", "/rules/orders?", `{"rules":[]}`, "updated"}, {"PUT", "/streams/orders?", `{"sink":{"file":{"dir":"o"}}}`, "updated"},
		{"DELETE", "/rules/orders?", "", "deleted"}, {"DELETE", "/streams/orders?force=true&", "", "deleted"},
		{"POST", "/apply?", bundle, "unchanged"}, {"POST", "/apply?", strings.ReplaceAll(bundle, "order", "basket"), "created"},
	}
	for _, w := range writes {
		before := s.dump()
		a := s.do(w.method, base+w.path+"dry_run=true", w.body)
		if a.status != 200 || !strings.Contains(a.body, `"action":"`+w.action+`"`) || !strings.Contains(a.body, `"dry_run":true`) || a.header.Get("ETag") != "" {
			t.Errorf("%s %s: %d %s", w.method, w.path, a.status, a.body)
		}
		if s.dump() != before {
			t.Errorf("%s %s changed the store", w.method, w.path)
		}
	}
	before := s.dump()
	if v := s.want(200, "POST", "/admin/v1/quarantine/discard?dry_run=true", `{"filter":{}}`); v["matched"] != 2.0 || v["dry_run"] != true {
		t.Errorf("%v", v)
	}
	if s.dump() != before {
		t.Error("a dry discard changed the store")
	}
}

// Of many clients that change what they have read, all at once, one wins and the others
// get a 412: no update is lost.
func TestIfMatch(t *testing.T) {
	s := newServer(t)
	s.want(200, "POST", "/admin/v1/apply", bundle)
	etag := s.do("GET", "/admin/v1/rules/orders", "").header.Get("ETag")
	if !strings.HasPrefix(etag, `"1-`) {
		t.Fatalf("ETag %s", etag)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	for i := range 8 {
		wg.Go(func() {
			a, err := s.try("PUT", "/admin/v1/rules/orders", fmt.Sprintf(`{"rules":[{"id":"r%d","expr":"true"}]}`, i), "If-Match", etag)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			statuses[a.status]++
		})
	}
	wg.Wait()
	if statuses[200] != 1 || statuses[412] != 7 {
		t.Errorf("%v", statuses)
	}
	now := s.do("GET", "/admin/v1/rules/orders", "").header.Get("ETag")
	a := s.do("PUT", "/admin/v1/rules/orders", `{"rules":[]}`, "If-Match", now)
	if a.status != 200 || a.header.Get("ETag") == now || a.header.Get("ETag") != s.do("GET", "/admin/v1/rules/orders", "").header.Get("ETag") {
		t.Errorf("%d, ETag %s after %s", a.status, a.header.Get("ETag"), now)
	}
	for _, h := range [][]string{{"If-Match", "W/" + now}, {"If-Match", "x"}, {"If-None-Match", now}} {
		if a := s.do("PUT", "/admin/v1/rules/orders", `{"rules":[]}`, h...); a.status != 400 {
			t.Errorf("%v: %d", h, a.status)
		}
	}
	s.want(412, "PUT", "/admin/v1/streams/orders", `{"sink":{"file":{"dir":"x"}}}`, "If-None-Match", "*")
	s.want(412, "DELETE", "/admin/v1/streams/orders", "", "If-Match", `"99"`)
	if a := s.do("GET", "/admin/v1/streams/orders", "", "If-None-Match", s.do("GET", "/admin/v1/streams/orders", "").header.Get("ETag")); a.status != 304 || a.body != "" {
		t.Errorf("%d %q", a.status, a.body)
	}
}

// Pages together are the list, whatever is put or deleted between them.
func TestPages(t *testing.T) {
	s := newServer(t)
	for i := range 5 {
		s.want(201, "PUT", fmt.Sprintf("/admin/v1/rules/s%d", i), `{"rules":[]}`)
		s.want(201, "PUT", fmt.Sprintf("/admin/v1/streams/s%d", i), fmt.Sprintf(`{"sink":{"file":{"dir":"d%d"}}}`, i))
		s.do("PUT", "/admin/v1/rules/s0", fmt.Sprintf(`{"rules":[{"id":"a","expr":"event.a == %d"}]}`, i))
	}
	for path, list := range map[string]string{"/streams": "streams", "/rules": "rules", "/rules/s0/versions": "versions", "/streams/s0/versions": "versions"} {
		var all, paged []any
		all = s.want(200, "GET", base+path, "")[list].([]any)
		cursor := ""
		for range 20 {
			v := s.want(200, "GET", base+path+"?limit=2"+cursor, "")
			paged = append(paged, v[list].([]any)...)
			if v["next"] == "" {
				break
			}
			cursor = "&cursor=" + v["next"].(string)
		}
		if len(all) < 5 || fmt.Sprint(all) != fmt.Sprint(paged) {
			t.Errorf("%s: %d in all, %d paged", path, len(all), len(paged))
		}
	}
	v := s.want(200, "GET", "/admin/v1/streams?limit=2", "")
	s.want(200, "DELETE", "/admin/v1/streams/s1", "")
	v = s.want(200, "GET", "/admin/v1/streams?limit=2&cursor="+v["next"].(string), "")
	var names []string
	for _, x := range v["streams"].([]any) {
		names = append(names, x.(map[string]any)["name"].(string))
	}
	if !slices.Equal(names, []string{"s2", "s3"}) {
		t.Errorf("after a deletion: %v", names)
	}
	if v := s.want(200, "GET", "/admin/v1/schemas", ""); fmt.Sprint(v["schemas"]) != "[]" {
		t.Errorf("%v", v)
	}
}

func TestBodies(t *testing.T) {
	s := newServer(t)
	if a := s.do("PUT", "/admin/v1/rules/a", `{"rules":[]}`, "Content-Type", "text/plain"); a.status != 415 {
		t.Errorf("text: %d", a.status)
	}
	if a := s.do("PUT", "/admin/v1/rules/a", `x`, "Content-Encoding", "gzip"); a.status != 415 {
		t.Errorf("gzip: %d", a.status)
	}
	if a := s.do("PUT", "/admin/v1/schemas/a", `{"title":"`+strings.Repeat("x", 70<<10)+`"}`); a.status != 413 {
		t.Errorf("too large: %d", a.status)
	}
	for _, body := range []string{"", "{", "[]", `{"resources":[]}`, `{"resources":{}}`, `{"resources":[1]}`, "- - -", "a: &x 1\nb: *x"} {
		if a := s.do("POST", "/admin/v1/apply", body); a.status != 400 {
			t.Errorf("apply of %q: %d %s", body, a.status, a.body)
		}
		if a := s.do("PUT", "/admin/v1/streams/a", body); a.status != 400 && a.status != 422 {
			t.Errorf("put of %q: %d %s", body, a.status, a.body)
		}
	}
	if a := s.do("POST", "/admin/v1/apply", `{"resources":[{"kind":"Schema","subject":"a","file":"/etc/passwd"}]}`); a.status != 400 || strings.Contains(a.body, "root:") {
		t.Errorf("a file over the API: %d %s", a.status, a.body)
	}
}
