package schemas

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// costPlaces tell what the library would do at each place of a payload, while it is read:
// an upper bound of what the meter counts. A place is the schemas that apply to a value,
// with how often each of them is evaluated if every branch of every choice is. They are
// made when a payload first needs them. Safe for concurrent use.
type costPlaces struct {
	schema  *Schema
	mu      sync.Mutex // held by who makes a place
	here    map[*jsonschema.Schema]counts
	number  map[*jsonschema.Schema]uint32 // of the schemas, as they are met
	known   map[string]*costPlace         // by what is applied there, with how often
	entries int                           // of all maps together
	root    *costPlace
	endless *costPlace // the cost of what is too large to count
}

// counts say how often each schema is evaluated.
type counts map[*jsonschema.Schema]int

// maxCount is where counting ends: it costs more than is allowed.
const maxCount = 1 << 24

// maxPlaceEntries bounds the memory of the places of one schema. Beyond it a place costs
// more than is allowed, so that the library's own meter decides.
const maxPlaceEntries = 300_000

// costPlace is one place.
type costPlace struct {
	all        counts // with those that are applied by $ref, allOf and choices
	named      map[string]bool
	evaluation int // ticks of a value
	perLevel   int // and for each level that it is deep
	exponent   int // of a number with an exponent
	text       int // of a byte of a string
	object     int // of an object
	member     int // of a member of it
	name       int // of a byte of its name
	item       int // of an item of an array
	unique     int // how many schemas want items that are not equal

	below atomic.Pointer[map[string]*costPlace] // by name; what is in it stays as it is
	// Under the lock of the places: more of them by name, and how many of these were asked
	// for since below was made.
	more  map[string]*costPlace
	asked int
}

// Keys of below that no member has, since names are valid UTF-8.
const (
	otherMembers = "\xff"
	allItems     = "\xfe"
)

func newCostPlaces(s *Schema) *costPlaces {
	c := &costPlaces{schema: s, here: map[*jsonschema.Schema]counts{}, number: map[*jsonschema.Schema]uint32{}, known: map[string]*costPlace{}}
	c.endless = &costPlace{evaluation: math.MaxInt32}
	c.root = c.place(counts{s.root: 1})
	return c
}

// closure counts the schemas that evaluating s evaluates at the same place.
func (c *costPlaces) closure(s *jsonschema.Schema) counts {
	if have, ok := c.here[s]; ok {
		return have
	}
	all := counts{s: 1}
	c.here[s] = all
	lists := [][]*jsonschema.Schema{{s.Ref, s.Not, s.If, s.Then, s.Else}, s.AllOf, s.AnyOf, s.OneOf}
	for _, sub := range s.DependentSchemas {
		lists = append(lists, []*jsonschema.Schema{sub})
	}
	for _, dep := range s.Dependencies {
		lists = append(lists, asSchemas(dep))
	}
	for _, list := range lists {
		for _, sub := range list {
			if sub != nil && c.entries < maxPlaceEntries {
				all.add(c.closure(sub), 1)
			}
		}
	}
	c.entries += len(all)
	return all
}

// add adds what o counts, times over.
func (all counts) add(o counts, times int) {
	for s, n := range o {
		all[s] = min(all[s]+n*times, maxCount)
	}
}

// place finds or makes the place at which the schemas of a list are applied. Places where
// the same is applied are one, however many ways lead there.
func (c *costPlaces) place(list counts) *costPlace {
	key := c.key(list)
	if p := c.known[key]; p != nil {
		return p
	}
	p := &costPlace{all: counts{}, named: map[string]bool{}}
	for s, n := range list {
		p.all.add(c.closure(s), n)
	}
	for s, n := range p.all {
		p.take(c, s, n)
	}
	if c.entries += 1 + len(list) + len(p.all) + len(p.named); c.entries >= maxPlaceEntries {
		return c.endless
	}
	c.known[key] = p
	return p
}

