package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/internal/client"
	"github.com/lazaret/lazaret/internal/words"
	"github.com/lazaret/lazaret/schemas"
)

// compared is what a schema is to earlier ones, as schema check shows it and as -o json
// has it.
type compared struct {
	Answer  schemas.Answer `json:"answer"`
	Level   schemas.Level  `json:"level"`
	New     string         `json:"new"`
	Earlier []string       `json:"earlier"`
	Breaks  []shownBreak   `json:"breaks"`
	// More says that there may be breaks that are not listed.
	More   bool         `json:"more,omitempty"`
	Doubts []shownDoubt `json:"doubts"`
	// Notes are about NEW alone: what is probably not meant.
	Notes []schemaNote `json:"notes"`
	// Impact is what it would do to real traffic, where that was asked for.
	Impact *client.Impact `json:"impact,omitempty"`

	file schemaFile // NEW
}

// filePlace is where something stands in a schema's file; line 0 is nowhere.
type filePlace struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

func (p filePlace) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

type shownBreak struct {
	schemas.Break
	Earlier string `json:"earlier"`
	filePlace
	// Because is what the refusing schema says of the witness.
	Because []lazaret.Reason `json:"because,omitempty"`
}

type shownDoubt struct {
	schemas.Doubt
	Earlier string `json:"earlier"`
	filePlace
}

// sides are the names of who accepts the witness and of who refuses it.
func (b shownBreak) sides(newer string) (accepts, refuses string) {
	if b.Direction == schemas.Forward {
		return newer, b.Earlier
	}
	return b.Earlier, newer
}

func (e *env) schemaCheckCmd() *cobra.Command {
	o := schemaCheckOptions{}
	cmd := &cobra.Command{
		Use:   "check OLD... NEW",
		Short: "Say whether a new version of a schema is compatible, with a proof",
		Long: `Check compares schemas in files: NEW with OLD or, if there are several, which are given
the oldest first, with all of them. No server is needed. With --subject it compares NEW
with the versions that a server has, under the level that is set there. A subject that the
server does not have is a slip of the pen, unless --allow-first says that NEW may be its
first version.

  BACKWARD   what OLD accepts, NEW accepts: consumers can go first (default)
  FORWARD    what NEW accepts, OLD accepts: producers can go first
  FULL       both

The forms with _TRANSITIVE look at all of several OLD, the others at one. A level is also
understood in small letters, with a hyphen.

Compatible means proved. Incompatible comes with an event that the one schema accepts and
the other refuses; both were asked. Where neither can be shown the answer is unknown.

With --against-recent N the server also tries NEW on the last N events that the streams of
the subject accepted, of which they keep a sample if they are asked to, and on what is in
their quarantine: what would be refused, and what released. Nothing is changed.

Exit codes: 0 compatible, 1 incompatible or an event that passes would be refused, 3 unknown
(0 with --allow-unknown), 2 a file cannot be read or the server has no such subject, 4 no
server, or it does not let it be done, 78 a file is no schema.

  -o table    for people (default)
  -o json     {"answer","level","new","earlier","breaks":[…],"doubts":[…],"notes":[…]}
  -o github   annotations at the lines of NEW, for GitHub Actions`,
		Example: `  lazaret schema check order.v1.json order.json
  lazaret schema check v1.json v2.json v3.json order.json --level full-transitive
  git show origin/main:order.json | lazaret schema check - order.json -o github
  lazaret schema check --subject orders order.json --server https://lazaret.internal
  lazaret schema check --subject orders order.json --against-recent 1000`,
		Args: cobra.MinimumNArgs(1),
	}
	f := cmd.Flags()
	f.StringVar(&o.level, "level", "", "the level; default BACKWARD, with several OLD BACKWARD_TRANSITIVE, with --subject what the server has")
	f.BoolVar(&o.allowUnknown, "allow-unknown", false, "exit code 0 also where it cannot be decided")
	f.StringVar(&o.subject, "subject", "", "compare with the versions of this subject on the server")
	f.BoolVar(&o.allowFirst, "allow-first", false, "with --subject, exit code 0 also where the server has no such subject")
	f.IntVar(&o.recent, "against-recent", 0, "with --subject, try NEW also on so many of the events that its streams accepted last, and on the quarantine")
	f.StringVar(&o.stream, "stream", "", "with --against-recent, on this stream's events alone")
	f.BoolVar(&o.payloads, "payloads", false, "with --against-recent, show the payloads of examples")
	references := referenceFlag(cmd)
	e.prints(cmd, "table", "json", "github")
	e.serverFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if o.references, err = references(); err != nil {
			return err
		}
		if err := given(cmd, "level", "subject", "stream"); err != nil {
			return err
		}
		if o.recent == 0 && cmd.Flags().Changed("against-recent") {
			o.recent = -1
		}
		return e.schemaCheck(cmd.Context(), args, o)
	}
	return cmd
}

