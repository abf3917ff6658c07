package rules

import (
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"
)

// literalSet is a list of scalars that is written out, for quick look-ups. The
// language's own look-up takes null for "" and fails for a number among texts.
type literalSet struct {
	texts  map[string]bool
	ints   map[int]bool
	others []any
}

func newLiteralSet(n ast.Node) (*literalSet, bool) {
	list, ok := n.(*ast.ArrayNode)
	if !ok {
		return nil, false
	}
	s := &literalSet{texts: map[string]bool{}, ints: map[int]bool{}}
	for _, item := range list.Nodes {
		switch v := item.(type) {
		case *ast.StringNode:
			s.texts[v.Value] = true
		case *ast.FloatNode:
			s.others = append(s.others, v.Value)
		case *ast.BoolNode:
			s.others = append(s.others, v.Value)
		case *ast.NilNode:
			s.others = append(s.others, nil)
		default:
			i, ok := literalInt(item)
			if !ok {
				return nil, false
			}
			s.ints[i] = true
		}
	}
	return s, true
}

// member says whether a value is in a literalSet.
func member(args ...any) (any, error) {
	s := args[2].(*literalSet)
	switch v := args[1].(type) {
	case string:
		return s.texts[v], nil
	case int:
		if s.ints[v] {
			return true, nil
		}
	case float64:
		for i := range s.ints {
			if float64(i) == v {
				return true, nil
			}
		}
	}
	for _, item := range s.others {
		if runtime.Equal(args[1], item) {
			return true, nil
		}
	}
	return false, nil
}

// within says whether a value is a whole number of a range.
func within(args ...any) (any, error) {
	v, ok := args[1].(int)
	return ok && args[2].(int) <= v && v <= args[3].(int), nil
}
