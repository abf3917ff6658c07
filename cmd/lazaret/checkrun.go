package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lazaret/lazaret"
)

// maxWorkers bounds --workers; each holds a few blocks.
const maxWorkers = 256

// judge is what check needs of a contract. It keeps neither the event nor its bytes, and
// neither does the verdict: both are used for the next line.
type judge interface {
	Judge(ctx context.Context, e *lazaret.Event) (lazaret.Verdict, error)
}

type checkOptions struct {
	judge    judge
	file     string
	workers  int
	maxEvent int // bytes; what is longer is not held in memory
	all      bool
	versions bool      // lines have the version of the schema
	lines    io.Writer // where verdict lines go; nil for none
	report   func(counts)
}

// check judges the lines of r on several goroutines; lines are written in the order of
// the file. One goroutine reads, the workers judge, and one takes the outcomes in order
// and gives the blocks back to the reader: so memory is bounded by the blocks there are.
func check(ctx context.Context, r io.Reader, o checkOptions) (checked, error) {
	start := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	blocks := 2*o.workers + 3 // one judged and one read ahead a worker; two with the reader, one with the writer
	free, work, order := make(chan *block, blocks), make(chan *block, blocks), make(chan *block, blocks)
	for range blocks {
		free <- newBlock()
	}
	g.Go(func() error {
		defer close(work)
		defer close(order)
		lines := blockReader{r: during{ctx, r}, most: o.maxEvent, take: func() (*block, error) {
			select {
			case b := <-free:
				return b, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}, emit: func(b *block) {
			order <- b
			work <- b
		}}
		return lines.run()
	})
	workers := make([]*worker, o.workers)
	for i := range workers {
		w := newWorker(o)
		workers[i] = w
		g.Go(func() error {
			for b := range work {
				b.done <- w.judge(ctx, b)
			}
			return nil
		})
	}
	var total counts
	g.Go(func() error { return total.collect(ctx, order, free, o) })
	err := g.Wait()
	result := newChecked(total, workers)
	result.Seconds = time.Since(start).Seconds()
	return result, err
}

// collect adds up the blocks in the order of the file and writes their lines.
func (c *counts) collect(ctx context.Context, order <-chan *block, free chan<- *block, o checkOptions) error {
	for b := range order {
		select {
		case err := <-b.done:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		c.add(b.counts)
		if b.out.Len() > 0 {
			if _, err := o.lines.Write(b.out.Bytes()); err != nil {
				return err
			}
		}
		o.report(*c)
		b.clear()
		free <- b
	}
	return nil
}

// worker judges blocks, one after another.
type worker struct {
	checkOptions
	event lazaret.Event // of the line at hand
	found found
}

func newWorker(o checkOptions) *worker {
	return &worker{checkOptions: o, found: newFound(), event: lazaret.Event{
		ContentType: "application/json", Source: lazaret.Source{Kind: "file", Name: o.file},
	}}
}

func (w *worker) judge(ctx context.Context, b *block) error {
	w.event.Received = time.Now().UTC()
	if b.size > 0 {
		return w.one(ctx, b, b.first, b.data, b.size)
	}
	line := b.first
	for rest := b.data; len(rest) > 0; line++ {
		one := rest
		if end := bytes.IndexByte(rest, '\n'); end >= 0 {
			one, rest = rest[:end], rest[end+1:]
		} else {
			rest = nil
		}
		one = bytes.TrimSuffix(one, []byte{'\r'})
		if blank(one) {
			continue
		}
		if err := w.one(ctx, b, line, one, int64(len(one))); err != nil {
			return err
		}
	}
	return nil
}

// one judges one event.
func (w *worker) one(ctx context.Context, b *block, line int64, data []byte, size int64) error {
	w.event.Data, w.event.Source.Offset = data[:len(data):len(data)], line
	v, err := w.checkOptions.judge.Judge(ctx, &w.event)
	if err != nil {
		return fmt.Errorf("line %d: %w", line, err)
	}
	b.Events++
	b.Bytes += size
	if v.Status == lazaret.Accepted {
		b.Accepted++
		if len(v.Warnings) > 0 {
			b.warned++
		}
	} else {
		b.Quarantined++
		w.found.note(line, v.Reasons)
	}
	if w.lines != nil && (w.all || v.Status != lazaret.Accepted) {
		return b.write(line, &v, w.versions)
	}
	return nil
}

// checkLine is one line of -o ndjson.
type checkLine struct {
	Line     int64            `json:"line"`
	Status   lazaret.Status   `json:"status"`
	Version  int              `json:"schema_version,omitempty"`
	Reasons  []lazaret.Reason `json:"reasons"`
	More     int              `json:"more,omitempty"`
	Warnings []lazaret.Reason `json:"warnings,omitempty"`
}

// write adds a verdict's line to the block's.
func (b *block) write(line int64, v *lazaret.Verdict, version bool) error {
	if len(v.Reasons) == 0 && len(v.Warnings) == 0 && !version { // with --all the most of them, so without reflection
		l := append(b.out.AvailableBuffer(), `{"line":`...)
		l = strconv.AppendInt(l, line, 10)
		l = append(append(l, `,"status":"`...), v.Status...)
		b.out.Write(append(l, `","reasons":[]}`+"\n"...))
		return nil
	}
	l := checkLine{Line: line, Status: v.Status, Reasons: v.Reasons, More: v.More, Warnings: v.Warnings}
	if version {
		l.Version = v.Version.Schema
	}
	if l.Reasons == nil {
		l.Reasons = []lazaret.Reason{}
	}
	if b.enc == nil {
		b.enc = json.NewEncoder(&b.out)
		b.enc.SetEscapeHTML(false)
	}
	return b.enc.Encode(&l)
}
