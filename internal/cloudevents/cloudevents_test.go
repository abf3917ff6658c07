package cloudevents

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
)

func structured(document string) *lazaret.Event {
	return &lazaret.Event{Data: []byte(document), ContentType: "application/cloudevents+json; charset=UTF-8"}
}

func binary(body string, headers ...string) *lazaret.Event {
	e := &lazaret.Event{Data: []byte(body), ContentType: "application/json"}
	for i := 0; i < len(headers); i += 2 {
		e.Headers = append(e.Headers, lazaret.Header{Name: headers[i], Value: headers[i+1]})
	}
	return e
}

// brief is a reason as "code path".
func brief(reasons []lazaret.Reason) []string {
	var out []string
	for _, r := range reasons {
		out = append(out, string(r.Code)+" "+r.Path)
	}
	return out
}

// Promise: the content type and the headers decide what is a CloudEvent, and nothing else.
func TestWhatIsACloudEvent(t *testing.T) {
	version := []lazaret.Header{{Name: "ce-specversion", Value: "1.0"}}
	for _, c := range []struct {
		contentType string
		headers     []lazaret.Header
		want        bool
	}{
		{"application/cloudevents+json", nil, true},
		{"Application/CloudEvents+JSON ; charset=utf-8", nil, true},
		{"application/cloudevents-batch+json", nil, false},
		{"application/cloudevents+avro", nil, false},
		{"application/json", nil, false},
		{"", nil, false},
		{"application/json", version, true},
		{"", version, true},
		{"application/json", []lazaret.Header{{Name: "ce_specversion", Value: "1.0"}}, true},
		{"application/json", []lazaret.Header{{Name: "ce-id", Value: "1"}}, false},
		{"", []lazaret.Header{{Name: "content-type", Value: "application/cloudevents+json"}}, true},
	} {
		v, reasons := Parse(&lazaret.Event{Data: []byte("{}"), ContentType: c.contentType, Headers: c.headers})
		if got := v != nil || reasons != nil; got != c.want {
			t.Errorf("%q %v: a CloudEvent: %v, want %v", c.contentType, c.headers, got, c.want)
		}
	}
}

