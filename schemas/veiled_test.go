package schemas

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// hide replaces some of the values by placeholders, as a sample's redaction does, and says
// which: each with the given chance.
func hide(r *rand.Rand, chance float64, v any, path string, hidden map[string]bool) any {
	switch x := v.(type) {
	case map[string]any:
		next := map[string]any{}
		for name, member := range x {
			next[name] = hide(r, chance, member, path+"\x00"+name, hidden)
		}
		return next
	case []any:
		next := []any{}
		for i, item := range x {
			next = append(next, hide(r, chance, item, path+"\x00"+strconv.Itoa(i), hidden))
		}
		return next
	}
	if v == nil || r.Float64() >= chance {
		return v
	}
	hidden[path] = true
	switch v.(type) {
	case string:
		return "x"
	case bool:
		return false
	}
	return json.Number("0")
}

// veiledTally counts what came of hiding values.
type veiledTally struct{ decided, undecided int }

// hold hides values of an event and holds what is said of it against the truth: what is
// said to be sure is so, whatever other schema the event is known to have passed.
func (v *veiledTally) hold(t *testing.T, name string, r *rand.Rand, s *Schema, passed *Schema, event []byte) {
	t.Helper()
	value, bad := jsonread.Decode(event, jsonread.Limits{})
	if bad != nil {
		return
	}
	truth, err := s.Judge(event)
	if err != nil {
		t.Fatal(err)
	}
	for _, chance := range []float64{0, 0.3, 1} {
		hidden := map[string]bool{}
		text, err := json.Marshal(hide(r, chance, value, "", hidden))
		if err != nil {
			t.Fatal(err)
		}
		veiled, err := Veil(text, func(path []string) bool { return hidden[strings.Join(append([]string{""}, path...), "\x00")] })
		if err != nil || veiled.Hides() != (len(hidden) > 0) {
			t.Fatal(name, err)
		}
		if passed != nil {
			if other, err := passed.Judge(event); err == nil && len(other.Reasons) == 0 {
				veiled.Passed(passed)
			}
		}
		switch got := veiled.Judge(s); {
		case got == Undecided && len(hidden) > 0:
			v.undecided++
		case got != surely(len(truth.Reasons) == 0):
			t.Errorf("%s: %s hidden as %s is %s; the truth is %v", name, event, text, got, truth.Reasons)
		default:
			v.decided++
		}
	}
}

// What is said to be sure of an event of which values are hidden is true of the event as it
// was, over the suite's cases and the table of changes, where it is also known that the
// event passed the other version.
func TestVeiledIsTrue(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	var all veiledTally
	for i, e := range loadEvolutions(t) {
		if i%4 != 0 {
			continue // the others take long
		}
		for _, h := range e.halves() {
			var events [][]byte
			for _, s := range []*Schema{h.from, h.to} {
				if s.root == nil {
					continue
				}
				for _, v := range trialEvents(s.root) {
					if text, err := json.Marshal(v); err == nil {
						events = append(events, text)
					}
				}
			}
			r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
			for _, event := range append([][]byte{h.witness}, events[:min(len(events), 8)]...) {
				if len(event) > 0 && len(event) < 4096 {
					all.hold(t, e.name, r, h.to, nil, event)
					all.hold(t, e.name, r, h.to, h.from, event)
				}
			}
		}
	}
	root := os.Getenv(suiteVariable)
	if root == "" {
		root = filepath.Join("testdata", "suite")
	}
	remotes := &suite{root: root}
	for _, d := range suiteDrafts {
		files, err := filepath.Glob(filepath.Join(root, "tests", d.dir, "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has no cases of %s: %v", root, d.dir, err)
		}
		for _, file := range files {
			var groups []suiteGroup
			data, err := os.ReadFile(file)
			if err != nil || json.Unmarshal(data, &groups) != nil {
				t.Fatal(file, err)
			}
			for _, g := range groups {
				s, err := Compile(g.Schema, Options{remote: remotes.remote, draft: d.draft})
				if err != nil {
					continue
				}
				for _, c := range g.Tests {
					all.hold(t, file+": "+g.Description+": "+c.Description, r, s, nil, c.Data)
					all.hold(t, file+": "+g.Description+": "+c.Description, r, s, s, c.Data)
				}
			}
		}
	}
	t.Logf("%d decided, %d not", all.decided, all.undecided)
	if all.decided < 2*all.undecided || all.undecided == 0 {
		t.Errorf("%d decided, %d not: too little is sure", all.decided, all.undecided)
	}
}

