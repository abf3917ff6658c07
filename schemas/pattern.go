package schemas

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Bounds on patterns. Matching takes time proportional to the text's length times the
// pattern's size: the size is bounded here, the product by the meter of an event.
const (
	maxPatternBytes = 4 << 10 // of one pattern's source
	maxPatternSize  = 10_000  // instructions of one pattern, repetitions written out
	maxPatternsSize = 200_000 // instructions of all patterns of a schema together
)

// patterns compiles the regular expressions of one schema under the bounds. While the
// schema is being compiled it belongs to one goroutine; after freeze it only judges
// strings of the format "regex", and then it is safe for concurrent use.
type patterns struct {
	compiled map[string]*pattern
	size     int
	frozen   bool
}

func newPatterns() *patterns { return &patterns{compiled: map[string]*pattern{}} }

// freeze ends compilation: from now on nothing is kept and nothing is compiled.
func (p *patterns) freeze() { p.frozen, p.compiled = true, nil }

// compile is the engine that the schema library calls for patterns in a schema and, for
// the format "regex", for strings in a payload.
func (p *patterns) compile(source string) (jsonschema.Regexp, error) {
	if re, ok := p.compiled[source]; ok {
		return re, nil
	}
	tree, size, err := parsePattern(source)
	if err != nil {
		return nil, err
	}
	if p.frozen {
		return parsedPattern(source), nil
	}
	if p.size += size; p.size > maxPatternsSize {
		return nil, fmt.Errorf("the patterns of this schema are too large together; write shorter ones, or smaller repetitions")
	}
	re, err := regexp.Compile(source)
	if err != nil {
		return nil, explainPattern(source, err)
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, explainPattern(source, err)
	}
	p.compiled[source] = &pattern{re, len(prog.Inst)}
	return p.compiled[source], nil
}

// pattern is a compiled pattern of a schema, with the number of its instructions: matching
// takes at most that many steps for each byte of the text.
type pattern struct {
	*regexp.Regexp
	instructions int
}

// programSize is the number of instructions of a pattern that patterns compiled.
func programSize(re jsonschema.Regexp) int {
	if p, ok := re.(*pattern); ok {
		return p.instructions
	}
	return maxPatternSize // of the library's own schemas, which have small ones; be safe
}

// parsedPattern stands for a string of a payload that is a regular expression: it is
// never matched with.
type parsedPattern string

func (s parsedPattern) String() string        { return string(s) }
func (parsedPattern) MatchString(string) bool { return false }

// parsePattern parses a pattern and returns about how many instructions it compiles to.
func parsePattern(source string) (*syntax.Regexp, int, error) {
	if len(source) > maxPatternBytes {
		return nil, 0, fmt.Errorf("the pattern is longer than %d bytes", maxPatternBytes)
	}
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, 0, explainPattern(source, err)
	}
	size := treeSize(tree)
	if size > maxPatternSize {
		return nil, 0, fmt.Errorf("the pattern is too large: with its repetitions written out it has more than %d steps; use smaller repetitions, or maxLength", maxPatternSize)
	}
	return tree, size, nil
}

func treeSize(t *syntax.Regexp) int {
	size := 1
	if t.Op == syntax.OpLiteral {
		size = len(t.Rune)
	}
	for _, sub := range t.Sub {
		size = min(size+treeSize(sub), maxPatternSize+1)
	}
	if t.Op == syntax.OpRepeat {
		size = min(size*max(t.Min, t.Max, 1)*2, maxPatternSize+1)
	}
	return size
}

// explainPattern says in a person's words why a pattern was refused.
func explainPattern(source string, err error) error {
	for _, group := range []struct{ opening, name string }{
		{"(?=", "look-ahead"}, {"(?!", "look-ahead"}, {"(?<=", "look-behind"}, {"(?<!", "look-behind"},
	} {
		if strings.Contains(source, group.opening) {
			return fmt.Errorf("the pattern uses %s %s…), which RE2 regular expressions do not have, since they match in linear time; say it with several patterns in allOf, or with not", group.name, group.opening)
		}
	}
	var parse *syntax.Error
	if errors.As(err, &parse) {
		return fmt.Errorf("the pattern is not an RE2 regular expression: %s at %q", parse.Code, truncate(parse.Expr, maxLiteral))
	}
	return fmt.Errorf("the pattern is not an RE2 regular expression")
}
