package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/lazaret/lazaret"
	"github.com/lazaret/lazaret/gateway"
	"github.com/lazaret/lazaret/rules"
	"github.com/lazaret/lazaret/schemas"
)

// schemaID names a schema version.
type schemaID struct {
	subject string
	number  int
}

// maker compiles versions of streams. It sees what is stored, and in front of it what a
// plan would store. It is for one goroutine.
type maker struct {
	c        *Catalog
	planned  map[schemaID]schemas.Version
	created  map[schemaID]bool        // those of the planned that are new
	sets     map[string]rules.Version // by stream
	compiled map[schemaID]*schemas.Schema
	dry      bool // what is made judges no live events: nobody is told of its rules
}

func (c *Catalog) maker(planned map[schemaID]schemas.Version, sets map[string]rules.Version) *maker {
	m := &maker{c: c, planned: planned, sets: sets, compiled: map[schemaID]*schemas.Schema{}}
	if snap := c.now.Load(); snap != nil { // compiled schemas never change: use them again
		for _, v := range snap.streams {
			if v.schema != nil && v.Stream.Schema != nil {
				m.compiled[schemaID{v.Stream.Schema.Subject, v.Stream.SchemaVersion}] = v.schema
				maps.Copy(m.compiled, v.others)
			}
		}
	}
	return m
}

// stored returns a schema version.
func (m *maker) stored(ctx context.Context, subject string, number int) (schemas.Version, error) {
	if v, ok := m.planned[schemaID{subject, number}]; ok {
		return v, nil
	}
	return m.c.conf.Schemas.Get(ctx, subject, number)
}

// options are those by which a version is compiled.
func (m *maker) options(ctx context.Context, v schemas.Version) schemas.Options {
	return schemas.Options{
		Name: v.Subject, References: v.References,
		Limits: m.c.conf.Limits, Reference: m.c.conf.Reference,
		Load: func(subject string, number int) ([]byte, error) {
			// A new version that needed itself would not be there again once it was deleted.
			if id := (schemaID{subject, number}); m.created[id] && id == (schemaID{v.Subject, v.Number}) {
				return nil, fmt.Errorf("%w: version %d of %s is this one, and not there yet", schemas.ErrNotFound, number, subject)
			}
			other, err := m.stored(ctx, subject, number)
			return other.Document, err
		},
		LoadReferences: func(subject string, number int) ([]schemas.Reference, error) {
			other, err := m.stored(ctx, subject, number)
			return other.References, err
		},
	}
}

// schema compiles a schema version, once. What is wrong with it is a *Refused.
func (m *maker) schema(ctx context.Context, subject string, number int) (*schemas.Schema, error) {
	id := schemaID{subject, number}
	if s, ok := m.compiled[id]; ok {
		return s, nil
	}
	stored, err := m.stored(ctx, subject, number)
	if errors.Is(err, schemas.ErrNotFound) {
		return nil, refuse(Fault{Resource: key(KindSchema, subject), Message: fmt.Sprintf("there is no version %d of the schema %s", number, subject)})
	} else if err != nil {
		return nil, err
	}
	s, err := schemas.Compile(stored.Document, m.options(ctx, stored))
	if err != nil {
		return nil, schemaFault(subject, err)
	}
	m.compiled[id] = s
	return s, nil
}

// anything is the schema of a stream that has none.
func (m *maker) anything(ctx context.Context) (*schemas.Schema, error) {
	if m.c.conf.Reference {
		return schemas.Compile([]byte("true"), m.options(ctx, schemas.Version{}))
	}
	return schemas.Any(m.c.conf.Limits), nil
}

// program compiles a stream's rule set; nil if it has none.
func (m *maker) program(ctx context.Context, stream string, number int) (*rules.Program, error) {
	if number == 0 {
		return nil, nil
	}
	v, ok := m.sets[stream]
	if !ok || v.Number != number {
		var err error
		v, err = m.c.conf.Rules.Get(ctx, stream, number)
		if errors.Is(err, rules.ErrNotFound) {
			return nil, refuse(Fault{Resource: key(KindRuleSet, stream), Message: fmt.Sprintf("there is no version %d of the rule set", number)})
		} else if err != nil {
			return nil, err
		}
	}
	p, err := rules.Compile(v.Set)
	if err != nil {
		return nil, rulesFault(stream, v.Set, err)
	}
	return p, nil
}

// version compiles a stream's version, whose SchemaVersion and RuleSet are concrete.
// What is wrong with it is a *Refused.
func (m *maker) version(ctx context.Context, s gateway.Stream) (*version, error) {
	id := lazaret.Version{Stream: s.Version, RuleSet: s.RuleSet}
	schema, err := m.anything(ctx)
	if s.Schema != nil {
		id.Subject, id.Schema = s.Schema.Subject, s.SchemaVersion
		schema, err = m.schema(ctx, s.Schema.Subject, s.SchemaVersion)
	}
	if err != nil {
		return nil, err
	}
	others, named, err := m.others(ctx, s, &id)
	if err != nil {
		return nil, err
	}
	program, err := m.program(ctx, s.Name, s.RuleSet)
	if err != nil {
		return nil, err
	}
	conf := rules.ContractConfig{Stream: s.Name, Version: id, Schema: schema, Versions: named, Rules: program, ID: s.ID, Key: s.Key, Time: s.Time, MaxEvent: m.c.conf.Limits.Size, Reference: m.c.conf.Reference}
	if hook := m.c.conf.OnRule; hook != nil && !m.dry {
		conf.OnRule = func(rule string) func(time.Duration) { return hook(s.Name, rule) }
	}
	conf.OnSuspend = func(rule string, took time.Duration) {
		if m.dry {
			return
		}
		m.c.log.Error("a rule takes too long and is suspended: the events that it applies to are quarantined with rule.error", "stream", s.Name, "version", s.Version, "rule", rule, "took", took)
		if hook := m.c.conf.OnSuspend; hook != nil {
			hook(s.Name, rule, took)
		}
	}
	contract, err := rules.NewContract(conf)
	if err != nil {
		return nil, refuse(Fault{Resource: key(KindStream, s.Name), Message: err.Error()})
	}
	v := m.c.withSinks(&version{schema: schema, others: others, program: program}, s)
	v.Judge = contract
	return v, nil
}

func key(k Kind, name string) string { return string(k) + "/" + name }

func refuse(faults ...Fault) *Refused { return &Refused{faults} }

// schemaFault makes a *Refused of what is wrong with a schema, and leaves other errors.
func schemaFault(subject string, err error) error {
	var ce *schemas.CompileError
	if !errors.As(err, &ce) {
		return err
	}
	return refuse(Fault{Resource: key(KindSchema, subject), Line: ce.Line, Column: ce.Column, Pointer: ce.Pointer, Message: ce.Message})
}

// rulesFault does the same for a rule set.
func rulesFault(stream string, set rules.Set, err error) error {
	var ce *rules.CompileError
	if !errors.As(err, &ce) {
		return err
	}
	f := Fault{Resource: key(KindRuleSet, stream), Line: ce.Line, Column: ce.Column, Message: ce.Message, Snippet: ce.Snippet}
	if ce.Rule != "" {
		f.Message = fmt.Sprintf("rule %s: %s", ce.Rule, ce.Message)
	}
	for i, r := range set.Rules {
		if r.ID == ce.Rule && ce.Rule != "" {
			f.Pointer = fmt.Sprintf("/rules/%d", i)
			if ce.Field != "" {
				f.Pointer += "/" + ce.Field
			}
			break
		}
	}
	return refuse(f)
}
