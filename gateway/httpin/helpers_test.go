package httpin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/gateway/httpin"
	"github.com/lazaret/lazaret/internal/auth"
	"github.com/lazaret/lazaret/internal/db"
	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/internal/web"
	"github.com/lazaret/lazaret/quarantine"
)

// strictJSON accepts what is well-formed JSON without a member "bad".
type strictJSON struct {
	entered chan struct{} // if set: gets a value for each event …
	goOn    chan struct{} // … that is then held until this is closed
}

func (j strictJSON) Judge(_ context.Context, e *lazaret.Event) (lazaret.Verdict, error) {
	if j.entered != nil {
		j.entered <- struct{}{}
		<-j.goOn
	}
	v := lazaret.Verdict{Status: lazaret.Accepted}
	if err := jsonread.Check(e.Data, jsonread.Limits{}); err != nil {
		v.Status, v.Reasons = lazaret.Quarantined, []lazaret.Reason{{Code: err.Code, Message: "not JSON"}}
	} else if bytes.Contains(e.Data, []byte(`"bad"`)) {
		v.Status, v.Reasons = lazaret.Quarantined, []lazaret.Reason{{Code: lazaret.CodeRuleFailed, Message: "bad"}}
	}
	return v, nil
}

// memSink keeps what it is given, or fails.
type memSink struct {
	mu      sync.Mutex
	records []lazaret.Record
	err     error
}

func (s *memSink) Write(_ context.Context, b lazaret.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.records = append(s.records, b.Records...)
	}
	return s.err
}

func (s *memSink) Forget(string)               {}
func (s *memSink) Ready() error                { return nil }
func (s *memSink) Close(context.Context) error { return nil }

func (s *memSink) take() []lazaret.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records
	s.records = nil
	return r
}

func (s *memSink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

type oneStream struct{ active gateway.Active }

func (c oneStream) Active(name string) (*gateway.Active, bool) {
	return &c.active, name == c.active.Stream.Name
}

func (c oneStream) At(context.Context, string, int) (*gateway.Active, error) {
	return nil, gateway.ErrNotFound
}

// tokens authorises "Bearer good" alone.
type tokens struct{}

func (tokens) Authorize(_ context.Context, r auth.Request, scope auth.Scope, _ string) (auth.Identity, error) {
	switch {
	case scope != auth.Ingest || r.Authorization == "":
		return auth.Identity{}, auth.ErrUnauthenticated
	case r.Authorization == "Bearer reader":
		return auth.Identity{}, auth.ErrForbidden
	case r.Authorization == "Bearer broken":
		return auth.Identity{}, io.ErrClosedPipe
	}
	return auth.Identity{Name: "test"}, nil
}

// server is the real thing, but for the sink, on a port of its own.
type server struct {
	t     testing.TB
	addr  string
	app   *web.App
	gate  *gateway.Gateway
	sink  *memSink
	store *quarantine.Store
}

type options struct {
	judge gateway.Judge
	gate  gateway.Limits
	limit httpin.Limits
	web   web.Config
	// schema is that of the stream.
	schema *gateway.SchemaRef

	observer gateway.Observer
}

func newServer(t testing.TB, o options) *server {
	t.Helper()
	d, err := db.Open(context.Background(), db.Config{Path: filepath.Join(t.TempDir(), "store.db")})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, sink: &memSink{}, app: web.New(o.web)}
	if s.store, err = quarantine.NewStore(context.Background(), d); err != nil {
		t.Fatal(err)
	}
	requests, err := gateway.NewRequests(context.Background(), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	if o.judge == nil {
		o.judge = strictJSON{}
	}
	catalog := oneStream{gateway.Active{Stream: gateway.Stream{Name: "clicks", Version: 1, Schema: o.schema}, Judge: o.judge, Sink: s.sink}}
	if s.gate, err = gateway.New(gateway.Config{Catalog: catalog, Quarantine: s.store, Requests: requests, Limits: o.gate, Observer: o.observer}); err != nil {
		t.Fatal(err)
	}
	in, err := httpin.New(httpin.Config{Gateway: s.gate, Auth: tokens{}, Limits: o.limit})
	if err != nil {
		t.Fatal(err)
	}
	in.Register(s.app)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = ln.Addr().String()
	served := make(chan error, 1)
	go func() { served <- s.app.Listen(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.app.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		d.Close()
	})
	return s
}

// reply is an answer or a problem.
type reply struct {
	gateway.Answer
	Type   string `json:"type"`
	Detail string `json:"detail"`
	code   int
	header http.Header
	text   string
}

// post sends a body; headers are name, value, name, value …
func (s *server) post(path string, body io.Reader, headers ...string) reply {
	s.t.Helper()
	req, err := http.NewRequest("POST", "http://"+s.addr+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer good")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	r := reply{code: resp.StatusCode, header: resp.Header, text: string(b)}
	if err := json.Unmarshal(b, &r); err != nil {
		s.t.Fatalf("%d with %v: %.200s", r.code, err, b)
	}
	return r
}

const (
	clicks   = "/v1/streams/clicks/events"
	jsonType = "application/json"
	lineType = "application/x-ndjson"
)

// json sends text as application/json.
func (s *server) json(text string) reply {
	s.t.Helper()
	return s.post(clicks, strings.NewReader(text), "Content-Type", jsonType)
}

// held returns the payloads in the quarantine by id.
func (s *server) held() map[string]string {
	s.t.Helper()
	payloads := map[string]string{}
	for page := (quarantine.Page{Limit: 1000}); ; {
		list, err := s.store.List(context.Background(), quarantine.Filter{}, page)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, e := range list.Entries {
			b, err := s.store.Payload(context.Background(), e.ID)
			if err != nil {
				s.t.Fatal(err)
			}
			payloads[e.ID] = string(b)
		}
		if page.Cursor = list.Next; list.Next == "" {
			return payloads
		}
	}
}

func gzipped(texts ...string) string {
	var b bytes.Buffer
	for _, text := range texts {
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(text))
		_ = z.Close()
	}
	return b.String()
}

func zstded(text string, opts ...zstd.EOption) string {
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, opts...)
	if err != nil {
		panic(err)
	}
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.String()
}
