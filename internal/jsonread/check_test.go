package jsonread

import (
	"math"
	"strings"
	"testing"

	"github.com/lazaret/lazaret"
)

// what is an Error without its words.
type what struct {
	code   lazaret.Code
	offset int
	path   string
}

func summary(err *Error) what {
	if err == nil {
		return what{}
	}
	return what{err.Code, err.Offset, err.Path}
}

// Promise: every refusal has its code, the place of the first problem in byte order,
// and a path where one makes sense.
func TestCheckFindsTheFirstProblem(t *testing.T) {
	const (
		syntax = lazaret.CodeSyntax
		enc    = lazaret.CodeEncoding
		dup    = lazaret.CodeDuplicateKey
		depth  = lazaret.CodeDepth
		num    = lazaret.CodeNumber
		size   = lazaret.CodeSize
	)
	small := Limits{Depth: 3, NumberLength: 8, Exponent: 20, Values: 6, Size: 60}
	for _, c := range []struct {
		text string
		want what
	}{
		{`null`, what{}},
		{" \t\r\n[ 1 , {\"a\" : \"é\\u00e9\" } ] \n", what{}},
		{`[[[1]]]`, what{}},
		{`{"":{"":{"":0}}}`, what{}},
		{`12345678`, what{}},
		{`-1e-0020`, what{}},
		{`[1,2,3,4,5,6]`, what{}},
		{`"\ud83d\ude00"`, what{}},
		{`"` + "\x7f\u0080\uffff\U0010ffff" + `"`, what{}},

		{``, what{syntax, 0, ""}},
		{` `, what{syntax, 1, ""}},
		{"\ufeff{}", what{syntax, 0, ""}},
		{"\x00", what{syntax, 0, ""}},
		{"{}\x00", what{syntax, 2, ""}},
		{`{} {}`, what{syntax, 3, ""}},
		{`[1,]`, what{syntax, 3, ""}},
		{`[,1]`, what{syntax, 1, ""}},
		{`[1 2]`, what{syntax, 3, ""}},
		{`[1}`, what{syntax, 2, ""}},
		{`{"a":1,}`, what{syntax, 7, ""}},
		{`{"a" 1}`, what{syntax, 5, ""}},
		{`{"a":1 "b":2}`, what{syntax, 7, ""}},
		{`{"a":1]`, what{syntax, 6, ""}},
		{`{a:1}`, what{syntax, 1, ""}},
		{`{"a`, what{syntax, 3, ""}},
		{`{"a":`, what{syntax, 5, ""}},
		{`nul`, what{syntax, 3, ""}},
		{`nulL`, what{syntax, 3, ""}},
		{`True`, what{syntax, 0, ""}},
		{`01`, what{syntax, 1, ""}},
		{`-`, what{syntax, 1, ""}},
		{`-x`, what{syntax, 1, ""}},
		{`1.`, what{syntax, 2, ""}},
		{`1.e3`, what{syntax, 2, ""}},
		{`1e+`, what{syntax, 3, ""}},
		{`+1`, what{syntax, 0, ""}},
		{`.5`, what{syntax, 0, ""}},
		{`0x10`, what{syntax, 1, ""}},
		{`"a` + "\n" + `"`, what{syntax, 2, ""}},
		{`"a` + "\x00" + `"`, what{syntax, 2, ""}},
		{`"\x"`, what{syntax, 2, ""}},
		{`"\u12G4"`, what{syntax, 5, ""}},
		{`"\u12`, what{syntax, 5, ""}},
		{`"\`, what{syntax, 2, ""}},
		{`"abcdefghijklmnopq`, what{syntax, 18, ""}},
		{"\"abc\xc3", what{syntax, 5, ""}}, // cut off within a character: truncated, not miscoded
		{`"\ud83d`, what{syntax, 7, ""}},   // cut off within a pair, likewise
		{`"\ud83d\u`, what{syntax, 9, ""}},

		{"\"abc\xc3\"", what{enc, 4, ""}},
		{"\"\xc0\xaf\"", what{enc, 1, ""}},
		{"\"\xed\xa0\x80\"", what{enc, 1, ""}},
		{"\"\xf4\x90\x80\x80\"", what{enc, 1, ""}},
		{`"abc\udc00"`, what{enc, 4, ""}},
		{`"\ud800"`, what{enc, 1, ""}},
		{`"\ud800\ud800"`, what{enc, 1, ""}},
		{`"\ud800\n"`, what{enc, 1, ""}},
		{`"\ud800\uZZZZ"`, what{enc, 1, ""}},
		{"{\"a\":[0,\"\xff\"]}", what{enc, 9, "/a/1"}},
		{"{\"a\":1,\"\xff\":2}", what{enc, 8, ""}},
		{"[{\"a\":1,\"\xff\":2}]", what{enc, 9, "/0"}},

		{`{"a":1,"a":2}`, what{dup, 7, "/a"}},
		{`{"a":1,"\u0061":2}`, what{dup, 7, "/a"}},
		{`{"/~":1,"\/~":2}`, what{dup, 8, "/~1~0"}},
		{`[[],{"b":{"y":1,"y"`, what{dup, 16, "/1/b/y"}},
		{`{"a":1,"a\u0000":2,"":3}`, what{}},
		{`{"abcdefgh1":1,"abcdefgh2":2,"abcdefgh1":3}`, what{dup, 29, "/abcdefgh1"}},
		{`[{"a":1},{"a":1}]`, what{}},

		{`[[[[`, what{depth, 3, "/0/0/0"}},
		{`{"a":[{"b":{}}]}`, what{depth, 11, "/a/0/b"}},

		{`123456789`, what{num, 0, ""}},
		{`[1,{"n":1e21}]`, what{num, 8, "/1/n"}},
		{`1e-21`, what{num, 0, ""}},
		{`1e99999999999999999999`, what{num, 0, ""}},
		{`123456789x`, what{num, 0, ""}},
		{`1234567890.`, what{syntax, 11, ""}},

		{`[1,2,3,4,5,6,7]`, what{size, 13, ""}},
		{`{"a":[1,2,3,4],"b":[]}`, what{}},
		{`{"a":[1,2,3,4],"b":[0]}`, what{size, 20, ""}},
		{strings.Repeat(" ", 60) + "1", what{size, 60, ""}},
	} {
		if got := summary(Check([]byte(c.text), small)); got != c.want {
			t.Errorf("Check(%q) = %+v, want %+v", c.text, got, c.want)
		}
		v, err := Decode([]byte(c.text), small)
		if got := summary(err); got != c.want || err != nil && v != nil {
			t.Errorf("Decode(%q) = %v, %+v, want %+v", c.text, v, got, c.want)
		}
		_, _, err = Members([]byte(c.text), small)
		if got := summary(err); got != c.want {
			t.Errorf("Members(%q) = %+v, want %+v", c.text, got, c.want)
		}
	}
}

// Promise: zero fields of Limits are the defaults that the design names.
func TestDefaultLimits(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, c := range []struct {
		name, text string
		want       lazaret.Code
	}{
		{"depth 200", nested(200), ""},
		{"depth 201", nested(201), lazaret.CodeDepth},
		{"64 characters", strings.Repeat("7", 64), ""},
		{"65 characters", strings.Repeat("7", 65), lazaret.CodeNumber},
		{"exponent 308", `1e308`, ""},
		{"exponent -308", `1E-00308`, ""},
		{"exponent 309", `1e+309`, lazaret.CodeNumber},
		{"exponent -309", `1e-309`, lazaret.CodeNumber},
		{"60 digits and e308", strings.Repeat("9", 59) + `e308`, ""},
		{"a million items", "[" + strings.Repeat("0,", 999_999) + "0]", ""},
		{"a million items and one", "[" + strings.Repeat("0,", 1_000_000) + "0]", lazaret.CodeSize},
	} {
		for _, l := range []Limits{{}, DefaultLimits} {
			if got := summary(Check([]byte(c.text), l)).code; got != c.want {
				t.Errorf("%s: code %q, want %q", c.name, got, c.want)
			}
		}
	}
}

// Promise: an exponent is compared by value, however it is written, and a negative
// limit is none.
func TestExponentLimit(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  lazaret.Code
	}{
		{`1e5`, 5, ""}, {`1e6`, 5, lazaret.CodeNumber}, {`1e9`, 5, lazaret.CodeNumber}, {`1e-6`, 5, lazaret.CodeNumber},
		{`1e0005`, 5, ""}, {`1e15`, 5, lazaret.CodeNumber}, {`1e15`, 15, ""}, {`1e16`, 15, lazaret.CodeNumber},
		{`1e9223372036854775806`, math.MaxInt - 1, ""}, {`1e9223372036854775807`, math.MaxInt - 1, lazaret.CodeNumber},
		{`1e99999999999999999999`, math.MaxInt - 1, lazaret.CodeNumber}, {`1e99999999999999999999`, -1, ""},
	} {
		if got := summary(Check([]byte(c.text), Limits{Exponent: c.limit})).code; got != c.want {
			t.Errorf("%s under %d: %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}

// Promise: a message says where for people, and what was expected.
func TestErrorIsForPeople(t *testing.T) {
	err := Check([]byte("{\n  \"naïve\": \"naïve\" \"x\"\n}"), Limits{})
	if err == nil {
		t.Fatal("accepted")
	}
	if got, want := err.Error(), "line 2, column 20: expected a comma or } after the member"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
	if r := err.Reason(); r.Code != lazaret.CodeSyntax || r.Path != "" || r.Message != err.Error() {
		t.Errorf("Reason() = %+v", r)
	}
	err = Check([]byte("[1,\n"), Limits{})
	if got, want := err.Error(), "line 2, column 1: the text ends too early; expected a value"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

// Promise: no message and no path holds a value out of the text.
func TestErrorsHoldNoValues(t *testing.T) {
	const secret = "s3cr3t"
	for _, text := range []string{
		`{"a":"s3cr3t"`, `{"a":s3cr3t}`, `"s3cr3t\x"`, "\"s3cr3t\xff\"", `["s3cr3t" "s3cr3t"]`,
		`{"a":1,"a":"s3cr3t"}`, `"\ud800s3cr3t"`, `nus3cr3t`, `-s3cr3t`, `"s3cr3t`,
	} {
		err := Check([]byte(text), Limits{})
		if err == nil {
			t.Fatalf("%q was accepted", text)
		}
		if strings.Contains(err.Error()+err.Path, secret) {
			t.Errorf("%q: the error holds a value: %v %s", text, err, err.Path)
		}
	}
}

// Promise: a path is bounded, whatever names the text has.
func TestPathIsBounded(t *testing.T) {
	long := strings.Repeat("k", 600)
	text := `{"` + long + `":{"` + long + `":{"a":1,"a":2}}}`
	err := Check([]byte(text), Limits{})
	if err == nil || err.Code != lazaret.CodeDuplicateKey || err.Path != "/"+long {
		t.Errorf("got %+v, want the path cut after its first token", err)
	}
}

// Promise: ordinary events are checked with one heap allocation, whatever their size.
func TestCheckAllocatesOnce(t *testing.T) {
	data := sample(10_000)
	if n := testing.AllocsPerRun(20, func() {
		if err := Check(data, Limits{}); err != nil {
			t.Error(err)
		}
	}); n > 1 {
		t.Errorf("Check allocates %v times", n)
	}
}
