package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/lazaret/lazaret/internal/auth"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/schemas"
)

const (
	one = `{"type":"object","properties":{"id":{"type":"integer"}}}`
	two = `{"type":"object"}`
)

// TestNothingThere: a path and a method that there are not are answered in the form in which
// clients read errors, as all else is.
func TestNothingThere(t *testing.T) {
	s, _ := newServer(t)
	for _, path := range []string{"/nowhere", "/subjects/a/versions/1/more", "/subjects//versions", "/"} {
		if path != "/" {
			s.want("GET", path, "", `404`)
			s.want("PATCH", path, "", `404`)
		} else {
			s.want("POST", path, "", `405`)
		}
	}
	s.want("PUT", "/subjects/a/versions", schema(one), `405`)
	s.want("POST", "", "", `405`)
	status, header, _ := s.do("PUT", "/subjects/a/versions", "")
	if status != 405 || header.Get("Allow") != "GET, POST" || header.Get("Content-Type") != mediaType {
		t.Errorf("%d %v", status, header)
	}
	if status, _, _ := s.do("HEAD", "/subjects", ""); status != 200 {
		t.Errorf("HEAD: %d", status)
	}
}

// TestSchemaIsText: who sends the schema as JSON, and not as a string that holds it, is told.
func TestSchemaIsText(t *testing.T) {
	s, _ := newServer(t)
	status, _, answer := s.do("POST", "/subjects/a/versions", `{"schemaType":"JSON","schema":{"type":"object"}}`)
	if status != 422 || !strings.Contains(answer, `"error_code":42201,"message":"schema must be a string that holds the schema's text`) || !strings.Contains(answer, "is object") {
		t.Errorf("%d %s", status, answer)
	}
}

// TestSubjectsAndVersions: register, look up, list and read, as clients do; the same schema
// is registered once, and has one id in all subjects.
func TestSubjectsAndVersions(t *testing.T) {
	s, _ := newServer(t)
	s.want("GET", "", "", `{}`)
	s.want("GET", "/", "", `{}`)
	s.want("GET", "/subjects", "", `[]`)
	s.want("GET", "/subjects/a/versions", "", `40401`)
	s.want("POST", "/subjects/a/versions", schema(one), `{"id":1}`)
	s.want("POST", "/subjects/a/versions?normalize=true", schema(" "+one), `{"id":1}`)
	s.want("POST", "/subjects/b-value/versions", schema(one), `{"id":1}`)
	s.want("POST", "/subjects/b-value/versions", schema(two), `{"id":2}`)
	s.want("POST", "/subjects/b-value/versions", schema(one), `{"id":1}`)
	s.want("GET", "/subjects", "", `["a","b-value"]`)
	s.want("GET", "/subjects?subjectPrefix=b", "", `["b-value"]`)
	s.want("GET", "/subjects?subjectPrefix=:*:a&limit=5", "", `["a"]`)
	s.want("GET", "/subjects?offset=1&limit=1", "", `["b-value"]`)
	s.want("GET", "/subjects/b-value/versions", "", `[1,2]`)
	s.want("GET", "/subjects/b%2Dvalue/versions", "", `[1,2]`)
	second := `{"subject":"b-value","version":2,"id":2,"schemaType":"JSON","schema":"{\"type\":\"object\"}"}`
	for _, version := range []string{"2", "latest", "-1"} {
		s.want("GET", "/subjects/b-value/versions/"+version, "", second)
	}
	s.want("GET", "/subjects/b-value/versions/latest/schema", "", two)
	s.want("POST", "/subjects/b-value", schema(`{ "type": "object" }`), second)
	s.want("POST", "/subjects/b-value", schema(`true`), `40403`)
	s.want("POST", "/subjects/nobody", schema(`true`), `40401`)
	s.want("GET", "/subjects/b-value/versions/3", "", `40402`)
	s.want("GET", "/subjects/nobody/versions/1", "", `40401`)
	s.want("GET", "/subjects/nobody/versions/latest", "", `40401`)
	for _, version := range []string{"0", "-2", "first", "4294967296"} {
		s.want("GET", "/subjects/b-value/versions/"+version, "", `42202`)
	}
	s.want("GET", "/schemas/ids/2", "", `{"schemaType":"JSON","schema":"{\"type\":\"object\"}"}`)
	s.want("GET", "/schemas/ids/2/schema", "", two)
	s.want("GET", "/schemas/ids/1/subjects", "", `["a","b-value"]`)
	s.want("GET", "/schemas/ids/1/versions", "", `[{"subject":"a","version":1},{"subject":"b-value","version":1}]`)
	for _, id := range []string{"3", "0", "x"} {
		s.want("GET", "/schemas/ids/"+id, "", `40403`)
	}
	s.want("GET", "/schemas?latestOnly=true&subjectPrefix=b", "", `[`+second+`]`)
	s.want("GET", "/schemas?limit=1&offset=2", "", `[`+second+`]`)
	s.want("GET", "/schemas/types", "", `["JSON"]`)
	s.want("GET", "/contexts", "", `["."]`)
	s.want("GET", "/v1/metadata/version", "", `{"commitId":"","version":"test"}`)
	s.want("GET", "/v1/metadata/id", "", `{"id":"","scope":{"clusters":{"kafka-cluster":"","schema-registry-cluster":"lazaret"},"path":[]}}`)
}

