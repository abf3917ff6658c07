package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// child is a gateway in a process of its own.
type child struct {
	cmd  *exec.Cmd
	url  string
	done chan error
	log  *os.File
}

// startChild runs this same program as a server that keeps all it has below dir, and
// waits until it is ready.
func startChild(ctx context.Context, e *env, dir string) (_ *child, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	config, urlFile := filepath.Join(dir, "lazaret.yaml"), filepath.Join(dir, "url")
	text := fmt.Sprintf("listen:\n  http: 127.0.0.1:0\nstore:\n  path: %s\nsinks:\n  file:\n    root: %s\n",
		quoteYAML(filepath.Join(dir, "lazaret.db")), quoteYAML(filepath.Join(dir, "sink")))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	c := &child{done: make(chan error, 1)}
	if c.log, err = os.Create(filepath.Join(dir, "lazaret.log")); err != nil {
		return nil, err
	}
	c.cmd = exec.Command(self, "serve", "--config", config, "--url-file", urlFile)
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	c.cmd.SysProcAttr = ownGroup() // an interrupt at the terminal is for the demo, which then stops its child
	if err := c.cmd.Start(); err != nil {
		c.log.Close()
		return nil, err
	}
	go func() { c.done <- c.cmd.Wait() }()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-c.done:
			c.log.Close()
			return nil, fmt.Errorf("the gateway ended at its start: %v\n%s", err, c.tail())
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), c.stop())
		case <-deadline.C:
			return nil, fmt.Errorf("the gateway was not ready within 20 s: %v\n%s", c.stop(), c.tail())
		case <-tick.C:
			if b, err := os.ReadFile(urlFile); err == nil && strings.HasSuffix(string(b), "\n") {
				c.url = strings.TrimSpace(string(b))
				return c, nil
			}
		}
	}
}

// quoteYAML writes a path as a YAML string.
func quoteYAML(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (c *child) pid() int { return c.cmd.Process.Pid }

// stop asks the gateway to finish and waits for it.
func (c *child) stop() error {
	defer c.log.Close()
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-c.done:
		if err != nil {
			return fmt.Errorf("the gateway did not end well: %w", err)
		}
		return nil
	case <-time.After(30 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.done
		return fmt.Errorf("the gateway did not end within 30 s and was killed")
	}
}

// detach leaves the gateway to itself.
func (c *child) detach() error {
	c.log.Close()
	return c.cmd.Process.Release()
}

// tail is the end of the gateway's log.
func (c *child) tail() string {
	b, err := os.ReadFile(c.log.Name())
	if err != nil {
		return ""
	}
	if len(b) > 2000 {
		b = b[len(b)-2000:]
	}
	return string(b)
}
