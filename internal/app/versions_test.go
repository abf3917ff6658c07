package app_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/app"
	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/db"
	"github.com/lazaret/lazaret/internal/kafkaio"
)

// registered puts versions 1 to n of a subject, of which each asks for a larger number, and
// returns their ids by version.
func registered(t testing.TB, c *client.Client, subject string, n int) (ids []int64) {
	t.Helper()
	ids = append(ids, 0)
	for version := 1; version <= n; version++ {
		body := fmt.Appendf(nil, `{"title":%q,"type":"object","required":["n"],"properties":{"id":{"type":"string"},"n":{"type":"integer","minimum":%d}}}`, subject, 10*version)
		var out struct {
			Version int
			ID      int64
		}
		_, err := c.Do(t.Context(), client.Call{Method: http.MethodPut, Path: "/admin/v1/schemas/" + subject, Query: map[string][]string{"force": {"true"}}, Body: body}, &out)
		if err != nil || out.Version != version || out.ID == 0 {
			t.Fatalf("version %d: %+v, %v", version, out, err)
		}
		ids = append(ids, out.ID)
	}
	return ids
}

// spoken is an event that names a version, as it goes over a transport.
type spoken struct {
	body    []byte
	headers []lazaret.Header
}

// speak makes an event of every way to name a version. number 0 names none.
func speak(way string, ids []int64, subject string, number, n int, id string) spoken {
	name := fmt.Sprintf("lazaret:%s:%d", subject, number)
	s := spoken{body: fmt.Appendf(nil, `{"id":%q,"n":%d}`, id, n)}
	add := func(name, value string) { s.headers = append(s.headers, lazaret.Header{Name: name, Value: value}) }
	if strings.HasPrefix(way, "ce") {
		add("ce-specversion", "1.0")
		add("ce-id", id)
		add("ce-source", "/test")
		add("ce-type", "click")
	}
	if number == 0 {
		return s
	}
	frame := int64(1_000_000 + number)
	if number < len(ids) {
		frame = ids[number]
	}
	switch way {
	case "header":
		add("schema-version", strconv.Itoa(number))
	case "field":
		s.body = fmt.Appendf(nil, `{"v":%d,"id":%q,"n":%d}`, number, id, n)
	case "frame", "ce frame":
		s.body = append(lazaret.AppendFrame(nil, frame), s.body...)
	case "ce dataschema":
		add("ce-dataschema", name)
	case "ce id":
		add("ce-dataschema", fmt.Sprintf("https://registry.example/schemas/ids/%d", frame))
	}
	return s
}

var speakers = []string{"header", "field", "frame", "ce frame", "ce dataschema", "ce id"}

// namingStream is a stream between topics whose own version is 3, which accepts 2, and 1
// until it has ended.
func namingStream(name, subject, in, out string) gateway.Stream {
	s := between(name, in, out)
	s.Schema = &gateway.SchemaRef{
		Subject: subject, Version: 3,
		NamedBy: []gateway.NamedBy{{DataSchema: true}, {Header: "Schema-Version"}, {Field: "/v"}, {RegistryID: true}},
		Accept:  []gateway.AcceptedVersion{{Version: 2, Until: "2999-12-31T00:00:00Z"}, {Version: 1, Until: "2001-01-01T00:00:00Z"}},
	}
	return s
}

// expected is what becomes of an event: the version that judges it, 0 if none may, and why it
// is bad.
func expected(number, n int) (version int, code lazaret.Code) {
	switch {
	case number == 0:
		version = 3
	case number == 2 || number == 3:
		version = number
	default:
		return 0, lazaret.CodeSchemaUnknown
	}
	if n < 10*version {
		code = lazaret.SchemaCode("minimum")
	}
	return version, code
}

