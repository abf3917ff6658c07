package impact_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/gateway/recent"
	"github.com/lazaret/lazaret/gateway/sink"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/db"
	"github.com/lazaret/lazaret/internal/impact"
	"github.com/lazaret/lazaret/quarantine"
	"github.com/lazaret/lazaret/rules"
	"github.com/lazaret/lazaret/schemas"
)

// world is all that impacts are measured with.
type world struct {
	t       *testing.T
	catalog *catalog.Catalog
	entries *quarantine.Store
	samples *recent.Samples
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx := context.Background()
	store, err := db.Open(ctx, db.Config{Path: filepath.Join(t.TempDir(), "db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	registry, err1 := schemas.NewRegistry(ctx, store)
	sets, err2 := rules.NewStore(ctx, store)
	streams, err3 := gateway.NewStreamStore(ctx, store)
	entries, err4 := quarantine.NewStore(ctx, store)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	all, err := catalog.New(ctx, catalog.Config{DB: store, Schemas: registry, Rules: sets, Streams: streams,
		OpenSink: func(s gateway.Stream) (gateway.Sink, error) {
			return sink.NewFile(sink.FileConfig{Root: dir, Spec: *s.Sink.File, Stream: s.Name})
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = all.Close(ctx) })
	w := &world{t: t, catalog: all, entries: entries, samples: recent.New(nil)}
	w.samples.Start()
	t.Cleanup(func() { _ = w.samples.Stop(ctx) })
	return w
}

func (w *world) apply(manifest string) {
	w.t.Helper()
	resources, err := catalog.ParseManifests("test", []byte(manifest), nil)
	var changes []catalog.Change
	for _, r := range resources {
		changes = append(changes, catalog.Change{Resource: r})
	}
	if err == nil {
		_, err = w.catalog.Apply(w.t.Context(), changes, catalog.Options{})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.samples.Follow(w.catalog.JudgedBy("s"))
}

// send judges an event some times over: what is good is sampled, what is not is quarantined.
func (w *world) send(stream string, n int, e lazaret.Event) {
	w.t.Helper()
	active, _ := w.catalog.Active(stream)
	var records []lazaret.Record
	for i := range n {
		one := e
		one.ContentType, one.Received = "application/json", time.Now()
		v, err := active.Judge.Judge(w.t.Context(), &one)
		if err != nil {
			w.t.Fatal(err)
		}
		r := lazaret.Record{Stream: stream, Event: &one, Verdict: v}
		if v.Status == lazaret.Quarantined {
			r.QuarantineID = fmt.Sprint(stream, i)
			if err := w.entries.Add(w.t.Context(), []lazaret.Record{r}); err != nil {
				w.t.Fatal(err)
			}
		}
		records = append(records, r)
	}
	w.samples.Accepted(&active.Stream, records)
}

func (w *world) measure(within time.Duration, schema string) impact.Report {
	w.t.Helper()
	m, err := impact.New(impact.Config{Catalog: w.catalog, Quarantine: w.entries, Recent: w.samples, Within: within})
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := m.Measure(w.t.Context(), impact.Query{Subject: "s", Document: []byte(schema), Recent: 100_000, Entries: 100_000})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

const (
	plain     = `{"type":"object","properties":{"kind":{"type":"string"},"n":{"type":"number"},"extra":{"type":"string"}}}`
	ifKind    = `{"type":"object","properties":{"kind":{"type":"string"},"n":{"type":"number"}},"if":{"properties":{"kind":{"const":"a"}}},"then":true,"else":{"required":["extra"]}}`
	whole     = `{"type":"object","properties":{"n":{"type":"integer"}}}`
	asksMore  = `{"type":"object","required":["zzz"]}`
	asksLess  = `{"type":"object"}`
	noLonger  = `{"type":"object","properties":{"kind":{"type":"integer"}}}`
	redacting = `{kind: Stream, name: s, schema: {subject: s}, sink: {file: {dir: s}}, recent: {redact: [/kind, /n]}`
)

// A count on a redacted sample is what it would be on the events as they were, or it is said
// that it cannot be told.
func TestRedactedSamples(t *testing.T) {
	for name, c := range map[string]struct {
		schema, stream, rules, next     string
		passing, wouldRefuse, cannotSay int
	}{
		"the same":                           {schema: plain, next: plain, passing: 9},
		"a condition comes":                  {schema: plain, next: ifKind, cannotSay: 9},
		"a condition was there":              {schema: ifKind, next: asksMore, passing: 9, wouldRefuse: 9},
		"a condition stays":                  {schema: ifKind, next: ifKind, cannotSay: 9},
		"a number becomes whole":             {schema: plain, next: whole, cannotSay: 9},
		"a whole number becomes any":         {schema: `{"properties":{"n":{"maximum":99}}}`, next: `{"properties":{"n":{"type":"number","maximum":99}}}`, passing: 9},
		"another type":                       {schema: plain, next: noLonger, passing: 9, wouldRefuse: 9},
		"rules that read it, schema refuses": {schema: plain, rules: `when: 'event.kind != "a"', expr: event.n > 100`, next: asksMore, passing: 9, wouldRefuse: 9},
		"rules that read it, schema takes":   {schema: plain, rules: `when: 'event.kind != "a"', expr: event.n > 100`, next: asksLess, passing: 9},
		"names in a header":                  {schema: plain, stream: `, schema: {subject: s, named_by: [{header: v}]}`, next: asksMore, cannotSay: 9},
		"names in a field":                   {schema: plain, stream: `, schema: {subject: s, named_by: [{field: /v}]}`, next: asksMore, passing: 9, wouldRefuse: 9},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			stream := redacting
			if c.stream != "" {
				stream = strings.Replace(stream, ", schema: {subject: s}", c.stream, 1)
			}
			manifest := "---\n{kind: Schema, subject: s, schema: " + c.schema + "}\n---\n" + stream + "}\n"
			if c.rules != "" {
				manifest += "---\n{kind: RuleSet, stream: s, rules: [{id: r, message: m, " + c.rules + "}]}\n"
			}
			w.apply(manifest)
			w.send("s", 9, lazaret.Event{Data: []byte(`{"kind":"a","n":12.5}`)})
			r := w.measure(0, c.next).Streams[0].Recent
			if r.LookedAt != 9 || r.Passing != c.passing || r.WouldRefuse != c.wouldRefuse || r.CannotSay != c.cannotSay {
				t.Errorf("%+v", r)
			}
			if (len(r.Reasons) > 0) != (c.wouldRefuse > 0) {
				t.Errorf("%+v", r.Reasons)
			}
		})
	}
}

// Of what was accepted by an earlier version only that counts which no hidden value changes,
// in the schema and in the rules.
func TestRedactedSampleOfAnEarlierVersion(t *testing.T) {
	for name, c := range map[string]struct {
		schema, rules, next             string
		passing, wouldRefuse, cannotSay int
	}{
		"structure":            {schema: plain, next: asksMore, passing: 9, wouldRefuse: 9},
		"refused today":        {schema: asksMore, next: asksMore},
		"a condition":          {schema: ifKind, next: asksMore, cannotSay: 9},
		"a rule that reads it": {schema: plain, rules: "expr: event.n > 100", next: plain, cannotSay: 9},
		"a rule that does not": {schema: plain, rules: `expr: event.open == "b"`, next: plain},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.apply("---\n{kind: Schema, subject: s, schema: {}}\n---\n" + redacting + "}\n")
			w.send("s", 9, lazaret.Event{Data: []byte(`{"kind":"a","n":12.5,"open":"a"}`)})
			if err := w.catalog.SetCompatibility(t.Context(), "s", schemas.LevelNone); err != nil {
				t.Fatal(err)
			}
			manifest := "---\n{kind: Schema, subject: s, schema: " + c.schema + "}\n"
			if c.rules != "" {
				manifest += "---\n{kind: RuleSet, stream: s, rules: [{id: r, message: m, " + c.rules + "}]}\n"
			}
			w.apply(manifest)
			r := w.measure(0, c.next).Streams[0].Recent
			if r.LookedAt != 9 || r.Passing != c.passing || r.WouldRefuse != c.wouldRefuse || r.CannotSay != c.cannotSay {
				t.Errorf("%+v", r)
			}
		})
	}
}

// What the version that accepted an event asks of its hidden values holds for them for good, and
// what is refused in any case is said also where nobody can tell whether it passes today.
func TestRedactedSampleAfterAChange(t *testing.T) {
	const (
		mail    = `{"properties":{"kind":{"type":"string","format":"email"},"open":{"enum":["a","b"]},"more":{}}}`
		again   = `{"properties":{"kind":{"type":"string","format":"email"},"open":{"enum":["a","b"]}}}`
		shorter = `{"properties":{"kind":{"type":"string","format":"email","maxLength":99},"open":{"enum":["a","b"]}}}`
		narrow  = `{"properties":{"kind":{"type":"string","format":"email"},"open":{"enum":["b"]}}}`
		number  = `{"properties":{"kind":{"type":"number"}}}`
	)
	for name, c := range map[string]struct {
		schema, next                                 string
		passing, wouldRefuse, cannotSay, now, anyway int
		says                                         string
	}{
		"the same is asked":    {schema: again, next: narrow, passing: 9, wouldRefuse: 9},
		"and nothing comes":    {schema: again, next: again, passing: 9},
		"more is asked today":  {schema: shorter, next: narrow, cannotSay: 9, now: 9, anyway: 9, says: "9 of those of which it cannot be said came before the version that judges today, and whether they pass it depends on what is redacted; they leave the sample as new events come; the new version would refuse 9 of them in any case"},
		"more is asked then":   {schema: again, next: shorter, cannotSay: 9, says: "of 9 that pass today the new version asks something of a redacted value"},
		"nothing can be said":  {schema: shorter, next: shorter, cannotSay: 9, now: 9, says: "9 of those"},
		"another type is next": {schema: again, next: number, passing: 9, wouldRefuse: 9},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.apply("---\n{kind: Schema, subject: s, compatibility: NONE, schema: " + mail + "}\n---\n" + redacting + ", id: /kind}\n")
			w.send("s", 9, lazaret.Event{Data: []byte(`{"kind":"ana@shop.example","open":"a"}`), Key: []byte("k"), Source: lazaret.Source{Kind: "kafka", Name: "t", Offset: 7}})
			w.apply("---\n{kind: Schema, subject: s, schema: " + c.schema + "}\n")
			report := w.measure(0, c.next)
			r := report.Streams[0].Recent
			if r.LookedAt != 9 || r.Passing != c.passing || r.WouldRefuse != c.wouldRefuse || r.CannotSay != c.cannotSay || r.CannotSayNow != c.now || r.CannotSayRefused != c.anyway {
				t.Errorf("%+v", r)
			}
			if (r.Untried != "") != (c.passing+c.anyway == 0) || !strings.Contains(strings.Join(report.Summary, "\n"), c.says) {
				t.Errorf("%q, %q", r.Untried, report.Summary)
			}
			for _, reason := range r.Reasons {
				if reason.Events != 9 || reason.Examples[0].EventID != "" || reason.Examples[0].Key != "" || reason.Examples[0].Source != "kafka:t/0@7" {
					t.Errorf("%+v", reason)
				}
			}
		})
	}
}

