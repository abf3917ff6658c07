package main

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/config"
)

// checkText checks text and returns the outcome, without the time that it took, and the lines.
func checkText(t *testing.T, text []byte, o checkOptions) (checked, string) {
	t.Helper()
	var lines bytes.Buffer
	o.maxEvent, o.all, o.lines, o.report = int(config.Default().Limits.Event), true, &lines, func(counts) {}
	c, err := check(t.Context(), bytes.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	c.Seconds = 0
	return c, lines.String()
}

// Counts, examples and lines are the same however many workers share the work, also where
// blocks have to be used again many times.
func TestCheckDoesNotDependOnWorkers(t *testing.T) {
	contract := clickstreamContract(t)
	text, n := events(t, 6<<20, 768, 0.3)
	want, lines := checkText(t, text, checkOptions{judge: contract, workers: 1})
	if want.Events != n || int64(strings.Count(lines, "\n")) != n || want.Quarantined == 0 || len(want.examples) != len(want.Reasons) {
		t.Fatalf("%d events, %d lines: %+v", n, strings.Count(lines, "\n"), want)
	}
	for name, x := range want.examples {
		if first := strings.Count(lines[:strings.Index(lines, `"code":"`+string(x.reason.Code)+`"`)], "\n") + 1; int64(first) != x.line {
			t.Errorf("%s: the first is in line %d, not %d", name, first, x.line)
		}
	}
	for _, workers := range []int{2, 7} {
		if got, gotLines := checkText(t, text, checkOptions{judge: contract, workers: workers}); !reflect.DeepEqual(got, want) || gotLines != lines {
			t.Errorf("%d workers: %+v, want %+v; same lines: %t", workers, got, want, gotLines == lines)
		}
	}
}

// A reason of a kind is counted once an event, and by its rule.
func TestFoundCountsEventsAndNotReasons(t *testing.T) {
	failed := func(rule string) lazaret.Reason { return lazaret.Reason{Code: lazaret.CodeRuleFailed, Rule: rule} }
	one, two := newWorker(checkOptions{}), newWorker(checkOptions{})
	two.found.note(3, []lazaret.Reason{failed("a"), failed("b"), failed("b")})
	one.found.note(8, []lazaret.Reason{failed("b"), failed("c")})
	c := newChecked(counts{}, []*worker{one, two})
	if want := map[string]int{"rule.failed a": 1, "rule.failed b": 2, "rule.failed c": 1}; !reflect.DeepEqual(c.Reasons, want) {
		t.Errorf("by name: %v, want %v", c.Reasons, want)
	}
	if c.codes[lazaret.CodeRuleFailed] != 2 || c.examples["rule.failed b"].line != 3 || c.examples["rule.failed c"].line != 8 {
		t.Errorf("codes %v, examples %v", c.codes, c.examples)
	}
}

// What fails to write ends the check, whatever is still to be read.
func TestCheckEndsWhenLinesCannotBeWritten(t *testing.T) {
	broken := errors.New("broken")
	text, _ := events(t, 8<<20, 768, 0)
	o := checkOptions{judge: clickstreamContract(t), workers: 2, maxEvent: 1 << 20, all: true, lines: failingWriter{broken}, report: func(counts) {}}
	if _, err := check(t.Context(), bytes.NewReader(text), o); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }
