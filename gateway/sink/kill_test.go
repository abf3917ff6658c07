package sink

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// childEnv makes the test binary a child: its value is the root of a sink.
const childEnv = "LAZARET_SINK_CHILD"

// childMain writes batches from four goroutines until it is killed, and prints each
// acknowledged batch's name. Odd batches have an ID.
func childMain() int {
	if os.Getenv(childEnv+"_LIMIT") != "" {
		return limitChild()
	}
	cfg := fileConfig(os.Getenv(childEnv))
	cfg.Spec.MaxBytes = 20_000 // so that kills hit rotations too
	s, err := NewFile(cfg)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	run := os.Getenv(childEnv + "_RUN")
	var out sync.Mutex
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%s-%d-%d", run, w, i)
				if err := s.Write(context.Background(), numbered(killID(name, i), name, 3)); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				out.Lock()
				fmt.Println(name)
				out.Unlock()
			}
		})
	}
	wg.Wait()
	return 1
}

func killID(name string, i int) string {
	if i%2 == 1 {
		return "id-" + name
	}
	return ""
}

// Promises 1 and 5: after SIGKILL at random points every acknowledged event is there
// exactly once, nothing is there twice, no batch is there in part, and a batch with an ID
// can be written again.
func TestFileSurvivesKill(t *testing.T) {
	const kills = 25
	root := t.TempDir()
	acked := map[string]bool{}
	for run := range kills {
		for _, name := range killedRun(t, root, run) {
			acked[name] = true
		}
	}
	if len(acked) < kills {
		t.Fatalf("only %d batches were acknowledged in %d runs", len(acked), kills)
	}
	s := mustFile(t, fileConfig(root))
	for name := range acked {
		i, _ := strconv.Atoi(name[strings.LastIndexByte(name, '-')+1:])
		if id := killID(name, i); id != "" {
			mustWrite(t, s, numbered(id, name, 3))
		}
	}
	mustClose(t, s)
	got := landed(t, root)
	for name := range acked {
		wantOnce(t, got, name, 3)
	}
	for event, n := range got {
		name, _, _ := strings.Cut(event, "/")
		whole := got[name+"/0"] == 1 && got[name+"/1"] == 1 && got[name+"/2"] == 1
		if n != 1 || !whole {
			t.Errorf("event %s is there %d times; its batch is whole: %v", event, n, whole)
		}
	}
	t.Logf("%d kills, %d batches acknowledged, %d events found", kills, len(acked), len(got))
}

// killedRun starts a child, kills it some time after its first acknowledgement, and
// returns what it acknowledged.
func killedRun(t *testing.T, root string, run int) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+root, childEnv+"_RUN="+strconv.Itoa(run))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var names []string
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if name, whole := strings.CutSuffix(line, "\n"); whole {
			names = append(names, name)
		}
		if err != nil {
			break
		}
		if len(names) == 1 {
			after := rand.N(40 * time.Millisecond)
			time.AfterFunc(after, func() { cmd.Process.Kill() })
		}
	}
	if err := cmd.Wait(); err == nil || len(names) == 0 {
		t.Fatalf("run %d ended by itself (%v) with %d acknowledgements", run, err, len(names))
	}
	return names
}
