package lazaret_test

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/expr-lang/expr/builtin"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/config"
	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/quarantine"
	"github.com/lazaret/lazaret/rules"
)

// pages returns the documents that people read: README.md and everything else that is
// Markdown at the top, in docs and in examples.
func pages(t *testing.T) map[string]string {
	t.Helper()
	list := map[string]string{}
	for _, root := range []string{"docs", "examples"} {
		err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(file, ".md") {
				list[file] = read(t, file)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	tops, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range tops {
		list[file] = read(t, file)
	}
	if list["README.md"] == "" || len(list) < 10 {
		t.Fatalf("only %d documents were found", len(list))
	}
	return list
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var (
	link    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	notSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// slug is what a heading is called in a link.
func slug(heading string) string {
	return strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), ""), " ", "-")
}

// Every relative link leads to a file that there is, and to a heading that is in it.
func TestLinksLeadSomewhere(t *testing.T) {
	links := 0
	for file, page := range pages(t) {
		prose, _ := cutCode(page)
		for _, m := range link.FindAllStringSubmatch(prose, -1) {
			u, err := url.Parse(m[1])
			if err != nil {
				t.Errorf("%s: the link %s is none: %v", file, m[1], err)
				continue
			}
			if u.IsAbs() {
				continue
			}
			links++
			target := file
			if u.Path != "" {
				target = filepath.Join(filepath.Dir(file), filepath.FromSlash(u.Path))
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: the link %s leads nowhere", file, m[1])
				continue
			}
			if u.Fragment != "" && !hasHeading(read(t, target), u.Fragment) {
				t.Errorf("%s: the link %s leads to no heading of %s", file, m[1], target)
			}
		}
	}
	if links < 10 {
		t.Errorf("only %d relative links were found", links)
	}
}

func hasHeading(page, fragment string) bool {
	return slices.ContainsFunc(heading.FindAllStringSubmatch(page, -1), func(m []string) bool { return slug(m[1]) == fragment })
}

// cutCode splits a page into its prose and the lines of its code blocks, fenced or
// indented.
func cutCode(page string) (prose string, code []string) {
	var text strings.Builder
	fenced := false
	for line := range strings.Lines(page) {
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			fenced = !fenced
		case fenced || strings.HasPrefix(line, "    "):
			code = append(code, strings.TrimSpace(line))
		default:
			text.WriteString(line)
		}
	}
	return text.String(), code
}

// subcommands are the words that may follow lazaret on a command line: what the function
// root adds to the root command, and what the command library adds of itself.
func subcommands(t *testing.T) map[string]bool {
	t.Helper()
	made := map[string]string{} // by the name of the function that makes the command
	var added []string
	for _, file := range sources(t, "cmd/lazaret") {
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			if use, _, _ := strings.Cut(firstUse(f.Body), " "); use != "" {
				made[f.Name.Name] = use
			}
			if f.Name.Name == "root" {
				added = append(added, addedBy(f.Body)...)
			}
		}
	}
	list := map[string]bool{"help": true, "completion": true}
	for _, function := range added {
		if made[function] == "" {
			t.Fatalf("cmd/lazaret: it is not plain which command %s makes", function)
		}
		list[made[function]] = true
	}
	if !list["serve"] || !list["apply"] || !list["token"] {
		t.Fatalf("cmd/lazaret: the commands were not found, only %v", list)
	}
	return list
}

// firstUse is the first Use of a command in a function, or the first argument of group.
func firstUse(body *ast.BlockStmt) (use string) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			if k, ok := n.Key.(*ast.Ident); ok && k.Name == "Use" && use == "" {
				use = text(n.Value)
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "group" && use == "" {
				use = text(n.Args[0])
			}
		}
		return use == ""
	})
	return use
}

// addedBy are the methods called …Cmd that the root command's function calls.
func addedBy(body *ast.BlockStmt) (names []string) {
	ast.Inspect(body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if f, ok := call.Fun.(*ast.SelectorExpr); ok && strings.HasSuffix(f.Sel.Name, "Cmd") {
				names = append(names, f.Sel.Name)
			}
		}
		return true
	})
	return names
}

var commandLine = regexp.MustCompile(`^(?:\$ |sudo |[A-Z_]+=\S+ |\S*/)*lazaret +([a-z][a-z-]*)(?:\s|$)`)

