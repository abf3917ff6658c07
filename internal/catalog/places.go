package catalog

import (
	"fmt"

	"github.com/lazaret/lazaret/gateway"
)

// checkPlaces finds the sinks and sources of a change that cannot be had here.
func (c *Catalog) checkPlaces(ch Change) error {
	if ch.Resource.Kind != KindStream || ch.Delete {
		return nil
	}
	var found faults
	check := func(pointer string, err error) {
		if err != nil {
			found.add(Fault{Resource: ch.Resource.Key(), Pointer: pointer, Message: err.Error()})
		}
	}
	s := ch.Resource.Stream
	if c.conf.CheckSink != nil {
		check("/sink", c.conf.CheckSink(s.Sink))
		if topic := s.MirrorTopic(); topic != "" {
			check("/quarantine/mirror", c.conf.CheckSink(gateway.SinkSpec{Kafka: &gateway.KafkaSink{Topic: topic}}))
		}
	}
	if c.conf.CheckSource != nil {
		for i, src := range s.Sources {
			check(fmt.Sprintf("/sources/%d", i), c.conf.CheckSource(src))
		}
	}
	return found.refused()
}

// overlaps finds streams of the plan that would be in each other's way: that would write to
// the same directory, or divide the events of a topic between them.
func overlaps(now *snapshot, p *plan) (found []Fault) {
	var others []gateway.Stream // those that stay as they are, and those that were looked at
	for name, v := range now.streams {
		if !p.touches(name) {
			others = append(others, v.Stream)
		}
	}
	for _, s := range p.streams {
		for _, o := range others {
			found = append(found, sameDir(s, o)...)
			found = append(found, sameGroup(s, o)...)
		}
		others = append(others, s)
	}
	return found
}

func sameDir(s, o gateway.Stream) []Fault {
	if s.Sink.File == nil || o.Sink.File == nil || s.Sink.File.Dir != o.Sink.File.Dir {
		return nil
	}
	return []Fault{{Resource: key(KindStream, s.Name), Pointer: "/sink/file/dir",
		Message: fmt.Sprintf("the stream %s writes to the directory %s already: each stream needs one of its own", o.Name, s.Sink.File.Dir)}}
}

func sameGroup(s, o gateway.Stream) (found []Fault) {
	for i, src := range s.Sources {
		if src.Kafka == nil {
			continue
		}
		group := src.Kafka.GroupFor(s.Name)
		for _, other := range o.KafkaSources() {
			if other.GroupFor(o.Name) != group {
				continue
			}
			topic, both := src.Kafka.Shares(other)
			what := "the topic " + topic
			if topic == "" {
				what = "topics by a pattern as well, maybe the same ones,"
			}
			if both {
				found = append(found, Fault{Resource: key(KindStream, s.Name), Pointer: fmt.Sprintf("/sources/%d/kafka/group", i),
					Message: fmt.Sprintf("the stream %s reads %s in the group %s already: each of the two would get a part of the events. Leave group out, and each stream has its own", o.Name, what, group)})
			}
		}
	}
	return found
}
