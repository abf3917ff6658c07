package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lazaret/lazaret"
)

// definition is what docs/metrics.md says of a metric.
type definition struct {
	name, kind string
	labels     []string
	help       string
}

// declare makes and registers every metric but those that are read when they are asked
// for, which newGauges declares.
func (m *Metrics) declare() {
	m.received = m.counter("received_total", "Events received and acknowledged, whatever became of them.", "stream", "source")
	m.bytes = m.counter("received_bytes_total", "Bytes of the events in lazaret_received_total, decompressed.", "stream", "source")
	m.accepted = m.counter("accepted_total", "Acknowledged events whose verdict was accepted.", "stream")
	m.quarantined = m.counter("quarantined_total", "Acknowledged events that have an entry in the quarantine. An event counts once, under the code of its first reason.", "stream", "code")
	m.rejected = m.counter("rejected_total", "Events that were answered as bad and not kept, as their sender had asked.", "stream")
	m.reasons = m.counter("reasons_total", "Reasons of quarantined and rejected events. An event counts once for each reason that its verdict lists.", "stream", "code")
	m.forwarded = m.counter("forwarded_total", "Acknowledged events that are durable at the stream's sink; released ones are not among them.", "stream")
	m.forwardedBytes = m.counter("forwarded_bytes_total", "Bytes, as received, of the events in lazaret_forwarded_total.", "stream")
	m.released = m.counter("released_total", "Events released from the quarantine to the stream's sink by reprocessing.", "stream")
	m.unacknowledged = m.counter("unacknowledged_total", "Events whose sender was told to send them again, because a sink, the store or a limit did not allow to take them. They are in no other count.", "stream")
	m.warned = m.counter("warnings_total", "Failures of rules whose severity is warn.", "stream", "rule")
	m.ruleRuns = m.counter("rule_evaluations_total", "Evaluations of a rule.", "stream", "rule")
	m.ruleSeconds = m.counter("rule_seconds_total", "Time spent in evaluations of a rule.", "stream", "rule")
	m.sinkFailures = m.counter("sink_failures_total", "Writes to the stream's sink that failed.", "stream")
	m.sourceRetries = m.counter("source_retries_total", "Times that a source had to try again to fetch, to take a batch, or to commit.", "stream")
	m.sourceRebalances = m.counter("source_rebalances_total", "Times that a source was given partitions by its consumer group.", "stream")
	m.sourcePartitions = m.gauge("source_partitions", "Partitions that a source of the stream reads in this process.", "stream")
	m.sourceLag = m.gauge("source_lag_records", "Records of a partition that are there and are not acknowledged, at most some seconds ago.", "stream", "topic", "partition")
	m.scrapeErrors = m.counter("scrape_errors_total", "Times that what is in the store could not be counted for lazaret_quarantine_entries or lazaret_schema_proposals.")

	m.verdict = m.histogram("verdict_seconds", "Time for one event's verdict.",
		[]float64{10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 50e-3, 0.25, 1}, "stream")
	slow := []float64{0.5e-3, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}
	m.sinkWrite = m.histogram("sink_write_seconds", "Time until a write to the stream's sink was durable or had failed.", slow, "stream")
	m.storeCommit = m.histogram("store_commit_seconds", "Time of one commit of the store, which serves all writes that came meanwhile.", slow)
	m.httpRequest = m.histogram("http_request_seconds", "Time from an HTTP request's arrival to its answer.", slow, "api", "class")

	m.build = m.gauge("build_info", "Always 1; the labels say which build this is.", "version", "goversion")
}

// define notes a metric for the documentation and returns its full name.
func (m *Metrics) define(name, kind, help string, labels ...string) string {
	m.defs = append(m.defs, definition{"lazaret_" + name, kind, labels, help})
	return "lazaret_" + name
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	full := m.define(name, "counter", help, labels...)
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: full, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	full := m.define(name, "gauge", help, labels...)
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: full, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	full := m.define(name, "histogram", help, labels...)
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: full, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(v)
	return v
}

// maxCodes bounds the different codes that become labels. There are about 60 codes; the
// bound is for those that are made from names in an event's envelope.
const maxCodes = 128

// codeList lets codes through as labels: those that have the form of a code, up to a number.
type codeList struct {
	mu   sync.RWMutex
	seen map[lazaret.Code]string
}

func (l *codeList) label(c lazaret.Code) string {
	l.mu.RLock()
	name, ok := l.seen[c]
	full := len(l.seen) >= maxCodes
	l.mu.RUnlock()
	switch {
	case ok:
		return name
	case full || !plausible(string(c)):
		return other
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil {
		l.seen = map[lazaret.Code]string{}
	}
	if len(l.seen) >= maxCodes {
		return other
	}
	l.seen[c] = string(c)
	return string(c)
}
