package httpin_test

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/gateway/httpin"
)

// Every form that the design names becomes the right events, byte for byte.
func TestForms(t *testing.T) {
	s := newServer(t, options{})
	one := func(text string) []string { return []string{text} }
	envelope := `{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"n":1}}`
	for name, tc := range map[string]struct {
		body, contentType string
		headers           []string
		want              []string
		eventType         string
	}{
		"object":             {" {\"n\": 1}\n", jsonType, nil, one(" {\"n\": 1}\n"), jsonType},
		"scalar":             {`1`, jsonType, nil, one(`1`), jsonType},
		"charset":            {`{}`, "application/json; charset=utf-8", nil, one(`{}`), "application/json; charset=utf-8"},
		"array":              {" [ {\"a\":[1,2]} ,\n\"x,]\\\"\", 3 ] ", jsonType, nil, []string{`{"a":[1,2]}`, `"x,]\""`, `3`}, jsonType},
		"array in array":     {`[[1,2]]`, jsonType, nil, one(`[1,2]`), jsonType},
		"empty array":        {" [ ] ", jsonType, nil, nil, ""},
		"lines":              {"{\"n\":1}\r\n\n  \r\n {\"n\":2} \n{\"n\":3}", lineType, nil, []string{`{"n":1}`, ` {"n":2} `, `{"n":3}`}, jsonType},
		"ndjson":             {"1\n2\n", "application/ndjson", nil, []string{"1", "2"}, jsonType},
		"jsonl":              {"1\n2\n", "application/jsonl", nil, []string{"1", "2"}, jsonType},
		"structured":         {envelope, "application/cloudevents+json; charset=UTF-8", nil, one(envelope), "application/cloudevents+json; charset=UTF-8"},
		"structured array":   {"[" + envelope + "]", "application/cloudevents+json", nil, one("[" + envelope + "]"), "application/cloudevents+json"},
		"batch":              {"[" + envelope + ", " + envelope + "]", "application/cloudevents-batch+json", nil, []string{envelope, envelope}, "application/cloudevents+json"},
		"batch of one":       {envelope, "application/cloudevents-batch+json", nil, one(envelope), "application/cloudevents+json"},
		"binary":             {`[1,2]`, jsonType, []string{"Ce-Specversion", "1.0", "Ce-Id", "7"}, one(`[1,2]`), jsonType},
		"binary, other type": {`{}`, "application/vnd.x+json", []string{"ce-specversion", "1.0"}, one(`{}`), "application/vnd.x+json"},
		"binary, no type":    {`{}`, "", []string{"ce-specversion", "1.0"}, one(`{}`), ""},
		"gzip":               {gzipped(`[1,2]`), jsonType, []string{"Content-Encoding", "gzip"}, []string{"1", "2"}, jsonType},
		"gzip of two":        {gzipped("1\n", "2\n"), lineType, []string{"Content-Encoding", "x-gzip"}, []string{"1", "2"}, jsonType},
		"zstd":               {zstded(`[1,2]`), jsonType, []string{"Content-Encoding", "ZSTD"}, []string{"1", "2"}, jsonType},
		"zstd of two":        {zstded("1\n") + zstded("2\n"), lineType, []string{"Content-Encoding", "zstd"}, []string{"1", "2"}, jsonType},
		"identity":           {`1`, jsonType, []string{"Content-Encoding", "identity"}, one("1"), jsonType},
	} {
		for _, chunked := range []bool{false, true} {
			headers := append([]string{"Content-Type", tc.contentType}, tc.headers...)
			var body io.Reader = strings.NewReader(tc.body)
			if chunked {
				body = io.MultiReader(body)
			}
			r := s.post(clicks, body, headers...)
			got := s.sink.take()
			if r.code != 200 || r.Accepted != len(tc.want) || len(got) != len(tc.want) || r.Results == nil {
				t.Errorf("%s: %d %s", name, r.code, r.text)
				continue
			}
			for i, rec := range got {
				e := rec.Event
				if string(e.Data) != tc.want[i] || e.ContentType != tc.eventType || e.Source.Kind != "http" || e.Source.Name != "127.0.0.1" || e.Source.Offset != int64(i) || e.Received.IsZero() {
					t.Errorf("%s: event %d is %q %+v", name, i, e.Data, e)
				}
			}
		}
	}
	if held := s.held(); len(held) > 0 {
		t.Errorf("in the quarantine: %q", held)
	}
}

