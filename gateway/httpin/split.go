package httpin

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/jsonread"
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
	list := make([][]byte, 0, max(0, min(bytes.Count(body, []byte{'\n'})+1, most)))
	for len(body) > 0 {
		line, rest, _ := bytes.Cut(body, []byte{'\n'})
		body = rest
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if blank(line) {
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
	if start := bytes.TrimLeft(body, space); len(start) == 0 || start[0] != '[' {
		return nil, true, nil
	}
	s := jsonread.Elements(body, jsonread.Limits{Size: len(body), Values: most})
	for element, ok := s.Next(); ok; element, ok = s.Next() {
		list = append(list, element)
	}
	switch broken := s.Err(); {
	case broken == nil:
		return list, false, nil
	case broken.Code == lazaret.CodeSize:
		return nil, false, tooMany(most)
	default:
		return nil, true, nil
	}
}

// space is JSON's white space.
const space = " \t\r\n"

// blank says whether there is nothing but JSON's white space, and so no event.
func blank(line []byte) bool {
	for _, c := range line {
		if strings.IndexByte(space, c) < 0 {
			return false
		}
	}
	return true
}
