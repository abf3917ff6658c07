package metrics

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lazaret/lazaret"
)

// Watch says where the gauges come from, which are read when the metrics are asked for.
// Functions that are nil leave their gauge out.
type Watch struct {
	// InFlightBytes are the bytes of events that were received and not answered yet.
	InFlightBytes func() int64
	// QueueDepth is how many writes wait, by queue; the names are the program's own, such
	// as "store" and "sink".
	QueueDepth func() map[string]int
	// Quarantine counts the entries by stream and status, in a time that does not grow with
	// them. It must end when its context does. It is asked every five seconds at most.
	Quarantine func(context.Context) ([]QuarantineCount, error)
	// Proposals counts the proposals of new schema versions, under the same conditions.
	Proposals func(context.Context) ([]ProposalCount, error)
}

// ProposalCount is how many proposals of new schema versions a stream has in a state.
type ProposalCount struct {
	Stream string
	// State is "draft", "accepted", "rejected", "superseded" or "rolled_back".
	State     string
	Proposals int64
}

// QuarantineCount is how many entries a stream has in a status.
type QuarantineCount struct {
	Stream string
	// Status is "quarantined", "released" or "discarded".
	Status  string
	Entries int64
}

// Watch sets where the gauges come from, in place of what was set before.
func (m *Metrics) Watch(w Watch) { m.watch.Store(&w) }

const (
	countEvery  = 5 * time.Second
	countWithin = 2 * time.Second
)

// gauges is the collector of what Watch names.
type gauges struct {
	m                                           *Metrics
	inFlight, queueDepth, quarantined, proposed *prometheus.Desc

	mu     sync.Mutex // guards what follows, and lets one count at a time run
	source *Watch     // whose counts these are
	counts []QuarantineCount
	drafts map[ProposalCount]int64 // by stream and state
	at     time.Time
}

func newGauges(m *Metrics) *gauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(m.define(name, "gauge", help, labels...), help, labels, nil)
	}
	return &gauges{
		m:           m,
		inFlight:    desc("in_flight_bytes", "Bytes of events that were received and not answered yet."),
		queueDepth:  desc("queue_depth", "Writes that wait for the store or for a sink.", "queue"),
		quarantined: desc("quarantine_entries", "Entries in the quarantine, at most five seconds old.", "stream", "status"),
		proposed:    desc("schema_proposals", "Proposals of new schema versions, at most five seconds old.", "stream", "state"),
	}
}

// Describe is prometheus.Collector's.
func (g *gauges) Describe(out chan<- *prometheus.Desc) {
	out <- g.inFlight
	out <- g.queueDepth
	out <- g.quarantined
	out <- g.proposed
}

// Collect is prometheus.Collector's.
func (g *gauges) Collect(out chan<- prometheus.Metric) {
	w := g.m.watch.Load()
	if w == nil {
		return
	}
	if w.InFlightBytes != nil {
		out <- prometheus.MustNewConstMetric(g.inFlight, prometheus.GaugeValue, float64(w.InFlightBytes()))
	}
	if w.QueueDepth != nil {
		for queue, n := range w.QueueDepth() {
			out <- prometheus.MustNewConstMetric(g.queueDepth, prometheus.GaugeValue, float64(n), queue)
		}
	}
	counts, drafts := g.count(w)
	for _, c := range counts {
		out <- prometheus.MustNewConstMetric(g.quarantined, prometheus.GaugeValue, float64(c.Entries), c.Stream, c.Status)
	}
	for c, n := range drafts {
		out <- prometheus.MustNewConstMetric(g.proposed, prometheus.GaugeValue, float64(n), c.Stream, c.State)
	}
}

// statuses are those that an entry can have.
var statuses = []string{string(lazaret.Quarantined), "released", "discarded"}

// states are those that a proposal can have; one that is on its way to another is other.
var states = []string{"draft", "accepted", "rejected", "superseded", "rolled_back"}

// count returns the entries and the proposals, summed where a label is not on its list. What
// cannot be counted is left out: no figure is better than an old one that looks new.
func (g *gauges) count(w *Watch) ([]QuarantineCount, map[ProposalCount]int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.source == w && time.Since(g.at) < countEvery {
		return g.counts, g.drafts
	}
	ctx, cancel := context.WithTimeout(context.Background(), countWithin)
	defer cancel()
	g.counts, g.drafts = nil, nil
	if w.Quarantine != nil {
		counts, err := w.Quarantine(ctx)
		if g.failed(err) {
			counts = nil
		}
		g.counts = merge(counts)
	}
	if w.Proposals != nil {
		list, err := w.Proposals(ctx)
		if !g.failed(err) {
			g.drafts = sum(list)
		}
	}
	g.source, g.at = w, time.Now()
	return g.counts, g.drafts
}

func (g *gauges) failed(err error) bool {
	if err != nil {
		g.m.scrapeErrors.WithLabelValues().Inc()
	}
	return err != nil
}

func sum(list []ProposalCount) map[ProposalCount]int64 {
	out := map[ProposalCount]int64{}
	for _, c := range list {
		if !slices.Contains(states, c.State) {
			c.State = other
		}
		out[ProposalCount{Stream: c.Stream, State: c.State}] += c.Proposals
	}
	return out
}

// merge adds up counts of the same labels, which must not be reported twice.
func merge(counts []QuarantineCount) []QuarantineCount {
	at := map[[2]string]int{}
	var out []QuarantineCount
	for _, c := range counts {
		if !slices.Contains(statuses, c.Status) {
			c.Status = other
		}
		key := [2]string{c.Stream, c.Status}
		if i, ok := at[key]; ok {
			out[i].Entries += c.Entries
			continue
		}
		at[key] = len(out)
		out = append(out, c)
	}
	return out
}
