package contain

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// texts is a set of strings: those that all of its conditions hold for.
type texts struct {
	min, max int // code points; max < 0 is none
	patterns []textPattern
	formats  []textFormat
	not      []string // members that are left out

	out map[string]struct{} // of not, where they are not few, while a member is looked for
}

type textPattern struct {
	*Pattern
	not bool
}

type textFormat struct {
	*Format
	not bool
}

// holds evaluates the conditions.
func (t *texts) holds(s string) bool {
	length := utf8.RuneCountInString(s)
	if length < t.min || t.max >= 0 && length > t.max || t.leftOut(s) {
		return false
	}
	for _, p := range t.patterns {
		if p.Match(s) == p.not {
			return false
		}
	}
	for _, f := range t.formats {
		if f.Check(s) == f.not {
			return false
		}
	}
	return true
}

// leftOut says whether a string is one of those that are left out.
func (t *texts) leftOut(s string) bool {
	if t.out != nil {
		_, ok := t.out[s]
		return ok
	}
	return slices.Contains(t.not, s)
}

const (
	maxTextLength = 200_000 // code points of a string that is looked for
	maxShown      = 1_000   // code points of a string that is made only to fill a length
	maxTextTries  = 24      // strings that are tried where only single members can be asked for
)

// find looks for a member.
func (t *texts) find(b *budget) outcome {
	bounded := *t
	for _, f := range t.formats {
		if f.not {
			continue
		}
		bounded.min = max(bounded.min, f.Shortest)
		if f.Longest > 0 && (bounded.max < 0 || bounded.max > f.Longest) {
			bounded.max = f.Longest
		}
	}
	return bounded.findBounded(b)
}

// findBounded is find when the lengths are bounded by the formats too.
func (t *texts) findBounded(b *budget) outcome {
	if t.max >= 0 && t.min > t.max || t.contradictory() {
		return empty
	}
	if t.min > maxTextLength {
		return doubt("minLength", "a string would have to be longer than can be looked for")
	}
	if t.out = nil; len(t.not) > fewValues {
		if !b.use(len(t.not)) {
			return overBudget
		}
		t.out = make(map[string]struct{}, len(t.not))
		for _, s := range t.not {
			t.out[s] = struct{}{}
		}
	}
	if len(t.formats) == 0 && len(t.patterns) == 0 {
		return t.findPlain(b)
	}
	s, ok := t.sample(b) // it is nicer to read than what automata find
	if ok {
		return found(s)
	}
	s, ok = t.search(b)
	switch {
	case b.spent():
		return overBudget
	case !ok:
		return empty
	case len(t.formats) == 0:
		return found(s)
	}
	return t.findOfFormat(s, b)
}

// sample looks for a member among what the formats show of themselves, also at the ends of
// the lengths.
func (t *texts) sample(b *budget) (string, bool) {
	for _, f := range t.formats {
		for _, s := range f.Samples {
			if t.holds(s) {
				return s, true
			}
		}
	}
	lengths := []int{t.min, t.min + 1, t.min + 2, t.min + 3}
	if t.max >= 0 && t.max <= maxShown {
		lengths = append(lengths, t.max, t.max-1, t.min+(t.max-t.min)/2)
	}
	for _, f := range t.formats {
		for _, n := range lengths {
			if f.Sized == nil || f.not || n < 0 || n > maxTextLength || !b.use(1+n*(1+len(t.formats)+len(t.patterns))/16) {
				continue
			}
			if s := f.Sized(n); t.holds(s) {
				return s, true
			}
		}
	}
	return "", false
}

// contradictory says whether the formats alone leave nothing.
func (t *texts) contradictory() bool {
	for _, f := range t.formats {
		for _, g := range t.formats {
			if !f.not && g.not && (f.Name == g.Name || slices.Contains(f.Part, g.Name)) {
				return true
			}
		}
	}
	return false
}

// findPlain is find where only lengths count, and the members that are left out.
func (t *texts) findPlain(b *budget) outcome {
	if t.max == 0 {
		if t.leftOut("") {
			return empty
		}
		return found("")
	}
	length := max(t.min, 1)
	if t.min == 0 && len(t.not) == 0 {
		return found("") // the shortest
	}
	if !b.use(length * (len(t.not) + 1)) {
		return overBudget
	}
	for i := range len(t.not) + 1 { // one of so many different strings is not left out
		s := []rune(strings.Repeat("a", length))
		for k := len(s) - 1; i > 0 && k >= 0; k-- {
			s[k] = 'a' + rune(i%26)
			i /= 26
		}
		if i == 0 && !t.leftOut(string(s)) {
			return found(string(s))
		}
	}
	return t.searched(b)
}