// Whichever way in an event takes, over HTTP, from Kafka or out of the quarantine, and
// whichever way it names its version, the same version gives the same verdict. What is kept
// is what came; what goes on has the id of the version that judged it.
func TestNamedVersionsOverEveryWay(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	modes(t, func(t *testing.T, delivery string, _ bool) {
		l := *l
		l.t = t
		name := "named-" + strings.ReplaceAll(delivery, "_", "-")
		ids := registered(t, l.c, name, 4)
		in, out, mirror := l.broker.Topic(t, 1, forever), l.broker.Topic(t, 1, forever), l.broker.Topic(t, 1, forever)
		s := namingStream(name, name, in, out)
		s.Delivery, s.Sink.Kafka.RegistryID = gateway.Delivery(delivery), true
		s.Quarantine = &gateway.QuarantineSpec{Mirror: &gateway.MirrorSpec{Topic: mirror}}
		s.Sources[0].Kafka.Headers = []string{} // what names a version is kept all the same
		l.apply(s)
		sent, wanted := map[string]spoken{}, map[string][2]string{}
		var list []kafkaio.Message
		for _, way := range speakers {
			for _, number := range []int{0, 1, 2, 3, 4, 9} {
				for _, n := range []int{15, 25, 35} {
					version, code := expected(number, n)
					for _, transport := range []string{"http", "kafka"} {
						id := fmt.Sprintf("%s %s %d %d", transport, way, number, n)
						e := speak(way, ids, name, number, n, id)
						sent[id], wanted[id] = e, [2]string{string(code), strconv.Itoa(version)}
						if transport == "kafka" {
							list = append(list, record(e))
							continue
						}
						l.post(name, e, code)
					}
				}
			}
		}
		l.write(in, list...)
		l.taken(s)
		judged := func() map[string][2]string {
			got := map[string][2]string{}
			for _, r := range l.records(out) {
				h := headers(r)
				id := h["lazaret-event-id"]
				subject, version, _ := strings.Cut(h["lazaret-schema"], ":")
				frame, payload, framed := lazaret.CutFrame(r.Value)
				number, _ := strconv.Atoi(version)
				_, plain, _ := lazaret.CutFrame(sent[id].body)
				if !framed || subject != name || frame != ids[number] || !bytes.Equal(payload, plain) {
					t.Errorf("%s was forwarded as %q, judged by %s", id, r.Value, h["lazaret-schema"])
				}
				got[id] = [2]string{"", version}
			}
			for _, e := range l.entries(name) {
				if e.Status == "quarantined" {
					got[e.EventID] = [2]string{string(e.Reasons[0].Code), strconv.Itoa(e.Version.Schema)}
				}
			}
			return got
		}
		compare(t, "first", judged(), wanted)
		l.kept(name, sent)
		for _, r := range l.records(mirror) {
			if id := headers(r)["lazaret-event-id"]; !bytes.Equal(r.Value, sent[id].body) {
				t.Errorf("the mirror has %q of %s", r.Value, id)
			}
		}
		l.release(name)
		compare(t, "judged again", judged(), wanted)
		s.Schema.Accept[1].Until = ""
		l.apply(s)
		l.release(name)
		for id := range wanted {
			parts := strings.Fields(id)
			if number, n := parts[len(parts)-2], parts[len(parts)-1]; number == "1" && n >= "10" {
				wanted[id] = [2]string{"", "1"}
			}
		}
		compare(t, "released", judged(), wanted)
		// Who reads what was written, as it is, comes to the same versions.
		again := l.broker.Topic(t, 1, forever)
		second := namingStream(name+"-2", name, out, again)
		second.Schema.Accept[1].Until, second.Delivery = "", s.Delivery
		l.apply(second)
		l.taken(second)
		was, is := l.records(out), l.records(again)
		if len(was) != len(is) || len(l.entries(second.Name)) > 0 {
			t.Fatalf("%d records became %d, and %d entries", len(was), len(is), len(l.entries(second.Name)))
		}
		for i := range is {
			if !bytes.Equal(is[i].Value, was[i].Value) || headers(is[i])["lazaret-schema"] != headers(was[i])["lazaret-schema"] {
				t.Errorf("%q became %q", was[i].Value, is[i].Value)
			}
		}
	})
}

