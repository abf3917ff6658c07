package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lazaret/lazaret/internal/words"
)

// maxAnnotated is how many characters of an event an annotation shows.
const maxAnnotated = 2000

// annotate writes what GitHub Actions shows at the lines of a change.
func (e *env) annotate(c compared) error {
	var err error
	write := func(kind string, at filePlace, title, text string) {
		place := ""
		if at.File != "" && at.Line > 0 {
			place = fmt.Sprintf(" file=%s,line=%d,col=%d,title=%s", githubProperty(at.File), at.Line, at.Column, githubProperty(title))
		} else {
			place = " title=" + githubProperty(title)
		}
		_, werr := fmt.Fprintf(e.stdout, "::%s%s::%s\n", kind, place, githubData(text))
		err = errors.Join(err, werr)
	}
	for _, n := range c.Notes {
		write("warning", n.filePlace, "probably not meant", n.Message)
	}
	for _, b := range c.Breaks {
		accepts, refuses := b.sides(c.New)
		at, stands := c.inNew(b.filePlace, b.Pointer, b.Keyword)
		write("error", at, "not "+string(c.Level)+" compatible",
			fmt.Sprintf("accepted by %s, refused by %s because %s%s: %s", accepts, refuses, b.reason(), stands, short(string(b.Witness), maxAnnotated)))
	}
	if c.More {
		write("error", filePlace{}, "not "+string(c.Level)+" compatible", "… and more: mend these and ask again")
	}
	for _, d := range c.Doubts {
		at, stands := c.inNew(d.filePlace, d.Pointer, d.Construct)
		write("warning", at, string(c.Level)+" could not be decided", d.Message+stands)
	}
	if len(c.Breaks)+len(c.Doubts) == 0 {
		write("notice", filePlace{}, string(c.Level)+" compatible", c.claim())
	}
	if c.Impact != nil {
		c.annotateImpact(write)
	}
	return err
}

// inNew is where in NEW something is annotated that stands in an earlier version, whose file is
// no part of the change: at its counterpart, or the nearest parent of that. stands says where
// it is.
func (c compared) inNew(at filePlace, pointer, keyword string) (in filePlace, stands string) {
	if at.File == c.New {
		return at, ""
	}
	return c.file.nearest(pointer, keyword), fmt.Sprintf(" (%s %s)", at, orSchema(pointer))
}

// annotateImpact writes what the schema would do to real traffic: an error for each reason
// for which events that pass would be refused, and what it comes to.
func (c compared) annotateImpact(write func(kind string, at filePlace, title, text string)) {
	for _, stream := range c.Impact.Streams {
		for _, r := range stream.Recent.Reasons {
			at := filePlace{File: c.New}
			parent, keyword := parentOf(r.SchemaPath)
			at.Line, at.Column = c.file.place(parent, keyword)
			if r.SchemaPath == "" {
				at = filePlace{} // a rule of the stream, which no line of the schema says
			}
			events := words.Counted(r.Events, "event", "events")
			write("error", at, "would refuse what passes", fmt.Sprintf("stream %s: %s that passed: %s: %s", stream.Stream, events, orRoot(r.Path), r.Message))
		}
	}
	for _, line := range untried(*c.Impact) {
		write("warning", filePlace{}, "nothing was tried", line)
	}
	kind := "notice"
	if refuses(*c.Impact) {
		kind = "error"
	}
	for _, line := range c.Impact.Summary {
		write(kind, filePlace{}, "on real traffic", line)
	}
}

// parentOf cuts the last token off a JSON Pointer.
func parentOf(pointer string) (parent, token string) {
	if i := strings.LastIndex(pointer, "/"); i >= 0 {
		return pointer[:i], strings.NewReplacer("~1", "/", "~0", "~").Replace(pointer[i+1:])
	}
	return "", ""
}

// githubData writes text as GitHub takes it. A log shows it on a terminal as well, so that
// control characters but line feeds go.
func githubData(s string) string {
	return strings.NewReplacer("%", "%25", "\n", "%0A").Replace(cleanLines(s))
}

func githubProperty(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(githubData(s))
}
