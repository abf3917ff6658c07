package lazaret

import "encoding/binary"

// FrameSize is how many bytes the Confluent wire format has before a payload: a zero, and
// the global id of a schema in the registry, big-endian in four bytes.
const FrameSize = 5

// CutFrame returns what follows the frame of the Confluent wire format, and the id in it.
// framed is false if the data has none; no JSON text begins with a zero byte.
func CutFrame(data []byte) (id int64, payload []byte, framed bool) {
	if len(data) < FrameSize || data[0] != 0 {
		return 0, data, false
	}
	return int64(binary.BigEndian.Uint32(data[1:FrameSize])), data[FrameSize:], true
}

// AppendFrame appends the frame with an id, of which it takes the lowest 32 bits.
func AppendFrame(dst []byte, id int64) []byte {
	return binary.BigEndian.AppendUint32(append(dst, 0), uint32(id))
}