type schemaCheckOptions struct {
	level, subject string
	allowUnknown   bool
	allowFirst     bool
	recent         int
	stream         string
	payloads       bool
	references     []schemas.Reference
}

// schemaCheck compares and says what came of it.
func (e *env) schemaCheck(ctx context.Context, args []string, o schemaCheckOptions) error {
	level, err := parseLevel(o.level)
	switch {
	case err != nil:
		return err
	case o.recent < 0 || o.recent > maxRecent:
		return usage("--against-recent is 1 to %s", words.Count(maxRecent))
	case o.recent > 0 && o.subject == "":
		return usage("--against-recent needs --subject: the server has the events")
	case o.recent == 0 && (o.stream != "" || o.payloads):
		return usage("--stream and --payloads go with --against-recent")
	case o.allowFirst && o.subject == "":
		return usage("--allow-first goes with --subject")
	}
	var c compared
	if o.subject != "" {
		c, err = e.compareWithServer(ctx, args, level, o)
	} else {
		c, err = e.compareFiles(ctx, args, level, o.references)
	}
	if err != nil {
		return err
	}
	if e.output == "table" {
		e.tell(c.Notes)
	}
	if err := e.printCompared(c); err != nil {
		return err
	}
	if c.Impact != nil && e.output != "github" {
		for _, line := range untried(*c.Impact) {
			e.wrappedStatus("warning: %s", clean(line))
		}
	}
	switch {
	case c.Answer == schemas.Incompatible || c.Impact != nil && refuses(*c.Impact):
		return &exit{code: exitFindings}
	case c.Answer == schemas.Undecided && !o.allowUnknown:
		return &exit{code: exitUnknown}
	}
	return nil
}

// parseLevel reads --level; "" stays what it is.
func parseLevel(name string) (schemas.Level, error) {
	if name == "" {
		return "", nil
	}
	level, err := schemas.ParseLevel(strings.ReplaceAll(name, "-", "_"))
	if err != nil {
		return "", usage("--level: %v", err)
	}
	return level, nil
}

// compareFiles compares the last of the files with the others.
func (e *env) compareFiles(ctx context.Context, paths []string, level schemas.Level, refs []schemas.Reference) (compared, error) {
	var files []schemaFile
	stdin := 0
	for _, path := range paths {
		if path == "-" {
			stdin++
		}
	}
	last := len(paths) - 1
	switch {
	case last < 1:
		return compared{}, usage("give OLD and NEW, two files; or --subject NAME and NEW, to compare with what a server has")
	case stdin > 1:
		return compared{}, usage("- can be given once: there is one standard input")
	case level == "" && last > 1:
		level = schemas.LevelBackwardTransitive
	case level == "":
		level = schemas.LevelBackward
	case last > 1 && !level.Transitive():
		return compared{}, usage("--level %s looks at the latest version alone: give one OLD, or %s_TRANSITIVE", level, level)
	}
	for _, path := range paths {
		f, err := e.readSchema(ctx, path, folderOf(path, paths), refs)
		if err != nil {
			return compared{}, err
		}
		files = append(files, f)
	}
	return compareSchemas(level, files[:last], files[last])
}

