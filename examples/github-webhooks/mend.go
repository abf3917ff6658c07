package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/examples/github-webhooks/webhooks"
	"github.com/lazaret/lazaret/internal/client"
)

// maxRounds bounds how often mend tries again; the recorded webhooks need one round.
const maxRounds = 10

// mend makes new schema versions in which what the quarantined events lack is optional,
// and reprocesses them, until that releases no more.
func (s *steps) mend(ctx context.Context) error {
	groups, err := s.groups(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.stdout, "In the quarantine:")
	s.show(groups)
	var released int64
	for range maxRounds {
		streams, err := s.mendSchemas(ctx, groups)
		if err != nil {
			return err
		}
		if len(streams) == 0 {
			break
		}
		n, err := s.reprocess(ctx, streams)
		if err != nil {
			return err
		}
		released += n
		if groups, err = s.groups(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintf(s.stdout, "\nReleased %d. Still in the quarantine:\n", released)
	s.show(groups)
	return nil
}

// groups reads the groups of our streams that have an entry in the quarantine.
func (s *steps) groups(ctx context.Context) (ours []client.Group, err error) {
	for cursor, more := "", true; more; more = cursor != "" {
		var page []client.Group
		if page, cursor, err = s.server.Groups(ctx, client.Filter{}, 1000, cursor); err != nil {
			return nil, fmt.Errorf("reading the groups: %w", err)
		}
		for _, g := range page {
			if strings.HasPrefix(g.Stream, webhooks.StreamPrefix) && g.Count > 0 {
				ours = append(ours, g)
			}
		}
	}
	slices.SortStableFunc(ours, func(a, b client.Group) int { return strings.Compare(a.Stream, b.Stream) })
	return ours, nil
}

func (s *steps) show(groups []client.Group) {
	table := newTable(s.stdout, "STREAM", "EVENTS", "CODES", "PATHS")
	var events int64
	for _, g := range groups {
		paths := g.Paths
		if len(paths) > 3 {
			paths = append(slices.Clone(paths[:3]), fmt.Sprintf("and %d more", len(g.Paths)-3))
		}
		table.row(g.Stream, g.Count, strings.Join(g.Codes, " "), strings.Join(paths, " "))
		events += g.Count
	}
	table.end()
	fmt.Fprintf(s.stdout, "%d events in %d groups\n", events, len(groups))
}

// mendSchemas makes a new schema version for each stream where that helps, and returns
// those streams. The entries of a group fail alike, so one of them says what all lack.
func (s *steps) mendSchemas(ctx context.Context, groups []client.Group) (streams []string, err error) {
	reasons := map[string][]lazaret.Reason{}
	for _, g := range groups {
		entry, err := s.server.Entry(ctx, g.Sample)
		if err != nil {
			return nil, fmt.Errorf("reading the quarantined event %s: %w", g.Sample, err)
		}
		if reasons[g.Stream] == nil {
			streams = append(streams, g.Stream)
		}
		reasons[g.Stream] = append(reasons[g.Stream], entry.Reasons...)
	}
	mended := streams[:0]
	for _, stream := range streams {
		optional, err := s.mendSchema(ctx, stream, reasons[stream])
		if err != nil {
			return nil, err
		}
		if optional > 0 {
			mended = append(mended, stream)
		}
	}
	return mended, nil
}

// mendSchema makes a new version of one subject, and returns how many properties are
// optional in it that were required.
func (s *steps) mendSchema(ctx context.Context, subject string, reasons []lazaret.Reason) (int, error) {
	raw, header, err := s.server.Get(ctx, "schemas", subject, nil)
	if err != nil {
		return 0, fmt.Errorf("reading the schema %s: %w", subject, err)
	}
	var latest struct {
		Schema json.RawMessage `json:"schema"`
	}
	if err := json.Unmarshal(raw, &latest); err != nil {
		return 0, fmt.Errorf("reading the schema %s: %w", subject, err)
	}
	document, optional, err := webhooks.Mend(latest.Schema, reasons)
	if err != nil || len(optional) == 0 {
		return 0, err
	}
	// If-Match: should someone else have changed the schema meanwhile, theirs stays.
	done, err := s.server.Put(ctx, "schemas", subject, document, header.Get("ETag"), false)
	if err != nil {
		return 0, fmt.Errorf("mending the schema %s: %w", subject, err)
	}
	fmt.Fprintf(s.stdout, "%s version %d: %d properties are optional now\n", subject, done.Version, len(optional))
	return len(optional), nil
}

// reprocess judges the streams' quarantined events again and returns how many were released.
func (s *steps) reprocess(ctx context.Context, streams []string) (released int64, err error) {
	for _, stream := range streams {
		job, err := s.server.Reprocess(ctx, client.Filter{Stream: stream}, false, 0)
		if err != nil {
			return released, fmt.Errorf("reprocessing %s: %w", stream, err)
		}
		if job, err = s.server.WaitJob(ctx, job.ID, 50*time.Millisecond, nil); err != nil {
			return released, fmt.Errorf("following the reprocess job of %s: %w", stream, err)
		}
		if job.State != "done" {
			return released, fmt.Errorf("the reprocess job %s of %s is %s: %s", job.ID, stream, job.State, job.Error)
		}
		released += job.Released
	}
	return released, nil
}
