package httpin_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/gateway/httpin"
	"github.com/lazaret/lazaret/internal/web"
)

// dial opens a raw connection that fails the test rather than hang.
func (s *server) dial() net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	return c
}

func head(length string) string {
	return "POST " + clicks + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer good\r\nContent-Type: application/json\r\n" + length + "\r\n\r\n"
}

// A client that sends a byte now and then, in the headers or in the body, is cut off at
// the read timeout, and others are served meanwhile.
func TestSlowClientsAreCutOff(t *testing.T) {
	s := newServer(t, options{web: web.Config{ReadTimeout: 300 * time.Millisecond}})
	for name, start := range map[string]string{
		"headers":      "POST " + clicks + " HTTP/1.1\r\nX-Slow: ",
		"small body":   head("Content-Length: 1000"),
		"large body":   head("Content-Length: 100000") + strings.Repeat(" ", 50_000),
		"chunked body": head("Transfer-Encoding: chunked"),
		"gzip body":    strings.Replace(head("Content-Length: 100000"), "Host:", "Content-Encoding: gzip\r\nHost:", 1) + gzipped(strings.Repeat("x", 9000))[:10],
	} {
		c := s.dial()
		answer := make(chan string, 1)
		go func() {
			b, _ := io.ReadAll(c)
			answer <- string(b)
		}()
		if _, err := io.WriteString(c, start); err != nil {
			t.Fatal(err)
		}
		piece := "x"
		if name == "chunked body" {
			piece = "1\r\nx\r\n"
		}
		func() {
			tick := time.NewTicker(40 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case got := <-answer:
					if !strings.HasPrefix(got, "HTTP/1.1 408 ") || !strings.Contains(got, "problem+json") {
						t.Errorf("%s: %q", name, got)
					}
					return
				case <-tick.C:
					_, _ = io.WriteString(c, piece) // fails when the server has closed
					if r := s.json(`1`); r.code != 200 {
						t.Errorf("%s: another client got %s", name, r.text)
					}
				}
			}
		}()
	}
	if n := len(s.held()); n != 0 {
		t.Errorf("%d entries of unfinished requests", n)
	}
	if release, ok := s.gate.Admit(s.gate.Limits().MaxInFlightBytes); !ok {
		t.Error("bytes in flight of unfinished requests were not given back")
	} else {
		release()
	}
}

// untilInFlight closes reached when so many bytes are in flight.
type untilInFlight struct {
	gateway.NoObserver
	at      int64
	once    sync.Once
	reached chan struct{}
}

func (u *untilInFlight) InFlight(bytes int64) {
	if bytes >= u.at {
		u.once.Do(func() { close(u.reached) })
	}
}

// Bytes in flight are bounded: what would exceed them is answered 429 before its body
// is read, or as soon as its body turns out too large, and what is in flight goes on.
func TestBytesInFlightAreBounded(t *testing.T) {
	limits := httpin.Limits{BodyBytes: 1 << 20, DecodedBytes: 1 << 20}
	full := make(chan struct{})
	s := newServer(t, options{limit: limits, observer: &untilInFlight{at: 11 << 20, reached: full},
		gate: gateway.Limits{MaxInFlightBytes: 11 << 20}, web: web.Config{ReadTimeout: time.Minute}})
	var waiting []net.Conn
	for range 11 { // each of these promises 1 MiB and sends nearly nothing
		c := s.dial()
		body := head("Content-Length: 1048576") + "[" + strings.Repeat(" ", 10_000)
		if _, err := io.WriteString(c, body); err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, c)
	}
	<-full
	small := strings.Repeat(" ", 100_000) + "1"
	for name, r := range map[string]reply{
		"length":  s.json(small),
		"chunked": s.post(clicks, io.MultiReader(strings.NewReader(small)), "Content-Type", jsonType),
		"gzip":    s.post(clicks, io.MultiReader(strings.NewReader(gzipped(small))), "Content-Type", jsonType, "Content-Encoding", "gzip"),
		"zstd":    s.post(clicks, io.MultiReader(strings.NewReader(zstded(small))), "Content-Type", jsonType, "Content-Encoding", "zstd"),
	} {
		if r.code != 429 || r.header.Get("Retry-After") != "1" || r.Type != "urn:lazaret:problem:busy" {
			t.Errorf("%s: %d %s", name, r.code, r.text)
		}
	}
	for _, c := range waiting { // and those in flight are finished
		if _, err := io.WriteString(c, strings.Repeat(" ", 1<<20-10_001-2)+"1]"); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 12)
		if _, err := io.ReadFull(c, b); err != nil || string(b) != "HTTP/1.1 200" {
			t.Errorf("%q %v", b, err)
		}
	}
	if r := s.json(small); r.code != 200 {
		t.Errorf("afterwards: %s", r.text)
	}
}

