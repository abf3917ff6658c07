package app_test

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/client"
)

// The walk-through of examples/github-webhooks does what its README says, on the
// payloads that GitHub really sent: 40 of 284 are refused, 34 of these pass once the
// properties that GitHub added later are optional, and 6 have other faults. It needs npm.
// With the checker and without it, it is refused for the same reasons.
func TestGitHubWebhooks(t *testing.T) {
	with, without := walkGitHubWebhooks(t), walkGitHubWebhooks(t, "LAZARET_CHECKER=off")
	if !slices.Equal(with, without) {
		t.Errorf("refused with the checker:\n%s\nwithout it:\n%s", strings.Join(with, "\n"), strings.Join(without, "\n"))
	}
}

// walkGitHubWebhooks returns what was refused, and why.
func walkGitHubWebhooks(t *testing.T, env ...string) (refused []string) {
	t.Helper()
	s := newServer(t)
	s.env = env
	s.start()
	defer s.kill()
	step := func(name string) {
		t.Helper()
		cmd := exec.Command("go", "run", "github.com/lazaret/lazaret/examples/github-webhooks", name, "--server", "http://"+s.addr)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	c := s.client(t, 3)
	count := func() (held, released int64, streams map[string]int64) {
		t.Helper()
		groups, _, err := c.Groups(t.Context(), client.Filter{}, 1000, "")
		if err != nil {
			t.Fatal(err)
		}
		streams = map[string]int64{}
		for _, g := range groups {
			held += g.Count
			released += g.Released
			if g.Count > 0 {
				streams[g.Stream] += g.Count
			}
		}
		return held, released, streams
	}
	step("apply")
	step("send")
	if held, _, _ := count(); held != 40 {
		t.Fatalf("%d of the payloads are quarantined, want 40", held)
	}
	entries, _, err := c.Entries(t.Context(), client.Filter{}, 1000, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		refused = append(refused, fmt.Sprint(e.Stream, " ", e.Size, " ", e.Reasons, " ", e.More))
	}
	slices.Sort(refused)
	step("mend")
	held, released, streams := count()
	if held != 6 || released != 34 {
		t.Fatalf("%d still held and %d released, want 6 and 34: %v", held, released, streams)
	}
	want := map[string]int64{"github.check_run": 2, "github.code_scanning_alert": 1, "github.release": 1, "github.repository_vulnerability_alert": 1, "github.workflow_run": 1}
	for stream, n := range want {
		if streams[stream] != n {
			t.Errorf("%s holds %d, want %d", stream, streams[stream], n)
		}
	}
	return refused
}
