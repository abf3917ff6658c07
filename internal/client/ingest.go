package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/lazaret/lazaret"
)

// NDJSON is the media type of events separated by line feeds.
const NDJSON = "application/x-ndjson"

// Answer is what ingest says of one request.
type Answer struct {
	Received    int      `json:"received"`
	Accepted    int      `json:"accepted"`
	Quarantined int      `json:"quarantined"`
	Rejected    int      `json:"rejected"`
	Results     []Result `json:"results"`
}

// Result is what became of one event of a request.
type Result struct {
	Index        int              `json:"index"`
	ID           string           `json:"id"`
	Status       lazaret.Status   `json:"status"`
	QuarantineID string           `json:"quarantine_id,omitempty"`
	Reasons      []lazaret.Reason `json:"reasons,omitempty"`
	Warnings     []lazaret.Reason `json:"warnings,omitempty"`
}

// Post is one ingest request.
type Post struct {
	Stream         string
	Body           []byte
	Type           string // media type; "" is application/json
	Encoding       string // Content-Encoding of Body; "" for none
	IdempotencyKey string // makes the request safe to repeat; "" for none
	RejectInvalid  bool
	Atomic         bool
	All            bool // a result for every event
	Header         http.Header
}

// Ingest posts events. With an idempotency key it repeats the request after an
// unclear failure; without one only when the server says that it took nothing.
func (c *Client) Ingest(ctx context.Context, p Post) (Answer, error) {
	q := url.Values{}
	if p.RejectInvalid {
		q.Set("invalid", "reject")
	}
	if p.Atomic {
		q.Set("atomic", "true")
	}
	if p.All {
		q.Set("results", "all")
	}
	h := http.Header{}
	for k, v := range p.Header {
		h[k] = v
	}
	if p.Encoding != "" {
		h.Set("Content-Encoding", p.Encoding)
	}
	if p.IdempotencyKey != "" {
		h.Set("Idempotency-Key", p.IdempotencyKey)
	}
	var a Answer
	_, err := c.Do(ctx, Call{
		Method: http.MethodPost,
		Path:   "/v1" + Join("streams", p.Stream, "events"),
		Query:  q, Header: h, Body: p.Body, Type: p.Type,
		Again: p.IdempotencyKey != "",
	}, &a)
	return a, err
}
