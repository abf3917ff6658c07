package schemas

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// TrialCommand is the hidden subcommand of the program that Try runs as a child process;
// its main calls RunTrial.
const TrialCommand = "schema-trial"

// trialEnv is set in the child, so that a program that does not know the subcommand, such
// as a test binary, cannot start children without end.
const trialEnv = "LAZARET_SCHEMA_TRIAL"

// How long a trial may take.
const (
	trialStart = 20 * time.Second // until the child has compiled the schema
	trialEvent = 2 * time.Second  // for one event
	trialAll   = 30 * time.Second // for all of it
)

// trialRequest is what the child reads from its standard input.
type trialRequest struct {
	Document  []byte            `json:"document"`
	Name      string            `json:"name"`
	Documents map[string][]byte `json:"documents"` // by "lazaret:subject:version"
	Limits    jsonread.Limits   `json:"limits"`
	NoBudget  bool              `json:"no_budget"`
	// References are those of each document; those of the one that is tried are under "".
	References map[string][]Reference `json:"references"`
}

// trialLine is one line of what the child writes to its standard output.
type trialLine struct {
	Event  int           `json:"event"`  // the event that is begun, from 1
	Bytes  int           `json:"bytes"`  // its size
	Done   bool          `json:"done"`   // all went well
	Failed string        `json:"failed"` // why it did not
	Error  *CompileError `json:"error"`  // the schema does not compile
}

// Try tries a schema on generated events, in a child process that is killed when an event
// takes longer than two seconds or the child needs too much memory: a schema that passes
// will not hold up the process that judges with it. The schema is compiled first, here; an
// error is as of Compile, or a *CompileError that says how the trial failed.
//
// The child is this program (os.Executable) with TrialCommand as its argument. Another
// error means that the trial could not be held.
func Try(ctx context.Context, document []byte, opts Options) error {
	if os.Getenv(trialEnv) != "" {
		return errors.New("schemas: a trial cannot start another")
	}
	c, err := compile(document, opts)
	if err != nil {
		return err
	}
	request := trialRequest{Document: document, Name: opts.Name, Limits: opts.Limits, NoBudget: opts.noBudget, Documents: map[string][]byte{}}
	request.References = map[string][]Reference{"": opts.References}
	for url, doc := range c.documents {
		if url != rootURL {
			request.Documents[url] = doc.data
			request.References[url] = doc.references
		}
	}
	input, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("schemas: trial: %w", err)
	}
	return runChild(ctx, string(input))
}

// runChild starts the child and watches it.
func runChild(ctx context.Context, input string) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("schemas: trial: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, TrialCommand)
	cmd.Env = []string{trialEnv + "=1"}
	cmd.Stdin = strings.NewReader(input)
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("schemas: trial: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("schemas: trial: %w", err)
	}
	lines := make(chan trialLine)
	go readLines(ctx, out, lines)
	outcome := watch(ctx, lines)
	cancel() // kills the child if it still runs
	for range lines {
	}
	_ = cmd.Wait() // how the child ended says nothing that its lines do not
	return outcome
}

// readLines passes on the child's lines until it ends.
func readLines(ctx context.Context, out io.Reader, lines chan<- trialLine) {
	defer close(lines)
	scan := bufio.NewScanner(out)
	for scan.Scan() {
		var line trialLine
		if json.Unmarshal(scan.Bytes(), &line) != nil {
			continue // not ours: something else in the program printed it
		}
		select {
		case lines <- line:
		case <-ctx.Done():
			return
		}
	}
}

// watch follows the child's progress to the outcome.
func watch(ctx context.Context, lines <-chan trialLine) error {
	timer := time.NewTimer(trialStart)
	defer timer.Stop()
	all := time.NewTimer(trialAll)
	defer all.Stop()
	var at trialLine
	for {
		select {
		case line, ok := <-lines:
			switch {
			case !ok && at.Event > 0:
				return &CompileError{Message: fmt.Sprintf("checking a generated event of %d bytes needs too much memory, or ends the process; %s", at.Bytes, simplify)}
			case !ok && ctx.Err() != nil:
				return fmt.Errorf("schemas: trial: %w", ctx.Err())
			case !ok:
				return errors.New("schemas: trial: the child process ended without a word; is the subcommand " + TrialCommand + " part of this program?")
			case line.Error != nil:
				return line.Error
			case line.Failed != "":
				return &CompileError{Message: line.Failed}
			case line.Done:
				return nil
			}
			at = line
			timer.Reset(trialEvent)
		case <-timer.C:
			if at.Event == 0 {
				return &CompileError{Message: fmt.Sprintf("compiling the schema takes longer than %s; %s", trialStart, simplify)}
			}
			return &CompileError{Message: fmt.Sprintf("checking a generated event of %d bytes takes longer than %s; %s", at.Bytes, trialEvent, simplify)}
		case <-all.C:
			return &CompileError{Message: fmt.Sprintf("checking the generated events takes longer than %s; %s", trialAll, simplify)}
		case <-ctx.Done():
			return fmt.Errorf("schemas: trial: %w", ctx.Err())
		}
	}
}

const simplify = "use fewer combinators (anyOf, oneOf, allOf) and references"
