package kafkaio

import (
	"fmt"
	"slices"
)

// What members of a group say to each other goes through the broker as bytes that it does
// not look into, so they are read with care. It is the consumer protocol of Apache Kafka,
// which its Java clients, librdkafka and kafka-go speak as well.

// subscriptionVersion is what we write: topics, user data, owned partitions. Whatever a
// later version adds comes after, and is not read.
const (
	subscriptionVersion = 1
	assignmentVersion   = 1
)

// encodeSubscription says which topics a member wants to read.
func encodeSubscription(topics []string) []byte {
	b := appendInt16(nil, subscriptionVersion)
	b = appendInt32(b, int32(len(topics)))
	for _, t := range topics {
		b = appendString(b, t)
	}
	b = appendInt32(b, -1)   // no user data
	return appendInt32(b, 0) // owns nothing: all is given back before a join
}

func decodeSubscription(b []byte) (topics []string, err error) {
	r := wireReader{buf: b}
	r.int16() // version
	for range r.count(2) {
		topics = append(topics, r.string())
	}
	if r.bad {
		return nil, fmt.Errorf("%w: a subscription in a group", ErrCorrupt)
	}
	return topics, nil
}

// encodeAssignment says what a member is to read. The list is put in order.
func encodeAssignment(list []Partition) []byte {
	slices.SortFunc(list, comparePartitions)
	topics := 0
	for i := range list {
		if i == 0 || list[i].Topic != list[i-1].Topic {
			topics++
		}
	}
	b := appendInt16(nil, assignmentVersion)
	b = appendInt32(b, int32(topics))
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].Topic == list[0].Topic {
			n++
		}
		b = appendString(b, list[0].Topic)
		b = appendInt32(b, int32(n))
		for _, p := range list[:n] {
			b = appendInt32(b, p.ID)
		}
		list = list[n:]
	}
	return appendInt32(b, -1) // no user data
}

// decodeAssignment reads what a leader, ours or another client's, gave to a member, in
// order and each partition once. No bytes at all mean no partitions.
func decodeAssignment(b []byte) (list []Partition, err error) {
	if len(b) == 0 {
		return nil, nil
	}
	r := wireReader{buf: b}
	r.int16() // version
	for range r.count(6) {
		topic := r.string()
		for range r.count(4) {
			list = append(list, Partition{Topic: topic, ID: r.int32()})
		}
	}
	if r.bad {
		return nil, fmt.Errorf("%w: an assignment in a group", ErrCorrupt)
	}
	slices.SortFunc(list, comparePartitions)
	return slices.Compact(list), nil
}
