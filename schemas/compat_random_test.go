package schemas

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// Compare is held against random pairs of schemas: a random schema, and what random edits
// make of it or another one. Where it says "compatible", events that the one schema accepts
// are generated and judged by the other; where it says "incompatible", its witness is
// judged by both with the schema library.

// comparisonsVariable says how many events are to be put to "compatible" answers.
const comparisonsVariable = "LAZARET_COMPARED_EVENTS"

const (
	ordinaryAttacks = 150_000
	attacksOfPair   = 120
)

// comparedPairs counts what was compared.
type comparedPairs struct {
	pairs, compatible, incompatible, unknown int
	events, accepted                         int // put to "compatible"; of them accepted by the schema that is contained
	doubts                                   map[string]int
	slowest                                  time.Duration
}

func (c *comparedPairs) add(o *comparedPairs) {
	c.pairs, c.compatible, c.incompatible, c.unknown = c.pairs+o.pairs, c.compatible+o.compatible, c.incompatible+o.incompatible, c.unknown+o.unknown
	c.events, c.accepted = c.events+o.events, c.accepted+o.accepted
	for k, n := range o.doubts {
		c.doubts[k] += n
	}
	c.slowest = max(c.slowest, o.slowest)
}

func (c *comparedPairs) String() string {
	return fmt.Sprintf("%d questions: %d compatible, %d incompatible, %d unknown %v; %d events put to compatible answers, %d of them accepted by the contained schema; slowest question %s",
		c.pairs, c.compatible, c.incompatible, c.unknown, c.doubts, c.events, c.accepted, c.slowest)
}

// "Compatible" holds for every event that is found, and every witness is one.
func TestCompareIsSound(t *testing.T) {
	want, first, workers := ordinaryAttacks/raceShare, uint64(0), 1
	if n, set := asked(t, comparisonsVariable); set {
		want, workers = n, runtime.GOMAXPROCS(0)
	}
	if n, set := asked(t, firstVariable); set {
		first = uint64(n)
	}
	total := &comparedPairs{doubts: map[string]int{}}
	var (
		mu    sync.Mutex
		next  atomic.Uint64
		wrong atomic.Int32
		group sync.WaitGroup
	)
	next.Store(first)
	for range workers {
		group.Go(func() {
			for wrong.Load() < 5 {
				mine := &comparedPairs{doubts: map[string]int{}}
				if problem := comparePair(next.Add(1)-1, mine); problem != "" {
					wrong.Add(1)
					t.Error(problem)
				}
				mu.Lock()
				total.add(mine)
				done := total.events >= want
				if total.events/1_000_000 > (total.events-mine.events)/1_000_000 {
					fmt.Println(total)
				}
				mu.Unlock()
				if done {
					return
				}
			}
		})
	}
	group.Wait()
	t.Log(total)
	if total.compatible < total.pairs/20 || total.incompatible < total.pairs/20 || total.accepted < total.events/20 {
		t.Error("the pairs are too one-sided to show anything")
	}
}

// comparePair compares one pair both ways. It says what is wrong: "" if nothing is.
func comparePair(number uint64, count *comparedPairs) string {
	rng := rand.New(rand.NewPCG(number, 20261121))
	one := randomSchema(rng)
	other := randomSchema(rng)
	if rng.IntN(8) > 0 {
		other = editedSchema(rng, one, other)
	}
	a, err := Compile(one, Options{})
	if err != nil {
		return ""
	}
	b, err := Compile(other, Options{})
	if err != nil {
		return ""
	}
	for _, q := range []*question{{accepts: a, refuses: b, direction: Backward, steps: maxSteps}, {accepts: b, refuses: a, direction: Forward, steps: maxSteps}} {
		var c Comparison
		start := time.Now()
		q.ask(&c)
		count.slowest = max(count.slowest, time.Since(start))
		count.pairs++
		if problem := q.check(rng, &c, count); problem != "" {
			return fmt.Sprintf("pair %d (%s=%d), %s: %s\nold %s\nnew %s", number, firstVariable, number, q.direction, problem, one, other)
		}
	}
	return ""
}

