package httpin

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// FuzzSplit: the parts lie in the body in order, without overlap, and between them is
// nothing but what the form itself is made of; so no byte of an event is lost or shared.
// A valid array gives exactly the elements that encoding/json finds in it.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{
		``, ` `, `[]`, ` [ ] `, `[1]`, `[1,2]`, ` [ {"a":[1,"]"]} , "x\"," ] `, `[1,]`, `[,1]`, `[1`, `[1]]`, `[[]`, `{}`, `{"a":1}`,
		"1\n2", "1\r\n\r\n2\n", "\n\n", "[{\"a\":1}\n,2]", `["\\",1]`, `["\\\",1]`, "[1 2]", "[{]}]", "\xff[1]", "[\xff]", `[nul,tru]`,
		strings.Repeat("[", 200), strings.Repeat("[", 200) + strings.Repeat("]", 200),
	} {
		for m := modeJSON; m <= modeBinary; m++ {
			f.Add(uint8(m), []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, m uint8, body []byte) {
		md := mode(m % uint8(modeBinary+1))
		original := bytes.Clone(body)
		parts, err := split(md, body, 1000)
		if !bytes.Equal(body, original) {
			t.Fatal("the body was changed")
		}
		if err != nil {
			if md == modeStructured || md == modeBinary || (md != modeLines && len(body) < 1000) {
				t.Fatalf("mode %d: %v", md, err)
			}
			return
		}
		checkCoverage(t, md, body, parts)
		if md == modeJSON || md == modeBatch {
			checkElements(t, body, parts)
		}
	})
}

// checkCoverage looks at what is between the parts.
func checkCoverage(t *testing.T, m mode, body []byte, parts [][]byte) {
	t.Helper()
	if len(parts) == 1 && bytes.Equal(parts[0], body) {
		return
	}
	between := " \t\r\n[],"
	if m == modeLines {
		between = " \t\r\n"
	}
	rest, at := body, 0
	for _, part := range parts {
		if len(part) == 0 || cap(part) != len(part) {
			t.Fatalf("part of length %d and capacity %d", len(part), cap(part))
		}
		// The part is a piece of the body: its place is known from its memory.
		place := slices.IndexFunc(make([]struct{}, len(rest)), func(struct{}) bool { at++; return &rest[at-1] == &part[0] })
		if place < 0 {
			t.Fatal("a part is not in the body, or out of order")
		}
		if left := bytes.Trim(rest[:place], between); len(left) > 0 {
			t.Fatalf("%q is in no event", left)
		}
		rest, at = rest[place+len(part):], 0
	}
	if left := bytes.Trim(rest, between); len(left) > 0 {
		t.Fatalf("%q at the end is in no event", left)
	}
}

// checkElements compares with encoding/json: a valid array is split into its elements,
// and what is split is not the whole of an array whose brackets do not fit.
func checkElements(t *testing.T, body []byte, parts [][]byte) {
	t.Helper()
	var want []json.RawMessage
	isArray := len(bytes.Trim(body, space)) > 0 && bytes.Trim(body, space)[0] == '['
	if isArray && json.Unmarshal(body, &want) == nil {
		equal := slices.EqualFunc(parts, want, func(a []byte, b json.RawMessage) bool { return bytes.Equal(a, bytes.Trim(b, space)) })
		if !equal {
			t.Fatalf("split %q into %q, want %q", body, parts, want)
		}
		return
	}
	if !isArray && (len(parts) != 1 || !bytes.Equal(parts[0], body)) {
		t.Fatalf("%q is no array and was split into %q", body, parts)
	}
}
