package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// What was compressed is checked as it was before, and what is cut off is an error: its
// events must not be taken for all there are.
func TestCheckReadsCompressedFiles(t *testing.T) {
	dir := t.TempDir()
	text := strings.Repeat(`{"a":1}`+"\n", 500)
	var zipped, packed bytes.Buffer
	g := gzip.NewWriter(&zipped)
	z, err := zstd.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []io.WriteCloser{g, z} {
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	schema := filepath.Join(dir, "s.json")
	if err := os.WriteFile(schema, []byte(`{"type":"object"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"plain": []byte(text), "gzip": zipped.Bytes(), "zstd": packed.Bytes(), "nothing": nil} {
		var out, status bytes.Buffer
		code := run(t.Context(), []string{"check", "--schema", schema, "-"}, bytes.NewReader(data), &out, &status, os.Getenv)
		want := "500 events"
		if data == nil {
			want = "0 events"
		}
		if code != 0 || !strings.HasPrefix(out.String(), want) {
			t.Errorf("%s: exit %d, %s%s", name, code, out.String(), status.String())
		}
		if len(data) == 0 || name == "plain" {
			continue
		}
		out.Reset()
		status.Reset()
		code = run(t.Context(), []string{"check", "--schema", schema, "-"}, bytes.NewReader(data[:len(data)-6]), &out, &status, os.Getenv)
		if code != 1 || !strings.Contains(status.String(), "ends too early") || out.Len() > 0 {
			t.Errorf("%s cut off: exit %d, %s%s", name, code, out.String(), status.String())
		}
	}
}

// fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// A report that was not written is a failure, whatever it would have said.
func TestLostReportIsAFailure(t *testing.T) {
	schema := filepath.Join(t.TempDir(), "s.json")
	if err := os.WriteFile(schema, []byte(`{"type":"object"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"{}\n", "[]\n"} {
		var status bytes.Buffer
		code := run(t.Context(), []string{"check", "--schema", schema, "-"}, strings.NewReader(text), fullDisk{}, &status, os.Getenv)
		if code != 1 || !strings.Contains(status.String(), "no space left on device") {
			t.Errorf("%q: exit %d, %s", text, code, status.String())
		}
	}
}
