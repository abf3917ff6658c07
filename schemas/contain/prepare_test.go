package contain

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
)

// classesByRounds numbers the nodes by the classes that prepare has to find, in the simple
// way: all nodes are looked at again until a round splits nothing (Moore, 1956).
func classesByRounds(all []*Node) []int {
	class, keys := make([]int, len(all)), make([]string, len(all))
	at := map[*Node]int{}
	for i, n := range all {
		at[n] = i
		keys[i] = n.signature(i)
	}
	for count := 0; ; {
		numbers := map[string]int{}
		for i, k := range keys {
			if _, ok := numbers[k]; !ok {
				numbers[k] = len(numbers)
			}
			class[i] = numbers[k]
		}
		if len(numbers) == count {
			return class
		}
		count = len(numbers)
		for i, n := range all {
			keys[i] = strconv.Itoa(class[i])
			n.children(func(sub **Node) { keys[i] += " " + strconv.Itoa(class[at[*sub]]) })
		}
	}
}

// randomGraph is nodes that name each other, of few kinds so that many mean the same.
func randomGraph(rng *rand.Rand) *Node {
	nodes := make([]*Node, 1+rng.IntN(40))
	for i := range nodes {
		nodes[i] = NewNode()
	}
	one := func() *Node { return nodes[rng.IntN(len(nodes))] }
	if rng.IntN(2) == 0 { // mostly a chain
		next := 0
		one = func() *Node { next++; return nodes[(next+rng.IntN(8)/7)%len(nodes)] }
	}
	kinds := 1 + rng.IntN(6)
	for _, n := range nodes {
		switch rng.IntN(kinds) {
		case 0:
			n.Rest = one()
		case 1:
			n.Properties = map[string]*Node{"a": one(), "b": one()}
		case 2:
			n.AnyOf = []*Node{one(), one()}
		case 3:
			n.Not = one()
		case 4:
			n.Types = String
		case 5:
			n.Opaque = "x"
		}
	}
	nodes[len(nodes)-1].Types = []Types{0, String}[rng.IntN(2)]
	return nodes[0]
}

// Classes are those of the simple way, and with too little budget no two nodes are in one.
func TestClassesAreTheCoarsest(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	merged, whole := 0, 0
	for range 5_000 {
		a, b := randomGraph(rng), randomGraph(rng)
		all := reach(&budget{1_000_000}, []*Node{a, b})
		want := classesByRounds(all)
		left := 1_000_000
		if rng.IntN(3) == 0 {
			left = rng.IntN(400)
		}
		steps := &budget{left}
		classes := prepare(steps, a, b)
		for i, n := range all {
			if steps.spent() {
				want[i] = i
			}
			if n.id != want[i] {
				t.Fatalf("node %d of %d is of class %d and not %d", i, len(all), n.id, want[i])
			}
		}
		if len(classes) < len(all) {
			merged++
		} else {
			whole++
		}
	}
	t.Log(merged, "graphs with classes of several nodes,", whole, "without")
	if merged < 1_000 || whole < 100 {
		t.Error("too one-sided")
	}
}

// The work for n definitions that name each other in turn, or are all named by one besides,
// is about n, and what a question has left bounds it.
func TestPreparingChains(t *testing.T) {
	chain := func(n int, last Types, star bool) *Node {
		root := NewNode()
		root.Types, root.Properties = Object, map[string]*Node{}
		at := NewNode()
		at.Types = last
		for i := range n {
			node := NewNode()
			node.Rest = at
			if at = node; star {
				root.Properties[fmt.Sprintf("p%d", i)] = node
			}
		}
		root.Properties["first"] = at
		return root
	}
	for _, star := range []bool{false, true} {
		const n = 20_000
		b := &budget{DefaultSteps}
		classes := prepare(b, chain(n, String, star), chain(n, Number, star))
		if used := DefaultSteps - b.left; len(classes) != 2*n+4 || used > 40*n {
			t.Errorf("named by one: %v: %d classes with %d steps", star, len(classes), used)
		}
		few := &budget{1_000}
		if classes = prepare(few, chain(n, String, star), chain(n, String, star)); !few.spent() || len(classes) != 2*n+4 {
			t.Errorf("named by one: %v: %d classes with few steps", star, len(classes))
		}
		if answer := Except(chain(n, String, star), chain(n, String, star), 1_000); answer.Verdict != Unknown {
			t.Errorf("named by one: %v: %s with few steps", star, answer.Verdict)
		}
	}
}
