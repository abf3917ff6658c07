package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lazaret/lazaret/schemas"
)

const bundle = `
kind: Stream
name: orders
schema: {subject: order}
id: /id
sink: {file: {dir: orders}}
---
kind: RuleSet
stream: orders
rules:
- id: positive
  expr: event.amount > 0
---
kind: Schema
subject: order
schema:
  type: object
  required: [id]
`

func summary(results []Result) string {
	var list []string
	for _, r := range results {
		list = append(list, fmt.Sprintf("%s %s %d", r.Key(), r.Action, r.Version))
	}
	return strings.Join(list, ", ")
}

// A bundle is taken whole, whatever the order of what is in it, and works at once and
// after a restart.
func TestApplyBundle(t *testing.T) {
	f := newFixture(t)
	if got, want := summary(f.apply(bundle)), "Stream/orders created 1, RuleSet/orders created 1, Schema/order created 1"; got != want {
		t.Errorf("got %s", got)
	}
	check := func() {
		t.Helper()
		for event, want := range map[string]string{
			`{"id":"1","amount":5}`: "", `{"amount":5}`: "schema.required", `{"id":"1","amount":-5}`: "rule.failed",
		} {
			got, v := f.judge("orders", event)
			if got != want || v.Stream != 1 || v.Schema != 1 || v.RuleSet != 1 || v.Subject != "order" {
				t.Errorf("%s: %q under %+v", event, got, v)
			}
		}
	}
	check()
	f.reload()
	check()
	if got, want := summary(f.apply(bundle)), "Stream/orders unchanged 1, RuleSet/orders unchanged 1, Schema/order unchanged 1"; got != want {
		t.Errorf("applied again: %s", got)
	}
	check()
}

// A dry run says what the real thing then does, and changes nothing: not the store, not
// what is active, not a sink (issue: a dry-run flag on every write).
func TestDryRunChangesNothing(t *testing.T) {
	f := newFixture(t)
	f.apply(strings.ReplaceAll(bundle, "orders", "other"))
	f.noLevel()
	manifests := []string{
		bundle,
		"kind: Schema\nsubject: order\nschema: {type: object, required: [id, amount]}",
		"kind: RuleSet\nstream: other\nrules: []",
		"kind: Stream\nname: other\nsink: {file: {dir: elsewhere}}",
	}
	for _, m := range manifests {
		before, sinks := f.dump(), f.sinks.count()
		dry, err := f.change(Options{DryRun: true}, m)
		must(t, err)
		if f.dump() != before || f.sinks.count() != sinks {
			t.Errorf("the dry run changed something:\n%s\n%s", before, f.dump())
		}
		real := f.apply(m)
		if summary(dry) != summary(real) || !dry[0].DryRun || real[0].DryRun {
			t.Errorf("dry: %s\nreal: %s", summary(dry), summary(real))
		}
		for i := range dry {
			if !slices.Equal(dry[i].Notices, real[i].Notices) {
				t.Errorf("notices: %v and %v", dry[i].Notices, real[i].Notices)
			}
		}
		if f.dump() == before {
			t.Error("the real thing changed nothing: this test shows nothing")
		}
	}
}

// Promise 6: a bad change never takes effect. It is refused whole, with all that is
// wrong, each with its place.
func TestBadBundleIsRefusedWhole(t *testing.T) {
	f := newFixture(t)
	f.apply(bundle)
	before := f.dump()
	_, err := f.change(Options{}, `
kind: Schema
subject: order
schema: {type: object, required: [id, amount]}
---
kind: RuleSet
stream: orders
rules:
- id: good
  expr: event.amount > 0
- id: broken
  expr: event.amount >> 0
---
kind: Schema
subject: other
schema:
  properties:
    a: {type: strng}
---
kind: Stream
name: lost
schema: {subject: nowhere}
sink: {file: {dir: lost}}
---
kind: Stream
name: pinned
schema: {subject: order, version: 9}
sink: {file: {dir: pinned}}
---
kind: Stream
name: thief
sink: {file: {dir: orders}}
`)
	faults := faultsOf(t, err)
	if f.dump() != before {
		t.Error("something was changed")
	}
	find := func(resource string) Fault {
		for _, x := range faults {
			if x.Resource == resource {
				return x
			}
		}
		t.Errorf("nothing is said of %s: %v", resource, faults)
		return Fault{}
	}
	rule := find("RuleSet/orders")
	if rule.Line != 1 || rule.Column != 15 || rule.Pointer != "/rules/1/expr" || !strings.Contains(rule.Snippet, "event.amount >> 0\n") || !strings.HasSuffix(rule.Snippet, "^") || rule.File != "m.yaml" {
		t.Errorf("rule: %+v", rule)
	}
	if s := find("Schema/other"); s.Line != 18 || !strings.HasPrefix(s.Pointer, "/properties/a") {
		t.Errorf("schema: %+v", s)
	}
	if s := find("Stream/lost"); s.Pointer != "/schema/subject" || s.Line != 22 || !strings.Contains(s.Message, "nowhere") {
		t.Errorf("stream: %+v", s)
	}
	if s := find("Stream/pinned"); s.Pointer != "/schema/version" || !strings.Contains(s.Message, "latest is 2") {
		t.Errorf("stream: %+v", s)
	}
	if s := find("Stream/thief"); s.Pointer != "/sink/file/dir" || !strings.Contains(s.Message, "orders") {
		t.Errorf("stream: %+v", s)
	}
}

