package schemas

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Memory of the child, in bytes: what the collector aims at, and where it gives up.
const (
	trialMemory    = 256 << 20
	trialMemoryEnd = 512 << 20
)

// RunTrial is the child's side of Try: it reads a request from stdin, tries the schema, and
// writes its progress to stdout, one JSON object a line. It returns the exit code. It is
// for a process of its own: it sets the process's memory limit and keeps a goroutine.
func RunTrial(stdin io.Reader, stdout io.Writer) int {
	debug.SetMemoryLimit(trialMemory)
	exceeded := make(chan struct{})
	go watchMemory(exceeded)
	code := make(chan int, 1)
	go func() { code <- try(stdin, stdout) }()
	select {
	case c := <-code:
		return c
	case <-exceeded:
		return 3 // the parent knows which event it was
	}
}

// watchMemory closes exceeded when the process holds too much.
func watchMemory(exceeded chan<- struct{}) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for range time.Tick(20 * time.Millisecond) {
		metrics.Read(sample)
		if sample[0].Value.Uint64() > trialMemoryEnd {
			close(exceeded)
			return
		}
	}
}

func try(stdin io.Reader, stdout io.Writer) int {
	say := json.NewEncoder(stdout)
	fail := func(format string, args ...any) int {
		_ = say.Encode(trialLine{Failed: fmt.Sprintf(format, args...)}) // the parent sees the pipe close
		return 1
	}
	var request trialRequest
	if err := json.NewDecoder(stdin).Decode(&request); err != nil {
		return fail("the trial did not get its schema")
	}
	schema, err := Compile(request.Document, request.options())
	if err != nil {
		return fail("%v", err)
	}
	for i, event := range trialEvents(schema.root) {
		payload, err := json.Marshal(event)
		if err != nil {
			continue // the schema's own numbers can be such that no event can hold them
		}
		if err := say.Encode(trialLine{Event: i + 1, Bytes: len(payload)}); err != nil {
			return 1
		}
		_, err = schema.reference(payload) // which the checker asks where it does not know
		if err == nil {
			_, err = schema.Judge(payload)
		}
		if err != nil {
			return fail("a generated event of %d bytes cannot be judged: %v", len(payload), err)
		}
	}
	if err := say.Encode(trialLine{Done: true}); err != nil {
		return 1
	}
	return 0
}

// options are those that the parent compiled with.
func (r trialRequest) options() Options {
	return Options{
		Name: r.Name, Limits: r.Limits, noBudget: r.NoBudget, References: r.References[""],
		Load: func(subject string, version int) ([]byte, error) {
			doc, ok := r.Documents[fmt.Sprintf("%s%s:%d", scheme, subject, version)]
			if !ok {
				return nil, ErrNotFound
			}
			return doc, nil
		},
		LoadReferences: func(subject string, version int) ([]Reference, error) {
			return r.References[Reference{Subject: subject, Version: version}.target()], nil
		},
	}
}
