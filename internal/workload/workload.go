// Package workload makes the clickstream that the demo, the tests and the
// benchmarks send: what a web shop's visitors do, as JSON events of the size asked
// for, a known share of them bad in known ways.
//
// The output is a pure function of the Config: the same Config gives the same bytes
// on every machine. Beside each event stands the truth about it: whether it is bad,
// and with which code, path and rule Lazaret must say so under the contract in
// examples/clickstream. That contract has one rule that is wrong, WrongRule, as a
// person would write it; the good events that it refuses are the victims.
package workload

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/lazaret/lazaret"
)

// The sizes of an event that can be asked for, in bytes.
const (
	MinSize = 768
	MaxSize = 8 << 20
)

// WrongRule is the id of the rule in examples/clickstream/rules.yaml that takes good
// purchases for fraud. examples/clickstream/mended/rules.yaml has it mended.
const WrongRule = "purchase-fraud"

// The amounts, in hundredths of the currency's unit, that decide about purchases.
// They are what the two versions of WrongRule say.
const (
	wrongLimit  = 400_00    // the wrong rule refuses what is above
	mendedLimit = 10_000_00 // and the mended one what is above this
)

// The kinds of events that are not plainly good. All but KindVictim are bad.
const (
	KindMissingField  = "missing_field"
	KindWrongType     = "wrong_type"
	KindWrongEnum     = "wrong_enum"
	KindBadTimestamp  = "bad_timestamp"
	KindBrokenNesting = "broken_nesting"
	KindBusinessRule  = "business_rule"
	KindTruncated     = "truncated"
	KindVictim        = "victim" // good, and refused by WrongRule until that is mended
)

// Config says what to generate. Its zero value generates no events.
type Config struct {
	Events  int       // how many events
	Size    int       // bytes an event, MinSize to MaxSize; 0 is MinSize. Each whole event is within 2% of it
	Invalid float64   // the share of bad events, 0 to 1; exactly round(Events × Invalid) are bad
	Seed    uint64    // another seed gives another stream of the same kind
	Start   time.Time // when the first event happens; zero is 2026-01-15T08:00:00Z
}

// Event is one generated event and the truth about it.
type Event struct {
	Data  []byte // the event; it holds no newline
	Index int    // from 0, in the order generated
	// ID is the event_id that a reader finds in Data: "" where the event has none, or
	// where Data is truncated and so is not JSON.
	ID  string
	Bad bool // the event must not pass, whether WrongRule is mended or not
	// Code and Path are those of the one reason for which a bad event is refused, and
	// Rule the id of the rule where a rule is what refuses it. A victim has those that
	// it is wrongly refused with.
	Code lazaret.Code
	Rule string
	Path string
	Kind string // one of the Kind constants; "" for a plainly good event
}

// Victim reports whether the event is good and WrongRule refuses it all the same.
func (e *Event) Victim() bool { return e.Kind == KindVictim }

// Generator makes the events of one Config, one after the other. It is not safe for
// concurrent use.
type Generator struct {
	cfg     Config
	rnd     *rand.PCG
	faults  [][]fault // by kind, then variant
	order   []int     // the kinds of the bad events to come, a shuffled round at a time
	next    int       // index of the next event
	badLeft int       // bad events still to come
	clock   int64     // milliseconds since the epoch
	b       builder
}

