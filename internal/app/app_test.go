package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lazaret/lazaret/gateway/sink"
	"github.com/lazaret/lazaret/internal/app"
	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/config"
)

// testConfig is a server on a free port of loopback that keeps all it has in a
// directory of the test's.
func testConfig(t testing.TB) app.Config {
	t.Helper()
	dir := t.TempDir()
	cfg := config.Default()
	cfg.Listen.HTTP = "127.0.0.1:0"
	cfg.Store.Path = filepath.Join(dir, "lazaret.db")
	cfg.Sinks.File.Root = filepath.Join(dir, "sink")
	return app.Config{Config: cfg, Version: "test", Log: slog.New(slog.DiscardHandler), Stdout: &bytes.Buffer{}}
}

func startApp(t testing.TB, cfg app.Config) (*app.App, *client.Client) {
	t.Helper()
	a, err := app.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{Server: a.URL(), Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return a, c
}

// Stop is safe before Start, and twice; nothing is left running.
func TestStopAnyTime(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(),
		// It sleeps for at most ten seconds before it sees that it was stopped.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
	for _, start := range []bool{false, true} {
		a, err := app.New(t.Context(), testConfig(t))
		if err != nil {
			t.Fatal(err)
		}
		if start {
			if err := a.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := a.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		}
	}
}

// A New that fails lets go of what it took: the same store opens afterwards.
func TestNewUndoesWhatItDid(t *testing.T) {
	cfg := testConfig(t)
	bad := cfg
	bad.Listen.HTTP = "192.0.2.1:1" // an address of nobody's (RFC 5737), and no loopback
	if _, err := app.New(t.Context(), bad); !errors.Is(err, app.ErrConfig) || !strings.Contains(err.Error(), "token") {
		t.Fatalf("got %v, want a refusal that says how to make a token", err)
	}
	startApp(t, cfg)
}

// Two servers cannot share a store.
func TestOneServerAStore(t *testing.T) {
	cfg := testConfig(t)
	startApp(t, cfg)
	if _, err := app.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Fatalf("got %v", err)
	}
}

// A corrupt store is refused with what to do, and left as it is.
func TestCorruptStore(t *testing.T) {
	cfg := testConfig(t)
	rubbish := bytes.Repeat([]byte("no database "), 1000)
	if err := os.WriteFile(cfg.Store.Path, rubbish, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := app.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "Nothing was changed") {
		t.Fatalf("got %v", err)
	}
	if after, err := os.ReadFile(cfg.Store.Path); err != nil || !bytes.Equal(after, rubbish) {
		t.Error("the corrupt file was changed")
	}
}

// The health endpoints say what is so, and /metrics has the events of one request.
func TestHealthAndMetrics(t *testing.T) {
	_, c := startApp(t, testConfig(t))
	applyClickstream(t, c)
	if _, err := c.Ingest(t.Context(), client.Post{Stream: "clickstream", Body: []byte(`{"a":1}`)}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/livez":   "",
		"/readyz":  "",
		"/metrics": `lazaret_quarantined_total{code="schema.required",stream="clickstream"} 1`,
	} {
		var body []byte
		if _, err := c.Do(t.Context(), client.Call{Method: http.MethodGet, Path: path}, &body); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if !strings.Contains(string(body), want) {
			t.Errorf("%s has no %s:\n%s", path, want, body)
		}
	}
}

// Promise 2 and 4 over the whole way: a body that is not JSON is kept to the byte.
func TestNotJSONIsKeptToTheByte(t *testing.T) {
	_, c := startApp(t, testConfig(t))
	applyClickstream(t, c)
	for _, body := range []string{"{\"a\":", "\xff\xfe\x00", "\x00", `{"a":1}}`, "[1,2", `"\ud800"`, strings.Repeat("[", 10_000), "1" + strings.Repeat("0", 900_000)} {
		a, err := c.Ingest(t.Context(), client.Post{Stream: "clickstream", Body: []byte(body), Type: "application/json"})
		if err != nil {
			t.Fatal(err)
		}
		if a.Quarantined != 1 || len(a.Results) != 1 || !strings.HasPrefix(string(a.Results[0].Reasons[0].Code), "json.") {
			t.Fatalf("%.20q: %+v", body, a)
		}
		kept, err := c.Payload(t.Context(), a.Results[0].QuarantineID)
		if err != nil || string(kept) != body {
			t.Errorf("%.20q: kept %.20q, %v", body, kept, err)
		}
	}
}

// With a listener of its own the admin API is not on the ingest listener, and health is on both.
func TestAdminListener(t *testing.T) {
	cfg := testConfig(t)
	cfg.Config.Listen.Admin = "127.0.0.1:0"
	_, c := startApp(t, cfg)
	if _, err := c.Do(t.Context(), client.Call{Method: http.MethodGet, Path: "/readyz"}, nil); err != nil {
		t.Error(err)
	}
	var p *client.Problem
	if _, _, err := c.Get(t.Context(), "streams", "", nil); !errors.As(err, &p) || p.Status != http.StatusNotFound {
		t.Errorf("the admin API on the ingest listener: %v", err)
	}
	if _, err := c.Do(t.Context(), client.Call{Method: http.MethodGet, Path: "/registry/subjects"}, nil); !errors.As(err, &p) || p.Status != http.StatusNotFound {
		t.Errorf("the registry on the ingest listener: %v", err)
	}
}

// An event without an id of its own keeps the one that its sender was told, through the
// quarantine and however often it is judged again, to the sink.
func TestGivenIDStays(t *testing.T) {
	cfg := testConfig(t)
	_, c := startApp(t, cfg)
	apply := func(limit int) {
		t.Helper()
		rule := map[string]any{"id": "small", "expr": "event.n < " + strconv.Itoa(limit)}
		resources := []any{
			map[string]any{"kind": "RuleSet", "stream": "s", "rules": []any{rule}},
			map[string]any{"kind": "Stream", "name": "s", "sink": map[string]any{"file": map[string]any{"dir": "s"}}},
		}
		if _, err := c.Apply(t.Context(), resources, false); err != nil {
			t.Fatal(err)
		}
	}
	apply(10)
	a, err := c.Ingest(t.Context(), client.Post{Stream: "s", Body: []byte(`{"n":50}`)})
	if err != nil || a.Quarantined != 1 {
		t.Fatalf("%+v, %v", a, err)
	}
	for _, limit := range []int{20, 100} {
		apply(limit)
		job, err := c.Reprocess(t.Context(), client.Filter{Stream: "s"}, false, 0)
		if err != nil {
			t.Fatal(err)
		}
		if job, err = c.WaitJob(t.Context(), job.ID, 5*time.Millisecond, nil); err != nil || job.State != "done" {
			t.Fatalf("%+v, %v", job, err)
		}
	}
	var ids []string
	err = sink.ReadAll(filepath.Join(cfg.Sinks.File.Root, "s"), func(line []byte) error {
		var r struct{ ID string }
		err := json.Unmarshal(line, &r)
		ids = append(ids, r.ID)
		return err
	})
	if err != nil || len(ids) != 1 || ids[0] != a.Results[0].ID {
		t.Errorf("the sink has the ids %v, the sender was told %s; %v", ids, a.Results[0].ID, err)
	}
}
