package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/client"
)

// sendOptions says how events are posted.
type sendOptions struct {
	batch   int  // events a request, at most
	bytes   int  // bytes a request, at most, unless one event is larger
	workers int  // requests at a time
	reject  bool // ?invalid=reject
}

// sent is what became of the events.
type sent struct {
	Stream      string         `json:"stream"`
	Received    int64          `json:"received"`
	Accepted    int64          `json:"accepted"`
	Quarantined int64          `json:"quarantined"`
	Rejected    int64          `json:"rejected"`
	Bytes       int64          `json:"bytes"`
	Seconds     float64        `json:"seconds"`
	Reasons     map[string]int `json:"reasons"`
}

func (e *env) sendCmd() *cobra.Command {
	o := sendOptions{}
	cmd := &cobra.Command{
		Use:   "send STREAM FILE|-",
		Short: "Send events, one a line, to a stream",
		Long: `Send reads NDJSON and posts it in batches. Each batch carries an Idempotency-Key, so that
a batch that is tried again after an unclear failure is not taken twice.

Exit code 1 if any event was rejected or could not be sent; a quarantined event is safe
and is not a failure.`,
		Example: "  lazaret send clickstream events.ndjson\n  lazaret generate clickstream --events 1000 | lazaret send clickstream -",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := e.wants("table", "json"); err != nil {
				return err
			}
			if o.batch < 1 || o.workers < 1 {
				return usage("--batch and --workers are at least 1")
			}
			c, err := e.client()
			if err != nil {
				return err
			}
			defer c.Close()
			in, total, err := e.input(args[1])
			if err != nil {
				return err
			}
			defer in.Close()
			p := e.progress("sending to " + args[0])
			result, err := send(cmd.Context(), c, args[0], in, o, func(s sent) { p.update(s.Bytes, total, sendNote(s)) })
			p.finish(result.Bytes, max(total, result.Bytes), sendNote(result))
			if result.Received > 0 || err == nil {
				if perr := e.printSent(result); perr != nil {
					return perr
				}
			}
			if err != nil {
				return err
			}
			if result.Rejected > 0 {
				return &exit{code: exitFindings}
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&o.batch, "batch", 500, "events a request, at most")
	cmd.Flags().IntVar(&o.workers, "workers", 4, "requests at a time")
	cmd.Flags().BoolVar(&o.reject, "reject-invalid", false, "answer bad events instead of quarantining them")
	o.bytes = 4 << 20
	return cmd
}

func sendNote(s sent) string {
	return fmt.Sprintf("B  %s accepted, %s quarantined", count(s.Accepted), count(s.Quarantined))
}

func (e *env) printSent(s sent) error {
	if e.output == "json" {
		return e.printJSON(s)
	}
	t := newTable("stream", ">received", ">accepted", ">quarantined", ">rejected", ">seconds")
	t.add(s.Stream, count(s.Received), count(s.Accepted), count(s.Quarantined), count(s.Rejected), fmt.Sprintf("%.2f", s.Seconds))
	t.write(e.stdout, e.style(e.stdout), "")
	if len(s.Reasons) > 0 {
		fmt.Fprintln(e.stdout)
		r := newTable("reason", ">events")
		for _, k := range byCount(s.Reasons) {
			r.add(k, count(s.Reasons[k]))
		}
		r.write(e.stdout, e.style(e.stdout), "")
	}
	return nil
}

// input opens a file, or standard input for "-". The size is 0 where it is unknown.
func (e *env) input(name string) (io.ReadCloser, int64, error) {
	if name == "-" {
		return io.NopCloser(e.stdin), 0, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, usage("%v", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, usage("%v", err)
	}
	if info.IsDir() {
		f.Close()
		return nil, 0, usage("%s is a directory; give a file, or - for standard input", name)
	}
	if !info.Mode().IsRegular() {
		return f, 0, nil
	}
	return f, info.Size(), nil
}

// send posts what r holds and reports after each answer. The result counts what was
// acknowledged, also when there is an error.
func send(ctx context.Context, c *client.Client, stream string, r io.Reader, o sendOptions, report func(sent)) (sent, error) {
	total := sent{Stream: stream, Reasons: map[string]int{}}
	start := time.Now()
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(o.workers)
	readErr := batches(ctx, r, o, func(body []byte) {
		g.Go(func() error {
			answer, err := c.Ingest(ctx, client.Post{
				Stream: stream, Body: body, Type: client.NDJSON,
				IdempotencyKey: uuid.NewString(), RejectInvalid: o.reject,
			})
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			total.take(answer, len(body))
			total.Seconds = time.Since(start).Seconds()
			report(total)
			return nil
		})
	})
	err := g.Wait()
	if err == nil {
		err = readErr
	}
	total.Seconds = time.Since(start).Seconds()
	return total, err
}

func (s *sent) take(a client.Answer, bytes int) {
	s.Received += int64(a.Received)
	s.Accepted += int64(a.Accepted)
	s.Quarantined += int64(a.Quarantined)
	s.Rejected += int64(a.Rejected)
	s.Bytes += int64(bytes)
	for _, r := range a.Results {
		if r.Status == lazaret.Accepted {
			continue
		}
		for _, code := range reasonNames(r.Reasons) {
			s.Reasons[code]++
		}
	}
}

// reasonNames lists each code of an event once; a rule's code with the rule's id.
func reasonNames(reasons []lazaret.Reason) []string {
	var names []string
	seen := map[string]bool{}
	for _, r := range reasons {
		name := string(r.Code)
		if r.Rule != "" {
			name += " " + r.Rule
		}
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// batches cuts r at line ends and hands out bodies of several lines. It stops early,
// without an error, when ctx ends.
func batches(ctx context.Context, r io.Reader, o sendOptions, post func([]byte)) error {
	in := bufio.NewReaderSize(r, 1<<20)
	var body []byte
	lines := 0
	flush := func() {
		if lines > 0 {
			post(body)
			body, lines = nil, 0
		}
	}
	for ctx.Err() == nil {
		line, err := in.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			if lines > 0 && len(body)+len(line) > o.bytes {
				flush()
			}
			body = append(body, line...)
			lines++
		}
		if lines >= o.batch {
			flush()
		}
		if errors.Is(err, io.EOF) {
			flush()
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading events: %w", err)
		}
	}
	return nil
}