var full = Envelope{
	ID: "1234-1234", Source: "/mycontext/sub", Type: "com.example.someevent", Subject: "Größe 😀",
	DataSchema: "https://example.com/s.json#/defs/a", DataContentType: "application/vnd.x+json; charset=utf-8",
	PartitionKey: "p 1", Time: time.Date(2018, 4, 5, 15, 31, 0, 250_000_000, time.UTC),
	Extensions: []lazaret.Header{
		{Name: "flag", Value: "true"}, {Name: "level", Value: "-7"}, {Name: "partitionkey", Value: "p 1"},
		{Name: "traceparent", Value: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
	},
	Payload: []byte("{\"a\": [1, null]}"),
}

// Promise: the same event gives the same envelope and the same payload in every mode.
func TestEveryModeReadsTheSame(t *testing.T) {
	attributes := `"specversion":"1.0","id":"1234-1234","source":"/mycontext/sub","type":"com.example.someevent",
		"subject":"Gr\u00f6\u00dfe \ud83d\ude00","dataschema":"https://example.com/s.json#/defs/a",
		"datacontenttype":"application/vnd.x+json; charset=utf-8","partitionkey":"p 1",
		"time":"2018-04-05T17:31:00.25+02:00","unset":null,
		"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","level":-7,"flag":true`
	headers := func(prefix string, encode func(string) string) []string {
		return []string{"host", "h", prefix + "specversion", "1.0", prefix + "id", "1234-1234", prefix + "source", "/mycontext/sub",
			prefix + "type", "com.example.someevent", prefix + "subject", encode("Größe 😀"),
			prefix + "dataschema", "https://example.com/s.json#/defs/a", prefix + "partitionkey", encode("p 1"),
			prefix + "time", "2018-04-05T17:31:00.25+02:00", prefix + "level", "-7", prefix + "flag", "true",
			prefix + "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	}
	http := binary(string(full.Payload), headers("ce-", percentEncode)...)
	quoted := binary(string(full.Payload), headers("ce-", func(s string) string { return `"` + s + `"` })...)
	kafka := binary(string(full.Payload), headers("ce_", func(s string) string { return s })...)
	for _, e := range []*lazaret.Event{http, quoted, kafka} {
		e.ContentType = full.DataContentType
	}
	for name, e := range map[string]*lazaret.Event{
		"structured":        structured("{" + attributes + `, "data" : ` + string(full.Payload) + " }"),
		"structured base64": structured(`{"data_base64":"eyJhIjogWzEsIG51bGxdfQ==",` + attributes + "}"),
		"http":              http,
		"http, quoted":      quoted,
		"kafka":             kafka,
	} {
		before := bytes.Clone(e.Data)
		got, reasons := Parse(e)
		if len(reasons) > 0 {
			t.Errorf("%s: %v", name, reasons)
		} else if !reflect.DeepEqual(*got, full) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, *got, full)
		}
		if !bytes.Equal(before, e.Data) {
			t.Errorf("%s: the event's bytes were changed", name)
		}
	}
}

// percentEncode encodes a header value as section 3.1.3.2 of the HTTP binding says.
func percentEncode(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == '"' || c == '%' || c > '~' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

const good = `"specversion":"1.0","id":"1","source":"/s","type":"t"`

// Promise: each thing that is wrong with a structured event has its code and its path.
func TestStructuredReasons(t *testing.T) {
	for _, c := range []struct {
		document string
		want     []string
	}{
		{`{` + good + `,"data":{}}`, nil},
		{`{` + good + `,"data":null}`, nil},
		{`{` + good + `,"data":"text"}`, nil},
		{`{` + good + `,"data":1,"data_base64":null,"time":null,"subject":null,"ext":null}`, nil},
		{`{` + good + `,"data":1,"time":"1990-12-31T23:59:60z"}`, nil},

		{`{`, []string{"json.syntax "}},
		{``, []string{"json.syntax "}},
		{"{\"id\":\"\xff\"}", []string{"json.encoding /id"}},
		{`{"id":"1",` + good + `,"data":1}`, []string{"json.duplicate_key /id"}},
		{`{"\u0064ata":2,` + good + `,"data":1}`, []string{"json.duplicate_key /data"}},
		{`{` + good + `,"data":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`,
			[]string{"json.depth /data" + strings.Repeat("/0", 509)}},
		{`[]`, []string{"envelope.specversion "}},
		{`null`, []string{"envelope.specversion "}},

		{`{}`, []string{"envelope.data /data", "envelope.id /id", "envelope.source /source",
			"envelope.specversion /specversion", "envelope.type /type"}},
		{`{"specversion":null,"id":null,"source":null,"type":null,"data":1}`, []string{"envelope.id /id",
			"envelope.source /source", "envelope.specversion /specversion", "envelope.type /type"}},
		{`{"specversion":1.0,"id":7,"source":{},"type":[],"data":1}`, []string{"envelope.id /id",
			"envelope.source /source", "envelope.specversion /specversion", "envelope.type /type"}},
		{`{"specversion":"0.3","id":"","source":"","type":"","data":1}`, []string{"envelope.id /id",
			"envelope.source /source", "envelope.specversion /specversion", "envelope.type /type"}},
		{`{` + good + `}`, []string{"envelope.data /data"}},
		{`{` + good + `,"data_base64":null}`, []string{"envelope.data /data"}},
		{`{` + good + `,"data":1,"data_base64":"MQ=="}`, []string{"envelope.data /data"}},
		{`{` + good + `,"data":null,"data_base64":"MQ=="}`, []string{"envelope.data /data"}},
		{`{` + good + `,"data_base64":1}`, []string{"envelope.data /data_base64"}},
		{`{` + good + `,"data_base64":""}`, []string{"envelope.data /data_base64"}},
		{`{` + good + `,"data_base64":"MQ"}`, []string{"envelope.data /data_base64"}},
		{`{` + good + `,"data_base64":"MQ==\n"}`, []string{"envelope.data /data_base64"}},
		{`{` + good + `,"data_base64":"M-_="}`, []string{"envelope.data /data_base64"}},
		{`{` + good + `,"data":1,"time":"2018-04-05"}`, []string{"envelope.time /time"}},
		{`{` + good + `,"data":1,"time":1522949460}`, []string{"envelope.time /time"}},
		{`{` + good + `,"data":1,"subject":""}`, []string{"envelope.subject /subject"}},
		{`{` + good + `,"data":1,"partitionkey":""}`, []string{"envelope.partitionkey /partitionkey"}},
		{`{` + good + `,"data":1,"dataschema":"/relative"}`, []string{"envelope.dataschema /dataschema"}},
		{`{` + good + `,"data":1,"datacontenttype":"json"}`, []string{"envelope.datacontenttype /datacontenttype"}},
		{`{` + good + `,"data":"<a/>","datacontenttype":"application/xml"}`, []string{"envelope.datacontenttype /datacontenttype"}},
		{`{` + good + `,"data":1,"datacontenttype":"text/json"}`, nil},
		{`{` + good + `,"data":1,"subject":"a\u0000b"}`, []string{"envelope.subject /subject"}},
		{`{` + good + `,"data":1,"subject":"a\ufffe"}`, []string{"envelope.subject /subject"}},
		{`{` + good + `,"data":1,"ext":"a\u0085"}`, []string{"envelope.extension /ext"}},
		{`{` + good + `,"data":1,"ext":{}}`, []string{"envelope.extension /ext"}},
		{`{` + good + `,"data":1,"ext":1.5}`, []string{"envelope.extension /ext"}},
		{`{` + good + `,"data":1,"ext":2147483648}`, []string{"envelope.extension /ext"}},
		{`{` + good + `,"data":1,"my_ext":"x","myExt":"x","":"x","a/b":"x"}`, []string{"envelope.extension /",
			"envelope.extension /a~1b", "envelope.extension /myExt", "envelope.extension /my_ext"}},
	} {
		_, reasons := Parse(structured(c.document))
		if got := brief(reasons); !slices.Equal(got, c.want) {
			t.Errorf("%.120s:\n got %q\nwant %q", c.document, got, c.want)
		}
		if !slices.IsSortedFunc(reasons, lazaret.Reason.Compare) {
			t.Errorf("%.120s: reasons are not sorted", c.document)
		}
	}
}

// Promise: each thing that is wrong with a binary event has its code, and the path "".
func TestBinaryReasons(t *testing.T) {
	need := []string{"ce-specversion", "1.0", "ce-id", "1", "ce-source", "/s", "ce-type", "t"}
	for _, c := range []struct {
		body    string
		headers []string
		want    []string
	}{
		{"{}", nil, nil},
		{"not json", nil, nil}, // for the judge of the payload
		{"{}", []string{"ce-subject", "100%25", "ce-ext", ""}, nil},
		{"", nil, []string{"envelope.data "}},
		{"{}", []string{"ce-id", "2"}, []string{"envelope.id "}},
		{"{}", []string{"ce_id", "1"}, []string{"envelope.id "}},
		{"{}", []string{"ce-subject", "100%"}, []string{"envelope.subject "}},
		{"{}", []string{"ce-subject", "%zz"}, []string{"envelope.subject "}},
		{"{}", []string{"ce-subject", "%C0%A0"}, []string{"envelope.subject "}},
		{"{}", []string{"ce-subject", "%0d%0aevil: 1"}, []string{"envelope.subject "}},
		{"{}", []string{"ce-subject", `"open`}, []string{"envelope.subject "}},
		{"{}", []string{"ce-subject", `"a"b`}, []string{"envelope.subject "}},
		{"{}", []string{"ce-subject", `""`}, []string{"envelope.subject "}},
		{"{}", []string{"ce-time", "yesterday"}, []string{"envelope.time "}},
		{"{}", []string{"ce-my-ext", "x"}, []string{"envelope.extension "}},
		{"{}", []string{"ce-", "x"}, []string{"envelope.extension "}},
		{"{}", []string{"ce-ext", "\xff"}, []string{"envelope.extension "}},
		{"{}", []string{"ce-data", "x"}, []string{"envelope.data "}},
		{"{}", []string{"ce-datacontenttype", "application/json"}, []string{"envelope.datacontenttype "}},
	} {
		_, reasons := Parse(binary(c.body, append(slices.Clone(need), c.headers...)...))
		if got := brief(reasons); !slices.Equal(got, c.want) {
			t.Errorf("%q %q: got %q, want %q", c.body, c.headers, got, c.want)
		}
	}
	e := binary("{}", "ce-specversion", "")
	e.ContentType = "text/plain"
	_, reasons := Parse(e)
	want := []string{"envelope.datacontenttype ", "envelope.id ", "envelope.source ", "envelope.specversion ", "envelope.type "}
	if got := brief(reasons); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Promise: what the payload's own judge has limits for is left to it, with paths that
// begin at the payload, as in the binary mode.
func TestPayloadIsLeftToItsJudge(t *testing.T) {
	for _, payload := range []string{
		`{"a":1,"a":2}`, `1e999999`, strings.Repeat("9", 1000), strings.Repeat("[", 500) + strings.Repeat("]", 500),
	} {
		v, reasons := Parse(structured(`{` + good + `,"data": ` + payload + `}`))
		if len(reasons) > 0 || string(v.Payload) != payload {
			t.Errorf("%.40s: %v", payload, reasons)
		}
	}
}

// Promise: a hostile envelope costs little, and its reasons stay few and small.
func TestHostileEnvelopes(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{` + good + `,"data":1`)
	for i := range 100_000 {
		fmt.Fprintf(&b, `,"X%d":0`, i)
	}
	b.WriteString(`}`)
	start := time.Now()
	_, reasons := Parse(structured(b.String()))
	if len(reasons) > maxAttributes+1 {
		t.Errorf("%d reasons", len(reasons))
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
	long := strings.Repeat("X", 1<<20)
	_, reasons = Parse(structured(`{` + good + `,"data":1,"` + long + `":1}`))
	if len(reasons) != 1 || len(reasons[0].Path)+len(reasons[0].Message) > 1000 {
		t.Errorf("a long name gave %d reasons, or a long one", len(reasons))
	}
}

// Promise: no reason holds a value of the event.
func TestReasonsHoldNoValues(t *testing.T) {
	const secret = "s3cr3t"
	_, inJSON := Parse(structured(`{"specversion":"s3cr3t","id":{"s3cr3t":1},"source":"s3cr3t s3cr3t","type":"s3cr3t\n",
		"time":"s3cr3t","dataschema":"s3cr3t","datacontenttype":"s3cr3t","subject":"\u0000s3cr3t","ext":["s3cr3t"],
		"data":"s3cr3t","data_base64":"s3cr3t"}`))
	e := binary(secret, "ce-specversion", secret, "ce-id", secret+"%", "ce-source", secret+" ", "ce-time", secret,
		"ce-dataschema", secret, "ce-subject", "\x00"+secret, "ce-ext", secret+"%0")
	e.ContentType = secret
	_, inHeaders := Parse(e)
	if len(inJSON) < 9 || len(inHeaders) < 8 {
		t.Fatalf("too few reasons: %d and %d", len(inJSON), len(inHeaders))
	}
	for _, r := range append(inJSON, inHeaders...) {
		if strings.Contains(fmt.Sprint(r), secret) {
			t.Errorf("a reason holds a value: %+v", r)
		}
	}
}
