// Package metrics counts what the gateway does, for Prometheus.
//
// There is one struct and its methods; no global, no third-party type in what is
// exported. The rest of the code calls the methods, or is given them as hooks.
//
// # Conservation
//
// Received, Accepted, Quarantined, Rejected and Forwarded are to be counted when a
// request or a fetched batch is acknowledged, all at once, so that for every stream
//
//	lazaret_received_total = lazaret_forwarded_total + lazaret_quarantined_total + lazaret_rejected_total
//
// holds whenever nothing is between two of the calls. What could not be acknowledged,
// and so will come again, is in lazaret_unacknowledged_total alone.
//
// # Labels are bounded
//
// The caller names only streams that exist. Sources, codes and status classes are
// reduced to closed lists here; what is not on them is "other". Rule ids come from the
// rule sets. DropStream takes back what a deleted stream has left.
package metrics

import (
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lazaret/lazaret"
)

// Config says what the metrics are of.
type Config struct {
	// Version is the program's version, for lazaret_build_info.
	Version string
}

// Metrics are the metrics of one process. All methods are safe for concurrent use and
// cheap enough to be called for every event.
type Metrics struct {
	registry *prometheus.Registry
	defs     []definition
	watch    atomic.Pointer[Watch]
	codes    codeList

	received, bytes, accepted, quarantined, reasons, rejected   *prometheus.CounterVec
	forwarded, forwardedBytes, released, unacknowledged, warned *prometheus.CounterVec
	ruleSeconds, ruleRuns, sinkFailures                         *prometheus.CounterVec
	verdict, sinkWrite, storeCommit, httpRequest                *prometheus.HistogramVec
	sourceRetries, sourceRebalances                             *prometheus.CounterVec
	build, sourceLag, sourcePartitions                          *prometheus.GaugeVec
	scrapeErrors                                                *prometheus.CounterVec
}

// New makes the metrics with a registry of their own, which also has those of the Go
// runtime and of the process.
func New(cfg Config) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.declare()
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(newGauges(m))
	m.build.WithLabelValues(cfg.Version, runtime.Version()).Set(1)
	m.scrapeErrors.WithLabelValues()
	m.storeCommit.WithLabelValues()
	return m
}

// Handler answers with the metrics, at most four requests at a time, each within ten seconds.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: 4,
		Timeout:             10 * time.Second,
	})
}

// AddStream begins a stream's counters at zero, so that its first events are seen as an increase.
func (m *Metrics) AddStream(stream string) {
	for _, v := range m.perStream() {
		v.WithLabelValues(stream)
	}
	m.verdict.WithLabelValues(stream)
	m.sinkWrite.WithLabelValues(stream)
}

// perStream are the counters whose only label is the stream.
func (m *Metrics) perStream() []*prometheus.CounterVec {
	return []*prometheus.CounterVec{m.accepted, m.rejected, m.forwarded, m.forwardedBytes, m.released, m.unacknowledged, m.sinkFailures}
}

// DropStream takes back everything about a stream that was deleted.
func (m *Metrics) DropStream(stream string) {
	match := prometheus.Labels{"stream": stream}
	for _, v := range append(m.perStream(), m.received, m.bytes, m.quarantined, m.reasons, m.warned, m.ruleSeconds, m.ruleRuns, m.sourceRetries, m.sourceRebalances) {
		v.DeletePartialMatch(match)
	}
	m.sourceLag.DeletePartialMatch(match)
	m.sourcePartitions.DeletePartialMatch(match)
	m.verdict.DeletePartialMatch(match)
	m.sinkWrite.DeletePartialMatch(match)
}

// Received counts events, with their bytes, that came from a source (lazaret.Source.Kind)
// and were acknowledged.
func (m *Metrics) Received(stream, source string, events int, bytes int64) {
	if !slices.Contains(sources, source) {
		source = other
	}
	m.received.WithLabelValues(stream, source).Add(float64(events))
	m.bytes.WithLabelValues(stream, source).Add(float64(bytes))
}

// Accepted counts events whose verdict was accepted.
func (m *Metrics) Accepted(stream string, events int) {
	m.accepted.WithLabelValues(stream).Add(float64(events))
}

