package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/words"
)

func sample() *table {
	t := newTable(col("id"), same("stream"), num("entries"), flex("path", 6), flex("message", 10))
	t.add("a1", "shop", "1,204", "/items/*/quantity", "must be integer, is string")
	t.add("b22", "shop", "7", "/größe", "is missing")
	return t
}

func lines(t *table, limit int) []string {
	var b bytes.Buffer
	t.write(&b, style{}, "  ", limit)
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

// A pipe gets everything, aligned: numbers to the right, by characters and not by bytes.
func TestTableAligns(t *testing.T) {
	got := strings.Join(lines(sample(), 0), "\n")
	want := strings.Join([]string{
		"  id   stream  entries  path               message",
		"  a1   shop      1,204  /items/*/quantity  must be integer, is string",
		"  b22  shop          7  /größe             is missing",
	}, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// No line is longer than a terminal that can be met, what cannot be shortened is whole,
// and a column that says the same in each row is said once.
func TestTableFitsTheTerminal(t *testing.T) {
	natural := 0
	for _, l := range lines(sample(), 0) {
		natural = max(natural, utf8.RuneCountInString(l))
	}
	for limit := 34; limit < 90; limit++ {
		got := lines(sample(), limit)
		for _, l := range got {
			if n := utf8.RuneCountInString(l); n > limit {
				t.Fatalf("limit %d: a line of %d: %q", limit, n, l)
			}
		}
		text := strings.Join(got, "\n")
		for _, whole := range []string{"a1", "b22", "1,204", "shop"} {
			if !strings.Contains(text, whole) {
				t.Fatalf("limit %d: %q is not whole in\n%s", limit, whole, text)
			}
		}
		if once := strings.Count(text, "shop") == 1; once != (limit < natural) {
			t.Fatalf("limit %d: stream said once: %v\n%s", limit, once, text)
		}
	}
}

// What is to be read whole goes on below itself on a narrow terminal, and is not cut.
func TestTableGoesOnBelow(t *testing.T) {
	tab := newTable(flex("where", 8), col("what").orBelow().whole(), col("effect"))
	tab.add("/a", "new branch of anyOf: one of these and of those", "loosened")
	got := strings.Join(lines(tab, 30), "\n")
	want := strings.Join([]string{
		"  where  effect", "  /a     loosened", "      new branch of anyOf: one", "      of these and of those",
	}, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A table that no shortening brings to the width is written all the same.
func TestTableTooNarrow(t *testing.T) {
	if got := strings.Join(lines(sample(), 5), "\n"); !strings.Contains(got, "1,204") || !strings.Contains(got, "…") {
		t.Errorf("got\n%s", got)
	}
}

// Text from outside does not drive the terminal: escapes, new lines and reordering go.
func TestTableCleansCells(t *testing.T) {
	tab := newTable(col("path"))
	tab.add("/a\x1b[31m\nb\u202e\u009bc\x7f\xff")
	got := lines(tab, 0)
	if want := "  /a�[31m b��c��"; len(got) != 2 || got[1] != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Colour does not change the alignment.
func TestTableStyled(t *testing.T) {
	var plain, styled bytes.Buffer
	sample().write(&plain, style{}, "", 60)
	sample().write(&styled, style{on: true}, "", 60)
	bare := strings.NewReplacer("\x1b[2m", "", "\x1b[0m", "").Replace(styled.String())
	trim := func(s string) string {
		ls := strings.Split(s, "\n")
		for i := range ls {
			ls[i] = strings.TrimRight(ls[i], " ")
		}
		return strings.Join(ls, "\n")
	}
	if styled.String() == plain.String() || trim(bare) != trim(plain.String()) {
		t.Errorf("got\n%q\nwant, but for colour,\n%q", styled.String(), plain.String())
	}
}

func TestFormats(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{words.Count(0), "0"}, {words.Count(999), "999"}, {words.Count(1000), "1,000"}, {words.Count(int64(-1234567)), "-1,234,567"},
		{size(999), "999 B"}, {size(1_500), "1.5 kB"}, {size(2_500_000), "2.5 MB"}, {size(1_234_000_000), "1.23 GB"},
		{short("größe", 5), "größe"}, {short("größer", 5), "größ…"}, {short("ab", 0), ""},
		{money(1234.5), "1,234.50"}, {money(0.999), "1.00"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// Tables as the commands print them fit 80 columns, with each id or what of it names one,
// each count and the whole message.
func TestTablesFit80Columns(t *testing.T) {
	now := time.Now()
	entry := client.Entry{
		ID: "01a1fe06-a9b7-7776-bd9f-ad9917409a1c", Stream: "clickstream", Status: "quarantined", Received: now.Add(-50 * time.Hour),
		Reasons: []lazaret.Reason{{Code: "rule.failed", Rule: "purchase-fraud", Path: "/session/started_at", Message: "amounts over 400 are fraud"}}, More: 3,
	}
	other := entry
	other.Stream = "payments"
	group := client.Group{
		Group: "f146d33e7fbc00112233445566778899", Stream: "clickstream", Count: 1204, LastSeen: now.Add(-50 * time.Hour),
		Codes: []string{"rule.failed"}, Rules: []string{"purchase-fraud"}, Paths: []string{"/session/started_at"}, Message: "amounts over 400 are fraud",
	}
	grown := group
	grown.Stream, grown.Released = "payments", 12345
	job := client.Job{ID: entry.ID, State: "cancelled", DryRun: true, Created: now.Add(-50 * time.Hour), Matched: 123456, Released: 123456, Failed: 123456}
	for name, c := range map[string]struct {
		table *table
		whole []string
	}{
		"entries": {entryTable([]client.Entry{entry, other}, now), []string{entry.ID, "rule.failed purchase-fraud +3", "/session/started_at", "amounts over 400 are fraud"}},
		"groups":  {groupTable([]client.Group{group, group}, now), []string{"f146d33e7fbc…", "1,204", "rule.failed purchase-fraud", "amounts over 400 are fraud"}},
		"grown":   {groupTable([]client.Group{group, grown}, now), []string{"f146d33e7fbc…", "1,204", "rule.failed purchase-fraud", "amounts over 400 are fraud", "payments"}},
		"jobs":    {jobTable([]client.Job{job, job}, now), []string{"01a1fe06-a9b7", "cancelled", "123,456", "yes"}},
	} {
		got := lines(c.table, 80)
		for _, l := range got {
			if n := utf8.RuneCountInString(l); n > 80 {
				t.Errorf("%s: a line of %d: %q", name, n, l)
			}
		}
		for _, whole := range c.whole {
			if !strings.Contains(strings.Join(got, "\n"), whole) {
				t.Errorf("%s: %q is not whole in\n%s", name, whole, strings.Join(got, "\n"))
			}
		}
	}
}

// A column that says nothing goes before any text is shortened.
func TestTableHidesWhatSaysNothing(t *testing.T) {
	for _, c := range []struct {
		released string
		shown    bool
	}{{"0", false}, {"7", true}} {
		tab := newTable(col("id"), num("released").ifAny(), flex("message", 4))
		tab.add("a1", "0", "must be integer")
		tab.add("b2", c.released, "is missing")
		got := strings.Join(lines(tab, 24), "\n")
		if strings.Contains(got, "released") != c.shown || strings.Contains(got, "must be integer") == c.shown {
			t.Errorf("released %s:\n%s", c.released, got)
		}
	}
}

// Prose is broken between words, whatever its colour, and loses none.
func TestWrapped(t *testing.T) {
	s := style{on: true}
	text := s.bad("purchase-fraud") + " refused 12,345 events. In " + s.good("3") + " of them nothing else is wrong."
	for width := 14; width < 90; width++ {
		got := wrapped(text, width)
		for _, l := range got {
			if columns(l) > width {
				t.Fatalf("width %d: %q", width, l)
			}
		}
		if strings.Join(got, " ") != text {
			t.Fatalf("width %d: %q", width, got)
		}
	}
	if got := wrapped("   a b", 80); len(got) != 1 || got[0] != "   a b" {
		t.Errorf("got %q", got)
	}
}

// Long values of pairs go on below themselves, and are not cut.
func TestPairsGoOnBelow(t *testing.T) {
	tab := pairs()
	tab.add("state", "draft")
	tab.add("would change", "/status one more value, which is a long one")
	tab.fold(40)
	got := strings.Join(lines(tab, 40), "\n")
	want := strings.Join([]string{
		"  state         draft", "  would change  /status one more value,", "                which is a long one",
	}, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Drafts, which wait for a decision, stand before the others, each in the order that they had.
func TestDraftsFirst(t *testing.T) {
	var got []string
	for _, p := range draftsFirst([]client.Proposal{{ID: "a", State: "accepted"}, {ID: "b", State: "draft"}, {ID: "c", State: "rejected"}, {ID: "d", State: "draft"}}) {
		got = append(got, p.ID)
	}
	if strings.Join(got, "") != "bdac" {
		t.Errorf("%v", got)
	}
}

// What is said is broken at spaces where a terminal is narrow, line by line, and nowhere else.
func TestFolded(t *testing.T) {
	text := "note: one thing and another\nlazaret: a word"
	if got := folded(text, 21); got != "note: one thing and\nanother\nlazaret: a word" {
		t.Errorf("%q", got)
	}
	if got := folded(text, 0); got != text {
		t.Errorf("%q", got)
	}
}
