package schemas

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
)

// What is said of formats holds of the checks: samples are of the format, every string of
// it matches the pattern, and is of the formats of which it is a part.
func TestKnownFormats(t *testing.T) {
	checks := map[string]func(string) bool{}
	var seeds []string
	for _, f := range knownFormats {
		checks[f.name] = FormatCheck(f.name)
		if checks[f.name] == nil {
			t.Fatalf("there is no format %s", f.name)
		}
		seeds = append(seeds, f.samples...)
		for _, s := range f.samples {
			if !checks[f.name](s) {
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
	taken := 0
	for _, f := range knownFormats {
		within := regexp.MustCompile(f.within)
		for range 60_000 / raceShare {
			s := []rune(pick(rng, seeds))
			if rng.IntN(3) == 0 {
				s = []rune(pick(rng, f.samples))
			}
			for range rng.IntN(4) {
				r := pick(rng, []rune("aAzZ09 :/.-+@#?%é\n_~[]{}TtPp,;!$&'()*="))
				switch at := rng.IntN(len(s) + 1); {
				case at < len(s) && rng.IntN(2) == 0:
					s[at] = r
				case at < len(s) && rng.IntN(3) == 0:
					s = slices.Delete(s, at, at+1)
				default:
					s = slices.Insert(s, at, r)
				}
			}
			text := string(s)
			if !checks[f.name](text) {
				continue
			}
			taken++
			if !within.MatchString(text) {
				t.Fatalf("%q is of the format %s and does not match %s", text, f.name, f.within)
			}
			for _, other := range f.part {
				if !checks[other](text) {
					t.Fatalf("%q is of the format %s and not of %s", text, f.name, other)
				}
			}
		}
	}
	t.Log(taken, "strings")
}
