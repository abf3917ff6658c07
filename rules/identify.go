package rules

import (
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/cloudevents"
	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/schemas"
)

// validPointer says whether p is a JSON Pointer (RFC 6901) to a place below the root.
func validPointer(p string) bool {
	if !strings.HasPrefix(p, "/") {
		return false
	}
	for i := strings.IndexByte(p, '~'); i >= 0; {
		if i+1 == len(p) || p[i+1] != '0' && p[i+1] != '1' {
			return false
		}
		next := strings.IndexByte(p[i+1:], '~')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return true
}

// identify takes id, key and time from a well-formed payload by the stream's pointers.
// What is not there, or is no scalar, stays empty.
func (c *Contract) identify(v *lazaret.Verdict, payload []byte) {
	v.ID = scalarAt(payload, c.cfg.ID)
	v.Key = scalarAt(payload, c.cfg.Key)
	if t, err := time.Parse(time.RFC3339, scalarAt(payload, c.cfg.Time)); err == nil {
		v.Time = t.UTC()
	}
}

// located is where a pointer of the configuration leads, as far as members of objects go.
type located struct {
	slot int    // of the span; negative if the payload as a whole is to be searched
	rest string // pointer from there
}

// locate finds a slot for a pointer, and adds to the pointers if there is none yet. "" has
// no place.
func locate(pointer string, pointers []string) (located, []string) {
	if pointer == "" {
		return located{slot: -1}, pointers
	}
	members, rest := pointer, ""
	for at, token := 0, ""; at < len(pointer); at += 1 + len(token) {
		token, _, _ = strings.Cut(pointer[at+1:], "/")
		if token != "" && '0' <= token[0] && token[0] <= '9' { // maybe an item of an array
			members, rest = pointer[:at], pointer[at:]
			break
		}
	}
	if members == "" {
		return located{slot: -1, rest: rest}, pointers
	}
	slot := slices.Index(pointers, members)
	if slot < 0 {
		slot = len(pointers)
		pointers = append(pointers, members)
	}
	return located{slot: slot, rest: rest}, pointers
}

func (l located) find(payload []byte, spans []schemas.Span) []byte {
	raw := payload
	if l.slot >= 0 {
		raw = payload[spans[l.slot].Start:spans[l.slot].End]
	} else if l.rest == "" {
		return nil
	}
	if l.rest != "" && len(raw) > 0 {
		raw, _ = jsonread.Find(raw, l.rest)
	}
	return raw
}

// identifyBySpans is identify for a payload that is good, of which the places are known.
func (c *Contract) identifyBySpans(v *lazaret.Verdict, payload []byte, spans []schemas.Span) {
	id, key := scalarText(c.id.find(payload, spans)), scalarText(c.key.find(payload, spans))
	// One allocation for the two, which must not be parts of the payload. Of two strings one
	// of which is empty, + gives the other one as it is.
	if both := id + key; id == "" || key == "" {
		v.ID, v.Key = strings.Clone(id), strings.Clone(key)
	} else {
		v.ID, v.Key = both[:len(id)], both[len(id):]
	}
	raw := c.time.find(payload, spans)
	if len(raw) == 0 || raw[0] != '"' {
		return
	}
	text := scalarText(raw)
	if at, ok := readRFC3339(text); ok {
		v.Time = time.Unix(int64(at.n), int64(at.f)).UTC()
	} else if t, err := time.Parse(time.RFC3339, text); err == nil {
		v.Time = t.UTC()
	}
}

// identifyCE takes from a CloudEvent what the stream has no pointer for.
func (c *Contract) identifyCE(v *lazaret.Verdict, ce *cloudevents.Envelope) {
	if ce == nil {
		return
	}
	if c.cfg.ID == "" {
		v.ID = ce.ID
	}
	if c.cfg.Key == "" {
		v.Key = ce.PartitionKey
	}
	if c.cfg.Time == "" && !ce.Time.IsZero() {
		v.Time = ce.Time.UTC()
	}
}

// scalarAt is the scalar at a pointer as text: a string's characters, a number's own
// digits. Null, an object, a list and nothing at all are "".
func scalarAt(payload []byte, pointer string) string {
	if pointer == "" {
		return ""
	}
	raw, ok := jsonread.Find(payload, pointer)
	if !ok {
		return ""
	}
	return strings.Clone(scalarText(raw))
}

// scalarText is the scalar as text. It may be a part of what it is given.
func scalarText(raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	text := unsafe.String(unsafe.SliceData(raw), len(raw))
	switch raw[0] {
	case '{', '[', 'n':
		return ""
	case '"':
		return unquoted(text)
	}
	return text
}