// What breaks off in the middle of a body is not taken.
func TestBrokenOffBodyIsNotTaken(t *testing.T) {
	s := newServer(t, options{})
	for _, req := range []string{
		head("Content-Length: 20000") + "[1,2]",
		head("Content-Length: 20000") + strings.Repeat(" ", 10_000),
		head("Transfer-Encoding: chunked") + "5\r\n[1,2]\r\n",
		head("Transfer-Encoding: chunked") + "zz\r\n[1,2]\r\n0\r\n\r\n",
	} {
		c := s.dial()
		if _, err := io.WriteString(c, req); err != nil {
			t.Fatal(err)
		}
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(c); bytes.Contains(b, []byte(" 200 ")) {
			t.Errorf("%.60q was answered %q", req, b)
		}
	}
	if n := len(s.sink.take()) + len(s.held()); n != 0 {
		t.Errorf("%d events were taken", n)
	}
}

// An event never aliases a buffer that the HTTP library uses again: what the sink kept
// is still what was sent when many other requests have used the same connections.
func TestEventsNeverAliasBuffers(t *testing.T) {
	s := newServer(t, options{})
	var wait sync.WaitGroup
	for client := range 8 {
		wait.Go(func() {
			for round := range 40 {
				mark := fmt.Sprintf("%d/%d", client, round)
				text := fmt.Sprintf(`[{"mark":%q,"pad":%q}]`, mark, strings.Repeat(mark, 10+97*round))
				headers := []string{"Content-Type", jsonType, "Traceparent", mark}
				switch round % 3 {
				case 1:
					text, headers = gzipped(text), append(headers, "Content-Encoding", "gzip")
				case 2:
					text, headers = zstded(text), append(headers, "Content-Encoding", "zstd")
				}
				if r := s.post(clicks, strings.NewReader(text), headers...); r.code != 200 {
					t.Error(r.text)
					return
				}
			}
		})
	}
	wait.Wait()
	records := s.sink.take()
	if len(records) != 320 {
		t.Fatalf("%d events", len(records))
	}
	for _, rec := range records {
		mark := rec.Event.Header("traceparent")
		var client, round int
		if _, err := fmt.Sscanf(mark, "%d/%d", &client, &round); err != nil {
			t.Fatalf("the header is now %q", mark)
		}
		if want := fmt.Sprintf(`{"mark":%q,"pad":%q}`, mark, strings.Repeat(mark, 10+97*round)); string(rec.Event.Data) != want {
			t.Fatalf("event %s is now %.80q", mark, rec.Event.Data)
		}
	}
}

// A shutdown finishes what was taken and refuses what comes after, with the reason.
func TestShutdownFinishesWhatWasTaken(t *testing.T) {
	judge := strictJSON{entered: make(chan struct{}, 10), goOn: make(chan struct{})}
	s := newServer(t, options{judge: judge})
	answered := make(chan reply, 1)
	go func() { answered <- s.json(`1`) }()
	<-judge.entered
	drained := make(chan error, 1)
	go func() { drained <- s.gate.Drain(context.Background()) }()
	for { // until the gateway has heard of it
		if _, err := s.gate.Find("clicks"); err != nil {
			break
		}
	}
	if r := s.json(`2`); r.code != 503 || r.header.Get("Retry-After") == "" {
		t.Errorf("while shutting down: %d %s", r.code, r.text)
	}
	close(judge.goOn)
	if r := <-answered; r.code != 200 || r.Accepted != 1 {
		t.Errorf("what was taken: %d %s", r.code, r.text)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if err := s.app.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if n := len(s.sink.take()); n != 1 {
		t.Errorf("%d events at the sink", n)
	}
}

// Two requests with one key at a time: the second is told to come back.
func TestSameKeyAtOnceIs409(t *testing.T) {
	judge := strictJSON{entered: make(chan struct{}, 10), goOn: make(chan struct{})}
	s := newServer(t, options{judge: judge})
	send := func() reply {
		return s.post(clicks, strings.NewReader(`1`), "Content-Type", jsonType, "Idempotency-Key", "k")
	}
	answered := make(chan reply, 1)
	go func() { answered <- send() }()
	<-judge.entered
	if r := send(); r.code != 409 || r.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", r.code, r.text)
	}
	close(judge.goOn)
	if r := <-answered; r.code != 200 {
		t.Error(r.text)
	}
}

func BenchmarkPost100(b *testing.B) {
	for _, size := range []int{750, 10_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			s := newServer(b, options{})
			line := fmt.Sprintf("{\"pad\":%q}\n", strings.Repeat("x", size-11))
			body := strings.Repeat(line, 100)
			b.SetBytes(int64(len(body)))
			b.SetParallelism(2)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if r := s.post(clicks, strings.NewReader(body), "Content-Type", lineType); r.code != 200 {
						b.Error(r.text)
					}
					s.sink.take()
				}
			})
		})
	}
}
