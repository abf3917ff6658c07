package yamlread

import (
	"bytes"
	"sort"
	"strings"
	"unicode/utf8"
)

// source is a text that passed the first checks: valid UTF-8 without control
// characters, lines ended by "\n" alone.
type source struct {
	name   string
	text   string
	starts []int // the offset of each line's first byte
	shown  bool  // snippets show whole lines
}

// part is one document of a source: text[from:to], which begins on line.
type part struct {
	from, to int
	line     int
}

func newSource(name string, data []byte) (*source, error) {
	if len(data) > MaxBytes {
		return nil, &Error{File: name, Message: "larger than 4 MiB, which is the most that one file may have; split it"}
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if bytes.IndexByte(data, '\r') >= 0 {
		data = bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	}
	s := &source{name: name, text: string(data), starts: []int{0}}
	bad := -1
	for i, r := range s.text {
		switch {
		case r == '\n':
			s.starts = append(s.starts, i+1)
		case bad < 0 && (r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError && !strings.HasPrefix(s.text[i:], "\uFFFD")):
			bad = i
		}
	}
	if bad >= 0 {
		line, column := s.position(bad)
		return nil, s.errorAt(line, column, "a control character or a byte that is not UTF-8; save the file as UTF-8 text")
	}
	return s, nil
}

// position turns an offset into line and column, both from 1.
func (s *source) position(offset int) (line, column int) {
	line = sort.SearchInts(s.starts, offset+1)
	return line, utf8.RuneCountInString(s.text[s.starts[line-1]:offset]) + 1
}

// line is the text of a line, without its end; lines count from 1.
func (s *source) line(n int) string {
	if n < 1 || n > len(s.starts) {
		return ""
	}
	text := s.text[s.starts[n-1]:]
	if n < len(s.starts) {
		text = s.text[s.starts[n-1] : s.starts[n]-1]
	}
	return text
}

// indent is how many spaces begin the first line from n on that is not blank.
func (s *source) indent(n int) int {
	for ; n <= len(s.starts); n++ {
		line := s.line(n)
		if trimmed := strings.TrimLeft(line, " "); trimmed != "" {
			return len(line) - len(trimmed)
		}
	}
	return 0
}

// split cuts the text at its document markers. YAML lets no scalar hold a line that
// begins with one, so that the lines alone decide.
func (s *source) split() ([]part, error) {
	var parts []part
	cur := part{line: 1}
	for i, start := range s.starts {
		line := s.line(i + 1)
		if !marker(line) {
			continue
		}
		if rest := strings.TrimLeft(line[3:], " \t"); rest != "" && rest[0] != '#' {
			return nil, s.errorAt(i+1, len(line)-len(rest)+1, "begin the document on the line after %q", line[:3])
		}
		cur.to = start
		parts = append(parts, cur)
		cur = part{from: min(start+len(line)+1, len(s.text)), line: i + 2}
	}
	cur.to = len(s.text)
	return append(parts, cur), nil
}

func marker(line string) bool {
	if !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "...") {
		return false
	}
	return len(line) == 3 || line[3] == ' ' || line[3] == '\t'
}