// key names a list of schemas with how often each is applied.
func (c *costPlaces) key(list counts) string {
	numbers := make([]uint64, 0, len(list))
	for s, n := range list {
		id, ok := c.number[s]
		if !ok {
			id = uint32(len(c.number))
			c.number[s] = id
		}
		numbers = append(numbers, uint64(id)<<32|uint64(uint32(n)))
	}
	slices.Sort(numbers)
	b := make([]byte, 0, 8*len(numbers))
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return string(b)
}

// take adds what it costs to evaluate a schema n times, as meter.walk has it.
func (p *costPlace) take(c *costPlaces, s *jsonschema.Schema, n int) {
	p.evaluation += n * (evaluation*weight(s) + comparisons(s)*evaluation)
	p.exponent += n * comparisons(s) * evaluation * exponents
	p.perLevel += n * level
	p.text += n * c.text(s)
	p.object += n * perName * (len(s.Required) + demanded(s))
	p.member += n * c.schema.perMember
	p.item += n * c.schema.perMember
	if s.AdditionalProperties == false {
		p.member += n * evaluation
	}
	for re := range s.PatternProperties {
		p.name += n * programSize(re)
	}
	if names := namesSchema(s); names != nil {
		for sub, k := range c.closure(names) {
			p.member += n * k * (evaluation*weight(sub) + level*deepEvent)
			p.name += n * k * c.text(sub)
		}
	}
	if isUnique(s) {
		p.unique += n
	}
	for name := range s.Properties {
		p.named[name] = true
	}
}

// text is what a byte of a string costs.
func (c *costPlaces) text(s *jsonschema.Schema) (ticks int) {
	if s.Format != nil {
		ticks += perFormat
		if s.Format.Name == "regex" {
			ticks += perRegex
		}
	}
	if s.MinLength != nil || s.MaxLength != nil {
		ticks++
	}
	if s.Pattern != nil {
		ticks += programSize(s.Pattern)
	}
	return ticks
}

// child is the place of a member of that name.
func (p *costPlace) child(c *costPlaces, name []byte) *costPlace {
	if !p.named[string(name)] {
		return p.get(c, otherMembers)
	}
	if below := p.below.Load(); below != nil {
		if at := (*below)[string(name)]; at != nil {
			return at
		}
	}
	return p.get(c, string(name))
}

// get finds or makes what is below a place.
func (p *costPlace) get(c *costPlaces, key string) *costPlace {
	if below := p.below.Load(); below != nil {
		if at := (*below)[key]; at != nil {
			return at
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at := p.more[key]
	if at == nil {
		if at = p.made(c, key); c.entries >= maxPlaceEntries {
			return at
		}
		if p.more == nil {
			p.more = map[string]*costPlace{}
		}
		p.more[key] = at
		c.entries++
	}
	// All of them become readable without the lock when that costs no more than what was
	// asked for under it.
	if p.asked++; p.asked >= len(p.more) {
		all := maps.Clone(p.more)
		p.below.Store(&all)
		p.asked = 0
	}
	return at
}

// made makes the place of a key.
func (p *costPlace) made(c *costPlaces, key string) *costPlace {
	list := counts{}
	for s, n := range p.all {
		subs := appliedTo(s, memberKind{name: key, other: key == otherMembers})
		if key == allItems {
			subs = appliedToItems(s)
		}
		for _, sub := range subs {
			list[sub] = min(list[sub]+n, maxCount)
		}
	}
	return c.place(list)
}

// appliedToItems lists the schemas that s applies to some item.
func appliedToItems(s *jsonschema.Schema) (list []*jsonschema.Schema) {
	tuple, rest := itemSchemas(s)
	list = append(list, tuple...)
	for _, sub := range []*jsonschema.Schema{rest, s.Contains, s.UnevaluatedItems} {
		if sub != nil {
			list = append(list, sub)
		}
	}
	return list
}
