package schemas

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestDifferentialSize: a schema whose program would be too large is judged alike.
func TestDifferentialSize(t *testing.T) {
	// Each level leads to the next with and without a schema that goes all the way down, so
	// that there are twice as many combinations with each.
	const levels = 16
	ref := func(name string, i int) object { return object{"$ref": fmt.Sprintf("#/$defs/%s%d", name, i)} }
	defs := object{fmt.Sprintf("d%d", levels): true}
	for i := range levels {
		defs[fmt.Sprintf("m%d", i)] = object{"properties": object{"a": ref("m", i), "b": ref("m", i), "c": object{"maximum": 100 - i}}, "not": object{"required": []string{fmt.Sprintf("x%d", i)}}}
		defs[fmt.Sprintf("d%d", i)] = object{"properties": object{"a": ref("d", i+1), "b": object{"allOf": []any{ref("m", i), ref("d", i+1)}}}}
	}
	document := string(compact(object{"$ref": "#/$defs/d0", "$defs": defs}))
	s := mustCompile(t, document)
	pointers := []string{"/a/b/a/b/c", "/b/b/b/c", "/c", strings.Repeat("/b", levels) + "/a/c"}
	checker, err := s.Checker(pointers)
	if err != nil {
		t.Fatal(err)
	}
	if checker.opaque["size"] == 0 {
		t.Errorf("the program is not too large: %v", checker.opaque)
	}
	c := &compared{document: []byte(document), schema: s, checker: checker, pointers: pointers}
	spans := make([]Span, len(pointers))
	rng := rand.New(rand.NewPCG(17, 18))
	count := newTally()
	for range 3000 / raceShare {
		payload := nested(rng, 1+rng.IntN(30))
		if problem := c.payload([]byte(payload), spans, count); problem != "" {
			t.Fatal(problem)
		}
	}
	if count.good < 50 || count.bad < 50 {
		t.Errorf("too one-sided: %s", count)
	}
}

// nested is an object that goes deep by the names a and b.
func nested(rng *rand.Rand, depth int) string {
	members := []string{fmt.Sprintf(`"c":%d`, 60+rng.IntN(20))}
	if rng.IntN(20) == 0 {
		members[0] = fmt.Sprintf(`"c":%d`, 84+rng.IntN(20))
	}
	if rng.IntN(40) == 0 {
		members = append(members, fmt.Sprintf(`"x%d":0`, rng.IntN(18)))
	}
	if depth > 0 {
		members = append(members, `"`+pick(rng, []string{"a", "b"})+`":`+nested(rng, depth-1))
	}
	return "{" + strings.Join(members, ",") + "}"
}
