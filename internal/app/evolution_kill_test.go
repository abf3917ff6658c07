package app_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/client"
)

// accepting accepts every draft that there is, again and again, whatever becomes of the
// requests, until ctx ends.
func accepting(ctx context.Context, c *client.Client) {
	for ctx.Err() == nil {
		var list proposals
		_, err := c.Do(ctx, client.Call{Method: http.MethodGet, Path: "/admin/v1/proposals", Query: url.Values{"state": {"draft"}}}, &list)
		for _, p := range list.Proposals {
			// Twice at once, as two people would.
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					_, _ = c.Do(ctx, client.Call{Method: http.MethodPost, Path: "/admin/v1/proposals/" + p.ID + "/accept"}, nil)
				})
			}
			wg.Wait()
		}
		if err != nil || len(list.Proposals) == 0 {
			select {
			case <-time.After(5 * time.Millisecond): // the server is down, or has not looked yet
			case <-ctx.Done():
			}
		}
	}
}

// A producer sends one new field after the other while the server is killed at random
// points, and every draft is accepted, by two at once and again and again. Each field makes
// one version; each event is in the sink once in the end, and none is lost.
func TestEvolutionSurvivesKills(t *testing.T) {
	const rounds, batch = 5, 15
	s := newServer(t)
	s.start()
	c := s.client(t, -1)
	putClickstream(t, c, nil)
	var sent []string
	for round := range rounds {
		list := events(t, uint64(round+1), batch, func(_ int, data string) string {
			return strings.Replace(data, `"session":{`, fmt.Sprintf(`"session":{"field_%d":%d,`, round, round), 1)
		})
		sent = append(sent, list...)
		if a := post(t, c, list); a.Quarantined != batch {
			t.Fatalf("round %d: %+v", round, a)
		}
		s.kill()
		s.start() // and look at the quarantine
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { accepting(ctx, c) })
		for range 2 {
			time.Sleep(time.Duration(rand.IntN(500)) * time.Millisecond) // the random point
			s.kill()
			s.start()
		}
		stop()
		wg.Wait()
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { accepting(ctx, c) })
	eventually(t, "the release of everything", func() bool { return quarantinedNow(t, c) == 0 })
	stop()
	wg.Wait()
	accepted := listProposals(t, c, "accepted").Proposals
	var schema struct{ Version int }
	if err := adminCall(t, c, http.MethodGet, "/schemas/clickstream", nil, "", &schema); err != nil {
		t.Fatal(err)
	}
	if len(accepted) != rounds || schema.Version != 1+rounds {
		t.Errorf("%d proposals are accepted and the schema is at version %d, want %d and %d", len(accepted), schema.Version, rounds, 1+rounds)
	}
	found := find(t, s, c)
	for _, data := range sent {
		if p := found[sha256.Sum256([]byte(data))]; p == nil || p.sink != 1 || p.held != 0 {
			t.Errorf("an event is at %+v", p)
		}
	}
}