// A sample that tells nothing is said to be one, whatever the counts are.
func TestUntried(t *testing.T) {
	w := newWorld(t)
	w.apply("---\n{kind: Schema, subject: s, compatibility: NONE, schema: " + plain + "}\n---\n{kind: Stream, name: s, schema: {subject: s}, sink: {file: {dir: s}}, recent: {}}\n---\n{kind: Stream, name: s2, schema: {subject: s}, sink: {file: {dir: s2}}}\n")
	r := w.measure(0, asksMore)
	if one := r.Streams[0].Recent; !strings.HasPrefix(one.Untried, "the sample is empty: it is in memory alone, begun ") || one.Since.IsZero() || !strings.Contains(r.Summary[0], one.Untried) {
		t.Errorf("%+v, %q", one, r.Summary)
	}
	if one := r.Streams[1].Recent; !strings.Contains(one.Untried, "keeps no sample") {
		t.Errorf("%+v", one)
	}
	w.send("s", 3, lazaret.Event{Data: []byte(`{"kind":"a"}`), Key: []byte("k")})
	if one := w.measure(0, asksMore).Streams[0].Recent; one.Untried != "" || one.Reasons[0].Examples[0].Key != "k" {
		t.Errorf("%+v", one)
	}
	w.apply("---\n{kind: Schema, subject: s, schema: " + asksMore + "}\n")
	if one := w.measure(0, asksMore).Streams[0].Recent; one.Untried != "no event of the sample passes today" {
		t.Errorf("%+v", one)
	}
	w.send("s2", 2, lazaret.Event{Data: []byte(`{"kind":7}`)})
	w.apply("---\n{kind: Schema, subject: s, schema: {}}\n")
	if r := w.measure(0, plain); !strings.Contains(strings.Join(r.Summary, "\n"), "would release 0 of 2 entries; 2 of them pass as things are, and only have to be reprocessed") {
		t.Errorf("%q", r.Summary)
	}
}

