package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "dev"

func (e *env) versionCmd() *cobra.Command {
	return e.prints(&cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := map[string]string{"version": version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						v["revision"] = s.Value
					}
				}
			}
			if e.output == "json" {
				return e.printJSON(v)
			}
			_, err := fmt.Fprintf(e.stdout, "lazaret %s (%s, %s)\n", v["version"], v["go"], v["platform"])
			return err
		},
	}, "table", "json")
}
