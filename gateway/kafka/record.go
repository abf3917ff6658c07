package kafka

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/kafkaio"
)

// ours begins the names of the headers that Lazaret sets. Those that come in are not passed
// on, for they are of another gateway's doing.
const ours = "lazaret-"

// contentTypeHeader is where the CloudEvents Kafka binding, and others, say the media type.
const contentTypeHeader = "content-type"

const plainJSON = "application/json"

// eventOf makes an event of a record, with the headers that the source keeps.
func eventOf(r *kafkaio.Record, from kafkaio.Partition, received time.Time, keeps func(header string) bool) *lazaret.Event {
	e := &lazaret.Event{
		Data: r.Value, ContentType: plainJSON, Received: received, Key: r.Key, Time: r.Time,
		Source: lazaret.Source{Kind: "kafka", Name: from.Topic, Partition: from.ID, Offset: r.Offset},
	}
	// A topic that is deleted and made anew has the same offsets again, for other events.
	e.Source.Unique = e.Source.String() + "#" + strconv.FormatInt(r.Time.UnixMilli(), 10)
	if len(r.Headers) == 0 {
		return e
	}
	e.Headers = make([]lazaret.Header, 0, len(r.Headers))
	for _, h := range r.Headers {
		if strings.EqualFold(h.Key, contentTypeHeader) {
			e.ContentType = string(h.Value)
		}
		if keeps(h.Key) {
			e.Headers = append(e.Headers, lazaret.Header{Name: h.Key, Value: string(h.Value)})
		}
	}
	return e
}

// keeper says which headers a source of a stream keeps.
func keeper(stream *gateway.Stream, spec *gateway.KafkaSource) func(header string) bool {
	naming := stream.NamingHeaders()
	return func(header string) bool { return keeps(spec, naming, header) }
}

func keeps(spec *gateway.KafkaSource, naming []string, name string) bool {
	switch {
	case spec.Headers == nil, strings.HasPrefix(name, "ce_"), slices.Contains(spec.Headers, name), gateway.KeepsHeader(naming, name):
		return true
	}
	for _, always := range []string{contentTypeHeader, "traceparent", "tracestate"} {
		if strings.EqualFold(name, always) {
			return true
		}
	}
	return false
}

// encoder makes messages of records. Its zero value is ready. It is for one goroutine.
type encoder struct {
	// framed writes good records in the Confluent wire format.
	framed  bool
	headers []kafkaio.Header // of all messages since the last reset
}

// forwarded is the message of a good or released record.
func (c *encoder) forwarded(r *lazaret.Record) kafkaio.Message {
	from := len(c.headers)
	c.carried(r.Event)
	c.common(r)
	if r.QuarantineID != "" {
		c.add("lazaret-quarantine-id", r.QuarantineID)
	}
	if !r.ReleasedAt.IsZero() {
		c.add("lazaret-released-at", r.ReleasedAt.UTC().Format(time.RFC3339Nano))
	}
	if len(r.Verdict.Warnings) > 0 {
		c.addJSON("lazaret-warnings", r.Verdict.Warnings)
	}
	m := c.message(r, from)
	if id := r.Verdict.Version.SchemaID; c.framed && id > 0 && m.Value != nil {
		_, payload, _ := lazaret.CutFrame(m.Value)
		m.Value = append(lazaret.AppendFrame(make([]byte, 0, lazaret.FrameSize+len(payload)), id), payload...)
	}
	return m
}

// mirrored is the message of a bad record: what came in, byte for byte, with the headers
// that Kafka Connect gives to its dead letters.
func (c *encoder) mirrored(r *lazaret.Record) kafkaio.Message {
	from := len(c.headers)
	e := r.Event
	c.carried(e)
	if e.Source.Kind == "kafka" {
		c.add(connect+"topic", e.Source.Name)
		c.add(connect+"partition", strconv.Itoa(int(e.Source.Partition)))
		c.add(connect+"offset", strconv.FormatInt(e.Source.Offset, 10))
	}
	c.add(connect+"connector.name", "lazaret:"+r.Stream)
	c.add(connect+"task.id", "0")
	c.add(connect+"stage", stage(r.Verdict.Reasons))
	if len(r.Verdict.Reasons) > 0 {
		first := r.Verdict.Reasons[0]
		c.add(connect+"class.name", "lazaret")
		c.add(connect+"exception.class.name", string(first.Code))
		c.add(connect+"exception.message", first.Message)
	}
	c.common(r)
	c.add("lazaret-quarantine-id", r.QuarantineID)
	c.addJSON("lazaret-reasons", r.Verdict.Reasons)
	m := c.message(r, from)
	m.Key = e.Key
	return m
}

const connect = "__connect.errors."

// stage is where in Kafka Connect's terms an event failed: while it was read, or after.
func stage(reasons []lazaret.Reason) string {
	for _, r := range reasons {
		if strings.HasPrefix(string(r.Code), "json.") {
			return "VALUE_CONVERTER"
		}
	}
	return "TRANSFORMATION"
}

// carried adds the headers that the event came with, and its content type if they do not
// say it.
func (c *encoder) carried(e *lazaret.Event) {
	typed := false
	for _, h := range e.Headers {
		if strings.HasPrefix(h.Name, ours) || strings.HasPrefix(h.Name, connect) || c.framed && h.Name == gateway.RegistryHeader {
			continue
		}
		name := h.Name
		if rest, ok := strings.CutPrefix(name, "ce-"); ok && e.Source.Kind != "kafka" {
			name = "ce_" + rest // as the CloudEvents Kafka binding has it
		}
		typed = typed || strings.EqualFold(name, contentTypeHeader)
		c.add(name, h.Value)
	}
	if !typed && e.ContentType != "" && e.ContentType != plainJSON {
		c.add(contentTypeHeader, e.ContentType)
	}
}

// common adds what is known of every event.
func (c *encoder) common(r *lazaret.Record) {
	v := &r.Verdict
	c.add("lazaret-event-id", v.ID)
	c.add("lazaret-stream", r.Stream)
	if v.Version.Schema > 0 {
		c.add("lazaret-schema", v.Version.Subject+":"+strconv.Itoa(v.Version.Schema))
	}
	if v.Version.RuleSet > 0 {
		c.add("lazaret-ruleset", strconv.Itoa(v.Version.RuleSet))
	}
}

func (c *encoder) add(name, value string) {
	c.headers = append(c.headers, kafkaio.Header{Key: name, Value: []byte(value)})
}

func (c *encoder) addJSON(name string, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		return // reasons always marshal
	}
	c.headers = append(c.headers, kafkaio.Header{Key: name, Value: text})
}

// message is the record's message, with the headers that were added since from.
func (c *encoder) message(r *lazaret.Record, from int) kafkaio.Message {
	e := r.Event
	m := kafkaio.Message{Partition: -1, Key: e.Key, Value: e.Data, Headers: c.headers[from:len(c.headers):len(c.headers)], Time: e.Time}
	if r.Verdict.Key != "" {
		m.Key = []byte(r.Verdict.Key)
	}
	if m.Time.IsZero() {
		m.Time = e.Received
	}
	return m
}
