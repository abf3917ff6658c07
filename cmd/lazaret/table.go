package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// column is one column of a table.
type column struct {
	title string
	right bool // numbers
	least int  // may be shortened to this width where the terminal is narrow; 0 is never
	lift  bool // where the terminal is narrow and all rows say the same, it is said once
	blank bool // where the terminal is narrow, it goes if all rows say nothing or 0
	spare bool // where nothing else brings the table to the width, it goes
	wrap  bool // what is on a second line goes on below itself rather than being shortened
	below bool // where the terminal is narrow, it goes to a second line of each row
	paint func(string) string
}

func col(title string) column             { return column{title: title} }
func num(title string) column             { return column{title: title, right: true} }
func flex(title string, least int) column { return column{title: title, least: least} }
func same(title string) column            { return column{title: title, lift: true} }

// The same column with a way to give room on a narrow terminal.
func (c column) ifAny() column   { c.blank = true; return c }
func (c column) ifRoom() column  { c.spare = true; return c }
func (c column) orBelow() column { c.below = true; return c }
func (c column) whole() column   { c.wrap = true; return c }

// table collects rows and writes them aligned. What does not fit a terminal's width is
// shortened; a file or a pipe gets everything.
type table struct {
	cols []column
	rows [][]string
}

func newTable(cols ...column) *table { return &table{cols: cols} }

// pairs is a table of names and values.
func pairs() *table { return newTable(col(""), col("")) }

func (t *table) add(cells ...string) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = clean(c)
	}
	t.rows = append(t.rows, row)
}

// print writes the table to standard output, within the terminal's width if it is one.
func (e *env) print(t *table, indent string) {
	t.write(e.stdout, e.style(e.stdout), indent, terminalWidth(e.stdout))
}

// printPairs writes names and values, where long values go on below themselves.
func (e *env) printPairs(t *table) {
	t.fold(terminalWidth(e.stdout))
	e.print(t, "")
}

// fold gives the ends of long values of pairs rows of their own.
func (t *table) fold(limit int) {
	room := limit - t.natural(0) - 2
	if limit == 0 || room < 20 {
		return
	}
	var rows [][]string
	for _, row := range t.rows {
		name := row[0]
		for _, line := range wrapped(row[1], room) {
			rows = append(rows, []string{name, line})
			name = ""
		}
	}
	t.rows = rows
}

// write writes the table with lines of at most limit columns, where that can be done; 0
// is no limit.
func (t *table) write(w io.Writer, s style, indent string, limit int) {
	l := t.layout(limit - len(indent))
	if limit == 0 {
		l = t.layout(0)
	}
	titled := false
	head := make([]string, len(t.cols))
	for i, c := range t.cols {
		head[i] = c.title
		titled = titled || c.title != "" && l.width[i] >= 0
	}
	if len(l.said) > 0 {
		fmt.Fprintln(w, indent+s.dim("all: "+strings.Join(l.said, ", ")))
	}
	if titled {
		fmt.Fprintln(w, strings.TrimRight(indent+l.line(t.cols, head, s.dim), " "))
	}
	for _, row := range t.rows {
		fmt.Fprintln(w, strings.TrimRight(indent+l.line(t.cols, row, nil), " "))
		text, room := l.second(row), limit-len(indent)-len(secondIndent)
		lines := []string{short(text, room)}
		if slices.ContainsFunc(l.below, func(i int) bool { return t.cols[i].wrap }) {
			lines = wrapped(text, max(room, 1))
		}
		for _, line := range lines {
			if text != "" {
				fmt.Fprintln(w, indent+secondIndent+s.dim(short(line, room)))
			}
		}
	}
}

// secondIndent is before the second line of a row.
const secondIndent = "    "

// layout is the width of each column, -1 for one that is not shown, what is said of the
// lifted ones, and the columns that are on a second line of each row.
type layout struct {
	width []int
	said  []string
	below []int
}

// layout gives each column its width within the limit. What costs the reader least goes
// first: what is the same in all rows, what says nothing, the ends of long texts, the
// place beside the others, and at last whole columns.
func (t *table) layout(limit int) layout {
	l := layout{width: make([]int, len(t.cols))}
	for i := range t.cols {
		l.width[i] = t.natural(i)
	}
	if limit <= 0 || l.total() <= limit {
		return l
	}
	for i, c := range t.cols {
		switch {
		case l.total() <= limit:
		case c.lift && len(t.rows) > 1 && t.uniform(i):
			l.width[i] = -1
			l.said = append(l.said, c.title+" "+t.rows[0][i])
		case c.blank && t.nothing(i):
			l.width[i] = -1
		}
	}
	if t.shrink(&l, limit) {
		return l
	}
	for i, c := range t.cols {
		if c.below && l.width[i] >= 0 {
			l.width[i] = -1
			l.below = append(l.below, i)
		}
	}
	t.grow(&l)
	for i := len(t.cols) - 1; i >= 0 && !t.shrink(&l, limit); i-- {
		if t.cols[i].spare {
			l.width[i] = -1
			t.grow(&l)
		}
	}
	return l
}

// grow gives what is shown its full width again, after something else went.
func (t *table) grow(l *layout) {
	for i := range t.cols {
		if l.width[i] >= 0 {
			l.width[i] = t.natural(i)
		}
	}
}

// natural is the width that a column's title and cells want.
func (t *table) natural(i int) int {
	width := utf8.RuneCountInString(t.cols[i].title)
	for _, row := range t.rows {
		if i < len(row) {
			width = max(width, utf8.RuneCountInString(row[i]))
		}
	}
	return width
}

// shrink shortens the widest columns that may be, and reports that the line fits.
func (t *table) shrink(l *layout, limit int) bool {
	for l.total() > limit {
		widest := -1
		for i, c := range t.cols {
			if c.least > 0 && l.width[i] > c.least && (widest < 0 || l.width[i] > l.width[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return false
		}
		l.width[widest]--
	}
	return true
}

// nothing reports that no row says anything in a column.
func (t *table) nothing(i int) bool {
	for _, row := range t.rows {
		if row[i] != "" && row[i] != "0" && row[i] != "-" {
			return false
		}
	}
	return true
}

// uniform reports that all rows say the same in a column.
func (t *table) uniform(i int) bool {
	for _, row := range t.rows {
		if row[i] != t.rows[0][i] {
			return false
		}
	}
	return true
}

// total is the width of a line.
func (l layout) total() int {
	sum, shown := 0, 0
	for _, w := range l.width {
		if w >= 0 {
			sum, shown = sum+w, shown+1
		}
	}
	return sum + 2*max(shown-1, 0)
}

// second is the text of a row's second line.
func (l layout) second(row []string) string {
	var cells []string
	for _, i := range l.below {
		if row[i] != "" {
			cells = append(cells, row[i])
		}
	}
	return strings.Join(cells, "  ")
}

// line aligns one row; paint, where it is not nil, is for every cell.
func (l layout) line(cols []column, cells []string, paint func(string) string) string {
	var b strings.Builder
	begun := false
	for i, c := range cells {
		if l.width[i] < 0 {
			continue
		}
		c = short(c, l.width[i])
		pad := strings.Repeat(" ", l.width[i]-utf8.RuneCountInString(c))
		if begun {
			b.WriteString("  ")
		}
		begun = true
		if style := cols[i].paint; paint == nil && style != nil {
			c = style(c)
		} else if paint != nil {
			c = paint(c)
		}
		if cols[i].right {
			b.WriteString(pad + c)
		} else {
			b.WriteString(c + pad)
		}
	}
	return b.String()
}
