package main

import (
	"fmt"
	"slices"

	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/words"
)

// maxRecent is the most events that a server tries a schema on.
const maxRecent = 100_000

// refuses says whether an event that passes today would be refused, or one for certain that
// was accepted and may pass today.
func refuses(x client.Impact) bool {
	for _, s := range x.Streams {
		if s.Recent.WouldRefuse > 0 || s.Recent.CannotSayRefused > 0 {
			return true
		}
	}
	return false
}

// untried says of which streams the sample told nothing, so that no exit code is taken for
// more than it is.
func untried(x client.Impact) (list []string) {
	for _, s := range x.Streams {
		if s.Recent.Untried != "" {
			list = append(list, fmt.Sprintf("nothing that stream %s accepted was tried: %s", s.Stream, s.Recent.Untried))
		}
	}
	if len(x.Streams) == 0 {
		list = append(list, "nothing was tried: no stream is judged by the subject "+x.Subject)
	}
	return list
}

// exampleName is how an example is told from others: by its id, else by what else is known of it.
func exampleName(x client.ImpactExample) string {
	switch {
	case x.ID != "":
		return x.ID
	case x.EventID != "":
		return x.EventID
	case x.Key != "":
		return "key " + x.Key
	case x.Source != "":
		return x.Source
	case !x.Received.IsZero():
		return "received " + x.Received.UTC().Format("15:04:05.000000Z")
	}
	return ""
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
			name, data = exampleName(r.Examples[0]), payload(r.Examples[0])
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
