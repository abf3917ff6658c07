package jsonread

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lazaret/lazaret"
)

func collect(s *Splitter) (elems []string) {
	for {
		elem, ok := s.Next()
		if !ok {
			return elems
		}
		elems = append(elems, string(elem))
	}
}

// Promise: an array is split into exact bytes; a bad element is handed out like any
// other; a broken array gives what came before, the place, and the rest.
func TestElements(t *testing.T) {
	for _, c := range []struct {
		text   string
		want   string // the elements, joined by spaces
		code   lazaret.Code
		offset int
		rest   string
	}{
		{`[]`, ``, "", 0, ""},
		{" [ \n] ", ``, "", 0, ""},
		{`[1]`, `1`, "", 0, ""},
		{" [ {\"a\":1} ,\t\"b\" ,[3],null ] ", `{"a":1} "b" [3] null`, "", 0, ""},
		{`["]","\"]","\\",{"}":"{["}]`, `"]" "\"]" "\\" {"}":"{["}`, "", 0, ""},

		// Bad in themselves, to be judged one by one.
		{`[{"a":1,"a":2},1e999999,"` + "\xff" + `",tru,01,{"a":},[1,],{"b" 1},"\x"]`,
			`{"a":1,"a":2} 1e999999 "` + "\xff" + `" tru 01 {"a":} [1,] {"b" 1} "\x"`, "", 0, ""},
		{"[\"a\nb\",\x00\x01]", "\"a\nb\" \x00\x01", "", 0, ""},
		{`[` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `,2]`, strings.Repeat("[", 300) + strings.Repeat("]", 300) + " 2", "", 0, ""},

		// Broken.
		{``, ``, lazaret.CodeSyntax, 0, ""},
		{`{}`, ``, lazaret.CodeSyntax, 0, "{}"},
		{"\ufeff[]", ``, lazaret.CodeSyntax, 0, "\ufeff[]"},
		{`[`, ``, lazaret.CodeSyntax, 1, ""},
		{`[1`, ``, lazaret.CodeSyntax, 2, "1"},
		{`[{"a":1},12`, `{"a":1}`, lazaret.CodeSyntax, 11, "12"},
		{`[{"a":1},{"b":[1,2`, `{"a":1}`, lazaret.CodeSyntax, 18, `{"b":[1,2`},
		{`[{"a":1},"abc`, `{"a":1}`, lazaret.CodeSyntax, 13, `"abc`},
		{`[{"a":1},`, `{"a":1}`, lazaret.CodeSyntax, 9, ""},
		{`[{"a":1}`, `{"a":1}`, lazaret.CodeSyntax, 8, ""},
		{`[{"a":1} {"b":2}]`, `{"a":1}`, lazaret.CodeSyntax, 9, `{"b":2}]`},
		{`[1 2]`, `1`, lazaret.CodeSyntax, 3, `2]`},
		{`[1:2]`, `1`, lazaret.CodeSyntax, 2, `:2]`},
		{`[1,]`, `1`, lazaret.CodeSyntax, 3, `]`},
		{`[,1]`, ``, lazaret.CodeSyntax, 1, `,1]`},
		{`[1,,2]`, `1`, lazaret.CodeSyntax, 3, `,2]`},
		{`[1}`, `1`, lazaret.CodeSyntax, 2, `}`},
		{`[0,{"a":]}]`, `0`, lazaret.CodeSyntax, 8, `{"a":]}]`},
		{`[1] [2]`, `1`, lazaret.CodeSyntax, 4, `[2]`},
	} {
		s := Elements([]byte(c.text), Limits{})
		if got := strings.Join(collect(s), " "); got != c.want {
			t.Errorf("%q: elements %q, want %q", c.text, got, c.want)
		}
		if got := summary(s.Err()); got != (what{c.code, c.offset, ""}) {
			t.Errorf("%q: %+v, want %s at %d", c.text, got, c.code, c.offset)
		}
		if got := string(s.Rest()); got != c.rest {
			t.Errorf("%q: the rest is %q, want %q", c.text, got, c.rest)
		}
		if _, ok := s.Next(); ok {
			t.Errorf("%q: an element after the last", c.text)
		}
	}
}

