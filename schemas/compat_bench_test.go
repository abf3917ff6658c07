package schemas

import (
	"bytes"
	"os"
	"testing"
)

// BenchmarkCompare asks about versions of the clickstream's schema, both ways: one that did
// not change, one that grew, one that breaks.
func BenchmarkCompare(b *testing.B) {
	document, err := os.ReadFile("../examples/clickstream/clickstream.schema.json")
	if err != nil {
		b.Fatal(err)
	}
	edit := func(old, new string) []byte {
		if !bytes.Contains(document, []byte(old)) {
			b.Fatalf("the schema has no %s", old)
		}
		return bytes.Replace(document, []byte(old), []byte(new), 1)
	}
	older, err := Compile(document, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		document []byte
		want     Answer
	}{
		{"same", document, Compatible},
		{"grown", edit(`"click", `, `"click", "scroll", `), Incompatible},
		{"broken", edit(`"page_views": { "type": "integer", "minimum": 1 }`, `"page_views": { "type": "integer", "minimum": 2 }`), Incompatible},
	} {
		newer, err := Compile(c.document, Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got := Compare(LevelFull, newer, older); got.Answer != c.want {
					b.Fatal(got)
				}
			}
		})
	}
}
