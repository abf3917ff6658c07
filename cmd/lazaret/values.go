package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// valueReader cuts a text into the JSON values that follow each other in it, over however
// many lines. Of an array at the top it hands out the items. It follows strings and
// brackets only: what is between them is for who reads the value to judge.
type valueReader struct {
	r    *bufio.Reader
	most int // bytes of a value that are held, and one more

	line  int64
	array bool // in an array at the top
}

// textValue is one value of a text. Size is more than is held of one that is too long.
type textValue struct {
	data []byte
	line int64 // on which it begins, from 1
	size int64
}

var errOpenArray = errors.New("the array ends too early: is the file whole?")

// next reads the next value into the space after buf. The error is io.EOF at the end.
func (v *valueReader) next(buf []byte) (textValue, error) {
	for {
		c, err := v.r.ReadByte()
		switch {
		case errors.Is(err, io.EOF) && v.array:
			return textValue{}, errOpenArray
		case errors.Is(err, io.EOF):
			return textValue{}, io.EOF
		case err != nil:
			return textValue{}, fmt.Errorf("reading events: %w", err)
		case c == '\n':
			v.line++
		case c == ' ' || c == '\t' || c == '\r' || c == ',' && v.array:
		case c == '[' && !v.array:
			v.array = true
		case c == ']' && v.array:
			v.array = false
		default:
			return v.value(c, buf)
		}
	}
}

// value reads the value that begins with c.
func (v *valueReader) value(c byte, buf []byte) (textValue, error) {
	x := textValue{data: buf, line: v.line}
	depth, quoted, escaped := 0, false, false
	for {
		if x.size++; x.size <= int64(v.most)+1 {
			x.data = append(x.data, c)
		}
		if c == '\n' {
			v.line++
		}
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = c == '\\', c != '"'
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if !quoted && depth <= 0 && (c == '"' || c == '}' || c == ']') {
			return x, nil
		}
		next, err := v.r.Peek(1)
		if errors.Is(err, io.EOF) {
			return x, nil // if it is not whole, its reader says so
		}
		if err != nil {
			return x, fmt.Errorf("reading events: %w", err)
		}
		if c = next[0]; !quoted && depth == 0 && endsScalar(c) {
			return x, nil
		}
		_, _ = v.r.Discard(1)
	}
}

func endsScalar(c byte) bool {
	switch c {
	case ' ', '\t', '\r', '\n', ',', ']', '}', '[', '{', '"':
		return true
	}
	return false
}
