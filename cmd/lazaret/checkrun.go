package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lazaret/lazaret"
)

// checkBlock is how many bytes are read at a time; a line may be longer.
const checkBlock = 1 << 20

// maxWorkers bounds --workers; each holds a few blocks.
const maxWorkers = 256

// judge is what check needs of a contract.
type judge interface {
	Judge(ctx context.Context, e *lazaret.Event) (lazaret.Verdict, error)
}

type checkOptions struct {
	judge    judge
	file     string
	workers  int
	maxEvent int // bytes; what is longer is not held in memory
	all      bool
	lines    io.Writer // where verdict lines go; nil for none
	report   func(*checked)
}

// checked is the outcome for a file.
type checked struct {
	Events, Accepted, Quarantined, Bytes int64
	Seconds                              float64
	warned                               int64
	Reasons                              map[string]int // code, with the rule's id after it where there is one
	codes                                map[lazaret.Code]int
	examples                             map[string]example
}

type example struct {
	line   int64
	reason lazaret.Reason
}

// summary is the form of -o json.
func (c checked) summary() any {
	return struct {
		Events      int64                `json:"events"`
		Accepted    int64                `json:"accepted"`
		Quarantined int64                `json:"quarantined"`
		Bytes       int64                `json:"bytes"`
		Seconds     float64              `json:"seconds"`
		Reasons     map[lazaret.Code]int `json:"reasons"`
	}{c.Events, c.Accepted, c.Quarantined, c.Bytes, c.Seconds, c.codes}
}

// block is a run of whole lines, and then what came of it.
type block struct {
	data  []byte
	first int64 // number of the first line, from 1
	// size is not 0 if the block stands for one line of so many bytes that is longer than
	// an event may be; data is its beginning, itself longer than an event may be.
	size int64

	out      bytes.Buffer
	verdicts checked
	done     chan error
}

