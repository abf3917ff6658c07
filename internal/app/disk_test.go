package app_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/workload"
)

// Promise 1 on a disk that is full (here: files may not grow beyond a limit): the server
// says 503 and stays alive, and everything that it acknowledged is there after a restart
// with room; which then takes events again.
func TestFullDisk(t *testing.T) {
	s := newServer(t)
	s.limit = 4 << 20 / 512
	s.start()
	c := s.client(t, -1)
	applyClickstream(t, c)
	gen, err := workload.New(workload.Config{Events: 1 << 20, Invalid: 0.5, Seed: 3, Size: 4096})
	if err != nil {
		t.Fatal(err)
	}
	l := &load{gen: gen}
	acked := map[name]bool{}
	refused := 0
	for batches := 0; refused < 5; batches++ {
		if batches > 5000 {
			t.Fatal("20,000 batches went into files of 4 MiB")
		}
		body, names := l.batch(20)
		_, err := c.Ingest(t.Context(), client.Post{Stream: "clickstream", Body: body, Type: client.NDJSON})
		if err == nil {
			for _, n := range names {
				acked[n] = true
			}
			continue
		}
		var p *client.Problem
		if !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable {
			t.Fatalf("a full disk was answered %v, want 503", err)
		}
		refused++
	}
	if _, err := c.Do(t.Context(), client.Call{Method: http.MethodGet, Path: "/livez"}, nil); err != nil {
		t.Errorf("the server is not alive: %v", err)
	}
	s.kill()
	s.limit = 0
	s.start()
	body, names := l.batch(20)
	if _, err := c.Ingest(t.Context(), client.Post{Stream: "clickstream", Body: body, Type: client.NDJSON}); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	for _, n := range names {
		acked[n] = true
	}
	found, lost := find(t, s, c), 0
	for n := range acked {
		if found[n] == nil {
			lost++
		}
	}
	t.Logf("%d events acknowledged before and after the disk was full", len(acked))
	if lost > 0 || len(acked) < 100 {
		t.Errorf("%d of %d acknowledged events are lost", lost, len(acked))
	}
}
