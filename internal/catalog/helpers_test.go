package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/db"
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

// fixture is a catalog over a real store, with sinks that keep account.
type fixture struct {
	*Catalog
	t     *testing.T
	db    *db.DB
	conf  Config
	sinks *sinkBook
	// fail makes the next commits of the store fail, while it is not nil.
	fail func() error
	mu   sync.Mutex
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	return openFixture(t, filepath.Join(t.TempDir(), "lazaret.db"))
}

func openFixture(t *testing.T, path string) *fixture {
	t.Helper()
	f := &fixture{t: t, sinks: &sinkBook{}}
	var err error
	f.db, err = db.Open(t.Context(), db.Config{Path: path, BeforeCommit: func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.fail != nil {
			return f.fail()
		}
		return nil
	}})
	must(t, err)
	t.Cleanup(func() { f.db.Close() })
	f.conf = Config{DB: f.db, OpenSink: f.sinks.open}
	f.conf.Schemas, err = schemas.NewRegistry(t.Context(), f.db)
	must(t, err)
	f.conf.Rules, err = rules.NewStore(t.Context(), f.db)
	must(t, err)
	f.conf.Streams, err = gateway.NewStreamStore(t.Context(), f.db)
	must(t, err)
	f.reload()
	return f
}

// reload makes the catalog anew out of the store, as a restart does.
func (f *fixture) reload() {
	f.t.Helper()
	if f.Catalog != nil {
		must(f.t, f.Close(f.t.Context()))
	}
	c, err := New(f.t.Context(), f.conf)
	must(f.t, err)
	f.Catalog = c
	f.t.Cleanup(func() { c.Close(context.Background()) })
}

func (f *fixture) setFail(fail func() error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

// change parses manifests and applies them.
func (f *fixture) change(opts Options, manifest string) ([]Result, error) {
	f.t.Helper()
	list, err := ParseManifests("m.yaml", []byte(manifest), nil)
	must(f.t, err)
	changes := make([]Change, len(list))
	for i, r := range list {
		changes[i].Resource = r
	}
	return f.Apply(f.t.Context(), changes, opts)
}

func (f *fixture) apply(manifest string) []Result {
	f.t.Helper()
	results, err := f.change(Options{}, manifest)
	must(f.t, err)
	return results
}

// noLevel lets new versions of schemas be what they are.
func (f *fixture) noLevel() {
	f.t.Helper()
	must(f.t, f.SetCompatibility(f.t.Context(), "", schemas.LevelNone))
}

// remove deletes one resource.
func (f *fixture) remove(kind Kind, name string, force bool) error {
	_, err := f.Apply(f.t.Context(), []Change{{Resource: Resource{Kind: kind, Name: name}, Delete: true, Force: force}}, Options{})
	return err
}

// judge returns the codes of the verdict on an event, and the version that gave it.
func (f *fixture) judge(stream, event string) (string, lazaret.Version) {
	f.t.Helper()
	active, ok := f.Active(stream)
	if !ok {
		f.t.Fatalf("there is no stream %s", stream)
	}
	return verdict(f.t, active, event)
}

func verdict(t *testing.T, active *gateway.Active, event string) (string, lazaret.Version) {
	t.Helper()
	v, err := active.Judge.Judge(t.Context(), &lazaret.Event{Data: []byte(event), ContentType: "application/json"})
	must(t, err)
	codes := make([]string, len(v.Reasons))
	for i, r := range v.Reasons {
		codes[i] = string(r.Code)
	}
	return strings.Join(codes, " "), v.Version
}

// dump is everything that the store holds of the catalog, and what is active.
func (f *fixture) dump() string {
	f.t.Helper()
	var b strings.Builder
	for _, table := range []string{"streams", "stream_versions", "schema_subjects", "schema_versions", "schema_ids", "schema_settings", "rule_sets", "rule_set_heads"} {
		rows, err := f.db.Query(f.t.Context(), "SELECT * FROM "+table+" ORDER BY 1, 2")
		must(f.t, err)
		dumpRows(f.t, &b, table, rows)
	}
	active := f.now.Load().streams
	for _, name := range slices.Sorted(maps.Keys(active)) {
		fmt.Fprintf(&b, "active %s %p\n", name, active[name])
	}
	return b.String()
}

func dumpRows(t *testing.T, b *strings.Builder, table string, rows *sql.Rows) {
	defer rows.Close()
	columns, err := rows.Columns()
	must(t, err)
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		must(t, rows.Scan(values...))
		fmt.Fprint(b, table)
		for _, v := range values {
			fmt.Fprintf(b, " %v", *v.(*any))
		}
		fmt.Fprintln(b)
	}
	must(t, rows.Err())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// faultsOf are the faults of a refusal.
func faultsOf(t *testing.T, err error) []Fault {
	t.Helper()
	var r *Refused
	if !errors.As(err, &r) || len(r.Faults) == 0 {
		t.Fatalf("not refused: %v", err)
	}
	return r.Faults
}

// sinkBook opens sinks in memory and keeps account of them.
type sinkBook struct {
	mu     sync.Mutex
	all    []*memorySink
	refuse error
	// hold, where it is set, is waited for by each write.
	hold chan struct{}
	// writing is told of each write that has begun.
	writing chan *memorySink
}

type memorySink struct {
	book    *sinkBook
	stream  gateway.Stream
	batches []string
	open    bool
}

func (b *sinkBook) open(s gateway.Stream) (gateway.Sink, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil {
		return nil, b.refuse
	}
	for _, other := range b.all {
		if other.open && s.Sink.File != nil && other.stream.Sink.File != nil && other.stream.Sink.File.Dir == s.Sink.File.Dir {
			return nil, fmt.Errorf("two sinks in %s", s.Sink.File.Dir)
		}
	}
	m := &memorySink{book: b, stream: s, open: true}
	b.all = append(b.all, m)
	return m, nil
}

// opened lists the directories of the sinks that are open.
func (b *sinkBook) opened() (dirs []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.all {
		if m.open {
			dirs = append(dirs, fmt.Sprintf("%s/%d", m.stream.Sink.File.Dir, m.stream.Sink.File.MaxBytes))
		}
	}
	return dirs
}

func (b *sinkBook) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.all)
}

func (m *memorySink) Write(_ context.Context, batch lazaret.Batch) error {
	m.book.mu.Lock()
	hold, writing := m.book.hold, m.book.writing
	m.book.mu.Unlock()
	if writing != nil {
		writing <- m
	}
	if hold != nil {
		<-hold
	}
	m.book.mu.Lock()
	defer m.book.mu.Unlock()
	if !m.open {
		return errors.New("written to after Close")
	}
	m.batches = append(m.batches, batch.ID)
	return nil
}

func (m *memorySink) Forget(string) {}
func (m *memorySink) Ready() error  { return nil }

func (m *memorySink) Close(context.Context) error {
	m.book.mu.Lock()
	defer m.book.mu.Unlock()
	if !m.open {
		return errors.New("closed twice")
	}
	m.open = false
	return nil
}
