package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/client"
)

// Exit codes, as docs/cli.md tells them.
const (
	exitOK       = 0
	exitFindings = 1  // the command worked and found something: bad events, a failed job; or it failed at its work
	exitUsage    = 2  // the command line is wrong
	exitConfig   = 78 // lazaret.yaml, a manifest or a schema is wrong (EX_CONFIG of sysexits.h)
)

// exit is an error that says its exit code. With a nil err nothing is printed.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

func usage(format string, args ...any) error { return &exit{exitUsage, fmt.Errorf(format, args...)} }
func badConfig(err error) error              { return &exit{exitConfig, err} }

// env is what a command works with; nothing below run reads os.* for itself.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string

	output    string // -o
	server    string
	tokenFile string
	caFile    string
}

// run is the whole program.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	e := &env{stdin: stdin, stdout: stdout, stderr: stderr, getenv: getenv}
	root := e.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	code := exitFindings
	var x *exit
	if errors.As(err, &x) {
		code = x.code
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(stderr, "lazaret: "+text)
	}
	if code == exitUsage {
		fmt.Fprintln(stderr, "Run 'lazaret help' for the commands, 'lazaret help COMMAND' for one.")
	}
	return code
}

func (e *env) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "lazaret",
		Short: "A quarantine station for event pipelines",
		Long: `Lazaret checks every event against a JSON Schema and rules, forwards the good ones,
keeps the bad ones with exact reasons, and releases them when the rule, the schema
or the data is mended.

Exit codes: 0 fine, 1 findings or failure, 2 usage, 78 bad configuration.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unknown command %q%s", args[0], didYouMean(cmd, args[0]))
			}
			return cmd.Help()
		},
	}
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage("%v", err) })
	f := root.PersistentFlags()
	f.StringVarP(&e.output, "output", "o", "table", "how to print: table or json (some commands: ndjson)")
	f.StringVar(&e.server, "server", "", "the server's URL (LAZARET_SERVER; default http://127.0.0.1:8080)")
	f.StringVar(&e.tokenFile, "token-file", "", "a file that holds the token (or LAZARET_TOKEN)")
	f.StringVar(&e.caFile, "ca-file", "", "PEM certificates to trust beside the system's")
	root.AddCommand(
		e.serveCmd(), e.applyCmd(), e.getCmd(), e.deleteCmd(), e.sendCmd(), e.checkCmd(),
		e.quarantineCmd(), e.reprocessCmd(), e.generateCmd(), e.tokenCmd(), e.demoCmd(), e.versionCmd(),
		e.trialCmd(),
	)
	wrapArgs(root)
	return root
}

// wrapArgs makes cobra's complaints about arguments usage errors.
func wrapArgs(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usage("%s: %v", cmd.CommandPath(), err)
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		wrapArgs(sub)
	}
}

func didYouMean(cmd *cobra.Command, name string) string {
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		return "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return ""
}

// group makes a command that only holds others.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("%s: unknown command %q%s", cmd.CommandPath(), args[0], didYouMean(cmd, args[0]))
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(subs...)
	return cmd
}

// client makes the client that the flags and the environment ask for.
func (e *env) client() (*client.Client, error) {
	cfg := client.Config{Server: e.server, Agent: "lazaret/" + version}
	if cfg.Server == "" {
		cfg.Server = e.getenv("LAZARET_SERVER")
	}
	if cfg.Server == "" {
		cfg.Server = "http://127.0.0.1:8080"
	}
	cfg.Token = strings.TrimSpace(e.getenv("LAZARET_TOKEN"))
	if e.tokenFile != "" {
		b, err := os.ReadFile(e.tokenFile)
		if err != nil {
			return nil, usage("--token-file: %v", err)
		}
		cfg.Token = strings.TrimSpace(string(b))
	}
	if e.caFile != "" {
		b, err := os.ReadFile(e.caFile)
		if err != nil {
			return nil, usage("--ca-file: %v", err)
		}
		cfg.CA = b
	}
	c, err := client.New(cfg)
	if err != nil {
		return nil, &exit{exitUsage, err}
	}
	return c, nil
}

// wants checks -o against the forms that a command has.
func (e *env) wants(forms ...string) error {
	for _, f := range forms {
		if e.output == f {
			return nil
		}
	}
	return usage("-o %s: this command prints %s", e.output, strings.Join(forms, ", "))
}
