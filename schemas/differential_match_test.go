package schemas

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// matcherRounds is how many texts each matcher is given.
func matcherRounds() int {
	if os.Getenv(pairsVariable) != "" {
		return 2_000_000
	}
	return 20_000 / raceShare
}

// directlyTaken holds that what a direct matcher takes is a string in good JSON for which
// check holds. text is what stands in the quotes. It reports whether it was taken.
func directlyTaken(t *testing.T, name string, direct matcher, check func(string) bool, text []byte) bool {
	t.Helper()
	data := append(append([]byte(`{"a": "`), text...), `","b":1}`...)
	const from = len(`{"a": "`)
	end := direct(data, from)
	if cut := data[:from+len(text)]; len(text) > 0 { // as the payload's end
		if at := direct(cut, from); at >= len(cut) {
			t.Fatalf("%s: %q: it goes beyond the payload", name, cut)
		}
	}
	if end < 0 {
		return false
	}
	if end >= len(data) || data[end] != '"' {
		t.Fatalf("%s: %q: no quote at %d", name, data, end)
	}
	raw := data[from-1 : end+1]
	value, ok := jsonread.Unquote(raw)
	if !ok || !json.Valid(raw) {
		t.Fatalf("%s: %q: takes %q, which is no string", name, data, raw)
	}
	if !check(value) {
		t.Fatalf("%s: %q: takes %q, for which its check does not hold", name, data, value)
	}
	return true
}

// TestDirectFormats: what the matcher of a format takes is of that format.
func TestDirectFormats(t *testing.T) {
	check := map[string]func(string) bool{}
	for _, name := range allFormats {
		s := mustCompile(t, `{"format":"`+name+`"}`)
		if f := s.root.Format; f != nil {
			check[name] = func(text string) bool { return f.Validate(text) == nil }
		}
	}
	rng := rand.New(rand.NewPCG(9, 10))
	tried := 0
	for _, name := range allFormats {
		direct := directFormat(name)
		if direct == nil {
			continue
		}
		tried++
		taken, of := 0, 0
		for range matcherRounds() {
			text := []byte(formatted(rng, name))
			g := &instanceMaker{rng: rng}
			for range rng.IntN(4) {
				if text = []byte(g.mutateText(string(text))); rng.IntN(4) == 0 {
					text = []byte(formatted(rng, name))
				}
			}
			if rng.IntN(3) == 0 {
				text = damage(rng, text)
			}
			if directlyTaken(t, name, direct, check[name], text) {
				taken++
			}
			if jsonread.Check(append(append([]byte{'"'}, text...), '"'), jsonread.Limits{}) == nil && check[name](string(text)) {
				of++
			}
		}
		t.Logf("%s: %d taken, at least %d are of it", name, taken, of)
		if taken < matcherRounds()/100 {
			t.Errorf("%s: only %d were taken, which shows nothing", name, taken)
		}
	}
	if tried < 6 {
		t.Errorf("only %d formats have a matcher", tried)
	}
}

// TestDirectLiterals: what the matcher of an enumeration takes is in it.
func TestDirectLiterals(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	taken := 0
	for range matcherRounds() / 4 {
		var list []string
		for range rng.IntN(12) {
			list = append(list, pick(rng, allTexts[:19]))
		}
		set, direct := newLiteralSet(list), directLiterals(list)
		if direct == nil {
			continue
		}
		for range 4 {
			text := []byte(pick(rng, append(list, "abc", "")))
			if rng.IntN(3) == 0 {
				text = damage(rng, text)
			}
			if directlyTaken(t, fmt.Sprintf("%q", list), direct, func(s string) bool { return set.has([]byte(s)) }, text) {
				taken++
			}
		}
	}
	if taken == 0 {
		t.Error("none was taken")
	}
}

