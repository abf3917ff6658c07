//go:build webhooks

package webhooks

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/schemas"
)

// pair is a schema compiled twice: to be judged by the checker, and by the library alone.
type pair struct {
	name          string
	ours, library *schemas.Schema

	// Recorded payloads, without the blanks between their tokens.
	good, bad, all [][]byte

	said []schemas.Result // of all, by the library
}

// pairs are all types of which there is a definition, under either of the two kinds of
// names that the package gives them; and, last, the union of everything as it is published.
func pairs(tb testing.TB) []pair {
	tb.Helper()
	dir, err := CacheDir()
	if err != nil {
		tb.Fatal(err)
	}
	var documents [2][]byte
	for i, p := range packages() {
		if documents[i], err = p.document(context.Background(), dir); err != nil {
			tb.Fatal(err)
		}
	}
	defs, err := parseDefinitions(documents[0])
	if err != nil {
		tb.Fatal(err)
	}
	var events []struct {
		Name     string            `json:"name"`
		Examples []json.RawMessage `json:"examples"`
	}
	if err := json.Unmarshal(documents[1], &events); err != nil {
		tb.Fatal(err)
	}
	union := newPair(tb, "union", documents[0])
	var list []pair
	for _, e := range events {
		name := e.Name + "_event"
		if defs[name] == nil {
			name = e.Name + "$event"
		}
		schema, err := defs.selfContained(name)
		if err != nil {
			tb.Fatal(err)
		}
		p := newPair(tb, e.Name, schema)
		for _, payload := range e.Examples {
			p.add(tb, payload)
			union.add(tb, payload)
		}
		list = append(list, p)
	}
	return append(list, union)
}

func newPair(tb testing.TB, name string, schema []byte) pair {
	tb.Helper()
	p := pair{name: name}
	for _, library := range []bool{false, true} {
		s, err := schemas.Compile(schema, schemas.Options{Limits: jsonread.DefaultLimits, Reference: library})
		if err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		if library {
			p.library = s
		} else {
			p.ours = s
		}
	}
	return p
}

func (p *pair) add(tb testing.TB, payload []byte) {
	tb.Helper()
	var compact bytes.Buffer
	if err := json.Compact(&compact, payload); err != nil {
		tb.Fatal(err)
	}
	result, err := p.library.Judge(compact.Bytes())
	if err != nil {
		tb.Fatal(err)
	}
	p.all, p.said = append(p.all, compact.Bytes()), append(p.said, result)
	if len(result.Reasons) == 0 {
		p.good = append(p.good, compact.Bytes())
	} else {
		p.bad = append(p.bad, compact.Bytes())
	}
}

// Promise: of each recorded payload the checker says what the library says, reason by
// reason, judged by its type and by the union of all.
func TestRecordedPayloadsByTheChecker(t *testing.T) {
	judged, bad := 0, 0
	for _, p := range pairs(t) {
		for i, payload := range p.all {
			want := p.said[i]
			got, err := p.ours.Judge(payload)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s %d: the checker says %+v, %v; the library %+v", p.name, i, got, err, want)
			}
			if judged++; len(want.Reasons) > 0 {
				bad++
			}
		}
	}
	if judged != 2*329 || bad != 2*53 {
		t.Errorf("%d payloads were judged and %d were bad, want 658 and 106", judged, bad)
	}
}

// BenchmarkRecorded is the speed of verdicts on recorded payloads, in MB/s: on those that
// are good, those that are bad, and all. x-v6 is how many times as fast as the library
// alone that is, in the same process.
func BenchmarkRecorded(b *testing.B) {
	list := pairs(b)
	for _, kind := range []struct {
		name string
		of   func(pair) [][]byte
	}{
		{"good", func(p pair) [][]byte { return p.good }},
		{"bad", func(p pair) [][]byte { return p.bad }},
		{"all", func(p pair) [][]byte { return p.all }},
	} {
		types := list[:len(list)-1]
		for _, p := range list {
			if len(kind.of(p)) > 0 {
				b.Run(kind.name+"/"+p.name, func(b *testing.B) { measure(b, []pair{p}, kind.of) })
			}
		}
		b.Run(kind.name+"/each-by-its-type", func(b *testing.B) { measure(b, types, kind.of) })
	}
}

// measure runs all payloads of a kind again and again, each against its own schema.
func measure(b *testing.B, list []pair, of func(pair) [][]byte) {
	size := 0
	for _, p := range list {
		for _, payload := range of(p) {
			size += len(payload)
		}
	}
	round := func(schema func(*pair) *schemas.Schema) {
		for i := range list {
			s := schema(&list[i])
			for _, payload := range of(list[i]) {
				if _, err := s.Judge(payload); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	ours := func(p *pair) *schemas.Schema { return p.ours }
	round(ours)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		round(ours)
	}
	each := b.Elapsed() / time.Duration(b.N)
	rounds, start := 0, time.Now()
	for ; rounds < 2 || time.Since(start) < b.Elapsed()/4; rounds++ {
		round(func(p *pair) *schemas.Schema { return p.library })
	}
	b.ReportMetric(float64(time.Since(start))/float64(rounds)/float64(each), "x-v6")
}
