package gateway_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/db"
)

func valid() gateway.Stream {
	return gateway.Stream{
		Name: "clicks", Schema: &gateway.SchemaRef{Subject: "clicks"}, ID: "/event_id", Key: "/a~1b~0",
		Sink: gateway.SinkSpec{File: &gateway.FileSink{Dir: "shop/clicks", MaxAge: gateway.Duration(time.Minute)}},
	}
}

// Each mistake is named at its own place.
func TestValidateNamesEachMistake(t *testing.T) {
	file := func(f gateway.FileSink) gateway.SinkSpec { return gateway.SinkSpec{File: &f} }
	http := func(h gateway.HTTPSink) gateway.SinkSpec { return gateway.SinkSpec{HTTP: &h} }
	for pointer, edits := range map[string][]func(*gateway.Stream){
		"": {
			func(*gateway.Stream) {},
			func(s *gateway.Stream) { s.Schema = nil },
			func(s *gateway.Stream) {
				s.Sink = http(gateway.HTTPSink{URL: "https://h:8/p?q=1", HeadersFile: "auth"})
			},
			func(s *gateway.Stream) { s.Sink = gateway.SinkSpec{Stdout: &gateway.StdoutSink{Format: "event"}} },
			func(s *gateway.Stream) { s.Name = "0" + strings.Repeat("x", 62) },
		},
		"/name": {
			func(s *gateway.Stream) { s.Name = "" },
			func(s *gateway.Stream) { s.Name = "Clicks" },
			func(s *gateway.Stream) { s.Name = "-x" },
			func(s *gateway.Stream) { s.Name = strings.Repeat("x", 64) },
			func(s *gateway.Stream) { s.Name = "x\n" },
		},
		"/description":    {func(s *gateway.Stream) { s.Description = strings.Repeat("x", 5000) }},
		"/schema/subject": {func(s *gateway.Stream) { s.Schema.Subject = "" }, func(s *gateway.Stream) { s.Schema.Subject = "a\x00" }},
		"/schema/version": {func(s *gateway.Stream) { s.Schema.Version = -1 }},
		"/id":             {func(s *gateway.Stream) { s.ID = "event_id" }, func(s *gateway.Stream) { s.ID = "/a~" }, func(s *gateway.Stream) { s.ID = "/~0~2" }},
		"/key":            {func(s *gateway.Stream) { s.Key = "$.key" }},
		"/time":           {func(s *gateway.Stream) { s.Time = "/" + strings.Repeat("x", 2000) }},
		"/sink": {
			func(s *gateway.Stream) { s.Sink = gateway.SinkSpec{} },
			func(s *gateway.Stream) { s.Sink.Stdout = &gateway.StdoutSink{} },
		},
		"/sink/file/dir": {
			func(s *gateway.Stream) { s.Sink.File.Dir = "" },
			func(s *gateway.Stream) { s.Sink.File.Dir = "../x" },
			func(s *gateway.Stream) { s.Sink.File.Dir = "a/../b" },
			func(s *gateway.Stream) { s.Sink.File.Dir = "/abs" },
			func(s *gateway.Stream) { s.Sink.File.Dir = "a//b" },
			func(s *gateway.Stream) { s.Sink.File.Dir = `a\b` },
			func(s *gateway.Stream) { s.Sink.File.Dir = "a\n" },
			func(s *gateway.Stream) { s.Sink.File.Dir = ".hidden" },
		},
		"/sink/file/format":    {func(s *gateway.Stream) { s.Sink.File.Format = "xml" }},
		"/sink/file/max_bytes": {func(s *gateway.Stream) { s.Sink = file(gateway.FileSink{Dir: "d", MaxBytes: -1}) }},
		"/sink/file/max_age":   {func(s *gateway.Stream) { s.Sink = file(gateway.FileSink{Dir: "d", MaxAge: 1}) }},
		"/sink/http/url": {
			func(s *gateway.Stream) { s.Sink = http(gateway.HTTPSink{URL: "ftp://h"}) },
			func(s *gateway.Stream) { s.Sink = http(gateway.HTTPSink{URL: "/path"}) },
			func(s *gateway.Stream) { s.Sink = http(gateway.HTTPSink{URL: "http://u:p@h"}) },
			func(s *gateway.Stream) { s.Sink = http(gateway.HTTPSink{URL: "http://h/#f"}) },
		},
		"/sink/http/batch":        {func(s *gateway.Stream) { s.Sink = http(gateway.HTTPSink{URL: "http://h", Batch: 10_001}) }},
		"/sink/http/timeout":      {func(s *gateway.Stream) { s.Sink = http(gateway.HTTPSink{URL: "http://h", Timeout: -1}) }},
		"/sink/http/headers_file": {func(s *gateway.Stream) { s.Sink = http(gateway.HTTPSink{URL: "http://h", HeadersFile: "../x"}) }},
	} {
		refuses(t, valid, pointer, edits)
	}
}

