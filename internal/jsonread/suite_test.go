package jsonread

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// suiteVariable names the folder test_parsing of nst/JSONTestSuite.
const suiteVariable = "LAZARET_JSON_TEST_SUITE"

// relaxed lists the texts that RFC 8259 accepts and our defaults refuse on purpose,
// with the one limit that each is read without.
var relaxed = map[string]func(*Limits){
	// RFC 8259 says that names SHOULD be unique; we hold to it.
	"y_object_duplicated_key.json":           func(l *Limits) { l.AllowDuplicateKeys = true },
	"y_object_duplicated_key_and_value.json": func(l *Limits) { l.AllowDuplicateKeys = true },
	// 82 characters; the limit is 64.
	"y_number_double_close_to_zero.json": func(l *Limits) { l.NumberLength = 100 },
}

// Promise: every y_ text is accepted and every n_ text is refused, quickly; an i_ text
// may be either. Check, Decode and Members agree on each.
func TestSuite(t *testing.T) {
	dir := os.Getenv(suiteVariable)
	if dir == "" {
		dir = filepath.Join("testdata", "cases")
		t.Logf("%s is not set: running the cases of %s only", suiteVariable, dir)
	} else {
		t.Logf("running the suite that %s names", suiteVariable)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	ran := map[string]int{}
	for _, file := range files {
		name := filepath.Base(file)
		kind, _, _ := strings.Cut(name, "_")
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		ran[kind]++
		checkCase(t, name, kind, data)
	}
	t.Logf("ran %d y_, %d n_ and %d i_ cases", ran["y"], ran["n"], ran["i"])
	if ran["y"] < 5 || ran["n"] < 5 || ran["i"] == 0 {
		t.Fatalf("%s holds too few cases", dir)
	}
}

func checkCase(t *testing.T, name, kind string, data []byte) {
	t.Helper()
	var limits Limits
	if relax, ok := relaxed[name]; ok {
		if Check(data, Limits{}) == nil {
			t.Errorf("%s: accepted by the defaults; it needs no exception", name)
		}
		relax(&limits)
	}
	start := time.Now()
	err := Check(data, limits)
	if took := time.Since(start); took > tooLong {
		t.Errorf("%s: took %v", name, took)
	}
	switch {
	case kind == "y" && err != nil:
		t.Errorf("%s: refused: %v", name, err)
	case kind == "n" && err == nil:
		t.Errorf("%s: accepted", name)
	}
	_, decodeErr := Decode(data, limits)
	_, _, membersErr := Members(data, limits)
	if summary(decodeErr) != summary(err) || summary(membersErr) != summary(err) {
		t.Errorf("%s: Check says %v, Decode %v, Members %v", name, err, decodeErr, membersErr)
	}
}
