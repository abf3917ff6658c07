package rules

import (
	"context"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/cloudevents"
	"github.com/lazaret/lazaret/schemas"
)

// unframe takes off the frame of the Confluent wire format, if events may have one. What it
// returns is the worker's.
func (c *Contract) unframe(w *worker, e *lazaret.Event) *lazaret.Event {
	if c.naming == nil || !c.naming.frames {
		return e
	}
	id, payload, framed := lazaret.CutFrame(e.Data)
	if !framed {
		return e
	}
	w.frame, w.framed, w.bare = id, true, *e
	w.bare.Data = payload
	return &w.bare
}

// checkNamed holds the payload against the version of the schema that the event names.
func (c *Contract) checkNamed(ctx context.Context, w *worker, e *lazaret.Event, ce *cloudevents.Envelope, payload []byte) (schemas.Result, error) {
	n := c.naming
	for i := range n.first {
		if v := n.outside(i, w, e, ce); v.kind != namesNone {
			return c.checkAs(ctx, w, e, v, payload)
		}
	}
	if n.first == len(n.By) {
		return c.checkBy(w, n.active, payload)
	}
	// The name stands in the payload, so the version has to be guessed to look at it once.
	if likely := n.likely.Load(); likely.checker != nil && likely.checker.Accepts(payload, w.spans) {
		v := n.late(w, e, ce, payload, w.spans)
		a, why, err := n.choose(ctx, v, e)
		switch {
		case err != nil:
			return schemas.Result{}, err
		case a == likely:
			c.judgedBy(w, a)
			c.identifyBySpans(&w.verdict, payload, w.spans)
			return schemas.Result{}, nil
		}
		return c.checkChosen(w, a, v, why, payload)
	}
	return c.checkUnlikely(ctx, w, e, ce, payload)
}

// checkUnlikely finds what the payload names before it is held against anything.
func (c *Contract) checkUnlikely(ctx context.Context, w *worker, e *lazaret.Event, ce *cloudevents.Envelope, payload []byte) (schemas.Result, error) {
	n := c.naming
	var spans []schemas.Span
	var result schemas.Result
	var err error
	if n.any.checker != nil {
		spans = w.spans
		result, err = n.any.checker.Judge(payload, spans)
	} else {
		result, err = n.any.schema.Judge(payload)
	}
	if err != nil {
		return result, err
	}
	readable := payload
	if len(result.Reasons) > 0 {
		readable = nil
	}
	return c.checkAs(ctx, w, e, n.late(w, e, ce, readable, spans), payload)
}

// late is what the event names, from the first place on that is in the payload; nil is one
// that is no JSON, and names nothing.
func (n *naming) late(w *worker, e *lazaret.Event, ce *cloudevents.Envelope, payload []byte, spans []schemas.Span) versionName {
	for i := n.first; i < len(n.By); i++ {
		var v versionName
		switch {
		case n.By[i].Field == "":
			v = n.outside(i, w, e, ce)
		case payload != nil:
			v = n.inside(i, payload, spans)
		}
		if v.kind != namesNone {
			return v
		}
	}
	return versionName{}
}

func (c *Contract) checkAs(ctx context.Context, w *worker, e *lazaret.Event, v versionName, payload []byte) (schemas.Result, error) {
	a, why, err := c.naming.choose(ctx, v, e)
	if err != nil {
		return schemas.Result{}, err
	}
	return c.checkChosen(w, a, v, why, payload)
}

// checkChosen holds the payload against a version or, if there is none, gives the reason
// for that, and those that the payload has as JSON.
func (c *Contract) checkChosen(w *worker, a *arm, v versionName, why refusal, payload []byte) (schemas.Result, error) {
	n := c.naming
	if a != nil {
		if n.first < len(n.By) && n.likely.Load() != a {
			n.likely.Store(a)
		}
		return c.checkBy(w, a, payload)
	}
	result, err := c.checkBy(w, n.any, payload)
	if err == nil {
		result.Reasons = append(result.Reasons, n.reason(v, why))
	}
	return result, err
}

// judgedBy notes the version that judges the worker's event.
func (c *Contract) judgedBy(w *worker, a *arm) {
	w.verdict.Version.Schema, w.verdict.Version.SchemaID = a.number, a.id
}
