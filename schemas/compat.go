package schemas

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/lazaret/lazaret/schemas/contain"
)

// Level says what a subject's new version must be to the earlier ones.
type Level string

// The levels, with the names of the Confluent Schema Registry. The transitive ones look at
// every earlier version, the others at the latest alone.
const (
	LevelNone               Level = "NONE"
	LevelBackward           Level = "BACKWARD" // what the earlier version accepts, the new one accepts
	LevelBackwardTransitive Level = "BACKWARD_TRANSITIVE"
	LevelForward            Level = "FORWARD" // what the new version accepts, the earlier one accepts
	LevelForwardTransitive  Level = "FORWARD_TRANSITIVE"
	LevelFull               Level = "FULL" // both
	LevelFullTransitive     Level = "FULL_TRANSITIVE"
)

// Levels lists the levels.
func Levels() []Level {
	return []Level{LevelNone, LevelBackward, LevelBackwardTransitive, LevelForward, LevelForwardTransitive, LevelFull, LevelFullTransitive}
}

// ParseLevel reads a level's name, in capitals or not.
func ParseLevel(name string) (Level, error) {
	level := Level(strings.ToUpper(name))
	if !slices.Contains(Levels(), level) {
		return "", fmt.Errorf("%q is not a compatibility level; use one of %s", truncate(name, maxLiteral), strings.Trim(fmt.Sprint(Levels()), "[]"))
	}
	return level, nil
}

// Transitive says whether the level looks at every earlier version.
func (l Level) Transitive() bool { return strings.HasSuffix(string(l), "_TRANSITIVE") }

// Answer is whether a new schema is compatible.
type Answer string

// The answers. Compatible is proved; Incompatible has a witness; Undecided is neither.
const (
	Compatible   Answer = "compatible"
	Incompatible Answer = "incompatible"
	Undecided    Answer = "unknown"
)

// Direction is one half of a comparison.
type Direction string

// The directions: Backward asks whether what the earlier version accepts the new one
// accepts, Forward the reverse.
const (
	Backward Direction = "backward"
	Forward  Direction = "forward"
)

// Comparison is what a new schema is to earlier ones under a level. If one direction or
// version is incompatible the answer is that, even if another is in doubt.
type Comparison struct {
	Answer Answer  `json:"answer"`
	Breaks []Break `json:"breaks,omitempty"` // why it is incompatible
	// More says that there may be breaks that are not listed: at most 20 are, in one
	// direction and against one version, and looking for them takes a bounded time.
	More   bool    `json:"more,omitempty"`
	Doubts []Doubt `json:"doubts,omitempty"` // what could not be decided
}

// Break is one way in which a new schema is incompatible, with its proof.
type Break struct {
	Direction Direction `json:"direction"`
	// Earlier is the index of the earlier schema among those that were given to Compare.
	Earlier int `json:"-"`
	// Pointer is the JSON Pointer of the schema that refuses the witness, in the document
	// that refuses it: of the new one for Backward, of the earlier one for Forward.
	Pointer string `json:"pointer"`
	// Keyword is the one that refuses, such as "required".
	Keyword string `json:"keyword"`
	// Path is the JSON Pointer of the place in the witness that is refused.
	Path string `json:"path"`
	// Old and New are the keyword's values in the two documents; empty where it is absent.
	Old json.RawMessage `json:"old,omitempty"`
	New json.RawMessage `json:"new,omitempty"`
	// Witness is an event that the one schema accepts and the other refuses; the schema
	// library was asked about it with both.
	Witness json.RawMessage `json:"witness"`
	// Message is one line for people, without a full stop.
	Message string `json:"message"`
}

// Doubt is a construct for which containment could not be decided.
type Doubt struct {
	Direction Direction `json:"direction"`
	Earlier   int       `json:"-"`
	Pointer   string    `json:"pointer"`
	// Construct is the keyword, or what else stands in the way.
	Construct string `json:"construct"`
	Message   string `json:"message"`
}

// maxSteps is the work that one comparison may take with all earlier versions together.
const maxSteps = 2 * contain.DefaultSteps

// Compare says what a new schema is to earlier ones, the oldest first, under a level. A
// level that is not transitive looks at the last one alone. What it costs is bounded; what
// is beyond the bound is a doubt.
func Compare(level Level, newer *Schema, earlier ...*Schema) Comparison {
	c := Comparison{Answer: Compatible}
	if level == LevelNone || len(earlier) == 0 {
		return c
	}
	first := len(earlier) - 1
	if level.Transitive() {
		first = 0
	}
	steps := maxSteps
	for i := len(earlier) - 1; i >= first; i-- {
		for _, direction := range level.directions() {
			q := &question{accepts: earlier[i], refuses: newer, direction: direction, earlier: i, steps: steps}
			if direction == Forward {
				q.accepts, q.refuses = q.refuses, q.accepts
			}
			q.ask(&c)
			steps = q.steps
		}
	}
	switch {
	case len(c.Breaks) > 0:
		c.Answer = Incompatible
	case len(c.Doubts) > 0:
		c.Answer = Undecided
	}
	return c
}

func (l Level) directions() (list []Direction) {
	name := strings.TrimSuffix(string(l), "_TRANSITIVE")
	if name != string(LevelForward) {
		list = append(list, Backward)
	}
	if name != string(LevelBackward) {
		list = append(list, Forward)
	}
	return list
}
