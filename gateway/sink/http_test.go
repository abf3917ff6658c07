package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
)

// receiver is an HTTP server that keeps what it takes, once a key, as Idempotency-Key asks.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
	lines    map[string]int // events taken, by line
	keys     map[string]string
	// answer, where it is set, answers attempt n, from 1, in place of taking it; it returns
	// false to have it taken.
	answer func(w http.ResponseWriter, r *http.Request, n int, body string) bool
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{lines: map[string]int{}, keys: map[string]string{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	data, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	body := string(data)
	r.mu.Lock()
	r.requests = append(r.requests, req)
	r.bodies = append(r.bodies, body)
	n, answer := len(r.requests), r.answer
	r.mu.Unlock()
	if answer != nil && answer(w, req, n, body) {
		return
	}
	r.take(req.Header.Get("Idempotency-Key"), body)
}

func (r *receiver) take(key, body string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, done := r.keys[key]; done {
		return
	}
	r.keys[key] = body
	for line := range strings.Lines(body) {
		r.lines[strings.TrimSuffix(line, "\n")]++
	}
}

// count returns how many requests came, and how often each event was taken.
func (r *receiver) count() (requests int, lines map[string]int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines = map[string]int{}
	for k, v := range r.lines {
		lines[k] = v
	}
	return len(r.requests), lines
}

func httpConfig(r *receiver) HTTPConfig {
	u, _ := url.Parse(r.URL)
	return HTTPConfig{
		Stream: "clicks", Log: quiet(), AllowHosts: []string{u.Host},
		Spec: gateway.HTTPSink{URL: r.URL + "/in?token=s3cret", Format: gateway.FormatEvent, Timeout: gateway.Duration(5 * time.Second)},
	}
}

// mustHTTP is a sink whose retries are quick.
func mustHTTP(t *testing.T, cfg HTTPConfig) *HTTP {
	t.Helper()
	s, err := NewHTTP(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.retry.first = time.Millisecond
	t.Cleanup(func() { s.Close(context.Background()) })
	return s
}

func wantLines(t *testing.T, r *receiver, name string, n int) {
	t.Helper()
	_, lines := r.count()
	for i := range n {
		if c := lines[fmt.Sprintf(`{"n":"%s/%d"}`, name, i)]; c != 1 {
			t.Errorf("event %s/%d was taken %d times, want once", name, i, c)
		}
	}
}

func TestHTTPSendsBatches(t *testing.T) {
	r := newReceiver(t)
	cfg := httpConfig(r)
	cfg.Spec.Batch = 10
	cfg.HeadersFile = filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(cfg.HeadersFile, []byte("# secrets\n\nAuthorization: Bearer abc\r\nX-Team:  a: b \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := mustHTTP(t, cfg)
	mustWrite(t, s, numbered("", "a", 25))
	mustWrite(t, s, numbered("id", "b", 25))
	wantLines(t, r, "a", 25)
	wantLines(t, r, "b", 25)
	for i, req := range r.requests {
		h := req.Header
		if req.Method != "POST" || h.Get("Content-Type") != "application/x-ndjson" || h.Get("Idempotency-Key") == "" ||
			h.Get("Authorization") != "Bearer abc" || h.Get("X-Team") != "a: b" || req.URL.RawQuery != "token=s3cret" {
			t.Errorf("request %d: %s %s %v", i, req.Method, req.URL, h)
		}
		if n := strings.Count(r.bodies[i], "\n"); n > 10 {
			t.Errorf("request %d has %d events, more than batch", i, n)
		}
	}
	if err := s.Ready(); err != nil {
		t.Errorf("Ready: %v", err)
	}
	mustClose(t, s)
	mustClose(t, s)
	if err := s.Write(context.Background(), numbered("", "c", 1)); !errors.Is(err, ErrClosed) {
		t.Errorf("Write after Close: %v, want ErrClosed", err)
	}
}

// Promises 1 and 5: whatever fails in passing is tried again under the same key, and each
// event is taken once, even if an answer was lost after the events were taken.
func TestHTTPRetries(t *testing.T) {
	drop := func(w http.ResponseWriter) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			conn.Close()
		}
	}
	for name, fail := range map[string]func(r *receiver, w http.ResponseWriter, req *http.Request, body string){
		"500":     func(_ *receiver, w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(500) },
		"503":     func(_ *receiver, w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(503) },
		"408":     func(_ *receiver, w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(408) },
		"425":     func(_ *receiver, w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(425) },
		"429":     func(_ *receiver, w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(429) },
		"dropped": func(_ *receiver, w http.ResponseWriter, _ *http.Request, _ string) { drop(w) },
		"answer lost": func(r *receiver, w http.ResponseWriter, req *http.Request, body string) {
			r.take(req.Header.Get("Idempotency-Key"), body)
			drop(w)
		},
		"hangs": func(_ *receiver, _ http.ResponseWriter, req *http.Request, _ string) { <-req.Context().Done() },
	} {
		for _, id := range []string{"", "id"} {
			t.Run(name+" "+id, func(t *testing.T) {
				r := newReceiver(t)
				r.answer = func(w http.ResponseWriter, req *http.Request, n int, body string) bool {
					if n > 3 {
						return false
					}
					fail(r, w, req, body)
					return true
				}
				cfg := httpConfig(r)
				if name == "hangs" {
					cfg.Spec.Timeout = gateway.Duration(30 * time.Millisecond)
				}
				s := mustHTTP(t, cfg)
				mustWrite(t, s, numbered(id, "a", 3))
				wantLines(t, r, "a", 3)
				keys := map[string]bool{}
				for _, req := range r.requests {
					keys[req.Header.Get("Idempotency-Key")] = true
				}
				if len(keys) != 1 || len(r.requests) < 4 {
					t.Errorf("%d requests with %d keys, want at least 4 with one", len(r.requests), len(keys))
				}
			})
		}
	}
}

// What the receiver refuses is not tried again, and the error says why without its answer,
// the URL's query, or anything of the payload.
func TestHTTPRefusals(t *testing.T) {
	for _, status := range []int{301, 307, 400, 401, 403, 404, 409, 413, 422} {
		r := newReceiver(t)
		r.answer = func(w http.ResponseWriter, _ *http.Request, n int, body string) bool {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			io.WriteString(w, "you sent "+body)
			return true
		}
		s := mustHTTP(t, httpConfig(r))
		err := s.Write(context.Background(), numbered("id", "payload", 1))
		if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), fmt.Sprint(status)) {
			t.Errorf("%d: %v, want ErrRefused with the status", status, err)
		}
		for _, secret := range []string{"payload", "you sent", "s3cret"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%d: the error shows %q: %v", status, secret, err)
			}
		}
		if n, _ := r.count(); n != 1 {
			t.Errorf("%d: %d requests, want one", status, n)
		}
		if err := s.Ready(); err != nil {
			t.Errorf("%d: a refusal is a sign of life, but Ready is %v", status, err)
		}
		mustClose(t, s)
	}
}

