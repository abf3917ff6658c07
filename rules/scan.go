package rules

import (
	"errors"
	"unicode/utf8"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"
)

// scan refuses what the parser must not see: it recurses without a limit of its own,
// and a stack that overflows ends the process. It looks at the tokens alone.
func scan(source string) *problem {
	if len(source) > MaxSource {
		return &problem{-1, "longer than 16 KiB"}
	}
	if !utf8.ValidString(source) {
		return &problem{-1, "not valid UTF-8"}
	}
	tokens, err := lexer.Lex(file.NewSource(source))
	if err != nil {
		return fromLibrary(err)
	}
	n := nesting{levels: make([]int, 1, 16)}
	for _, tk := range tokens {
		if n.next(tk) > MaxNesting {
			return problemAt(tk.Location, "nested more than 200 deep")
		}
	}
	return nil
}

// nesting counts what the parser recurses for: open brackets, prefix operators in a
// row, and operators whose right side may hold the same again.
type nesting struct {
	levels  []int // what each open bracket holds, itself included
	run     int   // prefix operators just before here
	depth   int   // the sum of levels
	operand bool  // the last token ended an operand
}

func (n *nesting) next(tk lexer.Token) int {
	top := len(n.levels) - 1
	switch {
	case tk.Kind == lexer.Bracket && (tk.Value == "(" || tk.Value == "[" || tk.Value == "{"):
		n.levels = append(n.levels, 1+n.run)
		n.depth += 1 + n.run
		n.run, n.operand = 0, false
	case tk.Kind == lexer.Bracket:
		if top > 0 {
			n.depth -= n.levels[top]
			n.levels = n.levels[:top]
		}
		n.run, n.operand = 0, true
	case tk.Kind != lexer.Operator:
		n.run, n.operand = 0, true
	case !n.operand && (tk.Value == "!" || tk.Value == "not" || tk.Value == "-" || tk.Value == "+"):
		n.run++
	case tk.Value == ",":
		n.depth -= n.levels[top] - min(top, 1)
		n.levels[top] = min(top, 1)
		n.run, n.operand = 0, false
	default:
		switch tk.Value {
		case "?", "?:", "**", "^", "let", "if", "else":
			n.levels[top]++
			n.depth++
		}
		n.run, n.operand = 0, false
	}
	return n.depth + n.run
}

// fromLibrary takes message and place over from an error that is about the source.
func fromLibrary(err error) *problem {
	var e *file.Error
	if errors.As(err, &e) {
		message := e.Message
		if message == `unexpected token Operator("=")` {
			message += "; use == to compare"
		}
		return &problem{at: e.From, message: message}
	}
	return &problem{-1, "cannot be compiled"}
}
