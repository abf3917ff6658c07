package main

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/workload"
)

// books are a sink, a quarantine and counters as a gateway that works leaves them after
// the demo, for a test to falsify.
type books struct {
	sink, export []map[string]any
	counters     map[string]int64
}

// kept is an index into one of the books.
type booked struct{ good, victim, bad int }

// trueBooks generates events and books each where it belongs.
func trueBooks(t *testing.T) (*ledger, *books, booked) {
	t.Helper()
	l, err := newLedger(workload.Config{Events: 400, Size: 768, Invalid: 0.2, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(l.reader())
	if err != nil {
		t.Fatal(err)
	}
	b, at := &books{counters: map[string]int64{}}, booked{-1, -1, -1}
	for i, line := range strings.Split(strings.TrimSuffix(string(all), "\n"), "\n") {
		f := l.fates[i]
		reason := map[string]any{"code": f.code, "path": f.path, "rule": f.rule}
		entry := map[string]any{"payload_base64": base64.StdEncoding.EncodeToString([]byte(line)), "reasons": []any{reason}}
		switch {
		case f.bad:
			at.bad = len(b.export)
			entry["status"] = "quarantined"
			b.export = append(b.export, entry)
			b.counters["lazaret_quarantined_total"]++
		case f.victim:
			at.victim = len(b.sink)
			entry["status"] = "released"
			b.export = append(b.export, entry)
			b.sink = append(b.sink, map[string]any{"quarantine_id": "x", "event": json.RawMessage(line)})
			b.counters["lazaret_quarantined_total"]++
			b.counters["lazaret_released_total"]++
		default:
			at.good = len(b.sink)
			b.sink = append(b.sink, map[string]any{"event": json.RawMessage(line)})
			b.counters["lazaret_forwarded_total"]++
		}
		b.counters["lazaret_received_total"]++
	}
	if at.good < 0 || at.victim < 0 || at.bad < 0 {
		t.Fatal("the workload has not all kinds of events")
	}
	return l, b, at
}

// audit reads the books and returns the lines that do not balance.
func audit(t *testing.T, l *ledger, b *books) []string {
	t.Helper()
	read := func(rows []map[string]any, take func([]byte) error) {
		for _, row := range rows {
			line := encodeRow(t, row)
			if err := take(line); err != nil {
				t.Fatal(err)
			}
		}
	}
	read(b.sink, l.sunk)
	read(b.export, l.kept)
	l.counters = b.counters
	var wrong []string
	for _, line := range l.balance() {
		if !line.ok() {
			wrong = append(wrong, line.what)
		}
	}
	return wrong
}

// encodeRow writes a row as the gateway does: the event's own bytes as they are.
func encodeRow(t *testing.T, row map[string]any) []byte {
	t.Helper()
	if event, ok := row["event"].(json.RawMessage); ok {
		id, _ := row["quarantine_id"].(string)
		return []byte(`{"quarantine_id":"` + id + `","event":` + string(event) + `}`)
	}
	line, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// The books of a gateway that works balance.
func TestLedgerBalances(t *testing.T) {
	l, b, _ := trueBooks(t)
	if wrong := audit(t, l, b); len(wrong) > 0 {
		t.Errorf("these do not balance: %q; %q", wrong, l.problems)
	}
}

// The demo can fail: whatever a gateway could do wrong with one event shows.
func TestLedgerFindsEachFault(t *testing.T) {
	first := func(s string, with string) json.RawMessage {
		return json.RawMessage(strings.Replace(s, `"event_id"`, with, 1))
	}
	for name, c := range map[string]struct {
		tamper func(l *ledger, b *books, at booked)
		shows  string
	}{
		"a good event is lost": {func(_ *ledger, b *books, at booked) {
			b.sink = append(b.sink[:at.good], b.sink[at.good+1:]...)
		}, "good events, in the sink once, to the byte"},
		"a good event is in the sink twice": {func(_ *ledger, b *books, at booked) {
			b.sink = append(b.sink, b.sink[at.good])
		}, "events that are anywhere twice"},
		"a space was put into a good event": {func(_ *ledger, b *books, at booked) {
			row := b.sink[at.good]
			row["event"] = first(string(row["event"].(json.RawMessage)), ` "event_id"`)
		}, "bytes that nobody sent"},
		"a bad event is lost": {func(_ *ledger, b *books, at booked) {
			b.export = append(b.export[:at.bad], b.export[at.bad+1:]...)
		}, "bad events, still in the quarantine, to the byte"},
		"a bad event was changed in the quarantine": {func(_ *ledger, b *books, at booked) {
			b.export[at.bad]["payload_base64"] = base64.StdEncoding.EncodeToString([]byte("{}"))
		}, "bytes that nobody sent"},
		"a bad event was refused for another reason": {func(_ *ledger, b *books, at booked) {
			b.export[at.bad]["reasons"] = []any{map[string]any{"code": "schema.type", "path": "/nowhere"}}
		}, "bad events refused with the planned reason"},
		"a bad event was discarded": {func(_ *ledger, b *books, at booked) {
			b.export[at.bad]["status"] = "discarded"
		}, "every event in exactly one place"},
		"an event was not released": {func(_ *ledger, b *books, at booked) {
			b.sink = append(b.sink[:at.victim], b.sink[at.victim+1:]...)
		}, "good events refused by the wrong rule, released once"},
		"an event was released twice": {func(_ *ledger, b *books, at booked) {
			b.sink = append(b.sink, b.sink[at.victim])
		}, "good events refused by the wrong rule, released once"},
		"a released event does not say so": {func(_ *ledger, b *books, at booked) {
			b.sink[at.victim]["quarantine_id"] = ""
		}, "good events refused by the wrong rule, released once"},
		"a released event is still in the quarantine": {func(_ *ledger, b *books, at booked) {
			for _, row := range b.export {
				if row["status"] == "released" {
					row["status"] = "quarantined"
					return
				}
			}
		}, "every event in exactly one place"},
		"a bad event got through": {func(l *ledger, b *books, at booked) {
			data, _ := base64.StdEncoding.DecodeString(b.export[at.bad]["payload_base64"].(string))
			if !json.Valid(data) { // a truncated one cannot be a record's event
				t.Fatal("the chosen event is not JSON")
			}
			b.sink = append(b.sink, map[string]any{"event": json.RawMessage(data)})
		}, "bad events that got through"},
		"the metrics count one event less": {func(_ *ledger, b *books, _ booked) {
			b.counters["lazaret_received_total"]--
		}, "events received (metrics)"},
		"the metrics do not balance": {func(_ *ledger, b *books, _ booked) {
			b.counters["lazaret_forwarded_total"]++
		}, "forwarded + quarantined + rejected (metrics)"},
		"the metrics count a release more": {func(_ *ledger, b *books, _ booked) {
			b.counters["lazaret_released_total"]++
		}, "events released (metrics)"},
	} {
		t.Run(name, func(t *testing.T) {
			l, b, at := trueBooks(t)
			for i, row := range b.export { // one that is JSON
				data, err := base64.StdEncoding.DecodeString(row["payload_base64"].(string))
				if err == nil && row["status"] == "quarantined" && json.Valid(data) {
					at.bad = i
				}
			}
			c.tamper(l, b, at)
			wrong := audit(t, l, b)
			if !strings.Contains(strings.Join(wrong, "\n"), c.shows) {
				t.Errorf("%q balances; only these do not: %q", c.shows, wrong)
			}
		})
	}
}

// What is not a record or an entry is an error, not an event less.
func TestLedgerRefusesNonsense(t *testing.T) {
	l, _, _ := trueBooks(t)
	for name, err := range map[string]error{
		"sink": l.sunk([]byte("{")), "export": l.kept([]byte("[]")), "base64": l.kept([]byte(`{"payload_base64":"%"}`)),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Names and counts of an answer are taken as they come.
func TestSentTakes(t *testing.T) {
	var a client.Answer
	if err := json.Unmarshal([]byte(`{"received":3,"accepted":1,"quarantined":1,"rejected":1,"results":[
		{"index":0,"status":"accepted","reasons":[{"code":"x"}]},
		{"index":1,"status":"quarantined","reasons":[{"code":"rule.failed","rule":"r"},{"code":"rule.failed","rule":"r"},{"code":"schema.type"}]},
		{"index":2,"status":"rejected","reasons":[{"code":"schema.type"}]}]}`), &a); err != nil {
		t.Fatal(err)
	}
	s := sent{Reasons: map[string]int{}}
	s.take(a, 100)
	if s.Received != 3 || s.Bytes != 100 || s.Rejected != 1 || len(s.Reasons) != 2 || s.Reasons["rule.failed r"] != 1 || s.Reasons["schema.type"] != 2 {
		t.Errorf("got %+v", s)
	}
}
