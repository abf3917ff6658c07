package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/words"
)

// maxLooked bounds the entries or jobs that are read to find one by the beginning of its id.
const maxLooked = 20_000

// beginning takes the mark off that a narrow table puts after a shortened name.
func beginning(name string) string { return strings.TrimRight(strings.TrimSpace(name), "…") }

// isBeginning reports that a text can be the beginning of an id and is not a whole one.
func isBeginning(text string) bool {
	return len(text) >= 4 && len(text) < wholeID && strings.Trim(text, "0123456789abcdef-") == ""
}

// findEntry is the id of the one entry whose id begins so. What cannot be a beginning is
// the server's to judge.
func findEntry(ctx context.Context, c *client.Client, id string) (string, error) {
	id = beginning(id)
	if !isBeginning(id) {
		return id, nil
	}
	f := client.Filter{}
	if first, last, ok := period(id); ok {
		// An id is made when the entry is kept, which is a little after it was received.
		f.Since, f.Until = first.Add(-10*time.Minute), last.Add(time.Minute)
	}
	return find("entry", id, func(cursor string) ([]string, string, error) {
		page, next, err := c.Entries(ctx, f, 1000, cursor)
		var ids []string
		for _, x := range page {
			ids = append(ids, x.ID)
		}
		return ids, next, err
	})
}

// findJob is the id of the one job whose id begins so.
func findJob(ctx context.Context, c *client.Client, id string) (string, error) {
	id = beginning(id)
	if !isBeginning(id) {
		return id, nil
	}
	return find("job", id, func(cursor string) ([]string, string, error) {
		page, next, err := c.Jobs(ctx, 1000, cursor)
		var ids []string
		for _, j := range page {
			ids = append(ids, j.ID)
		}
		return ids, next, err
	})
}

// find reads pages until it knows whether one id alone begins so.
func find(what, prefix string, page func(cursor string) (ids []string, next string, err error)) (string, error) {
	found, cursor := "", ""
	for looked := 0; ; {
		ids, next, err := page(cursor)
		if err != nil {
			return "", err
		}
		for _, id := range ids {
			if !strings.HasPrefix(id, prefix) || id == found {
				continue
			}
			if found != "" {
				return "", usage("%s is the beginning of more than one %s's id; give more of it", prefix, what)
			}
			found = id
		}
		looked += len(ids)
		if cursor = next; next == "" {
			break
		}
		if looked >= maxLooked {
			return "", usage("%s may be the beginning of more than one %s's id, among more than %s of that time; give the whole id", prefix, what, words.Count(looked))
		}
	}
	if found == "" {
		return "", fmt.Errorf("there is no %s whose id begins with %q", what, prefix)
	}
	return found, nil
}

// period is when an id that begins so was made: a UUIDv7 begins with the milliseconds
// since 1970. ok is false where the beginning says too little.
func period(prefix string) (first, last time.Time, ok bool) {
	digits := strings.ReplaceAll(prefix, "-", "")
	if len(digits) < 6 {
		return first, last, false
	}
	digits = digits[:min(len(digits), 12)]
	at := func(fill string) (time.Time, bool) {
		b, err := hex.DecodeString(digits + strings.Repeat(fill, 12-len(digits)))
		if err != nil {
			return time.Time{}, false
		}
		var ms int64
		for _, x := range b {
			ms = ms<<8 | int64(x)
		}
		return time.UnixMilli(ms), true
	}
	first, ok = at("0")
	if !ok {
		return first, last, false
	}
	last, ok = at("f")
	return first, last, ok
}

// known refuses names that nothing has: an empty answer to a slip of the pen would look
// as if all were well. What entries have is known, also where it is gone from the streams.
func (ff *filterFlags) known(ctx context.Context, c *client.Client) error {
	if code := ff.f.Code; code != "" {
		var codes []string
		for _, info := range lazaret.Codes() {
			codes = append(codes, string(info.Code))
		}
		if !slices.Contains(codes, code) && (!strings.Contains(code, ".") || !had(ctx, c, client.Filter{Code: code})) {
			return usage("--code %s: there is no such reason code%s", code, nearest(code, codes))
		}
	}
	if stream := ff.f.Stream; stream != "" {
		_, _, err := c.Get(ctx, "streams", stream, nil)
		if isNotFound(err) && !had(ctx, c, client.Filter{Stream: stream}) {
			return fmt.Errorf("--stream %s: there is no such stream, and nothing in the quarantine that was one's%s", stream, nearest(stream, names(ctx, c, "streams")))
		}
	}
	if rule := ff.f.Rule; rule != "" && !had(ctx, c, client.Filter{Rule: rule}) {
		if rules := names(ctx, c, "rules"); rules != nil && !slices.Contains(rules, rule) {
			return fmt.Errorf("--rule %s: there is no such rule, and nothing in the quarantine that one refused%s", rule, nearest(rule, rules))
		}
	}
	return nil
}

func isNotFound(err error) bool {
	var p *client.Problem
	return errors.As(err, &p) && p.Status == 404
}

// had reports that there is such an entry, or that nobody can say.
func had(ctx context.Context, c *client.Client, f client.Filter) bool {
	page, _, err := c.Entries(ctx, f, 1, "")
	return err != nil || len(page) > 0
}

// names are those of the streams, or of the rules of all streams, as far as one page tells;
// nil if it does not tell all.
func names(ctx context.Context, c *client.Client, kind string) []string {
	raw, _, err := c.Get(ctx, kind, "", url.Values{"limit": {"1000"}})
	var page struct {
		Streams []struct{ Name string }
		Rules   []ruleSet
		Next    string
	}
	if err != nil || json.Unmarshal(raw, &page) != nil || page.Next != "" {
		return nil
	}
	all := []string{}
	for _, s := range page.Streams {
		all = append(all, s.Name)
	}
	for _, set := range page.Rules {
		for _, r := range set.Rules {
			all = append(all, r.ID)
		}
	}
	return all
}

// nearest is a hint at the name that was most likely meant, or "".
func nearest(name string, list []string) string {
	best, least := "", max(2, len(name)/3)+1
	for _, x := range list {
		d := distance(name, x)
		if strings.HasPrefix(x, name) || strings.HasSuffix(x, "."+name) {
			d = min(d, 1)
		}
		if d < least {
			best, least = x, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + clean(best) + "?"
}

// distance counts the bytes to insert, delete or replace to make one text of the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}
