package schemas

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"strings"
	"sync"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/jsonread"
)

// The checker is the fast way to a verdict: it reads a payload once, as bytes, and finds
// in one pass whether it is well-formed JSON within the limits, whether it is good for the
// schema, and where the values stand that rules and streams ask for. It accepts fast and
// explains slowly: what it accepts is good; of anything else the schema library says why.
//
//   - Of the schemas that apply to the same place, those that $ref and allOf bring in
//     among them, one node is made (build.go, build_object.go, program.go), so that a
//     place is read once however many schemas speak of it.
//   - The machine (machine.go, machine_object.go, machine_names.go, machine_text.go) runs
//     nodes over bytes. The name of a member is first compared with the one that followed
//     last time; the set of those that were seen finds what is missing and what is there
//     twice. Strings are scanned eight bytes at a time (scan_text.go), unless a matcher
//     for a pattern or format goes over their bytes itself (match_pattern.go,
//     match_format.go). Numbers are compared as decimals of 64 bits (scan_number.go).
//   - Of an object that unions, conditions or dependent schemas look at, an index is kept
//     of where its members begin. A branch is first held against the names that are
//     there and the values that tell branches apart; only what remains of the members
//     that it speaks of is read again.
//   - Where a look at a value says which branch it can be, by its kind or by a property,
//     the node and that branch are one node as well (build_dispatch.go).
//   - What no node can decide (unevaluatedProperties and the like) is left to the library
//     for that value alone.
//   - If the payload is bad, the machine reads it once more and collects: wherever
//     something fails, the library explains that one value, or that one keyword of it.
//
// Of a payload that might cost more than the meter allows, and of a bad one of which a
// tree of failures might take too much memory, the library decides as a whole: the verdict
// and its reasons are the same with the checker and without it.
type Checker struct {
	schema   *Schema
	root     *node
	skip     *node // reads a well-formed value
	find     *node // the same, and captures
	never    *node // reads nothing
	order    int   // size of machine.next
	slots    int
	maxDepth int

	maxNumber, maxExponent int

	maxBytes int                // of a payload that surely has no more values than allowed
	places   func() *costPlaces // made when first needed
	machines sync.Pool
	opaque   map[string]int
}

// Checker makes a checker that also finds the values at the given JSON Pointers, which
// lead through objects. It is immutable and safe for concurrent use.
func (s *Schema) Checker(pointers []string) (*Checker, error) {
	c := &Checker{schema: s, slots: len(pointers)}
	at, err := places(pointers)
	if err != nil {
		return nil, err
	}
	b := newBuilder()
	c.find = b.node(nil, at)
	c.root = b.program(s.root, at)
	c.skip, c.never, c.order, c.opaque = b.skip, b.never, b.next, b.opaque
	c.maxDepth = limitOr(s.limits.Depth, jsonread.DefaultDepth)
	c.maxNumber = limitOr(s.limits.NumberLength, jsonread.DefaultNumberLength)
	c.maxExponent = min(limitOr(s.limits.Exponent, jsonread.DefaultExponent), maxExponent)
	c.maxBytes = limitOr(s.limits.Size, math.MaxInt32)
	if values := limitOr(s.limits.Values, jsonread.DefaultValues); values < c.maxBytes/2 {
		c.maxBytes = 2 * values // each value takes a byte, and one that separates it
	}
	c.places = sync.OnceValue(func() *costPlaces { return newCostPlaces(s) })
	c.machines.New = func() any { return c.newMachine() }
	return c, nil
}

// limitOr is a limit as jsonread.Limits has it, with its default.
func limitOr(limit, otherwise int) int {
	switch {
	case limit == 0:
		return otherwise
	case limit < 0:
		return math.MaxInt
	default:
		return limit
	}
}

// places makes a tree of the pointers. It fails for a pointer that is none, and for one
// that is there twice.
func places(pointers []string) (*place, error) {
	if len(pointers) == 0 {
		return nil, nil
	}
	count := 0
	newPlace := func() *place {
		count++
		return &place{slot: -1, number: count, below: map[string]*place{}}
	}
	root := newPlace()
	for slot, pointer := range pointers {
		if pointer != "" && !strings.HasPrefix(pointer, "/") {
			return nil, fmt.Errorf("schemas: %q is not a JSON Pointer", pointer)
		}
		at := root
		for _, name := range tokens(pointer) {
			next := at.below[name]
			if next == nil {
				next = newPlace()
				at.below[name] = next
			}
			at = next
		}
		if at.slot >= 0 {
			return nil, fmt.Errorf("schemas: the pointer %q is there twice", pointer)
		}
		at.slot = slot
	}
	return root, nil
}

