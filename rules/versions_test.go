package rules

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/schemas"
)

// The versions of clicks: each asks for another number in n. Their ids are 11, 12, 13, 14.
func clicks(t testing.TB, number int) *schemas.Schema {
	return schema(t, fmt.Sprintf(`{"type":"object","required":["n"],"properties":{"id":{"type":"string"},"n":{"type":"integer","minimum":%d}}}`, number*10))
}

// shelf is a Finder over versions that a test has.
type shelf struct {
	versions map[int]Found
	err      error
}

func (s *shelf) Version(_ context.Context, number int) (Found, error) {
	if s.err != nil {
		return Found{}, s.err
	}
	if f, ok := s.versions[number]; ok {
		return f, nil
	}
	return Found{}, fmt.Errorf("%w: here", schemas.ErrNotFound)
}

func (s *shelf) Numbers(_ context.Context, id int64) (list []int, err error) {
	for number, f := range s.versions {
		if f.ID == id {
			list = append(list, number)
		}
	}
	slices.SortFunc(list, func(a, b int) int { return b - a })
	return list, s.err
}

var (
	ends     = time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
	received = ends.Add(-time.Hour)
	everyWay = []Naming{{DataSchema: true}, {Header: "Schema-Version"}, {Field: "/meta/version"}, {RegistryID: true}}
)

// naming is a contract over version 3 of clicks that accepts 2 until it ends, and 4.
func namingContract(t testing.TB, edit func(*ContractConfig)) *Contract {
	return contract(t, Set{Rules: []Rule{{ID: "odd", Expr: "event.n % 2 == 0", Message: "it is odd"}}}, func(c *ContractConfig) {
		c.Schema, c.ID = clicks(t, 3), "/id"
		c.Version = lazaret.Version{Stream: 1, Subject: "clicks", Schema: 3, SchemaID: 13, RuleSet: 1}
		c.Versions = &Versions{By: everyWay, Accept: []Accepted{
			{Number: 4, ID: 14, Schema: clicks(t, 4)}, {Number: 2, ID: 12, Schema: clicks(t, 2), Until: ends},
		}}
		if edit != nil {
			edit(c)
		}
	})
}

// ways are all in which an event can name a version: each puts the name on an event.
func ways() map[string]func(data string, number int) *lazaret.Event {
	plain := func(data string) *lazaret.Event {
		return &lazaret.Event{Data: []byte(data), ContentType: "application/json", Received: received}
	}
	binary := func(data, dataschema string) *lazaret.Event {
		e := plain(data)
		for _, h := range []string{"ce_specversion=1.0", "ce_id=e1", "ce_source=/s", "ce_type=t", "ce_dataschema=" + dataschema} {
			name, value, _ := strings.Cut(h, "=")
			e.Headers = append(e.Headers, lazaret.Header{Name: name, Value: value})
		}
		return e
	}
	header := func(data, name, value string) *lazaret.Event {
		e := plain(data)
		e.Headers = []lazaret.Header{{Name: name, Value: value}}
		return e
	}
	field := func(data, value string) *lazaret.Event {
		if !strings.HasPrefix(data, "{") {
			return plain(data)
		}
		return plain(`{"meta":{"version":` + value + `},` + data[1:])
	}
	frame := func(number int) string { return string(lazaret.AppendFrame(nil, int64(number)+10)) }
	text := func(format string) func(int) string {
		return func(number int) string { return fmt.Sprintf(format, number) }
	}
	urn, url := text("lazaret:clicks:%d"), text("https://r/x/subjects/cl%%69cks/versions/%d/schema?a=b")
	byID := func(number int) string { return fmt.Sprintf("http://r/schemas/ids/%d", number+10) }
	return map[string]func(string, int) *lazaret.Event{
		"dataschema urn": func(d string, n int) *lazaret.Event { return binary(d, urn(n)) },
		"dataschema url": func(d string, n int) *lazaret.Event { return binary(d, url(n)) },
		"dataschema id":  func(d string, n int) *lazaret.Event { return binary(d, byID(n)) },
		"structured": func(d string, n int) *lazaret.Event {
			e := plain(`{"specversion":"1.0","id":"e1","source":"/s","type":"t","dataschema":"` + urn(n) + `","data":` + d + `}`)
			e.ContentType = "application/cloudevents+json"
			return e
		},
		"header number": func(d string, n int) *lazaret.Event { return header(d, "schema-version", fmt.Sprint(n)) },
		"header urn":    func(d string, n int) *lazaret.Event { return header(d, "SCHEMA-VERSION", urn(n)) },
		"field number":  func(d string, n int) *lazaret.Event { return field(d, fmt.Sprint(n)) },
		"field text":    func(d string, n int) *lazaret.Event { return field(d, `"`+urn(n)+`"`) },
		"field id":      func(d string, n int) *lazaret.Event { return field(d, `"`+byID(n)+`"`) },
		"frame":         func(d string, n int) *lazaret.Event { return plain(frame(n) + d) },
		"frame in binary mode": func(d string, n int) *lazaret.Event {
			e := binary(frame(n)+d, "")
			e.Headers = e.Headers[:4]
			return e
		},
		"frame in structured mode": func(d string, n int) *lazaret.Event {
			e := plain(frame(n) + `{"specversion":"1.0","id":"e1","source":"/s","type":"t","data":` + d + `}`)
			e.ContentType = "application/cloudevents+json"
			return e
		},
		"frame in a header": func(d string, n int) *lazaret.Event { return header(d, "__value_schema_id", frame(n)) },
		"a first place that wins": func(d string, n int) *lazaret.Event {
			e := field(frame(2)+d, "2")
			e.Headers = []lazaret.Header{{Name: "schema-version", Value: urn(n)}}
			return e
		},
	}
}