// TestRefusedSchemas: what is not taken is answered with the code that clients know.
func TestRefusedSchemas(t *testing.T) {
	s, _ := newServer(t)
	for name, c := range map[string]struct{ path, body, code string }{
		"no type":          {"/subjects/a/versions", `{"schema":"{}"}`, "42201"},
		"AVRO":             {"/subjects/a/versions", `{"schema":"{}","schemaType":"AVRO"}`, "42201"},
		"empty":            {"/subjects/a/versions", `{"schemaType":"JSON"}`, "42201"},
		"no JSON":          {"/subjects/a/versions", schema(`{`), "42201"},
		"no schema":        {"/subjects/a/versions", schema(`{"type":"strin"}`), "42201"},
		"nowhere":          {"/subjects/a/versions", schema(`{"$ref":"b.json"}`), "42201"},
		"wrong reference":  {"/subjects/a/versions", schema(`{"$ref":"b"}`, schemas.Reference{Name: "b", Subject: "b", Version: 1}), "42201"},
		"a rule set":       {"/subjects/a/versions", `{"schemaType":"JSON","schema":"{}","ruleSet":{"domainRules":[]}}`, "42201"},
		"subject":          {"/subjects/a%20b/versions", schema(`{}`), "42208"},
		"a slash":          {"/subjects/a%2Fb/versions", schema(`{}`), "42208"},
		"an id":            {"/subjects/a/versions", `{"schemaType":"JSON","schema":"{}","id":7}`, "42205"},
		"a number":         {"/subjects/a/versions", `{"schemaType":"JSON","schema":"{}","version":7}`, "42201"},
		"body":             {"/subjects/a/versions", `[`, "400"},
		"too large":        {"/subjects/a/versions", schema(strings.Repeat(" ", 300<<10)), "413"},
		"look-up, no JSON": {"/subjects/b", schema(`{`), "42201"},
	} {
		t.Run(name, func(t *testing.T) {
			s := *s
			s.t = t
			s.want("POST", "/subjects/b/versions", schema(one), `{"id":1}`)
			if name == "wrong reference" {
				c.body = strings.Replace(c.body, `"version":1`, `"version":9`, 1)
			}
			s.want("POST", c.path, c.body, c.code)
		})
	}
	s.want("POST", "/subjects/a/versions", `{"schemaType":"JSON","schema":"{}","version":1}`, `{"id":2}`)
	status, _, answer := s.do("POST", "/subjects/a/versions", schema(`{}`), "Content-Type", "text/plain")
	if status != 415 {
		t.Errorf("%d %s", status, answer)
	}
	if _, _, answer := s.do("POST", "/subjects/a/versions", `{"schema":"{}"}`); !strings.Contains(answer, "only JSON is kept") {
		t.Error(answer)
	}
}

