package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/term"
	"os"
)

// progress shows long work on stderr: one line that is redrawn on a terminal, a plain
// line every few seconds elsewhere. It is for one goroutine.
type progress struct {
	w     io.Writer
	style style
	live  bool
	label string
	start time.Time
	last  time.Time
	every time.Duration
	drawn bool
}

func (e *env) progress(label string) *progress {
	p := &progress{w: e.stderr, style: e.style(e.stderr), live: isTerminal(e.stderr), label: label, start: time.Now()}
	p.every = 5 * time.Second
	if p.live {
		p.every = 100 * time.Millisecond
	}
	p.last = p.start
	return p
}

// update says how far the work is; total 0 means that nobody knows.
func (p *progress) update(done, total int64, note string) {
	if now := time.Now(); now.Sub(p.last) >= p.every {
		p.last = now
		p.draw(done, total, note)
	}
}

// finish draws the last state and ends the line.
func (p *progress) finish(done, total int64, note string) {
	p.draw(done, total, note)
	if p.live {
		fmt.Fprintln(p.w)
	}
}

// clear takes an unfinished line away before something else is printed.
func (p *progress) clear() {
	if p.live && p.drawn {
		fmt.Fprint(p.w, "\r\x1b[2K")
		p.drawn = false
	}
}

func (p *progress) draw(done, total int64, note string) {
	seconds := time.Since(p.start).Seconds()
	rate := int64(float64(done) / max(seconds, 0.001))
	text := fmt.Sprintf("%s/s", count(rate))
	if note != "" {
		text += "  " + note
	}
	if !p.live {
		if total > 0 {
			fmt.Fprintf(p.w, "%s: %s of %s (%d%%)  %s\n", p.label, count(done), count(total), done*100/total, text)
		} else {
			fmt.Fprintf(p.w, "%s: %s  %s\n", p.label, count(done), text)
		}
		return
	}
	var line string
	if total > 0 {
		line = fmt.Sprintf("%s %s %3d%%  %s/%s  %s", p.label, p.bar(done, total, 24), done*100/total, count(done), count(total), text)
	} else {
		line = fmt.Sprintf("%s %s  %s", p.label, count(done), text)
	}
	if f, ok := p.w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 10 {
			line = short(line, width-1)
		}
	}
	fmt.Fprint(p.w, "\r\x1b[2K"+line)
	p.drawn = true
}

func (p *progress) bar(done, total int64, width int) string {
	full := int(min(done, total) * int64(width) / max(total, 1))
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}