// Retry-After is honoured, in both forms, and one that is too long ends the attempts.
func TestHTTPHonoursRetryAfter(t *testing.T) {
	r := newReceiver(t)
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	values := []string{"7", now.Add(12 * time.Second).Format(http.TimeFormat), "nonsense", "86400"}
	r.answer = func(w http.ResponseWriter, _ *http.Request, n int, _ string) bool {
		w.Header().Set("Retry-After", values[n-1])
		w.WriteHeader(429)
		return true
	}
	s := mustHTTP(t, httpConfig(r))
	var pauses []time.Duration
	s.retry.now = func() time.Time { return now }
	s.retry.wait = func(_ context.Context, d time.Duration) error { pauses = append(pauses, d); return nil }
	err := s.Write(context.Background(), numbered("id", "a", 1))
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "429") {
		t.Errorf("Write: %v, want ErrUnavailable and 429", err)
	}
	if len(pauses) != 3 || pauses[0] != 7*time.Second || pauses[1] != 12*time.Second || pauses[2] > time.Second {
		t.Errorf("pauses %v, want 7s, 12s, a short one, and none of a day", pauses)
	}
}

// Attempts end after half a minute, and before that when the caller's context does.
func TestHTTPGivesUp(t *testing.T) {
	r := newReceiver(t)
	r.answer = func(w http.ResponseWriter, _ *http.Request, _ int, _ string) bool { w.WriteHeader(500); return true }
	s := mustHTTP(t, httpConfig(r))
	now := time.Now()
	s.breaker.now = func() time.Time { return now }
	s.retry.now = func() time.Time { return now }
	s.retry.wait = func(_ context.Context, d time.Duration) error { now = now.Add(d); return nil }
	start := now
	err := s.Write(context.Background(), numbered("id", "a", 1))
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "gave up") {
		t.Errorf("Write: %v, want that it gave up", err)
	}
	if took := now.Sub(start); took < giveUpIn/3 || took > giveUpIn {
		t.Errorf("gave up after %s, want at most %s", took, giveUpIn)
	}

	s = mustHTTP(t, httpConfig(r))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := s.Write(ctx, numbered("", "a", 1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Write: %v, want its context's error", err)
	}
}

