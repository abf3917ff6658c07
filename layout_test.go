package lazaret_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/lazaret/lazaret"

// arrows says which packages of ours a package may import, tests aside. The root
// package is "." and may be imported by all; docs/design/0002-packages.md explains.
// A folder that is not here is a failure: put it on the map first.
var arrows = map[string][]string{
	".":                                 {},
	"metrics":                           {},
	"internal/db":                       {},
	"internal/jsonread":                 {},
	"internal/lru":                      {},
	"internal/words":                    {},
	"internal/yamlread":                 {"internal/jsonread"},
	"internal/web":                      {},
	"internal/client":                   {},
	"internal/workload":                 {},
	"internal/kafkaio":                  {},
	"gateway/kafka":                     {"gateway", "gateway/replay", "internal/kafkaio"},
	"gateway/replay":                    {"internal/db"},
	"gateway/recent":                    {"gateway", "internal/jsonread"},
	"internal/evolution":                {"gateway", "quarantine", "schemas", "schemas/infer", "internal/catalog", "internal/cloudevents", "internal/db", "internal/jsonread", "internal/words"},
	"internal/impact":                   {"gateway", "gateway/recent", "quarantine", "schemas", "internal/catalog", "internal/cloudevents", "internal/words"},
	"internal/kafkatest":                {},
	"internal/kafkatest/cmd/broker":     {"internal/kafkatest"},
	"examples":                          {},
	"internal/cloudevents":              {"internal/jsonread"},
	"internal/auth":                     {"internal/db"},
	"internal/config":                   {"internal/yamlread", "internal/auth", "internal/jsonread"},
	"schemas":                           {"schemas/contain", "internal/db", "internal/jsonread"},
	"schemas/contain":                   {"internal/jsonread"},
	"schemas/infer":                     {"schemas", "internal/jsonread"},
	"schemas/diff":                      {"internal/jsonread"},
	"rules":                             {"schemas", "internal/lru", "internal/db", "internal/jsonread", "internal/yamlread", "internal/cloudevents"},
	"quarantine":                        {"internal/db"},
	"gateway":                           {"internal/db", "internal/jsonread"},
	"gateway/sink":                      {"gateway"},
	"gateway/httpin":                    {"gateway", "internal/web", "internal/auth", "internal/jsonread"},
	"internal/catalog":                  {"gateway", "rules", "schemas", "internal/lru", "internal/db", "internal/yamlread", "internal/jsonread"},
	"gateway/admin":                     {"gateway", "gateway/replay", "quarantine", "rules", "schemas", "internal/catalog", "internal/auth", "internal/db", "internal/evolution", "internal/impact", "internal/web", "internal/yamlread", "internal/jsonread"},
	"gateway/registry":                  {"schemas", "internal/catalog", "internal/auth", "internal/web"},
	"internal/app":                      {"gateway", "gateway/registry", "gateway/recent", "internal/evolution", "internal/impact", "gateway/sink", "gateway/httpin", "gateway/admin", "gateway/kafka", "gateway/replay", "internal/kafkaio", "quarantine", "rules", "schemas", "metrics", "internal/catalog", "internal/auth", "internal/config", "internal/db", "internal/web", "internal/jsonread"},
	"cmd/lazaret":                       {"internal/app", "internal/client", "internal/config", "internal/catalog", "internal/auth", "internal/db", "internal/workload", "internal/kafkaio", "internal/jsonread", "internal/yamlread", "rules", "schemas", "schemas/infer", "schemas/diff", "gateway/sink", "examples", "internal/words"},
	"examples/github-webhooks":          {"examples/github-webhooks/webhooks", "internal/client"},
	"examples/github-webhooks/webhooks": {},
	"scripts/compare-jsonsubschema":     {"schemas"},
}

// Imports point one way, and the root imports the standard library alone.
func TestImportsPointOneWay(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == "testdata" || (len(name) > 1 && name[0] == '.') {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		folder := path.Dir(filepath.ToSlash(file))
		allowed, ok := arrows[folder]
		if !ok {
			t.Errorf("%s is not on the map of packages", folder)
			return nil
		}
		seen[folder] = true
		src, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, src, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if ours, ok := strings.CutPrefix(imported, module); ok {
				ours = strings.TrimPrefix(ours, "/")
				if ours != "" && !slices.Contains(allowed, ours) {
					t.Errorf("%s imports %s: against the arrows", file, ours)
				}
			} else if folder == "." && strings.Contains(strings.SplitN(imported, "/", 2)[0], ".") {
				t.Errorf("%s imports %s: the root imports the standard library alone", file, imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for folder := range arrows {
		if !seen[folder] {
			t.Errorf("%s is on the map and has no code", folder)
		}
	}
}
