package app_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lazaret/lazaret/examples"
	"github.com/lazaret/lazaret/gateway/sink"
	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/workload"
)

// kills is how often the server is killed in a test run.
const kills = 20

// binary builds the program once for all tests of the package.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "lazaret-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "lazaret")
	out, err := exec.Command("go", "build", "-o", path, "github.com/lazaret/lazaret/cmd/lazaret").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// server is the real program, killed and started again on the same data and address.
type server struct {
	t    testing.TB
	dir  string
	addr string
	cmd  *exec.Cmd
	done chan struct{}
	logs *os.File
	// limit is how large a file the server may write, in blocks of 512 bytes; 0 is no limit.
	limit int
	env   []string // beside the environment of the test
}

func newServer(t testing.TB) *server {
	t.Helper()
	// The port is taken and let go, so that it stays the same over restarts.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, dir: t.TempDir(), addr: ln.Addr().String()}
	ln.Close()
	config := fmt.Sprintf("listen: {http: '%s'}\nstore: {path: '%s'}\nsinks: {file: {root: '%s'}}\n", s.addr, filepath.Join(s.dir, "lazaret.db"), filepath.Join(s.dir, "sink"))
	if err := os.WriteFile(filepath.Join(s.dir, "lazaret.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if s.logs, err = os.Create(filepath.Join(s.dir, "log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.kill()
		s.logs.Close()
		if t.Failed() {
			log, _ := os.ReadFile(s.logs.Name())
			t.Logf("the server's log ends:\n%s", log[max(0, len(log)-4000):])
		}
	})
	return s
}

func (s *server) start() {
	s.t.Helper()
	path, err := binary()
	if err != nil {
		s.t.Fatal(err)
	}
	url := filepath.Join(s.dir, "url")
	_ = os.Remove(url)
	args := []string{path, "serve", "--config", filepath.Join(s.dir, "lazaret.yaml"), "--url-file", url}
	if s.limit > 0 {
		args = append([]string{"sh", "-c", fmt.Sprintf(`ulimit -f %d; exec "$@"`, s.limit), "sh"}, args...)
	}
	s.cmd = exec.Command(args[0], args[1:]...)
	s.cmd.Stdout, s.cmd.Stderr, s.cmd.Env = s.logs, s.logs, append(os.Environ(), s.env...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) { _ = cmd.Wait(); close(done) }(s.cmd, s.done)
	deadline := time.After(30 * time.Second)
	for {
		select {
		case <-s.done:
			s.t.Fatal("the server ended at its start")
		case <-deadline:
			s.t.Fatal("the server was not ready within 30 s")
		case <-time.After(5 * time.Millisecond): // looking again for the other process's file
			if _, err := os.Stat(url); err == nil {
				return
			}
		}
	}
}

// kill ends the server with SIGKILL, as an out-of-memory killer or a power cut would.
func (s *server) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGKILL)
	<-s.done
	s.cmd = nil
}

// stop ends the server as an operator would, and waits until it has ended.
func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	<-s.done
	s.cmd = nil
}

func (s *server) client(t testing.TB, retries int) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Server: "http://" + s.addr, Retries: retries, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func applyClickstream(t testing.TB, c *client.Client) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, examples.Clickstream()); err != nil {
		t.Fatal(err)
	}
	resources, err := catalog.LoadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Apply(t.Context(), resources, false); err != nil {
		t.Fatal(err)
	}
}

func mendClickstream(t testing.TB, c *client.Client) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, examples.Clickstream()); err != nil {
		t.Fatal(err)
	}
	resources, err := catalog.LoadFile(filepath.Join(dir, "mended", "rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Apply(t.Context(), resources, false); err != nil {
		t.Fatal(err)
	}
}

// name is an event by its bytes.
type name [32]byte

// places says how often the bytes of an event were found, by where.
type places struct{ sink, held, released int }

