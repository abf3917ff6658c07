package rules

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/schemas"
)

// worker is what one goroutine needs to evaluate rules on one event at a time.
type worker struct {
	vm     vm.VM
	env    env
	budget budget

	// The event that is judged, what is said of it, and where its values stand. All of it
	// is for one event alone.
	source
	frame   int64         // the id in the frame that was taken off
	framed  bool          // whether there was one
	bare    lazaret.Event // the event without it
	verdict lazaret.Verdict
	spans   []schemas.Span
	shown   shown
	view    view
	answers []answer // of the quick way, by rule
}

// shown says how much of the event is in the environment.
type shown int

const (
	nothing shown = iota
	partOfIt
	allOfIt
)

// maxElements is the language's own bound on the elements that an evaluation makes.
const maxElements = 500_000

func newWorker() *worker {
	w := &worker{}
	w.vm.MemoryBudget = maxElements
	w.env.Budget = &w.budget
	return w
}

// forget lets go of the event.
func (w *worker) forget() {
	w.env.Event, w.env.Meta = nil, nil
	w.source, w.verdict, w.shown = source{}, lazaret.Verdict{}, nothing
	if w.framed {
		w.frame, w.framed, w.bare = 0, false, lazaret.Event{}
	}
	w.view.data = ""
	if w.view.element != "" {
		w.view.element = ""
		clear(w.view.members[:])
	}
}

// outcome is what a rule says of an event.
type outcome struct {
	good   bool
	broken string // why there is no answer; value-free. Then good is false.
	path   string // JSON Pointer to what was missing, if that is why and it is known
}

// eval gives a rule's outcome for the event in the worker.
func (w *worker) eval(c *compiled) outcome {
	if c.when != nil {
		applies := w.boolean("when", c.when)
		if applies.broken != "" {
			return applies
		}
		if !applies.good {
			return outcome{good: true}
		}
	}
	return w.boolean("expr", c.expr)
}

func (w *worker) boolean(field string, e *expression) outcome {
	out, err := w.run(e.program)
	if value, ok := out.(bool); ok && err == nil {
		return outcome{good: value}
	}
	why, place, at := errResult, field, noPlace
	if err != nil {
		var line, column int
		if why, at, line, column = classify(err); line > 0 {
			place = fmt.Sprintf("%s %d:%d", field, line, column)
		}
	} else if out == nil {
		why = errMissing
	}
	message, path := string(why), ""
	if why == errMissing {
		if a, ok := e.operands.missing(at, w.env.Event); ok {
			message, path = a.text+" is missing or null", a.pointer
		}
	}
	return outcome{broken: message + " (" + place + ")", path: path}
}

func (w *worker) run(p *vm.Program) (out any, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, err = nil, errOther
		}
	}()
	w.budget.left = MaxSteps
	return w.vm.Run(p, &w.env)
}

// classify says what kind of failure an evaluation's error is, and where in the
// expression: the offset in characters (noPlace if it is not known), line and column. The library's text is looked at, for it names types, and never passed
// on, for it may hold values.
func classify(err error) (why evalError, at, line, column int) {
	var e *file.Error
	at = noPlace
	if errors.As(err, &e) {
		at, line, column = e.From, e.Line, e.Column+1
	}
	if errors.As(err, &why) {
		return why, at, line, column
	}
	if e == nil {
		return errOther, at, line, column
	}
	text := e.Message
	var bug runtime.Error
	switch {
	case strings.Contains(text, "<nil>") || strings.Contains(text, "is nil, not") || strings.Contains(text, "nil pointer"):
		why = errMissing
	case strings.Contains(text, "memory budget exceeded") || strings.Contains(text, "recursion depth"):
		why = errCost
	case strings.Contains(text, "out of range"):
		why = errIndex
	case strings.Contains(text, "divide by zero"):
		why = errDivide
	case errors.As(err, &bug), strings.Contains(text, "invalid operation"), strings.Contains(text, "invalid argument"),
		strings.Contains(text, "cannot"), strings.Contains(text, "reflect"), strings.Contains(text, "not defined"):
		why = errType
	default:
		why = errOther
	}
	return why, at, line, column
}
