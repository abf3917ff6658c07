package workload

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"github.com/lazaret/lazaret"
)

// Truth is one line of a truth file: what is to be known of one event that is bad,
// or that is good and refused by WrongRule. Plainly good events have no line.
type Truth struct {
	Index   int          `json:"index"` // of the event, from 0; its line in the NDJSON is Index+1
	EventID string       `json:"event_id,omitempty"`
	Bad     bool         `json:"bad"`
	Kind    string       `json:"kind"`
	Code    lazaret.Code `json:"code"`
	Path    string       `json:"path"`
	Rule    string       `json:"rule,omitempty"`
	// WronglyRefusedBy is the rule that refuses a good event until it is mended.
	WronglyRefusedBy string `json:"wrongly_refused_by,omitempty"`
}

// Summary is the last line of a truth file: the counts over all events. Good counts
// the victims too.
type Summary struct {
	Summary bool                 `json:"summary"` // true: tells this line from the others
	Events  int                  `json:"events"`
	Good    int                  `json:"good"`
	Bad     int                  `json:"bad"`
	Victims int                  `json:"victims"`
	Bytes   int64                `json:"bytes"` // of the events, without their newlines
	Size    int                  `json:"size"`
	Seed    uint64               `json:"seed"`
	Kinds   map[string]int       `json:"kinds"` // of bad events
	Codes   map[lazaret.Code]int `json:"codes"` // of bad events
}

// Truth returns the line that a truth file has for the event, or false for a plainly
// good event.
func (e *Event) Truth() (Truth, bool) {
	t := Truth{Index: e.Index, EventID: e.ID, Bad: e.Bad, Kind: e.Kind, Code: e.Code, Path: e.Path, Rule: e.Rule}
	if e.Victim() {
		t.WronglyRefusedBy = e.Rule
	}
	return t, e.Kind != ""
}

func (g *Generator) newSummary() Summary {
	return Summary{
		Summary: true, Size: g.cfg.Size, Seed: g.cfg.Seed,
		Kinds: map[string]int{}, Codes: map[lazaret.Code]int{},
	}
}

func (s *Summary) add(e *Event) {
	s.Events++
	s.Bytes += int64(len(e.Data))
	if e.Bad {
		s.Bad++
		s.Kinds[e.Kind]++
		s.Codes[e.Code]++
		return
	}
	s.Good++
	if e.Victim() {
		s.Victims++
	}
}

// Write writes the events that are left to data, one a line, and the truth about
// them to truth: a Truth a line, in order, and a Summary last. Truth may be nil. It
// does not close the writers.
func (g *Generator) Write(data, truth io.Writer) (Summary, error) {
	if truth == nil {
		truth = io.Discard
	}
	dataBuf, truthBuf := bufio.NewWriterSize(data, 256<<10), bufio.NewWriter(truth)
	lines := json.NewEncoder(truthBuf)
	sum := g.newSummary()
	for e, ok := g.advance(); ok; e, ok = g.advance() {
		sum.add(&e)
		dataBuf.Write(e.Data) // bufio keeps the first error for Flush …
		if err := dataBuf.WriteByte('\n'); err != nil {
			return sum, fmt.Errorf("workload: writing event %d: %w", e.Index, err)
		}
		if t, ok := e.Truth(); ok {
			if err := lines.Encode(t); err != nil {
				return sum, fmt.Errorf("workload: writing the truth about event %d: %w", e.Index, err)
			}
		}
	}
	if err := dataBuf.Flush(); err != nil { // … and for here
		return sum, fmt.Errorf("workload: writing events: %w", err)
	}
	if err := lines.Encode(sum); err != nil {
		return sum, fmt.Errorf("workload: writing the summary: %w", err)
	}
	if err := truthBuf.Flush(); err != nil {
		return sum, fmt.Errorf("workload: writing the truth: %w", err)
	}
	return sum, nil
}
