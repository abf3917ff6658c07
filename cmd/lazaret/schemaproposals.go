package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/words"
)

func (e *env) schemaProposalsCmd() *cobra.Command {
	return group("proposals", "Look at proposed schema versions, accept or reject them",
		e.proposalsListCmd(), e.proposalsShowCmd(),
		e.decideCmd("accept", "Register a proposed version and release what it lets pass",
			`Accept registers the proposed version, compared with the earlier ones as any other, and
starts the reprocess job that releases the entries that pass since. Accepting it once more
does nothing twice. With --wait it waits for the job. Exit code 1 if it was refused, or the job
failed.`),
		e.decideCmd("reject", "End a draft; the same edits are not proposed again", ""),
		e.decideCmd("rollback", "Take an accepted proposal back",
			`Rollback makes the version before the proposed one the latest again, under a new number.
What was released stays released.`))
}

// proposalStates are the states that --state knows.
var proposalStates = []string{"draft", "accepting", "accepted", "rejected", "superseded", "rolling_back", "rolled_back"}

func (e *env) proposalsListCmd() *cobra.Command {
	var stream, state string
	cmd := &cobra.Command{
		Use: "list", Short: "List proposals, newest first, in a table drafts before the others", Args: cobra.NoArgs,
		Example: "  lazaret schema proposals list --state draft",
	}
	cmd.Flags().StringVar(&stream, "stream", "", "of this stream alone")
	cmd.Flags().StringVar(&state, "state", "", "in this state alone: "+strings.Join(proposalStates, ", "))
	e.prints(cmd, "table", "json", "ndjson")
	return e.remote(cmd, impatient, func(ctx context.Context, c *client.Client, _ []string) error {
		if state != "" && !slices.Contains(proposalStates, state) {
			return usage("--state %s: want one of %s", state, strings.Join(proposalStates, ", "))
		}
		all := []client.Proposal{}
		notes := []client.ProposalNote{}
		for cursor := ""; ; {
			page, said, next, err := c.Proposals(ctx, stream, state, cursor)
			if err != nil {
				return err
			}
			if all = append(all, page...); cursor == "" { // each page has them all
				notes = append(notes, said...)
			}
			if cursor = next; next == "" {
				break
			}
		}
		if len(all) == 0 && stream != "" {
			if err := hasStream(ctx, c, stream); err != nil {
				return err
			}
		}
		switch e.output {
		case "json":
			return e.printJSON(map[string]any{"proposals": all, "notes": notes})
		case "ndjson":
			return printLines(e.stdout, all)
		}
		e.printProposals(all, notes)
		return nil
	})
}

// hasStream refuses a stream that there is not.
func hasStream(ctx context.Context, c *client.Client, stream string) error {
	_, _, err := c.Get(ctx, "streams", stream, nil)
	if isNotFound(err) {
		return usage("--stream %s: there is no such stream%s", stream, nearest(stream, names(ctx, c, "streams")))
	}
	return err
}

// printProposals lists them, those that wait for a decision first.
func (e *env) printProposals(all []client.Proposal, notes []client.ProposalNote) {
	if len(all) == 0 {
		e.status("no proposals")
	} else {
		now := time.Now()
		t := newTable(flex("proposal", shortJob+1), same("stream"), col("state"), col("updated").ifRoom(), num("would release"), col("what").orBelow().whole())
		for _, p := range draftsFirst(all) {
			would := "-" // what was released is its job's to say
			if p.State == "draft" {
				would = words.Count(p.WouldRelease)
			}
			t.add(p.ID, p.Stream, p.State, ago(p.Updated, now), would, edits(p))
		}
		e.print(t, "")
	}
	for _, n := range notes {
		e.wrappedStatus("note: %s %s: %s", n.Stream, clean(orRoot(n.Path)), clean(n.Message))
	}
}

