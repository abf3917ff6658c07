package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/gateway/sink"
	"github.com/lazaret/lazaret/internal/auth"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/db"
	"github.com/lazaret/lazaret/internal/web"
	"github.com/lazaret/lazaret/rules"
	"github.com/lazaret/lazaret/schemas"
)

// TestMain lets the test binary be the child process of a schema's trial.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == schemas.TrialCommand {
		os.Exit(schemas.RunTrial(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

// server is the API over a real store and a real listener.
type server struct {
	t       *testing.T
	url     string // of the API, with /registry
	catalog *catalog.Catalog
	log     *logBook
	auth    string // the Authorization header of requests
}

// logBook is a log that tests read.
type logBook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newServer serves the API; with tokens, each of which has a scope, or openly without any.
func newServer(t *testing.T, scopes ...auth.Scope) (s *server, tokens []string) {
	t.Helper()
	dir := t.TempDir()
	s = &server{t: t, log: &logBook{}}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	store, err := db.Open(t.Context(), db.Config{Path: filepath.Join(dir, "lazaret.db")})
	must(t, err)
	t.Cleanup(func() { store.Close() })
	conf := catalog.Config{DB: store, Log: log, OpenSink: func(st gateway.Stream) (gateway.Sink, error) {
		return sink.NewFile(sink.FileConfig{Root: dir, Spec: *st.Sink.File, Stream: st.Name, Log: log})
	}}
	conf.Schemas, err = schemas.NewRegistry(t.Context(), store)
	must(t, err)
	conf.Rules, err = rules.NewStore(t.Context(), store)
	must(t, err)
	conf.Streams, err = gateway.NewStreamStore(t.Context(), store)
	must(t, err)
	s.catalog, err = catalog.New(t.Context(), conf)
	must(t, err)
	t.Cleanup(func() { s.catalog.Close(context.Background()) })
	book, err := auth.NewStore(t.Context(), store)
	must(t, err)
	for _, scope := range scopes {
		token, _, err := book.Create(t.Context(), string(scope), []auth.Scope{scope}, nil, time.Time{})
		must(t, err)
		tokens = append(tokens, token)
	}
	guard, err := auth.NewGuard(t.Context(), book, nil, log)
	must(t, err)
	api, err := New(Config{Catalog: s.catalog, Auth: guard, BodyLimit: 256 << 10, Version: "test", Log: log})
	must(t, err)
	s.listen(api, log)
	return s, tokens
}

func (s *server) listen(api *API, log *slog.Logger) {
	app := web.New(web.Config{Log: log})
	api.Register(app)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(s.t, err)
	s.url = "http://" + ln.Addr().String() + base
	done := make(chan error, 1)
	go func() { done <- app.Listen(ln) }()
	s.t.Cleanup(func() {
		app.Shutdown(context.Background())
		<-done
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// do sends a request; headers are name, value, name, value …
func (s *server) do(method, path, body string, headers ...string) (status int, header http.Header, answer string) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	must(s.t, err)
	if s.auth != "" {
		req.Header.Set("Authorization", s.auth)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	must(s.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(s.t, err)
	return resp.StatusCode, resp.Header, string(b)
}

// want sends a request that must be answered so: JSON, or an error code alone.
func (s *server) want(method, path, body, want string) {
	s.t.Helper()
	status, _, got := s.do(method, path, body)
	if len(want) < 6 && strings.Trim(want, "0123456789") == "" && status != 200 {
		var f struct {
			Code    int    `json:"error_code"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal([]byte(got), &f); err != nil || want != jsonOf(f.Code) || f.Message == "" || want[:3] != jsonOf(status) {
			s.t.Errorf("%s %s: %d %s; want the code %s", method, path, status, got, want)
		}
		return
	}
	if status != 200 || got != want {
		s.t.Errorf("%s %s: %d %s; want %s", method, path, status, got, want)
	}
}

func jsonOf(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// schema is the body that registers a document.
func schema(document string, references ...schemas.Reference) string {
	return jsonOf(map[string]any{"schemaType": "JSON", "schema": document, "references": references})
}
