package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// RecentSpec asks for a sample of the events that the stream accepted last, so that a
// proposed schema can be tried on real traffic. It is kept in memory alone.
type RecentSpec struct {
	// Keep is how many events are kept; default 1,000. In ten seconds no more than that many
	// are taken, evenly out of those that come.
	Keep int `json:"keep,omitempty" yaml:"keep"`
	// MaxBytes bounds what they may take together; default 16 MiB. An event that is larger
	// than a tenth of it is not taken.
	MaxBytes int64 `json:"max_bytes,omitempty" yaml:"max_bytes"`
	// Redact says which values are replaced before an event is kept.
	Redact Redact `json:"redact,omitzero" yaml:"redact"`
}

// The defaults of a RecentSpec.
const (
	DefaultRecentKeep  = 1000
	DefaultRecentBytes = 16 << 20
	maxRecentKeep      = 100_000
	maxRecentBytes     = 1 << 30
	maxRedact          = 100
)

// Redact is what is not to be kept of an event: nothing, the values at some pointers and
// all below them ("*" stands for every item or member), or all values. What is redacted is
// replaced by a placeholder of its type. It is written as a list of pointers, or as the
// word all.
type Redact struct {
	All      bool
	Pointers []string
}

// IsZero says whether nothing is redacted.
func (r Redact) IsZero() bool { return !r.All && len(r.Pointers) == 0 }

// MarshalJSON writes the form that UnmarshalJSON reads.
func (r Redact) MarshalJSON() ([]byte, error) {
	if r.All {
		return json.Marshal("all")
	}
	return json.Marshal(r.Pointers)
}

// UnmarshalJSON reads a list of pointers or the word all.
func (r *Redact) UnmarshalJSON(data []byte) error {
	*r = Redact{}
	if string(data) == `"all"` {
		r.All = true
		return nil
	}
	if json.Unmarshal(data, &r.Pointers) != nil {
		return errors.New("expected a list of JSON Pointers, or the word all")
	}
	return nil
}

// EvolutionMode says what is done when events are refused because their producers are
// ahead of the schema.
type EvolutionMode string

const (
	// EvolutionPropose drafts new schema versions, for people to accept. The default.
	EvolutionPropose EvolutionMode = "propose"
	// EvolutionAuto accepts those drafts by itself that are within the limits.
	EvolutionAuto EvolutionMode = "auto"
	// EvolutionOff drafts nothing.
	EvolutionOff EvolutionMode = "off"
)

// EvolutionSpec says how far the stream's schema follows its producers.
type EvolutionSpec struct {
	Mode EvolutionMode `json:"mode,omitempty" yaml:"mode"`
	// Limits are those of EvolutionAuto.
	Limits *EvolutionLimits `json:"limits,omitempty" yaml:"limits"`
}

// EvolutionLimits bound what is accepted without a person. A proposal must satisfy all of
// them, and be proved backward compatible, which is not to be changed.
type EvolutionLimits struct {
	// Kinds are the kinds of edits: field, enum_value, type, branch; default field alone.
	Kinds []string `json:"kinds,omitempty" yaml:"kinds"`
	// MinEntries is how many entries of the quarantine it must release; default 100.
	MinEntries int `json:"min_entries,omitempty" yaml:"min_entries"`
	// MinProducers is of how many producers they must be; default 1.
	MinProducers int `json:"min_producers,omitempty" yaml:"min_producers"`
	// MinAge is how long ago the first of them must have come; default 10 minutes.
	MinAge Duration `json:"min_age,omitzero" yaml:"min_age"`
	// MaxEdits is how many edits one proposal may have; default 3.
	MaxEdits int `json:"max_edits,omitempty" yaml:"max_edits"`
	// MaxPerDay is how many proposals are accepted within 24 hours; default 3.
	MaxPerDay int `json:"max_per_day,omitempty" yaml:"max_per_day"`
	// Paths are JSON Pointers into events: each edit must be at or below one of them. An
	// item of an array is "*". None: anywhere.
	Paths []string `json:"paths,omitempty" yaml:"paths"`
}

