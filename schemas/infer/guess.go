package infer

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
)

// enum is the texts of the place, sorted, if they look like a closed list: few, each of
// them seen often, and words; nil if they do not.
func (p *place) enum(o Options) []string {
	few := len(p.texts)
	switch {
	case p.open || few < 2 || few > o.EnumAtMost || o.EnumAtLeast < 0:
		return nil
	case p.kinds[text]+p.kinds[null] != p.values: // an enum is of all types
		return nil
	case p.kinds[text] < uint64(few*o.EnumAtLeast):
		return nil
	}
	values := make([]string, 0, few)
	for value, times := range p.texts {
		// A text that is rare tells that there are others that were not seen.
		if times < min(3, uint64(o.EnumAtLeast)) || !word(value) {
			return nil
		}
		values = append(values, value)
	}
	slices.Sort(values)
	return values
}

// word says whether a text may be a name that someone gave: it begins with a letter, is
// short, is not a sentence and not an id.
func word(s string) bool {
	if len(s) > 40 || s == "" || !isLetter(rune(s[0])) || strings.Count(s, " ") > 2 {
		return false
	}
	digits := 0
	for _, r := range s {
		switch {
		case '0' <= r && r <= '9':
			digits++
		case !isLetter(r) && !strings.ContainsRune(" _-./:", r):
			return false
		}
	}
	return digits <= 2 || digits*4 <= len(s)
}

func isLetter(r rune) bool { return 'a' <= r|0x20 && r|0x20 <= 'z' }

// isMap says whether the members' names are data: there are many, each object has few of
// them, and their values are alike; or all are ids; or one is what Options.Data says is data.
func (p *place) isMap(o Options) bool {
	if o.Data != nil && slices.ContainsFunc(p.list, func(m *place) bool { return o.Data(m.name) }) {
		return true
	}
	if o.MapAtLeast < 0 || len(p.list) == 0 {
		return false
	}
	if len(p.list) >= min(o.MapAtLeast, 10) && !slices.ContainsFunc(p.list, func(m *place) bool { return !id(m.name) }) {
		return true
	}
	if len(p.list) < o.MapAtLeast {
		return false
	}
	there, alike := 0.0, p.list[0].mask()
	for _, m := range p.list {
		there += float64(m.values)
		if m.mask()|1<<null != alike|1<<null {
			return false
		}
	}
	return there/float64(len(p.list)) < float64(p.kinds[object])/10
}

// mask is the set of the types that there were; numbers are of one type.
func (p *place) mask() (set int) {
	for k, seen := range p.kinds {
		if seen > 0 {
			if kind(k) == integer {
				k = int(number)
			}
			set |= 1 << k
		}
	}
	return set
}

// id says whether a name is a number, a UUID or the like: more digits than letters, or
// hexadecimal digits and nothing else.
func id(name string) bool {
	digits, hex := 0, 0
	for _, c := range []byte(name) {
		switch {
		case '0' <= c && c <= '9':
			digits++
			hex++
		case 'a' <= c|0x20 && c|0x20 <= 'f' || c == '-':
			hex++
		}
	}
	return digits > 0 && (digits*2 > len(name) || hex == len(name) && len(name) >= 8)
}

// restOfCopy is what all members of a place have in common, the place left as it is.
func (n *Inference) restOfCopy(p *place) *place {
	c := Inference{bounds: n.bounds, root: newPlace(p.name)}
	for _, m := range p.list {
		c.merge(c.root, m)
	}
	return c.root
}

// observed is the annotation of a place: ranges and lengths, and what share of the
// objects has the member. Lengths say nothing where a format or an enum says more.
func (p *place) observed(share float64, said bool) (seen members) {
	if p.numbers() > 0 {
		seen.add("minimum", json.Number(p.low.raw))
		seen.add("maximum", json.Number(p.high.raw))
	}
	if p.kinds[text] > 0 && !said {
		seen.add("minLength", p.short.least)
		seen.add("maxLength", p.short.most)
	}
	if p.kinds[array] > 0 {
		seen.add("minItems", p.long.least)
		seen.add("maxItems", p.long.most)
	}
	if share > 0 {
		// Rounded up, so that what is there is never 0; and never 1, since it is not always.
		seen.add("share", min(math.Ceil(share*1000)/1000, 0.999))
	}
	return seen
}
