package contain

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"
)

// randomPattern makes a pattern of everything that the engine knows.
func randomPattern(rng *rand.Rand, depth int) string {
	atoms := []string{"a", "b", "c", "[ab]", "[^a]", ".", `\d`, `\w`, `\W`, `\s`, "é", `\pL`, "(?i)a", "(?i)k", `\n`, "-", "_", "[a-c]"}
	if depth == 0 {
		return atoms[rng.IntN(len(atoms))]
	}
	sub := func() string { return randomPattern(rng, depth-1) }
	switch rng.IntN(11) {
	case 0:
		return sub() + sub()
	case 1:
		return "(?:" + sub() + "|" + sub() + ")"
	case 2:
		return "(?:" + sub() + ")*"
	case 3:
		return "(?:" + sub() + ")+"
	case 4:
		return "(?:" + sub() + ")?"
	case 5:
		return "(?:" + sub() + "){1,3}"
	case 6:
		return "^" + sub()
	case 7:
		return sub() + "$"
	case 8:
		return []string{`\b`, `\B`, `(?m)^`, `(?m)$`, `\A`, `\z`}[rng.IntN(6)] + sub()
	case 9:
		return "(" + sub() + sub() + ")"
	}
	return sub()
}

func randomText(rng *rand.Rand) string {
	letters := []rune("aabbcAK_-é \n0kK")
	var b strings.Builder
	for range rng.IntN(7) {
		b.WriteRune(letters[rng.IntN(len(letters))])
	}
	return b.String()
}

// The automaton of a pattern accepts exactly what package regexp matches.
func TestAutomataAreRegexps(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	compared, matches := 0, 0
	for range 6_000 {
		p := &Pattern{Source: randomPattern(rng, 1+rng.IntN(4))}
		re, err := regexp.Compile(p.Source)
		if err != nil {
			continue
		}
		texts := make([]string, 12)
		apart := map[rune]bool{}
		for i := range texts {
			texts[i] = randomText(rng)
			for _, r := range texts[i] {
				apart[r] = true
			}
		}
		letters, ok := newAlphabet([]*syntax.Prog{p.program()}, apart, func(int) bool { return true })
		if !ok {
			t.Fatalf("%s: the alphabet is too large", p.Source)
		}
		a := newAutomaton(p.program(), letters, func(int) bool { return true })
		for _, s := range texts {
			at := a.start()
			for _, r := range s {
				at = a.step(at, letters.index(r))
			}
			compared++
			if want := re.MatchString(s); a.accepts(at) != want {
				t.Fatalf("pattern %q, text %q: the automaton says %v", p.Source, s, !want)
			} else if want {
				matches++
			}
		}
	}
	t.Log(compared, "texts,", matches, "matches")
}

// Letters that an alphabet folds together are told apart by no pattern.
func TestAlphabetFoldsNothingApart(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 2_000 {
		p := &Pattern{Source: randomPattern(rng, 3)}
		re, err := regexp.Compile(p.Source)
		if err != nil {
			continue
		}
		letters, _ := newAlphabet([]*syntax.Prog{p.program()}, nil, func(int) bool { return true })
		// Whatever matches can be found in the alphabet: search agrees with a random text.
		text := &texts{max: -1, patterns: []textPattern{{Pattern: p}}}
		b := &budget{1_000_000}
		o := text.find(b)
		if s := randomText(rng); re.MatchString(s) && o.verdict == isEmpty {
			t.Fatalf("%q matches %q, and no text was found with the letters %q", p.Source, s, letters.runes)
		}
		if o.verdict == isFound && !re.MatchString(o.value.(string)) {
			t.Fatalf("%q does not match %q, which was found", p.Source, o.value)
		}
	}
}

// What is found is a member, and where nothing is found there is nothing: held against all
// short texts.
func TestTextsAgainstAllShortTexts(t *testing.T) {
	var all []string
	letters := []rune("ab0_ ")
	var extend func(s string, left int)
	extend = func(s string, left int) {
		all = append(all, s)
		if left > 0 {
			for _, r := range letters {
				extend(s+string(r), left-1)
			}
		}
	}
	extend("", 4)
	rng := rand.New(rand.NewPCG(7, 8))
	verdicts := map[verdict]int{}
	for range 3_000 {
		x := &texts{max: -1}
		for range 1 + rng.IntN(3) {
			p := &Pattern{Source: randomPattern(rng, 1+rng.IntN(3))}
			re, err := regexp.Compile(p.Source)
			if err != nil {
				continue
			}
			p.Match = re.MatchString
			x.patterns = append(x.patterns, textPattern{p, rng.IntN(2) == 0})
		}
		if rng.IntN(2) == 0 {
			x.min = rng.IntN(4)
		}
		if rng.IntN(2) == 0 {
			x.max = rng.IntN(5)
		}
		for range rng.IntN(3) {
			x.not = append(x.not, all[rng.IntN(len(all))])
		}
		o := x.find(&budget{3_000_000})
		verdicts[o.verdict]++
		switch o.verdict {
		case isFound:
			if !x.holds(o.value.(string)) {
				t.Fatalf("%+v: %q was found", x, o.value)
			}
		case isEmpty:
			for _, s := range all {
				if x.holds(s) {
					t.Fatalf("%+v: nothing was found, but %q", x, s)
				}
			}
		}
	}
	t.Log(verdicts)
	if verdicts[isFound] < 500 || verdicts[isEmpty] < 100 {
		t.Error("too one-sided")
	}
}

