package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/schemas"
)

// schemaManifest is a Schema of the subject order; more are its other members.
func schemaManifest(document string, more ...string) string {
	return "{kind: Schema, subject: order, " + strings.Join(append(more, ""), ", ") + "schema: " + document + "}"
}

// force applies a manifest all the same.
func (f *fixture) force(manifest string) ([]Result, error) {
	f.t.Helper()
	list, err := ParseManifests("m.yaml", []byte(manifest), nil)
	must(f.t, err)
	return f.Apply(f.t.Context(), []Change{{Resource: list[0], Force: true}}, Options{})
}

// A new version that is not compatible at the subject's level is refused, at its place and
// with an event that shows it, in a dry run as for real; a compatible one is taken, and
// the result says what it was compared with.
func TestIncompatibleIsRefused(t *testing.T) {
	for _, c := range []struct {
		level, old, new string
		pointer         string // of the fault; "-": it is taken
	}{
		{"BACKWARD", `{properties: {n: {type: integer}}}`, `{properties: {n: {type: integer, minimum: 3}}}`, "/properties/n"},
		{"BACKWARD", `{properties: {n: {type: integer, minimum: 3}}}`, `{properties: {n: {type: integer}}}`, "-"},
		{"FORWARD", `{properties: {n: {type: integer, minimum: 3}}}`, `{properties: {n: {type: integer}}}`, ""},
		{"FORWARD", `{properties: {n: {type: integer}}}`, `{properties: {n: {type: integer, minimum: 3}}}`, "-"},
		{"FULL", `{properties: {n: {type: integer}}}`, `{properties: {n: {type: integer, minimum: 3}}}`, "/properties/n"},
		{"FULL", `{properties: {n: {type: integer}}}`, `{properties: {n: {type: integer, title: N}}}`, "-"},
		{"NONE", `{type: integer}`, `{type: string}`, "-"},
	} {
		t.Run(c.level, func(t *testing.T) {
			f := newFixture(t)
			f.apply(schemaManifest(c.old, "compatibility: "+c.level))
			before := f.dump()
			for _, opts := range []Options{{DryRun: true}, {}} {
				results, err := f.change(opts, schemaManifest(c.new))
				if c.pointer == "-" {
					must(t, err)
					check := results[0].Check
					if c.level != "NONE" && (check == nil || check.Answer != schemas.Compatible || !slices.Equal(check.Against, []int{1}) || string(check.Level) != c.level) {
						t.Errorf("%+v", check)
					}
					continue
				}
				fault := faultsOf(t, err)[0]
				if fault.Resource != "Schema/order" || fault.Pointer != c.pointer || fault.Check == nil || fault.Check.Answer != schemas.Incompatible {
					t.Fatalf("%+v", fault)
				}
				b := fault.Check.Breaks[0]
				if b.Version != 1 || !json.Valid(b.Witness) || !strings.Contains(fault.Message, string(b.Witness)) || !strings.Contains(fault.Message, c.level+" to version 1") {
					t.Errorf("%+v", b)
				}
				if f.dump() != before {
					t.Error("something was changed")
				}
			}
		})
	}
}

// A forced version is taken, and says that it was forced and why; so does the version.
func TestForcedIsSaid(t *testing.T) {
	f := newFixture(t)
	f.apply(schemaManifest(`{type: integer}`))
	results, err := f.force(schemaManifest(`{type: string}`))
	must(t, err)
	if r := results[0]; !r.Forced || r.Version != 2 || r.Check == nil || r.Check.Answer != schemas.Incompatible || !strings.Contains(fmt.Sprint(r.Notices), "put although it is not BACKWARD") {
		t.Errorf("%+v", r)
	}
	if v, err := f.Schemas().Get(t.Context(), "order", 2); err != nil || v.Note != "forced: incompatible under BACKWARD" {
		t.Errorf("%+v, %v", v, err)
	}
	results, err = f.force(schemaManifest(`{type: [string, "null"]}`))
	must(t, err)
	if r := results[0]; r.Forced || r.Check == nil || r.Check.Answer != schemas.Compatible {
		t.Errorf("forced although it was not needed: %+v", r)
	}
}

