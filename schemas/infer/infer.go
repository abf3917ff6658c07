// Package infer makes a JSON Schema from samples.
//
// An Inference takes in values one at a time and keeps, for each place in them, what the
// schema will need: which types were there, in how many objects a member was, the range
// of numbers and of lengths, which formats all texts had, and the texts themselves while
// they are few. What it holds is bounded whatever comes, so that it can be shown millions
// of events of any shape; several of them, fed side by side, are merged into one.
//
// Every value that was taken in is valid under the schema that comes out. The schema says
// no more than what all the values have in common; where it generalises, it does so on
// what Options ask for, and Notes tell of it.
//
// Within the Bounds the schema depends on the values alone, and not on their order or on
// how they were spread over Inferences. Beyond them places are given up to stay within,
// and which ones may depend on the order.
package infer

import (
	"strings"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// Bounds are what an Inference holds at most. A field that is zero stands for its default.
type Bounds struct {
	// Places is how many places there are in all, a member's long name counted as several.
	// Beyond it the widest objects are taken for maps. Default 2,500, so that the schema
	// is one that package schemas compiles.
	Places int
	// Members is how many members one object has; one with more is taken for a map, of
	// which only what all its values have in common is kept. Default 1,000.
	Members int
	// Depth is how deep objects and arrays are looked into. Default 32.
	Depth int
	// Distinct is how many different texts are kept of one place. Default 64.
	Distinct int
	// JSON bounds one value.
	JSON jsonread.Limits
}

// maxDistinctText is how long a text is, in bytes, that may become a value of an enum.
const maxDistinctText = 64

// maxName is how long a member's name is, in bytes; an object with a longer one is a map.
const maxName = 256

func (b Bounds) filled() Bounds {
	or := func(v *int, def, most int) {
		if *v <= 0 {
			*v = def
		}
		*v = min(*v, most)
	}
	or(&b.Places, 2500, 2500)
	or(&b.Members, 1000, 1000)
	or(&b.Depth, 32, 40)
	or(&b.Distinct, 64, 1000)
	return b
}

// Inference is what is known of the values that one place takes: of the events of a
// stream, or of one field of them. It is for one goroutine.
type Inference struct {
	bounds Bounds
	root   *place
	places int  // weight of all places but the root; see weight
	stuck  bool // there is no place that could be given up while this value is read
	check  [formats]func(string) bool
}

// New makes an Inference that has seen nothing.
func New(b Bounds) *Inference {
	return &Inference{bounds: b.filled(), root: newPlace(""), check: formatChecks()}
}

// Add takes in a value: an event, or the value of a field if it is a field that is
// inferred. A text that is not well formed within the bounds changes nothing; the error
// is a *jsonread.Error, which holds no value.
func (n *Inference) Add(payload []byte) error {
	if err := jsonread.Check(payload, n.bounds.JSON); err != nil {
		return err
	}
	w := walk{inference: n, data: payload}
	w.value(w.space(0), n.root, 0)
	n.stuck = false
	n.fit()
	return nil
}

// Count is how many values were taken in.
func (n *Inference) Count() int64 { return int64(n.root.values) }

// Merge adds what another Inference has seen. The other is not changed.
func (n *Inference) Merge(other *Inference) {
	n.merge(n.root, other.root)
	n.fit()
}

// At returns a copy of what is known of one place: the member of objects, or the items of
// arrays if the token is "*", that a JSON Pointer leads to. ok is false if nothing is
// known of it. The copy goes its own way.
func (n *Inference) At(pointer string) (at *Inference, ok bool) {
	tokens, ok := jsonread.ParsePointer(pointer)
	p := n.root
	for _, token := range tokens {
		if p = p.child(token); p == nil {
			return nil, false
		}
	}
	if !ok {
		return nil, false
	}
	at = &Inference{bounds: n.bounds, root: newPlace(p.name), check: n.check}
	at.merge(at.root, p)
	return at, true
}

// child is the place that a pointer's token leads to, nil if there is none.
func (p *place) child(token string) *place {
	if m := p.members[token]; m != nil {
		return m
	}
	if p.rest != nil {
		return p.rest
	}
	if token == "*" || token != "" && strings.Trim(token, "0123456789") == "" {
		return p.items
	}
	return nil
}
