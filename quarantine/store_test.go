package quarantine

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/db"
)

// Promise 2: bytes stay bytes, whatever they are.
func TestPayloadsAreExact(t *testing.T) {
	noise := make([]byte, 1<<20)
	rand.Read(noise)
	payloads := map[string][]byte{
		"empty":                {},
		"nil":                  nil,
		"NUL":                  []byte("a\x00b\x00"),
		"invalid UTF-8":        []byte("{\"a\":\"\xff\xc0\xaf\"}"),
		"just under the size":  bytes.Repeat([]byte("x"), compressFrom-1),
		"at the size":          bytes.Repeat([]byte("x"), compressFrom),
		"1 MB that compresses": bytes.Repeat([]byte(`{"a":1}`), 150_000),
		"1 MB that does not":   noise,
	}
	s := openStore(t)
	for name, data := range payloads {
		r := record("orders", 1)
		r.QuarantineID, r.Event.Data = name, data
		add(t, s, r)
		got, err := s.Payload(t.Context(), name)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes came back of %d (%v)", name, len(got), len(data), err)
		}
		var codec, size int
		if err := s.db.QueryRow(t.Context(), `SELECT p.codec, LENGTH(p.payload) FROM quarantine_payloads p JOIN quarantine_entries e ON e.seq = p.seq WHERE e.id = ?`, name).Scan(&codec, &size); err != nil {
			t.Fatal(err)
		}
		packs := name == "at the size" || name == "1 MB that compresses"
		if (codec == codecZstd) != packs || size > len(data) || packs && size > len(data)/10 {
			t.Errorf("%s: %d bytes are stored as %d with codec %d", name, len(data), size, codec)
		}
	}
}

