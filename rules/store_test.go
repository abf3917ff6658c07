package rules

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/lazaret/lazaret/internal/db"
)

func openStore(t *testing.T, path string) (*Store, *db.DB) {
	t.Helper()
	d, err := db.Open(t.Context(), db.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	s, err := NewStore(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return s, d
}

func put(t *testing.T, s *Store, stream string, set Set) (v Version, created bool) {
	t.Helper()
	err := s.db.Write(t.Context(), func(tx *db.Tx) (err error) {
		v, created, err = s.Put(tx, stream, set)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return v, created
}

func oneRule(expr string) Set { return Set{Rules: []Rule{{ID: "a", Expr: expr}}} }

// Versions are numbered and immutable; the same rules are the same version.
func TestPutNumbersVersions(t *testing.T) {
	s, _ := openStore(t, filepath.Join(t.TempDir(), "s.db"))
	v1, created := put(t, s, "orders", oneRule("true"))
	if !created || v1.Number != 1 || v1.State != Active || len(v1.Hash) != 64 || v1.Created.IsZero() {
		t.Errorf("first: %+v %v", v1, created)
	}
	same := oneRule("true")
	same.Rules[0].Severity = Reject // which is the default
	if v, created := put(t, s, "orders", same); created || !reflect.DeepEqual(v, v1) {
		t.Errorf("the same again: %+v %v", v, created)
	}
	v2, created := put(t, s, "orders", oneRule("false"))
	if !created || v2.Number != 2 || v2.Hash == v1.Hash {
		t.Errorf("second: %+v %v", v2, created)
	}
	if v, created := put(t, s, "orders", oneRule("true")); !created || v.Number != 3 || v.Hash != v1.Hash {
		t.Errorf("back to the first: %+v %v", v, created)
	}
	if v, created := put(t, s, "clicks", Set{}); !created || v.Number != 1 || len(v.Set.Rules) != 0 {
		t.Errorf("another stream, no rules: %+v %v", v, created)
	}
	v1.State = Retired
	if got, err := s.Get(t.Context(), "orders", 1); err != nil || !reflect.DeepEqual(got, v1) {
		t.Errorf("version 1: %+v, %v, want %+v", got, err, v1)
	}
	list, err := s.Versions(t.Context(), "orders")
	if err != nil || len(list) != 3 || list[0].Number != 3 || list[0].State != Active || list[1].State != Retired {
		t.Errorf("versions: %+v, %v", list, err)
	}
	streams, err := s.Streams(t.Context())
	if err != nil || len(streams) != 2 || streams[0].Stream != "clicks" || streams[1].Number != 3 {
		t.Errorf("streams: %+v, %v", streams, err)
	}
}

// Deleted rules are out of force, can still be read by number, and no number comes
// back, not even after a restart.
func TestDeleteNeverReusesNumbers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	s, d := openStore(t, path)
	put(t, s, "orders", oneRule("true"))
	remove := func(s *Store) error {
		return s.db.Write(context.Background(), func(tx *db.Tx) error { return s.Delete(tx, "orders") })
	}
	if err := remove(s); err != nil {
		t.Fatal(err)
	}
	if err := remove(s); !errors.Is(err, ErrNotFound) {
		t.Errorf("twice: %v", err)
	}
	if _, err := s.Get(t.Context(), "orders", 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("active: %v", err)
	}
	if v, err := s.Get(t.Context(), "orders", 1); err != nil || v.State != Retired {
		t.Errorf("by number: %+v, %v", v, err)
	}
	if list, err := s.Streams(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("streams: %+v, %v", list, err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	s, _ = openStore(t, path)
	if v, created := put(t, s, "orders", oneRule("true")); !created || v.Number != 2 {
		t.Errorf("after the restart: %+v %v", v, created)
	}
}

// A transaction sees its own changes, and one that fails leaves nothing.
func TestPutIsPartOfItsTransaction(t *testing.T) {
	s, _ := openStore(t, filepath.Join(t.TempDir(), "s.db"))
	stop := errors.New("stop")
	err := s.db.Write(t.Context(), func(tx *db.Tx) error {
		if _, _, err := s.Put(tx, "orders", oneRule("true")); err != nil {
			return err
		}
		if v, err := s.GetTx(tx, "orders", 0); err != nil || v.Number != 1 {
			t.Errorf("inside: %+v, %v", v, err)
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Fatal(err)
	}
	for _, number := range []int{0, 1, 7} {
		if _, err := s.Get(t.Context(), "orders", number); !errors.Is(err, ErrNotFound) {
			t.Errorf("version %d: %v", number, err)
		}
	}
}
