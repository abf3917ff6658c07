package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/internal/db"
	"github.com/lazaret/lazaret/rules"
	"github.com/lazaret/lazaret/schemas"
)

// plan is what the changes come to, with the numbers that the store gives.
type plan struct {
	results []Result
	schemas map[schemaID]schemas.Version // those of the changes
	created map[schemaID]bool            // those that are new
	rules   map[string]rules.Version     // those of the changes, by stream
	streams []gateway.Stream             // every stream whose version changes, or that was put
	before  map[string]gateway.Stream    // all that there were
	deleted []string
	follow  []string  // the streams that change because of another resource
	checks  []pending // the new versions that are to be compared with earlier ones
	faults  []Fault
}

// touches says whether the plan has this stream among those that it puts or deletes.
func (p *plan) touches(stream string) bool {
	return slices.Contains(p.deleted, stream) ||
		slices.ContainsFunc(p.streams, func(s gateway.Stream) bool { return s.Name == stream })
}

// same says whether two plans come to the same versions.
func (p *plan) same(o *plan) bool {
	sameResult := func(a, b Result) bool {
		return a.Key() == b.Key() && a.Action == b.Action && a.Version == b.Version && a.Tag == b.Tag
	}
	sameStream := func(a, b gateway.Stream) bool {
		return a.Name == b.Name && a.Version == b.Version && a.SchemaVersion == b.SchemaVersion && a.RuleSet == b.RuleSet
	}
	return slices.EqualFunc(p.results, o.results, sameResult) && slices.EqualFunc(p.streams, o.streams, sameStream) &&
		slices.Equal(p.deleted, o.deleted)
}

// notices are what follows from a change for streams that are not themselves changed.
func (p *plan) notices(r Result) (list []string) {
	if r.Action == Unchanged {
		return nil
	}
	for _, s := range p.streams {
		if r.Kind == KindStream {
			if s.Name == r.Name {
				list = append(append(list, p.leaves(s)...), s.Notices()...)
			}
			continue
		}
		follows := r.Kind == KindRuleSet && s.Name == r.Name || r.Kind == KindSchema && s.Schema != nil && s.Schema.Subject == r.Name
		if follows && slices.Contains(p.follow, s.Name) {
			list = append(append(list, fmt.Sprintf("stream %s goes to version %d", s.Name, s.Version)), p.leaves(s)...)
		}
	}
	return list
}

// leaves says which versions events of a stream could name until now, and cannot any more.
func (p *plan) leaves(s gateway.Stream) (list []string) {
	was, ok := p.before[s.Name]
	if !ok || s.Schema == nil || was.Schema == nil || was.Schema.Subject != s.Schema.Subject || len(was.Schema.NamedBy) == 0 {
		return nil
	}
	named := []int{was.SchemaVersion}
	for _, a := range was.Schema.Accept {
		if !a.All {
			named = append(named, a.Version)
		}
	}
	slices.Sort(named)
	for _, version := range slices.Compact(named) {
		if version != s.SchemaVersion && !s.Schema.Accepts(version) {
			list = append(list, fmt.Sprintf("events that name version %d of %s are schema.unknown in stream %s from now on: it does not accept that one", version, s.Schema.Subject, s.Name))
		}
	}
	return list
}

// planner makes a plan within a transaction.
type planner struct {
	c   *Catalog
	ctx context.Context
	tx  *db.Tx
	*plan
}

// plan makes the changes in the transaction and says what they come to. What is wrong
// with them, as far as it is found here, is in plan.faults.
func (c *Catalog) plan(ctx context.Context, tx *db.Tx, changes []Change) (*plan, error) {
	p := &planner{c: c, ctx: ctx, tx: tx, plan: &plan{
		results: make([]Result, len(changes)),
		schemas: map[schemaID]schemas.Version{}, created: map[schemaID]bool{}, rules: map[string]rules.Version{},
	}}
	// Puts go from what is referred to to what refers, deletes the other way.
	order := []struct {
		kind   Kind
		delete bool
		do     func(Change, *Result) error
	}{
		{KindSchema, false, p.putSchema}, {KindRuleSet, false, p.putRules},
		{KindStream, true, p.deleteStream}, {KindRuleSet, true, p.deleteRules},
		{KindStream, false, nil}, {KindSchema, true, p.deleteSchema},
	}
	puts := map[string]Change{}
	for _, step := range order {
		for i, ch := range changes {
			if ch.Resource.Kind != step.kind || ch.Delete != step.delete {
				continue
			}
			r := &p.results[i]
			r.Kind, r.Name = ch.Resource.Kind, ch.Resource.Name
			if step.do == nil {
				puts[ch.Resource.Name] = ch
				continue
			}
			if err := step.do(ch, r); err != nil {
				return nil, err
			}
		}
		if step.do == nil {
			if err := p.putStreams(changes, puts); err != nil {
				return nil, err
			}
		}
	}
	return p.plan, p.named()
}

func (p *planner) fault(f Fault) { p.faults = append(p.faults, f) }

