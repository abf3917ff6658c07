package schemas

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/jsonread"
)

// The checker is held against the schema library with random schemas and random payloads
// near the border between good and bad: the same verdict, the same reasons, the same number
// of more, and of a good payload the values that jsonread.Find finds.

// pairsVariable says how many pairs of a schema and a payload are judged: 50000000 takes
// hours. It needs -timeout 0.
const pairsVariable = "LAZARET_PAIRS"

// firstVariable says with which schema to begin: to go on, or to see one again.
const firstVariable = "LAZARET_FIRST"

const (
	ordinaryPairs    = 200_000 // of an ordinary run
	payloadsOfSchema = 160
	keptPayloads     = 48 // of a schema that are judged once more, by several goroutines at once
)

// tally counts what ran.
type tally struct {
	pairs, good, bad, malformed, broken, spans, unsure int
	schemas, uncompiled, opaqueSchemas                 int
	opaque                                             map[string]int
	refused                                            map[string]int // schemas and payloads that could not be judged, by why
	bytes, large, costly                               int
}

func (t *tally) add(o *tally) {
	t.pairs, t.good, t.bad, t.malformed, t.broken = t.pairs+o.pairs, t.good+o.good, t.bad+o.bad, t.malformed+o.malformed, t.broken+o.broken
	t.spans, t.unsure, t.bytes = t.spans+o.spans, t.unsure+o.unsure, t.bytes+o.bytes
	t.large, t.costly = t.large+o.large, t.costly+o.costly
	t.schemas, t.uncompiled, t.opaqueSchemas = t.schemas+o.schemas, t.uncompiled+o.uncompiled, t.opaqueSchemas+o.opaqueSchemas
	for k, n := range o.opaque {
		t.opaque[k] += n
	}
	for k, n := range o.refused {
		t.refused[k] += n
	}
}

func newTally() *tally { return &tally{opaque: map[string]int{}, refused: map[string]int{}} }

func (t *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d pairs of %d schemas (%d more did not compile): %d good, %d bad, %d not JSON, %d that neither could judge; %d MB, %d large, %d that cost too much; %d pointers",
		t.pairs, t.schemas, t.uncompiled, t.good, t.bad, t.malformed, t.broken, t.bytes>>20, t.large, t.costly, t.spans)
	fmt.Fprintf(&b, "\nschemas with a part that is left to the library: %d, and in them", t.opaqueSchemas)
	for _, k := range sortedKeys(t.opaque) {
		fmt.Fprintf(&b, " %s %d,", k, t.opaque[k])
	}
	fmt.Fprintf(&b, " with %d of the pairs", t.unsure)
	return b.String()
}

func TestDifferential(t *testing.T) {
	want, first, workers := ordinaryPairs/raceShare, uint64(0), 1
	if n, set := asked(t, pairsVariable); set {
		want, workers = n, runtime.GOMAXPROCS(0)
	}
	if n, set := asked(t, firstVariable); set {
		first = uint64(n)
	}
	total := runDifferential(t, want, first, workers)
	t.Log(total)
	for why, n := range total.refused {
		t.Logf("%d times: %s", n, why)
	}
	if total.pairs > 10_000 && (total.good < total.pairs/10 || total.bad < total.pairs/10 || total.malformed < total.pairs/50) {
		t.Error("the pairs are too one-sided to show anything")
	}
}

// runDifferential judges pairs until there are as many as wanted or a few differ.
func runDifferential(t *testing.T, want int, first uint64, workers int) *tally {
	var (
		total       = newTally()
		mu          sync.Mutex
		next        atomic.Uint64
		differences atomic.Int32
		group       sync.WaitGroup
		start       = time.Now()
		shown       int
	)
	next.Store(first)
	for range workers {
		group.Go(func() {
			for differences.Load() < 5 {
				mine := newTally()
				number := next.Add(1) - 1
				if problem := compareSchema(number, mine); problem != "" {
					differences.Add(1)
					t.Error(problem)
				}
				mu.Lock()
				total.add(mine)
				if million := total.pairs / 1_000_000; million > shown {
					shown = million
					fmt.Printf("%s: schema %d: %s\n", time.Since(start).Round(time.Second), number, total)
				}
				done := total.pairs >= want
				mu.Unlock()
				if done {
					return
				}
			}
		})
	}
	group.Wait()
	return total
}

// compared is one schema that is compared.
type compared struct {
	number   uint64
	document []byte
	schema   *Schema
	checker  *Checker
	pointers []string
	kept     []keptPair
	before   [][]byte // the payloads that were judged before
}

// keptPair is a payload with what the library said.
type keptPair struct {
	payload []byte
	want    Result
}

