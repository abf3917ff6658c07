package main

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// The whole story runs on a small number of events, balances, fits 100 columns, keeps its
// progress out of standard output, and leaves nothing behind.
func TestDemo(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	got := runWith(t.Context(), nil, "", "demo", "--events", "2000")
	if got.code != exitOK {
		t.Fatalf("exit code %d\n%s\n%s", got.code, got.stdout, got.stderr)
	}
	for _, want := range []string{"1. Start", "6. Account", "+ event.amount <= 10000", "Nothing was lost"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("%q is not in\n%s", want, got.stdout)
		}
	}
	if n := strings.Count(got.stdout, "✓"); n != 11 || strings.Contains(got.stdout, "✗") {
		t.Errorf("%d accounts balance, want 11\n%s", n, got.stdout)
	}
	if strings.Contains(got.stdout, "\x1b") || strings.Contains(got.stdout, "\r") {
		t.Error("control characters in what is not a terminal")
	}
	for l := range strings.Lines(got.stdout) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(l, "\n")); n > 100 {
			t.Errorf("%d columns: %s", n, l)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Events so few that no rule is caught are accounted for all the same.
func TestDemoOfOneEvent(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	if got := runWith(t.Context(), nil, "", "demo", "--events", "1", "--invalid", "0"); got.code != exitOK {
		t.Errorf("exit code %d\n%s\n%s", got.code, got.stdout, got.stderr)
	}
}

// An interrupt ends the demo and its gateway, says so, and leaves nothing behind.
func TestDemoInterrupted(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer cancel()
	got := runWith(ctx, nil, "", "demo", "--events", "3000000")
	if got.code != exitFindings {
		t.Errorf("exit code %d\n%s\n%s", got.code, got.stdout, got.stderr)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Wrong numbers are usage errors, before anything is started.
func TestDemoUsage(t *testing.T) {
	for _, args := range [][]string{{"--events", "0"}, {"--invalid", "2"}, {"--size", "1"}, {"extra"}} {
		got := runWith(t.Context(), nil, "", append([]string{"demo"}, args...)...)
		if got.code != exitUsage || !regexp.MustCompile(`^lazaret: .+\nRun 'lazaret demo --help'`).MatchString(got.stderr) {
			t.Errorf("%q: exit code %d\n%s", args, got.code, got.stderr)
		}
	}
}