// compareSchemas compares, and finds in the files what the answer is about.
func compareSchemas(level schemas.Level, earlier []schemaFile, newer schemaFile) (compared, error) {
	c := compared{Level: level, New: newer.name, Earlier: []string{}, Breaks: []shownBreak{}, Doubts: []shownDoubt{}, Notes: newer.notes(), file: newer}
	var compiled []*schemas.Schema
	for _, f := range earlier {
		c.Earlier = append(c.Earlier, f.name)
		compiled = append(compiled, f.schema)
	}
	found := schemas.Compare(level, newer.schema, compiled...)
	c.Answer, c.More = found.Answer, found.More
	for _, b := range found.Breaks {
		refuses := newer
		if b.Direction == schemas.Forward {
			refuses = earlier[b.Earlier]
		}
		shown := shownBreak{Break: b, Earlier: earlier[b.Earlier].name, filePlace: filePlace{File: refuses.name}}
		shown.Line, shown.Column = refuses.place(b.Pointer, b.Keyword)
		verdict, err := refuses.schema.Judge(b.Witness)
		if err != nil {
			return c, err
		}
		shown.Because = verdict.Reasons
		c.Breaks = append(c.Breaks, shown)
	}
	for _, d := range found.Doubts {
		at := newer
		if d.Direction == schemas.Forward {
			at = earlier[d.Earlier]
		}
		shown := shownDoubt{Doubt: d, Earlier: earlier[d.Earlier].name, filePlace: filePlace{File: at.name}}
		shown.Line, shown.Column = at.place(d.Pointer, d.Construct)
		c.Doubts = append(c.Doubts, shown)
	}
	return c, nil
}

func (e *env) printCompared(c compared) error {
	switch e.output {
	case "json":
		return e.printJSON(c)
	case "github":
		return e.annotate(c)
	}
	s := e.style(e.stdout)
	paint := s.bad
	if c.Answer == schemas.Compatible {
		paint = s.good
	}
	e.line("%s (%s): %s", paint(string(c.Answer)), c.Level, c.claim())
	for i, b := range c.Breaks {
		fmt.Fprintln(e.stdout)
		e.printBreak(i+1, b, c)
	}
	if c.More {
		e.line("\n… and more: mend these and ask again")
	}
	e.printDoubts(c)
	if c.Impact != nil {
		e.printImpact(*c.Impact)
	}
	return nil
}

func (e *env) printDoubts(c compared) {
	s := e.style(e.stdout)
	for _, d := range c.Doubts {
		fmt.Fprintln(e.stdout)
		e.line("%s  %s", s.bold("not decided: "+clean(d.filePlace.String())), clean(d.Construct))
		e.pair("at", orSchema(d.Pointer))
		e.pair("why", d.Message)
		e.pair("against", d.Earlier+", "+strings.ToLower(string(d.Direction)))
	}
}

// claim is what the answer says of these schemas.
func (c compared) claim() string {
	switch {
	case c.Level == schemas.LevelNone:
		return "under this level nothing is compared"
	case len(c.Earlier) == 0:
		return "there is no earlier version"
	}
	old := c.Earlier[len(c.Earlier)-1]
	level := schemas.Level(strings.TrimSuffix(string(c.Level), "_TRANSITIVE"))
	if c.Level.Transitive() && len(c.Earlier) > 1 {
		if old = strings.Join(c.Earlier, ", "); level != schemas.LevelFull {
			old = "one of " + old
		}
	}
	return holds(c.Answer, level, clean(old), clean(c.New))
}

// holds says whether what a level asks for is so.
func holds(answer schemas.Answer, level schemas.Level, old, newer string) string {
	one, other := old, newer // what the one accepts the other is to accept
	if level == schemas.LevelForward {
		one, other = newer, old
	}
	both := level == schemas.LevelFull
	switch {
	case answer == schemas.Compatible && both:
		return fmt.Sprintf("%s and %s accept the same events; it is proved", old, newer)
	case answer == schemas.Compatible:
		return fmt.Sprintf("%s accepts every event that %s accepts; it is proved", other, one)
	case answer == schemas.Incompatible && both:
		return fmt.Sprintf("%s and %s do not accept the same events", old, newer)
	case answer == schemas.Incompatible:
		return fmt.Sprintf("%s refuses events that %s accepts", other, one)
	case both:
		return fmt.Sprintf("whether %s and %s accept the same events could not be decided", old, newer)
	}
	return fmt.Sprintf("whether %s accepts every event that %s accepts could not be decided", other, one)
}

