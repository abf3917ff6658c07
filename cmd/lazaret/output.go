package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// printJSON writes v indented, for people and jq alike.
func (e *env) printJSON(v any) error {
	enc := json.NewEncoder(e.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// printLines writes each value as a line of JSON.
func printLines[T any](w io.Writer, values []T) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, v := range values {
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	return nil
}

// status writes a line for people to stderr. It may be called while a progress bar runs,
// by any goroutine. What a file's name or a server put into it drives no terminal.
func (e *env) status(format string, args ...any) {
	text := cleanLines(fmt.Sprintf(format+"\n", args...))
	if e.bar != nil {
		e.bar.print(text)
		return
	}
	fmt.Fprint(e.stderr, text)
}

// wrappedStatus is status for what may be long: on a terminal it is broken at spaces.
func (e *env) wrappedStatus(format string, args ...any) {
	e.status("%s", folded(fmt.Sprintf(format, args...), terminalWidth(e.stderr)))
}

// folded breaks the lines of a text that are longer than width at spaces; 0 is no limit.
func folded(text string, width int) string {
	if width <= 20 {
		return text
	}
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		lines = append(lines, wrapped(line, width)...)
	}
	return strings.Join(lines, "\n")
}

// terminalWidth is the columns that w shows, or 0 if it is not a terminal.
func terminalWidth(w io.Writer) int {
	if f := fileOf(w); f != nil {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			return width
		}
	}
	return 0
}

// output is where a command prints. It remembers the first failure, for who prints without
// looking.
type output struct {
	w  io.Writer
	mu sync.Mutex
	// err is the first error of a write.
	err error
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	n, err := o.w.Write(b)
	if err != nil {
		o.mu.Lock()
		if o.err == nil {
			o.err = err
		}
		o.mu.Unlock()
	}
	return n, err
}

func (o *output) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// fileOf is the file that w writes to, nil if it is none.
func fileOf(w io.Writer) *os.File {
	if o, ok := w.(*output); ok {
		w = o.w
	}
	f, _ := w.(*os.File)
	return f
}

// isTerminal reports whether w is a terminal that a person looks at.
func isTerminal(w io.Writer) bool {
	f := fileOf(w)
	return f != nil && term.IsTerminal(int(f.Fd()))
}

// style colours text on terminals, unless NO_COLOR is set (no-color.org).
type style struct{ on bool }

func (e *env) style(w io.Writer) style {
	return style{isTerminal(w) && e.getenv("NO_COLOR") == "" && e.getenv("TERM") != "dumb"}
}

func (s style) wrap(code, text string) string {
	if !s.on || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s style) bold(t string) string   { return s.wrap("1", t) }
func (s style) dim(t string) string    { return s.wrap("2", t) }
func (s style) good(t string) string   { return s.wrap("32", t) }
func (s style) bad(t string) string    { return s.wrap("31", t) }
func (s style) accent(t string) string { return s.wrap("36", t) }

// clean takes control characters out of text that may come from a payload's property
// names, so that nothing from outside drives the terminal. White space becomes a space.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || isBidi(r):
			return utf8.RuneError
		}
		return r
	}, s)
}

// isBidi reports the controls that reorder what is shown.
func isBidi(r rune) bool {
	return (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) || r == 0x200e || r == 0x200f || r == 0x061c
}

// size writes bytes in decimal units, as MB/s are.
func size(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}

// ago writes a time as a person would say it, and keeps it exact beyond a day.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := now.Sub(t)
	switch {
	case d < time.Second && d > -time.Minute: // clocks differ a little
		return "now"
	case d < 0:
		return t.UTC().Format("2006-01-02 15:04:05Z")
	case d < time.Minute:
		return fmt.Sprintf("%ds ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm ago", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh ago", int(d.Hours()))
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// short cuts text to n runes.
func short(s string, n int) string {
	if n < 1 {
		return ""
	}
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// wrapped breaks text at spaces into lines of at most width columns, where a word alone is
// not wider. Spaces at the beginning stay, and colour has no width.
func wrapped(text string, width int) []string {
	var lines []string
	line, used := "", 0
	for i, word := range strings.Split(text, " ") {
		n := columns(word)
		if i > 0 && used > 0 && used+1+n > width {
			lines = append(lines, line)
			line, used = word, n
			continue
		}
		if i > 0 {
			line, used = line+" ", used+1
		}
		line, used = line+word, used+n
	}
	return append(lines, line)
}

// columns counts what a terminal shows of text that style may have coloured.
func columns(text string) int {
	n := 0
	for {
		before, after, found := strings.Cut(text, "\x1b[")
		n += utf8.RuneCountInString(before)
		if !found {
			return n
		}
		if _, text, found = strings.Cut(after, "m"); !found {
			return n
		}
	}
}
