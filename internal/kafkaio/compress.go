package kafkaio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

var errUnfoldsTooFar = errors.New("unfolds to more than is allowed")

// keepScratch is the largest scratch buffer that is kept for the next batch.
const keepScratch = 16 << 20

// codecs holds compressors and decompressors for use again. The zero value is ready.
type codecs struct {
	limit   int // bytes that a batch may unfold to; 0 is maxUnfolded
	scratch sync.Pool
	gunzip  sync.Pool
	gzip    sync.Pool
	lz4     sync.Pool

	once    sync.Once
	encoder *zstd.Encoder
	decoder *zstd.Decoder
	err     error
}

func (c *codecs) max() int {
	if c.limit > 0 {
		return c.limit
	}
	return maxUnfolded
}

func (c *codecs) zstd() (*zstd.Encoder, *zstd.Decoder, error) {
	c.once.Do(func() {
		// The batch has its own checksum.
		c.encoder, c.err = zstd.NewWriter(nil, zstd.WithEncoderCRC(false))
		if c.err == nil {
			c.decoder, c.err = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(uint64(c.max())),
				zstd.WithDecoderConcurrency(0), zstd.IgnoreChecksum(true))
		}
	})
	return c.encoder, c.decoder, c.err
}

// fold appends src, compressed, to dst.
func (c *codecs) fold(codec Compression, dst, src []byte) ([]byte, error) {
	switch codec {
	case None:
		return append(dst, src...), nil
	case Gzip:
		return c.foldGzip(dst, src)
	case Snappy:
		return foldXerial(dst, src), nil
	case LZ4:
		return c.foldLZ4(dst, src)
	case Zstd:
		e, _, err := c.zstd()
		if err != nil {
			return dst, err
		}
		return e.EncodeAll(src, dst), nil
	}
	return dst, fmt.Errorf("kafka: there is no compression %d", codec)
}

// unfolder decompresses the batches of one fetch and counts what they unfold to.
type unfolder struct {
	codecs *codecs
	total  int
}

// unfold returns what src unfolds to, in memory of its own and of just that size.
func (u *unfolder) unfold(codec Compression, src []byte) (out []byte, err error) {
	defer func() {
		// The decompressors are others' and meet whatever a broker hands out.
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("decompressor failed: %v", p)
		}
	}()
	c := u.codecs
	scratch, _ := c.scratch.Get().(*[]byte)
	if scratch == nil {
		scratch = new([]byte)
	}
	b, err := c.unfold(codec, (*scratch)[:0], src)
	if err == nil && len(b) > c.max() {
		err = errUnfoldsTooFar
	}
	if err != nil {
		return nil, err
	}
	out = bytes.Clone(b)
	u.total += len(out)
	if cap(b) <= keepScratch {
		*scratch = b
		c.scratch.Put(scratch)
	}
	return out, nil
}

// unfold appends what src unfolds to, to dst, which is empty.
func (c *codecs) unfold(codec Compression, dst, src []byte) ([]byte, error) {
	switch codec {
	case Gzip:
		return c.unfoldGzip(dst, src)
	case Snappy:
		return unfoldSnappy(dst, src, c.max())
	case LZ4:
		return unfoldLZ4(dst, src, c.max())
	case Zstd:
		_, d, err := c.zstd()
		if err != nil {
			return dst, err
		}
		return d.DecodeAll(src, dst)
	}
	return dst, fmt.Errorf("there is no compression %d", codec)
}

// growing is an io.Writer to a byte slice.
type growing struct{ b []byte }

func (g *growing) Write(p []byte) (int, error) {
	g.b = append(g.b, p...)
	return len(p), nil
}

func (c *codecs) foldGzip(dst, src []byte) ([]byte, error) {
	out := &growing{b: dst}
	z, _ := c.gzip.Get().(*gzip.Writer)
	if z == nil {
		z = gzip.NewWriter(out)
	} else {
		z.Reset(out)
	}
	if _, err := z.Write(src); err != nil {
		return dst, err
	}
	if err := z.Close(); err != nil {
		return dst, err
	}
	z.Reset(nil)
	c.gzip.Put(z)
	return out.b, nil
}

func (c *codecs) unfoldGzip(dst, src []byte) ([]byte, error) {
	z, _ := c.gunzip.Get().(*gzip.Reader)
	if z == nil {
		z = new(gzip.Reader)
	}
	if err := z.Reset(bytes.NewReader(src)); err != nil {
		return dst, err
	}
	dst = grow(dst, min(4*len(src), c.max())+bytes.MinRead)
	for {
		n, err := z.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			c.gunzip.Put(z)
			return dst, nil
		}
		if err != nil {
			return dst, err
		}
		if len(dst) > c.max() {
			return dst, errUnfoldsTooFar
		}
		dst = grow(dst, bytes.MinRead)
	}
}

// Java frames Snappy in its own way: a magic number, two versions, and then blocks with
// their lengths.
const (
	xerialMagic = "\x82SNAPPY\x00"
	xerialHead  = xerialMagic + "\x00\x00\x00\x01\x00\x00\x00\x01"
	xerialBlock = 32 << 10
)

