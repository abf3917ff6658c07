package impact_test

import (
	"os"
	"testing"

	"github.com/lazaret/lazaret/schemas"
)

// TestMain lets the test binary be the child process of a schema's trial.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == schemas.TrialCommand {
		os.Exit(schemas.RunTrial(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}