// check judges the lines of r on several goroutines; lines are written in the order of
// the file. Memory is bounded by the workers' blocks.
func check(ctx context.Context, r io.Reader, o checkOptions) (checked, error) {
	start := time.Now()
	work := make(chan *block)
	order := make(chan *block, 2*o.workers)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(work)
		defer close(order)
		return readBlocks(r, o.maxEvent, func(b *block) error {
			b.done = make(chan error, 1)
			for _, to := range []chan *block{order, work} {
				select {
				case to <- b:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	})
	for range o.workers {
		g.Go(func() error {
			for b := range work {
				b.done <- b.judge(ctx, o)
			}
			return nil
		})
	}
	total := newChecked()
	g.Go(func() error {
		for b := range order {
			select {
			case err := <-b.done:
				if err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
			total.add(b.verdicts)
			if b.out.Len() > 0 {
				if _, err := o.lines.Write(b.out.Bytes()); err != nil {
					return err
				}
			}
			o.report(&total)
		}
		return nil
	})
	err := g.Wait()
	total.Seconds = time.Since(start).Seconds()
	return total, err
}

// readBlocks cuts r into blocks of whole lines. Of a line that is longer than most bytes
// only the beginning is held.
func readBlocks(r io.Reader, most int, emit func(*block) error) error {
	line := int64(1)
	var rest []byte
	for {
		buf := make([]byte, len(rest), len(rest)+max(checkBlock, len(rest)))
		copy(buf, rest)
		n, err := io.ReadFull(r, buf[len(rest):cap(buf)])
		buf = buf[:len(rest)+n]
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return fmt.Errorf("reading events: %w", err)
		}
		cut := bytes.LastIndexByte(buf, '\n') + 1
		if end {
			cut = len(buf)
		}
		if cut > 0 {
			if err := emit(&block{data: buf[:cut:cut], first: line}); err != nil {
				return err
			}
			line += int64(bytes.Count(buf[:cut], []byte{'\n'}))
		}
		if end {
			return nil
		}
		rest = buf[cut:]
		if len(rest) <= most+1 { // a CR at its end is not of the event
			continue
		}
		long, err := readLong(r, rest)
		if err != nil {
			return err
		}
		if !long.blank {
			head := rest[: most+1 : most+1]
			if err := emit(&block{data: append([]byte(nil), head...), first: line, size: long.size}); err != nil {
				return err
			}
		}
		line, rest = line+1, long.tail
	}
}

// longLine is what is known of a line that is not held.
type longLine struct {
	size  int64  // without its end
	blank bool   // there is nothing in it but white space
	tail  []byte // what was read beyond it
}

// readLong reads to the end of the line that begins with head.
func readLong(r io.Reader, head []byte) (longLine, error) {
	l := longLine{size: int64(len(head)), blank: len(trim(head)) == 0}
	last := head[len(head)-1]
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		part, tail, found := bytes.Cut(buf[:n], []byte{'\n'})
		l.size += int64(len(part))
		l.blank = l.blank && len(trim(part)) == 0
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

// trim drops JSON's white space on both sides, and no other, as the gateway does: a line
// of nothing else is blank and is not an event.
func trim(b []byte) []byte { return bytes.Trim(b, " \t\r\n") }

func (b *block) judge(ctx context.Context, o checkOptions) error {
	b.verdicts = newChecked()
	if b.size > 0 {
		return b.one(ctx, o, b.first, b.data, b.size)
	}
	line := b.first
	for rest := b.data; len(rest) > 0; line++ {
		var one []byte
		one, rest, _ = bytes.Cut(rest, []byte{'\n'})
		one = bytes.TrimSuffix(one, []byte{'\r'})
		if len(trim(one)) == 0 {
			continue
		}
		if err := b.one(ctx, o, line, one[:len(one):len(one)], int64(len(one))); err != nil {
			return err
		}
	}
	return nil
}

// one judges one event.
func (b *block) one(ctx context.Context, o checkOptions, line int64, data []byte, size int64) error {
	v, err := o.judge.Judge(ctx, &lazaret.Event{
		Data: data, ContentType: "application/json", Received: time.Now().UTC(),
		Source: lazaret.Source{Kind: "file", Name: o.file, Offset: line},
	})
	if err != nil {
		return fmt.Errorf("line %d: %w", line, err)
	}
	return b.take(o, line, size, v)
}

// take counts a verdict and writes its line.
func (b *block) take(o checkOptions, line, size int64, v lazaret.Verdict) (err error) {
	c := &b.verdicts
	c.Events++
	c.Bytes += size
	if v.Status == lazaret.Accepted {
		c.Accepted++
		if len(v.Warnings) > 0 {
			c.warned++
		}
	} else {
		c.Quarantined++
		c.note(line, v.Reasons)
	}
	if o.lines != nil && (o.all || v.Status != lazaret.Accepted) {
		err = encodeLine(&b.out, line, v)
	}
	return err
}

// note counts each code of an event once.
func (c *checked) note(line int64, reasons []lazaret.Reason) {
	codes := map[lazaret.Code]bool{}
	for _, r := range reasons {
		codes[r.Code] = true
		if _, ok := c.examples[reasonName(r)]; !ok {
			c.examples[reasonName(r)] = example{line, r}
		}
	}
	for code := range codes {
		c.codes[code]++
	}
	for _, name := range reasonNames(reasons) {
		c.Reasons[name]++
	}
}

func newChecked() checked {
	return checked{Reasons: map[string]int{}, codes: map[lazaret.Code]int{}, examples: map[string]example{}}
}

// add takes a later block's outcome in.
func (c *checked) add(o checked) {
	c.Events += o.Events
	c.Accepted += o.Accepted
	c.warned += o.warned
	c.Quarantined += o.Quarantined
	c.Bytes += o.Bytes
	for k, n := range o.Reasons {
		c.Reasons[k] += n
	}
	for k, n := range o.codes {
		c.codes[k] += n
	}
	for k, x := range o.examples {
		if _, ok := c.examples[k]; !ok {
			c.examples[k] = x
		}
	}
}