// Under a transitive level all earlier versions count, under the others the latest alone;
// what is soft-deleted does not count.
func TestTransitiveLevels(t *testing.T) {
	f := newFixture(t)
	narrow := schemaManifest(`{type: [string, "null"], maxLength: 5}`)
	f.apply(schemaManifest(`{type: [string, "null"]}`, "compatibility: NONE"))
	f.apply(schemaManifest(`{type: string, maxLength: 5}`))
	must(t, f.SetCompatibility(t.Context(), "order", schemas.LevelBackwardTransitive))
	fault := faultsOf(t, func() error { _, err := f.change(Options{}, narrow); return err }())[0]
	if fault.Check.Breaks[0].Version != 1 || !slices.Equal(fault.Check.Against, []int{1, 2}) {
		t.Errorf("%+v", fault.Check)
	}
	_, err := f.Apply(t.Context(), []Change{{Resource: Resource{Kind: KindSchema, Name: "order"}, Delete: true, Version: 1, Soft: true}}, Options{})
	must(t, err)
	if results := f.apply(narrow); results[0].Version != 3 || !slices.Equal(results[0].Check.Against, []int{2}) {
		t.Errorf("%+v", results[0])
	}
	must(t, f.SetCompatibility(t.Context(), "order", ""))
	if r := f.apply(schemaManifest(`{type: [string, "null", integer], maxLength: 5}`))[0]; !slices.Equal(r.Check.Against, []int{3}) {
		t.Errorf("%+v", r.Check)
	}
}

// The level that a resource brings holds for the version that it brings.
func TestLevelComesWithTheVersion(t *testing.T) {
	f := newFixture(t)
	f.apply(schemaManifest(`{type: integer}`))
	results := f.apply(schemaManifest(`{type: string}`, "compatibility: NONE"))
	if r := results[0]; r.Version != 2 || r.Forced || r.Check == nil && len(r.Notices) == 0 {
		t.Errorf("%+v", r)
	}
}

// CheckSchema answers as a change would, and changes nothing.
func TestCheckSchema(t *testing.T) {
	f := newFixture(t)
	f.apply(schemaManifest(`{type: integer}`))
	f.apply(schemaManifest(`{type: number}`))
	before := f.dump()
	ask := func(document string, number int) schemas.Answer {
		t.Helper()
		check, err := f.CheckSchema(t.Context(), Resource{Kind: KindSchema, Name: "order", Schema: []byte(document)}, number)
		must(t, err)
		return check.Answer
	}
	if a := ask(`{"type":"integer"}`, 0); a != schemas.Incompatible {
		t.Errorf("to the latest: %s", a)
	}
	if a := ask(`{"type":"integer"}`, 1); a != schemas.Compatible {
		t.Errorf("to version 1: %s", a)
	}
	if a := ask(`{"type":["number","string"]}`, 0); a != schemas.Compatible {
		t.Errorf("a wider one: %s", a)
	}
	if _, err := f.CheckSchema(t.Context(), Resource{Kind: KindSchema, Name: "order", Schema: []byte(`{"type":"x"}`)}, 0); err == nil {
		t.Error("a schema that is none was compared")
	}
	if _, err := f.CheckSchema(t.Context(), Resource{Kind: KindSchema, Name: "order", Schema: []byte(`{}`)}, 9); !errors.Is(err, schemas.ErrNotFound) {
		t.Errorf("a version that there is not: %v", err)
	}
	if f.dump() != before {
		t.Error("something was changed")
	}
}

// What cannot be decided is refused and said so, and taken if it is forced.
func TestUndecidedIsRefused(t *testing.T) {
	f := newFixture(t)
	f.apply(schemaManifest(`{type: integer}`))
	for i := range maxCompared {
		_, err := f.force(schemaManifest(fmt.Sprintf(`{type: integer, title: "%d"}`, i)))
		must(t, err)
	}
	must(t, f.SetCompatibility(t.Context(), "order", schemas.LevelFullTransitive))
	_, err := f.change(Options{}, schemaManifest(`{type: integer, title: last}`))
	fault := faultsOf(t, err)[0]
	if fault.Check.Answer != schemas.Undecided || !strings.Contains(fault.Message, "cannot be decided") || !strings.Contains(fault.Message, "force") {
		t.Errorf("%+v", fault)
	}
	results, err := f.force(schemaManifest(`{type: integer, title: last}`))
	must(t, err)
	if !results[0].Forced {
		t.Errorf("%+v", results[0])
	}
}

