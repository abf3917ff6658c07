package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/lazaret/lazaret/internal/yamlread"
)

// Expand replaces ${VAR} and ${VAR:-default} in a YAML text by the variable's value.
// As in a shell, the default also stands in for an empty value; a variable that is not
// set and has no default is an error, and so is anything else that begins with ${.
// $${ is a literal ${. Comments are left alone. All errors are returned, joined; each
// is a *yamlread.Error with file, line and column.
//
// A value stays a value: within quotes it is escaped, and one that could mean
// something else than itself in a plain scalar (a colon and a space, a line break …) is refused
// there. Lines keep their numbers. Block scalars (| and >) are not known: in them a #
// begins what is left alone, too.
func Expand(name string, data []byte, lookup func(string) (string, bool)) ([]byte, error) {
	e := expander{name: name, src: string(data), lookup: lookup, line: 1, start: true}
	if !strings.Contains(e.src, "${") {
		return data, nil
	}
	for e.at < len(e.src) {
		e.step()
	}
	if len(e.errs) > 0 {
		return nil, errors.Join(e.errs...)
	}
	return []byte(e.out.String()), nil
}

var (
	reference = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}\n]*))?\}`)
	// plainSafe are the values that mean themselves anywhere in a plain scalar.
	plainSafe = regexp.MustCompile(`^(-?[A-Za-z0-9_./+]([A-Za-z0-9_./@%+=-]|:[A-Za-z0-9_./@%+=-])*)?$`)
)

// expander goes through a text once. It knows as much of YAML as tells comments,
// quoted scalars and the rest apart.
type expander struct {
	name, src string
	lookup    func(string) (string, bool)
	out       strings.Builder
	errs      []error

	at    int  // offset of the next byte
	line  int  // its line, from 1
	bol   int  // offset of that line's first byte
	quote byte // the quote that we are within, or 0
	start bool // a scalar can begin here
}

func (e *expander) step() {
	c, rest := e.src[e.at], e.src[e.at:]
	switch {
	case strings.HasPrefix(rest, "$${"):
		e.out.WriteString("${")
		e.at += 3
		e.start = false
	case strings.HasPrefix(rest, "${"):
		e.expand(rest)
		e.start = false
	case e.quote == 0 && c == '#' && e.afterSpace():
		e.copy(lineLength(rest))
	case e.quote == '"' && c == '\\' && len(rest) > 1 && rest[1] != '\n':
		e.copy(2)
	case e.quote == '\'' && strings.HasPrefix(rest, "''"):
		e.copy(2)
	case e.quote != 0 && c == e.quote:
		e.quote = 0
		e.copy(1)
	case e.quote == 0 && e.start && (c == '"' || c == '\''):
		e.quote, e.start = c, false
		e.copy(1)
	default:
		e.plain(c)
	}
}

// plain copies one byte and keeps track of lines and of where a scalar can begin.
func (e *expander) plain(c byte) {
	e.copy(1)
	switch c {
	case '\n':
		e.line, e.bol, e.start = e.line+1, e.at, true
	case ' ', '\t', '\r':
		if e.at >= 2 {
			switch e.src[e.at-2] {
			case ':', '-', ',', '?':
				e.start = true
			}
		}
	case '[', '{', ',':
		e.start = true
	case ':':
		e.start = e.at >= 2 && e.src[e.at-2] == '"' // JSON: "key":"value"
	default:
		e.start = false
	}
}

func (e *expander) copy(n int) {
	e.out.WriteString(e.src[e.at : e.at+n])
	e.at += n
}

func (e *expander) afterSpace() bool {
	return e.at == 0 || strings.IndexByte(" \t\n", e.src[e.at-1]) >= 0
}

func lineLength(s string) int {
	if n := strings.IndexByte(s, '\n'); n >= 0 {
		return n
	}
	return len(s)
}

// expand replaces the reference with which rest begins.
func (e *expander) expand(rest string) {
	m := reference.FindStringSubmatch(rest)
	if m == nil {
		e.fail("expected ${NAME} or ${NAME:-default} (write $${ for a plain ${)")
		e.at += 2
		return
	}
	value, set := e.lookup(m[1])
	if m[2] != "" && value == "" {
		value, set = m[3], true
	}
	switch {
	case !set:
		e.fail(fmt.Sprintf("the environment variable %s is not set: set it, or give a default: ${%s:-default}", m[1], m[1]))
	case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		e.fail(fmt.Sprintf("the value of %s is not text", m[1]))
	default:
		e.write(m[1], value)
	}
	e.at += len(m[0])
}

// write puts a value where it stands, so that it is only ever a value.
func (e *expander) write(name, value string) {
	switch {
	case e.quote == '"':
		b, err := json.Marshal(value)
		if err != nil {
			panic(err) // a string always marshals
		}
		e.out.Write(b[1 : len(b)-1])
	case e.quote == '\'' && !strings.ContainsAny(value, "\r\n"):
		e.out.WriteString(strings.ReplaceAll(value, "'", "''"))
	case e.quote == 0 && plainSafe.MatchString(value):
		e.out.WriteString(value)
	default:
		e.fail(fmt.Sprintf("the value of %s cannot stand here as it is: put the whole value in double quotes", name))
	}
}

func (e *expander) fail(message string) {
	e.errs = append(e.errs, &yamlread.Error{
		File: e.name, Line: e.line, Column: utf8.RuneCountInString(e.src[e.bol:e.at]) + 1, Message: message,
	})
}
