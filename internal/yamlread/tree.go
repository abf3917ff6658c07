package yamlread

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

type kind int

const (
	nullKind kind = iota
	boolKind
	numberKind
	stringKind
	seqKind
	mapKind
)

func (k kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "a list", "a mapping"}[k]
}

// node is a value with its place; what YAML and JSON texts both become.
type node struct {
	kind         kind
	line, column int
	block        bool    // a block scalar
	folded       bool    // a block scalar whose lines are joined
	text         string  // of a scalar: the string, "true" or "false", or the number as JSON writes it
	keys         []key   // of a mapping, in the order written
	items        []*node // of a mapping and a sequence
}

type key struct {
	text         string
	line, column int
}

// parseYAML reads one part of the source, of at most limit tokens. It returns no node
// if there is nothing in it, and how many tokens there were.
func parseYAML(src *source, p part, limit int) (root *node, count int, err error) {
	defer func() {
		if r := recover(); r != nil {
			root, err = nil, src.errorAt(p.line, 1, "cannot be read as YAML")
		}
	}()
	tokens := lexer.Tokenize(src.text[p.from:p.to])
	if len(tokens) > limit {
		return nil, 0, &Error{File: src.name, Message: fmt.Sprintf("more than %d words and marks of YAML; split it, or write it as JSON", MaxTokens)}
	}
	g := &guard{src: src, first: p.line}
	if err := g.check(withoutComments(tokens)); err != nil {
		return nil, 0, err
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, 0, syntaxError(src, p, err)
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil, len(tokens), nil
	}
	root, err = builder{src, p.line}.node(file.Docs[0].Body)
	return root, len(tokens), err
}

func withoutComments(tokens token.Tokens) token.Tokens {
	kept := make(token.Tokens, 0, len(tokens))
	for _, tk := range tokens {
		if tk.Type != token.CommentType {
			kept = append(kept, tk)
		}
	}
	return kept
}

func syntaxError(src *source, p part, err error) error {
	var y yaml.Error
	if !errors.As(err, &y) || y.GetToken() == nil {
		return src.errorAt(p.line, 1, "not YAML")
	}
	pos := y.GetToken().Position
	line := p.line + pos.Line - 1
	return src.errorAt(line, max(pos.Column, 1), "not YAML: %s%s", valueFree(y.GetMessage()), src.colonHint(line, y.GetMessage()))
}

// colonHint says what to do about a line whose value has a colon and a space in it.
func (s *source) colonHint(line int, message string) string {
	rest := strings.TrimLeft(s.line(line), " \t-{[,?")
	if !strings.Contains(message, "mapping value is not allowed") || strings.Count(rest, ": ") < 2 {
		return ""
	}
	key := "key:"
	if end := keyEnd(rest); end > 0 && end <= longestKey {
		key = rest[:end]
	}
	return fmt.Sprintf(`; a text with ": " must be quoted, or written under "%s |"`, key)
}

var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// valueFree takes quoted parts, which may be values, out of the parser's message.
func valueFree(message string) string { return quoted.ReplaceAllString(message, "…") }

// builder turns the parser's tree into ours.
type builder struct {
	src   *source
	first int // line of the source on which the tree's line 1 is
}

func (b builder) node(n ast.Node) (*node, error) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return b.mapping(n, n.Values)
	case *ast.MappingValueNode:
		return b.mapping(n, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		out := b.at(seqKind, n.Start)
		for _, item := range n.Values {
			child, err := b.node(item)
			if err != nil {
				return nil, err
			}
			out.items = append(out.items, child)
		}
		return out, nil
	case *ast.LiteralNode:
		out := b.at(stringKind, n.Start)
		out.block, out.folded, out.text = true, strings.HasPrefix(n.Start.Value, ">"), n.Value.Value
		return out, nil
	case *ast.CommentGroupNode:
		return b.at(nullKind, n.GetToken()), nil
	case ast.ScalarNode:
		return b.scalar(n)
	}
	return nil, b.errorAt(n.GetToken(), "not taken here")
}