// refuses holds that each edit makes a good stream one that is refused for what is at the
// pointer alone; for "", one that is good still.
func refuses(t *testing.T, good func() gateway.Stream, pointer string, edits []func(*gateway.Stream)) {
	t.Helper()
	for i, edit := range edits {
		s := good()
		edit(&s)
		err := s.Validate()
		var invalid *gateway.InvalidStream
		switch {
		case pointer == "" && err != nil:
			t.Errorf("good stream %d: %v", i, err)
		case pointer != "" && !errors.As(err, &invalid):
			t.Errorf("%s %d: no error", pointer, i)
		case pointer != "" && (len(invalid.Fields) != 1 || invalid.Fields[0].Pointer != pointer):
			t.Errorf("%s %d: %v", pointer, i, err)
		}
	}
}

// The stream's version is the triple of definition, schema version and rule set; it
// grows with every change of any of them and is never given twice.
func TestStreamVersions(t *testing.T) {
	d := openDB(t, db.Config{})
	st, err := gateway.NewStreamStore(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	put := func(s gateway.Stream, wantVersion int, wantCreated bool) {
		t.Helper()
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			version, created, err := st.Put(tx, s)
			if err == nil && (version != wantVersion || created != wantCreated) {
				t.Errorf("Put gives %d, %v; want %d, %v", version, created, wantVersion, wantCreated)
			}
			if got, err := st.GetTx(tx, s.Name); err != nil || got.Version != version {
				t.Errorf("GetTx within the transaction: %+v %v", got, err)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	s := valid()
	s.SchemaVersion, s.RuleSet = 3, 1
	put(s, 1, true)
	put(s, 1, false)
	s.RuleSet = 2
	put(s, 2, true)
	s.SchemaVersion = 4
	put(s, 3, true)
	s.Description = "new"
	put(s, 4, true)
	s.RuleSet = 1
	put(s, 5, true) // going back is a change as well
	got, err := st.Get(t.Context(), "clicks")
	if err != nil || got.Created.IsZero() {
		t.Fatalf("%+v %v", got, err)
	}
	want := s
	want.Version, want.Created = 5, got.Created
	if !reflect.DeepEqual(got, want) {
		t.Errorf("stored %+v, want %+v", got, want)
	}
	if old, err := st.GetVersion(t.Context(), "clicks", 1); err != nil || old.SchemaVersion != 3 || old.RuleSet != 1 || old.Description != "" {
		t.Errorf("version 1: %+v %v", old, err)
	}
	if list, err := st.Versions(t.Context(), "clicks"); err != nil || len(list) != 5 || list[4].Version != 5 {
		t.Errorf("%d versions: %v", len(list), err)
	}
	del := func() error {
		return d.Write(t.Context(), func(tx *db.Tx) error { return st.Delete(tx, "clicks") })
	}
	if err := del(); err != nil {
		t.Fatal(err)
	}
	wantKind(t, del(), gateway.ErrNotFound)
	_, err = st.Get(t.Context(), "clicks")
	wantKind(t, err, gateway.ErrNotFound)
	_, err = st.Versions(t.Context(), "clicks")
	wantKind(t, err, gateway.ErrNotFound)
	if list, err := st.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
	if old, err := st.GetVersion(t.Context(), "clicks", 5); err != nil || old.Version != 5 {
		t.Errorf("a deleted stream's version: %+v %v", old, err)
	}
	put(s, 6, true) // not 1 again, and not "unchanged"
	if list, err := st.List(t.Context()); err != nil || len(list) != 1 || list[0].Version != 6 {
		t.Errorf("%v %v", list, err)
	}
	if err := d.Write(t.Context(), func(tx *db.Tx) error { _, _, err := st.Put(tx, gateway.Stream{}); return err }); err == nil {
		t.Error("an invalid stream was stored")
	}
}

func TestDurationsAreWrittenForPeople(t *testing.T) {
	b, err := json.Marshal(valid())
	if err != nil || !strings.Contains(string(b), `"max_age":"1m0s"`) {
		t.Errorf("%s %v", b, err)
	}
}
