package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lazaret/lazaret/internal/jsonread"
)

// suiteVariable says where a checkout of the JSON-Schema-Test-Suite is.
const suiteVariable = "LAZARET_JSON_SCHEMA_TEST_SUITE"

var suiteDrafts = []struct {
	dir   string
	draft *jsonschema.Draft
}{
	{"draft4", jsonschema.Draft4},
	{"draft6", jsonschema.Draft6},
	{"draft7", jsonschema.Draft7},
	{"draft2019-09", jsonschema.Draft2019},
	{"draft2020-12", jsonschema.Draft2020},
}

// suiteGroup is one element of a file of the suite.
type suiteGroup struct {
	Description string          `json:"description"`
	Schema      json.RawMessage `json:"schema"`
	Tests       []struct {
		Description string          `json:"description"`
		Data        json.RawMessage `json:"data"`
		Valid       bool            `json:"valid"`
	} `json:"tests"`
}

// suite runs cases and holds what came of them against the exceptions.
type suite struct {
	root       string
	cases      int
	exceptions map[string]string // why, by name or prefix that ends in "*"
	used       map[string]bool
}

// TestRequiredSuite: every required case of the suite, draft 4 to 2020-12, is judged as it
// says, but for the exceptions that are listed; an exception that no longer fails is an
// error, and so is a suite without cases. Without the variable the cases in testdata run.
func TestRequiredSuite(t *testing.T) {
	root, want := os.Getenv(suiteVariable), 4900
	exceptions := requiredExceptions
	if root == "" {
		root, want, exceptions = filepath.Join("testdata", "suite"), 40, nil
	}
	s := &suite{root: root, exceptions: exceptions, used: map[string]bool{}}
	for _, d := range suiteDrafts {
		before := s.cases
		s.dir(t, d.dir, filepath.Join(root, "tests", d.dir, "*.json"), d.draft)
		if s.cases == before {
			t.Errorf("%s holds no cases of %s", root, d.dir)
		}
	}
	s.finish(t, want)
}

// TestFormatSuite: the suite's cases of each format that is judged are judged as they say,
// in each draft, but for the exceptions that are listed.
func TestFormatSuite(t *testing.T) {
	root, want := os.Getenv(suiteVariable), 2700
	exceptions := formatExceptions
	if root == "" {
		root, want, exceptions = filepath.Join("testdata", "suite"), 10, nil
	}
	s := &suite{root: root, exceptions: exceptions, used: map[string]bool{}}
	for _, d := range suiteDrafts {
		s.dir(t, d.dir, filepath.Join(root, "tests", d.dir, "optional", "format", "*.json"), d.draft)
	}
	s.finish(t, want)
}

// finish checks that enough ran, and that each exception was needed.
func (s *suite) finish(t *testing.T, want int) {
	t.Helper()
	t.Logf("%d cases from %s", s.cases, filepath.Base(s.root))
	if s.cases < want {
		t.Errorf("only %d cases, expected at least %d", s.cases, want)
	}
	for name, why := range s.exceptions {
		if !s.used[name] {
			t.Errorf("the exception %q no longer fails; remove it (it was: %s)", name, why)
		}
	}
}

func (s *suite) dir(t *testing.T, draft, pattern string, d *jsonschema.Draft) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var groups []suiteGroup
		if err := json.Unmarshal(data, &groups); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, g := range groups {
			s.group(t, draft+"/"+filepath.Base(file), g, d)
		}
	}
}

func (s *suite) group(t *testing.T, file string, g suiteGroup, d *jsonschema.Draft) {
	t.Helper()
	schema, err := Compile(g.Schema, Options{remote: s.remote, draft: d})
	for _, c := range g.Tests {
		s.cases++
		name := file + ": " + g.Description + ": " + c.Description
		problem := ""
		if err != nil {
			problem = "the schema does not compile: " + err.Error()
		} else if result, err := schema.Judge(c.Data); err != nil {
			problem = "error: " + err.Error()
		} else if valid := len(result.Reasons) == 0; valid != c.Valid {
			problem = fmt.Sprintf("valid is %t, expected %t; %v", valid, c.Valid, result.Reasons)
		} else {
			problem = sameBounded(schema, c.Data, result)
		}
		if problem != "" && !s.excepted(name) {
			t.Errorf("%s\n\t%s\n\tschema %s\n\tdata %s", name, problem, clip(g.Schema), clip(c.Data))
		}
	}
}

// sameBounded judges a payload again, without the checker, and as one that costs much would
// be, and says how the reasons differ from those that it had; "" if they do not.
func sameBounded(s *Schema, payload []byte, want Result) string {
	if got, err := s.reference(payload); err != nil || !reflect.DeepEqual(got, want) {
		return fmt.Sprintf("the reference: %v and %d more, %v; the checker: %v and %d more", got.Reasons, got.More, err, want.Reasons, want.More)
	}
	if s.dynamic {
		return "" // it has no such form
	}
	value, bad := jsonread.Decode(payload, s.limits)
	if bad != nil {
		return "" // nor has it
	}
	got, err := s.judge(s.bounded(), value)
	if err != nil {
		return "bounded, error: " + err.Error()
	}
	if !slices.Equal(got.Reasons, want.Reasons) || got.More != want.More {
		return fmt.Sprintf("bounded: %v and %d more, expected %v and %d more", got.Reasons, got.More, want.Reasons, want.More)
	}
	return ""
}

// excepted reports whether a failing case is a known exception.
func (s *suite) excepted(name string) bool {
	for pattern := range s.exceptions {
		prefix, wild := strings.CutSuffix(pattern, "*")
		_, noDraft, _ := strings.Cut(name, "/")
		for _, n := range []string{name, noDraft} {
			if n == pattern || wild && strings.HasPrefix(n, prefix) {
				s.used[pattern] = true
				return true
			}
		}
	}
	return false
}

// remote gives the suite's own documents.
func (s *suite) remote(url string) (any, error) {
	path, ok := strings.CutPrefix(url, "http://localhost:1234/")
	if !ok {
		return nil, errors.New("not the suite's")
	}
	data, err := os.ReadFile(filepath.Join(s.root, "remotes", filepath.FromSlash(path)))
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(data))
}

func clip(data []byte) string {
	var b bytes.Buffer
	if json.Compact(&b, data) != nil {
		return "?"
	}
	return truncate(b.String(), 300)
}
