package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// SchemaCheck is what a schema is to the earlier versions of its subject.
type SchemaCheck struct {
	Level   string        `json:"level"`
	Answer  string        `json:"answer"` // compatible, incompatible or unknown
	Against []int         `json:"against,omitempty"`
	Breaks  []SchemaBreak `json:"breaks,omitempty"`
	More    bool          `json:"more,omitempty"` // there may be breaks that are not listed
	Doubts  []SchemaDoubt `json:"doubts,omitempty"`
}

// SchemaBreak is one way in which it is incompatible, with the event that proves it.
type SchemaBreak struct {
	Version   int             `json:"version"`
	Direction string          `json:"direction"` // backward: the new one refuses the witness; forward: the earlier one
	Pointer   string          `json:"pointer"`
	Keyword   string          `json:"keyword"`
	Path      string          `json:"path"`
	Old       json.RawMessage `json:"old,omitempty"`
	New       json.RawMessage `json:"new,omitempty"`
	Witness   json.RawMessage `json:"witness"`
	Message   string          `json:"message"`
}

// SchemaDoubt is what could not be decided.
type SchemaDoubt struct {
	Version   int    `json:"version"`
	Direction string `json:"direction"`
	Pointer   string `json:"pointer"`
	Construct string `json:"construct"`
	Message   string `json:"message"`
}

// Reference gives a version of another subject the name that a document's $refs have for it.
type Reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// SchemaVersion is a version of a subject; Schema is empty in lists.
type SchemaVersion struct {
	Subject       string          `json:"subject"`
	Version       int             `json:"version"`
	ID            int             `json:"id,omitempty"`
	Hash          string          `json:"hash"`
	Note          string          `json:"note,omitempty"`
	Created       time.Time       `json:"created"`
	Compatibility string          `json:"compatibility,omitempty"` // the subject's own level
	References    []Reference     `json:"references,omitempty"`
	Schema        json.RawMessage `json:"schema,omitempty"`
}

func schemaPath(subject string, rest ...string) string {
	return admin + "/schemas" + Join(append([]string{subject}, rest...)...)
}

// CheckSchema says what a schema would be to the versions of a subject. The body is the
// schema, or the resource that holds it.
func (c *Client) CheckSchema(ctx context.Context, subject string, body []byte) (SchemaCheck, error) {
	var out SchemaCheck
	_, err := c.Do(ctx, Call{Method: http.MethodPost, Path: schemaPath(subject, "check"), Body: body, Again: true}, &out)
	return out, err
}

// PutSchema makes a schema the latest version of its subject; with force also one that is
// not compatible. why is kept with the version.
func (c *Client) PutSchema(ctx context.Context, subject string, body []byte, why string, force, dryRun bool) (Outcome, error) {
	var out Outcome
	q := dry(dryRun)
	if why != "" {
		q.Set("why", why)
	}
	if force {
		q.Set("force", "true")
	}
	_, err := c.Do(ctx, Call{Method: http.MethodPut, Path: schemaPath(subject), Query: q, Body: body, Again: true}, &out)
	return out, err
}

// RollbackSchema makes the document of an earlier version the latest again.
// why is kept with the version.
func (c *Client) RollbackSchema(ctx context.Context, subject string, version int, why string, dryRun bool) (Outcome, error) {
	var out Outcome
	body, err := json.Marshal(map[string]any{"version": version, "why": why})
	if err != nil {
		return out, err
	}
	_, err = c.Do(ctx, Call{Method: http.MethodPost, Path: schemaPath(subject, "rollback"), Query: dry(dryRun), Body: body, Again: true}, &out)
	return out, err
}

// Schema reads a version of a subject, the latest if the number is 0.
func (c *Client) Schema(ctx context.Context, subject string, number int) (SchemaVersion, error) {
	var out SchemaVersion
	path := schemaPath(subject)
	if number > 0 {
		path = schemaPath(subject, "versions", strconv.Itoa(number))
	}
	_, err := c.Do(ctx, Call{Method: http.MethodGet, Path: path, Again: true}, &out)
	return out, err
}

// SchemaText reads the document of a version as it was registered, to the byte.
func (c *Client) SchemaText(ctx context.Context, subject string, number int) ([]byte, error) {
	var out []byte
	path := "/registry" + Join("subjects", subject, "versions", strconv.Itoa(number), "schema")
	_, err := c.Do(ctx, Call{Method: http.MethodGet, Path: path, Again: true}, &out)
	return out, err
}

// SchemaVersions reads one page of a subject's versions, the newest first, without their
// documents; next is "" on the last page.
func (c *Client) SchemaVersions(ctx context.Context, subject, cursor string) (versions []SchemaVersion, next string, err error) {
	var out struct {
		Versions []SchemaVersion `json:"versions"`
		Next     string          `json:"next"`
	}
	q := url.Values{"limit": {"1000"}}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	_, err = c.Do(ctx, Call{Method: http.MethodGet, Path: schemaPath(subject, "versions"), Query: q, Again: true}, &out)
	return out.Versions, out.Next, err
}

// SchemaLevel is the level that holds for a subject, and whether it is the subject's own.
func (c *Client) SchemaLevel(ctx context.Context, subject string) (level string, own bool, err error) {
	var out struct {
		Compatibility string `json:"compatibility"`
		Own           bool   `json:"own"`
	}
	_, err = c.Do(ctx, Call{Method: http.MethodGet, Path: schemaPath(subject, "compatibility"), Again: true}, &out)
	return out.Compatibility, out.Own, err
}
