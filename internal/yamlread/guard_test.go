package yamlread

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// hostile are the tokens and lines that a parser of YAML recurses over, shifts its
// lists for, or copies what it has so far for.
var hostile = []string{
	"[", "{", "(", "- ", "? ", ": ", ",", "\"", "'", "|", "|\n", ">\n", "#", "# \n", "&", "&a ", "*", "*a ", "!", "!!a ",
	"%", "%a\n", "@", "`", "\\", "\t", "\n", " ", "a: ", "a:\n", "- \n", "---\n", "...\n", "\"\n", "<<: ", "<<: *a\n", "a\n", "a ",
	"- a\n", "é", "{a: 1}, ", "\"a\", ", "\"\\n", "'' ", "a: |\n x\n", "a: 1\n", "- - a\n", "\n ", "[a, ", "{a: ", "}", "]", " a\n",
	"\"a\":1,", "{\"a\":", "[1,", "{a", "[{", "- {", "- [", "? - ", "- ? ", "- a: ", "- a:\n", "a:\n - ", "[,", "{,", "[a: ", "{? ", "a, ",
	"&a [", "!a [", "! ", "- &a ", "- !a ", "\r", "\r\n", "\u2028", "\ufeff", "--- \n", "--- a\n", "- |\n", "-\n-", "-", "::", "a:b:", "[]", "{}", "[],", "{},", "\"\":", "'':\n",
}

// No file of hostile marks may overflow the stack, which would end the process, or take
// long: neither 200,000 of them, nor as many as the limits just let through.
// Without MaxDepth this is fatal, and without the other limits it takes minutes.
func TestHostileTextsAreQuick(t *testing.T) {
	heads := []string{"a: ", "- ", "[", "{", "a:\n  "}
	for i, token := range hostile {
		n := 200_000
		if len(token) > 2 {
			n = 60_000 // a line or a phrase, of several marks each
		}
		try(t, strings.Repeat(token, n))
		try(t, heads[i%len(heads)]+strings.Repeat(token, MaxKeys))
	}
	keys := strings.Repeat("  a:\n", maxEmpty/10)
	try(t, strings.Repeat("- b:\n"+keys+"- [1, 2, 3, 4, 5, 6, 7, 8]\n", 10)+strings.Repeat("- a\n", 80_000))
	try(t, strings.Repeat("- b: 1\n"+strings.Repeat("  a: 1\n", MaxKeys-1), 12))
}

func try(t *testing.T, text string) {
	t.Helper()
	start := time.Now()
	var out any
	err := Decode("f", []byte(text), &out)
	if d := time.Since(start); d > time.Minute { // a guard against quadratic work, which takes minutes; not a measure
		t.Errorf("%.20q…: %v (%v)", text, d, err)
	}
}

// Nesting of exactly the limit is read, and one more is refused, in each way to nest.
func TestNestingLimit(t *testing.T) {
	for name, nest := range map[string]func(n int) string{
		"JSON":       func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) },
		"JSON keys":  func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) },
		"flow":       func(n int) string { return strings.Repeat("[", n) + "a" + strings.Repeat("]", n) },
		"flow keys":  func(n int) string { return strings.Repeat("{a: ", n) + "1" + strings.Repeat("}", n) },
		"dashes":     func(n int) string { return strings.Repeat("- ", n) + "a" },
		"indents":    func(n int) string { return lines(n, func(i int) string { return strings.Repeat(" ", i) + "a:" }) },
		"dash lines": func(n int) string { return lines(n, func(i int) string { return strings.Repeat(" ", i) + "-" }) },
	} {
		t.Run(name, func(t *testing.T) {
			var out any
			if err := Decode("f", []byte(nest(MaxDepth)), &out); err != nil {
				t.Errorf("%d deep: %v", MaxDepth, err)
			}
			err := Decode("f", []byte(nest(MaxDepth+1)), &out)
			if err == nil || !strings.Contains(err.Error(), "nested more than 100 deep") {
				t.Errorf("%d deep: %v", MaxDepth+1, err)
			}
		})
	}
}

