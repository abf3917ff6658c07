package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/words"
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
	Warnings    map[string]int `json:"warnings,omitempty"` // events, by the reasons they have as warnings
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
	}
	cmd.Flags().IntVar(&o.batch, "batch", 500, "events a request, at most")
	cmd.Flags().IntVar(&o.workers, "workers", 4, "requests at a time")
	cmd.Flags().BoolVar(&o.reject, "reject-invalid", false, "answer bad events instead of quarantining them")
	o.bytes = 4 << 20
	e.prints(cmd, "table", "json")
	return e.remote(cmd, patient, func(ctx context.Context, c *client.Client, args []string) error {
		if o.batch < 1 || o.workers < 1 {
			return usage("--batch and --workers are at least 1")
		}
		in, total, err := e.input(ctx, args[1])
		if err != nil {
			return err
		}
		defer in.Close()
		p := e.progress("sending", size)
		result, err := send(ctx, c, args[0], in, o, func(s sent) { p.update(s.Bytes, total, sendNote(s)) })
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
	})
}

func sendNote(s sent) string {
	return fmt.Sprintf("%s accepted, %s quarantined", words.Count(s.Accepted), words.Count(s.Quarantined))
}

func (e *env) printSent(s sent) error {
	if e.output == "json" {
		return e.printJSON(s)
	}
	t := newTable(col("stream"), num("received"), num("accepted"), num("quarantined"), num("rejected"), num("seconds"))
	t.add(s.Stream, words.Count(s.Received), words.Count(s.Accepted), words.Count(s.Quarantined), words.Count(s.Rejected), fmt.Sprintf("%.2f", s.Seconds))
	e.print(t, "")
	if len(s.Reasons) > 0 {
		fmt.Fprintln(e.stdout)
		e.print(codeTable("reason", "events", s.Reasons), "")
	}
	if len(s.Warnings) > 0 {
		fmt.Fprintln(e.stdout)
		e.print(codeTable("warning", "events", s.Warnings), "")
	}
	return nil
}

// send posts what r holds and reports after each answer. The result counts what was
// acknowledged, also when there is an error.
func send(ctx context.Context, c *client.Client, stream string, r io.Reader, o sendOptions, report func(sent)) (sent, error) {
	total := sent{Stream: stream, Reasons: map[string]int{}, Warnings: map[string]int{}}
	start := time.Now()
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(o.workers)
	readErr := batches(ctx, r, o, func(body []byte, lines int) {
		g.Go(func() error {
			answer, err := c.Ingest(ctx, client.Post{
				Stream: stream, Body: body, Type: client.NDJSON,
				IdempotencyKey: uuid.NewString(), RejectInvalid: o.reject,
			})
			if err != nil {
				return err
			}
			if answer.Received != lines || answer.Accepted+answer.Quarantined+answer.Rejected != lines {
				return fmt.Errorf("the server accounts for %d of %d events of a request", answer.Received, lines)
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
		for _, code := range reasonNames(r.Warnings) {
			s.Warnings[code]++
		}
		if r.Status == lazaret.Accepted {
			continue
		}
		for _, code := range reasonNames(r.Reasons) {
			s.Reasons[code]++
		}
	}
}

// reasonName is a reason's code, with the rule's id where there is one.
func reasonName(r lazaret.Reason) string {
	if r.Rule != "" {
		return string(r.Code) + " " + r.Rule
	}
	return string(r.Code)
}

// reasonNames lists each name of an event's reasons once.
func reasonNames(reasons []lazaret.Reason) []string {
	var names []string
	for _, r := range reasons {
		if name := reasonName(r); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// longestLine bounds what batches holds of one line, in bytes; no server takes as much.
const longestLine = 64 << 20

// batches cuts r at line ends and hands out bodies with the number of their events. Blank
// lines are no events. It stops early, without an error, when ctx ends.
func batches(ctx context.Context, r io.Reader, o sendOptions, post func(body []byte, lines int)) error {
	in := bufio.NewReaderSize(r, 1<<20)
	var body, line []byte
	lines := 0
	flush := func() {
		if lines > 0 {
			post(body, lines)
			body, lines = nil, 0
		}
	}
	for number := int64(1); ctx.Err() == nil; {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > longestLine {
			return fmt.Errorf("line %d is longer than %d MiB, more than a server takes: take it out and send the rest", number, longestLine>>20)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if !blank(line) {
			if lines > 0 && len(body)+len(line) > o.bytes {
				flush()
			}
			body = append(body, line...)
			lines++
		}
		line, number = line[:0], number+1
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