func (t *texts) searched(b *budget) outcome {
	s, ok := t.search(b)
	switch {
	case b.spent():
		return overBudget
	case ok:
		return found(s)
	}
	return empty
}

// findOfFormat looks on among the members of what is known of the formats, of which s is
// one.
func (t *texts) findOfFormat(s string, b *budget) outcome {
	more := *t
	more.not = slices.Clone(t.not)
	for range maxTextTries {
		if t.holds(s) {
			return found(s)
		}
		more.not = append(more.not, s)
		var ok bool
		if s, ok = more.search(b); b.spent() {
			return overBudget
		} else if !ok {
			return empty // every member of the larger set was tried
		}
	}
	return doubt("format", "it could not be decided whether there is a string "+t.asks()+": only single strings can be asked whether they are of a format")
}

// asks says what is asked of a string, in a person's words.
func (t *texts) asks() string {
	var list, more []string
	for _, f := range t.formats {
		if f.not {
			list = append(list, "not of the format "+f.Name)
		} else {
			list = append(list, "of the format "+f.Name)
		}
	}
	for _, p := range t.patterns {
		if p.not {
			more = append(more, "does not match "+p.Source)
		} else {
			more = append(more, "matches "+p.Source)
		}
	}
	if len(more) == 0 {
		return strings.Join(list, " and ")
	}
	return strings.Join(list, " and ") + " that " + strings.Join(more, " and ")
}

// product is the automata of several patterns, side by side, and the texts left out.
type product struct {
	t     *texts
	b     *budget
	parts []*automaton
	want  []bool
	out   *trie
	ids   map[string]int32
	tuple [][]int32 // by state; the last is the place in the trie
	// next is where letters lead, 1 more than the state: -1 is nowhere, 0 not known. Only
	// states that come up again have it.
	next    [][]int32
	entered []bool
	tried   []int32 // room for a tuple
	key     []byte  // and for its key
}

// search finds the shortest member of the patterns and lengths, formats being known only by
// the pattern that they lie within. It asks each length in turn which states of the product
// texts of that length reach.
func (t *texts) search(b *budget) (string, bool) {
	p, ok := t.product(b)
	if !ok {
		return "", false
	}
	type from struct{ state, prev, letter int32 } // prev is an index into the layer before
	start, ok := p.start()
	if !ok {
		return "", false
	}
	layers := [][]from{{{state: start}}}
	seen := map[string]bool{}
	for length := 0; ; length++ {
		layer := layers[length]
		if length >= t.min {
			for i, f := range layer {
				if p.accepts(f.state) {
					text := make([]rune, length)
					for k := length; k > 0; k-- {
						at := layers[k][i]
						text[k-1] = p.parts0().runes[at.letter]
						i = int(at.prev)
					}
					return string(text), true
				}
			}
			key := make([]byte, 0, 4*len(layer))
			for _, f := range layer {
				key = binary.LittleEndian.AppendUint32(key, uint32(f.state))
			}
			if seen[string(key)] {
				return "", false // from here on everything repeats
			}
			seen[string(key)] = true
		}
		if length == t.max || len(layer) == 0 {
			return "", false
		}
		var next []from
		reached := map[int32]bool{}
		for i, f := range layer {
			p.enter(f.state)
			for letter := range p.parts0().runes {
				if !b.use(1) {
					return "", false
				}
				if to, ok := p.step(f.state, letter); ok && !reached[to] {
					reached[to] = true
					next = append(next, from{to, int32(i), int32(letter)})
				}
			}
		}
		slices.SortFunc(next, func(x, y from) int { return int(x.state - y.state) })
		layers = append(layers, next)
	}
}

// product makes the automata. False if the budget is spent.
func (t *texts) product(b *budget) (*product, bool) {
	p := &product{t: t, b: b, ids: map[string]int32{}}
	var progs []*syntax.Prog
	add := func(prog *syntax.Prog, want bool) {
		progs, p.want = append(progs, prog), append(p.want, want)
	}
	for _, pat := range t.patterns {
		prog := pat.program()
		if prog == nil {
			b.overflow()
			return nil, false
		}
		add(prog, !pat.not)
	}
	for _, f := range t.formats {
		if f.Within != "" && (!f.not || f.Exact) {
			if f.within == nil {
				f.within = &Pattern{Source: f.Within}
			}
			if prog := f.within.program(); prog != nil {
				add(prog, !f.not)
			}
		}
	}
	apart := map[rune]bool{}
	for _, s := range t.not {
		for _, r := range s {
			apart[r] = true
		}
	}
	letters, ok := newAlphabet(progs, apart, b.use)
	if !ok {
		b.overflow()
		return nil, false
	}
	for _, prog := range progs {
		p.parts = append(p.parts, newAutomaton(prog, letters, b.use))
	}
	p.out, ok = newTrie(t.not, letters, b.use)
	return p, ok && !b.spent()
}