// A measuring whose time is up answers with what it had looked at, says so, and looks at
// each stream for its share of the time.
func TestTimeIsUp(t *testing.T) {
	w := newWorld(t)
	manifest := "---\n{kind: Schema, subject: s, schema: " + plain + "}\n"
	for _, name := range []string{"s", "s2", "s3"} {
		manifest += "---\n{kind: Stream, name: " + name + ", schema: {subject: s}, sink: {file: {dir: " + name + "}}, recent: {keep: 50000}}\n"
	}
	w.apply(manifest)
	event := map[string]any{"list": strings.Split(strings.Repeat("x ", 2000), " ")}
	data, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"s", "s2", "s3"} {
		w.send(name, 2000, lazaret.Event{Data: data})
		w.send(name, 5, lazaret.Event{Data: []byte(`{"kind":7}`)})
	}
	for _, within := range []time.Duration{1, 300 * time.Millisecond} {
		r := w.measure(within, asksMore)
		if within == 1 && !r.Cut || len(r.Streams) != 3 || r.Cut != strings.Contains(strings.Join(r.Summary, "\n"), "time was up") {
			t.Errorf("in %s: %+v", within, r)
		}
		for _, s := range r.Streams {
			if s.Quarantine.Entries != 5 || s.Recent.LookedAt == 2000 && s.Recent.Cut || s.Recent.Reasons == nil || s.Quarantine.Reasons == nil {
				t.Errorf("in %s: %+v", within, s)
			}
		}
	}
	if r := w.measure(0, asksMore); r.Cut || r.Streams[2].Recent.WouldRefuse != 2000 || r.Streams[2].Quarantine.LookedAt != 5 {
		t.Errorf("%+v", r)
	}
	asked, cancel := context.WithCancel(t.Context())
	cancel()
	m, _ := impact.New(impact.Config{Catalog: w.catalog, Quarantine: w.entries, Recent: w.samples})
	if _, err := m.Measure(asked, impact.Query{Subject: "s", Document: []byte(plain)}); !errors.Is(err, context.Canceled) {
		t.Errorf("one that nobody waits for: %v", err)
	}
}
