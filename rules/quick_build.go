package rules

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
)

// maker makes the quick way of an expression, from the same tree as the library's
// program: checked, rewritten and optimised. What it makes of a node is nil if the node
// has no quick way, and then nothing around it has one.
type maker struct {
	captures *captures
	// The members that the predicate around this place asks for; nil outside of one.
	wanted *[]string
}

func (k *maker) make(n ast.Node) quick {
	if c, ok := literal(n); ok {
		return func(*view) value { return c }
	}
	switch n := n.(type) {
	case *ast.UnaryNode:
		return k.unary(n)
	case *ast.BinaryNode:
		return k.binary(n)
	case *ast.ConditionalNode:
		return k.conditional(n)
	case *ast.ChainNode:
		return k.chain(n.Node)
	case *ast.MemberNode:
		return k.chain(n)
	case *ast.PointerNode:
		return k.pointer(n)
	case *ast.CallNode:
		return k.call(n)
	case *ast.BuiltinNode:
		return k.builtin(n)
	}
	return nil
}

// literal is a scalar that is written out.
func literal(n ast.Node) (value, bool) {
	switch n := n.(type) {
	case *ast.NilNode:
		return valueOf(nil)
	case *ast.BoolNode:
		return valueOf(n.Value)
	case *ast.StringNode:
		return valueOf(n.Value)
	case *ast.ConstantNode:
		return valueOf(n.Value)
	case *ast.FloatNode:
		return fraction(n.Value), isKind(n, reflect.Float64)
	case *ast.IntegerNode:
		if isKind(n, reflect.Float64) {
			return fraction(float64(n.Value)), true
		}
		return whole(n.Value), n.Type() == nil || isKind(n, reflect.Int)
	}
	return value{}, false
}

func isKind(n ast.Node, k reflect.Kind) bool { return n.Type() != nil && n.Type().Kind() == k }

func (k *maker) unary(n *ast.UnaryNode) quick {
	x := k.make(n.Node)
	if x == nil {
		return nil
	}
	switch n.Operator {
	case "not", "!":
		return func(v *view) value {
			a := x(v)
			if a.kind != kindBool {
				return value{}
			}
			return truth(a.n == 0)
		}
	case "-":
		return func(v *view) value {
			a := x(v)
			if !a.number() {
				return value{}
			}
			a.n, a.f = -a.n, -a.f
			return a
		}
	}
	return nil
}

func (k *maker) binary(n *ast.BinaryNode) quick {
	if n.Operator == "matches" {
		return k.matches(n)
	}
	x, y := k.make(n.Left), k.make(n.Right)
	if x == nil || y == nil {
		return nil
	}
	if n.Operator == "==" || n.Operator == "!=" {
		return k.equality(n, x, y)
	}
	switch n.Operator {
	case "and", "&&":
		return func(v *view) value {
			if a := x(v); !a.yes() {
				return onlyTruth(a)
			}
			return y(v)
		}
	case "or", "||":
		return func(v *view) value {
			if a := x(v); !a.no() {
				return onlyTruth(a)
			}
			return y(v)
		}
	case "??":
		return func(v *view) value {
			if a := x(v); a.kind != kindNull {
				return a
			}
			return y(v)
		}
	case "<", "<=", ">", ">=":
		orders := accepted(n.Operator)
		return func(v *view) value {
			order, ok := compare(x(v), y(v))
			if !ok {
				return value{}
			}
			return truth(orders>>(order+1)&1 == 1)
		}
	case "startsWith":
		return affix(x, y, strings.HasPrefix)
	case "endsWith":
		return affix(x, y, strings.HasSuffix)
	case "contains":
		return affix(x, y, strings.Contains)
	}
	return nil
}

// equality is the operators == and !=.
func (k *maker) equality(n *ast.BinaryNode, x, y quick) quick {
	is := func(v *view) value { return equals(x(v), y(v)) }
	leaf, ok := k.slot(n.Left)
	if c, constant := literal(n.Right); ok && constant && c.kind == kindText && plain(c.s) {
		is = textAt(leaf, c.s, x)
	}
	if n.Operator == "!=" {
		return negated(is)
	}
	return is
}

// textAt says whether the text at a slot, which x reads, is a certain one. It compares the
// bytes where they stand: most texts are written without escapes, and an escape is longer
// than what it stands for.
func textAt(slot int, want string, x quick) quick {
	quoted, c := `"`+want+`"`, words(want)
	return func(v *view) value {
		at := v.spans[slot]
		raw := v.data[at.Start:at.End]
		switch {
		case raw == quoted:
			return truth(true)
		case raw != "" && raw[0] == '"' && (len(raw) < len(quoted) || strings.IndexByte(raw, '\\') < 0):
			return truth(false)
		}
		return equals(x(v), c)
	}
}

// plain says whether a text is written in JSON as it is.
func plain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' })
}

// onlyTruth is the value if it is true or false.
func onlyTruth(a value) value {
	if a.kind != kindBool {
		return value{}
	}
	return a
}

// affix is an operator on two texts; where one is null, it is false.
func affix(x, y quick, holds func(s, part string) bool) quick {
	return func(v *view) value {
		a, b := x(v), y(v)
		switch {
		case a.kind == kindText && b.kind == kindText:
			return truth(holds(a.s, b.s))
		case a.kind == kindNull && b.kind != unsure, b.kind == kindNull && a.kind != unsure:
			return truth(false)
		}
		return value{}
	}
}

func (k *maker) conditional(n *ast.ConditionalNode) quick {
	cond, yes, no := k.make(n.Cond), k.make(n.Exp1), k.make(n.Exp2)
	if cond == nil || yes == nil || no == nil {
		return nil
	}
	return func(v *view) value {
		switch c := cond(v); {
		case c.yes():
			return yes(v)
		case c.no():
			return no(v)
		}
		return value{}
	}
}

