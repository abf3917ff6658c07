package httpin

import (
	"bytes"
	"fmt"

	"github.com/lazaret/lazaret/internal/web"
)

// split cuts a body into events, without copying. More than most events are a problem.
func split(m mode, body []byte, most int) ([][]byte, error) {
	switch m {
	case modeLines:
		return lines(body, most)
	case modeJSON, modeBatch:
		elements, whole, err := elements(body, most)
		if err != nil || !whole {
			return elements, err
		}
	}
	if most < 1 {
		return nil, tooMany(most)
	}
	return [][]byte{body}, nil
}

func tooMany(most int) error {
	return &web.Problem{Status: 413, Type: kind("too-many-events"),
		Detail: fmt.Sprintf("The request has more than %d events, the most that are taken at once. Send it in parts.", most)}
}

// lines cuts at every LF, drops one CR before it, and skips blank lines.
func lines(body []byte, most int) ([][]byte, error) {
	var list [][]byte
	for len(body) > 0 {
		line, rest, _ := bytes.Cut(body, []byte{'\n'})
		body = rest
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if len(trim(line)) == 0 {
			continue
		}
		if len(list) == most {
			return nil, tooMany(most)
		}
		list = append(list, line[:len(line):len(line)])
	}
	if len(list) == 0 {
		return nil, errEmpty()
	}
	return list, nil
}

// elements cuts a JSON array into its elements by its brackets and strings alone; what
// is within an element is for the judge. whole is true if the body is not an array, or
// is one whose brackets do not fit, and so is one event.
func elements(body []byte, most int) (list [][]byte, whole bool, err error) {
	rest := trim(body)
	if len(rest) == 0 || rest[0] != '[' {
		return nil, true, nil
	}
	if rest = trim(rest[1:]); len(rest) > 0 && rest[0] == ']' {
		return nil, len(rest) > 1, nil
	}
	for {
		end := elementEnd(rest)
		if end < 0 {
			return nil, true, nil
		}
		element := trim(rest[:end])
		if len(element) == 0 {
			return nil, true, nil // [1,,2] and [1,]
		}
		if len(list) == most {
			return nil, false, tooMany(most)
		}
		list = append(list, element[:len(element):len(element)])
		if rest[end] == ']' {
			if len(trim(rest[end+1:])) > 0 {
				return nil, true, nil
			}
			return list, false, nil
		}
		rest = rest[end+1:]
	}
}

// elementEnd returns where the ',' or ']' is that ends the element that b begins with,
// or -1 if brackets or strings within it do not fit.
func elementEnd(b []byte) int {
	var open brackets
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case '"':
			n := stringLen(b[i:])
			if n < 0 {
				return -1
			}
			i += n - 1
		case '{', '[':
			open.push(c == '{')
		case ',':
			if open.depth == 0 {
				return i
			}
		case '}', ']':
			if open.depth == 0 && c == ']' {
				return i
			}
			if !open.pop(c == '}') {
				return -1
			}
		}
	}
	return -1
}

// stringLen returns how long the string is that b begins with, quotes and all, or -1.
func stringLen(b []byte) int {
	for i := 1; i < len(b); {
		n := bytes.IndexAny(b[i:], `"\`)
		if n < 0 {
			return -1
		}
		if i += n; b[i] == '"' {
			return i + 1
		}
		i += 2
	}
	return -1
}

// brackets is a stack of open brackets, one bit each, so that a body of brackets alone
// costs an eighth of its size and no recursion.
type brackets struct {
	bits  []uint64 // 1 is an object
	depth int
}

func (s *brackets) push(object bool) {
	word, bit := s.depth/64, uint64(1)<<(s.depth%64)
	if word == len(s.bits) {
		s.bits = append(s.bits, 0)
	}
	s.bits[word] &^= bit
	if object {
		s.bits[word] |= bit
	}
	s.depth++
}

// pop returns false if the innermost open bracket is of the other kind, or none is open.
func (s *brackets) pop(object bool) bool {
	if s.depth == 0 {
		return false
	}
	s.depth--
	return (s.bits[s.depth/64]>>(s.depth%64)&1 == 1) == object
}

// trim drops JSON's white space on both sides, and no other.
func trim(b []byte) []byte { return bytes.Trim(b, " \t\r\n") }
