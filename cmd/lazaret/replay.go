package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/words"
)

func (e *env) replayCmd() *cobra.Command {
	var spec client.ReplaySpec
	var since, until string
	var offsets []string
	var wait bool
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Run a Kafka topic's past through a stream again",
		Long: `Replay has the server read a range of a topic once more, judge its events under the
stream's present contract, and take them as the stream takes all events: the good ones go
to the sink, the bad ones to the quarantine. It is a backfill: for a rule that let through
too much, or a sink that lost what it had. The stream's own offsets stay where they are.

What was delivered the first time is delivered again, with the same event id. To release
what is in the quarantine, use 'lazaret reprocess': it delivers nothing twice.

--since and --until look at the records' own timestamps; --offsets names partitions and
offsets, both ends included. Without an end it is the end that the topic has now, so that a
replay ends. With --dry-run it says what would become of the events and changes nothing.

Without --wait it prints the replay and returns; 'lazaret replay show ID' looks at it. With
--wait, an interrupt leaves it running. Exit code 1 if it failed or was cancelled, or if
the topic's retention deleted records of it first; quarantined events are not a failure.`,
		Example: "  lazaret replay --stream clickstream --from-topic clicks --since 2026-11-20T00:00:00Z --dry-run\n" +
			"  lazaret replay --stream clickstream --from-topic clicks --since 24h --until 2h --wait\n" +
			"  lazaret replay --stream clickstream --from-topic clicks --offsets 0:100-200,1:50-",
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&spec.Stream, "stream", "", "the stream that judges and takes the events")
	f.StringVar(&spec.Topic, "from-topic", "", "the topic to read")
	f.StringVar(&since, "since", "", "records of that time or later: RFC 3339, or an age such as 24h or 7d")
	f.StringVar(&until, "until", "", "records before that time: RFC 3339, or an age such as 1h")
	f.StringSliceVar(&offsets, "offsets", nil, "in place of times, PARTITION:FROM-TO, both included; without FROM or TO, from the first or to the last")
	f.BoolVar(&spec.DryRun, "dry-run", false, "say what would become of the events; change nothing")
	f.BoolVar(&wait, "wait", false, "wait for the replay to end, with progress")
	cmd.AddCommand(e.replayListCmd(), e.replayShowCmd(), e.replayActionCmd("cancel", "Stop a replay after the batches in hand"), e.replayActionCmd("resume", "Go on with a replay that was cancelled or failed"))
	e.prints(cmd, "table", "json")
	return e.remote(cmd, patient, func(ctx context.Context, c *client.Client, args []string) error {
		if err := readSpec(&spec, since, until, offsets, time.Now()); err != nil {
			return err
		}
		r, err := c.Replay(ctx, spec)
		if err != nil {
			return err
		}
		if spec.DryRun || wait {
			return e.followReplay(ctx, c, r.ID)
		}
		if err := e.printReplay(r); err != nil || e.output == "json" {
			return err
		}
		e.status("look at it with: lazaret replay show %s", r.ID)
		return nil
	})
}

// readSpec reads the values of the flags.
func readSpec(s *client.ReplaySpec, since, until string, offsets []string, now time.Time) (err error) {
	switch {
	case s.Stream == "":
		return usage("say which stream takes the events: --stream")
	case s.Topic == "":
		return usage("say which topic is to be read: --from-topic")
	case len(offsets) > 0 && since+until != "":
		return usage("give --offsets, or --since and --until, not both")
	case len(offsets) == 0 && since == "":
		return usage("say where to begin: --since TIME, or --offsets PARTITION:FROM-TO")
	}
	if s.Since, err = moment("--since", since, now); err != nil {
		return err
	}
	if s.Until, err = moment("--until", until, now); err != nil {
		return err
	}
	for _, text := range offsets {
		o, err := parseOffsets(strings.TrimSpace(text))
		if err != nil {
			return err
		}
		s.Offsets = append(s.Offsets, o)
	}
	return nil
}

// parseOffsets reads PARTITION:FROM-TO, of which FROM and TO may be left out.
func parseOffsets(text string) (o client.ReplayOffsets, err error) {
	bad := usage("--offsets %q: want PARTITION:FROM-TO such as 0:100-200, 1:50- or 2:-", text)
	partition, bounds, ok := strings.Cut(text, ":")
	from, to, ok2 := strings.Cut(bounds, "-")
	id, err := strconv.ParseUint(partition, 10, 31)
	if err != nil || !ok || !ok2 {
		return o, bad
	}
	o.Partition = int32(id)
	for _, side := range []struct {
		text string
		to   **int64
	}{{from, &o.From}, {to, &o.To}} {
		if side.text == "" {
			continue
		}
		n, err := strconv.ParseUint(side.text, 10, 63)
		if err != nil {
			return o, bad
		}
		at := int64(n)
		*side.to = &at
	}
	if o.From != nil && o.To != nil && *o.To < *o.From {
		return o, usage("--offsets %q: %d is before %d", text, *o.To, *o.From)
	}
	return o, nil
}

