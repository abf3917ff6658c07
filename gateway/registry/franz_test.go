package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lazaret/lazaret/internal/auth"
)

// franz is the client of franz-go against the API, with a token as the password.
type franz struct {
	*sr.Client
	t   *testing.T
	ctx context.Context
}

func newFranz(t *testing.T) franz {
	t.Helper()
	s, tokens := newServer(t, auth.Admin)
	client, err := sr.NewClient(sr.URLs(s.url), sr.BasicAuth("lazaret", tokens[0]))
	must(t, err)
	return franz{client, t, t.Context()}
}

// jsonSchema is a schema for the client.
func jsonSchema(document string, references ...sr.SchemaReference) sr.Schema {
	return sr.Schema{Schema: document, Type: sr.TypeJSON, References: references}
}

// refused asks for an error with this code.
func (f franz) refused(err error, code int) {
	f.t.Helper()
	var e *sr.ResponseError
	if !errors.As(err, &e) || e.ErrorCode != code || e.Message == "" {
		f.t.Errorf("%v; want the code %d", err, code)
	}
}

func (f franz) create(subject, document string, references ...sr.SchemaReference) sr.SubjectSchema {
	f.t.Helper()
	ss, err := f.CreateSchema(f.ctx, subject, jsonSchema(document, references...))
	must(f.t, err)
	return ss
}

// TestFranzRegistersAndReads: franz-go's client registers, evolves, looks up, lists and reads.
func TestFranzRegistersAndReads(t *testing.T) {
	f := newFranz(t)
	first := f.create("clicks-value", `{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}`)
	if first.ID != 1 || first.Version != 1 || first.Subject != "clicks-value" || first.Type != sr.TypeJSON {
		t.Errorf("%+v", first)
	}
	second := f.create("clicks-value", `{"type":"object","properties":{"n":{"type":"integer"}}}`)
	if second.ID != 2 || second.Version != 2 {
		t.Errorf("%+v", second)
	}
	if again := f.create("clicks-value", first.Schema.Schema); again.ID != 1 || again.Version != 1 {
		t.Errorf("registered again: %+v", again)
	}
	if found, err := f.LookupSchema(f.ctx, "clicks-value", first.Schema); err != nil || found.Version != 1 || found.ID != 1 {
		t.Errorf("%+v, %v", found, err)
	}
	if list, err := f.Subjects(f.ctx); err != nil || !slices.Equal(list, []string{"clicks-value"}) {
		t.Errorf("%v, %v", list, err)
	}
	if list, err := f.SubjectVersions(f.ctx, "clicks-value"); err != nil || !slices.Equal(list, []int{1, 2}) {
		t.Errorf("%v, %v", list, err)
	}
	if s, err := f.SchemaByID(f.ctx, 1); err != nil || s.Schema != first.Schema.Schema || s.Type != sr.TypeJSON {
		t.Errorf("%+v, %v", s, err)
	}
	if text, err := f.SchemaTextByVersion(f.ctx, "clicks-value", -1); err != nil || text != second.Schema.Schema {
		t.Errorf("%s, %v", text, err)
	}
	if all, err := f.AllSchemas(sr.WithParams(f.ctx, sr.LatestOnly)); err != nil || len(all) != 1 || all[0].Version != 2 {
		t.Errorf("%+v, %v", all, err)
	}
	if types, err := f.SupportedTypes(f.ctx); err != nil || !slices.Equal(types, []sr.SchemaType{sr.TypeJSON}) {
		t.Errorf("%v, %v", types, err)
	}
	_, err := f.LookupSchema(f.ctx, "clicks-value", jsonSchema(`{"title":"another"}`))
	f.refused(err, 40403)
	_, err = f.SchemaByVersion(f.ctx, "clicks-value", 9)
	f.refused(err, 40402)
	_, err = f.CreateSchema(f.ctx, "clicks-value", sr.Schema{Schema: `"string"`}) // Avro
	f.refused(err, 42201)
}

// TestFranzReferences: a schema that refers to another by a name is registered, and found
// from it.
func TestFranzReferences(t *testing.T) {
	f := newFranz(t)
	f.create("address", `{"type":"object","required":["city"]}`)
	user := f.create("user", `{"properties":{"home":{"$ref":"address.json"}}}`, sr.SchemaReference{Name: "address.json", Subject: "address", Version: 1})
	if len(user.References) != 1 || user.References[0].Subject != "address" {
		t.Errorf("%+v", user)
	}
	if by, err := f.SchemaReferences(f.ctx, "address", 1); err != nil || len(by) != 1 || by[0].Subject != "user" {
		t.Errorf("%+v, %v", by, err)
	}
	_, err := f.DeleteSubject(f.ctx, "address", sr.SoftDelete)
	f.refused(err, 42206)
}

