package cloudevents

import (
	"mime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lazaret/lazaret"
)

// maxNameInPath is how long a name may be to be shown in a reason, in bytes.
const maxNameInPath = 128

// isCore reports whether the name has a reason code of its own. The list bounds the
// codes, which are labels of metrics.
func isCore(name string) bool {
	switch name {
	case "specversion", "id", "source", "type", "subject", "time",
		"dataschema", "datacontenttype", "data", "partitionkey":
		return true
	}
	return false
}

// validName reports whether the name follows CloudEvents' rule for attributes.
func validName(name string) bool {
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// set checks an attribute's value and keeps it.
func (r *reader) set(name, value string) {
	if problem := checkText(value); problem != "" {
		r.fail(name, problem)
		return
	}
	v := r.envelope
	switch name {
	case "specversion":
		if value != SpecVersion {
			r.fail(name, `is not "1.0", the version that is understood`)
		}
	case "id":
		r.nonEmpty(name, value, &v.ID)
	case "type":
		r.nonEmpty(name, value, &v.Type)
	case "subject":
		r.nonEmpty(name, value, &v.Subject)
	case "source":
		if value == "" || !isReference(value) {
			r.fail(name, "is not a URI-reference (RFC 3986) of at least one character")
			return
		}
		v.Source = value
	case "dataschema":
		if !isURI(value) {
			r.fail(name, "is not an absolute URI (RFC 3986)")
			return
		}
		v.DataSchema = value
	case "time":
		t, ok := parseTime(value)
		if !ok {
			r.fail(name, "is not a time of RFC 3339 such as 2006-01-02T15:04:05Z")
			return
		}
		v.Time = t
	case "datacontenttype":
		r.setContentType(value)
	case "partitionkey":
		r.nonEmpty(name, value, &v.PartitionKey)
		v.Extensions = append(v.Extensions, lazaret.Header{Name: name, Value: value})
	default:
		v.Extensions = append(v.Extensions, lazaret.Header{Name: name, Value: value})
	}
}

func (r *reader) nonEmpty(name, value string, to *string) {
	if value == "" {
		r.fail(name, "is empty")
		return
	}
	*to = value
}

// setContentType keeps the payload's media type, which must be one of JSON.
func (r *reader) setContentType(value string) {
	t, _, err := mime.ParseMediaType(value)
	main, sub, found := strings.Cut(t, "/")
	if err != nil || !found || main == "" || sub == "" {
		r.fail("datacontenttype", "is not a media type such as application/json")
		return
	}
	r.envelope.DataContentType = value
	if sub != "json" && !strings.HasSuffix(sub, "+json") {
		r.fail("datacontenttype", "is not a media type of JSON, */json or *+json; only JSON can be checked")
	}
}

// checkText returns what is wrong with a value as a string of CloudEvents, or "".
func checkText(s string) string {
	if !utf8.ValidString(s) {
		return "is not valid UTF-8"
	}
	for _, c := range s {
		switch {
		case c < 0x20, 0x7F <= c && c <= 0x9F:
			return "holds a control character"
		case 0xFDD0 <= c && c <= 0xFDEF, c&0xFFFE == 0xFFFE:
			return "holds a code point that is not a character"
		}
	}
	return ""
}

// parseTime reads a time of RFC 3339, in lower or upper case, a leap second among
// them: 23:59:60 UTC is taken for the second that follows it.
func parseTime(s string) (time.Time, bool) {
	b := []byte(s)
	if len(b) < len("2006-01-02T15:04:05Z") {
		return time.Time{}, false
	}
	for _, i := range []int{10, len(b) - 1} {
		if b[i] == 't' || b[i] == 'z' {
			b[i] -= 'a' - 'A'
		}
	}
	leap := slices.Equal(b[16:19], []byte(":60"))
	if leap {
		copy(b[16:], ":59")
	}
	t, err := time.Parse(time.RFC3339, string(b))
	if err != nil || !strictTime(b) {
		return time.Time{}, false
	}
	t = t.UTC()
	if leap {
		if t.Hour() != 23 || t.Minute() != 59 {
			return time.Time{}, false
		}
		t = t.Add(time.Second)
	}
	return t, 0 <= t.Year() && t.Year() <= 9999 // or it could not be written again
}

// strictTime refuses what package time takes for RFC 3339 beyond the RFC: an hour of
// one digit, a comma before the fraction, and offsets of 24 hours and more.
func strictTime(b []byte) bool {
	if b[13] != ':' || b[19] == ',' {
		return false
	}
	zone := b[len(b)-min(len(b), len("+00:00")):]
	if zone[0] != '+' && zone[0] != '-' {
		return true // it ends with Z
	}
	return string(zone[1:3]) < "24" && string(zone[4:6]) < "60"
}
