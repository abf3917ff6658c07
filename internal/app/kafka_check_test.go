package app

import (
	"strings"
	"testing"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/config"
)

// What a stream may name of Kafka is what lazaret.yaml says; a refusal says what to put there.
func TestKafkaIsAllowedByConfiguration(t *testing.T) {
	sink := gateway.SinkSpec{Kafka: &gateway.KafkaSink{Topic: "out"}}
	topics := gateway.SourceSpec{Kafka: &gateway.KafkaSource{Topics: []string{"in", "in.too"}}}
	pattern := gateway.SourceSpec{Kafka: &gateway.KafkaSource{Pattern: ".*"}}
	with := func(topics config.KafkaTopics, brokers ...string) *App {
		c := config.Default()
		c.Kafka.Brokers, c.Kafka.Topics = brokers, topics
		return &App{cfg: Config{Config: c}}
	}
	all := config.Default().Kafka.Topics
	for _, c := range []struct {
		app                   *App
		sink, topics, pattern string // what the refusal says; "" for none
	}{
		{with(all), "put kafka: {brokers:", "put kafka: {brokers:", "put kafka: {brokers:"},
		{with(all, "k:9092"), "", "", ""},
		{with(config.KafkaTopics{}, "k:9092"), "kafka.topics.produce", "kafka.topics.consume", "kafka.topics.consume"},
		{with(config.KafkaTopics{Produce: []string{"outer"}, Consume: []string{"in"}}, "k:9092"), "write to the topic out", "read the topic in.too", ""},
		{with(config.KafkaTopics{Produce: []string{"out"}, Consume: []string{"in.*"}}, "k:9092"), "", "", ""},
	} {
		for name, got := range map[string]struct {
			err  error
			want string
		}{
			"sink": {c.app.checkSink(sink), c.sink}, "topics": {c.app.checkSource(topics), c.topics}, "pattern": {c.app.checkSource(pattern), c.pattern},
		} {
			if got.want == "" && got.err != nil || got.want != "" && (got.err == nil || !strings.Contains(got.err.Error(), got.want)) {
				t.Errorf("%s under %+v: %v, want %q", name, c.app.cfg.Kafka, got.err, got.want)
			}
		}
	}
}