// find reads the whole sink and the whole quarantine.
func find(t testing.TB, s *server, c *client.Client) map[name]*places {
	t.Helper()
	found := map[name]*places{}
	at := func(data []byte) *places {
		n := name(sha256.Sum256(data))
		if found[n] == nil {
			found[n] = &places{}
		}
		return found[n]
	}
	dir := filepath.Join(s.dir, "sink", "clickstream")
	if err := os.MkdirAll(dir, 0o700); err != nil { // there is none if the stream's sink is no file
		t.Fatal(err)
	}
	err := sink.ReadAll(dir, func(line []byte) error {
		var r struct {
			Event json.RawMessage `json:"event"`
		}
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("a line of the sink is torn: %w", err)
		}
		at(r.Event).sink++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	in, err := c.Export(t.Context(), client.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		var x struct {
			Status  string  `json:"status"`
			Payload *string `json:"payload"`
			Base64  []byte  `json:"payload_base64"`
		}
		if err := json.Unmarshal(line, &x); err != nil {
			t.Fatal(err, base64.StdEncoding.EncodeToString(line[:min(len(line), 100)]))
		}
		data := x.Base64
		if x.Payload != nil {
			data = []byte(*x.Payload)
		}
		if x.Status == "released" {
			at(data).released++
		} else {
			at(data).held++
		}
	}
}

// load sends events until it is told to stop, and remembers what was acknowledged.
type load struct {
	mu     sync.Mutex
	gen    *workload.Generator
	acked  map[name]bool // true: sent with an idempotency key
	errors int
	sent   atomic.Int64
}

// batch is the next events, one a line.
func (l *load) batch(n int) (body []byte, names []name) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range n {
		e, ok := l.gen.Next()
		if !ok {
			panic("the generator has run out of events")
		}
		body = append(append(body, e.Data...), '\n')
		names = append(names, sha256.Sum256(e.Data))
	}
	return body, names
}

// run is one sender. With keys, it repeats a request until it is acknowledged; without,
// it lets an unclear request go.
func (l *load) run(ctx context.Context, c *client.Client, keyed bool, id int) {
	for i := 0; ctx.Err() == nil; i++ {
		body, names := l.batch(20)
		post := client.Post{Stream: "clickstream", Body: body, Type: client.NDJSON}
		if keyed {
			post.IdempotencyKey = fmt.Sprintf("sender-%d-%d", id, i)
		}
		for {
			// The request goes on after the load has ended: its outcome must be known.
			_, err := c.Ingest(context.WithoutCancel(ctx), post)
			l.mu.Lock()
			if err == nil {
				for _, n := range names {
					l.acked[n] = keyed
				}
			} else {
				l.errors++
			}
			l.mu.Unlock()
			if err == nil || !keyed {
				break
			}
		}
		l.sent.Add(1)
	}
}

// Promise 1: whatever the moment at which the server is killed, each event that was
// acknowledged is in the sink or in the quarantine, exactly as it was sent; and an event
// that was sent with an idempotency key is there exactly once, however often its request
// was repeated.
func TestKill(t *testing.T) {
	s := newServer(t)
	s.start()
	c := s.client(t, -1)
	applyClickstream(t, c)
	gen, err := workload.New(workload.Config{Events: 1 << 30, Invalid: 0.3, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	l := &load{gen: gen, acked: map[name]bool{}}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() { l.run(ctx, s.client(t, -1), i%2 == 0, i) })
	}
	rounds, until := kills, time.Time{}
	if d, err := time.ParseDuration(os.Getenv("LAZARET_SOAK")); err == nil {
		rounds, until = 1<<30, time.Now().Add(d)
	}
	done := 0
	for done < rounds && (until.IsZero() || time.Now().Before(until)) {
		before := l.sent.Load()
		// Some requests are under way and some have been answered when the server dies.
		for l.sent.Load() < before+4 {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond) // the random point
		s.kill()
		s.start()
		done++
	}
	stop()
	wg.Wait()
	found := find(t, s, s.client(t, 5))
	lost, twice, unkeyedTwice := 0, 0, 0
	for n, keyed := range l.acked {
		p := found[n]
		switch {
		case p == nil:
			lost++
		case keyed && p.sink+p.held != 1:
			twice++
		case p.sink+p.held != 1:
			unkeyedTwice++
		}
	}
	t.Logf("%d kills; %d events acknowledged, %d requests failed; %d in the stores", done, len(l.acked), l.errors, len(found))
	if lost > 0 || twice > 0 || unkeyedTwice > 0 {
		t.Errorf("%d acknowledged events are lost, %d with a key and %d without are there more than once", lost, twice, unkeyedTwice)
	}
	if len(l.acked) < done*20 || l.errors == 0 {
		t.Errorf("the test tested little: %d acknowledged, %d failed requests", len(l.acked), l.errors)
	}
}