// Promise: Values bounds the number of elements, not what is in them, and Size the text.
func TestElementsUnderLimits(t *testing.T) {
	s := Elements([]byte(`[{"a":[0,0,0]},2,3]`), Limits{Values: 2})
	if got := collect(s); len(got) != 2 || summary(s.Err()) != (what{lazaret.CodeSize, 17, ""}) || string(s.Rest()) != "3]" {
		t.Errorf("%q, %v, rest %q", got, s.Err(), s.Rest())
	}
	s = Elements([]byte(`[1,2]`), Limits{Size: 4})
	if got := collect(s); len(got) != 0 || summary(s.Err()).code != lazaret.CodeSize || string(s.Rest()) != "[1,2]" {
		t.Errorf("%q, %v, rest %q", got, s.Err(), s.Rest())
	}
}

// Promise: the splitter is safe at any depth and costs a fraction of the text.
func TestElementsAtAnyDepth(t *testing.T) {
	const depth = 1_000_000
	open := strings.Repeat(`[{"":`, depth/2)
	deep := open + "0" + strings.Repeat("}]", depth/2)
	s := Elements([]byte("["+deep+",1]"), Limits{})
	if got := collect(s); len(got) != 2 || got[0] != deep || s.Err() != nil {
		t.Errorf("%d elements, %v", len(got), s.Err())
	}
	s = Elements([]byte("[7,"+open), Limits{})
	if got := collect(s); len(got) != 1 || summary(s.Err()).code != lazaret.CodeSyntax {
		t.Errorf("%d elements, %v", len(got), s.Err())
	}
	wrong := open + "0" + strings.Repeat("}]", depth/2-1) + "]}"
	s = Elements([]byte("[7,"+wrong+"]"), Limits{})
	if got := collect(s); len(got) != 1 || summary(s.Err()).offset != 3+len(wrong)-2 {
		t.Errorf("%d elements, %v", len(got), s.Err())
	}
}

// splitHolds holds the splitter's properties on any text:
// elements lie in order in the text; joined, they split the same again; and the text
// is well formed exactly if the array is not broken and each element is well formed.
func splitHolds(t *testing.T, data []byte) {
	t.Helper()
	s := Elements(data, unlimited)
	var elems [][]byte
	sound, at := true, 0
	for {
		elem, ok := s.Next()
		if !ok {
			break
		}
		n := bytes.Index(data[at:], elem)
		if n < 0 || len(elem) == 0 || len(elem) != len(bytes.Trim(elem, " \t\r\n")) || cap(elem) != len(elem) {
			t.Fatalf("%q: the element %q is not a piece of it", data, elem)
		}
		at += n + len(elem)
		deeper := unlimited
		deeper.Depth--
		sound = sound && Check(elem, deeper) == nil
		elems = append(elems, elem)
	}
	isArray := len(bytes.TrimLeft(data, " \t\r\n")) > 0 && bytes.TrimLeft(data, " \t\r\n")[0] == '['
	whole := Check(data, unlimited)
	if got := s.Err() == nil && sound; got != (whole == nil && isArray) {
		t.Fatalf("%q: split soundly: %v (%v), Check: %v", data, got, s.Err(), whole)
	}
	again := Elements(slices.Concat([]byte{'['}, bytes.Join(elems, []byte{','}), []byte{']'}), unlimited)
	for i := 0; ; i++ {
		elem, ok := again.Next()
		if !ok {
			if i != len(elems) || again.Err() != nil {
				t.Fatalf("%q: joined again: %d elements of %d, %v", data, i, len(elems), again.Err())
			}
			break
		}
		if !bytes.Equal(elem, elems[i]) {
			t.Fatalf("%q: joined again, element %d is %q, want %q", data, i, elem, elems[i])
		}
	}
	if whole == nil && isArray {
		var raw []json.RawMessage
		if err := json.Unmarshal(data, &raw); err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(raw, elems, func(a json.RawMessage, b []byte) bool { return bytes.Equal(a, b) }) {
			t.Fatalf("%q: split into %q, want %q", data, elems, raw)
		}
	}
}

// Promise: the splitter agrees with Check and with encoding/json on random arrays,
// sound and damaged.
func TestElementsAgreeWithCheck(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 6_000 {
		data := slices.Concat([]byte{'['}, randomText(rng), []byte{','}, randomText(rng), []byte{']'})
		for range rng.IntN(3) {
			data = damage(rng, data)
		}
		splitHolds(t, data)
	}
}

func FuzzElements(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
		f.Add([]byte("[" + s + "," + s + "]"))
	}
	f.Fuzz(splitHolds)
}
