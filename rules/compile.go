package rules

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/optimizer"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// Program is a compiled rule set. It is immutable and safe for concurrent use.
type Program struct {
	rules    []compiled
	meta     uses // what the expressions read of meta
	captures captures
}

type compiled struct {
	id       string
	severity Severity
	message  string
	path     string // the one place of the event that the expression reads, or ""
	expr     *expression
	when     *expression // nil if the rule always applies
	whole    bool        // it reads more of the event than is captured
	quick    quick       // nil if there is no quick way
	applies  quick       // when; nil if the rule always applies
}

// Len is how many rules the program has.
func (p *Program) Len() int { return len(p.rules) }

// Read is a place of the event that a rule's expression reads.
type Read struct {
	Rule    string // the rule's id
	Index   int    // of the rule in its set, from 0
	Field   string // "expr" or "when"
	Pointer string // JSON Pointer into the event, as far as its steps are written out
}

// Reads lists what the rules read, in their order.
func (p *Program) Reads() []Read {
	var list []Read
	for i, c := range p.rules {
		for _, f := range []struct {
			name string
			e    *expression
		}{{"expr", c.expr}, {"when", c.when}} {
			if f.e == nil {
				continue
			}
			for _, pointer := range f.e.paths {
				list = append(list, Read{c.id, i, f.name, pointer})
			}
		}
	}
	return list
}

// Sees says whether what the rules say can depend on something that is hidden: on meta, or on
// the value at a pointer of which hidden says that it, or a part of it, is.
func (p *Program) Sees(hidden func(pointer string) bool) bool {
	if p == nil {
		return false
	}
	return p.meta.any || slices.ContainsFunc(p.rules, func(c compiled) bool { return c.whole }) ||
		slices.ContainsFunc(p.Reads(), func(r Read) bool { return hidden(r.Pointer) })
}

// Compile checks and compiles a set, whole or not at all. Every error about the set is
// a *CompileError.
func Compile(set Set) (*Program, error) {
	if f := set.check(); f != nil {
		e := &CompileError{Field: f.field, Message: f.message}
		if f.i >= 0 {
			e.Rule, e.File = set.Rules[f.i].ID, set.Rules[f.i].file
		}
		return nil, e
	}
	p := &Program{rules: make([]compiled, 0, len(set.Rules))}
	l := newLanguage()
	for _, r := range set.Rules {
		c := compiled{id: r.ID, severity: r.Severity, message: r.message()}
		main, problem := l.compile(r.Expr)
		if problem != nil {
			return nil, r.compileError("expr", r.Expr, problem)
		}
		c.expr, p.meta = main, p.meta.or(main.meta)
		if len(main.paths) == 1 {
			c.path = main.paths[0]
		}
		if r.When != "" {
			when, problem := l.compile(r.When)
			if problem != nil {
				return nil, r.compileError("when", r.When, problem)
			}
			c.when, p.meta = when, p.meta.or(when.meta)
		}
		if c.when == nil || c.when.quick != nil {
			c.quick = c.expr.quick
		}
		if c.when != nil {
			c.applies = c.when.quick
		}
		c.whole = c.expr.whole || c.when != nil && c.when.whole
		p.rules = append(p.rules, c)
	}
	p.captures = l.captures
	return p, nil
}

// language is what expressions of one program have in common.
type language struct {
	options   []expr.Option
	functions []string
	captures  captures // of all the expressions
}

// function is one that replaces the language's own, or that only the rewriter calls.
type function struct {
	name  string
	run   func(...any) (any, error)
	types []any // pointers to function types, one an overload
}

