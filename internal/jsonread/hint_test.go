package jsonread

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/lazaret/lazaret"
)

// Text after the value is told to be another value only where one begins.
func TestAnotherValueIsNamed(t *testing.T) {
	const hint = "application/x-ndjson"
	for text, want := range map[string]bool{
		`{"a":1}{"a":2}`: true, "{}\n[]": true, `1 "x"`: true, "true -1": true, "null 7": true,
		`{"a":1}garbage`: false, `{}}`: false, `[] ]`: false, `1,2`: false, `{} secret`: false,
	} {
		err := Check([]byte(text), Limits{})
		if err == nil || err.Code != lazaret.CodeSyntax || !strings.HasPrefix(err.Message, wantEnd) || strings.Contains(err.Message, hint) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
	s := Elements([]byte("[1] [2]"), Limits{})
	for {
		if _, ok := s.Next(); !ok {
			break
		}
	}
	if err := s.Err(); err == nil || !strings.Contains(err.Message, hint) {
		t.Errorf("after an array: %v", err)
	}
}

// What is compressed, and not said to be, is refused at its first byte with a hint.
func TestCompressedTextIsNamed(t *testing.T) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write([]byte(`{"a":1}`)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	for name, data := range map[string][]byte{"gzip": zipped.Bytes(), "zstd": enc.EncodeAll([]byte(`{"a":1}`), nil)} {
		got := Check(data, Limits{})
		if got == nil || got.Code != lazaret.CodeSyntax || got.Offset != 0 || got.Message != badCompressed {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, text := range []string{"(", "(\xb5", "\x1f", "\x1f{}"} {
		if got := Check([]byte(text), Limits{}); got == nil || got.Message == badCompressed {
			t.Errorf("%q: %v", text, got)
		}
	}
}
