package rules

import (
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// predicates are the functions that run an expression once for each element.
var predicates = []string{"all", "none", "any", "one", "filter", "map", "count", "sum", "find", "findIndex", "findLast", "findLastIndex", "groupBy", "sortBy", "reduce"}

// methods are those of times, durations, months, weekdays and zones that depend on
// nothing but the value. Local is not one of them.
var methods = []string{
	"Year", "Month", "Day", "Hour", "Minute", "Second", "Nanosecond", "Weekday", "YearDay", "Date",
	"Unix", "UnixMilli", "UnixMicro", "UnixNano", "Before", "After", "Equal", "Compare", "Sub", "Add", "AddDate",
	"In", "UTC", "Format", "IsZero", "Truncate", "Round", "Hours", "Minutes", "Seconds", "Milliseconds",
	"Microseconds", "Nanoseconds", "Abs", "String",
}

// refused explains the functions of the language that rules do not have.
var refused = map[string]string{
	"now":    "now() is not available: a verdict must not depend on when it is given; meta.received is when the event arrived",
	"toJSON": "toJSON() is not available in rules",
}

// inspector goes once over a parsed expression, refuses what may cost too much or
// would make a verdict depend on something else than the event, and notes what the
// expression reads.
type inspector struct {
	functions []string // that may be called
	vars      []string // that let declares, innermost last
	depth     int      // predicates around this place
	nodes     int

	paths    []string // JSON Pointers into the event that are read
	captures *captures
	whole    bool // the event is read by more than the names of its members
	meta     uses // of meta
}

// walk returns the first problem at or below the node. Parts that the parser shares
// between nodes count each time, since everything after us visits them each time too.
func (in *inspector) walk(n ast.Node) *problem {
	if in.nodes++; in.nodes > MaxNodes {
		return problemAt(n.Location(), "more than 10,000 parts, counting what is repeated; split the rule")
	}
	switch n := n.(type) {
	case nil, *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode, *ast.PointerNode:
		return nil
	case *ast.IdentifierNode, *ast.MemberNode, *ast.ChainNode:
		return in.chain(n)
	case *ast.UnaryNode:
		return in.walk(n.Node)
	case *ast.BinaryNode:
		return in.binary(n)
	case *ast.SliceNode:
		return in.all(n.Node, n.From, n.To)
	case *ast.CallNode:
		return in.call(n)
	case *ast.BuiltinNode:
		return in.builtin(n)
	case *ast.PredicateNode:
		return in.walk(n.Node)
	case *ast.ConditionalNode:
		return in.all(n.Cond, n.Exp1, n.Exp2)
	case *ast.VariableDeclaratorNode:
		if p := in.walk(n.Value); p != nil {
			return p
		}
		in.vars = append(in.vars, n.Name)
		defer func() { in.vars = in.vars[:len(in.vars)-1] }()
		return in.walk(n.Expr)
	case *ast.SequenceNode:
		return in.all(n.Nodes...)
	case *ast.ArrayNode:
		return in.all(n.Nodes...)
	case *ast.MapNode:
		return in.all(n.Pairs...)
	case *ast.PairNode:
		return in.all(n.Key, n.Value)
	}
	return problemAt(n.Location(), "byte strings are not available in rules")
}

func (in *inspector) all(nodes ...ast.Node) *problem {
	for _, n := range nodes {
		if n == nil {
			continue
		}
		if p := in.walk(n); p != nil {
			return p
		}
	}
	return nil
}

// chain takes a name with the members that follow it.
func (in *inspector) chain(n ast.Node) *problem {
	var steps []ast.Node // from the last to the first
	root := n
	for more := true; more; {
		switch m := root.(type) {
		case *ast.MemberNode:
			steps = append(steps, m.Property)
			root = m.Node
		case *ast.ChainNode:
			root = m.Node
		default:
			more = false
		}
	}
	for _, step := range steps {
		if p := in.walk(step); p != nil {
			return p
		}
	}
	id, ok := root.(*ast.IdentifierNode)
	if !ok {
		return in.walk(root)
	}
	slices.Reverse(steps)
	switch {
	case slices.Contains(in.vars, id.Value):
	case id.Value == "event":
		in.reads(pointer(steps))
		if names := memberNames(steps); len(names) == 0 || in.captures.add(names) == nil {
			in.whole = true
		}
	case id.Value == "meta":
		return in.metaField(id, steps)
	case slices.Contains(in.functions, id.Value) || slices.Contains(predicates, id.Value):
		return problemAt(id.Location(), "%s is a function: write %s(…)", id.Value, id.Value)
	default:
		return problemAt(id.Location(), "unknown name %s%s", id.Value, suggest(id.Value, append([]string{"event", "meta"}, in.vars...)))
	}
	return nil
}

func (in *inspector) metaField(id *ast.IdentifierNode, steps []ast.Node) *problem {
	if len(steps) == 0 {
		return problemAt(id.Location(), "meta as a whole cannot be used: name one of its fields, %s", strings.Join(metaFields, ", "))
	}
	name, ok := steps[0].(*ast.StringNode)
	if !ok {
		return problemAt(steps[0].Location(), "the fields of meta are named, not computed")
	}
	if !slices.Contains(metaFields, name.Value) {
		return problemAt(name.Location(), "unknown field meta.%s%s", name.Value, suggest(name.Value, metaFields))
	}
	in.meta = in.meta.or(uses{any: true, headers: name.Value == "headers", ce: name.Value == "ce"})
	return nil
}

// pointer is the JSON Pointer of the steps as far as they are written out.
func pointer(steps []ast.Node) string {
	var b strings.Builder
	for _, s := range steps {
		switch s := s.(type) {
		case *ast.StringNode:
			b.WriteString("/" + escaper.Replace(s.Value))
			continue
		case *ast.IntegerNode:
			if s.Value >= 0 {
				b.WriteString("/" + strconv.Itoa(s.Value))
				continue
			}
		}
		break
	}
	return b.String()
}

func (in *inspector) reads(path string) {
	if !slices.Contains(in.paths, path) {
		in.paths = append(in.paths, path)
	}
}

func (in *inspector) binary(n *ast.BinaryNode) *problem {
	switch n.Operator {
	case "..":
		from, ok1 := literalInt(n.Left)
		to, ok2 := literalInt(n.Right)
		if !ok1 || !ok2 {
			return problemAt(n.Location(), "the bounds of a range must be whole numbers, written out")
		}
		if to-from > MaxRange || to < from {
			return problemAt(n.Location(), "a range goes up, and by at most 10,000")
		}
	case "matches":
		pattern, ok := n.Right.(*ast.StringNode)
		if !ok {
			return problemAt(n.Right.Location(), "the pattern of matches must be a text, written out")
		}
		if _, message := patternSize(pattern.Value); message != "" {
			return problemAt(n.Right.Location(), "%s", message)
		}
	case "/", "%":
		if v, ok := literalInt(n.Right); ok && v == 0 {
			return problemAt(n.Location(), "division by zero")
		}
	}
	return in.all(n.Left, n.Right)
}

// literalInt is the value of a whole number that is written out, with or without a sign.
// Numbers beyond 2^53 are none.
func literalInt(n ast.Node) (int, bool) {
	sign := 1
	if u, ok := n.(*ast.UnaryNode); ok && (u.Operator == "-" || u.Operator == "+") {
		if u.Operator == "-" {
			sign = -1
		}
		n = u.Node
	}
	i, ok := n.(*ast.IntegerNode)
	if !ok || i.Value > maxExact || i.Value < -maxExact {
		return 0, false
	}
	return sign * i.Value, true
}

// maxPattern bounds the instructions of a compiled pattern.
const maxPattern = 5_000

// patternSize estimates the instructions of a pattern without expanding it; the
// message says what is wrong with the pattern, if anything is.
func patternSize(pattern string) (size int, message string) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, "the pattern is not one of RE2: " + err.Error()
	}
	if size = instructions(re); size > maxPattern {
		return 0, "the pattern is too large: its repetitions multiply to more than 5,000 steps"
	}
	return size, ""
}

