package main

import (
	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/schemas"
)

// trialCmd is what the server starts to try a new schema in a process of its own, which
// can be ended when the schema turns out to cost too much. It is not for people.
func (e *env) trialCmd() *cobra.Command {
	return &cobra.Command{
		Use: "schema-trial", Hidden: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if code := schemas.RunTrial(e.stdin, e.stdout); code != 0 {
				return &exit{code: code}
			}
			return nil
		},
	}
}
