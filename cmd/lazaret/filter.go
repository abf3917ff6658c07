package main

import (
	"context"
	"fmt"
	"strconv"
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
	f.StringVar(&ff.since, "since", "", "received at or after: RFC 3339, or an age such as 24h or 7d")
	f.StringVar(&ff.until, "until", "", "received before: RFC 3339, or an age such as 1h")
	f.StringSliceVar(&ff.f.IDs, "id", nil, "these entries (may be repeated)")
	f.StringVar(&ff.f.Source, "source", "", "entries from this source: http, kafka or file, or kafka:TOPIC")
	f.IntVar(&ff.f.SchemaVersion, "schema-version", 0, "entries judged by this schema version")
	if status {
		f.StringVar(&ff.f.Status, "status", "", "quarantined, released or discarded")
	}
}

// filter reads the flags' values, and refuses names that nothing has. A group may be named by the beginning of its name, as
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
	ff.f.Group = beginning(ff.f.Group)
	if err := ff.known(ctx, c); err != nil {
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
	if d, err := parseAge(strings.TrimSuffix(text, " ago")); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, usage("%s %q: want RFC 3339 such as 2026-01-31T09:00:00Z, or an age such as 24h or 7d", flag, text)
	}
	return t, nil
}

// parseAge reads a length of time of Go's, or days such as 30d.
func parseAge(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("want a length of time such as 36h or 30d")
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(text)
}

// age is a flag's length of time that may be in days.
type age time.Duration

func (a *age) Set(text string) error {
	d, err := parseAge(text)
	*a = age(d)
	return err
}

func (a *age) String() string { return time.Duration(*a).String() }
func (a *age) Type() string   { return "duration" }