func (q *question) check(rng *rand.Rand, c *Comparison, count *comparedPairs) string {
	switch {
	case len(c.Breaks) > 0:
		count.incompatible++
		for _, b := range c.Breaks {
			if !good(q.accepts, b.Witness) || good(q.refuses, b.Witness) {
				return fmt.Sprintf("%s is no witness", b.Witness)
			}
		}
	case len(c.Doubts) > 0:
		count.unknown++
		for _, d := range c.Doubts {
			if d.Construct == "witness" {
				return "the library does not agree with the algebra"
			}
			count.doubts[d.Construct]++
		}
	default:
		count.compatible++
		return q.attack(rng, count)
	}
	return ""
}

func good(s *Schema, payload []byte) bool {
	r, err := s.reference(payload)
	return err == nil && len(r.Reasons) == 0
}

// attack looks for an event that is accepted although it should not be: near to events of
// either schema.
func (q *question) attack(rng *rand.Rand, count *comparedPairs) string {
	var makers []*instanceMaker
	for _, s := range []*Schema{q.accepts, q.accepts, q.refuses} {
		makers = append(makers, &instanceMaker{rng: rng, root: s.root, words: slices.Concat(q.accepts.words(), q.refuses.words())})
	}
	w := &treeWriter{rng: rng}
	var seeds []*jsonTree
	for i := range attacksOfPair {
		g := makers[i%len(makers)]
		v := g.make()
		seeds = append(seeds, v)
		if i%3 == 1 {
			v = pick(rng, seeds).clone()
			for range 1 + rng.IntN(3) {
				g.mutate(v)
			}
		}
		w.out = w.out[:0]
		w.write(v)
		count.events++
		first, err := q.accepts.Judge(w.out)
		if err != nil || len(first.Reasons) > 0 {
			continue
		}
		count.accepted++
		if second, err := q.refuses.Judge(w.out); err == nil && len(second.Reasons) > 0 && good(q.accepts, w.out) && second.Reasons[0].Code != "schema.cost" {
			return fmt.Sprintf("said to be compatible, but for %s: %v", w.out, second.Reasons)
		}
	}
	return ""
}

func (s *Schema) words() []string { return wordsOf(s.source.documents[rootURL].data) }

// The nodes that are compared accept what the schema library accepts.
func TestNodesAreTheLibrarys(t *testing.T) {
	judged := 0
	for number := range uint64(3_000 / raceShare) {
		rng := rand.New(rand.NewPCG(number, 7))
		document := randomSchema(rng)
		s, err := Compile(document, Options{})
		if err != nil {
			continue
		}
		n := s.nodes().root
		g := &instanceMaker{rng: rng, root: s.root, words: s.words()}
		w := &treeWriter{rng: rng}
		for range 20 {
			v := g.make()
			if rng.IntN(2) == 0 {
				g.mutate(v)
			}
			w.out = w.out[:0]
			w.write(v)
			value, bad := jsonread.Decode(w.out, jsonread.Limits{})
			if bad != nil {
				continue
			}
			judged++
			verr, err := validate(s.root, value)
			if err == nil && n.Holds(value) != (verr == nil) {
				t.Fatalf("schema %d %s: the library says %v of %s", number, document, verr, w.out)
			}
		}
	}
	t.Log(judged, "events judged")
	if judged < 1_000 {
		t.Error("too few")
	}
}

// editedSchema makes some edits to a schema document; other is what new parts are taken from.
func editedSchema(rng *rand.Rand, document, other []byte) []byte {
	value, _ := jsonread.Decode(document, jsonread.Limits{})
	from, _ := jsonread.Decode(other, jsonread.Limits{})
	e := &schemaEditor{rng: rng}
	e.gather(from)
	e.parts, e.all = e.all, nil
	for range 1 + rng.IntN(3) {
		e.all = nil
		e.gather(value)
		if len(e.all) > 0 {
			e.edit(pick(rng, e.all))
		}
	}
	data, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return data
}

// schemaEditor changes schemas as people do, and as they do not.
type schemaEditor struct {
	rng        *rand.Rand
	all, parts []object
}

// part is a schema of the other document.
func (e *schemaEditor) part() object { return copied(pick(e.rng, e.parts)).(object) }

