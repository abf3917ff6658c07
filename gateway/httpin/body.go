package httpin

import (
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/lazaret/lazaret/internal/web"
)

const (
	firstPiece = 16 << 10
	// zstdWindow is the largest window that a zstd frame may ask for: what RFC 8878 says
	// that every decoder should take, and the default of every level up to 19.
	zstdWindow = 8 << 20
)

// maxReserve is the most that a request whose decoded body is within limit ever asks
// the budget for: the old and the new buffer while it grows, and a decoder's window.
func maxReserve(limit int64) int64 { return 2*limit + zstdWindow + firstPiece }

// budget is what one request holds of the gateway's bytes in flight.
type budget struct {
	admit    func(n int64) (release func(), ok bool)
	held     int64
	releases []func()
}

// grow makes the budget hold at least n bytes.
func (b *budget) grow(n int64) error {
	if n <= b.held {
		return nil
	}
	release, ok := b.admit(n - b.held)
	if !ok {
		return &web.Problem{Status: 429, Type: kind("busy"), RetryAfter: time.Second,
			Detail: "The server has as many bytes in flight as it may hold. Nothing of this request was taken: send it again."}
	}
	b.held = n
	b.releases = append(b.releases, release)
	return nil
}

func (b *budget) release() {
	for _, r := range b.releases {
		r()
	}
	b.releases, b.held = nil, 0
}

// readBody reads and decodes the body into memory of its own. The length that the
// request declares is admitted before a byte is read; what turns up beyond it is
// admitted piece by piece.
func (s *Server) readBody(c *web.Ctx, p *params, b *budget) ([]byte, error) {
	limits, declared := s.conf.Limits, c.ContentLength()
	if declared > limits.BodyBytes {
		return nil, web.TooLarge(limits.BodyBytes)
	}
	if declared > 0 {
		if err := b.grow(declared); err != nil {
			return nil, err
		}
	}
	wire := &limited{r: c.Body(), left: limits.BodyBytes, most: limits.BodyBytes}
	body, err := s.decoded(p.encoding, wire, declared, b)
	if wire.err != nil { // a decoder may have wrapped it
		return nil, wire.err
	}
	var problem *web.Problem
	switch {
	case errors.As(err, &problem):
		return nil, problem
	case err != nil:
		return nil, &web.Problem{Status: 400, Type: kind("content-encoding"),
			Detail: "The body cannot be decoded as " + p.encoding + ": it is damaged, cut short, followed by something else, or asks for a window above 8 MiB. Nothing of it was taken."}
	case len(body) == 0 && p.mode != modeBinary:
		return nil, errEmpty()
	}
	return body, nil
}

func errEmpty() error {
	return &web.Problem{Status: 400, Type: kind("empty"), Detail: "The body is empty. An empty array is how to send no events."}
}

func (s *Server) decoded(encoding string, wire io.Reader, declared int64, b *budget) ([]byte, error) {
	switch encoding {
	case "gzip":
		z, err := s.decoders.gzip(wire)
		if err != nil {
			return nil, err
		}
		defer s.decoders.putGzip(z)
		return readAll(z, s.conf.Limits.DecodedBytes, firstPiece, 0, b)
	case "zstd":
		if err := b.grow(b.held + zstdWindow); err != nil {
			return nil, err
		}
		z, err := s.decoders.zstd(wire)
		if err != nil {
			return nil, err
		}
		defer s.decoders.putZstd(z)
		return readAll(z, s.conf.Limits.DecodedBytes, firstPiece, zstdWindow, b)
	default:
		if declared >= 0 { // all of it is admitted
			return readAll(wire, declared, declared, 0, b)
		}
		return readAll(wire, s.conf.Limits.DecodedBytes, firstPiece, 0, b)
	}
}

// readAll reads r to its end. The buffer begins at size first and doubles; while it
// grows, the old and the new one and the extra bytes are admitted beforehand.
func readAll(r io.Reader, limit, first, extra int64, b *budget) ([]byte, error) {
	if err := b.grow(first + extra); err != nil {
		return nil, err
	}
	buf := make([]byte, 0, first+1) // with room to see the end
	for {
		if len(buf) == cap(buf) {
			size := min(2*int64(cap(buf)), limit+1)
			if err := b.grow(size + int64(cap(buf)) + extra); err != nil {
				return nil, err
			}
			buf = append(make([]byte, 0, size), buf...)
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			return nil, web.TooLarge(limit)
		}
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// limited passes on at most left bytes and keeps the error that ended it.
type limited struct {
	r          io.Reader
	left, most int64
	err        error // never io.EOF
}

func (l *limited) Read(p []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		l.err = web.TooLarge(l.most)
		return 0, l.err
	}
	if err != nil && err != io.EOF {
		l.err = err
	}
	return n, err
}

// decoders keeps decoders for use again: making them costs more than small bodies do.
type decoders struct {
	gzips, zstds sync.Pool
}

func (d *decoders) gzip(r io.Reader) (*gzip.Reader, error) {
	if z, ok := d.gzips.Get().(*gzip.Reader); ok {
		return z, z.Reset(r)
	}
	return gzip.NewReader(r)
}

func (d *decoders) putGzip(z *gzip.Reader) {
	_ = z.Reset(strings.NewReader("")) // fails for want of a header, and lets go of the request's reader
	d.gzips.Put(z)
}

func (d *decoders) zstd(r io.Reader) (*zstd.Decoder, error) {
	if z, ok := d.zstds.Get().(*zstd.Decoder); ok {
		return z, z.Reset(r)
	}
	// One goroutine, the caller's; so a pooled decoder that is dropped leaves nothing.
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
}

func (d *decoders) putZstd(z *zstd.Decoder) {
	if z.Reset(nil) == nil { // lets go of the request's reader
		d.zstds.Put(z)
	}
}
