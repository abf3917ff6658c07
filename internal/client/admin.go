package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/lazaret/lazaret"
)

const admin = "/admin/v1"

// Outcome is what a write did, or in a dry run would do, to one resource.
type Outcome struct {
	Kind    string   `json:"kind"`
	Name    string   `json:"name"`
	Action  string   `json:"action"`
	Version int      `json:"version,omitempty"`
	DryRun  bool     `json:"dry_run"`
	Notices []string `json:"notices,omitempty"`
	// Of a schema: the id of its document, what it is to the earlier versions, and whether
	// it was put although it is not compatible.
	ID         int          `json:"id,omitempty"`
	Comparison *SchemaCheck `json:"comparison,omitempty"`
	Forced     bool         `json:"forced,omitempty"`
}

// Applied is the answer to Apply.
type Applied struct {
	DryRun  bool      `json:"dry_run"`
	Results []Outcome `json:"results"`
}

// Apply sends resources, which must encode as JSON, to be taken all or not at all.
func (c *Client) Apply(ctx context.Context, resources any, dryRun bool) (Applied, error) {
	return c.apply(ctx, resources, dry(dryRun))
}

// ApplyForced is Apply, which also takes schemas that are not compatible.
func (c *Client) ApplyForced(ctx context.Context, resources any, dryRun bool) (Applied, error) {
	q := dry(dryRun)
	q.Set("force", "true")
	return c.apply(ctx, resources, q)
}

func (c *Client) apply(ctx context.Context, resources any, q url.Values) (Applied, error) {
	var out Applied
	body, err := json.Marshal(map[string]any{"resources": resources})
	if err != nil {
		return out, err
	}
	_, err = c.Do(ctx, Call{Method: http.MethodPost, Path: admin + "/apply", Query: q, Body: body, Again: true}, &out)
	return out, err
}

// Get reads a resource, or the list of a kind when name is "". kind is streams, schemas
// or rules; the answer is JSON as the server gave it.
func (c *Client) Get(ctx context.Context, kind, name string, q url.Values) (json.RawMessage, http.Header, error) {
	path := admin + "/" + kind
	if name != "" {
		path += Join(name)
	}
	var out json.RawMessage
	h, err := c.Do(ctx, Call{Method: http.MethodGet, Path: path, Query: q, Again: true}, &out)
	return out, h, err
}

// Put replaces a resource. ifMatch, where it is not empty, makes the write conditional.
func (c *Client) Put(ctx context.Context, kind, name string, body []byte, ifMatch string, dryRun bool) (Outcome, error) {
	var out Outcome
	h := http.Header{}
	if ifMatch != "" {
		h.Set("If-Match", ifMatch)
	}
	_, err := c.Do(ctx, Call{Method: http.MethodPut, Path: admin + "/" + kind + Join(name), Query: dry(dryRun), Header: h, Body: body, Again: ifMatch == ""}, &out)
	return out, err
}

// Delete deletes a resource; force deletes it although something would be orphaned.
func (c *Client) Delete(ctx context.Context, kind, name string, dryRun, force bool) (Outcome, error) {
	var out Outcome
	q := dry(dryRun)
	if force {
		q.Set("force", "true")
	}
	_, err := c.Do(ctx, Call{Method: http.MethodDelete, Path: admin + "/" + kind + Join(name), Query: q}, &out)
	return out, err
}

func dry(run bool) url.Values {
	q := url.Values{}
	if run {
		q.Set("dry_run", "true")
	}
	return q
}

// Filter selects entries, as docs/admin-api.md says.
type Filter struct {
	Stream        string    `json:"stream,omitempty"`
	Group         string    `json:"group,omitempty"`
	Code          string    `json:"code,omitempty"`
	Rule          string    `json:"rule,omitempty"`
	Status        string    `json:"status,omitempty"`
	Since         time.Time `json:"since,omitzero"`
	Until         time.Time `json:"until,omitzero"`
	IDs           []string  `json:"ids,omitempty"`
	Source        string    `json:"source,omitempty"`
	SchemaVersion int       `json:"schema_version,omitempty"`
}

// Values is the filter as query parameters.
func (f Filter) Values() url.Values {
	q := url.Values{}
	set := func(k, v string) {
		if v != "" {
			q.Set(k, v)
		}
	}
	set("stream", f.Stream)
	set("group", f.Group)
	set("code", f.Code)
	set("rule", f.Rule)
	set("status", f.Status)
	set("source", f.Source)
	if !f.Since.IsZero() {
		q.Set("since", f.Since.UTC().Format(time.RFC3339Nano))
	}
	if !f.Until.IsZero() {
		q.Set("until", f.Until.UTC().Format(time.RFC3339Nano))
	}
	if f.SchemaVersion > 0 {
		q.Set("schema_version", strconv.Itoa(f.SchemaVersion))
	}
	if len(f.IDs) > 0 {
		q["id"] = f.IDs
	}
	return q
}

