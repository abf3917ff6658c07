package evolution

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/words"
	"github.com/lazaret/lazaret/schemas"
)

var (
	// ErrNotFound: there is no proposal of this id.
	ErrNotFound = errors.New("no such proposal")
	// ErrState: the proposal's state does not allow this.
	ErrState = errors.New("the proposal's state does not allow this")
	// ErrConflict: the schema was changed by somebody else meanwhile.
	ErrConflict = errors.New("the schema has another version by now")
	// ErrUnproved: that the proposal is compatible is not proved, and it was not forced.
	ErrUnproved = errors.New("that it is compatible is not proved")
)

// State is where a proposal is in its life.
type State string

// The states. Accepting and RollingBack are on their way and are finished also after a crash;
// a draft whose base moves on is rebuilt, or superseded if nothing asks for it any more.
const (
	Draft       State = "draft"
	Accepting   State = "accepting"
	Accepted    State = "accepted"
	Rejected    State = "rejected"
	Superseded  State = "superseded"
	RollingBack State = "rolling_back"
	RolledBack  State = "rolled_back"
)

// States lists the states.
func States() []State {
	return []State{Draft, Accepting, Accepted, Rejected, Superseded, RollingBack, RolledBack}
}

// Edit is one change of the schema, in words and with its places. No value out of an event
// is in it but one that the schema is to list.
type Edit struct {
	Kind Kind `json:"kind"`
	// Path is the place in events, array indices as *.
	Path string `json:"path"`
	// Also are the other places where events asked for it, and Elsewhere those where it
	// applies and no event has: a part of a schema may serve many.
	Also      []string `json:"also,omitempty"`
	Elsewhere []string `json:"elsewhere,omitempty"`
	// Pointer is the keyword in the schema's document that refuses.
	Pointer string `json:"pointer"`
	Text    string `json:"text"`
	// Wide says why only people may accept it; "" if they need not.
	Wide string `json:"wide,omitempty"`
	// Key names the edit, whatever the version of the schema.
	Key string `json:"-"`
}

// Proposal is a new version of a schema that would let pass what is being refused.
type Proposal struct {
	ID      string `json:"id"`
	Stream  string `json:"stream"`
	Subject string `json:"subject"`
	// Base is the version that the document is made from.
	Base int `json:"base_version"`
	// StreamVersion is the version of the stream by whose rules it was judged.
	StreamVersion int    `json:"stream_version"`
	State         State  `json:"state"`
	Edits         []Edit `json:"edits"`
	// Summary is all of it in one line.
	Summary string `json:"summary"`
	// Entries is how many entries of the quarantine ask for these edits or some of them,
	// LookedAt how many of those were judged by the proposed version with the stream's rules,
	// and WouldRelease how many of these passed.
	Entries      int `json:"entries"`
	LookedAt     int `json:"looked_at"`
	WouldRelease int `json:"would_release"`
	// AtLeast says that there are more entries than were read.
	AtLeast   bool      `json:"at_least,omitempty"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	// Producers are where the entries came from, at most maxProducers: the source attribute
	// of CloudEvents, else the source's kind and name. More counts the others.
	Producers     []string `json:"producers"`
	MoreProducers int      `json:"more_producers,omitempty"`
	// ReleasedProducers is how many producers those of WouldRelease are of.
	ReleasedProducers int `json:"released_producers"`
	// Compatibility is what the proposed version is to its base, and Doubts why that is not
	// proved.
	Compatibility schemas.Answer `json:"compatibility"`
	Doubts        []string       `json:"doubts,omitempty"`
	// Held says of a draft, where the stream accepts by itself, why it has not: a line for
	// each limit that stands in the way.
	Held []string `json:"held,omitempty"`
	// Version is the version that accepting it made, and Job the reprocess job that released
	// what passes since.
	Version int    `json:"version,omitempty"`
	Job     string `json:"job,omitempty"`
	// RollbackVersion is the version that rolling it back made, and RolledBackFrom the one
	// that was the latest until then: Version, or a later one of the same document.
	RollbackVersion int `json:"rollback_version,omitempty"`
	RolledBackFrom  int `json:"rolled_back_from,omitempty"`
	// Notice is what a person should know of how things are now.
	Notice string `json:"notice,omitempty"`
	// Who, Why and Decided are about the last decision.
	Who     string    `json:"who,omitempty"`
	Why     string    `json:"why,omitempty"`
	Decided time.Time `json:"decided,omitzero"`
	// AcceptedBy, AcceptedWhy and AcceptedAt stay when it is rolled back.
	AcceptedBy  string    `json:"accepted_by,omitempty"`
	AcceptedWhy string    `json:"accepted_why,omitempty"`
	AcceptedAt  time.Time `json:"accepted_at,omitzero"`
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated"`
	// Document is the proposed schema and Diff what it changes; a list has neither.
	Document json.RawMessage `json:"document,omitempty"`
	Diff     string          `json:"diff,omitempty"`
}

// same says whether two edits are the same in all.
func (e Edit) same(o Edit) bool {
	return e.Kind == o.Kind && e.Path == o.Path && e.Pointer == o.Pointer && e.Text == o.Text && e.Wide == o.Wide && e.Key == o.Key &&
		slices.Equal(e.Also, o.Also) && slices.Equal(e.Elsewhere, o.Elsewhere)
}

// maxProducers is how many producers a proposal lists.
const maxProducers = 20

// keys are the keys of the edits, sorted.
func (p *Proposal) keys() []string {
	list := make([]string, len(p.Edits))
	for i, e := range p.Edits {
		list[i] = e.Key
	}
	slices.Sort(list)
	return list
}

// subset says whether all of a are in b; both are sorted.
func subset(a, b []string) bool {
	for _, one := range a {
		if _, found := slices.BinarySearch(b, one); !found {
			return false
		}
	}
	return true
}

// texts is the edits in words.
func (p *Proposal) texts() string {
	list := make([]string, len(p.Edits))
	for i, e := range p.Edits {
		list[i] = e.Text
	}
	return strings.Join(list, "; ")
}

// summarise writes the summary.
func (p *Proposal) summarise() {
	var b strings.Builder
	b.WriteString(p.texts())
	least := ""
	if p.AtLeast {
		least = "at least "
	}
	fmt.Fprintf(&b, ", seen in %s%s of %s since %s", least, words.Counted(p.Entries, "entry", "entries"),
		words.Counted(p.producers(), "producer", "producers"), p.FirstSeen.UTC().Format("2006-01-02 15:04"))
	if p.Compatibility == schemas.Compatible {
		b.WriteString("; BACKWARD compatible")
	} else {
		b.WriteString("; not proved to be BACKWARD compatible")
	}
	fmt.Fprintf(&b, "; would release %s", words.Count(p.WouldRelease))
	if p.LookedAt < p.Entries || p.WouldRelease < p.LookedAt {
		fmt.Fprintf(&b, " of %s", words.Count(p.LookedAt))
	}
	p.Summary = b.String()
}

// notice adds to what a person should know.
func (p *Proposal) notice(more ...string) {
	if p.Notice != "" {
		more = append([]string{p.Notice}, more...)
	}
	p.Notice = strings.Join(more, "; ")
}

// producers is how many there are.
func (p *Proposal) producers() int { return len(p.Producers) + p.MoreProducers }
