package kafkaio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/pierrec/lz4/v4"
	"github.com/segmentio/kafka-go/compress/snappy"
	"github.com/segmentio/kafka-go/protocol"
)

var everyCodec = []Compression{None, Gzip, Snappy, LZ4, Zstd}

func (c Compression) testName() string {
	return [...]string{"none", "gzip", "snappy", "lz4", "zstd"}[c]
}

// testMessages makes n messages of all kinds: without key, value or headers, with empty
// ones, small and larger than the blocks of the codecs.
func testMessages(n int) []Message {
	r := rand.New(rand.NewPCG(1, 2))
	text := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = "abcdefgh{}\": ,0123"[r.IntN(18)]
		}
		return b
	}
	list := make([]Message, n)
	now := time.Now().UnixMilli() // a broker deletes records that are older than the topic keeps them
	for i := range list {
		m := &list[i]
		m.Time = time.UnixMilli(now + r.Int64N(10_000) - 5_000)
		if i%3 != 0 {
			m.Key = text(r.IntN(20))
		}
		if i%5 != 0 {
			m.Value = text(r.IntN(1000))
		}
		if i%50 == 1 {
			m.Value = text(100_000)
		}
		for j := range r.IntN(4) {
			h := Header{Key: fmt.Sprintf("header-%d", j), Value: text(r.IntN(30))}
			if j == 2 {
				h.Value = nil
			}
			m.Headers = append(m.Headers, h)
		}
	}
	return list
}

// encodeBatch makes one batch.
func encodeBatch(t testing.TB, c *codecs, codec Compression, who identity, seq int32, list []Message) []byte {
	t.Helper()
	var e encoder
	e.reset(nil)
	for i := range list {
		if e.add(&list[i], time.UnixMilli(5), maxRequest) != added {
			t.Fatal("a message does not fit")
		}
	}
	b, err := c.fold(codec, make([]byte, batchHead), e.buf)
	if err != nil {
		t.Fatal(err)
	}
	e.fill(b, codec, who != nobody)
	seal(b, who, seq)
	return b
}

func recordsOf(list []Message) []Record {
	var records []Record
	for i, m := range list {
		records = append(records, Record{Offset: int64(i), Time: m.Time, Key: m.Key, Value: m.Value, Headers: m.Headers})
	}
	return records
}

func wantRecords(t *testing.T, got, want []Record) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("record %d differs: %.200v, want %.200v", i, fmt.Sprint(got[i]), fmt.Sprint(want[i]))
		}
	}
}

// What we write we read, and all that the head says.
func TestBatchRoundTrip(t *testing.T) {
	list := testMessages(300)
	for _, codec := range everyCodec {
		t.Run(codec.testName(), func(t *testing.T) {
			var c codecs
			data := encodeBatch(t, &c, codec, identity{42, 7}, 99, list)
			data = append(data, data...)
			binary.BigEndian.PutUint64(data[len(data)/2:], 300) // the base offset is not in the sum
			first, rest, ok, err := nextBatch(data)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			if first.last != 299 || first.producer != 42 || !first.transactional() || first.control() {
				t.Fatalf("%+v", first)
			}
			second, rest, ok, err := nextBatch(rest)
			if err != nil || !ok || len(rest) != 0 {
				t.Fatal(ok, err, len(rest))
			}
			got, err := first.appendRecords(nil, 0, &unfolder{codecs: &c})
			if err != nil {
				t.Fatal(err)
			}
			wantRecords(t, got, recordsOf(list))
			got, err = second.appendRecords(got[:0], 500, &unfolder{codecs: &c})
			if err != nil || len(got) != 100 || got[0].Offset != 500 || got[99].Offset != 599 {
				t.Fatal(err, len(got))
			}
		})
	}
}

// kafkaGoRecords makes kafka-go's records of messages; they can be read once.
func kafkaGoRecords(list []Message) []protocol.Record {
	var records []protocol.Record
	for _, m := range list {
		r := protocol.Record{Time: m.Time, Key: protocol.NewBytes(m.Key), Value: protocol.NewBytes(m.Value)}
		if m.Key == nil {
			r.Key = nil
		}
		if m.Value == nil {
			r.Value = nil
		}
		for _, h := range m.Headers {
			r.Headers = append(r.Headers, protocol.Header{Key: h.Key, Value: h.Value})
		}
		records = append(records, r)
	}
	return records
}