// New returns a generator, or an error that says which part of the Config is wrong.
func New(cfg Config) (*Generator, error) {
	if cfg.Size == 0 {
		cfg.Size = MinSize
	}
	if cfg.Start.IsZero() {
		cfg.Start = time.Date(2026, time.January, 15, 8, 0, 0, 0, time.UTC)
	}
	switch {
	case cfg.Events < 0:
		return nil, fmt.Errorf("workload: %d events: the number of events cannot be negative", cfg.Events)
	case cfg.Size < MinSize || cfg.Size > MaxSize:
		return nil, fmt.Errorf("workload: size %d: an event can have %d to %d bytes", cfg.Size, MinSize, MaxSize)
	case !(cfg.Invalid >= 0 && cfg.Invalid <= 1):
		return nil, fmt.Errorf("workload: invalid share %v: it must be from 0 to 1, such as 0.15 for 15%%", cfg.Invalid)
	case cfg.Start.Year() < 1970 || cfg.Start.Year() > 9000:
		return nil, fmt.Errorf("workload: start %s: the year must be from 1970 to 9000", cfg.Start.Format(time.RFC3339))
	}
	g := &Generator{
		cfg:     cfg,
		rnd:     rand.NewPCG(cfg.Seed, 0x6c617a61726574), // the second word is "lazaret"
		faults:  faults(),
		badLeft: int(math.Round(float64(cfg.Events) * cfg.Invalid)),
		clock:   cfg.Start.UnixMilli(),
	}
	g.b = builder{rnd: dice{g.rnd}, corpus: newCorpus()}
	return g, nil
}

// Next returns the next event, or false when all have been returned. The caller owns
// the event's Data.
func (g *Generator) Next() (Event, bool) {
	e, ok := g.advance()
	if ok {
		e.Data = append(make([]byte, 0, len(e.Data)), e.Data...)
	}
	return e, ok
}

// advance is Next whose Data is overwritten by the following call.
func (g *Generator) advance() (Event, bool) {
	if g.next >= g.cfg.Events {
		return Event{}, false
	}
	e := Event{Index: g.next}
	d := dice{g.rnd}
	// Selection sampling: each set of bad events is as likely as any other, and their
	// number comes out exactly.
	var f fault
	if d.below(g.cfg.Events-g.next) < g.badLeft {
		g.badLeft--
		f = g.pick(d)
		e.Bad, e.Kind, e.Code, e.Path, e.Rule = true, f.kind, f.code, f.path, f.rule
	}
	g.next++
	g.clock += int64(d.below(40))
	victim := g.b.build(g.cfg.Size, g.clock, f)
	e.Data, e.ID = g.b.buf, string(g.b.id[:])
	switch {
	case e.Bad && f.tweak == tweakTruncate:
		e.Data, e.ID = truncate(d, e.Data), ""
	case e.Bad && f.path == "/event_id":
		e.ID = ""
	case victim && !e.Bad:
		e.Kind, e.Code, e.Path, e.Rule = KindVictim, lazaret.CodeRuleFailed, "/amount", WrongRule
	}
	return e, true
}

// pick chooses the next fault: every kind once in each shuffled round, so that the
// kinds are spread evenly, and a variant of it at random.
func (g *Generator) pick(d dice) fault {
	if len(g.order) == 0 {
		for kind := range g.faults {
			g.order = append(g.order, kind)
		}
		for i := len(g.order) - 1; i > 0; i-- {
			j := d.below(i + 1)
			g.order[i], g.order[j] = g.order[j], g.order[i]
		}
	}
	kind := g.order[0]
	g.order = g.order[1:]
	return g.faults[kind][d.below(len(g.faults[kind]))]
}

// truncate cuts an event as a broken connection does, at any place but within a
// character or an escape, so that the text is cut short and wrong in no other way.
func truncate(d dice, data []byte) []byte {
	n := len(data)*3/10 + d.below(len(data)*6/10)
	for n > 1 && data[n-1] != ',' {
		n--
	}
	for more := d.below(16); more > 0 && plain(data[n]); more-- {
		n++
	}
	return data[:n]
}

// plain reports whether a cut after this byte splits no character and no escape.
func plain(c byte) bool { return c >= ' ' && c < 0x7f && c != '\\' }

// dice draws from a PCG. It is used in place of rand.Rand so that the sequence
// depends on nothing but this code.
type dice struct{ src *rand.PCG }

// below returns a number from 0 to n-1. The bias of the multiplication is less than
// n/2^32, which does not matter here.
func (d dice) below(n int) int { return int(d.src.Uint64() >> 32 * uint64(n) >> 32) }

// chance reports true in percent cases out of a hundred.
func (d dice) chance(percent int) bool { return d.below(100) < percent }
