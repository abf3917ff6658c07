// Package cloudevents reads the envelope of a CloudEvent 1.0, in the structured and
// in the binary mode, and finds the payload in it. Whatever the mode, the same event
// gives the same Envelope and the same payload.
//
// What is judged is the payload; the bytes that came are not changed.
package cloudevents

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/jsonread"
)

// SpecVersion is the version of CloudEvents that is understood.
const SpecVersion = "1.0"

// maxAttributes is how many attributes an event may have.
const maxAttributes = 256

// Envelope is what a CloudEvent says of its payload. An attribute that the event does
// not have, or that is not valid, is empty.
type Envelope struct {
	ID, Source, Type, Subject, DataSchema string
	// DataContentType is the payload's media type as the event gives it; "" means JSON.
	DataContentType string
	// PartitionKey is the extension partitionkey, which is among Extensions as well.
	PartitionKey string
	// Time is in UTC; zero if the event has none.
	Time time.Time
	// Extensions are all other attributes, sorted by name, as CloudEvents writes them
	// in text: true, -7, or the string itself. Names are lower case, without a prefix.
	Extensions []lazaret.Header
	// Payload is the JSON text to be judged; nil if there is none. It may be a part of
	// Event.Data and must not be written to.
	Payload []byte
}

// Parse reads the CloudEvent that e is. It decides by the content type: the media
// type application/cloudevents+json is the structured mode, with parameters or
// without; otherwise a header ce-specversion or, as Kafka has it, ce_specversion is
// the binary mode. Anything else, a batch among it, is not a CloudEvent: nil, nil.
//
// The reasons say what is wrong with the envelope, sorted; there are none if it is
// good. With reasons the Envelope holds what could be read nevertheless, and is nil
// only if the structured document could not be read at all.
//
// Reasons of the structured mode have the path of the attribute within the document,
// those of the binary mode have the path "". An attribute that this package does not
// know, whatever its name, has the code envelope.extension.
//
// The limits on depth, numbers, values and duplicate names inside the payload are
// left to whoever judges it, so that both modes give the same reasons.
func Parse(e *lazaret.Event) (*Envelope, []lazaret.Reason) {
	contentType := e.ContentType
	if contentType == "" {
		contentType = e.Header("content-type")
	}
	if mediaType(contentType) == "application/cloudevents+json" {
		return parseStructured(e)
	}
	for _, h := range e.Headers {
		if h.Name == "ce-specversion" || h.Name == "ce_specversion" {
			return parseBinary(e, contentType)
		}
	}
	return nil, nil
}

// mediaType returns the media type in lower case, without parameters.
func mediaType(contentType string) string {
	t, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// reader gathers the attributes of one event.
type reader struct {
	envelope   *Envelope
	structured bool
	seen       []string // names of the attributes that the event has, good or bad
	reasons    []lazaret.Reason
	full       bool // there were more attributes than are read
}

// admit takes note that the event has the attribute, and reports whether its value is to
// be looked at: not if its name is malformed, if it was there before, or if there are
// too many.
func (r *reader) admit(name string) bool {
	switch {
	case r.full:
		return false
	case len(r.seen) == maxAttributes:
		r.full = true
		r.add("extension", "", fmt.Sprintf("the event has more than %d attributes", maxAttributes))
		return false
	case slices.Contains(r.seen, name):
		r.fail(name, "is given more than once")
		return false
	}
	r.seen = append(r.seen, name)
	if !validName(name) {
		r.fail(name, "has a name that is not allowed; expected lower-case letters a to z and digits")
		return false
	}
	return true
}

// finish reports what is missing and sorts everything.
func (r *reader) finish() (*Envelope, []lazaret.Reason) {
	for _, name := range []string{"specversion", "id", "source", "type"} {
		if !slices.Contains(r.seen, name) {
			r.fail(name, "is missing; every CloudEvent has one")
		}
	}
	slices.SortFunc(r.envelope.Extensions, func(a, b lazaret.Header) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(r.reasons, lazaret.Reason.Compare)
	return r.envelope, slices.Compact(r.reasons)
}

// fail adds a reason about the attribute; the message begins with its name.
func (r *reader) fail(name, message string) {
	code, subject := name, "the attribute "+name+" "
	if !isCore(name) {
		code, subject = "extension", "an extension attribute "
	}
	path := ""
	if r.structured && len(name) <= maxNameInPath {
		path = jsonread.Pointer(name)
	} else if !r.structured && !isCore(name) && validName(name) && len(name) <= maxNameInPath {
		subject = "the extension attribute " + name + " " // the path does not say which
	}
	r.add(code, path, subject+message)
}

func (r *reader) add(code, path, message string) {
	r.reasons = append(r.reasons, lazaret.Reason{Code: lazaret.EnvelopeCode(code), Path: path, Message: message})
}