func instructions(re *syntax.Regexp) int {
	size := 1
	switch re.Op {
	case syntax.OpLiteral:
		size = len(re.Rune)
	case syntax.OpCharClass:
		size = 1 + len(re.Rune)/8
	}
	for _, sub := range re.Sub {
		size += instructions(sub)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(re.Min, re.Max, 1)
	}
	return min(size, maxPattern+1)
}

func (in *inspector) call(n *ast.CallNode) *problem {
	switch callee := n.Callee.(type) {
	case *ast.IdentifierNode:
		if why, ok := refused[callee.Value]; ok {
			return problemAt(callee.Location(), "%s", why)
		}
		if !slices.Contains(in.functions, callee.Value) {
			return problemAt(callee.Location(), "unknown function %s%s", callee.Value, suggest(callee.Value, append(slices.Clone(in.functions), predicates...)))
		}
		return in.all(n.Arguments...)
	case *ast.MemberNode:
		name, ok := callee.Property.(*ast.StringNode)
		if ok && slices.Contains(methods, name.Value) {
			return in.all(append([]ast.Node{callee.Node}, n.Arguments...)...)
		}
		if ok {
			return problemAt(name.Location(), "unknown method %s%s", name.Value, suggest(name.Value, methods))
		}
	}
	return problemAt(n.Location(), "only functions and methods that are named can be called")
}

func (in *inspector) builtin(n *ast.BuiltinNode) *problem {
	if !slices.Contains(predicates, n.Name) {
		return in.all(n.Arguments...)
	}
	for i, arg := range n.Arguments {
		_, inside := arg.(*ast.PredicateNode)
		if inside && i == 1 {
			if in.depth++; in.depth > MaxPredicates {
				return problemAt(n.Location(), "predicates within predicates within predicates: at most two levels, since each multiplies the time")
			}
		}
		p := in.walk(arg)
		if inside && i == 1 {
			in.depth--
		}
		if p != nil {
			return p
		}
	}
	return nil
}
