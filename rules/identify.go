package rules

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/cloudevents"
	"github.com/lazaret/lazaret/internal/jsonread"
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
	if !ok || len(raw) == 0 {
		return ""
	}
	switch raw[0] {
	case '{', '[', 'n':
		return ""
	case '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return ""
		}
		return s
	}
	return string(raw)
}
