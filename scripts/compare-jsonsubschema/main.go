//go:build unix

// Command compare-jsonsubschema asks schemas.Compare about pairs of published schemas, both
// ways, beside what jsonsubschema says of them; the script run tells how. It is no part of
// the program.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/lazaret/lazaret/schemas"
)

// asked is one question and its answer, a line of lazaret.jsonl.
type asked struct {
	Pair      string            `json:"pair"`
	Kind      string            `json:"kind"`
	Direction schemas.Direction `json:"direction"`
	Answer    string            `json:"answer"`
	Seconds   float64           `json:"seconds"`      // of the processor, for Compare alone
	Whole     float64           `json:"with_compile"` // likewise, for Compile, twice, and Compare
	Break     *schemas.Break    `json:"break,omitempty"`
	Doubts    []schemas.Doubt   `json:"doubts,omitempty"`
}

// A question is asked so often, and the median time counts; one that takes long is asked once.
const (
	runs = 5
	long = time.Second
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: compare-jsonsubschema PAIRS")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(dir string) error {
	index, err := os.ReadFile(filepath.Join(dir, "INDEX"))
	if err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(dir, "lazaret.jsonl"))
	if err != nil {
		return err
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	lines := json.NewEncoder(out)
	for _, line := range strings.Split(strings.TrimSpace(string(index)), "\n") {
		kind, pair, _ := strings.Cut(line, " ")
		answers, err := both(filepath.Join(dir, pair))
		if err != nil {
			return err
		}
		for _, a := range answers {
			a.Kind, a.Pair = kind, pair
			if err := lines.Encode(a); err != nil {
				return err
			}
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// both asks about a pair both ways.
func both(dir string) ([]asked, error) {
	older, err := os.ReadFile(filepath.Join(dir, "old.json"))
	if err != nil {
		return nil, err
	}
	newer, err := os.ReadFile(filepath.Join(dir, "new.json"))
	if err != nil {
		return nil, err
	}
	return []asked{
		ask(schemas.Backward, schemas.LevelBackward, older, newer),
		ask(schemas.Forward, schemas.LevelForward, older, newer),
	}, nil
}

// ask asks one question.
func ask(direction schemas.Direction, level schemas.Level, older, newer []byte) asked {
	a := asked{Direction: direction}
	var alone, whole []time.Duration
	for range runs {
		begin := spent()
		from, err := schemas.Compile(older, schemas.Options{})
		if err != nil {
			a.Answer = "not compiled: old: " + err.Error()
			return a
		}
		to, err := schemas.Compile(newer, schemas.Options{})
		if err != nil {
			a.Answer = "not compiled: new: " + err.Error()
			return a
		}
		compiled := spent()
		c := schemas.Compare(level, to, from)
		end := spent()
		alone, whole = append(alone, end-compiled), append(whole, end-begin)
		a.Answer, a.Doubts = string(c.Answer), c.Doubts
		if len(c.Breaks) > 0 {
			a.Break = &c.Breaks[0]
		}
		if end-begin > long {
			break
		}
	}
	a.Seconds, a.Whole = median(alone), median(whole)
	return a
}

// spent is the processor time that the program has taken so far, so that what else runs on
// the machine does not count.
func spent() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err) // it cannot fail for oneself
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func median(list []time.Duration) float64 {
	slices.Sort(list)
	return list[len(list)/2].Seconds()
}
