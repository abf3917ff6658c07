package app_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/kafkatest"
	"github.com/lazaret/lazaret/schemas"
)

// TestMain lets the test binary be the child process in which a schema is tried.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == schemas.TrialCommand {
		os.Exit(schemas.RunTrial(os.Stdin, os.Stdout))
	}
	if args := strings.Fields(os.Getenv(copyVariable)); len(args) == 5 {
		if err := copyLoop(args); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(kafkatest.Main(m))
}
