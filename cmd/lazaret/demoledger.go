package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway/sink"
	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/workload"
)

// sum names an event by its bytes.
type sum [16]byte

func sumOf(data []byte) sum {
	full := sha256.Sum256(data)
	return sum(full[:16])
}

// fate is what is known of one generated event: what should become of it, and what did.
type fate struct {
	bad, victim bool
	code        lazaret.Code
	path        string
	rule        string

	sunk     int // times in the sink
	released int // of these, as released from the quarantine
	held     int // times in the quarantine as quarantined
	let      int // times in the quarantine as released
	mirrored int // times in the mirror's topic
	rightly  bool
}

// ledger holds what the generator made against what the gateway did with it. It knows
// an event by a hash of its bytes, so a changed byte is a missing event and a strange one.
type ledger struct {
	gen      *workload.Generator
	fates    []fate
	index    map[sum]int
	bytes    int64
	job      client.Job
	counters map[string]int64
	strange  int // found, and never generated
	problems []string

	// Of the story from Kafka to Kafka alone:
	mirrors   bool
	misplaced int                 // records that are where they should not be
	latest    [demoPartitions]int // the last event of each partition of the sink's topic
}

func newLedger(cfg workload.Config) (*ledger, error) {
	gen, err := workload.New(cfg)
	if err != nil {
		return nil, err
	}
	return &ledger{gen: gen, index: make(map[sum]int, cfg.Events)}, nil
}

// reader generates the events as they are read, one a line, and notes what they are.
// Closing it ends the generation.
func (l *ledger) reader() io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		out := bufio.NewWriterSize(w, 1<<16)
		for {
			e, ok := l.gen.Next()
			if !ok {
				w.CloseWithError(out.Flush())
				return
			}
			l.index[sumOf(e.Data)] = len(l.fates)
			l.fates = append(l.fates, fate{bad: e.Bad, victim: e.Victim(), code: e.Code, path: e.Path, rule: e.Rule})
			l.bytes += int64(len(e.Data))
			out.Write(e.Data)
			if err := out.WriteByte('\n'); err != nil {
				return // the reader has gone
			}
		}
	}()
	return r
}

func (l *ledger) problem(format string, args ...any) {
	if len(l.problems) < 10 {
		l.problems = append(l.problems, fmt.Sprintf(format, args...))
	}
}

// collect reads the sink's files, the quarantine's export and the metrics.
func (l *ledger) collect(ctx context.Context, c *client.Client, dir string) error {
	if err := sink.ReadAll(dir, l.sunk); err != nil {
		return fmt.Errorf("reading the sink: %w", err)
	}
	return l.collectRest(ctx, c)
}

// collectRest reads the quarantine's export and the metrics.
func (l *ledger) collectRest(ctx context.Context, c *client.Client) error {
	in, err := c.Export(ctx, client.Filter{Stream: demoStream})
	if err != nil {
		return err
	}
	defer in.Close()
	lines := bufio.NewReaderSize(in, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			break
		}
		if err != nil {
			return fmt.Errorf("reading the export: %w", err)
		}
		if err := l.kept(line); err != nil {
			return err
		}
	}
	l.counters, err = readings(ctx, c)
	return err
}

// find is the number of the event that has these bytes.
func (l *ledger) find(data []byte, where string) (int, bool) {
	i, ok := l.index[sumOf(data)]
	if !ok {
		l.strange++
		l.problem("%s holds %d bytes that were never generated", where, len(data))
	}
	return i, ok
}

// landed takes an event that is in the sink, and says which it is.
func (l *ledger) landed(data []byte, released bool) (int, bool) {
	i, ok := l.find(data, "the sink")
	if ok {
		l.fates[i].sunk++
		if released {
			l.fates[i].released++
		}
	}
	return i, ok
}

// sunk takes one line of the sink.
func (l *ledger) sunk(line []byte) error {
	var r struct {
		QuarantineID string          `json:"quarantine_id"`
		Event        json.RawMessage `json:"event"`
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return fmt.Errorf("a line of the sink is not a record: %w", err)
	}
	l.landed(r.Event, r.QuarantineID != "")
	return nil
}