// What is not JSON is kept byte for byte, and never takes good neighbours with it.
func TestWhatIsNotJSONIsQuarantined(t *testing.T) {
	s := newServer(t, options{})
	for name, tc := range map[string]struct {
		body, contentType string
		good, bad         []string
	}{
		"not JSON":            {"\xff\x00 hello, \"", jsonType, nil, []string{"\xff\x00 hello, \""}},
		"cut short":           {`{"a":1`, jsonType, nil, []string{`{"a":1`}},
		"byte order mark":     {"\ufeff[1]", jsonType, nil, []string{"\ufeff[1]"}},
		"white space":         {"  \n", jsonType, nil, []string{"  \n"}},
		"two values":          {`{} {}`, jsonType, nil, []string{`{} {}`}},
		"bracket missing":     {`[{"a":1},{"b":2}`, jsonType, nil, []string{`[{"a":1},{"b":2}`}},
		"brackets cross":      {`[{"a":[1}],2]`, jsonType, nil, []string{`[{"a":[1}],2]`}},
		"something after":     {`[1] 2`, jsonType, nil, []string{`[1] 2`}},
		"comma at the end":    {`[1,]`, jsonType, nil, []string{`[1,]`}},
		"two commas":          {`[1,,2]`, jsonType, nil, []string{`[1,,2]`}},
		"string not closed":   {`[1,"a]`, jsonType, nil, []string{`[1,"a]`}},
		"bad element":         {`[{"a":1},{"a":01},{"a" 2},3]`, jsonType, []string{`{"a":1}`, `3`}, []string{`{"a":01}`, `{"a" 2}`}},
		"ragged lines":        {"{\"a\":1}\n{\"a\":\n2}\nnull\n\xff\n", lineType, []string{`{"a":1}`, `null`}, []string{`{"a":`, `2}`, "\xff"}},
		"last line cut":       {"1\n{\"a\":\"", lineType, []string{"1"}, []string{`{"a":"`}},
		"batch, broken":       {`[{"a":1},`, "application/cloudevents-batch+json", nil, []string{`[{"a":1},`}},
		"deep":                {`[` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `,1]`, jsonType, []string{"1"}, []string{strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)}},
		"deep and not closed": {strings.Repeat("[", 10_000), jsonType, nil, []string{strings.Repeat("[", 10_000)}},
		"digits":              {strings.Repeat("1", 1<<20), jsonType, nil, []string{strings.Repeat("1", 1<<20)}},
	} {
		before := len(s.held())
		r := s.post(clicks, strings.NewReader(tc.body), "Content-Type", tc.contentType)
		if r.code != 200 || r.Quarantined != len(tc.bad) || r.Accepted != len(tc.good) || len(r.Results) != len(tc.bad) {
			t.Errorf("%s: %d %.300s", name, r.code, r.text)
			continue
		}
		held := s.held()
		for i, res := range r.Results {
			if held[res.QuarantineID] != tc.bad[i] || len(res.Reasons) == 0 {
				t.Errorf("%s: entry %d is %.100q", name, i, held[res.QuarantineID])
			}
		}
		if len(held) != before+len(tc.bad) {
			t.Errorf("%s: %d new entries", name, len(held)-before)
		}
		var good []string
		for _, rec := range s.sink.take() {
			good = append(good, string(rec.Event.Data))
		}
		if !reflect.DeepEqual(good, tc.good) {
			t.Errorf("%s: forwarded %q", name, good)
		}
	}
}

