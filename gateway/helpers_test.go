package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/db"
	"github.com/lazaret/lazaret/quarantine"
)

// judgeFunc is a judge in a function.
type judgeFunc func(ctx context.Context, e *lazaret.Event) (lazaret.Verdict, error)

func (f judgeFunc) Judge(ctx context.Context, e *lazaret.Event) (lazaret.Verdict, error) {
	return f(ctx, e)
}

var errJudge = errors.New("the judge has no schema")

// byWord judges by words in the event: bad, warn, fail (an error of ours), panic, and
// id, which gives the event that id.
func byWord(version int) judgeFunc {
	return func(_ context.Context, e *lazaret.Event) (lazaret.Verdict, error) {
		v := lazaret.Verdict{Status: lazaret.Accepted, Version: lazaret.Version{Stream: version}}
		has := func(word string) bool { return bytes.Contains(e.Data, []byte(word)) }
		switch {
		case has("panic"):
			panic("a value out of the payload")
		case has("fail"):
			return lazaret.Verdict{}, errJudge
		case has("bad"):
			v.Status = lazaret.Quarantined
			v.Reasons = []lazaret.Reason{{Code: lazaret.CodeSyntax, Message: "bad"}}
		}
		if has("warn") {
			v.Warnings = []lazaret.Reason{{Code: lazaret.CodeRuleFailed, Rule: "w", Message: "warn"}}
		}
		if has(`"id"`) {
			v.ID = "own"
		}
		return v, nil
	}
}

// memSink is a sink whose memory outlives the gateway. It honours Batch.ID.
type memSink struct {
	mu      sync.Mutex
	seen    map[string]bool
	records []lazaret.Record
	fault   func(point string) error // may be nil
	ready   error
}

func (s *memSink) at(point string) error {
	if s.fault == nil {
		return nil
	}
	return s.fault(point)
}

func (s *memSink) Write(_ context.Context, b lazaret.Batch) error {
	if err := s.at("sink before"); err != nil {
		return err
	}
	s.mu.Lock()
	if b.ID == "" || !s.seen[b.ID] {
		s.records = append(s.records, b.Records...)
		if s.seen == nil {
			s.seen = map[string]bool{}
		}
		s.seen[b.ID] = true
	}
	s.mu.Unlock()
	return s.at("sink after")
}

func (s *memSink) Forget(id string) {
	if s.at("forget") != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.seen, id)
}

func (s *memSink) Ready() error                { return s.ready }
func (s *memSink) Close(context.Context) error { return nil }

func (s *memSink) all() []lazaret.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]lazaret.Record(nil), s.records...)
}

// mapCatalog is a catalog of one stream.
type mapCatalog struct {
	mu       sync.Mutex
	versions map[int]*gateway.Active
	active   int
}

func newCatalog(sink gateway.Sink, judges ...gateway.Judge) *mapCatalog {
	c := &mapCatalog{versions: map[int]*gateway.Active{}, active: 1}
	for i, j := range judges {
		c.versions[i+1] = &gateway.Active{Stream: gateway.Stream{Name: "clicks", Version: i + 1}, Judge: j, Sink: sink}
	}
	return c
}

func (c *mapCatalog) activate(version int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active = version
}

func (c *mapCatalog) Active(stream string) (*gateway.Active, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.versions[c.active]
	return a, ok && stream == "clicks"
}

func (c *mapCatalog) At(_ context.Context, _ string, version int) (*gateway.Active, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a, ok := c.versions[version]; ok {
		return a, nil
	}
	return nil, gateway.ErrNotFound
}

// counter adds up what the gateway says became of events.
type counter struct {
	gateway.NoObserver
	mu    sync.Mutex
	total gateway.Counts
	calls int
}

func (c *counter) Ingested(_ string, n gateway.Counts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	c.total.Received += n.Received
	c.total.Forwarded += n.Forwarded
	c.total.Quarantined += n.Quarantined
	c.total.Rejected += n.Rejected
	c.total.Bytes += n.Bytes
}

// openDB opens a real store in a directory of the test.
func openDB(t testing.TB, conf db.Config) *db.DB {
	t.Helper()
	conf.Path = filepath.Join(t.TempDir(), "store.db")
	d, err := db.Open(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// faultQuarantine is the real quarantine with a fault before or after it adds.
type faultQuarantine struct {
	gateway.Quarantine
	fault func(point string) error
}

func (q faultQuarantine) Add(ctx context.Context, records []lazaret.Record) error {
	if err := q.fault("quarantine before"); err != nil {
		return err
	}
	if err := q.Quarantine.Add(ctx, records); err != nil {
		return err
	}
	return q.fault("quarantine after")
}

func newQuarantine(t testing.TB, d *db.DB) *quarantine.Store {
	t.Helper()
	q, err := quarantine.NewStore(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func newRequests(t testing.TB, d *db.DB, now func() time.Time) *gateway.Requests {
	t.Helper()
	r, err := gateway.NewRequests(context.Background(), d, now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newGateway(t testing.TB, conf gateway.Config) *gateway.Gateway {
	t.Helper()
	g, err := gateway.New(conf)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// events makes an event of each text.
func events(texts ...string) []*lazaret.Event {
	list := make([]*lazaret.Event, len(texts))
	for i, s := range texts {
		list[i] = &lazaret.Event{Data: []byte(s), ContentType: "application/json", Received: time.Unix(1, 0).UTC(),
			Source: lazaret.Source{Kind: "http", Name: "192.0.2.1", Offset: int64(i)}}
	}
	return list
}

// kept returns the payloads in the quarantine by their entries' ids.
func kept(t testing.TB, q *quarantine.Store) map[string]string {
	t.Helper()
	payloads := map[string]string{}
	for page := (quarantine.Page{Limit: 1000}); ; {
		list, err := q.List(context.Background(), quarantine.Filter{}, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list.Entries {
			b, err := q.Payload(context.Background(), e.ID)
			if err != nil {
				t.Fatal(err)
			}
			payloads[e.ID] = string(b)
		}
		if page.Cursor = list.Next; list.Next == "" {
			return payloads
		}
	}
}

func wantKind(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error %v, want %v", err, kind)
	}
}

func texts(n int, bad func(i int) bool) []string {
	list := make([]string, n)
	for i := range list {
		word := "good"
		if bad(i) {
			word = "bad"
		}
		list[i] = fmt.Sprintf(`{"n":%d,"is":%q}`, i, word)
	}
	return list
}
