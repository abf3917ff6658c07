package schemas

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/lazaret/lazaret/internal/db"
)

// model is what a registry should hold: plain slices and maps.
type model struct {
	versions map[string][]modelVersion // by subject, in order
	last     map[string]int
	ids      map[string]int // by document
}

type modelVersion struct {
	number, id int
	document   string
	deleted    bool
}

func (m *model) find(subject string, want func(modelVersion) bool) (found *modelVersion) {
	for i, v := range m.versions[subject] {
		if want(v) {
			found = &m.versions[subject][i]
		}
	}
	return found
}

func (m *model) latest(subject string) *modelVersion {
	return m.find(subject, func(v modelVersion) bool { return !v.deleted })
}

func (m *model) put(subject, document string, once bool) (number, id int) {
	id, ok := m.ids[document]
	if !ok {
		id = len(m.ids) + 1
		m.ids[document] = id
	}
	same := m.latest(subject)
	if once {
		if any := m.find(subject, func(v modelVersion) bool { return !v.deleted && v.id == id }); any != nil {
			same = any
		}
	}
	if same != nil && same.id == id {
		return same.number, id
	}
	m.last[subject]++
	m.versions[subject] = append(m.versions[subject], modelVersion{number: m.last[subject], id: id, document: document})
	return m.last[subject], id
}

func (m *model) softDelete(subject string, number int) (gone []int) {
	for i, v := range m.versions[subject] {
		if !v.deleted && (number == 0 || number == v.number) {
			m.versions[subject][i].deleted = true
			gone = append(gone, v.number)
		}
	}
	return gone
}

func (m *model) delete(subject string, number int) (gone []int) {
	m.versions[subject] = slices.DeleteFunc(m.versions[subject], func(v modelVersion) bool {
		if hit := number == 0 || number == v.number; hit {
			gone = append(gone, v.number)
			return true
		}
		return false
	})
	return gone
}

// TestRegistryAgainstModel: whatever is put and deleted in whatever order, the registry
// holds what plain slices and maps would, also after it was opened again.
func TestRegistryAgainstModel(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 11))
			path := filepath.Join(t.TempDir(), "store.db")
			r, store := openRegistry(t, path)
			m := &model{versions: map[string][]modelVersion{}, last: map[string]int{}, ids: map[string]int{}}
			for step := range 300 {
				subject, number := fmt.Sprintf("s%d", random.IntN(3)), random.IntN(8)
				switch random.IntN(10) {
				case 0:
					alike(t, "soft delete", removed(t, store, func(tx *db.Tx) ([]int, error) { return r.SoftDelete(tx, subject, number) }), m.softDelete(subject, number))
				case 1:
					alike(t, "delete", removed(t, store, func(tx *db.Tx) ([]int, error) { return r.Delete(tx, subject, number) }), m.delete(subject, number))
				default:
					document, once := fmt.Sprintf(`{"title":"%d"}`, random.IntN(6)), random.IntN(2) == 0
					v, err := putDraft(t, r, store, Draft{Subject: subject, Document: []byte(document), Once: once})
					if err != nil {
						t.Fatal(err)
					}
					number, id := m.put(subject, document, once)
					alike(t, "put", [2]int{v.Number, v.ID}, [2]int{number, id})
				}
				if step == 150 {
					if err := store.Close(); err != nil {
						t.Fatal(err)
					}
					r, store = openRegistry(t, path)
				}
				m.compare(t, r, subject)
				if t.Failed() {
					t.Fatalf("at step %d", step)
				}
			}
		})
	}
}

func removed(t *testing.T, store *db.DB, do func(tx *db.Tx) ([]int, error)) (gone []int) {
	t.Helper()
	err := store.Write(t.Context(), func(tx *db.Tx) (err error) {
		gone, err = do(tx)
		return err
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	return gone
}

func alike(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v; want %v", what, got, want)
	}
}

// compare holds what the registry says of a subject against the model.
func (m *model) compare(t *testing.T, r *Registry, subject string) {
	t.Helper()
	ctx := t.Context()
	all, err := r.List(ctx, Query{Subject: subject, Deleted: true})
	if err != nil {
		t.Fatal(err)
	}
	got := []modelVersion{}
	for _, v := range all {
		got = append(got, modelVersion{v.Number, v.ID, string(v.Document), !v.Live()})
	}
	alike(t, "versions of "+subject, got, append([]modelVersion{}, m.versions[subject]...))
	latest, err := r.Get(ctx, subject, 0)
	if want := m.latest(subject); want == nil {
		alike(t, "no latest", errors.Is(err, ErrNotFound), true)
	} else {
		alike(t, "latest", latest.Number, want.number)
	}
	for _, id := range m.ids {
		count := 0
		for _, list := range m.versions {
			for _, v := range list {
				if v.id == id {
					count++
				}
			}
		}
		list, err := r.ByID(ctx, id)
		alike(t, "by id", len(list), count)
		alike(t, "unknown id", errors.Is(err, ErrNotFound), count == 0)
	}
}