// TestDeletion: soft before permanent, for a version and for a subject, with the codes that
// say what stands in the way.
func TestDeletion(t *testing.T) {
	s, _ := newServer(t)
	for _, document := range []string{one, two, `true`} {
		s.do("POST", "/subjects/a/versions", schema(document))
	}
	s.want("DELETE", "/subjects/a/versions/1?permanent=true", "", `40407`)
	s.want("DELETE", "/subjects/a?permanent=true", "", `40405`)
	s.want("DELETE", "/subjects/a/versions/latest", "", `3`)
	s.want("DELETE", "/subjects/a/versions/3", "", `40406`)
	s.want("DELETE", "/subjects/a/versions/9", "", `40402`)
	s.want("GET", "/subjects/a/versions", "", `[1,2]`)
	s.want("GET", "/subjects/a/versions?deleted=true", "", `[1,2,3]`)
	s.want("GET", "/subjects/a/versions?deletedOnly=true", "", `[3]`)
	s.want("GET", "/subjects/a/versions/3", "", `40402`)
	s.want("GET", "/subjects/a/versions/3?deleted=true", "", `{"subject":"a","version":3,"id":3,"schemaType":"JSON","schema":"true","deleted":true}`)
	s.want("GET", "/schemas/ids/3", "", `{"schemaType":"JSON","schema":"true"}`)
	s.want("GET", "/schemas/ids/3/versions", "", `[]`)
	s.want("GET", "/schemas/ids/3/versions?deleted=true", "", `[{"subject":"a","version":3}]`)
	s.want("POST", "/subjects/a", schema(`true`), `40403`)
	s.want("POST", "/subjects/a?deleted=true", schema(`true`), `{"subject":"a","version":3,"id":3,"schemaType":"JSON","schema":"true","deleted":true}`)
	s.want("DELETE", "/subjects/a/versions/3?permanent=true", "", `3`)
	s.want("GET", "/schemas/ids/3", "", `40403`)
	s.want("PUT", "/config/a", `{"compatibility":"FULL"}`, `{"compatibility":"FULL"}`)
	s.want("DELETE", "/subjects/a", "", `[1,2]`)
	s.want("DELETE", "/subjects/a", "", `40404`)
	s.want("GET", "/subjects", "", `[]`)
	s.want("GET", "/subjects?deleted=true", "", `["a"]`)
	s.want("GET", "/subjects?deletedOnly=true", "", `["a"]`)
	s.want("GET", "/subjects/a/versions", "", `40401`)
	s.want("GET", "/config/a", "", `40408`)
	s.want("POST", "/subjects/a", schema(two), `40401`)
	s.want("POST", "/subjects/a/versions", schema(`true`), `{"id":3}`)
	s.want("GET", "/subjects/a/versions", "", `[4]`)
	s.want("DELETE", "/subjects/a", "", `[4]`)
	s.want("DELETE", "/subjects/a?permanent=true", "", `[1,2,4]`)
	s.want("DELETE", "/subjects/a?permanent=true", "", `40401`)
	s.want("DELETE", "/subjects/a", "", `40401`)
}

// TestReferences: they are kept and answered, name whom they hold, and keep it.
func TestReferences(t *testing.T) {
	s, _ := newServer(t)
	s.want("POST", "/subjects/address/versions", schema(`{"type":"object","required":["city"]}`), `{"id":1}`)
	own := schema(`{"properties":{"x":{"$ref":"x.json"}}}`, schemas.Reference{Name: "x.json", Subject: "self", Version: 1})
	s.want("POST", "/subjects/self/versions", own, `42201`) // it is not there yet
	user := schema(`{"properties":{"home":{"$ref":"address.json"}}}`, schemas.Reference{Name: "address.json", Subject: "address", Version: 1})
	s.want("POST", "/subjects/user/versions", user, `{"id":2}`)
	s.want("POST", "/subjects/user/versions", user, `{"id":2}`)
	refs := `"references":[{"name":"address.json","subject":"address","version":1}]`
	s.want("GET", "/schemas/ids/2", "", `{"schemaType":"JSON","schema":"{\"properties\":{\"home\":{\"$ref\":\"address.json\"}}}",`+refs+`}`)
	s.want("GET", "/subjects/address/versions/1/referencedby", "", `[2]`)
	s.want("GET", "/subjects/user/versions/1/referencedby", "", `[]`)
	s.want("DELETE", "/subjects/address/versions/1", "", `42206`)
	s.want("DELETE", "/subjects/address", "", `42206`)
	s.want("DELETE", "/subjects/user", "", `[1]`)
	s.want("DELETE", "/subjects/address", "", `[1]`)
	s.want("DELETE", "/subjects/address?permanent=true", "", `42206`) // user could come back
	s.want("DELETE", "/subjects/user?permanent=true", "", `[1]`)
	s.want("DELETE", "/subjects/address?permanent=true", "", `[1]`)
}

