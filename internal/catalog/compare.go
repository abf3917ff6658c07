package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lazaret/lazaret/internal/db"
	"github.com/lazaret/lazaret/schemas"
)

// Bounds on what comparing versions costs. Beyond them nobody can tell.
const (
	maxCompared = 100              // earlier versions of a subject
	compareTime = 20 * time.Second // of one change, or one check, after which no further version is looked at
	maxBreaks   = 50               // after which neither is
	maxChecks   = 2                // calls of CheckSchema that compare at once; others wait
)

// Check is what a new version of a schema is to the earlier ones under a level.
type Check struct {
	Level  schemas.Level  `json:"level"`
	Answer schemas.Answer `json:"answer"`
	// Against are the numbers of the versions that it was compared with.
	Against []int   `json:"against,omitempty"`
	Breaks  []Break `json:"breaks,omitempty"`
	// More says that there may be breaks that are not listed.
	More   bool    `json:"more,omitempty"`
	Doubts []Doubt `json:"doubts,omitempty"`
}

// Break is a break, and the number of the version that it is with.
type Break struct {
	Version int `json:"version"`
	schemas.Break
}

// Doubt is a doubt, and the number of the version that it is about.
type Doubt struct {
	Version int `json:"version"`
	schemas.Doubt
}

// pending is a new version that is to be compared with the earlier ones.
type pending struct {
	result  *Result
	id      schemaID
	level   schemas.Level
	earlier []schemas.Version
	force   bool
}

// compare holds a new version against earlier ones, the oldest first. It began at start.
func (m *maker) compare(ctx context.Context, start time.Time, level schemas.Level, newer *schemas.Schema, earlier []schemas.Version) (*Check, error) {
	check := &Check{Level: level, Answer: schemas.Compatible}
	if level == schemas.LevelNone || len(earlier) == 0 {
		return check, nil
	}
	if !level.Transitive() {
		earlier = earlier[len(earlier)-1:]
	}
	if len(earlier) > maxCompared {
		check.doubt(0, "versions", fmt.Sprintf("there are %d earlier versions; at most %d are compared", len(earlier), maxCompared))
		return check, nil
	}
	for _, v := range slices.Backward(earlier) {
		if len(check.Breaks) >= maxBreaks {
			check.More = true
			break
		}
		if m.c.clock().Sub(start) > compareTime || ctx.Err() != nil {
			check.doubt(v.Number, "versions", fmt.Sprintf("what was compared before took longer than %s", compareTime))
			break
		}
		s, err := m.schema(ctx, v.Subject, v.Number)
		var refused *Refused
		if errors.As(err, &refused) {
			check.doubt(v.Number, "schema", fmt.Sprintf("version %d does not compile any more: %s", v.Number, refused.Faults[0].Message))
			continue
		} else if err != nil {
			return nil, err
		}
		check.add(v.Number, schemas.Compare(level, newer, s))
	}
	slices.Sort(check.Against)
	return check, nil
}

// add takes over the comparison with one version.
func (c *Check) add(version int, found schemas.Comparison) {
	c.Against, c.More = append(c.Against, version), c.More || found.More
	for _, b := range found.Breaks {
		c.Breaks = append(c.Breaks, Break{version, b})
	}
	for _, d := range found.Doubts {
		c.Doubts = append(c.Doubts, Doubt{version, d})
	}
	if found.Answer == schemas.Incompatible || c.Answer == schemas.Compatible {
		c.Answer = found.Answer
	}
}

func (c *Check) doubt(version int, construct, message string) {
	if c.Answer == schemas.Compatible {
		c.Answer = schemas.Undecided
	}
	c.Doubts = append(c.Doubts, Doubt{version, schemas.Doubt{Direction: schemas.Backward, Construct: construct, Message: message}})
}

