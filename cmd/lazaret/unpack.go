package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// unpackWindow bounds the memory that a zstd file may ask for.
const unpackWindow = 128 << 20

// unpacked reads what gzip or zstd compressed as it was before, and everything else as it is:
// no JSON text begins as they do.
func unpacked(r io.Reader) (text io.Reader, packed bool, err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1F, 0x8B}):
		z, err := gzip.NewReader(in)
		return whole{z}, true, err
	case bytes.Equal(head, []byte{0x28, 0xB5, 0x2F, 0xFD}):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(unpackWindow))
		if err != nil {
			return nil, true, err
		}
		return whole{z.IOReadCloser()}, true, nil
	}
	return in, false, nil
}

// whole reads what was compressed. To end in the middle is an error of its own, which
// nobody takes for an end.
type whole struct{ r io.Reader }

var errCutOff = errors.New("the compressed data ends too early: is the file whole?")

// Read implements io.Reader.
func (w whole) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errCutOff
	}
	return n, err
}
