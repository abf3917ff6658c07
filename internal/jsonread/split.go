package jsonread

import (
	"bytes"
	"fmt"

	"github.com/lazaret/lazaret"
)

// Splitter hands out the elements of one array, one at a time. It is for one
// goroutine.
type Splitter struct {
	data   []byte
	pos    int // where the next element, or what is between, begins
	limits Limits
	count  int
	begun  bool
	done   bool
	err    *Error
}

// Elements splits the array that data is into the bytes of its elements. It follows
// strings and brackets only: an element that is bad in itself (its encoding, its
// names, its numbers, its depth, a comma missing inside it) is handed out like any
// other, for it is an event to be judged and not a reason to refuse its neighbours.
// An array whose own structure is broken gives the complete elements before the
// place, and then an Error.
//
// Of the limits, Size and Values hold: Values bounds the number of elements.
func Elements(data []byte, l Limits) *Splitter {
	return &Splitter{data: data, limits: l.filled()}
}

// Next returns the bytes of the next element without the white space around it: a
// part of the data, not a copy. ok is false at the end, and when the array is broken;
// then Err says which.
func (s *Splitter) Next() (elem []byte, ok bool) {
	if s.done {
		return nil, false
	}
	if !s.begin() {
		s.done = true
		return nil, false
	}
	start := skipSpace(s.data, s.pos)
	end, f := skipElement(s.data, start)
	if f.bad() {
		return s.stop(f)
	}
	if s.count >= s.limits.Values {
		return s.stop(fault{lazaret.CodeSize, start, fmt.Sprintf("the array has more than %d elements", s.limits.Values)})
	}
	s.count++
	s.pos = end
	return s.data[start:end:end], true
}

// Err returns why the array is broken, and nil if it is not or not known to be:
// only after Next has returned false does it speak for the whole array.
func (s *Splitter) Err() *Error { return s.err }

// Rest returns what was not handed out because the array is broken, from the first
// byte of the element that could not be completed, or of what stands in its place; it
// is empty if Err is nil.
func (s *Splitter) Rest() []byte {
	if s.err == nil {
		return nil
	}
	return s.data[min(s.pos, len(s.data)):]
}

// begin goes up to the next element, over the bracket or the comma before it. It
// returns false at the end of the array and on an error.
func (s *Splitter) begin() bool {
	if !s.begun {
		return s.beginArray()
	}
	at := skipSpace(s.data, s.pos)
	switch {
	case at < len(s.data) && s.data[at] == ',':
		s.pos = skipSpace(s.data, at+1)
		return true
	case at < len(s.data) && s.data[at] == ']':
		s.end(at + 1)
	default:
		s.pos = at
		s.stop(syntaxFault(at, wantArrayNext))
	}
	return false
}

func (s *Splitter) beginArray() bool {
	s.begun = true
	if len(s.data) > s.limits.Size {
		s.stop(fault{lazaret.CodeSize, s.limits.Size, fmt.Sprintf("the text is longer than %d bytes", s.limits.Size)})
		return false
	}
	at := skipSpace(s.data, 0)
	if at >= len(s.data) || s.data[at] != '[' {
		s.stop(syntaxFault(at, wantArray))
		return false
	}
	first := skipSpace(s.data, at+1)
	if first < len(s.data) && s.data[first] == ']' {
		s.end(first + 1)
		return false
	}
	s.pos = first
	return true
}

// end checks that nothing follows the array, which ended before at.
func (s *Splitter) end(at int) {
	s.pos = skipSpace(s.data, at)
	if s.pos < len(s.data) {
		s.stop(syntaxFault(s.pos, afterValue(s.data, s.pos)))
	}
}

func (s *Splitter) stop(f fault) ([]byte, bool) {
	s.done = true
	if f.code == lazaret.CodeSyntax && f.offset >= len(s.data) {
		f.message = "the text ends too early; " + f.message
	}
	s.err = newError(s.data, f.code, f.offset, f.message)
	return nil, false
}

// brackets is a stack of the brackets that are open, one bit each, so that any
// number of them costs an eighth of the bytes that they take in the text.
type brackets struct {
	words []uint64
	depth int
}

func (b *brackets) push(brace bool) {
	word, bit := b.depth/64, uint64(1)<<(b.depth%64)
	if word == len(b.words) {
		b.words = append(b.words, 0)
	}
	if brace {
		b.words[word] |= bit
	} else {
		b.words[word] &^= bit
	}
	b.depth++
}

// pop reports whether the innermost bracket was a brace.
func (b *brackets) pop() bool {
	b.depth--
	return b.words[b.depth/64]>>(b.depth%64)&1 == 1
}

// skipElement goes over the element at start by its strings and brackets and
// returns the position after it.
func skipElement(data []byte, start int) (int, fault) {
	if start >= len(data) {
		return 0, syntaxFault(start, wantValue)
	}
	switch data[start] {
	case '"':
		if end, ok := skipString(data, start); ok {
			return end, fault{}
		}
		return 0, syntaxFault(len(data), wantQuote)
	case '{', '[':
		return skipBrackets(data, start)
	}
	end := skipScalar(data, start)
	switch {
	case end == len(data): // it may be the beginning of a longer one
		return 0, syntaxFault(end, wantArrayNext)
	case end == start:
		return 0, syntaxFault(start, wantValue)
	}
	return end, fault{}
}

// skipBrackets goes over the array or object at start.
func skipBrackets(data []byte, start int) (int, fault) {
	var words [4]uint64
	open := brackets{words: words[:0]}
	for i := start; i < len(data); {
		switch c := data[i]; c {
		case '"':
			end, ok := skipString(data, i)
			if !ok {
				return 0, syntaxFault(len(data), wantQuote)
			}
			i = end
			continue
		case '{', '[':
			open.push(c == '{')
		case '}', ']':
			if open.pop() != (c == '}') {
				return 0, syntaxFault(i, badClosingArray)
			}
			if open.depth == 0 {
				return i + 1, fault{}
			}
		}
		i++
	}
	return 0, syntaxFault(len(data), badClosingArray)
}

// skipValue goes over the value at start of a well-formed text.
func skipValue(data []byte, start int) (end int, ok bool) {
	if start >= len(data) {
		return 0, false
	}
	switch data[start] {
	case '"':
		return skipString(data, start)
	case '{', '[':
		end, f := skipBrackets(data, start)
		return end, !f.bad()
	}
	end = skipScalar(data, start)
	return end, end > start
}

// skipString goes over the string whose opening quote is at start, whatever is in it.
func skipString(data []byte, start int) (end int, ok bool) {
	i := start + 1
	for {
		n := bytes.IndexByte(data[i:], '"')
		if n < 0 {
			return 0, false
		}
		// The quote is part of the string if an odd number of backslashes is before it.
		quote, slashes := i+n, 0
		for slashes < n && data[quote-1-slashes] == '\\' {
			slashes++
		}
		i = quote + 1
		if slashes%2 == 0 {
			return i, true
		}
	}
}

// skipScalar goes over bytes that are neither white space nor of the structure.
func skipScalar(data []byte, start int) int {
	for i := start; i < len(data); i++ {
		switch data[i] {
		case ' ', '\n', '\r', '\t', ',', ':', '"', '[', ']', '{', '}':
			return i
		}
	}
	return len(data)
}
