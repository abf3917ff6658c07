package rules

import (
	"context"
	"fmt"
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
	Rules   *Program        // nil is no rules
	// ID, Key and Time are JSON Pointers into the payload; "" takes the CloudEvents
	// attributes id, partitionkey and time where the event is a CloudEvent.
	ID, Key, Time string
	// MaxEvent is how many bytes an event may have as it was received; a larger one is
	// json.size and is not looked into. 0 is no limit.
	MaxEvent int
	// RuleBudget is how long a rule may take for one event before it is tried again and,
	// if it stays that slow, suspended; 0 is DefaultRuleBudget.
	RuleBudget time.Duration
	// OnRule, where it is set, is told of each evaluation of a rule and how long it
	// took. It is called by many goroutines and must be quick.
	OnRule func(rule string, d time.Duration)
	// OnSuspend, where it is set, is told once of each rule that is suspended, and how
	// long its fastest try took.
	OnSuspend func(rule string, took time.Duration)
}

// Contract judges the events of one version of a stream. It is immutable but for the
// suspension of rules, and safe for concurrent use.
type Contract struct {
	cfg       ContractConfig
	schema    *schemas.Schema
	rules     []compiled
	meta      uses
	suspended []atomic.Bool // by rule
	workers   sync.Pool     // of *worker
	clock     func() time.Time
}

// NewContract builds a contract. It fails only for a pointer that is not one.
func NewContract(cfg ContractConfig) (*Contract, error) {
	for name, pointer := range map[string]string{"id": cfg.ID, "key": cfg.Key, "time": cfg.Time} {
		if pointer != "" && !validPointer(pointer) {
			return nil, fmt.Errorf("%s: %q is not a JSON Pointer; write it like /order/id", name, pointer)
		}
	}
	if cfg.RuleBudget <= 0 {
		cfg.RuleBudget = DefaultRuleBudget
	}
	c := &Contract{cfg: cfg, schema: cfg.Schema, clock: time.Now}
	if c.schema == nil {
		c.schema = schemas.Any(jsonread.DefaultLimits)
	}
	if cfg.Rules != nil {
		c.rules, c.meta = cfg.Rules.rules, cfg.Rules.meta
	}
	c.suspended = make([]atomic.Bool, len(c.rules))
	c.workers.New = func() any { return newWorker() }
	return c, nil
}

// Judge gives the verdict on an event; an error means that we failed.
//
// The envelope is checked first, then the payload's JSON and schema. The rules run only
// if all that is in order: of an event of the wrong shape they could say nothing
// but that its shape is wrong. Id, key and time are found in bad events too, as long as
// they are JSON.
func (c *Contract) Judge(ctx context.Context, e *lazaret.Event) (lazaret.Verdict, error) {
	if err := ctx.Err(); err != nil {
		return lazaret.Verdict{}, err
	}
	v := lazaret.Verdict{Version: c.cfg.Version}
	if most := c.cfg.MaxEvent; most > 0 && len(e.Data) > most {
		return c.finish(v, []lazaret.Reason{{Code: lazaret.CodeSize, Message: fmt.Sprintf("the event is larger than %d bytes, the most that one event may have", most)}}), nil
	}
	ce, reasons := cloudevents.Parse(e)
	payload := e.Data
	if ce != nil {
		payload = ce.Payload
	}
	// An envelope that is bad may have no payload to look at.
	if len(reasons) == 0 || ce != nil && ce.Payload != nil {
		result, err := c.schema.Judge(payload)
		if err != nil {
			return lazaret.Verdict{}, fmt.Errorf("checking against the schema: %w", err)
		}
		v.More = result.More
		if wellFormed(result.Reasons) {
			c.identify(&v, payload)
		}
		reasons = append(reasons, result.Reasons...)
	}
	c.identifyCE(&v, ce)
	if len(reasons) == 0 && len(c.rules) > 0 {
		value, bad := jsonread.Decode(payload, jsonread.Limits{Depth: -1, NumberLength: -1, Exponent: -1, Values: -1})
		if bad != nil {
			return lazaret.Verdict{}, fmt.Errorf("decoding a payload that was well-formed: %s", bad.Code)
		}
		reasons = c.judgeRules(e, ce, &v, value)
	}
	return c.finish(v, reasons), nil
}

func (c *Contract) finish(v lazaret.Verdict, reasons []lazaret.Reason) lazaret.Verdict {
	v.Status = lazaret.Accepted
	if len(reasons) > 0 {
		v.Status = lazaret.Quarantined
	}
	var more int
	v.Reasons, more = lazaret.SortReasons(reasons)
	v.More += more
	v.Warnings, _ = lazaret.SortReasons(v.Warnings)
	return v
}

// judgeRules runs every rule on the event, and adds the warnings to the verdict.
func (c *Contract) judgeRules(e *lazaret.Event, ce *cloudevents.Envelope, v *lazaret.Verdict, value any) (reasons []lazaret.Reason) {
	w := c.workers.Get().(*worker)
	defer func() {
		w.env.Event, w.env.Meta = nil, nil
		c.workers.Put(w)
	}()
	w.env.Event = numbers(value)
	if c.meta.any {
		w.env.Meta = newMeta(c.meta, c.cfg.Stream, e, ce, v)
	}
	for i := range c.rules {
		r := &c.rules[i]
		out := c.evalRule(w, i)
		if out.good {
			continue
		}
		reason := lazaret.Reason{Code: lazaret.CodeRuleFailed, Path: r.path, Rule: r.id, Message: r.message}
		if out.broken != "" {
			reason.Code = lazaret.CodeRuleError
			reason.Message = "rule " + r.id + " could not be evaluated: " + out.broken
			if out.path != "" {
				reason.Path = out.path
			}
		}
		if r.severity == Warn {
			v.Warnings = append(v.Warnings, reason)
		} else {
			reasons = append(reasons, reason)
		}
	}
	return reasons
}

const suspendedMessage = "suspended: exceeded its time budget"

// evalRule evaluates rule i, and suspends it if it is too slow. A slow evaluation is
// tried twice more before that: a machine that paused was slow once, a rule that is
// too slow always is.
func (c *Contract) evalRule(w *worker, i int) outcome {
	if c.suspended[i].Load() {
		return outcome{broken: suspendedMessage}
	}
	r := &c.rules[i]
	out, fastest := c.timed(w, r)
	for try := 0; try < 2 && fastest > c.cfg.RuleBudget; try++ {
		_, took := c.timed(w, r)
		fastest = min(fastest, took)
	}
	if fastest <= c.cfg.RuleBudget {
		return out
	}
	if c.suspended[i].CompareAndSwap(false, true) && c.cfg.OnSuspend != nil {
		c.cfg.OnSuspend(r.id, fastest)
	}
	return outcome{broken: suspendedMessage}
}

func (c *Contract) timed(w *worker, r *compiled) (outcome, time.Duration) {
	start := c.clock()
	out := w.eval(r)
	took := c.clock().Sub(start)
	if c.cfg.OnRule != nil {
		c.cfg.OnRule(r.id, took)
	}
	return out, took
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
