package quarantine

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/db"
)

// maxIDs is how many ids a filter lists at most.
const maxIDs = 1000

// InputError says which part of a request is wrong, in words for the person who made it.
type InputError struct {
	Field   string // as it is called in JSON and in query parameters
	Message string
}

func (e *InputError) Error() string { return e.Field + ": " + e.Message }

// Filter selects entries: those that satisfy every field that is set. The zero value
// selects all.
type Filter struct {
	Stream string `json:"stream,omitempty"`
	Group  string `json:"group,omitempty"`
	// Code and Rule select entries that have a reason with this code, and with this rule;
	// if both are set, one reason has both.
	Code   lazaret.Code `json:"code,omitempty"`
	Rule   string       `json:"rule,omitempty"`
	Status Status       `json:"status,omitempty"`
	// Since (inclusive) and Until (exclusive) bound the time at which the event was received.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	IDs   []string  `json:"ids,omitempty"`
	// Source is a source's kind ("http", "kafka", "file"), or kind and name ("kafka:orders").
	Source        string `json:"source,omitempty"`
	SchemaVersion int    `json:"schema_version,omitempty"`
}

// Validate returns an *InputError if no entry could ever match because the filter is
// not well formed.
func (f Filter) Validate() error {
	switch f.Status {
	case "", Quarantined, Released, Discarded:
	default:
		return &InputError{"status", fmt.Sprintf("%q is not quarantined, released or discarded", f.Status)}
	}
	if f.Group != "" {
		if b, err := hex.DecodeString(f.Group); err != nil || len(b) != fingerprintSize || f.Group != strings.ToLower(f.Group) {
			return &InputError{"group", fmt.Sprintf("%q is not a group: they are written with 32 hexadecimal digits in lower case", f.Group)}
		}
	}
	if f.Code != "" && !strings.Contains(string(f.Code), ".") {
		return &InputError{"code", fmt.Sprintf("%q is not a reason code such as schema.required or rule.failed", f.Code)}
	}
	if !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return &InputError{"until", "until is not after since: since is inclusive, until is exclusive"}
	}
	if len(f.IDs) > maxIDs {
		return &InputError{"ids", fmt.Sprintf("%d ids; at most %d: split the list, or filter by stream, group or time", len(f.IDs), maxIDs)}
	}
	for _, id := range f.IDs {
		if id == "" {
			return &InputError{"ids", "an id is empty"}
		}
	}
	if strings.HasPrefix(f.Source, ":") {
		return &InputError{"source", fmt.Sprintf("%q has no kind: write http, kafka or file, or kafka:TOPIC", f.Source)}
	}
	if f.SchemaVersion < 0 {
		return &InputError{"schema_version", fmt.Sprintf("%d is not a version: they begin at 1", f.SchemaVersion)}
	}
	return nil
}

// forWrites is the filter for an operation that changes entries: only quarantined
// entries can change.
func (f Filter) forWrites(what string) (Filter, error) {
	if err := f.Validate(); err != nil {
		return f, err
	}
	if f.Status == "" {
		f.Status = Quarantined
	}
	if f.Status != Quarantined {
		return f, &InputError{"status", fmt.Sprintf("only quarantined entries can be %s, not %s ones", what, f.Status)}
	}
	return f, nil
}

// conditions collects the terms of a WHERE clause and their arguments.
type conditions struct {
	terms []string
	args  []any
}

func (c *conditions) add(term string, args ...any) {
	c.terms = append(c.terms, term)
	c.args = append(c.args, args...)
}

// where is the clause, without its keyword; never empty.
func (c *conditions) where() string {
	if len(c.terms) == 0 {
		return "1 = 1"
	}
	return strings.Join(c.terms, " AND ")
}

// selection is a query over entries, called e.
type selection struct {
	conditions
	from string
	seq  string // the column that orders it
}

// entries is the query for the entries that f selects. With a code or a rule it walks
// the index of reasons, which is in the order of seq too, and takes each entry once.
func (f Filter) entries() *selection {
	s := &selection{from: "quarantine_entries e", seq: "e.seq"}
	if f.Code != "" || f.Rule != "" {
		// A CROSS JOIN keeps the reasons in the outer loop.
		s.from, s.seq = "quarantine_reasons r CROSS JOIN quarantine_entries e", "r.seq"
		s.add("e.seq = r.seq")
		f.reasons(&s.conditions)
		const once = "NOT EXISTS (SELECT 1 FROM quarantine_reasons d WHERE d.seq = r.seq AND d.code %s r.code AND d.rule %s r.rule)"
		switch {
		case f.Rule == "":
			s.add(fmt.Sprintf(once, "=", "<"))
		case f.Code == "":
			s.add(fmt.Sprintf(once, "<", "="))
		}
	}
	if f.Stream != "" {
		s.add("e.stream = ?", f.Stream)
	}
	if f.Group != "" {
		s.add("e.grp = ?", f.Group)
	}
	if f.Status != "" {
		s.add("e.status = ?", string(f.Status))
	}
	if !f.Since.IsZero() {
		s.add("e.received >= ?", db.Micros(f.Since))
	}
	if !f.Until.IsZero() {
		s.add("e.received < ?", db.Micros(f.Until))
	}
	f.particulars(&s.conditions)
	return s
}

// reasons adds the terms on a reason, called r.
func (f Filter) reasons(c *conditions) {
	if f.Code != "" {
		c.add("r.code = ?", string(f.Code))
	}
	if f.Rule != "" {
		c.add("r.rule = ? AND r.rule <> ''", f.Rule) // says that the partial index will do
	}
}

// particulars adds the terms that only an entry, called e, can answer.
func (f Filter) particulars(c *conditions) {
	if len(f.IDs) > 0 {
		args := make([]any, len(f.IDs))
		for i, id := range f.IDs {
			args[i] = id
		}
		c.add("e.id IN (?"+strings.Repeat(", ?", len(args)-1)+")", args...)
	}
	if f.Source != "" {
		kind, name, named := strings.Cut(f.Source, ":")
		c.add("e.source_kind = ?", kind)
		if named {
			c.add("e.source_name = ?", name)
		}
	}
	if f.SchemaVersion != 0 {
		c.add("e.schema_version = ?", f.SchemaVersion)
	}
}

// groups returns the terms for the groups, called g, that hold what f selects.
func (f Filter) groups() *conditions {
	c := &conditions{}
	if f.Stream != "" {
		c.add("g.stream = ?", f.Stream)
	}
	if f.Group != "" {
		c.add("g.fingerprint = ?", f.Group)
	}
	switch f.Status {
	case Quarantined:
		c.add("g.quarantined > 0")
	case Released:
		c.add("g.released > 0")
	case Discarded:
		c.add("g.discarded > 0")
	}
	if !f.Since.IsZero() {
		c.add("g.last_seen >= ?", db.Micros(f.Since))
	}
	if !f.Until.IsZero() {
		c.add("g.first_seen < ?", db.Micros(f.Until))
	}
	if f.Code != "" || f.Rule != "" {
		r := conditions{terms: []string{"r.grp = g.fingerprint"}}
		f.reasons(&r)
		c.add("EXISTS (SELECT 1 FROM quarantine_group_reasons r WHERE "+r.where()+")", r.args...)
	}
	e := conditions{terms: []string{"e.grp = g.fingerprint"}}
	if f.particulars(&e); len(e.terms) > 1 {
		c.add("EXISTS (SELECT 1 FROM quarantine_entries e WHERE "+e.where()+")", e.args...)
	}
	return c
}
