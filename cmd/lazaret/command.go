package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/client"
)

// Further tries of a request: people who look at something want to hear soon that there
// is no server; work that runs for long outlives a restart of it.
const (
	impatient = 2
	patient   = 8
)

// prints gives a command -o with the forms that it has, the first of which is the default.
func (e *env) prints(cmd *cobra.Command, forms ...string) *cobra.Command {
	last := len(forms) - 1
	text := strings.Join(forms[:last], ", ") + " or " + forms[last]
	form := ""
	cmd.Flags().StringVarP(&form, "output", "o", forms[0], "how to print: "+text)
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(forms, cobra.ShellCompDirectiveNoFileComp))
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if !slices.Contains(forms, form) {
			return usage("-o %s: want %s", form, text)
		}
		e.output = form // commands differ in their defaults
		return nil
	}
	return cmd
}

// remote gives a command the flags that say which server it speaks to, and a client.
func (e *env) remote(cmd *cobra.Command, tries int, run func(ctx context.Context, c *client.Client, args []string) error) *cobra.Command {
	e.serverFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return e.withServer(cmd.Context(), tries, func(c *client.Client) error { return run(cmd.Context(), c, args) })
	}
	return cmd
}

// serverFlags gives a command the flags that say which server it speaks to.
func (e *env) serverFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&e.server, "server", "", "the server's URL (LAZARET_SERVER; default http://127.0.0.1:8080)")
	f.StringVar(&e.tokenFile, "token-file", "", "a file that holds the token (or the token itself in LAZARET_TOKEN)")
	f.StringVar(&e.caFile, "ca-file", "", "PEM certificates to trust beside the system's")
}

// withServer runs what speaks to the server that the flags name.
func (e *env) withServer(ctx context.Context, tries int, run func(c *client.Client) error) error {
	c, err := e.client(ctx, tries)
	if err != nil {
		return err
	}
	defer c.Close()
	return e.advise(run(c))
}

// client makes the client that the flags and the environment ask for.
func (e *env) client(ctx context.Context, tries int) (*client.Client, error) {
	cfg := client.Config{Server: e.server, Agent: "lazaret/" + version, Retries: tries}
	if tries > impatient {
		cfg.Waiting = e.waiting()
	}
	if cfg.Server == "" {
		cfg.Server = e.getenv("LAZARET_SERVER")
	}
	if cfg.Server == "" {
		cfg.Server = "http://127.0.0.1:8080"
	}
	if _, port, err := net.SplitHostPort(cfg.Server); err == nil && port != "" && !strings.Contains(cfg.Server, "/") {
		cfg.Server = "http://" + cfg.Server // 127.0.0.1:8080 can mean nothing else
	}
	e.server = cfg.Server
	cfg.Token = strings.TrimSpace(e.getenv("LAZARET_TOKEN"))
	if e.tokenFile != "" {
		b, err := readFile(ctx, e.tokenFile)
		if err != nil {
			return nil, unread("--token-file: ", err)
		}
		if cfg.Token = strings.TrimSpace(string(b)); cfg.Token == "" {
			return nil, usage("--token-file: %s is empty", e.tokenFile)
		}
	}
	if e.caFile != "" {
		b, err := readFile(ctx, e.caFile)
		if err != nil {
			return nil, unread("--ca-file: ", err)
		}
		cfg.CA = b
	}
	c, err := client.New(cfg)
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	return c, nil
}

// waiting tells why work does not go on, at most every two seconds however many requests
// wait.
func (e *env) waiting() func(error, time.Duration) {
	var mu sync.Mutex
	last := time.Now()
	return func(err error, _ time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(last) >= 2*time.Second {
			last = time.Now()
			e.status("still trying: %v", err)
		}
	}
}

// advise says what to do about failures that a flag or a variable mends.
func (e *env) advise(err error) error {
	var problem *client.Problem
	var dial *net.OpError
	switch {
	case errors.As(err, &problem) && problem.Status == 401:
		return fmt.Errorf("%w\nPut the token into LAZARET_TOKEN, or name a file that holds it with --token-file", err)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("%w\nIs the server up at %s? --server or LAZARET_SERVER names another", err, e.server)
	}
	return err
}
