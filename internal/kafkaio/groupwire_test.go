package kafkaio

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/consumer"
)

func TestSubscriptionOfOthers(t *testing.T) {
	want := []string{"a", "bc"}
	for name, b := range map[string][]byte{
		"ours": encodeSubscription(want),
		// Version 0, as old clients write it.
		"version 0": []byte("\x00\x00\x00\x00\x00\x02\x00\x01a\x00\x02bc\xff\xff\xff\xff"),
		// Version 3, as Java clients do: with owned partitions, a generation and a rack.
		"version 3": []byte("\x00\x03\x00\x00\x00\x02\x00\x01a\x00\x02bc\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff"),
	} {
		if got, err := decodeSubscription(b); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

// TestGroupWireToOthers reads what we write with kafka-go's reader of the same format.
func TestGroupWireToOthers(t *testing.T) {
	var s consumer.Subscription
	if err := protocol.Unmarshal(encodeSubscription([]string{"a", "b"}), 1, &s); err != nil || !slices.Equal(s.Topics, []string{"a", "b"}) {
		t.Errorf("subscription: got %+v, %v", s, err)
	}
	var a consumer.Assignment
	err := protocol.Unmarshal(encodeAssignment([]Partition{{"b", 1}, {"a", 7}, {"b", 0}}), 1, &a)
	want := []consumer.TopicPartition{{Topic: "a", Partitions: []int32{7}}, {Topic: "b", Partitions: []int32{0, 1}}}
	if err != nil || !reflect.DeepEqual(a.AssignedPartitions, want) {
		t.Errorf("assignment: got %+v, %v", a, err)
	}
}

func TestAssignmentEmpty(t *testing.T) {
	for _, b := range [][]byte{nil, encodeAssignment(nil)} {
		if list, err := decodeAssignment(b); err != nil || len(list) != 0 {
			t.Errorf("%x: got %v, %v", b, list, err)
		}
	}
}

// FuzzGroupWire: no bytes of another member or of a broker break us, and what is
// understood is the same when written and read again.
func FuzzGroupWire(f *testing.F) {
	f.Add(encodeSubscription([]string{"a", "b"}))
	f.Add(encodeAssignment([]Partition{{"a", 0}, {"a", 1}, {"b", 0}}))
	f.Add([]byte("\x00\x01\x7f\xff\xff\xff"))
	f.Add([]byte("\x00\x00\x00\x00\x00\x02\x02a\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07\xff\xff\xff\xff\x02m\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bytes.Clone(b)
		if topics, err := decodeSubscription(b); err == nil {
			if again, err := decodeSubscription(encodeSubscription(topics)); err != nil || !slices.Equal(topics, again) {
				t.Errorf("subscription: %q became %q, %v", topics, again, err)
			}
		}
		if list, err := decodeAssignment(b); err == nil {
			if again, err := decodeAssignment(encodeAssignment(list)); err != nil || !slices.Equal(list, again) {
				t.Errorf("assignment: %v became %v, %v", list, again, err)
			}
		}
		if parts, _ := decodeOffsetFetch(&wireReader{buf: b}); len(parts) > len(b) {
			t.Errorf("%d offsets in %d bytes", len(parts), len(b))
		}
		if !bytes.Equal(b, in) {
			t.Error("the input was changed")
		}
	})
}
