package kafkaio

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"time"
)

const (
	// maxUnfolded is how many bytes of records one batch may unfold to.
	maxUnfolded = 256 << 20
	// maxRecords is how many records, and how many headers, one batch may hold. Each takes
	// more memory than on the wire.
	maxRecords = 4 << 20
	// smallestRecord is the size of a record without key, value and headers, and
	// smallestHeader that of a header without both.
	smallestRecord = 7
	smallestHeader = 2
)

// batch is a record batch within a broker's answer: its head, and its records as they are
// on the wire.
type batch struct {
	base, last  int64 // offsets
	attributes  uint16
	first, time int64 // the first and the greatest timestamp
	producer    int64
	count       int
	records     []byte
}

func (b *batch) control() bool       { return b.attributes&controlBit != 0 }
func (b *batch) transactional() bool { return b.attributes&txnBit != 0 }

// corrupt makes an error that says what is wrong with the batch at an offset.
func corrupt(base int64, format string, args ...any) error {
	return fmt.Errorf("%w: batch at offset %d: %s", ErrCorrupt, base, fmt.Sprintf(format, args...))
}

// nextBatch takes the first batch off data. ok is false if data does not hold all of it: a
// broker cuts off where the requested size ends.
func nextBatch(data []byte) (b batch, rest []byte, ok bool, err error) {
	if len(data) < batchHead {
		return batch{}, data, false, nil
	}
	be := binary.BigEndian
	b.base = int64(be.Uint64(data))
	if data[atMagic] != magicV2 {
		return b, data, false, corrupt(b.base, "record format v%d is not supported", data[atMagic])
	}
	size := int64(int32(be.Uint32(data[atLength:]))) + atEpochOf
	if size < batchHead {
		return b, data, false, corrupt(b.base, "impossible length")
	}
	if size > int64(len(data)) {
		return b, data, false, nil
	}
	whole := data[:size:size]
	if crc32.Checksum(whole[atAttributes:], castagnoli) != be.Uint32(whole[atCRC:]) {
		return b, data, false, corrupt(b.base, "wrong checksum")
	}
	delta := int32(be.Uint32(whole[atLastDelta:]))
	count := int32(be.Uint32(whole[atCount:]))
	if b.base < 0 || delta < 0 || b.base > math.MaxInt64-1-int64(delta) || count < 0 || count > maxRecords {
		return b, data, false, corrupt(b.base, "impossible numbers")
	}
	b.last = b.base + int64(delta)
	b.attributes = be.Uint16(whole[atAttributes:])
	b.first = int64(be.Uint64(whole[atFirstTime:]))
	b.time = int64(be.Uint64(whole[atMaxTime:]))
	b.producer = int64(be.Uint64(whole[atProducer:]))
	b.count = int(count)
	b.records = whole[batchHead:]
	return b, data[size:], true, nil
}

// aborts reports whether a control batch ends its producer's transaction by aborting it.
// Control batches are never compressed and hold one record, whose key is a version and a
// type, 0 for abort.
func (b *batch) aborts() bool {
	d := decoder{buf: b.records}
	var r Record
	if b.count != 1 || b.attributes&codecBits != 0 || !d.record(b, &r) || len(r.Key) < 4 {
		return false
	}
	return binary.BigEndian.Uint16(r.Key[2:]) == 0
}

// appendRecords decodes the batch's records from an offset on and appends them to list.
// They refer to what u unfolds, which nothing else does, or, if the batch is not
// compressed, to the batch's own bytes.
func (b *batch) appendRecords(list []Record, from int64, u *unfolder) ([]Record, error) {
	if b.count == 0 {
		return list, nil // compaction leaves such batches
	}
	raw := b.records
	if codec := Compression(b.attributes & codecBits); codec != None {
		var err error
		if raw, err = u.unfold(codec, raw); err != nil {
			return list, corrupt(b.base, "%v", err)
		}
	}
	if b.count > len(raw)/smallestRecord {
		return list, corrupt(b.base, "more records are announced than there are")
	}
	start := len(list)
	list = growRecords(list, b.count)
	d := decoder{buf: raw, left: b.count}
	for range b.count {
		list = list[:len(list)+1]
		r := &list[len(list)-1]
		*r = Record{}
		if !d.record(b, r) {
			clear(list[start:])
			return list[:start], corrupt(b.base, "impossible record")
		}
		if r.Offset < from {
			list = list[:len(list)-1]
		}
		d.left--
	}
	if len(d.buf) != d.at {
		clear(list[start:])
		return list[:start], corrupt(b.base, "fewer records are announced than there are")
	}
	return list, nil
}

