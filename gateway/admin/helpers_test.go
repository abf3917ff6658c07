package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
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

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/gateway/replay"
	"github.com/lazaret/lazaret/gateway/sink"
	"github.com/lazaret/lazaret/internal/auth"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/db"
	"github.com/lazaret/lazaret/internal/evolution"
	"github.com/lazaret/lazaret/internal/impact"
	"github.com/lazaret/lazaret/internal/web"
	"github.com/lazaret/lazaret/quarantine"
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

// server is the admin API on a port, over a real store, real contracts and a file sink.
type server struct {
	t          *testing.T
	api        *API
	url        string
	db         *db.DB
	tokens     *auth.Store
	catalog    *catalog.Catalog
	quarantine *quarantine.Store
	evolution  *evolution.Engine // not started: tests have it look
	sinkDir    string
	log        *logBook
	token      string // sent with requests, if it is not empty

	mu         sync.Mutex
	storeError error
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

// audits are the audit lines so far.
func (l *logBook) audits() (lines []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.b.String()) {
		if strings.Contains(line, "msg=audit ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// past is a topic that is called clicks and has ten records.
type past struct{}

func (past) Plan(_ context.Context, s replay.Spec) ([]replay.Part, error) {
	if s.Topic != "clicks" {
		return nil, &replay.InputError{Field: "from_topic", Message: "there is no such topic"}
	}
	return []replay.Part{{End: 10}}, nil
}

func (past) Read(_, _ context.Context, t replay.Task) error {
	t.Part.Next = t.Part.End
	return t.Save(t.Part)
}

func newServer(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	s := &server{t: t, sinkDir: filepath.Join(dir, "sink"), log: &logBook{}}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	ctx := t.Context()
	var err error
	s.db, err = db.Open(ctx, db.Config{Path: filepath.Join(dir, "lazaret.db")})
	must(t, err)
	t.Cleanup(func() { s.db.Close() })
	s.tokens, err = auth.NewStore(ctx, s.db)
	must(t, err)
	s.quarantine, err = quarantine.NewStore(ctx, s.db)
	must(t, err)
	s.openCatalog(log)
	jobs, err := quarantine.New(quarantine.Config{Store: s.quarantine, Judge: s.judge, Log: log})
	must(t, err)
	must(t, jobs.Start(ctx))
	t.Cleanup(func() { jobs.Stop(context.Background()) })
	replays, err := replay.New(ctx, replay.Config{DB: s.db, Topics: past{}, Log: log})
	must(t, err)
	must(t, replays.Start(ctx))
	t.Cleanup(func() { replays.Stop(context.Background()) })
	guard, err := auth.NewGuard(ctx, s.tokens, nil, log)
	must(t, err)
	impacts, err := impact.New(impact.Config{Catalog: s.catalog, Quarantine: s.quarantine})
	must(t, err)
	s.evolution, err = evolution.New(ctx, evolution.Config{DB: s.db, Catalog: s.catalog, Quarantine: s.quarantine, Jobs: jobs, Log: log})
	must(t, err)
	s.api, err = New(Config{
		Impacts: impacts, Proposals: s.evolution,
		Catalog: s.catalog, Quarantine: s.quarantine, Jobs: jobs, Replays: replays, Auth: guard, Log: log, Version: "test", StorePath: s.db.Path(),
		BodyLimit: 64 << 10, StoreReady: func() error {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.storeError
		},
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			fmt.Fprintln(w, "lazaret_up 1")
		}),
	})
	must(t, err)
	s.listen()
	return s
}

func (s *server) openCatalog(log *slog.Logger) {
	registry, err := schemas.NewRegistry(s.t.Context(), s.db)
	must(s.t, err)
	sets, err := rules.NewStore(s.t.Context(), s.db)
	must(s.t, err)
	streams, err := gateway.NewStreamStore(s.t.Context(), s.db)
	must(s.t, err)
	s.catalog, err = catalog.New(s.t.Context(), catalog.Config{
		DB: s.db, Schemas: registry, Rules: sets, Streams: streams, Log: log,
		OpenSink: func(st gateway.Stream) (gateway.Sink, error) {
			return sink.NewFile(sink.FileConfig{Root: s.sinkDir, Spec: *st.Sink.File, Stream: st.Name, Log: log})
		},
		Quarantined: func(ctx context.Context, stream string) (n int64, err error) {
			counts, err := s.quarantine.Counts(ctx)
			for _, c := range counts {
				if c.Stream == stream && c.Status == quarantine.Quarantined {
					n += c.Entries
				}
			}
			return n, err
		},
	})
	must(s.t, err)
	s.t.Cleanup(func() { s.catalog.Close(context.Background()) })
}

func (s *server) judge(stream string) (quarantine.Judge, quarantine.Sink, bool) {
	active, ok := s.catalog.Active(stream)
	if !ok {
		return nil, nil, false
	}
	return active.Judge, active.Sink, true
}

// restart serves the same on a new port, as a process does that starts with the tokens
// that there are now.
func (s *server) restart() {
	s.t.Helper()
	conf := s.api.conf
	var err error
	conf.Auth, err = auth.NewGuard(s.t.Context(), s.tokens, nil, conf.Log)
	must(s.t, err)
	s.api, err = New(conf)
	must(s.t, err)
	s.listen()
}

func (s *server) listen() {
	app := web.New(web.Config{Log: s.api.log})
	s.api.Register(app)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(s.t, err)
	s.url = "http://" + ln.Addr().String()
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

// answer is a whole HTTP answer.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request; headers are name, value, name, value …
func (s *server) do(method, path, body string, headers ...string) answer {
	a, err := s.try(method, path, body, headers...)
	must(s.t, err)
	return a
}

func (s *server) try(method, path, body string, headers ...string) (answer, error) {
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(b)}, err
}

// want does a request that must give the status, and decodes the answer.
func (s *server) want(status int, method, path, body string, headers ...string) map[string]any {
	s.t.Helper()
	a := s.do(method, path, body, headers...)
	if a.status != status {
		s.t.Fatalf("%s %s: %d, want %d: %s", method, path, a.status, status, a.body)
	}
	var v map[string]any
	if a.body != "" {
		must(s.t, json.Unmarshal([]byte(a.body), &v))
	}
	return v
}

const bundle = `{"resources":[
 {"kind":"Stream","name":"orders","schema":{"subject":"order"},"id":"/id","sink":{"file":{"dir":"orders"}}},
 {"kind":"Schema","subject":"order","schema":{"type":"object","required":["id"]}},
 {"kind":"RuleSet","stream":"orders","rules":[{"id":"limit","expr":"event.amount < 400","message":"too much"}]}]}`

// fill applies the bundle and quarantines events as the gateway does.
func (s *server) fill(events ...string) {
	s.t.Helper()
	s.want(200, "POST", "/admin/v1/apply", bundle)
	s.refuse(events...)
}

// refuse quarantines events as the gateway does.
func (s *server) refuse(events ...string) {
	s.t.Helper()
	active, _ := s.catalog.Active("orders")
	var records []lazaret.Record
	for i, data := range events {
		e := &lazaret.Event{Data: []byte(data), ContentType: "application/json", Received: time.Now().UTC(), Source: lazaret.Source{Kind: "http", Name: "192.0.2.1", Offset: int64(i)}}
		v, err := active.Judge.Judge(s.t.Context(), e)
		must(s.t, err)
		if v.Status != lazaret.Quarantined {
			s.t.Fatalf("%s is %s", data, v.Status)
		}
		records = append(records, lazaret.Record{Stream: "orders", Event: e, Verdict: v, QuarantineID: fmt.Sprintf("entry-%d", i)})
	}
	must(s.t, s.quarantine.Add(s.t.Context(), records))
}

// dump is every row of every table, but for the tokens.
func (s *server) dump() string {
	s.t.Helper()
	var tables []string
	rows, err := s.db.Query(s.t.Context(), `SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`)
	must(s.t, err)
	for rows.Next() {
		var name string
		must(s.t, rows.Scan(&name))
		tables = append(tables, name)
	}
	must(s.t, rows.Close())
	var b strings.Builder
	for _, table := range tables {
		s.dumpTable(&b, table)
	}
	return b.String()
}

func (s *server) dumpTable(b *strings.Builder, table string) {
	rows, err := s.db.Query(s.t.Context(), "SELECT * FROM "+table)
	must(s.t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	must(s.t, err)
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		must(s.t, rows.Scan(values...))
		b.WriteString(table)
		for _, v := range values {
			fmt.Fprintf(b, " %v", *v.(*any))
		}
		b.WriteByte('\n')
	}
	must(s.t, rows.Err())
}
