package catalog

import (
	"reflect"
	"strings"
	"testing"

	"github.com/lazaret/lazaret/rules"
)

const misspelled = `
kind: Schema
subject: reading
schema:
  type: object
  requred: [value]
  properties:
    value: {type: number}
    at: {type: string, format: datetime}
    place: {type: object, properties: {room: {type: string}}}
---
kind: RuleSet
stream: readings
rules:
- {id: low, expr: event.valeu > 0}
- {id: room, expr: event.place.rooom != "x" and event.place.rooom != "y", when: event.colour == 1}
- {id: right, expr: event.value < 9 and event.place.room != "z"}
---
kind: Stream
name: readings
schema: {subject: reading}
sink: {file: {dir: readings}}
`

// What a schema lets pass in silence, and what rules read and the schema does not declare,
// is said when it is applied, in a dry run too, and each time.
func TestApplyNotices(t *testing.T) {
	f := newFixture(t)
	schema := []string{
		`at /properties/at/format: the format "datetime" is not checked here: every value passes; did you mean "date-time"?`,
		`at /requred: the keyword "requred" is unknown and means nothing; did you mean "required"?`,
	}
	read := []string{
		`rule low: expr reads event.valeu, which the schema reading does not declare; did you mean "value"?`,
		`rule room: expr reads event.place.rooom, which the schema reading does not declare; did you mean "room"?`,
		`rule room: when reads event.colour, which the schema reading does not declare`,
	}
	for _, dry := range []bool{true, false, false} {
		results, err := f.change(Options{DryRun: dry}, misspelled)
		must(t, err)
		if !reflect.DeepEqual(results[0].Notices, schema) || !reflect.DeepEqual(results[1].Notices, read) || len(results[2].Notices) > 0 {
			t.Errorf("dry run %v:\n%s\n%s\n%s", dry, strings.Join(results[0].Notices, "\n"), strings.Join(results[1].Notices, "\n"), results[2].Notices)
		}
	}
	// A change of the schema alone is held against the rules that there are.
	results := f.apply("kind: Schema\nsubject: reading\nschema: {properties: {valeu: {}, colour: {}, place: {properties: {room: {}}}}}")
	if got := strings.Join(results[0].Notices, "\n"); !strings.Contains(got, "rule right: expr reads event.value, ") ||
		!strings.Contains(got, "rule room: expr reads event.place.rooom, ") || strings.Contains(got, "rule low") {
		t.Error(got)
	}
}

// What is right is told of nothing, and many things are told of in few lines.
func TestApplyNoticesAreFew(t *testing.T) {
	f := newFixture(t)
	for _, r := range f.apply(bundle) {
		if len(r.Notices) > 0 {
			t.Errorf("%+v", r)
		}
	}
	var b strings.Builder
	for _, c := range "abcdefghijklmnopqrstuvwxyz" {
		b.WriteString("\n- {id: " + string(c) + ", expr: event.wrong" + string(c) + " == 1}")
	}
	manifest := strings.Replace(misspelled, "\n- {id: low, expr: event.valeu > 0}", b.String(), 1)
	results, err := f.change(Options{DryRun: true}, manifest)
	must(t, err)
	if n := results[1].Notices; len(n) != maxAdvice+1 || n[maxAdvice] != "and 8 more of the kind" {
		t.Errorf("%d: %s", len(n), strings.Join(n, "\n"))
	}
}

// Advice says of files what Apply says of resources.
func TestAdvice(t *testing.T) {
	program, err := rules.Compile(rules.Set{Rules: []rules.Rule{{ID: "a", Expr: "event.valeu > 0"}}})
	must(t, err)
	document := []byte(`{"requred":[],"properties":{"value":{}}}`)
	want := []string{
		`at /requred: the keyword "requred" is unknown and means nothing; did you mean "required"?`,
		`rule a: expr reads event.valeu, which the schema s.json does not declare; did you mean "value"?`,
	}
	if got := Advice(document, "s.json", program); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	if got := Advice([]byte("true"), "s.json", nil); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}

// A place is written as a rule writes it.
func TestMember(t *testing.T) {
	for pointer, want := range map[string]string{"/a/b_1": "event.a.b_1", "/a/0/x y": `event.a[0]["x y"]`, "/a~1b": `event["a/b"]`} {
		if got := member(pointer); got != want {
			t.Errorf("%s: %s", pointer, got)
		}
	}
}
