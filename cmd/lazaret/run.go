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

	"github.com/lazaret/lazaret/internal/words"
	"github.com/lazaret/lazaret/internal/yamlread"
	"github.com/lazaret/lazaret/rules"
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

	bar *progress // the latest; status lines take it away first
}

// run is the whole program.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	out := &output{w: stdout}
	e := &env{stdin: stdin, stdout: out, stderr: stderr, getenv: getenv}
	root := e.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil || explain(err) == "" { // what was found is of no use if it was not written
		err = errors.Join(err, out.failed())
	}
	if err == nil {
		return exitOK
	}
	code := exitFindings
	var x *exit
	if errors.As(err, &x) {
		code = x.code
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = interrupted(err)
	}
	if text := explain(err); text != "" {
		e.wrappedStatus("lazaret: %s", text)
	}
	if code == exitUsage {
		e.status("Run '%s --help' for how to use it.", cmd.CommandPath())
	}
	return code
}

// interrupted keeps what an error says beside the interrupt that caused it.
func interrupted(err error) error {
	var x *exit
	if errors.As(err, &x) && x.err != nil && x.code != exitFailed {
		return err
	}
	return errors.New("interrupted")
}

// explain is an error's text, with the piece of the text that it is about below it.
func explain(err error) string {
	text, snippet := err.Error(), ""
	var rule *rules.CompileError
	var yaml *yamlread.Error
	switch {
	case errors.As(err, &rule):
		snippet = rule.Snippet
	case errors.As(err, &yaml):
		snippet = yaml.Snippet
	}
	if snippet = strings.TrimRight(snippet, "\n"); snippet != "" {
		text += "\n    " + strings.ReplaceAll(snippet, "\n", "\n    ")
	}
	return text
}

func (e *env) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "lazaret",
		Short: "A quarantine station for event pipelines",
		Long: `Lazaret checks every event against a JSON Schema and rules, forwards the good ones,
keeps the bad ones with exact reasons, and releases them when the rule, the schema
or the data is mended.

Data goes to standard output, everything else to standard error. Exit codes: 0 fine,
1 findings or failure, 2 usage, 3 unknown, 4 a schema command failed, 78 bad configuration.
docs/cli.md tells it all.`,
		Example: `  lazaret demo                                  # see it all in half a minute
  lazaret serve                                 # run the gateway on 127.0.0.1:8080
  lazaret apply -f examples/clickstream         # give it a stream
  lazaret generate clickstream | lazaret send clickstream -
  lazaret quarantine groups                     # what fails alike?`,
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
	root.SetFlagErrorFunc(flagError)
	section := func(id, title string, commands ...*cobra.Command) {
		root.AddGroup(&cobra.Group{ID: id, Title: title})
		for _, c := range commands {
			c.GroupID = id
		}
		root.AddCommand(commands...)
	}
	section("start", "See it work:", e.demoCmd(), e.generateCmd(), e.checkCmd())
	section("run", "Run a gateway:", e.serveCmd(), e.tokenCmd())
	section("contract", "Say what is a good event:", e.schemaCmd(), e.applyCmd(), e.getCmd(), e.deleteCmd())
	section("work", "Work with events:", e.sendCmd(), e.quarantineCmd(), e.reprocessCmd(), e.replayCmd())
	root.AddCommand(e.versionCmd(), e.trialCmd())
	wrapArgs(root)
	return root
}

// wrapArgs makes cobra's complaints about arguments usage errors.
func wrapArgs(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usage("%s; want: %s", plainArgs(err, len(args)), cmd.UseLine())
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		wrapArgs(sub)
	}
}

// plainArgs says in words what cobra says of a wrong number of arguments.
func plainArgs(err error, given int) string {
	if !strings.Contains(err.Error(), "arg(s)") {
		return err.Error()
	}
	if given == 0 {
		return "no argument is given"
	}
	return fmt.Sprintf("%s given", map[bool]string{true: "1 argument is", false: words.Count(given) + " arguments are"}[given == 1])
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
