package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lazaret/lazaret/internal/words"
)

// clocked is a progress whose time the test moves.
func clocked(live bool, width int) (*progress, *bytes.Buffer, func(time.Duration)) {
	var b bytes.Buffer
	now := time.Unix(1000, 0)
	p := &progress{w: &b, live: live, width: func() int { return width }, label: "sending", unit: words.Count[int64], now: func() time.Time { return now }}
	p.begin()
	return p, &b, func(d time.Duration) { now = now.Add(d) }
}

// In a file or a pipe there are whole lines, without control characters, few of them.
func TestProgressPlainLines(t *testing.T) {
	p, out, pass := clocked(false, 0)
	for range 100 {
		pass(100 * time.Millisecond)
		p.update(2_500, 10_000, "3 bad")
	}
	p.finish(10_000, 10_000, "7 bad")
	want := "sending: 25%  2,500 of 10,000  500/s  3 bad\n" +
		"sending: 25%  2,500 of 10,000  250/s  3 bad\n" +
		"sending: 100%  10,000 of 10,000  1,000/s  7 bad\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

// Where nobody knows the end there is no share.
func TestProgressWithoutTotal(t *testing.T) {
	p, out, pass := clocked(false, 0)
	pass(2 * time.Second)
	p.finish(10, 0, "")
	if got, want := out.String(), "sending: 10  5/s\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// On a terminal each state takes the one before it away, fits the width, and nothing is
// left of it when something else is printed.
func TestProgressOnTerminal(t *testing.T) {
	const erase = "\r\x1b[2K"
	p, out, pass := clocked(true, 60)
	pass(time.Second)
	p.update(5_000, 10_000, "a note that is longer than there is room for on this line")
	p.print("a word between\n")
	p.clear()
	pass(time.Second)
	p.update(6_000, 10_000, "")
	p.finish(10_000, 10_000, "")
	parts := strings.Split(out.String(), erase)
	if len(parts) != 5 || parts[0] != "" || parts[2] != "a word between\n" || !strings.HasSuffix(parts[4], "\n") {
		t.Fatalf("got %q", parts)
	}
	for _, l := range []string{parts[1], parts[3], strings.TrimSuffix(parts[4], "\n")} {
		if n := utf8.RuneCountInString(l); n > 59 || strings.Contains(l, "\n") {
			t.Errorf("%d columns: %q", n, l)
		}
	}
	if !strings.Contains(parts[1], "50%") || !strings.Contains(parts[3], "█████░░░░░") {
		t.Errorf("no share in %q, or no bar in %q", parts[1], parts[3])
	}
}

// More than the total, as of a file that grows, is no more than all.
func TestBarBounds(t *testing.T) {
	if bar(30, 10, 4) != "████" || bar(0, 0, 4) != "░░░░" || percent(30, 10) != 100 || percent(0, 0) != 0 {
		t.Error(bar(30, 10, 4), bar(0, 0, 4), percent(30, 10), percent(0, 0))
	}
}

// On a narrow terminal the bar gives way first, and what came of the work is said whole.
func TestProgressKeepsTheNote(t *testing.T) {
	const note = "1,228 released, 12 still fail"
	for width := 50; width < 120; width++ {
		p, out, pass := clocked(true, width)
		pass(time.Second)
		p.finish(5_000, 10_000, note)
		line := strings.TrimSpace(strings.TrimPrefix(out.String(), "\r\x1b[2K"))
		if !strings.HasSuffix(line, note) || !strings.Contains(line, "50%") || utf8.RuneCountInString(line) > width-1 {
			t.Fatalf("width %d: %q", width, line)
		}
		if width == 80 && (!strings.Contains(line, "░") || !strings.Contains(line, "5,000/s")) {
			t.Fatalf("width %d: %q", width, line)
		}
	}
}
