// Package kafkaio is the Kafka client that Lazaret works with: it reads partitions, leaving
// out what upstream transactions aborted; writes them idempotently or in transactions; and
// takes part in consumer groups. It knows nothing of events or verdicts.
//
// Connections, discovery of brokers, TLS, SASL and the small requests are those of
// segmentio/kafka-go (its Transport). Record batches, the idempotent and the transactional
// producer, and group membership are ours, because kafka-go's Writer is not idempotent, its
// Reader hands out aborted and control records, and neither bounds what a compressed batch
// may unfold to. The formats and the protocol are those of the Apache Kafka protocol guide.
//
// No type of kafka-go leaves the package. Every exported type is safe for concurrent use
// unless it says otherwise.
package kafkaio

import "time"

// Partition is one partition of a topic.
type Partition struct {
	Topic string
	ID    int32
}

// Record is one record of a partition.
type Record struct {
	Offset int64
	Time   time.Time // to the millisecond
	// Key and Value are nil where the record has none: a nil Value is a tombstone.
	Key, Value []byte
	Headers    []Header
}

// Header is one header of a record. A key may come more than once.
type Header struct {
	Key   string
	Value []byte
}

// Compression is how record batches are compressed.
type Compression int8

// The codecs of the protocol, by their numbers in it.
const (
	None Compression = iota
	Gzip
	Snappy
	LZ4
	Zstd
)
