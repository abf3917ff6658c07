package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
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
	seconds := p.now().Sub(p.start).Seconds()
	tail := p.unit(int64(float64(done)/max(seconds, 0.001))) + "/s"
	if note != "" {
		tail += "  " + note
	}
	if total > 0 {
		tail = fmt.Sprintf("%s of %s  %s", p.unit(done), p.unit(total), tail)
	} else {
		tail = fmt.Sprintf("%s  %s", p.unit(done), tail)
	}
	if !p.live {
		if total > 0 {
			tail = fmt.Sprintf("%d%%  %s", percent(done, total), tail)
		}
		fmt.Fprintf(p.w, "%s: %s\n", p.label, tail)
		return
	}
	line := p.label + "  " + tail
	if total > 0 {
		line = fmt.Sprintf("%s  %s %3d%%  %s", p.label, bar(done, total, 20), percent(done, total), tail)
	}
	if width := p.width(); width > 10 {
		line = short(line, width-1)
	}
	fmt.Fprint(p.w, "\r\x1b[2K"+line)
	p.drawn = true
}

// percent never says 100 before the end.
func percent(done, total int64) int64 {
	return min(int64(float64(done)/float64(max(total, 1))*100), 100)
}

func bar(done, total int64, width int) string {
	full := int(float64(min(done, total)) / float64(max(total, 1)) * float64(width))
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}
