package app_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/app"
	"github.com/lazaret/lazaret/internal/kafkaio"
)

// From Kafka to Kafka, exactly once: a producer begins to send a new field in the middle of a
// topic. The schema follows by itself, and what was refused meanwhile is released to the
// topic. Every record is there once. What was accepted is sampled as over HTTP.
func TestEvolutionOverKafka(t *testing.T) {
	t.Parallel()
	l := newLab(t, func(cfg *app.Config) { cfg.EvolveEvery = 20 * time.Millisecond })
	in, out := l.broker.Topic(t, 1, forever), l.broker.Topic(t, 1, forever)
	s := between("clickstream", in, out)
	s.ID, s.Key, s.Schema, s.Delivery = "/event_id", "/user_id", &gateway.SchemaRef{Subject: "clickstream"}, gateway.ExactlyOnce
	s.Recent = &gateway.RecentSpec{Keep: 500}
	s.Evolution = &gateway.EvolutionSpec{Mode: gateway.EvolutionAuto, Limits: &gateway.EvolutionLimits{MinEntries: 20, MinAge: gateway.Duration(time.Millisecond)}}
	l.apply(s, map[string]any{"kind": "Schema", "subject": "clickstream", "schema": json.RawMessage(schemaText(t))})
	var sent []string
	produce := func(list []string) {
		sent = append(sent, list...)
		var messages []kafkaio.Message
		for _, data := range list {
			messages = append(messages, kafkaio.Message{Value: []byte(data), Time: time.Now()})
		}
		l.write(in, messages...)
	}
	produce(events(t, 1, 100, nil))
	for i := range 6 {
		produce(events(t, uint64(2+i), 20, withField))
	}
	l.await("the acceptance", func() bool { return len(listProposals(t, l.c, "accepted").Proposals) == 1 })
	produce(events(t, 20, 50, withField))
	got := map[string]int{}
	l.await("every event in the topic", func() bool {
		clear(got)
		for _, r := range l.records(out) {
			got[string(r.Value)]++
		}
		return len(got) == len(sent)
	})
	for _, data := range sent {
		if got[data] != 1 {
			t.Errorf("an event is there %d times", got[data])
		}
	}
	p := listProposals(t, l.c, "accepted").Proposals[0]
	if p.Who != "evolution:auto" || fmt.Sprint(p.Producers) != "[kafka:"+in+"]" {
		t.Errorf("%+v", p)
	}
	if r := impactOf(t, l.c, schemaText(t), nil).Streams[0]; r.Recent.Passing < 100 || r.Recent.WouldRefuse == 0 {
		t.Errorf("%+v", r.Recent) // without the field
	}
}
