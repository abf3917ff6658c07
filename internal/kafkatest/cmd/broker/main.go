// Command broker runs an Apache Kafka of its own in the foreground, for demos and for
// trying things out. It prints the line `listening on host:port`, and ends, with all its
// data, on SIGINT, SIGTERM or the end of its standard input.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/lazaret/lazaret/internal/kafkatest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var o kafkatest.Options
	flags := flag.NewFlagSet("broker", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.Heap, "heap", "", "the most memory that the JVM's heap may have (default 512m)")
	flags.BoolVar(&o.Steady, "steady", false, "a slower start, and a faster broker from then on")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if err := serve(ctx, o, stdin, stdout); err != nil {
		fmt.Fprintln(stderr, "broker:", err)
		return 1
	}
	return 0
}

// serve runs a broker until ctx or stdin ends.
func serve(ctx context.Context, o kafkatest.Options, stdin io.Reader, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, stdin)
	}()
	b, err := kafkatest.Run(ctx, o)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout, "listening on", b.Addr()); err != nil {
		return errors.Join(err, b.Close())
	}
	select {
	case <-ctx.Done():
		return b.Close()
	case <-b.Done():
		return errors.Join(fmt.Errorf("the broker ended by itself\n%s", b.Log()), b.Close())
	}
}
