package main

import "github.com/lazaret/lazaret"

// counts are the numbers of a file, or of a part of it.
type counts struct {
	Events, Accepted, Quarantined, Bytes int64
	warned                               int64 // of the accepted
}

func (c *counts) add(o counts) {
	c.Events += o.Events
	c.Accepted += o.Accepted
	c.Quarantined += o.Quarantined
	c.Bytes += o.Bytes
	c.warned += o.warned
}

// checked is the outcome for a file.
type checked struct {
	counts
	Seconds  float64
	Reasons  map[string]int // code, with the rule's id after it where there is one
	codes    map[lazaret.Code]int
	examples map[string]example
}

// example is the first event that has a reason.
type example struct {
	line   int64
	reason lazaret.Reason
}

// newChecked puts together what the workers found.
func newChecked(total counts, workers []*worker) checked {
	c := checked{counts: total, Reasons: map[string]int{}, codes: map[lazaret.Code]int{}, examples: map[string]example{}}
	for _, w := range workers {
		for code, f := range w.found.codes {
			c.codes[code] += f.events
		}
		for _, f := range w.found.names {
			name := reasonName(f.reason)
			c.Reasons[name] += f.events
			if x, ok := c.examples[name]; !ok || f.line < x.line {
				c.examples[name] = f.example
			}
		}
	}
	return c
}

// summary is the form of -o json.
func (c checked) summary() any {
	return struct {
		Events      int64                `json:"events"`
		Accepted    int64                `json:"accepted"`
		Quarantined int64                `json:"quarantined"`
		Warned      int64                `json:"warned"`
		Bytes       int64                `json:"bytes"`
		Seconds     float64              `json:"seconds"`
		Reasons     map[lazaret.Code]int `json:"reasons"`
	}{c.Events, c.Accepted, c.Quarantined, c.warned, c.Bytes, c.Seconds, c.codes}
}

// found is why events were not accepted. It is for events in the order of the file.
type found struct {
	names map[finding]*finds
	codes map[lazaret.Code]*finds
}

// finding is what reasonName is made of.
type finding struct {
	code lazaret.Code
	rule string
}

// finds are the events that have a reason of one kind.
type finds struct {
	example
	events int
	last   int64 // line of the last of them
}

func newFound() found {
	return found{names: map[finding]*finds{}, codes: map[lazaret.Code]*finds{}}
}

// note counts an event once for each kind of reason that it has.
func (f *found) note(line int64, reasons []lazaret.Reason) {
	for i := range reasons {
		r := &reasons[i]
		countIn(f.names, finding{r.Code, r.Rule}, line, r)
		countIn(f.codes, r.Code, line, r)
	}
}

func countIn[K comparable](kinds map[K]*finds, kind K, line int64, r *lazaret.Reason) {
	k := kinds[kind]
	if k == nil {
		k = &finds{example: example{line, *r}}
		kinds[kind] = k
	}
	if k.last != line {
		k.last = line
		k.events++
	}
}
