package gateway

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// SchemaRef names the schema of a stream's events, and which of its versions they may name.
type SchemaRef struct {
	Subject string `json:"subject" yaml:"subject"`
	// Version judges events that name none; 0 is the latest, followed as it grows.
	Version int `json:"version,omitempty" yaml:"version"`
	// NamedBy are the places where an event may name a version; the first that the event has
	// decides. Without any, Version judges every event.
	NamedBy []NamedBy `json:"named_by,omitempty" yaml:"named_by"`
	// Accept are the versions that an event may name, beside Version.
	Accept []AcceptedVersion `json:"accept,omitempty" yaml:"accept"`
}

// NamedBy is a place where an event may name a version of its schema: exactly one field is
// set. The name is a number, "lazaret:subject:number", or the URL of a registry that ends with
// /subjects/subject/versions/number or /schemas/ids/id.
type NamedBy struct {
	DataSchema bool   `json:"dataschema,omitempty" yaml:"dataschema"` // the CloudEvents attribute
	Header     string `json:"header,omitempty" yaml:"header"`         // upper and lower case are one
	Field      string `json:"field,omitempty" yaml:"field"`           // JSON Pointer into the payload
	// RegistryID is the Confluent wire format: a zero byte and a global id of four bytes before
	// the payload. They are no part of what is judged, also where another place decides.
	RegistryID bool `json:"registry_id,omitempty" yaml:"registry_id"`
}

// AcceptedVersion is a version that events may name, or all that there are or will be.
type AcceptedVersion struct {
	Version int  `json:"version,omitempty" yaml:"version"`
	All     bool `json:"all,omitempty" yaml:"all"`
	// Until is a time in RFC 3339: events that are received then or later must not name it any
	// more. "": that does not end.
	Until string `json:"until,omitempty" yaml:"until"`
}

// Ends is the time that Until says; zero if it says none.
func (a AcceptedVersion) Ends() time.Time {
	t, _ := time.Parse(time.RFC3339, a.Until)
	return t
}

// Needs says whether a stream with that reference, whose own version is active now, cannot
// do without a version of a subject; 0 is any.
func (r *SchemaRef) Needs(subject string, version, active int) bool {
	return r != nil && r.Subject == subject && (version == 0 || version == active ||
		slices.ContainsFunc(r.Accept, func(a AcceptedVersion) bool { return a.Version == version }))
}

// Accepts says whether events may name a version that is not the stream's own, ends aside; it
// is true also if no event names any. 0 is one that is not known yet.
func (r *SchemaRef) Accepts(version int) bool {
	return len(r.NamedBy) == 0 || slices.ContainsFunc(r.Accept, func(a AcceptedVersion) bool { return a.All || a.Version == version })
}

// RegistryHeader is where newer clients of Confluent's name the schema of a record's value.
const RegistryHeader = "__value_schema_id"

// NamingHeaders are the headers that may name a version, and so have to be kept with events.
func (s *Stream) NamingHeaders() []string {
	if s.Schema == nil {
		return nil
	}
	var list []string
	for _, by := range s.Schema.NamedBy {
		switch {
		case by.Header != "":
			list = append(list, by.Header)
		case by.RegistryID:
			list = append(list, RegistryHeader)
		}
	}
	return list
}

// KeepsHeader says whether a header has to be kept with events because it may name a version.
func KeepsHeader(naming []string, name string) bool {
	return slices.ContainsFunc(naming, func(n string) bool { return strings.EqualFold(n, name) })
}

const (
	maxNamedBy  = 8
	maxAccepted = 50
)

// namedEvolution refuses a stream that would move on by itself and leave behind what its
// producers name.
func (v *InvalidStream) namedEvolution(s *Stream) {
	if s.Schema != nil && s.EvolutionMode() == EvolutionAuto && !s.Schema.Accepts(0) {
		v.add("/schema/accept", "must have all: true with evolution auto: else events that name the version before are refused whenever there is a new one")
	}
}

func (v *InvalidStream) namedBy(ref *SchemaRef) {
	if len(ref.NamedBy) > maxNamedBy {
		v.add("/schema/named_by", "must be at most %d places", maxNamedBy)
		return
	}
	for i, by := range ref.NamedBy {
		at := fmt.Sprintf("/schema/named_by/%d", i)
		set := 0
		for _, is := range []bool{by.DataSchema, by.Header != "", by.Field != "", by.RegistryID} {
			if is {
				set++
			}
		}
		switch {
		case set != 1:
			v.add(at, "must have exactly one of dataschema: true, header, field and registry_id: true")
		case slices.Contains(ref.NamedBy[:i], by):
			v.add(at, "is there twice")
		case by.Header != "":
			v.namingHeader(at+"/header", by.Header)
		case by.Field != "":
			v.pointer(at+"/field", by.Field)
		}
	}
}

// namingHeader refuses what is no header's name, and headers whose values are no names of
// versions and must not be kept.
func (v *InvalidStream) namingHeader(at, name string) {
	odd := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) }
	if len(name) > maxHeaderName || strings.ContainsFunc(name, odd) {
		v.add(at, "must be a header's name such as schema-version, in at most %d characters", maxHeaderName)
	}
	switch strings.ToLower(name) {
	case "authorization", "proxy-authorization", "cookie", "idempotency-key", "content-type", "content-length", "content-encoding", "host":
		v.add(at, "must be a header of the sender's own: this one means something else")
	}
}

func (v *InvalidStream) accept(ref *SchemaRef) {
	switch {
	case len(ref.Accept) > maxAccepted:
		v.add("/schema/accept", "must be at most %d versions; all: true accepts every one", maxAccepted)
		return
	case len(ref.Accept) > 0 && len(ref.NamedBy) == 0:
		v.add("/schema/accept", "has no effect while events cannot name a version: say in named_by where they do")
	}
	for i, a := range ref.Accept {
		at := fmt.Sprintf("/schema/accept/%d", i)
		same := func(o AcceptedVersion) bool { return o.Version == a.Version && o.All == a.All }
		switch {
		case a.Version < 0:
			v.add(at+"/version", "must be 1 or more")
		case (a.Version > 0) == a.All:
			v.add(at, "must have either version or all: true")
		case slices.ContainsFunc(ref.Accept[:i], same):
			v.add(at, "is there twice")
		case a.Version > 0 && a.Version == ref.Version:
			v.add(at+"/version", "is the stream's own version, which events may name without it, and which does not end")
		}
		if t := a.Ends(); a.Until != "" && (t.IsZero() || t.Year() < 1970) {
			v.add(at+"/until", "must be a time of RFC 3339 such as 2026-12-31T00:00:00Z")
		}
	}
}