// A producer and a consumer that know nothing but a Confluent registry, of franz-go's: the one
// registers and writes, the other reads what went on with the schema that its id names.
func TestRegistryClientsOverKafka(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	registry, err := sr.NewClient(sr.URLs(l.url + "/registry"))
	l.ok(err)
	in, out := l.broker.Topic(t, 1, forever), l.broker.Topic(t, 1, forever)
	subject := in + "-value"
	register := func(document string) (int, *sr.Serde) {
		ss, err := registry.CreateSchema(t.Context(), subject, sr.Schema{Schema: document, Type: sr.TypeJSON})
		l.ok(err)
		serde := sr.NewSerde(sr.EncodeFn(json.Marshal), sr.DecodeFn(json.Unmarshal))
		serde.Register(ss.ID, map[string]any{})
		return ss.ID, serde
	}
	first, older := register(`{"type":"object","required":["n"],"properties":{"id":{"type":"string"},"n":{"type":"integer"}},"additionalProperties":false}`)
	s := between("franz", in, out)
	s.Sink.Kafka.RegistryID = true
	s.Schema = &gateway.SchemaRef{Subject: subject, NamedBy: []gateway.NamedBy{{RegistryID: true}}, Accept: []gateway.AcceptedVersion{{All: true}}}
	l.apply(s)
	second, newer := register(`{"type":"object","required":["n"],"properties":{"id":{"type":"string"},"n":{"type":"integer"},"page":{"type":"string"}},"additionalProperties":false}`)
	encode := func(serde *sr.Serde, v map[string]any) kafkaio.Message {
		b, err := serde.Encode(v)
		l.ok(err)
		return kafkaio.Message{Value: b}
	}
	l.write(in,
		encode(older, map[string]any{"id": "a", "n": 1}), encode(newer, map[string]any{"id": "b", "n": 1, "page": "/"}),
		encode(older, map[string]any{"id": "c", "n": 1, "page": "/"}), kafkaio.Message{Value: []byte(`{"id":"d","n":1,"page":"/"}`)},
		kafkaio.Message{Value: append(lazaret.AppendFrame(nil, 1<<20), `{"id":"e","n":1}`...)},
	)
	l.taken(s)
	want := map[string]int{"a": first, "b": second, "d": second}
	got := by(l.records(out))
	for id, schema := range want {
		var v map[string]any
		named, _, err := new(sr.ConfluentHeader).DecodeID(got[id].Value)
		if err == nil {
			err = map[int]*sr.Serde{first: older, second: newer}[schema].Decode(got[id].Value, &v)
		}
		if err != nil || named != schema || v["id"] != id {
			t.Errorf("%s is %v under the schema %d, want %d: %v", id, v, named, schema, err)
		}
	}
	codes := map[string]lazaret.Code{}
	for _, e := range l.entries(s.Name) {
		codes[e.EventID] = e.Reasons[0].Code
	}
	if len(got) != len(want) || len(codes) != 2 || codes["c"] != "schema.additionalProperties" || codes["e"] != lazaret.CodeSchemaUnknown {
		t.Errorf("%d went on; in the quarantine are %v", len(got), codes)
	}
}

// record is what a producer writes for an event.
func record(e spoken) kafkaio.Message {
	m := kafkaio.Message{Value: e.body, Time: time.UnixMilli(1_700_000_000_000)}
	for _, h := range e.headers {
		m.Headers = append(m.Headers, kafkaio.Header{Key: strings.Replace(h.Name, "ce-", "ce_", 1), Value: []byte(h.Value)})
	}
	return m
}

// post sends an event over HTTP, and holds the answer.
func (l *lab) post(stream string, e spoken, code lazaret.Code) {
	l.t.Helper()
	p := client.Post{Stream: stream, Body: e.body, Header: http.Header{}, All: true}
	for _, h := range e.headers {
		p.Header.Add(h.Name, h.Value)
	}
	a, err := l.c.Ingest(l.t.Context(), p)
	l.ok(err)
	if code == "" && a.Accepted != 1 || code != "" && (a.Quarantined != 1 || a.Results[0].Reasons[0].Code != code) {
		l.t.Errorf("%q with %v: %+v, want %q", e.body, e.headers, a, code)
	}
}

// kept holds that the quarantine has what was sent.
func (l *lab) kept(stream string, sent map[string]spoken) {
	l.t.Helper()
	for _, e := range l.entries(stream) {
		payload, err := l.c.Payload(l.t.Context(), e.ID)
		if err != nil || !bytes.Equal(payload, sent[e.EventID].body) {
			l.t.Errorf("the quarantine has %q of %s, %v", payload, e.EventID, err)
		}
	}
}

func compare(t *testing.T, when string, got, want map[string][2]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: there are %d verdicts, want %d", when, len(got), len(want))
	}
	for id, w := range want {
		if got[id] != w {
			t.Errorf("%s: the verdict on %s is %q, want %q", when, id, got[id], w)
		}
	}
}