// printBreak shows one way in which a schema is incompatible.
func (e *env) printBreak(n int, b shownBreak, c compared) {
	s := e.style(e.stdout)
	e.line("%s %s  %s", s.bold(fmt.Sprintf("%d.", n)), s.bold(clean(b.filePlace.String())), clean(b.Keyword))
	e.pair("at", clean(orSchema(b.Pointer)))
	if was, is := orAbsent(b.Old), orAbsent(b.New); was != is {
		e.pair("was", was)
		e.pair("is", is)
	} else {
		e.pair("is", is+", as it was")
	}
	accepts, refuses := b.sides(c.New)
	e.pair("proof", clean(fmt.Sprintf("accepted by %s, refused by %s because %s:", accepts, refuses, b.reason())))
	witness, cut := sketch(b.Witness, b.Path)
	for _, line := range strings.Split(witness, "\n") {
		e.lineAsIs(strings.Repeat(" ", pairIndent) + s.accent(cleanIndented(line)))
	}
	if cut {
		e.pair("", "(shortened; -o json has it whole)")
	}
	for _, r := range c.unsaid(b) {
		e.pair("and", clean(orRoot(r.Path)+": "+r.Message))
	}
}

// unsaid is what else the witness is refused for and no break is about.
func (c compared) unsaid(b shownBreak) (rest []lazaret.Reason) {
	for _, r := range b.Because {
		if !slices.ContainsFunc(c.Breaks, func(o shownBreak) bool {
			return o.Path == r.Path && string(r.Code) == "schema."+o.Keyword
		}) {
			rest = append(rest, r)
		}
	}
	return rest
}

// reason is why the witness is refused, for what the break is about: the one mistake has
// others beside it where a schema changed in several ways.
func (b shownBreak) reason() string {
	for _, r := range b.Because {
		if r.Path == b.Path && string(r.Code) == "schema."+b.Keyword {
			return orRoot(r.Path) + ": " + r.Message
		}
	}
	why, _, _ := strings.Cut(b.Message, ", says the ") // who says it is told before
	return why
}

// cleanIndented is clean for a line of JSON, which has no control characters of its own.
func cleanIndented(line string) string {
	text := strings.TrimLeft(line, " ")
	return line[:len(line)-len(text)] + clean(text)
}

// pairIndent is before the texts of pairs.
const pairIndent = 12

// pair writes a name and a text, which goes on below itself where it is long.
func (e *env) pair(name, text string) {
	width, text := terminalWidth(e.stdout), clean(text)
	lines := []string{text}
	if width > pairIndent+20 {
		lines = wrapped(text, width-pairIndent)
	}
	s := e.style(e.stdout)
	for i, line := range lines {
		if i > 0 {
			name = ""
		}
		e.lineAsIs("   " + s.dim(fmt.Sprintf("%-9s", name)) + line)
	}
}

// line writes a line, wrapped to the terminal.
func (e *env) line(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if width := terminalWidth(e.stdout); width > 20 {
		text = strings.Join(wrapped(text, width), "\n")
	}
	e.lineAsIs(text)
}

func (e *env) lineAsIs(text string) { fmt.Fprintln(e.stdout, strings.TrimRight(text, " ")) }

func orSchema(pointer string) string {
	if pointer == "" {
		return "(the schema)"
	}
	return pointer
}

// maxShownValue is how many bytes of a keyword's value are shown; -o json has all.
const maxShownValue = 240

func orAbsent(value json.RawMessage) string {
	if len(value) == 0 {
		return "(absent)"
	}
	var b bytes.Buffer
	if json.Compact(&b, value) != nil {
		return "(absent)"
	}
	return short(clean(b.String()), maxShownValue)
}

// prettyJSON is a JSON text over several lines, or on one where it is short.
func prettyJSON(raw []byte) string {
	var b bytes.Buffer
	if len(raw) <= 60 && json.Compact(&b, raw) == nil {
		return b.String()
	}
	b.Reset()
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return string(raw)
	}
	return b.String()
}
