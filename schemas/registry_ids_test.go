package schemas

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/lazaret/lazaret/internal/db"
)

func write(t *testing.T, store *db.DB, do func(tx *db.Tx) error) {
	t.Helper()
	if err := store.Write(t.Context(), do); err != nil {
		t.Fatal(err)
	}
}

func putDraft(t *testing.T, r *Registry, store *db.DB, d Draft) (v Version, err error) {
	t.Helper()
	err = store.Write(t.Context(), func(tx *db.Tx) error {
		v, _, err = r.Put(tx, d)
		return err
	})
	return v, err
}

// TestSameSchemaSameID: the same document with the same references has one id in all
// subjects, and keeps it when every version with it was deleted for good.
func TestSameSchemaSameID(t *testing.T) {
	r, store := openRegistry(t, filepath.Join(t.TempDir(), "store.db"))
	ref := []Reference{{Name: "b", Subject: "x", Version: 1}, {Name: "a", Subject: "x", Version: 2}}
	turned := []Reference{ref[1], ref[0]}
	for i, c := range []struct {
		d  Draft
		id int
	}{
		{Draft{Subject: "one", Document: []byte(`{"type":"object","title":"t"}`)}, 1},
		{Draft{Subject: "two", Document: []byte(`{ "title": "t", "type": "object" }`)}, 1},
		{Draft{Subject: "two", Document: []byte(`{"title":"u"}`)}, 2},
		{Draft{Subject: "two", Document: []byte(`{"title":"u"}`), References: ref}, 3},
		{Draft{Subject: "one", Document: []byte(`{"title":"u"}`), References: turned}, 3},
		{Draft{Subject: "one", Document: []byte(`{"title":"u"}`), References: ref[:1]}, 4},
	} {
		if v, err := putDraft(t, r, store, c.d); err != nil || v.ID != c.id {
			t.Fatalf("%d: id %d, %v; want %d", i, v.ID, err, c.id)
		}
	}
	list, err := r.ByID(t.Context(), 3)
	if err != nil || len(list) != 2 || list[0].Subject != "one" || list[1].Subject != "two" || len(list[0].References) != 2 {
		t.Errorf("by id: %+v, %v", list, err)
	}
	if _, err := r.ByID(t.Context(), 9); !errors.Is(err, ErrNotFound) {
		t.Errorf("an id that was not given: %v", err)
	}
	if v, err := r.Find(t.Context(), Draft{Subject: "two", Document: []byte(`{"title":  "u"}`)}, false); err != nil || v.Number != 2 {
		t.Errorf("find: %+v, %v", v, err)
	}
	write(t, store, func(tx *db.Tx) error {
		_, err := r.Delete(tx, "one", 0)
		return errors.Join(err, func() error { _, err := r.Delete(tx, "two", 0); return err }())
	})
	if v, err := putDraft(t, r, store, Draft{Subject: "three", Document: []byte(`{"title":"u"}`), References: ref}); err != nil || v.ID != 3 {
		t.Errorf("after deletion: %d, %v", v.ID, err)
	}
}

