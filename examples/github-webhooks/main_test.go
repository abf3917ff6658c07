package main

import (
	"bytes"
	"net"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/examples/github-webhooks/webhooks"
	"github.com/lazaret/lazaret/internal/yamlread"
)

// Promise: a call that makes no sense is 2, one that fails is 1, and each says why.
func TestRunSaysWhatIsWrong(t *testing.T) {
	t.Setenv("LAZARET_CACHE", t.TempDir())
	closed, err := net.Listen("tcp", "127.0.0.1:0") // a port that nobody listens on once it is closed
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"", 2, "Steps:"},
		{"--help", 0, "Steps:"},
		{"sned", 2, `no step "sned"`},
		{"apply send", 2, "not both apply and send"},
		{"--sever x apply", 2, "flag provided but not defined"},
		{"apply --server ftp://host", 1, "want a URL such as"},
		{"mend --server " + nobody, 1, "reading the groups"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), strings.Fields(c.args), "", &stdout, &stderr)
		if code != c.code || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%q: exit code %d, want %d; stderr %q, want %q in it", c.args, code, c.code, stderr.String(), c.want)
		}
	}
}

// Promise: the manifests are read as resources: a schema and a stream that follows it.
func TestManifests(t *testing.T) {
	files := manifests(webhooks.Type{Name: "issues", Schema: []byte("{}")})
	if string(files["github.issues.schema.json"]) != "{}" {
		t.Errorf("the files are %q", files)
	}
	docs, err := yamlread.Documents("github.issues.yaml", files["github.issues.yaml"])
	if err != nil || len(docs) != 2 {
		t.Fatalf("%d documents, error %v", len(docs), err)
	}
	if docs[0].Kind() != "Schema" || docs[1].Kind() != "Stream" {
		t.Errorf("the kinds are %s and %s", docs[0].Kind(), docs[1].Kind())
	}
}
