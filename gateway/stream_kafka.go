package gateway

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// KafkaSource reads topics of the cluster that lazaret.yaml names, as a consumer group.
// Exactly one of Topics and Pattern is set.
type KafkaSource struct {
	Topics []string `json:"topics,omitempty" yaml:"topics"`
	// Pattern is a regular expression (RE2) that the whole name of a topic matches. It is
	// followed as topics come and go. Internal topics never match.
	Pattern string `json:"pattern,omitempty" yaml:"pattern"`
	// Group is the consumer group; default "lazaret-" and the stream's name.
	Group string `json:"group,omitempty" yaml:"group"`
	// Start is where the group begins in a partition of which it has committed no offset;
	// default StartEarliest.
	Start Start `json:"start,omitempty" yaml:"start"`
	// Tombstones says what becomes of records without a value; default QuarantineTombstones.
	Tombstones Tombstones `json:"tombstones,omitempty" yaml:"tombstones"`
	// Headers are the names of the headers that are kept with an event, exact to the case,
	// beside content-type, traceparent, tracestate and ce_*, which say what it is and are
	// always kept. nil keeps all; an empty list keeps no others.
	Headers []string `json:"headers,omitzero" yaml:"headers"`
}

// Start is StartEarliest, StartLatest or a time in RFC 3339.
type Start string

const (
	StartEarliest Start = "earliest" // the oldest record that there is
	StartLatest   Start = "latest"   // what comes from now on
)

// Time is the time from which on records are read, if the start is a time.
func (s Start) Time() (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, string(s))
	return t, err == nil
}

// Tombstones says what becomes of a record without a value, which deletes its key from a
// compacted topic and is no event.
type Tombstones string

const (
	// QuarantineTombstones takes them for events without a byte: json.syntax. The default,
	// because nothing is lost that way and nothing that no rule has seen goes on.
	QuarantineTombstones Tombstones = "quarantine"
	// SkipTombstones acknowledges them and does nothing else.
	SkipTombstones Tombstones = "skip"
	// ForwardTombstones writes them to the stream's Kafka sink, under their own key. One
	// without a key is quarantined.
	ForwardTombstones Tombstones = "forward"
)

// KafkaSink writes to a topic of the cluster that lazaret.yaml names.
type KafkaSink struct {
	Topic       string      `json:"topic" yaml:"topic"`
	Compression Compression `json:"compression,omitempty" yaml:"compression"` // default CompressNone
	// MaxBytes is the largest record: key, value and headers. What is larger goes to the
	// quarantine as sink.refused. Default DefaultKafkaRecord.
	MaxBytes int64 `json:"max_bytes,omitempty" yaml:"max_bytes"`
	// RegistryID writes the Confluent wire format: a zero byte and the global id of the version
	// that judged the event before its payload. Without it an event goes on as it came.
	RegistryID bool `json:"registry_id,omitempty" yaml:"registry_id"`
}

// DefaultKafkaRecord is KafkaSink.MaxBytes where it is not given: what a broker takes in
// one batch by default (1,048,588 bytes), less what a batch is made of beside the record.
const DefaultKafkaRecord = 1_000_000

// Limit is MaxBytes or its default.
func (k KafkaSink) Limit() int { return int(cmp.Or(k.MaxBytes, DefaultKafkaRecord)) }

// Compression is how record batches are compressed.
type Compression string

// The codecs of Kafka.
const (
	CompressNone   Compression = "none"
	CompressGzip   Compression = "gzip"
	CompressSnappy Compression = "snappy"
	CompressLZ4    Compression = "lz4"
	CompressZstd   Compression = "zstd"
)

// GroupFor is the consumer group of a stream's source.
func (k KafkaSource) GroupFor(stream string) string { return cmp.Or(k.Group, "lazaret-"+stream) }

// StartAt is Start or its default.
func (k KafkaSource) StartAt() Start { return cmp.Or(k.Start, StartEarliest) }

// OnTombstone is Tombstones or its default.
func (k KafkaSource) OnTombstone() Tombstones { return cmp.Or(k.Tombstones, QuarantineTombstones) }

// Matcher returns what says whether the source reads a topic.
func (k KafkaSource) Matcher() (func(topic string) bool, error) {
	if k.Pattern == "" {
		return func(topic string) bool { return slices.Contains(k.Topics, topic) }, nil
	}
	// The pattern must be one by itself: within the group "a)|(b" would be another.
	if _, err := regexp.Compile(k.Pattern); err != nil {
		return nil, err
	}
	re, err := regexp.Compile(`\A(?:` + k.Pattern + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("it cannot stand within other parts of a regular expression: %w", err)
	}
	return func(topic string) bool { return re.MatchString(topic) && !InternalTopic(topic) }, nil
}

// Shares says whether both sources read a topic, and which. Of two patterns that cannot be
// told: they count as sharing one that has no name here.
func (k KafkaSource) Shares(o KafkaSource) (topic string, both bool) {
	if k.Pattern != "" && o.Pattern != "" {
		return "", true
	}
	if k.Pattern != "" {
		k, o = o, k
	}
	reads, err := o.Matcher()
	if err != nil {
		return "", false
	}
	if i := slices.IndexFunc(k.Topics, reads); i >= 0 {
		return k.Topics[i], true
	}
	return "", false
}

// InternalTopic says whether a topic is one that Kafka keeps its own state in.
func InternalTopic(topic string) bool {
	switch topic {
	case "__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata":
		return true
	}
	return false
}

// KafkaSources are those of the stream's sources that read topics.
func (s *Stream) KafkaSources() []KafkaSource {
	var list []KafkaSource
	for _, src := range s.Sources {
		if src.Kafka != nil {
			list = append(list, *src.Kafka)
		}
	}
	return list
}

// NamesKafka says whether anything of the stream is in Kafka.
func (s *Stream) NamesKafka() bool {
	return len(s.KafkaSources()) > 0 || s.Sink.Kafka != nil || s.MirrorTopic() != ""
}
