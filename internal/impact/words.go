package impact

import (
	"fmt"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/words"
)

// untried says why nothing can be said of what would be refused; "" if something can.
func (r Recent) untried() string {
	switch {
	case !r.Sampled:
		return "it keeps no sample of what it accepts (recent: {})"
	case r.Kept == 0:
		return "the sample is empty: it is in memory alone, begun " + r.Since.UTC().Format(time.RFC3339) +
			" when the server started or recent changed, and nothing was accepted since"
	case r.Passing > 0 || r.CannotSayRefused > 0:
		return ""
	case r.LookedAt == 0:
		return "time was up before any event was looked at"
	case r.CannotSay == r.LookedAt:
		return "whether they pass depends, for each event of the sample, on values that are redacted"
	case r.CannotSay == 0:
		return "no event of the sample passes today"
	}
	return "no event of the sample passes today, or it depends on values that are redacted"
}

// lines is a stream's report in words.
func (s Stream) lines() (list []string) {
	say := func(format string, args ...any) {
		list = append(list, "stream "+s.Stream+": "+fmt.Sprintf(format, args...))
	}
	say("%s, %s", s.Recent.line(), s.Quarantine.line())
	s.Recent.doubts(say)
	if s.Recent.Cut || s.Quarantine.Cut {
		say("time was up before all of it was looked at; ask for one stream, or for fewer events")
	}
	if s.Pinned > 0 {
		list = append(list, fmt.Sprintf("stream %s names version %d and does not follow new ones", s.Stream, s.Pinned))
	}
	return list
}

func (r Recent) line() string {
	switch {
	case !r.Sampled:
		return "keeps no sample of what it accepted (recent: {})"
	case r.Kept == 0:
		return r.Untried
	}
	line := fmt.Sprintf("would refuse %s of the %s that pass today", words.Count(r.WouldRefuse), words.Count(r.Passing))
	if n := r.CannotSay; n > 0 {
		line += fmt.Sprintf(" (of %s more it cannot be said)", words.Count(n))
	}
	return line
}

func (q Quarantine) line() string {
	line := fmt.Sprintf("would release %s of %s", words.Count(q.WouldRelease), words.Counted(q.LookedAt, "entry", "entries"))
	if int64(q.LookedAt) < q.Entries {
		line += fmt.Sprintf(" (the newest of %s)", words.Count(q.Entries))
	}
	if q.PassToday > 0 {
		line += fmt.Sprintf("; %s of them %s as things are, and only %s to be reprocessed",
			words.Count(q.PassToday), words.Plural(q.PassToday, "passes", "pass"), words.Plural(q.PassToday, "has", "have"))
	}
	return line
}

// doubts says what cannot be said of a redacted sample, why, and what helps.
func (r Recent) doubts(say func(format string, args ...any)) {
	if r.Redacted == nil {
		return
	}
	what := strings.Join(r.Redacted.Pointers, ", ")
	if r.Redacted.All {
		what = "all values"
	}
	say("the sample is redacted (%s): events that pass or do not depending on those values count on neither side", what)
	if n := r.CannotSayNow; n > 0 {
		line := fmt.Sprintf("%s of those of which it cannot be said came before the version that judges today, and whether %s it depends on what is redacted; they leave the sample as new events come",
			words.Count(n), words.Plural(n, "it passes", "they pass"))
		if n := r.CannotSayRefused; n > 0 {
			line += fmt.Sprintf("; the new version would refuse %s of them in any case", words.Count(n))
		}
		say("%s", line)
	}
	if n := r.CannotSay - r.CannotSayNow; n > 0 {
		say("of %s that %s today the new version asks something of a redacted value; try it on a file of such events with `lazaret check`, or redact less",
			words.Count(n), words.Plural(n, "passes", "pass"))
	}
}
