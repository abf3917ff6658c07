package contain

import (
	"math/big"
	"regexp/syntax"
)

// Node is a schema: a conjunction of what its fields assert. The zero value accepts
// everything. A field that is about one kind of value says nothing of the others.
type Node struct {
	// Where is where the schema stands, for doubts.
	Where string
	// Never refuses everything.
	Never bool
	// Types are the allowed kinds; 0 allows all.
	Types Types
	// Values, if it is not nil, lists the only values that are allowed.
	Values []any

	AllOf, AnyOf, OneOf []*Node
	Not, If, Then, Else *Node

	// Strings. Lengths are in code points; a maximum below 0 is none.
	MinLength, MaxLength int
	Pattern              *Pattern
	Format               *Format

	// Numbers. Bounds that are nil are none.
	Minimum, Maximum, ExclusiveMinimum, ExclusiveMaximum, MultipleOf *big.Rat

	// Arrays.
	Prefix                   []*Node
	Rest                     *Node // of the items beyond Prefix; nil allows all
	MinItems, MaxItems       int
	Unique                   bool
	Contains                 *Node
	MinContains, MaxContains int

	// Objects.
	Properties                   map[string]*Node
	Patterns                     []PatternProperty
	Additional                   *Node // of the properties in neither; nil allows all
	Names                        *Node // of the names themselves
	Required                     []string
	MinProperties, MaxProperties int
	Dependent                    []Dependent

	// Opaque, if it is not "", is a construct that the fields do not tell of. Accepts is
	// asked about single values then.
	Opaque  string
	Accepts func(v any) bool

	id     int                 // of all nodes that mean the same, once prepared
	names  []string            // of Properties, sorted
	keys   map[string]struct{} // of Values, when first needed and not few
	weight int                 // see weigh; 0 is not known
}

// NewNode returns a node that accepts everything, with no maximum.
func NewNode() *Node {
	return &Node{MaxLength: -1, MaxItems: -1, MaxProperties: -1, MinContains: 1, MaxContains: -1}
}

// PatternProperty is the schema of the properties whose name a pattern matches.
type PatternProperty struct {
	Pattern *Pattern
	Node    *Node
}

// Dependent is what holds if a property is there.
type Dependent struct {
	Name     string
	Required []string
	Node     *Node // of the whole object; may be nil
}

// Pattern is a regular expression, as package regexp understands it.
type Pattern struct {
	Source string
	Match  func(s string) bool

	asked bool         // whether prog was asked for
	prog  *syntax.Prog // see program
}

// Format is a set of strings of which single members can be asked for. What else is said of
// it has to be true of every string: answers rest on it.
type Format struct {
	Name  string
	Check func(s string) bool
	// Within is a pattern that every string of the format matches; "" is none.
	Within string
	// Exact says that every string that Within matches is of the format.
	Exact bool
	// Shortest and Longest bound the length of every string of the format, in code points;
	// Longest is 0 if nothing bounds it.
	Shortest, Longest int
	// Samples are some strings of the format.
	Samples []string
	// Sized, if it is not nil, makes a string of about a length that may be of the format.
	Sized func(length int) string
	// Part names formats that every string of this one is also of.
	Part []string

	within *Pattern // when first needed
}

// Types is a set of the types of JSON Schema.
type Types uint8

// The types. Integer is the part of Number that is whole.
const (
	Null Types = 1 << iota
	Boolean
	Number
	Integer
	String
	Array
	Object
)

// kinds are what a value is exactly one of.
var kinds = [...]Types{Null, Boolean, String, Number, Array, Object}

// allows says whether values of a kind may be of the types; for numbers also when only
// whole ones may.
func (n *Node) allows(kind Types) bool {
	return n.Types == 0 || n.Types&kind != 0 || kind == Number && n.Types&Integer != 0
}

// onlyIntegers says whether of numbers the types allow the whole ones alone.
func (n *Node) onlyIntegers() bool { return n.Types&Number == 0 && n.Types&Integer != 0 }

// children calls visit with the place of each schema that the node names.
func (n *Node) children(visit func(at **Node)) {
	for _, list := range [][]*Node{n.AllOf, n.AnyOf, n.OneOf, n.Prefix} {
		for i := range list {
			visit(&list[i])
		}
	}
	for _, at := range []**Node{&n.Not, &n.If, &n.Then, &n.Else, &n.Rest, &n.Contains, &n.Additional, &n.Names} {
		if *at != nil {
			visit(at)
		}
	}
	for _, name := range n.names {
		sub := n.Properties[name]
		visit(&sub)
		n.Properties[name] = sub
	}
	for i := range n.Patterns {
		visit(&n.Patterns[i].Node)
	}
	for i := range n.Dependent {
		if n.Dependent[i].Node != nil {
			visit(&n.Dependent[i].Node)
		}
	}
}