// What is wrong with a stream itself is found before anything is asked.
func TestInvalidResources(t *testing.T) {
	f := newFixture(t)
	for manifest, pointer := range map[string]string{
		"kind: Stream\nname: Bad Name\nsink: {stdout: {}}":               "/name",
		"kind: Stream\nname: a\nid: no-pointer\nsink: {stdout: {}}":      "/id",
		"kind: Stream\nname: a\nsink: {}":                                "/sink",
		"kind: RuleSet\nstream: Bad Name\nrules: []":                     "/stream",
		"kind: Schema\nsubject: 'bad subject'\nschema: {}":               "/subject",
		"kind: Schema\nsubject: a\nschema: {$ref: 'file:///etc/passwd'}": "/$ref",
		"kind: Schema\nsubject: a\nschema: {$ref: 'lazaret:b:1'}":        "/$ref",
	} {
		_, err := f.change(Options{}, manifest)
		if x := faultsOf(t, err)[0]; x.Pointer != pointer {
			t.Errorf("%s: %+v", manifest, x)
		}
	}
	f.conf.CheckSink = nil
	list, err := ParseManifests("m", []byte("kind: Schema\nsubject: a\nschema: {}"), nil)
	must(t, err)
	_, err = f.Apply(t.Context(), []Change{{Resource: list[0]}, {Resource: list[0]}}, Options{})
	if x := faultsOf(t, err)[0]; !strings.Contains(x.Message, "twice") {
		t.Errorf("%+v", x)
	}
}

// A stream follows the latest version of its schema, unless it is pinned; and a new
// version that breaks it is not taken.
func TestStreamsFollowTheirSchema(t *testing.T) {
	f := newFixture(t)
	f.noLevel()
	f.apply(bundle)
	f.apply("kind: Stream\nname: pinned\nschema: {subject: order, version: 1}\nsink: {file: {dir: pinned}}")
	results := f.apply("kind: Schema\nsubject: order\nschema: {type: object, required: [amount]}")
	if r := results[0]; r.Action != Updated || r.Version != 2 || len(r.Notices) != 1 || !strings.Contains(r.Notices[0], "orders goes to version 2") {
		t.Errorf("%+v", r)
	}
	if codes, v := f.judge("orders", `{"amount":1}`); codes != "" || v.Schema != 2 || v.Stream != 2 || v.RuleSet != 1 {
		t.Errorf("orders: %q under %+v", codes, v)
	}
	if codes, v := f.judge("pinned", `{"amount":1}`); codes != "schema.required" || v.Schema != 1 || v.Stream != 1 {
		t.Errorf("pinned: %q under %+v", codes, v)
	}
	// The document of version 1 again, as by a revert, becomes the latest.
	results = f.apply("kind: Schema\nsubject: order\nschema: {required: [id], type: object}")
	if r := results[0]; r.Action != Updated || r.Version != 3 || len(r.Notices) != 1 || !strings.Contains(r.Notices[0], "orders goes to version 3") {
		t.Errorf("%+v", r)
	}
	if _, v := f.judge("orders", `{}`); v.Schema != 3 {
		t.Errorf("orders is under %+v", v)
	}
}

// Rules are mended without touching the stream, and an earlier version stays at hand.
func TestRulesSwapAndAt(t *testing.T) {
	f := newFixture(t)
	f.apply(bundle)
	old, _ := f.Active("orders")
	r := f.apply("kind: RuleSet\nstream: orders\nrules: [{id: positive, expr: event.amount > 100}]")[0]
	if r.Action != Updated || r.Version != 2 || len(r.Notices) != 1 {
		t.Errorf("%+v", r)
	}
	const event = `{"id":"1","amount":5}`
	if codes, v := f.judge("orders", event); codes != "rule.failed" || v.RuleSet != 2 || v.Stream != 2 {
		t.Errorf("now: %q under %+v", codes, v)
	}
	if codes, v := verdict(t, old, event); codes != "" || v.RuleSet != 1 {
		t.Errorf("what was handed out before: %q under %+v", codes, v)
	}
	for range 2 { // compiled, and then remembered
		at, err := f.At(t.Context(), "orders", 1)
		must(t, err)
		if codes, v := verdict(t, at, event); codes != "" || v.RuleSet != 1 || v.Stream != 1 {
			t.Errorf("version 1: %q under %+v", codes, v)
		}
	}
	must(t, f.remove(KindRuleSet, "orders", false))
	if codes, v := f.judge("orders", `{"id":"1"}`); codes != "" || v.RuleSet != 0 || v.Stream != 3 {
		t.Errorf("without rules: %q under %+v", codes, v)
	}
	if _, err := f.At(t.Context(), "orders", 99); err == nil {
		t.Error("version 99 is there")
	}
}

