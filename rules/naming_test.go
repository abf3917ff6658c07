package rules

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/schemas"
)

// A version that many events name at once is made ready once, and is so still after as many
// others as producers have.
func TestFoundVersionsAreMadeReadyOnce(t *testing.T) {
	const versions = 70
	find := &shelf{versions: map[int]Found{}}
	for n := 101; n <= 100+versions; n++ {
		find.versions[n] = Found{Schema: clicks(t, 1), ID: int64(n)}
	}
	c := namingContract(t, func(c *ContractConfig) { c.Versions.All, c.Versions.Find = true, find })
	var made atomic.Int64
	ready := c.naming.ready
	c.naming.ready = func(number int, id int64, s *schemas.Schema) (*arm, error) {
		made.Add(1)
		return ready(number, id, s)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 2 {
				for n := 101; n <= 100+versions; n++ {
					e := &lazaret.Event{Data: []byte(`{"n":30}`), Received: received, Headers: []lazaret.Header{{Name: "schema-version", Value: fmt.Sprint(n)}}}
					if v, err := c.Judge(t.Context(), e); err != nil || v.Version.Schema != n {
						t.Errorf("%d: %+v, %v", n, v, err)
					}
				}
			}
		})
	}
	all.Wait()
	if made.Load() != versions {
		t.Errorf("%d versions were made ready %d times", versions, made.Load())
	}
	find.versions[101] = Found{Schema: clicks(t, 9), ID: 101} // the finder has another one now
	e := &lazaret.Event{Data: []byte(`{"n":30}`), Received: received, Headers: []lazaret.Header{{Name: "schema-version", Value: "101"}}}
	if v, err := c.Judge(t.Context(), e); err != nil || len(v.Reasons) != 1 || made.Load() != versions+1 {
		t.Errorf("%+v, %v", v, err)
	}
}
