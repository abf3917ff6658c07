package gateway

import (
	"fmt"
	"time"
)

// Stream is the resource that names a flow of events and its contract.
// The admin API, manifests and the store all use this form.
type Stream struct {
	Name        string     `json:"name" yaml:"name"`
	Description string     `json:"description,omitempty" yaml:"description"`
	Schema      *SchemaRef `json:"schema,omitempty" yaml:"schema"`
	ID          string     `json:"id,omitempty" yaml:"id"`     // JSON Pointer to the event's id
	Key         string     `json:"key,omitempty" yaml:"key"`   // JSON Pointer to the event's key
	Time        string     `json:"time,omitempty" yaml:"time"` // JSON Pointer to the event's time, RFC 3339
	Sink        SinkSpec   `json:"sink" yaml:"sink"`
	// Sources are what the gateway fetches events from, beside those that are posted to it.
	Sources []SourceSpec `json:"sources,omitempty" yaml:"sources"`
	// Delivery is what holds for the events of the sources; default AtLeastOnce.
	Delivery   Delivery        `json:"delivery,omitempty" yaml:"delivery"`
	Quarantine *QuarantineSpec `json:"quarantine,omitempty" yaml:"quarantine"`
	// Recent asks for a sample of what was accepted last; nil keeps none.
	Recent    *RecentSpec    `json:"recent,omitempty" yaml:"recent"`
	Evolution *EvolutionSpec `json:"evolution,omitempty" yaml:"evolution"`
	// Version is set by the store: the stream's own version, from 1, which grows with
	// every change of the stream, its schema version or its rule set.
	Version int `json:"version,omitempty" yaml:"-"`
	// SchemaVersion and RuleSet are set by the store: what this version is judged with.
	SchemaVersion int       `json:"schema_version,omitempty" yaml:"-"`
	RuleSet       int       `json:"ruleset,omitempty" yaml:"-"`
	Created       time.Time `json:"created,omitzero" yaml:"-"`
}

// SinkSpec says where good events go: exactly one field is set.
type SinkSpec struct {
	File   *FileSink   `json:"file,omitempty" yaml:"file"`
	HTTP   *HTTPSink   `json:"http,omitempty" yaml:"http"`
	Stdout *StdoutSink `json:"stdout,omitempty" yaml:"stdout"`
	Kafka  *KafkaSink  `json:"kafka,omitempty" yaml:"kafka"`
}

// SourceSpec says where events are fetched from: exactly one field is set.
type SourceSpec struct {
	Kafka *KafkaSource `json:"kafka,omitempty" yaml:"kafka"`
}

// Delivery is what a stream promises for the events of its sources.
type Delivery string

const (
	// AtLeastOnce: each event is durable at the sink or in the quarantine before it is
	// acknowledged to its source; after a crash some are written a second time. The default.
	AtLeastOnce Delivery = "at_least_once"
	// ExactlyOnce: an event's way to a Kafka sink and its acknowledgement to a Kafka source
	// are one transaction.
	ExactlyOnce Delivery = "exactly_once"
)

// ExactlyOnce says whether the stream asks for that.
func (s *Stream) ExactlyOnce() bool { return s.Delivery == ExactlyOnce }

// QuarantineSpec says what else becomes of bad events, which are in the quarantine always.
type QuarantineSpec struct {
	Mirror *MirrorSpec `json:"mirror,omitempty" yaml:"mirror"`
}

// MirrorSpec names the Kafka topic that gets a copy of each event that is quarantined.
type MirrorSpec struct {
	Topic string `json:"topic" yaml:"topic"`
}

// MirrorTopic is the topic of the quarantine's mirror, or "" if there is none.
func (s *Stream) MirrorTopic() string {
	if s.Quarantine == nil || s.Quarantine.Mirror == nil {
		return ""
	}
	return s.Quarantine.Mirror.Topic
}

// Format says what a sink writes for an event.
type Format string

const (
	// FormatRecord is a line that holds what is known of the event, and the event's own
	// bytes as its last member. The default.
	FormatRecord Format = "record"
	// FormatEvent is the event's own bytes alone.
	FormatEvent Format = "event"
)

// FileSink writes NDJSON segments below the server's sinks.file.root.
type FileSink struct {
	Dir      string   `json:"dir" yaml:"dir"` // relative, without ".."
	Format   Format   `json:"format,omitempty" yaml:"format"`
	MaxBytes int64    `json:"max_bytes,omitempty" yaml:"max_bytes"` // a segment is closed at this size; default 128 MiB
	MaxAge   Duration `json:"max_age,omitempty" yaml:"max_age"`     // or at this age; default 60 s
}

// HTTPSink posts batches to a URL whose host lazaret.yaml allows.
type HTTPSink struct {
	URL         string   `json:"url" yaml:"url"`
	Format      Format   `json:"format,omitempty" yaml:"format"`
	Batch       int      `json:"batch,omitempty" yaml:"batch"`               // events a request; default 500
	Timeout     Duration `json:"timeout,omitempty" yaml:"timeout"`           // for one request; default 10 s
	HeadersFile string   `json:"headers_file,omitempty" yaml:"headers_file"` // a file name below the server's secrets directory, lines "Name: value"
}

// StdoutSink writes to the server's standard output.
type StdoutSink struct {
	Format Format `json:"format,omitempty" yaml:"format"`
}

// Duration is a time.Duration that is written "60s" in JSON and YAML.
type Duration time.Duration

// MarshalText writes the duration in Go's notation.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads Go's notation, such as "1m30s".
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("not a duration such as 60s or 1m30s")
	}
	*d = Duration(v)
	return nil
}