// killReprocess reprocesses the whole quarantine, and kills the server at ten random points
// that are at most so long after a start. It returns how the job ended, and how many of the
// kills came before that.
func killReprocess(t *testing.T, s *server, c *client.Client, within time.Duration) (final client.Job, killed, midway int) {
	t.Helper()
	job, err := c.Reprocess(t.Context(), client.Filter{Stream: "clickstream"}, false, 1)
	if err != nil {
		t.Fatal(err)
	}
	for ; killed < 10; killed++ {
		time.Sleep(rand.N(within)) // the random point
		s.kill()
		s.start()
		j, err := c.Job(t.Context(), job.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !j.Ended() {
			midway++
		}
	}
	if final, err = c.WaitJob(t.Context(), job.ID, 20*time.Millisecond, nil); err != nil {
		t.Fatal(err)
	}
	if final.State != "done" {
		t.Fatalf("the job is %s: %s", final.State, final.Error)
	}
	return final, killed, midway
}

// Promise 5: a reprocess job that is killed at random points and resumed releases each
// entry exactly once.
func TestKillReprocess(t *testing.T) {
	s := newServer(t)
	s.start()
	c := s.client(t, 8)
	applyClickstream(t, c)
	gen, err := workload.New(workload.Config{Events: 60_000, Invalid: 0.02, Seed: 11})
	if err != nil {
		t.Fatal(err)
	}
	victims, bad := map[name]bool{}, map[name]bool{}
	var body bytes.Buffer
	flush := func() {
		if body.Len() > 0 {
			if _, err := c.Ingest(t.Context(), client.Post{Stream: "clickstream", Body: body.Bytes(), Type: client.NDJSON}); err != nil {
				t.Fatal(err)
			}
			body.Reset()
		}
	}
	for e, ok := gen.Next(); ok; e, ok = gen.Next() {
		switch {
		case e.Victim():
			victims[sha256.Sum256(e.Data)] = true
		case e.Bad:
			bad[sha256.Sum256(e.Data)] = true
		default:
			continue // only what is quarantined is of interest here
		}
		body.Write(e.Data)
		body.WriteByte('\n')
		if body.Len() > 1<<20 {
			flush()
		}
	}
	flush()
	mendClickstream(t, c)
	final, killed, midway := killReprocess(t, s, c, 25*time.Millisecond)
	found := find(t, s, c)
	wrong := 0
	for n := range victims {
		if p := found[n]; p == nil || p.sink != 1 || p.released != 1 || p.held != 0 {
			wrong++
		}
	}
	for n := range bad {
		if p := found[n]; p == nil || p.sink != 0 || p.held != 1 || p.released != 0 {
			wrong++
		}
	}
	if midway < 3 {
		t.Errorf("the job was under way after %d of %d kills: the test tested little", midway, killed)
	}
	t.Logf("%d kills, %d of them midway; %d entries to release, %d to keep", killed, midway, len(victims), len(bad))
	if wrong > 0 {
		t.Errorf("%d entries are not where they belong, once", wrong)
	}
	if final.Released != int64(len(victims)) || final.Failed != int64(len(bad)) {
		t.Errorf("the job counts %d released and %d failed, want %d and %d", final.Released, final.Failed, len(victims), len(bad))
	}
}
