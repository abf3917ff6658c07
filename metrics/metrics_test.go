package metrics

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/lazaret/lazaret"
)

var update = flag.Bool("update", false, "write docs/metrics.md")

func reasons(codes ...lazaret.Code) []lazaret.Reason {
	var out []lazaret.Reason
	for _, c := range codes {
		out = append(out, lazaret.Reason{Code: c, Rule: "amount"})
	}
	return out
}

// touched is Metrics of which every method was called once.
func touched() *Metrics {
	m := New(Config{Version: "1.2.3"})
	m.AddStream("clicks")
	m.Received("clicks", "http", 10, 7500)
	m.Accepted("clicks", 7)
	m.Forwarded("clicks", 7, 5000)
	m.Quarantined("clicks", reasons(lazaret.SchemaCode("required"), lazaret.CodeRuleFailed))
	m.Quarantined("clicks", reasons(lazaret.CodeSyntax))
	m.Rejected("clicks", reasons(lazaret.CodeSyntax))
	m.Released("clicks", 1)
	m.Unacknowledged("clicks", 4)
	m.Warned("clicks", reasons(lazaret.CodeRuleFailed))
	m.Verdicts("clicks", 1, 40*time.Microsecond)
	m.Rule("clicks", "amount")(time.Microsecond)
	m.SinkWrite("clicks", time.Millisecond, errors.New("down"))
	m.StoreCommit(time.Millisecond)
	m.Rebalanced("clicks", 4)
	m.Retried("clicks")
	m.Lag("clicks", "in", 3, 250)
	m.Lag("clicks", "in", 2, 1)
	m.Forget("clicks", "in", 2)
	m.HTTPRequest("ingest", 200, time.Millisecond)
	m.Watch(Watch{
		InFlightBytes: func() int64 { return 99 },
		QueueDepth:    func() map[string]int { return map[string]int{"store": 3} },
		Quarantine: func(context.Context) ([]QuarantineCount, error) {
			return []QuarantineCount{{"clicks", "quarantined", 2}, {"clicks", "odd", 1}, {"clicks", "odder", 1}}, nil
		},
		Proposals: func(context.Context) ([]ProposalCount, error) {
			return []ProposalCount{{"clicks", "draft", 2}, {"clicks", "accepting", 1}, {"clicks", "odd", 1}}, nil
		},
	})
	return m
}

// scrape asks the handler and parses the exposition format strictly.
func scrape(t *testing.T, m *Metrics) map[string]*dto.MetricFamily {
	t.Helper()
	res := httptest.NewRecorder()
	m.Handler().ServeHTTP(res, httptest.NewRequest("GET", "/metrics", nil))
	body, _ := io.ReadAll(res.Result().Body)
	if res.Code != 200 {
		t.Fatalf("status %d: %s", res.Code, body)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(body)))
	if err != nil {
		t.Fatalf("not the exposition format: %v", err)
	}
	return families
}