// Every refusal is a problem of the right status, and nothing of the request is taken.
func TestRefusals(t *testing.T) {
	s := newServer(t, options{limit: httpin.Limits{BodyBytes: 4 << 10, DecodedBytes: 64 << 10}, gate: gateway.Limits{MaxBatchEvents: 3}})
	zero := strings.Repeat("0", 10<<20)
	window := zstded(zero, zstd.WithWindowSize(64<<20), zstd.WithSingleSegment(false))
	js := []string{"Content-Type", jsonType}
	with := func(h ...string) []string { return append(append([]string(nil), js...), h...) }
	for name, tc := range map[string]struct {
		path, body string
		headers    []string
		code       int
		header     string // name: value that the answer must have
	}{
		"no token":               {clicks, `{}`, with("Authorization", ""), 401, `Www-Authenticate: Bearer realm="lazaret"`},
		"no scope":               {clicks, `{}`, with("Authorization", "Bearer reader"), 403, "Www-Authenticate: Bearer realm=\"lazaret\", error=\"insufficient_scope\", scope=\"ingest\""},
		"tokens unreadable":      {clicks, `{}`, with("Authorization", "Bearer broken"), 503, "Retry-After: 2"},
		"unknown stream":         {"/v1/streams/nothing/events", `{}`, js, 404, ""},
		"impossible stream":      {"/v1/streams/..%2Fetc/events", `{}`, js, 404, ""},
		"stream before body":     {"/v1/streams/nothing/events", zero, js, 404, ""},
		"no content type":        {clicks, `{}`, nil, 415, "Accept-Post: application/json, application/x-ndjson, application/cloudevents+json, application/cloudevents-batch+json"},
		"other content type":     {clicks, `{}`, []string{"Content-Type", "text/plain"}, 415, ""},
		"no content type at all": {clicks, `{}`, []string{"Content-Type", "///"}, 415, ""},
		"CloudEvents XML":        {clicks, `{}`, []string{"Content-Type", "application/cloudevents+xml"}, 415, ""},
		"CloudEvents prefix":     {clicks, `{}`, []string{"Content-Type", "application/cloudevents-batch+avro"}, 415, ""},
		"binary text":            {clicks, `{}`, []string{"Content-Type", "text/plain", "ce-specversion", "1.0"}, 415, ""},
		"binary lines":           {clicks, `{}`, []string{"Content-Type", lineType, "ce-specversion", "1.0"}, 415, ""},
		"unknown encoding":       {clicks, `{}`, with("Content-Encoding", "br"), 415, "Accept-Encoding: gzip, zstd"},
		"two encodings":          {clicks, `{}`, with("Content-Encoding", "gzip, gzip"), 415, ""},
		"empty":                  {clicks, ``, js, 400, ""},
		"empty lines":            {clicks, "\n \n", []string{"Content-Type", lineType}, 400, ""},
		"too large":              {clicks, zero, js, 413, ""},
		"too many":               {clicks, `[1,2,3,4]`, js, 413, ""},
		"too many lines":         {clicks, "1\n2\n3\n4\n", []string{"Content-Type", lineType}, 413, ""},
		"gzip bomb":              {clicks, gzipped(zero)[:4<<10], with("Content-Encoding", "gzip"), 413, ""},
		"zstd bomb":              {clicks, zstded(zero), with("Content-Encoding", "zstd"), 413, ""},
		"zstd window":            {clicks, window, with("Content-Encoding", "zstd"), 400, ""},
		"gzip cut":               {clicks, gzipped(`{"a":"abcdefgh"}`)[:20], with("Content-Encoding", "gzip"), 400, ""},
		"gzip without trailer":   {clicks, gzipped(`[1]`)[:len(gzipped(`[1]`))-8], with("Content-Encoding", "gzip"), 400, ""},
		"gzip and garbage":       {clicks, gzipped(`[1]`) + "garbage", with("Content-Encoding", "gzip"), 400, ""},
		"not gzip":               {clicks, `{"a":"abcdefgh"}`, with("Content-Encoding", "gzip"), 400, ""},
		"zstd cut":               {clicks, zstded(`{"a":"abcdefgh"}`)[:12], with("Content-Encoding", "zstd"), 400, ""},
		"empty gzip":             {clicks, gzipped(""), with("Content-Encoding", "gzip"), 400, ""},
		"unknown parameter":      {clicks + "?invlaid=reject", `{}`, js, 400, ""},
		"wrong value":            {clicks + "?atomic=yes", `{}`, js, 400, ""},
		"given twice":            {clicks + "?atomic=true&atomic=true", `{}`, js, 400, ""},
		"broken query":           {clicks + "?atomic=%zz", `{}`, js, 400, ""},
		"long key":               {clicks, `{}`, with("Idempotency-Key", strings.Repeat("k", 256)), 400, ""},
		"empty key":              {clicks, `{}`, with("Idempotency-Key", `""`), 400, ""},
		"key with spaces":        {clicks, `{}`, with("Idempotency-Key", `a b`), 400, ""},
		"atomic with bad":        {clicks + "?atomic=true", `[1,{"bad":1}]`, js, 422, ""},
	} {
		for _, chunked := range []bool{false, true} {
			var body io.Reader = strings.NewReader(tc.body)
			if chunked && tc.body != "" {
				body = io.MultiReader(body)
			}
			r := s.post(tc.path, body, tc.headers...)
			if r.code != tc.code || r.header.Get("Content-Type") != "application/problem+json" || !strings.HasPrefix(r.Type, "urn:lazaret:problem:") && r.code != 413 && r.code != 400 {
				t.Errorf("%s: %d %s", name, r.code, r.text)
			}
			if key, value, _ := strings.Cut(tc.header, ": "); tc.header != "" && r.header.Get(key) != value {
				t.Errorf("%s: %s is %q", name, key, r.header.Get(key))
			}
			if strings.Contains(r.text, "etc") || strings.Contains(r.text, "abcdefgh") {
				t.Errorf("%s repeats what was sent: %s", name, r.text)
			}
		}
	}
	if n := len(s.sink.take()) + len(s.held()); n > 0 {
		t.Errorf("%d events of refused requests were taken", n)
	}
}

