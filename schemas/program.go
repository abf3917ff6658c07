package schemas

import (
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// node says what is checked of a value at a place, for all the schemas that apply there
// together: their types, bounds and members are merged, so that the bytes are read once.
// Nodes refer to each other as the schemas do, in circles where these are recursive.
// They are made once and not changed afterwards.
type node struct {
	// roots are the schemas that the node stands for. What fails is explained by them.
	roots []*jsonschema.Schema

	// By the kind of the value: nil or false if the kind is not allowed.
	null, yes, no bool
	text          *textNode
	number        *numberNode
	array         *arrayNode
	object        *objectNode

	// choices are what has to be decided between branches, after the rest.
	choices []choice
	// opaque are schemas that are left to the library whole: what they say is decided for
	// the value at hand, and not for the event.
	opaque []*jsonschema.Schema
	// dispatch leads to a node that decides without some of the choices; nil if there is none.
	dispatch *dispatch
	// plain: neither choices nor opaque.
	plain bool
	// anything: every well-formed value is good, and nothing in it is captured.
	anything bool
	// whole: what fails in an array or object changes what else fails, so that the library
	// explains all of it.
	whole bool
	slot  int // where the place of the value is kept, or -1
}

// textNode is what is checked of a string.
type textNode struct {
	any     bool // nothing
	lengths bool // only its length
	direct  matcher
	least   int // characters

	leastDirect int // bytes that surely are as many, in what direct takes

	most     int // characters; -1 for no bound
	literals []*literalSet
	patterns []*textPattern
	formats  []func(string) bool
}

// numberNode is what is checked of a number.
type numberNode struct {
	any     bool // nothing
	integer bool
	// whole numbers are good from low to high, if ranged.
	ranged    bool
	low, high int64
	// hard: there is something in it for which a number must be compared exactly; it is
	// left to the library.
	hard      bool
	bounds    []numberBound
	multiples []decimal
	values    [][]decimal // a number must be one of each list
}

// numberBound is a limit: the comparison with it must not be outside, nor equal if it excludes.
type numberBound struct {
	value    decimal
	outside  int // the sign of a comparison that is out of bounds
	excludes bool
}

// arrayNode is what is checked of an array.
type arrayNode struct {
	first       []*node // of the first items
	rest        *node   // of the others
	least, most int     // items; most is -1 for no bound
	unique      bool
	contains    []containing
	shallow     []*jsonschema.Schema // what is said of the number of items; to explain
	repeats     []*jsonschema.Schema // with nothing but uniqueItems; to explain
}

// containing is a contains with its bounds.
type containing struct {
	node        *node
	least, most int                // most is -1 for no bound
	only        *jsonschema.Schema // with nothing but contains; to explain
}

// objectNode is what is checked of an object.
type objectNode struct {
	props       []property
	names       nameTable
	order       int      // where the node's predictions begin in machine.next
	words       int      // of a set of properties
	required    []uint64 // a set of properties; nil if none are
	least, most int      // members; most is -1 for no bound
	closed      bool     // no other properties than props
	rest        *node    // of the other properties
	patterned   []patterned
	naming      []*node // of the names, as strings
	dependents  []dependent
	quick       bool                 // of props, 64 at most, nothing is asked but that their values are good
	indexed     bool                 // a choice looks at where the members are
	shallow     []*jsonschema.Schema // what is said of the names of members; to explain
}

// property is one that some schema at the place names.
type property struct {
	name      string
	quoted    spelling // with the quote after it and the colon
	node      *node
	forbidden bool
}

// patterned is one schema's view of members that are not in props: what its patterns say
// and, of a member that no pattern matches, what else it says.
type patterned struct {
	patterns []*textPattern
	nodes    []*node
	rest     *node // nil if members that no pattern matches are forbidden
}

// dependent is what must be there if a property is.
type dependent struct {
	property int
	required []int
}

// choiceKind says how the branches of a choice make up its verdict.
type choiceKind uint8

const (
	anyOf      choiceKind = iota
	oneOf                 // exactly one
	not                   // one branch, which must fail
	ifThenElse            // three branches
	ifPresent             // one branch, for objects that have a property: dependentSchemas
)

// choice is a decision between branches, which are judged apart.
type choice struct {
	kind     choiceKind
	branches []*node            // never nil
	name     string             // for ifPresent
	views    []*branchView      // of the branches, in the index of the node that has the choice
	property int                // name in that index
	only     *jsonschema.Schema // with nothing but this choice; to explain
}

// branchView is a branch as the index of an object's members shows it, which was made for the
// node that has the branch: the bytes of the object are not read again, but for those
// members of which the branch has something to say.
type branchView struct {
	node     *node
	whole    bool     // the branch cannot be judged so: read the object again
	required []int    // properties by their number in the index, here and below
	banned   []int    //
	probes   []probe  // the telling ones first
	allowed  []uint64 // if the branch is closed: a set of properties
	depends  []dependent
	choices  []choice // of the branch, with views in the same index
}

// probe is a member that a branch looks into.
type probe struct {
	property int
	node     *node
}
