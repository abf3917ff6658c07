package kafkaio

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/segmentio/kafka-go/protocol"
)

const (
	// offsetFetchVersion is the first in which the broker says that a transaction is about
	// to commit an offset, instead of answering with the one before (KIP-447). kafka-go
	// stops at version 5.
	offsetFetchVersion = 7
	kafkagoOffsetFetch = 5
)

func (c *Cluster) fetchOffsets(ctx context.Context, group string, list []Partition) (map[Partition]Offset, error) {
	r, err := c.askOwn(ctx, attemptTimeout, &ownRequest{
		api: protocol.OffsetFetch, group: group, version: offsetFetchVersion, needs: kafkagoOffsetFetch,
		body: encodeOffsetFetch(group, list),
	})
	if err != nil {
		return nil, fmt.Errorf("kafka: reading offsets of group %s: %w", group, err)
	}
	parts, code := decodeOffsetFetch(r)
	if r.bad {
		return nil, fmt.Errorf("%w: the offsets of group %s", ErrCorrupt, group)
	}
	if code != 0 {
		return nil, failure("the offsets of group "+group, code)
	}
	found := make(map[Partition]Offset, len(parts))
	for i := range parts {
		p := &parts[i]
		if p.code != 0 {
			return nil, onPartition("group "+group+"'s offset", p.Partition, p.code)
		}
		if p.Next >= 0 {
			found[p.Partition] = p.Offset
		}
	}
	return found, nil
}

// encodeOffsetFetch is the request, after the client's id.
func encodeOffsetFetch(group string, list []Partition) []byte {
	byTopic := map[string][]int32{}
	for _, p := range list {
		if !slices.Contains(byTopic[p.Topic], p.ID) {
			byTopic[p.Topic] = append(byTopic[p.Topic], p.ID)
		}
	}
	b := []byte{0} // no tags
	b = appendCompact(b, group)
	b = binary.AppendUvarint(b, uint64(len(byTopic))+1)
	for _, topic := range slices.Sorted(maps.Keys(byTopic)) {
		b = appendCompact(b, topic)
		b = binary.AppendUvarint(b, uint64(len(byTopic[topic]))+1)
		for _, id := range byTopic[topic] {
			b = appendInt32(b, id)
		}
		b = append(b, 0)
	}
	return append(b, 1, 0) // only what is stable; no tags
}

type fetchedOffset struct {
	Partition
	Offset
	code int16
}

// decodeOffsetFetch reads the answer, after the correlation id.
func decodeOffsetFetch(r *wireReader) (parts []fetchedOffset, code int16) {
	r.tags()
	r.int32() // throttled for so long
	for range r.compactCount(3) {
		topic := r.compact()
		for range r.compactCount(20) {
			var p fetchedOffset
			p.Partition = Partition{Topic: topic, ID: r.int32()}
			p.Next = r.int64()
			r.int32() // leader epoch
			p.Metadata = r.compact()
			p.code = r.int16()
			r.tags()
			parts = append(parts, p)
		}
		r.tags()
	}
	code = r.int16()
	r.tags()
	return parts, code
}

// uvarint reads a number of no sign, below 2^31.
func (r *wireReader) uvarint() int {
	v, n := binary.Uvarint(r.buf)
	if r.bad || n <= 0 || v > math.MaxInt32 {
		r.bad = true
		return 0
	}
	r.buf = r.buf[n:]
	return int(v)
}

// compact reads a string of the flexible versions; null is "".
func (r *wireReader) compact() string { return string(r.take(max(0, r.uvarint()-1))) }

// compactCount is count in the flexible versions.
func (r *wireReader) compactCount(size int) int {
	n := r.uvarint() - 1
	if n > len(r.buf)/size {
		r.bad = true
	}
	if r.bad {
		return 0
	}
	return max(0, n)
}

// tags skips the tagged fields of the flexible versions.
func (r *wireReader) tags() {
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		r.uvarint()
		r.take(r.uvarint())
	}
}

// appendCompact appends a string of the flexible versions.
func appendCompact(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s))+1)
	return append(b, s...)
}
