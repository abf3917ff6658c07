package recent

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
)

func accepted(data ...string) (list []lazaret.Record) {
	for _, d := range data {
		list = append(list, lazaret.Record{Event: &lazaret.Event{Data: []byte(d), ContentType: "application/json"}, Verdict: lazaret.Verdict{Status: lazaret.Accepted}})
	}
	return list
}

func stream(spec gateway.RecentSpec) gateway.Stream {
	return gateway.Stream{Name: "s", Version: 1, Recent: &spec}
}

// opened are samples that are stopped when the test ends.
func opened(t *testing.T, now func() time.Time, s gateway.Stream) *Samples {
	t.Helper()
	all := New(now)
	all.Follow([]gateway.Stream{s})
	all.Start()
	t.Cleanup(func() { _ = all.Stop(context.Background()) })
	return all
}

func texts(s Sample) (list []string) {
	for _, e := range s.Events {
		list = append(list, string(e.Data))
	}
	return list
}

// The newest events are kept, only good ones, as many as asked for.
func TestKeepsTheNewest(t *testing.T) {
	clock := time.Unix(1000, 0)
	s := stream(gateway.RecentSpec{Keep: 3})
	all := opened(t, func() time.Time { return clock }, s)
	for i := range 5 {
		list := accepted(fmt.Sprint(i), "true")
		list[1].Verdict.Status = lazaret.Quarantined
		all.Accepted(&s, list)
		clock = clock.Add(10 * time.Second)
	}
	got, ok := all.Last("s", 2)
	if !ok || fmt.Sprint(texts(got)) != "[4 3]" || got.Kept != 3 {
		t.Errorf("%v %+v", texts(got), got)
	}
	if _, ok := all.Last("other", 2); ok {
		t.Error("a stream that asks for none has a sample")
	}
}

// A sample's bytes are bounded, and so is how much of a fast stream is copied: as many
// events in ten seconds as are kept, evenly out of those that come.
func TestBounds(t *testing.T) {
	clock := time.Unix(1000, 0)
	s := stream(gateway.RecentSpec{Keep: 100, MaxBytes: 64 << 10})
	all := opened(t, func() time.Time { return clock }, s)
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprint(i))
	}
	all.Accepted(&s, accepted(many...))
	got, _ := all.Last("s", 1000)
	if got.Kept != 100 || texts(got)[99] != "9" && texts(got)[99] != "0" || texts(got)[0] != "999" && texts(got)[0] != "990" {
		t.Errorf("%d kept, %v", got.Kept, texts(got))
	}
	all.Accepted(&s, accepted("1"))
	if again, _ := all.Last("s", 1); texts(again)[0] != texts(got)[0] {
		t.Error("more was taken than ten seconds allow")
	}
	clock = clock.Add(time.Hour)
	for range 50 {
		all.Accepted(&s, accepted(`"`+strings.Repeat("x", 5000)+`"`))
	}
	all.Accepted(&s, accepted(`"`+strings.Repeat("x", 7000)+`"`)) // over a tenth
	got, _ = all.Last("s", 1000)
	if n := len(got.Events); n < 5 || n > 13 || len(got.Events[0].Data) != 5002 {
		t.Errorf("%d events of 5 KB in 64 KiB, the newest of %d bytes", n, len(got.Events[0].Data))
	}
}

// What is redacted is not in the sample, and what was kept before it was redacted goes.
func TestRedacts(t *testing.T) {
	s := stream(gateway.RecentSpec{Redact: gateway.Redact{Pointers: []string{"/user/email", "/items/*/name", "/deep"}}})
	all := opened(t, nil, s)
	list := accepted(`{"user":{"email":"ana@shop.example","n":1},"items":[{"name":"secret","q":2},{"name":null}],"deep":{"a":[1,"secret",true],"b":{}}}`)
	list[0].Event.Key, list[0].Event.Headers = []byte("secret"), []lazaret.Header{{Name: "x-user", Value: "secret"}, {Name: "ce_id", Value: "7"}}
	all.Accepted(&s, list)
	got, _ := all.Last("s", 1)
	want := `{"deep":{"a":[0,"x",false],"b":{}},"items":[{"name":"x","q":2},{"name":null}],"user":{"email":"x","n":1}}`
	if len(got.Events) != 1 || string(got.Events[0].Data) != want {
		t.Fatalf("%v", texts(got))
	}
	if e := got.Events[0]; e.Key != nil || len(e.Headers) != 1 {
		t.Errorf("key %q, headers %v", e.Key, e.Headers)
	}
	r := NewRedactor(s.Recent.Redact)
	for path, is := range map[string]bool{"/user/email": true, "/user": true, "/user/n": false, "/items/7/name": true, "/items/7/q": false, "/deep/x/y": true, "": true} {
		if r.Touches(path) != is {
			t.Errorf("Touches(%q) is %v", path, !is)
		}
	}
	next := stream(gateway.RecentSpec{Redact: gateway.Redact{All: true}})
	all.Follow([]gateway.Stream{next})
	all.Accepted(&s, list) // under the version before
	if got, _ := all.Last("s", 1); got.Kept != 0 {
		t.Error("what was kept under another redaction stayed")
	}
	list[0].Event = &lazaret.Event{ContentType: "application/cloudevents+json; charset=utf-8", Data: []byte(`{"specversion":"1.0","id":"7","data":{"a":"secret"}}`)}
	all.Accepted(&next, list)
	if got, _ := all.Last("s", 1); fmt.Sprint(texts(got)) != `[{"data":{"a":"x"},"id":"7","specversion":"1.0"}]` {
		t.Error(texts(got))
	}
}

// Stop ends what runs, at any time and more than once.
func TestStop(t *testing.T) {
	for _, start := range []bool{false, true} {
		all := New(nil)
		if start {
			all.Start()
		}
		for range 2 {
			if err := all.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}

// A bare sample costs the acknowledging path a copy at most.
func BenchmarkAccepted(b *testing.B) {
	s := stream(gateway.RecentSpec{})
	all := New(nil)
	all.Follow([]gateway.Stream{s})
	list := accepted(strings.Repeat("x", 1000))
	for b.Loop() {
		all.Accepted(&s, list)
	}
}
