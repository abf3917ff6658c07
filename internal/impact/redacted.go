package impact

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/gateway/recent"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/cloudevents"
	"github.com/lazaret/lazaret/schemas"
)

// looker judges the events of a sample as things are, and as they would be.
type looker struct {
	p        *catalog.Proposed
	redactor *recent.Redactor // nil: they are as they came
}

// looked is what came of an event: whether it passes now and then, or that nobody can tell
// because it depends on what is redacted.
type looked struct {
	now, then schemas.Answer
	verdict   lazaret.Verdict  // of now
	reasons   []lazaret.Reason // of then, where it is refused
}

func (l looker) look(ctx context.Context, e recent.Event) (looked, error) {
	now, err := l.p.Active.Judge.Judge(ctx, e.Event)
	if err != nil {
		return looked{}, err
	}
	then, err := l.p.Judge.Judge(ctx, e.Event)
	if err != nil {
		return looked{}, err
	}
	r := looked{answer(now), answer(then), now, then.Reasons}
	if l.redactor == nil {
		return r, nil
	}
	if r.now, r.then, err = l.sure(ctx, e, now, then); r.then == schemas.Incompatible {
		r.reasons = l.shown(then.Reasons)
	}
	return r, err
}

func answer(v lazaret.Verdict) schemas.Answer {
	if v.Status == lazaret.Accepted {
		return schemas.Compatible
	}
	return schemas.Incompatible
}

// sure is what is sure of a redacted event, which the verdicts are about.
//
// That it was accepted is known, and by what. Where that is what judges today, it passes
// today, its rules are in order whatever the schema. What the version that accepted it asks of
// its values is so in any case. Of all else only that counts which no value could change.
func (l looker) sure(ctx context.Context, e recent.Event, now, then lazaret.Verdict) (before, after schemas.Answer, err error) {
	veiled, err := schemas.Veil(payloadOf(e.Event), l.redactor.Hides)
	if err != nil {
		return "", "", err
	}
	s := &l.p.Active.Stream
	same := e.Judged.Subject == s.Schema.Subject && e.Judged.RuleSet == s.RuleSet &&
		(e.Judged.Stream == s.Version || e.Judged.Schema == s.SchemaVersion && len(s.Schema.NamedBy) == 0 && !l.p.Rules.Sees(func(string) bool { return false }))
	switch {
	case same && e.Judged.Schema != s.SchemaVersion:
		return schemas.Compatible, schemas.Compatible, nil // it names a version of its own
	case l.namesHidden(s):
		return schemas.Undecided, schemas.Undecided, nil
	case !same && now.Version.Schema != s.SchemaVersion:
		return schemas.Undecided, schemas.Undecided, nil
	case then.Version.Schema != l.p.Number:
		if unknown(then) { // it names the version that there is, which would be accepted no more
			after = schemas.Incompatible
		} else {
			after = schemas.Undecided
		}
	}
	before = schemas.Compatible
	if same {
		veiled.Passed(l.p.Base)
	} else {
		by, err := l.p.Stored(ctx, e.Judged.Subject, e.Judged.Schema, e.Received)
		if err != nil {
			return "", "", err
		}
		if by != nil {
			veiled.Passed(by)
		}
		if before = veiled.Judge(l.p.Base); before == schemas.Compatible && !l.ruled(e.Judged) {
			before = l.rules(now)
		}
	}
	if after == "" {
		after = veiled.Judge(l.p.Schema)
	}
	if !same && after == schemas.Compatible && !l.ruled(e.Judged) {
		after = l.rules(then)
	}
	return before, after, nil
}

// ruled says whether the event was accepted by the very rules that there are, and these see
// nothing but its payload.
func (l looker) ruled(by lazaret.Version) bool {
	return by.RuleSet == l.p.Active.Stream.RuleSet && !l.p.Rules.Sees(func(string) bool { return false })
}

// example is an event of the sample as it is named: a name that is redacted is none.
func (l looker) example(e recent.Event, got looked) Example {
	x := Example{EventID: got.verdict.ID, Key: got.verdict.Key, Received: e.Received, event: func() []byte { return e.Data }}
	s := &l.p.Active.Stream
	if l.redactor != nil {
		if s.ID != "" && l.redactor.Touches(s.ID) {
			x.EventID = ""
		}
		if s.Key != "" && l.redactor.Touches(s.Key) {
			x.Key = ""
		}
	}
	if x.Key == "" && utf8.Valid(e.Key) {
		x.Key = string(e.Key)
	}
	if e.Source.Kind == "kafka" || e.Source.Kind == "file" {
		x.Source = e.Source.String()
	}
	return x
}

// rules is what the stream's rules say of an event whose schema is in order.
func (l looker) rules(v lazaret.Verdict) schemas.Answer {
	byRule := func(r lazaret.Reason) bool { return r.Rule != "" }
	switch {
	case l.p.Rules == nil:
		return schemas.Compatible
	case l.p.Rules.Sees(l.redactor.Touches), !slices.ContainsFunc(v.Reasons, byRule) && len(v.Reasons) > 0:
		return schemas.Undecided // or a placeholder kept the rules from running
	}
	return answer(v)
}

// namesHidden says whether the name of a version could have been taken out of an event.
func (l looker) namesHidden(s *gateway.Stream) bool {
	return slices.ContainsFunc(s.Schema.NamedBy, func(by gateway.NamedBy) bool {
		return by.Header != "" || by.Field != "" && l.redactor.Touches(by.Field)
	})
}

func unknown(v lazaret.Verdict) bool {
	return slices.ContainsFunc(v.Reasons, func(r lazaret.Reason) bool { return r.Code == lazaret.CodeSchemaUnknown })
}

// payloadOf is what a schema judges of an event.
func payloadOf(e *lazaret.Event) []byte {
	if _, payload, framed := lazaret.CutFrame(e.Data); framed {
		bare := *e
		bare.Data, e = payload, &bare
	}
	if ce, _ := cloudevents.Parse(e); ce != nil {
		return ce.Payload
	}
	return e.Data
}

// ofValue are the keywords whose verdict depends on more of a value than its type.
var ofValue = []string{
	"enum", "const", "format", "pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
	"multipleOf", "uniqueItems", "contains", "minContains", "maxContains", "oneOf", "anyOf", "not",
}

// shown are the reasons of a refused event without those that a placeholder may have made.
func (l looker) shown(reasons []lazaret.Reason) []lazaret.Reason {
	list := slices.DeleteFunc(slices.Clone(reasons), func(r lazaret.Reason) bool {
		keyword, ok := strings.CutPrefix(string(r.Code), "schema.")
		return ok && slices.Contains(ofValue, keyword) && l.redactor.Touches(r.Path) || r.Rule != "" && l.p.Rules.Sees(l.redactor.Touches)
	})
	if len(list) == 0 {
		return reasons
	}
	return list
}