// While the store cannot be read, an event that names a version which has to be looked up is
// taken by nobody: 503 for HTTP, not acknowledged for Kafka, and nothing in the quarantine.
// When the store is there again both go on.
func TestVersionsWithoutTheStore(t *testing.T) {
	t.Parallel()
	var path string
	l := newLab(t, func(c *app.Config) { path = c.Store.Path })
	const name = "unread"
	registered(t, l.c, name, 2)
	in, out := l.broker.Topic(t, 1, forever), l.broker.Topic(t, 1, forever)
	s := between(name, in, out)
	s.Schema = &gateway.SchemaRef{Subject: name, Version: 1, NamedBy: []gateway.NamedBy{{Header: "schema-version"}}, Accept: []gateway.AcceptedVersion{{All: true}}}
	l.apply(s)
	d, err := db.Open(t.Context(), db.Config{Path: path})
	l.ok(err)
	defer d.Close()
	rename := func(from, to string) {
		l.ok(d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec("ALTER TABLE " + from + " RENAME TO " + to)
			return err
		}))
	}
	rename("schema_versions", "elsewhere")
	two := speak("header", nil, name, 2, 25, "over http")
	_, err = l.c.Ingest(t.Context(), client.Post{Stream: name, Body: two.body, Header: http.Header{"Schema-Version": {"2"}}})
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable || !strings.Contains(p.Detail, "schema.unavailable") {
		t.Errorf("the answer is %v", err)
	}
	l.write(in, record(speak("header", nil, name, 2, 25, "from kafka")), record(speak("header", nil, name, 0, 5, "bad one")))
	l.await("a batch is tried again", func() bool { return strings.Contains(l.log.String(), "schema.unavailable") })
	l.post(name, speak("header", nil, name, 1, 15, "named the stream's own"), "")
	if got := by(l.records(out)); len(got) != 1 || len(l.entries(name)) != 0 {
		t.Errorf("%d records and %d entries", len(got), len(l.entries(name)))
	}
	at, err := l.cluster.FetchOffsets(t.Context(), s.Sources[0].Kafka.GroupFor(name), l.parts(in))
	if o := at[l.parts(in)[0]]; err != nil || o.Next != 0 {
		t.Errorf("acknowledged up to %+v, %v", o, err)
	}
	rename("elsewhere", "schema_versions")
	l.post(name, two, "")
	l.taken(s)
	got := by(l.records(out))
	for _, id := range []string{"over http", "from kafka", "named the stream's own"} {
		if _, ok := got[id]; !ok {
			t.Errorf("%s did not go on", id)
		}
	}
	if entries := l.entries(name); len(entries) != 1 || entries[0].EventID != "bad one" {
		t.Errorf("in the quarantine: %+v", entries)
	}
}

// A request that is repeated has the verdicts of the first time, also if the version that its
// events name was registered in between; the next request, and the quarantine, have that version.
func TestVersionsOfARepeatedRequest(t *testing.T) {
	_, c := startApp(t, testConfig(t))
	registered(t, c, "clicks", 1)
	stream := manifest{"Stream", gateway.Stream{
		Name: "clicks", ID: "/id", Sink: gateway.SinkSpec{Stdout: &gateway.StdoutSink{}},
		Schema: &gateway.SchemaRef{Subject: "clicks", Version: 1, NamedBy: []gateway.NamedBy{{Field: "/v"}}, Accept: []gateway.AcceptedVersion{{All: true}}},
	}}
	if _, err := c.Apply(t.Context(), []any{stream}, false); err != nil {
		t.Fatal(err)
	}
	send := func(key string) client.Answer {
		a, err := c.Ingest(t.Context(), client.Post{Stream: "clicks", Body: []byte(`{"id":"a","v":2,"n":25}`), IdempotencyKey: key})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	first := send("one")
	if _, err := c.Do(t.Context(), client.Call{Method: http.MethodPut, Path: "/admin/v1/schemas/clicks", Query: map[string][]string{"force": {"true"}}, Body: []byte(`{"type":"object"}`)}, nil); err != nil {
		t.Fatal(err)
	}
	if again := send("one"); first.Quarantined != 1 || again.Quarantined != 1 {
		t.Errorf("first %+v, then %+v", first, again)
	}
	if next := send("two"); next.Accepted != 1 {
		t.Errorf("the next is %+v", next)
	}
	job, err := c.Reprocess(t.Context(), client.Filter{Stream: "clicks"}, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	if job, err = c.WaitJob(t.Context(), job.ID, 10*time.Millisecond, nil); err != nil || job.Released != 1 {
		t.Errorf("the job: %+v, %v", job, err)
	}
}

// The lines of a sink that writes text have no frame, whichever came before the payload.
func TestFramesStayOutOfLines(t *testing.T) {
	cfg := testConfig(t)
	var lines bytes.Buffer
	cfg.Stdout = &lines
	_, c := startApp(t, cfg)
	ids := registered(t, c, "clicks", 1)
	for _, format := range []gateway.Format{gateway.FormatRecord, gateway.FormatEvent} {
		lines.Reset()
		_, err := c.Apply(t.Context(), []any{manifest{"Stream", gateway.Stream{
			Name: "clicks", Sink: gateway.SinkSpec{Stdout: &gateway.StdoutSink{Format: format}},
			Schema: &gateway.SchemaRef{Subject: "clicks", NamedBy: []gateway.NamedBy{{RegistryID: true}}},
		}}}, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Ingest(t.Context(), client.Post{Stream: "clicks", Body: append(lazaret.AppendFrame(nil, ids[1]), `{"n":10}`...)}); err != nil {
			t.Fatal(err)
		}
		if line := lines.String(); !strings.HasSuffix(strings.TrimRight(line, "}\n"), `{"n":10`) || strings.ContainsRune(line, 0) || strings.Count(line, "\n") != 1 {
			t.Errorf("%s: %q", format, line)
		}
	}
}
