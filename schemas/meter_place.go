package schemas

import (
	"maps"
	"math"
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
	entries int // of all counts together
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

	below atomic.Pointer[map[string]*costPlace] // by name
}

// Keys of below that no member has, since names are valid UTF-8.
const (
	otherMembers = "\xff"
	allItems     = "\xfe"
)

func newCostPlaces(s *Schema) *costPlaces {
	c := &costPlaces{schema: s, here: map[*jsonschema.Schema]counts{}}
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

// place makes the place at which the schemas of a list are applied.
func (c *costPlaces) place(list counts) *costPlace {
	p := &costPlace{all: counts{}, named: map[string]bool{}}
	for s, n := range list {
		p.all.add(c.closure(s), n)
	}
	if c.entries += len(p.all); c.entries >= maxPlaceEntries {
		return c.endless
	}
	for s, n := range p.all {
		p.take(c, s, n)
	}
	return p
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
	below := map[string]*costPlace{}
	if have := p.below.Load(); have != nil {
		if at := (*have)[key]; at != nil {
			return at
		}
		maps.Copy(below, *have)
	}
	list := counts{}
	for s, n := range p.all {
		m := memberKind{name: key, other: key == otherMembers}
		subs := appliedTo(s, m)
		if key == allItems {
			subs = appliedToItems(s)
		}
		for _, sub := range subs {
			list[sub] += n
		}
	}
	below[key] = c.place(list)
	p.below.Store(&below)
	return below[key]
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