// The breaker opens after failures in a row, refuses at once, lets one probe through when it
// has rested, and closes when that succeeds.
func TestHTTPBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(time.Now)
		down := fmt.Errorf("%w: down", ErrUnavailable)
		fail := func(want bool) {
			t.Helper()
			_, err := b.allow(true)
			if (err == nil) != want {
				t.Fatalf("allow: %v, want let through: %v", err, want)
			}
			if err == nil {
				b.result(down, false)
			}
		}
		for range tripAfter - 1 {
			fail(true)
		}
		b.result(fmt.Errorf("%w: 400", ErrRefused), false) // alive: counts from zero again
		for range tripAfter {
			fail(true)
		}
		rest := firstRest
		for range 8 {
			fail(false)
			time.Sleep(rest * 3 / 4)
			time.Sleep(rest / 4)
			if _, err := b.allow(false); err != nil {
				t.Fatalf("a probe is due after %s: %v", rest, err)
			}
			fail(true) // the probe fails
			rest = min(longestRest, 2*rest)
		}
		time.Sleep(longestRest)
		if _, err := b.allow(true); err != nil {
			t.Fatal(err)
		}
		if _, err := b.allow(true); !errors.Is(err, ErrUnavailable) {
			t.Errorf("a second probe at the same time: %v, want ErrUnavailable", err)
		}
		b.result(down, true) // the prober's caller went away: nothing is known, another may probe
		if _, err := b.allow(true); err != nil {
			t.Errorf("after a probe that was broken off: %v", err)
		}
		b.result(nil, false)
		for range 3 {
			if _, err := b.allow(true); err != nil {
				t.Errorf("closed again: %v", err)
			}
		}
	})
}

// A sink whose receiver is away says so and costs nothing; when it is back, writes succeed.
func TestHTTPReadyFollowsTheReceiver(t *testing.T) {
	r := newReceiver(t)
	var down sync.Mutex
	isDown := true
	r.answer = func(w http.ResponseWriter, _ *http.Request, _ int, _ string) bool {
		down.Lock()
		defer down.Unlock()
		if isDown {
			w.WriteHeader(503)
		}
		return isDown
	}
	s := mustHTTP(t, httpConfig(r))
	now := time.Now()
	var mu sync.Mutex
	s.breaker.now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	s.retry.total = 20 * time.Millisecond
	for range tripAfter {
		if err := s.Write(context.Background(), numbered("", "a", 1)); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("Write: %v, want ErrUnavailable", err)
		}
	}
	if err := s.Ready(); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Ready: %v, want ErrUnavailable", err)
	}
	before, _ := r.count()
	if err := s.Write(context.Background(), numbered("id", "a", 1)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Write: %v, want ErrUnavailable", err)
	}
	if after, _ := r.count(); after != before {
		t.Error("a request was made while the breaker was open")
	}
	down.Lock()
	isDown = false
	down.Unlock()
	mu.Lock()
	now = now.Add(longestRest)
	mu.Unlock()
	if err := s.Ready(); err != nil {
		t.Errorf("Ready when a probe is due: %v", err)
	}
	mustWrite(t, s, numbered("id", "a", 1))
	wantLines(t, r, "a", 1)
}