// randomPattern makes a regular expression. Many are of the kind that tables match, or
// nearly.
func randomPattern(rng *rand.Rand, depth int) string {
	atom := func() string {
		switch rng.IntN(9) {
		case 0, 1:
			return pick(rng, []string{"a", "b", "c", "x", "0", "-", "_", "/", "é", "\"", "\\\\", "\\.", " ", "K"})
		case 2, 3:
			return pick(rng, []string{"[a-z]", "[A-Z]", "[0-9]", "[a-c]", "[b-x]", "\\d", "\\w", "\\s", "\\S", "\\W", "\\D", "[^a]", "[^\"]", "[^\\\\]", ".", "[é-ü]", "[aé]", "[[:alpha:]]", "\\pL", "(?s:.)", "[\\x00-\\x1f]", "[\\x20-\\x7e]", "(?i:k)", "(?i:[a-k])"})
		case 4:
			return pick(rng, []string{"ab", "abc", "bc", "x1", "12"})
		case 5:
			if depth > 0 {
				return pick(rng, []string{"(", "(?:"}) + randomPattern(rng, depth-1) + ")"
			}
		case 6:
			if depth > 0 {
				return "(" + randomPattern(rng, depth-1) + "|" + randomPattern(rng, depth-1) + ")"
			}
		case 7:
			if rng.IntN(8) == 0 {
				return pick(rng, []string{"^", "$", "\\b", "\\B", "\\z", "\\A", "()", "(?m:$)", "(?m:^)"})
			}
		}
		return "a"
	}
	var b strings.Builder
	for range 1 + rng.IntN(4) {
		b.WriteString(atom())
		if rng.IntN(3) == 0 {
			b.WriteString(pick(rng, []string{"*", "+", "?", "{2}", "{0,2}", "{1,3}", "{2,}", "{0}", "{0,1}", "*?", "+?", "??", "{1,2}?"}))
		}
	}
	return b.String()
}

// TestPatterns: a pattern that is matched by tables matches what package regexp says that it
// matches, and its direct matcher takes only that.
func TestPatterns(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	patterns, ready, direct, matched, texts, taken := 0, 0, 0, 0, 0, 0
	for range matcherRounds() / 2 {
		source := randomPattern(rng, 2)
		if rng.IntN(4) > 0 {
			source = "^" + source
		}
		if rng.IntN(3) > 0 {
			source += "$"
		}
		if rng.IntN(12) == 0 {
			source = pick(rng, []string{"(?i)", "(?s)", "(?m)", "(?U)"}) + source
		}
		re, err := regexp.Compile(source)
		if err != nil {
			continue
		}
		p := newTextPattern(re)
		patterns++
		if p.ready {
			ready++
		}
		if p.direct != nil {
			direct++
		}
		tree, err := syntax.Parse(source, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		for range 12 {
			text := patternText(rng, tree)
			texts++
			want := re.Match(text)
			if want {
				matched++
			}
			if got := matchPattern(p, text); got != want {
				t.Fatalf("%s: %q: %v, regexp says %v", source, text, got, want)
			}
			if p.direct != nil {
				raw := text
				if rng.IntN(2) == 0 {
					w := &treeWriter{rng: rng, quotes: 4}
					w.string(string(text))
					raw = w.out[1 : len(w.out)-1]
				}
				if rng.IntN(4) == 0 {
					raw = damage(rng, raw)
				}
				if directlyTaken(t, source, p.direct, re.MatchString, raw) {
					taken++
				}
			}
		}
	}
	t.Logf("%d patterns, %d by tables, %d direct; %d texts, %d matched, %d taken directly", patterns, ready, direct, texts, matched, taken)
	if ready < patterns/10 || ready > patterns*9/10 || matched < texts/10 || taken < direct {
		t.Error("too one-sided to show anything")
	}
}

// matchPattern matches a text as the machine does.
func matchPattern(p *textPattern, text []byte) bool {
	m := &machine{}
	return m.match(p, text)
}

// patternText makes a text near a pattern, in valid UTF-8.
func patternText(rng *rand.Rand, tree *syntax.Regexp) []byte {
	var b strings.Builder
	matchingTo(rng, &b, tree)
	text := b.String()
	g := &instanceMaker{rng: rng}
	for range max(0, rng.IntN(5)-2) {
		text = g.mutateText(text)
	}
	return []byte(strings.ToValidUTF8(text, "é"))
}
