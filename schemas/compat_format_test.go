package schemas

import (
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// factChecker holds what is said of formats against the checks.
type factChecker struct {
	checks map[string]func(string) bool
	within map[string]*regexp.Regexp
	taken  map[string]int // strings of the formats
}

func newFactChecker(t *testing.T) *factChecker {
	c := &factChecker{map[string]func(string) bool{}, map[string]*regexp.Regexp{}, map[string]int{}}
	for _, f := range knownFormats {
		if c.checks[f.name] = FormatCheck(f.name); c.checks[f.name] == nil {
			t.Fatalf("there is no format %s", f.name)
		}
		c.within[f.name] = regexp.MustCompile(f.within)
	}
	return c
}

// hold says whether the text is of the format, and fails the test if it is and should not be
// able to.
func (c *factChecker) hold(t *testing.T, f knownFormat, text string) bool {
	t.Helper()
	if !c.checks[f.name](text) {
		if f.exact && c.within[f.name].MatchString(text) {
			t.Fatalf("%q matches %s and is not of the format %s", text, f.within, f.name)
		}
		return false
	}
	c.taken[f.name]++
	length := utf8.RuneCountInString(text)
	if !c.within[f.name].MatchString(text) || length < f.shortest || f.longest > 0 && length > f.longest {
		t.Fatalf("%q is of the format %s; it has %d letters, and that it matches %s is %v", text, f.name, length, f.within, c.within[f.name].MatchString(text))
	}
	for _, other := range f.part {
		if !c.checks[other](text) {
			t.Fatalf("%q is of the format %s and not of %s", text, f.name, other)
		}
	}
	return true
}

func randomOf(f knownFormat, rng *rand.Rand, seeds []string) string {
	switch rng.IntN(4) {
	case 0:
		if f.sized != nil {
			return f.sized(rng.IntN(300))
		}
	case 1:
		return pick(rng, f.samples)
	}
	return pick(rng, seeds)
}

// What is said of formats holds of the checks, for strings that are like others of a format:
// samples are of the format, every string of it matches the pattern (and the reverse, where
// that is said), is of a length within
// the bounds, and is of the formats of which it is a part.
func TestKnownFormats(t *testing.T) {
	c := newFactChecker(t)
	var seeds []string
	for _, f := range knownFormats {
		seeds = append(seeds, f.samples...)
		for _, s := range f.samples {
			if !c.hold(t, f, s) {
				t.Errorf("%q is not of the format %s", s, f.name)
			}
		}
	}
	for _, f := range formats() {
		if !slices.ContainsFunc(knownFormats, func(k knownFormat) bool { return k.name == f.name }) {
			t.Errorf("nothing is known of the format %s", f.name)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, f := range knownFormats {
		for range 60_000 / raceShare {
			s := []rune(randomOf(f, rng, seeds))
			for range rng.IntN(4) {
				r := pick(rng, []rune("aAzZ09 :/.-+@#?%é\n_~[]{}TtPp,;!$&'()*=\"\\|<>^`\u0080\u009f\u00a0\ue000\ufffd\U0010ffff"))
				switch at := rng.IntN(len(s) + 1); {
				case at < len(s) && rng.IntN(2) == 0:
					s[at] = r
				case at < len(s) && rng.IntN(3) == 0:
					s = slices.Delete(s, at, at+1)
				case at < len(s) && rng.IntN(3) == 0:
					s = slices.Insert(s, at, s[at]) // as it goes on
				default:
					s = slices.Insert(s, at, r)
				}
			}
			c.hold(t, f, string(s))
		}
	}
	t.Log(c.taken)
}

// looseShapes are patterns that make strings of the formats and strings beside them.
var looseShapes = map[string][]string{
	"date-time": {looseDate + `[Tt ]` + looseTime, `(1990-12-31T23:59:60|1990-12-31T15:59:60|2016-12-31T23:58:60)(Z|[+-]0[08]:0[01])`},
	"date":      {looseDate, `[-+ 0-9]{1,5}-[-+ 0-9]{1,3}-[-+ 0-9]{1,3}`},
	"time":      {looseTime, `[-+ 0-9]{2}:[-+ 0-9]{2}:[-+ 0-9]{2}[Zz]`},
	"duration":  {looseDuration, `P([0-9]{0,3}[YMDW]){0,4}(T([0-9]{0,3}[HMS]){0,4}){0,2}`},
	"email": {`([a-zA-Z0-9!#$%&'*+/=?^_{|}~-]{1,6}(\.[a-z]{0,3}){0,2}|"[ -~é]{0,4}"|"([ a-z@.]|\\.){0,4}"|a{60,66})@(` + looseHost + `|[a-z0-9.-]{1,9}|[a-z]{60,64}(\.[a-z]{60,64}){2,3})`,
		`[a-z]{1,3}@\[([0-9]{1,3}(\.[0-9]{1,3}){3}|IPv6:` + looseIPv6 + `|[0-9a-zA-Z:.]{1,8})\]`, `"[ -~]{0,20}"@` + looseHost, `[ -~é]{1,3}@[a-z]`},
	"hostname": {looseHost, `[a-z0-9-]{60,65}(\.[a-z0-9-]{59,64}){2,4}`},
	"ipv4":     {`([0-9]|[1-2][0-9]{1,2}|[0-9]{2})(\.([0-9]|[1-2][0-9]{1,2}|[0-9]{2})){3}`, `[+-]?[0-9]{1,4}(\.[ +0-9]{1,3}){2,4}`},
	"ipv6":     {looseIPv6, `([0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}`, `([0-9a-fA-F]{4}:){6}[12][0-9]{2}(\.[12][0-9]{2}){3}`, `(0{1,5}[0-9]?:){5,6}(:[0-9a-f]{1,4}){0,2}(:?[0-9]{1,3}(\.[0-9]{1,3}){3})?`, `::(ffff:)?[0-9]{1,3}(\.[0-9]{1,3}){3}(%[a-z]{0,2})?`},
	"uuid":     {`[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`, `[{u]?[0-9a-g]{8}-?([0-9a-f]{4}-){3}[0-9a-fé]{12}\}?`},
	"uri":      {looseURI}, "uri-reference": {looseURI, looseReference},
	"iri": {looseURI}, "iri-reference": {looseURI, looseReference},
	"uri-template":          {`([!-~]|\{[+#./;?&]?[a-z.%0]{1,4}(:[0-9]{1,4}|\*)?(,[a-z]{1,2})?\}|[\x{80}-\x{10FFFF}]|[a-z/]){0,5}`},
	"json-pointer":          {`(/([a-z0-9~\n"\\é]|~[012]){0,4}){0,3}`, `.{0,3}`},
	"relative-json-pointer": {`[0-9]{1,3}(#{0,2}|(/([a-z0-9~é]|~[012]){0,4}){0,3})`},
	"regex":                 {`([a-z*+?()\[\]{}|\\^$.0-9é]){0,6}`},
	"semver":                {`v?[0-9]{1,2}(\.[0-9]{1,2}){2,3}(-[0-9A-Za-z.+-]{0,5})?(\+[0-9A-Za-z.+-]{0,5})?`},
	"period":                {`(` + looseDate + `T` + looseTime + `|` + looseDuration + `)/(` + looseDate + `T` + looseTime + `|` + looseDuration + `)`},
}

const (
	looseDate      = `[0-9]{4}-([01][0-9]|[0-1][0-2])-([0-3][0-9]|[0-2][0-9]|3[01])`
	looseTime      = `([0-1][0-9]|2[0-4]):([0-5][0-9]|60):([0-5][0-9]|6[01])([.,]?[0-9]{0,9}|\.[0-9]{1,3})([zZ]|[+-]([01][0-9]|2[0-4]):[0-6][0-9])`
	looseDuration  = `P([0-9]{1,2}Y)?([0-9]{1,2}M)?([0-9]{1,2}D)?([0-9]{1,2}W)?(T([0-9]{1,2}H)?([0-9]{1,2}M)?([0-9]{1,2}S)?)?`
	looseHost      = `([a-zA-Z0-9-]{1,4}\.){0,3}[a-zA-Z0-9-]{1,5}\.?`
	looseIPv6      = `([0-9a-fA-F]{1,4}:){0,7}(:?[0-9a-fA-F]{1,4}){0,4}(::)?(:[0-9a-f]{1,5}){0,3}`
	looseLetters   = "([0-9A-Za-z._~!$&'()*+,;=:@-]|[0-9A-Za-z]|%[0-9A-Fa-f]{2}|é|[\\x{A0}-\\x{10FFFF}]|/)"
	looseRest      = looseLetters + `{0,5}[!-~]?` + looseLetters + `{0,2}(\?` + looseLetters + `{0,3}[ -~]?)?(#` + looseLetters + `{0,3}[\x{80}-\x{10FFFF}]?)?`
	looseURI       = `[a-zA-Z][a-zA-Z0-9+.-]{0,4}:(//(` + looseLetters + `{0,3}@)?(` + looseHost + `|\[` + looseIPv6 + `\]|\[[vV]?[0-9a-f]\.[ -~]{1,3}\])(:[0-9]{0,4})?/?)?` + looseRest
	looseReference = `(//` + looseHost + `/|/)?` + looseRest
)

// randomMatch makes a string that a pattern matches.
func randomMatch(rng *rand.Rand, b *strings.Builder, re *syntax.Regexp) {
	times := func(least, most int) {
		if most < 0 {
			most = least + 5
		}
		for range least + rng.IntN(most-least+1) {
			randomMatch(rng, b, re.Sub[0])
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		at := 2 * rng.IntN(len(re.Rune)/2)
		r := re.Rune[at] + rune(rng.IntN(int(re.Rune[at+1]-re.Rune[at])+1))
		b.WriteRune(r) // a surrogate becomes U+FFFD
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteRune(rune(' ' + rng.IntN('é')))
	case syntax.OpStar:
		times(0, -1)
	case syntax.OpPlus:
		times(1, -1)
	case syntax.OpQuest:
		times(0, 1)
	case syntax.OpRepeat:
		times(re.Min, re.Max)
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range re.Sub {
			randomMatch(rng, b, sub)
		}
	case syntax.OpAlternate:
		randomMatch(rng, b, pick(rng, re.Sub))
	}
}

// matches returns a maker of strings that one of some patterns matches.
func matches(t *testing.T, rng *rand.Rand, patterns []string) func() string {
	t.Helper()
	var trees []*syntax.Regexp
	for _, p := range patterns {
		tree, err := syntax.Parse(p, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		trees = append(trees, tree)
	}
	return func() string {
		var b strings.Builder
		randomMatch(rng, &b, pick(rng, trees))
		return b.String()
	}
}

// What is said of formats holds of the checks, for strings of all their forms.
func TestKnownFormatsOfAllForms(t *testing.T) {
	c := newFactChecker(t)
	rng := rand.New(rand.NewPCG(3, 4))
	for _, f := range knownFormats {
		shapes := looseShapes[f.name]
		if len(shapes) == 0 {
			t.Fatalf("no shapes of %s", f.name)
		}
		if f.within != "" {
			shapes = append(slices.Clone(shapes), f.within)
		}
		next := matches(t, rng, shapes)
		for range 100_000 / raceShare {
			c.hold(t, f, next())
		}
		if c.taken[f.name] < 10_000/raceShare {
			t.Errorf("only %d strings are of the format %s", c.taken[f.name], f.name)
		}
	}
	t.Log(c.taken)
}

// Where a length is bounded, strings of the format are known for every length within the
// bounds, and for most lengths where it is not.
func TestSizedMembers(t *testing.T) {
	c := newFactChecker(t)
	for _, f := range knownFormats {
		if f.sized == nil {
			continue
		}
		var none []int
		for n := range 400 {
			if s := f.sized(n); !c.hold(t, f, s) || utf8.RuneCountInString(s) != n {
				none = append(none, n)
			}
		}
		want := 400 - (f.longest - f.shortest + 1)
		if f.longest == 0 {
			want = 48 // a period has no fewer letters than 24, and not each number of them
		}
		if len(none) > want {
			t.Errorf("no string of the format %s is made of %v letters", f.name, none)
		}
	}
}

// What is asked of formats in everyday schemas is answered.
func TestFormatsOfEverydaySchemas(t *testing.T) {
	for _, c := range []struct {
		old, new          string
		backward, forward Answer
	}{
		{`"format":"email"`, `"format":"email","minLength":3`, Compatible, Compatible},
		{`"format":"email"`, `"format":"email","minLength":5`, Incompatible, Compatible},
		{`"format":"email"`, `"format":"email","maxLength":254`, Compatible, Compatible},
		{`"format":"email"`, `"format":"email","maxLength":320`, Compatible, Compatible},
		{`"format":"email"`, `"format":"email","maxLength":253`, Incompatible, Compatible},
		{`"format":"email"`, `"format":"email","maxLength":100`, Incompatible, Compatible},
		{`"format":"email","maxLength":100`, `"format":"email","maxLength":80`, Incompatible, Compatible},
		{`"format":"email"`, `"format":"email","pattern":"^.+@.+$"`, Compatible, Compatible},
		{`"format":"email"`, `"format":"email","pattern":"^[^@]+@[^@]+\\.[^@]+$"`, Incompatible, Compatible},
		{`"format":"email"`, `"minLength":1,"maxLength":255`, Compatible, Incompatible},
		{`"format":"ipv6"`, `"format":"ipv6","maxLength":45`, Compatible, Compatible},
		{`"format":"ipv6"`, `"format":"ipv6","maxLength":44`, Incompatible, Compatible},
		{`"format":"ipv4"`, `"format":"ipv4","minLength":7,"maxLength":15`, Compatible, Compatible},
		{`"format":"ipv4"`, `"format":"hostname"`, Compatible, Incompatible},
		{`"format":"hostname"`, `"format":"hostname","minLength":1,"maxLength":253`, Compatible, Compatible},
		{`"format":"hostname"`, `"format":"hostname","maxLength":64`, Incompatible, Compatible},
		{`"format":"date-time"`, `"format":"date-time","maxLength":40`, Incompatible, Compatible},
		{`"format":"date-time"`, `"format":"date-time","minLength":20`, Compatible, Compatible},
		{`"format":"date-time"`, `"format":"date-time","pattern":"Z$"`, Incompatible, Compatible},
		{`"format":"date"`, `"format":"date","pattern":"^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])$"`, Compatible, Compatible},
		{`"pattern":"^\\d{4}-\\d{2}-\\d{2}$"`, `"format":"date"`, Incompatible, Compatible},
		{`"format":"time"`, `"format":"time","minLength":9,"maxLength":30`, Incompatible, Compatible},
		{`"format":"duration"`, `"format":"duration","minLength":3`, Compatible, Compatible},
		{`"format":"duration"`, `"format":"duration","maxLength":64`, Incompatible, Compatible},
		{`"format":"uri"`, `"format":"uri-reference"`, Compatible, Incompatible},
		{`"format":"uri"`, `"format":"iri"`, Compatible, Incompatible},
		{`"format":"uri"`, `"format":"uri","minLength":1,"maxLength":2048`, Incompatible, Compatible},
		{`"format":"uri","pattern":"^https://"`, `"format":"iri","pattern":"^https?://"`, Compatible, Incompatible},
		{`"format":"uuid"`, `"format":"uuid","minLength":36,"maxLength":36`, Compatible, Compatible},
		{`"pattern":"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"`, `"format":"uuid"`, Compatible, Incompatible},
		{`"format":"semver"`, `"pattern":"^(0|[1-9]\\d*)\\.(0|[1-9]\\d*)\\.(0|[1-9]\\d*)(?:-((?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\\.(?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\\+([0-9a-zA-Z-]+(?:\\.[0-9a-zA-Z-]+)*))?$"`, Compatible, Compatible},
		{`"format":"semver"`, `"pattern":"^\\d+\\.\\d+\\.\\d+$"`, Incompatible, Incompatible},
		{`"format":"json-pointer"`, `"format":"json-pointer","maxLength":100`, Incompatible, Compatible},
	} {
		older, newer := compiled(json.RawMessage(`{"type":"string",`+c.old+`}`)), compiled(json.RawMessage(`{"type":"string",`+c.new+`}`))
		for _, half := range []evolutionHalf{{Backward, c.backward, older, newer, nil}, {Forward, c.forward, newer, older, nil}} {
			got := Compare(half.level(), newer, older)
			if got.Answer != half.want {
				t.Errorf("%s, then %s: %s is %s", c.old, c.new, half.direction, shown(got))
			}
			for _, b := range got.Breaks {
				if !accepts(t, half.from, b.Witness) || accepts(t, half.to, b.Witness) {
					t.Errorf("%s, then %s: %s shows nothing", c.old, c.new, b.Witness)
				}
			}
		}
	}
}
