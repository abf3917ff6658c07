package sink

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
)

// encoder turns the records of a batch into lines.
type encoder struct {
	format gateway.Format
}

// newEncoder checks the format; "" is FormatRecord.
func newEncoder(f gateway.Format) (encoder, error) {
	switch f {
	case "", gateway.FormatRecord:
		return encoder{gateway.FormatRecord}, nil
	case gateway.FormatEvent:
		return encoder{gateway.FormatEvent}, nil
	}
	return encoder{}, fmt.Errorf("sink format %q is unknown; it is %q or %q", f, gateway.FormatRecord, gateway.FormatEvent)
}

// batch appends a line for each record.
func (e encoder) batch(dst []byte, records []lazaret.Record) ([]byte, error) {
	for i := range records {
		r := &records[i]
		if r.Event == nil || len(r.Event.Data) == 0 {
			return dst, fmt.Errorf("record %d of the batch holds no event", i)
		}
		dst = e.line(dst, r)
	}
	return dst, nil
}

// line appends one record's line, with its line feed.
func (e encoder) line(dst []byte, r *lazaret.Record) []byte {
	if e.format == gateway.FormatEvent {
		dst = appendOneLine(dst, text(r.Event))
	} else {
		dst = appendRecord(dst, r)
	}
	return append(dst, '\n')
}

// lineOverhead is what a record's line holds beside the event, about.
const lineOverhead = 512

// sizeHint is about how many bytes the lines of records will have.
func sizeHint(records []lazaret.Record) int64 {
	var n int64
	for i := range records {
		if records[i].Event != nil {
			n += int64(len(records[i].Event.Data))
		}
		n += lineOverhead
	}
	return n
}

// appendRecord appends the object of gateway.FormatRecord.
func appendRecord(dst []byte, r *lazaret.Record) []byte {
	e, v := r.Event, &r.Verdict
	o := object{dst: append(dst, '{'), first: true}
	o.text("id", v.ID)
	o.text("key", v.Key)
	o.time("time", v.Time)
	o.time("received", e.Received)
	o.text("stream", r.Stream)
	o.number("version", v.Version.Stream)
	o.schema(v.Version)
	o.number("ruleset", v.Version.RuleSet)
	o.text("source", e.Source.String())
	if e.ContentType != "application/json" {
		o.text("content_type", e.ContentType)
	}
	o.headers(e.Headers)
	o.warnings(v.Warnings)
	o.text("quarantine_id", r.QuarantineID)
	o.time("released_at", r.ReleasedAt)
	o.name("event")
	return append(appendOneLine(o.dst, text(e)), '}')
}

// text is the event's JSON: all of it, but for the frame of the Confluent wire format, for a
// line is text.
func text(e *lazaret.Event) []byte {
	_, payload, _ := lazaret.CutFrame(e.Data)
	return payload
}

// object appends members of a JSON object; a member that has nothing to say is left out.
type object struct {
	dst   []byte
	first bool
}

// name appends the comma, if one is due, and the name, which needs no escape.
func (o *object) name(name string) {
	if !o.first {
		o.dst = append(o.dst, ',')
	}
	o.first = false
	o.dst = append(o.dst, '"')
	o.dst = append(o.dst, name...)
	o.dst = append(o.dst, '"', ':')
}

func (o *object) text(name, value string) {
	if value != "" {
		o.name(name)
		o.dst = appendString(o.dst, value)
	}
}

func (o *object) number(name string, value int) {
	if value != 0 {
		o.name(name)
		o.dst = strconv.AppendInt(o.dst, int64(value), 10)
	}
}

func (o *object) time(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	o.name(name)
	o.dst = append(o.dst, '"')
	o.dst = t.UTC().AppendFormat(o.dst, time.RFC3339Nano)
	o.dst = append(o.dst, '"')
}

func (o *object) schema(v lazaret.Version) {
	if v.Subject == "" {
		return
	}
	o.name("schema")
	o.dst = appendString(o.dst, v.Subject)
	o.dst = append(o.dst[:len(o.dst)-1], ':')
	o.dst = strconv.AppendInt(o.dst, int64(v.Schema), 10)
	o.dst = append(o.dst, '"')
}

// headers appends the headers as an object; of a name that occurs twice, the first, as
// Event.Header has it.
func (o *object) headers(hs []lazaret.Header) {
	if len(hs) == 0 {
		return
	}
	o.name("headers")
	o.dst = append(o.dst, '{')
	for i, h := range hs {
		if repeated(hs[:i], h.Name) {
			continue
		}
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.dst = appendString(o.dst, h.Name)
		o.dst = append(o.dst, ':')
		o.dst = appendString(o.dst, h.Value)
	}
	o.dst = append(o.dst, '}')
}

func repeated(before []lazaret.Header, name string) bool {
	for _, h := range before {
		if h.Name == name {
			return true
		}
	}
	return false
}

func (o *object) warnings(ws []lazaret.Reason) {
	if len(ws) == 0 {
		return
	}
	o.name("warnings")
	dst := append(o.dst, '[')
	for i, w := range ws {
		if i > 0 {
			dst = append(dst, ',')
		}
		m := object{dst: append(dst, '{'), first: true}
		m.text("code", string(w.Code))
		m.name("path")
		m.dst = appendString(m.dst, w.Path)
		m.text("schema_path", w.SchemaPath)
		m.text("rule", w.Rule)
		m.text("message", w.Message)
		dst = append(m.dst, '}')
	}
	o.dst = append(dst, ']')
}

// appendOneLine appends data with each CR and LF as a space.
func appendOneLine(dst, data []byte) []byte {
	at := len(dst)
	dst = append(dst, data...)
	blank(dst[at:], '\n')
	blank(dst[at:], '\r')
	return dst
}

// blank overwrites each c in b with a space.
func blank(b []byte, c byte) {
	for {
		i := bytes.IndexByte(b, c)
		if i < 0 {
			return
		}
		b[i] = ' '
		b = b[i+1:]
	}
}

// appendString appends s as a JSON string. What is not UTF-8 in it becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= 0x20 && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

// maxPooled is the largest buffer that is kept for the next batch.
const maxPooled = 4 << 20

// buffers recycles the buffers that lines are encoded into.
type buffers struct{ pool sync.Pool }

func (p *buffers) get(hint int64) []byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, min(hint, maxPooled))
}

func (p *buffers) put(b []byte) {
	if cap(b) > 0 && cap(b) <= maxPooled {
		p.pool.Put(&b)
	}
}
