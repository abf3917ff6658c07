package rules

import (
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
)

// call is a function that the rewriter put in, or one of ours.
func (k *maker) call(n *ast.CallNode) quick {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return nil
	}
	if callee.Value == "date" {
		return k.date(n.Arguments)
	}
	if callee.Value[0] != '#' {
		return nil
	}
	args := n.Arguments[1:] // without the budget
	switch callee.Value {
	case "#sum":
		return k.sum(args[0])
	case "#member":
		return k.among(args[0], args[1])
	case "#within":
		return k.within(args)
	case "#charge", "#deep", "#index":
		return k.charged(callee.Value, args)
	case "#equal":
		return k.equal(args)
	}
	x, operator := k.both(args), calculate(callee.Value)
	if x == nil || operator == nil {
		return nil
	}
	return func(v *view) value { return operator(x(v)) }
}

// both are two values at once.
func (k *maker) both(args []ast.Node) func(*view) (a, b value) {
	if len(args) != 2 {
		return nil
	}
	x, y := k.make(args[0]), k.make(args[1])
	if x == nil || y == nil {
		return nil
	}
	return func(v *view) (a, b value) { return x(v), y(v) }
}

func (k *maker) equal(args []ast.Node) quick {
	x := k.both(args)
	if x == nil {
		return nil
	}
	return func(v *view) value {
		a, b := x(v)
		v.spend(a.deep() + b.deep())
		return equals(a, b)
	}
}

// deep is no less than what looking at all of a value costs: each value in a JSON text
// has two bytes, one of them to set it apart.
func (v value) deep() int { return 1 + len(v.s) }

// charged is a value that is paid for, or held against what an index may be.
func (k *maker) charged(name string, args []ast.Node) quick {
	x := k.make(args[0])
	if x == nil {
		return nil
	}
	switch name {
	case "#deep":
		return func(v *view) value {
			a := x(v)
			v.spend(a.deep())
			return a
		}
	case "#index":
		return func(v *view) value {
			if a := x(v); a.kind == kindText || a.number() {
				return a
			}
			return value{}
		}
	}
	weight := args[1].(*ast.IntegerNode).Value
	return func(v *view) value {
		a := x(v)
		if a.holds() {
			v.spend(weight * len(a.s))
		} else {
			v.spend(weight * (len(a.s) / bytesPerStep))
		}
		if v.left < 0 { // what is paid for is not begun
			return value{}
		}
		return a
	}
}

// among is the operator in, for a list of scalars that is written out.
func (k *maker) among(n, list ast.Node) quick {
	x := k.make(n)
	constant, ok := list.(*ast.ConstantNode)
	if x == nil || !ok {
		return nil
	}
	set := constant.Value.(*literalSet)
	others := make([]value, 0, len(set.others)+len(set.ints))
	for i := range set.ints {
		others = append(others, whole(i))
	}
	for _, item := range set.others {
		other, _ := valueOf(item)
		others = append(others, other)
	}
	return func(v *view) value {
		a := x(v)
		switch {
		case a.kind == unsure || a.holds():
			return value{}
		case a.kind == kindText:
			return truth(set.texts[a.s])
		}
		for _, other := range others {
			if equals(a, other).yes() {
				return truth(true)
			}
		}
		return truth(false)
	}
}

// within is the operator in, for a range.
func (k *maker) within(args []ast.Node) quick {
	x := k.make(args[0])
	from, ok1 := literalInt(args[1])
	to, ok2 := literalInt(args[2])
	if x == nil || !ok1 || !ok2 {
		return nil
	}
	return func(v *view) value {
		a := x(v)
		if a.kind == unsure {
			return a
		}
		return truth(a.kind == kindInt && from <= a.n && a.n <= to)
	}
}

func (k *maker) matches(n *ast.BinaryNode) quick {
	x := k.make(n.Left)
	pattern, ok := n.Right.(*ast.StringNode)
	if x == nil || !ok {
		return nil
	}
	re, err := regexp.Compile(pattern.Value)
	if err != nil {
		return nil
	}
	return func(v *view) value {
		switch a := x(v); a.kind {
		case kindText:
			return truth(re.MatchString(a.s))
		case kindNull:
			return truth(false)
		}
		return value{}
	}
}

// date is the function of that name, with a layout that is written out or none.
func (k *maker) date(args []ast.Node) quick {
	x := k.make(args[0])
	forms := layouts
	if x == nil || len(args) > 2 {
		return nil
	}
	if len(args) == 2 {
		layout, ok := args[1].(*ast.StringNode)
		if !ok {
			return nil
		}
		forms = []string{layout.Value}
	}
	if constant, ok := literal(args[0]); ok {
		t := readTime(constant.s, forms)
		return func(*view) value { return t }
	}
	slow := func(v *view) value {
		if a := x(v); a.kind == kindText {
			return readTime(a.s, forms)
		}
		return value{}
	}
	slot, ok := k.slot(args[0])
	if !ok || !usual(forms) {
		return slow
	}
	return func(v *view) value {
		// A text with an escape is not of the usual form.
		if at := v.spans[slot]; at.End > at.Start+2 && v.data[at.Start] == '"' {
			if t, ok := readRFC3339(v.data[at.Start+1 : at.End-1]); ok {
				return t
			}
		}
		return slow(v)
	}
}