// TestConfigAndMode: of a subject, of all, and what holds.
func TestConfigAndMode(t *testing.T) {
	s, _ := newServer(t)
	s.want("GET", "/config", "", `{"compatibilityLevel":"BACKWARD"}`)
	s.want("GET", "/config/a", "", `40408`)
	s.want("GET", "/config/a?defaultToGlobal=true", "", `{"compatibilityLevel":"BACKWARD"}`)
	s.want("PUT", "/config", `{"compatibility":"full_transitive"}`, `{"compatibility":"FULL_TRANSITIVE"}`)
	s.want("PUT", "/config/a", `{"compatibility":"NONE"}`, `{"compatibility":"NONE"}`)
	s.want("PUT", "/config/a", `{"compatibility":"SOME"}`, `42203`)
	s.want("PUT", "/config/a", `{"compatibilityLevel":"FULL"}`, `42203`)
	if _, _, got := s.do("PUT", "/config/a", `{"compatibilityLevel":"FULL"}`); !strings.Contains(got, `the body has no \"compatibility\", but compatibilityLevel`) {
		t.Error(got)
	}
	s.want("PUT", "/config/a", `{"compatibility":7}`, `400`)
	s.want("PUT", "/config/a", `{"compatibility":"NONE","alias":"b"}`, `422`)
	s.want("GET", "/config/a", "", `{"compatibilityLevel":"NONE"}`)
	s.want("GET", "/config/b?defaultToGlobal=true", "", `{"compatibilityLevel":"FULL_TRANSITIVE"}`)
	s.want("DELETE", "/config/a", "", `{"compatibilityLevel":"NONE"}`)
	s.want("DELETE", "/config/a", "", `40401`)
	s.want("DELETE", "/config", "", `{"compatibilityLevel":"FULL_TRANSITIVE"}`)
	s.want("GET", "/config", "", `{"compatibilityLevel":"BACKWARD"}`)

	s.want("GET", "/mode", "", `{"mode":"READWRITE"}`)
	s.want("GET", "/mode/a", "", `40409`)
	s.want("GET", "/mode/a?defaultToGlobal=true", "", `{"mode":"READWRITE"}`)
	s.want("PUT", "/mode/a", `{"mode":"LOOKONLY"}`, `42204`)
	s.want("PUT", "/mode/a", `{"mode":"READONLY_OVERRIDE"}`, `42204`)
	s.want("POST", "/subjects/a/versions", schema(one), `{"id":1}`)
	s.want("PUT", "/mode/a", `{"mode":"READONLY"}`, `{"mode":"READONLY"}`)
	s.want("POST", "/subjects/a/versions", schema(one), `{"id":1}`) // it is there already
	s.want("POST", "/subjects/a/versions", schema(two), `42205`)
	s.want("DELETE", "/subjects/a", "", `42205`)
	s.want("PUT", "/config/a", `{"compatibility":"NONE"}`, `42205`)
	s.want("PUT", "/mode/a", `{"mode":"READWRITE"}`, `{"mode":"READWRITE"}`)
	s.want("PUT", "/mode", `{"mode":"READONLY_OVERRIDE"}`, `{"mode":"READONLY_OVERRIDE"}`)
	s.want("POST", "/subjects/a/versions", schema(two), `42205`)
	s.want("DELETE", "/mode", "", `{"mode":"READONLY_OVERRIDE"}`)
	s.want("DELETE", "/mode/a", "", `{"mode":"READWRITE"}`)
	s.want("DELETE", "/mode/a", "", `40401`)
}

