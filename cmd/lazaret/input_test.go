//go:build unix

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An interrupt ends what waits for input, or has input without an end: a device, a pipe that
// nobody writes to, a standard input that says nothing.
func TestInterruptedReading(t *testing.T) {
	dir := t.TempDir()
	schema, pipe := filepath.Join(dir, "a.json"), filepath.Join(dir, "pipe")
	if err := os.WriteFile(schema, []byte(`{"type":"object"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{
		"schema infer /dev/zero",
		"schema infer PIPE",
		"schema infer -",
		"check --schema SCHEMA /dev/zero",
		"check --schema SCHEMA PIPE",
		"check --schema SCHEMA -",
		"check --schema PIPE SCHEMA",
		"check --schema SCHEMA --rules PIPE SCHEMA",
		"schema check SCHEMA PIPE",
		"schema check PIPE SCHEMA",
		"schema check SCHEMA -",
		"schema diff SCHEMA PIPE",
		"schema diff - SCHEMA",
		"schema check --subject s PIPE",
		"schema register s PIPE",
		"schema list --token-file PIPE",
		"send s PIPE",
		"serve --config PIPE",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			silent, never := io.Pipe()
			defer never.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer time.AfterFunc(200*time.Millisecond, cancel).Stop()
			ended := make(chan result, 1)
			go func() {
				var out, errs bytes.Buffer
				words := strings.Fields(strings.NewReplacer("SCHEMA", schema, "PIPE", pipe).Replace(args))
				code := run(ctx, words, silent, &out, &errs, func(string) string { return "" })
				ended <- result{code, out.String(), errs.String()}
			}()
			select {
			case got := <-ended:
				want := exitFindings
				if strings.HasPrefix(args, "schema ") && !strings.HasPrefix(args, "schema infer") {
					want = exitFailed
				}
				if got.code != want || got.stdout != "" || got.stderr != "lazaret: interrupted\n" {
					t.Errorf("exit code %d\n%s\n%s", got.code, got.stdout, got.stderr)
				}
			case <-time.After(20 * time.Second):
				t.Error("it still reads")
			}
		})
	}
}

// A pipe is read as a file is, also where it is one that a shell made.
func TestReadsPipes(t *testing.T) {
	dir := t.TempDir()
	schema, pipe := filepath.Join(dir, "a.json"), filepath.Join(dir, "pipe")
	if err := os.WriteFile(schema, []byte(`{"type":"object"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"check", "--schema", schema, pipe}, {"check", "--schema", pipe, schema},
		{"schema", "check", schema, pipe}, {"schema", "infer", pipe},
	} {
		wrote := make(chan error, 1)
		go func() { wrote <- os.WriteFile(pipe, []byte(`{"type":"object"}`), 0o600) }()
		got := runWith(t.Context(), nil, "", args...)
		if err := <-wrote; err != nil || got.code != exitOK {
			t.Errorf("%q: exit code %d, %v\n%s\n%s", args, got.code, err, got.stdout, got.stderr)
		}
	}
}

// What is read whole is bounded; what lies beside a schema is no pipe that is waited for.
func TestReadWholeIsBounded(t *testing.T) {
	dir := t.TempDir()
	schema, good := filepath.Join(dir, "a.json"), filepath.Join(dir, "b.json")
	for file, text := range map[string]string{schema: `{"$ref":"lazaret:s:1"}`, good: `{}`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "s.1.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"schema", "check", good, "/dev/zero"}, exitConfig, "larger than 4 MiB"},
		{[]string{"check", "--schema", "/dev/zero", "-"}, exitUsage, "larger than 4 MiB"},
		{[]string{"schema", "check", schema, schema}, exitConfig, "s.1.json is not a regular file"},
		{[]string{"schema", "check", dir, schema}, exitUsage, "is a directory"},
		{[]string{"apply", "-f", filepath.Join(dir, "s.1.json")}, exitConfig, "s.1.json is not a regular file"},
		{[]string{"apply", "-f", dir}, exitConfig, "s.1.json is not a regular file"},
	} {
		if got := runWith(t.Context(), nil, "", c.args...); got.code != c.code || !strings.Contains(got.stderr, c.want) {
			t.Errorf("%q: exit code %d\n%s", c.args, got.code, got.stderr)
		}
	}
}
