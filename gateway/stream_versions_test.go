package gateway_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/gateway"
)

func validNaming() gateway.Stream {
	s := valid()
	s.Schema = &gateway.SchemaRef{
		Subject: "clicks", Version: 3,
		NamedBy: []gateway.NamedBy{{DataSchema: true}, {Header: "Schema-Version"}, {Field: "/v"}, {RegistryID: true}},
		Accept:  []gateway.AcceptedVersion{{Version: 2, Until: "2026-12-31T00:00:00Z"}, {All: true}},
	}
	return s
}

// Each mistake in what events may name is named at its own place.
func TestValidateVersions(t *testing.T) {
	by := func(list ...gateway.NamedBy) func(*gateway.Stream) {
		return func(s *gateway.Stream) { s.Schema.NamedBy = list }
	}
	accept := func(list ...gateway.AcceptedVersion) func(*gateway.Stream) {
		return func(s *gateway.Stream) { s.Schema.Accept = list }
	}
	for pointer, edits := range map[string][]func(*gateway.Stream){
		"": {
			func(*gateway.Stream) {}, accept(), accept(gateway.AcceptedVersion{All: true, Until: "2026-12-31T00:00:00+02:00"}),
			func(s *gateway.Stream) { s.Schema.Version = 0 },
			func(s *gateway.Stream) {
				s.Schema.Version, s.Evolution = 0, &gateway.EvolutionSpec{Mode: gateway.EvolutionAuto}
			},
		},
		"/schema/named_by":          {by(slices.Repeat([]gateway.NamedBy{{Header: "a"}}, 9)...)},
		"/schema/named_by/0":        {by(gateway.NamedBy{}), by(gateway.NamedBy{Header: "a", DataSchema: true})},
		"/schema/named_by/1":        {by(gateway.NamedBy{Field: "/a"}, gateway.NamedBy{Field: "/a"})},
		"/schema/named_by/0/header": {by(gateway.NamedBy{Header: "a b"}), by(gateway.NamedBy{Header: "a:b"}), by(gateway.NamedBy{Header: strings.Repeat("x", 256)}), by(gateway.NamedBy{Header: "Authorization"}), by(gateway.NamedBy{Header: "cookie"})},
		"/schema/named_by/0/field":  {by(gateway.NamedBy{Field: "v"}), by(gateway.NamedBy{Field: "/~2"})},
		"/schema/accept": {by(), accept(make([]gateway.AcceptedVersion, 51)...), func(s *gateway.Stream) {
			s.Schema.Accept, s.Evolution = s.Schema.Accept[:1], &gateway.EvolutionSpec{Mode: gateway.EvolutionAuto}
		}},
		"/schema/accept/0":         {accept(gateway.AcceptedVersion{}), accept(gateway.AcceptedVersion{All: true, Version: 1}), accept(gateway.AcceptedVersion{Until: "2026-12-31T00:00:00Z"})},
		"/schema/accept/1":         {accept(gateway.AcceptedVersion{Version: 1}, gateway.AcceptedVersion{Version: 1, Until: "2026-12-31T00:00:00Z"}), accept(gateway.AcceptedVersion{All: true}, gateway.AcceptedVersion{All: true})},
		"/schema/accept/0/version": {accept(gateway.AcceptedVersion{Version: -1}), accept(gateway.AcceptedVersion{Version: 3})},
		"/schema/accept/0/until":   {accept(gateway.AcceptedVersion{Version: 1, Until: "2026-12-31"}), accept(gateway.AcceptedVersion{Version: 1, Until: "soon"})},
		"/sink/kafka/registry_id": {func(s *gateway.Stream) {
			s.Schema, s.Sink = nil, gateway.SinkSpec{Kafka: &gateway.KafkaSink{Topic: "t", RegistryID: true}}
		}},
	} {
		refuses(t, validNaming, pointer, edits)
	}
}

// The end of a version is the instant that is written, wherever it is.
func TestAcceptedVersionEnds(t *testing.T) {
	want := time.Date(2026, 12, 30, 22, 0, 0, 0, time.UTC)
	if got := (gateway.AcceptedVersion{Until: "2026-12-31T00:00:00+02:00"}).Ends(); !got.Equal(want) {
		t.Errorf("%s, want %s", got, want)
	}
	if got := (gateway.AcceptedVersion{}).Ends(); !got.IsZero() {
		t.Errorf("no end is %s", got)
	}
}

// The headers that may name a version are kept, and nothing else is for that.
func TestNamingHeaders(t *testing.T) {
	s := validNaming()
	list := s.NamingHeaders()
	if want := []string{"Schema-Version", "__value_schema_id"}; !slices.Equal(list, want) {
		t.Errorf("%q, want %q", list, want)
	}
	if !gateway.KeepsHeader(list, "schema-version") || gateway.KeepsHeader(list, "schema") {
		t.Error("upper and lower case are one, and names are whole")
	}
	s.Schema = nil
	if s.NamingHeaders() != nil {
		t.Error("a stream without a schema keeps headers")
	}
}