// parts0 is the alphabet, which all parts share.
func (p *product) parts0() *alphabet { return p.out.letters }

func (p *product) start() (int32, bool) {
	tuple := make([]int32, len(p.parts)+1)
	for i, a := range p.parts {
		tuple[i] = a.start()
	}
	return p.id(tuple)
}

// id finds or makes the state of a tuple. False if nothing good can follow.
func (p *product) id(tuple []int32) (int32, bool) {
	p.key = p.key[:0]
	for i, s := range tuple {
		if i < len(p.want) && s == matchedState && !p.want[i] {
			return 0, false // it matches for good what it must not match
		}
		p.key = binary.LittleEndian.AppendUint32(p.key, uint32(s))
	}
	if n, ok := p.ids[string(p.key)]; ok {
		return n, true
	}
	n := int32(len(p.tuple))
	p.ids[string(p.key)] = n
	p.tuple, p.next, p.entered = append(p.tuple, slices.Clone(tuple)), append(p.next, nil), append(p.entered, false)
	p.b.use(len(tuple))
	return n, true
}

// enter tells that all letters will be read in a state.
func (p *product) enter(state int32) {
	if p.entered[state] && p.next[state] == nil && p.b.use(len(p.parts0().runes)/8) {
		p.next[state] = make([]int32, len(p.parts0().runes))
	}
	p.entered[state] = true
}

func (p *product) step(from int32, letter int) (int32, bool) {
	known := p.next[from]
	if known != nil && known[letter] != 0 {
		return known[letter] - 1, known[letter] > 0
	}
	to, ok := p.read(from, letter)
	switch {
	case known == nil:
	case ok:
		known[letter] = to + 1
	default:
		known[letter] = -1
	}
	return to, ok
}

func (p *product) read(from int32, letter int) (int32, bool) {
	p.b.use(len(p.parts) / 4)
	at := p.tuple[from]
	p.tried = p.tried[:0]
	for i, a := range p.parts {
		p.tried = append(p.tried, a.step(at[i], letter))
	}
	p.tried = append(p.tried, p.out.step(at[len(p.parts)], letter))
	return p.id(p.tried)
}

func (p *product) accepts(state int32) bool {
	at := p.tuple[state]
	if p.out.ends[at[len(p.parts)]] {
		return false
	}
	for i, a := range p.parts {
		if a.accepts(at[i]) != p.want[i] {
			return false
		}
	}
	return true
}

// trie is an automaton for a finite number of texts. State 1 is that of all others.
type trie struct {
	letters *alphabet
	next    map[branch]int32
	ends    []bool
}

// branch is a letter that is read in a state of a trie.
type branch struct{ from, letter int32 }

// newTrie makes the trie of a list. False: that is more work than is allowed.
func newTrie(list []string, letters *alphabet, work func(int) bool) (*trie, bool) {
	t := &trie{letters: letters, next: map[branch]int32{}, ends: []bool{false, false}}
	for _, s := range list {
		if !work(1 + len(s)) {
			return nil, false
		}
		at := int32(0)
		for _, r := range s {
			b := branch{at, int32(letters.index(r))}
			to, ok := t.next[b]
			if !ok {
				to = int32(len(t.ends))
				t.next[b], t.ends = to, append(t.ends, false)
			}
			at = to
		}
		t.ends[at] = true
	}
	return t, true
}

func (t *trie) step(from int32, letter int) int32 {
	if to, ok := t.next[branch{from, int32(letter)}]; ok {
		return to
	}
	return 1
}

// maxProgram bounds the program of one pattern.
const maxProgram = 5_000

// program is the pattern's program, as package regexp compiles it; nil if there is none or
// it is too large.
func (p *Pattern) program() *syntax.Prog {
	if p.asked {
		return p.prog
	}
	p.asked = true
	tree, err := syntax.Parse(p.Source, syntax.Perl)
	if err != nil {
		return nil
	}
	if prog, err := syntax.Compile(tree.Simplify()); err == nil && len(prog.Inst) <= maxProgram {
		p.prog = prog
	}
	return p.prog
}