func TestQueryParameters(t *testing.T) {
	s := newServer(t, options{})
	body := `[1,{"bad":1},3]`
	for query, want := range map[string]string{
		"":                            "200 accepted 2 quarantined 1 rejected 0 results 1",
		"?invalid=reject":             "200 accepted 2 quarantined 0 rejected 1 results 1",
		"?results=all":                "200 accepted 2 quarantined 1 rejected 0 results 3",
		"?atomic=true":                "422 accepted 0 quarantined 0 rejected 3 results 1",
		"?atomic=true&results=all":    "422 accepted 0 quarantined 0 rejected 3 results 3",
		"?invalid=reject&results=all": "200 accepted 2 quarantined 0 rejected 1 results 3",
	} {
		r := s.post(clicks+query, strings.NewReader(body), "Content-Type", jsonType)
		got := fmt.Sprintf("%d accepted %d quarantined %d rejected %d results %d", r.code, r.Accepted, r.Quarantined, r.Rejected, len(r.Results))
		if got != want || r.Received != 3 {
			t.Errorf("%q: %s, want %s: %s", query, got, want, r.text)
		}
	}
}

// Headers that belong to the events are kept with them; secrets are not.
func TestHeadersKept(t *testing.T) {
	s := newServer(t, options{})
	sent := []string{"Content-Type", jsonType, "Traceparent", "00-1-2-01", "Tracestate", "a=b", "Cookie", "c=secret",
		"X-Other", "secret", "Ce-Specversion", "1.0", "Ce-Id", "1"}
	if r := s.post(clicks, strings.NewReader(`1`), sent...); r.code != 200 {
		t.Fatal(r.text)
	}
	kept := map[string]string{}
	for _, h := range s.sink.take()[0].Event.Headers {
		kept[h.Name] = h.Value
	}
	want := map[string]string{"traceparent": "00-1-2-01", "tracestate": "a=b", "ce-specversion": "1.0", "ce-id": "1"}
	if !reflect.DeepEqual(kept, want) {
		t.Errorf("kept %v", kept)
	}
	// The attributes of one request are not those of the events in a batch.
	s.post(clicks, strings.NewReader(`[{}]`), "Content-Type", "application/cloudevents-batch+json", "Ce-Id", "1")
	if e := s.sink.take()[0].Event; e.Header("ce-id") != "" {
		t.Errorf("an event of a batch has %v", e.Headers)
	}
}

