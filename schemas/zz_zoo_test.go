package schemas

import (
	"bytes"
	"os"
	"testing"
)

func BenchmarkZZUnion(b *testing.B) {
	for _, c := range [][2]string{{"/tmp/ghs/union.json", "/tmp/ghp/all.ndjson"}, {"/tmp/ghs/pull_request.json", "/tmp/ghp/pr.ndjson"}} {
		data, _ := os.ReadFile(c[0])
		s := mustCompile(b, string(data))
		s.unmetered = true
		docs, _ := os.ReadFile(c[1])
		var good [][]byte
		size := 0
		ck := s.checker()
		bad := 0
		for _, l := range bytes.Split(bytes.TrimSpace(docs), []byte("\n")) {
			m := ck.newMachine()
			m.data = l
			if m.run(ck.root) {
				good = append(good, l)
				size += len(l)
			} else {
				bad++
			}
		}
		b.Run(c[0], func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				for _, l := range good {
					r, err := ck.Judge(l, nil)
					if err != nil || len(r.Reasons) > 0 {
						b.Fatal(r)
					}
				}
			}
			b.ReportMetric(float64(bad), "bad")
		})
	}
}
