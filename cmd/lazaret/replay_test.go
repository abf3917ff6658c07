package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lazaret/lazaret/internal/client"
)

func TestParseOffsets(t *testing.T) {
	for text, want := range map[string]string{
		"0:100-200": `{"partition":0,"from":100,"to":200}`,
		"1:50-":     `{"partition":1,"from":50}`,
		"12:-7":     `{"partition":12,"to":7}`,
		"3:-":       `{"partition":3}`,
		"3:5-5":     `{"partition":3,"from":5,"to":5}`,
		"3":         "", "3:": "", "3:5": "", ":1-2": "", "-1:1-2": "", "a:1-2": "", "1:b-2": "", "1:1-c": "", "1:1-2-3": "", "1:2-1": "", "": "", "4294967296:1-2": "",
	} {
		o, err := parseOffsets(text)
		got, _ := json.Marshal(o)
		if want == "" && err == nil || want != "" && (err != nil || string(got) != want) {
			t.Errorf("%q: %s %v", text, got, err)
		}
	}
}

// replayServer answers as a server does whose replay has one batch more each time that it is
// looked at.
func replayServer(t *testing.T, end client.Replay) *httptest.Server {
	var looks atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		job := end
		job.ID = "01990000-0000-7000-8000-000000000001"
		if r.Method == http.MethodPost {
			var asked client.ReplaySpec
			if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || asked.Stream != "clickstream" || len(asked.Offsets) != 2 {
				t.Errorf("asked for %+v: %v", asked, err)
			}
			w.WriteHeader(202)
		}
		if looks.Add(1) < 3 {
			job.State, job.Done, job.Trouble = "running", 50, "partition 0: the sink is down"
		}
		_ = json.NewEncoder(w).Encode(job)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestReplayWaits(t *testing.T) {
	spec := client.ReplaySpec{Stream: "clickstream", Topic: "clicks"}
	dry := spec
	dry.DryRun = true
	for _, test := range []struct {
		end    client.Replay
		args   string
		code   int
		stdout []string
		stderr string
	}{
		{client.Replay{ReplaySpec: spec, State: "done", Total: 102, Done: 102, Events: 100, Accepted: 90, Quarantined: 10, ByCode: map[string]int64{"rule.failed": 10}},
			"--wait", exitOK, []string{"state        done", "offsets      102 of 102", "accepted     90", "quarantined for  events", "rule.failed          10"}, "trying again: partition 0: the sink is down"},
		{client.Replay{ReplaySpec: dry, State: "done", Total: 2, Done: 2, Accepted: 2},
			"--dry-run", exitOK, []string{"dry run: nothing was changed", "would be accepted     2"}, "2 would be accepted, 0 quarantined"},
		{client.Replay{ReplaySpec: spec, State: "done", Total: 2, Done: 2, Missing: 1},
			"--wait", exitFindings, []string{"retention deleted"}, "replaying: 100%"},
		{client.Replay{ReplaySpec: spec, State: "failed", Error: "partition 0: the stream is gone"},
			"--wait", exitFindings, []string{"failed"}, "Resume it with: lazaret replay resume"},
		{client.Replay{ReplaySpec: spec, State: "done", Accepted: 7}, "--wait -o json", exitOK, []string{`"accepted": 7`}, ""},
	} {
		var stdout, stderr bytes.Buffer
		args := append([]string{"replay", "--server", replayServer(t, test.end).URL, "--stream", "clickstream", "--from-topic", "clicks", "--offsets", "0:1-2,1:5-"}, strings.Fields(test.args)...)
		code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr, func(string) string { return "" })
		if code != test.code || !strings.Contains(stderr.String(), test.stderr) {
			t.Errorf("%s: exit code %d, and\n%s", test.args, code, stderr.String())
		}
		for _, want := range test.stdout {
			if !strings.Contains(stdout.String(), want) {
				t.Errorf("%s: no %q in\n%s", test.args, want, stdout.String())
			}
		}
		if strings.Contains(test.args, "json") && !json.Valid(stdout.Bytes()) {
			t.Errorf("not JSON: %s", stdout.String())
		}
	}
}
