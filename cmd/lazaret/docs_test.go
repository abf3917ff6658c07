package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "rewrite docs/cli.md's list of commands, and the scripts' expected output")

const (
	cliDoc    = "../../docs/cli.md"
	docMarker = "<!-- From here on written by go test ./cmd/lazaret -run TestDocs -update. -->\n"
)

// docs/cli.md tells of every command and every flag, as they are.
func TestDocs(t *testing.T) {
	have, err := os.ReadFile(cliDoc)
	if err != nil {
		t.Fatal(err)
	}
	byHand, listed, found := bytes.Cut(have, []byte(docMarker))
	if !found {
		t.Fatalf("%s has not the line %q", cliDoc, docMarker)
	}
	e := &env{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }}
	var want bytes.Buffer
	describe(&want, e.root())
	if *update {
		if err := os.WriteFile(cliDoc, append(append(byHand, docMarker...), want.Bytes()...), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(listed, want.Bytes()) {
		t.Errorf("%s does not tell what the commands are: run go test ./cmd/lazaret -run TestDocs -update", cliDoc)
	}
	for _, name := range []string{"LAZARET_SERVER", "LAZARET_TOKEN", "LAZARET_CONFIG", "LAZARET_CHECKER", "NO_COLOR", "TERM"} {
		if !bytes.Contains(byHand, []byte("`"+name+"`")) {
			t.Errorf("%s does not tell of %s", cliDoc, name)
		}
	}
}

// describe writes a command and what is below it.
func describe(w io.Writer, cmd *cobra.Command) {
	if cmd.HasParent() && cmd.Runnable() && !cmd.HasAvailableSubCommands() || cmd.Name() == "reprocess" || cmd.Name() == "replay" {
		fmt.Fprintf(w, "\n## %s\n\n%s.\n\n    %s\n", cmd.CommandPath(), cmd.Short, cmd.UseLine())
		if cmd.Long != "" {
			fmt.Fprintf(w, "\n%s\n", indentLists(cmd.Long))
		}
		if cmd.Example != "" {
			fmt.Fprintf(w, "\n    %s\n", strings.ReplaceAll(strings.ReplaceAll(cmd.Example, "\n  ", "\n"), "\n", "\n    ")[2:])
		}
		describeFlags(w, cmd)
	}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" && sub.Name() != "completion" {
			describe(w, sub)
		}
	}
}

func describeFlags(w io.Writer, cmd *cobra.Command) {
	rows := 0
	list := func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		if rows++; rows == 1 {
			fmt.Fprint(w, "\n| flag | default | |\n|---|---|---|\n")
		}
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		value := "`" + f.DefValue + "`"
		if f.DefValue == "" || f.DefValue == "[]" || f.DefValue == "false" || f.DefValue == "0s" || f.Name == "workers" && (cmd.Name() == "check" || cmd.Name() == "infer") {
			value = "" // the number of processors would make the page differ from machine to machine
		}
		fmt.Fprintf(w, "| %s | %s | %s |\n", name, value, strings.ReplaceAll(f.Usage, "|", "\\|"))
	}
	cmd.LocalFlags().VisitAll(list)
	cmd.InheritedFlags().VisitAll(list)
}

// indentLists makes the aligned lines of a help text a block of their own.
func indentLists(text string) string { return strings.ReplaceAll(text, "\n  ", "\n      ") }
