package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	// brokerStart bounds the start of a broker, for which Maven may have to fetch Kafka.
	brokerStart = 5 * time.Minute
	// brokerSlow is after how long the demo says what it waits for.
	brokerSlow = 8 * time.Second
)

// startBroker runs a program that is a Kafka broker for as long as its standard input is
// open, and says "listening on HOST:PORT" on its standard output. With keep it holds its
// own input open, and outlives us if it is detached; without, it ends with us however we
// end.
func startBroker(ctx context.Context, e *env, program, dir string, keep bool) (_ *child, err error) {
	c := &child{name: "Kafka broker", cmd: exec.Command(program, "-steady")}
	if c.log, err = os.Create(filepath.Join(dir, "broker.log")); err != nil {
		return nil, err
	}
	said, err := os.Create(filepath.Join(dir, "broker.address"))
	if err != nil {
		c.release()
		return nil, err
	}
	defer said.Close()
	in, hold, err := os.Pipe()
	if err != nil {
		c.release()
		return nil, err
	}
	defer in.Close()
	c.hold = hold
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = in, said, c.log
	if keep {
		c.cmd.ExtraFiles = []*os.File{hold}
	}
	slow := time.AfterFunc(brokerSlow, func() {
		e.status("%sstill starting the Kafka broker; the first time, Maven fetches 43 MB", demoIndent)
	})
	defer slow.Stop()
	err = c.start(ctx, brokerStart, func() (string, bool) {
		b, err := os.ReadFile(said.Name())
		line, _, whole := strings.Cut(string(b), "\n")
		addr, ok := strings.CutPrefix(line, "listening on ")
		return addr, err == nil && whole && ok
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	return c, nil
}