// Messages says, a line each, why the answer is not that it is compatible: the pointer, the
// keyword, both values and the witness. These are made from the schemas, and hold nothing
// out of any event.
func (c *Check) Messages() (list []string) {
	for _, b := range c.Breaks {
		list = append(list, fmt.Sprintf("%s at %s: %s: %s", b.Keyword, inSchema(b.Pointer), b.values(), b.line(c.Level)))
	}
	if c.More {
		list = append(list, "and more: mend these and ask again")
	}
	for _, d := range c.Doubts {
		list = append(list, fmt.Sprintf("%s at %s: %s", d.Construct, inSchema(d.Pointer), d.line(c.Level)))
	}
	return list
}

// inSchema is a pointer into a schema, for people.
func inSchema(pointer string) string {
	if pointer == "" {
		return "the top"
	}
	return strconv.Quote(pointer)
}

// values are what a keyword was and is; it may break also where it stays.
func (b Break) values() string {
	if old := shown(b.Old); old == shown(b.New) {
		return old + ", as it was"
	}
	return fmt.Sprintf("old %s, new %s", shown(b.Old), shown(b.New))
}

// maxShown is how much of a witness or of a keyword's value a message shows.
const maxShown = 200

func shown(raw []byte) string {
	if len(raw) == 0 {
		return "none"
	}
	if len(raw) > maxShown {
		return strings.ToValidUTF8(string(raw[:maxShown]), "") + "…"
	}
	return string(raw)
}

func (b Break) line(level schemas.Level) string {
	return fmt.Sprintf("not %s to version %d: %s; for example %s", level, b.Version, b.Message, shown(b.Witness))
}

func (d Doubt) line(level schemas.Level) string {
	return fmt.Sprintf("whether it is %s to version %d cannot be decided: %s", level, d.Version, d.Message)
}

// faults are what is said of a schema that is not compatible.
func (c *Check) faults(subject string) (list []Fault) {
	add := func(direction schemas.Direction, pointer, message string) {
		if direction == schemas.Forward { // the pointer is into the earlier version
			if pointer != "" {
				message = fmt.Sprintf("%s (at %s of the earlier version)", message, pointer)
			}
			pointer = ""
		}
		list = append(list, Fault{Resource: key(KindSchema, subject), Pointer: pointer, Message: message, Check: c})
	}
	for _, b := range c.Breaks {
		add(b.Direction, b.Pointer, b.line(c.Level))
	}
	for _, d := range c.Doubts {
		add(d.Direction, d.Pointer, d.line(c.Level)+"; force it if you know better")
	}
	return list
}

// check compares the new versions of a plan with the earlier ones.
func (c *Catalog) check(ctx context.Context, m *maker, p *plan, changes []Change) (*Refused, error) {
	var found faults
	start := c.clock()
	for _, one := range p.checks {
		newer, err := m.schema(ctx, one.id.subject, one.id.number)
		if err != nil {
			continue // said elsewhere
		}
		check, err := m.compare(ctx, start, one.level, newer, one.earlier)
		if err != nil {
			return nil, err
		}
		one.result.Check = check
		drift := one.drift(p.schemas[one.id], check.Answer != schemas.Compatible && !one.force)
		if drift != "" {
			one.result.Notices = append(one.result.Notices, drift)
		}
		if check.Answer == schemas.Compatible {
			if len(check.Against) > 0 {
				one.result.Notices = append(one.result.Notices, fmt.Sprintf("%s to %s", check.Level, versions(check.Against)))
			}
			continue
		}
		if !one.force {
			found.add(check.faults(one.id.subject)...)
			if drift != "" {
				found.add(Fault{Resource: one.result.Key(), Message: drift})
			}
			continue
		}
		one.result.Forced = true
		one.result.Notices = append(one.result.Notices, check.against())
		one.result.Notices = append(one.result.Notices, check.Messages()...)
		for i, ch := range changes {
			if ch.Resource.Key() == one.result.Key() && (ch.Note == "" || strings.HasPrefix(ch.Note, "by ")) {
				changes[i].Note = strings.TrimSuffix(fmt.Sprintf("forced: %s under %s, %s", check.Answer, check.Level, ch.Note), ", ")
			}
		}
	}
	if len(found.list) > 0 {
		return &Refused{found.list}, nil
	}
	return nil, nil
}

