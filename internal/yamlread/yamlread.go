// Package yamlread reads YAML and JSON that people write, strictly: into structs,
// with the file, line and column of whatever is wrong.
//
// It takes the YAML that configuration needs and refuses the rest: an unknown or
// repeated key, an anchor, an alias, a merge key, a tag, a key that is not a
// scalar. A plain scalar is what YAML 1.2's core schema says (no, on and
// 2024-01-01 are strings; 017 is refused), numbers keep every digit, and a text
// that is JSON is read as JSON.
//
// Input is hostile until it has passed the guards: at most MaxBytes, MaxDepth and
// MaxTokens, all of them checked before the parser runs, which recurses.
//
// Errors never show a value, because a value may be a secret: a snippet ends after
// the key, unless the caller says with ShowLines that its texts hold none.
package yamlread

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
)

// Limits on one text. They are checked before anything recurses over it.
const (
	MaxBytes  = 4 << 20 // bytes of a text
	MaxDepth  = 100     // mappings and sequences within each other
	MaxTokens = 200_000 // tokens of a YAML text, all documents together; JSON has no such limit
	MaxKeys   = 5_000   // keys of one YAML mapping in block style; JSON and flow style have no such limit
)

// Document is one document of a text. It is immutable and safe for concurrent use.
type Document struct {
	// Line is the line, from 1, on which the document's content begins.
	Line int

	src  *source
	root *node
}

// Decode reads a text of one document into out, a non-nil pointer. A document with
// nothing in it leaves out as it is. The name is what errors call the text.
// Every error about the text is an *Error.
//
// Keys are those of the yaml tags, else the json tags, else the lower-cased field
// names. A null leaves its field as it is. Types that implement
// encoding.TextUnmarshaler read scalars, and those that implement json.Unmarshaler
// (json.RawMessage among them) get their value as JSON. In an any, objects are
// map[string]any and numbers json.Number. After an error, out may be filled in part.
func Decode(name string, data []byte, out any) error {
	docs, err := Documents(name, data)
	if err != nil {
		return err
	}
	if len(docs) > 1 {
		return docs[1].src.errorAt(docs[1].root.line, docs[1].root.column, "a second document begins here, and this file holds one only")
	}
	if len(docs) == 0 {
		return checkTarget(out)
	}
	return docs[0].Decode(out)
}

// Option changes how a text is read.
type Option func(*source)

// ShowLines lets snippets show whole lines. It is for texts that hold no secrets, such as
// rules; messages stay free of values.
func ShowLines() Option { return func(s *source) { s.shown = true } }

// Documents reads a text of any number of documents, separated by lines of "---".
// Documents with nothing in them are left out.
func Documents(name string, data []byte, options ...Option) ([]Document, error) {
	src, err := newSource(name, data)
	if err != nil {
		return nil, err
	}
	for _, option := range options {
		option(src)
	}
	if root, ok, err := parseJSON(src); err != nil {
		return nil, err
	} else if ok {
		return []Document{{Line: root.line, src: src, root: root}}, nil
	}
	var docs []Document
	tokens := 0
	parts, err := src.split()
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		root, n, err := parseYAML(src, p, MaxTokens-tokens)
		if err != nil && len(parts) == 1 {
			return nil, src.notJSON(err)
		} else if err != nil {
			return nil, err
		}
		tokens += n
		if root != nil {
			docs = append(docs, Document{Line: root.line, src: src, root: root})
		}
	}
	return docs, nil
}

// ToJSON turns a text of one document into JSON: keys in the order written, numbers
// with every digit. A document with nothing in it is null.
func ToJSON(name string, data []byte) ([]byte, error) {
	var raw json.RawMessage
	if err := Decode(name, data, &raw); err != nil {
		return nil, err
	}
	if raw == nil {
		return []byte("null"), nil
	}
	return raw, nil
}

// Kind is the string under the top-level key "kind", or "".
func (d Document) Kind() string {
	if k := d.root.child("kind"); k != nil && k.kind == stringKind {
		return k.text
	}
	return ""
}

// Decode reads the document into out, as the function Decode does.
func (d Document) Decode(out any) error {
	if err := checkTarget(out); err != nil {
		return err
	}
	return decoder{d.src}.value(d.root, reflect.ValueOf(out).Elem(), "")
}

// JSON is the document as JSON: keys in the order written, numbers with every digit.
func (d Document) JSON() []byte { return d.root.appendJSON(nil) }

// Position is a place in a text.
type Position struct {
	// Line and Column count from 1; columns are in characters.
	Line, Column int
	// Verbatim says that a string's characters stand in the text as they are, from Line
	// and Column on, without quotes or escapes. If it has several lines they are those
	// of a literal block (|), each indented by Column-1.
	Verbatim bool
}

// Locate returns where the value at a JSON Pointer (RFC 6901) begins, or false if the
// document has no such value. The position of a block scalar is that of its first line.
func (d Document) Locate(pointer string) (Position, bool) {
	n := d.root
	for pointer != "" {
		if pointer[0] != '/' {
			return Position{}, false
		}
		step, rest, found := strings.Cut(pointer[1:], "/")
		if pointer = ""; found {
			pointer = "/" + rest
		}
		step = strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
		if n = n.child(step); n == nil {
			return Position{}, false
		}
	}
	return d.position(n), true
}

func (d Document) position(n *node) Position {
	if n.block {
		return Position{Line: n.line + 1, Column: d.src.indent(n.line+1) + 1, Verbatim: !n.folded}
	}
	p := Position{Line: n.line, Column: n.column}
	if n.kind != stringKind || strings.Contains(n.text, "\n") {
		return p
	}
	rest := []rune(d.src.line(n.line))
	rest = rest[min(n.column-1, len(rest)):]
	if len(rest) > 0 && (rest[0] == '"' || rest[0] == '\'') && strings.HasPrefix(string(rest[1:]), n.text+string(rest[0])) {
		return Position{Line: n.line, Column: n.column + 1, Verbatim: true}
	}
	p.Verbatim = strings.HasPrefix(string(rest), n.text)
	return p
}

// Error returns an *Error at the value under the pointer, or at the document's first
// line if there is none, for what is found wrong after decoding.
func (d Document) Error(pointer, message string) error {
	p, ok := d.Locate(pointer)
	if !ok {
		p = Position{Line: d.root.line, Column: d.root.column}
	}
	return d.src.errorAt(p.Line, p.Column, "%s", message)
}

func (n *node) child(step string) *node {
	switch n.kind {
	case mapKind:
		for i, k := range n.keys {
			if k.text == step {
				return n.items[i]
			}
		}
	case seqKind:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n.items) {
			return n.items[i]
		}
	}
	return nil
}

func checkTarget(out any) error {
	if v := reflect.ValueOf(out); v.Kind() != reflect.Pointer || v.IsNil() {
		return errors.New("yamlread: the target must be a non-nil pointer")
	}
	return nil
}