func (b builder) mapping(n ast.Node, values []*ast.MappingValueNode) (*node, error) {
	out := b.at(mapKind, n.GetToken())
	if len(values) > 0 {
		if m, ok := n.(*ast.MappingNode); !ok || !m.IsFlowStyle {
			out = b.at(mapKind, values[0].Key.GetToken())
		}
	}
	seen := make(map[string]int, len(values))
	for _, v := range values {
		tk := v.Key.GetToken()
		if _, ok := v.Key.(ast.ScalarNode); !ok {
			return nil, b.errorAt(tk, "a key must be a plain or quoted word")
		}
		k := key{tk.Value, b.first + tk.Position.Line - 1, tk.Position.Column}
		if line, dup := seen[k.text]; dup {
			return nil, b.src.duplicate(k, line)
		}
		seen[k.text] = k.line
		child, err := b.node(v.Value)
		if err != nil {
			return nil, err
		}
		out.keys, out.items = append(out.keys, k), append(out.items, child)
	}
	return out, nil
}

func (s *source) duplicate(k key, first int) error {
	return s.errorAt(k.line, k.column, "the key %q is here a second time; the first is on line %d", shorten(k.text), first)
}

func (b builder) at(k kind, tk *token.Token) *node {
	return &node{kind: k, line: b.first + tk.Position.Line - 1, column: max(tk.Position.Column, 1)}
}

func (b builder) errorAt(tk *token.Token, message string) error {
	return b.src.errorAt(b.first+tk.Position.Line-1, max(tk.Position.Column, 1), "%s", message)
}

// Numbers of YAML 1.2's core schema; legacy is what earlier versions took for another
// number, and would silently be read as a different one.
var (
	decimal = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)$`)
	based   = regexp.MustCompile(`^0(x[0-9a-fA-F]+|o[0-7]+)$`)
	float   = regexp.MustCompile(`^[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
	legacy  = regexp.MustCompile(`^[-+]?0[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?$`)
	nonJSON = regexp.MustCompile(`^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
)

// maxNumber is how many characters a number may have.
const maxNumber = 1000

// scalar resolves a scalar by the core schema; what is quoted is a string.
func (b builder) scalar(n ast.ScalarNode) (*node, error) {
	tk := n.GetToken()
	out := b.at(stringKind, tk)
	out.text = tk.Value
	switch tk.Type {
	case token.SingleQuoteType, token.DoubleQuoteType:
		return out, nil
	case token.ImplicitNullType:
		out.kind, out.text = nullKind, ""
		return out, nil
	}
	if len(out.text) > maxNumber {
		return out, nil
	}
	switch s := out.text; {
	case s == "" || s == "~" || s == "null" || s == "Null" || s == "NULL":
		out.kind, out.text = nullKind, ""
	case s == "true" || s == "True" || s == "TRUE" || s == "false" || s == "False" || s == "FALSE":
		out.kind, out.text = boolKind, strings.ToLower(s)
	case decimal.MatchString(s):
		out.kind, out.text = numberKind, strings.TrimPrefix(s, "+")
	case based.MatchString(s):
		i, _ := new(big.Int).SetString(s, 0)
		out.kind, out.text = numberKind, i.String()
	case float.MatchString(s):
		out.kind, out.text = numberKind, jsonFloat(s)
	case legacy.MatchString(s):
		return nil, b.errorAt(tk, "a number that begins with 0: write it without the zero, 0o… for octal, or in quotes if it is text")
	case nonJSON.MatchString(s):
		return nil, b.errorAt(tk, "infinity and not-a-number are not taken; put it in quotes if it is text")
	}
	return out, nil
}

// jsonFloat writes a YAML float as JSON does: a digit on both sides of the point.
func jsonFloat(s string) string {
	s = strings.TrimPrefix(s, "+")
	s = strings.Replace(s, "-.", "-0.", 1)
	if s[0] == '.' {
		s = "0" + s
	}
	if i := strings.IndexByte(s, '.'); i >= 0 && (i+1 == len(s) || s[i+1] < '0' || s[i+1] > '9') {
		s = s[:i+1] + "0" + s[i+1:]
	}
	return s
}