func growRecords(list []Record, n int) []Record {
	if cap(list)-len(list) >= n {
		return list
	}
	bigger := make([]Record, len(list), max(len(list)+n, cap(list)*3/2))
	copy(bigger, list)
	return bigger
}

// decoder reads records.
type decoder struct {
	buf   []byte
	at    int
	left  int      // records that are still to come, for how many headers to make room
	room  []Header // for headers of the records to come
	total int      // headers so far
	keys  []string // of the last record's headers: mostly the next one's are the same
}

// record reads one record of b. It is false if the bytes are not one.
func (d *decoder) record(b *batch, r *Record) bool {
	size, ok := d.varint()
	if !ok || size < 0 || size > int64(len(d.buf)-d.at) {
		return false
	}
	end := d.at + int(size)
	if size == 0 {
		return false
	}
	d.at++ // attributes: none are defined
	since, ok1 := d.varint()
	delta, ok2 := d.varint()
	if !ok1 || !ok2 || delta < 0 || delta > b.last-b.base {
		return false
	}
	r.Offset = b.base + delta
	switch ms := b.first + since; {
	case b.attributes&appendTimeBit != 0:
		r.Time = time.UnixMilli(b.time)
	case ms >= 0: // -1 is none
		r.Time = time.UnixMilli(ms)
	}
	if r.Key, ok1 = d.bytes(); !ok1 {
		return false
	}
	if r.Value, ok1 = d.bytes(); !ok1 {
		return false
	}
	return d.headers(r, end) && d.at == end
}

func (d *decoder) headers(r *Record, end int) bool {
	count, ok := d.varint()
	if !ok || count < 0 || d.at > end || count > int64(end-d.at)/smallestHeader {
		return false
	}
	n := int(count)
	if n == 0 {
		return true
	}
	if d.total += n; d.total > maxRecords {
		return false
	}
	if len(d.room) < n {
		d.room = make([]Header, max(n, min(n*max(d.left, 1), 1024)))
	}
	r.Headers, d.room = d.room[:n:n], d.room[n:]
	for i := range r.Headers {
		key, ok1 := d.bytes()
		value, ok2 := d.bytes()
		if !ok1 || !ok2 || key == nil {
			return false
		}
		r.Headers[i] = Header{Key: d.key(i, key), Value: value}
	}
	return true
}

// key makes a string of the key of the header at i, the one of the last record if it is
// the same.
func (d *decoder) key(i int, key []byte) string {
	if i < len(d.keys) {
		if d.keys[i] != string(key) {
			d.keys[i] = string(key)
		}
		return d.keys[i]
	}
	s := string(key)
	if i == len(d.keys) && i < 32 {
		d.keys = append(d.keys, s)
	}
	return s
}

// bytes reads a byte string; nil if it is none.
func (d *decoder) bytes() ([]byte, bool) {
	n, ok := d.varint()
	if !ok || n < -1 || n > int64(len(d.buf)-d.at) {
		return nil, false
	}
	if n == -1 {
		return nil, true
	}
	b := d.buf[d.at : d.at+int(n) : d.at+int(n)]
	d.at += int(n)
	return b, true
}

func (d *decoder) varint() (int64, bool) {
	if d.at < len(d.buf) {
		if c := d.buf[d.at]; c < 0x80 {
			d.at++
			return int64(c>>1) ^ -int64(c&1), true
		}
	}
	v, n := binary.Varint(d.buf[min(d.at, len(d.buf)):])
	if n <= 0 {
		return 0, false
	}
	d.at += n
	return v, true
}