// step is one of the members of a chain.
type step struct {
	name     string
	optional bool
}

// chain takes a value with the members that follow it, all of them by name.
func (k *maker) chain(n ast.Node) quick {
	var steps []step
	root := n
	for {
		m, ok := root.(*ast.MemberNode)
		if !ok {
			break
		}
		name, ok := m.Property.(*ast.StringNode)
		if !ok {
			break
		}
		steps = append(steps, step{name.Value, m.Optional})
		root = m.Node
	}
	slices.Reverse(steps)
	if id, ok := root.(*ast.IdentifierNode); ok && len(steps) > 0 {
		switch id.Value {
		case "event":
			return k.captured(steps)
		case "meta":
			return meta(steps)
		}
		return nil
	}
	if slices.ContainsFunc(steps, func(s step) bool { return s.optional }) {
		return nil
	}
	var x quick
	switch at := root.(type) {
	case *ast.PointerNode:
		if x = k.pointer(at); at.Name == "" && len(steps) > 0 {
			x = k.element(steps[0].name)
			steps = steps[1:]
		}
	case *ast.MemberNode:
		x = k.computed(at)
	default:
		if root != n {
			x = k.make(root)
		}
	}
	return members(x, steps)
}

// members is what the steps from a value lead to.
func members(x quick, steps []step) quick {
	for _, s := range steps {
		from, name := x, []string{s.name}
		if from == nil || strings.Contains(s.name, `\`) {
			return nil
		}
		x = func(v *view) value { return memberOf(from(v), name) }
	}
	return x
}

// slot is that of the place of the event that a node reads, if it does that alone.
func (k *maker) slot(n ast.Node) (slot int, ok bool) {
	a, ok := accessOf(n)
	at := &k.captures.root
	for _, step := range a.steps {
		name, isText := step.(string)
		if at != nil && isText {
			at = at.member(name)
		} else {
			at = nil
		}
	}
	if !ok || at == nil || at == &k.captures.root {
		return 0, false
	}
	return at.slot, true
}

// captured is a place of the event.
func (k *maker) captured(steps []step) quick {
	at := &k.captures.root
	slots := make([]int, len(steps))
	for i, s := range steps {
		if at = at.member(s.name); at == nil {
			return nil
		}
		slots[i] = at.slot
	}
	leaf := at.slot
	return func(v *view) value {
		if at := v.spans[leaf]; at.End > 0 {
			return read(v.data[at.Start:at.End])
		}
		return v.absent(steps, slots)
	}
}

// absent is the value of a place that nothing was captured at: null if what should have
// the member is an object.
func (v *view) absent(steps []step, slots []int) value {
	if trimmed(v.w.payload)[0] != '{' {
		return value{}
	}
	for i := range len(slots) - 1 {
		at := v.spans[slots[i]]
		switch {
		case at.End > 0 && v.data[at.Start] == '{':
		case (at.End == 0 || v.data[at.Start] == 'n') && steps[i+1].optional:
			return value{kind: kindNull}
		default:
			return value{}
		}
	}
	return value{kind: kindNull}
}

// meta is one of the fields of meta.
func meta(steps []step) quick {
	if len(steps) != 1 {
		return nil
	}
	switch steps[0].name {
	case "id":
		return func(v *view) value { return words(v.w.verdict.ID) }
	case "key":
		return func(v *view) value { return words(v.w.verdict.Key) }
	case "stream":
		return func(v *view) value { return words(v.w.stream) }
	case "content_type":
		return func(v *view) value { return words(v.w.event.ContentType) }
	case "source":
		return func(v *view) value { return words(v.w.event.Source.Kind) }
	case "received":
		return func(v *view) value { return moment(v.w.event.Received) }
	}
	return nil
}

// computed is an item of a list by its number, or a member of an object that is written
// out.
func (k *maker) computed(n *ast.MemberNode) quick {
	if n.Optional {
		return nil
	}
	if i, ok := n.Property.(*ast.IntegerNode); ok && i.Value >= 0 {
		x := k.make(n.Node)
		if x == nil {
			return nil
		}
		return func(v *view) value { return itemOf(x(v), i.Value) }
	}
	table, ok := n.Node.(*ast.MapNode)
	key := k.make(n.Property)
	if !ok || key == nil {
		return nil
	}
	known := make(map[string]value, len(table.Pairs))
	for _, p := range table.Pairs {
		pair := p.(*ast.PairNode)
		name, ok1 := pair.Key.(*ast.StringNode)
		to, ok2 := literal(pair.Value)
		if !ok1 || !ok2 {
			return nil
		}
		if _, twice := known[name.Value]; twice {
			return nil
		}
		known[name.Value] = to
	}
	return func(v *view) value {
		name := key(v)
		if name.kind != kindText {
			return value{}
		}
		if to, ok := known[name.s]; ok {
			return to
		}
		return value{kind: kindNull}
	}
}

// pointer is the element that a predicate is at.
func (k *maker) pointer(n *ast.PointerNode) quick {
	if k.wanted == nil || n.Name != "" {
		return nil
	}
	return func(v *view) value { return read(v.element) }
}

// element is a member of the element that a predicate is at.
func (k *maker) element(name string) quick {
	if k.wanted == nil || strings.Contains(name, `\`) {
		return nil
	}
	i := slices.Index(*k.wanted, name)
	if i < 0 {
		if i = len(*k.wanted); i == maxMembers {
			return nil
		}
		*k.wanted = append(*k.wanted, name)
	}
	return func(v *view) value { return v.member(i) }
}

func moment(t time.Time) value {
	return value{kind: kindMoment, n: int(t.Unix()), f: float64(t.Nanosecond())}
}
