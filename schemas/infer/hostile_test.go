package infer_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/workload"
	"github.com/lazaret/lazaret/schemas/infer"
)

// hostile makes the i-th event of a kind.
var hostile = map[string]func(r *rand.Rand, i int) string{
	"names without end": func(r *rand.Rand, i int) string {
		return fmt.Sprintf(`{"id":%d,"%x":{"a":1},"%x":2}`, i, r.Uint64(), r.Uint64())
	},
	"names without end, nested": func(r *rand.Rand, i int) string {
		return fmt.Sprintf(`{"a%d":{"b%d":{"c%d":{"d%d":{"e%d":1}}}}}`, r.IntN(30), r.IntN(30), r.IntN(30), r.IntN(30), r.IntN(30))
	},
	"two names, twenty levels": func(r *rand.Rand, i int) string {
		s := "1"
		for range 20 {
			s = fmt.Sprintf(`{"%c":%s}`, 'a'+rune(r.IntN(2)), s)
		}
		return s
	},
	"one large event": func(r *rand.Rand, i int) string {
		if i != 10 {
			return `{"id":1,"kind":"page_view"}`
		}
		var b strings.Builder
		for j := range 20_000 {
			fmt.Fprintf(&b, `"n%d":{"x%d":{"y%d":1}},`, j%700, j, j)
			if j%700 == 699 {
				break
			}
		}
		return `{"junk":{` + strings.TrimSuffix(b.String(), ",") + `},"id":2,"kind":"click","new":1}`
	},
	"long names": func(r *rand.Rand, i int) string {
		return fmt.Sprintf(`{"%s%d":1,"%s":2}`, strings.Repeat("x", 200), r.IntN(900), strings.Repeat("y", 250+r.IntN(10)))
	},
	"texts without end": func(r *rand.Rand, i int) string {
		return fmt.Sprintf(`{"a":"%x","b":"%s","c":"%s"}`, r.Uint64(), strings.Repeat("é", r.IntN(500)), strings.Repeat(`\u0041`, 50))
	},
	"every type": func(r *rand.Rand, i int) string {
		return []string{`{"a":[1]}`, `{"a":{"b":{}}}`, `{"a":"x"}`, `{"a":1.5}`, `{"a":null}`, `[[{"a":1}]]`, `1`, `"s"`}[r.IntN(8)]
	},
	"deep": func(r *rand.Rand, i int) string {
		return strings.Repeat(`[{"a":`, 90) + "1" + strings.Repeat("}]", 90)
	},
	"enums everywhere": func(r *rand.Rand, i int) string {
		var b strings.Builder
		for j := range 60 {
			fmt.Fprintf(&b, `"m%d":"%s%c",`, r.IntN(40)*60+j, strings.Repeat("x", 39), 'a'+rune(r.IntN(12)))
		}
		return "{" + strings.TrimSuffix(b.String(), ",") + "}"
	},
}

// Whatever comes, memory stays bounded, the schema compiles, and what came is valid.
func TestHostile(t *testing.T) {
	for name, event := range hostile {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 3))
			a, b := infer.New(infer.Bounds{}), infer.New(infer.Bounds{})
			var some []string
			for i := range 4000 {
				v := event(r, i)
				add(t, []*infer.Inference{a, b}[i%2], v)
				if i < 20 || i%40 == 0 {
					some = append(some, v)
				}
			}
			a.Merge(b)
			for _, o := range []infer.Options{{}, {FormatAtLeast: -1, EnumAtLeast: -1, MapAtLeast: -1, Closed: true}, eager} {
				schema := a.Schema(o)
				accepts(t, schema, some)
				if len(a.Notes(o)) > 100 {
					t.Errorf("%d notes", len(a.Notes(o)))
				}
			}
			if held := heap(func() *infer.Inference { c, _ := a.At(""); return c }); held > 8<<20 {
				t.Errorf("%d bytes are held", held)
			}
		})
	}
}

// heap is how many bytes what f makes holds.
func heap(f func() *infer.Inference) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

// One event full of junk does not cost the names of those that are well shaped.
func TestJunkLeavesTheRestAlone(t *testing.T) {
	n := infer.New(infer.Bounds{})
	event := hostile["one large event"]
	for i := range 30 {
		add(t, n, event(nil, i))
	}
	if got, _ := n.At("/kind"); got == nil || got.Count() != 30 {
		t.Error("the member of all events is not known any more")
	}
	if got, _ := n.At("/new"); got == nil || got.Count() != 1 {
		t.Error("the member that came after the junk is not known")
	}
}

// The clickstream's good events give a schema that says what their own does, as far as
// samples can, and accepts them all.
func TestClickstream(t *testing.T) {
	g, err := workload.New(workload.Config{Events: 3000, Size: 768, Seed: 4})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := g.Write(&out, nil); err != nil {
		t.Fatal(err)
	}
	events := strings.Split(strings.TrimSpace(out.String()), "\n")
	n := infer.New(infer.Bounds{})
	add(t, n, events...)
	accepts(t, n.Schema(infer.Options{Closed: true}), events)
	for pointer, want := range map[string]string{
		"/event_id":         `{"format":"uuid","type":"string"}`,
		"/user_id":          `{"type":"string"}`,
		"/event_type":       `{"enum":["add_to_cart","click","page_view","purchase","search"],"type":"string"}`,
		"/timestamp":        `{"format":"date-time","type":"string"}`,
		"/amount":           `{"type":["number","null"]}`,
		"/items/*/sku":      `{"type":"string"}`,
		"/items/*/quantity": `{"type":"integer"}`,
		"/session/ip":       `{"format":"ipv4","type":"string"}`,
	} {
		at, ok := n.At(pointer)
		if !ok {
			t.Errorf("%s is not known", pointer)
		} else if got := plain(at, infer.Options{}); got != want {
			t.Errorf("%s: got %s, want %s", pointer, got, want)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	g, err := workload.New(workload.Config{Events: 1000, Size: 768, Seed: 4})
	if err != nil {
		b.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := g.Write(&out, nil); err != nil {
		b.Fatal(err)
	}
	events := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	b.SetBytes(int64(out.Len() / len(events)))
	b.ReportAllocs()
	n := infer.New(infer.Bounds{})
	for i := 0; b.Loop(); i++ {
		if err := n.Add(events[i%len(events)]); err != nil {
			b.Fatal(err)
		}
	}
}