// Whichever way an event names a version, its verdict is that of a contract which has that
// version alone; what it must not name is schema.unknown and nothing else. That holds with
// the checker and without, and whatever was judged before.
func TestNamedVersionJudgesAlone(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	alone := map[int]*Contract{}
	for number := 2; number <= 5; number++ {
		alone[number] = namingContract(t, func(c *ContractConfig) {
			c.Schema, c.Version.Schema, c.Version.SchemaID, c.Versions = clicks(t, number), number, int64(number)+10, nil
		})
	}
	for _, reference := range []bool{false, true} {
		c := namingContract(t, func(c *ContractConfig) {
			c.Reference = reference
			c.Versions.All, c.Versions.Find = true, &shelf{versions: map[int]Found{
				2: {Schema: clicks(t, 2), ID: 12}, 5: {Schema: clicks(t, 5), ID: 15},
			}}
		})
		all := ways()
		judged := map[lazaret.Status]int{}
		for range 4000 {
			names := slices.Sorted(mapsKeys(all))
			way := names[random.IntN(len(names))]
			number := 1 + random.IntN(6)
			data := fmt.Sprintf(`{"id":"i%d","n":%d}`, random.IntN(9), 15+random.IntN(45))
			if random.IntN(10) == 0 {
				data = []string{`{"n":"x","id":"y"}`, `{"n":`, `[]`, `{"id":"z"}`, `{"n":1,"n":2}`}[random.IntN(5)]
			}
			e := all[way](data, number)
			got, err := c.Judge(t.Context(), e)
			if err != nil {
				t.Fatal(err)
			}
			judged[got.Status]++
			syntax := data == `{"n":`
			// What is no JSON, or has no place for the field, names nothing in it.
			unnamed := strings.Contains(way, "structured") && syntax || strings.HasPrefix(way, "field") && (data[0] != '{' || syntax || strings.Count(data, `"n"`) > 1)
			want := alone[number]
			if unnamed {
				want = alone[3]
			}
			if want == nil {
				if !slices.ContainsFunc(got.Reasons, func(r lazaret.Reason) bool { return r.Code == lazaret.CodeSchemaUnknown }) || got.Version.Schema != 0 {
					t.Fatalf("%s, version %d of %q: %+v", way, number, e.Data, got)
				}
				continue
			}
			other := *e
			if _, payload, framed := lazaret.CutFrame(e.Data); framed {
				other.Data = payload
			}
			same, err := want.Judge(t.Context(), &other)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, same) {
				t.Fatalf("%s, version %d of %q (reference %v):\ngot  %+v\nwant %+v", way, number, e.Data, reference, got, same)
			}
		}
		if judged[lazaret.Accepted] < 200 || judged[lazaret.Quarantined] < 200 {
			t.Errorf("the events try little: %v", judged)
		}
	}
}

func mapsKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// A version ends for the events that are received at that time or later, and an event that
// is judged again is judged as of when it was received.
func TestVersionEnds(t *testing.T) {
	c := namingContract(t, nil)
	all := namingContract(t, func(c *ContractConfig) {
		c.Versions.Accept, c.Versions.All, c.Versions.AllUntil = nil, true, ends
		c.Versions.Find = &shelf{versions: map[int]Found{2: {Schema: clicks(t, 2), ID: 12}}}
	})
	for _, way := range []string{"header number", "frame", "field number", "structured"} {
		for _, c := range []*Contract{c, all} {
			for _, x := range []struct {
				at   time.Time
				want lazaret.Status
			}{{ends.Add(-1), lazaret.Accepted}, {ends, lazaret.Quarantined}, {ends.Add(1), lazaret.Quarantined}, {ends.Add(-time.Hour), lazaret.Accepted}} {
				e := ways()[way](`{"n":28}`, 2)
				e.Received = x.at
				v, err := c.Judge(t.Context(), e)
				if err != nil || v.Status != x.want {
					t.Errorf("%s, received at %s: %+v, %v", way, x.at, v, err)
				}
				if x.want == lazaret.Quarantined && !strings.Contains(v.Reasons[0].Message, "ended at 2026-12-31T00:00:00Z") {
					t.Errorf("the message does not say when it ended: %q", v.Reasons[0].Message)
				}
			}
		}
	}
}

// What an event names and must not is the event's fault, without a word out of it.
func TestUnknownVersion(t *testing.T) {
	c := namingContract(t, nil)
	for value, message := range map[string]string{
		"7":                                   "does not accept",
		"lazaret:secret:3":                    "another schema than clicks",
		"lazaret:clicks:":                     "is not one",
		"03":                                  "is not one",
		"99999999999999999999":                "is not one",
		"secret":                              "is not one",
		"http://r/subjects/secret/versions/3": "another schema",
		"http://r/subjects/clicks/versions/latest": "is not one",
		"http://r/schemas/ids/77":                  "by its id",
		"ftp://r/schemas/ids/13":                   "is not one",
	} {
		e := ways()["header number"](`{"n":30,"id":"i"}`, 1)
		e.Headers[0].Value = value
		v, err := c.Judge(t.Context(), e)
		if err != nil || len(v.Reasons) != 1 || v.Reasons[0].Code != lazaret.CodeSchemaUnknown || v.ID != "i" || v.Version != (lazaret.Version{Stream: 1, Subject: "clicks", RuleSet: 1}) {
			t.Errorf("%q: %+v, %v", value, v, err)
			continue
		}
		if m := v.Reasons[0].Message; !strings.Contains(m, message) || !strings.HasSuffix(m, "(named in the header Schema-Version)") || strings.Contains(m, "secret") || strings.Contains(m, "77") {
			t.Errorf("%q: %s", value, m)
		}
	}
	guid := ways()["header number"](`{"n":30}`, 1)
	guid.Headers[0] = lazaret.Header{Name: "__value_schema_id", Value: "\x01" + strings.Repeat("g", 16)}
	if v, err := c.Judge(t.Context(), guid); err != nil || len(v.Reasons) != 1 || !strings.Contains(v.Reasons[0].Message, "GUID") {
		t.Errorf("a GUID: %+v, %v", v, err)
	}
	list := ways()["field number"](`{"n":30}`, 1)
	list.Data = []byte(`{"n":30,"meta":{"version":[3]}}`)
	if v, err := c.Judge(t.Context(), list); err != nil || len(v.Reasons) != 1 || v.Reasons[0].Path != "/meta/version" {
		t.Errorf("a list in the field: %+v, %v", v, err)
	}
}

// What has no name in it is judged by the contract's own version.
func TestNamesNone(t *testing.T) {
	c := namingContract(t, nil)
	for _, data := range []string{`{"n":30}`, `{"n":30,"meta":{"version":null}}`, `{"n":30,"meta":{"version":""}}`, `{"n":30,"meta":7}`} {
		v, err := c.Judge(t.Context(), &lazaret.Event{Data: []byte(data), ContentType: "application/json", Headers: []lazaret.Header{{Name: "schema-version"}}})
		if err != nil || v.Status != lazaret.Accepted || v.Version.Schema != 3 || v.Version.SchemaID != 13 {
			t.Errorf("%s: %+v, %v", data, v, err)
		}
	}
}

