package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/catalog"
	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/schemas"
)

// schemaBody is what is sent to have a schema checked or put under a level or with references;
// without these it is the schema as it is. Its text is never changed.
func schemaBody(subject string, level schemas.Level, refs []schemas.Reference, document []byte) ([]byte, error) {
	if level == "" && len(refs) == 0 {
		return document, nil
	}
	body, err := json.Marshal(struct {
		Kind          catalog.Kind        `json:"kind"`
		Subject       string              `json:"subject"`
		Compatibility schemas.Level       `json:"compatibility,omitempty"`
		References    []schemas.Reference `json:"references,omitempty"`
	}{catalog.KindSchema, subject, level, refs})
	if err != nil {
		return nil, err
	}
	body = append(body[:len(body)-1], `,"schema":`...)
	return append(append(body, document...), '}'), nil
}

// compareWithServer compares a file with the versions that the server has.
func (e *env) compareWithServer(ctx context.Context, args []string, level schemas.Level, o schemaCheckOptions) (c compared, err error) {
	subject := o.subject
	if len(args) != 1 {
		return c, usage("with --subject give NEW alone: the server has the earlier versions")
	}
	file, err := e.readDocument(ctx, args[0])
	if err != nil {
		return c, err
	}
	err = e.withServer(ctx, impatient, func(cl *client.Client) error {
		latest, err := hasSubject(ctx, cl, subject, file.name, o.allowFirst)
		if err != nil {
			return err
		}
		refs := e.referencesOf(file, o.references, latest)
		file.refs = refs
		body, err := schemaBody(subject, level, refs, file.data)
		if err != nil {
			return err
		}
		found, err := cl.CheckSchema(ctx, subject, body)
		if err != nil {
			return file.refused(err, refs)
		}
		c = file.compared(found, subject)
		if o.recent == 0 {
			return nil
		}
		if body, err = schemaBody(subject, "", refs, file.data); err != nil {
			return err
		}
		impact, err := cl.Impact(ctx, subject, body, o.stream, o.recent, o.payloads)
		if err != nil {
			return file.refused(err, refs)
		}
		c.Impact = &impact
		return nil
	})
	return c, err
}

// hasSubject is the latest version of a subject. It refuses one that the server does not have,
// unless first says that it may be new: with nothing to compare with everything is compatible,
// and a slip of the pen would switch a check off.
func hasSubject(ctx context.Context, c *client.Client, subject, name string, first bool) (client.SchemaVersion, error) {
	v, err := c.Schema(ctx, subject, 0)
	switch {
	case first && err != nil:
		return client.SchemaVersion{}, nil // what is wrong is said of the check itself
	case isNotFound(err):
		return v, usage("--subject %s: the server has no such subject%s\n--allow-first takes %s for its first version", subject, nearest(subject, subjects(ctx, c)), name)
	}
	return v, err
}

// subjects are those of the server, as far as one page tells.
func subjects(ctx context.Context, c *client.Client) (all []string) {
	raw, _, err := c.Get(ctx, "schemas", "", url.Values{"limit": {"1000"}})
	var page struct{ Schemas []struct{ Subject string } }
	if err != nil || json.Unmarshal(raw, &page) != nil {
		return nil
	}
	for _, s := range page.Schemas {
		all = append(all, s.Subject)
	}
	return all
}

// refused makes a refusal of the schema an error of the file, with its places.
func (f schemaFile) refused(err error, refs []schemas.Reference) error {
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != 400 && p.Status != 422 {
		return err
	}
	for i := range p.Errors {
		fault := &p.Errors[i]
		if fault.Pointer == "/subject" && strings.HasPrefix(fault.Message, schemas.ErrSubject.Error()) {
			return usage("SUBJECT: %s", fault.Message) // that is of the command line, not of the file
		}
		fault.Resource, fault.File = "", f.name
		fault.Line, fault.Column = f.place(fault.Pointer, "")
		if names := f.outside(refs); len(names) > 0 && strings.HasSuffix(fault.Pointer, "/$ref") {
			fault.Message += referenceHint(names)
		}
	}
	return badConfig(err)
}