// value is the sum of a family's counters or gauges whose labels include these pairs.
func value(f *dto.MetricFamily, labels ...string) (sum float64) {
	for _, metric := range f.GetMetric() {
		match := true
		for i := 0; i < len(labels); i += 2 {
			match = match && slices.ContainsFunc(metric.GetLabel(), func(l *dto.LabelPair) bool {
				return l.GetName() == labels[i] && l.GetValue() == labels[i+1]
			})
		}
		if match {
			sum += metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// Every metric that is declared is exposed, with the declared type and labels, and no other.
func TestAllDeclaredMetricsAreExposed(t *testing.T) {
	m := touched()
	families := scrape(t, m)
	for _, d := range m.defs {
		f := families[d.name]
		if f == nil || len(f.Metric) == 0 {
			t.Errorf("%s is declared and not exposed", d.name)
			continue
		}
		if kind := strings.ToLower(f.GetType().String()); kind != d.kind {
			t.Errorf("%s is a %s, declared as %s", d.name, kind, d.kind)
		}
		if f.GetHelp() != d.help {
			t.Errorf("%s: help %q, declared %q", d.name, f.GetHelp(), d.help)
		}
		var got []string
		for _, l := range f.Metric[0].Label {
			got = append(got, l.GetName())
		}
		want := slices.Sorted(slices.Values(d.labels))
		if !slices.Equal(got, want) {
			t.Errorf("%s has labels %q, declared %q", d.name, got, want)
		}
		delete(families, d.name)
	}
	for name := range families {
		if strings.HasPrefix(name, "lazaret_") {
			t.Errorf("%s is exposed and not declared", name)
		}
	}
	if families["go_goroutines"] == nil {
		t.Error("the runtime's metrics are missing")
	}
}

func TestMetricsHoldWhatTheyWereTold(t *testing.T) {
	f := scrape(t, touched())
	for _, c := range []struct {
		name   string
		labels []string
		want   float64
	}{
		{"lazaret_received_total", []string{"stream", "clicks", "source", "http"}, 10},
		{"lazaret_received_bytes_total", []string{"stream", "clicks", "source", "http"}, 7500},
		{"lazaret_accepted_total", []string{"stream", "clicks"}, 7},
		{"lazaret_forwarded_total", []string{"stream", "clicks"}, 7},
		{"lazaret_forwarded_bytes_total", []string{"stream", "clicks"}, 5000},
		{"lazaret_quarantined_total", nil, 2},
		{"lazaret_quarantined_total", []string{"code", "schema.required"}, 1},
		{"lazaret_quarantined_total", []string{"code", "rule.failed"}, 0},
		{"lazaret_reasons_total", []string{"code", "rule.failed"}, 1},
		{"lazaret_reasons_total", []string{"code", "json.syntax"}, 2},
		{"lazaret_rejected_total", nil, 1},
		{"lazaret_released_total", nil, 1},
		{"lazaret_unacknowledged_total", nil, 4},
		{"lazaret_warnings_total", []string{"rule", "amount"}, 1},
		{"lazaret_verdict_seconds", nil, 1},
		{"lazaret_rule_evaluations_total", []string{"rule", "amount"}, 1},
		{"lazaret_rule_seconds_total", []string{"rule", "amount"}, 1e-6},
		{"lazaret_sink_write_seconds", nil, 1},
		{"lazaret_sink_failures_total", nil, 1},
		{"lazaret_store_commit_seconds", nil, 1},
		{"lazaret_http_request_seconds", []string{"api", "ingest", "class", "2xx"}, 1},
		{"lazaret_source_rebalances_total", nil, 1},
		{"lazaret_source_retries_total", []string{"stream", "clicks"}, 1},
		{"lazaret_source_partitions", nil, 4},
		{"lazaret_source_lag_records", []string{"topic", "in", "partition", "3"}, 250},
		{"lazaret_source_lag_records", nil, 250},
		{"lazaret_in_flight_bytes", nil, 99},
		{"lazaret_queue_depth", []string{"queue", "store"}, 3},
		{"lazaret_quarantine_entries", []string{"status", "quarantined"}, 2},
		{"lazaret_quarantine_entries", []string{"status", "other"}, 2},
		{"lazaret_schema_proposals", []string{"state", "draft"}, 2},
		{"lazaret_schema_proposals", []string{"state", "other"}, 2},
		{"lazaret_build_info", []string{"version", "1.2.3"}, 1},
		{"lazaret_scrape_errors_total", nil, 0},
	} {
		if got := value(f[c.name], c.labels...); got != c.want {
			t.Errorf("%s%q = %v, want %v", c.name, c.labels, got, c.want)
		}
	}
}

// Promise 1: received = forwarded + quarantined + rejected can be checked from the metrics
// alone, however many reasons an event has.
func TestConservationFromTheMetrics(t *testing.T) {
	m := New(Config{})
	var wg sync.WaitGroup
	const workers, rounds = 4, 200
	for range workers {
		wg.Go(func() {
			for range rounds {
				m.Received("clicks", "http", 4, 400)
				m.Forwarded("clicks", 1, 100)
				m.Quarantined("clicks", reasons(lazaret.CodeRuleFailed, lazaret.CodeSyntax, lazaret.SchemaCode("type")))
				m.Quarantined("clicks", nil) // cannot be, and still counts
				m.Rejected("clicks", reasons(lazaret.CodeDepth))
			}
		})
	}
	wg.Wait()
	f := scrape(t, m)
	received := value(f["lazaret_received_total"])
	others := value(f["lazaret_forwarded_total"]) + value(f["lazaret_quarantined_total"]) + value(f["lazaret_rejected_total"])
	if received != workers*rounds*4 || others != received {
		t.Errorf("received %v, forwarded + quarantined + rejected %v, want %d both", received, others, workers*rounds*4)
	}
}

// Labels are bounded, whatever an event's envelope makes codes of.
func TestLabelsAreBounded(t *testing.T) {
	m := New(Config{})
	m.Quarantined("clicks", reasons(lazaret.SchemaCode("required")))
	for i := range 10_000 {
		m.Quarantined("clicks", reasons(lazaret.EnvelopeCode(fmt.Sprint("x", i))))
		m.Received("clicks", fmt.Sprint("source", i), 1, 1)
		m.HTTPRequest(fmt.Sprint("api", i), i, 0)
	}
	for _, code := range []lazaret.Code{"", "x", "schema.", "secret value", "schema.a b", "rule.\n", "json.é", lazaret.SchemaCode(strings.Repeat("x", 80))} {
		if m := New(Config{}); m.codes.label(code) != other {
			t.Errorf("code %q became a label", code)
		}
	}
	f := scrape(t, m)
	for name, most := range map[string]int{
		"lazaret_quarantined_total": maxCodes + 1, "lazaret_reasons_total": maxCodes + 1,
		"lazaret_received_total": len(sources) + 1, "lazaret_http_request_seconds": len(classes) + 1,
	} {
		if n := len(f[name].GetMetric()); n > most {
			t.Errorf("%s has %d series, want at most %d", name, n, most)
		}
	}
	if got := value(f["lazaret_quarantined_total"]); got != 10_001 {
		t.Errorf("quarantined %v, want 10001: bounding labels must not lose events", got)
	}
	if got := value(f["lazaret_quarantined_total"], "code", "schema.required"); got != 1 {
		t.Errorf("schema.required: %v, want 1", got)
	}
}

func TestStreamsComeAndGo(t *testing.T) {
	m := touched()
	m.AddStream("orders")
	m.DropStream("clicks")
	f := scrape(t, m)
	for name, family := range f {
		if strings.HasPrefix(name, "lazaret_") && name != "lazaret_quarantine_entries" && name != "lazaret_schema_proposals" && strings.Contains(family.String(), `"clicks"`) {
			t.Errorf("%s still speaks of a stream that was dropped", name)
		}
	}
	if len(f["lazaret_forwarded_total"].GetMetric()) != 1 {
		t.Error("a new stream does not begin at zero")
	}
}

// Scrapes cost the store little: it is asked every five seconds at most, with a deadline,
// and a failure is counted and never shown as a figure.
func TestQuarantineCountIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(Config{})
		calls := 0
		var fail error
		m.Watch(Watch{Quarantine: func(ctx context.Context) ([]QuarantineCount, error) {
			calls++
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > countWithin {
				t.Errorf("no deadline within %s", countWithin)
			}
			return []QuarantineCount{{"clicks", "quarantined", int64(calls)}}, fail
		}})
		gather := func() (n float64, there bool) {
			families, err := m.registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range families {
				if f.GetName() == "lazaret_quarantine_entries" {
					return value(f), true
				}
			}
			return 0, false
		}
		for range 10 {
			gather()
		}
		if n, _ := gather(); calls != 1 || n != 1 {
			t.Errorf("%d calls, %v entries; want one call", calls, n)
		}
		time.Sleep(countEvery)
		fail = errors.New("store is down")
		if n, there := gather(); there || calls != 2 {
			t.Errorf("after a failure: %v entries (%v), %d calls", n, there, calls)
		}
		if got := testutil.ToFloat64(m.scrapeErrors); got != 1 {
			t.Errorf("scrape errors %v, want 1", got)
		}
	})
}