// TestSoftDeleted: what is soft-deleted is in no list and not the latest, and is still
// found by number and id, until it is deleted for good; its number is not used again.
func TestSoftDeleted(t *testing.T) {
	r, store := openRegistry(t, filepath.Join(t.TempDir(), "store.db"))
	for i := range 3 {
		if _, _, err := put(t.Context(), r, store, "s", fmt.Sprintf(`{"title":"%d"}`, i)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, store, func(tx *db.Tx) error {
		gone, err := r.SoftDelete(tx, "s", 3)
		if !reflect.DeepEqual(gone, []int{3}) {
			t.Errorf("deleted %v", gone)
		}
		return err
	})
	if v, err := r.Get(t.Context(), "s", 0); err != nil || v.Number != 2 {
		t.Errorf("the latest is %d, %v", v.Number, err)
	}
	if v, err := r.Get(t.Context(), "s", 3); err != nil || v.Live() {
		t.Errorf("by number: %+v, %v", v, err)
	}
	if list, err := r.ByID(t.Context(), 3); err != nil || len(list) != 1 || list[0].Live() {
		t.Errorf("by id: %+v, %v", list, err)
	}
	if list, err := r.Versions(t.Context(), "s"); err != nil || len(list) != 2 {
		t.Errorf("versions: %d, %v", len(list), err)
	}
	if list, err := r.List(t.Context(), Query{Prefix: "s", Deleted: true, Limit: 2, Offset: 1}); err != nil || len(list) != 2 || list[1].Number != 3 {
		t.Errorf("all versions: %+v, %v", list, err)
	}
	draft := Draft{Subject: "s", Document: []byte(`{"title":"2"}`)}
	if _, err := r.Find(t.Context(), draft, false); !errors.Is(err, ErrNotFound) {
		t.Errorf("found although deleted: %v", err)
	}
	if v, err := r.Find(t.Context(), draft, true); err != nil || v.Number != 3 {
		t.Errorf("not found among the deleted: %+v, %v", v, err)
	}
	err := store.Write(t.Context(), func(tx *db.Tx) error { _, err := r.SoftDelete(tx, "s", 3); return err })
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted again: %v", err)
	}
	write(t, store, func(tx *db.Tx) error {
		gone, err := r.Delete(tx, "s", 0)
		if !reflect.DeepEqual(gone, []int{1, 2, 3}) {
			t.Errorf("deleted %v", gone)
		}
		return err
	})
	if v, err := putDraft(t, r, store, draft); err != nil || v.Number != 4 || v.ID != 3 {
		t.Errorf("put again: %+v, %v", v, err)
	}
}

// TestImportedNumbers: a version can be given the id and the number that it had elsewhere,
// if both are free.
func TestImportedNumbers(t *testing.T) {
	r, store := openRegistry(t, filepath.Join(t.TempDir(), "store.db"))
	for i, c := range []struct {
		d      Draft
		taken  bool
		id, no int
	}{
		{Draft{Subject: "s", Document: []byte(`{}`), ID: 100, Number: 7}, false, 100, 7},
		{Draft{Subject: "s", Document: []byte(`{}`), ID: 100, Number: 7}, false, 100, 7}, // again: the same
		{Draft{Subject: "s", Document: []byte(`true`)}, false, 101, 8},
		{Draft{Subject: "s", Document: []byte(`{"title":"a"}`), ID: 100}, true, 0, 0},
		{Draft{Subject: "s", Document: []byte(`{}`), ID: 5}, true, 0, 0},
		{Draft{Subject: "s", Document: []byte(`{"title":"a"}`), Number: 8}, true, 0, 0},
		{Draft{Subject: "s", Document: []byte(`{"title":"a"}`), ID: 1 << 31}, true, 0, 0},
		{Draft{Subject: "s", Document: []byte(`{"title":"a"}`), ID: -1}, true, 0, 0},
		{Draft{Subject: "t", Document: []byte(`{}`), ID: 100}, false, 100, 1},
	} {
		v, err := putDraft(t, r, store, c.d)
		if errors.Is(err, ErrTaken) != c.taken || v.ID != c.id || v.Number != c.no {
			t.Errorf("%d: %d, %d, %v", i, v.ID, v.Number, err)
		}
	}
}

