package contain

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"unicode"
)

// automaton runs the program that package regexp runs, as a deterministic automaton whose
// states are made when they are first needed (the subset construction of Rabin and Scott,
// 1959). It answers what regexp.MatchString answers: it searches, so that a match anywhere
// is one, and what follows a match does not matter.
type automaton struct {
	prog   *syntax.Prog
	letter *alphabet
	states []automatonState
	byKey  map[string]int32
	work   func(n int) bool // is told of the steps that are done; false if they were too many

	stack []uint32
	on    []uint32 // by instruction: the turn of follow that met it last
	turn  uint32
}

type automatonState struct {
	pcs  []uint32 // where the program stands, before empty-width conditions
	prev rune     // a letter of the class that was read last; -1 at the beginning
	// What is known of it.
	matched bool    // whatever follows, the text matches
	end     int8    // whether the text matches if it ends here: 0 not known, 1 yes, -1 no
	next    []int32 // by letter; 0 not known
}

// matchedState is the state of texts that match, whatever follows.
const matchedState = 1

func newAutomaton(prog *syntax.Prog, letters *alphabet, work func(int) bool) *automaton {
	work(1 + len(prog.Inst)/16)
	a := &automaton{prog: prog, letter: letters, byKey: map[string]int32{}, work: work, on: make([]uint32, len(prog.Inst))}
	a.states = []automatonState{{}, {matched: true, end: 1}} // 0 is no state
	return a
}

func (a *automaton) start() int32 { return a.state([]uint32{uint32(a.prog.Start)}, -1) }

// state finds or makes the state of a set of places.
func (a *automaton) state(pcs []uint32, prev rune) int32 {
	key := make([]byte, 0, 4*len(pcs)+1)
	for _, pc := range pcs {
		key = binary.LittleEndian.AppendUint32(key, pc)
	}
	switch {
	case prev < 0:
		key = append(key, 0)
	case prev == '\n':
		key = append(key, 1)
	case syntax.IsWordChar(prev):
		key = append(key, 2)
	default:
		key = append(key, 3)
	}
	if n, ok := a.byKey[string(key)]; ok {
		return n
	}
	n := int32(len(a.states))
	a.byKey[string(key)] = n
	a.states = append(a.states, automatonState{pcs: pcs, prev: prev})
	return n
}

