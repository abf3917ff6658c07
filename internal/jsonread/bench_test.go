package jsonread

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// sample returns an event of the clickstream's shape, of about the given size.
func sample(size int) []byte {
	var b strings.Builder
	b.WriteString(`{"event_id":"0b3b7a9e-6f62-4c53-9a53-1d0c9f9a2b11","user_id":"u-184467","event_type":"purchase",` +
		`"timestamp":"2026-03-01T12:34:56.789Z","page_url":"https://shop.example/p/42?utm_source=mail&utm_medium=a",` +
		`"referrer_url":null,"device_type":"mobile","country_code":"DE","amount":129.95,` +
		`"session":{"id":"s-1","pages":17,"new":true,"started":"2026-03-01T12:30:00Z"},"items":[`)
	for i := 0; b.Len() < size-100; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"sku":"A-%05d","name":"Überwurf \"Größe %d\" für Gäste","qty":%d,"price":%d.50,"tags":["neu","sale"]}`, i, i, i%7, i*3)
	}
	b.WriteString(`],"context":{"ip":"203.0.113.7","agent":"Mozilla/5.0 (X11; Linux x86_64)"}}`)
	return []byte(b.String())
}

func benchmark(b *testing.B, read func([]byte) error) {
	for _, size := range []int{750, 10_000, 1_000_000} {
		data := sample(size)
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := read(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func asError(err *Error) error {
	if err == nil {
		return nil
	}
	return err
}

func BenchmarkCheck(b *testing.B) {
	benchmark(b, func(data []byte) error { return asError(Check(data, Limits{})) })
}

func BenchmarkDecode(b *testing.B) {
	benchmark(b, func(data []byte) error {
		_, err := Decode(data, Limits{})
		return asError(err)
	})
}

func BenchmarkStandardValid(b *testing.B) {
	benchmark(b, func(data []byte) error {
		if !json.Valid(data) {
			return fmt.Errorf("not valid")
		}
		return nil
	})
}

func BenchmarkStandardUnmarshal(b *testing.B) {
	benchmark(b, func(data []byte) error {
		var v any
		return json.Unmarshal(data, &v)
	})
}

func BenchmarkElements(b *testing.B) {
	data := []byte("[" + strings.Repeat(string(sample(10_000))+",", 99) + string(sample(10_000)) + "]")
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		n := 0
		for s := Elements(data, Limits{}); ; n++ {
			if _, ok := s.Next(); !ok {
				break
			}
		}
		if n != 100 {
			b.Fatal(n)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	data := sample(10_000)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, ok := Find(data, "/context/agent"); !ok {
			b.Fatal("not found")
		}
	}
}
