package schemas

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// clickstream is the schema of the benchmarks' events.
const clickstream = `{"type":"object","required":["event_id","user_id","event_type","timestamp","session"],"properties":{
	"event_id":{"type":"string","format":"uuid"},"user_id":{"type":"string","minLength":1},
	"event_type":{"enum":["page_view","click","add_to_cart","purchase","search"]},"timestamp":{"type":"string","format":"date-time"},
	"page_url":{"type":"string","format":"uri"},"referrer_url":{"type":["string","null"]},"country_code":{"pattern":"^[A-Z]{2}$"},
	"amount":{"type":"number","minimum":0},
	"session":{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"started":{"format":"date-time"},"pages":{"type":"integer"}},"additionalProperties":false},
	"items":{"type":"array","items":{"$ref":"#/$defs/item"}}},
	"$defs":{"item":{"type":"object","required":["sku","price","quantity"],"properties":{
		"sku":{"type":"string","maxLength":40},"price":{"type":"number","minimum":0},"quantity":{"type":"integer","minimum":1},
		"tags":{"type":"array","items":{"type":"string"}},"options":{"type":"object","additionalProperties":{"type":"string"}}}}}}`

// event is a valid event of about n bytes.
func event(n int) []byte {
	var b strings.Builder
	b.WriteString(`{"event_id":"0190b2f1-7c3e-7d4a-9f00-1a2b3c4d5e6f","user_id":"u-918273","event_type":"add_to_cart","timestamp":"2026-01-02T03:04:05.678Z",` +
		`"page_url":"https://shop.example/caf%C3%A9/p/42?utm_source=mail&utm_campaign=spring","referrer_url":null,"country_code":"DE","amount":129.95,` +
		`"session":{"id":"s-1","started":"2026-01-02T03:00:00Z","pages":7},"items":[`)
	for i := 0; i == 0 || b.Len() < n-150; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"sku":"sku-%06d","price":%d.5,"quantity":%d,"tags":["new","größe \"L\"","été"],"options":{"colour":"blue","size":"L","gift":"no"}}`, i, i%90, i%4+1)
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

// BenchmarkVerdict is the speed of reading and judging events, in MB/s of payload.
func BenchmarkVerdict(b *testing.B) {
	s := mustCompile(b, clickstream)
	bad := strings.Replace(string(event(10_000)), `"event_type":"add_to_cart"`, `"event_type":"wrong"`, 1)
	for _, c := range []struct {
		name    string
		schema  *Schema
		payload []byte
		good    bool
	}{
		{"valid/0.75KB", s, event(750), true},
		{"valid/10KB", s, event(10_000), true},
		{"invalid/10KB", s, []byte(bad), false},
		{"any/10KB", Any(jsonread.DefaultLimits), event(10_000), true},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.payload)))
			b.ReportAllocs()
			for b.Loop() {
				r, err := c.schema.Judge(c.payload)
				if err != nil || (len(r.Reasons) == 0) != c.good {
					b.Fatalf("%v %v", r.Reasons, err)
				}
			}
		})
	}
}

// BenchmarkCompile is the time to compile a schema of an ordinary size.
func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		if _, err := Compile([]byte(clickstream), Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