// Everything that is known of an event comes back, hostile strings too.
func TestEntryIsWhatWasAdded(t *testing.T) {
	s := openStore(t)
	r := record("orders", 7, rule("limit", "/items/3/price"), lazaret.Reason{Code: "schema.type", Path: "/a~1b", SchemaPath: "/properties/a", Message: "want <number> & more"})
	r.Event.Headers = []lazaret.Header{{Name: "ce-id", Value: "é"}, {Name: "x-raw", Value: "\xff\x00\xfe"}, {Name: "empty", Value: ""}}
	r.Event.Source = lazaret.Source{Kind: "kafka", Name: "orders.v1", Partition: 3, Offset: 1 << 40, Unique: "orders.v1/3/1"}
	r.Verdict.More, r.Verdict.ID, r.Verdict.Key = 4, "id\x00with NUL", "\xffkey"
	r.Verdict.Warnings = []lazaret.Reason{rule("warned", "")}
	add(t, s, r)
	got, err := s.Get(t.Context(), r.QuarantineID)
	if err != nil {
		t.Fatal(err)
	}
	want := Entry{
		ID: r.QuarantineID, Stream: "orders", Status: Quarantined, Group: got.Group, Received: r.Event.Received,
		EventID: r.Verdict.ID, EventKey: r.Verdict.Key, EventTime: r.Verdict.Time, ContentType: "application/json",
		Headers: r.Event.Headers, Source: r.Event.Source, Version: r.Verdict.Version, Reasons: r.Verdict.Reasons, More: 4,
		Warnings: r.Verdict.Warnings, Size: int64(len(r.Event.Data)),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if _, err := s.Get(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an entry that is not there: %v", err)
	}
	if _, err := s.Payload(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a payload that is not there: %v", err)
	}
	if _, err := s.Group(t.Context(), strings.Repeat("0", 32)); !errors.Is(err, ErrNotFound) {
		t.Errorf("a group that is not there: %v", err)
	}
}

// A redelivered event makes no second entry; a QuarantineID that names another event
// does not make an event disappear (promise 1).
func TestAddIsIdempotent(t *testing.T) {
	s := openStore(t)
	one := record("orders", 1)
	one.Event.Source.Unique = "orders/0/1"
	add(t, s, one)
	again := one
	again.QuarantineID = ""
	add(t, s, again, again) // by Unique, within a batch too
	elsewhere := one
	elsewhere.Stream, elsewhere.QuarantineID = "refunds", ""
	add(t, s, elsewhere)
	plain := record("orders", 2)
	plain.Event.Data = bytes.Repeat([]byte("a"), 4096)
	add(t, s, plain)
	add(t, s, plain) // by id, as after an unclear error
	if got := len(all(t, s, Filter{Stream: "orders"}, 10)); got != 2 {
		t.Errorf("%d entries of orders, want 2", got)
	}
	if got := len(all(t, s, Filter{Stream: "refunds"}, 10)); got != 1 {
		t.Errorf("%d entries of refunds, want 1: Unique is unique within a stream", got)
	}
	checkCounts(t, s)

	thief := record("orders", 2)
	thief.Event = &lazaret.Event{Data: bytes.Repeat([]byte("b"), 4096), Received: epoch}
	if err := s.Add(t.Context(), []lazaret.Record{record("orders", 3), thief}); err == nil {
		t.Error("an id that another event has was taken")
	}
	if got := len(all(t, s, Filter{Stream: "orders"}, 10)); got != 2 {
		t.Errorf("%d entries after a refused batch, want 2: it is all or none", got)
	}
	checkCounts(t, s)
}

func TestAddRefusesWhatIsNoEvent(t *testing.T) {
	s := openStore(t)
	for name, r := range map[string]lazaret.Record{"no event": {Stream: "a"}, "no stream": {Event: &lazaret.Event{}}} {
		if err := s.Add(t.Context(), []lazaret.Record{r}); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
}

// Entries of one kind of failure share a group whatever the index or the order.
func TestFingerprint(t *testing.T) {
	f := func(stream string, reasons ...lazaret.Reason) string { return fingerprint(stream, traits(reasons)) }
	base := f("s", rule("r", "/items/0/price"), rule("q", "/a"))
	same := map[string]string{
		"another index":   f("s", rule("r", "/items/17/price"), rule("q", "/a")),
		"another order":   f("s", rule("q", "/a"), rule("r", "/items/0/price")),
		"two items":       f("s", rule("r", "/items/0/price"), rule("r", "/items/1/price"), rule("q", "/a")),
		"another message": f("s", rule("r", "/items/0/price"), lazaret.Reason{Code: lazaret.CodeRuleFailed, Rule: "q", Path: "/a", Message: "new", SchemaPath: "/x"}),
	}
	for name, got := range same {
		if got != base {
			t.Errorf("%s: is another group", name)
		}
	}
	other := map[string]string{
		"another stream": f("t", rule("r", "/items/0/price"), rule("q", "/a")),
		"another path":   f("s", rule("r", "/items/0/cost"), rule("q", "/a")),
		"fewer":          f("s", rule("r", "/items/0/price")),
		"swapped fields": f("s", rule("q", "/items/0/price"), rule("r", "/a")),
		"none":           f("s"),
		"no version":     f("s", lazaret.Reason{Code: lazaret.CodeSchemaUnknown, Message: "what the event gives as the version of its schema is not one"}),
		"another's":      f("s", lazaret.Reason{Code: lazaret.CodeSchemaUnknown, Message: "the event names a version of another schema than s"}),
	}
	seen := map[string]string{base: "base"}
	for name, got := range other {
		if seen[got] != "" {
			t.Errorf("%s: is the same group as %s", name, seen[got])
		}
		seen[got] = name
	}
	for in, want := range map[string]string{
		"": "", "/": "/", "/0": "/*", "/a/10/b": "/a/*/b", "/a/01": "/a/01", "/a1/2b": "/a1/2b", "/0/0": "/*/*", "/18446744073709551616": "/*",
	} {
		if got := normalise(in); got != want {
			t.Errorf("%q is normalised to %q, want %q", in, got, want)
		}
	}
}

func TestGroups(t *testing.T) {
	s := openStore(t)
	add(t, s, record("orders", 5, rule("limit", "/items/0/price")), record("orders", 2, rule("limit", "/items/4/price")))
	add(t, s, record("orders", 3), record("refunds", 4, rule("limit", "/items/1/price"), lazaret.Reason{Code: "schema.type", Path: "/x", Message: "m"}))
	page, err := s.Groups(t.Context(), Filter{Stream: "orders", Rule: "limit"}, Page{})
	if err != nil || len(page.Groups) != 1 {
		t.Fatal(page, err)
	}
	want := Group{
		Group: page.Groups[0].Group, Stream: "orders", Count: 2, FirstSeen: epoch.Add(2 * time.Second), LastSeen: epoch.Add(5 * time.Second),
		Codes: []lazaret.Code{"rule.failed"}, Rules: []string{"limit"}, Paths: []string{"/items/*/price"}, Message: "rule limit failed", Sample: "orders-000005",
	}
	if !reflect.DeepEqual(page.Groups[0], want) {
		t.Errorf("got  %+v\nwant %+v", page.Groups[0], want)
	}
	one, err := s.Group(t.Context(), want.Group)
	if err != nil || !reflect.DeepEqual(one, want) {
		t.Errorf("by fingerprint: %+v, %v", one, err)
	}
	for name, c := range map[string]struct {
		f    Filter
		want int
	}{
		"all": {Filter{}, 3}, "stream": {Filter{Stream: "orders"}, 2}, "rule": {Filter{Rule: "limit"}, 2}, "code": {Filter{Code: "schema.type"}, 1},
		"code and rule of two reasons": {Filter{Code: "schema.type", Rule: "limit"}, 0}, "group": {Filter{Group: want.Group}, 1},
		"status": {Filter{Status: Released}, 0}, "seen since": {Filter{Since: epoch.Add(5 * time.Second)}, 1},
		"seen until": {Filter{Until: epoch.Add(3 * time.Second)}, 1}, "ids": {Filter{IDs: []string{"orders-000003"}}, 1}, "source": {Filter{Source: "kafka"}, 0},
	} {
		page, err := s.Groups(t.Context(), c.f, Page{})
		if err != nil || len(page.Groups) != c.want {
			t.Errorf("%s: %d groups, want %d (%v)", name, len(page.Groups), c.want, err)
		}
	}
	var paged []string
	for p := (Page{Limit: 1}); ; {
		page, err := s.Groups(t.Context(), Filter{}, p)
		if err != nil {
			t.Fatal(err)
		}
		paged = append(paged, page.Groups[0].Group)
		if p.Cursor = page.Next; page.Next == "" {
			break
		}
	}
	if len(paged) != 3 || paged[2] != want.Group {
		t.Errorf("pages of one give %v, want 3 groups, the first one last", paged)
	}
	checkCounts(t, s)
}

// The pages of a list hold each entry that was there at the first page once, newest
// first, whatever is added between.
func TestPagesAreStableUnderInserts(t *testing.T) {
	s := openStore(t)
	const before = 500
	for i := range before {
		add(t, s, record("orders", i))
	}
	stop, done := make(chan struct{}), make(chan struct{})
	var n int
	go func() {
		defer close(done)
		for n = before; ; n++ {
			select {
			case <-stop:
				return
			default:
				if err := s.Add(context.Background(), []lazaret.Record{record("orders", n)}); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	list := all(t, s, Filter{Code: "schema.required"}, 7)
	close(stop)
	<-done
	if len(list) < before {
		t.Fatalf("%d entries, want at least %d", len(list), before)
	}
	first := len(list) - 1
	for i, e := range list {
		if want := fmt.Sprintf("orders-%06d", first-i); e.ID != want {
			t.Fatalf("the entry at %d is %s, want %s", i, e.ID, want)
		}
	}
}

func TestPagesRefuseWhatIsNoPage(t *testing.T) {
	s := openStore(t)
	for i := range 3 {
		add(t, s, record("orders", i))
	}
	page, err := s.List(t.Context(), Filter{}, Page{Limit: 2})
	if err != nil || page.Next == "" {
		t.Fatal(page, err)
	}
	if _, err := s.List(t.Context(), Filter{}, Page{Limit: 3, Cursor: page.Next}); err != nil {
		t.Error(err)
	}
	for name, p := range map[string]Page{
		"limit": {Limit: MaxLimit + 1}, "negative": {Limit: -1}, "garbage": {Cursor: "%%%"}, "not JSON": {Cursor: "AAAA"},
		"of another list": {Cursor: cursor{List: "groups", Seq: 3}.String()}, "below zero": {Cursor: cursor{List: "entries", Seq: -3}.String()},
	} {
		var input *InputError
		if _, err := s.List(t.Context(), Filter{}, p); !errors.As(err, &input) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Export gives each entry once, in the order of storing, with its bytes, and holds no
// reader while the caller works.
func TestExport(t *testing.T) {
	s := openStore(t)
	const n = pageEntries + 20
	var records []lazaret.Record
	for i := range n {
		records = append(records, record("orders", i))
	}
	big := bytes.Repeat([]byte("0123456789abcdef"), pageBytes/16/2+1)
	for i := range 3 {
		records[i+100].Event.Data = big
	}
	add(t, s, records...)
	var seen int
	err := s.Export(t.Context(), Filter{Stream: "orders"}, func(e Entry, payload []byte) error {
		if e.ID != records[seen].QuarantineID || !bytes.Equal(payload, records[seen].Event.Data) {
			return fmt.Errorf("entry %d is %s with %d bytes", seen, e.ID, len(payload))
		}
		if seen++; seen == 1 {
			// A write within the export: it would be seen for ever if there were no bound.
			return s.Add(t.Context(), []lazaret.Record{record("orders", n+1)})
		}
		return nil
	})
	if err != nil || seen != n {
		t.Errorf("%d entries of %d: %v", seen, n, err)
	}
	stop := errors.New("enough")
	if err := s.Export(t.Context(), Filter{}, func(Entry, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the caller's error came back as %v", err)
	}
}

func TestDiscard(t *testing.T) {
	s := openStore(t)
	var records []lazaret.Record
	for i := range discardStep*2 + 10 {
		r := record("orders", i, rule([]string{"a", "b"}[i%2], "/x"))
		records = append(records, r)
	}
	add(t, s, records...)
	f := Filter{Rule: "a"}
	want := int64(discardStep + 5)
	if matched, n, err := s.Discard(t.Context(), f, true); matched != want || n != want || err != nil {
		t.Errorf("dry run: %d, %d, %v; want %d", matched, n, err, want)
	}
	if got := len(all(t, s, Filter{Status: Discarded}, 1000)); got != 0 {
		t.Errorf("a dry run discarded %d", got)
	}
	if err := s.db.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE quarantine_entries SET release_batch = 'x' WHERE id = 'orders-000000'`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if matched, n, err := s.Discard(t.Context(), f, false); matched != want || n != want-1 || err != nil {
		t.Errorf("%d, %d, %v; want %d and one less, for one is claimed", matched, n, err, want)
	}
	if e, err := s.Get(t.Context(), "orders-000000"); err != nil || e.Status != Quarantined {
		t.Errorf("the claimed entry is %s (%v)", e.Status, err)
	}
	if e, err := s.Get(t.Context(), "orders-000002"); err != nil || e.Status != Discarded || e.DiscardedAt.IsZero() {
		t.Errorf("a discarded entry is %+v (%v)", e, err)
	}
	checkCounts(t, s)
	var input *InputError
	if _, _, err := s.Discard(t.Context(), Filter{Status: Released}, false); !errors.As(err, &input) || input.Field != "status" {
		t.Errorf("discarding released entries: %v", err)
	}
	counts, err := s.Counts(t.Context())
	if err != nil || !reflect.DeepEqual(counts, []Count{{"orders", Quarantined, int64(len(records)) - want + 1}, {"orders", Released, 0}, {"orders", Discarded, want - 1}}) {
		t.Errorf("counts %v, %v", counts, err)
	}
}

// Concurrent Adds and Discards keep the counts a recount.
func TestConcurrentWriters(t *testing.T) {
	s := openStore(t)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 20 {
				n := w*1000 + i*10
				if err := s.Add(context.Background(), []lazaret.Record{record("orders", n), record("orders", n+1, rule("a", "/x"))}); err != nil {
					t.Error(err)
				}
				if _, _, err := s.Discard(context.Background(), Filter{Rule: "a"}, false); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	checkCounts(t, s)
	if got := len(all(t, s, Filter{Status: Discarded}, 1000)); got != 80 {
		t.Errorf("%d discarded, want 80", got)
	}
}
