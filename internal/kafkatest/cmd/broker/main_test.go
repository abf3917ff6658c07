package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
)

// The command says where it listens, and ends with its standard input.
func TestBrokerCommand(t *testing.T) {
	stdin, closer := io.Pipe()
	out, stdout := io.Pipe()
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(context.Background(), nil, stdin, stdout, &stderr)
		stdout.Close()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		t.Fatalf("it printed %q", line)
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	closer.Close()
	if code := <-ended; code != 0 || stderr.Len() > 0 {
		t.Errorf("it ended with %d: %s", code, &stderr)
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("the broker outlived the command")
	}
}

func TestBrokerCommandRefuses(t *testing.T) {
	for _, args := range [][]string{{"-no-such-flag"}, {"-heap", "small"}} {
		var stdout, stderr bytes.Buffer
		stdin, closer := io.Pipe()
		if code := run(context.Background(), args, stdin, &stdout, &stderr); code == 0 || stderr.Len() == 0 || stdout.Len() > 0 {
			t.Errorf("%v: it ended with %d: %q %q", args, code, &stdout, &stderr)
		}
		closer.Close()
	}
}