// Formats are known by single members and by a pattern around them.
func TestFormats(t *testing.T) {
	hex := &Format{Name: "hex", Check: regexp.MustCompile(`^[0-9a-f]{4}$`).MatchString, Within: `^[0-9a-f]{4}$`, Samples: []string{"00ff"}}
	exact := &Format{Name: "exact", Check: hex.Check, Within: hex.Within, Exact: true}
	few := &Format{Name: "few", Check: regexp.MustCompile(`^(ab){2,20}$`).MatchString, Within: `^[ab]+$`, Shortest: 4, Longest: 40,
		Sized: func(n int) string { return strings.Repeat("ab", n/2) }}
	match := func(source string) *Pattern {
		return &Pattern{Source: source, Match: regexp.MustCompile(source).MatchString}
	}
	for _, c := range []struct {
		name string
		set  texts
		want verdict
	}{
		{"a sample", texts{max: -1, formats: []textFormat{{Format: hex}}}, isFound},
		{"longer than the pattern allows", texts{min: 5, max: -1, formats: []textFormat{{Format: hex}}}, isEmpty},
		{"no sample, but a member", texts{max: -1, formats: []textFormat{{Format: hex}}, patterns: []textPattern{{Pattern: match("^ab")}}}, isFound},
		{"not the format", texts{max: -1, formats: []textFormat{{Format: hex, not: true}}}, isFound},
		{"the format and not", texts{max: -1, formats: []textFormat{{Format: hex}, {Format: hex, not: true}}}, isEmpty},
		{"a pattern that the format lies within", texts{max: -1, formats: []textFormat{{Format: hex}}, patterns: []textPattern{{Pattern: match("^[0-9a-f]+$"), not: true}}}, isEmpty},
		{"not the format within a pattern", texts{max: -1, formats: []textFormat{{Format: hex, not: true}}, patterns: []textPattern{{Pattern: match("^[0-9a-f]{4}$")}}}, isUnknown},
		{"not a format that is all of its pattern", texts{max: -1, formats: []textFormat{{Format: exact, not: true}}, patterns: []textPattern{{Pattern: match("^[0-9a-f]{4}$")}}}, isEmpty},
		{"not that format, but more", texts{max: -1, formats: []textFormat{{Format: exact, not: true}}, patterns: []textPattern{{Pattern: match("^[0-9a-g]{4}$")}}}, isFound},
		{"shorter than the format", texts{max: 3, formats: []textFormat{{Format: few}}}, isEmpty},
		{"longer than the format", texts{min: 41, max: -1, formats: []textFormat{{Format: few}}}, isEmpty},
		{"as long as the format is at most", texts{min: 40, max: -1, formats: []textFormat{{Format: few}}}, isFound},
		{"of a length within", texts{min: 29, max: 31, formats: []textFormat{{Format: few}}}, isFound},
		{"longer, and not the format", texts{min: 41, max: -1, formats: []textFormat{{Format: few, not: true}}}, isFound},
	} {
		if o := c.set.find(&budget{1_000_000}); o.verdict != c.want {
			t.Errorf("%s: %v", c.name, o)
		}
	}
}

// What is done for an alphabet is told before it is done: a repetition looks at its letters
// once, and where too many differ the work ends early.
func TestAlphabetsAreBounded(t *testing.T) {
	var progs []*syntax.Prog
	for i := range 24 {
		progs = append(progs, (&Pattern{Source: fmt.Sprintf(`\pL{%d}\pL{990}`, 900+i)}).program())
	}
	b := &budget{200_000}
	if _, ok := newAlphabet(progs, nil, b.use); !ok {
		t.Errorf("%d steps are too few", 200_000)
	}
	progs = progs[:0]
	for i := range 300 {
		progs = append(progs, (&Pattern{Source: fmt.Sprintf(`[\pL%c]`, 0x2190+2*i)}).program())
	}
	b = &budget{50_000}
	bytes := testing.AllocsPerRun(1, func() {
		b.left = 50_000
		if _, ok := newAlphabet(progs, nil, b.use); ok || !b.spent() || b.left < -10_000 {
			t.Errorf("%v, %d steps left", ok, b.left)
		}
	})
	if bytes > 10_000 {
		t.Errorf("%v allocations", bytes)
	}
}

// Many strings that are left out are looked up, not gone through.
func TestManyLeftOut(t *testing.T) {
	letters := []rune("abcdefghijklmnopqrstuvwxyz")
	x := &texts{max: 3, min: 3}
	for _, p := range letters {
		for _, q := range letters {
			for _, r := range letters {
				x.not = append(x.not, string([]rune{p, q, r}))
			}
		}
	}
	last := len(x.not) - 1
	x.not = x.not[:last]
	b := &budget{DefaultSteps}
	if o := x.find(b); o.verdict != isFound || o.value != "zzz" || DefaultSteps-b.left > 5*len(x.not) {
		t.Errorf("%v with %d steps", o, DefaultSteps-b.left)
	}
	n := &numbers{integer: true, lo: ratOfInt(big.NewInt(0))}
	for i := range int64(100_000) {
		n.not = append(n.not, big.NewRat(i, 1))
	}
	if o := n.find(&budget{DefaultSteps}); o.verdict != isFound || o.value != json.Number("100000") {
		t.Errorf("%v", o)
	}
}
