package catalog

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/db"
)

// clicksSchema is version after version of a subject: each asks for a larger n.
func clicksSchema(least int) string {
	return fmt.Sprintf("{kind: Schema, subject: clicks, compatibility: NONE, schema: {type: object, required: [n], properties: {n: {type: integer, minimum: %d}}}}", least)
}

func clicksStream(schema string) string {
	return "{kind: Stream, name: clicks, schema: " + schema + ", sink: {stdout: {}}}"
}

// named judges an event that names a version in a header.
func (f *fixture) named(version, event string) (string, lazaret.Version, error) {
	f.t.Helper()
	active, ok := f.Active("clicks")
	if !ok {
		f.t.Fatal("there is no stream clicks")
	}
	v, err := active.Judge.Judge(f.t.Context(), &lazaret.Event{
		Data: []byte(event), ContentType: "application/json", Received: time.Now(), Headers: []lazaret.Header{{Name: "schema-version", Value: version}},
	})
	codes := []string{}
	for _, r := range v.Reasons {
		codes = append(codes, string(r.Code))
	}
	return strings.Join(codes, " "), v.Version, err
}

// expect holds the codes and the version of a named event's verdict.
func (f *fixture) expect(version, event, codes string, judgedBy int) {
	f.t.Helper()
	got, v, err := f.named(version, event)
	if err != nil || got != codes || v.Schema != judgedBy {
		f.t.Errorf("%s, named by %q: %q of version %d, %v; want %q of version %d", event, version, got, v.Schema, err, codes, judgedBy)
	}
}

// A stream judges by the versions that it lists, and by no other; it does so after a
// restart, and when newer ones come.
func TestListedVersions(t *testing.T) {
	f := newFixture(t)
	f.apply(clicksSchema(10))
	f.apply(clicksSchema(20))
	f.apply(clicksSchema(30))
	f.apply(clicksStream("{subject: clicks, named_by: [{header: schema-version}], accept: [{version: 2}]}"))
	check := func(active int) {
		t.Helper()
		f.expect("2", `{"n":25}`, "", 2)
		f.expect("2", `{"n":15}`, "schema.minimum", 2)
		f.expect("1", `{"n":99}`, "schema.unknown", 0)
		f.expect("", `{"n":99}`, "", active)
		f.expect(fmt.Sprint(active), `{"n":99}`, "", active)
	}
	check(3)
	f.reload()
	check(3)
	f.apply(clicksSchema(40))
	check(4)
	f.expect("3", `{"n":99}`, "schema.unknown", 0)
	id := func(number int) string {
		v, err := f.Schemas().Get(t.Context(), "clicks", number)
		must(t, err)
		return fmt.Sprintf("http://registry/schemas/ids/%d", v.ID)
	}
	f.expect(id(2), `{"n":25}`, "", 2)
	f.expect(id(1), `{"n":25}`, "schema.unknown", 0)
}

// Whoever makes a stream leave a version behind that events may name is told so.
func TestVersionsLeftBehind(t *testing.T) {
	f := newFixture(t)
	f.apply(clicksSchema(10))
	f.apply(clicksStream("{subject: clicks, named_by: [{header: v}]}"))
	notices := func(results []Result) string {
		var all []string
		for _, r := range results {
			all = append(all, r.Notices...)
		}
		return strings.Join(all, "\n")
	}
	if got := notices(f.apply(clicksSchema(5))); !strings.Contains(got, "name version 1 of clicks are schema.unknown in stream clicks") {
		t.Errorf("a version that the stream follows: %q", got)
	}
	f.apply(clicksStream("{subject: clicks, named_by: [{header: v}], accept: [{version: 1}]}"))
	if got := notices(f.apply(clicksStream("{subject: clicks, version: 2, named_by: [{header: v}]}"))); !strings.Contains(got, "name version 1") || strings.Contains(got, "name version 2") {
		t.Errorf("a stream that accepts less: %q", got)
	}
	for _, schema := range []string{"{subject: clicks, named_by: [{header: v}], accept: [{all: true}]}", "{subject: clicks}"} {
		f.apply(clicksStream(schema))
		if got := notices(f.apply(clicksSchema(len(schema)))); strings.Contains(got, "unknown") {
			t.Errorf("%s: %q", schema, got)
		}
	}
}

