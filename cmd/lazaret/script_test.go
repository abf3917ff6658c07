package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/examples"
)

// TestScripts runs the program as its users do: each script of testdata/script in a
// directory of its own, with the clickstream example beside it.
func TestScripts(t *testing.T) {
	const dir = "testdata/script"
	scripts, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts in %s: %v", dir, err)
	}
	bin := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "lazaret")); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: dir, UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", bin+string(os.PathListSeparator)+e.Getenv("PATH"))
			return os.CopyFS(filepath.Join(e.WorkDir, "clickstream"), examples.Clickstream())
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await": await, "until": until, "readenv": readenv, "keys": keys, "lines": countLines,
			"fails": fails, "save": save, "capture": capture, "shorten": shorten, "append": appendFile, "samereasons": sameReasons,
		},
	})
}

// await FILE waits until a server has written the file.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await FILE")
	}
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			ts.Fatalf("%s is not there after 20 s", args[0])
		}
	}
}

// until TEXT COMMAND... runs the command until it prints the text to standard output.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until TEXT COMMAND...")
	}
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && strings.Contains(ts.ReadFile("stdout"), args[0]) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			ts.Fatalf("%q is not printed after 30 s", args[0])
		}
	}
}

// readenv NAME FILE sets a variable to what the file holds, without white space around it.
func readenv(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: readenv NAME FILE")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// keys FILE KEY... holds that the file is one JSON object with exactly these keys.
func keys(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: keys FILE KEY...")
	}
	var object map[string]json.RawMessage
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &object))
	got := slices.Sorted(maps.Keys(object))
	want := slices.Sorted(slices.Values(args[1:]))
	if !slices.Equal(got, want) {
		ts.Fatalf("keys are %q, want %q", got, want)
	}
}

// lines N FILE holds that the file has N lines, and that each is JSON.
func countLines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lines N FILE")
	}
	text := ts.ReadFile(args[1])
	for line := range strings.Lines(text) {
		if !json.Valid([]byte(line)) {
			ts.Fatalf("not JSON: %s", line)
		}
	}
	if got := strings.Count(text, "\n"); args[0] != strconv.Itoa(got) {
		ts.Fatalf("%d lines, want %s", got, args[0])
	}
}

// capture NAME KEY FILE sets a variable to a string member of the first line's object.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: capture NAME KEY FILE")
	}
	var object map[string]any
	ts.Check(json.NewDecoder(strings.NewReader(ts.ReadFile(args[2]))).Decode(&object))
	value, ok := object[args[1]].(string)
	if !ok || value == "" {
		ts.Fatalf("%s has no %s", args[2], args[1])
	}
	ts.Setenv(args[0], value)
}

// shorten NAME TEXT N sets a variable to the first N bytes of a text.
func shorten(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: shorten NAME TEXT N")
	}
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	if n > len(args[1]) {
		ts.Fatalf("%q has no %d bytes", args[1], n)
	}
	ts.Setenv(args[0], args[1][:n])
}

// fails CODE COMMAND... holds that the command ends with exactly that exit code.
func fails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails CODE COMMAND...")
	}
	var ended *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); !errors.As(err, &ended) || strconv.Itoa(ended.ExitCode()) != args[0] {
		ts.Fatalf("ended with %v, want exit code %s", err, args[0])
	}
}

// append FILE OTHER adds to a file what another holds, and a line that is larger than the
// gateway takes an event to be.
func appendFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: append FILE OTHER")
	}
	huge := `{"event_id":"` + strings.Repeat("x", 1<<20) + `"}`
	text := ts.ReadFile(args[0]) + ts.ReadFile(args[1]) + huge + "\r\n" + strings.Repeat("9", 100)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// samereasons A B [LEAST] holds that two files of verdicts have the same lists of reasons, in
// whatever order, and as many of them at least: a thousand, if that is not said.
func sameReasons(ts *testscript.TestScript, neg bool, args []string) {
	least := 1000
	if len(args) == 3 {
		var err error
		least, err = strconv.Atoi(args[2])
		ts.Check(err)
		args = args[:2]
	}
	if neg || len(args) != 2 {
		ts.Fatalf("usage: samereasons A B [LEAST]")
	}
	lists := func(file string) (all []string) {
		for line := range strings.Lines(ts.ReadFile(file)) {
			var x struct {
				Reasons []lazaret.Reason `json:"reasons"`
				More    int              `json:"more"`
			}
			ts.Check(json.Unmarshal([]byte(line), &x))
			all = append(all, fmt.Sprint(x.Reasons, x.More))
		}
		slices.Sort(all)
		return all
	}
	a, b := lists(args[0]), lists(args[1])
	if len(a) < least || len(a) != len(b) {
		ts.Fatalf("%d and %d verdicts", len(a), len(b))
	}
	for i := range a {
		if a[i] != b[i] {
			ts.Fatalf("these differ:\n%.400s\n%.400s", a[i], b[i])
		}
	}
}

// save FILE COMMAND... puts the command's standard output into a file, and not into the
// script's log.
func save(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: save FILE COMMAND...")
	}
	self, err := os.Executable()
	ts.Check(err)
	cmd := exec.Command(self, args[2:]...)
	cmd.Args[0], cmd.Dir = args[1], ts.MkAbs(".")
	out, err := cmd.Output()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), out, 0o600))
}
