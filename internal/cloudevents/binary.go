package cloudevents

import (
	"strings"

	"github.com/lazaret/lazaret"
)

// parseBinary reads an event whose attributes are headers and whose payload is the
// body. Headers of HTTP are ce-* and percent-encoded; those of Kafka are ce_* and are
// taken as they are.
func parseBinary(e *lazaret.Event, contentType string) (*Envelope, []lazaret.Reason) {
	r := reader{envelope: &Envelope{}}
	if contentType != "" {
		r.set("datacontenttype", contentType)
	}
	for _, h := range e.Headers {
		name, http := strings.CutPrefix(h.Name, "ce-")
		if !http {
			var kafka bool
			if name, kafka = strings.CutPrefix(h.Name, "ce_"); !kafka {
				continue
			}
		}
		switch {
		case name == "datacontenttype":
			r.fail(name, "is given by a header of its own; in the binary mode the content type says it")
		case name == "data":
			r.fail(name, "is given by a header; in the binary mode it is the body")
		case r.admit(name):
			value, ok := h.Value, true
			if http {
				value, ok = decodeHeader(h.Value)
			}
			if !ok {
				r.fail(name, "is not percent-encoded as the CloudEvents HTTP binding says")
				continue
			}
			r.set(name, value)
		}
	}
	if len(e.Data) == 0 {
		r.fail("data", "is missing; there is nothing to check")
	} else {
		r.envelope.Payload = e.Data
	}
	return r.finish()
}

// decodeHeader decodes an attribute as section 3.1.3.2 of the HTTP binding has it:
// first a quoted string (RFC 7230, section 3.2.6), then one round of percent-decoding.
// That the result is UTF-8 is checked with the value.
func decodeHeader(v string) (string, bool) {
	if strings.HasPrefix(v, `"`) {
		var ok bool
		if v, ok = unquote(v); !ok {
			return "", false
		}
	}
	if !strings.Contains(v, "%") {
		return v, true
	}
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] != '%' {
			out = append(out, v[i])
			continue
		}
		if i+2 >= len(v) || !isHex(v[i+1]) || !isHex(v[i+2]) {
			return "", false
		}
		out = append(out, unhex(v[i+1])<<4|unhex(v[i+2]))
		i += 2
	}
	return string(out), true
}

// unquote returns the text of an HTTP quoted string.
func unquote(v string) (string, bool) {
	out := make([]byte, 0, len(v))
	for i := 1; i < len(v); i++ {
		switch c := v[i]; c {
		case '"':
			return string(out), i == len(v)-1
		case '\\':
			if i++; i == len(v) {
				return "", false
			}
			out = append(out, v[i])
		default:
			out = append(out, c)
		}
	}
	return "", false
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
