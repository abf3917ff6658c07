package quarantine

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/db"
)

// epoch is when the tests' events arrive.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func openDB(tb testing.TB, path string) *db.DB {
	tb.Helper()
	d, err := db.Open(context.Background(), db.Config{Path: path})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { d.Close() })
	return d
}

func openStore(tb testing.TB) *Store {
	tb.Helper()
	s, err := NewStore(context.Background(), openDB(tb, filepath.Join(tb.TempDir(), "q.db")))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func add(tb testing.TB, s *Store, records ...lazaret.Record) {
	tb.Helper()
	if err := s.Add(context.Background(), records); err != nil {
		tb.Fatal(err)
	}
}

// record is a bad event of a stream; n tells records apart and is their order in time.
func record(stream string, n int, reasons ...lazaret.Reason) lazaret.Record {
	if len(reasons) == 0 {
		reasons = []lazaret.Reason{{Code: "schema.required", Path: "/user", Message: "user is missing"}}
	}
	return lazaret.Record{
		Stream:       stream,
		QuarantineID: fmt.Sprintf("%s-%06d", stream, n),
		Event: &lazaret.Event{
			Data:        fmt.Appendf(nil, `{"n":%d}`, n),
			ContentType: "application/json",
			Received:    epoch.Add(time.Duration(n) * time.Second),
			Source:      lazaret.Source{Kind: "http", Name: "127.0.0.1", Offset: int64(n)},
		},
		Verdict: lazaret.Verdict{
			Status: lazaret.Quarantined, Reasons: reasons, ID: fmt.Sprint("e", n), Key: "k", Time: epoch,
			Version: lazaret.Version{Stream: 1, Subject: stream, Schema: 1, RuleSet: 1},
		},
	}
}

func rule(id, path string) lazaret.Reason {
	return lazaret.Reason{Code: lazaret.CodeRuleFailed, Path: path, Rule: id, Message: "rule " + id + " failed"}
}

// all returns every entry that the filter selects, newest first, through pages of limit.
func all(tb testing.TB, s *Store, f Filter, limit int) []Entry {
	tb.Helper()
	var list []Entry
	for p := (Page{Limit: limit}); ; {
		page, err := s.List(context.Background(), f, p)
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, page.Entries...)
		if page.Next == "" {
			return list
		}
		p.Cursor = page.Next
	}
}

// checkReasonIndex holds that the index of reasons is what the entries' reasons say.
func checkReasonIndex(tb testing.TB, s *Store) {
	tb.Helper()
	want := map[string]bool{}
	for _, e := range all(tb, s, Filter{}, MaxLimit) {
		for _, k := range reasonKeys(traits(e.Reasons)) {
			want[fmt.Sprint(e.ID, k)] = true
		}
	}
	rows, err := s.db.Query(context.Background(), `SELECT e.id, r.code, r.rule FROM quarantine_reasons r LEFT JOIN quarantine_entries e ON e.seq = r.seq`)
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var id string
		var k reasonKey
		if err := rows.Scan(&id, &k.code, &k.rule); err != nil {
			tb.Fatal(err)
		}
		if !want[fmt.Sprint(id, k)] {
			tb.Errorf("entry %s is indexed under %v, which is not one of its reasons", id, k)
		}
	}
	if n != len(want) {
		tb.Errorf("%d reasons are indexed, a recount gives %d", n, len(want))
	}
}

// checkCounts holds that the groups are a recount of the entries.
func checkCounts(tb testing.TB, s *Store) {
	tb.Helper()
	ctx := context.Background()
	type counts struct{ quarantined, released, discarded int64 }
	want := map[string]counts{}
	for _, e := range all(tb, s, Filter{}, MaxLimit) {
		c := want[e.Group]
		switch e.Status {
		case Quarantined:
			c.quarantined++
		case Released:
			c.released++
		case Discarded:
			c.discarded++
		}
		want[e.Group] = c
		if got := fingerprint(e.Stream, traits(e.Reasons)); got != e.Group {
			tb.Errorf("entry %s is in group %s, its reasons are of group %s", e.ID, e.Group, got)
		}
	}
	page, err := s.Groups(ctx, Filter{}, Page{Limit: MaxLimit})
	if err != nil {
		tb.Fatal(err)
	}
	if len(page.Groups) != len(want) {
		tb.Errorf("there are %d groups, a recount gives %d", len(page.Groups), len(want))
	}
	for _, g := range page.Groups {
		if got := (counts{g.Count, g.Released, g.Discarded}); got != want[g.Group] {
			tb.Errorf("group %s counts %+v, a recount gives %+v", g.Group, got, want[g.Group])
		}
		sample, err := s.Get(ctx, g.Sample)
		if err != nil || sample.Group != g.Group {
			tb.Errorf("the sample of group %s is an entry of group %s (%v)", g.Group, sample.Group, err)
		}
	}
	checkReasonIndex(tb, s)
	var strays int64
	if err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM quarantine_group_reasons WHERE grp NOT IN (SELECT fingerprint FROM quarantine_groups)`).Scan(&strays); err != nil || strays != 0 {
		tb.Errorf("%d reasons are of groups that do not exist (%v)", strays, err)
	}
}
