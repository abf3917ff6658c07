package gateway_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/db"
	"github.com/lazaret/lazaret/internal/yamlread"
)

// validKafka is a stream from Kafka to Kafka with everything that can be said.
func validKafka() gateway.Stream {
	return gateway.Stream{
		Name: "clicks", Key: "/user",
		Sink: gateway.SinkSpec{Kafka: &gateway.KafkaSink{Topic: "clicks.checked", Compression: gateway.CompressZstd, MaxBytes: 1 << 20}},
		Sources: []gateway.SourceSpec{
			{Kafka: &gateway.KafkaSource{Topics: []string{"clicks", "taps"}, Group: "my group", Start: "2026-01-31T08:00:00+01:00", Headers: []string{"Tenant"}}},
			{Kafka: &gateway.KafkaSource{Pattern: `old\.clicks\..*`, Start: gateway.StartLatest, Tombstones: gateway.ForwardTombstones, Headers: []string{}}},
		},
		Delivery:   gateway.ExactlyOnce,
		Quarantine: &gateway.QuarantineSpec{Mirror: &gateway.MirrorSpec{Topic: "clicks.dead"}},
	}
}

func TestValidateKafkaNamesEachMistake(t *testing.T) {
	type edit = func(*gateway.Stream)
	source := func(change func(*gateway.KafkaSource)) edit {
		return func(s *gateway.Stream) { change(s.Sources[0].Kafka) }
	}
	second := func(change func(*gateway.KafkaSource)) edit {
		return func(s *gateway.Stream) { change(s.Sources[1].Kafka) }
	}
	topics := func(names ...string) edit {
		return source(func(k *gateway.KafkaSource) { k.Topics = names })
	}
	pattern := func(p string) edit { return second(func(k *gateway.KafkaSource) { k.Pattern = p }) }
	for pointer, edits := range map[string][]edit{
		"": {
			func(*gateway.Stream) {},
			func(s *gateway.Stream) { s.Sources, s.Delivery = nil, gateway.AtLeastOnce },
			func(s *gateway.Stream) { s.Sources[0].Kafka = &gateway.KafkaSource{Topics: []string{"a"}, Group: "g"} },
			topics(strings.Repeat("x", 249)), topics("_.-A9"), topics("..."), topics("__mine"),
			pattern(`(?i)old|older`), pattern("clicks[.]checked[.]v[0-9]"),
			source(func(k *gateway.KafkaSource) { k.Start = gateway.StartEarliest }),
		},
		"/sources":                  {func(s *gateway.Stream) { s.Sources, s.Delivery = make([]gateway.SourceSpec, 17), "" }},
		"/sources/0":                {func(s *gateway.Stream) { s.Sources[0].Kafka = nil }},
		"/sources/0/kafka":          {topics()},
		"/sources/1/kafka":          {pattern(""), second(func(k *gateway.KafkaSource) { k.Topics = []string{"x"} })},
		"/sources/0/kafka/topics":   {topics(make([]string, 101)...)},
		"/sources/0/kafka/topics/0": {topics(""), topics("."), topics(".."), topics("a b"), topics("a/b"), topics("ä"), topics("a\n"), topics(strings.Repeat("x", 250)), topics("__consumer_offsets"), topics("clicks.checked"), topics("clicks.dead")},
		"/sources/0/kafka/topics/1": {topics("a", "a")},
		"/sources/1/kafka/pattern":  {pattern("("), pattern("a)|(b"), pattern(`\Qa`), pattern("(?=a)"), pattern(strings.Repeat("x", 1025)), pattern("clicks[.]checked"), pattern(".*dead"), pattern("t.*"), func(s *gateway.Stream) { s.Sources[0].Kafka = &gateway.KafkaSource{Pattern: "x", Group: "g"} }},
		"/sources/0/kafka/group":    {source(func(k *gateway.KafkaSource) { k.Group = strings.Repeat("g", 250) }), source(func(k *gateway.KafkaSource) { k.Group = "a\x00" }), source(func(k *gateway.KafkaSource) { k.Group = "lazaret-reprocess-x" })},
		"/sources/1/kafka/group":    {second(func(k *gateway.KafkaSource) { k.Group = "my group" }), source(func(k *gateway.KafkaSource) { k.Group = "lazaret-clicks" }), source(func(k *gateway.KafkaSource) { k.Group = "" })},
		"/sources/0/kafka/start":    {source(func(k *gateway.KafkaSource) { k.Start = "first" }), source(func(k *gateway.KafkaSource) { k.Start = "2026-01-31" }), source(func(k *gateway.KafkaSource) { k.Start = "1969-01-01T00:00:00Z" })},
		"/sources/1/kafka/tombstones": {second(func(k *gateway.KafkaSource) { k.Tombstones = "drop" }), func(s *gateway.Stream) {
			s.Sink, s.Delivery = gateway.SinkSpec{Stdout: &gateway.StdoutSink{}}, ""
		}},
		"/sources/0/kafka/headers":   {source(func(k *gateway.KafkaSource) { k.Headers = make([]string, 101) })},
		"/sources/0/kafka/headers/1": {source(func(k *gateway.KafkaSource) { k.Headers = []string{"a", ""} })},
		"/delivery":                  {func(s *gateway.Stream) { s.Delivery = "once" }, func(s *gateway.Stream) { s.Sources = nil }},
		"/quarantine":                {func(s *gateway.Stream) { s.Quarantine = &gateway.QuarantineSpec{} }},
		"/quarantine/mirror/topic": {
			func(s *gateway.Stream) { s.Quarantine.Mirror.Topic = "" },
			func(s *gateway.Stream) { s.Quarantine.Mirror.Topic = "clicks.checked" },
			func(s *gateway.Stream) { s.Quarantine.Mirror.Topic = "__transaction_state" },
		},
		"/sink":                   {func(s *gateway.Stream) { s.Sink.Stdout = &gateway.StdoutSink{} }},
		"/sink/kafka/topic":       {func(s *gateway.Stream) { s.Sink.Kafka.Topic = "" }, func(s *gateway.Stream) { s.Sink.Kafka.Topic = "a:b" }},
		"/sink/kafka/compression": {func(s *gateway.Stream) { s.Sink.Kafka.Compression = "brotli" }},
		"/sink/kafka/max_bytes":   {func(s *gateway.Stream) { s.Sink.Kafka.MaxBytes = 100 }, func(s *gateway.Stream) { s.Sink.Kafka.MaxBytes = 1 << 30 }},
	} {
		refuses(t, validKafka, pointer, edits)
	}
}

