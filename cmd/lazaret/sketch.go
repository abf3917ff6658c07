package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lazaret/lazaret/internal/words"
)

// How much of a JSON text a table shows. What the text is shown for is shown always.
const (
	sketchItems   = 8   // of an array, before the middle of it is left out
	sketchMembers = 40  // of an object
	sketchText    = 300 // characters of a text
)

// sketch is a JSON text over several lines, with the middle of long arrays, many members and
// the ends of long texts left out, but for what is on the way to a path; cut says whether
// anything was. What is not cut is as prettyJSON has it.
func sketch(raw []byte, path string) (text string, cut bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return prettyJSON(raw), false
	}
	s := sketcher{}
	s.value(v, "", strings.Split(path, "/")[1:])
	if !s.cut {
		return prettyJSON(raw), false
	}
	return s.b.String(), true
}

type sketcher struct {
	b   strings.Builder
	cut bool
}

// value writes v; way is what is left of the path, nil if it does not lead here.
func (s *sketcher) value(v any, indent string, way []string) {
	switch x := v.(type) {
	case []any:
		names := make([]string, len(x))
		for i := range x {
			names[i] = strconv.Itoa(i)
		}
		s.list("[]", indent, names, sketchItems, way, func(i int, way []string) { s.value(x[i], indent+"  ", way) })
	case map[string]any:
		names := make([]string, 0, len(x))
		for name := range x {
			names = append(names, name)
		}
		slices.Sort(names)
		s.list("{}", indent, names, sketchMembers, way, func(i int, way []string) {
			s.text(names[i])
			s.b.WriteString(": ")
			s.value(x[names[i]], indent+"  ", way)
		})
	case string:
		s.text(x)
	default:
		s.b.WriteString(compactJSON(x))
	}
}

// list writes the items or members of a value within brackets, each on a line.
func (s *sketcher) list(brackets, indent string, names []string, most int, way []string, one func(i int, way []string)) {
	if len(names) == 0 {
		s.b.WriteString(brackets)
		return
	}
	s.b.WriteString(brackets[:1])
	hidden := 0
	for i, name := range names {
		var next []string
		onWay := len(way) > 0 && escapeToken(name) == way[0]
		if onWay {
			next = way[1:]
		}
		last := i == len(names)-1
		if len(names) > most && i >= most/2 && !last && !onWay {
			hidden++
			continue
		}
		s.more(&hidden, indent)
		s.b.WriteString("\n" + indent + "  ")
		one(i, next)
		if !last {
			s.b.WriteByte(',')
		}
	}
	s.b.WriteString("\n" + indent + brackets[1:])
}

// more says how many were left out, if any were.
func (s *sketcher) more(hidden *int, indent string) {
	if *hidden > 0 {
		s.cut = true
		fmt.Fprintf(&s.b, "\n%s  … %s more …", indent, words.Count(*hidden))
	}
	*hidden = 0
}

func (s *sketcher) text(x string) {
	n := utf8.RuneCountInString(x)
	if n <= sketchText {
		s.b.WriteString(compactJSON(x))
		return
	}
	s.cut = true
	fmt.Fprintf(&s.b, "%s (%s characters)", compactJSON(short(x, sketchText)), words.Count(n))
}

// compactJSON is a value as JSON on one line.
func compactJSON(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return "?"
	}
	return strings.TrimRight(b.String(), "\n")
}
