package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// Values that follow each other are cut where JSON's own grammar cuts them, and the items
// of an array are values; each has the line that it begins on.
func TestValueReader(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "",
		" \n ":                            "",
		`1 2`:                             "1:1 1:2",
		`"a b" "c\"]"`:                    `1:"a b" 1:"c\"]"`,
		"{\n\"a\":1}\n{\"b\":[1,{}]}":     "1:{\n\"a\":1} 3:{\"b\":[1,{}]}",
		"[1,\n{\"a\":[2]}\n,null]\n[]\n7": `1:1 2:{"a":[2]} 3:null 5:7`,
		`[[1,2],[]]`:                      `1:[1,2] 1:[]`,
		`{"a":1}{"b":"}"}true"x"`:         `1:{"a":1} 1:{"b":"}"} 1:true 1:"x"`,
		`[{"a":1}`:                        `1:{"a":1} array`,
		`{"a":`:                           `1:{"a":`,
	} {
		for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
			values := valueReader{r: bufio.NewReader(r), most: 100, line: 1}
			var got []string
			for {
				v, err := values.next(nil)
				if errors.Is(err, errOpenArray) {
					got = append(got, "array")
				}
				if err != nil {
					break
				}
				got = append(got, fmt.Sprintf("%d:%s", v.line, v.data))
			}
			if text := strings.Join(got, " "); text != want {
				t.Errorf("%q: got %q, want %q", text, text, want)
			}
		}
	}
}

// Of a value that is too long no more is held than says so.
func TestValueReaderHoldsNoMore(t *testing.T) {
	long := `{"a":"` + strings.Repeat("x", 100_000) + `"}`
	values := valueReader{r: bufio.NewReader(strings.NewReader("[" + long + ",1]")), most: 50, line: 1}
	v, err := values.next(nil)
	if err != nil || len(v.data) != 51 || v.size != int64(len(long)) {
		t.Errorf("%d bytes are held of %d: %v", len(v.data), v.size, err)
	}
	if v, err = values.next(nil); err != nil || string(v.data) != "1" {
		t.Errorf("then %q, %v", v.data, err)
	}
}

// What is cut out of an array of anything is what the array has.
func FuzzValueReader(f *testing.F) {
	f.Add(`[1,"a,]\"",{"b":[null,{}]}]`)
	f.Fuzz(func(t *testing.T, text string) {
		var want []json.RawMessage
		if json.Unmarshal([]byte(text), &want) != nil || want == nil {
			return
		}
		values := valueReader{r: bufio.NewReader(strings.NewReader(text)), most: 1 << 20, line: 1}
		for i := 0; ; i++ {
			v, err := values.next(nil)
			if err != nil {
				if i != len(want) || !errors.Is(err, io.EOF) {
					t.Fatalf("%d of %d items: %v", i, len(want), err)
				}
				return
			}
			if i >= len(want) || string(v.data) != string(want[i]) {
				t.Fatalf("item %d is %q of %q", i, v.data, text)
			}
		}
	})
}
