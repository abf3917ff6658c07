package kafka

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/kafkaio"
)

// lines are the headers of a message, each as name=value.
func lines(m kafkaio.Message) (list []string) {
	for _, h := range m.Headers {
		list = append(list, h.Key+"="+string(h.Value))
	}
	return list
}

// The mirror's headers are those that tools for Kafka Connect's dead letters read.
func TestMirrored(t *testing.T) {
	e := &lazaret.Event{
		Data: []byte("{"), Key: []byte("own"), ContentType: "text/plain", Time: time.UnixMilli(5), Received: time.UnixMilli(9),
		Headers: []lazaret.Header{{Name: "a", Value: "1"}, {Name: "lazaret-reasons", Value: "forged"}, {Name: "__connect.errors.topic", Value: "forged"}},
		Source:  lazaret.Source{Kind: "kafka", Name: "in", Partition: 3, Offset: 17},
	}
	r := &lazaret.Record{Stream: "s", Event: e, QuarantineID: "q", Verdict: lazaret.Verdict{
		ID: "i", Key: "found", Reasons: []lazaret.Reason{{Code: lazaret.CodeSyntax, Message: "no JSON"}},
		Version: lazaret.Version{Subject: "sub", Schema: 2, RuleSet: 4},
	}}
	var c encoder
	m := c.mirrored(r)
	common := []string{
		"lazaret-event-id=i", "lazaret-stream=s", "lazaret-schema=sub:2", "lazaret-ruleset=4", "lazaret-quarantine-id=q",
	}
	want := slices.Concat([]string{
		"a=1", "content-type=text/plain",
		"__connect.errors.topic=in", "__connect.errors.partition=3", "__connect.errors.offset=17",
		"__connect.errors.connector.name=lazaret:s", "__connect.errors.task.id=0", "__connect.errors.stage=VALUE_CONVERTER",
		"__connect.errors.class.name=lazaret", "__connect.errors.exception.class.name=json.syntax", "__connect.errors.exception.message=no JSON",
	}, common, []string{`lazaret-reasons=[{"code":"json.syntax","path":"","message":"no JSON"}]`})
	if got := lines(m); !slices.Equal(got, want) {
		t.Errorf("headers:\n%q, want\n%q", got, want)
	}
	if string(m.Key) != "own" || string(m.Value) != "{" || !m.Time.Equal(e.Time) || m.Partition != -1 {
		t.Errorf("key %q, value %q, time %s, partition %d", m.Key, m.Value, m.Time, m.Partition)
	}
	e.Source, e.Key, e.Time, e.Headers, e.ContentType = lazaret.Source{Kind: "http", Name: "192.0.2.1"}, nil, time.Time{}, nil, plainJSON
	r.Verdict.Reasons[0].Code = lazaret.CodeRuleFailed
	m = c.mirrored(r)
	want = slices.Concat([]string{
		"__connect.errors.connector.name=lazaret:s", "__connect.errors.task.id=0", "__connect.errors.stage=TRANSFORMATION",
		"__connect.errors.class.name=lazaret", "__connect.errors.exception.class.name=rule.failed", "__connect.errors.exception.message=no JSON",
	}, common, []string{`lazaret-reasons=[{"code":"rule.failed","path":"","message":"no JSON"}]`})
	if got := lines(m); !slices.Equal(got, want) || m.Key != nil || !m.Time.Equal(e.Received) {
		t.Errorf("from HTTP: key %q, time %s, headers\n%q, want\n%q", m.Key, m.Time, got, want)
	}
}

// In the wire format a good record has the id of the version that judged it before its
// payload, whatever it had before, and no header that says another; tombstones and what is
// mirrored stay as they are.
func TestFramedRecords(t *testing.T) {
	version := lazaret.Version{Subject: "sub", Schema: 2, SchemaID: 258}
	for data, want := range map[string]string{"{}": "\x00\x00\x00\x01\x02{}", "\x00\x00\x00\x00\x07{}": "\x00\x00\x00\x01\x02{}"} {
		e := &lazaret.Event{Data: []byte(data), ContentType: plainJSON, Headers: []lazaret.Header{{Name: "__value_schema_id", Value: "old"}, {Name: "a", Value: "1"}}}
		records := []lazaret.Record{{Stream: "s", Event: e, Verdict: lazaret.Verdict{Version: version}}}
		if m := messages(records, false, true)[0]; string(m.Value) != want || string(e.Data) != data || slices.ContainsFunc(lines(m), func(l string) bool { return strings.HasPrefix(l, "__value") }) {
			t.Errorf("%q became %q with %q", data, m.Value, lines(m))
		}
		for _, mirror := range []bool{false, true} {
			if m := messages(records, mirror, mirror)[0]; string(m.Value) != data || lines(m)[0] != "__value_schema_id=old" {
				t.Errorf("mirror %v: %q became %q with %q", mirror, data, m.Value, lines(m))
			}
		}
	}
	tombstone := []lazaret.Record{{Stream: "s", Event: &lazaret.Event{Key: []byte("k")}, Verdict: lazaret.Verdict{Version: version}}}
	if m := messages(tombstone, false, true)[0]; m.Value != nil {
		t.Errorf("a tombstone became %q", m.Value)
	}
}

// A source that keeps few headers keeps those that may name a version, whatever their case.
func TestNamingHeadersAreKept(t *testing.T) {
	s := &gateway.Stream{Schema: &gateway.SchemaRef{NamedBy: []gateway.NamedBy{{Header: "Schema-Version"}, {RegistryID: true}}}}
	keeps := keeper(s, &gateway.KafkaSource{Headers: []string{"own"}})
	for name, want := range map[string]bool{"schema-version": true, "__value_schema_id": true, "own": true, "other": false} {
		if keeps(name) != want {
			t.Errorf("%s is kept: %v", name, !want)
		}
	}
}