func lines(n int, line func(int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(line(i) + "\n")
	}
	return b.String()
}

// Each of the other limits lets its number through, and not one more.
func TestCountLimits(t *testing.T) {
	for _, c := range []struct {
		limit int
		make  func(n int) string
		want  string
	}{
		{MaxKeys, func(n int) string { return lines(n, func(i int) string { return fmt.Sprintf("k%d: 1", i) }) }, "more than 5,000 keys in one mapping"},
		{maxEmpty, func(n int) string { return lines(n, func(i int) string { return fmt.Sprintf("k%d:", i) }) }, "without a value"},
		{maxEmpty, func(n int) string { return strings.Repeat("-\n", n) }, "without a value"},
		{maxEmpty, func(n int) string {
			return "x: {" + lines(n, func(i int) string { return fmt.Sprintf("k%d: ,", i) }) + "}"
		}, "without a value"},
		{MaxTokens / 2, func(n int) string { return strings.Repeat("- a\n", n) }, "more than 200000 words and marks"},
		{MaxTokens / 2, func(n int) string { return strings.Repeat("- a\n", n/2) + "---\n" + strings.Repeat("- a\n", n-n/2) }, "more than 200000 words and marks"},
	} {
		if _, err := Documents("f", []byte(c.make(c.limit))); err != nil {
			t.Errorf("%d: %v", c.limit, err)
		}
		if _, err := Documents("f", []byte(c.make(c.limit+1))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d and one: got %v, want %s", c.limit, err, c.want)
		}
	}
}

// Siblings are not nesting: what dedents leaves the depth.
func TestSiblingsAreNotNesting(t *testing.T) {
	var out any
	for _, line := range []string{"- a: [1]\n", "- - - {b: {}}\n", "-\n  a:\n    - 1\n"} {
		if err := Decode("f", []byte(strings.Repeat(line, 1500)), &out); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
	in := "x:\n" + strings.Repeat("- a:\n    b:\n    - 1\n  c: 2\n", 1500) + "y: 1\n"
	if err := Decode("f", []byte(in), &out); err != nil {
		t.Error(err)
	}
}

// Brackets and marks inside quotes, comments and block scalars are text.
func TestMarksInTextAreText(t *testing.T) {
	deep := strings.Repeat("[", 300)
	for _, in := range []string{"a: '" + deep + "'", `a: "` + deep + `"`, "# " + deep + "\na: 1", "a: |\n  " + deep + " &x *y !z\n  ? - -\n", `{"a": "` + deep + `"}`, "a: x" + deep} {
		var out any
		if err := Decode("f", []byte(in), &out); err != nil {
			t.Errorf("%.40q: %v", in, err)
		}
	}
}

// A text of the greatest size is read, one byte more is refused.
func TestSizeLimit(t *testing.T) {
	text := []byte(`"` + strings.Repeat("a", MaxBytes-2) + `"`)
	var out any
	if err := Decode("f", text, &out); err != nil {
		t.Error(err)
	}
	err := Decode("f", append(text, ' '), &out)
	var e *Error
	if !errors.As(err, &e) || e.Line != 0 || !strings.HasPrefix(err.Error(), "f: larger than 4 MiB") {
		t.Errorf("got %v", err)
	}
}

// JSON has none of YAML's limits on keys and tokens, and reading it is linear.
func TestLargeJSONIsQuick(t *testing.T) {
	text := "{" + strings.TrimSuffix(lines(200_000, func(i int) string { return `"k` + strings.Repeat("0", 3) + time.Duration(i).String() + `":1,` }), ",\n") + "}"
	text = strings.ReplaceAll(text, "\n", "")
	start := time.Now()
	var out map[string]int
	if err := Decode("f", []byte(text), &out); err != nil || len(out) != 200_000 {
		t.Fatal(err, len(out))
	}
	if d := time.Since(start); d > 3*time.Second {
		t.Errorf("took %v", d)
	}
}