// draftsFirst is the proposals with those that wait for a decision before the others.
func draftsFirst(all []client.Proposal) []client.Proposal {
	sorted := slices.Clone(all)
	done := func(p client.Proposal) int {
		if p.State == "draft" {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(sorted, func(a, b client.Proposal) int { return done(a) - done(b) })
	return sorted
}

// edits says what a proposal changes, and what keeps the stream from accepting it by itself.
func edits(p client.Proposal) string {
	var texts []string
	for _, edit := range p.Edits {
		texts = append(texts, strings.ReplaceAll(edit.Text, "`", ""))
	}
	if len(p.Held) > 0 {
		texts = append(texts, "held back: "+strings.Join(p.Held, ", "))
	}
	return strings.Join(texts, "; ")
}

func (e *env) proposalsShowCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show a proposal and what it changes in the schema; the beginning of its id will do",
		Long: `Show prints what a proposal would change, on what evidence, and the lines of the schema.

  -o table    for people (default)
  -o json     all of it, with "document" and "diff"
  -o schema   the proposed schema alone`,
		Args: cobra.ExactArgs(1),
	}
	e.prints(cmd, "table", "json", "schema")
	return e.remote(cmd, impatient, func(ctx context.Context, c *client.Client, args []string) error {
		id, err := findProposal(ctx, c, args[0])
		if err != nil {
			return err
		}
		p, err := c.Proposal(ctx, id)
		if err != nil {
			return err
		}
		if e.output == "schema" {
			return e.printJSON(p.Document)
		}
		return e.printProposal(p, released(ctx, c, p))
	})
}

// released is how many entries the job of a proposal has released; "" if there is none, or if
// it cannot be told.
func released(ctx context.Context, c *client.Client, p client.Proposal) string {
	if p.Job == "" {
		return ""
	}
	job, err := c.Job(ctx, p.Job)
	if err != nil {
		return ""
	}
	return words.Counted(job.Released, "entry", "entries")
}

// printProposal shows a proposal, and how many entries it released where that is known.
func (e *env) printProposal(p client.Proposal, released string) error {
	if e.output == "json" {
		return e.printJSON(p)
	}
	now := time.Now()
	t := pairs()
	t.add("proposal", p.ID)
	t.add("state", p.State)
	t.add("stream", p.Stream)
	t.add("schema", fmt.Sprintf("%s, from version %d", p.Subject, p.Base))
	for _, edit := range p.Edits {
		name := "change"
		if edit.Kind == "field" {
			name = "add"
		}
		if name = "would " + name; p.Version > 0 {
			name = map[string]string{"would change": "changed", "would add": "added"}[name]
		}
		t.add(name, strings.ReplaceAll(edit.Text, "`", "")+"  ("+strings.ReplaceAll(edit.Kind, "_", " ")+")")
		if len(edit.Also) > 0 {
			t.add("also at", strings.Join(edit.Also, ", "))
		}
		if len(edit.Elsewhere) > 0 {
			t.add("applies at", strings.Join(edit.Elsewhere, ", ")+", where no event asked for it")
		}
		if edit.Wide != "" {
			t.add("for people", edit.Path+": "+edit.Wide)
		}
	}
	entries := words.Counted(p.Entries, "entry", "entries")
	if p.AtLeast {
		entries = "at least " + entries
	}
	producers := len(p.Producers) + p.MoreProducers
	t.add("seen in", fmt.Sprintf("%s of %s, %s", entries, words.Counted(producers, "producer", "producers"), between(p.FirstSeen, p.LastSeen, now)))
	tried := fmt.Sprintf("%s of %s that were tried", words.Count(p.WouldRelease), words.Count(p.LookedAt))
	if p.ReleasedProducers > 0 && p.ReleasedProducers != producers {
		tried += ", of " + words.Counted(p.ReleasedProducers, "producer", "producers")
	}
	switch {
	case released != "":
		t.add("released", released)
	case p.Version > 0:
		t.add("passed", tried+" before")
	default:
		t.add("would release", tried)
	}
	t.add("BACKWARD", map[bool]string{true: "compatible, proved", false: "not proved to be compatible"}[p.Compatibility == "compatible"])
	for _, d := range p.Doubts {
		t.add("in doubt", d)
	}
	for _, why := range p.Held {
		t.add("held back", why)
	}
	decided := map[string]string{"rejected": "rejected by", "rolled_back": "taken back by", "rolling_back": "taken back by", "accepted": "accepted by"}[p.State]
	if p.AcceptedBy != "" && decided != "accepted by" {
		t.add("accepted by", who(p.AcceptedBy, p.AcceptedAt, p.AcceptedWhy, now))
	}
	if p.Who != "" {
		t.add(cmp.Or(decided, "decided by"), who(p.Who, p.Decided, p.Why, now))
	}
	if p.Version > 0 {
		t.add("made version", strconv.Itoa(p.Version))
	}
	if p.Job != "" {
		t.add("released by job", p.Job)
	}
	if p.RollbackVersion > 0 {
		t.add("taken back with", fmt.Sprintf("version %d", p.RollbackVersion))
	}
	if p.Notice != "" {
		t.add("note", p.Notice)
	}
	e.printPairs(t)
	if p.Diff != "" {
		fmt.Fprintln(e.stdout)
		e.printDiff(p.Diff)
	}
	return nil
}