// EvolutionKinds are the kinds of edits that can be proposed.
func EvolutionKinds() []string { return []string{"field", "enum_value", "type", "branch"} }

// EvolutionMode is the mode in force.
func (s *Stream) EvolutionMode() EvolutionMode {
	if s.Evolution == nil || s.Evolution.Mode == "" {
		return EvolutionPropose
	}
	return s.Evolution.Mode
}

// Notices are what is allowed and probably not meant in a stream, a line each.
func (s *Stream) Notices() (list []string) {
	switch {
	case s.Evolution == nil || s.Evolution.Mode == "" || s.Evolution.Mode == EvolutionOff:
	case s.Schema == nil:
		list = append(list, fmt.Sprintf("evolution: %s has no effect: the stream has no schema", s.Evolution.Mode))
	case s.Schema.Version != 0:
		list = append(list, fmt.Sprintf("evolution: %s has no effect: the stream names version %d of %s, and follows no other", s.Evolution.Mode, s.Schema.Version, s.Schema.Subject))
	}
	return list
}

// EvolutionLimits are the limits in force, with their defaults.
func (s *Stream) EvolutionLimits() EvolutionLimits {
	var l EvolutionLimits
	if s.Evolution != nil && s.Evolution.Limits != nil {
		l = *s.Evolution.Limits
	}
	if len(l.Kinds) == 0 {
		l.Kinds = []string{"field"}
	}
	for _, d := range []struct {
		at    *int
		value int
	}{{&l.MinEntries, 100}, {&l.MinProducers, 1}, {&l.MaxEdits, 3}, {&l.MaxPerDay, 3}} {
		if *d.at == 0 {
			*d.at = d.value
		}
	}
	if l.MinAge == 0 {
		l.MinAge = Duration(10 * time.Minute)
	}
	return l
}

// recent checks a RecentSpec.
func (v *InvalidStream) recent(r *RecentSpec) {
	if r == nil {
		return
	}
	if r.Keep < 0 || r.Keep > maxRecentKeep {
		v.add("/recent/keep", "must be 1 to %d events", maxRecentKeep)
	}
	if r.MaxBytes != 0 && (r.MaxBytes < 64<<10 || r.MaxBytes > maxRecentBytes) {
		v.add("/recent/max_bytes", "must be 65536 (64 KiB) to %d bytes (1 GiB)", maxRecentBytes)
	}
	v.pointers("/recent/redact", r.Redact.Pointers)
}

// evolution checks an EvolutionSpec.
func (v *InvalidStream) evolution(e *EvolutionSpec) {
	if e == nil {
		return
	}
	switch e.Mode {
	case "", EvolutionOff, EvolutionPropose, EvolutionAuto:
	default:
		v.add("/evolution/mode", "must be %s, %s or %s", EvolutionOff, EvolutionPropose, EvolutionAuto)
	}
	l := e.Limits
	if l == nil {
		return
	}
	for _, kind := range l.Kinds {
		if !slices.Contains(EvolutionKinds(), kind) {
			v.add("/evolution/limits/kinds", "must be some of %s", strings.Join(EvolutionKinds(), ", "))
			break
		}
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"min_entries", l.MinEntries}, {"min_producers", l.MinProducers}, {"max_edits", l.MaxEdits}, {"max_per_day", l.MaxPerDay}} {
		if n.value < 0 || n.value > 1_000_000 {
			v.add("/evolution/limits/"+n.name, "must be 1 to 1000000")
		}
	}
	v.duration("/evolution/limits/min_age", l.MinAge, time.Millisecond, 30*24*time.Hour)
	v.pointers("/evolution/limits/paths", l.Paths)
}

// pointers checks a list of JSON Pointers.
func (v *InvalidStream) pointers(field string, list []string) {
	if len(list) > maxRedact {
		v.add(field, "must have at most %d pointers", maxRedact)
		return
	}
	for _, p := range list {
		if p == "" {
			v.add(field, "must have JSON Pointers (RFC 6901), which begin with '/'")
			return
		}
		v.pointer(field, p)
	}
}
