package yamlread

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error says what is wrong in a text, and where.
type Error struct {
	File    string
	Line    int // from 1; 0 if it is about the text as a whole
	Column  int // from 1, in characters
	Message string
	// Snippet is the line up to its key and, below, a caret; values are left out unless
	// ShowLines was given. It is empty where there is no line.
	Snippet string
}

// Error is the message after "file:line:column: ".
func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

func (s *source) errorAt(line, column int, format string, args ...any) *Error {
	return &Error{
		File: s.name, Line: line, Column: column,
		Message: fmt.Sprintf(format, args...),
		Snippet: s.snippet(line, column),
	}
}

// snippet shows the line as far as its first key, and a caret under the column, or
// under the ellipsis that stands for what is left out.
func (s *source) snippet(line, column int) string {
	if line < 1 || line > len(s.starts) {
		return ""
	}
	shown := keyPart(s.line(line))
	caret := min(column-1, utf8.RuneCountInString(shown)-1)
	if s.shown {
		shown, caret = around(s.line(line), column-1)
	}
	number := fmt.Sprintf("%5d | ", line)
	return number + shown + "\n" + strings.Repeat(" ", len(number)-2) + "| " +
		strings.Repeat(" ", max(caret, 0)) + "^"
}

// shownWidth is how many characters of a whole line a snippet shows on each side.
const shownWidth = 60

// around is what is shown of a whole line, and where in it the caret stands.
func around(line string, at int) (shown string, caret int) {
	text := []rune(strings.ReplaceAll(line, "\t", " "))
	at = min(max(at, 0), len(text))
	from, to := max(at-shownWidth, 0), min(at+shownWidth, len(text))
	shown, caret = string(text[from:to]), at-from
	if from > 0 {
		shown, caret = "…"+shown, caret+1
	}
	if to < len(text) {
		shown += "…"
	}
	return shown, caret
}

// longestKey bounds, in bytes, what a snippet takes for a key.
const longestKey = 64

// keyPart is what may be shown of a line: indentation, dashes, the first key and its
// colon. Whatever follows, or a line without a key, is an ellipsis.
func keyPart(line string) string {
	rest := strings.TrimLeft(line, " \t-{[,?")
	head := line[:len(line)-len(rest)]
	if rest == "" {
		return strings.TrimRight(head, " \t") + " "
	}
	if rest[0] == '#' {
		return head + "…"
	}
	end := keyEnd(rest)
	if end < 0 || end > longestKey {
		return head + "…"
	}
	if strings.TrimSpace(rest[end:]) == "" {
		return head + rest[:end]
	}
	return strings.ReplaceAll(head, "\t", " ") + rest[:end] + " …"
}

// keyEnd is the offset after the colon that ends the key with which s begins, or -1.
func keyEnd(s string) int {
	if q := s[0]; q == '"' || q == '\'' {
		close := strings.IndexByte(s[1:], q)
		if close < 0 {
			return -1
		}
		after := s[close+2:]
		if !strings.HasPrefix(strings.TrimLeft(after, " "), ":") {
			return -1
		}
		return close + 2 + strings.IndexByte(after, ':') + 1
	}
	for i := 0; i < len(s); i++ {
		if s[i] == ':' && (i+1 == len(s) || s[i+1] == ' ' || s[i+1] == '\t') {
			if strings.ContainsAny(s[:i], "\"'{}[]") {
				return -1
			}
			return i + 1
		}
	}
	return -1
}
