package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// checkBlock is how many bytes are read at a time; a line may be longer.
const checkBlock = 256 << 10

// keptBlock is how large a block may have grown and be used again.
const keptBlock = 2 << 20

// block is a run of whole lines, and then what came of it. Blocks are used again and
// again: who has one has it alone.
type block struct {
	data  []byte
	first int64 // number of the first line, from 1
	// size is not 0 if the block stands for one line of so many bytes that is longer than
	// an event may be; data is its beginning, itself longer than an event may be.
	size int64

	counts
	out  bytes.Buffer // verdict lines
	enc  *json.Encoder
	done chan error // has one answer for each time that the block is judged
}

func newBlock() *block { return &block{done: make(chan error, 1)} }

// clear makes the block ready to be filled.
func (b *block) clear() {
	if b.data = b.data[:0]; cap(b.data) > keptBlock {
		b.data = nil
	}
	b.first, b.size, b.counts = 0, 0, counts{}
	if b.out.Reset(); b.out.Cap() > keptBlock {
		b.out, b.enc = bytes.Buffer{}, nil
	}
}

// fill reads until there is no room, which it makes first: as much as there is already,
// and no more than it takes to see that a line is longer than most bytes.
func (b *block) fill(r io.Reader, most int) error {
	if held := len(b.data); cap(b.data) < max(checkBlock, 2*held) {
		b.data = append(make([]byte, 0, max(checkBlock, min(2*held, most+2+checkBlock))), b.data...)
	}
	n, err := io.ReadFull(r, b.data[len(b.data):cap(b.data)])
	b.data = b.data[:len(b.data)+n]
	return err
}

// blockReader cuts r into blocks of whole lines. Of a line that is longer than most bytes
// only the beginning is held.
type blockReader struct {
	r    io.Reader
	most int
	take func() (*block, error) // an empty block to read into
	emit func(*block)           // takes a block over

	b    *block // holds the beginning of a line
	line int64  // its number
}

func (s *blockReader) run() (err error) {
	s.line = 1
	if s.b, err = s.take(); err != nil {
		return err
	}
	for {
		held := len(s.b.data) // of one line, so without a line feed
		err := s.b.fill(s.r, s.most)
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return fmt.Errorf("reading events: %w", err)
		}
		if end {
			if len(s.b.data) > 0 {
				s.b.first = s.line
				s.emit(s.b)
			}
			return nil
		}
		if cut := bytes.LastIndexByte(s.b.data[held:], '\n') + 1; cut > 0 {
			if err := s.pass(held+cut, 0, s.b.data[held+cut:]); err != nil {
				return err
			}
		}
		if len(s.b.data) <= s.most+1 { // a CR at its end is not of the event
			continue
		}
		long, err := readLong(s.r, s.b.data)
		if err == nil && long.blank {
			s.b.data = append(s.b.data[:0], long.tail...)
			s.line++
		} else if err == nil {
			err = s.pass(s.most+1, long.size, long.tail)
		}
		if err != nil {
			return err
		}
	}
}

// pass emits the first n bytes of the block, and goes on with a block that holds the rest.
func (s *blockReader) pass(n int, size int64, rest []byte) error {
	next, err := s.take()
	if err != nil {
		return err
	}
	next.data = append(next.data, rest...)
	s.b.data, s.b.first, s.b.size = s.b.data[:n], s.line, size
	if size > 0 {
		s.line++
	} else {
		s.line += int64(bytes.Count(s.b.data, []byte{'\n'}))
	}
	s.emit(s.b)
	s.b = next
	return nil
}

// longLine is what is known of a line that is not held.
type longLine struct {
	size  int64  // without its end
	blank bool   // there is nothing in it but white space
	tail  []byte // what was read beyond it
}

// readLong reads to the end of the line that begins with head.
func readLong(r io.Reader, head []byte) (longLine, error) {
	l := longLine{size: int64(len(head)), blank: blank(head)}
	last := head[len(head)-1]
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		part, tail, found := bytes.Cut(buf[:n], []byte{'\n'})
		l.size += int64(len(part))
		l.blank = l.blank && blank(part)
		if len(part) > 0 {
			last = part[len(part)-1]
		}
		if found || errors.Is(err, io.EOF) {
			if last == '\r' {
				l.size--
			}
			l.tail = append([]byte(nil), tail...)
			return l, nil
		}
		if err != nil {
			return l, fmt.Errorf("reading events: %w", err)
		}
	}
}

// blank says whether a line has nothing but JSON's white space, and so is not an event,
// as the gateway has it.
func blank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}