// What kafka-go writes we read, with each codec and both framings of Snappy.
func TestBatchOfKafkaGo(t *testing.T) {
	list := testMessages(120)
	for _, codec := range everyCodec {
		t.Run(codec.testName(), func(t *testing.T) {
			set := protocol.RecordSet{
				Version: 2, Attributes: protocol.Attributes(codec),
				Records: protocol.NewRecordReader(kafkaGoRecords(list)...),
			}
			var out bytes.Buffer
			if _, err := set.WriteTo(&out); err != nil {
				t.Fatal(err)
			}
			b, _, ok, err := nextBatch(out.Bytes()[4:])
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			got, err := b.appendRecords(nil, 0, &unfolder{codecs: new(codecs)})
			if err != nil {
				t.Fatal(err)
			}
			wantRecords(t, got, recordsOf(list))
		})
	}
}

// kafka-go reads what we write.
func TestBatchForKafkaGo(t *testing.T) {
	list := testMessages(120)
	for _, codec := range everyCodec {
		t.Run(codec.testName(), func(t *testing.T) {
			data := encodeBatch(t, new(codecs), codec, nobody, -1, list)
			data = append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...)
			var set protocol.RecordSet
			if _, err := set.ReadFrom(bytes.NewBuffer(data)); err != nil {
				t.Fatal(err)
			}
			var got []Record
			for {
				r, err := set.Records.ReadRecord()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				rec := Record{Offset: r.Offset, Time: time.UnixMilli(r.Time.UnixMilli())}
				if r.Key != nil {
					rec.Key, _ = protocol.ReadAll(r.Key)
				}
				if r.Value != nil {
					rec.Value, _ = protocol.ReadAll(r.Value)
				}
				for _, h := range r.Headers {
					rec.Headers = append(rec.Headers, Header{Key: h.Key, Value: h.Value})
				}
				got = append(got, rec)
			}
			if len(got) != len(list) {
				t.Fatalf("%d records, want %d", len(got), len(list))
			}
			for i, m := range list {
				g := got[i]
				if !bytes.Equal(g.Key, m.Key) || !bytes.Equal(g.Value, m.Value) || !g.Time.Equal(m.Time) || len(g.Headers) != len(m.Headers) {
					t.Fatalf("record %d differs", i)
				}
				if (g.Key == nil) != (m.Key == nil) || (g.Value == nil) != (m.Value == nil) {
					t.Fatalf("record %d: none is not empty", i)
				}
			}
		})
	}
}

// Other clients write Snappy as one plain block, and LZ4 with sums, sizes and larger blocks.
func TestUnfoldsOtherFramings(t *testing.T) {
	want := bytes.Repeat([]byte("other clients frame otherwise; "), 20_000)
	codec := &snappy.Codec{Framing: snappy.Unframed}
	var plain bytes.Buffer
	w := codec.NewWriter(&plain)
	if _, err := w.Write(want); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	u := &unfolder{codecs: new(codecs)}
	got, err := u.unfold(Snappy, plain.Bytes())
	if err != nil || !bytes.Equal(got, want) {
		t.Fatal(err)
	}
	for name, data := range lz4Frames(t, want) {
		got, err := u.unfold(LZ4, data)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("LZ4 %s: %v", name, err)
		}
	}
}

// lz4Frames makes frames of all kinds of what b is.
func lz4Frames(t *testing.T, b []byte) map[string][]byte {
	t.Helper()
	frames := map[string][]byte{}
	for name, options := range map[string][]lz4.Option{
		"plain":      {lz4.ChecksumOption(false)},
		"sums":       {lz4.ChecksumOption(true), lz4.BlockChecksumOption(true)},
		"with size":  {lz4.SizeOption(uint64(len(b)))},
		"large":      {lz4.BlockSizeOption(lz4.Block4Mb)},
		"small":      {lz4.BlockSizeOption(lz4.Block64Kb)},
		"thoroughly": {lz4.CompressionLevelOption(lz4.Level5)},
	} {
		var out bytes.Buffer
		w := lz4.NewWriter(&out)
		if err := w.Apply(options...); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		frames[name] = out.Bytes()
	}
	return frames
}

