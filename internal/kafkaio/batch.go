package kafkaio

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"math/bits"
	"time"
)

// A record batch, version 2, as it is on disk and on the wire:
//
//	 0  base offset      8    23  last offset delta  4    51  producer epoch  2
//	 8  length           4    27  first timestamp    8    53  base sequence   4
//	12  leader epoch     4    35  greatest timestamp 8    57  record count    4
//	16  magic            1    43  producer id        8    61  records, compressed as one
//	17  CRC-32C of 21 on 4
//	21  attributes       2
//
// The length counts from 12 on. The attributes hold the codec in bits 0 to 2, in bit 3 that
// the time is when the broker took it, in 4 transactional, in 5 control. A record is its
// length, an attribute byte, and as varints: time and offset, less the batch's; key, value,
// count of headers and the headers, each with its length, -1 for none.
const (
	atLength     = 8
	atEpochOf    = 12
	atMagic      = 16
	atCRC        = 17
	atAttributes = 21
	atLastDelta  = 23
	atFirstTime  = 27
	atMaxTime    = 35
	atProducer   = 43
	atEpoch      = 51
	atSequence   = 53
	atCount      = 57
	batchHead    = 61

	codecBits     = 0x07
	appendTimeBit = 0x08
	txnBit        = 0x10
	controlBit    = 0x20

	magicV2 = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// identity is a producer's id and epoch, as the broker gave them.
type identity struct {
	id    int64
	epoch int16
}

// nobody writes batches without idempotence.
var nobody = identity{id: -1, epoch: -1}

// encoder puts records one after the other, as they are before compression.
type encoder struct {
	buf         []byte
	start       int // where in buf the records begin
	count       int
	first, last int64 // the first and the greatest timestamp, in milliseconds
}

func (e *encoder) reset(buf []byte) {
	*e = encoder{buf: buf, start: len(buf)}
}

// What came of adding a message to a batch.
type fit int

const (
	added    fit = iota
	full         // the batch holds records already and would grow beyond its limit
	tooLarge     // no broker takes a record of the size
)

// add puts m at the end of a batch of up to limit bytes; one record may be larger than
// that. now is for a message without a time.
func (e *encoder) add(m *Message, now time.Time, limit int) fit {
	ms := now.UnixMilli()
	if !m.Time.IsZero() {
		ms = m.Time.UnixMilli()
	}
	if e.count == 0 {
		e.first, e.last = ms, ms
	}
	body := 1 + varintSize(ms-e.first) + varintSize(int64(e.count)) +
		bytesSize(m.Key) + bytesSize(m.Value) + varintSize(int64(len(m.Headers)))
	for i := range m.Headers {
		h := &m.Headers[i]
		body += varintSize(int64(len(h.Key))) + len(h.Key) + bytesSize(h.Value)
	}
	size := varintSize(int64(body)) + body
	if size > maxRequest {
		return tooLarge
	}
	if e.count > 0 && (batchHead+len(e.buf)-e.start+size > limit || e.count == math.MaxInt32) {
		return full
	}
	e.last = max(e.last, ms)
	b := grow(e.buf, size)
	b = binary.AppendVarint(b, int64(body))
	b = append(b, 0)
	b = binary.AppendVarint(b, ms-e.first)
	b = binary.AppendVarint(b, int64(e.count))
	b = appendBytes(b, m.Key)
	b = appendBytes(b, m.Value)
	b = binary.AppendVarint(b, int64(len(m.Headers)))
	for i := range m.Headers {
		h := &m.Headers[i]
		b = binary.AppendVarint(b, int64(len(h.Key)))
		b = append(b, h.Key...)
		b = appendBytes(b, h.Value)
	}
	e.buf = b
	e.count++
	return added
}

// fill writes all of a batch's head but who sends it and the sum; seal writes those. batch
// begins with batchHead bytes for the head; its records are there already.
func (e *encoder) fill(batch []byte, codec Compression, transactional bool) {
	attributes := uint16(codec)
	if transactional {
		attributes |= txnBit
	}
	be := binary.BigEndian
	be.PutUint64(batch, 0)
	be.PutUint32(batch[atLength:], uint32(len(batch)-atEpochOf))
	be.PutUint32(batch[atEpochOf:], math.MaxUint32) // the leader's epoch is the broker's to say
	batch[atMagic] = magicV2
	be.PutUint16(batch[atAttributes:], attributes)
	be.PutUint32(batch[atLastDelta:], uint32(e.count-1))
	be.PutUint64(batch[atFirstTime:], uint64(e.first))
	be.PutUint64(batch[atMaxTime:], uint64(e.last))
	be.PutUint32(batch[atCount:], uint32(e.count))
}

// seal writes into a batch who sends it and with which sequence number, and its sum.
func seal(batch []byte, who identity, sequence int32) {
	be := binary.BigEndian
	be.PutUint64(batch[atProducer:], uint64(who.id))
	be.PutUint16(batch[atEpoch:], uint16(who.epoch))
	be.PutUint32(batch[atSequence:], uint32(sequence))
	be.PutUint32(batch[atCRC:], crc32.Checksum(batch[atAttributes:], castagnoli))
}

// after is the sequence number n records after seq. It wraps to 0 after the greatest.
func after(seq int32, n int) int32 {
	return int32((int64(seq) + int64(n)) & math.MaxInt32)
}

func varintSize(v int64) int {
	return (bits.Len64(uint64(v<<1)^uint64(v>>63)|1) + 6) / 7
}

func bytesSize(b []byte) int {
	if b == nil {
		return 1
	}
	return varintSize(int64(len(b))) + len(b)
}

func appendBytes(b, v []byte) []byte {
	if v == nil {
		return append(b, 1) // -1
	}
	b = binary.AppendVarint(b, int64(len(v)))
	return append(b, v...)
}

// grow makes room for n more bytes. It doubles, so that a buffer that is kept soon fits.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	bigger := make([]byte, len(b), max(2*cap(b), len(b)+n, 4096))
	copy(bigger, b)
	return bigger
}
