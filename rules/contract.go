package rules

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/cloudevents"
	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/schemas"
)

// DefaultRuleBudget is how long one rule may take for one event.
const DefaultRuleBudget = 50 * time.Millisecond

// ContractConfig says what a contract judges by.
type ContractConfig struct {
	Stream  string          // the stream's name, which rules see
	Version lazaret.Version // put into every verdict
	Schema  *schemas.Schema // nil accepts every well-formed JSON text
	// Versions, where it is set, lets events name the version of the schema that they are
	// judged by. Version.Schema and Version.SchemaID are those of Schema.
	Versions *Versions
	Rules    *Program // nil is no rules
	// ID, Key and Time are JSON Pointers into the payload; "" takes the CloudEvents
	// attributes id, partitionkey and time where the event is a CloudEvent.
	ID, Key, Time string
	// MaxEvent is how many bytes an event may have as it was received; a larger one is
	// json.size and is not looked into. 0 is no limit.
	MaxEvent int
	// RuleBudget is how long a rule may take for one event before it is tried again and,
	// if it stays that slow, suspended; 0 is DefaultRuleBudget.
	RuleBudget time.Duration
	// OnRule, where it is set, is asked once for each rule who is to be told of each of its
	// evaluations and how long that took; of those that are quick, an equal share of the time
	// that all of them took on an event. Who is told is called by many goroutines and must
	// be quick.
	OnRule func(rule string) (told func(d time.Duration))
	// OnSuspend, where it is set, is told once of each rule that is suspended, and how
	// long its fastest try took.
	OnSuspend func(rule string, took time.Duration)
	// Reference judges rules with the expression library alone, on an event that is
	// decoded as a whole. It is slower by an order of magnitude and says the same.
	// Schemas have an option of that name of their own.
	Reference bool
}

// Contract judges the events of one version of a stream. It is immutable but for the
// suspension of rules, and safe for concurrent use.
type Contract struct {
	cfg       ContractConfig
	schema    *schemas.Schema
	checker   *schemas.Checker // nil for the reference
	active    *arm             // the two
	naming    *naming          // nil: events name no versions
	pointers  []string         // what is captured
	rules     []compiled
	told      []func(time.Duration) // of each rule; nil if nobody is
	meta      uses
	captured  *place // what the rules read of the event
	id        located
	key       located
	time      located
	suspended []atomic.Bool // by rule
	workers   sync.Pool     // of *worker
	clock     func() time.Time
}

// NewContract builds a contract. It fails for a pointer that is not one.
func NewContract(cfg ContractConfig) (*Contract, error) {
	for name, pointer := range map[string]string{"id": cfg.ID, "key": cfg.Key, "time": cfg.Time} {
		if pointer != "" && !validPointer(pointer) {
			return nil, fmt.Errorf("%s: %q is not a JSON Pointer; write it like /order/id", name, pointer)
		}
	}
	if cfg.RuleBudget <= 0 {
		cfg.RuleBudget = DefaultRuleBudget
	}
	c := &Contract{cfg: cfg, schema: cfg.Schema, captured: &place{}, clock: time.Now}
	if c.schema == nil {
		c.schema = schemas.Any(jsonread.DefaultLimits)
	}
	var pointers []string
	if p := cfg.Rules; p != nil {
		c.rules, c.meta, c.captured = p.rules, p.meta, &p.captures.root
		pointers = slices.Clone(p.captures.pointers)
	}
	c.id, pointers = locate(cfg.ID, pointers)
	c.key, pointers = locate(cfg.Key, pointers)
	c.time, pointers = locate(cfg.Time, pointers)
	var err error
	if c.naming, pointers, err = newNaming(&cfg, pointers); err != nil {
		return nil, err
	}
	c.pointers = pointers
	c.suspended = make([]atomic.Bool, len(c.rules))
	if cfg.OnRule != nil {
		c.told = make([]func(time.Duration), len(c.rules))
		for i := range c.rules {
			c.told[i] = cfg.OnRule(c.rules[i].id)
		}
	}
	c.workers.New = func() any {
		w := newWorker()
		w.spans = make([]schemas.Span, len(pointers))
		w.answers = make([]answer, len(c.rules))
		return w
	}
	if c.active, err = c.arm(cfg.Version.Schema, cfg.Version.SchemaID, c.schema); err != nil {
		return nil, err
	}
	if c.checker = c.active.checker; c.naming != nil {
		err = c.naming.prepare(c)
	}
	return c, err
}