// Every command line in a code block names a command that there is.
func TestCommandsExist(t *testing.T) {
	known, seen := subcommands(t), 0
	for file, page := range pages(t) {
		_, code := cutCode(page)
		for _, line := range code {
			m := commandLine.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			seen++
			if !known[m[1]] {
				t.Errorf("%s: there is no command %q: %s", file, m[1], line)
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d command lines were found", seen)
	}
}

// docs/rules.md names every function that rules have, and no more is refused than it says.
func TestFunctionsAreDocumented(t *testing.T) {
	page := read(t, "docs/rules.md")
	for _, name := range builtin.Names {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("docs/rules.md does not name the function %s", name)
		}
	}
}

// row returns the row of a table in docs/limits.md whose first cell begins so.
func row(t *testing.T, page, first string) string {
	t.Helper()
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "| "+first) {
			return line
		}
	}
	t.Errorf("docs/limits.md has no row %q", first)
	return ""
}

// docs/limits.md tells the defaults of lazaret.yaml.
func TestLimitsOfConfig(t *testing.T) {
	page, c := read(t, "docs/limits.md"), config.Default()
	for key, want := range map[string]any{
		"limits.body": c.Limits.Body, "limits.decoded": c.Limits.Decoded, "limits.event": c.Limits.Event,
		"limits.batch_events": c.Limits.BatchEvents, "limits.in_flight": c.Limits.InFlight,
		"limits.json_depth": c.Limits.JSONDepth, "limits.json_keys": c.Limits.JSONKeys, "limits.admin_body": c.Limits.AdminBody,
		"limits.read_timeout": c.Limits.ReadTimeout, "limits.write_timeout": c.Limits.WriteTimeout, "limits.idle_timeout": c.Limits.IdleTimeout,
		"store.min_free": c.Store.MinFree, "reprocess.concurrency": c.Reprocess.Concurrency, "shutdown_timeout": c.ShutdownTimeout,
	} {
		if r := row(t, page, "`"+key+"`"); !strings.Contains(r, fmt.Sprintf("| %v |", want)) {
			t.Errorf("the default of %s is %v, and docs/limits.md says %s", key, want, r)
		}
	}
}

// docs/limits.md tells the bounds that are written into the code.
func TestLimitsOfCode(t *testing.T) {
	page := read(t, "docs/limits.md")
	for _, l := range []struct{ first, want string }{
		{"reasons of an event", plain(lazaret.MaxReasons)},
		{"an Idempotency-Key is kept", fmt.Sprintf("%.0f h", gateway.KeepRequests.Hours())},
		{"Idempotency-Key", number(t, "gateway/httpin/params.go", "maxKey")},
		{"window of a zstd frame", size(t, "gateway/httpin/body.go", "zstdWindow")},
		{"items of a page", plain(quarantine.DefaultLimit) + " unless asked, at most " + plain(quarantine.MaxLimit)},
		{"ids of a filter", number(t, "quarantine/filter.go", "maxIDs")},
		{"characters of a number", plain(jsonread.DefaultNumberLength)},
		{"exponent of a number", plain(jsonread.DefaultExponent)},
		{"attributes of a CloudEvent", number(t, "internal/cloudevents/cloudevents.go", "maxAttributes")},
		{"`path`", number(t, "schemas/pointer.go", "maxPath") + " bytes, each name in it " + number(t, "schemas/pointer.go", "maxToken")},
		{"rules of a set", plain(rules.MaxRules)},
		{"message; owner and doc", plain(rules.MaxMessage) + " characters; " + plain(rules.MaxText)},
		{"source of an expression", plain(rules.MaxSource>>10) + " KiB"},
		{"nesting of an expression", plain(rules.MaxNesting)},
		{"parts of an expression", plain(rules.MaxNodes)},
		{"predicates", plain(rules.MaxPredicates)},
		{"length of a range", plain(rules.MaxRange)},
		{"steps", plain(rules.MaxSteps)},
		{"a text that the expression makes", plain(rules.MaxString>>20) + " MiB"},
		{"elements of lists", number(t, "rules/eval.go", "maxElements")},
		{"time, three times", plain(int(rules.DefaultRuleBudget/time.Millisecond)) + " ms"},
		{"name of a subject", number(t, "schemas/subject.go", "maxSubject")},
		{"one document", size(t, "schemas/document.go", "maxDocument")},
		{"documents that a schema reaches", number(t, "schemas/document.go", "maxDocuments")},
		{"all of them", size(t, "schemas/document.go", "maxTotal")},
		{"nesting of a document", number(t, "schemas/document.go", "maxDepth")},
		{"nodes", number(t, "schemas/document.go", "maxNodes")},
		{"`$id`", number(t, "schemas/document.go", "maxIdentifiers")},
		{"references to places", number(t, "schemas/document.go", "maxOddRefs")},
		{"size of a pattern, repetitions written out; of all", number(t, "schemas/pattern.go", "maxPatternSize") + "; " + number(t, "schemas/pattern.go", "maxPatternsSize")},
		{"checks of one place", number(t, "schemas/budget.go", "maxEvaluations")},
		{"memory", size(t, "schemas/trial_child.go", "trialMemoryEnd")},
		{"a file of manifests", size(t, "internal/yamlread/yamlread.go", "MaxBytes")},
		{"bytes that wait in a file sink", size(t, "gateway/sink/file.go", "defaultQueue")},
		{"bytes that wait in an http sink", size(t, "gateway/sink/http.go", "maxQueuedHTTP")},
		{"one fsync of a file sink", size(t, "gateway/sink/file.go", "maxGroupBytes")},
		{"requests of an http sink at once", number(t, "gateway/sink/http.go", "defaultRequests")},
		{"failed attempts in a row", number(t, "gateway/sink/breaker.go", "tripAfter")},
		{"writes that share a commit", number(t, "internal/db/writer.go", "maxGroup")},
		{"concurrency of a job", plain(quarantine.DefaultConcurrency) + " unless asked, at most " + plain(quarantine.MaxConcurrency)},
		{"unfinished jobs", number(t, "quarantine/jobs.go", "maxUnfinished")},
		{"entries judged and released together", number(t, "quarantine/read.go", "pageEntries")},
		{"groups that a dry run lists", plain(quarantine.MaxJobGroups)},
		{"`sink.kafka.max_bytes`", plain(gateway.DefaultKafkaRecord)},
		{"sources of a stream", number(t, "gateway/validate_kafka.go", "maxSources")},
		{"topics that a source names", number(t, "gateway/validate_kafka.go", "maxTopics") + "; " + number(t, "gateway/validate_kafka.go", "maxTopicPattern")},
		{"name of a consumer group", number(t, "gateway/validate_kafka.go", "maxGroup")},
		{"headers that a source names", number(t, "gateway/validate_kafka.go", "maxKeptHeaders")},
		{"one payload in the quarantine", size(t, "quarantine/payload.go", "maxPayload")},
	} {
		if r := row(t, page, l.first); !regexp.MustCompile(`\b` + regexp.QuoteMeta(l.want) + `\b`).MatchString(r) {
			t.Errorf("the code says %s, and docs/limits.md says %s", l.want, r)
		}
	}
}

