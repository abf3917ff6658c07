package catalog

import (
	"errors"
	"testing"

	"github.com/lazaret/lazaret/rules"
	"github.com/lazaret/lazaret/schemas"
)

// Versions that events go round in are compiled once, more than a few of them, also when
// another version comes; what is kept is bounded by the size of the documents.
func TestVersionsAreCompiledOnce(t *testing.T) {
	const versions = 70
	f := newFixture(t)
	for n := range versions {
		f.apply(clicksSchema(1000 - n))
	}
	f.apply(clicksStream(allClicks))
	one := f.finders.of(f.Catalog, "clicks")
	find := func(number int) rules.Found {
		t.Helper()
		found, err := one.Version(t.Context(), number)
		must(t, err)
		return found
	}
	first := map[int]*schemas.Schema{}
	for n := 1; n <= versions; n++ {
		first[n] = find(n).Schema
	}
	again := func(when string) {
		t.Helper()
		for n := 2; n <= versions; n++ {
			if find(n).Schema != first[n] {
				t.Fatalf("%s, version %d was compiled again", when, n)
			}
		}
	}
	again("on the second round")
	f.apply(clicksSchema(1))
	again("after another version came")
	_, err := f.Apply(t.Context(), []Change{{Resource: Resource{Kind: KindSchema, Name: "clicks"}, Delete: true, Version: 9, Soft: true}}, Options{})
	must(t, err)
	if _, err := one.Version(t.Context(), 9); !errors.Is(err, schemas.ErrNotFound) {
		t.Errorf("a version that was taken out of use: %v", err)
	}
	one.kept.Put(-1, rules.Found{}, maxKeptBytes-1)
	if n := one.kept.Len(); n != 1 {
		t.Errorf("%d versions are kept beside one that is as large as all may be", n)
	}
}
