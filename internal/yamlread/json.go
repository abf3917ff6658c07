package yamlread

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/jsonread"
)

// parseJSON reads the source as one JSON text. ok is false if it is not one: then it
// may still be YAML. An error is about a text that is JSON.
func parseJSON(src *source) (root *node, ok bool, err error) {
	if t := strings.TrimLeft(src.text, " \t\n"); t == "" || t[0] != '{' && t[0] != '[' && t[0] != '"' {
		return nil, false, nil
	}
	dec := json.NewDecoder(strings.NewReader(src.text))
	dec.UseNumber()
	r := &jsonReader{src: src, dec: dec, line: 1, column: 1}
	root, err = r.value(1)
	var own *Error
	if errors.As(err, &own) {
		// A repeated key counts only if the rest is JSON too: YAML would find it as well.
		return nil, false, own
	}
	if err != nil || strings.Trim(src.text[dec.InputOffset():], " \t\n") != "" {
		return nil, false, nil
	}
	return root, true, nil
}

// notJSON puts an error of the JSON reader in place of one of YAML, for a text that is
// neither and was meant as JSON: it begins as only JSON is written, or its name says so.
func (s *source) notJSON(err error) error {
	text := strings.TrimLeft(s.text, " \t\n")
	if text == "" || text[0] != '{' && text[0] != '[' {
		return err
	}
	inner := strings.TrimLeft(text[1:], " \t\n{[")
	if !strings.HasPrefix(inner, `"`) && !strings.HasSuffix(s.name, ".json") {
		return err
	}
	bad := jsonread.Check([]byte(s.text), jsonread.Limits{AllowDuplicateKeys: true})
	if bad == nil || bad.Code != lazaret.CodeSyntax && bad.Code != lazaret.CodeEncoding {
		return err
	}
	return s.errorAt(bad.Line, bad.Column, "not JSON: %s", bad.Message)
}

// jsonReader builds the tree from the decoder's tokens, which come without recursion.
type jsonReader struct {
	src          *source
	dec          *json.Decoder
	at           int // how far line and column are counted
	line, column int
}

// start is the place of the next token.
func (r *jsonReader) start() (line, column int) {
	r.advance(int(r.dec.InputOffset()))
	for r.at < len(r.src.text) && strings.IndexByte(" \t\n,:", r.src.text[r.at]) >= 0 {
		r.advance(r.at + 1)
	}
	return r.line, r.column
}

func (r *jsonReader) advance(to int) {
	for ; r.at < to; r.at++ {
		switch c := r.src.text[r.at]; {
		case c == '\n':
			r.line, r.column = r.line+1, 1
		case utf8.RuneStart(c):
			r.column++
		}
	}
}

func (r *jsonReader) value(depth int) (*node, error) {
	n := &node{}
	n.line, n.column = r.start()
	tk, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	switch v := tk.(type) {
	case json.Delim:
		if depth > MaxDepth {
			return nil, r.src.errorAt(n.line, n.column, "%s", tooDeep)
		}
		if v == '{' {
			return n, r.object(n, depth)
		}
		return n, r.array(n, depth)
	case string:
		n.kind, n.text = stringKind, v
	case json.Number:
		n.kind, n.text = numberKind, v.String()
	case bool:
		n.kind, n.text = boolKind, "false"
		if v {
			n.text = "true"
		}
	}
	return n, nil
}

func (r *jsonReader) object(n *node, depth int) error {
	n.kind = mapKind
	seen := make(map[string]int)
	for r.dec.More() {
		var k key
		k.line, k.column = r.start()
		tk, err := r.dec.Token()
		if err != nil {
			return err
		}
		k.text = tk.(string) // the decoder lets no other token be here
		if line, dup := seen[k.text]; dup {
			return r.src.duplicate(k, line)
		}
		seen[k.text] = k.line
		v, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.keys, n.items = append(n.keys, k), append(n.items, v)
	}
	_, err := r.dec.Token()
	return err
}

func (r *jsonReader) array(n *node, depth int) error {
	n.kind = seqKind
	for r.dec.More() {
		v, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.items = append(n.items, v)
	}
	_, err := r.dec.Token()
	return err
}

// appendJSON appends the node as compact JSON.
func (n *node) appendJSON(b []byte) []byte {
	switch n.kind {
	case nullKind:
		return append(b, "null"...)
	case boolKind, numberKind:
		return append(b, n.text...)
	case stringKind:
		return appendString(b, n.text)
	case seqKind:
		b = append(b, '[')
		for i, item := range n.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = item.appendJSON(b)
		}
		return append(b, ']')
	}
	b = append(b, '{')
	for i, item := range n.items {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, n.keys[i].text), ':')
		b = item.appendJSON(b)
	}
	return append(b, '}')
}

// appendString appends s as a JSON string, without the escapes that are for HTML.
func appendString(b []byte, s string) []byte {
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return append(b, strings.TrimSuffix(out.String(), "\n")...)
}