// What a stream lists has to exist, and what is in its way has a place.
func TestListedVersionsExist(t *testing.T) {
	f := newFixture(t)
	f.apply(clicksSchema(10))
	stream := clicksStream("{subject: clicks, named_by: [{header: v}], accept: [{all: true}, {version: 7}]}")
	_, err := f.change(Options{}, stream)
	faults := faultsOf(t, err)
	if len(faults) != 1 || faults[0].Pointer != "/schema/accept/1/version" || !strings.Contains(faults[0].Message, "no version 7") {
		t.Errorf("%+v", faults)
	}
	f.apply(clicksSchema(20))
	f.apply(clicksStream("{subject: clicks, named_by: [{header: v}], accept: [{version: 1}]}"))
	one := Resource{Kind: KindSchema, Name: "clicks"}
	for _, ch := range []Change{{Resource: one, Delete: true, Version: 1}, {Resource: one, Delete: true, Version: 1, Soft: true}} {
		if _, err := f.Apply(t.Context(), []Change{ch}, Options{}); !errors.Is(err, ErrInUse) {
			t.Errorf("a version that a stream accepts was deleted: %v", err)
		}
	}
}

const allClicks = "{subject: clicks, version: 1, named_by: [{header: schema-version}], accept: [{all: true}]}"

// A stream that accepts all versions accepts those that come after it, at once, and none
// that was taken out of use. Where it has only read what there is not, that is remembered
// for a moment, and no longer.
func TestAllVersions(t *testing.T) {
	f := newFixture(t)
	now := time.Now()
	f.clock = func() time.Time { return now }
	f.apply(clicksSchema(10))
	f.apply(clicksStream(allClicks))
	f.expect("2", `{"n":25}`, "schema.unknown", 0)
	before, _ := f.Active("clicks")
	f.apply(clicksSchema(20))
	if after, _ := f.Active("clicks"); after != before {
		t.Error("a version that the stream does not follow made it another")
	}
	f.expect("2", `{"n":25}`, "", 2)
	f.expect("2", `{"n":15}`, "schema.minimum", 2)
	f.expect("3", `{"n":35}`, "schema.unknown", 0)
	// Another process, which this one does not hear of.
	must(t, f.db.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO schema_versions (subject, number, hash, document, created) SELECT subject, 3, hash, document, created FROM schema_versions WHERE number = 2`)
		return err
	}))
	f.expect("3", `{"n":35}`, "schema.unknown", 0)
	now = now.Add(missFor)
	f.expect("3", `{"n":35}`, "", 3)
	_, err := f.Apply(t.Context(), []Change{{Resource: Resource{Kind: KindSchema, Name: "clicks"}, Delete: true, Version: 2, Soft: true}}, Options{})
	must(t, err)
	f.expect("2", `{"n":25}`, "schema.unknown", 0)
}

// While the store cannot be read, a version that has to be looked for is our failure: the
// event is neither good nor bad. It is found as soon as the store is there again.
func TestVersionsUnderStoreFaults(t *testing.T) {
	f := newFixture(t)
	f.apply(clicksSchema(10))
	f.apply(clicksSchema(20))
	f.apply(clicksStream(allClicks))
	rename := func(from, to string) {
		must(t, f.db.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec("ALTER TABLE " + from + " RENAME TO " + to)
			return err
		}))
	}
	rename("schema_versions", "elsewhere")
	if _, _, err := f.named("2", `{"n":25}`); !errors.Is(err, lazaret.ErrSchemaUnavailable) {
		t.Errorf("without the store: %v", err)
	}
	f.expect("1", `{"n":15}`, "", 1)
	f.expect("", `{"n":15}`, "", 1)
	rename("elsewhere", "schema_versions")
	f.expect("2", `{"n":25}`, "", 2)
	rename("schema_versions", "elsewhere")
	f.expect("2", `{"n":25}`, "", 2) // it is known
	rename("elsewhere", "schema_versions")
	// A version that does not compile, which none can be registered that does not.
	must(t, f.db.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO schema_versions (subject, number, hash, document, created) VALUES ('clicks', 9, 'x', CAST('{"type":7}' AS BLOB), 0)`)
		return err
	}))
	now := time.Now().Add(2 * missFor)
	f.clock = func() time.Time { return now }
	for range 2 {
		if _, _, err := f.named("9", `{"n":25}`); !errors.Is(err, lazaret.ErrSchemaUnavailable) {
			t.Errorf("a version that does not compile: %v", err)
		}
	}
}

// However many events at once name what there is not, the store is asked once in a while.
func TestMissesAreBounded(t *testing.T) {
	f := newFixture(t)
	f.apply(clicksSchema(10))
	f.apply(clicksStream(allClicks))
	now := time.Now()
	f.clock = func() time.Time { return now }
	f.expect("2", `{"n":25}`, "schema.unknown", 0)
	must(t, f.db.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec("ALTER TABLE schema_versions RENAME TO elsewhere")
		return err
	}))
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() { f.expect(fmt.Sprint(2+i), `{"n":25}`, "schema.unknown", 0) })
	}
	wg.Wait()
}
