package sink

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
)

// full is a record that has every member.
func full() lazaret.Record {
	return lazaret.Record{
		Stream: "clickstream",
		Event: &lazaret.Event{
			Data:        []byte("{\"a\": 1.0,\r\n \"ü\":\"\\n\"}"),
			ContentType: "application/cloudevents+json",
			Headers:     []lazaret.Header{{Name: "ce-type", Value: "x\"y"}, {Name: "traceparent", Value: "00-1"}, {Name: "ce-type", Value: "second"}},
			Received:    time.Date(2026, 11, 21, 10, 7, 12, 345e6, time.FixedZone("", 3600)),
			Source:      lazaret.Source{Kind: "http", Name: "192.0.2.7"},
		},
		Verdict: lazaret.Verdict{
			Status: lazaret.Accepted, ID: "e-1", Key: "u\x01-2",
			Time:     time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC),
			Version:  lazaret.Version{Stream: 7, Subject: "clickstream", Schema: 1, RuleSet: 3},
			Warnings: []lazaret.Reason{{Code: lazaret.CodeRuleFailed, Path: "/a", Rule: "r", Message: "odd"}, {Code: "schema.x", SchemaPath: "/y"}},
		},
		QuarantineID: "q-1",
		ReleasedAt:   time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
	}
}

func TestRecordFormat(t *testing.T) {
	for _, c := range []struct {
		name   string
		record lazaret.Record
		want   string
	}{
		{"full", full(), `{"id":"e-1","key":"u\u0001-2","time":"2026-11-21T09:00:00Z","received":"2026-11-21T09:07:12.345Z",` +
			`"stream":"clickstream","version":7,"schema":"clickstream:1","ruleset":3,"source":"http:192.0.2.7",` +
			`"content_type":"application/cloudevents+json","headers":{"ce-type":"x\"y","traceparent":"00-1"},` +
			`"warnings":[{"code":"rule.failed","path":"/a","rule":"r","message":"odd"},{"code":"schema.x","path":"","schema_path":"/y"}],` +
			`"quarantine_id":"q-1","released_at":"2026-11-22T00:00:00Z","event":{"a": 1.0,   "ü":"\n"}}`},
		{"least", lazaret.Record{Event: &lazaret.Event{Data: []byte("1"), ContentType: "application/json"}}, `{"event":1}`},
	} {
		got := string(appendRecord(nil, &c.record))
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("%s is not JSON", c.name)
		}
	}
}

// Promise 2: in either format the event's bytes are there exactly, but for line breaks
// between tokens, which become spaces.
func TestEventBytesStayBytes(t *testing.T) {
	data := "{\"big\":123456789012345678901234567890,\"e\":1E+2,\r\n\t\"u\":\"\\u00e9\u2028\",\"u\":2 }\n"
	want := strings.NewReplacer("\r", " ", "\n", " ").Replace(data)
	r := record(data)
	for _, format := range []gateway.Format{gateway.FormatRecord, gateway.FormatEvent} {
		e, err := newEncoder(format)
		if err != nil {
			t.Fatal(err)
		}
		line, err := e.batch(nil, []lazaret.Record{r})
		if err != nil {
			t.Fatal(err)
		}
		end := map[gateway.Format]string{gateway.FormatRecord: "}\n", gateway.FormatEvent: "\n"}[format]
		if !strings.HasSuffix(string(line), want+end) || bytes.Count(line, []byte("\n")) != 1 {
			t.Errorf("%s: %q", format, line)
		}
		if string(r.Event.Data) != data {
			t.Fatal("the event itself was changed")
		}
	}
}

// Property: whatever strings and events there are, a record is one line, is JSON if the
// event is, gives the strings back, and ends with the event's value.
func FuzzRecord(f *testing.F) {
	f.Add("id", "key", "ce-x", "value", []byte(`{"a":[1,2]}`))
	f.Add("\"\\\x00\n\r\t\x7f", "\xff\xfe", "", "\u2028é🙂", []byte("[\r\n1\n]"))
	f.Add("", "", "ce-x", "\xed\xa0\x80", []byte(`"\\u00e9"`))
	f.Add("a", "b", "c", "d", []byte("not json\n"))
	f.Fuzz(func(t *testing.T, id, key, name, value string, data []byte) {
		if len(data) == 0 {
			return
		}
		r := lazaret.Record{
			Stream:  "s",
			Event:   &lazaret.Event{Data: data, Headers: []lazaret.Header{{Name: name, Value: value}}},
			Verdict: lazaret.Verdict{ID: id, Key: key},
		}
		line, err := encoder{gateway.FormatRecord}.batch(nil, []lazaret.Record{r})
		if err != nil {
			t.Fatal(err)
		}
		if i := bytes.IndexAny(line, "\r\n"); i != len(line)-1 {
			t.Fatalf("a line break at %d of %d: %q", i, len(line), line)
		}
		if !json.Valid(data) {
			return
		}
		var got struct {
			ID, Key string
			Headers map[string]string
			Event   json.RawMessage
		}
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("not JSON: %v\n%q", err, line)
		}
		valid := func(s string) string { return string([]rune(s)) } // as ranging over s decodes it
		if got.ID != valid(id) || got.Key != valid(key) || got.Headers[valid(name)] != valid(value) || !utf8.Valid([]byte(got.ID)) {
			t.Fatalf("strings changed: %q from %q %q %q %q", line, id, key, name, value)
		}
		var want, have any
		if json.Unmarshal(data, &want) != nil { // a number that a float64 cannot hold
			return
		}
		if err := json.Unmarshal(got.Event, &have); err != nil || !reflect.DeepEqual(want, have) {
			t.Fatalf("the event changed: %q from %q", got.Event, data)
		}
	})
}

// Property: an entry that is written is read back, and any one damaged byte is noticed.
func FuzzJournalEntry(f *testing.F) {
	f.Add("dt=2026-11-21/hour=10/x.ndjson", uint64(7), int64(10), int64(20), uint32(99), "an id", uint(3), byte(1))
	f.Add("", uint64(0), int64(0), int64(0), uint32(0), "\n\"}\x00", uint(0), byte(0x80))
	f.Fuzz(func(t *testing.T, open string, seq uint64, from, to int64, sum uint32, id string, at uint, flip byte) {
		if !utf8.ValidString(open) || !utf8.ValidString(id) {
			return
		}
		e := entry{Open: open, Seq: seq, From: from, To: to, Sum: sum, IDs: []string{id}, Forget: []string{id, "x"}}
		line, err := appendEntry(nil, &e)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := parseEntry(line)
		if !ok || !reflect.DeepEqual(got, e) {
			t.Fatalf("%+v came back as %+v (%v)", e, got, ok)
		}
		if flip == 0 {
			return
		}
		line[at%uint(len(line))] ^= flip
		if got, ok := parseEntry(line); ok && !reflect.DeepEqual(got, e) {
			t.Fatalf("damage went unnoticed: %q is %+v", line, got)
		}
	})
}