func (k *maker) builtin(n *ast.BuiltinNode) quick {
	switch n.Name {
	case "all":
		return k.search(n, false, truth(true))
	case "any":
		return k.search(n, true, truth(false))
	case "none":
		return negated(k.search(n, true, truth(false)))
	case "count", "one":
		return k.count(n)
	case "duration":
		return constantDuration(n)
	case "len", "abs":
	default:
		return nil
	}
	x := k.make(n.Arguments[0])
	if x == nil {
		return nil
	}
	if n.Name == "abs" {
		return func(v *view) value { return absolute(x(v)) }
	}
	return func(v *view) value { return length(x(v)) }
}

func length(a value) value {
	switch a.kind {
	case kindText:
		return whole(utf8.RuneCountInString(a.s))
	case kindList:
		_, count := findItem(a.s, -1)
		return whole(count)
	}
	return value{}
}

func constantDuration(n *ast.BuiltinNode) quick {
	s, ok := n.Arguments[0].(*ast.StringNode)
	if !ok {
		return nil
	}
	d, err := time.ParseDuration(s.Value)
	if err != nil {
		return nil
	}
	return func(*view) value { return value{kind: kindDuration, n: int(d)} }
}

func negated(x quick) quick {
	if x == nil {
		return nil
	}
	return func(v *view) value {
		a := x(v)
		if a.kind == kindBool {
			a.n = 1 - a.n
		}
		return a
	}
}

// predicate is the list that a predicate goes through, what it asks of each element, and
// the members of elements that this reads. It is nil within another predicate.
func (k *maker) predicate(n *ast.BuiltinNode) (of, ask quick, wanted []string) {
	loop, ok := n.Arguments[0].(*ast.CallNode)
	if !ok || k.wanted != nil || len(n.Arguments) != 2 {
		return nil, nil, nil
	}
	inside, ok := n.Arguments[1].(*ast.PredicateNode)
	if !ok {
		return nil, nil, nil
	}
	of = k.make(loop.Arguments[1])
	k.wanted = &wanted
	ask = k.make(inside.Node)
	k.wanted = nil
	if of == nil || ask == nil {
		return nil, nil, nil
	}
	return of, ask, wanted
}

// search looks for the first element of which the answer is end; otherwise is what it
// gives if there is none.
func (k *maker) search(n *ast.BuiltinNode, end bool, otherwise value) quick {
	of, ask, wanted := k.predicate(n)
	if of == nil {
		return nil
	}
	found := truth(end)
	return func(v *view) value {
		list := of(v)
		if list.kind != kindList {
			return value{}
		}
		for all := (cursor{raw: list.s}); v.next(&all, wanted); {
			switch answer := ask(v); {
			case answer.kind != kindBool:
				return value{}
			case answer.n == found.n:
				v.leave(&all)
				return found
			}
		}
		return otherwise
	}
}

// count is the functions count and one.
func (k *maker) count(n *ast.BuiltinNode) quick {
	of, ask, wanted := k.predicate(n)
	if of == nil || n.Name == "one" && n.Threshold != nil {
		return nil
	}
	enough := -1
	if n.Threshold != nil {
		enough = *n.Threshold
	}
	return func(v *view) value {
		list := of(v)
		if list.kind != kindList {
			return value{}
		}
		yes := 0
		all := cursor{raw: list.s}
		for yes != enough && v.next(&all, wanted) {
			answer := ask(v)
			if answer.kind != kindBool {
				return value{}
			}
			yes += answer.n
		}
		v.leave(&all)
		if n.Name == "one" {
			return truth(yes == 1)
		}
		return whole(yes)
	}
}

// sum is the function of that name, of a list or of what a predicate makes of one.
func (k *maker) sum(n ast.Node) quick {
	var of, ask quick
	var wanted []string
	switch m := n.(type) {
	case *ast.BuiltinNode:
		if m.Name != "map" {
			return nil
		}
		of, ask, wanted = k.predicate(m)
	case *ast.CallNode: // #loop
		if k.wanted != nil || len(m.Arguments) != 2 {
			return nil
		}
		of = k.make(m.Arguments[1])
		ask = func(v *view) value { return read(v.element) }
	}
	if of == nil || ask == nil {
		return nil
	}
	return func(v *view) value {
		list := of(v)
		if list.kind != kindList {
			return value{}
		}
		total := whole(0)
		for all := (cursor{raw: list.s}); total.kind != unsure && v.next(&all, wanted); {
			total = plus(total, ask(v))
		}
		return total
	}
}
