package schemas

import (
	"os"
	"testing"
	"path/filepath"
)

func TestZooTry(t *testing.T) {
	files, _ := filepath.Glob("/tmp/ghs/*.json")
	for _, f := range files {
		data, _ := os.ReadFile(f)
		s := mustCompile(t, string(data))
		c, err := s.Checker(nil)
		if err != nil { t.Fatal(err) }
		b := newBuilder()
		b.program(s.root, nil)
		loc := map[string]int{}
		for _, n := range b.order {
			for _, o := range n.opaque {
				loc[beyond(o)+" "+schemaPath(o.Location)]++
			}
		}
		whole := 0
		for _, n := range b.order {
			for _, ch := range n.choices {
				for _, v := range ch.views {
					if v.whole { whole++; if whole < 5 { t.Log("whole", schemaPath(v.node.roots[0].Location)) } }
				}
			}
		}
		n := 1
		for s.within(n, maxTicks) { n += n/8+1 }
		t.Logf("within up to %d, free, most %+v perMember %d", n, s.most, s.perMember)
		t.Log(filepath.Base(f), c.opaque, len(b.order), loc, whole)
	}
}