// Quarantined counts one event that has its entry in the quarantine: once under the code
// of its first reason, and each reason by itself.
func (m *Metrics) Quarantined(stream string, reasons []lazaret.Reason) {
	first := other
	if len(reasons) > 0 {
		first = m.codes.label(reasons[0].Code)
	}
	m.quarantined.WithLabelValues(stream, first).Inc()
	m.countReasons(stream, reasons)
}

// Rejected counts one event that was answered and not kept, and its reasons.
func (m *Metrics) Rejected(stream string, reasons []lazaret.Reason) {
	m.rejected.WithLabelValues(stream).Inc()
	m.countReasons(stream, reasons)
}

func (m *Metrics) countReasons(stream string, reasons []lazaret.Reason) {
	for _, r := range reasons {
		m.reasons.WithLabelValues(stream, m.codes.label(r.Code)).Inc()
	}
}

// Forwarded counts events, with their bytes as received, that are durable at the sink on
// their first way; released ones are not among them.
func (m *Metrics) Forwarded(stream string, events int, bytes int64) {
	m.forwarded.WithLabelValues(stream).Add(float64(events))
	m.forwardedBytes.WithLabelValues(stream).Add(float64(bytes))
}

// Released counts events that reprocessing has released from the quarantine.
func (m *Metrics) Released(stream string, events int) {
	m.released.WithLabelValues(stream).Add(float64(events))
}

// Unacknowledged counts events whose sender was told to send them again.
func (m *Metrics) Unacknowledged(stream string, events int) {
	m.unacknowledged.WithLabelValues(stream).Add(float64(events))
}

// Warned counts the warnings of one event that is good all the same.
func (m *Metrics) Warned(stream string, warnings []lazaret.Reason) {
	for _, w := range warnings {
		m.warned.WithLabelValues(stream, w.Rule).Inc()
	}
}

// Verdicts observes the verdicts on events that took so long together: each as their mean.
func (m *Metrics) Verdicts(stream string, events int, took time.Duration) {
	if events <= 0 {
		return
	}
	o, mean := m.verdict.WithLabelValues(stream), took.Seconds()/float64(events)
	for range events {
		o.Observe(mean)
	}
}

// Rule returns what adds one evaluation of a rule.
func (m *Metrics) Rule(stream, rule string) func(took time.Duration) {
	runs, seconds := m.ruleRuns.WithLabelValues(stream, rule), m.ruleSeconds.WithLabelValues(stream, rule)
	return func(took time.Duration) {
		runs.Inc()
		seconds.Add(took.Seconds())
	}
}

// SinkWrite observes one write to a stream's sink, and whether it failed.
func (m *Metrics) SinkWrite(stream string, took time.Duration, err error) {
	m.sinkWrite.WithLabelValues(stream).Observe(took.Seconds())
	if err != nil {
		m.sinkFailures.WithLabelValues(stream).Inc()
	}
}

// StoreCommit observes one commit of the store.
func (m *Metrics) StoreCommit(took time.Duration) {
	m.storeCommit.WithLabelValues().Observe(took.Seconds())
}

// HTTPRequest observes one request that was answered; api is "ingest" or "admin".
func (m *Metrics) HTTPRequest(api string, status int, took time.Duration) {
	if !slices.Contains(apis, api) {
		api = other
	}
	m.httpRequest.WithLabelValues(api, class(status)).Observe(took.Seconds())
}

// other stands for every label value that is not on its list.
const other = "other"

// The closed lists of label values.
var (
	sources = []string{"http", "kafka", "file"}
	apis    = []string{"ingest", "admin"}
	classes = []string{"1xx", "2xx", "3xx", "4xx", "5xx"}
)

func class(status int) string {
	if status < 100 || status > 599 {
		return other
	}
	return classes[status/100-1]
}

// prefixes are those that a code can have.
var prefixes = []string{"json.", "envelope.", "schema.", "rule.", "check."}

// plausible reports whether a code is of the form that all codes have.
func plausible(code string) bool {
	i := slices.IndexFunc(prefixes, func(p string) bool { return strings.HasPrefix(code, p) })
	if i < 0 || len(code) > 64 || len(code) == len(prefixes[i]) {
		return false
	}
	return !strings.ContainsFunc(code, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || r == '.' || r == '$')
	})
}