func foldXerial(dst, src []byte) []byte {
	dst = append(dst, xerialHead...)
	for len(src) > 0 {
		block := src[:min(len(src), xerialBlock)]
		src = src[len(block):]
		dst = grow(dst, 4+s2.MaxEncodedLen(len(block)))
		at := len(dst) + 4
		n := len(s2.EncodeSnappy(dst[at:cap(dst)], block))
		binary.BigEndian.PutUint32(dst[at-4:at], uint32(n))
		dst = dst[:at+n]
	}
	return dst
}

// unfoldSnappy takes both Java's framing and, as other clients write it, one block.
func unfoldSnappy(dst, src []byte, limit int) ([]byte, error) {
	if len(src) < len(xerialHead) || string(src[:len(xerialMagic)]) != xerialMagic {
		return appendSnappy(dst, src, limit)
	}
	r := wireReader{buf: src[len(xerialHead):]}
	for len(r.buf) > 0 {
		block := r.take(int(r.int32()))
		if r.bad {
			return dst, io.ErrUnexpectedEOF
		}
		var err error
		if dst, err = appendSnappy(dst, block, limit); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func appendSnappy(dst, block []byte, limit int) ([]byte, error) {
	n, err := snappy.DecodedLen(block)
	if err != nil {
		return dst, err
	}
	// Three bytes make at most 64, so a larger claim is a lie and costs no memory.
	if n > 32*len(block) {
		return dst, snappy.ErrCorrupt
	}
	if n > limit-len(dst) {
		return dst, errUnfoldsTooFar
	}
	dst = grow(dst, n)
	at := len(dst)
	out, err := snappy.Decode(dst[at:at+n:cap(dst)], block)
	if err != nil {
		return dst, err
	}
	return dst[:at+len(out)], nil
}

// lz4Head begins a frame: the magic number, version 1 with independent blocks and no sums,
// blocks of 64 KiB, and the sum of those two bytes.
const (
	lz4Magic = "\x04\x22\x4d\x18"
	lz4Head  = lz4Magic + "\x60\x40\x82"
	lz4Block = 64 << 10
	lz4Plain = 1 << 31 // set in the length of a block that is not compressed

	lz4BlockSums   = 0x10
	lz4Independent = 0x20
	lz4HasSize     = 0x08
	lz4HasDict     = 0x01
	lz4Version     = 0x40
)

func (c *codecs) foldLZ4(dst, src []byte) ([]byte, error) {
	z, _ := c.lz4.Get().(*lz4.Compressor)
	if z == nil {
		z = new(lz4.Compressor)
	}
	defer c.lz4.Put(z)
	dst = append(dst, lz4Head...)
	le := binary.LittleEndian
	for len(src) > 0 {
		block := src[:min(len(src), lz4Block)]
		src = src[len(block):]
		dst = grow(dst, 4+lz4.CompressBlockBound(len(block)))
		at := len(dst) + 4
		n, err := z.CompressBlock(block, dst[at:cap(dst)])
		if err != nil {
			return dst, err
		}
		size := uint32(n)
		if n == 0 || n >= len(block) {
			n = copy(dst[at:cap(dst)], block)
			size = uint32(n) | lz4Plain
		}
		le.PutUint32(dst[at-4:at], size)
		dst = dst[:at+n]
	}
	return append(dst, 0, 0, 0, 0), nil
}

// unfoldLZ4 reads one frame. Its sums are passed over, since the batch has one.
func unfoldLZ4(dst, src []byte, limit int) ([]byte, error) {
	r := wireReader{buf: src}
	if string(r.take(len(lz4Magic))) != lz4Magic {
		return dst, errors.New("not an LZ4 frame")
	}
	head := r.take(2)
	if r.bad || head[0]&0xc0 != lz4Version || head[0]&lz4HasDict != 0 {
		return dst, errors.New("unknown kind of LZ4 frame")
	}
	flags, code := head[0], head[1]>>4&7
	if code < 4 {
		return dst, errors.New("unknown block size of an LZ4 frame")
	}
	largest := 1 << (8 + 2*code) // 64 KiB to 4 MiB
	if flags&lz4HasSize != 0 {
		r.take(8)
	}
	r.take(1) // the head's own sum
	for {
		size := r.take(4)
		if r.bad {
			return dst, io.ErrUnexpectedEOF
		}
		n := binary.LittleEndian.Uint32(size)
		if n == 0 {
			return dst, nil
		}
		block := r.take(int(n &^ lz4Plain))
		if flags&lz4BlockSums != 0 {
			r.take(4)
		}
		if r.bad || len(block) > largest {
			return dst, io.ErrUnexpectedEOF
		}
		var err error
		if dst, err = appendLZ4(dst, block, n&lz4Plain != 0, flags&lz4Independent != 0, largest, limit); err != nil {
			return dst, err
		}
	}
}

func appendLZ4(dst, block []byte, plain, independent bool, largest, limit int) ([]byte, error) {
	if plain {
		if len(block) > limit-len(dst) {
			return dst, errUnfoldsTooFar
		}
		return append(dst, block...), nil
	}
	dst = grow(dst, min(largest, 256*len(block)+16)) // a byte makes at most 255
	at := len(dst)
	var before []byte
	if !independent {
		before = dst[max(0, at-lz4Block):at]
	}
	n, err := lz4.UncompressBlockWithDict(block, dst[at:min(cap(dst), at+largest)], before)
	if err != nil {
		return dst, err
	}
	if n > limit-at {
		return dst, errUnfoldsTooFar
	}
	return dst[:at+n], nil
}
