package rules

import (
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// access is a place in the event that an expression names with every step written out.
type access struct {
	text    string // as a person writes it: event.items[0].sku
	pointer string
	steps   []any // texts and whole numbers
}

// Bounds on an access that a message shows, so that finding all of them costs little.
const (
	maxAccess = 200 // bytes of its text
	maxSteps  = 32
)

// operands are the accesses of an expression by the offset of the place where an
// evaluation would fail for want of them; those under noPlace are for a result that is
// null. They serve the message of a failed evaluation and nothing else.
type operands map[int][]access

const noPlace = -1

func findOperands(root ast.Node) operands {
	found := operands{}
	found.result(root)
	ast.Walk(&root, found)
	for _, list := range found { // what is nearest to the root fails first
		slices.SortStableFunc(list, func(a, b access) int { return len(a.steps) - len(b.steps) })
	}
	return found
}

// Visit implements ast.Visitor.
func (o operands) Visit(p *ast.Node) {
	switch n := (*p).(type) {
	case *ast.UnaryNode:
		o.add(n, n.Node)
	case *ast.BinaryNode:
		o.add(n, n.Left, n.Right)
	case *ast.MemberNode:
		o.add(n, n.Node, n.Property)
	case *ast.SliceNode:
		o.add(n, n.Node, n.From, n.To)
	case *ast.ConditionalNode:
		o.add(n, n.Cond)
	case *ast.BuiltinNode:
		o.add(n, n.Arguments...)
	case *ast.CallNode:
		o.add(n, n.Arguments...)
		if callee, ok := n.Callee.(*ast.MemberNode); ok {
			o.add(n, callee.Node)
		}
	}
}

func (o operands) add(parent ast.Node, nodes ...ast.Node) {
	for _, n := range nodes {
		a, ok := accessOf(n)
		if !ok {
			continue
		}
		at, own := parent.Location().From, n.Location().From
		o[at] = append(o[at], a)
		if own != at { // some checks are made on the operand itself
			o[own] = append(o[own], a)
		}
	}
}

// result notes what the whole expression gives as it is, for certain: the branches of a
// condition are left out, since which of them was taken is not known.
func (o operands) result(n ast.Node) {
	if a, ok := accessOf(n); ok {
		o[noPlace] = append(o[noPlace], a)
		return
	}
	if b, ok := n.(*ast.BinaryNode); ok {
		switch b.Operator {
		case "and", "&&", "or", "||":
			o.result(b.Left)
			o.result(b.Right)
		}
	}
}

// accessOf says which place of the event a node is, if it is one.
func accessOf(n ast.Node) (a access, ok bool) {
	var steps []ast.Node // from the last to the first
	for len(steps) <= maxSteps {
		switch m := n.(type) {
		case *ast.ChainNode:
			n = m.Node
			continue
		case *ast.MemberNode:
			steps = append(steps, m.Property)
			n = m.Node
			continue
		}
		break
	}
	if id, is := n.(*ast.IdentifierNode); !is || id.Value != "event" {
		return a, false
	}
	slices.Reverse(steps)
	text := strings.Builder{}
	text.WriteString("event")
	for _, s := range steps {
		switch s := s.(type) {
		case *ast.StringNode:
			a.steps = append(a.steps, s.Value)
			if isName(s.Value) {
				text.WriteString("." + s.Value)
			} else {
				text.WriteString("[" + strconv.Quote(s.Value) + "]")
			}
		case *ast.IntegerNode:
			if s.Value < 0 {
				return a, false
			}
			a.steps = append(a.steps, s.Value)
			text.WriteString("[" + strconv.Itoa(s.Value) + "]")
		default:
			return a, false
		}
	}
	a.text, a.pointer = text.String(), pointer(steps)
	return a, len(a.text) <= maxAccess
}

// isName says whether a member can be written after a dot.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// missing finds the access at the offset that has no value in the event.
func (o operands) missing(at int, event any) (access, bool) {
	for _, a := range o[at] {
		if a.absent(event) {
			return a, true
		}
	}
	return access{}, false
}

func (a access) absent(v any) bool {
	for _, s := range a.steps {
		switch in := v.(type) {
		case nil:
			return true
		case map[string]any:
			name, ok := s.(string)
			if !ok {
				return false
			}
			v = in[name]
		case []any:
			i, ok := s.(int)
			if !ok || i >= len(in) {
				return false
			}
			v = in[i]
		default:
			return false
		}
	}
	return v == nil
}
