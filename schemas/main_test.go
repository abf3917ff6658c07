package schemas

import (
	"os"
	"testing"
)

// TestMain lets the test binary be the child process of a trial, as the program's hidden
// subcommand is.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == TrialCommand {
		os.Exit(RunTrial(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}