// Promise 5: a batch with an ID lands once, and a later attempt continues under the same keys.
func TestHTTPIDLandsOnce(t *testing.T) {
	r := newReceiver(t)
	r.answer = func(w http.ResponseWriter, _ *http.Request, n int, _ string) bool {
		if n == 2 { // the second of three parts
			w.WriteHeader(409)
		}
		return n == 2
	}
	cfg := httpConfig(r)
	cfg.Spec.Batch = 2
	s := mustHTTP(t, cfg)
	b := numbered("an id, with änything", "a", 6)
	if err := s.Write(context.Background(), b); !errors.Is(err, ErrRefused) {
		t.Fatalf("Write: %v, want ErrRefused", err)
	}
	mustClose(t, s)
	s = mustHTTP(t, cfg) // as after a restart
	mustWrite(t, s, b)
	wantLines(t, r, "a", 6)
	before, _ := r.count()
	mustWrite(t, s, b)
	if after, _ := r.count(); after != before {
		t.Error("a batch that had landed was sent again")
	}
	s.Forget(b.ID)
	if len(s.ledger.ids()) != 0 {
		t.Error("Forget did not forget")
	}
}

// Promise 5: when some events of a batch are refused for what they hold, the error says
// which, and all others have landed, once, however often the batch is written.
func TestHTTPSaysWhatWasRefused(t *testing.T) {
	for _, status := range []int{400, 413, 422} {
		r := newReceiver(t)
		bad := `"a/3"`
		r.answer = func(w http.ResponseWriter, _ *http.Request, _ int, body string) bool {
			poisoned := bad != "" && strings.Contains(body, bad)
			if poisoned {
				w.WriteHeader(status)
			}
			return poisoned
		}
		cfg := httpConfig(r)
		cfg.Spec.Batch = 2
		s := mustHTTP(t, cfg)
		b := numbered("id", "a", 7)
		bad = string(b.Records[3].Event.Data)
		for range 2 {
			err := s.Write(context.Background(), b)
			var refused *lazaret.RefusedError
			if !errors.As(err, &refused) || !slices.Equal(refused.Records, []int{2, 3}) || !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), fmt.Sprint(status)) {
				t.Fatalf("%d: %v, want that the records 2 and 3 were refused", status, err)
			}
			if _, lines := r.count(); len(lines) != 5 {
				t.Errorf("%d: %d events landed, want the other 5", status, len(lines))
			}
		}
		bad = ""
		mustWrite(t, s, b)
		wantLines(t, r, "a", 7)
	}
}

// A refusal that is about the address or the sender does not say that the rest has landed.
func TestHTTPRefusalOfTheSender(t *testing.T) {
	for _, status := range []int{302, 401, 403, 404, 405, 409, 410, 415} {
		r := newReceiver(t)
		r.answer = func(w http.ResponseWriter, _ *http.Request, n int, _ string) bool {
			w.WriteHeader(status)
			return true
		}
		cfg := httpConfig(r)
		cfg.Spec.Batch = 2
		err := mustHTTP(t, cfg).Write(context.Background(), numbered("id", "a", 6))
		var refused *lazaret.RefusedError
		if n, _ := r.count(); !errors.Is(err, ErrRefused) || errors.As(err, &refused) || n != 1 {
			t.Errorf("%d: %v after %d requests, want a plain refusal after one", status, err, n)
		}
	}
}

