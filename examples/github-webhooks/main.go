// Command github-webhooks sends GitHub's recorded webhooks through a Lazaret server,
// one stream an event type, and walks through a schema evolution with what comes out
// bad. README.md tells the story; run it without arguments to see the steps.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/lazaret/lazaret/examples/github-webhooks/webhooks"
	"github.com/lazaret/lazaret/internal/client"
)

const usage = `Usage: go run ./examples/github-webhooks [flags] STEP

Steps:
  prepare  fetch the recorded webhooks with npm, and list them
  apply    make a schema and a stream for each event type
  send     send each recorded payload over HTTP, and show what became of it
  mend     make optional what the quarantined events lack, and reprocess them
  all      all of these, one after the other

Flags:
`

// errUsage is a call that makes no sense; what is wrong has been printed.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Getenv("LAZARET_TOKEN"), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main with its surroundings as arguments. It returns 0 if all went well, 1 if
// something failed and 2 if the call makes no sense.
func run(ctx context.Context, args []string, token string, stdout, stderr io.Writer) int {
	s, step, err := parse(args, token, stdout, stderr)
	if err == nil {
		defer s.server.Close()
		err = s.take(ctx, step)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	case err != nil:
		fmt.Fprintln(stderr, "github-webhooks:", err)
		return 1
	}
	return 0
}

// parse reads the command line: flags may stand before and after the step.
func parse(args []string, token string, stdout, stderr io.Writer) (*steps, string, error) {
	flags := flag.NewFlagSet("github-webhooks", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	server := flags.String("server", "http://127.0.0.1:8080", "the server's `URL`; LAZARET_TOKEN holds the token, if it wants one")
	out := flags.String("out", "", "prepare: write the manifests into this `folder` too, for lazaret apply")
	s := &steps{stdout: stdout, stderr: stderr}
	var step string
	for rest := args; ; {
		if err := flags.Parse(rest); errors.Is(err, flag.ErrHelp) {
			return nil, "", err
		} else if err != nil {
			return nil, "", errUsage
		}
		if flags.NArg() == 0 {
			break
		}
		if step != "" {
			fmt.Fprintf(stderr, "one step at a time, not both %s and %s\n", step, flags.Arg(0))
			return nil, "", errUsage
		}
		step, rest = flags.Arg(0), flags.Args()[1:]
	}
	if step == "" {
		flags.Usage()
		return nil, "", errUsage
	}
	var err error
	if s.cache, err = webhooks.CacheDir(); err != nil {
		return nil, "", err
	}
	s.out = *out
	s.server, err = client.New(client.Config{
		Server: *server, Token: token, Timeout: 5 * time.Minute, Retries: 3, Agent: "lazaret-example-github-webhooks",
	})
	return s, step, err
}
