package contain

import (
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"testing"
)

// What is found is a member, and where nothing is found there is nothing: held against all
// multiples of a hundredth around zero.
func TestNumbersAgainstManyNumbers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	r := func(s string) *big.Rat { v, _ := new(big.Rat).SetString(s); return v }
	steps := []*big.Rat{r("1"), r("2"), r("3"), r("0.5"), r("0.1"), r("0.25"), r("7"), r("10"), r("1.5"), r("0.01")}
	bounds := []*big.Rat{r("0"), r("1"), r("-1"), r("2.5"), r("10"), r("-3.75"), r("3"), r("1.01"), r("0.999")}
	var all []*big.Rat
	for i := int64(-1_500); i <= 1_500; i++ {
		all = append(all, big.NewRat(i, 100))
	}
	verdicts := map[verdict]int{}
	for range 4_000 {
		n := &numbers{}
		if rng.IntN(2) == 0 {
			n.atLeast(bounds[rng.IntN(len(bounds))], rng.IntN(2) == 0)
		}
		if rng.IntN(2) == 0 {
			n.atMost(bounds[rng.IntN(len(bounds))], rng.IntN(2) == 0)
		}
		n.integer, n.notInteger = rng.IntN(3) == 0, rng.IntN(4) == 0
		for range rng.IntN(3) {
			n.multiples = append(n.multiples, steps[rng.IntN(len(steps))])
		}
		for range rng.IntN(3) {
			n.notMultiples = append(n.notMultiples, steps[rng.IntN(len(steps))])
		}
		for range rng.IntN(4) {
			n.not = append(n.not, big.NewRat(int64(rng.IntN(7)-3), 1))
		}
		o := n.find(&budget{1_000_000})
		verdicts[o.verdict]++
		switch o.verdict {
		case isFound:
			if !n.holds(rat(o.value.(json.Number))) {
				t.Fatalf("%+v: %s was found", n, o.value)
			}
		case isEmpty:
			for _, v := range all {
				if n.holds(v) {
					t.Fatalf("%+v: nothing was found, but %s", n, v)
				}
			}
		}
	}
	t.Log(verdicts)
	if verdicts[isUnknown] > 40 || verdicts[isFound] < 500 || verdicts[isEmpty] < 500 {
		t.Error("too one-sided, or too often unknown")
	}
}