// TestImportLeavesRoom: no import takes the ids and numbers that are to be given, and at the
// end of the range nothing is given, rather than what no client can read.
func TestImportLeavesRoom(t *testing.T) {
	r, store := openRegistry(t, filepath.Join(t.TempDir(), "store.db"))
	schema := func(i int) []byte { return fmt.Appendf(nil, `{"title":"%d"}`, i) }
	for i, d := range []Draft{
		{Subject: "s", ID: 1<<30 + 1}, {Subject: "s", Number: 1<<30 + 1}, {Subject: "s", ID: 1<<31 - 1, Number: 1<<31 - 1},
	} {
		d.Document = schema(i)
		if _, err := putDraft(t, r, store, d); !errors.Is(err, ErrTaken) {
			t.Errorf("%d: imported: %v", i, err)
		}
	}
	if v, err := putDraft(t, r, store, Draft{Subject: "s", Document: schema(0), ID: 1 << 30, Number: 1 << 30}); err != nil {
		t.Errorf("the last import: %+v, %v", v, err)
	}
	if v, err := putDraft(t, r, store, Draft{Subject: "s", Document: schema(1)}); err != nil || v.ID != 1<<30+1 || v.Number != 1<<30+1 {
		t.Errorf("after the last import: %+v, %v", v, err)
	}
	write(t, store, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE schema_subjects SET last = 2147483647 WHERE subject = 's'`)
		return err
	})
	for range 2 { // the second is refused as the first was
		if v, err := putDraft(t, r, store, Draft{Subject: "s", Document: schema(2)}); !errors.Is(err, ErrTaken) {
			t.Errorf("a number at the end of the range: %d, %v", v.Number, err)
		}
	}
	write(t, store, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO schema_ids (id, identity) VALUES (2147483647, 'the last')`)
		return err
	})
	for range 2 {
		if v, err := putDraft(t, r, store, Draft{Subject: "t", Document: schema(3)}); !errors.Is(err, ErrTaken) {
			t.Errorf("an id at the end of the range: %d, %v", v.ID, err)
		}
	}
	if v, err := putDraft(t, r, store, Draft{Subject: "t", Document: schema(0)}); err != nil || v.ID != 1<<30 {
		t.Errorf("a schema that has its id: %+v, %v", v, err)
	}
}

// TestOnce: a draft that says so makes no version of what any live version is.
func TestOnce(t *testing.T) {
	r, store := openRegistry(t, filepath.Join(t.TempDir(), "store.db"))
	for i, c := range []struct {
		document string
		once     bool
		number   int
	}{{`{}`, true, 1}, {`true`, true, 2}, {`{ }`, true, 1}, {`{}`, false, 3}, {`true`, true, 2}} {
		if v, err := putDraft(t, r, store, Draft{Subject: "s", Document: []byte(c.document), Once: c.once}); err != nil || v.Number != c.number {
			t.Errorf("%d: version %d, %v; want %d", i, v.Number, err, c.number)
		}
	}
	write(t, store, func(tx *db.Tx) error { _, err := r.SoftDelete(tx, "s", 2); return err })
	if v, err := putDraft(t, r, store, Draft{Subject: "s", Document: []byte(`true`), Once: true}); err != nil || v.Number != 4 {
		t.Errorf("a deleted one counted: %+v, %v", v, err)
	}
}

// TestSettings: a subject's own come first, then what is set for all, then the default; and
// READONLY_OVERRIDE for all before everything.
func TestSettings(t *testing.T) {
	r, store := openRegistry(t, filepath.Join(t.TempDir(), "store.db"))
	set := func(subject string, s Settings) {
		write(t, store, func(tx *db.Tx) error { return r.Set(tx, subject, s) })
	}
	want := func(subject string, s Settings) {
		t.Helper()
		if got, err := r.Effective(t.Context(), subject); err != nil || got != s {
			t.Errorf("%q: %+v, %v; want %+v", subject, got, err, s)
		}
	}
	want("", Settings{LevelBackward, ModeReadWrite})
	want("s", Settings{LevelBackward, ModeReadWrite})
	set("", Settings{Level: LevelFull})
	want("s", Settings{LevelFull, ModeReadWrite})
	set("s", Settings{LevelNone, ModeImport})
	want("s", Settings{LevelNone, ModeImport})
	set("", Settings{Level: LevelFull, Mode: ModeReadOnly})
	want("s", Settings{LevelNone, ModeImport})
	want("other", Settings{LevelFull, ModeReadOnly})
	set("", Settings{Mode: ModeReadOnlyOverride})
	want("s", Settings{LevelNone, ModeReadOnlyOverride})
	if own, err := r.Settings(t.Context(), "other"); err != nil || own != (Settings{}) {
		t.Errorf("other has %+v of its own, %v", own, err)
	}
	err := store.Write(t.Context(), func(tx *db.Tx) error { return r.Set(tx, "a b", Settings{}) })
	if !errors.Is(err, ErrSubject) {
		t.Errorf("a name that is none: %v", err)
	}
}

