package recent

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/jsonread"
)

// Redactor replaces values of events by placeholders of the same type: texts by "x", numbers
// by 0, true by false. Names of members, the numbers of items and null stay. Pointers are
// into the payload; attributes of a CloudEvent stay. It is immutable.
type Redactor struct{ root *place }

// place is where pointers lead through. all: everything from here on.
type place struct {
	all  bool
	next map[string]*place
}

// NewRedactor makes the redactor of what the stream's author asked for.
func NewRedactor(r gateway.Redact) *Redactor {
	root := &place{all: r.All, next: map[string]*place{}}
	for _, pointer := range r.Pointers {
		at := root
		tokens, _ := jsonread.ParsePointer(pointer)
		for _, token := range tokens {
			if at.next[token] == nil {
				at.next[token] = &place{next: map[string]*place{}}
			}
			at = at.next[token]
		}
		at.all = true
	}
	return &Redactor{root}
}

// step is where a member or an item leads from some places.
func step(from []*place, token string) (to []*place) {
	for _, p := range from {
		if next := p.next[token]; next != nil {
			to = append(to, next)
		}
		if next := p.next["*"]; next != nil && token != "*" {
			to = append(to, next)
		}
	}
	return to
}

func whole(list []*place) bool {
	for _, p := range list {
		if p.all {
			return true
		}
	}
	return false
}

// Touches says whether the value at a JSON Pointer into the payload was replaced, or holds
// one that was.
func (r *Redactor) Touches(pointer string) bool {
	at := []*place{r.root}
	tokens, _ := jsonread.ParsePointer(pointer)
	for _, token := range tokens {
		if whole(at) {
			return true
		}
		if at = step(at, token); len(at) == 0 {
			return false
		}
	}
	return true
}

// Hides says whether a text, number, true or false at a path into the payload is a placeholder.
func (r *Redactor) Hides(path []string) bool {
	at := []*place{r.root}
	for _, name := range path {
		if whole(at) {
			return true
		}
		at = step(at, name)
	}
	return whole(at)
}

// Event returns the event without the values that are not to be kept; ok is false if they
// cannot be told from the others. The Kafka key goes, and all headers but those that say what
// the event is.
func (r *Redactor) Event(e *lazaret.Event) (clean *lazaret.Event, ok bool) {
	id, payload, framed := lazaret.CutFrame(e.Data)
	value, bad := jsonread.Decode(payload, jsonread.Limits{})
	if bad != nil {
		return nil, false
	}
	start := []*place{r.root}
	if structured(e) {
		envelope, is := value.(map[string]any)
		if _, packed := envelope["data_base64"]; !is || packed {
			return nil, false
		}
		if data, has := envelope["data"]; has {
			envelope["data"] = redact(data, start)
		}
	} else {
		value = redact(value, start)
	}
	var out bytes.Buffer
	if framed { // it stays: which schema an event is of is no value of it
		out.Write(lazaret.AppendFrame(nil, id))
	}
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if enc.Encode(value) != nil {
		return nil, false
	}
	kept := *e
	kept.Data, kept.Key, kept.Headers = bytes.TrimRight(out.Bytes(), "\n"), nil, nil
	for _, h := range e.Headers {
		if name := strings.ToLower(h.Name); name == "content-type" || strings.HasPrefix(name, "ce-") || strings.HasPrefix(name, "ce_") {
			kept.Headers = append(kept.Headers, h)
		}
	}
	return &kept, true
}

// structured says whether the event is a CloudEvent with its payload inside.
func structured(e *lazaret.Event) bool {
	contentType := e.ContentType
	if contentType == "" {
		contentType = e.Header("content-type")
	}
	media, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(media), "application/cloudevents+json")
}

func redact(value any, at []*place) any {
	if len(at) == 0 {
		return value
	}
	all := whole(at)
	next := func(token string) []*place {
		if all {
			return at
		}
		return step(at, token)
	}
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = redact(member, next(name))
		}
	case []any:
		for i, item := range v {
			v[i] = redact(item, next(strconv.Itoa(i)))
		}
	}
	if !all {
		return value
	}
	switch value.(type) {
	case string:
		return "x"
	case json.Number:
		return json.Number("0")
	case bool:
		return false
	}
	return value
}