// What depends on a hidden value is not decided, and what does not is.
func TestVeiled(t *testing.T) {
	for name, c := range map[string]struct {
		schema, passed string
		want           Answer
	}{
		"a condition":                {`{"if":{"properties":{"kind":{"const":"a"}}},"then":true,"else":{"required":["extra"]}}`, `true`, Undecided},
		"a condition that is met":    {`{"if":{"properties":{"kind":{"const":"a"}}},"then":true,"else":{"required":["extra"]}}`, `{"properties":{"kind":{"const":"a"}}}`, Compatible},
		"beside a condition":         {`{"if":{"properties":{"kind":{"const":"a"}}},"required":["extra"]}`, `true`, Incompatible},
		"either way":                 {`{"if":{"properties":{"kind":{"const":"a"}}},"then":{"required":["n"]},"else":{"required":["kind"]}}`, `true`, Compatible},
		"a union":                    {`{"oneOf":[{"properties":{"kind":{"const":"a"}}},{"properties":{"kind":{"const":"b"}},"required":["extra"]}]}`, `true`, Undecided},
		"a union by structure":       {`{"anyOf":[{"required":["extra"]},{"required":["n"]}]}`, `true`, Compatible},
		"a number":                   {`{"properties":{"n":{"type":"number"}}}`, `true`, Compatible},
		"an integer":                 {`{"properties":{"n":{"type":"integer"}}}`, `{"properties":{"n":{"type":"number"}}}`, Undecided},
		"a type":                     {`{"properties":{"n":{"type":"string"}}}`, `true`, Incompatible},
		"a format":                   {`{"properties":{"kind":{"format":"uuid"}}}`, `true`, Undecided},
		"a format that it had":       {`{"properties":{"kind":{"format":"uuid"}}}`, `{"allOf":[{"properties":{"kind":{"format":"uuid"}}}]}`, Compatible},
		"a list of another type":     {`{"properties":{"kind":{"enum":[1,null]}}}`, `true`, Incompatible},
		"a member that comes with":   {`{"dependentSchemas":{"kind":{"required":["extra"]}}}`, `true`, Incompatible},
		"a negation":                 {`{"not":{"properties":{"kind":{"const":"a"}}}}`, `true`, Undecided},
		"the object as a whole":      {`{"enum":[{"kind":"a"},{"kind":"a","n":1,"l":[5,6],"open":"a"}]}`, `true`, Undecided},
		"another object":             {`{"enum":[{"kind":"a"},{"kind":"a","n":1}]}`, `true`, Incompatible},
		"items that have to differ":  {`{"properties":{"l":{"uniqueItems":true}}}`, `true`, Compatible},
		"one of the items":           {`{"properties":{"l":{"contains":{"const":5}}}}`, `true`, Compatible},
		"a text that is not hidden":  {`{"properties":{"open":{"const":"b"}}}`, `true`, Incompatible},
		"what nothing else looks at": {`{"properties":{"n":{},"l":{},"open":{}},"unevaluatedProperties":false}`, `true`, Incompatible},
	} {
		veiled, err := Veil([]byte(`{"kind":"x","n":0,"l":[5,6],"open":"a"}`), func(path []string) bool { return path[0] == "kind" || path[0] == "n" })
		if err != nil {
			t.Fatal(err)
		}
		compiled := func(text string) *Schema {
			s, err := Compile([]byte(text), Options{})
			if err != nil {
				t.Fatal(name, err)
			}
			return s
		}
		veiled.Passed(compiled(c.passed))
		if got := veiled.Judge(compiled(c.schema)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