// TestImport: a subject without versions takes those of another registry with their ids and
// numbers, and nothing else.
func TestImport(t *testing.T) {
	s, _ := newServer(t)
	s.want("POST", "/subjects/old/versions", schema(two), `{"id":1}`)
	s.want("PUT", "/mode/old", `{"mode":"IMPORT"}`, `42205`)
	s.want("PUT", "/mode/old?force=true", `{"mode":"IMPORT"}`, `{"mode":"IMPORT"}`)
	s.want("PUT", "/mode", `{"mode":"IMPORT"}`, `42205`)
	s.want("PUT", "/mode/new", `{"mode":"IMPORT"}`, `{"mode":"IMPORT"}`)
	s.want("POST", "/subjects/new/versions", schema(one), `42205`)
	at := func(document string, id, version string) string {
		return strings.TrimSuffix(schema(document), "}") + `,"id":` + id + `,"version":` + version + `}`
	}
	s.want("POST", "/subjects/new/versions", at(one, "70", "3"), `{"id":70}`)
	s.want("POST", "/subjects/new/versions", at(`{"type":"string"}`, "71", "5"), `{"id":71}`) // not compatible: nobody asks
	s.want("POST", "/subjects/new/versions", at(`true`, "70", "6"), `42205`)
	s.want("POST", "/subjects/new/versions", at(`true`, "72", "5"), `42205`)
	s.want("POST", "/subjects/new/versions", at(two, "73", "6"), `42205`)
	s.want("POST", "/subjects/new/versions", at(`true`, "2147483647", "2147483647"), `42205`) // nothing would be left to give
	s.want("GET", "/subjects/new/versions", "", `[3,5]`)
	s.want("DELETE", "/mode/new", "", `{"mode":"IMPORT"}`)
	s.want("POST", "/subjects/new/versions", schema(`{"type":["string","null"]}`), `{"id":72}`)
}

// TestTokens: a token is taken as Bearer and as the password of HTTP Basic, and needs the
// scope read, or rules for a change.
func TestTokens(t *testing.T) {
	s, tokens := newServer(t, auth.Read, auth.Rules, auth.Ingest)
	basic := func(token string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("anyone:"+token))
	}
	for _, c := range []struct{ auth, read, change string }{
		{"", "401", "401"}, {"Basic !", "401", "401"}, {basic("lzt_nobody"), "401", "401"},
		{basic(tokens[2]), "403", "403"}, {"Bearer " + tokens[2], "403", "403"},
		{basic(tokens[0]), `[]`, "403"}, {"Bearer " + tokens[0], `[]`, "403"},
		{basic(tokens[1]), "403", `{"compatibility":"FULL"}`}, {"Bearer " + tokens[1], "403", `{"compatibility":"FULL"}`},
	} {
		s.auth = c.auth
		s.want("GET", "/subjects", "", c.read)
		s.want("PUT", "/config", `{"compatibility":"FULL"}`, c.change)
	}
	s.auth = ""
	if _, header, _ := s.do("GET", "/subjects", ""); header.Get("WWW-Authenticate") != `Basic realm="lazaret"` {
		t.Errorf("%v", header)
	}
	log := s.log.String()
	if !strings.Contains(log, "msg=audit") || !strings.Contains(log, "who=rules") || strings.Contains(log, tokens[1]) {
		t.Errorf("the log: %s", log)
	}
	for _, r := range (&API{}).routes() {
		if change := r.method != "GET" && !strings.HasPrefix(r.path, "/compatibility") && r.path != "/subjects/:subject" || r.method == "DELETE"; change != (r.scope == auth.Rules) {
			t.Errorf("%s %s needs %s", r.method, r.path, r.scope)
		}
	}
}

