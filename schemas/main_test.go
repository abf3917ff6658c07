package schemas

import (
	"os"
	"strconv"
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

// asked is the whole number, 0 or more, that a variable of the environment says, if it is set.
func asked(t *testing.T, variable string) (n int, set bool) {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s is %q: a whole number is asked for", variable, text)
	}
	return n, true
}
