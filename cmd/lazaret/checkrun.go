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

// checkBlock is how many bytes are read at a time; a line may be longer, up to maxLine.
const checkBlock = 1 << 20

// maxLine bounds one event, in bytes. A longer line is json.size and is not held in memory.
const maxLine = 64 << 20

// judge is what check needs of a contract.
type judge interface {
	Judge(ctx context.Context, e *lazaret.Event) (lazaret.Verdict, error)
}

type checkOptions struct {
	judge   judge
	file    string
	workers int
	all     bool
	lines   io.Writer // where verdict lines go; nil for none
	report  func(checked)
}

// checked is the outcome for a file.
type checked struct {
	Events, Accepted, Quarantined, Bytes int64
	Seconds                              float64
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
	long  bool  // the block stands for one line that is longer than maxLine
	size  int64 // of the long line

	out      []byte
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
		return readBlocks(r, func(b *block) error {
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
			if len(b.out) > 0 {
				if _, err := o.lines.Write(b.out); err != nil {
					return err
				}
			}
			o.report(total)
		}
		return nil
	})
	err := g.Wait()
	total.Seconds = time.Since(start).Seconds()
	return total, err
}

// readBlocks cuts r into blocks of whole lines.
func readBlocks(r io.Reader, emit func(*block) error) error {
	line := int64(1)
	var rest []byte
	for {
		buf := make([]byte, len(rest), len(rest)+checkBlock)
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
		if cut == 0 && len(buf) > maxLine {
			size, tail, err := skipLine(r)
			if err != nil {
				return err
			}
			if err := emit(&block{first: line, long: true, size: int64(len(buf)) + size}); err != nil {
				return err
			}
			line, rest = line+1, tail
			continue
		}
		if cut > 0 {
			if err := emit(&block{data: buf[:cut], first: line}); err != nil {
				return err
			}
			line += int64(bytes.Count(buf[:cut], []byte{'\n'}))
		}
		if end {
			return nil
		}
		rest = buf[cut:]
	}
}

// skipLine reads to the end of a line that is too long, without keeping it; tail is what
// was read beyond.
func skipLine(r io.Reader) (size int64, tail []byte, err error) {
	buf := make([]byte, checkBlock)
	for {
		n, err := r.Read(buf)
		if i := bytes.IndexByte(buf[:n], '\n'); i >= 0 {
			return size + int64(i), append([]byte(nil), buf[i+1:n]...), nil
		}
		size += int64(n)
		if errors.Is(err, io.EOF) {
			return size, nil, nil
		}
		if err != nil {
			return 0, nil, fmt.Errorf("reading events: %w", err)
		}
	}
}

func (b *block) judge(ctx context.Context, o checkOptions) error {
	b.verdicts = newChecked()
	if b.long {
		reason := lazaret.Reason{Code: lazaret.CodeSize, Message: fmt.Sprintf("the event is longer than %d MiB", maxLine>>20)}
		return b.take(o, b.first, b.size, lazaret.Verdict{Status: lazaret.Quarantined, Reasons: []lazaret.Reason{reason}})
	}
	line := b.first
	for rest := b.data; len(rest) > 0; line++ {
		var one []byte
		one, rest, _ = bytes.Cut(rest, []byte{'\n'})
		one = bytes.TrimSuffix(one, []byte{'\r'})
		if len(bytes.TrimSpace(one)) == 0 {
			continue
		}
		v, err := o.judge.Judge(ctx, &lazaret.Event{
			Data: one, ContentType: "application/json", Received: time.Now().UTC(),
			Source: lazaret.Source{Kind: "file", Name: o.file, Offset: line},
		})
		if err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		if err := b.take(o, line, int64(len(one)), v); err != nil {
			return err
		}
	}
	return nil
}

// take counts a verdict and writes its line.
func (b *block) take(o checkOptions, line, size int64, v lazaret.Verdict) (err error) {
	c := &b.verdicts
	c.Events++
	c.Bytes += size
	if v.Status == lazaret.Accepted {
		c.Accepted++
	} else {
		c.Quarantined++
		c.note(line, v.Reasons)
	}
	if o.lines != nil && (o.all || v.Status != lazaret.Accepted) {
		b.out, err = appendLine(b.out, line, v)
	}
	return err
}

// note counts each code of an event once.
func (c *checked) note(line int64, reasons []lazaret.Reason) {
	codes := map[lazaret.Code]bool{}
	names := map[string]bool{}
	for _, r := range reasons {
		codes[r.Code] = true
		name := string(r.Code)
		if r.Rule != "" {
			name += " " + r.Rule
		}
		names[name] = true
		if _, ok := c.examples[name]; !ok {
			c.examples[name] = example{line, r}
		}
	}
	for code := range codes {
		c.codes[code]++
	}
	for name := range names {
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