// compareSchema makes a schema and judges payloads with it. It says what differs: "" if
// nothing does.
func compareSchema(number uint64, count *tally) string {
	rng := rand.New(rand.NewPCG(number, 20240917))
	c := &compared{number: number, document: randomSchema(rng)}
	var opts Options
	if rng.IntN(8) == 0 {
		opts.Limits = jsonread.Limits{Depth: 1 + rng.IntN(4), NumberLength: 3 + rng.IntN(8), Exponent: 1 + rng.IntN(20), Values: 1 + rng.IntN(12)}
		if rng.IntN(3) == 0 {
			opts.Limits.Size = 5 + rng.IntN(80)
		}
	}
	var err error
	if c.schema, err = Compile(c.document, opts); err != nil {
		count.uncompiled++
		_, why, _ := strings.Cut(err.Error(), ": ")
		count.refused[why]++
		return ""
	}
	c.pointers = randomPointers(rng, c.schema)
	if c.checker, err = c.schema.Checker(c.pointers); err != nil {
		return c.say(nil, "the checker is not made: %v", err)
	}
	count.schemas++
	for k, n := range c.checker.opaque {
		count.opaque[k] += n
	}
	if len(c.checker.opaque) > 0 {
		count.opaqueSchemas++
	}
	if problem := c.payloads(rng, count); problem != "" {
		return problem
	}
	if number%100 == 0 {
		if problem := c.large(rng, count); problem != "" {
			return problem
		}
	}
	return c.atOnce()
}

// payloads judges payloads one after the other.
func (c *compared) payloads(rng *rand.Rand, count *tally) string {
	g := &instanceMaker{rng: rng, root: c.schema.root, words: wordsOf(c.document)}
	w := &treeWriter{rng: rng}
	spans := make([]Span, len(c.pointers))
	var seeds []*jsonTree
	for i := range payloadsOfSchema {
		if i%8 == 0 {
			seeds = append(seeds, g.make())
			if len(seeds) > 8 {
				seeds = seeds[1:]
			}
		}
		v := seeds[len(seeds)-1]
		if i%8 > 1 {
			v = pick(rng, seeds).clone()
			for range rng.IntN(4) {
				g.mutate(v)
			}
		}
		w.out, w.blanks, w.quotes = w.out[:0], pick(rng, []int{0, 0, 0, 3, 8}), pick(rng, []int{0, 0, 0, 2, 9})
		w.write(v)
		payload := bytes.Clone(w.out)
		if rng.IntN(8) == 0 {
			for range 1 + rng.IntN(2) {
				payload = damage(rng, payload)
			}
		}
		if problem := c.payload(payload, spans, count); problem != "" {
			return problem
		}
		c.before = append(c.before, payload)
	}
	return ""
}

// large judges payloads of many parts, of which the cost is counted.
func (c *compared) large(rng *rand.Rand, count *tally) string {
	g := &instanceMaker{rng: rng, root: c.schema.root, words: wordsOf(c.document)}
	spans := make([]Span, len(c.pointers))
	for range 4 {
		v := g.make()
		for range 3 {
			v.repeat(rng, pick(rng, []int{3, 30, 300}))
		}
		w := &treeWriter{rng: rng}
		if w.write(v); len(w.out) > 200_000 {
			continue
		}
		count.large++
		if problem := c.payload(w.out, spans, count); problem != "" {
			return problem
		}
	}
	return ""
}

// repeat makes an array or object in a value longer.
func (t *jsonTree) repeat(rng *rand.Rand, n int) {
	var all []*jsonTree
	t.each(func(t *jsonTree) {
		if len(t.items) > 0 {
			all = append(all, t)
		}
	})
	if len(all) == 0 {
		return
	}
	at := pick(rng, all)
	for i := range n {
		at.items = append(at.items, at.items[rng.IntN(len(at.items))])
		if at.kind == 'o' {
			at.names = append(at.names, fmt.Sprintf("%s%d", pick(rng, at.names[:1]), i))
		}
	}
}

