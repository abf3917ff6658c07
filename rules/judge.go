package rules

import (
	"fmt"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/cloudevents"
)

// source is the event that a worker is at.
type source struct {
	payload  []byte // well-formed
	stream   string
	event    *lazaret.Event
	envelope *cloudevents.Envelope
}

// judgeRules runs every rule on the worker's event, and adds the warnings to the verdict.
func (c *Contract) judgeRules(w *worker) (reasons []lazaret.Reason, err error) {
	if c.answerQuickly(w) {
		return nil, nil
	}
	for i := range c.rules {
		r := &c.rules[i]
		var out outcome
		switch w.answers[i] {
		case passes:
			continue
		case unknown:
			if err := c.show(w, r.whole || c.checker == nil); err != nil {
				return nil, err
			}
			if out = c.evalRule(w, i); out.good {
				continue
			}
		}
		reason := r.reason(out)
		if r.severity == Warn {
			w.verdict.Warnings = append(w.verdict.Warnings, reason)
		} else {
			reasons = append(reasons, reason)
		}
	}
	return reasons, nil
}

// answerQuickly goes the quick way for each rule, and says whether the event passes all.
func (c *Contract) answerQuickly(w *worker) (all bool) {
	if c.checker == nil {
		return false
	}
	var start time.Time
	if c.told != nil {
		start = c.clock()
	}
	v := w.look()
	known, passed := 0, 0
	for i := range c.rules {
		a := unknown
		if !c.suspended[i].Load() {
			a = c.rules[i].answer(v)
		}
		w.answers[i] = a
		if a != unknown {
			known++
		}
		if a == passes {
			passed++
		}
	}
	if c.told != nil && known > 0 {
		c.tell(w, c.clock().Sub(start)/time.Duration(known))
	}
	return passed == len(c.rules)
}

// tell reports the rules that have a quick answer, each with its share of the time.
func (c *Contract) tell(w *worker, share time.Duration) {
	for i, a := range w.answers {
		if a != unknown {
			c.told[i](share)
		}
	}
}

// reason is why an event is not good for the rule.
func (r *compiled) reason(out outcome) lazaret.Reason {
	reason := lazaret.Reason{Code: lazaret.CodeRuleFailed, Path: r.path, Rule: r.id, Message: r.message}
	if out.broken != "" {
		reason.Code = lazaret.CodeRuleError
		reason.Message = "rule " + r.id + " could not be evaluated: " + out.broken
		if out.path != "" {
			reason.Path = out.path
		}
	}
	return reason
}

// show makes the worker's event visible to expressions: what is captured of it or, if
// they need the whole, all of it. Neither is made twice for one event.
func (c *Contract) show(w *worker, whole bool) error {
	if w.shown == allOfIt || w.shown == partOfIt && !whole {
		return nil
	}
	root, now := c.captured, partOfIt
	if whole {
		root, now = &place{whole: true}, allOfIt
	}
	value, bad := root.partial(trimmed(w.payload), w.payload, w.spans)
	if bad != nil {
		return fmt.Errorf("decoding a payload that was well-formed: %s", bad.Code)
	}
	w.env.Event = value
	if c.meta.any && w.env.Meta == nil {
		w.env.Meta = newMeta(c.meta, w.stream, w.event, w.envelope, &w.verdict)
	}
	w.shown = now
	return nil
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
	out, fastest := c.timed(w, i)
	for try := 0; try < 2 && fastest > c.cfg.RuleBudget; try++ {
		_, took := c.timed(w, i)
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

func (c *Contract) timed(w *worker, i int) (outcome, time.Duration) {
	start := c.clock()
	out := w.eval(&c.rules[i])
	took := c.clock().Sub(start)
	if c.told != nil {
		c.told[i](took)
	}
	return out, took
}

// trimmed is a well-formed text without the white space before its value.
func trimmed(text []byte) []byte {
	for i, c := range text {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return text[i:]
		}
	}
	return text
}
