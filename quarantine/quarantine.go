// Package quarantine keeps the events that failed their stream's contract, with the
// exact bytes and the reasons, until they are released or discarded; and it runs the
// reprocess jobs that judge them again.
//
// An entry is one event. Entries that fail alike (the same stream and the same codes,
// rules and normalised paths, and of schema.unknown the message) form a group; the
// groups' counts are kept in the same transactions as the entries, so they are always a
// recount. Entries are numbered in the order in which they were stored, and every list is
// paged by that number, so that pages neither repeat nor miss an entry while others are
// added.
//
// # Release
//
// A reprocess job releases what passes now to the stream's sink, once, wherever the
// process is killed:
//
//  1. One transaction claims the entries of a batch, under the batch's ID, with all that
//     goes on their records: the time of the release and the verdict. An entry has at most
//     one claim, so two jobs cannot both release it.
//  2. The sink writes the batch. It knows the batch by its ID and writes it once.
//  3. One transaction marks the entries released, closes the batch, records what still
//     fails in the same page of entries, and moves the job's cursor past that page.
//  4. The sink is told to forget the ID.
//
// A batch that was claimed and not closed is open: it is written again under the same ID,
// with identical records, before its job goes on, when the jobs are started, and before
// any other job runs. It goes to the sink of the stream version that judged it and to no
// other, wherever the stream was pointed since.
//
// A sink can refuse records for good because of what they hold. It then says which, and
// that all others of the batch are durable (lazaret.RefusedError); so nothing is in doubt,
// and one transaction divides the batch: the others are released, the batch is closed and
// its ID never written again, and the refused ones are claimed anew by two smaller batches
// under new IDs. What is refused alone has its claim ended, and stays quarantined with the
// reason sink.refused. An entry that a job has given its outcome it does not take up again.
//
// Any other failure leaves in doubt what landed, so the claim stays. If the sink says that
// it is final (lazaret.ErrRefused: the address or the credentials are wrong), the job fails
// at once, otherwise when Retry is over. To resume the job when that is mended is the way
// on. Where the sink is gone for good, Jobs.Abandon ends the claims, at the risk that what
// had landed is delivered again. Nothing else ends a claim; it shows in Entry.ClaimedBy.
package quarantine

import (
	"errors"
	"time"

	"github.com/lazaret/lazaret"
)

// ErrNotFound reports that there is no entry, group or job of this name.
var ErrNotFound = errors.New("not found in the quarantine")

// Status is what became of an entry.
type Status string

// The life of an entry: it is quarantined until it is released or discarded, and then
// stays as it is.
const (
	Quarantined Status = "quarantined"
	Released    Status = "released"
	Discarded   Status = "discarded"
)

// Entry is one event in the quarantine, without its payload. Its reasons, group, event
// id, key and time, and version are those of the last time that it was judged and failed.
type Entry struct {
	ID     string `json:"id"`
	Stream string `json:"stream"`
	Status Status `json:"status"`
	// Group is the fingerprint of the group that the entry is in.
	Group string `json:"group"`
	// Received is when the event arrived, in UTC, to the microsecond.
	Received    time.Time        `json:"received"`
	EventID     string           `json:"event_id,omitempty"`
	EventKey    string           `json:"event_key,omitempty"`
	EventTime   time.Time        `json:"event_time,omitzero"`
	ContentType string           `json:"content_type,omitempty"`
	Headers     []lazaret.Header `json:"headers,omitempty"`
	Source      lazaret.Source   `json:"source"`
	// RecordKey and RecordTime are those of the Kafka record that the event came in.
	RecordKey  []byte           `json:"record_key,omitempty"`
	RecordTime time.Time        `json:"record_time,omitzero"`
	Version    lazaret.Version  `json:"version"`
	Reasons    []lazaret.Reason `json:"reasons"`
	// More is how many reasons there are beyond those listed.
	More     int              `json:"more,omitempty"`
	Warnings []lazaret.Reason `json:"warnings,omitempty"`
	// Size is the length of the payload in bytes.
	Size int64 `json:"size"`
	// Attempts is how often apply jobs have judged the entry since it was stored.
	Attempts    int       `json:"attempts"`
	ReleasedAt  time.Time `json:"released_at,omitzero"`
	DiscardedAt time.Time `json:"discarded_at,omitzero"`
	// Job is the last apply job that judged the entry.
	Job string `json:"job,omitempty"`
	// ClaimedBy is the job that is releasing the entry now, or that began to and could not
	// finish. Until that is resumed or abandoned nothing else changes the entry.
	ClaimedBy string `json:"claimed_by,omitempty"`
}

// Group is a set of entries that fail alike.
type Group struct {
	// Group is the fingerprint: 32 hexadecimal digits.
	Group  string `json:"group"`
	Stream string `json:"stream"`
	// Count is how many entries of the group are quarantined now; Released and Discarded
	// count those that no longer are.
	Count     int64 `json:"count"`
	Released  int64 `json:"released"`
	Discarded int64 `json:"discarded"`
	// FirstSeen and LastSeen are when the first and the last event that ever was in this
	// group were received; they stay when an entry moves to another group.
	FirstSeen time.Time      `json:"first_seen"`
	LastSeen  time.Time      `json:"last_seen"`
	Codes     []lazaret.Code `json:"codes"`
	Rules     []string       `json:"rules"`
	// Paths are JSON Pointers in which each array index is "*".
	Paths []string `json:"paths"`
	// Message is the first reason's message of one of the entries.
	Message string `json:"message"`
	// Sample is the id of an entry of the group.
	Sample string `json:"sample"`
}

// Count is how many entries a stream has in a status.
type Count struct {
	Stream  string
	Status  Status
	Entries int64
}

// EntryPage is one page of entries, newest first.
type EntryPage struct {
	Entries []Entry `json:"entries"`
	Next    string  `json:"next"` // the cursor of the next page; "" if this is the last
}

// GroupPage is one page of groups, newest first.
type GroupPage struct {
	Groups []Group `json:"groups"`
	Next   string  `json:"next"`
}