// TestMediaTypes: the registry's own, unless plain JSON alone is asked for.
func TestMediaTypes(t *testing.T) {
	s, _ := newServer(t)
	for accept, want := range map[string]string{
		"": mediaType, "*/*": mediaType, "application/json": "application/json",
		"application/vnd.schemaregistry.v1+json, application/vnd.schemaregistry+json, application/json": mediaType,
	} {
		if _, header, _ := s.do("GET", "/subjects", "", "Accept", accept); header.Get("Content-Type") != want {
			t.Errorf("%q: %q", accept, header.Get("Content-Type"))
		}
	}
	for _, send := range []string{mediaType, "application/vnd.schemaregistry+json", "application/json; charset=utf-8", "application/octet-stream"} {
		if status, _, answer := s.do("POST", "/subjects/a/versions", schema(one), "Content-Type", send); status != 200 {
			t.Errorf("%q: %d %s", send, status, answer)
		}
	}
}

// TestStreamsHoldTheirSchema: a version that judges a stream's events is not deleted, and
// what a client registers is what the stream follows.
func TestStreamsHoldTheirSchema(t *testing.T) {
	s, _ := newServer(t)
	s.want("POST", "/subjects/orders-value/versions", schema(one), `{"id":1}`)
	list, err := catalog.ParseManifests("m.yaml", []byte("kind: Stream\nname: orders\nschema: {subject: orders-value}\nsink: {file: {dir: o}}\n"), nil)
	must(t, err)
	_, err = s.catalog.Apply(t.Context(), []catalog.Change{{Resource: list[0]}}, catalog.Options{})
	must(t, err)
	s.want("DELETE", "/subjects/orders-value/versions/1", "", `42206`)
	s.want("POST", "/subjects/orders-value/versions", schema(two), `{"id":2}`)
	active, _ := s.catalog.Active("orders")
	if active.Stream.SchemaVersion != 2 {
		t.Errorf("the stream is judged by version %d", active.Stream.SchemaVersion)
	}
	s.want("DELETE", "/subjects/orders-value/versions/1", "", `1`)
	s.want("DELETE", "/subjects/orders-value", "", `42206`)
}

// TestManyClientsAtOnce: the same schema, registered by many at once, is one version with
// one id; different ones are numbered without gaps.
func TestManyClientsAtOnce(t *testing.T) {
	s, _ := newServer(t)
	var wg sync.WaitGroup
	answers := make(chan string, 40)
	for i := range cap(answers) {
		wg.Go(func() {
			document := one
			if i%4 == 0 {
				document = fmt.Sprintf(`{"type":["object","null"],"title":"%d"}`, i%8)
			}
			subject := fmt.Sprintf("s%d", i%4)
			resp, err := http.Post(s.url+"/subjects/"+subject+"/versions", mediaType, strings.NewReader(schema(document)))
			if err != nil {
				answers <- err.Error()
				return
			}
			defer resp.Body.Close()
			b, _ := io.ReadAll(resp.Body)
			answers <- fmt.Sprint(i%4 == 0, resp.StatusCode, string(b))
		})
	}
	wg.Wait()
	close(answers)
	ids := map[string]int{}
	for a := range answers {
		ids[a]++
	}
	if len(ids) != 3 { // two titles, and the one that three subjects share
		t.Errorf("%v", ids)
	}
	s.want("GET", "/subjects/s0/versions", "", `[1,2]`)
	for _, subject := range []string{"s1", "s2", "s3"} {
		s.want("GET", "/subjects/"+subject+"/versions", "", `[1]`)
	}
}

// TestOurFailures: what is ours is a 50001, and says nothing of the inside.
func TestOurFailures(t *testing.T) {
	f := answerTo(fmt.Errorf("disk %w at /var/lib", errors.New("on fire")))
	if f.status != 500 || f.Code != 50001 || strings.Contains(f.Message, "fire") {
		t.Errorf("%+v", f)
	}
	if f := answerTo(context.Canceled); f.status != 503 {
		t.Errorf("%+v", f)
	}
}
