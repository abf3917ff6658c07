package yamlread

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzDecode holds: no text panics or gives an error without a place; what
// encoding/json reads, we read the same, unless a key is there twice; and what was
// read from YAML says the same when it is written as JSON and read again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(good))
	for _, s := range []string{"", "[]", "{}", `{"a":{"b":[1,2.5e3,null,true,"x\u00e9"]}}`, `[1e400]`, `{"a":1,"a":2}`, "a: |2\n   x\n", "- - a\n- b", "a: &x 1\nb: *x", "? a", "'", "a: b: c", "[a: b]", "a:\r\n- b", "\"\\ud800\"", "---\na\n...\n---\nb", "a: >-\n\n x\n y", "{a: [b, {c: d}]}", "x: !!str y"} {
		f.Add([]byte(s))
	}
	for _, s := range hostile {
		f.Add([]byte(strings.Repeat(s, 3)))
		f.Add([]byte("a: [" + s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		hung := time.AfterFunc(5*time.Second, func() { panic(fmt.Sprintf("hangs: %q", data)) })
		defer hung.Stop()
		var got any
		err := Decode("f", data, &got)
		var typed settings
		_ = Decode("f", data, &typed)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("not an *Error: %v", err)
			}
			if json.Valid(data) && utf8.Valid(data) && !strings.Contains(e.Message, "a second time") && !strings.Contains(e.Message, "control character") && !strings.Contains(e.Message, tooDeep) {
				t.Fatalf("JSON refused: %v", err)
			}
			return
		}
		if want, ok := viaJSON(data); ok && !reflect.DeepEqual(got, want) {
			t.Fatalf("got %#v, encoding/json %#v", got, want)
		}
		text, err := ToJSON("f", data)
		if err != nil {
			t.Fatal(err)
		}
		if again, ok := viaJSON(text); !ok || !reflect.DeepEqual(got, again) {
			t.Fatalf("got %#v, and through JSON %#v (%s)", got, again, text)
		}
	})
}

func viaJSON(data []byte) (any, bool) {
	if !json.Valid(data) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	return v, err == nil
}
