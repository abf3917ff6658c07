package cloudevents

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/jsonread"
)

// envelopeLimits hold for a structured document. They let pass in its payload what
// whoever judges the payload has limits for; depth is bounded to bound the memory.
func envelopeLimits() jsonread.Limits {
	return jsonread.Limits{
		Depth:              10_000,
		NumberLength:       -1,
		Exponent:           -1,
		Values:             -1,
		AllowDuplicateKeys: true,
	}
}

// parseStructured reads an event whose attributes and payload are one JSON object.
func parseStructured(e *lazaret.Event) (*Envelope, []lazaret.Reason) {
	members, object, err := jsonread.Members(e.Data, envelopeLimits())
	switch {
	case err != nil:
		return nil, []lazaret.Reason{err.Reason()}
	case !object:
		r := reader{}
		r.add("specversion", "", "the document is not a JSON object with the attributes of a CloudEvent")
		return nil, r.reasons
	}
	if reason, twice := duplicate(members); twice {
		return nil, []lazaret.Reason{reason}
	}
	r := reader{envelope: &Envelope{}, structured: true}
	var base64 []byte
	for _, m := range members {
		switch {
		case m.Name == "data":
			r.envelope.Payload = m.Value
		case string(m.Value) == "null": // as good as absent
		case m.Name == "data_base64":
			base64 = m.Value
		case r.admit(m.Name):
			r.setJSON(m.Name, m.Value)
		}
	}
	r.setPayload(base64)
	return r.finish()
}

// duplicate finds a name that the envelope has twice.
func duplicate(members []jsonread.Member) (lazaret.Reason, bool) {
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.Name
	}
	slices.Sort(names)
	for i := 1; i < len(names); i++ {
		if names[i] != names[i-1] {
			continue
		}
		path := ""
		if len(names[i]) <= maxNameInPath {
			path = jsonread.Pointer(names[i])
		}
		return lazaret.Reason{
			Code:    lazaret.CodeDuplicateKey,
			Path:    path,
			Message: "the CloudEvent's document has a member of this name more than once",
		}, true
	}
	return lazaret.Reason{}, false
}

// setJSON sets an attribute from its JSON value. Extensions may be of the types
// boolean and integer as well as string.
func (r *reader) setJSON(name string, raw []byte) {
	if raw[0] == '"' {
		value, _ := jsonread.Unquote(raw)
		r.set(name, value)
		return
	}
	if isCore(name) {
		r.fail(name, "is not a string")
		return
	}
	value := string(raw)
	if value != "true" && value != "false" {
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil {
			r.fail(name, "is not a string, a boolean or a whole number of 32 bits")
			return
		}
		value = strconv.FormatInt(n, 10)
	}
	r.set(name, value)
}

// setPayload decides between data, which the envelope holds already, and data_base64,
// whose raw value is given, or nil.
func (r *reader) setPayload(raw []byte) {
	switch {
	case r.envelope.Payload == nil && raw == nil:
		r.fail("data", "is missing; there is nothing to check")
	case raw == nil:
	case r.envelope.Payload != nil:
		r.envelope.Payload = nil
		r.fail("data", "is given twice, as data and as data_base64")
	default:
		text, ok := jsonread.Unquote(raw)
		payload, err := base64.StdEncoding.Strict().DecodeString(text)
		switch {
		case !ok || err != nil || strings.ContainsAny(text, "\r\n"):
			r.add("data", "/data_base64", "data_base64 is not a string of base64 (RFC 4648, section 4)")
		case len(payload) == 0:
			r.add("data", "/data_base64", "data_base64 is empty; there is nothing to check")
		default:
			r.envelope.Payload = payload
		}
	}
}
