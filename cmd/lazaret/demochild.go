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

// child is a program of the demo's in a process of its own: the gateway, or the broker.
type child struct {
	name string
	cmd  *exec.Cmd
	url  string // of the gateway; host:port of the broker
	done chan error
	log  *os.File
	hold *os.File // what the child ends without; nil if there is no such thing
}

// startChild runs this same program as a server that keeps all it has below dir, and
// waits until it is ready. Without brokers it does without Kafka.
func startChild(ctx context.Context, dir string, brokers []string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	config, urlFile := filepath.Join(dir, "lazaret.yaml"), filepath.Join(dir, "url")
	text := fmt.Sprintf("listen:\n  http: 127.0.0.1:0\nstore:\n  path: %s\nsinks:\n  file:\n    root: %s\n",
		quoteYAML(filepath.Join(dir, "lazaret.db")), quoteYAML(filepath.Join(dir, "sink")))
	if len(brokers) > 0 {
		text += "kafka:\n  brokers:\n"
		for _, b := range brokers {
			text += "    - " + quoteYAML(b) + "\n"
		}
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	c := &child{name: "gateway", cmd: exec.Command(self, "serve", "--config", config, "--url-file", urlFile)}
	if c.log, err = os.Create(filepath.Join(dir, "lazaret.log")); err != nil {
		return nil, err
	}
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	err = c.start(ctx, 20*time.Second, func() (string, bool) {
		b, err := os.ReadFile(urlFile)
		return strings.TrimSpace(string(b)), err == nil && strings.HasSuffix(string(b), "\n")
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// start starts the program and waits until it says where it is to be found. After an error
// it does not run.
func (c *child) start(ctx context.Context, within time.Duration, ready func() (url string, ok bool)) error {
	c.done = make(chan error, 1)
	c.cmd.SysProcAttr = ownGroup() // an interrupt at the terminal is for the demo, which then stops its children
	if err := c.cmd.Start(); err != nil {
		c.release()
		return err
	}
	go func() { c.done <- c.cmd.Wait() }()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-c.done:
			c.release()
			return fmt.Errorf("the %s ended at its start: %v\n%s", c.name, err, c.tail())
		case <-ctx.Done():
			return errors.Join(ctx.Err(), c.stop())
		case <-deadline.C:
			return fmt.Errorf("the %s was not ready within %v: %v\n%s", c.name, within, c.stop(), c.tail())
		case <-tick.C:
			if url, ok := ready(); ok {
				c.url = url
				return nil
			}
		}
	}
}

// quoteYAML writes a path as a YAML string.
func quoteYAML(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (c *child) pid() int { return c.cmd.Process.Pid }

// release closes our files.
func (c *child) release() {
	c.log.Close()
	if c.hold != nil {
		c.hold.Close()
	}
}

// stop asks the child to finish and waits for it.
func (c *child) stop() error {
	defer c.release()
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-c.done:
		if err != nil {
			return fmt.Errorf("the %s did not end well: %w", c.name, err)
		}
		return nil
	case <-time.After(30 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.done
		return fmt.Errorf("the %s did not end within 30 s and was killed", c.name)
	}
}

// detach leaves the child to itself.
func (c *child) detach() error {
	c.release()
	return c.cmd.Process.Release()
}

// tail is the end of the child's log.
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