// arm makes a version of the schema ready to judge by.
func (c *Contract) arm(number int, id int64, s *schemas.Schema) (*arm, error) {
	a := &arm{number: number, id: id, schema: s}
	if c.cfg.Reference {
		return a, nil
	}
	var err error
	if a.checker, err = s.Checker(c.pointers); err != nil {
		return nil, fmt.Errorf("the places that are read: %w", err)
	}
	return a, nil
}

// Judge gives the verdict on an event; an error means that we failed.
//
// The envelope is checked first, then the payload's JSON and schema; which version of the
// schema that is, the event may have named. The rules run only
// if all that is in order: of an event of the wrong shape they could say nothing
// but that its shape is wrong. Id, key and time are found in bad events too, as long as
// they are JSON.
func (c *Contract) Judge(ctx context.Context, e *lazaret.Event) (lazaret.Verdict, error) {
	if err := ctx.Err(); err != nil {
		return lazaret.Verdict{}, err
	}
	w := c.workers.Get().(*worker)
	defer func() {
		w.forget()
		c.workers.Put(w)
	}()
	v := &w.verdict
	v.Version = c.cfg.Version
	if most := c.cfg.MaxEvent; most > 0 && len(e.Data) > most {
		finish(v, []lazaret.Reason{{Code: lazaret.CodeSize, Message: fmt.Sprintf("the event is larger than %d bytes, the most that one event may have", most)}})
		return *v, nil
	}
	e = c.unframe(w, e)
	ce, reasons := cloudevents.Parse(e)
	payload := e.Data
	if ce != nil {
		payload = ce.Payload
	}
	// An envelope that is bad may have no payload to look at.
	if len(reasons) == 0 || ce != nil && ce.Payload != nil {
		result, err := c.check(ctx, w, e, ce, payload)
		if err != nil {
			return lazaret.Verdict{}, fmt.Errorf("checking against the schema: %w", err)
		}
		v.More = result.More
		reasons = append(reasons, result.Reasons...)
	}
	c.identifyCE(v, ce)
	if len(reasons) == 0 && len(c.rules) > 0 {
		w.source = source{payload: payload, stream: c.cfg.Stream, event: e, envelope: ce}
		var err error
		if reasons, err = c.judgeRules(w); err != nil {
			return lazaret.Verdict{}, err
		}
	}
	finish(v, reasons)
	return *v, nil
}

// check holds the payload against the schema, and identifies it if it is JSON.
func (c *Contract) check(ctx context.Context, w *worker, e *lazaret.Event, ce *cloudevents.Envelope, payload []byte) (schemas.Result, error) {
	if c.naming != nil {
		return c.checkNamed(ctx, w, e, ce, payload)
	}
	return c.checkBy(w, c.active, payload)
}

// checkBy does that by one version of the schema, and notes which.
func (c *Contract) checkBy(w *worker, a *arm, payload []byte) (result schemas.Result, err error) {
	c.judgedBy(w, a)
	if a.checker != nil {
		result, err = a.checker.Judge(payload, w.spans)
	} else {
		result, err = a.schema.Judge(payload)
	}
	switch {
	case err != nil:
	case a.checker != nil && len(result.Reasons) == 0:
		c.identifyBySpans(&w.verdict, payload, w.spans)
	case wellFormed(result.Reasons):
		c.identify(&w.verdict, payload)
	}
	return result, err
}

// finish completes a verdict with its status and its reasons.
func finish(v *lazaret.Verdict, reasons []lazaret.Reason) {
	v.Status = lazaret.Accepted
	if len(reasons) > 0 {
		v.Status = lazaret.Quarantined
		var more int
		v.Reasons, more = lazaret.SortReasons(reasons)
		v.More += more
	}
	if len(v.Warnings) > 0 {
		v.Warnings, _ = lazaret.SortReasons(v.Warnings)
	}
}

// wellFormed says whether the payload is JSON: the codes of the reader begin with json.
func wellFormed(reasons []lazaret.Reason) bool {
	for _, r := range reasons {
		if strings.HasPrefix(string(r.Code), "json.") {
			return false
		}
	}
	return true
}