// compared is what the server said of the file, with its places in it.
func (f schemaFile) compared(found client.SchemaCheck, subject string) compared {
	c := compared{
		Answer: schemas.Answer(found.Answer), More: found.More, Level: schemas.Level(found.Level), New: f.name,
		Earlier: []string{}, Breaks: []shownBreak{}, Doubts: []shownDoubt{}, Notes: f.notes(), file: f,
	}
	name := func(version int) string { return fmt.Sprintf("%s version %d", subject, version) }
	for _, v := range found.Against {
		c.Earlier = append(c.Earlier, name(v))
	}
	at := func(direction, pointer, keyword string, version int) (p filePlace) {
		if schemas.Direction(direction) == schemas.Forward {
			return filePlace{File: name(version)}
		}
		p.File = f.name
		p.Line, p.Column = f.place(pointer, keyword)
		return p
	}
	for _, b := range found.Breaks {
		c.Breaks = append(c.Breaks, shownBreak{Earlier: name(b.Version), filePlace: at(b.Direction, b.Pointer, b.Keyword, b.Version), Break: schemas.Break{
			Direction: schemas.Direction(b.Direction), Pointer: b.Pointer, Keyword: b.Keyword, Path: b.Path,
			Old: b.Old, New: b.New, Witness: b.Witness, Message: b.Message,
		}})
	}
	for _, d := range found.Doubts {
		c.Doubts = append(c.Doubts, shownDoubt{Earlier: name(d.Version), filePlace: at(d.Direction, d.Pointer, d.Construct, d.Version), Doubt: schemas.Doubt{
			Direction: schemas.Direction(d.Direction), Pointer: d.Pointer, Construct: d.Construct, Message: d.Message,
		}})
	}
	return c
}

func (e *env) schemaRegisterCmd() *cobra.Command {
	var level, why string
	var force, dryRun bool
	cmd := &cobra.Command{
		Use:   "register SUBJECT FILE|-",
		Short: "Make a schema the latest version of a subject on a server",
		Long: `Register makes the schema the latest version of its subject, if it is compatible with the
earlier ones under the subject's level; the streams that follow the subject judge by it
from then on. The same document as the latest version changes nothing. What is not
compatible is refused with the proof, as schema check shows it, and exit code 1, or 3 if
nobody can tell.`,
		Example: `  lazaret schema register orders order.json --dry-run
  lazaret schema register orders order.json --level FULL_TRANSITIVE`,
		Args: cobra.ExactArgs(2),
	}
	f := cmd.Flags()
	f.StringVar(&level, "level", "", "the subject's compatibility level from now on; default: what is set")
	f.StringVar(&why, "why", "", "why, for the record: it is kept with the version")
	f.BoolVar(&force, "force", false, "register it also if it is not compatible, or nobody can tell")
	f.BoolVar(&dryRun, "dry-run", false, "check everything and say what would change; change nothing")
	references := referenceFlag(cmd)
	e.prints(cmd, "table", "json")
	return e.remote(cmd, impatient, func(ctx context.Context, c *client.Client, args []string) error {
		if err := given(cmd, "level"); err != nil {
			return err
		}
		wanted, err := parseLevel(level)
		if err != nil {
			return err
		}
		refs, err := references()
		if err != nil {
			return err
		}
		file, err := e.readDocument(ctx, args[1])
		if err != nil {
			return err
		}
		if len(file.outside(refs)) > 0 {
			latest, _ := hasSubject(ctx, c, args[0], file.name, true)
			refs = e.referencesOf(file, refs, latest)
		}
		file.refs = refs
		body, err := schemaBody(args[0], wanted, refs, file.data)
		if err != nil {
			return err
		}
		out, err := c.PutSchema(ctx, args[0], body, why, force, dryRun)
		if err != nil {
			return e.notRegistered(err, args[0], file, refs)
		}
		if e.output == "json" {
			return e.printJSON(out)
		}
		return e.printRegistered(out, file)
	})
}

// printRegistered says what came of a schema, and of one that was forced why it had to be.
func (e *env) printRegistered(out client.Outcome, file schemaFile) error {
	e.printOutcomes([]client.Outcome{withoutBreaks(out)})
	if !out.Forced || out.Comparison == nil {
		return nil
	}
	fmt.Fprintln(e.stdout)
	return e.printCompared(file.compared(*out.Comparison, out.Name))
}

// withoutBreaks leaves out the notices that say again what the comparison says.
func withoutBreaks(out client.Outcome) client.Outcome {
	if out.Comparison != nil {
		out.Notices = slices.DeleteFunc(slices.Clone(out.Notices), func(notice string) bool {
			to := out.Comparison.Level + " to version"
			return strings.Contains(notice, "not "+to) || strings.Contains(notice, "whether it is "+to)
		})
	}
	return out
}

// notRegistered shows why a schema was refused.
func (e *env) notRegistered(err error, subject string, file schemaFile, refs []schemas.Reference) error {
	var p *client.Problem
	if !errors.As(err, &p) || p.Comparisons["Schema/"+subject] == nil {
		return file.refused(err, refs)
	}
	c := file.compared(*p.Comparisons["Schema/"+subject], subject)
	if err := e.printCompared(c); err != nil {
		return err
	}
	code := exitFindings
	if c.Answer == schemas.Undecided {
		code = exitUnknown
	}
	return &exit{code, fmt.Errorf("%s was not registered; --force registers it nevertheless", file.name)}
}

func (e *env) schemaListCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the subjects that a server has", Args: cobra.NoArgs}
	e.prints(cmd, "table", "json")
	return e.remote(cmd, impatient, func(_ context.Context, c *client.Client, _ []string) error {
		return e.getAll(cmd, c, "schemas")
	})
}

