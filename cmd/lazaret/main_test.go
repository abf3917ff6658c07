package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/lazaret/lazaret/internal/kafkatest"
	"github.com/lazaret/lazaret/schemas"
)

// TestMain lets the test binary be the program itself: as `lazaret` in scripts, as the
// gateway that the demo starts, and as the process in which a schema is tried. It can also
// pretend to be the broker that the demo starts.
func TestMain(m *testing.M) {
	started := len(os.Args) > 1 && slices.Contains([]string{"serve", schemas.TrialCommand}, os.Args[1])
	if started || filepath.Base(os.Args[0]) == "lazaret" {
		main()
	}
	if len(os.Args) > 1 && os.Args[1] == "-steady" {
		os.Exit(pretend(os.Getenv(fakeBroker)))
	}
	os.Exit(kafkatest.Main(m))
}

// result is what a run of the program left.
type result struct {
	code           int
	stdout, stderr string
}

func runWith(ctx context.Context, environ map[string]string, stdin string, args ...string) result {
	var out, errs bytes.Buffer
	code := run(ctx, args, bytes.NewReader([]byte(stdin)), &out, &errs, func(k string) string { return environ[k] })
	return result{code, out.String(), errs.String()}
}