// kept takes one line of the quarantine's export.
func (l *ledger) kept(line []byte) error {
	var x struct {
		client.Entry
		Payload *string `json:"payload"`
		Base64  string  `json:"payload_base64"`
	}
	if err := json.Unmarshal(line, &x); err != nil {
		return fmt.Errorf("a line of the export is not an entry: %w", err)
	}
	var data []byte
	if x.Payload != nil {
		data = []byte(*x.Payload)
	} else {
		var err error
		if data, err = base64.StdEncoding.DecodeString(x.Base64); err != nil {
			return fmt.Errorf("a payload of the export: %w", err)
		}
	}
	i, ok := l.find(data, "the quarantine")
	if !ok {
		return nil
	}
	f := &l.fates[i]
	switch x.Status {
	case "quarantined":
		f.held++
	case "released":
		f.let++
	}
	for _, r := range x.Reasons {
		if r.Code == f.code && r.Rule == f.rule && (r.Path == f.path || r.Rule != "") {
			f.rightly = true
		}
	}
	return nil
}

// readings are the gateway's counters and gauges, summed over their labels.
func readings(ctx context.Context, c *client.Client) (map[string]int64, error) {
	body, _, err := c.Open(ctx, client.Call{Method: "GET", Path: "/metrics", Again: true})
	if err != nil {
		return nil, err
	}
	defer body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(body)
	if err != nil {
		return nil, fmt.Errorf("reading the metrics: %w", err)
	}
	sums := make(map[string]int64, len(families))
	for name, family := range families {
		for _, m := range family.GetMetric() {
			sums[name] += int64(m.GetCounter().GetValue() + m.GetGauge().GetValue()) // of which it has one
		}
	}
	return sums, nil
}

// accountLine is one line of the balance.
type accountLine struct {
	what      string
	want, got int64
}

func (a accountLine) ok() bool { return a.want == a.got }

// balance says what should be and what is.
func (l *ledger) balance() []accountLine {
	var good, bad, victims, once, goodSunk, badHeld, rightly, badSunk, released, twice int64
	for i := range l.fates {
		f := &l.fates[i]
		switch {
		case f.bad:
			bad++
			badHeld += is(f.held == 1 && f.let == 0)
			rightly += is(f.rightly)
			badSunk += is(f.sunk > 0)
		case f.victim:
			victims++
			released += is(f.sunk == 1 && f.released == 1 && f.let == 1 && f.held == 0)
		default:
			good++
			goodSunk += is(f.sunk == 1 && f.released == 0 && f.held+f.let == 0)
		}
		twice += is(f.sunk > 1 || f.held+f.let > 1 || f.mirrored > 1)
		once += is(f.sunk+f.held == 1)
		if f.sunk+f.held != 1 {
			l.problem("event %d of the stream is %d times in the sink and %d times in the quarantine", i, f.sunk, f.held)
		}
	}
	n := l.counters
	out := n["lazaret_forwarded_total"] + n["lazaret_quarantined_total"] + n["lazaret_rejected_total"]
	lines := []accountLine{
		{"events received (metrics)", int64(len(l.fates)), n["lazaret_received_total"]},
		{"forwarded + quarantined + rejected (metrics)", int64(len(l.fates)), out},
		{"good events, in the sink once, to the byte", good, goodSunk},
		{"good events refused by the wrong rule, released once", victims, released},
		{"bad events, still in the quarantine, to the byte", bad, badHeld},
		{"bad events refused with the planned reason", bad, rightly},
		{"events released (metrics)", victims, n["lazaret_released_total"]},
		{"bad events that got through", 0, badSunk},
		{"events that are anywhere twice", 0, twice},
		{"bytes that nobody sent", 0, int64(l.strange)},
	}
	if l.mirrors {
		lines = append(lines, l.topicLines()...)
	}
	return append(lines, accountLine{"every event in exactly one place", int64(len(l.fates)), once})
}

func is(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