// A batch that unfolds to more than is allowed costs no more memory than that.
func TestUnfoldingIsBounded(t *testing.T) {
	big := make([]byte, 8<<20)
	for _, codec := range everyCodec[1:] {
		t.Run(codec.testName(), func(t *testing.T) {
			folded, err := new(codecs).fold(codec, nil, big)
			if err != nil {
				t.Fatal(err)
			}
			u := &unfolder{codecs: &codecs{limit: 1 << 20}}
			if out, err := u.unfold(codec, folded); err == nil {
				t.Fatalf("unfolded to %d bytes", len(out))
			}
			u = &unfolder{codecs: &codecs{limit: 8 << 20}}
			if out, err := u.unfold(codec, folded); err != nil || !bytes.Equal(out, big) {
				t.Fatalf("just at the limit: %v", err)
			}
		})
	}
}

// No bit of a batch can be flipped unseen, and no head that lies is believed.
func TestDamageIsSeen(t *testing.T) {
	list := []Message{{Key: []byte("k"), Value: []byte("value"), Headers: []Header{{"h", []byte("v")}}}, {}, {Value: []byte{}}}
	data := encodeBatch(t, new(codecs), None, nobody, -1, list)
	for i := range data {
		if i < atLength || i >= atEpochOf && i < atMagic {
			continue // the offset and the leader's epoch are the broker's, outside of the sum
		}
		bad := bytes.Clone(data)
		bad[i] ^= 0x10
		if b, _, ok, err := nextBatch(bad); err == nil && ok {
			t.Fatalf("byte %d: %+v", i, b)
		}
	}
	for _, at := range []int{atLastDelta, atCount} {
		bad := bytes.Clone(data)
		binary.BigEndian.PutUint32(bad[at:], 1_000_000)
		if at == atLastDelta {
			binary.BigEndian.PutUint32(bad[at:], 0xffffffff)
		}
		binary.BigEndian.PutUint32(bad[atCRC:], crc32.Checksum(bad[atAttributes:], castagnoli))
		b, _, _, err := nextBatch(bad)
		if err == nil {
			_, err = b.appendRecords(nil, 0, &unfolder{codecs: new(codecs)})
		}
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("field at %d: %v", at, err)
		}
	}
}

// Java's own vectors (UtilsTest.testMurmur2), and that of an empty key.
func TestMurmur2(t *testing.T) {
	for key, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107, "": 275646681,
	} {
		if got := int32(Murmur2([]byte(key))); got != want {
			t.Errorf("%q: %d, want %d", key, got, want)
		}
	}
	if got := PartitionFor([]byte("21"), 10); got != (-973932308&0x7fffffff)%10 {
		t.Error(got)
	}
}

func TestSequenceWraps(t *testing.T) {
	if got := after(1<<31-1, 1); got != 0 {
		t.Error(got)
	}
	if got := after(1<<31-3, 5); got != 2 {
		t.Error(got)
	}
}

// seedMessages are few and small, so that the fuzzer is fast.
func seedMessages() []Message {
	return []Message{
		{Time: time.UnixMilli(1000), Key: []byte("k"), Value: []byte("value, value, value, value"), Headers: []Header{{"h", []byte("v")}, {"n", nil}}},
		{Time: time.UnixMilli(900)}, {Time: time.UnixMilli(1001), Value: []byte{}, Headers: []Header{{"h", []byte("w")}}},
	}
}

