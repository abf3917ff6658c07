package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/schemas/infer"
)

// inferring is a file, or several one after another, from which a schema is inferred. One
// goroutine reads, and each worker infers from what it is given; what they found is merged
// at the end. So memory is bounded by the blocks and the bounds of package infer.
type inferring struct {
	workers  int
	maxEvent int
	bounds   infer.Bounds
	report   func(bytes, events int64)

	bytes, events atomic.Int64
}

// inferred is what came of one file.
type inferred struct {
	what    *infer.Inference
	skipped int64    // values that are not JSON, or too long
	first   *badText // the first of them in the file
}

// badText says why a value was left out.
type badText struct {
	line, column int64
	message      string
}

// portion is values that follow each other: a block of lines, or one value that may be over
// several lines.
type portion struct {
	block *block
	value *textValue
}

// file infers from one text. What it returns is new.
func (in *inferring) file(ctx context.Context, r io.Reader) (inferred, error) {
	g, ctx := errgroup.WithContext(ctx)
	blocks := 2*in.workers + 3
	free, work := make(chan *block, blocks), make(chan portion, blocks)
	for range blocks {
		free <- newBlock()
	}
	g.Go(func() error {
		defer close(work)
		return in.read(ctx, r, free, work)
	})
	found := make([]*inferrer, in.workers)
	for i := range found {
		w := &inferrer{inferring: in, inferred: inferred{what: infer.New(in.bounds)}}
		found[i] = w
		g.Go(func() error {
			for s := range work {
				w.take(s)
				if s.block != nil {
					s.block.clear()
					free <- s.block
				}
				in.report(in.bytes.Load(), in.events.Load())
			}
			return nil
		})
	}
	err := g.Wait()
	all := inferred{what: infer.New(in.bounds)}
	for _, w := range found {
		all.add(w.inferred)
	}
	return all, err
}

// add adds what another found in the same file.
func (all *inferred) add(o inferred) {
	all.what.Merge(o.what)
	all.skipped += o.skipped
	if o.first != nil && (all.first == nil || o.first.line < all.first.line) {
		all.first = o.first
	}
}

// read cuts the text into lines if its first line is a value of its own and no array, and
// else into values.
func (in *inferring) read(ctx context.Context, r io.Reader, free <-chan *block, work chan<- portion) error {
	buffered := bufio.NewReaderSize(during{ctx, r}, 1<<20)
	if byLine(buffered) {
		lines := blockReader{r: buffered, most: in.maxEvent, take: func() (*block, error) {
			select {
			case b := <-free:
				return b, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}, emit: func(b *block) { work <- portion{block: b} }}
		return lines.run()
	}
	values := valueReader{r: buffered, most: in.maxEvent, line: 1}
	for {
		v, err := values.next(nil)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case work <- portion{value: &v}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// byLine says whether the text has an event a line. It does not if it begins with an
// array, or with an object that goes on after the line.
func byLine(r *bufio.Reader) bool {
	head, _ := r.Peek(r.Size()) // a failure is found again by who reads on
	head = bytes.TrimLeft(head, " \t\r\n")
	first, after, whole := bytes.Cut(head, []byte{'\n'})
	switch {
	case len(head) == 0:
		return true
	case head[0] == '[':
		return false
	case head[0] != '{':
		return true
	}
	return several(first) == 0 && (!whole || !unfinished(first) || bytes.HasPrefix(after, []byte{'{'}))
}

// several is where the second of some objects begins that follow each other on a line; 0 if
// the line has no such.
func several(line []byte) int {
	bad := jsonread.Check(line, jsonread.Limits{})
	if bad == nil || bad.Offset >= len(line) || line[bad.Offset] != '{' || jsonread.Check(line[:bad.Offset], jsonread.Limits{}) != nil {
		return 0
	}
	return bad.Offset
}

// unfinished says whether an object goes on after the line that it begins on.
func unfinished(line []byte) bool {
	bad := jsonread.Check(line, jsonread.Limits{})
	return bad != nil && bad.Offset >= len(bytes.TrimRight(line, " \t\r"))
}

// inferrer is one worker.
type inferrer struct {
	*inferring
	inferred
}

func (w *inferrer) take(s portion) {
	switch {
	case s.value != nil:
		w.one(s.value.line, 0, s.value.data, s.value.size)
	case s.block.size > 0:
		w.one(s.block.first, 0, s.block.data, s.block.size)
	default:
		line := s.block.first
		for one := range bytes.Lines(s.block.data) {
			if one = bytes.TrimRight(one, "\r\n"); !blank(one) {
				w.line(line, one)
			}
			line++
		}
	}
}

// line takes in a line: one value, or objects that follow each other.
func (w *inferrer) line(line int64, data []byte) {
	if w.what.Add(data) == nil {
		w.bytes.Add(int64(len(data)))
		w.events.Add(1)
		return
	}
	before := 0
	for cut := several(data); cut > 0; cut = several(data) {
		w.one(line, before, data[:cut], int64(cut))
		before += utf8.RuneCount(data[:cut])
		data = data[cut:]
	}
	w.one(line, before, data, int64(len(data)))
}

// one takes in one value, which begins after so many characters of its line.
func (w *inferrer) one(line int64, before int, data []byte, size int64) {
	w.bytes.Add(size)
	w.events.Add(1)
	bad := &badText{line: line}
	if size > int64(w.maxEvent) {
		bad.message = fmt.Sprintf("the event is larger than %d bytes (--max-event)", w.maxEvent)
	} else if err := w.what.Add(data); err != nil {
		bad.message = err.Error()
		var at *jsonread.Error
		if errors.As(err, &at) {
			bad.line, bad.column, bad.message = line+int64(at.Line)-1, int64(at.Column+before), at.Message
		}
	} else {
		return
	}
	w.skipped++
	if w.first == nil || bad.line < w.first.line {
		w.first = bad
	}
}
