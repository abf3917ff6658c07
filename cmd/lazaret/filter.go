package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/client"
)

// filterFlags are the flags that select entries of the quarantine.
type filterFlags struct {
	f            client.Filter
	since, until string
}

func (ff *filterFlags) register(cmd *cobra.Command, status bool) {
	f := cmd.Flags()
	f.StringVar(&ff.f.Stream, "stream", "", "entries of this stream")
	f.StringVar(&ff.f.Group, "group", "", "entries of this group; the beginning of its name will do")
	f.StringVar(&ff.f.Code, "code", "", "entries with this reason code, such as schema.required")
	f.StringVar(&ff.f.Rule, "rule", "", "entries that this rule refused")
	f.StringVar(&ff.since, "since", "", "received at or after: RFC 3339, or an age such as 24h")
	f.StringVar(&ff.until, "until", "", "received before: RFC 3339, or an age such as 1h")
	f.StringSliceVar(&ff.f.IDs, "id", nil, "these entries (may be repeated)")
	f.StringVar(&ff.f.Source, "source", "", "entries from this source: http, kafka or file, or kafka:TOPIC")
	f.IntVar(&ff.f.SchemaVersion, "schema-version", 0, "entries judged by this schema version")
	if status {
		f.StringVar(&ff.f.Status, "status", "", "quarantined, released or discarded")
	}
}

// filter reads the flags' values. A group may be named by the beginning of its name, as
// tables show it.
func (ff *filterFlags) filter(ctx context.Context, c *client.Client) (client.Filter, error) {
	now := time.Now()
	var err error
	if ff.f.Since, err = moment("--since", ff.since, now); err != nil {
		return ff.f, err
	}
	if ff.f.Until, err = moment("--until", ff.until, now); err != nil {
		return ff.f, err
	}
	f := ff.f
	if f.Group != "" && len(f.Group) < wholeGroup {
		f.Group, err = findGroup(ctx, c, f.Group)
	}
	return f, err
}

// empty reports that no flag was set: the command would take everything.
func (ff *filterFlags) empty() bool {
	f := ff.f
	return f.Stream == "" && f.Group == "" && f.Code == "" && f.Rule == "" && f.Status == "" && f.Source == "" &&
		f.SchemaVersion == 0 && len(f.IDs) == 0 && ff.since == "" && ff.until == ""
}

func moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(strings.TrimSuffix(text, " ago")); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, usage("%s %q: want RFC 3339 such as 2026-01-31T09:00:00Z, or an age such as 24h", flag, text)
	}
	return t, nil
}
