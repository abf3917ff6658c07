package rules

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/file"
)

// CompileError says why a rule does not compile, and where.
type CompileError struct {
	Rule  string // the rule's id
	Field string // "expr", "when", or another field of the rule
	// Line and Column are the place within the field, from 1; 0 if it is about the
	// field as a whole.
	Line, Column int
	Message      string
	Snippet      string // the line of the expression and, below, a caret

	// File, FileLine and FileColumn are the place in the text that Parse read the rule
	// from; "" and 0 if it was not read from a text. The column is 0 where the text
	// does not show the expression's characters as they are.
	File                 string
	FileLine, FileColumn int
}

// Error is one line; the snippet is for those who can show it.
func (e *CompileError) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File + ":")
		if e.FileLine > 0 {
			fmt.Fprintf(&b, "%d:", e.FileLine)
			if e.FileColumn > 0 {
				fmt.Fprintf(&b, "%d:", e.FileColumn)
			}
		}
		b.WriteByte(' ')
	}
	fmt.Fprintf(&b, "rule %q, %s", e.Rule, e.Field)
	if e.Line > 0 {
		fmt.Fprintf(&b, " %d:%d", e.Line, e.Column)
	}
	return b.String() + ": " + e.Message
}

// problem is what is wrong with an expression, at an offset in characters; a negative
// offset is the expression as a whole.
type problem struct {
	at      int
	message string
}

func problemAt(loc file.Location, format string, args ...any) *problem {
	return &problem{at: loc.From, message: fmt.Sprintf(format, args...)}
}

// compileError makes a problem with one field of a rule into an error with all the
// places that are known.
func (r Rule) compileError(field, source string, p *problem) *CompileError {
	e := &CompileError{Rule: r.ID, Field: field, Message: p.message, File: r.file}
	at := r.exprAt
	if field == "when" {
		at = r.whenAt
	}
	e.FileLine = at.Line
	if p.at < 0 || !utf8.ValidString(source) {
		return e
	}
	line, before := "", ""
	e.Line, line, before = lineAt(source, p.at)
	e.Column = utf8.RuneCountInString(before) + 1
	e.Snippet = snippet(line, before)
	if at.Verbatim {
		e.FileLine = at.Line + e.Line - 1
		e.FileColumn = at.Column + e.Column - 1
	}
	return e
}

// lineAt finds the line that holds the character at the offset, and the part of it
// before that character. Lines count from 1.
func lineAt(source string, offset int) (number int, line, before string) {
	number, start, end := 1, 0, len(source)
	for i, r := range source {
		if offset == 0 {
			end = i
			break
		}
		if offset--; r == '\n' {
			number, start = number+1, i+1
		}
	}
	line, _, _ = strings.Cut(source[start:], "\n")
	return number, line, source[start:end]
}

// shownWidth is how many characters of a line a snippet shows on each side of the caret.
const shownWidth = 60

func snippet(line, before string) string {
	head, tail := []rune(strings.ReplaceAll(before, "\t", " ")), []rune(strings.ReplaceAll(line[len(before):], "\t", " "))
	dots := ""
	if len(head) > shownWidth {
		head, dots = head[len(head)-shownWidth:], "…"
	}
	end := ""
	if len(tail) > shownWidth {
		tail, end = tail[:shownWidth], "…"
	}
	return dots + string(head) + string(tail) + end + "\n" + strings.Repeat(" ", len([]rune(dots))+len(head)) + "^"
}

// suggest returns `; did you mean "x"?` for the candidate that is nearest to the name,
// or "".
func suggest(name string, candidates []string) string {
	best, distance := "", 1+len(name)/3
	for _, c := range candidates {
		if d := editDistance(strings.ToLower(name), strings.ToLower(c)); d <= distance && (best == "" || d < distance) {
			best, distance = c, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// editDistance is the Levenshtein distance of two names; long ones are never near.
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
