package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/client"
)

// The exit codes that only the commands on schemas have: 1 says that a schema is not
// compatible, so that what went wrong otherwise must not be 1.
const (
	exitUnknown = 3 // it could not be decided
	exitFailed  = 4 // it was not done: there is no server, or it does not let it be done, or has no such thing; or it was interrupted
)

// schemaCmd is the commands that work on schemas.
func (e *env) schemaCmd() *cobra.Command {
	cmd := group("schema", "Write schemas, compare their versions, keep them on a server",
		e.schemaCheckCmd(), e.schemaDiffCmd(), e.schemaInferCmd(),
		e.schemaListCmd(), e.schemaShowCmd(), e.schemaRegisterCmd(), e.schemaRollbackCmd(), e.schemaProposalsCmd())
	for _, sub := range cmd.Commands() {
		if sub.Name() != "infer" { // it is about events, and compares nothing
			failing(sub)
		}
	}
	return cmd
}

// failing gives the errors of a command and those below it, that say no exit code, exitFailed.
func failing(cmd *cobra.Command) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			err := run(cmd, args)
			var x *exit
			if err == nil || errors.As(err, &x) {
				return err
			}
			return &exit{exitFailed, err}
		}
	}
	for _, sub := range cmd.Commands() {
		failing(sub)
	}
}

// unlessRefused gives a refusal of what was asked for, as it stands, the exit code of a
// finding.
func unlessRefused(err error) error {
	var p *client.Problem
	if errors.As(err, &p) && (p.Status == 409 || p.Status == 422) {
		return &exit{exitFindings, err}
	}
	return err
}