// against says, of a version that was put all the same, which of the two it is.
func (c *Check) against() string {
	if c.Answer == schemas.Incompatible {
		return fmt.Sprintf("put although it is not %s compatible", c.Level)
	}
	return fmt.Sprintf("put although nobody can tell whether it is %s compatible", c.Level)
}

// versions names versions, for people.
func versions(numbers []int) string {
	if len(numbers) == 1 {
		return fmt.Sprintf("version %d", numbers[0])
	}
	return fmt.Sprintf("%d earlier versions", len(numbers))
}

// CheckSchema says what a schema would be as its subject's next version: to the version
// with this number, or with 0 to those that the level asks for. The level is the
// subject's, unless the resource has one. Nothing is changed.
//
// Errors: *Refused if the schema itself is wrong, schemas.ErrNotFound if there is no such
// version.
func (c *Catalog) CheckSchema(ctx context.Context, res Resource, number int) (*Check, error) {
	level := res.Compatibility
	if level == "" {
		settings, err := c.conf.Schemas.Effective(ctx, res.Name)
		if err != nil {
			return nil, err
		}
		level = settings.Level
	}
	var earlier []schemas.Version
	if number != 0 {
		v, err := c.conf.Schemas.Get(ctx, res.Name, number)
		if err != nil {
			return nil, err
		}
		earlier = []schemas.Version{v}
	} else {
		var err error
		if earlier, err = c.conf.Schemas.List(ctx, schemas.Query{Subject: res.Name}); err != nil {
			return nil, err
		}
	}
	m := c.maker(nil, nil)
	next := schemas.Version{Subject: res.Name, Document: res.Schema, References: res.References}
	newer, err := schemas.Compile(next.Document, m.options(ctx, next))
	if err != nil {
		return nil, schemaFault(res.Name, err)
	}
	select {
	case c.checking <- struct{}{}:
		defer func() { <-c.checking }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return m.compare(ctx, c.clock(), level, newer, earlier)
}

// SetCompatibility sets the level of a subject, or with the subject "" that of all that
// have none of their own; an empty level unsets it. ErrMode if nothing may be changed;
// schemas.ErrSubject if the name is not one.
func (c *Catalog) SetCompatibility(ctx context.Context, subject string, level schemas.Level) error {
	return c.set(ctx, subject, func(tx *db.Tx, s *schemas.Settings) error {
		s.Level = level
		now, err := c.conf.Schemas.EffectiveTx(tx, subject)
		if err == nil && now.Mode.ReadOnly() {
			err = fmt.Errorf("changing the compatibility is %w: it is %s", ErrMode, now.Mode)
		}
		return err
	})
}

// SetMode sets the mode of a subject, or with the subject "" that of all that have none of
// their own; an empty mode unsets it. ErrMode if ModeImport is asked for where there are
// versions already, unless it is forced; schemas.ErrSubject if the name is not one.
func (c *Catalog) SetMode(ctx context.Context, subject string, mode schemas.Mode, force bool) error {
	return c.set(ctx, subject, func(tx *db.Tx, s *schemas.Settings) error {
		if s.Mode = mode; mode != schemas.ModeImport || force {
			return nil
		}
		list, err := c.conf.Schemas.List(ctx, schemas.Query{Subject: subject, Limit: 1})
		if err == nil && len(list) > 0 {
			err = fmt.Errorf("the mode %s is %w: there are versions already, such as %s version %d; force it if you know better", mode, ErrMode, list[0].Subject, list[0].Number)
		}
		return err
	})
}

func (c *Catalog) set(ctx context.Context, subject string, change func(*db.Tx, *schemas.Settings) error) error {
	c.applying.Lock()
	defer c.applying.Unlock()
	return c.conf.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := c.conf.Schemas.SettingsTx(tx, subject)
		if err != nil {
			return err
		}
		if err := change(tx, &s); err != nil {
			return err
		}
		return c.conf.Schemas.Set(tx, subject, s)
	})
}