// follow returns the instructions that read a letter, after all that read none, and
// whether the program matches on the way.
func (a *automaton) follow(pcs []uint32, context syntax.EmptyOp) (reads []uint32, matched bool) {
	a.stack = append(a.stack[:0], pcs...)
	a.turn++ // no budget allows so many that it comes round
	for len(a.stack) > 0 {
		pc := a.stack[len(a.stack)-1]
		a.stack = a.stack[:len(a.stack)-1]
		if a.on[pc] == a.turn {
			continue
		}
		a.on[pc] = a.turn
		a.work(1)
		switch in := &a.prog.Inst[pc]; in.Op {
		case syntax.InstMatch:
			return nil, true
		case syntax.InstAlt, syntax.InstAltMatch:
			a.stack = append(a.stack, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			a.stack = append(a.stack, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^context == 0 {
				a.stack = append(a.stack, in.Out)
			}
		case syntax.InstFail:
		default:
			reads = append(reads, pc)
		}
	}
	return reads, false
}

// step reads a letter.
func (a *automaton) step(from int32, letter int) int32 {
	if s := &a.states[from]; s.matched {
		return from
	} else if s.next == nil {
		a.work(1 + len(a.letter.runes)/16)
		s.next = make([]int32, len(a.letter.runes))
	} else if s.next[letter] != 0 {
		return s.next[letter]
	}
	r := a.letter.runes[letter]
	reads, matched := a.follow(a.states[from].pcs, syntax.EmptyOpContext(a.states[from].prev, r))
	to := int32(matchedState)
	if !matched {
		next := []uint32{uint32(a.prog.Start)}
		for _, pc := range reads {
			if in := &a.prog.Inst[pc]; in.MatchRune(r) {
				next = append(next, in.Out)
			}
		}
		slices.Sort(next)
		to = a.state(slices.Compact(next), r)
	}
	a.states[from].next[letter] = to
	return to
}

// accepts says whether a text that ends here matches.
func (a *automaton) accepts(at int32) bool {
	s := &a.states[at]
	if s.end == 0 {
		s.end = -1
		if _, matched := a.follow(s.pcs, syntax.EmptyOpContext(s.prev, -1)); matched {
			a.states[at].end = 1
		}
	}
	return a.states[at].end > 0
}

// alphabet is Unicode without surrogates, folded to one letter of each class of letters
// that no program can tell apart.
type alphabet struct {
	runes []rune
	at    map[rune]int // the index of each
}

// maxLetters bounds an alphabet: with more classes automata become too large to look at.
const maxLetters = 2_000

// newAlphabet makes the alphabet for some programs, and the letters of texts that are to be
// told apart from all others. False if there are too many classes, or if that is more work
// than is allowed.
func newAlphabet(progs []*syntax.Prog, apart map[rune]bool, work func(int) bool) (*alphabet, bool) {
	readers, ok := readersOf(progs, work)
	if !ok || !work(len(apart)) {
		return nil, false
	}
	a := &alphabet{at: map[rune]int{}}
	byKind := map[string]int{}
	key := make([]byte, 0, len(readers)+4)
	cuts := cutsOf(readers, apart)
	for i, lo := range cuts {
		if lo > unicode.MaxRune || lo >= 0xD800 && lo < 0xE000 {
			continue
		}
		hi := rune(unicode.MaxRune)
		if i+1 < len(cuts) {
			hi = cuts[i+1] - 1
		}
		if !work(1 + len(readers)/4) {
			return nil, false
		}
		key = appendKind(key[:0], lo, apart[lo])
		for _, in := range readers {
			if in.MatchRune(lo) {
				key = append(key, 1)
			} else {
				key = append(key, 0)
			}
		}
		r := readable(lo, hi)
		if n, ok := byKind[string(key)]; !ok {
			byKind[string(key)] = len(a.runes)
			a.runes = append(a.runes, r)
		} else if taste(r) < taste(a.runes[n]) {
			a.runes[n] = r
		}
		if len(a.runes) > maxLetters {
			return nil, false
		}
	}
	slices.SortStableFunc(a.runes, func(x, y rune) int { return taste(x) - taste(y) })
	for i, r := range a.runes {
		a.at[r] = i
	}
	return a, true
}

// appendKind writes what empty-width conditions tell letters apart by, or the letter itself
// if it is told apart from all others.
func appendKind(key []byte, r rune, apart bool) []byte {
	switch {
	case apart:
		return binary.LittleEndian.AppendUint32(key, uint32(r))
	case r == '\n':
		return append(key, 1)
	case syntax.IsWordChar(r):
		return append(key, 2)
	}
	return append(key, 3)
}

// readersOf lists the instructions that read a letter, one of each kind. A repetition has
// many that share their ranges: those are looked at once. False if that is more work than is
// allowed.
func readersOf(progs []*syntax.Prog, work func(int) bool) (readers []*syntax.Inst, ok bool) {
	type ranges struct {
		first  *rune
		length int
		arg    uint32 // whether case is folded
	}
	seen, kinds := map[ranges]bool{}, map[string]bool{}
	for _, p := range progs {
		if !work(1 + len(p.Inst)/8) {
			return nil, false
		}
		for i := range p.Inst {
			in := &p.Inst[i]
			if in.Op != syntax.InstRune && in.Op != syntax.InstRune1 || len(in.Rune) == 0 {
				continue
			}
			shared := ranges{&in.Rune[0], len(in.Rune), in.Arg}
			if seen[shared] {
				continue
			}
			seen[shared] = true
			if !work(1 + len(in.Rune)/4) {
				return nil, false
			}
			key := binary.LittleEndian.AppendUint32(make([]byte, 0, 4*len(in.Rune)+4), in.Arg)
			for _, r := range in.Rune {
				key = binary.LittleEndian.AppendUint32(key, uint32(r))
			}
			if !kinds[string(key)] {
				kinds[string(key)] = true
				readers = append(readers, in)
			}
		}
	}
	return readers, true
}

// cutsOf lists, sorted, the letters at which what an instruction reads may change.
func cutsOf(readers []*syntax.Inst, apart map[rune]bool) []rune {
	cuts := []rune{0, '\n', '\n' + 1, '0', '9' + 1, 'A', 'Z' + 1, '_', '_' + 1, 'a', 'z' + 1, 0xD800, 0xE000}
	cut := func(lo, hi rune) { cuts = append(cuts, lo, hi+1) }
	for _, in := range readers {
		if len(in.Rune) == 1 {
			cut(in.Rune[0], in.Rune[0])
			for r := unicode.SimpleFold(in.Rune[0]); r != in.Rune[0]; r = unicode.SimpleFold(r) {
				cut(r, r)
			}
		}
		for k := 0; k+1 < len(in.Rune); k += 2 {
			cut(in.Rune[k], in.Rune[k+1])
		}
	}
	for r := range apart {
		cut(r, r)
	}
	slices.Sort(cuts)
	return slices.Compact(cuts)
}

// index is the letter that a rune which is told apart is.
func (a *alphabet) index(r rune) int {
	if i, ok := a.at[r]; ok {
		return i
	}
	return -1
}

// readable picks the letter of an interval that a person likes to see most.
func readable(lo, hi rune) rune {
	for _, r := range "a0A-_. !éü" {
		if lo <= r && r <= hi {
			return r
		}
	}
	return lo
}

// taste orders letters by how readable they are.
func taste(r rune) int {
	switch {
	case r >= 'a' && r <= 'z':
		return int(r - 'a')
	case r >= '0' && r <= '9':
		return 100 + int(r-'0')
	case r >= 'A' && r <= 'Z':
		return 200 + int(r-'A')
	case r > ' ' && r < 0x7F:
		return 300 + int(r)
	case r == ' ':
		return 500
	case r > 0xA0:
		return 600 + int(r)
	}
	return 2_000_000 + int(r)
}
