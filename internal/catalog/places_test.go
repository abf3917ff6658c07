package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
)

// reading is a stream that reads a topic or a pattern in a group.
func reading(name, what, group string) string {
	m := fmt.Sprintf("kind: Stream\nname: %s\nsink: {stdout: {}}\nsources: [{kafka: {%s", name, what)
	if group != "" {
		m += ", group: " + group
	}
	return m + "}}]\n"
}

// Two streams that read one topic in one group would each get a part of its events.
func TestOneStreamToATopicAndGroup(t *testing.T) {
	for _, c := range []struct {
		first, second string
		fault         string // "" if both can be
	}{
		{reading("a", "topics: [t]", ""), reading("b", "topics: [t]", ""), ""},
		{reading("a", "topics: [t]", "g"), reading("b", "topics: [u]", "g"), ""},
		{reading("a", "topics: [t]", "g"), reading("b", "topics: [t]", "h"), ""},
		{reading("a", "topics: [t]", "g"), reading("b", "topics: [u, t]", "g"), "the stream a reads the topic t in the group g"},
		{reading("a", "topics: [t]", ""), reading("b", "topics: [t]", "lazaret-a"), "the stream a reads the topic t in the group lazaret-a"},
		{reading("a", "pattern: t.*", "g"), reading("b", "topics: [tt]", "g"), "the stream a reads the topic tt"},
		{reading("a", "topics: [tt]", "g"), reading("b", "pattern: t.*", "g"), "the stream a reads the topic tt"},
		{reading("a", "pattern: t.*", "g"), reading("b", "topics: [u]", "g"), ""},
		{reading("a", "pattern: t.*", "g"), reading("b", "pattern: u.*", "g"), "topics by a pattern as well"},
	} {
		for _, together := range []bool{false, true} {
			f := newFixture(t)
			manifest := c.second
			if together {
				manifest = c.first + "---\n" + c.second
			} else {
				f.apply(c.first)
			}
			_, err := f.change(Options{}, manifest)
			if c.fault == "" {
				must(t, err)
				continue
			}
			got := faultsOf(t, err)
			if len(got) != 1 || got[0].Resource != "Stream/b" || got[0].Pointer != "/sources/0/kafka/group" || !strings.Contains(got[0].Message, c.fault) {
				t.Errorf("%s%s\t%+v", c.first, c.second, got)
			}
		}
	}
}

// The stream that gives a topic up leaves it to another one, in the same change.
func TestTopicChangesHands(t *testing.T) {
	f := newFixture(t)
	f.apply(reading("a", "topics: [t]", "g"))
	f.apply(reading("a", "topics: [u]", "g") + "---\n" + reading("b", "topics: [t]", "g"))
	must(t, f.remove(KindStream, "a", false))
	f.apply(reading("b", "topics: [t, u]", "g"))
}

const mirrored = `
kind: Stream
name: clicks
sink: {kafka: {topic: %s}}
sources: [{kafka: {topics: [clicks]}}, {kafka: {pattern: "old.*", group: g}}]
quarantine: {mirror: {topic: %s}}
`

// What is not allowed here is refused at the place that names it, all at once.
func TestPlacesAreChecked(t *testing.T) {
	f := newFixture(t)
	f.conf.CheckSink = func(s gateway.SinkSpec) error {
		if s.Kafka != nil && strings.HasPrefix(s.Kafka.Topic, "no") {
			return errors.New("not allowed: " + s.Kafka.Topic)
		}
		return nil
	}
	f.conf.CheckSource = func(s gateway.SourceSpec) error {
		if s.Kafka.Pattern != "" {
			return errors.New("no patterns")
		}
		return nil
	}
	f.reload()
	_, err := f.change(Options{DryRun: true}, fmt.Sprintf(mirrored, "no-sink", "no-mirror"))
	var got []string
	for _, fault := range faultsOf(t, err) {
		got = append(got, fmt.Sprintf("%s %s:%d", fault.Pointer, fault.Message, fault.Line))
	}
	slices.Sort(got)
	want := []string{"/quarantine/mirror not allowed: no-mirror:6", "/sink not allowed: no-sink:4", "/sources/1 no patterns:5"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// A stream's Kafka sinks are at one place, whatever their topics; its mirror is at another.
func TestKafkaSinkAndMirror(t *testing.T) {
	f := newFixture(t)
	mirrors := &sinkBook{}
	f.conf.OpenMirror = mirrors.open
	f.reload()
	f.apply("kind: Stream\nname: clicks\nsink: {kafka: {topic: one}}")
	plain, _ := f.Active("clicks")
	if plain.Mirror != nil || mirrors.count() != 0 {
		t.Error("a stream without a mirror has one")
	}
	f.apply(fmt.Sprintf(mirrored, "two", "dead"))
	now, _ := f.Active("clicks")
	must(t, now.Sink.Write(t.Context(), lazaret.Batch{ID: "new"}))
	must(t, now.Mirror.Write(t.Context(), lazaret.Batch{ID: "bad"}))
	must(t, plain.Sink.Write(t.Context(), lazaret.Batch{ID: "late"}))
	open := 0
	for _, m := range f.sinks.all {
		if m.open {
			open++
		}
	}
	if open > 1 {
		t.Errorf("%d Kafka sinks of one stream are open", open)
	}
	f.apply("kind: RuleSet\nstream: clicks\nrules: []")
	if mirrors.count() != 1 || !slices.Equal(mirrors.all[0].batches, []string{"bad"}) || mirrors.all[0].stream.MirrorTopic() != "dead" {
		t.Errorf("%d mirrors: %+v", mirrors.count(), mirrors.all)
	}
	f.apply(fmt.Sprintf(mirrored, "two", "deader"))
	if mirrors.count() != 2 || mirrors.all[0].open || !mirrors.all[1].open {
		t.Errorf("%d mirrors: %+v", mirrors.count(), mirrors.all)
	}
	must(t, f.remove(KindStream, "clicks", false))
	if mirrors.all[1].open {
		t.Error("the mirror of a deleted stream is open")
	}
}

// A mirror that cannot be opened makes the stream not ready.
func TestMirrorIsPartOfHealth(t *testing.T) {
	f := newFixture(t)
	mirrors := &sinkBook{refuse: errors.New("no broker")}
	f.conf.OpenMirror = mirrors.open
	f.reload()
	f.apply(fmt.Sprintf(mirrored, "two", "dead"))
	if h := f.Health(); len(h) != 1 || h[0].Sink == nil || !strings.Contains(h[0].Sink.Error(), "no broker") {
		t.Errorf("%+v", h)
	}
}

// Whoever runs the sources of streams is told which are active, at the start and with each
// change.
func TestActiveStreamsAreTold(t *testing.T) {
	f := newFixture(t)
	var told []string
	f.conf.OnActive = func(list []gateway.Stream) {
		names := ""
		for _, s := range list {
			names += fmt.Sprintf("%s:%d ", s.Name, s.Version)
		}
		told = append(told, names)
	}
	f.apply(reading("b", "topics: [t]", ""))
	f.reload()
	f.apply(reading("a", "topics: [t]", ""))
	if _, err := f.change(Options{DryRun: true}, reading("c", "topics: [t]", "")); err != nil {
		t.Error(err)
	}
	f.apply("kind: RuleSet\nstream: b\nrules: []")
	must(t, f.remove(KindStream, "a", false))
	if want := []string{"b:1 ", "a:1 b:1 ", "a:1 b:2 ", "b:2 "}; !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
}
