package jsonread

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
)

// tooLong is far beyond what any hostile text takes (the worst takes half a second on
// one idle core) and far below what work that grows with the square of it would.
const tooLong = 20 * time.Second

// Promise: bad input costs little. Each text gets its code in good time, from Check
// and from Decode, and the process lives.
func TestHostileTexts(t *testing.T) {
	members := func(n int, name func(int) string) string {
		var b strings.Builder
		b.WriteByte('{')
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `"%s":0`, name(i))
		}
		b.WriteByte('}')
		return b.String()
	}
	plain := func(i int) string { return fmt.Sprint("k", i) }
	million := strings.Repeat("9", 1_000_000)
	for _, c := range []struct {
		name, text string
		limits     Limits
		want       lazaret.Code
	}{
		{"10,000 arrays", strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), Limits{}, lazaret.CodeDepth},
		{"1,000,000 open brackets", strings.Repeat("[", 1_000_000), Limits{}, lazaret.CodeDepth},
		{"1,000,000 open objects", strings.Repeat(`{"":`, 1_000_000), Limits{}, lazaret.CodeDepth},
		{"deep under a high limit", strings.Repeat("[", 500_000), Limits{Depth: -1, Values: -1}, lazaret.CodeSyntax},
		{"a million keys", members(1_000_000, plain), Limits{}, ""},
		{"a key more than the limit", members(200_001, plain), Limits{Values: 200_000}, lazaret.CodeSize},
		{"200,000 keys, the last one twice", strings.TrimSuffix(members(200_000, plain), "}") + `,"k7":0}`, Limits{}, lazaret.CodeDuplicateKey},
		{"200,000 keys that begin alike", members(200_000, func(i int) string { return fmt.Sprintf("prefix-prefix-%07d", i) }), Limits{}, ""},
		{"200,000 escaped keys", members(200_000, func(i int) string { return fmt.Sprintf(`\u0061%07d`, i) }), Limits{}, ""},
		{"objects of the same twenty keys", "[" + strings.Repeat(members(20, plain)+",", 10_000) + "0]", Limits{}, ""},
		{"1 MB of digits", million, Limits{}, lazaret.CodeNumber},
		{"1 MB of digits in the exponent", "1e" + million, Limits{}, lazaret.CodeNumber},
		{"1 MB of zeros in the exponent", "1e" + strings.Repeat("0", 1_000_000), Limits{}, lazaret.CodeNumber},
		{"1 MB of digits in the fraction", "[0." + million + "]", Limits{}, lazaret.CodeNumber},
		{"exponent beyond 64 bits", "1e99999999999999999999999999", Limits{}, lazaret.CodeNumber},
		{"200 times 1e1000000", "[" + strings.Repeat("1e1000000,", 199) + "1e1000000]", Limits{}, lazaret.CodeNumber},
		{"NUL bytes", string(make([]byte, 1_000_000)), Limits{}, lazaret.CodeSyntax},
		{"NUL in a string", "\"a\x00\"", Limits{}, lazaret.CodeSyntax},
		{"invalid UTF-8", `"` + strings.Repeat("é", 500_000) + "\xff\"", Limits{}, lazaret.CodeEncoding},
		{"lone surrogate", `"` + strings.Repeat(`\ud83d\ude00`, 100_000) + `\ud83d"`, Limits{}, lazaret.CodeEncoding},
		{"1 MB of backslashes", `"` + strings.Repeat(`\`, 1_000_000), Limits{}, lazaret.CodeSyntax},
		{"1 MB of white space", strings.Repeat(" \n", 500_000), Limits{}, lazaret.CodeSyntax},
	} {
		for reader, read := range map[string]func() *Error{
			"Check":  func() *Error { return Check([]byte(c.text), c.limits) },
			"Decode": func() *Error { _, err := Decode([]byte(c.text), c.limits); return err },
		} {
			start := time.Now()
			got := summary(read()).code
			t.Logf("%s: %s took %v", c.name, reader, time.Since(start))
			if took := time.Since(start); took > tooLong {
				t.Errorf("%s: %s took %v", c.name, reader, took)
			}
			if got != c.want {
				t.Errorf("%s: %s says %q, want %q", c.name, reader, got, c.want)
			}
		}
	}
}

// Promise: a duplicate is found in objects of every size, wherever the two are.
func TestDuplicatesInObjectsOfEverySize(t *testing.T) {
	for size := 2; size <= 300; size += 1 + size/10 {
		for _, at := range []int{0, (size - 1) / 2, size - 2} {
			var b strings.Builder
			b.WriteString(`{"o":{"k0":{}},"l":{`) // other objects have the name too
			for i := range size - 1 {
				fmt.Fprintf(&b, `"k%d":{"k%d":[]},`, i, at)
			}
			first := b.String()
			if err := Check([]byte(first+`"k":0}}`), Limits{}); err != nil {
				t.Fatalf("size %d: %v", size, err)
			}
			err := Check([]byte(first+fmt.Sprintf(`"\u006b%d":0}}`, at)), Limits{})
			if want := (what{lazaret.CodeDuplicateKey, len(first), fmt.Sprintf("/l/k%d", at)}); summary(err) != want {
				t.Fatalf("size %d: got %+v, want %+v", size, summary(err), want)
			}
		}
	}
}

// Promise: with AllowDuplicateKeys the last member of a name wins, as in encoding/json.
func TestAllowedDuplicates(t *testing.T) {
	data := []byte(`{"a":1,"b":2,"\u0061":[3]}`)
	got, err := Decode(data, Limits{AllowDuplicateKeys: true})
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]any{"a": []any{json.Number("3")}, "b": json.Number("2")}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	members, object, err := Members(data, Limits{AllowDuplicateKeys: true})
	if err != nil || !object || len(members) != 3 || members[2].Name != "a" || string(members[2].Value) != "[3]" {
		t.Errorf("Members: %v %v %v", members, object, err)
	}
}

// Promise: what Decode returns does not alias the text.
func TestDecodeDoesNotAlias(t *testing.T) {
	data := []byte(`{"key":["text","\u0061bc",1234]}`)
	got, err := Decode(data, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	copy(data, bytes.Repeat([]byte("x"), len(data)))
	want := map[string]any{"key": []any{"text", "abc", json.Number("1234")}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("after the text was overwritten: %v", got)
	}
}

// Promise: the limit on a name's and a string's special bytes holds at every
// alignment: the search eight bytes at a time misses none.
func TestSpecialBytesAtEveryAlignment(t *testing.T) {
	for before := range 9 {
		for after := range 9 {
			for c := range 256 {
				text := append(bytes.Repeat([]byte("x"), before), byte(c))
				text = append(append([]byte{'"'}, append(text, bytes.Repeat([]byte("y"), after)...)...), '"')
				want := jsonValidUTF8(text)
				if got := Check(text, Limits{}) == nil; got != want {
					t.Fatalf("byte %#x after %d and before %d bytes: accepted %v, want %v", c, before, after, got, want)
				}
			}
		}
	}
}

// jsonValidUTF8 is encoding/json's verdict for a string without surrogate escapes.
func jsonValidUTF8(text []byte) bool {
	return json.Valid(text) && bytes.Equal(bytes.ToValidUTF8(text, nil), text)
}
