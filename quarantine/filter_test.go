package quarantine

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
)

func TestFilterValidation(t *testing.T) {
	for field, f := range map[string]Filter{
		"status":         {Status: "lost"},
		"group":          {Group: "ABC"},
		"code":           {Code: "required"},
		"until":          {Since: epoch, Until: epoch},
		"ids":            {IDs: []string{"a", ""}},
		"source":         {Source: ":orders"},
		"schema_version": {SchemaVersion: -1},
	} {
		var input *InputError
		if err := f.Validate(); !errors.As(err, &input) || input.Field != field || len(input.Message) < 10 {
			t.Errorf("%s: %v", field, err)
		}
	}
	var input *InputError
	if err := (Filter{IDs: slices.Repeat([]string{"a"}, maxIDs+1)}).Validate(); !errors.As(err, &input) {
		t.Errorf("too many ids: %v", err)
	}
	good := Filter{Stream: "s", Group: strings.Repeat("0a", 16), Code: "schema.type", Rule: "r", Status: Released, Since: epoch, Until: epoch.Add(1), IDs: []string{"x"}, Source: "kafka:a:b", SchemaVersion: 3}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}

// The filter's JSON has the admin API's names and comes back as it was, for jobs keep it so.
func TestFilterJSON(t *testing.T) {
	f := Filter{Stream: "s", Group: "g", Code: "c", Rule: "r", Status: Released, Since: epoch, Until: epoch.Add(time.Hour), IDs: []string{"x"}, Source: "kafka", SchemaVersion: 3}
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"stream":"s","group":"g","code":"c","rule":"r","status":"released","since":"2026-03-01T12:00:00Z","until":"2026-03-01T13:00:00Z","ids":["x"],"source":"kafka","schema_version":3}`
	if string(data) != want {
		t.Errorf("got  %s\nwant %s", data, want)
	}
	var back Filter
	if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(back, f) {
		t.Errorf("%+v came back (%v)", back, err)
	}
	if data, _ := json.Marshal(Filter{}); string(data) != "{}" {
		t.Errorf("the empty filter is %s", data)
	}
}

// matches is the filter's meaning, in plain Go.
func (f Filter) matches(e Entry) bool {
	kind, name, named := strings.Cut(f.Source, ":")
	return (f.Stream == "" || e.Stream == f.Stream) && (f.Group == "" || e.Group == f.Group) && (f.Status == "" || e.Status == f.Status) &&
		(f.Since.IsZero() || !e.Received.Before(f.Since)) && (f.Until.IsZero() || e.Received.Before(f.Until)) &&
		(len(f.IDs) == 0 || slices.Contains(f.IDs, e.ID)) && (f.SchemaVersion == 0 || e.Version.Schema == f.SchemaVersion) &&
		(f.Source == "" || e.Source.Kind == kind && (!named || e.Source.Name == name)) &&
		(f.Code == "" && f.Rule == "" || slices.ContainsFunc(e.Reasons, func(r lazaret.Reason) bool {
			return (f.Code == "" || r.Code == f.Code) && (f.Rule == "" || r.Rule == f.Rule)
		}))
}

// Random filters over random entries select what the plain meaning selects, in order,
// each entry once, in pages of any size; and groups hold exactly the selected kinds.
func TestFilterAgainstItsMeaning(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	s := openStore(t)
	const n = 150
	var records []lazaret.Record
	for i := range n {
		var reasons []lazaret.Reason
		for range 1 + r.IntN(4) {
			reasons = append(reasons, lazaret.Reason{Code: lazaret.Code(pick("rule.failed", "rule.error", "schema.type")), Rule: pick("", "a", "b"), Path: pick("", "/x", "/y/1")})
		}
		rec := record(pick("s1", "s2"), i, reasons...)
		rec.Verdict.Version.Schema = 1 + r.IntN(3)
		rec.Event.Source.Kind, rec.Event.Source.Name = pick("http", "kafka"), pick("n1", "n2")
		records = append(records, rec)
	}
	add(t, s, records...)
	if _, _, err := s.Discard(t.Context(), Filter{Rule: "b", Stream: "s2"}, false); err != nil {
		t.Fatal(err)
	}
	everything := all(t, s, Filter{}, MaxLimit)
	if len(everything) != n {
		t.Fatal(len(everything))
	}
	nonEmpty := 0
	for range 200 {
		maybe := func(s string) string { return pick("", "", s) }
		f := Filter{
			Stream: maybe("s1"), Code: lazaret.Code(maybe(pick("rule.failed", "schema.type"))), Rule: maybe(pick("a", "b")),
			Status: Status(maybe(pick("quarantined", "discarded"))), Source: maybe(pick("http", "kafka:n1")),
		}
		if r.IntN(4) == 0 {
			f.SchemaVersion = 1 + r.IntN(3)
		}
		if r.IntN(4) == 0 {
			f.Since = epoch.Add(time.Duration(r.IntN(n)) * time.Second)
			f.Until = f.Since.Add(time.Duration(1+r.IntN(n)) * time.Second)
		}
		if r.IntN(8) == 0 {
			f.Group = everything[r.IntN(n)].Group
		}
		if r.IntN(8) == 0 {
			f.IDs = []string{everything[r.IntN(n)].ID, everything[r.IntN(n)].ID, "nobody"}
		}
		var want, got, exported []string
		for _, e := range everything {
			if f.matches(e) {
				want = append(want, e.ID)
			}
		}
		for _, e := range all(t, s, f, 5+r.IntN(40)) {
			got = append(got, e.ID)
		}
		if err := s.Export(t.Context(), f, func(e Entry, _ []byte) error { exported = append(exported, e.ID); return nil }); err != nil {
			t.Fatal(err)
		}
		slices.Reverse(exported)
		if !slices.Equal(got, want) || !slices.Equal(exported, want) {
			t.Fatalf("%+v\nlisted   %v\nexported %v\nwant     %v", f, got, exported, want)
		}
		if len(want) > 0 {
			nonEmpty++
		}
	}
	if nonEmpty < 50 {
		t.Errorf("only %d filters selected anything: the test says little", nonEmpty)
	}
}

// Each list walks an index in the order of the page: no sorting, and no look at the
// whole table where a filter names a code, a rule, a stream or a group.
func TestListsUseIndexes(t *testing.T) {
	s := openStore(t)
	for name, c := range map[string]struct {
		f     Filter
		index string
	}{
		"all":          {Filter{}, "SCAN e"},
		"stream":       {Filter{Stream: "s", Status: Quarantined}, "quarantine_entries_stream (stream=? AND rowid<?)"},
		"group":        {Filter{Group: "g"}, "quarantine_entries_grp (grp=? AND rowid<?)"},
		"code":         {Filter{Code: "c.d"}, "quarantine_reasons_code (code=? AND seq<?)"},
		"rule":         {Filter{Rule: "r"}, "quarantine_reasons_rule (rule=? AND seq<?)"},
		"code, stream": {Filter{Code: "c.d", Stream: "s"}, "quarantine_reasons_code (code=? AND seq<?)"},
		"ids":          {Filter{IDs: []string{"a", "b"}}, "quarantine_entries_id (id=? AND rowid<?)"},
		"time":         {Filter{Since: epoch}, "e USING INTEGER PRIMARY KEY (rowid<?)"},
	} {
		q := c.f.entries()
		if name != "all" {
			q.add(q.seq+" < ?", 10)
		}
		rows, err := s.db.Query(t.Context(), "EXPLAIN QUERY PLAN SELECT "+entryColumns+" FROM "+q.from+" WHERE "+q.where()+" ORDER BY "+q.seq+" DESC LIMIT ?", append(q.args, 10)...)
		if err != nil {
			t.Fatal(err)
		}
		var plan strings.Builder
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&plan, detail)
		}
		rows.Close()
		if !strings.Contains(plan.String(), c.index) || name != "ids" && strings.Contains(plan.String(), "B-TREE") {
			t.Errorf("%s: want %s and no sort, the plan is\n%s", name, c.index, plan.String())
		}
	}
}