// Names and help follow Prometheus' own rules.
func TestNamesPassPromlint(t *testing.T) {
	m := touched()
	var names []string
	for _, d := range m.defs {
		names = append(names, d.name)
	}
	problems, err := testutil.GatherAndLint(m.registry, names...)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// docs/metrics.md is what the code declares; go test ./metrics -update writes it.
func TestDocumentation(t *testing.T) {
	const path = "../docs/metrics.md"
	want := document(New(Config{}).defs)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is out of date; run go test ./metrics -update", path)
	}
}

func document(defs []definition) string {
	var b strings.Builder
	b.WriteString(`<!-- Written by go test ./metrics -update. Do not edit. -->
# Metrics

` + "`GET /metrics`" + ` answers in Prometheus' text format. All durations are in seconds, all sizes in bytes.
Beside these there are the Go runtime's ` + "`go_*`" + ` and the process's ` + "`process_*`" + `.

The counts of events are made when the events are acknowledged. So for every stream, and between two
requests at any time,

    sum(lazaret_received_total) = sum(lazaret_forwarded_total) + sum(lazaret_quarantined_total) + sum(lazaret_rejected_total)

A restart begins all counters at zero; the stores hold the totals for good.

| metric | type | labels | what |
|---|---|---|---|
`)
	for _, d := range defs {
		labels := "none"
		if len(d.labels) > 0 {
			labels = "`" + strings.Join(d.labels, "` `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", d.name, d.kind, labels, d.help)
	}
	b.WriteString(`
| label | values |
|---|---|
| ` + "`stream`" + ` | the streams that exist; a deleted stream's series go with it |
| ` + "`source`" + ` | ` + list(append(slices.Clone(sources), other)) + ` |
| ` + "`code`" + ` | the reason codes; beyond ` + fmt.Sprint(maxCodes) + ` different ones, and for what has not the form of a code, ` + "`other`" + ` |
| ` + "`rule`" + ` | ids of the rule sets' rules |
| ` + "`api`" + ` | ` + list(append(slices.Clone(apis), other)) + ` |
| ` + "`class`" + ` | ` + list(append(slices.Clone(classes), other)) + ` |
| ` + "`queue`" + ` | the program's own queues |
| ` + "`status`" + ` | ` + list(append(slices.Clone(statuses), other)) + ` |
`)
	return b.String()
}

func list(values []string) string { return "`" + strings.Join(values, "` `") + "`" }