// TestOldStoreGetsIDs: the versions of a store that was written before there were ids are
// given some, the same document the same one.
func TestOldStoreGetsIDs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	store, err := db.Open(t.Context(), db.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context(), "schemas", migrations[:2]); err != nil {
		t.Fatal(err)
	}
	write(t, store, func(tx *db.Tx) error {
		for i, v := range []struct{ subject, document string }{{"a", `{}`}, {"a", `true`}, {"b", `{ }`}} {
			hash, err := Hash([]byte(v.document))
			if err != nil {
				return err
			}
			if _, err = tx.Exec(`INSERT INTO schema_versions (subject, number, hash, document, created) VALUES (?, ?, ?, ?, ?)`,
				v.subject, i+1, hash, []byte(v.document), 1000+i); err != nil {
				return err
			}
			if _, err = tx.Exec(`INSERT INTO schema_subjects (subject, last) VALUES (?, ?) ON CONFLICT (subject) DO UPDATE SET last = excluded.last`, v.subject, i+1); err != nil {
				return err
			}
		}
		return nil
	})
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	r, store := openRegistry(t, path)
	list, err := r.List(t.Context(), Query{})
	if err != nil || len(list) != 3 || list[0].ID != 1 || list[1].ID != 2 || list[2].ID != 1 || string(list[2].Document) != `{ }` {
		t.Errorf("%+v, %v", list, err)
	}
	if v, err := putDraft(t, r, store, Draft{Subject: "c", Document: []byte(`{}`)}); err != nil || v.ID != 1 {
		t.Errorf("a new version: %+v, %v", v, err)
	}
	var n sql.NullInt64
	if err := store.QueryRow(t.Context(), `SELECT COUNT(*) FROM schema_versions WHERE id = 0`).Scan(&n); err != nil || n.Int64 != 0 {
		t.Errorf("%d versions without an id, %v", n.Int64, err)
	}
}

// TestReferencedBy: the versions whose references name a version, and no others.
func TestReferencedBy(t *testing.T) {
	r, store := openRegistry(t, filepath.Join(t.TempDir(), "store.db"))
	for _, d := range []Draft{
		{Subject: "user", Document: []byte(`{}`), References: []Reference{{Name: "a", Subject: "address", Version: 2}}},
		{Subject: "shop", Document: []byte(`{}`), References: []Reference{{Name: "a", Subject: "address", Version: 1}, {Name: "b", Subject: "address-book", Version: 2}}},
		{Subject: "none", Document: []byte(`{"title":"\"subject\":\"address\""}`)},
	} {
		if _, err := putDraft(t, r, store, d); err != nil {
			t.Fatal(err)
		}
	}
	for number, want := range map[int][]string{0: {"shop", "user"}, 1: {"shop"}, 2: {"user"}, 3: nil} {
		list, err := r.ReferencedBy(t.Context(), "address", number)
		var names []string
		for _, v := range list {
			names = append(names, v.Subject)
		}
		if err != nil || !reflect.DeepEqual(names, want) {
			t.Errorf("%d: %v, %v; want %v", number, names, err, want)
		}
	}
	for _, refs := range [][]Reference{
		{{Name: "", Subject: "s", Version: 1}}, {{Name: "n", Subject: "", Version: 1}}, {{Name: "n", Subject: "s"}},
		{{Name: "n#/a", Subject: "s", Version: 1}}, {{Name: "n", Subject: "s", Version: 1}, {Name: "n", Subject: "s", Version: 2}},
		make([]Reference, maxDocuments),
	} {
		if _, err := putDraft(t, r, store, Draft{Subject: "s", Document: []byte(`{}`), References: refs}); !isCompileError(err) {
			t.Errorf("%v: %v", refs, err)
		}
	}
}