// followReplay waits for a replay and prints what came of it.
func (e *env) followReplay(ctx context.Context, c *client.Client, id string) error {
	p := e.progress("replaying", words.Count[int64])
	trouble := ""
	r, err := c.WaitReplay(ctx, id, 150*time.Millisecond, func(r client.Replay) {
		p.paced(r.Rate)
		p.update(r.Done, r.Total, replayNote(r))
		if r.Trouble != "" && r.Trouble != trouble {
			e.status("trying again: %s", clean(r.Trouble))
		}
		trouble = r.Trouble
	})
	if err != nil {
		p.clear()
		if ctx.Err() != nil {
			return fmt.Errorf("no longer waiting; replay %s goes on: lazaret replay show %s", id, id)
		}
		return err
	}
	p.finish(r.Done, r.Total, replayNote(r))
	return e.printReplay(r)
}

func replayNote(r client.Replay) string {
	if r.DryRun {
		return fmt.Sprintf("%s would be accepted, %s quarantined", words.Count(r.Accepted), words.Count(r.Quarantined))
	}
	return fmt.Sprintf("%s accepted, %s quarantined", words.Count(r.Accepted), words.Count(r.Quarantined))
}

// printReplay prints a replay; one that did not do all it was to do makes the exit code 1.
func (e *env) printReplay(r client.Replay) error {
	var failed error
	switch {
	case r.State == "failed":
		failed = fmt.Errorf("replay %s failed: %s\nResume it with: lazaret replay resume %s", r.ID, clean(r.Error), r.ID)
	case r.State == "cancelled", r.Ended() && r.Missing > 0:
		failed = &exit{code: exitFindings}
	}
	if e.output == "json" {
		if err := e.printJSON(r); err != nil {
			return err
		}
		return failed
	}
	would := ""
	state := r.State
	if r.DryRun {
		would = "would be "
		state += " (dry run: nothing was changed)"
	}
	t := pairs()
	t.add("replay", r.ID)
	t.add("stream", r.Stream)
	t.add("topic", r.Topic)
	t.add("state", state)
	t.add("offsets", fmt.Sprintf("%s of %s", words.Count(r.Done), words.Count(r.Total)))
	t.add("events", words.Count(r.Events))
	t.add(would+"accepted", words.Count(r.Accepted))
	t.add(would+"quarantined", words.Count(r.Quarantined))
	if r.Missing > 0 {
		t.add("missing", words.Count(r.Missing)+"  (the topic's retention deleted these offsets before they were read)")
	}
	if r.Trouble != "" {
		t.add("trouble", clean(r.Trouble))
	}
	e.print(t, "")
	if len(r.ByCode) > 0 {
		fmt.Fprintln(e.stdout)
		e.print(codeTable(would+"quarantined for", "events", r.ByCode), "")
	}
	return failed
}

func (e *env) replayListCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List replays, newest first", Args: cobra.NoArgs,
	}
	e.prints(cmd, "table", "json")
	return e.remote(cmd, impatient, func(ctx context.Context, c *client.Client, args []string) error {
		list, _, err := c.Replays(ctx, 100, "")
		if err != nil {
			return err
		}
		if e.output == "json" {
			if list == nil {
				list = []client.Replay{}
			}
			return e.printJSON(map[string]any{"replays": list})
		}
		if len(list) == 0 {
			e.status("no replays")
			return nil
		}
		now := time.Now()
		t := newTable(flex("replay", shortJob+1), col("stream"), col("topic"), col("state"), col("dry run").ifAny(), col("created").ifRoom(), num("accepted"), num("quarantined"))
		for _, r := range list {
			t.add(r.ID, r.Stream, r.Topic, r.State, map[bool]string{true: "yes", false: ""}[r.DryRun], ago(r.Created, now), words.Count(r.Accepted), words.Count(r.Quarantined))
		}
		e.print(t, "")
		return nil
	})
}

func (e *env) replayShowCmd() *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show a replay; the beginning of its id will do", Args: cobra.ExactArgs(1),
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait for the replay to end, with progress")
	e.prints(cmd, "table", "json")
	return e.remote(cmd, impatient, func(ctx context.Context, c *client.Client, args []string) error {
		id, err := findReplay(ctx, c, args[0])
		if err != nil {
			return err
		}
		if wait {
			return e.followReplay(ctx, c, id)
		}
		r, err := c.GetReplay(ctx, id)
		if err != nil {
			return err
		}
		return e.printReplay(r)
	})
}

func (e *env) replayActionCmd(action, text string) *cobra.Command {
	cmd := &cobra.Command{
		Use: action + " ID", Short: text, Args: cobra.ExactArgs(1),
	}
	e.prints(cmd, "table", "json")
	return e.remote(cmd, impatient, func(ctx context.Context, c *client.Client, args []string) error {
		id, err := findReplay(ctx, c, args[0])
		if err != nil {
			return err
		}
		r, err := c.ReplayAction(ctx, id, action)
		if err != nil {
			return err
		}
		if e.output == "json" {
			return e.printJSON(r)
		}
		e.status("replay %s: %s", r.ID, r.State)
		return nil
	})
}

// findReplay is the id of the one replay whose id begins so.
func findReplay(ctx context.Context, c *client.Client, id string) (string, error) {
	id = beginning(id)
	if !isBeginning(id) {
		return id, nil
	}
	return find("replay", id, func(cursor string) ([]string, string, error) {
		page, next, err := c.Replays(ctx, 1000, cursor)
		var ids []string
		for _, r := range page {
			ids = append(ids, r.ID)
		}
		return ids, next, err
	})
}
