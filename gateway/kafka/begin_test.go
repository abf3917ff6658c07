package kafka

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/kafkatest"
)

// A source that starts at the latest record keeps its place from then on, also before it has
// taken anything; and what is added later to what it reads, it reads from the beginning.
func TestLatestKeepsItsPlace(t *testing.T) {
	t.Parallel()
	b := kafkatest.Start(t)
	base := b.Topic(t, 1, nil)
	c := dial(t, b.Addr())
	produce(t, c, base, numbered(0, 5)...)
	spec := gateway.KafkaSource{Pattern: regexp.QuoteMeta(base) + "([.]new)?", Group: base, Start: gateway.StartLatest}
	often := func(s *Source) { s.times.refresh = 100 * time.Millisecond }
	r := run(t, c, spec, often)
	r.await(t, "it begins at the end", func() bool { return committed(t, c, base, base) == 5 })
	r.stop()
	produce(t, c, base, numbered(5, 5)...)
	r.again(t, c, spec, often)
	r.await(t, "what came while it was stopped is taken", func() bool { return len(r.events) >= 5 })
	added := base + ".new"
	must(t, b.CreateTopic(t.Context(), added, 1, nil))
	produce(t, dial(t, b.Addr()), added, numbered(10, 5)...)
	r.await(t, "what came before the new topic was noticed is taken", func() bool { return len(r.events) >= 10 })
	r.stop()
	if got := r.values(""); !slices.Equal(got, numbered(5, 10)) {
		t.Errorf("taken: %q", got)
	}
}