// An imported version is taken with its number, in the mode for it alone; one that reads
// only takes none; and the references of a version must be there.
func TestModesAndReferences(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	put := func(ch Change) error { _, err := f.Apply(ctx, []Change{ch}, Options{}); return err }
	res := Resource{Kind: KindSchema, Name: "order", Schema: []byte(`{"type":"object"}`)}
	if err := put(Change{Resource: res, ID: 9, Version: 4}); !errors.Is(err, ErrMode) {
		t.Errorf("%v", err)
	}
	must(t, f.SetMode(ctx, "order", schemas.ModeImport, false))
	must(t, put(Change{Resource: res, ID: 9, Version: 4}))
	must(t, f.SetMode(ctx, "order", schemas.ModeReadOnly, false))
	res.Schema = []byte(`true`)
	if err := put(Change{Resource: res, Force: true}); !errors.Is(err, ErrMode) {
		t.Errorf("%v", err)
	}
	if err := f.remove(KindSchema, "order", true); !errors.Is(err, ErrMode) {
		t.Errorf("%v", err)
	}
	must(t, f.SetMode(ctx, "order", "", false))
	res.References = []schemas.Reference{{Name: "x", Subject: "nobody", Version: 1}}
	if err := put(Change{Resource: res}); !strings.Contains(faultsOf(t, err)[0].Message, "version 1 of the schema nobody") {
		t.Errorf("%v", err)
	}
	if err := put(Change{Resource: res, Delete: true, Permanent: true}); !errors.Is(err, ErrLive) {
		t.Errorf("%v", err)
	}
}

// Comparing ends in time: what is not looked at by then is in doubt.
func TestComparingEndsInTime(t *testing.T) {
	f := newFixture(t)
	f.apply(schemaManifest(`{type: integer}`, "compatibility: BACKWARD_TRANSITIVE"))
	f.apply(schemaManifest(`{type: number}`))
	now := time.Now()
	f.clock = func() time.Time { now = now.Add(compareTime); return now }
	check, err := f.CheckSchema(t.Context(), Resource{Kind: KindSchema, Name: "order", Schema: []byte(`{"type":["number","null"]}`)}, 0)
	must(t, err)
	if check.Answer != schemas.Undecided || !slices.Equal(check.Against, []int{2}) || check.Doubts[0].Version != 1 {
		t.Errorf("%+v", check)
	}
}

// A schema may refer to a version that comes with it, in whatever order; not to one that is
// deleted by the same change.
func TestReferencesWithinABundle(t *testing.T) {
	f := newFixture(t)
	const user = "{kind: Schema, subject: user, references: [{name: a, subject: address, version: 1}], schema: {properties: {home: {$ref: a}}}}"
	const address = "{kind: Schema, subject: address, schema: {type: object, required: [city]}}"
	f.apply(user + "\n---\n" + address)
	f.apply("{kind: Stream, name: users, schema: {subject: user}, sink: {stdout: {}}}")
	if codes, _ := f.judge("users", `{"home":{}}`); codes != "schema.required" {
		t.Errorf("%q", codes)
	}
	must(t, f.remove(KindStream, "users", false))
	must(t, f.remove(KindSchema, "user", false))
	list, err := ParseManifests("m.yaml", []byte(user), nil)
	must(t, err)
	_, err = f.Apply(t.Context(), []Change{{Resource: list[0]}, {Resource: Resource{Kind: KindSchema, Name: "address"}, Delete: true}}, Options{})
	if !strings.Contains(faultsOf(t, err)[0].Message, "which there is not") {
		t.Errorf("%v", err)
	}
}

// No version may need itself, by whatever way: it could not come back after its deletion,
// when its number is spent. One that is stored already is taken as it is.
func TestNoVersionNeedsItself(t *testing.T) {
	f := newFixture(t)
	for _, text := range []string{
		"{kind: Schema, subject: own, references: [{name: x, subject: own, version: 1}], schema: {properties: {a: {$ref: x}}}}",
		"{kind: Schema, subject: own, references: [{name: x, subject: own, version: 1}], schema: {type: object}}",
		"{kind: Schema, subject: own, schema: {properties: {a: {$ref: 'lazaret:own:1'}}}}",
		"{kind: Schema, subject: own, schema: {$ref: 'lazaret:own:2'}}",
		"{kind: Schema, subject: own, schema: {$ref: 'lazaret:two:1'}}\n---\n{kind: Schema, subject: two, schema: {properties: {a: {$ref: 'lazaret:own:1'}}}}",
	} {
		_, err := f.change(Options{}, text)
		if faults := faultsOf(t, err); len(faults) == 0 || !strings.Contains(faults[0].String(), "own") {
			t.Errorf("%s: %v", text, faults)
		}
	}
	f.apply("{kind: Schema, subject: own, schema: {type: object, properties: {a: {type: object}}}}") // none of them took the number
	next := "{kind: Schema, subject: own, compatibility: NONE, references: [{name: x, subject: own, version: 1}], schema: {properties: {a: {$ref: x}}}}"
	for range 2 {
		if r := f.apply(next); r[0].Version != 2 {
			t.Errorf("a reference to an earlier version: %+v", r[0])
		}
	}
}
