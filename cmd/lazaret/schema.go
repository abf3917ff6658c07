package main

import "github.com/spf13/cobra"

// exitUnknown is what comparing schemas ends with when it could not be decided.
const exitUnknown = 3

// schemaCmd is the commands that work on schemas.
func (e *env) schemaCmd() *cobra.Command {
	return group("schema", "Write schemas, compare their versions, keep them on a server",
		e.schemaCheckCmd(), e.schemaDiffCmd(), e.schemaInferCmd(),
		e.schemaListCmd(), e.schemaShowCmd(), e.schemaRegisterCmd(), e.schemaRollbackCmd(), e.schemaProposalsCmd())
}