// A version that cannot be had is our failure, and so is one that cannot be looked for; one
// that was registered too late for the event does not exist.
func TestVersionUnavailable(t *testing.T) {
	broken := errors.New("the disk is gone")
	find := &shelf{err: broken}
	c := namingContract(t, func(c *ContractConfig) { c.Versions.All, c.Versions.Find = true, find })
	for _, way := range []string{"header number", "frame", "field number", "dataschema id"} {
		v, err := c.Judge(t.Context(), ways()[way](`{"n":60}`, 5))
		if !errors.Is(err, lazaret.ErrSchemaUnavailable) || !errors.Is(err, broken) || v.Status != "" {
			t.Errorf("%s: %+v, %v", way, v, err)
		}
		if v, err := c.Judge(t.Context(), ways()[way](`{"n":60}`, 4)); err != nil || v.Status != lazaret.Accepted {
			t.Errorf("%s of a version that the stream lists needs the store: %+v, %v", way, v, err)
		}
	}
	find.err, find.versions = nil, map[int]Found{5: {Schema: clicks(t, 5), ID: 15, Created: received}}
	for asOf, want := range map[time.Time]lazaret.Status{{}: lazaret.Accepted, received: lazaret.Accepted, received.Add(-time.Microsecond): lazaret.Quarantined} {
		e := ways()["frame"](`{"n":60}`, 5)
		e.AsOf = asOf
		if v, err := c.Judge(t.Context(), e); err != nil || v.Status != want {
			t.Errorf("as of %s: %+v, %v", asOf, v, err)
		}
	}
}

// A contract whose versions have no ids looks them up, and what it finds has to be accepted.
func TestIDsThatAreNotKnown(t *testing.T) {
	find := &shelf{versions: map[int]Found{2: {Schema: clicks(t, 2), ID: 12}, 5: {Schema: clicks(t, 5), ID: 15}}}
	c := namingContract(t, func(c *ContractConfig) {
		c.Version.SchemaID, c.Versions.Find, c.Versions.Accept[1].ID = 0, find, 0
	})
	for number, want := range map[int]int{2: 2, 5: 0} {
		if v, err := c.Judge(t.Context(), ways()["frame"](`{"n":60}`, number)); err != nil || v.Version.Schema != want {
			t.Errorf("%d: %+v, %v", number, v, err)
		}
	}
	find.err = errors.New("there is no server")
	if _, err := c.Judge(t.Context(), ways()["frame"](`{"n":60}`, 2)); !errors.Is(err, lazaret.ErrSchemaUnavailable) {
		t.Errorf("an id that cannot be looked up: %v", err)
	}
}

// Of a subject's versions with one id, one that is accepted still judges.
func TestSeveralVersionsOfOneID(t *testing.T) {
	c := namingContract(t, func(c *ContractConfig) {
		c.Versions.Accept = []Accepted{{Number: 4, ID: 12, Schema: clicks(t, 2)}, {Number: 2, ID: 12, Schema: clicks(t, 2), Until: ends}}
	})
	e := ways()["frame"](`{"n":28}`, 2)
	e.Received = ends
	if v, err := c.Judge(t.Context(), e); err != nil || v.Status != lazaret.Accepted || v.Version.Schema != 4 {
		t.Errorf("%+v, %v", v, err)
	}
}

// Without registry_id a frame is no JSON, as it always was.
func TestFrameIsNotTakenOffUnasked(t *testing.T) {
	c := namingContract(t, func(c *ContractConfig) { c.Versions.By = everyWay[:3] })
	if v, err := c.Judge(t.Context(), ways()["frame"](`{"n":30}`, 3)); err != nil || len(v.Reasons) != 1 || v.Reasons[0].Code != lazaret.CodeSyntax {
		t.Errorf("%+v, %v", v, err)
	}
	short := &lazaret.Event{Data: []byte("\x00\x00\x00\x00"), ContentType: "application/json"}
	if v, err := namingContract(t, nil).Judge(t.Context(), short); err != nil || len(v.Reasons) != 1 || v.Reasons[0].Code != lazaret.CodeSyntax {
		t.Errorf("a short frame: %+v, %v", v, err)
	}
}

// No text makes the reader of names fail, and what it reads as a number is that number.
func FuzzParseName(f *testing.F) {
	for _, s := range []string{"", "3", "lazaret:clicks:3", "http://r/subjects/clicks/versions/3", "https://r/schemas/ids/3/schema", "http://", "lazaret:::", "%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		switch v := parseName(text, "clicks"); {
		case v.kind == namesNumber && (v.number < 1 || v.number > maxID || !strings.Contains(text, fmt.Sprint(v.number))),
			v.kind == namesID && (v.id < 1 || v.id > maxID || !strings.Contains(text, fmt.Sprint(v.id))),
			v.kind == namesNone && text != "":
			t.Errorf("%q is %+v", text, v)
		}
	})
}
