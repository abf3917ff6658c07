package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// progress shows long work on stderr: one line that is redrawn on a terminal, a plain
// line every few seconds elsewhere. It is safe for concurrent use.
type progress struct {
	w     io.Writer
	live  bool
	width func() int
	label string
	unit  func(int64) string // how an amount of the work is written
	now   func() time.Time

	mu    sync.Mutex
	start time.Time
	last  time.Time
	every time.Duration
	drawn bool
	rate  float64 // a second, where who does the work knows better; 0 is to measure here
}

// progress begins to measure; unit is count[int64] or size.
func (e *env) progress(label string, unit func(int64) string) *progress {
	p := &progress{
		w: e.stderr, label: label, unit: unit, now: time.Now,
		live:  isTerminal(e.stderr) && e.getenv("TERM") != "dumb",
		width: func() int { return terminalWidth(e.stderr) },
	}
	p.begin()
	e.bar = p
	return p
}

func (p *progress) begin() {
	p.every = 5 * time.Second
	if p.live {
		p.every = 100 * time.Millisecond
	}
	p.start = p.now()
	p.last = p.start
}

// update says how far the work is; total 0 means that nobody knows.
func (p *progress) update(done, total int64, note string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.now(); now.Sub(p.last) >= p.every {
		p.last = now
		p.draw(done, total, note)
	}
}

// paced takes over a rate that was measured where the work is done, a second.
func (p *progress) paced(rate float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = rate
}

// finish draws the last state and ends the line.
func (p *progress) finish(done, total int64, note string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.draw(done, total, note)
	if p.live {
		fmt.Fprintln(p.w)
		p.drawn = false
	}
}

// clear takes an unfinished line away before something else is printed.
func (p *progress) clear() { p.print("") }

// print writes text where the line was.
func (p *progress) print(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[2K")
		p.drawn = false
	}
	fmt.Fprint(p.w, text)
}

func (p *progress) draw(done, total int64, note string) {
	speed := p.rate
	if speed == 0 {
		speed = float64(done) / max(p.now().Sub(p.start).Seconds(), 0.001)
	}
	amount, rate := p.unit(done), p.unit(int64(speed))+"/s"
	if total > 0 {
		amount += " of " + p.unit(total)
	}
	if p.live {
		fmt.Fprint(p.w, "\r\x1b[2K"+p.fit(done, total, amount, rate, note))
		p.drawn = true
		return
	}
	share := ""
	if total > 0 {
		share = fmt.Sprintf("%d%%", percent(done, total))
	}
	fmt.Fprintf(p.w, "%s: %s\n", p.label, joined(share, amount, rate, note))
}

// fit is the line for the terminal. On a narrow one the bar is shortened first, then it
// goes, then the rate, then the amount: the note, which is what came of the work, is last.
func (p *progress) fit(done, total int64, amount, rate, note string) string {
	room := 1 << 16
	if width := p.width(); width > 10 {
		room = width - 1
	}
	share := ""
	if total > 0 {
		share = fmt.Sprintf("%d%%", percent(done, total))
		for width := 20; width >= 5; width-- {
			drawn := fmt.Sprintf("%s %4s", bar(done, total, width), share)
			if line := joined(p.label, drawn, amount, rate, note); utf8.RuneCountInString(line) <= room {
				return line
			}
		}
	}
	for _, parts := range [][]string{{share, amount, rate, note}, {share, amount, note}, {share, note}} {
		if line := joined(append([]string{p.label}, parts...)...); utf8.RuneCountInString(line) <= room {
			return line
		}
	}
	return short(joined(p.label, share, note), room)
}

// joined puts two spaces between the parts that are not empty.
func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(parts), func(s string) bool { return s == "" }), "  ")
}

// percent never says 100 before the end.
func percent(done, total int64) int64 {
	return min(int64(float64(done)/float64(max(total, 1))*100), 100)
}

func bar(done, total int64, width int) string {
	full := int(float64(min(done, total)) / float64(max(total, 1)) * float64(width))
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}