// shownSchema is a version of a subject and the others that there are, for -o json.
type shownSchema struct {
	client.SchemaVersion
	Level    string                 `json:"level"`
	Versions []client.SchemaVersion `json:"versions"`
}

func (e *env) schemaShowCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show SUBJECT [VERSION]",
		Short: "Show a subject's schema, its level and its history",
		Long: `Show prints the latest version of a subject, or the one that is named, and which versions
there were.

  -o table    for people (default)
  -o json     the version with "level" and "versions"
  -o schema   the schema alone, to the byte as it was registered, to be kept in a file`,
		Example: "  lazaret schema show orders\n  lazaret schema show orders 3 -o schema > order.v3.json",
		Args:    cobra.RangeArgs(1, 2),
	}
	e.prints(cmd, "table", "json", "schema")
	return e.remote(cmd, impatient, func(ctx context.Context, c *client.Client, args []string) error {
		number := 0
		if len(args) == 2 {
			var err error
			if number, err = versionNumber(args[1]); err != nil {
				return err
			}
		}
		v, err := c.Schema(ctx, args[0], number)
		if err != nil {
			return err
		}
		if e.output == "schema" {
			return e.printDocument(ctx, c, v)
		}
		shown := shownSchema{SchemaVersion: v}
		if shown.Level, _, err = c.SchemaLevel(ctx, args[0]); err != nil {
			return err
		}
		if shown.Versions, err = allVersions(ctx, c, args[0]); err != nil {
			return err
		}
		if e.output == "json" {
			return e.printJSON(shown)
		}
		return e.printSchema(shown)
	})
}

// printDocument prints a version's document to the byte, so that a file in git shows no
// change but those of the schema. A token for some streams alone gets it indented.
func (e *env) printDocument(ctx context.Context, c *client.Client, v client.SchemaVersion) error {
	text, err := c.SchemaText(ctx, v.Subject, v.Version)
	var p *client.Problem
	if errors.As(err, &p) && (p.Status == 403 || p.Status == 404) {
		return e.printJSON(v.Schema)
	} else if err != nil {
		return err
	}
	if !bytes.HasSuffix(text, []byte("\n")) {
		text = append(text, '\n')
	}
	_, err = e.stdout.Write(text)
	return err
}

func versionNumber(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, usage("%q is no version: a version is a number from 1", text)
	}
	return n, nil
}

func allVersions(ctx context.Context, c *client.Client, subject string) (all []client.SchemaVersion, err error) {
	all = []client.SchemaVersion{}
	for cursor := ""; ; {
		page, next, err := c.SchemaVersions(ctx, subject, cursor)
		if err != nil {
			return nil, err
		}
		if all = append(all, page...); next == "" {
			return all, nil
		}
		cursor = next
	}
}

func (e *env) printSchema(x shownSchema) error {
	s, now := e.style(e.stdout), time.Now()
	e.line("%s version %d, %s", s.bold(clean(x.Subject)), x.Version, ago(x.Created, now))
	e.line("New versions must be %s.\n", x.Level)
	if len(x.References) > 0 {
		var list []string
		for _, r := range x.References {
			list = append(list, showReference(schemas.Reference(r)))
		}
		e.line("It refers to %s.\n", clean(strings.Join(list, ", ")))
	}
	t := newTable(num("version"), num("id"), col("made"), col("hash"), flex("note", 12))
	for _, v := range x.Versions {
		id := ""
		if v.ID > 0 {
			id = strconv.Itoa(v.ID)
		}
		t.add(strconv.Itoa(v.Version), id, ago(v.Created, now), short(v.Hash, 13), v.Note)
	}
	e.print(t, "")
	fmt.Fprintln(e.stdout)
	return e.printJSON(x.Schema)
}

func (e *env) schemaRollbackCmd() *cobra.Command {
	var dryRun bool
	var why string
	cmd := &cobra.Command{
		Use:   "rollback SUBJECT VERSION",
		Short: "Make an earlier version of a subject's schema the latest again",
		Long: `Rollback registers the document of an earlier version once more, with a new number:
versions are never changed, and what came between stays on record. It asks for no
compatibility, since it is there to mend.`,
		Example: "  lazaret schema rollback orders 3 --dry-run\n  lazaret schema rollback orders 3",
		Args:    cobra.ExactArgs(2),
	}
	cmd.Flags().StringVar(&why, "why", "", "why, for the record: it is kept with the version")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would change; change nothing")
	e.prints(cmd, "table", "json")
	return e.remote(cmd, impatient, func(ctx context.Context, c *client.Client, args []string) error {
		number, err := versionNumber(args[1])
		if err != nil {
			return err
		}
		out, err := c.RollbackSchema(ctx, args[0], number, why, dryRun)
		if err != nil {
			return err
		}
		if e.output == "json" {
			return e.printJSON(out)
		}
		e.printOutcomes([]client.Outcome{withoutBreaks(out)})
		if !dryRun {
			e.pointAtQuarantine(ctx, c, []client.Outcome{out})
		}
		return nil
	})
}