// A header by which the stream lets events name a version is kept with each of them, and is
// part of what a request with an idempotency key says. One that cannot be kept is refused.
func TestNamingHeaderOverHTTP(t *testing.T) {
	s := newServer(t, options{schema: &gateway.SchemaRef{Subject: "clicks", NamedBy: []gateway.NamedBy{{Header: "Schema-Version"}}}})
	send := func(version, key string) reply {
		return s.post(clicks, strings.NewReader(`[1,2]`), "Content-Type", jsonType, "SCHEMA-VERSION", version, "X-Other", "secret", "Idempotency-Key", key)
	}
	if r := send("3", "a"); r.code != 200 {
		t.Fatal(r.text)
	}
	for _, r := range s.sink.take() {
		if want := []lazaret.Header{{Name: "schema-version", Value: "3"}}; !reflect.DeepEqual(r.Event.Headers, want) {
			t.Errorf("kept %v", r.Event.Headers)
		}
	}
	if r := send("2", "a"); r.code != 422 {
		t.Errorf("the same key for another version: %d %s", r.code, r.text)
	}
	if r := send(strings.Repeat("3", 513), "b"); r.code != 400 || strings.Contains(r.text, "333") || len(s.sink.take()) > 0 {
		t.Errorf("a header that is too long: %d %s", r.code, r.text)
	}
}

func TestIdempotencyKeyOverHTTP(t *testing.T) {
	s := newServer(t, options{})
	send := func(key, path, body string, more ...string) reply {
		return s.post(path, strings.NewReader(body), append([]string{"Content-Type", jsonType, "Idempotency-Key", key}, more...)...)
	}
	first := send(`"abc"`, clicks, `[1,{"bad":1}]`, "Traceparent", "one")
	again := send(`abc`, clicks, `[1,{"bad":1}]`, "Traceparent", "two")
	if first.code != 200 || again.code != 200 || first.text != again.text || again.header.Get("Idempotency-Replayed") != "true" || first.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("first %s, again %s %v", first.text, again.text, again.header)
	}
	zipped := s.post(clicks, strings.NewReader(gzipped(`[1,{"bad":1}]`)), "Content-Type", jsonType, "Idempotency-Key", "abc", "Content-Encoding", "gzip")
	if zipped.text != first.text {
		t.Errorf("the same body, compressed: %s", zipped.text)
	}
	for name, r := range map[string]reply{
		"body":       send("abc", clicks, `[2]`),
		"parameters": send("abc", clicks+"?results=all", `[1,{"bad":1}]`),
		"mode":       send("abc", clicks, `[1,{"bad":1}]`, "ce-specversion", "1.0"),
	} {
		if r.code != 422 || r.Type != "urn:lazaret:problem:idempotency-key-reused" {
			t.Errorf("another %s: %d %s", name, r.code, r.text)
		}
	}
	if n, m := len(s.sink.take()), len(s.held()); n != 1 || m != 1 {
		t.Errorf("%d events forwarded, %d quarantined", n, m)
	}
}

func TestSinkDownIs503(t *testing.T) {
	s := newServer(t, options{})
	s.sink.fail(io.ErrClosedPipe)
	r := s.json(`1`)
	if r.code != 503 || r.header.Get("Retry-After") == "" || !strings.Contains(r.Detail, "Idempotency-Key") || strings.Contains(r.text, "pipe") {
		t.Errorf("%d %v %s", r.code, r.header, r.text)
	}
	s.sink.fail(nil)
	if r := s.json(`1`); r.code != 200 {
		t.Errorf("afterwards: %s", r.text)
	}
}

// An event above the limit is bad, its neighbours are not; a million keys are one event.
func TestLargeEvents(t *testing.T) {
	s := newServer(t, options{})
	var b strings.Builder
	for i := range 1_000_001 {
		fmt.Fprintf(&b, ",\"k%d\":0", i)
	}
	keys := "{" + b.String()[1:] + "}"
	r := s.json("[" + keys + ",1]")
	if r.code != 200 || r.Accepted != 1 || r.Quarantined != 1 || r.Results[0].Reasons[0].Code != lazaret.CodeSize {
		t.Errorf("%d %.300s", r.code, r.text)
	}
	if s.held()[r.Results[0].QuarantineID] != keys {
		t.Error("the event with a million keys was not kept as it was")
	}
}

func TestNewRefusesLimitsThatCannotWork(t *testing.T) {
	s := newServer(t, options{})
	if _, err := httpin.New(httpin.Config{}); err == nil {
		t.Error("no gateway, and no error")
	}
	for _, l := range []httpin.Limits{{BodyBytes: -1}, {BodyBytes: 10, DecodedBytes: 5}, {DecodedBytes: 1 << 30}} {
		if _, err := httpin.New(httpin.Config{Gateway: s.gate, Auth: tokens{}, Limits: l}); err == nil {
			t.Errorf("%+v: no error", l)
		}
	}
}