func newLanguage() *language {
	z := &zones{}
	public := []function{
		{"keys", keys, []any{new(func(any) []any)}},
		{"values", values, []any{new(func(any) []any)}},
		{"toPairs", toPairs, []any{new(func(any) []any)}},
		{"int", toInt, []any{new(func(any) int)}},
		{"float", toFloat, []any{new(func(any) float64)}},
		{"string", toString, []any{new(func(any) string)}},
		{"fromJSON", fromJSON, []any{new(func(string) any)}},
		{"repeat", repeat, []any{new(func(string, int) string)}},
		{"replace", replace, []any{new(func(string, string, string) string), new(func(string, string, string, int) string)}},
		{"join", join, []any{new(func([]any) string), new(func([]any, string) string), new(func([]string) string), new(func([]string, string) string)}},
		{"timezone", z.timezone, []any{new(func(string) *time.Location)}},
		{"date", z.date, []any{
			new(func(string) time.Time), new(func(string, string) time.Time),
			new(func(string, string, string) time.Time), new(func(string, string, *time.Location) time.Time),
		}},
	}
	own := []function{
		{"#add", add, nil}, {"#subtract", subtract, nil}, {"#multiply", multiply, nil}, {"#divide", divide, nil},
		{"#modulo", modulo, nil}, {"#power", power, nil}, {"#sum", sum, nil},
		{"#equal", equal, nil}, {"#index", index, nil}, {"#member", member, nil}, {"#within", within, nil},
		{"#loop", loop, nil}, {"#charge", charge, nil}, {"#deep", chargeDeep, nil}, {"#square", chargeSquare, nil},
	}
	l := &language{options: []expr.Option{expr.Env(&env{}), expr.MaxNodes(MaxNodes)}}
	taken := make(map[string]bool)
	for name := range refused {
		taken[name] = true
		l.options = append(l.options, expr.DisableBuiltin(name))
	}
	for _, f := range append(public, own...) {
		l.options = append(l.options, expr.DisableBuiltin(f.name), expr.Function(f.name, f.run, f.types...))
	}
	for _, f := range public {
		taken[f.name] = true
		l.functions = append(l.functions, f.name)
	}
	for _, name := range builtin.Names {
		if !taken[name] {
			l.functions = append(l.functions, name)
		}
	}
	return l
}

func (l *language) config() *conf.Config {
	c := conf.CreateNew()
	for _, option := range l.options {
		option(c)
	}
	for name := range c.Disabled {
		delete(c.Builtins, name)
	}
	return c
}

// expression is one compiled expression and what it reads.
type expression struct {
	program  *vm.Program
	paths    []string
	quick    quick // nil if there is no quick way
	whole    bool  // it reads the event by more than the names of its members
	meta     uses
	operands operands
}

// compile takes an expression through every guard. The types are checked twice: as it
// was written, for the sake of messages and of its result, and as it was rewritten,
// for the code.
func (l *language) compile(source string) (e *expression, p *problem) {
	defer func() {
		if r := recover(); r != nil {
			e, p = nil, &problem{-1, "cannot be compiled"}
		}
	}()
	if p := scan(source); p != nil {
		return nil, p
	}
	cfg := l.config()
	tree, err := parser.ParseWithConfig(source, cfg)
	if err != nil {
		return nil, fromLibrary(err)
	}
	in := &inspector{functions: l.functions, captures: &l.captures}
	if p := in.walk(tree.Node); p != nil {
		return nil, p
	}
	result, err := checker.Check(tree, cfg)
	if err != nil {
		return nil, fromLibrary(err)
	}
	if _, null := tree.Node.(*ast.NilNode); null {
		return nil, &problem{0, "a rule is true or false, and this is nil"}
	}
	if k := result.Kind(); k != reflect.Bool && k != reflect.Interface {
		return nil, &problem{0, fmt.Sprintf("a rule is true or false, and this is %s", typeName(result))}
	}
	operands := findOperands(tree.Node) // as it was written
	rw := &rewriter{done: make(map[ast.Node]ast.Node)}
	rw.node(&tree.Node)
	if _, err := checker.Check(tree, cfg); err != nil {
		return nil, fromLibrary(err)
	}
	if err := optimizer.Optimize(&tree.Node, cfg); err != nil {
		return nil, fromLibrary(err)
	}
	program, err := compiler.Compile(tree, cfg)
	if err != nil {
		return nil, fromLibrary(err)
	}
	k := &maker{captures: &l.captures}
	return &expression{program: program, quick: k.make(tree.Node), paths: in.paths, whole: in.whole, meta: in.meta, operands: operands}, nil
}

// typeName says what a Go type is to the writer of a rule.
func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map:
		return "an object"
	case reflect.Float64, reflect.Int:
		return "a number"
	}
	return "a value of type " + t.String()
}
