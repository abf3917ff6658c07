package infer_test

import (
	"testing"

	"github.com/lazaret/lazaret/schemas/infer"
)

// Whatever two texts are, those that are taken in are valid under the schema, also when
// bounds are met and everything is guessed.
func FuzzSound(f *testing.F) {
	f.Add([]byte(`{"a":[1,2.5,"x",null,{"b":true}]}`), []byte(`{"a":{"1":1,"22":[[]]}}`), uint8(0))
	f.Add([]byte(`"\ud83c\udf3f 2026-01-02T03:04:05Z"`), []byte(`[-0,1e2,123456789012345678901]`), uint8(7))
	f.Add([]byte(` { "a\u0000b" : "\\" , "" : [ { } , { "x" : 1 } ] } `), []byte(`{"host":"a.example","at":"::1"}`), uint8(255))
	f.Fuzz(func(t *testing.T, one, two []byte, b uint8) {
		bounds := infer.Bounds{}
		if b > 0 {
			bounds = infer.Bounds{Places: 1 + int(b&3)*3, Members: 1 + int(b>>2&3), Depth: 1 + int(b>>4&3), Distinct: 1 + int(b>>6)}
		}
		n, m := infer.New(bounds), infer.New(bounds)
		var values []string
		for i, x := range []*infer.Inference{n, m} {
			if text := [][]byte{one, two}[i]; x.Add(text) == nil {
				values = append(values, string(text))
			}
		}
		n.Merge(m)
		accepts(t, n.Schema(infer.Options{}), values)
		o := eager
		o.Closed, o.Plain = true, true
		accepts(t, n.Schema(o), values)
	})
}