func TestRulesBeforeTheirStream(t *testing.T) {
	f := newFixture(t)
	r := f.apply("kind: RuleSet\nstream: later\nrules: [{id: a, expr: event.a == 1}]")[0]
	if r.Action != Created || len(r.Notices) != 1 || !strings.Contains(r.Notices[0], "no stream later") {
		t.Errorf("%+v", r)
	}
	f.apply("kind: Stream\nname: later\nsink: {file: {dir: later}}")
	if codes, v := f.judge("later", `{"a":2}`); codes != "rule.failed" || v.RuleSet != 1 {
		t.Errorf("%q under %+v", codes, v)
	}
}

// What something needs is not deleted.
func TestDelete(t *testing.T) {
	f := newFixture(t)
	f.apply(bundle)
	f.apply("kind: Schema\nsubject: basket\nschema: {properties: {order: {$ref: 'lazaret:order:1'}}}")
	err := f.remove(KindSchema, "order", false)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "stream orders") || !strings.Contains(err.Error(), "schema basket version 1") {
		t.Errorf("%v", err)
	}
	f.conf.Quarantined = func(context.Context, string) (int64, error) { return 7, nil }
	f.reload()
	before := f.dump()
	if err := f.remove(KindStream, "orders", false); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "7 entries") {
		t.Errorf("%v", err)
	}
	if f.dump() != before {
		t.Error("a refused delete changed something")
	}
	must(t, f.remove(KindStream, "orders", true))
	if _, ok := f.Active("orders"); ok {
		t.Error("the stream is still there")
	}
	if len(f.sinks.opened()) != 0 {
		t.Errorf("open sinks: %v", f.sinks.opened())
	}
	must(t, f.remove(KindSchema, "basket", false))
	must(t, f.remove(KindSchema, "order", false))
	for _, k := range []Kind{KindSchema, KindRuleSet, KindStream} {
		if err := f.remove(k, "nothing", false); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", k, err)
		}
	}
}

// Of many who read the same version and change it, one succeeds: no update is lost.
func TestIfMatchLosesNoUpdate(t *testing.T) {
	f := newFixture(t)
	f.apply(bundle)
	set, err := f.Rules().Get(t.Context(), "orders", 0)
	must(t, err)
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 8 {
		list, err := ParseManifests("m", fmt.Appendf(nil, "kind: RuleSet\nstream: orders\nrules: [{id: r%d, expr: event.amount > %d}]", i, i), nil)
		must(t, err)
		wg.Go(func() {
			_, err := f.Apply(context.Background(), []Change{{Resource: list[0], IfMatch: RulesTag(set)}}, Options{})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !errors.Is(err, ErrPrecondition) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	versions, err := f.Rules().Versions(t.Context(), "orders")
	must(t, err)
	if won != 1 || len(versions) != 2 {
		t.Errorf("%d of 8 succeeded, %d versions", won, len(versions))
	}
}

func TestConditions(t *testing.T) {
	f := newFixture(t)
	f.apply(bundle)
	for _, r := range []string{"kind: Stream\nname: %s\nsink: {file: {dir: x}}", "kind: RuleSet\nstream: %s\nrules: []", "kind: Schema\nsubject: %s\nschema: {}"} {
		known := "orders"
		if strings.Contains(r, "Schema") {
			known = "order"
		}
		apply := func(name string, ch Change) error {
			list, err := ParseManifests("m", fmt.Appendf(nil, r, name), nil)
			must(t, err)
			ch.Resource = list[0]
			_, err = f.Apply(t.Context(), []Change{ch}, Options{DryRun: true})
			return err
		}
		for _, bad := range []error{
			apply(known, Change{IfNone: true}), apply("new", Change{IfMatch: "*"}), apply("new", Change{IfMatch: "1"}), apply(known, Change{IfMatch: "77-abc"}),
		} {
			if !errors.Is(bad, ErrPrecondition) {
				t.Errorf("%s: %v", r, bad)
			}
		}
		must(t, apply("new", Change{IfNone: true}))
		must(t, apply(known, Change{IfMatch: "*"}))
	}
}

// A schema that is too slow on some event is refused by its trial in a child process.
func TestTrialRefuses(t *testing.T) {
	f := newFixture(t)
	tried := 0
	f.conf.Try = func(ctx context.Context, doc []byte, opts schemas.Options) error {
		tried++
		return &schemas.CompileError{Pointer: "/anyOf", Message: "takes too long"}
	}
	f.reload()
	before := f.dump()
	_, err := f.change(Options{}, bundle)
	if x := faultsOf(t, err)[0]; x.Resource != "Schema/order" || x.Pointer != "/anyOf" || tried != 1 {
		t.Errorf("%+v, tried %d times", x, tried)
	}
	f.conf.Try = func(context.Context, []byte, schemas.Options) error { return errors.New("no child") }
	f.reload()
	if _, err := f.change(Options{}, bundle); err == nil || errors.As(err, new(*Refused)) {
		t.Errorf("a trial that could not be held: %v", err)
	}
	if f.dump() != before {
		t.Error("something was changed")
	}
}