func copied(v any) any {
	switch v := v.(type) {
	case object:
		c := make(object, len(v))
		for k, w := range v {
			c[k] = copied(w)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, w := range v {
			c[i] = copied(w)
		}
		return c
	}
	return v
}

// gather lists the schemas of a document that are objects.
func (e *schemaEditor) gather(v any) {
	obj, ok := v.(object)
	if !ok {
		return
	}
	e.all = append(e.all, obj)
	for _, key := range sortedKeys(obj) {
		switch keywordShapes[key] {
		case holdsMap:
			if m, ok := obj[key].(object); ok {
				for _, name := range sortedKeys(m) {
					e.gather(m[name])
				}
			}
		case holdsOne:
			if list, ok := obj[key].([]any); ok {
				for _, sub := range list {
					e.gather(sub)
				}
			} else {
				e.gather(obj[key])
			}
		}
	}
}

func (e *schemaEditor) edit(s object) {
	keys := slices.DeleteFunc(sortedKeys(s), func(k string) bool { return strings.HasPrefix(k, "$") || k == "definitions" })
	if len(keys) == 0 || e.rng.IntN(6) == 0 {
		if len(e.parts) > 0 { // a keyword more
			part := pick(e.rng, e.parts)
			if more := slices.DeleteFunc(sortedKeys(part), func(k string) bool { return strings.HasPrefix(k, "$") || k == "definitions" }); len(more) > 0 {
				key := pick(e.rng, more)
				s[key] = copied(part[key])
			}
		}
		return
	}
	key := pick(e.rng, keys)
	switch v := s[key].(type) {
	case json.Number:
		s[key] = e.number(v)
	case []any:
		s[key] = e.list(v)
	case object:
		if keywordShapes[key] == holdsMap && len(v) > 0 {
			name := pick(e.rng, sortedKeys(v))
			if e.rng.IntN(2) == 0 || len(e.parts) == 0 {
				delete(v, name)
			} else {
				v[pick(e.rng, allNames)] = e.part()
			}
			return
		}
		e.wrap(s, key, v)
	case bool:
		s[key] = !v
	default:
		delete(s, key)
	}
}

// wrap changes the form of a schema, and its meaning only now and then.
func (e *schemaEditor) wrap(s object, key string, v object) {
	switch e.rng.IntN(6) {
	case 0:
		delete(s, key)
	case 1:
		s[key] = object{"allOf": []any{v}}
	case 2:
		s[key] = object{"anyOf": []any{v, false}}
	case 3:
		s[key] = object{"not": object{"not": v}}
	case 4:
		s[key] = e.rng.IntN(2) == 0
	default:
		if len(e.parts) > 0 {
			s[key] = object{"anyOf": []any{v, e.part()}}
		}
	}
}

func (e *schemaEditor) number(n json.Number) any {
	if e.rng.IntN(4) == 0 {
		return n
	}
	if i, err := strconv.Atoi(n.String()); err == nil && i >= 0 {
		return json.Number(strconv.Itoa(max(0, i+pick(e.rng, []int{-1, 1, 1, 2, 5}))))
	}
	return n
}

func (e *schemaEditor) list(list []any) []any {
	if len(list) > 1 && e.rng.IntN(2) == 0 {
		i := e.rng.IntN(len(list))
		return slices.Delete(slices.Clone(list), i, i+1)
	}
	out := slices.Clone(list)
	if len(list) == 0 {
		return out
	}
	switch first := list[0].(type) {
	case string:
		return append(out, pick(e.rng, []any{"null", "number", "string", "a", "b"}))
	case object:
		if len(e.parts) > 0 {
			return append(out, e.part())
		}
	case json.Number:
		return append(out, e.number(first))
	}
	return out
}

// FuzzCompare does the same for the pairs that the fuzzer picks.
func FuzzCompare(f *testing.F) {
	for number := range uint64(8) {
		f.Add(number)
	}
	f.Fuzz(func(t *testing.T, number uint64) {
		if problem := comparePair(number, &comparedPairs{doubts: map[string]int{}}); problem != "" {
			t.Fatal(problem)
		}
	})
}
