// Package lazaret holds the values that every part of the gateway speaks of:
// the event that came in, the verdict on it, the reasons of a refusal, and the
// record that is handed to a sink or to the quarantine.
//
// It holds values only. It does no I/O, declares no interfaces, and imports the
// standard library alone.
package lazaret

import (
	"encoding/json"
	"strconv"
	"time"
)

// Event is one event as it was received, and what is known of it before a verdict.
//
// An Event owns its bytes: Data is never an alias of a transport's buffer and is
// never written to after the event was made, so it may be read by several
// goroutines at once and kept for as long as anyone needs it.
type Event struct {
	// Data is the event, byte for byte as received. For a CloudEvent in structured
	// mode it is the whole envelope; in binary mode it is the body alone.
	Data []byte
	// ContentType is the media type of Data as declared, without parameters other
	// than those that were sent, for example "application/json" or
	// "application/cloudevents+json".
	ContentType string
	// Headers are the transport's headers that are kept with the event, in the
	// order received; names of HTTP are lower case, those of Kafka as they were. CloudEvents
	// attributes of the binary mode are here, as ce-* from HTTP and ce_* from Kafka.
	Headers []Header
	// Key and Time are those of the Kafka record that the event came in; nil and zero where
	// it had none. They are not what the stream's pointers find, which is in the Verdict.
	Key  []byte
	Time time.Time
	// Received is when the last byte of the event arrived, in UTC.
	Received time.Time
	// AsOf, where it is not zero, is the time that the verdict is to hold for: a version of a
	// schema that was registered later does not count. It is not kept with the event.
	AsOf time.Time
	// Source says where the event came from.
	Source Source
}

// Header is one name and value kept with an event.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Header returns the first value under the name, or "".
func (e *Event) Header(name string) string {
	for _, h := range e.Headers {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}

// Source is where an event came from.
type Source struct {
	// Kind is "http", "kafka" or "file".
	Kind string `json:"kind"`
	// Name is the remote address for http, the topic for kafka, the path for file.
	Name string `json:"name,omitempty"`
	// Partition and Offset are the position within Name: partition and offset for
	// kafka, 0 and the line number for file, 0 and the index in the request for http.
	Partition int32 `json:"partition,omitempty"`
	Offset    int64 `json:"offset,omitempty"`
	// Unique, where it is not empty, names this event for good: a redelivery of the
	// same event carries the same Unique, and the quarantine keeps one entry for it.
	Unique string `json:"unique,omitempty"`
}

// MarshalJSON writes the position of an event from Kafka or a file also where it is 0.
func (s Source) MarshalJSON() ([]byte, error) {
	type plain Source
	if s.Kind != "kafka" && s.Kind != "file" {
		return json.Marshal(plain(s))
	}
	return json.Marshal(struct {
		Kind      string `json:"kind"`
		Name      string `json:"name,omitempty"`
		Partition int32  `json:"partition"`
		Offset    int64  `json:"offset"`
		Unique    string `json:"unique,omitempty"`
	}(s))
}

// String is the source as a person would write it, such as "kafka:orders/3@1742".
func (s Source) String() string {
	switch s.Kind {
	case "kafka":
		return "kafka:" + s.Name + "/" + strconv.Itoa(int(s.Partition)) + "@" + strconv.FormatInt(s.Offset, 10)
	case "file":
		return "file:" + s.Name + ":" + strconv.FormatInt(s.Offset, 10)
	case "":
		return ""
	default:
		return s.Kind + ":" + s.Name
	}
}

// Record is an event with the verdict on it, on its way to a sink or to the quarantine.
type Record struct {
	Stream  string
	Event   *Event
	Verdict Verdict
	// QuarantineID is the id of the quarantine's entry: the entry to be made for a bad
	// event, the entry that was released for a released one, and "" otherwise.
	QuarantineID string
	// ReleasedAt is when the event was released from the quarantine; zero if it was
	// never there.
	ReleasedAt time.Time
}

// Batch is the unit that a sink makes durable: all of it or none of it.
type Batch struct {
	// ID, where it is not empty, names the batch for good: a sink that has already
	// made a batch of this ID durable writes nothing and reports success. The same ID
	// always comes with the same records.
	ID string
	// Job is the reprocess job that releases the records; "" if none does.
	Job     string
	Records []Record
}