// Concurrent small writes share requests, and a write that the receiver refuses fails alone.
func TestHTTPSharesRequests(t *testing.T) {
	r := newReceiver(t)
	first, gate := make(chan struct{}), make(chan struct{})
	r.answer = func(w http.ResponseWriter, _ *http.Request, n int, body string) bool {
		if n == 1 {
			close(first)
			<-gate // while one is under way, the others gather
		}
		bad := strings.Contains(body, `"bad/`)
		if bad {
			w.WriteHeader(422)
		}
		return bad
	}
	cfg := httpConfig(r)
	cfg.Requests = 1
	s := mustHTTP(t, cfg)
	var wg sync.WaitGroup
	write := func(name string, want error) {
		wg.Go(func() {
			if err := s.Write(context.Background(), numbered("", name, 2)); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		})
	}
	write("first", nil)
	<-first
	for i := range 20 {
		write(fmt.Sprint("good", i), nil)
	}
	write("bad", ErrRefused)
	close(gate)
	wg.Wait()
	for i := range 20 {
		wantLines(t, r, fmt.Sprint("good", i), 2)
	}
	wantLines(t, r, "first", 2)
	if _, lines := r.count(); len(lines) != 42 {
		t.Errorf("%d events were taken, want 42", len(lines))
	}
}

// Close finishes what is under way, or cuts it off when its context ends.
func TestHTTPClose(t *testing.T) {
	r := newReceiver(t)
	arrived := make(chan struct{}, 2)
	r.answer = func(_ http.ResponseWriter, req *http.Request, _ int, _ string) bool {
		arrived <- struct{}{}
		<-req.Context().Done()
		return true
	}
	s := mustHTTP(t, httpConfig(r))
	results := make(chan error, 2)
	go func() { results <- s.Write(context.Background(), numbered("", "a", 1)) }()
	go func() { results <- s.Write(context.Background(), numbered("id", "b", 1)) }()
	<-arrived
	<-arrived
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close: %v, want its context's error", err)
	}
	for range 2 {
		if err := <-results; err == nil {
			t.Error("a write that was cut off reported success")
		}
	}
}

func TestHTTPRefusesItsConfiguration(t *testing.T) {
	headers := func(text string) string {
		name := filepath.Join(t.TempDir(), "headers")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, c := range []struct {
		url, file, want string
	}{
		{"https://evil.example/x", "", "sinks.http.hosts"},
		{"https://good.example:8443/x", "", ""},
		{"https://GOOD.example/x", "", ""},
		{"https://ported.example/x", "", "sinks.http.hosts"},
		{"http://ported.example:8080/x", "", ""},
		{"https://good.example.evil.example/", "", "sinks.http.hosts"},
		{"https://good.example@evil.example/", "", "user"},
		{"https://u:p4ss@good.example/", "", "headers_file"},
		{"file:///etc/passwd", "", "https://"},
		{"https://", "", "no host"},
		{"https://good.example/#x", "", "fragment"},
		{"https://good.example/\x7f?q=p4ss", "", "parsed"},
		{"https://good.example/", "/nowhere/headers", "headers_file"},
		{"https://good.example/", headers("A: b\np4ss without colon\n"), "line 2"},
		{"https://good.example/", headers("Bad Name: p4ss\n"), "line 1"},
		{"https://good.example/", headers("X: p4ss\x00\n"), "line 1"},
		{"https://good.example/", headers("idempotency-key: p4ss\n"), "Idempotency-Key"},
		{"https://good.example/", headers(strings.Repeat("X: p4ss\n", 10_000)), "larger"},
	} {
		s, err := NewHTTP(HTTPConfig{
			Stream: "clicks", Spec: gateway.HTTPSink{URL: c.url}, HeadersFile: c.file, Log: quiet(),
			AllowHosts: []string{"good.example", "ported.example:8080"},
		})
		if s != nil {
			mustClose(t, s)
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.url, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "p4ss") {
			t.Errorf("%s: the error shows a secret: %v", c.url, err)
		}
	}
}

func TestHTTPVerifiesTLS(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	srv.Config.ErrorLog = nil
	defer srv.Close()
	u, _ := url.Parse(srv.URL)
	cfg := HTTPConfig{Stream: "clicks", Spec: gateway.HTTPSink{URL: srv.URL}, AllowHosts: []string{u.Host}, Log: quiet()}
	s := mustHTTP(t, cfg)
	s.retry.total = 0
	if err := s.Write(context.Background(), numbered("", "a", 1)); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate: %v, want ErrUnavailable", err)
	}
	cfg.RootCAs = srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	mustWrite(t, mustHTTP(t, cfg), lazaret.Batch{Records: []lazaret.Record{record(`{}`)}})
}
