package lazaret

import "time"

// Status is what became of an event.
type Status string

const (
	// Accepted: the event is good and goes to the sink.
	Accepted Status = "accepted"
	// Quarantined: the event is bad and is kept, with the reasons.
	Quarantined Status = "quarantined"
	// Rejected: the event is bad, the sender asked not to have it kept, and it was answered only.
	Rejected Status = "rejected"
)

// MaxReasons is how many reasons a verdict lists at most; Verdict.More counts the rest.
const MaxReasons = 20

// Verdict is the outcome of checking one event under one version of a stream.
//
// A Verdict is about the event. When Lazaret itself fails, there is an error and
// no verdict.
type Verdict struct {
	Status Status
	// Reasons says why the event is bad: sorted by Reason.Compare, without
	// repetition, at most MaxReasons. It is empty exactly when Status is Accepted.
	Reasons []Reason
	// More is how many reasons there are beyond those listed.
	More int
	// Warnings are the failures of rules whose severity is warn; they never change Status.
	Warnings []Reason
	// ID, Key and Time are what the stream's pointers found in the event, or the
	// CloudEvents attributes id, partitionkey and time; empty where there is nothing.
	ID   string
	Key  string
	Time time.Time
	// Version says what judged the event.
	Version Version
}

// Version names the immutable contract that gave a verdict. Schema is the version that the
// event was judged by, which the event may have named; it is 0 if the event named one that
// it must not.
type Version struct {
	Stream  int    `json:"stream"`            // version of the stream, from 1
	Subject string `json:"subject,omitempty"` // the schema's subject; "" if the stream has no schema
	Schema  int    `json:"schema,omitempty"`  // version of the schema within its subject, from 1
	// SchemaID is the registry's global id of that version; 0 if it has none.
	SchemaID int64 `json:"schema_id,omitempty"`
	RuleSet  int   `json:"ruleset,omitempty"` // number of the rule set, from 1; 0 if the stream has no rules
}
