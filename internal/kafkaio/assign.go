package kafkaio

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// subscriber is a member of a group as its leader sees it.
type subscriber struct {
	id       string
	instance string // "" unless it is a static member
	topics   []string
}

// order is what subscribers are sorted by: a static member keeps its place over restarts.
func (s *subscriber) order() string {
	if s.instance != "" {
		return s.instance
	}
	return s.id
}

// spread gives each partition to one of those that subscribe to its topic, whoever has the
// fewest so far. If all subscribe to the same topics, no two get numbers that differ by
// more than one. The same input in any order gives the same result.
// Each subscriber is in the result, also one that gets nothing; a topic that counts does
// not know has no partitions.
func spread(group []subscriber, counts map[string]int32) map[string][]Partition {
	group = slices.Clone(group)
	slices.SortFunc(group, func(a, b subscriber) int {
		return cmp.Or(strings.Compare(a.order(), b.order()), strings.Compare(a.id, b.id))
	})
	result := make(map[string][]Partition, len(group))
	readers := map[string][]string{} // ids by topic
	for i := range group {
		s := &group[i]
		result[s.id] = nil
		for _, t := range s.topics {
			if !slices.Contains(readers[t], s.id) {
				readers[t] = append(readers[t], s.id)
			}
		}
	}
	// What few can read is given out first: the rest evens out what that makes uneven.
	topics := slices.SortedFunc(maps.Keys(readers), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(readers[a]), len(readers[b])), strings.Compare(a, b))
	})
	for _, t := range topics {
		for p := range counts[t] {
			id := slices.MinFunc(readers[t], func(a, b string) int {
				return cmp.Compare(len(result[a]), len(result[b]))
			})
			result[id] = append(result[id], Partition{Topic: t, ID: p})
		}
	}
	return result
}

func comparePartitions(a, b Partition) int {
	return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.ID, b.ID))
}
