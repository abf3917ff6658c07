package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/words"
)

func (e *env) reprocessCmd() *cobra.Command {
	var ff filterFlags
	var dryRun, wait, all bool
	var concurrency int
	cmd := &cobra.Command{
		Use:   "reprocess",
		Short: "Judge the quarantine again and release what passes now",
		Long: `Reprocess makes a job that judges the entries that the flags select under their streams'
present contracts. With --dry-run it says what would pass and changes nothing. Otherwise it
releases what passes to the stream's sink, each entry once, however often the job or the
server is killed and resumed.

Without --wait it prints the job and returns; 'lazaret reprocess show JOB' looks at it.
With --wait, an interrupt leaves the job running. Exit code 1 if the job failed or was
cancelled; entries that still fail are not a failure.`,
		Example: "  lazaret reprocess --stream clickstream --rule purchase-fraud --dry-run\n  lazaret reprocess --stream clickstream --rule purchase-fraud --wait",
		Args:    cobra.NoArgs,
	}
	ff.register(cmd, false)
	f := cmd.Flags()
	f.BoolVar(&dryRun, "dry-run", false, "say what would pass and what would fail; change nothing")
	f.BoolVar(&wait, "wait", false, "wait for the job to end, with progress")
	f.BoolVar(&all, "all", false, "everything that is quarantined")
	f.IntVar(&concurrency, "concurrency", 0, "entries judged at a time (default: the server's)")
	cmd.AddCommand(e.jobListCmd(), e.jobShowCmd(), e.jobActionCmd("cancel", "Stop a job after the batch in hand"), e.jobActionCmd("resume", "Go on with a job that was cancelled or failed"))
	e.prints(cmd, "table", "json")
	return e.remote(cmd, patient, func(ctx context.Context, c *client.Client, args []string) error {
		if ff.empty() && !all {
			return usage("give a filter, such as --stream, or --all for the whole quarantine")
		}
		if concurrency < 0 {
			return usage("--concurrency is at least 1")
		}
		f, err := ff.filter(ctx, c)
		if err != nil {
			return err
		}
		job, err := c.Reprocess(ctx, f, dryRun, concurrency)
		if err != nil {
			return err
		}
		if dryRun || wait {
			return e.follow(ctx, c, job.ID)
		}
		if err := e.printJob(job); err != nil || e.output == "json" {
			return err
		}
		e.status("look at it with: lazaret reprocess show %s", job.ID)
		return nil
	})
}

// follow waits for a job and prints what came of it.
func (e *env) follow(ctx context.Context, c *client.Client, id string) error {
	p := e.progress("reprocessing", words.Count[int64])
	job, err := c.WaitJob(ctx, id, 150*time.Millisecond, func(j client.Job) { p.update(j.Examined+j.Skipped, j.Matched, jobNote(j)) })
	if err != nil {
		p.clear()
		if ctx.Err() != nil {
			return fmt.Errorf("no longer waiting; job %s goes on: lazaret reprocess show %s", id, id)
		}
		return err
	}
	p.paced(job.Rate)
	p.finish(job.Examined+job.Skipped, job.Matched, jobNote(job))
	return e.printJob(job)
}

func jobNote(j client.Job) string {
	if j.DryRun {
		return fmt.Sprintf("%s would pass, %s would fail", words.Count(j.Passed), words.Count(j.Failed))
	}
	return fmt.Sprintf("%s released, %s still fail", words.Count(j.Released), words.Count(j.Failed))
}

// printJob prints a job; a failed or cancelled one makes the exit code 1.
func (e *env) printJob(j client.Job) error {
	var failed error
	switch j.State {
	case "failed":
		failed = &exit{exitFindings, fmt.Errorf("job %s failed: %s\nResume it with: lazaret reprocess resume %s", j.ID, j.Error, j.ID)}
	case "cancelled":
		failed = &exit{code: exitFindings}
	}
	if e.output == "json" {
		if err := e.printJSON(j); err != nil {
			return err
		}
		return failed
	}
	t := pairs()
	t.add("job", j.ID)
	state := j.State
	if j.DryRun {
		state += " (dry run: nothing was changed)"
	}
	t.add("state", state)
	t.add("matched", words.Count(j.Matched))
	if j.DryRun {
		t.add("would pass", words.Count(j.Passed))
		t.add("would fail", words.Count(j.Failed))
	} else {
		t.add("released", words.Count(j.Released))
		t.add("still fail", words.Count(j.Failed))
	}
	if j.Skipped > 0 {
		var why []string
		for _, k := range byCount(j.SkippedBy) {
			why = append(why, fmt.Sprintf("%s %s", words.Count(j.SkippedBy[k]), k))
		}
		t.add("skipped", words.Count(j.Skipped)+"  ("+strings.Join(why, ", ")+")")
	}
	e.print(t, "")
	if len(j.ByCode) > 0 {
		fmt.Fprintln(e.stdout)
		e.print(codeTable("still fails with", "entries", j.ByCode), "")
	}
	return failed
}

// codeTable lists counts, the largest first.
func codeTable[N int | int64](what, of string, counts map[string]N) *table {
	t := newTable(col(what), num(of))
	for _, k := range byCount(counts) {
		t.add(k, words.Count(counts[k]))
	}
	return t
}

func (e *env) jobListCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List jobs, newest first", Args: cobra.NoArgs,
	}
	e.prints(cmd, "table", "json")
	return e.remote(cmd, impatient, func(ctx context.Context, c *client.Client, args []string) error {
		jobs, _, err := c.Jobs(ctx, 100, "")
		if err != nil {
			return err
		}
		if e.output == "json" {
			if jobs == nil {
				jobs = []client.Job{}
			}
			return e.printJSON(map[string]any{"jobs": jobs})
		}
		if len(jobs) == 0 {
			e.status("no jobs")
			return nil
		}
		e.print(jobTable(jobs, time.Now()), "")
		return nil
	})
}

func jobTable(jobs []client.Job, now time.Time) *table {
	t := newTable(flex("job", shortJob+1), col("state"), col("dry run").ifAny(), col("created").ifRoom(), num("matched"), num("released"), num("still fail"))
	for _, j := range jobs {
		t.add(j.ID, j.State, map[bool]string{true: "yes", false: ""}[j.DryRun], ago(j.Created, now), words.Count(j.Matched), words.Count(j.Released), words.Count(j.Failed))
	}
	return t
}

func (e *env) jobShowCmd() *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use: "show JOB", Short: "Show a job; the beginning of its id will do", Args: cobra.ExactArgs(1),
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait for the job to end, with progress")
	e.prints(cmd, "table", "json")
	return e.remote(cmd, impatient, func(ctx context.Context, c *client.Client, args []string) error {
		id, err := findJob(ctx, c, args[0])
		if err != nil {
			return err
		}
		if wait {
			return e.follow(ctx, c, id)
		}
		job, err := c.Job(ctx, id)
		if err != nil {
			return err
		}
		return e.printJob(job)
	})
}

func (e *env) jobActionCmd(action, text string) *cobra.Command {
	cmd := &cobra.Command{
		Use: action + " JOB", Short: text, Args: cobra.ExactArgs(1),
	}
	e.prints(cmd, "table", "json")
	return e.remote(cmd, impatient, func(ctx context.Context, c *client.Client, args []string) error {
		id, err := findJob(ctx, c, args[0])
		if err != nil {
			return err
		}
		job, err := c.JobAction(ctx, id, action)
		if err != nil {
			return err
		}
		if e.output == "json" {
			return e.printJSON(job)
		}
		e.status("job %s: %s", job.ID, job.State)
		return nil
	})
}
