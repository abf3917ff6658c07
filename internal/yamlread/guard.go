package yamlread

import (
	"github.com/goccy/go-yaml/token"
)

// guard goes once over the tokens that the parser is about to see, and refuses what
// it would recurse over too deeply or take quadratic time for, and what we do not take.
//
// The parser recurses once a bracket, once a block level, and once a key of a block
// mapping, whose entries it also copies at each; it shifts the token list for each
// value that is left out.
type guard struct {
	src    *source
	first  int // line of the source on which the tokens' line 1 is
	flow   []flowLevel
	blocks []blockLevel
	empty  int // values left out
}

type flowLevel struct {
	mapping bool
	colon   bool // a colon was seen since the last comma
	filled  bool // something else was
}

type blockLevel struct {
	column   int
	sequence bool
	keys     int
}

const tooDeep = "nested more than 100 deep"

// maxEmpty is how many values may be left out in one document.
const maxEmpty = 2_000

func (g *guard) check(tokens token.Tokens) error {
	for i, tk := range tokens {
		if msg := g.next(tokens, i); msg != "" {
			return g.src.errorAt(g.first+tk.Position.Line-1, max(tk.Position.Column, 1), "%s", msg)
		}
	}
	return nil
}

// next takes token i into account and says what is wrong with it, or "".
func (g *guard) next(tokens token.Tokens, i int) string {
	tk := tokens[i]
	switch tk.Type {
	case token.AnchorType, token.AliasType, token.MergeKeyType:
		return "anchors, aliases and merge keys are not taken; write the value out"
	case token.TagType:
		return "tags are not taken; write the value plainly"
	case token.DirectiveType:
		return "directives are not taken; remove the line"
	case token.MappingKeyType:
		return "complex keys (?) are not taken; write key: value"
	case token.DocumentHeaderType, token.DocumentEndType:
		return "a document marker inside a document"
	case token.InvalidType:
		return "not YAML: " + valueFree(tk.Error)
	case token.MappingStartType, token.SequenceStartType:
		g.fill()
		g.flow = append(g.flow, flowLevel{mapping: tk.Type == token.MappingStartType})
	case token.MappingEndType, token.SequenceEndType:
		return g.closeFlow()
	case token.CollectEntryType:
		return g.entryEnd()
	case token.MappingValueType:
		return g.colon(tokens, i)
	case token.SequenceEntryType:
		if len(g.flow) == 0 {
			g.block(tk.Position.Column, true)
			g.leftOut(tokens, i, tk.Position.Column)
		}
	default:
		g.fill()
	}
	return g.limits()
}

func (g *guard) limits() string {
	if len(g.flow)+len(g.blocks) > MaxDepth {
		return tooDeep
	}
	if g.empty > maxEmpty {
		return "more than 2,000 keys or items without a value; write null, or remove them"
	}
	return ""
}

func (g *guard) fill() {
	if n := len(g.flow); n > 0 {
		g.flow[n-1].filled = true
	}
}

// entryEnd ends an entry of a flow collection.
func (g *guard) entryEnd() string {
	n := len(g.flow)
	if n == 0 {
		return "" // the parser's to refuse
	}
	f := &g.flow[n-1]
	if f.mapping && f.filled && !f.colon {
		return "a key without a colon and a value"
	}
	f.colon, f.filled = false, false
	return ""
}

func (g *guard) closeFlow() string {
	msg := g.entryEnd()
	if n := len(g.flow); n > 0 {
		g.flow = g.flow[:n-1]
	}
	return msg
}

// colon takes the colon after a key into account.
func (g *guard) colon(tokens token.Tokens, i int) string {
	if n := len(g.flow); n > 0 {
		g.flow[n-1].colon = true
		g.leftOut(tokens, i, 0)
		return g.limits()
	}
	if i == 0 {
		return "a colon without a key"
	}
	column := tokens[i-1].Position.Column
	level := g.block(column, false)
	if level.keys++; level.keys > MaxKeys {
		return "more than 5,000 keys in one mapping; write it as JSON, or split it"
	}
	g.leftOut(tokens, i, column)
	return g.limits()
}

// block makes the level at the column the innermost one.
func (g *guard) block(column int, sequence bool) *blockLevel {
	for n := len(g.blocks); n > 0; n-- {
		top := g.blocks[n-1]
		if top.column < column || top.column == column && top.sequence == sequence || top.column == column && sequence && !top.sequence {
			break
		}
		g.blocks = g.blocks[:n-1]
	}
	if n := len(g.blocks); n == 0 || g.blocks[n-1].column != column || g.blocks[n-1].sequence != sequence {
		g.blocks = append(g.blocks, blockLevel{column: column, sequence: sequence})
	}
	return &g.blocks[len(g.blocks)-1]
}

// leftOut counts the value after the colon or dash at i if there is none.
func (g *guard) leftOut(tokens token.Tokens, i, column int) {
	if i+1 == len(tokens) {
		g.empty++
		return
	}
	switch next := tokens[i+1]; next.Type {
	case token.MappingEndType, token.SequenceEndType, token.CollectEntryType:
		g.empty++
	default:
		if len(g.flow) == 0 && next.Position.Line > tokens[i].Position.Line && next.Position.Column <= column {
			g.empty++
		}
	}
}
