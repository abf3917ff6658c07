package rules

import (
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/cloudevents"
)

// env is what an expression sees. The budget has a name that no expression can write.
type env struct {
	Event  any      `expr:"event"`
	Meta   *metaEnv `expr:"meta"`
	Budget *budget  `expr:"#budget"`
}

// metaEnv is the value of meta.
type metaEnv struct {
	ID          string            `expr:"id"`
	Key         string            `expr:"key"`
	Time        *time.Time        `expr:"time"` // nil if the event has none
	Received    time.Time         `expr:"received"`
	Stream      string            `expr:"stream"`
	ContentType string            `expr:"content_type"`
	Source      string            `expr:"source"`
	Headers     map[string]string `expr:"headers"`
	CE          map[string]string `expr:"ce"`
}

var metaFields = []string{"id", "key", "time", "received", "stream", "content_type", "source", "headers", "ce"}

// uses says which parts of meta expressions read; maps are made only if they do.
type uses struct{ any, headers, ce bool }

func (u uses) or(o uses) uses {
	return uses{u.any || o.any, u.headers || o.headers, u.ce || o.ce}
}

func newMeta(u uses, stream string, e *lazaret.Event, ce *cloudevents.Envelope, v *lazaret.Verdict) *metaEnv {
	m := &metaEnv{
		ID: v.ID, Key: v.Key, Received: e.Received.UTC(), Stream: stream,
		ContentType: e.ContentType, Source: e.Source.Kind,
	}
	if !v.Time.IsZero() {
		m.Time = &v.Time
	}
	if u.headers {
		m.Headers = make(map[string]string, len(e.Headers))
		for _, h := range e.Headers {
			if _, ok := m.Headers[h.Name]; !ok { // the first counts, as in Event.Header
				m.Headers[h.Name] = h.Value
			}
		}
	}
	if u.ce {
		m.CE = attributes(ce)
	}
	return m
}

func attributes(ce *cloudevents.Envelope) map[string]string {
	if ce == nil {
		return map[string]string{}
	}
	m := map[string]string{
		"id": ce.ID, "source": ce.Source, "type": ce.Type, "subject": ce.Subject, "dataschema": ce.DataSchema,
		"datacontenttype": ce.DataContentType, "partitionkey": ce.PartitionKey,
	}
	if !ce.Time.IsZero() {
		m["time"] = ce.Time.UTC().Format(time.RFC3339Nano)
	}
	for _, x := range ce.Extensions {
		m[x.Name] = x.Value
	}
	return m
}

// maxExact is the largest number up to which every whole number is a float64.
const maxExact = 1 << 53

// numbers replaces the json.Numbers in a decoded value, in place, by integers where
// they are whole and fit, else by float64. The depth is that of the text, which the
// reader has bounded.
func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		return number(string(v))
	case map[string]any:
		for k, item := range v {
			switch item.(type) {
			case json.Number, map[string]any, []any:
				v[k] = numbers(item)
			}
		}
	case []any:
		for i, item := range v {
			v[i] = numbers(item)
		}
	}
	return v
}

func number(s string) any {
	if i, err := strconv.ParseInt(s, 10, strconv.IntSize); err == nil {
		return int(i)
	}
	f, _ := strconv.ParseFloat(s, 64) // too large is infinite, and nothing that is computed with it passes
	if f == math.Trunc(f) && math.Abs(f) <= maxExact && math.Abs(f) <= math.MaxInt {
		return int(f)
	}
	return f
}
