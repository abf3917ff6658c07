package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The beginning of an id finds the one that begins so, on whichever page it is, and never
// one of several.
func TestFind(t *testing.T) {
	pages := map[string][]string{"": {"01a1-aaaa", "01a1-bbbb"}, "2": {"01a1-bbcc"}, "3": {"02b2-aaaa"}}
	next := map[string]string{"": "2", "2": "3"}
	page := func(cursor string) ([]string, string, error) { return pages[cursor], next[cursor], nil }
	for _, c := range []struct{ prefix, want, wrong string }{
		{"02b2", "02b2-aaaa", ""}, {"01a1-a", "01a1-aaaa", ""}, {"01a1-bbc", "01a1-bbcc", ""},
		{"01a1-bb", "", "more than one"}, {"03", "", "no entry"},
	} {
		got, err := find("entry", c.prefix, page)
		if got != c.want || (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: got %q, %v", c.prefix, got, err)
		}
	}
	endless := func(string) ([]string, string, error) { return make([]string, 1000), "more", nil }
	if _, err := find("entry", "01", endless); err == nil || !strings.Contains(err.Error(), "give the whole id") {
		t.Errorf("a search without end: %v", err)
	}
}

// The time that an id begins with is within its period, however little of it is given.
func TestPeriod(t *testing.T) {
	const id = "01a1fe06-a9b7-7776-bd9f-ad9917409a1c"
	made := time.UnixMilli(0x01a1fe06a9b7)
	for n := range len(id) {
		first, last, ok := period(id[:n])
		if ok != (n >= 6) || ok && (made.Before(first) || made.After(last)) {
			t.Errorf("%q: %v to %v, %v; made %v", id[:n], first, last, ok, made)
		}
		if n >= 13 && !first.Equal(last) {
			t.Errorf("%q: %v to %v", id[:n], first, last)
		}
	}
}

func TestNearest(t *testing.T) {
	list := []string{"clickstream", "payments", "schema.required", "schema.type"}
	for name, want := range map[string]string{
		"clickstraem": "clickstream", "payment": "payments", "required": "schema.required", "schema.requird": "schema.required",
		"orders": "", "x": "",
	} {
		got := nearest(name, list)
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestAges(t *testing.T) {
	for text, want := range map[string]time.Duration{"30d": 720 * time.Hour, "0d": 0, "36h": 36 * time.Hour, "90m": 90 * time.Minute} {
		if got, err := parseAge(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"d", "-1d", "1.5d", "99999999d", "month"} {
		if got, err := parseAge(text); err == nil {
			t.Errorf("%s: got %v", text, got)
		}
	}
}

// A file that is there stays as it was until the new one is whole, and after a failure
// nothing else is left beside it.
func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	holds := func(want string) {
		t.Helper()
		got, err := os.ReadFile(path)
		entries, derr := os.ReadDir(dir)
		if err != nil || derr != nil || string(got) != want || len(entries) != 1 {
			t.Errorf("holds %q (%v), beside %d others (%v); want %q", got, err, len(entries)-1, derr, want)
		}
	}
	breaks := errors.New("broke off")
	half := func(w io.Writer) error {
		_, err := io.WriteString(w, "half")
		holdsErr := errors.Join(err, breaks)
		return holdsErr
	}
	if err := writeFile(path, true, half); !errors.Is(err, breaks) {
		t.Errorf("got %v", err)
	}
	holds("before")
	called := false
	if err := writeFile(path, false, func(io.Writer) error { called = true; return nil }); err == nil || called {
		t.Errorf("without force: %v, written %v", err, called)
	}
	holds("before")
	if err := writeFile(path, true, func(w io.Writer) error { _, err := io.WriteString(w, "after"); return err }); err != nil {
		t.Error(err)
	}
	holds("after")
	if err := writeFile(os.DevNull, false, half); !errors.Is(err, breaks) {
		t.Errorf("a device: %v", err)
	}
}

// An address that is in use is a failure that may pass, not a wrong configuration: a
// supervisor is to try again.
func TestAddressInUse(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dir := t.TempDir()
	cfg := filepath.Join(dir, "lazaret.yaml")
	text := "listen:\n  http: " + ln.Addr().String() + "\nstore:\n  path: " + filepath.Join(dir, "store.db") + "\n"
	if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got := runWith(context.Background(), nil, "", "serve", "--config", cfg)
	if got.code != exitFindings || !strings.Contains(got.stderr, "address already in use") {
		t.Errorf("got %d, %s", got.code, got.stderr)
	}
}
