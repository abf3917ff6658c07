package jsonread

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Promise: Find leads where RFC 6901 says; the first cases are the RFC's own.
func TestFind(t *testing.T) {
	const rfc = `{ "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8 }`
	const own = ` { "x" : [ { "a" : 1 } , [ ] , "]," , -1.5e3 ] , "\u00e9\n\ud83d\ude00": {"~1": true}, "01": {}, "y" : null } `
	for _, c := range []struct {
		data, pointer, want string
		ok                  bool
	}{
		{rfc, "", rfc, true},
		{rfc, "/foo", `["bar", "baz"]`, true},
		{rfc, "/foo/0", `"bar"`, true},
		{rfc, "/", `0`, true},
		{rfc, "/a~1b", `1`, true},
		{rfc, "/c%d", `2`, true},
		{rfc, "/e^f", `3`, true},
		{rfc, "/g|h", `4`, true},
		{rfc, `/i\j`, `5`, true},
		{rfc, `/k"l`, `6`, true},
		{rfc, "/ ", `7`, true},
		{rfc, "/m~0n", `8`, true},

		{own, "", strings.TrimSpace(own), true},
		{own, "/x/0", `{ "a" : 1 }`, true},
		{own, "/x/0/a", `1`, true},
		{own, "/x/1", `[ ]`, true},
		{own, "/x/2", `"],"`, true},
		{own, "/x/3", `-1.5e3`, true},
		{own, "/é\n😀/~01", `true`, true},
		{own, "/01", `{}`, true},
		{own, "/y", `null`, true},

		{own, "x", "", false},
		{own, "/X", "", false},
		{own, "/x/4", "", false},
		{own, "/x/-", "", false},
		{own, "/x/-1", "", false},
		{own, "/x/00", "", false},
		{own, "/x/01", "", false},
		{own, "/x/", "", false},
		{own, "/x/1/0", "", false},
		{own, "/x/99999999999999999999", "", false},
		{own, "/y/z", "", false},
		{own, "/01/", "", false},
		{own, "/x~", "", false},
		{own, "/x~2", "", false},
		{`{"a":1,"a":2}`, "/a", "1", true},
		{`[[1,2],[3]]`, "/1/0", "3", true},
		{`5`, "", "5", true},
		{``, "", "", false},
		{`{"a":`, "/a", "", false},
		{`{"a`, "/a", "", false},
		{`[1`, "/1", "", false},
	} {
		got, ok := Find([]byte(c.data), c.pointer)
		if ok != c.ok || string(got) != c.want {
			t.Errorf("Find(%s, %q) = %q, %v, want %q, %v", c.data, c.pointer, got, ok, c.want, c.ok)
		}
	}
}

// Promise: Pointer and ParsePointer undo one another, and refuse what is no pointer.
func TestPointer(t *testing.T) {
	for _, tokens := range [][]string{nil, {""}, {"", ""}, {"a/b", "m~n", "~1", "~01", "0"}, {"é", "\x00\""}} {
		p := Pointer(tokens...)
		if got, ok := ParsePointer(p); !ok || !slices.Equal(got, tokens) {
			t.Errorf("ParsePointer(%q) = %q, %v, want %q", p, got, ok, tokens)
		}
	}
	if got := Pointer("a/b", "0") + Pointer("~"); got != "/a~1b/0/~0" {
		t.Errorf("got %q", got)
	}
	for _, bad := range []string{"a", "a/b", "#/a", "/~", "/a~2", "/~~0", "/ok/~"} {
		if got, ok := ParsePointer(bad); ok {
			t.Errorf("ParsePointer(%q) = %q", bad, got)
		}
	}
}

// Promise: Unquote takes exactly one well-formed string.
func TestUnquote(t *testing.T) {
	for _, c := range []struct {
		raw, want string
		ok        bool
	}{
		{`""`, "", true},
		{`"abc"`, "abc", true},
		{`"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00x\u0000"`, "\"\\/\b\f\n\r\té😀x\x00", true},
		{`"`, "", false}, {``, "", false}, {`abc`, "", false}, {`"a"b`, "", false}, {`"a" `, "", false}, {` "a"`, "", false},
		{`"\ud83d"`, "", false}, {"\"\xff\"", "", false}, {"\"\n\"", "", false}, {`"\"`, "", false}, {`"\x"`, "", false},
	} {
		if got, ok := Unquote([]byte(c.raw)); got != c.want || ok != c.ok {
			t.Errorf("Unquote(%q) = %q, %v", c.raw, got, ok)
		}
	}
}

// findHolds walks everything that Decode made of a well-formed text: Find gives the
// bytes of the same value under its pointer. On any other text it must only return.
func findHolds(t *testing.T, data []byte) {
	t.Helper()
	value, err := Decode(data, unlimited)
	if err != nil {
		for _, p := range []string{"", "/a", "/0", "/a/b", "/0/a/1", "/"} {
			Find(data, p)
		}
		return
	}
	left := 200 // Find reads from the start: bound the work on large texts
	var walk func(pointer string, want any)
	walk = func(pointer string, want any) {
		if left--; left < 0 {
			return
		}
		raw, ok := Find(data, pointer)
		if !ok {
			t.Fatalf("%q: nothing at %q", data, pointer)
		}
		if got, err := Decode(raw, unlimited); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q at %q: %q is %#v (%v), want %#v", data, pointer, raw, got, err, want)
		}
		switch v := want.(type) {
		case map[string]any:
			for name, member := range v {
				walk(pointer+Pointer(name), member)
			}
			if _, has := v["no such"]; !has {
				missing(t, data, pointer+"/no such")
			}
		case []any:
			for i, item := range v {
				walk(pointer+Pointer(strconv.Itoa(i)), item)
			}
			missing(t, data, pointer+Pointer(strconv.Itoa(len(v))))
		default:
			missing(t, data, pointer+"/0")
		}
	}
	walk("", value)
}

func missing(t *testing.T, data []byte, pointer string) {
	t.Helper()
	if raw, ok := Find(data, pointer); ok {
		t.Fatalf("%q at %q: found %q", data, pointer, raw)
	}
}

// Promise: Find agrees with Decode on random texts.
func TestFindAgreesWithDecode(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 2_000 {
		data := randomText(rng)
		for range rng.IntN(2) {
			data = damage(rng, data)
		}
		findHolds(t, data)
	}
}

func FuzzFind(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(findHolds)
}