// exactly_once says what it lacks.
func TestExactlyOnceSaysWhatItNeeds(t *testing.T) {
	for want, s := range map[string]gateway.Stream{
		"no kafka source and no kafka sink": {Sink: gateway.SinkSpec{Stdout: &gateway.StdoutSink{}}},
		"no kafka sink":                     {Sink: gateway.SinkSpec{Stdout: &gateway.StdoutSink{}}, Sources: validKafka().Sources[:1]},
		"no kafka source":                   {Sink: validKafka().Sink},
	} {
		s.Name, s.Delivery = "clicks", gateway.ExactlyOnce
		err := s.Validate()
		if err == nil || !strings.HasSuffix(err.Error(), "this stream has "+want) || !strings.Contains(err.Error(), "needs a kafka source and a kafka sink") {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// A pattern is held against the whole name and never leads to Kafka's own topics.
func TestMatcher(t *testing.T) {
	for _, c := range []struct {
		source gateway.KafkaSource
		reads  string
		not    string
	}{
		{gateway.KafkaSource{Topics: []string{"a", "b.c"}}, "a b.c", "ab bxc A"},
		{gateway.KafkaSource{Pattern: "a|b"}, "a b", "ab ba xa bx"},
		{gateway.KafkaSource{Pattern: "^a$"}, "a", "aa"},
		{gateway.KafkaSource{Pattern: ".*"}, "a __mine", "__consumer_offsets __transaction_state"},
		{gateway.KafkaSource{Pattern: "(?m)^a$"}, "a", "b"},
	} {
		reads, err := c.source.Matcher()
		if err != nil {
			t.Fatal(err)
		}
		for _, topic := range strings.Fields(c.reads) {
			if !reads(topic) {
				t.Errorf("%+v does not read %s", c.source, topic)
			}
		}
		for _, topic := range append(strings.Fields(c.not), "a\n") {
			if reads(topic) {
				t.Errorf("%+v reads %s", c.source, topic)
			}
		}
	}
}

func TestKafkaDefaults(t *testing.T) {
	var k gateway.KafkaSource
	if k.GroupFor("clicks") != "lazaret-clicks" || k.StartAt() != gateway.StartEarliest || k.OnTombstone() != gateway.QuarantineTombstones {
		t.Errorf("%s %s %s", k.GroupFor("clicks"), k.StartAt(), k.OnTombstone())
	}
	if n := (gateway.KafkaSink{}).Limit(); n != gateway.DefaultKafkaRecord {
		t.Errorf("%d", n)
	}
	if at, ok := gateway.Start("2026-01-31T08:00:00+01:00").Time(); !ok || !at.Equal(time.Date(2026, 1, 31, 7, 0, 0, 0, time.UTC)) {
		t.Errorf("%v %v", at, ok)
	}
	s := valid()
	if s.NamesKafka() || s.ExactlyOnce() || s.MirrorTopic() != "" {
		t.Error("a stream without Kafka names it")
	}
	s = validKafka()
	if !s.NamesKafka() || !s.ExactlyOnce() || s.MirrorTopic() != "clicks.dead" || len(s.KafkaSources()) != 2 {
		t.Errorf("%+v", s)
	}
}

// Streams that were stored before there was Kafka are still the same: their JSON, which is
// what the store compares, has nothing new in it.
func TestOldDefinitionsStay(t *testing.T) {
	b, err := json.Marshal(valid())
	const want = `{"name":"clicks","schema":{"subject":"clicks"},"id":"/event_id","key":"/a~1b~0","sink":{"file":{"dir":"shop/clicks","max_age":"1m0s"}}}`
	if err != nil || string(b) != want {
		t.Errorf("got %s %v", b, err)
	}
}

// What is written is what is read again, from JSON, from YAML and from the store: also that
// an empty list of headers is not the same as none.
func TestKafkaStreamRoundTrip(t *testing.T) {
	want := validKafka()
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var fromJSON, fromYAML gateway.Stream
	if err := json.Unmarshal(b, &fromJSON); err != nil || !reflect.DeepEqual(fromJSON, want) {
		t.Errorf("from JSON %+v %v", fromJSON, err)
	}
	if err := yamlread.Decode("s.yaml", b, &fromYAML); err != nil || !reflect.DeepEqual(fromYAML, want) {
		t.Errorf("from YAML %+v %v", fromYAML, err)
	}
	d := openDB(t, db.Config{})
	st, err := gateway.NewStreamStore(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is unchanged
		err = d.Write(t.Context(), func(tx *db.Tx) error {
			version, _, err := st.Put(tx, want)
			if version != 1 && err == nil {
				t.Errorf("version %d", version)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := st.Get(t.Context(), want.Name)
	got.Version, got.Created = 0, time.Time{}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("from the store %+v %v", got, err)
	}
}
