package catalog

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/db"
	"github.com/lazaret/lazaret/schemas"
)

// Promise 6 under faults: the store fails from the 1st, 2nd, … commit of a change on, until
// the change succeeds. After each failure the store and what is active are as before.
func TestApplyUnderStoreFaults(t *testing.T) {
	f := newFixture(t)
	f.apply(strings.ReplaceAll(bundle, "orders", "other"))
	injected := errors.New("injected")
	const most = 20
	for n := 1; ; n++ {
		if n > most {
			t.Fatalf("no success after %d tries", most)
		}
		before := f.dump()
		left := n
		f.setFail(func() error {
			if left--; left <= 0 {
				return injected
			}
			return nil
		})
		_, err := f.change(Options{}, bundle)
		f.setFail(nil)
		if err == nil {
			if n < 3 { // one commit of the rehearsal, which has nothing to commit, and one of the change
				t.Fatalf("it succeeded although commit %d failed", n)
			}
			break
		}
		if f.dump() != before {
			t.Fatalf("failed at commit %d, and something has changed:\n%s\n%s", n, before, f.dump())
		}
		if _, ok := f.Active("orders"); ok {
			t.Fatalf("failed at commit %d, and the stream is active", n)
		}
		if errors.Is(f.db.Ready(), db.ErrFailed) { // the writer stays failed, as it should: begin anew
			path := f.db.Path()
			must(t, f.Close(t.Context()))
			must(t, f.db.Close())
			f = openFixture(t, path)
		}
	}
	if codes, _ := f.judge("orders", `{"id":"1","amount":1}`); codes != "" {
		t.Errorf("after the success: %q", codes)
	}
}

// A sink that cannot be opened does not undo a change that is stored; it is not ready,
// and opens as soon as it can.
func TestSinkThatCannotBeOpened(t *testing.T) {
	f := newFixture(t)
	f.sinks.refuse = errors.New("no such device")
	f.apply(bundle)
	if h := f.Health(); len(h) != 1 || h[0].Sink == nil || !strings.Contains(h[0].Sink.Error(), "no such device") || h[0].Broken != nil {
		t.Errorf("%+v", h)
	}
	active, _ := f.Active("orders")
	if err := active.Sink.Write(t.Context(), lazaret.Batch{ID: "1"}); err == nil {
		t.Error("written to nothing")
	}
	f.sinks.mu.Lock()
	f.sinks.refuse = nil
	f.sinks.mu.Unlock()
	must(t, active.Sink.Write(t.Context(), lazaret.Batch{ID: "1"}))
	if h := f.Health(); h[0].Sink != nil {
		t.Errorf("%+v", h)
	}
}

// A refused sink is found before anything is stored.
func TestCheckSink(t *testing.T) {
	f := newFixture(t)
	f.conf.CheckSink = func(s gateway.SinkSpec) error { return errors.New("that host is not allowed") }
	f.reload()
	before := f.dump()
	_, err := f.change(Options{}, bundle)
	if x := faultsOf(t, err)[0]; x.Resource != "Stream/orders" || x.Pointer != "/sink" || x.Line != 6 {
		t.Errorf("%+v", x)
	}
	if f.dump() != before || f.sinks.count() != 0 {
		t.Error("something was changed")
	}
}

// A stream that does not compile any more (here: its rules were spoilt in the store, as an
// upgrade with stricter limits would) does not prevent the start; nothing is taken for it,
// and it can be mended.
func TestStreamThatDoesNotCompileAnyMore(t *testing.T) {
	f := newFixture(t)
	f.apply(bundle)
	f.apply(strings.ReplaceAll(bundle, "orders", "other"))
	must(t, f.db.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE rule_sets SET rules = '{"rules":[{"id":"a","expr":"event.x >>"}]}' WHERE stream = 'orders'`)
		return err
	}))
	f.reload()
	active, ok := f.Active("orders")
	if !ok {
		t.Fatal("the stream is gone")
	}
	if _, err := active.Judge.Judge(t.Context(), &lazaret.Event{Data: []byte(`{}`)}); err == nil {
		t.Error("it judges")
	}
	if f.Broken("orders") == nil || f.Broken("other") != nil {
		t.Errorf("broken: %v, %v", f.Broken("orders"), f.Broken("other"))
	}
	if codes, _ := f.judge("other", `{"id":"1","amount":1}`); codes != "" {
		t.Errorf("the other stream: %q", codes)
	}
	f.apply("kind: RuleSet\nstream: orders\nrules: []")
	if codes, _ := f.judge("orders", `{"id":"1"}`); codes != "" || f.Broken("orders") != nil {
		t.Errorf("mended: %q, %v", codes, f.Broken("orders"))
	}
}

// A request that is cancelled in the middle leaves nothing half done.
func TestApplyCancelled(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	list, err := LoadFile(writeFile(t, filepath.Join(t.TempDir(), "b.yaml"), bundle))
	must(t, err)
	before := f.dump()
	var changes []Change
	for _, r := range list {
		changes = append(changes, Change{Resource: r})
	}
	if _, err := f.Apply(ctx, changes, Options{}); err == nil {
		t.Error("applied")
	}
	if f.dump() != before {
		t.Error("something was changed")
	}
}

// Somebody else who changes the store between plan and commit is noticed: nothing is
// stored over it.
func TestChangeMeanwhile(t *testing.T) {
	f := newFixture(t)
	f.noLevel()
	f.apply(bundle)
	meddle := true
	f.conf.Try = func(ctx context.Context, doc []byte, opts schemas.Options) error {
		if !meddle {
			return nil
		}
		meddle = false
		return f.db.Write(ctx, func(tx *db.Tx) error {
			_, _, err := f.conf.Schemas.Put(tx, schemas.Draft{Subject: "order", Document: []byte(`{"title":"of somebody else"}`)})
			return err
		})
	}
	f.reload()
	const change = "kind: Schema\nsubject: order\nschema: {type: object, required: [id, amount]}"
	if _, err := f.change(Options{}, change); !errors.Is(err, ErrConflict) {
		t.Fatalf("%v", err)
	}
	if _, v := f.judge("orders", `{}`); v.Schema != 1 || v.Stream != 1 {
		t.Errorf("judged under %+v", v)
	}
	if r := f.apply(change)[0]; r.Version != 3 {
		t.Errorf("tried again: %+v", r)
	}
}