// TestFranzCompatibility: what is not compatible is refused as such, with the pointer, the
// keyword, both values and the witness; levels are set and asked for.
func TestFranzCompatibility(t *testing.T) {
	f := newFranz(t)
	f.create("clicks-value", `{"properties":{"n":{"type":"integer","minimum":1}}}`)
	narrow := jsonSchema(`{"properties":{"n":{"type":"integer","minimum":10}}}`)
	_, err := f.CreateSchema(f.ctx, "clicks-value", narrow)
	f.refused(err, 409)
	for _, version := range []int{-2, -1, 1} {
		is, err := f.CheckCompatibility(sr.WithParams(f.ctx, sr.Verbose), "clicks-value", version, narrow)
		if err != nil || is.Is || len(is.Messages) != 1 {
			t.Fatalf("%d: %+v, %v", version, is, err)
		}
		for _, part := range []string{"/properties/n", "minimum", "old 1", "new 10", `for example {"n":`} {
			if !strings.Contains(is.Messages[0], part) {
				t.Errorf("%s does not say %s", is.Messages[0], part)
			}
		}
	}
	if is, err := f.CheckCompatibility(f.ctx, "clicks-value", -1, jsonSchema(`{"properties":{"n":{"type":"integer"}}}`)); err != nil || !is.Is {
		t.Errorf("%+v, %v", is, err)
	}
	if is, err := f.CheckCompatibility(f.ctx, "nobody", -1, narrow); err != nil || !is.Is {
		t.Errorf("%+v, %v", is, err)
	}
	_, err = f.CheckCompatibility(f.ctx, "clicks-value", 7, narrow)
	f.refused(err, 40402)

	if c := f.Compatibility(f.ctx)[0]; c.Err != nil || c.Level != sr.CompatBackward {
		t.Errorf("%+v", c)
	}
	f.refused(f.Compatibility(f.ctx, "clicks-value")[0].Err, 40408)
	if c := f.SetCompatibility(f.ctx, sr.SetCompatibility{Level: sr.CompatForward}, "clicks-value")[0]; c.Err != nil || c.Level != sr.CompatForward {
		t.Errorf("%+v", c)
	}
	if c := f.Compatibility(f.ctx, "clicks-value")[0]; c.Err != nil || c.Level != sr.CompatForward {
		t.Errorf("%+v", c)
	}
	if _, err := f.CreateSchema(f.ctx, "clicks-value", narrow); err != nil {
		t.Errorf("FORWARD takes a narrower one: %v", err)
	}
	if c := f.ResetCompatibility(f.ctx, "clicks-value")[0]; c.Err != nil {
		t.Errorf("%+v", c)
	}
}

// TestFranzDeletesAndModes: soft and permanent deletion, read-only and import.
func TestFranzDeletesAndModes(t *testing.T) {
	f := newFranz(t)
	f.create("clicks-value", `{"type":"object"}`)
	f.create("clicks-value", `{"type":["object","null"]}`)
	f.refused(f.DeleteSchema(f.ctx, "clicks-value", 2, sr.HardDelete), 40407)
	must(t, f.DeleteSchema(f.ctx, "clicks-value", 2, sr.SoftDelete))
	if list, err := f.SubjectVersions(sr.WithParams(f.ctx, sr.DeletedOnly), "clicks-value"); err != nil || !slices.Equal(list, []int{2}) {
		t.Errorf("%v, %v", list, err)
	}
	must(t, f.DeleteSchema(f.ctx, "clicks-value", 2, sr.HardDelete))
	_, err := f.DeleteSubject(f.ctx, "clicks-value", sr.HardDelete)
	f.refused(err, 40405)
	if list, err := f.DeleteSubject(f.ctx, "clicks-value", sr.SoftDelete); err != nil || !slices.Equal(list, []int{1}) {
		t.Errorf("%v, %v", list, err)
	}
	if list, err := f.DeleteSubject(f.ctx, "clicks-value", sr.HardDelete); err != nil || !slices.Equal(list, []int{1}) {
		t.Errorf("%v, %v", list, err)
	}
	_, err = f.SubjectVersions(f.ctx, "clicks-value")
	f.refused(err, 40401)

	if m := f.SetMode(f.ctx, sr.ModeImport, "moved")[0]; m.Err != nil {
		t.Errorf("%+v", m)
	}
	ss, err := f.CreateSchemaWithIDAndVersion(f.ctx, "moved", jsonSchema(`{"title":"moved"}`), 500, 12)
	if err != nil || ss.ID != 500 || ss.Version != 12 {
		t.Errorf("%+v, %v", ss, err)
	}
	if m := f.SetMode(f.ctx, sr.ModeReadOnly, "moved")[0]; m.Err != nil || m.Mode != sr.ModeReadOnly {
		t.Errorf("%+v", m)
	}
	_, err = f.CreateSchema(f.ctx, "moved", jsonSchema(`true`))
	f.refused(err, 42205)
	if m := f.Mode(f.ctx)[0]; m.Err != nil || m.Mode != sr.ModeReadWrite {
		t.Errorf("%+v", m)
	}
	if m := f.ResetMode(f.ctx, "moved")[0]; m.Err != nil {
		t.Errorf("%+v", m)
	}
}

// TestFranzWireFormat: an event that franz-go's Serde encodes with a registered id names
// that schema to whoever reads it.
func TestFranzWireFormat(t *testing.T) {
	f := newFranz(t)
	ss := f.create("clicks-value", `{"type":"object","required":["n"]}`)
	type click struct {
		N int `json:"n"`
	}
	var serde sr.Serde
	serde.Register(ss.ID, click{}, sr.EncodeFn(json.Marshal), sr.DecodeFn(json.Unmarshal))
	record, err := serde.Encode(click{7})
	must(t, err)
	if !bytes.Equal(record, append([]byte{0, 0, 0, 0, byte(ss.ID)}, `{"n":7}`...)) {
		t.Errorf("%q", record)
	}
	id, payload, err := serde.DecodeID(record)
	must(t, err)
	schema, err := f.SchemaByID(f.ctx, id)
	must(t, err)
	var back click
	if err := serde.Decode(record, &back); err != nil || back.N != 7 || schema.Schema != ss.Schema.Schema || string(payload) != `{"n":7}` {
		t.Errorf("%+v, %v", back, err)
	}
}
