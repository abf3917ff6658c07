package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Proposal is a draft of a new schema version, and what became of it, as
// docs/evolution.md tells.
type Proposal struct {
	ID            string         `json:"id"`
	Stream        string         `json:"stream"`
	Subject       string         `json:"subject"`
	Base          int            `json:"base_version"`
	StreamVersion int            `json:"stream_version"`
	State         string         `json:"state"`
	Edits         []ProposalEdit `json:"edits"`
	Summary       string         `json:"summary"`
	Entries       int64          `json:"entries"`
	LookedAt      int64          `json:"looked_at"`
	WouldRelease  int64          `json:"would_release"`
	AtLeast       bool           `json:"at_least,omitempty"`
	FirstSeen     time.Time      `json:"first_seen"`
	LastSeen      time.Time      `json:"last_seen"`
	Producers     []string       `json:"producers"`
	MoreProducers int            `json:"more_producers,omitempty"`
	// ReleasedProducers is how many producers the entries that would be released are of.
	ReleasedProducers int             `json:"released_producers"`
	Compatibility     string          `json:"compatibility"`
	Doubts            []string        `json:"doubts,omitempty"`
	Held              []string        `json:"held,omitempty"`
	Version           int             `json:"version,omitempty"`
	Job               string          `json:"job,omitempty"`
	RollbackVersion   int             `json:"rollback_version,omitempty"`
	RolledBackFrom    int             `json:"rolled_back_from,omitempty"`
	Notice            string          `json:"notice,omitempty"`
	AcceptedBy        string          `json:"accepted_by,omitempty"`
	AcceptedWhy       string          `json:"accepted_why,omitempty"`
	AcceptedAt        time.Time       `json:"accepted_at,omitzero"`
	Who               string          `json:"who,omitempty"`
	Why               string          `json:"why,omitempty"`
	Decided           time.Time       `json:"decided,omitzero"`
	Created           time.Time       `json:"created"`
	Updated           time.Time       `json:"updated"`
	Document          json.RawMessage `json:"document,omitempty"`
	Diff              string          `json:"diff,omitempty"`
}

// ProposalEdit is one change of the schema.
type ProposalEdit struct {
	Kind string `json:"kind"`
	Path string `json:"path"`
	// Also are other places where events asked for it, and Elsewhere those where it would
	// apply and no event has.
	Also      []string `json:"also,omitempty"`
	Elsewhere []string `json:"elsewhere,omitempty"`
	Pointer   string   `json:"pointer"`
	Text      string   `json:"text"`
	Wide      string   `json:"wide,omitempty"`
}

// ProposalNote says what was not proposed, and why.
type ProposalNote struct {
	Stream  string `json:"stream"`
	Path    string `json:"path"`
	Message string `json:"message"`
}

const proposals = admin + "/proposals"

// Proposals reads one page of proposals, the newest first, of a stream and in a state if
// these are named.
func (c *Client) Proposals(ctx context.Context, stream, state, cursor string) (list []Proposal, notes []ProposalNote, next string, err error) {
	q := url.Values{"limit": {"1000"}}
	for name, v := range map[string]string{"stream": stream, "state": state, "cursor": cursor} {
		if v != "" {
			q.Set(name, v)
		}
	}
	var out struct {
		Proposals []Proposal     `json:"proposals"`
		Notes     []ProposalNote `json:"notes"`
		Next      string         `json:"next"`
	}
	_, err = c.Do(ctx, Call{Method: http.MethodGet, Path: proposals, Query: q, Again: true}, &out)
	return out.Proposals, out.Notes, out.Next, err
}

// Proposal reads a proposal with its document.
func (c *Client) Proposal(ctx context.Context, id string) (Proposal, error) {
	var out Proposal
	_, err := c.Do(ctx, Call{Method: http.MethodGet, Path: proposals + Join(id), Again: true}, &out)
	return out, err
}