// payload judges one payload.
func (c *compared) payload(payload []byte, spans []Span, count *tally) string {
	count.pairs++
	count.bytes += len(payload)
	want, wantErr := c.schema.reference(payload)
	got, err := c.judge(payload, spans)
	if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
		return c.say(payload, "error: the checker's is %v, the library's %v", err, wantErr)
	}
	if err != nil {
		count.refused[wantErr.Error()]++
		count.broken++
		return ""
	}
	if !reflect.DeepEqual(got, want) {
		return c.say(payload, "the checker: %v and %d more\nthe library: %v and %d more", got.Reasons, got.More, want.Reasons, want.More)
	}
	if len(c.kept) < keptPayloads {
		c.kept = append(c.kept, keptPair{payload, want})
	}
	if len(c.checker.opaque) > 0 {
		count.unsure++
	}
	switch {
	case len(want.Reasons) == 0:
		count.good++
	case strings.HasPrefix(string(want.Reasons[0].Code), "json."):
		count.malformed++
		return ""
	default:
		if want.Reasons[0].Code == lazaret.CodeSchemaCost {
			count.costly++
		}
		count.bad++
		return ""
	}
	count.spans += len(spans)
	if wrong := c.wrongSpan(payload, spans); wrong != "" {
		return c.say(payload, "%s", wrong)
	}
	return ""
}

// wrongSpan says which value of a good payload was not captured as it should be: "" if all
// were.
func (c *compared) wrongSpan(payload []byte, spans []Span) string {
	for i, pointer := range c.pointers {
		raw, found := jsonread.Find(payload, pointer)
		span := spans[i]
		same := span == Span{}
		if found {
			same = span.Start >= 0 && span.Start < span.End && span.End <= len(payload) && span.End-span.Start == len(raw) && &payload[span.Start] == &raw[0]
		}
		if !same {
			return fmt.Sprintf("%q is captured at %v, and is %q", pointer, span, raw)
		}
	}
	return ""
}

// judge asks the checker. A panic is a failure of it like any other.
func (c *compared) judge(payload []byte, spans []Span) (r Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return c.checker.Judge(payload, spans)
}

// atOnce judges payloads again, in several goroutines that share the checker.
func (c *compared) atOnce() string {
	if c.number%4 != 0 {
		return ""
	}
	found := make([]string, 3)
	var group sync.WaitGroup
	for k := range found {
		group.Go(func() {
			spans := make([]Span, len(c.pointers))
			for i := range c.kept {
				p := &c.kept[(i*(2*k+1)+k)%len(c.kept)]
				if got, err := c.judge(p.payload, spans); err != nil || !reflect.DeepEqual(got, p.want) {
					found[k] = c.say(p.payload, "at once with others, the checker: %v and %d more, %v\nthe library: %v and %d more", got.Reasons, got.More, err, p.want.Reasons, p.want.More)
				}
			}
		})
	}
	group.Wait()
	return strings.Join(found, "")
}

// say tells a difference, with the smallest schema and payload found that show one.
func (c *compared) say(payload []byte, format string, args ...any) string {
	said := fmt.Sprintf("schema %d (%s=%d, limits %+v), pointers %q\n%s\npayload\n%s\n%s", c.number, firstVariable, c.number, c.schema.limits, c.pointers, c.document, payload, fmt.Sprintf(format, args...))
	d := &difference{document: c.document, payload: payload, opts: Options{Limits: c.schema.limits}, pointers: c.pointers}
	if !d.findPrimer(c.before) {
		return said + "\n\nit does not show alone, nor after one other payload\n"
	}
	d.shrink()
	return said + fmt.Sprintf("\n\nsmallest found:\n%s\n%s\n%s\n", d.document, d.primer, d.payload)
}

// wordsOf are the names and strings in a schema.
func wordsOf(document []byte) (words []string) {
	value, bad := jsonread.Decode(document, jsonread.Limits{})
	if bad != nil {
		return nil
	}
	var gather func(v any)
	gather = func(v any) {
		switch v := v.(type) {
		case string:
			words = append(words, v)
		case []any:
			for _, item := range v {
				gather(item)
			}
		case map[string]any:
			for _, name := range sortedKeys(v) {
				if _, keyword := keywordShapes[name]; !keyword {
					words = append(words, name)
				}
				gather(v[name])
			}
		}
	}
	gather(value)
	slices.Sort(words)
	return slices.Compact(words)
}

// randomPointers are pointers to members, some of which the schema names.
func randomPointers(rng *rand.Rand, s *Schema) []string {
	g := &instanceMaker{rng: rng, root: s.root}
	var list []string
	for range rng.IntN(5) {
		pointer := ""
		v := g.make()
		for v != nil && (v.kind == 'o' && len(v.names) > 0 || rng.IntN(8) == 0) && rng.IntN(6) > 0 {
			if v.kind != 'o' || len(v.names) == 0 || rng.IntN(6) == 0 {
				pointer += jsonread.Pointer(pick(rng, allNames))
				break
			}
			k := rng.IntN(len(v.names))
			pointer += jsonread.Pointer(v.names[k])
			v = v.items[k]
		}
		if !slices.Contains(list, pointer) && !strings.ContainsAny(pointer, "0123456789") { // a number would lead into an array
			list = append(list, pointer)
		}
	}
	return list
}
