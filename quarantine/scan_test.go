package quarantine

import (
	"errors"
	"fmt"
	"testing"

	"github.com/lazaret/lazaret"
)

// Newest goes from the newest entry to the oldest, page by page, as far as it is asked to,
// and has each entry's own bytes.
func TestNewest(t *testing.T) {
	s := openStore(t)
	s.pageEntries = 3
	for i := range 10 {
		add(t, s, record("orders", i))
	}
	read := func(f Filter, limit, enough int) (list []string) {
		t.Helper()
		err := s.Newest(t.Context(), f, limit, func(_ Entry, event func() (*lazaret.Event, error)) error {
			e, err := event()
			if err != nil {
				return err
			}
			if list = append(list, string(e.Data)); len(list) == enough {
				return ErrEnough
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	for _, c := range []struct {
		f             Filter
		limit, enough int
		want          string
	}{
		{Filter{}, 100, 0, `[{"n":9} {"n":8} {"n":7} {"n":6} {"n":5} {"n":4} {"n":3} {"n":2} {"n":1} {"n":0}]`},
		{Filter{Stream: "orders", Code: "schema.required"}, 4, 0, `[{"n":9} {"n":8} {"n":7} {"n":6}]`},
		{Filter{}, 100, 5, `[{"n":9} {"n":8} {"n":7} {"n":6} {"n":5}]`},
		{Filter{Stream: "other"}, 100, 0, `[]`},
	} {
		if got := fmt.Sprint(read(c.f, c.limit, c.enough)); got != c.want {
			t.Errorf("%+v, %d: %s, want %s", c.f, c.limit, got, c.want)
		}
	}
	wrong := errors.New("mine")
	if err := s.Newest(t.Context(), Filter{}, 5, func(Entry, func() (*lazaret.Event, error)) error { return wrong }); !errors.Is(err, wrong) {
		t.Errorf("got %v", err)
	}
}

// A job whose id the caller has chosen is made once, whatever has become of it.
func TestSubmitOnce(t *testing.T) {
	w := life(t, storePath(t), newJournal(t), &faults{}, mended())
	scene(w)
	w.start()
	first, err := w.jobs.SubmitOnce(t.Context(), "mine", Filter{Stream: "s"}, 0)
	if err != nil || first.ID != "mine" {
		t.Fatal(first, err)
	}
	w.idle()
	again, err := w.jobs.SubmitOnce(t.Context(), "mine", Filter{}, 0)
	if err != nil || again.State != Done || again.Filter.Stream != "s" || again.Released == 0 {
		t.Fatal(again, err)
	}
	page, err := w.jobs.List(t.Context(), Page{})
	if err != nil || len(page.Jobs) != 1 {
		t.Error(page, err)
	}
}