// who says who decided, when, and why if that was said.
func who(name string, at time.Time, why string, now time.Time) string {
	return strings.TrimSuffix(fmt.Sprintf("%s, %s: %s", name, ago(at, now), why), ": ")
}

// between says from when to when, once where that is the same.
func between(first, last, now time.Time) string {
	from, to := ago(first, now), ago(last, now)
	if from == to {
		return to
	}
	return from + " to " + to
}

// printDiff prints a unified diff in colours.
func (e *env) printDiff(text string) {
	s := e.style(e.stdout)
	for line := range strings.Lines(text) {
		line = cleanIndented(strings.TrimRight(line, "\n"))
		switch {
		case strings.HasPrefix(line, "+"):
			line = s.good(line)
		case strings.HasPrefix(line, "-"):
			line = s.bad(line)
		case strings.HasPrefix(line, "@"):
			line = s.accent(line)
		}
		fmt.Fprintln(e.stdout, line)
	}
}

func (e *env) decideCmd(action, short, long string) *cobra.Command {
	var why string
	var force, wait bool
	cmd := &cobra.Command{Use: action + " ID", Short: short, Long: long, Args: cobra.ExactArgs(1)}
	cmd.Flags().StringVar(&why, "why", "", "why, for the record")
	if action == "accept" {
		cmd.Flags().BoolVar(&force, "force", false, "accept it also if it is not proved to be compatible")
		cmd.Flags().BoolVar(&wait, "wait", false, "wait for the job that releases, with progress")
	}
	e.prints(cmd, "table", "json")
	return e.remote(cmd, impatient, func(ctx context.Context, c *client.Client, args []string) error {
		id, err := findProposal(ctx, c, args[0])
		if err != nil {
			return err
		}
		p, err := c.Decide(ctx, id, action, why, force)
		if err != nil {
			return unlessRefused(err)
		}
		count := ""
		if action == "rollback" {
			count = released(ctx, c, p)
		}
		if err := e.printProposal(p, count); err != nil {
			return err
		}
		switch {
		case wait && p.Job != "" && e.output != "json":
			fmt.Fprintln(e.stdout)
			return e.follow(ctx, c, p.Job)
		case p.Job != "" && action == "accept" && e.output != "json":
			e.status("look at what it releases with: lazaret reprocess show %s", p.Job)
		}
		return nil
	})
}

// findProposal is the id of the one proposal whose id begins so.
func findProposal(ctx context.Context, c *client.Client, id string) (string, error) {
	id = beginning(id)
	if !isBeginning(id) {
		return id, nil
	}
	return find("proposal", id, func(cursor string) ([]string, string, error) {
		page, _, next, err := c.Proposals(ctx, "", "", cursor)
		var ids []string
		for _, p := range page {
			ids = append(ids, p.ID)
		}
		return ids, next, err
	})
}
