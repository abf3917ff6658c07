package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// ReplaySpec is what is to be replayed, as docs/admin-api.md describes it.
type ReplaySpec struct {
	Stream  string          `json:"stream"`
	Topic   string          `json:"from_topic"`
	Since   time.Time       `json:"since,omitzero"`
	Until   time.Time       `json:"until,omitzero"`
	Offsets []ReplayOffsets `json:"offsets,omitempty"`
	DryRun  bool            `json:"dry_run"`
}

// ReplayOffsets are those of one partition, From and To included; nil is the first or the
// last that there is.
type ReplayOffsets struct {
	Partition int32  `json:"partition"`
	From      *int64 `json:"from,omitempty"`
	To        *int64 `json:"to,omitempty"`
}

// Replay is the account of a replay.
type Replay struct {
	ID    string `json:"id"`
	State string `json:"state"`
	ReplaySpec
	Error       string           `json:"error,omitempty"`
	Trouble     string           `json:"trouble,omitempty"`
	Total       int64            `json:"total"`
	Done        int64            `json:"done"`
	Events      int64            `json:"events"`
	Accepted    int64            `json:"accepted"`
	Quarantined int64            `json:"quarantined"`
	Missing     int64            `json:"missing,omitempty"`
	ByCode      map[string]int64 `json:"by_code,omitempty"`
	Partitions  []ReplayPart     `json:"partitions,omitempty"`
	Created     time.Time        `json:"created"`
	Finished    time.Time        `json:"finished,omitzero"`
	Rate        float64          `json:"rate"`
}

// ReplayPart is how far a partition is.
type ReplayPart struct {
	Partition   int32            `json:"partition"`
	From        int64            `json:"from"`
	End         int64            `json:"end"`
	Next        int64            `json:"next"`
	Events      int64            `json:"events"`
	Accepted    int64            `json:"accepted"`
	Quarantined int64            `json:"quarantined"`
	Missing     int64            `json:"missing,omitempty"`
	ByCode      map[string]int64 `json:"by_code,omitempty"`
}

// Ended reports that the replay does nothing more by itself.
func (r Replay) Ended() bool {
	return r.State == "done" || r.State == "failed" || r.State == "cancelled"
}

const replays = admin + "/replays"

// Replay makes a replay.
func (c *Client) Replay(ctx context.Context, s ReplaySpec) (Replay, error) {
	var out Replay
	body, err := json.Marshal(s)
	if err != nil {
		return out, err
	}
	_, err = c.Do(ctx, Call{Method: http.MethodPost, Path: replays, Body: body}, &out)
	return out, err
}

// GetReplay reads a replay.
func (c *Client) GetReplay(ctx context.Context, id string) (Replay, error) {
	var out Replay
	_, err := c.Do(ctx, Call{Method: http.MethodGet, Path: replays + Join(id), Again: true}, &out)
	return out, err
}

// Replays reads one page of replays, newest first.
func (c *Client) Replays(ctx context.Context, limit int, cursor string) (list []Replay, next string, err error) {
	var out struct {
		Replays []Replay `json:"replays"`
		Next    string   `json:"next"`
	}
	_, err = c.Do(ctx, Call{Method: http.MethodGet, Path: replays, Query: page(Filter{}, limit, cursor), Again: true}, &out)
	return out.Replays, out.Next, err
}

// ReplayAction does what "cancel" or "resume" names to a replay.
func (c *Client) ReplayAction(ctx context.Context, id, action string) (Replay, error) {
	var out Replay
	_, err := c.Do(ctx, Call{Method: http.MethodPost, Path: replays + Join(id, action), Again: true}, &out)
	return out, err
}

// WaitReplay reads the replay every interval until it has ended, and reports each state.
func (c *Client) WaitReplay(ctx context.Context, id string, every time.Duration, report func(Replay)) (Replay, error) {
	return wait(ctx, every, func() (Replay, error) { return c.GetReplay(ctx, id) }, report)
}
