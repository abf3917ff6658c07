package cloudevents

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/jsonread"
)

// codes returns the sorted codes of the reasons: what two modes have in common.
func codes(reasons []lazaret.Reason) []string {
	var out []string
	for _, r := range reasons {
		out = append(out, string(r.Code))
	}
	slices.Sort(out)
	return out
}

func encodeAll(attributes []lazaret.Header, prefix string, encode func(string) string) *lazaret.Event {
	e := &lazaret.Event{}
	for _, a := range attributes {
		if a.Name == "datacontenttype" {
			e.ContentType = a.Value
			continue
		}
		e.Headers = append(e.Headers, lazaret.Header{Name: prefix + a.Name, Value: encode(a.Value)})
	}
	return e
}

// FuzzModes holds that one event, good or bad, gives the same envelope, payload and
// codes in the structured mode (data and data_base64) and in the binary mode (HTTP
// and Kafka).
func FuzzModes(f *testing.F) {
	f.Add("1", "/s", "t", "sub", "2018-04-05T17:31:00Z", "application/json", "ext", "v", `{"a":1}`)
	f.Add("Euro € 😀", "https://h/a%20b", "a b\"c%", "", "2018-04-05", "text/plain", "MyExt", "", ` [1, 2] `)
	f.Add("", "", "", "\x00", "1990-12-31T23:59:60Z", "application/x+json; charset=\"utf-8\"", "partitionkey", "k", `null`)
	f.Add("\"q\"", "a b", "\u0085", "\ufffe", "x", "json", "", "\\", `"text"`)
	f.Add("1", "/s", "t", "s", "2018-04-05T17:31:00Z", "", "a/b~c", "v", ``)
	f.Fuzz(func(t *testing.T, id, source, kind, subject, when, contentType, extName, extValue, data string) {
		attributes := []lazaret.Header{{Name: "specversion", Value: "1.0"}, {Name: "id", Value: id}, {Name: "source", Value: source},
			{Name: "type", Value: kind}, {Name: "subject", Value: subject}, {Name: "time", Value: when}, {Name: "datacontenttype", Value: contentType}}
		if extName != "partitionkey" && isCore(extName) || extName == "data_base64" || mediaType(contentType) == "application/cloudevents+json" {
			return // another event altogether
		}
		attributes = append(attributes, lazaret.Header{Name: extName, Value: extValue})
		if contentType == "" {
			attributes = slices.Delete(attributes, 6, 7)
		}
		data = strings.Trim(data, " \t\r\n")
		if data != "" && jsonread.Check([]byte(data), envelopeLimits()) != nil {
			return // it cannot be put into a document
		}
		sameInEveryMode(t, attributes, data)
	})
}

func sameInEveryMode(t *testing.T, attributes []lazaret.Header, data string) {
	t.Helper()
	var document, document64 strings.Builder
	for i, a := range attributes {
		attributes[i].Name = strings.ToValidUTF8(a.Name, "?")
		attributes[i].Value = strings.ToValidUTF8(a.Value, "?")
		name, _ := json.Marshal(attributes[i].Name)
		value, _ := json.Marshal(attributes[i].Value)
		document.WriteString(string(name) + ":" + string(value) + ",")
	}
	document64.WriteString("{" + document.String() + `"data_base64":"` + base64.StdEncoding.EncodeToString([]byte(data)) + `"}`)
	http := encodeAll(attributes, "ce-", percentEncode)
	http.Data = []byte(data)
	kafka := encodeAll(attributes, "ce_", func(s string) string { return s })
	kafka.Data = []byte(data)
	body := "{" + document.String() + `"data": ` + data + " }"
	if data == "" {
		body = "{" + strings.TrimSuffix(document.String(), ",") + "}"
	}

	want, reasons := Parse(http)
	for name, e := range map[string]*lazaret.Event{
		"kafka": kafka, "structured": structured(body), "structured base64": structured(document64.String()),
	} {
		got, gotReasons := Parse(e)
		if !slices.Equal(codes(gotReasons), codes(reasons)) {
			t.Fatalf("%s: %v, but http: %v\n%+v", name, gotReasons, reasons, attributes)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: %+v, but http: %+v", name, got, want)
		}
	}
}

// FuzzStructured holds, for any document: reasons are sorted and few and have a code;
// an event without reasons, written again in the binary mode, is read as the same.
func FuzzStructured(f *testing.F) {
	f.Add([]byte(`{` + good + `,"data":{"a":[1,2]}}`))
	f.Add([]byte(`{` + good + `,"data_base64":"eyJhIjoxfQ==","time":"1985-04-12T23:20:50.52Z","n":-7,"b":true,"x":null}`))
	f.Add([]byte(`{` + good + `,"data":1,"subject":"\u00e9\ud83d\ude00 %\"","partitionkey":"k","dataschema":"urn:x:y#z","datacontenttype":"a/b+json;x=y"}`))
	f.Add([]byte(`{"specversion":1,"id":[],"Source":"x","type":"\n","data":1,"data":2}`))
	f.Add([]byte(`[{}]`))
	f.Add([]byte(`{"specversion":"1.0","id":"`))
	f.Fuzz(func(t *testing.T, document []byte) {
		before := bytes.Clone(document)
		v, reasons := Parse(structured(string(document)))
		if !bytes.Equal(before, document) || len(reasons) > 2*maxAttributes {
			t.Fatalf("changed the document, or gave %d reasons", len(reasons))
		}
		if !slices.IsSortedFunc(reasons, lazaret.Reason.Compare) || slices.Contains(codes(reasons), "") {
			t.Fatalf("reasons: %+v", reasons)
		}
		if v == nil && len(reasons) == 0 {
			t.Fatal("neither an envelope nor a reason")
		}
		if len(reasons) > 0 {
			return
		}
		if v.ID == "" || v.Source == "" || v.Type == "" || len(v.Payload) == 0 {
			t.Fatalf("without reasons, but incomplete: %+v", v)
		}
		e := encodeAll(attributesOf(v), "ce-", percentEncode)
		e.Data = v.Payload
		if mediaType(e.ContentType) == "application/cloudevents+json" {
			return // an event within an event: in the binary mode it would be taken for the outer one
		}
		if again, reasons := Parse(e); len(reasons) > 0 || !reflect.DeepEqual(again, v) {
			t.Fatalf("%s: written again: %+v %v, want %+v", document, again, reasons, v)
		}
	})
}

// attributesOf returns the attributes that the envelope has.
func attributesOf(v *Envelope) []lazaret.Header {
	all := []lazaret.Header{{Name: "specversion", Value: SpecVersion}, {Name: "id", Value: v.ID}, {Name: "source", Value: v.Source}, {Name: "type", Value: v.Type}}
	for _, a := range []lazaret.Header{{Name: "subject", Value: v.Subject}, {Name: "dataschema", Value: v.DataSchema}, {Name: "datacontenttype", Value: v.DataContentType}} {
		if a.Value != "" {
			all = append(all, a)
		}
	}
	if !v.Time.IsZero() {
		all = append(all, lazaret.Header{Name: "time", Value: v.Time.Format(time.RFC3339Nano)})
	}
	return append(all, v.Extensions...)
}
