package app

import (
	"context"
	"strings"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/metrics"
	"github.com/lazaret/lazaret/quarantine"
)

// observer tells the metrics what the gateway does.
type observer struct{ m *metrics.Metrics }

func (o observer) Ingested(stream string, n gateway.Counts) {
	o.m.Received(stream, n.Source, n.Received, n.Bytes)
	o.m.Accepted(stream, n.Forwarded)
	o.m.Forwarded(stream, n.Forwarded, n.ForwardedBytes)
	for _, reasons := range n.QuarantinedFor {
		o.m.Quarantined(stream, reasons)
	}
	for _, reasons := range n.RejectedFor {
		o.m.Rejected(stream, reasons)
	}
	for _, warnings := range n.Warned {
		o.m.Warned(stream, warnings)
	}
}

func (o observer) Judged(stream string, events int, took time.Duration) {
	o.m.Verdicts(stream, events, took)
}

// Wrote counts what the sink refused; how long it took is measured at the sink.
func (o observer) Wrote(stream string, events int, _ time.Duration, err error) {
	if err != nil {
		o.m.Unacknowledged(stream, events)
	}
}

func (o observer) Stored(stream string, events int, _ time.Duration, err error) {
	if err != nil {
		o.m.Unacknowledged(stream, events)
	}
}

// InFlight is read when the metrics are asked for.
func (o observer) InFlight(int64) {}

// watch says where the gauges come from.
func (a *App) watch(store *quarantine.Store) metrics.Watch {
	return metrics.Watch{
		InFlightBytes: a.gateway.InFlight,
		QueueDepth: func() map[string]int {
			return map[string]int{"store": a.db.Queued()}
		},
		Quarantine: func(ctx context.Context) ([]metrics.QuarantineCount, error) {
			counts, err := store.Counts(ctx)
			list := make([]metrics.QuarantineCount, len(counts))
			for i, c := range counts {
				list[i] = metrics.QuarantineCount{Stream: c.Stream, Status: string(c.Status), Entries: c.Entries}
			}
			return list, err
		},
		Proposals: func(ctx context.Context) ([]metrics.ProposalCount, error) {
			counts, err := a.evolution.Counts(ctx)
			list := make([]metrics.ProposalCount, len(counts))
			for i, c := range counts {
				list[i] = metrics.ProposalCount{Stream: c.Stream, State: string(c.State), Proposals: c.Proposals}
			}
			return list, err
		},
	}
}

// requested observes a request by the API that its route belongs to.
func (a *App) requested(_, route string, status int, took time.Duration) {
	api := "admin"
	if strings.HasPrefix(route, "/v1/") {
		api = "ingest"
	}
	a.metrics.HTTPRequest(api, status, took)
}
