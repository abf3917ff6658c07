package rules

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// worker is what one goroutine needs to evaluate rules on one event at a time.
type worker struct {
	vm     vm.VM
	env    env
	budget budget
}

// maxElements is the language's own bound on the elements that an evaluation makes.
const maxElements = 500_000

func newWorker() *worker {
	w := &worker{}
	w.vm.MemoryBudget = maxElements
	w.env.Budget = &w.budget
	return w
}

// outcome is what a rule says of an event.
type outcome struct {
	good   bool
	broken string // why there is no answer; value-free. Then good is false.
}

// eval gives a rule's outcome for the event in the worker.
func (w *worker) eval(c *compiled) outcome {
	if c.when != nil {
		applies, broken := w.boolean("when", c.when)
		if broken != "" {
			return outcome{broken: broken}
		}
		if !applies {
			return outcome{good: true}
		}
	}
	good, broken := w.boolean("expr", c.expr)
	return outcome{good, broken}
}

func (w *worker) boolean(field string, p *vm.Program) (value bool, broken string) {
	out, err := w.run(p)
	if err != nil {
		why, line, column := classify(err)
		if line > 0 {
			return false, fmt.Sprintf("%s (%s %d:%d)", why, field, line, column)
		}
		return false, fmt.Sprintf("%s (%s)", why, field)
	}
	if value, ok := out.(bool); ok {
		return value, ""
	}
	why := errResult
	if out == nil {
		why = errMissing
	}
	return false, fmt.Sprintf("%s (%s)", why, field)
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
// expression. The library's text is looked at, for it names types, and never passed
// on, for it may hold values.
func classify(err error) (why evalError, line, column int) {
	var e *file.Error
	if errors.As(err, &e) {
		line, column = e.Line, e.Column+1
	}
	if errors.As(err, &why) {
		return why, line, column
	}
	if e == nil {
		return errOther, line, column
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
	return why, line, column
}
