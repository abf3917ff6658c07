package gateway

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

const (
	maxSources      = 16
	maxTopics       = 100 // names of one source; more are a pattern
	maxTopicPattern = 1024
	maxGroup        = 249
	maxKeptHeaders  = 100
	maxHeaderName   = 255
	minKafkaRecord  = 1 << 10
	maxKafkaRecord  = 100 << 20 // what a broker takes in one request by default
	// Groups whose names begin so keep what has been released and acknowledged once.
	jobGroups, batchGroups = "lazaret-reprocess-", "lazaret-batch-"
)

var topicPattern = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// ValidTopic says whether Kafka lets a topic have this name.
func ValidTopic(name string) bool {
	return topicPattern.MatchString(name) && name != "." && name != ".."
}

func (v *InvalidStream) topic(field, name string) (ok bool) {
	switch {
	case !ValidTopic(name):
		v.add(field, "must be a topic's name: 1 to 249 characters a-z, A-Z, 0-9, '.', '_' and '-', and not '.' or '..'")
	case InternalTopic(name):
		v.add(field, "must not be one of the topics in which Kafka keeps its own state")
	default:
		return true
	}
	return false
}

func (v *InvalidStream) kafkaSink(k *KafkaSink) {
	v.topic("/sink/kafka/topic", k.Topic)
	switch k.Compression {
	case "", CompressNone, CompressGzip, CompressSnappy, CompressLZ4, CompressZstd:
	default:
		v.add("/sink/kafka/compression", "must be none, gzip, snappy, lz4 or zstd")
	}
	if k.MaxBytes != 0 && (k.MaxBytes < minKafkaRecord || k.MaxBytes > maxKafkaRecord) {
		v.add("/sink/kafka/max_bytes", "must be %d to %d bytes (100 MiB), and no more than the topic's max.message.bytes", minKafkaRecord, maxKafkaRecord)
	}
}

func (v *InvalidStream) delivery(s *Stream) {
	switch s.Delivery {
	case "", AtLeastOnce:
	case ExactlyOnce:
		var lacks []string
		if len(s.KafkaSources()) == 0 {
			lacks = append(lacks, "source")
		}
		if s.Sink.Kafka == nil {
			lacks = append(lacks, "sink")
		}
		if len(lacks) > 0 {
			v.add("/delivery", "exactly_once needs a kafka source and a kafka sink, for it is one Kafka transaction of both; this stream has no kafka %s", strings.Join(lacks, " and no kafka "))
		}
	default:
		v.add("/delivery", "must be %s or %s", AtLeastOnce, ExactlyOnce)
	}
}

func (v *InvalidStream) quarantine(s *Stream) {
	if s.Quarantine == nil {
		return
	}
	if s.Quarantine.Mirror == nil {
		v.add("/quarantine", "must have mirror; leave it out if there is none")
		return
	}
	topic := s.MirrorTopic()
	if v.topic("/quarantine/mirror/topic", topic) && s.Sink.Kafka != nil && s.Sink.Kafka.Topic == topic {
		v.add("/quarantine/mirror/topic", "must be another topic than the sink's: bad events would be among the good ones")
	}
}

func (v *InvalidStream) sources(s *Stream) {
	if len(s.Sources) > maxSources {
		v.add("/sources", "must be at most %d", maxSources)
		return
	}
	for i, src := range s.Sources {
		if src.Kafka == nil {
			v.add(fmt.Sprintf("/sources/%d", i), "must have exactly one field: kafka")
			continue
		}
		at := fmt.Sprintf("/sources/%d/kafka", i)
		v.kafkaSource(at, s, src.Kafka)
		for j, earlier := range s.Sources[:i] {
			if earlier.Kafka != nil {
				v.apart(at, s.Name, *src.Kafka, j, *earlier.Kafka)
			}
		}
	}
}

// apart refuses a source that takes the events of source n of the stream once more, or
// would be in one group with it.
func (v *InvalidStream) apart(at, stream string, k KafkaSource, n int, earlier KafkaSource) {
	if k.GroupFor(stream) == earlier.GroupFor(stream) {
		v.add(at+"/group", "is that of source %d as well: put the topics together into one source, or give this one a group of its own", n)
	}
	field := at + "/topics"
	if k.Pattern != "" {
		field = at + "/pattern"
	}
	switch topic, both := k.Shares(earlier); {
	case both && topic == "":
		v.add(field, "is a second pattern, beside that of source %d, and what both match would be taken twice: write one pattern, as (?:one|other)", n)
	case both:
		v.add(field, "has the topic %s, which source %d reads already: each of its events would be taken twice", topic, n)
	}
}

