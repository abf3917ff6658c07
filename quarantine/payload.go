package quarantine

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
)

const (
	codecPlain = 0
	codecZstd  = 1

	// compressFrom is the size in bytes from which compressing pays.
	compressFrom = 512
	// maxPayload bounds what is stored and what is decoded.
	maxPayload = 512 << 20
)

// payloads encodes and decodes payloads; it is safe for concurrent use.
type payloads struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newPayloads() (*payloads, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(4), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(4), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxMemory(maxPayload))
	if err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	return &payloads{enc, dec}, nil
}

// encode returns what is stored for data, never nil.
func (p *payloads) encode(data []byte) (codec int, stored []byte) {
	if len(data) >= compressFrom {
		if packed := p.enc.EncodeAll(data, make([]byte, 0, len(data)/2)); len(packed) < len(data) {
			return codecZstd, packed
		}
	}
	if data == nil {
		data = []byte{}
	}
	return codecPlain, data
}

// decode returns the payload of the given size. What does not decode to exactly that
// size is an error; no more memory than that is taken.
func (p *payloads) decode(codec int, stored []byte, size int64) ([]byte, error) {
	if size < 0 || size > maxPayload {
		return nil, fmt.Errorf("the stored size of a payload is %d bytes: the store is damaged", size)
	}
	data := stored
	switch codec {
	case codecPlain:
	case codecZstd:
		var err error
		if data, err = p.dec.DecodeAll(stored, make([]byte, 0, size)); err != nil {
			return nil, fmt.Errorf("a stored payload cannot be decompressed, the store is damaged: %w", err)
		}
	default:
		return nil, fmt.Errorf("a payload was stored by a newer lazaret: codec %d is unknown", codec)
	}
	if int64(len(data)) != size {
		return nil, fmt.Errorf("a stored payload has %d bytes instead of %d: the store is damaged", len(data), size)
	}
	return data, nil
}