// Entry is one event in the quarantine, without its payload.
type Entry struct {
	ID          string           `json:"id"`
	Stream      string           `json:"stream"`
	Status      string           `json:"status"`
	Group       string           `json:"group"`
	Received    time.Time        `json:"received"`
	EventID     string           `json:"event_id,omitempty"`
	EventKey    string           `json:"event_key,omitempty"`
	EventTime   time.Time        `json:"event_time,omitzero"`
	ContentType string           `json:"content_type"`
	Headers     []lazaret.Header `json:"headers,omitempty"`
	Source      lazaret.Source   `json:"source"`
	RecordKey   []byte           `json:"record_key,omitempty"`
	RecordTime  time.Time        `json:"record_time,omitzero"`
	Version     lazaret.Version  `json:"version"`
	Reasons     []lazaret.Reason `json:"reasons"`
	More        int              `json:"more,omitempty"`
	Warnings    []lazaret.Reason `json:"warnings,omitempty"`
	Size        int64            `json:"size"`
	Attempts    int              `json:"attempts"`
	ReleasedAt  time.Time        `json:"released_at,omitzero"`
	DiscardedAt time.Time        `json:"discarded_at,omitzero"`
	Job         string           `json:"job,omitempty"`
}

// Group is a set of entries that fail alike.
type Group struct {
	Group     string    `json:"group"`
	Stream    string    `json:"stream"`
	Count     int64     `json:"count"`
	Released  int64     `json:"released"`
	Discarded int64     `json:"discarded"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	Codes     []string  `json:"codes"`
	Rules     []string  `json:"rules"`
	Paths     []string  `json:"paths"`
	Message   string    `json:"message"`
	Sample    string    `json:"sample"`
}

// Entries reads one page of entries, newest first; next is "" on the last page.
func (c *Client) Entries(ctx context.Context, f Filter, limit int, cursor string) (entries []Entry, next string, err error) {
	var out struct {
		Entries []Entry `json:"entries"`
		Next    string  `json:"next"`
	}
	_, err = c.Do(ctx, Call{Method: http.MethodGet, Path: admin + "/quarantine", Query: page(f, limit, cursor), Again: true}, &out)
	return out.Entries, out.Next, err
}

// Entry reads one entry.
func (c *Client) Entry(ctx context.Context, id string) (Entry, error) {
	var out Entry
	_, err := c.Do(ctx, Call{Method: http.MethodGet, Path: admin + "/quarantine" + Join(id), Again: true}, &out)
	return out, err
}

// Payload reads an entry's exact bytes.
func (c *Client) Payload(ctx context.Context, id string) ([]byte, error) {
	var out []byte
	_, err := c.Do(ctx, Call{Method: http.MethodGet, Path: admin + "/quarantine" + Join(id) + "/payload", Again: true}, &out)
	return out, err
}

// Groups reads one page of groups.
func (c *Client) Groups(ctx context.Context, f Filter, limit int, cursor string) (groups []Group, next string, err error) {
	var out struct {
		Groups []Group `json:"groups"`
		Next   string  `json:"next"`
	}
	_, err = c.Do(ctx, Call{Method: http.MethodGet, Path: admin + "/groups", Query: page(f, limit, cursor), Again: true}, &out)
	return out.Groups, out.Next, err
}

func page(f Filter, limit int, cursor string) url.Values {
	q := f.Values()
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	return q
}

// Discarded is the answer to Discard.
type Discarded struct {
	Matched   int64 `json:"matched"`
	Discarded int64 `json:"discarded"`
	DryRun    bool  `json:"dry_run"`
}

// Discard marks entries as never to be released.
func (c *Client) Discard(ctx context.Context, f Filter, dryRun bool) (Discarded, error) {
	var out Discarded
	body, err := json.Marshal(map[string]any{"filter": f})
	if err != nil {
		return out, err
	}
	_, err = c.Do(ctx, Call{Method: http.MethodPost, Path: admin + "/quarantine/discard", Query: dry(dryRun), Body: body, Again: true}, &out)
	return out, err
}

// Export opens the NDJSON export; the caller closes it.
func (c *Client) Export(ctx context.Context, f Filter) (io.ReadCloser, error) {
	body, _, err := c.Open(ctx, Call{Method: http.MethodGet, Path: admin + "/quarantine/export", Query: f.Values(), Again: true, Forever: true})
	return body, err
}
