package kafkaio

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// world is a random group and the topics that there are; alike gives all members the same
// topics.
func world(rng *rand.Rand, alike bool) ([]subscriber, map[string]int32) {
	counts := map[string]int32{}
	for i := range rng.IntN(6) {
		counts[fmt.Sprintf("topic-%d", i)] = rng.Int32N(12)
	}
	all := slices.Sorted(maps.Keys(counts))
	if rng.IntN(3) == 0 {
		all = append(all, "gone") // a topic that was deleted just now
	}
	var group []subscriber
	for i := range 1 + rng.IntN(7) {
		s := subscriber{id: fmt.Sprintf("member-%d", i)}
		if rng.IntN(2) == 0 {
			s.instance = fmt.Sprintf("instance-%d", 9-i)
		}
		for _, t := range all {
			if alike || rng.IntN(2) == 0 {
				s.topics = append(s.topics, t)
			}
		}
		if len(s.topics) > 0 && rng.IntN(5) == 0 {
			s.topics = append(s.topics, s.topics[0]) // said twice
		}
		group = append(group, s)
	}
	return group, counts
}

// TestSpread holds on random groups what an assignment must be: whole, disjoint, to those
// who asked, the same however the input is ordered, and even if all ask for the same.
func TestSpread(t *testing.T) {
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		alike := seed%2 == 0
		group, counts := world(rng, alike)
		got := spread(group, counts)
		checkSpread(t, group, counts, got)
		if alike {
			checkEven(t, got)
		}
		rng.Shuffle(len(group), func(i, j int) { group[i], group[j] = group[j], group[i] })
		if again := spread(group, counts); !reflect.DeepEqual(got, again) {
			t.Errorf("another order gives another result: %v, %v", got, again)
		}
		if t.Failed() {
			t.Fatalf("seed %d: group %v, counts %v: %v", seed, group, counts, got)
		}
	}
}

func checkSpread(t *testing.T, group []subscriber, counts map[string]int32, got map[string][]Partition) {
	t.Helper()
	wanted := map[string]bool{}
	owner := map[Partition]string{}
	for _, s := range group {
		list, ok := got[s.id]
		if !ok {
			t.Errorf("%s is left out", s.id)
		}
		for _, topic := range s.topics {
			wanted[topic] = true
		}
		for _, p := range list {
			if other, ok := owner[p]; ok {
				t.Errorf("%v is of %s and of %s", p, other, s.id)
			}
			owner[p] = s.id
			if !slices.Contains(s.topics, p.Topic) {
				t.Errorf("%s did not ask for %s", s.id, p.Topic)
			}
		}
	}
	total := 0
	for topic := range wanted {
		total += int(counts[topic])
	}
	if len(owner) != total || len(got) != len(group) {
		t.Errorf("%d partitions to %d members, want %d to %d", len(owner), len(got), total, len(group))
	}
}

func checkEven(t *testing.T, got map[string][]Partition) {
	t.Helper()
	least, most := 1<<30, 0
	for _, list := range got {
		least, most = min(least, len(list)), max(most, len(list))
	}
	if most-least > 1 {
		t.Errorf("from %d to %d partitions", least, most)
	}
}

// TestSpreadUneven: what only one can read does not make it read more than others.
func TestSpreadUneven(t *testing.T) {
	group := []subscriber{{id: "a", topics: []string{"both", "own"}}, {id: "b", topics: []string{"both"}}}
	got := spread(group, map[string]int32{"both": 4, "own": 2})
	if len(got["a"]) != 3 || len(got["b"]) != 3 {
		t.Errorf("got %v", got)
	}
}
