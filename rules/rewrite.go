package rules

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// rewriter replaces, in an expression that was inspected, what is not safe to run: the
// operators and functions of the language that overflow silently, and everything whose
// cost grows with the event, around which it puts functions that count.
//
// The parser shares some nodes between parents; done keeps what became of each.
type rewriter struct {
	depth int
	done  map[ast.Node]ast.Node
}

// free are the functions that look at a part of what they are given, or at no more
// than a number; outside of predicates they are not counted.
var free = []string{"len", "type", "abs", "ceil", "floor", "round", "int", "float", "get", "first", "last", "take", "hasPrefix", "hasSuffix", "indexOf", "lastIndexOf", "trimPrefix", "trimSuffix", "date", "duration", "timezone"}

// deep are the functions that look at all that a value holds.
var deep = []string{"min", "max", "mean", "median", "flatten", "fromPairs"}

func (rw *rewriter) node(p *ast.Node) {
	old := *p
	if become, ok := rw.done[old]; ok || old == nil {
		*p = become
		return
	}
	rw.replace(p)
	rw.done[old] = *p
}

func (rw *rewriter) replace(p *ast.Node) {
	switch n := (*p).(type) {
	case *ast.UnaryNode:
		rw.node(&n.Node)
	case *ast.BinaryNode:
		rw.binary(p, n)
	case *ast.ChainNode:
		rw.node(&n.Node)
	case *ast.MemberNode:
		rw.node(&n.Node)
		rw.index(&n.Property)
	case *ast.SliceNode:
		rw.node(&n.Node)
		rw.index(&n.From)
		rw.index(&n.To)
	case *ast.CallNode:
		rw.call(n)
	case *ast.BuiltinNode:
		rw.builtin(p, n)
	case *ast.PredicateNode:
		rw.depth++
		rw.node(&n.Node)
		rw.depth--
	case *ast.ConditionalNode:
		rw.node(&n.Cond)
		rw.node(&n.Exp1)
		rw.node(&n.Exp2)
	case *ast.VariableDeclaratorNode:
		rw.node(&n.Value)
		rw.node(&n.Expr)
	case *ast.SequenceNode:
		rw.nodes(n.Nodes)
	case *ast.ArrayNode:
		rw.nodes(n.Nodes)
	case *ast.MapNode:
		rw.nodes(n.Pairs)
	case *ast.PairNode:
		rw.node(&n.Key)
		rw.node(&n.Value)
	}
}

func (rw *rewriter) nodes(list []ast.Node) {
	for i := range list {
		rw.node(&list[i])
	}
}

// index puts a check around an index that is computed: the language writes one that
// does not fit into its error, however large it is.
func (rw *rewriter) index(p *ast.Node) {
	if *p == nil || constant(*p) {
		return
	}
	rw.node(p)
	*p = call("#index", *p, *p)
}

// operators are the functions that stand for operators.
var operators = map[string]string{"+": "#add", "-": "#subtract", "*": "#multiply", "/": "#divide", "%": "#modulo", "**": "#power", "^": "#power"}

func (rw *rewriter) binary(p *ast.Node, n *ast.BinaryNode) {
	if constant(n) {
		return
	}
	if n.Operator == "in" {
		rw.in(p, n)
		return
	}
	rw.node(&n.Left)
	rw.node(&n.Right)
	if name, ok := operators[n.Operator]; ok {
		*p = call(name, n, n.Left, n.Right)
		return
	}
	switch n.Operator {
	case "matches":
		size, _ := patternSize(n.Right.(*ast.StringNode).Value)
		rw.charge(&n.Left, bytesPerStep*(1+size/bytesPerStep))
	case "contains":
		rw.charge(&n.Left, 1)
		rw.charge(&n.Right, 1)
	case "==", "!=":
		if !constant(n.Left) && !constant(n.Right) {
			*p = call("#equal", n, n.Left, n.Right)
			if n.Operator == "!=" {
				not := &ast.UnaryNode{Operator: "not", Node: *p}
				not.SetLocation(n.Location())
				*p = not
			}
		}
	case "<", "<=", ">", ">=":
		if rw.depth > 0 && !constant(n.Left) && !constant(n.Right) {
			n.Left, n.Right = call("#deep", n.Left, n.Left), call("#deep", n.Right, n.Right)
		}
	}
}

// in replaces the operator: by a look-up if the list is written out, and by a
// comparison if it is a range.
func (rw *rewriter) in(p *ast.Node, n *ast.BinaryNode) {
	rw.node(&n.Left)
	if r, ok := n.Right.(*ast.BinaryNode); ok && r.Operator == ".." {
		*p = call("#within", n, n.Left, r.Left, r.Right)
		return
	}
	if list, ok := newLiteralSet(n.Right); ok {
		c := &ast.ConstantNode{Value: list}
		c.SetLocation(n.Right.Location())
		*p = call("#member", n, n.Left, c)
		return
	}
	rw.node(&n.Right)
	if rw.depth > 0 {
		n.Left = call("#deep", n.Left, n.Left)
	}
	n.Right = call("#deep", n.Right, n.Right)
}

func (rw *rewriter) call(n *ast.CallNode) {
	rw.nodes(n.Arguments)
	switch callee := n.Callee.(type) {
	case *ast.MemberNode:
		rw.node(&callee.Node)
	case *ast.IdentifierNode:
		rw.arguments(callee.Value, n.Arguments)
	}
}

func (rw *rewriter) builtin(p *ast.Node, n *ast.BuiltinNode) {
	rw.nodes(n.Arguments)
	if !slices.Contains(predicates, n.Name) {
		rw.arguments(n.Name, n.Arguments)
		return
	}
	n.Arguments[0] = call("#loop", n.Arguments[0], n.Arguments[0])
	if n.Name != "sum" {
		return
	}
	list := n.Arguments[0]
	if len(n.Arguments) == 2 {
		m := &ast.BuiltinNode{Name: "map", Arguments: n.Arguments}
		m.SetLocation(n.Location())
		list = m
	}
	*p = call("#sum", n, list)
}

func (rw *rewriter) arguments(name string, args []ast.Node) {
	for i := range args {
		switch {
		case constant(args[i]):
		case name == "uniq":
			args[i] = call("#square", args[i], args[i])
		case slices.Contains(deep, name):
			args[i] = call("#deep", args[i], args[i])
		case name == "split" || name == "splitAfter" || name == "fromJSON" || name == "sort" || name == "concat":
			rw.charge(&args[i], 2*bytesPerStep)
		case rw.depth > 0 || !slices.Contains(free, name):
			rw.charge(&args[i], 1)
		}
	}
}

// charge puts the counting function around a place, with a weight.
func (rw *rewriter) charge(p *ast.Node, weight int) {
	w := &ast.IntegerNode{Value: weight}
	w.SetLocation((*p).Location())
	*p = call("#charge", *p, *p, w)
}

// call is a call, at the place of a node, of one of our own functions, which take the
// budget before their arguments.
func call(name string, at ast.Node, args ...ast.Node) ast.Node {
	callee := &ast.IdentifierNode{Value: name}
	spend := &ast.IdentifierNode{Value: "#budget"}
	n := &ast.CallNode{Callee: callee, Arguments: append([]ast.Node{spend}, args...)}
	for _, part := range []ast.Node{callee, spend, n} {
		part.SetLocation(at.Location())
	}
	return n
}

// constant says whether the node is made of numbers and texts that are written out.
func constant(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode:
		return true
	case *ast.UnaryNode:
		return constant(n.Node)
	case *ast.BinaryNode:
		return n.Operator != ".." && constant(n.Left) && constant(n.Right)
	}
	return false
}