func (v *InvalidStream) kafkaSource(at string, s *Stream, k *KafkaSource) {
	switch {
	case (len(k.Topics) == 0) == (k.Pattern == ""):
		v.add(at, "must have either topics or pattern")
	case k.Pattern != "":
		v.pattern(at+"/pattern", s, k)
	case len(k.Topics) > maxTopics:
		v.add(at+"/topics", "must be at most %d; write a pattern for more", maxTopics)
	default:
		v.topics(at+"/topics", s, k.Topics)
	}
	v.group(at+"/group", k.GroupFor(s.Name))
	if t, ok := k.StartAt().Time(); ok && t.Before(time.Unix(0, 0)) {
		v.add(at+"/start", "must not be before 1970")
	} else if !ok && k.StartAt() != StartEarliest && k.StartAt() != StartLatest {
		v.add(at+"/start", "must be %s, %s or a time of RFC 3339 such as 2026-01-31T08:00:00Z", StartEarliest, StartLatest)
	}
	v.tombstones(at+"/tombstones", s, k.OnTombstone())
	v.headers(at+"/headers", k.Headers)
}

func (v *InvalidStream) topics(at string, s *Stream, names []string) {
	for i, name := range names {
		field := fmt.Sprintf("%s/%d", at, i)
		if !v.topic(field, name) {
			continue
		}
		if slices.Index(names, name) < i {
			v.add(field, "is there twice")
		}
		v.loop(field, s, func(written string) bool { return written == name })
	}
}

func (v *InvalidStream) pattern(field string, s *Stream, k *KafkaSource) {
	if len(k.Pattern) > maxTopicPattern {
		v.add(field, "must be at most %d bytes", maxTopicPattern)
		return
	}
	reads, err := k.Matcher()
	if err != nil {
		v.add(field, "must be a regular expression (RE2): %s", err)
		return
	}
	v.loop(field, s, reads)
}

// loop refuses a source of what the stream itself writes.
func (v *InvalidStream) loop(field string, s *Stream, reads func(topic string) bool) {
	if s.Sink.Kafka != nil && reads(s.Sink.Kafka.Topic) {
		v.add(field, "must not be or match the topic %s, which the stream's sink writes: its events would come round for ever", s.Sink.Kafka.Topic)
	}
	if mirror := s.MirrorTopic(); mirror != "" && reads(mirror) {
		v.add(field, "must not be or match the topic %s, which mirrors the stream's quarantine: its events would come round for ever", mirror)
	}
}

func (v *InvalidStream) group(field, group string) {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }
	switch {
	case len(group) > maxGroup || strings.ContainsFunc(group, odd):
		v.add(field, "must be 1 to %d printable characters", maxGroup)
	case strings.HasPrefix(group, jobGroups), strings.HasPrefix(group, batchGroups):
		v.add(field, "must not begin with %s or %s: the gateway keeps its own state in such groups", jobGroups, batchGroups)
	}
}

func (v *InvalidStream) tombstones(field string, s *Stream, t Tombstones) {
	switch t {
	case QuarantineTombstones, SkipTombstones:
	case ForwardTombstones:
		if s.Sink.Kafka == nil {
			v.add(field, "can be %s with a kafka sink only: no other can hold a record without a value", ForwardTombstones)
		}
	default:
		v.add(field, "must be %s, %s or %s", QuarantineTombstones, SkipTombstones, ForwardTombstones)
	}
}

func (v *InvalidStream) headers(field string, names []string) {
	if len(names) > maxKeptHeaders {
		v.add(field, "must be at most %d names; leave it out to keep all headers", maxKeptHeaders)
		return
	}
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	for i, name := range names {
		if name == "" || len(name) > maxHeaderName || strings.ContainsFunc(name, unprintable) {
			v.add(fmt.Sprintf("%s/%d", field, i), "must be a header's name, in 1 to %d printable characters", maxHeaderName)
		}
	}
}