// FuzzBatch: no bytes make the decoder panic or take more memory than it may, and what it
// takes for records it writes and reads again as the same.
func FuzzBatch(f *testing.F) {
	for _, codec := range everyCodec {
		f.Add(encodeBatch(f, new(codecs), codec, nobody, -1, seedMessages()))
	}
	c := &codecs{limit: 1 << 20}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < batchHead {
			return
		}
		// The sum is made right, or the fuzzer would never get past it.
		data = bytes.Clone(data)
		binary.BigEndian.PutUint32(data[atLength:], uint32(len(data)-atEpochOf))
		binary.BigEndian.PutUint32(data[atCRC:], crc32.Checksum(data[atAttributes:], castagnoli))
		b, _, ok, err := nextBatch(data)
		if err != nil || !ok {
			return
		}
		b.aborts()
		records, err := b.appendRecords(nil, 0, &unfolder{codecs: c})
		if err != nil || len(records) == 0 {
			return
		}
		list := make([]Message, len(records))
		for i, r := range records {
			list[i] = Message{Key: r.Key, Value: r.Value, Headers: r.Headers, Time: r.Time}
		}
		again, _, ok, err := nextBatch(encodeBatch(t, c, None, nobody, -1, list))
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		second, err := again.appendRecords(nil, 0, &unfolder{codecs: c})
		if err != nil {
			t.Fatal(err)
		}
		for i := range second {
			second[i].Offset = records[i].Offset
			if records[i].Time.IsZero() {
				second[i].Time = time.Time{}
			}
			if !reflect.DeepEqual(records[i], second[i]) {
				t.Fatalf("record %d differs", i)
			}
		}
	})
}

// FuzzUnfold: no bytes make a decompressor panic or exceed the limit.
func FuzzUnfold(f *testing.F) {
	for _, codec := range everyCodec {
		folded, err := new(codecs).fold(codec, nil, bytes.Repeat([]byte("fold me "), 20_000))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(codec), folded)
	}
	c := &codecs{limit: 1 << 20}
	f.Fuzz(func(t *testing.T, codec byte, data []byte) {
		out, err := (&unfolder{codecs: c}).unfold(Compression(codec%6), data)
		if err == nil && len(out) > c.limit {
			t.Fatalf("unfolded to %d bytes", len(out))
		}
	})
}

// FuzzAnswers: no answer of a broker makes us panic.
func FuzzAnswers(f *testing.F) {
	part := Partition{Topic: "t", ID: 1}
	batch := encodeBatch(f, new(codecs), None, identity{5, 1}, 0, seedMessages())
	a := appendInt32(nil, 0)
	a = appendInt32(appendInt16(a, 0), 0)
	a = appendInt32(appendString(appendInt32(a, 1), "t"), 1)
	a = appendInt16(appendInt32(a, 1), 0)
	a = appendInt64(appendInt64(appendInt64(a, 5), 5), 0)
	a = appendInt64(appendInt64(appendInt32(a, 1), 5), 0)
	a = appendInt32(a, -1)
	a = append(appendInt32(a, int32(len(batch))), batch...)
	f.Add(a, int16(11))
	f.Fuzz(func(t *testing.T, data []byte, version int16) {
		req := FetchRequest{Partition: part}
		if a, err := readFetched(data, version, &req); err == nil {
			_ = a.decode(&req, &unfolder{codecs: &codecs{limit: 1 << 20}})
		}
		_, _ = readProduced(data, version, part)
	})
}

func BenchmarkEncodeDecode(b *testing.B) {
	value := bytes.Repeat([]byte(`{"event":"click","user":"u-18278","n":12345}`), 17)
	list := make([]Message, 1000)
	for i := range list {
		list[i] = Message{Key: fmt.Appendf(nil, "key-%d", i), Value: value, Time: time.UnixMilli(int64(i))}
		list[i].Headers = []Header{{"lazaret-event-id", []byte("0190d8f2")}, {"lazaret-stream", []byte("clicks")}}
	}
	for _, codec := range everyCodec {
		b.Run(codec.testName(), func(b *testing.B) {
			var c codecs
			var e encoder
			var raw, out []byte
			var records []Record
			b.SetBytes(int64(1000 * len(value)))
			b.ReportAllocs()
			for b.Loop() {
				e.reset(raw[:0])
				for i := range list {
					e.add(&list[i], time.UnixMilli(5), maxRequest)
				}
				raw = e.buf
				out, _ = c.fold(codec, append(out[:0], make([]byte, batchHead)...), raw)
				e.fill(out, codec, false)
				seal(out, nobody, -1)
				found, _, _, err := nextBatch(out)
				if err != nil {
					b.Fatal(err)
				}
				if records, err = found.appendRecords(records[:0], 0, &unfolder{codecs: &c}); err != nil || len(records) != 1000 {
					b.Fatal(err)
				}
			}
		})
	}
}