func (c *Checker) newMachine() *machine {
	m := &machine{checker: c, next: make([]uint16, c.order), spans: make([]Span, c.slots)}
	for i := range m.next {
		m.next[i] = math.MaxUint16
	}
	m.others.table.seed = maphash.MakeSeed()
	return m
}

// Judge says whether a payload is good and, if not, why. If it is good, spans, of which
// there must be as many as pointers, are filled with where the values stand; otherwise
// what is in them means nothing. An error means that we failed, never that the payload is
// bad.
func (c *Checker) Judge(payload []byte, spans []Span) (Result, error) {
	s := c.schema
	if s.whole || len(payload) > c.maxBytes {
		return c.byReference(payload, spans)
	}
	m := c.machines.Get().(*machine)
	defer func() {
		m.clear()
		c.machines.Put(m)
	}()
	m.start(payload, maxTicks)
	clear(m.spans)
	if m.run(c.root) && m.err == nil && m.ticks <= m.limit {
		copy(spans, m.spans)
		return Result{}, nil
	}
	if m.err == nil {
		m.clear()
		if result, ok := m.reasonsOf(payload); ok {
			return result, nil
		}
	}
	return c.byReference(payload, spans)
}

// Accepts says whether a payload is good, as far as the checker can tell by itself; then it
// fills spans as Judge does. It never asks the library, nor says why: false is no verdict.
func (c *Checker) Accepts(payload []byte, spans []Span) bool {
	if c.schema.whole || len(payload) > c.maxBytes {
		return false
	}
	m := c.machines.Get().(*machine)
	m.start(payload, maxTicks)
	clear(m.spans)
	good := m.run(c.root) && m.err == nil && m.ticks <= m.limit
	if good {
		copy(spans, m.spans)
	}
	m.clear()
	c.machines.Put(m)
	return good
}

// start begins with a payload. Its cost is counted if it is not sure from its size that it
// is no more than limit.
func (m *machine) start(payload []byte, limit int) {
	m.data, m.limit = payload, limit
	if !m.checker.schema.within(len(payload), limit) {
		m.mode, m.place = metering, m.checker.places().root
	}
}

// byReference leaves the verdict to the library.
func (c *Checker) byReference(payload []byte, spans []Span) (Result, error) {
	r, err := c.schema.reference(payload)
	if err != nil || len(r.Reasons) > 0 || len(spans) == 0 {
		return r, err
	}
	// It is good, so the rest is a matter of finding things.
	m := c.newMachine()
	m.data = payload
	m.run(c.find)
	copy(spans, m.spans)
	return r, m.err
}

// reasonsOf reads a payload that is bad and collects why. ok is false if it cannot tell, or
// must not for what it costs.
func (m *machine) reasonsOf(payload []byte) (r Result, ok bool) {
	m.start(payload, freeTicks)
	if m.mode&metering != 0 { // what fails is explained at once, so the cost has to be known before
		m.mode = 0
		if !m.run(m.checker.skip) {
			return m.malformed(payload)
		}
		if values := m.work + 1; !m.checker.schema.withinValues(values, len(payload), freeTicks) {
			m.clear()
			m.start(payload, freeTicks)
			if m.run(m.checker.skip); m.err != nil || m.ticks > freeTicks {
				return r, false
			}
		}
		m.clear()
		m.data = payload
	}
	m.mode |= collecting
	if !m.run(m.checker.root) {
		return m.malformed(payload)
	}
	if m.err != nil || len(m.reasons) == 0 {
		return r, false
	}
	r.Reasons, r.More = sortReasons(m.reasons)
	return r, true
}

// malformed is the result of a payload that is not well-formed; ok is false if it is.
func (m *machine) malformed(payload []byte) (r Result, ok bool) {
	bad := jsonread.Check(payload, m.checker.schema.limits)
	if bad == nil {
		return r, false
	}
	return Result{Reasons: []lazaret.Reason{bad.Reason()}}, true
}

// clear makes the machine ready for another payload.
func (m *machine) clear() {
	m.data, m.err, m.depth, m.mode = nil, nil, 0, 0
	m.ticks, m.place, m.unique = 0, nil, 0
	m.probing, m.work, m.steps = false, 0, 0
	m.seen, m.index, m.prints = m.seen[:0], m.index[:0], m.prints[:0]
	m.others.cut(0)
	m.others.table.reset()
	clear(m.path[:cap(m.path)])
	m.path = m.path[:0]
	m.reasons = nil
}

// decode makes a value of a part of a payload that is well-formed.
func (c *Checker) decode(raw []byte) (any, *jsonread.Error) {
	return jsonread.Decode(raw, c.schema.limits)
}

var errNoReason = errors.New("schemas: a failure without a reason")