// state is what there is of a resource before the change.
type state struct {
	exists  bool
	version int
	tag     string
}

// check holds a change against its conditions.
func (s state) check(ch Change) error {
	k := ch.Resource.Key()
	switch {
	case ch.IfNone && s.exists:
		return fmt.Errorf("%w: %s exists already (If-None-Match: *)", ErrPrecondition, k)
	case ch.IfMatch != "" && !s.exists:
		return fmt.Errorf("%w: %s does not exist (If-Match)", ErrPrecondition, k)
	case ch.IfMatch != "" && ch.IfMatch != "*" && ch.IfMatch != s.tag:
		return fmt.Errorf("%w: %s has changed since: it is %s now, not %s (If-Match). Read it again and repeat the change on that", ErrPrecondition, k, s.tag, ch.IfMatch)
	case ch.Delete && !s.exists:
		return fmt.Errorf("%s: %w", k, ErrNotFound)
	}
	return nil
}

// action is what a put came to.
func (s state) action(created bool) Action {
	switch {
	case !s.exists:
		return Created
	case created:
		return Updated
	}
	return Unchanged
}

// SchemaTag is the tag of a schema version, whose subject has this compatibility level of
// its own, for ETag and Change.IfMatch.
func SchemaTag(v schemas.Version, own schemas.Level) string {
	if own == "" {
		return tag(v.Number, v.Hash)
	}
	return tag(v.Number, v.Hash) + "-" + string(own)
}

// RulesTag is the tag of a rule set's version.
func RulesTag(v rules.Version) string { return tag(v.Number, v.Hash) }

// StreamTag is the tag of a stream's version.
func StreamTag(s gateway.Stream) string { return strconv.Itoa(s.Version) }

func tag(number int, hash string) string {
	return fmt.Sprintf("%d-%s", number, hash[:min(len(hash), 12)])
}

// take keeps faults and returns other errors.
func (p *planner) take(err error) error {
	f := faults{list: p.faults}
	err = f.take(err)
	p.faults = f.list
	return err
}

func (p *planner) rulesState(stream string) (state, error) {
	v, err := p.c.conf.Rules.GetTx(p.tx, stream, 0)
	if errors.Is(err, rules.ErrNotFound) {
		return state{}, nil
	}
	return state{exists: err == nil, version: v.Number, tag: RulesTag(v)}, err
}

func (p *planner) putRules(ch Change, r *Result) error {
	before, err := p.rulesState(r.Name)
	if err != nil {
		return err
	}
	if err := before.check(ch); err != nil {
		return err
	}
	set := rules.Set{Rules: ch.Resource.Rules}
	v, created, err := p.c.conf.Rules.Put(p.tx, r.Name, set)
	if err != nil {
		return p.take(rulesFault(r.Name, set, err))
	}
	p.rules[r.Name] = v
	r.Action, r.Version, r.Tag = before.action(created), v.Number, RulesTag(v)
	return nil
}

func (p *planner) deleteRules(ch Change, r *Result) error {
	before, err := p.rulesState(r.Name)
	if err != nil {
		return err
	}
	if err := before.check(ch); err != nil {
		return err
	}
	r.Action, r.Version = Deleted, before.version
	return p.c.conf.Rules.Delete(p.tx, r.Name)
}

func (p *planner) streamState(name string) (state, error) {
	s, err := p.c.conf.Streams.GetTx(p.tx, name)
	if errors.Is(err, gateway.ErrNotFound) {
		return state{}, nil
	}
	return state{exists: err == nil, version: s.Version, tag: StreamTag(s)}, err
}

func (p *planner) deleteStream(ch Change, r *Result) error {
	before, err := p.streamState(r.Name)
	if err != nil {
		return err
	}
	if err := before.check(ch); err != nil {
		return err
	}
	if err := p.orphans(ch, r); err != nil {
		return err
	}
	if rs, err := p.rulesState(r.Name); err != nil {
		return err
	} else if rs.exists {
		r.Notices = append(r.Notices, "its rule set stays, and would judge a new stream of this name; delete it too if that is not wanted")
	}
	r.Action, r.Version = Deleted, before.version
	p.deleted = append(p.deleted, r.Name)
	return p.c.conf.Streams.Delete(p.tx, r.Name)
}

// orphans refuses to delete a stream that has entries in the quarantine.
func (p *planner) orphans(ch Change, r *Result) error {
	if p.c.conf.Quarantined == nil {
		return nil
	}
	n, err := p.c.conf.Quarantined(p.ctx, r.Name)
	switch {
	case err != nil:
		return err
	case n > 0 && !ch.Force:
		return fmt.Errorf("stream %s is %w: %d entries are in its quarantine, and could not be released any more. Reprocess or discard them, or delete it all the same with force=true", r.Name, ErrInUse, n)
	case n > 0:
		r.Notices = append(r.Notices, fmt.Sprintf("%d entries stay in the quarantine without a stream", n))
	}
	return nil
}
