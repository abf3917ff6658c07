package main

import (
	"fmt"
	"slices"

	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/words"
)

// maxRecent is the most events that a server tries a schema on.
const maxRecent = 100_000

// refuses says whether an event that passes today would be refused.
func refuses(x client.Impact) bool {
	for _, s := range x.Streams {
		if s.Recent.WouldRefuse > 0 {
			return true
		}
	}
	return false
}

// printImpact shows what a schema would do to real traffic, a stream at a time.
func (e *env) printImpact(x client.Impact) {
	s := e.style(e.stdout)
	e.line("\n%s", s.bold(fmt.Sprintf("On real traffic, beside version %d", x.BaseVersion)))
	for _, line := range x.Summary {
		e.line("%s", clean(line))
	}
	for _, stream := range x.Streams {
		e.printReasons("would be refused", stream.Recent.Reasons)
		if len(stream.Quarantine.Released) > 0 {
			e.line("\n%s", s.bold("would be released, such as"))
			t := newTable(flex("entry", shortJob+1), flex("event", 12), flex("", 12).ifAny().orBelow())
			for _, example := range stream.Quarantine.Released {
				t.add(example.ID, example.EventID, payload(example))
			}
			e.print(t, "")
		}
		e.printReasons("would stay quarantined", stream.Quarantine.Reasons)
	}
}

// printReasons lists why events would be refused, with the first example of each.
func (e *env) printReasons(title string, reasons []client.ImpactReason) {
	if len(reasons) == 0 {
		return
	}
	e.line("\n%s", e.style(e.stdout).bold(title))
	columns := []column{num("events"), flex("where", 12), flex("because", 30), flex("such as", shortJob+1).ifRoom()}
	shown := slices.ContainsFunc(reasons, func(r client.ImpactReason) bool {
		return len(r.Examples) > 0 && r.Examples[0].Payload != nil
	})
	if shown {
		columns = append(columns, flex("payload", 12).orBelow())
	}
	t := newTable(columns...)
	for _, r := range reasons {
		name, data := "", ""
		if len(r.Examples) > 0 {
			example := r.Examples[0]
			if name, data = example.ID, payload(example); name == "" {
				name = example.EventID
			}
		}
		message := r.Message
		if r.Rule != "" {
			message = "rule " + r.Rule + ": " + message
		}
		row := []string{words.Count(r.Events), orRoot(r.Path), message, name}
		if shown {
			row = append(row, data)
		}
		t.add(row...)
	}
	e.print(t, "")
}

// payload is the payload of an example, where it was asked for.
func payload(x client.ImpactExample) string {
	if x.Payload == nil {
		return ""
	}
	return short(*x.Payload, maxShownValue)
}
