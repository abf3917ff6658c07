package schemas

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/lazaret/lazaret/internal/db"
)

func openRegistry(t *testing.T, path string) (*Registry, *db.DB) {
	t.Helper()
	store, err := db.Open(t.Context(), db.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	r, err := NewRegistry(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	return r, store
}

func put(ctx context.Context, r *Registry, store *db.DB, subject, document string) (v Version, created bool, err error) {
	err = store.Write(ctx, func(tx *db.Tx) error {
		v, created, err = r.Put(tx, Draft{Subject: subject, Document: []byte(document)})
		return err
	})
	return v, created, err
}

// TestVersionsAreImmutableAndNumbered: versions count up from 1, the same document gives
// the same version whatever its white space and order, what was stored is given back byte
// for byte, also after the store was opened again.
func TestVersionsAreImmutableAndNumbered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	r, store := openRegistry(t, path)
	for _, c := range []struct {
		document string
		number   int
		created  bool
	}{
		{`{"type":"object","minimum":1}`, 1, true},
		{`{"type":"string"}`, 2, true},
		{"{ \"minimum\": 1.0,\n \"type\":\"object\" }", 3, true},
		{`true`, 4, true},
		{` true `, 4, false},
	} {
		v, created, err := put(t.Context(), r, store, "orders", c.document)
		if err != nil || v.Number != c.number || created != c.created {
			t.Fatalf("%s: version %d, created %t, %v", c.document, v.Number, created, err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	r, _ = openRegistry(t, path)
	for number, want := range map[int]string{0: `true`, 1: `{"type":"object","minimum":1}`, 2: `{"type":"string"}`} {
		v, err := r.Get(t.Context(), "orders", number)
		if err != nil || string(v.Document) != want || v.Created.IsZero() || len(v.Hash) != 64 {
			t.Errorf("version %d: %+v, %v", number, v, err)
		}
	}
	list, err := r.Versions(t.Context(), "orders")
	if err != nil || len(list) != 4 || list[3].Number != 4 {
		t.Errorf("versions: %+v, %v", list, err)
	}
	subjects, err := r.Subjects(t.Context())
	if err != nil || len(subjects) != 1 || subjects[0].Latest != 4 || subjects[0].Versions != 4 {
		t.Errorf("subjects: %+v, %v", subjects, err)
	}
}

// TestNumbersAreNeverUsedAgain: not even after the subject was deleted.
func TestNumbersAreNeverUsedAgain(t *testing.T) {
	r, store := openRegistry(t, filepath.Join(t.TempDir(), "store.db"))
	for _, document := range []string{`{"title":"a"}`, `{"title":"b"}`} {
		if _, _, err := put(t.Context(), r, store, "s", document); err != nil {
			t.Fatal(err)
		}
	}
	remove := func() error {
		return store.Write(t.Context(), func(tx *db.Tx) error { _, err := r.Delete(tx, "s", 0); return err })
	}
	if err := remove(); err != nil {
		t.Fatal(err)
	}
	if err := remove(); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleting again: %v", err)
	}
	for _, number := range []int{0, 1} {
		if _, err := r.Get(t.Context(), "s", number); !errors.Is(err, ErrNotFound) {
			t.Errorf("version %d: %v", number, err)
		}
	}
	if _, err := r.Versions(t.Context(), "s"); !errors.Is(err, ErrNotFound) {
		t.Errorf("versions: %v", err)
	}
	if v, created, err := put(t.Context(), r, store, "s", `{"title":"a"}`); err != nil || v.Number != 3 || !created {
		t.Errorf("after deletion: %+v, %t, %v", v, created, err)
	}
}

// TestPutRefuses: names that are not subjects', and documents that are not schemas, leave
// nothing behind.
func TestPutRefuses(t *testing.T) {
	r, store := openRegistry(t, filepath.Join(t.TempDir(), "store.db"))
	long := make([]byte, maxSubject+1)
	for i := range long {
		long[i] = 'a'
	}
	for _, name := range []string{"", ".a", "-a", "a/b", "a b", "é", "a:1", string(long)} {
		if _, _, err := put(t.Context(), r, store, name, `{}`); !errors.Is(err, ErrSubject) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, document := range []string{``, `{`, `[]`, `1`, `null`, `"x"`, `{"a":1,"a":2}`} {
		if _, _, err := put(t.Context(), r, store, "s", document); !isCompileError(err) {
			t.Errorf("%q: %v", document, err)
		}
	}
	if list, err := r.Subjects(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("subjects: %v, %v", list, err)
	}
	if _, _, err := put(t.Context(), r, store, string(long[1:]), `{}`); err != nil {
		t.Error(err)
	}
}

// TestGetTxSeesItsOwnChanges: within the transaction that puts a version, and nowhere else
// if it fails.
func TestGetTxSeesItsOwnChanges(t *testing.T) {
	r, store := openRegistry(t, filepath.Join(t.TempDir(), "store.db"))
	broken := errors.New("broken")
	err := store.Write(t.Context(), func(tx *db.Tx) error {
		if _, _, err := r.Put(tx, Draft{Subject: "s", Document: []byte(`{}`)}); err != nil {
			return err
		}
		if v, err := r.GetTx(tx, "s", 0); err != nil || v.Number != 1 {
			return fmt.Errorf("within: %+v, %w", v, err)
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if _, err := r.Get(t.Context(), "s", 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("after: %v", err)
	}
}

// TestPutConcurrently: many at once give numbers without gaps, and no version repeats the
// one before it.
func TestPutConcurrently(t *testing.T) {
	r, store := openRegistry(t, filepath.Join(t.TempDir(), "store.db"))
	const documents, writers = 10, 4
	var wg sync.WaitGroup
	errs := make(chan error, documents*writers)
	for range writers {
		wg.Go(func() {
			for i := range documents {
				_, _, err := put(t.Context(), r, store, "s", fmt.Sprintf(`{"title":"%d"}`, i))
				errs <- err
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	list, err := r.Versions(t.Context(), "s")
	if err != nil || len(list) < documents || len(list) > documents*writers {
		t.Fatalf("%d versions, %v", len(list), err)
	}
	for i, v := range list {
		if v.Number != i+1 || i > 0 && v.Hash == list[i-1].Hash {
			t.Errorf("version %d is numbered %d, or repeats the one before", i+1, v.Number)
		}
	}
}
