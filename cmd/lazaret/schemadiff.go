package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lazaret/lazaret/internal/words"
	"github.com/lazaret/lazaret/schemas"
	"github.com/lazaret/lazaret/schemas/diff"
)

// schemaChanges is what schema diff found, and the form of -o json.
type schemaChanges struct {
	Old         string         `json:"old"`
	New         string         `json:"new"`
	Backward    schemas.Answer `json:"backward"`
	Forward     schemas.Answer `json:"forward"`
	Changes     []shownChange  `json:"changes"`
	Annotations int            `json:"annotations"` // how many changed, shown or not
}

type shownChange struct {
	diff.Change
	// MayBreak lists the directions that the change can break, looked at alone; those that
	// are proved whole are left out.
	MayBreak []schemas.Direction `json:"may_break"`
}

func (e *env) schemaDiffCmd() *cobra.Command {
	var annotations bool
	var references func() ([]schemas.Reference, error)
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say in words what changed between two versions of a schema",
		Long: `Diff lists what changed from OLD to NEW, place by place, and what each change can break:

  backward   NEW may refuse what OLD accepts: it was tightened
  forward    NEW may accept what OLD refuses: it was loosened

Each change is looked at alone. What they come to together is proved for the whole, below
the list; where a direction is proved compatible no change breaks it, and none is marked.
Schema check shows the event that proves a break. Exit code 0, also where there are
changes.`,
		Example: `  lazaret schema diff order.v1.json order.json
  git show HEAD~1:order.json | lazaret schema diff - order.json`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == "-" && args[1] == "-" {
				return usage("- can be given once: there is one standard input")
			}
			refs, err := references()
			if err != nil {
				return err
			}
			old, err := e.readSchema(cmd.Context(), args[0], folderOf(args[0], args), refs)
			if err != nil {
				return err
			}
			next, err := e.readSchema(cmd.Context(), args[1], folderOf(args[1], args), refs)
			if err != nil {
				return err
			}
			e.tell(next.notes())
			found, err := changesOf(old, next, annotations)
			if err != nil {
				return err
			}
			return e.printChanges(found)
		},
	}
	cmd.Flags().BoolVar(&annotations, "annotations", false, "list changes of titles, descriptions and other annotations too")
	references = referenceFlag(cmd)
	return e.prints(cmd, "table", "json")
}

func changesOf(old, next schemaFile, annotations bool) (schemaChanges, error) {
	found := schemaChanges{
		Old: old.name, New: next.name, Changes: []shownChange{},
		Backward: schemas.Compare(schemas.LevelBackward, next.schema, old.schema).Answer,
		Forward:  schemas.Compare(schemas.LevelForward, next.schema, old.schema).Answer,
	}
	list, err := diff.Documents(old.data, next.data, covers)
	if err != nil {
		return found, badConfig(err)
	}
	for _, c := range list {
		if c.Annotation {
			found.Annotations++
			if !annotations {
				continue
			}
		}
		found.Changes = append(found.Changes, shownChange{c, found.mayBreak(c.Effect)})
	}
	return found, nil
}

// covers reports that it is proved that one schema accepts all that another accepts.
func covers(wide, narrow []byte) bool {
	x, err := schemas.Compile(wide, schemas.Options{})
	if err != nil {
		return false
	}
	y, err := schemas.Compile(narrow, schemas.Options{})
	return err == nil && schemas.Compare(schemas.LevelBackward, x, y).Answer == schemas.Compatible
}

// mayBreak is the directions that a change of this effect can break.
func (c schemaChanges) mayBreak(effect diff.Effect) []schemas.Direction {
	directions := []schemas.Direction{}
	if (effect == diff.Tightened || effect == diff.Changed) && c.Backward != schemas.Compatible {
		directions = append(directions, schemas.Backward)
	}
	if (effect == diff.Loosened || effect == diff.Changed) && c.Forward != schemas.Compatible {
		directions = append(directions, schemas.Forward)
	}
	return directions
}

func (e *env) printChanges(c schemaChanges) error {
	if e.output == "json" {
		return e.printJSON(c)
	}
	s := e.style(e.stdout)
	t := newTable(flex("where", 20), col("what changed").orBelow().whole(), col("effect"), col("can break"))
	for _, x := range c.Changes {
		var breaks []string
		for _, d := range x.MayBreak {
			breaks = append(breaks, string(d))
		}
		effect := string(x.Effect)
		if x.Effect == diff.None {
			effect = "-"
		}
		t.add(orRoot(strings.TrimPrefix(x.Place, " ")), x.Text, effect, strings.Join(breaks, ", "))
	}
	if len(t.rows) > 0 {
		e.print(t, "")
		fmt.Fprintln(e.stdout)
	} else {
		e.line("No keyword changed.")
	}
	if hidden := c.Annotations; hidden > 0 && !slices.ContainsFunc(c.Changes, func(x shownChange) bool { return x.Annotation }) {
		e.line("%s changed; --annotations lists them", words.Counted(hidden, "annotation", "annotations"))
	}
	for _, x := range []struct {
		level  schemas.Level
		answer schemas.Answer
	}{{schemas.LevelBackward, c.Backward}, {schemas.LevelForward, c.Forward}} {
		paint := s.bad
		if x.answer == schemas.Compatible {
			paint = s.good
		}
		e.line("%s  %s: %s", s.bold(fmt.Sprintf("%-8s", x.level)), paint(string(x.answer)), holds(x.answer, x.level, clean(c.Old), clean(c.New)))
	}
	return nil
}
