package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
)

// scripted is a server that gives one answer after the other, the last one for good, and
// a client that does not really wait. asked counts the requests.
func scripted(t *testing.T, cfg Config, answers ...http.HandlerFunc) (c *Client, asked *atomic.Int64, waits *[]time.Duration) {
	t.Helper()
	asked, waits = &atomic.Int64{}, &[]time.Duration{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(asked.Add(1))
		answers[min(n, len(answers))-1](w, r)
	}))
	t.Cleanup(server.Close)
	cfg.Server = server.URL
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.waiting = func(ctx context.Context, d time.Duration) error {
		*waits = append(*waits, d)
		return ctx.Err()
	}
	return c, asked, waits
}

func status(code int, retryAfter string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.Header().Set("Content-Type", "application/problem+json; charset=utf-8")
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"status":%d,"detail":"no"}`, code)
	}
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
}

// cut promises more than it sends, as a server does that dies while it answers.
func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	fmt.Fprint(w, `{"received":1`)
}

// What may be repeated is, until it has an answer: after a refusal, a failure of the
// server, and an answer that breaks off. The server's Retry-After is kept to.
func TestRepeatsWhatMayBeRepeated(t *testing.T) {
	var told int
	c, asked, waits := scripted(t, Config{Waiting: func(err error, _ time.Duration) {
		if err != nil {
			told++
		}
	}}, status(503, "3"), status(429, ""), status(500, ""), cut, text(`{"received":1,"accepted":1}`))
	a, err := c.Ingest(t.Context(), Post{Stream: "s", Body: []byte("{}"), IdempotencyKey: "k"})
	if err != nil || a.Accepted != 1 || asked.Load() != 5 || told != 4 {
		t.Fatalf("got %+v, %v after %d requests, told %d times", a, err, asked.Load(), told)
	}
	if (*waits)[0] != 3*time.Second {
		t.Errorf("waited %v after Retry-After: 3", (*waits)[0])
	}
	for i, w := range (*waits)[1:] {
		if w <= 0 || w > 100*time.Millisecond<<(i+1)+time.Millisecond {
			t.Errorf("wait %d is %v", i+1, w)
		}
	}
}

// What is not safe to repeat is repeated only when the server says that it did nothing.
func TestDoesNotRepeatWhatMayHaveHappened(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{"500": status(500, ""), "cut": cut} {
		c, asked, _ := scripted(t, Config{}, answer)
		if _, err := c.Ingest(t.Context(), Post{Stream: "s", Body: []byte("{}")}); err == nil || asked.Load() != 1 {
			t.Errorf("%s: %v after %d requests", name, err, asked.Load())
		}
	}
	c, asked, _ := scripted(t, Config{}, status(503, "1"), text(`{"received":1}`))
	if _, err := c.Ingest(t.Context(), Post{Stream: "s", Body: []byte("{}")}); err != nil || asked.Load() != 2 {
		t.Errorf("503: %v after %d requests", err, asked.Load())
	}
}

// A refusal for good is not repeated; tries are bounded; an end of the context ends them.
func TestGivesUp(t *testing.T) {
	c, asked, _ := scripted(t, Config{}, status(422, ""))
	var p *Problem
	if _, err := c.Apply(t.Context(), []string{}, false); !errors.As(err, &p) || p.Status != 422 || asked.Load() != 1 {
		t.Errorf("422: %v after %d requests", err, asked.Load())
	}
	c, asked, _ = scripted(t, Config{Retries: 3}, status(503, ""))
	if _, err := c.Entry(t.Context(), "x"); err == nil || asked.Load() != 4 {
		t.Errorf("503: %v after %d requests", err, asked.Load())
	}
	c, asked, _ = scripted(t, Config{Retries: -1}, status(503, ""))
	if _, err := c.Entry(t.Context(), "x"); err == nil || asked.Load() != 1 {
		t.Errorf("no retries: %v after %d requests", err, asked.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	c, asked, _ = scripted(t, Config{}, func(w http.ResponseWriter, r *http.Request) { cancel(); status(503, "")(w, r) })
	if _, err := c.Entry(ctx, "x"); err == nil || asked.Load() > 1 {
		t.Errorf("cancelled: %v after %d requests", err, asked.Load())
	}
}

// Names of streams and ids cannot leave their place in the path, a server may be below a
// prefix, and the token goes along.
func TestRequests(t *testing.T) {
	var got *http.Request
	c, _, _ := scripted(t, Config{Token: "secret", Agent: "test/1"}, func(w http.ResponseWriter, r *http.Request) {
		got = r
		fmt.Fprint(w, `{}`)
	})
	c.base.Path = "/prefix/"
	if _, err := c.Ingest(t.Context(), Post{Stream: "../a b?c", Type: NDJSON, RejectInvalid: true, Atomic: true, All: true}); err != nil {
		t.Fatal(err)
	}
	if want := "/prefix/v1/streams/..%2Fa%20b%3Fc/events?atomic=true&invalid=reject&results=all"; got.RequestURI != want {
		t.Errorf("asked for %s, want %s", got.RequestURI, want)
	}
	h := got.Header
	if h.Get("Authorization") != "Bearer secret" || h.Get("User-Agent") != "test/1" || h.Get("Content-Type") != NDJSON {
		t.Errorf("headers %v", h)
	}
	since := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.FixedZone("", 3600))
	f := Filter{Stream: "s", Since: since, IDs: []string{"a", "b"}, SchemaVersion: 2}
	if _, _, err := c.Entries(t.Context(), f, 7, "next"); err != nil {
		t.Fatal(err)
	}
	if want := "cursor=next&id=a&id=b&limit=7&schema_version=2&since=2026-01-02T02%3A04%3A05.000006Z&stream=s"; got.URL.RawQuery != want {
		t.Errorf("query %s, want %s", got.URL.RawQuery, want)
	}
}

// A payload comes to the byte, whatever it is.
func TestPayloadBytes(t *testing.T) {
	want := []byte("\x00\xff{\r\n")
	c, _, _ := scripted(t, Config{}, text(string(want)))
	if got, err := c.Payload(t.Context(), "x"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
}

// A server that does not answer is an error that says how long was waited.
func TestTimeout(t *testing.T) {
	release := make(chan struct{})
	c, _, _ := scripted(t, Config{Timeout: 20 * time.Millisecond, Retries: -1}, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	if _, err := c.Entry(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "no answer within 20ms") {
		t.Errorf("got %v", err)
	}
}

// Errors are for people: what, where, and the place in the text.
func TestProblemText(t *testing.T) {
	c, _, _ := scripted(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(422)
		fmt.Fprint(w, `{"detail":"Refused.","errors":[{"resource":"RuleSet/s","file":"r.yaml","line":1,"column":3,"pointer":"/rules/0/expr","message":"unexpected","snippet":"a b\n  ^"},{"message":"other"}]}`)
	}, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(404)
		fmt.Fprint(w, "<html>a proxy's own page</html>")
	})
	_, err := c.Entry(t.Context(), "x")
	want := "Refused. (422)\n  r.yaml:1:3: RuleSet/s /rules/0/expr: unexpected\n    a b\n      ^\n  other"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if _, err := c.Entry(t.Context(), "x"); err == nil || !strings.HasPrefix(err.Error(), "Not Found: GET http://127.0.0.1:") || !strings.HasSuffix(err.Error(), "/admin/v1/quarantine/x (404)") {
		t.Errorf("got %v", err)
	}
}

// Waiting for a job reports each state and ends with the last.
func TestWaitJob(t *testing.T) {
	c, _, _ := scripted(t, Config{}, text(`{"id":"j","state":"running","examined":1}`), text(`{"id":"j","state":"running","examined":2}`), text(`{"id":"j","state":"done","examined":3}`))
	var seen []int64
	j, err := c.WaitJob(t.Context(), "j", time.Microsecond, func(j Job) { seen = append(seen, j.Examined) })
	if err != nil || j.State != "done" || fmt.Sprint(seen) != "[1 2 3]" {
		t.Errorf("got %+v, %v, %v", j, err, seen)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, server := range []string{"", "localhost:8080", "ftp://host", "http://", "::"} {
		if _, err := New(Config{Server: server}); err == nil {
			t.Errorf("%q: no error", server)
		}
	}
	if _, err := New(Config{Server: "https://host", CA: []byte("nothing")}); err == nil {
		t.Error("a CA that is none: no error")
	}
}

// An answer's reasons are the gateway's own.
func TestAnswerReasons(t *testing.T) {
	c, _, _ := scripted(t, Config{}, text(`{"received":1,"quarantined":1,"results":[{"index":0,"status":"quarantined","quarantine_id":"q","reasons":[{"code":"json.syntax","path":"","message":"m"}]}]}`))
	a, err := c.Ingest(t.Context(), Post{Stream: "s", Body: []byte("{")})
	if err != nil || len(a.Results) != 1 || a.Results[0].Status != lazaret.Quarantined || a.Results[0].Reasons[0].Code != lazaret.CodeSyntax {
		t.Errorf("got %+v, %v", a, err)
	}
}
