// Package replay runs a topic's past through a stream again: a backfill, when a rule or a
// schema let through what it should not have, or when what the sink had was lost.
//
// A [Job] has a fixed plan: for each partition a range of offsets, whose end is known when
// the job is made, so that the job ends. [Jobs] makes, runs and keeps jobs; the adapter of
// the topics, [Topics], makes the plan and reads.
//
// # Where a job is
//
// A [Part] is the account of one partition: where it goes on, and what became of the events
// before. It is stored after each batch is durable, whole, so that storing it twice counts
// nothing twice. A job that is interrupted goes on at its parts. Between a batch and its
// part the process may die: then the batch is delivered again, unless the topics keep the
// part in the same transaction as the batch, as Kafka does for streams that are
// exactly_once.
package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lazaret/lazaret"
)

// What the package's errors are, for errors.Is.
var (
	// ErrNotFound: there is no such job.
	ErrNotFound = errors.New("not found")
	// ErrState: the job is not in a state in which that can be done with it.
	ErrState = errors.New("the replay's state does not allow this")
	// ErrBusy: the stream has a replay that has not ended.
	ErrBusy = errors.New("one replay of a stream at a time")
	// ErrStopped: replays are not run now, before Start and after Stop.
	ErrStopped = errors.New("replays are not run now: the server is starting or stopping")
	// ErrUnavailable: the topics could not be asked.
	ErrUnavailable = errors.New("no broker of Kafka answers")
	// ErrFinal marks what fails a job: trying again would not help.
	ErrFinal = errors.New("the replay cannot go on")
)

// InputError is something that is wrong with what was asked for.
type InputError struct {
	Field   string // of Spec's JSON
	Message string
}

func (e *InputError) Error() string { return e.Field + ": " + e.Message }

func wrong(field, format string, args ...any) error {
	return &InputError{Field: field, Message: fmt.Sprintf(format, args...)}
}

// Spec is what is asked for. Either Since, and perhaps Until, or Offsets is set.
type Spec struct {
	Stream string `json:"stream" yaml:"stream"`
	Topic  string `json:"from_topic" yaml:"from_topic"`
	// Since begins each partition at its first record of that time or later, and Until ends
	// it before the first one of that time or later.
	Since   time.Time `json:"since,omitzero" yaml:"since"`
	Until   time.Time `json:"until,omitzero" yaml:"until"`
	Offsets []Offsets `json:"offsets,omitempty" yaml:"offsets"`
	// DryRun judges the events and does nothing else.
	DryRun bool `json:"dry_run" yaml:"dry_run"`
}

// Offsets are those of one partition, From and To included.
type Offsets struct {
	Partition int32  `json:"partition" yaml:"partition"`
	From      *int64 `json:"from,omitempty" yaml:"from"` // nil: the first that there is
	To        *int64 `json:"to,omitempty" yaml:"to"`     // nil: the last that there is
}

// MaxOffsets is how many partitions a Spec may name.
const MaxOffsets = 10_000

// validate says what is wrong with a spec by itself.
func (s *Spec) validate(now time.Time) error {
	switch {
	case s.Stream == "":
		return wrong("stream", "say which stream is to judge the events")
	case s.Topic == "":
		return wrong("from_topic", "say which topic is to be read")
	case len(s.Offsets) > 0 && !(s.Since.IsZero() && s.Until.IsZero()):
		return wrong("offsets", "say offsets or a time, not both")
	case len(s.Offsets) == 0 && s.Since.IsZero():
		return wrong("since", "say where to begin: since a time, or at offsets")
	case s.Since.After(now):
		return wrong("since", "%s is in the future", s.Since.Format(time.RFC3339))
	case !s.Until.IsZero() && !s.Until.After(s.Since):
		return wrong("until", "%s is not after %s", s.Until.Format(time.RFC3339), s.Since.Format(time.RFC3339))
	case len(s.Offsets) > MaxOffsets:
		return wrong("offsets", "%d partitions are more than %d", len(s.Offsets), MaxOffsets)
	}
	seen := map[int32]bool{}
	for _, o := range s.Offsets {
		switch {
		case o.Partition < 0:
			return wrong("offsets", "there is no partition %d", o.Partition)
		case seen[o.Partition]:
			return wrong("offsets", "partition %d is there twice", o.Partition)
		case o.From != nil && *o.From < 0 || o.To != nil && *o.To < 0:
			return wrong("offsets", "offsets of partition %d begin at 0", o.Partition)
		case o.From != nil && o.To != nil && *o.To < *o.From:
			return wrong("offsets", "of partition %d, %d is before %d", o.Partition, *o.To, *o.From)
		}
		seen[o.Partition] = true
	}
	return nil
}

// Account is what became of events.
type Account struct {
	Events      int64 `json:"events"`
	Accepted    int64 `json:"accepted"`
	Quarantined int64 `json:"quarantined"`
	// Missing is how many offsets of the plan were not there any more when their turn came:
	// the topic's retention was faster.
	Missing int64 `json:"missing,omitempty"`
	// ByCode is how many of the quarantined events have a reason with the code.
	ByCode map[lazaret.Code]int64 `json:"by_code,omitempty"`
}

// Part is a range of one partition's offsets, and how far it is.
type Part struct {
	Partition int32 `json:"partition"`
	From      int64 `json:"from"`
	End       int64 `json:"end"`  // the first offset after the range
	Next      int64 `json:"next"` // where it goes on; all before is durable
	Account
}

// Task is a Part to be read to its end.
type Task struct {
	Job, Stream, Topic string
	DryRun             bool
	Part               Part
	// Save stores how far the part is. After an error it is to be called again with the
	// same part, and nothing else is to be done.
	Save func(Part) error
	// Trouble is told why it does not go on, when it is going to try again; nil when it does.
	Trouble func(error)
}

// Topics reads the past of topics.
type Topics interface {
	// Plan says which offsets a spec means. It returns *InputError, or ErrUnavailable.
	Plan(ctx context.Context, s Spec) ([]Part, error)
	// Read reads a task to its end. When soft ends, it finishes what it has in hand, unless
	// hard ends, and returns the cause. An error of ErrFinal fails the job; whatever else goes wrong is
	// tried again.
	Read(soft, hard context.Context, t Task) error
}
