package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/workload"
)

func (e *env) generateCmd() *cobra.Command {
	return group("generate", "Write test events", e.generateClickstreamCmd())
}

func (e *env) generateClickstreamCmd() *cobra.Command {
	cfg := workload.Config{}
	var truth string
	cmd := &cobra.Command{
		Use: "clickstream", Short: "Write a web shop's clickstream as NDJSON, some of it bad", Args: cobra.NoArgs,
		Long: `Generate writes the same events for the same flags, always. The truth file has one line for
each event that is bad (with the reason code that Lazaret gives) or that the example's
wrong rule refuses, and a summary as its last line.`,
		Example: "  lazaret generate clickstream --events 100000 --invalid 0.15 --truth truth.ndjson > events.ndjson",
		RunE: func(*cobra.Command, []string) error {
			g, err := workload.New(cfg)
			if err != nil {
				return usage("%v", err)
			}
			if truth == "" {
				_, err = g.Write(e.stdout, nil)
				return err
			}
			f, err := os.Create(truth)
			if err != nil {
				return usage("--truth: %v", err)
			}
			_, err = g.Write(e.stdout, f)
			return errors.Join(err, f.Close())
		},
	}
	f := cmd.Flags()
	f.IntVar(&cfg.Events, "events", 1000, "how many")
	f.IntVar(&cfg.Size, "size", 768, "bytes an event, about")
	f.Float64Var(&cfg.Invalid, "invalid", 0.15, "the share that is bad, 0 to 1")
	f.Uint64Var(&cfg.Seed, "seed", 1, "another seed gives other events")
	f.StringVar(&truth, "truth", "", "write what is bad, and why, to this file")
	return cmd
}
