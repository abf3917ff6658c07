package catalog

import (
	"testing"

	"github.com/lazaret/lazaret/gateway"
)

// The stream from Kafka to Kafka takes the place of the one of examples/clickstream, over
// the same schema and rules.
func TestClickstreamExamples(t *testing.T) {
	f := newFixture(t)
	for i, dir := range []string{"clickstream", "clickstream-kafka", "clickstream/mended"} {
		list, err := LoadDir("../../examples/" + dir)
		must(t, err)
		changes := make([]Change, len(list))
		for i, r := range list {
			changes[i].Resource = r
		}
		_, err = f.Apply(t.Context(), changes, Options{})
		must(t, err)
		active, _ := f.Active("clickstream")
		if v := active.Stream.Version; v != i+1 || active.Stream.SchemaVersion != 1 || active.Stream.RuleSet != 1+i/2 {
			t.Errorf("%s: %+v", dir, active.Stream)
		}
	}
	active, _ := f.Active("clickstream")
	s := active.Stream
	if !s.ExactlyOnce() || s.Delivery != gateway.ExactlyOnce || s.Sink.Kafka == nil || s.Sink.File != nil || len(s.KafkaSources()) != 1 || s.MirrorTopic() == "" {
		t.Errorf("%+v", s)
	}
}