// Decide does what "accept", "reject" or "rollback" names to a proposal; to repeat it does
// nothing twice.
func (c *Client) Decide(ctx context.Context, id, action, why string, force bool) (Proposal, error) {
	var out Proposal
	body, err := json.Marshal(struct {
		Why   string `json:"why,omitempty"`
		Force bool   `json:"force,omitempty"`
	}{why, force})
	if err != nil {
		return out, err
	}
	_, err = c.Do(ctx, Call{Method: http.MethodPost, Path: proposals + Join(id, action), Body: body, Again: true}, &out)
	return out, err
}

// Impact is what a schema would do to real traffic.
type Impact struct {
	Subject     string         `json:"subject"`
	BaseVersion int            `json:"base_version"`
	Streams     []StreamImpact `json:"streams"`
	Cut         bool           `json:"cut,omitempty"`
	Summary     []string       `json:"summary"`
}

// StreamImpact is what it would do to one stream: to the sample of what was accepted last,
// and to what is in the quarantine.
type StreamImpact struct {
	Stream string `json:"stream"`
	Pinned int    `json:"pinned,omitempty"`
	Recent struct {
		Sampled   bool `json:"sampled"`
		Kept      int  `json:"kept"`
		LookedAt  int  `json:"looked_at"`
		Passing   int  `json:"passing"`
		CannotSay int  `json:"cannot_say"`
		// CannotSayNow and CannotSayRefused are of those.
		CannotSayNow     int             `json:"cannot_say_now,omitempty"`
		CannotSayRefused int             `json:"cannot_say_refused,omitempty"`
		Untried          string          `json:"untried,omitempty"` // why nothing is known; "" if something is
		Since            time.Time       `json:"since,omitzero"`
		Cut              bool            `json:"cut,omitempty"`
		WouldRefuse      int             `json:"would_refuse"`
		From             time.Time       `json:"from,omitzero"`
		To               time.Time       `json:"to,omitzero"`
		Redacted         json.RawMessage `json:"redacted,omitempty"`
		Reasons          []ImpactReason  `json:"reasons"`
	} `json:"recent"`
	Quarantine struct {
		Entries      int64           `json:"entries"`
		LookedAt     int             `json:"looked_at"`
		Cut          bool            `json:"cut,omitempty"`
		WouldRelease int             `json:"would_release"`
		PassToday    int             `json:"pass_today"`
		Released     []ImpactExample `json:"released"`
		Reasons      []ImpactReason  `json:"reasons"`
	} `json:"quarantine"`
}

// ImpactReason is a number of events that would be refused alike.
type ImpactReason struct {
	Code       string          `json:"code"`
	Path       string          `json:"path"`
	SchemaPath string          `json:"schema_path,omitempty"`
	Rule       string          `json:"rule,omitempty"`
	Message    string          `json:"message"`
	Events     int             `json:"events"`
	Examples   []ImpactExample `json:"examples"`
}

// ImpactExample is one event; ID is that of an entry of the quarantine.
type ImpactExample struct {
	ID       string    `json:"id,omitempty"`
	EventID  string    `json:"event_id,omitempty"`
	Key      string    `json:"key,omitempty"`
	Source   string    `json:"source,omitempty"`
	Received time.Time `json:"received"`
	Reason   string    `json:"reason,omitempty"`
	Path     string    `json:"path,omitempty"`
	Payload  *string   `json:"payload,omitempty"`
}

// Impact tries a schema on the recent events and the entries of the quarantine that its
// subject's streams have, so many of each at most. payloads puts payloads into the examples.
func (c *Client) Impact(ctx context.Context, subject string, body []byte, stream string, recent int, payloads bool) (Impact, error) {
	var out Impact
	q := url.Values{"recent": {strconv.Itoa(recent)}}
	if stream != "" {
		q.Set("stream", stream)
	}
	if payloads {
		q.Set("payloads", "true")
	}
	_, err := c.Do(ctx, Call{Method: http.MethodPost, Path: schemaPath(subject, "impact"), Query: q, Body: body, Again: true}, &out)
	return out, err
}
