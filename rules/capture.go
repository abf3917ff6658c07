package rules

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/schemas"
)

// maxCaptures bounds the places that are looked for in each event. Of a set that reads
// more of them, the expressions that come last read the event as a whole.
const maxCaptures = 512

// captures are the places of the event that the expressions of a program read by names
// that are written out, as a tree. Each has a slot: its place in the list of pointers
// and, of an event, in the list of spans.
//
// What is on the way to a place is captured too: that a member is missing, and that what
// should have it is null or a text, are different failures.
type captures struct {
	root     place // the event itself, which has no slot
	pointers []string
}

// place is a place of the event. Below it are only members of objects.
type place struct {
	slot  int
	whole bool // all of the value is read
	below []named
}

type named struct {
	name string
	at   *place
}

// add makes sure that a place is captured as a whole. It is nil if there are too many.
func (c *captures) add(names []string) *place {
	at := &c.root
	pointer := ""
	for _, name := range names {
		pointer += "/" + escaper.Replace(name)
		next := at.member(name)
		if next == nil {
			if len(c.pointers) >= maxCaptures {
				return nil
			}
			next = &place{slot: len(c.pointers)}
			c.pointers = append(c.pointers, pointer)
			at.below = append(at.below, named{name, next})
		}
		at = next
	}
	at.whole = true
	return at
}

func (p *place) member(name string) *place {
	i := slices.IndexFunc(p.below, func(n named) bool { return n.name == name })
	if i < 0 {
		return nil
	}
	return p.below[i].at
}

// escaper writes a name as a token of a JSON Pointer.
var escaper = strings.NewReplacer("~", "~0", "/", "~1")

// memberNames are the steps of a chain up to the first that is not the name of a
// member, written out.
func memberNames(steps []ast.Node) []string {
	var names []string
	for _, s := range steps {
		name, ok := s.(*ast.StringNode)
		if !ok {
			break
		}
		names = append(names, name.Value)
	}
	return names
}

// unlimited is for payloads that were checked already.
var unlimited = jsonread.Limits{Depth: -1, NumberLength: -1, Exponent: -1, Values: -1}

// partial is the value at a place, raw, with no more in it than is captured below. To an
// expression that reads nothing else it is as good as the whole value.
func (p *place) partial(raw, payload []byte, spans []schemas.Span) (any, *jsonread.Error) {
	if p.whole || raw[0] != '{' {
		return decode(raw)
	}
	object := make(map[string]any, len(p.below))
	for _, n := range p.below {
		at := spans[n.at.slot]
		if at.End == 0 {
			continue
		}
		value, err := n.at.partial(payload[at.Start:at.End], payload, spans)
		if err != nil {
			return nil, err
		}
		object[n.name] = value
	}
	return object, nil
}

// decode makes of a well-formed text the value that expressions see.
func decode(raw []byte) (any, *jsonread.Error) {
	value, err := jsonread.Decode(raw, unlimited)
	if err != nil {
		return nil, err
	}
	return numbers(value), nil
}