// plain writes a number with its thousands apart.
func plain(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func number(t *testing.T, file, name string) string { return plain(constantOf(t, file, name)) }

func size(t *testing.T, file, name string) string {
	return plain(constantOf(t, file, name)>>20) + " MiB"
}

// constantOf is the value of a constant of a file, also of one that is not exported.
func constantOf(t *testing.T, file, name string) int {
	t.Helper()
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range parsed.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, s := range group.Specs {
			spec := s.(*ast.ValueSpec)
			if i := slices.IndexFunc(spec.Names, func(n *ast.Ident) bool { return n.Name == name }); i >= 0 {
				v, err := types.Eval(fset, nil, token.NoPos, types.ExprString(spec.Values[i]))
				if err != nil {
					t.Fatalf("%s: %s: %v", file, name, err)
				}
				n, _ := constant.Int64Val(constant.ToInt(v.Value))
				return int(n)
			}
		}
	}
	t.Fatalf("%s has no constant %s any more: let docs/limits.md and this test look where it is now", file, name)
	return 0
}

// deploy/lazaret.yaml is the default configuration, written out; and that of the container
// is one, listens on every address, and keeps everything in the volume.
func TestDeployedConfigurations(t *testing.T) {
	none := func(string) (string, bool) { return "", false }
	parse := func(file string) config.Config {
		c, err := config.Parse(file, []byte(read(t, file)), none)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if got, want := fmt.Sprintf("%+v", parse("deploy/lazaret.yaml")), fmt.Sprintf("%+v", config.Default()); got != want {
		t.Errorf("deploy/lazaret.yaml says\n%s\nand the defaults are\n%s", got, want)
	}
	c := parse("deploy/lazaret.container.yaml")
	const volume = "/var/lib/lazaret/"
	if c.Listen.HTTP != "0.0.0.0:8080" || len(c.Tokens) != 1 || c.Tokens[0].File == "" {
		t.Errorf("the container listens on %s with the tokens %+v", c.Listen.HTTP, c.Tokens)
	}
	if !strings.HasPrefix(c.Store.Path, volume) || !strings.HasPrefix(c.Sinks.File.Root, volume) {
		t.Errorf("the container writes to %s and %s, outside of its volume", c.Store.Path, c.Sinks.File.Root)
	}
	docker := read(t, "Dockerfile")
	for _, line := range []string{"VOLUME /var/lib/lazaret", "deploy/lazaret.container.yaml /etc/lazaret/lazaret.yaml", "EXPOSE 8080"} {
		if !strings.Contains(docker, line) {
			t.Errorf("the Dockerfile has no %q", line)
		}
	}
}
