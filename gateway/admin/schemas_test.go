package admin

import (
	"fmt"
	"strings"
	"testing"
)

// A rollback makes an earlier document the latest again, under a new number, and the
// version says so.
func TestRollback(t *testing.T) {
	s := newServer(t)
	s.want(201, "PUT", "/admin/v1/schemas/order", `{"type":"object"}`)
	s.want(200, "PUT", "/admin/v1/schemas/order?force=true", `{"type":"object","required":["id"]}`)
	before := s.dump()
	if v := s.want(200, "POST", "/admin/v1/schemas/order/rollback?dry_run=true", `{"version":1}`); v["version"] != 3.0 || v["dry_run"] != true {
		t.Errorf("%v", v)
	}
	if s.dump() != before {
		t.Error("a dry run changed the store")
	}
	if v := s.want(200, "POST", "/admin/v1/schemas/order/rollback", `{"version":1}`); v["version"] != 3.0 || v["action"] != "updated" || v["id"] != 1.0 {
		t.Errorf("%v", v)
	}
	if v := s.want(200, "GET", "/admin/v1/schemas/order", ""); v["note"] != "rollback to version 1" || fmt.Sprint(v["schema"]) != "map[type:object]" || v["id"] != 1.0 {
		t.Errorf("%v", v)
	}
	s.want(404, "POST", "/admin/v1/schemas/order/rollback", `{"version":9}`)
	s.want(404, "POST", "/admin/v1/schemas/nobody/rollback", `{"version":1}`)
	s.want(400, "POST", "/admin/v1/schemas/order/rollback", `{}`)
	if !strings.Contains(strings.Join(s.log.audits(), ""), "back_to=1") {
		t.Error("it is not in the log")
	}
}

// The level of a subject is its own, else that of all, else BACKWARD; a resource can set
// it, and shows it.
func TestCompatibilityLevels(t *testing.T) {
	s := newServer(t)
	level := func(path, want string, own bool) {
		t.Helper()
		if v := s.want(200, "GET", "/admin/v1"+path+"compatibility", ""); v["compatibility"] != want || v["own"] != own {
			t.Errorf("%s: %v", path, v)
		}
	}
	level("/", "BACKWARD", false)
	level("/schemas/order/", "BACKWARD", false)
	s.want(200, "PUT", "/admin/v1/compatibility", `{"compatibility":"full"}`)
	level("/", "FULL", true)
	level("/schemas/order/", "FULL", false)
	s.want(200, "PUT", "/admin/v1/schemas/order/compatibility", `{"compatibility":"NONE"}`)
	level("/schemas/order/", "NONE", true)
	s.want(200, "PUT", "/admin/v1/schemas/order/compatibility", `{"compatibility":""}`)
	level("/schemas/order/", "FULL", false)
	s.want(400, "PUT", "/admin/v1/schemas/order/compatibility", `{"compatibility":"SOME"}`)
	s.want(400, "PUT", "/admin/v1/schemas/order/compatibility", `{}`)
	s.want(400, "PUT", "/admin/v1/schemas/a%20b/compatibility", `{"compatibility":"NONE"}`)

	resource := `{"kind":"Schema","subject":"order","compatibility":"FORWARD","schema":{"type":"object"}}`
	s.want(201, "PUT", "/admin/v1/schemas/order", resource)
	level("/schemas/order/", "FORWARD", true)
	v := s.want(200, "GET", "/admin/v1/schemas/order", "")
	if v["compatibility"] != "FORWARD" {
		t.Errorf("%v", v)
	}
	if v := s.want(200, "PUT", "/admin/v1/schemas/order", resource); v["action"] != "unchanged" {
		t.Errorf("%v", v)
	}
	if v := s.want(200, "PUT", "/admin/v1/schemas/order", strings.ReplaceAll(resource, "FORWARD", "NONE")); v["action"] != "updated" || v["version"] != 1.0 || !strings.Contains(fmt.Sprint(v["notices"]), "was FORWARD") {
		t.Errorf("%v", v)
	}
	s.want(400, "PUT", "/admin/v1/schemas/order", strings.ReplaceAll(resource, "FORWARD", "SOME"))
}

// The references of a schema must lead somewhere, are kept with the version, and hold what
// they refer to.
func TestSchemaReferences(t *testing.T) {
	s := newServer(t)
	user := `{"kind":"Schema","subject":"user","references":[{"name":"address.json","subject":"address","version":1}],"schema":{"properties":{"home":{"$ref":"address.json"}}}}`
	if a := s.do("PUT", "/admin/v1/schemas/user", user); a.status != 422 || !strings.Contains(a.body, "version 1 of the schema address") {
		t.Errorf("%d %s", a.status, a.body)
	}
	s.want(201, "PUT", "/admin/v1/schemas/address", `{"type":"object","required":["city"]}`)
	s.want(201, "PUT", "/admin/v1/schemas/user", user)
	if v := s.want(200, "GET", "/admin/v1/schemas/user", ""); fmt.Sprint(v["references"]) != "[map[name:address.json subject:address version:1]]" {
		t.Errorf("%v", v)
	}
	if v := s.want(409, "DELETE", "/admin/v1/schemas/address", ""); !strings.Contains(fmt.Sprint(v["detail"]), "schema user version 1") {
		t.Errorf("%v", v)
	}
	s.want(201, "PUT", "/admin/v1/streams/users", `{"schema":{"subject":"user"},"sink":{"file":{"dir":"users"}}}`)
	active, _ := s.catalog.Active("users")
	if active == nil {
		t.Fatal("there is no stream")
	}
}
