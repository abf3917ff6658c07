// Package rules judges events. It keeps rules (expressions that are true for a good
// event), compiles them under limits that no rule can break out of, stores them as
// numbered, immutable rule sets, and joins a rule set and a schema into a Contract:
// the one judge, for the gateway, for files and for reprocessing alike.
//
// # Expressions
//
// The language is that of expr-lang.org, over two names: event, the decoded payload,
// and meta, what is known of the event: id, key, time (nil if there is none), received,
// stream, content_type, source ("http", "kafka" or "file"), headers and ce, the
// CloudEvents attributes; a header or attribute that is not there is "".
// A rule passes only if its expression gives true. Anything but true or false, and
// whatever goes wrong (a missing field in a comparison, a division by zero, a number
// out of range), is rule.error, never a pass. A rule with a "when" applies only to
// events for which that is true; a "when" that goes wrong is rule.error too.
//
// Numbers that are whole and fit 64 bits are integers, 3.0 as well as 3, and every
// other number is a 64-bit float, so that 0.1 + 0.2 is not 0.3. Compare money in whole cents.
// Integer arithmetic that overflows, and any result that is infinite or not a number, is rule.error.
//
// The functions are those of the language except now, because a verdict must not
// depend on when it is given (use meta.received), and toJSON. date(text), date(text,
// layout) and date(text, layout, zone) read times in UTC unless the text or the zone
// says otherwise; a zone is an IANA name, never "Local": a day begins where the rule says.
// An hour that a clock change skips shifts, as in Go's package time. keys, values and
// toPairs give their results in a fixed order, int, float and string refuse what they
// cannot keep, and fromJSON reads numbers as the event's are read.
//
// # Limits
//
// An expression has at most MaxSource bytes and MaxNesting levels, both counted before
// it is parsed. Predicates (all, any, filter, …) nest at most MaxPredicates deep,
// ranges have bounds that are written out and at most MaxRange apart, and patterns are
// literals of bounded size (RE2, so without look-ahead). An evaluation may take
// MaxSteps steps, which are counted, not timed, and therefore the same everywhere: about
// ten a turn of a predicate, one each eight bytes of text that a function reads.
// What exceeds them is rule.error.
//
// # One verdict
//
// All this makes a verdict a function of the event and the versions alone, with one
// exception, kept as a last defence: a rule whose evaluation takes longer than the
// contract's budget three times in a row on the same event is suspended, and gives
// rule.error from then on, until the contract is built again. So a suspension can only
// quarantine, never pass.
package rules

import (
	"fmt"
	"regexp"
	"unicode/utf8"

	"github.com/lazaret/lazaret/internal/yamlread"
)

// Limits on rules.
const (
	MaxRules      = 500       // rules in a set
	MaxMessage    = 500       // characters of a message
	MaxText       = 4_000     // characters of an owner and of a doc
	MaxSource     = 16 << 10  // bytes of an expression
	MaxNesting    = 200       // levels of an expression
	MaxNodes      = 10_000    // parts of an expression
	MaxPredicates = 2         // predicates within each other
	MaxRange      = 10_000    // from the first number of a range to the last
	MaxString     = 1 << 20   // bytes of a text that an expression makes
	MaxSteps      = 2_000_000 // steps of one evaluation
)

// Severity says what a failed rule means.
type Severity string

const (
	// Reject quarantines the event; it is the default.
	Reject Severity = "reject"
	// Warn adds a warning to the verdict and changes nothing else.
	Warn Severity = "warn"
)

// Rule is one rule as people write it.
type Rule struct {
	ID       string   `json:"id" yaml:"id"`                       // [a-z0-9][a-z0-9._-]{0,62}, unique in its set
	Expr     string   `json:"expr" yaml:"expr"`                   // true for a good event
	When     string   `json:"when,omitempty" yaml:"when"`         // applies only where this is true; "" is always
	Severity Severity `json:"severity,omitempty" yaml:"severity"` // Reject or Warn; "" is Reject
	Message  string   `json:"message,omitempty" yaml:"message"`   // what a reason says; default "rule <id> failed"
	Owner    string   `json:"owner,omitempty" yaml:"owner"`       // whom to ask
	Doc      string   `json:"doc,omitempty" yaml:"doc"`           // why the rule is there
	file     string   // what Parse read it from
	exprAt   yamlread.Position
	whenAt   yamlread.Position
}

// Set is a stream's rules, in the order in which they are written.
type Set struct {
	Rules []Rule `json:"rules" yaml:"rules"`
}

var ruleID = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// fault is what is wrong with a set apart from its expressions: at field of rule i, or
// of the set as a whole if i is negative.
type fault struct {
	i       int
	field   string
	message string
}

func (s Set) check() *fault {
	if len(s.Rules) > MaxRules {
		return &fault{-1, "rules", fmt.Sprintf("%d rules, and a set may have %d", len(s.Rules), MaxRules)}
	}
	first := make(map[string]int, len(s.Rules))
	for i, r := range s.Rules {
		if !ruleID.MatchString(r.ID) {
			return &fault{i, "id", "an id has 1 to 63 characters out of a-z 0-9 . _ - and begins with a letter or digit"}
		}
		if _, dup := first[r.ID]; dup {
			return &fault{i, "id", fmt.Sprintf("the id %q is used twice", r.ID)}
		}
		first[r.ID] = i
		if f := r.check(); f != nil {
			f.i = i
			return f
		}
	}
	return nil
}

func (r Rule) check() *fault {
	if r.Expr == "" {
		return &fault{field: "expr", message: "an expression is needed: what is true for a good event"}
	}
	if r.Severity != "" && r.Severity != Reject && r.Severity != Warn {
		return &fault{field: "severity", message: `severity is "reject" or "warn"`}
	}
	for _, f := range []struct {
		name, text string
		limit      int
	}{{"message", r.Message, MaxMessage}, {"owner", r.Owner, MaxText}, {"doc", r.Doc, MaxText}} {
		if !utf8.ValidString(f.text) || utf8.RuneCountInString(f.text) > f.limit {
			return &fault{field: f.name, message: fmt.Sprintf("the %s is longer than %d characters", f.name, f.limit)}
		}
	}
	return nil
}

// normal returns the set with its defaults written out, as it is stored and hashed.
func (s Set) normal() Set {
	out := Set{Rules: make([]Rule, len(s.Rules))}
	for i, r := range s.Rules {
		if r.Severity == "" {
			r.Severity = Reject
		}
		r.file, r.exprAt, r.whenAt = "", yamlread.Position{}, yamlread.Position{}
		out.Rules[i] = r
	}
	return out
}

func (r Rule) message() string {
	if r.Message != "" {
		return r.Message
	}
	return "rule " + r.ID + " failed"
}
